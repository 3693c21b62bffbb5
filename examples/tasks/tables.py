"""The tables: baseline beside Uni-Code, and how far one is ahead of the other."""

from __future__ import annotations

import statistics
from typing import Any, NamedTuple, Sequence

METHODS = ("baseline", "unicode")
TITLES = {"baseline": "baseline", "unicode": "Uni-Code"}


class Column(NamedTuple):
    """A task's score, for both methods."""

    task: str
    metric: str
    title: str
    scale: float = 100               # of a fraction, to %
    is_rank: bool = False            # the smaller, the better


class Table(NamedTuple):
    """A counterpart of one of the paper's tables."""

    number: int
    title: str
    modalities: int                  # of the models it is about
    columns: Sequence[Column]


TABLES = (
    Table(1, "two modalities: AVE and AVVP", 2,
          (Column("classify", "accuracy", "clips classified"),
           Column("localise", "f1", "steps localised, F1"))),
    Table(3, "three modalities: AVE, AVVP, AVE > AVVP, UCF <> VGGSound", 3,
          (Column("classify", "accuracy", "clips classified"),
           Column("localise", "f1", "steps localised, F1"),
           Column("cross_localise", "f1", "theirs: steps, F1"),
           Column("cross_classify", "accuracy", "theirs: clips"))),
    Table(4, "the garment that is named, segmented: AVS-S4", 3,
          (Column("segment", "miou", "mIoU"), Column("segment", "f_beta", "F-score"))),
    Table(5, "test clips found by themselves in another modality", 3,
          (Column("retrieve", "R@1", "R@1"), Column("retrieve", "R@5", "R@5"),
           Column("retrieve", "R@10", "R@10"),
           Column("retrieve", "median_rank", "median rank", 1, True))),
)

Run = dict[str, Any]                 # an entry of results.json


class Lead(NamedTuple):
    """How far Uni-Code is ahead of the baseline: in % or, of ranks, in places."""

    table: int
    column: Column
    direction: str
    margin: float                    # of the means over the seeds
    spread: float | None             # the sum of both deviations over the seeds; one seed: None

    @property
    def holds(self) -> bool:
        """Ahead, by more than the spread."""
        return self.margin > (self.spread or 0)


def values(runs: Sequence[Run], table: Table, column: Column, method: str,
           direction: str) -> list[float]:
    """A score of each seed, as it is printed."""
    return [column.scale * run[column.task][direction][column.metric] for run in runs
            if run["method"] == method and len(run["modalities"]) == table.modalities]


def directions(runs: Sequence[Run], table: Table, column: Column) -> list[str]:
    """"image>speech" and so on; first those where what is tested was not trained on."""
    run = next(run for run in runs if len(run["modalities"]) == table.modalities)
    return sorted(run[column.task], key=is_same)


def is_same(direction: str) -> bool:
    """Whether it is tested on the modality it was trained on."""
    source, target = direction.split(">")
    return source == target


def transfers(runs: Sequence[Run], table: Table, column: Column) -> list[str]:
    """The directions to a modality that was not trained on."""
    return [name for name in directions(runs, table, column) if not is_same(name)]


def in_words(direction: str) -> str:
    """As it is printed."""
    return direction.replace(">", " > ")


def lead(runs: Sequence[Run], table: Table, column: Column, direction: str) -> Lead:
    """Of one transfer."""
    base, ours = (values(runs, table, column, method, direction) for method in METHODS)
    margin = statistics.mean(ours) - statistics.mean(base)
    spread = statistics.stdev(base) + statistics.stdev(ours) if len(base) > 1 else None
    return Lead(table.number, column, direction, -margin if column.is_rank else margin, spread)


def leads(runs: Sequence[Run]) -> list[Lead]:
    """Of every transfer in every table."""
    return [lead(runs, table, column, direction) for table in TABLES for column in table.columns
            for direction in transfers(runs, table, column)]


def cell(scores: Sequence[float]) -> str:
    """Mean, and with several seeds the standard deviation."""
    text = f"{statistics.mean(scores):.1f}"
    return text + (f" +-{statistics.stdev(scores):.1f}" if len(scores) > 1 else "")


def print_table(table: Table, runs: Sequence[Run], floors: dict[str, dict[str, float]]) -> None:
    """A row a direction; for each column the baseline and Uni-Code."""
    width = 13 if any(run["seed"] != runs[0]["seed"] for run in runs) else 11

    def row(name: str, cells: Sequence[str], size: int = width) -> None:
        print(f"  {name:18}" + "".join(f"{text:>{size}}" for text in cells))

    print(f"\nTable {table.number}: {table.title}\n")
    row("", [column.title for column in table.columns], 2 * width)
    row("trained > tested" if table.number != 5 else "query > gallery",
        [TITLES[method] for _ in table.columns for method in METHODS])
    names = directions(runs, table, table.columns[0])
    for i, direction in enumerate(names):
        if i and is_same(direction) and not is_same(names[i - 1]):
            print("  the same modality, for comparison:")
        row(in_words(direction),
            [cell(values(runs, table, column, method, direction))
             for column in table.columns for method in METHODS])
    row("without codes", [f"{column.scale * floors[column.task][column.metric]:.1f}"
                          for column in table.columns], 2 * width)


def print_references(table: Table, found: Sequence[dict[str, dict[str, float]]]) -> None:
    """The same task without codes, of each seed: a row for what asked."""
    print("  without a model, trained and tested with the same:")
    for name in found[0]:
        print(f"  {name:18}" + "".join(f"{cell([column.scale * of[name][column.metric] for of in found]):>22}"
                                       for column in table.columns))


def print_leads(found: Sequence[Lead], seeds: int) -> None:
    """For each column, in how many directions Uni-Code is ahead, and where by least."""
    print("\nUni-Code ahead of the baseline in transfer directions"
          + (", by more than the sum of both deviations" if seeds > 1 else "") + "\n")
    columns: dict[tuple[int, Column], list[Lead]] = {}
    for its in found:
        columns.setdefault((its.table, its.column), []).append(its)
    for (number, column), of_column in columns.items():
        least = min(of_column, key=lambda its: its.margin - (its.spread or 0))
        spread = "" if least.spread is None else f" +-{least.spread:.1f}"
        print(f"  table {number}  {column.title:20} "
              f"{sum(its.holds for its in of_column)} of {len(of_column)}   least: "
              f"{least.margin:.1f}{spread} in {in_words(least.direction)}")
