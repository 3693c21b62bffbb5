#!/usr/bin/env python3
"""How much of the library the tests run: `make coverage` runs them in a build that counts, then this.

    coverage.py BUILD

gcovr reads the counts. A line or a branch counts as run if any copy of it was. The table names each file
that is below a goal; every function that was never run is named, too. Ends with status 1 if a goal of
docs/reliability.md is missed.
"""

from __future__ import annotations

import collections
import json
import re
import subprocess
import sys
from pathlib import Path

GOAL_LINES, GOAL_BRANCHES, GOAL_FILE = 99.0, 95.0, 92.0

# Branches that no input can take, by kind; lines are counted in these files as in all others.
UNREACHABLE = {
    "lib/kernel/tile_rows.h": "loops over a tile's rows, unrolled for each number of rows",
    "lib/kernel/winograd_rows.h": "loops over a tile, unrolled for each instruction set",
}

# What a branch that was never taken is about, told by its line; the first that fits.
KINDS = [
    ("memory that is not there", r"no_memory|alloc|NOMEM|strdup|!grown|!copy|!stem\b|!path\b|out of memory"),
    ("sizes that no memory or file has", r"(mul|add)_size|mul_overflow|INT(32|64)?_MAX|U?SIZE_MAX|PTRDIFF_MAX|LARGEST|MOST_|_VALUES\b"),
    ("failures of FFmpeg, oneDNN and zlib", r"\bcode [<>]=? |\bmade\b|dnnl|\bgot [<>]|swr_|sws_|deflate|inflate|\bav_"),
    ("kernels of other processors", r"cpu_supports|cpuid|YES|f16c|avx"),
    ("values that an enum has not", r"switch \("),
    ("gradients that nobody wants", r"->dx\b|->dw\b|grads"),
    ("texts that cannot be printed", r"\bn >= 0|\bn > 0|\bn < 0|strerror_r"),
    ("a failure before the present step", r"status [=!]= UNIC_OK|->failed|wrong\b"),
    ("a loop that ends by its other condition", r"^(for|while|\} while)\b"),
]


def kind_of(text: str, untaken: int, branches: int) -> str:
    """The kind of a line's branches, of which so many were never taken."""
    for kind, pattern in KINDS:
        if re.search(pattern, text):
            return kind
    return "one of several conditions in a line" if untaken < branches > 2 else "the one side of a condition"


class Count:
    """How many of how many were run."""

    def __init__(self) -> None:
        self.run = self.all = 0

    def add(self, run: int, of: int) -> None:
        self.run += run
        self.all += of

    @property
    def percent(self) -> float:
        return 100.0 * self.run / self.all if self.all else 100.0

    def __str__(self) -> str:
        return f"{self.percent:6.2f} % of {self.all:6,}"


def collect(build: Path) -> dict:
    """The counts of every file of lib/, copies of one line added up."""
    report = build / "coverage.json"
    # A process that a test kills may leave a count that cannot be: gcovr says so, and leaves that line out.
    subprocess.run(["gcovr", "--root", ".", "--object-directory", str(build / "obj"), "--filter", "lib/",
                    "--exclude-unreachable-branches", "--gcov-ignore-parse-errors", "--json", str(report),
                    str(build / "obj" / "lib")], check=True)
    return json.loads(report.read_text())


def is_internal_failure(text: str) -> bool:
    """Whether a line only hands on the failure of another call."""
    return "UNIC__TRY" in text


def main(build: Path) -> int:
    lines, branches, handed = Count(), Count(), Count()
    below, never, missing, untaken = [], [], [], []
    kinds: collections.Counter[str] = collections.Counter()
    for file in collect(build)["files"]:
        name = file["file"]
        source = Path(name).read_text().splitlines()
        own_lines, own_branches = Count(), Count()
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            own_lines.add(line["count"] > 0, 1)
            if not line["count"]:
                missing.append(f"{name}:{line['line_number']}: {source[line['line_number'] - 1].strip()}")
            if name in UNREACHABLE:
                continue
            text = source[line["line_number"] - 1].strip()
            taken, of = sum(branch["count"] > 0 for branch in line["branches"]), len(line["branches"])
            if is_internal_failure(text):
                handed.add(taken, of)
                continue
            own_branches.add(taken, of)
            if taken < of:
                kinds[kind_of(text, of - taken, of)] += of - taken
                untaken.append(f"{name}:{line['line_number']}: {of - taken} of {of}: {text}")
        lines.add(own_lines.run, own_lines.all)
        branches.add(own_branches.run, own_branches.all)
        if own_lines.percent < GOAL_FILE:
            below.append(f"  {name:<36} lines {own_lines}, branches {own_branches}")
        never += [f"{name}: {f['name']}" for f in file.get("functions", []) if not f["execution_count"]]
    (build / "coverage-missing.txt").write_text("\n".join(missing) + "\n")
    (build / "coverage-branches.txt").write_text("\n".join(untaken) + "\n")

    print(f"lines                                  {lines}   (goal {GOAL_LINES} %)")
    print(f"branches                               {branches}   (goal {GOAL_BRANCHES} %)")
    print(f"calls whose failure is handed on       {handed}   (both ways; swept by make faults)")
    print(f"files below {GOAL_FILE} % of their lines: {len(below)}", *below, sep="\n")
    print(f"functions never run: {len(never)}", *(f"  {f}" for f in never), sep="\n")
    print("branches never taken, by what their lines are about:", *(f"  {n:4}  {kind}" for kind, n in kinds.most_common()), sep="\n")
    print(f"lines never run, branches never taken: {build}/coverage-missing.txt, coverage-branches.txt")
    for name, why in UNREACHABLE.items():
        print(f"branches not counted: {name}: {why}")
    return int(lines.percent < GOAL_LINES or branches.percent < GOAL_BRANCHES or bool(below) or bool(never))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
