#!/usr/bin/env python3
"""The demo's figure sheet: training curves, who uses which code, what is taken for what."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Iterable, NamedTuple, Sequence

import matplotlib

matplotlib.use("Agg")                                # files only: there may be no display

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.figure import SubFigure  # noqa: E402

TITLES = {"baseline": "baseline", "unicode": "Uni-Code", "unicode-no-club": "without CLUB"}
COLOURS = {"baseline": "#7d7d7d", "unicode": "#c0392b", "unicode-no-club": "#8e6bbf"}
IMAGE, SPEECH = "#3b76af", "#e8963c"
OFTEN, SHARED = 5, (0.2, 0.8)                        # as unic-eval counts shared codes

# Title of a panel: the terms of the log that it adds up, whether it is their mean instead.
PANELS: dict[str, tuple[tuple[str, ...], bool]] = {
    "reconstruction, image": (("reconstruction.image",), False),
    "reconstruction, speech": (("reconstruction.speech",), False),
    "commitment": (("commitment.image", "commitment.speech"), False),
    "CLUB, bound on I(z; zbar)": (("club.image", "club.speech"), False),
    "Cross-CPC": (("cpc",), False),
    "code matching": (("code_match",), False),
    "steps with the same code in both, %": (("agreement",), False),
    "codes in use in a batch (perplexity)": (("perplexity.image", "perplexity.speech"), True),
}

STYLE = {"font.size": 10, "axes.titlesize": 10.5, "axes.spines.top": False,
         "axes.spines.right": False, "axes.edgecolor": "#666666", "axes.grid": True,
         "grid.color": "#e4e4e4", "grid.linewidth": 0.8, "axes.axisbelow": True,
         "xtick.color": "#333333", "ytick.color": "#333333", "figure.facecolor": "white"}


class Curves(NamedTuple):
    """A training log: the step of each line and its terms."""

    steps: np.ndarray
    terms: dict[str, np.ndarray]


class Trained(NamedTuple):
    """What the sheet shows of a method."""

    title: str
    colour: str
    curves: Curves
    classified: dict[str, Any]                       # unic-eval's JSON


def read_curves(path: Path) -> Curves:
    """The lines of a .jsonl log that have a step's terms."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [line for line in lines if "terms" in line]
    terms = {name: np.array([line["terms"][name] for line in lines], float)
             for name in lines[0]["terms"]}
    return Curves(np.array([line["step"] for line in lines]), terms)


def smooth(values: np.ndarray, width: int = 31) -> np.ndarray:
    """Moving average, over less at both ends."""
    width = min(width, len(values) | 1)
    kernel = np.ones(width)
    return (np.convolve(values, kernel, "same") /
            np.convolve(np.ones(len(values)), kernel, "same"))


# ---------------------------------------------------------------------------------------------
# the three parts

def draw_curves(figure: SubFigure, methods: Sequence[Trained]) -> None:
    """A panel for each term, a line for each method that has it."""
    figure.suptitle("Pre-training: terms of the objective by step", weight="bold")
    axes = figure.subplots(2, 4)
    for ax, (title, (names, is_mean)) in zip(axes.flat, PANELS.items()):
        for method in methods:
            present = [method.curves.terms[name] for name in names
                       if name in method.curves.terms]
            if present:
                values = np.mean(present, axis=0) if is_mean else np.sum(present, axis=0)
                values = 100 * values if "%" in title else values
                ax.plot(method.curves.steps, smooth(values), color=method.colour, lw=1.8,
                        label=method.title)
        ax.set_title(title)
        ax.margins(x=0.01)
        if min((line.get_ydata().min() for line in ax.lines), default=0) >= 0:
            ax.set_ylim(bottom=0)
    for ax in axes[1]:
        ax.set_xlabel("step")
    axes.flat[0].legend(frameon=False, fontsize=9.5)


