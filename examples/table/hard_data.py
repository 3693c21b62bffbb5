#!/usr/bin/env python3
"""Build the table's hard data: garments and digits, several at a time, not always when they are named."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "demo"))

import build_data as demo  # noqa: E402 (the line above says where it is; it sets BLAS's threads before numpy)

try:
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from scipy import ndimage
except ModuleNotFoundError as error:
    sys.exit(f"hard_data.py: Python has no {error.name}: apt install python3-{(error.name or '').partition('.')[0]}")

HELP = """\
The demo's data (examples/demo/build_data.py) with more to tell apart, and pre-training clips as they come:

  classes        20: the ten garments, and the digits 0 to 9 as printed and as said
  pre-training   1-3 events a clip that may overlap (two garments exposed on each other, two voices at once). In half
                 of the clips speech and image have the same events at the same steps; in a quarter the
                 one comes 1-2 steps after the other; in a quarter one of the events differs
  camera         of validation and test: blurred, noisy, too dark or too bright, partly covered
  fonts          of validation and of test clips are not seen before, as their speakers are not heard

Files and arrays are those of the demo's data, but train.npz has step_labels [N,10,20] and no label, and an image is
one vector of its 7 x 7 x 64 features, [N,10,3136]: what is where tells digits and two things at once apart.
"""
RECIPE = "hard 3"
DIGITS = "zero one two three four five six seven eight nine".split()
GARMENTS = len(demo.speech.WORDS)
FONTS = {                                   # all come with matplotlib
    "train": ("DejaVu Sans", "DejaVu Serif"),
    "heads": ("DejaVu Sans", "DejaVu Serif"),
    "valid": ("STIXGeneral",),
    "test": ("DejaVu Sans Mono",),
}
DRAWS = 2                                   # of accent, speed and pitch for each speaker
ACCENTS = {                                 # as many are heard of a speaker of valid or test
    "train": demo.speech.ACCENTS["train"],
    "valid": ["en-us", "en-us-nyc"],
    "test": ["en-gb-scotland", "en-029"],
}
PICTURES = 400                              # of each digit in a pool
SIDE, LARGE = demo.images.SIDE, 64          # pixels of a picture, and of a digit before it is turned
SAME, LATER = 0.5, 0.25                     # parts of the pre-training clips; in the rest an event differs

SPLITS = {
    "train": demo.Split(3000, "train", "train", aligned=False),
    "heads": demo.Split(1500, "heads", "train"),
    "valid": demo.Split(600, "valid", "valid"),
    "test": demo.Split(1000, "test", "test"),
    "other": demo.Split(600, "test", "other"),
    "unaligned-heads": demo.Split(1000, "heads", "train", aligned=False),
    "unaligned-test": demo.Split(1000, "test", "test", aligned=False),
    "other-valid": demo.Split(600, "valid", "other-valid"),
    "unaligned-valid": demo.Split(600, "valid", "valid", aligned=False),
}


# ---------------------------------------------------------------------------------------------
# pictures

def glyphs(family: str) -> np.ndarray:
    """The digits in four cuts of a font: uint8 [10,4,LARGE,LARGE], white on black."""
    figure = Figure(figsize=(1, 1), dpi=LARGE, facecolor="black")
    canvas = FigureCanvasAgg(figure)
    cuts = []
    for digit in range(len(DIGITS)):
        for weight in ("normal", "bold"):
            for style in ("normal", "italic"):
                figure.texts.clear()
                figure.text(0.5, 0.5, str(digit), family=family, weight=weight, style=style, size=42, color="white",
                            ha="center", va="center")
                canvas.draw()
                cuts.append(np.asarray(canvas.buffer_rgba())[..., 0].copy())
    return np.array(cuts).reshape(len(DIGITS), 4, LARGE, LARGE)


def printed(glyph: np.ndarray, paper: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture of a digit, turned, stretched and moved, on a paper [SIDE,SIDE] of 0..1: uint8 [SIDE,SIDE]."""
    angle = np.deg2rad(rng.uniform(-15, 15))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = turn @ np.diag(LARGE / SIDE * rng.uniform(0.75, 1.2, 2))
    middle = np.full(2, LARGE / 2) + rng.uniform(-5, 5, 2)
    picture = ndimage.affine_transform(ndimage.gaussian_filter(glyph.astype(np.float32), 1), matrix,
                                       offset=middle - matrix @ np.full(2, SIDE / 2), output_shape=(SIDE, SIDE))
    return np.clip(np.maximum(picture * rng.uniform(0.7, 1), 160 * paper), 0, 255).astype(np.uint8)


