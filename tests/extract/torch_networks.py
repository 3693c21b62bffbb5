"""The pretrained networks in PyTorch, with the names of their published weights and random values: for tests, and for benchmarks."""
from __future__ import annotations

from typing import Any, Dict, Sequence

import numpy as np
import torch
from torch import nn


def blocks(channels: Sequence[Sequence[int]], planes: int) -> nn.Sequential:
    """VGG's form: convolutions 3x3 with ReLU, a maximum behind each block."""
    layers: list[nn.Module] = []
    for block in channels:
        for wide in block:
            layers += [nn.Conv2d(planes, wide, 3, padding=1), nn.ReLU()]
            planes = wide
        layers.append(nn.MaxPool2d(2, 2))
    return nn.Sequential(*layers)


class VGGish(nn.Module):
    """harritaylor/torchvggish: patches [N,1,96,64] -> [N,128]; heights and widths are flattened before channels."""

    def __init__(self) -> None:
        super().__init__()
        self.features = blocks([[64], [128], [256, 256], [512, 512]], 1)
        self.embeddings = nn.Sequential(nn.Linear(512 * 24, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(),
                                        nn.Linear(4096, 128), nn.ReLU())

    def forward(self, x: Any) -> Any:
        return self.embeddings(self.features(x).permute(0, 2, 3, 1).flatten(1))


class VGG19(nn.Module):
    """torchvision's vgg19 without its classifier: frames [N,3,224,224] -> [N,512,7,7]."""

    def __init__(self) -> None:
        super().__init__()
        self.features = blocks([[64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 4], 3)

    def forward(self, x: Any) -> Any:
        return self.features(x)


def bert(pieces: int, dim: int, wide: int, layers: int, heads: int, positions: int) -> Any:
    """BERT by Hugging Face's modules, and so their names, with random weights: pieces [T] -> [T,dim]."""
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.self = nn.ModuleDict({name: nn.Linear(dim, dim) for name in ("query", "key", "value")})
            self.output = nn.ModuleDict({"dense": nn.Linear(dim, dim), "LayerNorm": nn.LayerNorm(dim, 1e-12)})

        def forward(self, x: Any) -> Any:
            q, k, v = (self.self[name](x).view(len(x), heads, -1).transpose(0, 1) for name in ("query", "key", "value"))
            a = torch.softmax(q @ k.transpose(1, 2) / (dim // heads) ** 0.5, -1) @ v
            return self.output["LayerNorm"](x + self.output["dense"](a.transpose(0, 1).reshape(x.shape)))

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = Attention()
            self.intermediate = nn.ModuleDict({"dense": nn.Linear(dim, wide)})
            self.output = nn.ModuleDict({"dense": nn.Linear(wide, dim), "LayerNorm": nn.LayerNorm(dim, 1e-12)})

        def forward(self, x: Any) -> Any:
            h = self.attention(x)
            f = nn.functional.gelu(self.intermediate["dense"](h))
            return self.output["LayerNorm"](h + self.output["dense"](f))

    class Bert(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embeddings = nn.ModuleDict({
                "word_embeddings": nn.Embedding(pieces, dim), "position_embeddings": nn.Embedding(positions, dim),
                "token_type_embeddings": nn.Embedding(2, dim), "LayerNorm": nn.LayerNorm(dim, 1e-12)})
            self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(layers))})

        def forward(self, tokens: Any) -> Any:
            e = self.embeddings
            x = e["word_embeddings"].weight[tokens] + e["position_embeddings"].weight[:len(tokens)]
            x = e["LayerNorm"](x + e["token_type_embeddings"].weight[0])
            for layer in self.encoder["layer"]:
                x = layer(x)
            return x

    model = Bert()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.3 if weight.dim() == 1 else dim ** -0.5,
                           generator=generator)
    return model


class BertBase(nn.Module):
    """BERT-base on numbers of pieces that come as floats [T], which any runtime can be fed with."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = bert(30522, 768, 3072, 12, 12, 512)

    def forward(self, x: Any) -> Any:
        return self.bert(x.long())


# And the shape of an input.
NETWORKS = {"vggish": (VGGish, (1, 96, 64)), "vgg19": (VGG19, (3, 224, 224)), "bert": (BertBase, ())}


def spread(model: nn.Module, seed: int) -> nn.Module:
    """Gives random weights under which values neither fade nor grow."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, (2 / weight[0].numel()) ** 0.5, generator=generator)
            else:
                weight.uniform_(-0.1, 0.1, generator=generator)
    return model


def weights_of(model: nn.Module, prefix: str = "") -> Dict[str, np.ndarray]:
    return {prefix + name: x.numpy().astype(np.float32) for name, x in model.state_dict().items()}
