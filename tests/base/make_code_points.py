#!/usr/bin/env python3
"""Writes lib/base/code_point_tables.h: what WordPiece asks of a code point, of Python's unicodedata.

  make_code_points.py         writes the table
  make_code_points.py check   compares it with the committed one; exits 77 if this Python has other Unicode data

Two tables. `unic__point_runs`: where a run of code points of one class begins, as first << 8 | class. `unic__fold_table`:
what becomes of a code point in lower case (all of Unicode's mappings), decomposed (NFD), without its marks (Mn); those of
which more than one is left are in `unic__point_expansions`. Hangul syllables are decomposed by arithmetic instead.
"""
from __future__ import annotations

import pathlib
import sys
import unicodedata

TABLE = pathlib.Path(__file__).resolve().parents[2] / "lib/base/code_point_tables.h"
UNICODE = "14.0.0"  # of Python 3.11
CONTROL, SPACE, PUNCTUATION, MARK, IDEOGRAPH, CASED, IGNORABLE = 1, 2, 3, 4, 5, 8, 16  # as lib/base/code_points.h has them
# What BERT's tokenizer takes for Chinese characters: blocks, whatever is assigned in them.
IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
              (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0x2F800, 0x2FA1F))
HANGUL = range(0xAC00, 0xD7A4)
SIGMA, FINAL_SIGMA = "\u03A3", "\u03C2"


def kind_of(point: int) -> int:
    category = unicodedata.category(chr(point))
    if chr(point) in " \t\n\r" or category in ("Zs", "Zl", "Zp"):
        return SPACE
    if point == 0xFFFD or category[0] == "C":
        return CONTROL
    if any(first <= point <= last for first, last in IDEOGRAPHS):
        return IDEOGRAPH
    if category[0] == "P" or (0x21 <= point <= 0x7E and not chr(point).isalnum()):
        return PUNCTUATION
    return MARK if category == "Mn" else 0


def class_of(point: int) -> int:
    """The kind, and how Python's str.lower() takes it before and behind a capital sigma."""
    if 0xD800 <= point < 0xE000:
        return CONTROL
    cased = (chr(point) + SIGMA).lower().endswith(FINAL_SIGMA)
    passed_over = ("A" + chr(point) + SIGMA).lower().endswith(FINAL_SIGMA) and not cased
    return kind_of(point) | CASED * cased | IGNORABLE * passed_over


def folded(point: int) -> str:
    decomposed = unicodedata.normalize("NFD", chr(point).lower())
    return "".join(c for c in decomposed if unicodedata.category(c) != "Mn")


def lines_of(entries: list[str], width: int = 96) -> str:
    lines, line = [], "   "
    for entry in entries:
        if len(line) + len(entry) + 2 > width:
            lines.append(line)
            line = "   "
        line += f" {entry},"
    return "\n".join([*lines, line])


def table() -> str:
    runs, previous = [], None
    folds, expansions = [], []
    for point in range(0x110000):
        kind = class_of(point)
        if kind != previous:
            runs.append(f"0x{point << 8 | kind:X}")
            previous = kind
        if 0xD800 <= point < 0xE000 or point in HANGUL:
            continue
        to = folded(point)
        assert all(kind_of(ord(c)) == 0 for c in to if len(to) > 1)  # the reader need not look at each
        if len(to) > 1:
            expansions.append("{0x%X, {%s}}" % (point, ", ".join(f"0x{ord(c):X}" for c in to)))
        elif to and to != chr(point):
            folds.append(f"{{0x{point:X}, 0x{ord(to):X}}}")
    return f"""/* Written by tests/base/make_code_points.py from the data of Unicode {UNICODE}. */
/* clang-format off */

static const uint32_t unic__point_runs[] = {{
{lines_of(runs)}
}};

static const unic__fold unic__fold_table[] = {{
{lines_of(folds)}
}};

static const unic__expansion unic__point_expansions[] = {{
{lines_of(expansions)}
}};
"""


def main() -> int:
    if unicodedata.unidata_version != UNICODE:
        print(f"skipped: the table is of Unicode {UNICODE}, this Python has {unicodedata.unidata_version}")
        return 77
    if sys.argv[1:] != ["check"]:
        TABLE.write_text(table())
    elif TABLE.read_text() != table():
        print(f"{TABLE} is not what {pathlib.Path(__file__).name} writes: run it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
