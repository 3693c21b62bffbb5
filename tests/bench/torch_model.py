"""The semantic encoders (method A.2) in PyTorch, with the weights of a libunicode model."""
from __future__ import annotations

from typing import Any, Mapping

import torch
from torch import nn
from torch.nn import functional as F

HEADS = 4


class SpatialPool(nn.Module):
    """Channel attention, then attention over the positions of a grid: [.., P, C] -> [.., C]."""

    def __init__(self, channels: int, squeeze: int) -> None:
        super().__init__()
        half = max(channels // 2, 1)
        self.squeeze = nn.Linear(channels, squeeze, bias=False)
        self.excite = nn.Linear(squeeze, channels, bias=False)
        self.position = nn.Linear(channels, half)
        self.average = nn.Linear(channels, half)
        self.score = nn.Linear(half, 1)
        self.over = -2    # -1 as the CMG code has it: each position by itself, so all weights are 1

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        mean = h.mean(-2, keepdim=True)
        u = h * (1.0 + torch.sigmoid(self.excite(F.relu(self.squeeze(mean)))))
        both = F.relu(self.position(u)) * F.relu(self.average(mean))
        weight = torch.softmax(torch.tanh(self.score(both)), self.over)
        return (weight.transpose(-1, -2) @ u).squeeze(-2)


class Encoder(nn.Module):
    """Phi: pool or BiLSTM, a projection to D, post-norm transformer layers over time."""

    def __init__(self, kind: str, dims: tuple[int, ...], dim: int, ff: int, layers: int,
                 squeeze: int = 0, recurrent: int = 0, recurrent_layers: int = 2,
                 heads: int = HEADS, dropout: float = 0.0) -> None:
        super().__init__()
        self.kind, self.dims = kind, dims
        width = dims[-1]
        if kind == "grid":
            self.pool = SpatialPool(width, squeeze)
        if kind == "token":
            self.front = nn.LSTM(width, recurrent, recurrent_layers, batch_first=True,
                                 bidirectional=True)
            width = 2 * recurrent
        self.affine = nn.Linear(width, dim)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, heads, ff, dropout, batch_first=True)
            for _ in range(layers))

    def before(self, x: torch.Tensor) -> torch.Tensor:
        """What the specific branch sees too."""
        return self.front(x)[0] if self.kind == "token" else x

    def semantic(self, h: torch.Tensor) -> torch.Tensor:
        if self.kind == "grid":
            h = self.pool(h.flatten(2, 3))
        h = self.affine(h)
        for layer in self.layers:
            h = layer(h)
        return h

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.semantic(self.before(x))


def copy(module: nn.Module, arrays: Mapping[str, Any], prefix: str) -> None:
    """Weight and bias of a layer, by their names in the file."""
    for name, parameter in module.named_parameters(recurse=False):
        parameter.data.copy_(torch.from_numpy(arrays[f"{prefix}.{name}"]))


def encoder_of(arrays: Mapping[str, Any], m: str) -> Encoder:
    """The encoder of modality m of a model file; its sizes are those of the arrays."""
    names = list(arrays)
    layers = sum(1 for n in names if n.startswith(f"{m}.semantic.layer") and n.endswith("ff1.bias"))
    dim, width = arrays[f"{m}.semantic.affine.weight"].shape
    ff = arrays[f"{m}.semantic.layer0.ff1.bias"].shape[0]
    if f"{m}.front.weight_ih_l0" in names:
        gates, width = arrays[f"{m}.front.weight_ih_l0"].shape
        depth = sum(1 for n in names if n.startswith(f"{m}.front.weight_hh") and n[-1] != "e")
        encoder = Encoder("token", (width,), dim, ff, layers, recurrent=gates // 4,
                          recurrent_layers=depth)
        copy(encoder.front, arrays, f"{m}.front")
    elif f"{m}.semantic.squeeze.weight" in names:
        squeeze = arrays[f"{m}.semantic.squeeze.weight"].shape[0]
        encoder = Encoder("grid", (7, 7, width), dim, ff, layers, squeeze=squeeze)
        parts = ["squeeze", "excite", "position", "average", "score"]
        if f"{m}.semantic.position.weight" not in names:   # compat: ours have no such weights
            encoder.pool.over = -1
            parts = parts[:2]
        for part in parts:
            copy(getattr(encoder.pool, part), arrays, f"{m}.semantic.{part}")
    else:
        encoder = Encoder("vector", (width,), dim, ff, layers)
    copy(encoder.affine, arrays, f"{m}.semantic.affine")
    for i, layer in enumerate(encoder.layers):
        prefix = f"{m}.semantic.layer{i}"
        for ours, theirs in (("ff1", layer.linear1), ("ff2", layer.linear2),
                             ("norm1", layer.norm1), ("norm2", layer.norm2),
                             ("attention.out", layer.self_attn.out_proj)):
            copy(theirs, arrays, f"{prefix}.{ours}")
        layer.self_attn.in_proj_weight.data.copy_(
            torch.from_numpy(arrays[f"{prefix}.attention.in.weight"]))
        layer.self_attn.in_proj_bias.data.copy_(
            torch.from_numpy(arrays[f"{prefix}.attention.in.bias"]))
    return encoder
