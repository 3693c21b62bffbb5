#!/usr/bin/env python3
"""The naming rules of docs/design.md, as far as a program can see them."""
from __future__ import annotations

import pathlib
import re
import sys
from collections import defaultdict
from typing import Dict, Iterator, List, Set, Tuple

import headers
from headers import Callback, Declaration, Type, Variable

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = re.compile(r"\b(?:unic|UNIC)_\w+")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
# Arrays that a call fills, beside those of numbers: strings.
FILLED = {"float", "double", "char", "int32_t", "int64_t", "uint8_t", "size_t"}


def is_pointer(variable: Variable) -> bool:
    return isinstance(variable.type, Type) and bool(variable.type.pointers)


def is_single(function: Declaration, variable: Variable, structs: Set[str]) -> bool:
    """A new handle, a pointer that is set, a filled struct, or one number."""
    kind = variable.type
    if not isinstance(kind, Type) or not kind.pointers or variable.name.startswith("user"):
        return False
    if kind.pointers == 2:      # const char *const *paths are read: their names are plural
        return not variable.name.endswith("s") or variable.name in ("lengths", "class")
    if kind.base == "size_t" and variable.name.endswith("s"):       # size_t *channels
        return False
    return not kind.constant and (kind.base in structs or kind.base == "size_t" or
                                  variable.name in ("loss", "perplexity", "time"))


def order_of(function: Declaration, structs: Set[str], opaque: Set[str]) -> Iterator[str]:
    """Single results, then inputs, then arrays that are filled."""
    stage, reached = 0, ""
    for variable in function.members:
        kind = variable.type
        if isinstance(kind, Callback) or not is_pointer(variable):
            place = 2 if stage == 2 and variable.name == "size" else 1      # char *text, size_t size
        elif is_single(function, variable, structs):
            place = 0
        elif kind.base in FILLED and kind.pointers == 1 and not kind.constant and kind.base not in opaque:
            place = 2
        else:
            place = 1
        if place < stage:
            yield f"{function.name}: {variable.name} stands behind {reached}"
        stage, reached = max(stage, place), variable.name


def check_order() -> Iterator[str]:
    core = headers.read()
    for interface in (core, *(headers.read(library=library) for library in headers.BESIDE.values())):
        structs, opaque = ({d.name for d in [*core.all(kind), *interface.all(kind)]} for kind in ("struct", "opaque"))
        for function in interface.all("function"):
            yield from order_of(function, structs, opaque)


def check_counts() -> Iterator[str]:
    """A function of a handle alone that gives a size_t tells a number of things, or a size with a word of its own."""
    sizes = {"dim", "length"}
    for function in headers.read().all("function"):
        if function.result.base in ("size_t", "uint64_t") and not function.result.pointers:
            word = function.name.rsplit("_", 1)[1]
            if word not in sizes | {"count", "fingerprint"}:
                yield f"{function.name}: a number of things ends in _count"
    for struct in headers.read().all("struct"):
        for member in struct.members:
            if member.name.startswith("n_") or member.name.startswith("num_"):
                yield f"{struct.name}.{member.name}: a number of things ends in _count"


def sources() -> Iterator[Tuple[pathlib.Path, str]]:
    for folder in ("include", "lib", "examples", "tests"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield path, COMMENT.sub(" ", path.read_text())


def check_identifiers() -> Iterator[str]:
    names: Dict[str, Set[str]] = defaultdict(set)
    macros, stems = set(), defaultdict(set)
    for path, text in sources():
        where = str(path.relative_to(ROOT))
        if re.search(r"\b\w*quantis\w*", re.sub(r'"(?:[^"\\\n]|\\.)*"', '""', text), re.I):
            yield f"{where}: \"quantized\" in every identifier"
        if where.startswith(("lib/", "include/")):
            for name in NAME.findall(text):
                names[name].add(where)
            macros |= set(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(UNIC_\w+)", text, re.M))
            stems[path.stem].add(where)
    for name in sorted(names):
        if name + "s" in names and name.islower():
            yield f"{name} and {name}s differ by an s ({', '.join(sorted(names[name + 's']))})"
    for name in sorted(macros):
        if name.lower() in names:
            yield f"the macro {name} and {name.lower()} differ by case only"
    for stem in sorted(stems):
        if stem + "s" in stems:
            yield f"the files {', '.join(sorted(stems[stem] | stems[stem + 's']))} differ by an s"


def main() -> int:
    wrong: List[str] = [*check_order(), *check_counts(), *check_identifiers()]
    for line in wrong:
        print(line)
    print(f"names: {len(wrong)} against the rules of docs/design.md")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
