#!/usr/bin/env python3
"""Makes tests/golden/losses.npz: the objective's terms (docs/method.md, P and A.3-A.5) and a tiny
whole model, by PyTorch in float64, for tests/loss.

There is no mask in here: a clip of a modality is a tensor of its valid steps alone, [0, ..] if it is
absent, and every sum runs over what is there. Cases stand in loss_cases() and model_cases() below.
In the file, of each case:
  <case>/config   text of a config, as bytes; the case is computed with these settings
  <case>/index    text, as bytes: lines `name dim dim ...`, of the numbers in <case>/values
  <case>/values   float32, one after the other:
    lengths             [modalities, B]
    t, permutation      CPC's t; CLUB's permutations, [modalities, B]
    <modality>.<leaf>   z, y, zbar or front [B,T,..], 0 at padded steps; of a model: x
    embedding           [L,D]
    param/<name>        the parameters, by the library's names and layouts
    out/<term>          what comes out; of a model also target/, codes/ and fit/<modality>
    grad/<modality>.<leaf>, grad/<name>   of sum_i (i + 1) out_i; of a model: of the total
The same bytes come out every time (with the same versions of numpy and PyTorch).
"""
import math
import pathlib
import sys
import zlib

import numpy as np
import torch
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 400_000  # bytes; the file is committed
ORDERS = 40      # of summation, in which float32 is tried

# What is computed in, and a shuffle of the terms of the products' sums. The file's numbers are of
# float64; check_rounding() also takes float32 in several orders, to see what a case asks of float32.
REAL, SHUFFLE = torch.float64, None


def real(array):
    return torch.tensor(array.astype(np.float64), dtype=REAL)


def product(a, b):
    """a b^T"""
    if SHUFFLE:
        order = SHUFFLE.permutation(a.shape[-1])
        a, b = a[..., order], b[..., order]
    return a @ b.mT


def linear(x, weight, bias=None):
    y = product(x, weight)
    return y if bias is None else y + bias


# ---- settings: the library's own keys and values ----

def config(modalities, **settings):
    """Lines `key = value`; keys have _ for . and __ for _."""
    base = {
        "modalities": modalities,
        "image.kind": "grid", "image.dims": "6 5 2", "image.branch": "conv", "image.specific": "3", "image.inner": "2",
        "audio.kind": "vector", "audio.dims": "5", "audio.specific": "4",
        "text.kind": "token", "text.dims": "3", "text.specific": "3", "text.recurrent": "2",
        "code.dim": "6", "code.count": "7", "encoder.heads": "2",
        "recon.target": "detached", "commit.own": "0.25", "commit.cross": "0.125",
        "club.input": "semantic", "club.form": "all_pairs", "club.width": "5", "club.layers": "3",
        "cpc.self": "0", "cpc.steps": "1", "cpc.layers": "1", "cpc.hidden": "6", "cpc.start": "0",
        "cpc.contrast": "futures", "code_match.form": "symmetric", "ema.partner": "attention",
        "train.batch": "5", "train.length": "5",
    }
    base.update({k.replace("__", "%").replace("_", ".").replace("%", "_"): v for k, v in settings.items()})
    names = modalities.split()
    others = [m for m in ("image", "audio", "text") if m not in names]
    return {k: v for k, v in base.items() if k.split(".")[0] not in others}


# Biases that are drawn above 0, because a tiny layer's relus would otherwise be dead now and then.
BEFORE_RELU = tuple(f"{layer}.bias" for layer in (
    "ff1", "linear", "specific.conv1", "conv2", "conv3", "pooled1", "position", "average", "deconv1", "deconv2",
    "mu.0", "mu.1", "logvar.0", "logvar.1"))


