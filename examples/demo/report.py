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

TITLES = {"baseline": "baseline", "unicode": "Uni-Code", "unicode-no-club": "without CLUB",
          "recommended": "recommended"}
COLOURS = {"baseline": "#7d7d7d", "unicode": "#c0392b", "unicode-no-club": "#8e6bbf",
           "recommended": "#2a7f62"}
HUES = ("#3b76af", "#e8963c", "#5a9e6f")             # of the modalities
OFTEN, SHARED = 5, (0.2, 0.8)                        # as unic-eval counts shared codes

STYLE = {"font.size": 10, "axes.titlesize": 10.5, "axes.spines.top": False,
         "axes.spines.right": False, "axes.edgecolor": "#666666", "axes.grid": True,
         "grid.color": "#e4e4e4", "grid.linewidth": 0.8, "axes.axisbelow": True,
         "xtick.color": "#333333", "ytick.color": "#333333", "figure.facecolor": "white"}


class Curves(NamedTuple):
    """A training log: the step of each line and its terms."""

    steps: np.ndarray
    terms: dict[str, np.ndarray]


class Panel(NamedTuple):
    """A plot of the log: the sum of some terms, or their mean."""

    title: str
    terms: Sequence[str]
    is_mean: bool = False
    scale: float = 1


class Trained(NamedTuple):
    """What the sheet shows of a method."""

    title: str
    colour: str
    curves: Curves
    classified: dict[str, Any]                       # unic-eval's JSON

    @property
    def modalities(self) -> list[str]:
        """Their names, in the model's order."""
        return list(self.classified["usage"])


def read_curves(path: Path) -> Curves:
    """The lines of a .jsonl log that have a step's terms."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines = [line for line in lines if "figures" in line]
    terms = {name: np.array([line["figures"][name] for line in lines], float)
             for name in lines[0]["figures"]}
    return Curves(np.array([line["step"] for line in lines]), terms)


def smooth(values: np.ndarray, width: int = 31) -> np.ndarray:
    """Moving average, over less at both ends."""
    width = min(width, len(values) | 1)
    kernel = np.ones(width)
    return (np.convolve(values, kernel, "same") /
            np.convolve(np.ones(len(values)), kernel, "same"))


# ---------------------------------------------------------------------------------------------
# the three parts

def panels_of(modalities: Sequence[str]) -> list[Panel]:
    """What is plotted of a log."""
    def each(term: str) -> list[str]:
        return [f"{term}.{name}" for name in modalities]

    everywhere = "both" if len(modalities) == 2 else "all"
    return [*(Panel(f"reconstruction, {name}", [f"reconstruction.{name}"])
              for name in modalities),
            Panel("commitment", each("commitment")),
            Panel("CLUB, bound on I(z; zbar)", each("club")),
            Panel("Cross-CPC", ["cpc"]),
            Panel("code matching", ["code_match"]),
            Panel("masked contrast", ["masked"]),
            Panel(f"steps with the same code in {everywhere}, %", ["agreement"], scale=100),
            Panel("codes in use in a batch (perplexity)", each("perplexity"), is_mean=True)]


def draw_curves(figure: SubFigure, methods: Sequence[Trained]) -> None:
    """A panel for each term, a line for each method that has it."""
    figure.suptitle("Pre-training: terms of the objective by step", weight="bold")
    panels = panels_of(methods[0].modalities)
    axes = figure.subplots(2, (len(panels) + 1) // 2)
    for ax in axes.flat[len(panels):]:
        ax.set_axis_off()
    for ax, panel in zip(axes.flat, panels):
        for method in methods:
            present = [method.curves.terms[name] for name in panel.terms
                       if name in method.curves.terms]
            if present:
                values = np.mean(present, axis=0) if panel.is_mean else np.sum(present, axis=0)
                ax.plot(method.curves.steps, smooth(panel.scale * values), color=method.colour,
                        lw=1.8, label=method.title)
        ax.set_title(panel.title)
        ax.margins(x=0.01)
        if min((line.get_ydata().min() for line in ax.lines), default=0) >= 0:
            ax.set_ylim(bottom=0)
    for ax in axes[1]:
        ax.set_xlabel("step")
    axes.flat[0].legend(frameon=False, fontsize=9.5)


def is_shared(shares: np.ndarray) -> np.ndarray:
    """[modalities, codes] -> which codes every modality has its part of, as in unic-eval."""
    return ((shares >= SHARED[0]) & (shares <= SHARED[1])).all(axis=0)


def draw_shares(figure: SubFigure, methods: Sequence[Trained]) -> None:
    """For each method its codes, sorted by the first modality's share of their uses."""
    figure.suptitle(f"Codes used at least {OFTEN} times on held-out clips: each modality's share "
                    "of a code's uses", weight="bold")
    for i, (ax, method) in enumerate(zip(figure.subplots(1, len(methods), sharey=True,
                                                         squeeze=False)[0], methods)):
        usage = np.array([method.classified["usage"][name] for name in method.modalities], float)
        usage = usage[:, usage.sum(axis=0) >= OFTEN]
        shares = usage / usage.sum(axis=0)
        shares = shares[:, np.argsort(-shares[0], kind="stable")]
        at = np.arange(shares.shape[1])
        below = np.cumsum(shares, axis=0) - shares
        for name, hue, share, bottom in zip(method.modalities, HUES, shares, below):
            ax.bar(at, 100 * share, 1.0, 100 * bottom, color=hue, label=name)
        for bound in SHARED if len(shares) == 2 else ():     # of three, no line bounds a share
            ax.axhline(100 * bound, color="white", lw=1.2, ls=(0, (4, 3)))
        shared = np.mean(is_shared(shares)) if len(at) else 0
        ax.set_title(f"{method.title}: {len(at)} codes, {100 * shared:.0f} % of them shared")
        ax.set_xlim(-0.5, max(len(at), 1) - 0.5)
        ax.set_ylim(0, 100)
        ax.set_xlabel("codes, sorted")
        ax.grid(False)
        if i == 0:
            ax.set_ylabel("share of uses, %")
            ax.legend(loc="lower left", framealpha=0.9, fontsize=9.5)


