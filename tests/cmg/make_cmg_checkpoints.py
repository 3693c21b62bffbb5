#!/usr/bin/env python3
"""Makes tests/cmg/fixtures again: checkpoints in CMG's layout, and what they encode to.

Needs torch and numpy (python3-torch 1.13). A PyTorch replica of the CMG modules, written from
docs/method.md (A.2, A.6, A.7): what inference computes, and every module's parameters under CMG's
names and in the order of its registration. The objective that fills Adam's states is a sum of
squares: only who has a gradient matters for them.

  av.pt        zip, float64, everything in it, two steps of Adam, `step` an int; a text LSTM unused
  at.pt        the older format, float64, the same, the LSTM in the optimiser, `step` a tensor
  avt.pt       zip, float32, for inference: encoders, LSTM, epoch, total_step; one tensor too many
  at_wrong.pt  the older format, for inference: one tensor missing, two of another shape
  expected.npz inputs, semantic vectors and codes of each modality of the first three; `adam`, a text
               (uint8): one line an optimiser's parameter: file, optimiser, index, name
"""
import argparse
import collections
import copy
import pathlib

import numpy as np
import torch
from torch import nn

OUT = pathlib.Path(__file__).parent / "fixtures"
GRID = 7  # positions of a side; the 3x3 convolutions leave 3

Dims = collections.namedtuple(
    "Dims",
    "modalities audio video words lstm d codes heads ff squeeze inner specific pooled audio_specific club classes",
)
PAPER = Dims("avt", 128, 512, 768, 128, 256, 400, 4, 1024, 64, 1024, 2048, 1024, 256, 128, 141)
NAMES = {"a": "audio", "v": "video", "t": "text"}


# ---- modules, by CMG's names ----


def relu_sequence(*sizes):
    """Linear layers with a relu between two."""
    layers = []
    for i, o in zip(sizes, sizes[1:]):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class ResidualStack(nn.Module):
    def __init__(self, channels):
        super().__init__()
        block = nn.Module()
        block.res_block = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
        )
        self.stack = nn.ModuleList([block])

    def forward(self, x):
        x = torch.relu(x)  # theirs is in place, so the skip path has it too
        return torch.relu(x + self.stack[0].res_block(x))


class VideoEncoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.conv_stack = nn.Sequential(
            nn.Conv2d(s.video, s.inner, 3),
            nn.ReLU(),
            nn.Conv2d(s.inner, s.specific, 3),
            nn.ReLU(),
            nn.Conv2d(s.specific, s.specific, 1),
            ResidualStack(s.specific),
        )
        self.feed_forward = relu_sequence(s.specific, s.pooled, s.video)

    def forward(self, x):
        y = self.conv_stack(x.flatten(0, 1).permute(0, 3, 1, 2))  # [BT,S,3,3]
        return y, self.feed_forward(y.mean((2, 3)))


class VideoSemanticEncoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.se_layer = nn.Sequential(
            nn.Linear(s.video, s.squeeze, bias=False), nn.ReLU(), nn.Linear(s.squeeze, s.video, bias=False), nn.Sigmoid()
        )
        half = s.video // 2
        self.affine_video_ave = nn.Linear(s.video, half)
        self.affine_video_self = nn.Linear(s.video, half)
        self.ave_v_att = nn.Linear(half, 1)

    def forward(self, x):
        cells = x.flatten(2, 3)  # [B,T,49,C]
        mean = cells.mean(2, keepdim=True)
        u = cells * (1 + self.se_layer(mean))
        q = torch.relu(self.affine_video_self(u)) * torch.relu(self.affine_video_ave(mean))
        weights = torch.softmax(torch.tanh(self.ave_v_att(q)), -1)  # over an axis of length 1, as theirs
        return (weights * u).sum(2)


class SelfAttention(nn.Module):
    def __init__(self, s, inputs):
        super().__init__()
        self.encoder_layer = nn.TransformerEncoderLayer(s.d, s.heads, s.ff, dropout=0.0)
        self.encoder = nn.TransformerEncoder(self.encoder_layer, 2)
        self.affine_matrix = nn.Linear(inputs, s.d)

    def forward(self, x):
        return self.encoder(self.affine_matrix(x).transpose(0, 1)).transpose(0, 1)


