"""Canvases with several garments, and which pixels belong to which."""

from __future__ import annotations

from typing import Callable, NamedTuple

import numpy as np
from scipy import fft, ndimage

import images
from speech import WORDS

SIDE = 64
QUARTERS = 4                        # of a canvas: each holds one garment at most
GARMENTS = (2, 3, 4)                # on a canvas, all of different classes
EDGE = 20                           # of 255: what is darker, at the border, is no garment
NOTHING = -1


class Scenes(NamedTuple):
    """N canvases."""

    frames: np.ndarray              # uint8 [N,SIDE,SIDE]
    owner: np.ndarray               # int8 [N,SIDE,SIDE]: a pixel's class, or NOTHING
    classes: np.ndarray             # int32 [N,4]: of the garments, NOTHING behind the last


def silhouette(pixels: np.ndarray) -> np.ndarray:
    """uint8 [28,28] -> bool: the garment, with its dark parts, without stray pixels."""
    shape = ndimage.binary_fill_holes(pixels > EDGE)
    parts, count = ndimage.label(shape)
    if count < 2:
        return shape
    sizes = ndimage.sum_labels(shape, parts, np.arange(1, count + 1))
    return np.isin(parts, 1 + np.flatnonzero(sizes >= 0.05 * sizes.max()))


def backgrounds(n: int, rng: np.random.Generator) -> np.ndarray:
    """float32 [n,SIDE,SIDE] in 0..1: dim, smooth random textures."""
    f = fft.fftfreq(SIDE)
    radius = np.hypot(f[:, None], f)
    scale = rng.uniform(0.02, 0.15, (n, 1, 1))
    x = rng.standard_normal((n, SIDE, SIDE))
    x = fft.ifft2(fft.fft2(x) * np.exp(-(radius / scale) ** 2)).real
    x -= x.mean(axis=(1, 2), keepdims=True)
    x /= x.std(axis=(1, 2), keepdims=True) + 1e-6
    return np.clip(rng.uniform(0.1, 0.4, (n, 1, 1)) + 0.08 * x, 0, 1).astype(np.float32)


def compose(n: int, deal: Callable[[int], int], pixels: np.ndarray,
            rng: np.random.Generator) -> Scenes:
    """Scenes of the images that deal(class) gives, each at a random place of its quarter."""
    frames = np.round(255 * backgrounds(n, rng)).astype(np.uint8)
    owner = np.full((n, SIDE, SIDE), NOTHING, np.int8)
    shown = np.full((n, QUARTERS), NOTHING, np.int32)
    half, room = SIDE // 2, SIDE // 2 - images.SIDE
    for i in range(n):
        classes = rng.permutation(len(WORDS))[:rng.choice(GARMENTS)]
        quarters = rng.permutation(QUARTERS)
        for label, quarter in zip(classes, quarters):
            y, x = half * (quarter // 2), half * (quarter % 2)
            y, x = y + rng.integers(room + 1), x + rng.integers(room + 1)
            garment = pixels[deal(label)]
            shape = silhouette(garment)
            frames[i, y:y + images.SIDE, x:x + images.SIDE][shape] = garment[shape]
            owner[i, y:y + images.SIDE, x:x + images.SIDE][shape] = label
        shown[i, :len(classes)] = classes
    return Scenes(frames, owner, shown)