def draw_confusion(ax: Axes, method: Trained, direction: str, classes: Sequence[str],
                   title_break: str) -> None:
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
    ax.set_title(f"{method.title}, {source} > {target}:{title_break}"
                 f"{100 * method.classified['results'][direction]:.1f} % right")


def draw_confusions(figure: SubFigure, methods: Sequence[Trained],
                    classes: Sequence[str]) -> None:
    """Every transfer of the first two methods: in one row, or with three modalities in two."""
    names = methods[0].modalities
    directions = [f"{a}>{b}" for a in names for b in names if a != b]
    other = "the other" if len(names) == 2 else "another"
    figure.suptitle(f"A head trained on one modality > tested on {other}: truth (rows) and what "
                    "it is taken for, in % of the clips", weight="bold")
    shown = [(method, direction) for method in methods[:2] for direction in directions]
    rows = confusion_rows(names)
    for ax, (method, direction) in zip(figure.subplots(rows, -(-len(shown) // rows),
                                                       squeeze=False).flat, shown):
        draw_confusion(ax, method, direction, classes, " " if rows == 1 else "\n")
        if not ax.get_subplotspec().is_first_col():
            ax.set_yticklabels([])
        if not ax.get_subplotspec().is_last_row():
            ax.set_xticklabels([])


def confusion_rows(modalities: Sequence[str]) -> int:
    return 1 if len(modalities) == 2 else 2


# ---------------------------------------------------------------------------------------------
# the sheet

def draw(out: Path, data: Path, seed: int, names: Iterable[str]) -> Path:
    """Draw out/figures.png of these methods' models of one seed, from out/models."""
    classes = json.loads((data / "meta.json").read_text())["classes"]
    models = out / "models"
    methods = [Trained(TITLES[name], COLOURS[name], read_curves(models / f"{name}-{seed}.jsonl"),
                       json.loads((models / f"{name}-{seed}.classify.json").read_text()))
               for name in names]
    heights = (5.7, 3.6, 5.25 if confusion_rows(methods[0].modalities) == 1 else 7.5)
    with plt.rc_context(STYLE):
        sheet = plt.figure(figsize=(17, 15 * sum(heights) / 14.55), layout="constrained")
        sheet.get_layout_engine().set(w_pad=0.09, h_pad=0.09)
        curves, shares, confusions = sheet.subfigures(3, 1, height_ratios=heights, hspace=0.03)
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