class Quantizer(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.register_buffer("embedding", 0.8 * torch.randn(s.codes, s.d))
        self.register_buffer("ema_count", 0.5 + torch.rand(s.codes))
        self.register_buffer("ema_weight", torch.randn(s.codes, s.d))
        self.register_buffer("unactivated_count", torch.arange(float(s.codes)) - 1)

    def codes(self, z):
        """The nearest codes, and by how much they are nearer than the second ones."""
        d = torch.cdist(z.reshape(-1, z.shape[-1]), self.embedding) ** 2
        two = d.topk(2, largest=False).values
        return d.argmin(-1).reshape(z.shape[:2]), (two[:, 1] - two[:, 0]).min().item()


def one_linear(name, inputs, outputs):
    holder = nn.Module()
    holder.add_module(name, nn.Linear(inputs, outputs))
    return holder


class Encoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        text = 2 * s.lstm
        make = {
            "v": lambda: self.add_module("Video_encoder", VideoEncoder(s)),
            "a": lambda: self.add_module("Audio_encoder", one_linear("audio_linear", s.audio, s.audio_specific)),
            "t": lambda: self.add_module("Text_encoder", one_linear("text_linear", text, s.audio_specific)),
        }
        for m in {"avt": "vat", "av": "av", "at": "at"}[s.modalities]:
            make[m]()
        self.Cross_quantizer = Quantizer(s)
        if "v" in s.modalities:
            self.video_semantic_encoder = VideoSemanticEncoder(s)
        for m, inputs in (("v", s.video), ("t", text), ("a", s.audio)):
            if m in s.modalities:
                self.add_module(f"{NAMES[m]}_self_att", SelfAttention(s, inputs))

    def semantic(self, m, x):
        """x as the modality's features are; text behind its LSTM."""
        return getattr(self, f"{NAMES[m]}_self_att")(self.video_semantic_encoder(x) if m == "v" else x)


class VideoDecoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.inverse_conv_block = nn.Sequential(
            nn.ConvTranspose2d(s.d + s.specific, s.inner, 3),
            ResidualStack(s.inner),
            nn.ConvTranspose2d(s.inner, s.video, 3),
            nn.ReLU(),
            nn.ConvTranspose2d(s.video, s.video, 1),
        )
        self.video_linear = nn.Linear(s.d, s.d)

    def forward(self, z, specific):
        c = self.video_linear(z).flatten(0, 1)[:, :, None, None].expand(-1, -1, 3, 3)
        return self.inverse_conv_block(torch.cat([c, specific], 1))


class FlatDecoder(nn.Module):
    def __init__(self, s, name, outputs):
        super().__init__()
        self.name = name
        self.add_module(f"{name}_rec", nn.Linear(s.d + s.audio_specific, outputs))
        self.add_module(f"{name}_linear", nn.Linear(s.d, s.d))

    def forward(self, z, specific):
        g = getattr(self, f"{self.name}_linear")(z)
        return getattr(self, f"{self.name}_rec")(torch.cat([g, specific], -1))


class Decoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        make = {
            "v": lambda: self.add_module("Video_decoder", VideoDecoder(s)),
            "a": lambda: self.add_module("Audio_decoder", FlatDecoder(s, "audio", s.audio)),
            "t": lambda: self.add_module("Text_decoder", FlatDecoder(s, "text", 2 * s.lstm)),
        }
        for m in {"avt": "vat", "av": "av", "at": "at"}[s.modalities]:
            make[m]()
        for m in "vta":
            if m in s.modalities:  # computed there, but in no loss
                head = nn.Module()
                head.linear = nn.Linear(s.d, s.d)
                head.event_classifier = nn.Linear(s.d, s.classes)
                self.add_module(f"{NAMES[m]}_semantic_decoder", head)


class CPC(nn.Module):
    def __init__(self, s):
        super().__init__()
        own = [NAMES[m] for m in "vat" if m in s.modalities]
        for name in own:
            self.add_module(f"{name}_ar_lstm", nn.LSTM(s.d, s.d, 2, batch_first=True))
        for name in own:
            self.add_module(f"{name}_predictors", nn.ModuleList([nn.Linear(s.d, s.d)]))


class Club(nn.Module):
    def __init__(self, s, outputs):
        super().__init__()
        self.p_mu = relu_sequence(s.d, s.club, s.club, s.club, outputs)
        self.p_logvar = nn.Sequential(*relu_sequence(s.d, s.club, s.club, s.club, outputs), nn.Tanh())


def text_lstm(s):
    return nn.LSTM(s.words, s.lstm, 2, batch_first=True, bidirectional=True)


# ---- a whole model ----


class Model:
    """Every module, by its key in the checkpoint."""

    def __init__(self, s):
        self.dims = s
        club = {"v": s.video, "a": s.audio_specific, "t": s.audio_specific}
        self.part = {"Encoder_parameters": Encoder(s), "CPC_parameters": CPC(s), "Text_ar_lstm_parameters": text_lstm(s)}
        for m in "vta":
            if m in s.modalities:
                self.part[f"{NAMES[m].capitalize()}_mi_net_parameters"] = Club(s, club[m])
        self.part["Decoder_parameters"] = Decoder(s)
        for module in self.part.values():
            module.double()
            with torch.no_grad():
                for p in module.parameters():  # no two layers alike, no bias zero
                    p += 0.3 * torch.randn_like(p)

    def front(self, m, x):
        return self.part["Text_ar_lstm_parameters"](x)[0] if m == "t" else x

    def encode(self, m, x):
        with torch.no_grad():
            encoder = self.part["Encoder_parameters"]
            z = encoder.semantic(m, self.front(m, x))
            return z, *encoder.Cross_quantizer.codes(z)

    def spread_codes(self, features):
        """Codes near to what is encoded: several are taken, and each is clearly the nearest."""
        z = torch.cat([self.encode(m, x)[0].flatten(0, 1) for m, x in features.items()])
        codebook = self.part["Encoder_parameters"].Cross_quantizer.embedding
        for _ in range(10000):
            rows = z[torch.randperm(len(z))[: len(codebook)]]
            codebook.copy_(rows + 0.3 * torch.randn_like(rows))
            found = [self.encode(m, x)[1:] for m, x in features.items()]
            if all(margin > 0.02 and len(codes.unique()) > 1 for codes, margin in found):
                return
        raise SystemExit("no codes that are far enough apart")

    def scores(self, features):
        """A sum of squares that everything which CMG trains has a part in."""
        encoder, cpc, decoder = (self.part[f"{k}_parameters"] for k in ("Encoder", "CPC", "Decoder"))
        total = 0
        for m in self.dims.modalities:
            name, Name = NAMES[m], NAMES[m].capitalize()
            x = self.front(m, features[m])
            z = encoder.semantic(m, x)
            if m == "v":
                specific, pooled = encoder.Video_encoder(x)
                total = total + (pooled**2).mean()
            else:
                specific = torch.relu(getattr(getattr(encoder, f"{Name}_encoder"), f"{name}_linear")(x))
            context = getattr(cpc, f"{name}_ar_lstm")(z)[0]
            for y in (getattr(decoder, f"{Name}_decoder")(z, specific), getattr(cpc, f"{name}_predictors")[0](context)):
                total = total + (y**2).mean()
        return total

    def train(self, features, steps):
        """Takes steps; returns the optimisers by key, and each one's parameters' names in its order."""
        main = ["Encoder_parameters", "CPC_parameters", "Decoder_parameters"]
        if "t" in self.dims.modalities:
            main.insert(0, "Text_ar_lstm_parameters")
        parts = {"optimizer": main}
        for m in "vta":
            if m in self.dims.modalities:
                parts[f"optimizer_{NAMES[m]}_mi_net"] = [f"{NAMES[m].capitalize()}_mi_net_parameters"]
        names = {id(p): f"{key}/{name}" for key, module in self.part.items() for name, p in module.named_parameters()}
        optimisers, order = {}, {}
        for key, modules in parts.items():
            optimisers[key] = torch.optim.Adam([p for k in modules for p in self.part[k].parameters()], lr=1e-3)
            order[key] = [names[id(p)] for p in optimisers[key].param_groups[0]["params"]]
        for _ in range(steps):
            total = self.scores(features)
            for m in self.dims.modalities:
                club = self.part[f"{NAMES[m].capitalize()}_mi_net_parameters"]
                x = torch.randn(5, self.dims.d, dtype=torch.float64)
                total = total + (club.p_mu(x) ** 2 + club.p_logvar(x) ** 2).mean()
            total.backward()
            for optimiser in optimisers.values():
                optimiser.step()
                optimiser.zero_grad(set_to_none=True)
        return optimisers, order

    def checkpoint(self, optimisers, epoch, steps):
        out = {key: module.state_dict() for key, module in self.part.items()}
        out |= {key: optimiser.state_dict() for key, optimiser in optimisers.items()}
        return copy.deepcopy(out) | {"epoch": epoch, "total_step": steps}

    def for_inference(self, dtype):
        keys = ["Encoder_parameters"] + ["Text_ar_lstm_parameters"] * ("t" in self.dims.modalities)
        out = {k: collections.OrderedDict((n, t.to(dtype)) for n, t in self.part[k].state_dict().items()) for k in keys}
        return out | {"epoch": 2, "total_step": 1533}


def random_features(s, clips, length):
    shapes = {"a": (s.audio,), "v": (GRID, GRID, s.video), "t": (s.words,)}
    # rounded to float32 first: what the tests read is what was encoded
    return {m: (2 * torch.randn(clips, length, *shapes[m])).double() for m in s.modalities}


# ---- the fixtures ----


def add_expected(expected, name, model, features):
    for m, x in features.items():
        z, codes, _ = model.encode(m, x)
        prefix = f"{name}/{NAMES[m]}/"
        expected |= {prefix + "input": x.float().numpy(), prefix + "semantic": z.numpy(), prefix + "codes": codes.int().numpy()}


def pack(state, ints):
    """Adam's moments as views of one storage; `ints`: its steps as older versions of PyTorch keep them."""
    states = list(state["state"].values())
    flat = torch.cat([one[k].flatten() for one in states for k in ("exp_avg", "exp_avg_sq")])
    at = 0
    for one in states:
        for k in ("exp_avg", "exp_avg_sq"):
            n = one[k].numel()
            one[k] = flat[at : at + n].view(one[k].shape)
            at += n
        one["step"] = int(one["step"]) if ints else one["step"]


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    av_dims = Dims("av", 6, 6, 4, 1, 4, 11, 4, 5, 3, 2, 3, 2, 7, 3, 2)
    at_dims = Dims("at", 5, 0, 6, 2, 4, 9, 2, 6, 0, 0, 0, 0, 5, 3, 2)
    avt_dims = Dims("avt", 3, 4, 7, 3, 4, 10, 4, 9, 2, 3, 4, 5, 6, 5, 3)
    expected, lines = {}, []

    for name, dims, seed in (("av", av_dims, 1), ("at", at_dims, 5)):
        torch.manual_seed(seed)
        model = Model(dims)
        optimisers, order = model.train(random_features(dims, 2, 3), 2)
        lines += [f"{name}.pt {key} {i} {n}\n" for key, names in order.items() for i, n in enumerate(names)]
        features = random_features(dims, 2, 3)
        model.spread_codes(features)
        saved = model.checkpoint(optimisers, 0, 2)
        for key in optimisers:
            pack(saved[key], ints=name == "av")
        torch.save(saved, OUT / f"{name}.pt", _use_new_zipfile_serialization=name == "av")
        add_expected(expected, name, model, features)

    wrong = model.for_inference(torch.float64)
    encoder = wrong["Encoder_parameters"]
    del encoder["audio_self_att.encoder.layers.1.norm2.bias"]
    encoder["text_self_att.encoder.layers.0.linear2.weight"] = torch.zeros(at_dims.d, at_dims.ff + 1)
    wrong["Text_ar_lstm_parameters"]["bias_hh_l0"] = torch.zeros(1, 4 * at_dims.lstm)
    for name in [n for n in encoder if ".encoder_layer." in n]:
        del encoder[name]  # nobody misses the templates
    torch.save(wrong, OUT / "at_wrong.pt", _use_new_zipfile_serialization=False)

    torch.manual_seed(3)
    model = Model(avt_dims)
    features = random_features(avt_dims, 2, 3)
    model.spread_codes(features)
    for module in model.part.values():
        module.float().double()  # what float32 holds
    saved = model.for_inference(torch.float32)
    saved["Encoder_parameters"]["audio_self_att.gate.weight"] = torch.ones(2, 2)
    torch.save(saved, OUT / "avt.pt")
    add_expected(expected, "avt", model, features)

    adam = np.frombuffer("".join(lines).encode(), np.uint8)
    np.savez_compressed(OUT / "expected.npz", adam=adam, **expected)


if __name__ == "__main__":
    main()
