#!/usr/bin/env python3
"""The picture of docs/media-codes.md: one clip's frames, its spectrogram, its codes, and the classes that a head gives.

    make demo-media
    LIBUNICODE=build/libunicode.so PYTHONPATH=bindings/python python3 examples/demo/film_page.py --out docs/film-to-codes.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")                                # files only: there may be no display

import libunicode as lu  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
import speech  # noqa: E402
from libunicode.media import Media  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402

MODALITIES = ("image", "speech")
BACKGROUND = len(speech.WORDS)
NAMES = [*speech.WORDS, ""]


def codes_of(model: lu.Model, data: Path, name: str) -> dict[str, np.ndarray]:
    """The codes of all clips of a split, by modality."""
    return {m: model.encode(m, np.stack([np.load(path) for path in sorted((data / name / m).glob("*.npy"))])) for m in MODALITIES}


def step_head(model: lu.Model, data: Path) -> lu.Head:
    """Trained on the codes of images alone."""
    head = lu.Head(model, BACKGROUND + 1, per="step")
    codes, labels = codes_of(model, data, "heads")["image"], np.load(data / "heads/image.step_labels.npy")
    for _ in range(20):
        head.fit(codes, labels)
    return head


def cells(axes: Axes, rows: list[str], numbers: list[np.ndarray], texts: list[list[str]]) -> None:
    """A row of coloured cells for each list of numbers; equal numbers have equal colours."""
    order = {code: i for i, code in enumerate(dict.fromkeys(np.concatenate(numbers).tolist()))}
    colours = np.array([[order[code] for code in row.tolist()] for row in numbers])
    axes.imshow(colours, cmap="tab20", vmin=0, vmax=19, aspect="auto", alpha=0.55)
    for y, row in enumerate(texts):
        for x, text in enumerate(row):
            axes.text(x, y, text, ha="center", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks([])


def draw(out: Path, sound: np.ndarray, frames: np.ndarray, codes: dict[str, np.ndarray], classes: dict[str, np.ndarray],
         truth: np.ndarray) -> None:
    """The sheet: everything over the same ten seconds."""
    figure, axes = plt.subplots(4, 1, figsize=(9, 5.6), height_ratios=(1.15, 1.3, 0.9, 1.3), layout="constrained")
    axes[0].imshow(np.concatenate(list(frames), axis=1), cmap="gray")
    axes[0].set_ylabel("frames")
    axes[0].set_xticks([])
    axes[0].set_yticks([])
    spectra = lu.Extractor("logmel").extract(sound)
    axes[1].imshow(spectra.reshape(-1, spectra.shape[2]).T, origin="lower", aspect="auto", cmap="magma")
    axes[1].set_ylabel("log-mel")
    axes[1].set_xticks([])
    axes[1].set_yticks([])
    cells(axes[2], [f"codes of {m}" for m in MODALITIES], [codes[m] for m in MODALITIES],
          [[str(code) for code in codes[m]] for m in MODALITIES])
    rows = [f"head on {m}" for m in MODALITIES] + ["truth"]
    given = [classes[m] for m in MODALITIES] + [truth]
    cells(axes[3], rows, given, [[NAMES[c] for c in row] for row in given])
    figure.savefig(out, dpi=75)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, default=Path("build/demo-media"), metavar="DIR", help="what make demo-media wrote")
    parser.add_argument("--clip", type=int, metavar="N", help="of test; default: the first whose event is in its midst")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    args = parser.parse_args()
    data, model = args.demo / "data", lu.Model(args.demo / "models/unicode.npz")
    steps = np.load(data / "test/image.step_labels.npy")
    inside = (steps != BACKGROUND).sum(axis=1)
    good = (steps[:, 0] == BACKGROUND) & (steps[:, -1] == BACKGROUND) & (inside >= 4) & (inside <= 6)
    clip = int(np.flatnonzero(good)[0]) if args.clip is None else args.clip
    codes = {m: rows[clip] for m, rows in codes_of(model, data, "test").items()}
    head = step_head(model, data)
    classes = {m: head.predict(rows[None])[0].argmax(axis=-1) for m, rows in codes.items()}
    stem = args.demo / "clips/test" / f"{clip:04d}"
    film = stem.with_suffix(".mp4")
    with Media(film if film.exists() else stem.with_suffix(".wav")) as media:
        sound = media.sound(16000)
    with Media(film if film.exists() else stem.with_suffix(".png")) as media:
        frames = media.frames(np.arange(steps.shape[1], dtype=float), (28, 28))[..., 1]
    draw(args.out, sound, frames, codes, classes, steps[clip])
    print(args.out, "shows clip", clip)


if __name__ == "__main__":
    main()