def draw_shares(figure: SubFigure, methods: Sequence[Trained]) -> None:
    """For each method its codes, sorted by the image's share of their uses."""
    figure.suptitle(f"Codes used at least {OFTEN} times on held-out clips: each modality's share "
                    "of a code's uses", weight="bold")
    for i, (ax, method) in enumerate(zip(figure.subplots(1, len(methods), sharey=True,
                                                         squeeze=False)[0], methods)):
        usage = method.classified["usage"]
        image, speech = (np.array(usage[name], float) for name in ("image", "speech"))
        often = image + speech >= OFTEN
        share = np.sort((image / np.maximum(image + speech, 1))[often])[::-1]
        at = np.arange(len(share))
        ax.bar(at, 100 * share, 1.0, color=IMAGE, label="image")
        ax.bar(at, 100 * (1 - share), 1.0, 100 * share, color=SPEECH, label="speech")
        for bound in SHARED:
            ax.axhline(100 * bound, color="white", lw=1.2, ls=(0, (4, 3)))
        shared = np.mean((share >= SHARED[0]) & (share <= SHARED[1])) if len(share) else 0
        ax.set_title(f"{method.title}: {len(share)} codes, {100 * shared:.0f} % of them shared")
        ax.set_xlim(-0.5, max(len(share), 1) - 0.5)
        ax.set_ylim(0, 100)
        ax.set_xlabel("codes, sorted")
        ax.grid(False)
        if i == 0:
            ax.set_ylabel("share of uses, %")
            ax.legend(loc="lower left", framealpha=0.9, fontsize=9.5)


def draw_confusion(ax: Axes, method: Trained, direction: str, classes: Sequence[str]) -> None:
    """Rows are the truth, in % of its clips; small cells are left without a number."""
    counts = np.array(method.classified["confusion"][direction], float)
    part = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(part, cmap="Blues", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(part):
        if value >= 5:
            ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=8,
                    color="white" if value > 55 else "#1d3557")
    ticks = np.arange(len(classes))
    ax.set_xticks(ticks, classes, rotation=50, ha="right", rotation_mode="anchor", fontsize=9)
    ax.set_yticks(ticks, classes, fontsize=9)
    ax.tick_params(length=0)
    ax.grid(False)
    ax.spines[:].set_visible(False)
    source, target = direction.split(">")
    ax.set_title(f"{method.title}, {source} > {target}: "
                 f"{100 * method.classified['results'][direction]:.1f} % right")


def draw_confusions(figure: SubFigure, methods: Sequence[Trained],
                    classes: Sequence[str]) -> None:
    """Both transfers of the first two methods."""
    figure.suptitle("A head trained on one modality > tested on the other: truth (rows) and what "
                    "it is taken for, in % of the clips", weight="bold")
    axes = iter(figure.subplots(1, 4).flat)
    for method in methods[:2]:
        for direction in ("image>speech", "speech>image"):
            ax = next(axes)
            draw_confusion(ax, method, direction, classes)
            if not ax.get_subplotspec().is_first_col():
                ax.set_yticklabels([])


# ---------------------------------------------------------------------------------------------
# the sheet

def draw(out: Path, data: Path, seed: int, names: Iterable[str]) -> Path:
    """Draw out/figures.png of these methods' models of one seed, from out/models."""
    classes = json.loads((data / "meta.json").read_text())["classes"]
    models = out / "models"
    methods = [Trained(TITLES[name], COLOURS[name], read_curves(models / f"{name}-{seed}.jsonl"),
                       json.loads((models / f"{name}-{seed}.classify.json").read_text()))
               for name in names]
    with plt.rc_context(STYLE):
        sheet = plt.figure(figsize=(17, 15), layout="constrained")
        sheet.get_layout_engine().set(w_pad=0.09, h_pad=0.09)
        curves, shares, confusions = sheet.subfigures(3, 1, height_ratios=(5.7, 3.6, 5.25),
                                                      hspace=0.03)
        draw_curves(curves, methods)
        draw_shares(shares, methods)
        draw_confusions(confusions, methods, classes)
        path, part = out / "figures.png", out / "figures.part.png"
        sheet.savefig(part, dpi=110)
        part.replace(path)
        plt.close(sheet)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/demo"), metavar="DIR",
                        help="where run.py wrote models/ (%(default)s)")
    parser.add_argument("--data", type=Path, default=Path("build/demo/data"), metavar="DIR",
                        help="where the clips are (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="which seed's models (%(default)s)")
    args = parser.parse_args()
    print(draw(args.out, args.data, args.seed, TITLES))


if __name__ == "__main__":
    main()
