"""The figure sheet: masks asked for by another modality than the trained one, and bars."""

from __future__ import annotations

import statistics
import textwrap
from pathlib import Path
from typing import Any, Sequence

import report                        # the demo's; it chooses matplotlib's backend for files
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

import tables
from evaluate import Asked, Files, canvases

SHOWN = 6                            # scenes of each direction: the first of the test's
TINT, STRENGTH = (0.91, 0.30, 0.24), 0.65
PANELS = ((1, "classify"), (1, "localise"), (4, "segment"), (5, "retrieve"),
          (3, "classify"), (3, "localise"), (3, "cross_localise"), (3, "cross_classify"))
BAR_METRICS = {"retrieve": "R@10"}   # of the tasks with several columns, else the first one

Floors = dict[str, dict[str, float]]


def tinted(frame: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A grey frame [H,W] as RGB, coloured where the mask is."""
    picture = np.repeat(0.8 * frame[..., None], 3, axis=2)
    picture[mask] = (1 - STRENGTH) * picture[mask] + STRENGTH * np.array(TINT)
    return picture


def draw_masks(figure: SubFigure, files: Files, direction: str, first: int,
               seen: dict[str, dict[str, Asked]]) -> None:
    """A column a scene: the image under its query, the true mask, each method's mask."""
    source, target = direction.split(">")
    figure.suptitle(f"Trained with {source}, asked by {target}", weight="bold")
    scenes, meta = canvases(files.tasks / "scenes-test.npz"), files.meta()
    axes = figure.subplots(2 + len(tables.METHODS), SHOWN)
    for column, i in enumerate(range(first, first + SHOWN)):
        frame, asked = scenes.frames[i, 0, :, :, 0], scenes.classes[i, 0]
        clip = seen[tables.METHODS[0]][direction].clips[i]
        masks = [scenes.owner[i, 0] == asked,
                 *(seen[method][direction].logits[i, 0] > 0 for method in tables.METHODS)]
        for ax, mask in zip(axes[:, column], [np.zeros_like(masks[0]), *masks]):
            ax.imshow(tinted(frame, mask), vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(False)
            ax.spines[:].set_visible(False)
        axes[0, column].set_title(query(target, meta, asked, clip), fontsize=8)
    for ax, name in zip(axes[:, 0], ["image", "true mask", *(tables.TITLES[method]
                                                           for method in tables.METHODS)]):
        ax.set_ylabel(name, fontsize=10)


def query(modality: str, meta: dict[str, Any], asked: int, clip: int) -> str:
    """What a clip says: the sentence, or of a sound the word."""
    said = meta["sentences"][clip] if modality == "text" else meta["classes"][asked]
    return textwrap.fill(said if modality == "text" else f"(spoken) {said}", 21)


def draw_bars(ax: Axes, table: tables.Table, column: tables.Column,
              runs: Sequence[tables.Run], floors: Floors) -> None:
    """Both methods in each transfer; a whisker is a standard deviation over the seeds."""
    names = tables.transfers(runs, table, column)
    for k, method in enumerate(tables.METHODS):
        scores = [tables.values(runs, table, column, method, name) for name in names]
        errors = [statistics.stdev(its) if len(its) > 1 else 0 for its in scores]
        ax.bar(np.arange(len(names)) + 0.4 * k - 0.2, [statistics.mean(its) for its in scores],
               0.38, yerr=errors if any(errors) else None, capsize=2,
               color=report.COLOURS[method], label=tables.TITLES[method])
    ax.axhline(column.scale * floors[column.task][column.metric], color="#222222", lw=1,
               ls=(0, (4, 3)), label="without codes")
    ax.set_xticks(np.arange(len(names)), [tables.in_words(name) for name in names],
                  rotation=30, ha="right", rotation_mode="anchor", fontsize=8.5)
    ax.set_ylim(0, 100)
    ax.grid(axis="x", visible=False)
    ax.set_title(f"Table {table.number}: {column.title}, %")


def draw(out: Path, files: Files, runs: Sequence[tables.Run], floors: Floors,
         seen: dict[str, dict[str, Asked]]) -> Path:
    """Draw out/figures.png."""
    numbered = {table.number: table for table in tables.TABLES}
    with plt.rc_context(report.STYLE):
        sheet = plt.figure(figsize=(17, 13.5), layout="constrained")
        top, bottom = sheet.subfigures(2, 1, height_ratios=(6.3, 7), hspace=0.03)
        left, right = top.subfigures(1, 2)
        draw_masks(left, files, "speech>text", 0, seen)
        draw_masks(right, files, "text>speech", SHOWN, seen)
        bottom.suptitle("Trained on one modality > used with another", weight="bold")
        axes = bottom.subplots(2, len(PANELS) // 2)
        for ax, (number, task) in zip(axes.flat, PANELS):
            table = numbered[number]
            column = next(column for column in table.columns if column.task == task and
                          column.metric == BAR_METRICS.get(task, column.metric))
            draw_bars(ax, table, column, runs, floors)
        axes.flat[3].legend(frameon=False)                   # retrieval leaves room for it
        path, part = out / "figures.png", out / "figures.part.png"
        sheet.savefig(part, dpi=110)
        part.replace(path)
        plt.close(sheet)
    return path