class Case:
    """A case's settings, numbers and parameters; what is made here is what the file holds."""

    def __init__(self, name, settings):
        self.name, self.settings, self.arrays, self.leaves, self.params = name, settings, {}, {}, {}
        self.names = settings["modalities"].split()
        self.batch, self.length = int(settings["train.batch"]), int(settings["train.length"])
        self.text = "".join(f"{k} = {v}\n" for k, v in settings.items())

    def __getitem__(self, key):
        return self.settings[key]

    def size(self, key):
        return int(self.settings[key])

    def number(self, key):
        return float(self.settings[key])

    def draw(self, what, *shape, scale=1.0):
        """Standard normal numbers that float32 holds."""
        random = np.random.RandomState(zlib.crc32(f"{self.name}/{what}".encode()))
        return (scale * random.standard_normal(shape)).astype(np.float32)

    def fixed(self, name, array):
        self.arrays[name] = array
        return real(array)

    def set_lengths(self, lengths):
        self.lengths = dict(zip(self.names, lengths, strict=True))
        self.arrays["lengths"] = np.array(lengths, np.int32)

    def clips(self, name, m, *shape, trained=True, scale=1.0):
        """A leaf [B,T,*shape] as clips of valid steps."""
        array = self.draw(f"{m}.{name}", self.batch, self.length, *shape, scale=scale)
        for b, n in enumerate(self.lengths[m]):
            array[b, n:] = 0
        self.arrays[f"{m}.{name}"] = array
        leaf = real(array).requires_grad_(trained)
        if trained:
            self.leaves[f"{m}.{name}"] = leaf
        return [leaf[b, :n] for b, n in enumerate(self.lengths[m])]

    def P(self, name, *shape):
        """The parameter of this name, drawn at its first use."""
        if name not in self.params:
            value = self.draw(name, *shape, scale=1.0 / math.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.25)
            if ".norm" in name and name.endswith("weight"):
                value = value + np.float32(1.0)
            elif name.endswith(BEFORE_RELU):
                value = value + np.float32(0.5)
            elif ".front.weight" in name or name.endswith("affine.weight"):  # so that clips differ
                value = value * np.float32(4.0)
            self.arrays[f"param/{name}"] = value
            self.params[name] = real(value).requires_grad_()
        assert self.params[name].shape == shape, name
        return self.params[name]

    def finish(self, outs, total=None, without=()):
        """Outputs, and the gradients of their weighted sum or of `total`."""
        for name, value in outs.items():
            self.arrays[f"out/{name}"] = value.detach().numpy()
        if total is None:
            total = sum((i + 1) * value for i, value in enumerate(outs.values()))
        total.backward()
        for name, x in {**self.leaves, **self.params}.items():
            if name in without:
                continue
            self.arrays[f"grad/{name}"] = (torch.zeros_like(x) if x.grad is None else x.grad).numpy()

    def padded(self, clips):
        """Clips of valid steps as one [B,T,..], 0 elsewhere."""
        shape = next(c for c in clips if len(c)).shape[1:]
        whole = torch.zeros(self.batch, self.length, *shape, dtype=REAL)
        for b, clip in enumerate(clips):
            whole[b, :len(clip)] = clip.reshape(len(clip), *shape)
        return whole


class Stream:
    """One modality: clips of valid steps."""

    def __init__(self, case, name):
        self.case, self.name, self.lengths = case, name, case.lengths[name]

    def pool(self):
        clip = self.case.settings.get("code.pool") == "clip"
        self.coded = [z.mean(0, keepdim=True).expand(z.shape) if clip and len(z) else z for z in self.z]

    def quantize(self, embedding, streams=()):  # P2; CoDAAR with `streams`, whose segments lie side by side
        self.pool()
        self.embedding, self.e, self.quantized, self.codes = embedding, [], [], []
        rows, width = embedding, self.z[0].shape[-1]
        if streams:
            place = streams.index(self) * width
            embedding = self.embedding = rows[:, place:place + width]
        for clip, z in enumerate(self.coded):
            distance = ((z[:, None] - embedding) ** 2).sum(-1)
            if len(z):
                two = distance.detach().sort(-1)[0]
                assert (two[:, 1] - two[:, 0]).min() > 2e-4, "a code that rounding could change"
            code = distance.argmin(-1)
            self.codes.append(code)
            self.e.append(embedding[code])
            if streams:
                z = torch.cat([torch.cat([s.coded[clip], torch.zeros(self.case.length, width)])[:len(z)]
                               for s in streams], -1)
            self.quantized.append(z + (rows[code] - z).detach())


def in_segments(c):
    return c.settings.get("code.segments") == "on"


# ---- layers: a step or a clip at a time, [.., C] ----

def dense(c, x, out, name, bias=True):
    return linear(x, c.P(f"{name}.weight", out, x.shape[-1]), c.P(f"{name}.bias", out) if bias else None)


def mlp(c, x, width, layers, out, name):
    for i in range(layers - 1):
        x = torch.relu(dense(c, x, width, f"{name}.{i}"))
    return dense(c, x, out, f"{name}.{layers - 1}")


