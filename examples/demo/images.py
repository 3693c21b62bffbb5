"""Fashion-MNIST photographs and their features: a grid of 7 x 7 cells, 64 channels each.

Raw pixels of a cell say too little: the encoder pools over the grid, and pooled 4 x 4 patches
classify 34 % of the garments. So each cell sees the 12 x 12 patch around it, described by how
close it is to each of 64 typical patches ("triangle" k-means: Coates, Lee and Ng, 2011); the
pooled description classifies 78 %. A stand-in for the VGG features of a real data set.
"""

import gzip
from pathlib import Path
from typing import NamedTuple

import numpy as np

SIDE, CELLS, STRIDE = 28, 7, 4
PATCH, PCA_DIMS, CHANNELS = 12, 40, 64
FIT_PATCHES, KMEANS_ROUNDS = 40000, 15
NORM_IMAGES = 2000                  # images, and as many textures, for the z-score


def load(folder):
    """{'train': (images uint8 [60000, 28, 28], labels [60000]), 'test': ...}"""
    def read(name, offset):
        path = Path(folder) / name
        try:
            return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=offset)
        except FileNotFoundError:
            raise RuntimeError(f"there is no {path}: apt install dataset-fashion-mnist, or "
                               "say with --fashion DIR where Fashion-MNIST is") from None
        except (OSError, EOFError, ValueError) as error:
            raise RuntimeError(f"{path} is not a Fashion-MNIST file: {error}") from None

    sets = {}
    for split, name, count in (("train", "train", 60000), ("test", "t10k", 10000)):
        pixels = read(f"{name}-images-idx3-ubyte.gz", 16)
        labels = read(f"{name}-labels-idx1-ubyte.gz", 8)
        if len(pixels) != count * SIDE * SIDE or len(labels) != count:
            raise RuntimeError(f"the {name} files in {folder} do not hold {count} images: "
                               "apt install --reinstall dataset-fashion-mnist")
        sets[split] = pixels.reshape(count, SIDE, SIDE), labels.astype(np.int32)
    return sets


def textures(n, rng):
    """Background: n smooth random textures, low-passed noise of random scale and contrast."""
    f = np.fft.fftfreq(SIDE)
    radius = np.hypot(f[:, None], f)
    scale = rng.uniform(0.03, 0.25, (n, 1, 1))
    x = rng.standard_normal((n, SIDE, SIDE))
    x = np.fft.ifft2(np.fft.fft2(x) * np.exp(-(radius / scale) ** 2)).real
    x -= x.mean(axis=(1, 2), keepdims=True)
    x /= x.std(axis=(1, 2), keepdims=True) + 1e-6
    brightness, contrast = rng.uniform(0.1, 0.5, (n, 1, 1)), rng.uniform(0.05, 0.3, (n, 1, 1))
    return np.clip(brightness + contrast * x, 0, 1).astype(np.float32)


def patches(images):
    """[n, 28, 28] -> [n * 49, 144]: the zero-padded patch centred on each cell."""
    border = (PATCH - STRIDE) // 2
    padded = np.pad(images, ((0, 0), (border, border), (border, border)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(1, 2))
    return windows[:, ::STRIDE, ::STRIDE].reshape(-1, PATCH * PATCH)


class Extractor(NamedTuple):
    """All that was learnt from the pre-training images."""
    projection: np.ndarray        # [144, 40] PCA, whitened
    shift: np.ndarray             # [40]
    centres: np.ndarray           # [64, 40]
    mean: np.ndarray = np.float32(0)        # [64], of the features
    std: np.ndarray = np.float32(1)

    def __call__(self, images):
        """[n, 28, 28] in 0..1 -> [n, 7, 7, 64], z-scored"""
        z = patches(images) @ self.projection - self.shift
        d = np.sqrt(np.maximum(squared_distances(z, self.centres), 0))
        near = np.maximum(0, d.mean(axis=1, keepdims=True) - d)
        return ((near - self.mean) / self.std).reshape(-1, CELLS, CELLS, CHANNELS)


def squared_distances(z, centres):
    return (z ** 2).sum(axis=1, keepdims=True) - 2 * z @ centres.T + (centres ** 2).sum(axis=1)


def fit(images, event_share, rng):
    """Learn the extractor from pre-training images (uint8); event_share: of steps with one."""
    some = images[rng.choice(len(images), FIT_PATCHES // 10, replace=False)]
    sample = patches(as_float(some))
    sample = sample[rng.choice(len(sample), FIT_PATCHES, replace=False)]
    mean = sample.mean(axis=0)
    power, axes = np.linalg.eigh(np.cov(sample - mean, rowvar=False))
    power, axes = power[-PCA_DIMS:], axes[:, -PCA_DIMS:]
    # whitening, damped: the smallest directions are noise
    projection = (axes / np.sqrt(power + 0.1 * power.mean())).astype(np.float32)
    z = (sample - mean) @ projection
    raw = Extractor(projection, (mean @ projection).astype(np.float32), kmeans(z, rng))

    # z-score over the mix of garments and textures that the pre-training clips will show
    shown = as_float(images[rng.choice(len(images), NORM_IMAGES, replace=False)])
    moments = []
    for x in (shown, textures(NORM_IMAGES, rng)):
        f = raw(x)
        moments.append([f.mean(axis=(0, 1, 2), dtype=float),
                        (f ** 2).mean(axis=(0, 1, 2), dtype=float)])
    first, second = np.average(moments, axis=0, weights=[event_share, 1 - event_share])
    return raw._replace(mean=first.astype(np.float32),
                        std=np.sqrt(second - first ** 2).astype(np.float32))


def kmeans(z, rng):
    centres = z[rng.choice(len(z), CHANNELS, replace=False)]
    for _ in range(KMEANS_ROUNDS):
        nearest = squared_distances(z, centres).argmin(axis=1)
        member = np.eye(CHANNELS, dtype=np.float32)[nearest]                  # [n, 64] one-hot
        count = member.sum(axis=0)[:, None]
        centres = np.where(count > 0, member.T @ z / np.maximum(count, 1), centres)
    return centres


def as_float(images):
    return images.astype(np.float32) / 255
