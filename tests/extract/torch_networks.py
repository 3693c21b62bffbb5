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


NETWORKS = {"vggish": (VGGish, (1, 96, 64)), "vgg19": (VGG19, (3, 224, 224))}      # and the shape of an input


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