def lstm(c, x, hidden, name, suffix):
    """[T,C] -> [T,H]; gates i, f, g, o."""
    w = c.P(f"{name}.weight_ih_{suffix}", 4 * hidden, x.shape[-1])
    v = c.P(f"{name}.weight_hh_{suffix}", 4 * hidden, hidden)
    bias = c.P(f"{name}.bias_ih_{suffix}", 4 * hidden) + c.P(f"{name}.bias_hh_{suffix}", 4 * hidden)
    h = cell = torch.zeros(hidden, dtype=REAL)
    out = []
    for step in x:
        i, f, g, o = (w @ step + v @ h + bias).chunk(4)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(cell)
        out.append(h)
    return torch.stack(out)


def bilstm(c, x, hidden, layers, name):
    for i in range(layers):
        back = lstm(c, x.flip(0), hidden, name, f"l{i}_reverse").flip(0)
        x = torch.cat([lstm(c, x, hidden, name, f"l{i}"), back], -1)
    return x


def conv3x3(c, x, out, name, pad=0, bias=True):
    """[N,H,W,C]; weights lie as [kh,kw,in,out]."""
    w = c.P(f"{name}.weight", 3, 3, x.shape[-1], out)
    b = c.P(f"{name}.bias", out) if bias else None
    return F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), b, padding=pad).permute(0, 2, 3, 1)


def deconv3x3(c, x, out, name):
    """Weights lie as those of the convolution it undoes, [kh,kw,out,in]."""
    w = c.P(f"{name}.weight", 3, 3, out, x.shape[-1])
    y = F.conv_transpose2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), c.P(f"{name}.bias", out))
    return y.permute(0, 2, 3, 1)


def residual(c, x, name):
    r = torch.relu(x)
    f = torch.relu(conv3x3(c, r, x.shape[-1], f"{name}.conv3", pad=1, bias=False))
    return torch.relu(r + dense(c, f, x.shape[-1], f"{name}.conv1", bias=False))