def degraded(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same by a bad camera."""
    x = ndimage.gaussian_filter(picture.astype(np.float32), rng.uniform(0, 0.6))
    x = x * rng.uniform(0.7, 1.15) + rng.uniform(0, 20)
    if rng.random() < 1 / 3:                                            # something is in front
        size = rng.integers(3, 8, 2)
        row, column = rng.integers(0, SIDE - size)
        x[row:row + size[0], column:column + size[1]] = rng.uniform(0, 255)
    return np.clip(x + rng.normal(0, 8, x.shape), 0, 255).astype(np.uint8)


def divide_images(fashion: Path, seed: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """The demo's pictures and the digits, their labels, and the numbers of those in each pool."""
    pixels, labels, pools = demo_divide_images(fashion, seed)
    rng = np.random.default_rng([seed, 20])
    pixels = pixels.copy()
    for pool in ("valid", "test"):
        for i in pools[pool]:
            pixels[i] = degraded(pixels[i], rng)
    digits, classes, count = [], [], len(pixels)
    for pool, families in FONTS.items():
        cuts = np.concatenate([glyphs(family) for family in families], axis=1)
        for c in range(len(DIGITS)):
            papers = demo.images.textures(PICTURES, rng)
            made = [printed(cuts[c, i % cuts.shape[1]], papers[i], rng) for i in range(PICTURES)]
            digits += [degraded(x, rng) for x in made] if pool in ("valid", "test") else made
            classes += [GARMENTS + c] * PICTURES
        pools[pool] = np.concatenate([pools[pool], np.arange(count, len(pixels) + len(digits))])
        count = len(pixels) + len(digits)
    return (np.concatenate([pixels, np.array(digits)]),
            np.concatenate([labels, np.array(classes, labels.dtype)]), pools)


# ---------------------------------------------------------------------------------------------
# what happens in each clip

Events = list[tuple[int, int, int]]         # class, first step, behind the last


def varied(events: Events, rng: np.random.Generator) -> Events:
    """What the other modality of a pre-training clip has."""
    kind = rng.random()
    if kind < SAME:
        return events
    if kind < SAME + LATER:
        by = int(rng.choice([-2, -1, 1, 2]))
        return [(c, max(0, start + by), min(demo.T, end + by)) for c, start, end in events]
    other = list(events)
    i = int(rng.integers(len(events)))
    free = [c for c in range(demo.CLASSES) if all(c != event[0] for event in events)]
    other[i] = (int(rng.choice(free)), *events[i][1:])
    return other


def write_script(split: demo.Split, image_deck: Any, speech_deck: Any, rng: np.random.Generator) -> demo.Script:
    """As the demo's, but for the pre-training clips."""
    if split is not SPLITS["train"]:
        return demo_write_script(split, image_deck, speech_deck, rng)
    shown = demo.unaligned_events(split.clips, rng)
    said = [varied(events, rng) for events in shown]
    return demo.Script(demo.cast(shown, image_deck), demo.cast(said, speech_deck),
                       {"image.step_labels": demo.multi_hot(shown), "speech.step_labels": demo.multi_hot(said)})


class Loose:
    """Moments of features that were scaled for other pictures: digits have less of some patches, by far."""

    def __init__(self, moments: demo.Moments) -> None:
        mean, deviation = moments.mean_and_std()
        if not (np.abs(mean).max() < 1 and np.abs(np.log(deviation)).max() < 2.5):
            raise RuntimeError(f"the image features have means up to {np.abs(mean).max():.3g} and deviations of "
                               f"{deviation.min():.3g} to {deviation.max():.3g}, far from 0 and 1")
        self.found = mean, np.clip(deviation, 0.5, 2)

    def mean_and_std(self) -> tuple[np.ndarray, np.ndarray]:
        return self.found


def check_arrays(name: str, split: demo.Split, moments: demo.Moments, *more: Any) -> dict[str, Any]:
    """As the demo's, but the pre-training clips need not have the deviation that features were scaled to."""
    return demo_check_arrays(f"hard {name}", split, Loose(moments), *more)


def write_array(npz: Any, name: str, shape: tuple[int, ...], *more: Any) -> None:
    """As the demo's, but an image is a vector: of the same bytes."""
    demo_write_array(npz, name, (*shape[:2], math.prod(shape[2:])) if name == "image" else shape, *more)


# The demo's builder, with these in the place of its own.
demo_divide_images, demo_write_script, demo_check_arrays = demo.divide_images, demo.write_script, demo.check_arrays
demo_write_array = demo.write_array
demo.speech.WORDS = [*demo.speech.WORDS, *DIGITS]
demo.speech.DRAWS, demo.speech.ACCENTS = DRAWS, ACCENTS
demo.CLASSES = demo.BACKGROUND = len(demo.speech.WORDS)
demo.SPLITS, demo.RECIPE, demo.HELP, demo.__doc__ = SPLITS, RECIPE, HELP, __doc__
demo.divide_images, demo.write_script, demo.check_arrays = divide_images, write_script, check_arrays
demo.write_array = write_array

if __name__ == "__main__":
    demo.main()
