"""Goldens of lstm.c and attention.c (see make_ops.py)."""
import numpy as np
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def uniform(seed, shape, low=-1.0, high=1.0):
    return np.random.RandomState(seed).uniform(low, high, shape).astype(np.float32)


# ---- lstm: torch.nn.LSTM; reversed, the second half of a bidirectional one ----

def run_lstm(reverse, x, w_ih, w_hh, b_ih, b_hh, lengths):
    hidden = w_hh.shape[1]
    lstm = torch.nn.LSTM(x.shape[2], hidden, batch_first=True, bidirectional=reverse).double()
    weights = [w_ih, w_hh, b_ih, b_hh]
    lstm._flat_weights = [torch.zeros_like(w) for w in weights] + weights if reverse else weights
    if lengths is None:
        return lstm(x)[0][..., -hidden:]
    packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    h, _ = pad_packed_sequence(lstm(packed)[0], batch_first=True, total_length=x.shape[1])
    return h[..., -hidden:]


def run_lstm_chunks(chunk, x, *others):
    return torch.cat([run_lstm(True, part, *others) for part in x.split(chunk, dim=1)], dim=1)


def lstm(batch, steps, inputs, hidden, lengths=None, reverse=False, chunk=0):
    def make():
        width = 4 * hidden
        return dict(inputs=[uniform(1, (batch, steps, inputs), -2, 2), uniform(2, (width, inputs)),
                            uniform(3, (width, hidden)), uniform(4, width), uniform(5, width),
                            None if lengths is None else np.array(lengths, np.int32)],
                    fn=lambda *tensors: run_lstm_chunks(chunk, *tensors) if chunk else run_lstm(reverse, *tensors),
                    grads=[True] * 5 + [False])
    return make


CASES = {
    "lstm_one": lstm(1, 1, 1, 1),
    "lstm_clip": lstm(1, 6, 5, 7),
    "lstm_batch": lstm(5, 4, 3, 17),
    "lstm_lengths": lstm(5, 7, 3, 8, [7, 1, 4, 7, 6]),
    "lstm_reverse": lstm(3, 5, 4, 7, reverse=True),
    "lstm_reverse_lengths": lstm(5, 7, 3, 8, [3, 7, 1, 6, 7], reverse=True),
    "lstm_reverse_chunks": lstm(3, 8, 4, 7, reverse=True, chunk=3),
    "lstm_long": lstm(2, 33, 3, 4, [33, 20]),
}


# ---- attention ----

def run_attention(heads, chunk, q, k, v, key_mask, query_mask):
    if k is None:
        q, k, v = q.chunk(3, dim=-1)
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)  # [B,T,D] -> [B,heads,T,d]
    mask, empty = None, torch.zeros(q.shape[0], dtype=torch.bool)
    if key_mask is not None:
        empty = ~key_mask.bool().any(1)  # no key: softmax would be NaN; such clips are 0 in the end
        mask = (key_mask.bool() | empty[:, None])[:, None, None, :]
    if chunk:                           # key_mask leaves the first key of each clip that has any
        t, s = torch.arange(q.shape[1]), torch.arange(k.shape[1])
        seen = s < (t // chunk + 1)[:, None] * chunk
        mask = seen if mask is None else mask & seen
    q, k, v = split(q), split(k), split(v)
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    y = torch.softmax(scores, dim=-1) @ v
    y = y.transpose(1, 2).flatten(-2) * (~empty)[:, None, None]
    return y if query_mask is None else y * query_mask[:, :, None]


def mask(seed, batch, steps):
    m = (uniform(seed, (batch, steps), 0, 1) < 0.6).astype(np.float32)
    m[0, 0] = 1
    m[-1] = 0  # a clip without any
    return m


def attention(batch, queries, keys, width, heads, masks="", packed=False, chunk=0):
    def make():
        key_mask = mask(4, batch, keys) if "k" in masks else None
        if chunk and key_mask is not None:
            key_mask[:-1, 0] = 1
        query_mask = mask(5, batch, queries)[::-1] if "q" in masks else None
        if packed:
            inputs = [uniform(1, (batch, queries, 3 * width), -3, 3), None, None]
        else:
            inputs = [uniform(1, (batch, queries, width), -3, 3), uniform(2, (batch, keys, width), -3, 3),
                      uniform(3, (batch, keys, width))]
        return dict(inputs=inputs + [key_mask, query_mask], fn=lambda *tensors: run_attention(heads, chunk, *tensors),
                    grads=[True, not packed, not packed, False, False])
    return make


CASES |= {
    "attention_one": attention(1, 1, 1, 1, 1),
    "attention_heads1": attention(2, 5, 5, 8, 1),
    "attention_heads2": attention(2, 5, 3, 6, 2, "k"),
    "attention_heads4": attention(3, 7, 10, 12, 4, "kq"),
    "attention_one_query": attention(3, 1, 7, 8, 2, "k"),
    "attention_one_key": attention(3, 7, 1, 8, 2, "q"),
    "attention_queries": attention(2, 9, 4, 4, 1, "q"),
    "attention_many_keys": attention(1, 3, 257, 4, 2, ""),
    "attention_packed": attention(3, 6, 6, 12, 4, "kq", packed=True),
    "attention_causal": attention(2, 9, 9, 8, 2, packed=True, chunk=1),
    "attention_causal_masked": attention(3, 7, 7, 12, 4, "kq", packed=True, chunk=1),
    "attention_chunks": attention(3, 8, 8, 6, 3, "k", chunk=3),
    "attention_packed_plain": attention(2, 17, 17, 7, 1, packed=True),
}
