"""The table as Markdown, and the curve of codebook sizes as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Optional

import matplotlib

matplotlib.use("Agg")                                # files only: there may be no display

import matplotlib.pyplot as plt  # noqa: E402

import rows  # noqa: E402

PICTURE = "codes.png"


class Column(NamedTuple):
    """A column: its title, a key of a run's scores, and of which direction (None: the score is one number)."""

    title: str
    key: str
    direction: Optional[str]
    scale: float = 100.0
    digits: int = 1


SHARED = Column("shared", "shared", None)
COLUMNS = (
    Column("I>S", "acc", "image>speech"),
    Column("S>I", "acc", "speech>image"),
    Column("soft I>S", "soft", "image>speech"),
    Column("soft S>I", "soft", "speech>image"),
    Column("loc. I>S", "loc", "image>speech"),
    Column("loc. S>I", "loc", "speech>image"),
    Column("other engine I>S", "other", "image>speech"),
    Column("unaligned I>S", "unaligned", "image>speech"),
    Column("unaligned S>I", "unaligned", "speech>image"),
    SHARED,
    Column("unaligned, best threshold I>S", "best", "image>speech"),
    Column("unaligned, best threshold S>I", "best", "speech>image"),
    Column("perplexity", "perplexity", None, 1.0, 0),
    Column("s", "total_s", None, 1.0, 0),
)
PAPER = ("AVE V>A", "AVE A>V", "AVVP V>A", "AVVP A>V")


def number(scores: dict[str, Any], column: Column) -> Optional[float]:
    """A column's number, or None where the data has no such score."""
    value = scores.get(column.key)
    if column.direction and value is not None:
        value = value.get(column.direction)
    return None if value is None else column.scale * value


def cell(row: dict[str, Any], column: Column) -> str:
    """Mean and, with several seeds, the deviation."""
    mean, deviation = (number(row[name], column) for name in ("mean", "deviation"))
    if mean is None:
        return ""
    text = f"{mean:.{column.digits}f}"
    return text if len(row["runs"]) < 2 else f"{text} ± {deviation:.{column.digits}f}"


def in_short(scores: dict[str, Any]) -> str:
    """A run's scores for a line of progress."""
    found = ((column, number(scores, column)) for column in COLUMNS[:6])
    return ", ".join(f"{column.title} {value:.1f}" for column, value in found if value is not None)


def tables(results: dict[str, Any]) -> str:
    """A table for each group of rows."""
    there = results["rows"]
    columns = [c for c in COLUMNS if any(number(row["mean"], c) is not None for row in there.values())]
    text = []
    for group in dict.fromkeys(row.group for row in rows.ROWS if row.name in there):
        its = [row for row in rows.ROWS if row.group == group and row.name in there]
        paper = PAPER if any(row.paper for row in its) else ()
        head = [group, "seeds", *(c.title for c in columns), *paper]
        text += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        for row in its:
            cells = [row.title, str(len(there[row.name]["runs"])), *(cell(there[row.name], c) for c in columns),
                     *(f"{x:.1f}" for x in (row.paper or ())), *[""] * (0 if row.paper else len(paper))]
            text.append("| " + " | ".join(cells) + " |")
        text.append("")
    if "note" in results:
        text += [f"({results['note']})", ""]
    return "\n".join(text)


def draw(path: Path, results: dict[str, Any]) -> None:
    """The scores by the size of the codebook, if there are rows of at least two sizes."""
    sizes = {rows.STANDARD_CODES if name == "unicode" else int(name.split("-")[1]): row
             for name, row in results["rows"].items() if name == "unicode" or name.startswith("codes-")}
    if len(sizes) < 2:
        return
    figure, axes = plt.subplots(figsize=(8, 4.2))
    for column in COLUMNS[:COLUMNS.index(SHARED) + 1]:
        points = [(n, number(sizes[n]["mean"], column), number(sizes[n]["deviation"], column)) for n in sorted(sizes)]
        if all(point[1] is not None for point in points):
            axes.errorbar(*zip(*points), label=column.title, marker="o", markersize=3, capsize=2, lw=1.4)
    axes.set(xscale="log", xlabel="codes", ylabel="%", ylim=(0, 101))
    axes.set_xticks(sorted(sizes), [str(n) for n in sorted(sizes)])
    axes.minorticks_off()
    axes.grid(color="#e4e4e4")
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))     # beside the curves, not on them
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def write(out: Path, results: dict[str, Any]) -> None:
    """table.md, and the picture beside it."""
    (out / "table.md").write_text(tables(results))
    draw(out / PICTURE, results)