def encoder_layer(c, x, heads, width, own, name):
    """Post-norm transformer layer on one clip [T,D] (A.2): norms `own`, the rest `name`, which may be the same."""
    d = x.shape[-1]
    qkv = linear(x, c.P(f"{name}.attention.in.weight", 3 * d, d), c.P(f"{name}.attention.in.bias", 3 * d))
    out = []
    for q, k, v in zip(*(part.split(d // heads, -1) for part in qkv.split(d, -1))):
        out.append(torch.softmax(product(q, k) / math.sqrt(d // heads), -1) @ v)
    a = linear(torch.cat(out, -1), c.P(f"{name}.attention.out.weight", d, d), c.P(f"{name}.attention.out.bias", d))
    norm = lambda i, y: F.layer_norm(y, (d,), c.P(f"{own}.norm{i}.weight", d), c.P(f"{own}.norm{i}.bias", d), 1e-5)
    h = norm(1, x + a)
    return norm(2, h + dense(c, torch.relu(dense(c, h, width, f"{name}.ff1")), d, f"{name}.ff2"))


# ---- the modalities' parts (A.2), on one clip ----

def front(c, m, x):
    if c[f"{m}.kind"] != "token":
        return x
    return bilstm(c, x, c.size(f"{m}.recurrent"), c.size(f"{m}.recurrent_layers"), f"{m}.front")


def has_map(c, m):
    return c[f"{m}.kind"] == "grid" and c[f"{m}.branch"] == "conv"


def reconstructed(c, m, h):
    """What the decoder aims at: a pooled grid's is the mean over positions."""
    return h if has_map(c, m) or c[f"{m}.kind"] != "grid" else h.mean((1, 2))


def spatial_pool(c, m, h):
    """[T,H,W,C] -> [T,C]"""
    h = h.flatten(1, 2)
    channels, a = h.shape[-1], h.mean(1, keepdim=True)
    s = torch.relu(dense(c, a, c.size(f"{m}.squeeze"), f"{m}.semantic.squeeze", bias=False))
    u = h * (1 + torch.sigmoid(dense(c, s, channels, f"{m}.semantic.excite", bias=False)))
    if c[f"{m}.attention"] == "sum":
        return u.sum(1)
    q = torch.relu(dense(c, u, channels // 2, f"{m}.semantic.position")) \
        * torch.relu(dense(c, a, channels // 2, f"{m}.semantic.average"))
    weights = torch.softmax(torch.tanh(dense(c, q, 1, f"{m}.semantic.score")), 1)
    return (weights * u).sum(1)


def semantic(c, m, h):
    if c[f"{m}.kind"] == "grid":
        h = spatial_pool(c, m, h)
    h = dense(c, h, c.size("code.dim"), f"{m}.semantic.affine")
    for i in range(c.size("encoder.layers")):
        own, shared = f"{m}.semantic.layer{i}", c.settings.get("encoder.shared", "none")
        apart = shared == "none" or (shared == "after_first" and i == 0)
        h = encoder_layer(c, h, c.size("encoder.heads"), c.size("encoder.ff"), own,
                          own if apart else f"encoder.layer{i}")
    return h


def specific(c, m, h):
    width = c.size(f"{m}.specific")
    if not has_map(c, m):
        return torch.relu(dense(c, reconstructed(c, m, h), width, f"{m}.specific.linear"))
    h = torch.relu(conv3x3(c, h, c.size(f"{m}.inner"), f"{m}.specific.conv1"))
    h = torch.relu(conv3x3(c, h, width, f"{m}.specific.conv2"))
    return residual(c, dense(c, h, width, f"{m}.specific.conv3"), f"{m}.specific.residual")


def club_view(c, m, zbar):
    if not has_map(c, m):
        return zbar
    y = torch.relu(dense(c, zbar.mean((1, 2)), c.size(f"{m}.pooled"), f"{m}.specific.pooled1"))
    return dense(c, y, int(c[f"{m}.dims"].split()[2]), f"{m}.specific.pooled2")


def decode(c, m, quantized, zbar, channels):
    code = dense(c, quantized, quantized.shape[-1], f"{m}.decoder.code")
    if not has_map(c, m):
        return dense(c, torch.cat([code, zbar], -1), channels, f"{m}.decoder.out")
    code = code[:, None, None].expand(-1, zbar.shape[1], zbar.shape[2], -1)
    x = deconv3x3(c, torch.cat([code, zbar], -1), c.size(f"{m}.inner"), f"{m}.decoder.deconv1")
    x = residual(c, x, f"{m}.decoder.residual")
    return dense(c, torch.relu(deconv3x3(c, x, channels, f"{m}.decoder.deconv2")), channels, f"{m}.decoder.conv1")


# ---- the terms ----

ZERO = torch.zeros((), dtype=REAL)


def mean(values, default=ZERO):
    return sum(values) / len(values) if values else default


def mean_square(pairs):
    """Mean of (a - b)^2 over the elements of all pairs of tensors."""
    count = sum(a.numel() for a, _ in pairs)
    return sum(((a - b) ** 2).sum() for a, b in pairs) / count if count else ZERO


def reconstruction(c, s):  # P3
    pairs = []
    for quantized, zbar, h in zip(s.quantized, s.zbar, s.front):
        if len(h):
            target = reconstructed(c, s.name, h)
            if in_segments(c):
                quantized = dense(c, quantized, c.size("code.dim"), f"{s.name}.decoder.row")
            decoded = decode(c, s.name, quantized, zbar, target.shape[-1])
            pairs.append((decoded, target if c["recon.target"] == "attached" else target.detach()))
    return mean_square(pairs)


def commitment(c, streams, m):  # P7
    s, partners = streams[m], [p for p in streams if p is not streams[m]]
    loss = c.number("commit.own") * mean_square(list(zip(s.coded, s.e)))
    for p in partners:
        both = [(z[:len(e)], e[:len(z)]) for z, e in zip(s.coded, p.e)]
        loss = loss + c.number("commit.cross") / len(partners) * mean_square(both)
    return loss


def ema_target(c, streams, m):  # P6, A.3
    s, partners = streams[m], [p for p in streams if p is not streams[m]]
    clips = []
    for b, z in enumerate(s.coded):
        steps = []
        for t in range(len(z)):
            r = []
            for p in partners:
                other = p.coded[b]
                if c["ema.partner"] == "attention" and len(other):
                    r.append(torch.softmax(other @ z[t] / math.sqrt(len(z[t])), 0) @ other)
                if c["ema.partner"] == "same_step" and t < len(other):
                    r.append(other[t])
            own = 3 / (len(streams) + 2) if in_segments(c) else 0.5
            steps.append(own * z[t] + (1 - own) * mean(r) if r else z[t])
        clips.append(torch.stack(steps) if steps else z)
    return c.padded(clips)


def club_nets(c, s, x, out):
    width, layers = c.size("club.width"), c.size("club.layers")
    return mlp(c, x, width, layers, out, f"{s.name}.club.mu"), \
        torch.tanh(mlp(c, x, width, layers, out, f"{s.name}.club.logvar"))


def log_q(y, mu, logvar):
    """Without 2 pi, which cancels or does not depend on q."""
    return (-(y - mu) ** 2 / torch.exp(logvar) - logvar).sum(-1) / 2


def club_outputs(c, s):
    inputs = s.z if c["club.input"] == "semantic" else s.quantized
    return [club_nets(c, s, x, s.y[0].shape[-1]) for x in inputs]


def club(c, s):
    nets = club_outputs(c, s)
    if c["club.form"] == "all_pairs":  # P4, Eq 5: as it stands, step by step
        terms = []
        for i, (mu, logvar) in enumerate(nets):
            for t in range(len(mu)):
                others = [log_q(y[t], mu[t], logvar[t]) for y in s.y if t < len(y)]
                terms.append(log_q(s.y[i][t], mu[t], logvar[t]) - mean(others))
        return mean(terms)
    terms = []  # A.5: one permutation, means over time apart, over the steps that both clips have
    for i, (mu, logvar) in enumerate(nets):
        y, other = s.y[i], s.y[s.permutation[i]]
        both = min(len(y), len(other))
        if both:
            gap = ((mu[:both] - other[:both]) ** 2).mean(0) - ((mu[:both] - y[:both]) ** 2).mean(0)
            terms.append((gap / torch.exp(logvar[:both].mean(0))).sum() / 2)
    return mean(terms)


def club_fit(c, s):
    clips = zip(s.y, club_outputs(c, s))
    return -mean([log_q(y[t], mu[t], logvar[t]) for y, (mu, logvar) in clips for t in range(len(y))])


def cross_cpc(c, streams, t):  # P5
    steps = c.size("cpc.steps")
    same_step = c.length < steps + 1 + max(c.size("cpc.start"), 1)  # there would be no past, or no future
    horizon = [(0, 0)] if same_step else [(k, k + 1) for k in range(steps)]
    reach = t if same_step else t + steps
    loss = ZERO
    for a in streams:  # predicts
        for b in streams:
            weight = c.number("cpc.self") if a is b else 1.0
            clips = [i for i in range(c.batch) if a.lengths[i] > reach and b.lengths[i] > reach]
            if weight == 0 or len(clips) < 2:
                continue
            contexts = []
            for i in clips:
                h = a.z[i][:t + 1]
                for layer in range(c.size("cpc.layers")):
                    h = lstm(c, h, c.size("cpc.hidden"), f"{a.name}.cpc.lstm", f"l{layer}")
                contexts.append(h[-1])
            for k, ahead in horizon:
                p = dense(c, torch.stack(contexts), c.size("code.dim"), f"{a.name}.cpc.predict{k}")
                future = torch.stack([b.z[i][t + ahead] for i in clips])
                score = p @ future.T if c["cpc.contrast"] == "futures" else future @ p.T
                loss = loss - weight / len(horizon) * torch.log_softmax(score, -1).diagonal().mean()
    return loss


def code_match(c, streams):  # A.4
    def spread(z, embedding):
        return torch.softmax(-((z[:, None] - embedding) ** 2).sum(-1).sqrt(), -1).mean(0)

    loss = ZERO
    for i, a in enumerate(streams):
        for b in streams[i + 1:]:
            clips = [k for k in range(c.batch) if a.lengths[k] and b.lengths[k]]
            if len(clips) < 2:
                continue
            pa = torch.stack([spread(a.coded[k], a.embedding) for k in clips])
            pb = torch.stack([spread(b.coded[k], b.embedding) for k in clips])
            la, lb = torch.log(pa + 1e-10), torch.log(pb + 1e-10)
            if c["code_match.form"] == "symmetric":
                loss = loss - torch.log_softmax(pa @ lb.T + la @ pb.T, -1).diagonal().mean()
                continue
            score = pa @ lb.T + pb @ la.T
            x = torch.exp(score + (-score).max())
            loss = loss - torch.log(x.diagonal() / (x.sum(1) + 1e-5)).mean()
    return loss


# ---- cases of single terms ----

RAGGED = [[5, 3, 5, 2, 4], [5, 0, 4, 5, 3], [1, 5, 5, 0, 5]]  # clips that lack a modality, too
FULL = [[5] * 5] * 3


def term_case(name, settings, lengths, outs, leaves="z", t=None):
    """One or more terms on given streams; `outs` maps the case and its streams to values."""
    c = Case(name, settings)
    c.set_lengths([row[:c.batch] for row in lengths[:len(c.names)]])
    embedding = c.fixed("embedding", c.draw("embedding", c.size("code.count"), c.size("code.dim")))
    if t is not None:
        c.arrays["t"] = np.array(t, np.int32)
    permutations = [np.random.RandomState(7 + i).permutation(c.batch) for i in range(len(c.names))]
    if c["club.form"] == "permutation":
        c.arrays["permutation"] = np.array(permutations, np.int32)
    streams = []
    for i, m in enumerate(c.names):
        s = Stream(c, m)
        s.permutation = permutations[i]
        s.z = c.clips("z", m, c.size("code.dim"))
        kind, width = c[f"{m}.kind"], c.size(f"{m}.specific")
        if "x" in leaves.split():
            s.x = c.clips("x", m, *(int(n) for n in c[f"{m}.dims"].split()), trained=False)
        if "y" in leaves:
            s.y = c.clips("y", m, width)
        if "front" in leaves:
            grid = tuple(int(n) for n in c[f"{m}.dims"].split()) if kind == "grid" else ()
            channels = 2 * c.size(f"{m}.recurrent") if kind == "token" else c.size(f"{m}.dims") if not grid else 0
            s.front = c.clips("front", m, *(grid or (channels,)))
            s.zbar = c.clips("zbar", m, *((grid[0] - 4, grid[1] - 4, width) if has_map(c, m) else (width,)))
        s.quantize(embedding)
        streams.append(s)
    c.finish(outs(c, streams))
    return c


def each(term):
    """The term of every modality, as in P9."""
    return lambda c, streams: {s.name: term(c, s) for s in streams}


def each_of(term):
    return lambda c, streams: {s.name: term(c, streams, m) for m, s in enumerate(streams)}


AV, AVT = "image audio", "image audio text"


def loss_cases():
    yield term_case("recon", config(AVT), RAGGED, each(reconstruction), "z front")
    yield term_case("recon_attached", config(AVT, recon_target="attached"), RAGGED, each(reconstruction), "z front")
    yield term_case("recon_pooled", config(AV, image_branch="pooled"), RAGGED, each(reconstruction), "z front")
    yield term_case("commit_2", config(AV, commit_own="0.5", commit_cross="0.25"), RAGGED, each_of(commitment))
    yield term_case("commit_3", config(AVT), RAGGED, each_of(commitment))
    yield term_case("commit_own", config(AV, commit_cross="0"), RAGGED, each_of(commitment))
    yield term_case("club_2", config(AV), RAGGED, each(club), "z y")
    yield term_case("club_3", config(AVT, club_input="quantized"), RAGGED, each(club), "z y")
    yield term_case("club_full", config(AV), FULL, each(club), "z y")
    yield term_case("club_permutation", config(AVT, club_form="permutation"), RAGGED, each(club), "z y")
    yield term_case("club_compat", config(AV, club_form="permutation", club_input="quantized"), FULL, each(club), "z y")
    yield term_case("club_fit", config(AVT, club_layers="2"), RAGGED, each(club_fit), "z y")
    cpc = lambda t: lambda c, streams: {"cpc": cross_cpc(c, streams, t)}
    yield term_case("cpc_2", config(AV), RAGGED, cpc(1), t=1)
    yield term_case("cpc_3", config(AVT, cpc_self="0.3", cpc_hidden="4"), RAGGED, cpc(0), t=0)
    yield term_case("cpc_steps", config(AV, cpc_steps="3", cpc_layers="2"), RAGGED, cpc(0), t=0)
    yield term_case("cpc_predictions", config(AVT, cpc_steps="3", cpc_self="0.1", cpc_contrast="predictions",
                                              cpc_start="0"), FULL, cpc(1), t=1)
    yield term_case("cpc_compat", config(AV, cpc_layers="2", cpc_self="0.1", cpc_contrast="predictions",
                                         cpc_start="1"), FULL, cpc(3), t=3)
    yield term_case("cpc_one_step", config(AVT, train_length="1", cpc_self="0.1"),
                    [[1, 1, 1, 0, 1], [1, 0, 1, 1, 1], [1, 1, 1, 1, 1]], cpc(0), t=0)
    yield term_case("cpc_short", config(AV, train_length="4", cpc_steps="3"),
                    [[4, 3, 2, 4, 4], [4, 3, 1, 0, 2]], cpc(1), t=1)  # K = 3 needs T = 5: the same step
    match = lambda c, streams: {"match": code_match(c, streams)}
    yield term_case("match_2", config(AV), RAGGED, match)
    yield term_case("match_3", config(AVT), RAGGED, match)
    yield term_case("match_asymmetric_2", config(AV, code__match_form="asymmetric"), FULL, match)
    yield term_case("match_asymmetric_3", config(AVT, code__match_form="asymmetric"), RAGGED, match)
    for partner in ("attention", "same_step", "none"):
        yield ema_case(f"ema_{partner}_2", config(AV, ema_partner=partner))
        yield ema_case(f"ema_{partner}_3", config(AVT, ema_partner=partner))


def ema_case(name, settings):
    """Targets have no gradient: only values."""
    c = Case(name, settings)
    c.set_lengths(RAGGED[:len(c.names)])
    c.fixed("embedding", c.draw("embedding", c.size("code.count"), c.size("code.dim")))
    streams = [Stream(c, m) for m in c.names]
    for s in streams:
        s.z = s.coded = c.clips("z", s.name, c.size("code.dim"), trained=False)
    for m, s in enumerate(streams):
        c.arrays[f"out/{s.name}"] = ema_target(c, streams, m).numpy()
    return c


# ---- whole models: section P from features to the gradient of every parameter ----

def each_clip(clips, part):
    """The part of every clip; [0, ..] of an absent one."""
    out = [part(clip) if len(clip) else None for clip in clips]
    shape = next(v for v in out if v is not None).shape[1:]
    return [torch.zeros(0, *shape, dtype=REAL) if v is None else v for v in out]


def codes_among(c, streams):
    """Codes near encoder outputs, taken evenly from all of them, so that clips differ in theirs."""
    z = torch.cat([clip.detach() for s in streams for clip in s.z]).numpy()
    count = c.size("code.count")
    near = z[np.arange(count) * len(z) // count].astype(np.float32)
    near = near + c.draw("embedding", *near.shape, scale=0.3)
    if in_segments(c):  # near each modality's own, in its segment
        own = [torch.cat(s.z).detach().numpy() for s in streams]
        near = np.concatenate([z[(np.arange(count) * len(z) // count + k) % len(z)] for k, z in enumerate(own)], -1)
        near = near.astype(np.float32) + c.draw("embedding", *near.shape, scale=0.3)
    return c.fixed("embedding", near)


def model_case(name, settings, lengths, t, permutations=None, scale=0.3, more=()):
    """`more`: terms besides those of P9, by their names in reports."""
    c = Case(name, settings)
    c.set_lengths(lengths)
    c.arrays["t"] = np.array(t, np.int32)
    if permutations:
        c.arrays["permutation"] = np.array(permutations, np.int32)
    streams, outs = [], {}
    for i, m in enumerate(c.names):
        s = Stream(c, m)
        s.permutation = permutations[i] if permutations else None
        x = c.clips("x", m, *(int(n) for n in c[f"{m}.dims"].split()), trained=False, scale=scale)
        s.x = x
        s.front = each_clip(x, lambda clip: front(c, m, clip))
        s.z = each_clip(s.front, lambda clip: semantic(c, m, clip))
        s.zbar = each_clip(s.front, lambda clip: specific(c, m, clip))
        s.y = each_clip(s.zbar, lambda clip: club_view(c, m, clip))
        streams.append(s)
    embedding = codes_among(c, streams)
    for s in streams:
        s.pool()
    for s in streams:
        s.quantize(embedding, streams if in_segments(c) else ())
        c.arrays[f"codes/{s.name}"] = np.array([[*v.tolist(), *[-1] * (c.length - len(v))] for v in s.codes])
    add = lambda term, weight, value: outs.update({term: (c.number(weight), value)})
    for m, s in enumerate(streams):
        add(f"reconstruction.{s.name}", "recon.weight", reconstruction(c, s))
        add(f"commitment.{s.name}", "commit.weight", commitment(c, streams, m))
        add(f"club.{s.name}", "club.weight", club(c, s))
        c.arrays[f"target/{s.name}"] = ema_target(c, streams, m).detach().numpy()
        c.arrays[f"fit/{s.name}"] = club_fit(c, s).detach().numpy()
    add("cpc", "cpc.weight", cross_cpc(c, streams, t))
    add("code_match", "code_match.weight", code_match(c, streams))
    for term in more:
        name, value = term.__name__, term(c, streams)
        if name == "level2":  # all of its terms, by their whole names, with their weights
            outs.update(value)
            continue
        for m, part in value.items() if isinstance(value, dict) else [(None, value)]:
            add(f"{name}.{m}" if m else name, f"{name}.weight", part)
    frozen = {name for name in c.params if ".club." in name and c.settings.get("behaviour") != "compat"}
    c.finish({k: v for k, (_, v) in outs.items()}, sum(w * v for w, v in outs.values()), frozen)
    return c


def model_settings(modalities=AVT, **more):
    return config(modalities, **{
        "image_dims": "5 5 4", "image_specific": "4", "image_inner": "3", "image_squeeze": "2", "image_pooled": "3",
        "image_attention": "softmax", "audio_dims": "6", "audio_specific": "5", "text_dims": "5", "text_specific": "3",
        "text_recurrent": "3", "text_recurrent__layers": "2", "code_dim": "8", "code_count": "6",
        "encoder_layers": "2", "encoder_ff": "10", "encoder_dropout": "0", "cpc_hidden": "7",
        "recon_weight": "0.9", "commit_weight": "1.1", "club_weight": "0.7", "cpc_weight": "1.2",
        "code__match_weight": "0.8", "train_batch": "3", "train_length": "4", **more})


def model_cases():
    yield model_case("model_paper", model_settings(cpc_steps="2"), [[4, 4, 2], [4, 4, 0], [4, 4, 3]], 1)
    yield model_case("model_light", model_settings(
        AV, image_branch="pooled", cpc_self="0.4", commit_cross="0", ema_partner="none", train_batch="4",
        train_length="1"), [[1, 1, 0, 1], [1, 1, 1, 1]], 0, scale=1.0)
    yield model_case("model_compat", model_settings(
        behaviour="compat", image_attention="sum", recon_target="attached", commit_own="0.5", commit_cross="0.25",
        club_input="quantized", club_form="permutation", cpc_layers="2", cpc_self="0.1", cpc_start="1",
        cpc_contrast="predictions", code__match_form="asymmetric", ema_partner="same_step", padding="real"),
        [[4, 4, 4], [4, 4, 4], [4, 4, 0]], 2, [[1, 2, 0], [2, 1, 0], [1, 0, 2]])


def packed(case):
    index, values = [], []
    for name, array in case.arrays.items():
        array = np.asarray(array)
        assert np.isfinite(array).all(), f"{case.name}/{name}"
        index.append(" ".join([name, *map(str, array.shape)]) + "\n")
        values.append(array.astype(np.float32).ravel())
    text = lambda lines: np.frombuffer("".join(lines).encode(), np.uint8)
    return {f"{case.name}/config": text(case.text), f"{case.name}/index": text(index),
            f"{case.name}/values": np.concatenate(values)}


def models_in(dtype, shuffle=None):
    global REAL, SHUFFLE
    REAL, SHUFFLE = dtype, shuffle
    cases = list(model_cases())
    REAL, SHUFFLE = torch.float64, None
    return cases


def allowed(case, name):
    """What tests/loss/check_model.c allows; None if it compares nothing by this name."""
    size = np.abs(case.arrays[name]).max(initial=0)
    kind = name.split("/")[0]
    if kind == "grad":
        largest = max(np.abs(a).max(initial=0) for n, a in case.arrays.items() if n.startswith("grad/"))
        return max(1e-5 * size, 1e-6 * largest)
    if kind in ("out", "target", "fit"):
        return 1e-5 * max(size, 0.1 if name.startswith("out/club.") else 0.0)
    return None


def check_rounding(models):
    """
    A model whose results hang on the order of its sums would pass and fail by luck: float32 must
    come within two thirds of what is allowed, in ORDERS orders. (Of softmax's scores around 200 it has
    five digits left.)
    """
    worst = (0.0, "")
    for seed in range(ORDERS):
        for case, single in zip(models, models_in(torch.float32, np.random.RandomState(seed)), strict=True):
            for name, want in case.arrays.items():
                most = allowed(case, name)
                if most:
                    error = np.abs(np.asarray(single.arrays[name], np.float64) - want).max()
                    worst = max(worst, (error / most, f"{case.name}/{name}"))
    print(f"float32's largest error is {worst[0]:.2f} of what is allowed ({worst[1]})")
    if worst[0] > 2 / 3:
        sys.exit("that is over two thirds: draw other numbers")


def main():
    arrays, models = {}, models_in(torch.float64)
    check_rounding(models)
    for case in (*loss_cases(), *models):
        arrays.update(packed(case))
    target = HERE / "losses.npz"
    np.savez_compressed(target, **{k: arrays[k] for k in sorted(arrays)})
    size = target.stat().st_size
    print(f"{target}: {len(arrays)} arrays, {size} bytes")
    if size > LIMIT:
        sys.exit(f"that is over {LIMIT} bytes: make the cases smaller")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
