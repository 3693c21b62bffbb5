#!/usr/bin/env python3
"""What the table's clips could give: heads on the features themselves, and on k-means codes of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Iterator

try:
    import libunicode as lu
    import numpy as np
except ModuleNotFoundError as error:
    sys.exit("probe.py: Python has no libunicode: PYTHONPATH=bindings/python" if error.name == "libunicode"
             else f"probe.py: Python has no {error.name}: apt install python3-{error.name}")

HELP = """\
Classifies clips of one modality by that modality alone, without any model: what is lost before a
transfer begins. Heads are trained on heads.npz; in %, of test.npz:

  linear     ridge regression of single steps, the scores summed over the event's steps
  L codes    a head on the codes of k-means (L centres) over the steps of train.npz

An image is the mean over its positions ("image"), or all of them in turn ("image, positions"; for
k-means their 64 directions of most variance).
"""
RIDGE = 0.1                          # of the mean square of a feature
DIRECTIONS = 64
CHANNELS = 64                        # of each position of an image that is a vector
Clips = tuple[np.ndarray, np.ndarray, np.ndarray]    # features [N,T,C], step labels [N,T], labels [N]


def read(path: Path, modality: str, positions: bool) -> np.ndarray:
    """A modality's features, a vector a step: [N,T,C]."""
    with np.load(path) as file:
        x = file[modality].astype(np.float32)
    if modality != "image":
        return x
    if positions:
        return x.reshape(*x.shape[:2], -1)
    return x.reshape(*x.shape[:2], -1, x.shape[-1] if x.ndim == 5 else CHANNELS).mean(2)


def clips(path: Path, modality: str, positions: bool) -> Clips:
    """The same with what the clips are about."""
    with np.load(path) as file:
        return read(path, modality, positions), file[f"{modality}.step_labels"], file["label"]


class Scale:
    """Features of mean 0 and deviation 1; of these, if asked for, the directions of most variance."""

    def __init__(self, rows: np.ndarray, directions: int = 0) -> None:
        self.mean, self.deviation = rows.mean(0), rows.std(0) + 1e-3
        self.turn = None
        if 0 < directions < rows.shape[1]:
            scaled = self(rows[::max(1, len(rows) // 4000)])
            self.turn = np.linalg.svd(scaled, full_matrices=False)[2][:directions].T

    def __call__(self, x: np.ndarray) -> np.ndarray:
        scaled = (x - self.mean) / self.deviation
        return np.ascontiguousarray(scaled if self.turn is None else scaled @ self.turn, np.float32)


def linear(heads: Clips, test: Clips, classes: int) -> float:
    """The part of the test clips that ridge regression gets right."""
    x, steps, _ = heads
    rows, of = x[steps < classes], steps[steps < classes]
    scale = Scale(rows)
    z = scale(rows)
    penalty = RIDGE * len(z) * np.eye(z.shape[1], dtype=np.float32)
    weights = np.linalg.solve(z.T @ z + penalty, z.T @ (np.eye(classes, dtype=np.float32)[of] - 1 / classes))
    x, steps, label = test
    scores = np.where((steps < classes)[..., None], scale(x) @ weights, 0).sum(1)
    return float(np.mean(scores.argmax(1) == label))


def coded(rows: np.ndarray, heads: Clips, test: Clips, classes: int, codes: int, directions: int = 0) -> float:
    """The part that a head on k-means codes gets right."""
    scale = Scale(rows, directions)
    scaled = scale(rows)
    codebook = lu.Codebook(codes, scaled.shape[1])
    codebook.init(scaled)

    def assign(x: np.ndarray) -> np.ndarray:
        return codebook.assign(scale(x).reshape(-1, codebook.dim)).reshape(x.shape[:2])

    head = lu.Head(codebook, classes, "clip")
    head.fit(assign(heads[0]), heads[2])
    return float(np.mean(head.predict(assign(test[0])).argmax(1) == test[2]))


def probe(folder: Path, codes: list[int]) -> Iterator[str]:
    """A line for each way to look at the clips."""
    yield f"{'':18}{'linear':>10}" + "".join(f"{f'{n} codes':>12}" for n in codes)
    for title, modality, positions in (("speech", "speech", False), ("image", "image", False),
                                       ("image, positions", "image", True)):
        heads, test = (clips(folder / f"{name}.npz", modality, positions) for name in ("heads", "test"))
        classes = int(heads[2].max()) + 1
        train = read(folder / "train.npz", modality, positions)
        rows, directions = train.reshape(-1, train.shape[-1]), DIRECTIONS if positions else 0
        line = f"{title:18}{100 * linear(heads, test, classes):10.1f}"
        for n in codes:
            line += f"{100 * coded(rows, heads, test, classes, n, directions):12.1f}"
        yield line


def main() -> None:
    parser = argparse.ArgumentParser(prog="probe.py", description=f"{__doc__}\n\n{HELP}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, help="a folder of clips, as build/table/hard/data")
    parser.add_argument("--codes", type=int, nargs="+", default=[200, 800], metavar="L",
                        help="sizes of the codebook (200 800)")
    args = parser.parse_args()
    for line in probe(args.clips, args.codes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
