#!/usr/bin/env python3
"""docs/messages.md: every error message, as the tests provoke it.

    messages.py write NOTES     of what `make messages` noted (recorder/recorder.c, noting.py)
    messages.py write           what is on the page alone, in order: after a merge that kept the lines of both sides
    messages.py check           that the page has the messages that lib/ has now

The page has one example of each format, the shortest one of those that name their call; it stays from one writing to
the next as long as the tests still provoke it. Checking needs no tests: each format must have an example that it can
have made, and each example a format.
"""

from __future__ import annotations

import argparse
import ast
import json
import pathlib
import re
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
NO_MEMORY = "out of memory (%zu bytes for %s)"
AGAIN = "run `make messages`, or the tests of them alone: `make messages ONLY='api/check_x tests/api/test_x.py'`"

# What has messages, in the page's order. The binding's own and the programs' are not the library's.
PYTHON, PROGRAMS = "bindings/python", "examples/programs"
AREAS = {
    "lib/api": "What a call is given", "lib/array": "Arrays, npy and npz", "lib/base": "Memory, texts, threads",
    "lib/cmg": "Checkpoints of CMG", "lib/config": "Settings", "lib/data": "Datasets",
    "lib/extract": "Features of sound and of words", "lib/file": "Files and archives", "lib/graph": "Graphs", "lib/kernel": "Kernels", "lib/loss": "The objective",
    "lib/model": "Models, encoders, codebooks", "lib/op": "Operators",
    "lib/task": "Heads, indexes, retrievers, segmenters", "lib/torch": "Checkpoints of PyTorch",
    "lib/train": "Training", PYTHON: "Said by the Python binding itself",
    PROGRAMS: "Said by the programs themselves",
}


class Format(NamedTuple):
    """A format string, where it is, and the status that it is given with ("" if a variable)."""

    text: str
    area: str
    status: str


# ---- the sources ----

def arguments(text: str, at: int) -> List[str]:
    """A call's arguments, from behind its parenthesis."""
    depth, start, found = 0, at, []
    while True:
        c = text[at]
        if c in "\"'":
            at += 1
            while text[at] != c:
                at += 2 if text[at] == "\\" else 1
        elif c in "([{":
            depth += 1
        elif c in ")]}" and depth:
            depth -= 1
        elif c == ")":
            return [*found, text[start:at]]
        elif c == "," and not depth:
            found.append(text[start:at])
            start = at + 1
        at += 1


def literal(expression: str, macros: Dict[str, str]) -> Optional[str]:
    """The value of string literals and of macros that are such; None for all else."""
    parts = re.findall(r'"((?:\\.|[^"\\])*)"|(\w+)|(\S)', expression)
    if any(other or (name and name not in macros) for _, name, other in parts):
        return None
    text = "".join(macros[name] if name else string for string, name, _ in parts)
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), text)


def has_words(form: str) -> bool:
    """Whether a format says anything, rather than joins what others say."""
    return bool(re.search(r"[a-z]{3}", re.sub(r"%[-.*0-9hlz]*[a-zA-Z]", "", form)))


def c_formats(root: pathlib.Path) -> Iterator[Format]:
    """Those of unic__fail() in lib/, and of cli_fail() in the programs."""
    paths = sorted([*root.glob("lib/*/*.[ch]"), *root.glob(f"{PROGRAMS}/**/*.[ch]")])
    sources = {path: re.sub(r"/\*.*?\*/", " ", path.read_text(), flags=re.S).replace("\\\n", " \n") for path in paths}
    macros = {name: value for text in sources.values()
              for name, value in re.findall(r'^#define (\w+)\s+"((?:\\.|[^"\\\n])*)"$', text, re.M)}
    for path, text in sources.items():
        area = path.relative_to(root).parent.as_posix() if path.is_relative_to(root / "lib") else PROGRAMS
        for call in re.finditer(r"\b(unic__|cli_)fail\(", text):
            given = [argument.strip() for argument in arguments(text, call.end())]
            if given in (["..."], ["__VA_ARGS__"]):     # the macro itself
                continue
            status = "Programs" if call[1] == "cli_" else given.pop(0)
            form = literal(given[0], macros)
            if form is not None:
                yield Format(form, area, "" if status[:1].islower() or "?" in status else status)


def python_formats(root: pathlib.Path) -> Iterator[Format]:
    """Those of the binding's exceptions, with %s for what an f-string puts in."""
    package = root / PYTHON / "libunicode"
    errors = (package / "_errors.py").read_text() if package.is_dir() else ""
    statuses_of = dict(re.findall(r"^class (\w+)\(Error.*?status = _declarations\.(E_\w+)", errors, re.M | re.S))

    def escaped(text: str) -> str:
        return plain(text).replace("%", "%%")

    def texts(node: ast.expr) -> Iterator[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield escaped(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield "".join(escaped(part.value) if isinstance(part, ast.Constant) else "%s" for part in node.values)
        elif isinstance(node, ast.IfExp):
            yield from texts(node.body)
            yield from texts(node.orelse)

    for path in sorted(package.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            for text in texts(node.args[0]) if name in statuses_of and node.args else ():
                yield Format(text, PYTHON, f"UNIC_{statuses_of[name]}")


def formats(root: pathlib.Path = ROOT) -> List[Format]:
    """All formats of messages, once for each area and status."""
    found = {form for form in [*c_formats(root), *python_formats(root)] if has_words(form.text)}
    return sorted({*found, Format(NO_MEMORY, "lib/base", "UNIC_E_NOMEM")})


DIRECTIVES = {"s": ".*", "c": ".", "%": "%", "p": "0x[0-9a-f]+", "x": "[0-9a-f]+", "X": "[0-9A-F]+"}


def pattern(form: str, lead: str = r"(?:.*: )?") -> "re.Pattern[str]":
    """What a format can have made, with `lead` before it."""
    def part(piece: str) -> str:
        if not piece.startswith("%"):
            return re.escape(piece)
        return DIRECTIVES.get(piece[-1], r"-?\d+" if piece[-1] in "diu" else r"[-+.\deinfa]+")

    pieces = re.findall(r"%[-+ #.*0-9hlzjt]*[a-zA-Z%]|[^%]+", form)
    return re.compile(lead + "".join(map(part, pieces)), re.S)


# ---- the notes ----

class Note(NamedTuple):
    status: str
    format: str
    message: str


def call_of(message: str) -> str:
    """The function that a message names first."""
    match = re.match(r"(unic_\w+)(?=: )", message)
    return match[1] if match else ""


def plain(message: str) -> str:
    """Without the folders of the tests' own files, and what tells processes apart in their names."""
    message = re.sub(r"/proc/self/fd/\d+", "a-file", message)
    message = re.sub(r"(?<![\w.])(?:/|build/|tests/)(?:[\w.@+-]+/)+(?=[\w.@+-])", "", message)
    message = re.sub(r"\bsmall\.\d+\.", "", message)
    return re.sub(r"\bprocess \d+", "process 1234", message).replace("`", "'")


def notes(path: pathlib.Path) -> Iterator[Note]:
    """What the recorder wrote."""
    data = path.read_bytes()
    used = int.from_bytes(data[:8], sys.byteorder)
    text = data[8 * (1 + (1 << 17)):][:used]
    for line in text.decode("utf-8", "replace").split("\n"):
        if line:
            status, form, message = line.split("\x1f")
            yield Note(status, form, plain(message))


def python_notes(path: pathlib.Path, known: List[Format]) -> Iterator[Note]:
    """What the plugin of pytest wrote: numbers of statuses and messages, whose formats are looked for."""
    names = ["UNIC_OK", *statuses()]
    noted = json.loads(path.read_text()) if path.exists() else []
    for number, message in [(number, plain(message)) for number, message in noted]:
        for form in known:
            if form.area == PYTHON and form.status == names[number] and pattern(form.text, "").fullmatch(message):
                yield Note(form.status, form.text, message)


# ---- the page ----

def statuses() -> Dict[str, str]:
    """Each failing status and what it is, in the header's order."""
    text = (ROOT / "include/unicode/unic_status.h").read_text()
    found = re.findall(r"(UNIC_E_\w+) = \d+,?\s*/\*\*<(.*?)\*/", text, re.S)
    return {name: " ".join(what.split()) for name, what in found}


COUNTED = " formats; each wants a test."


class Page:
    """Examples by status and area, and the formats without one."""

    def __init__(self) -> None:
        self.lines: Dict[Tuple[str, str], Dict[str, str]] = {}          # each message's whole line
        self.silent: List[Tuple[str, str]] = []
        self.counts: List[str] = []                                     # how many are silent: one line, or none

    @classmethod
    def read(cls, text: str) -> "Page":
        self, status, area = cls(), "", ""
        for line in text.splitlines():
            if line.startswith("## "):
                status, area = line[3:].strip("`"), ""
            elif line.startswith("### "):
                area = re.findall(r"`([\w/]+)`", line)[0]
            elif line.startswith("- `"):
                message = re.findall(r"`(.*?)`", line)[0]
                if area:
                    self.lines.setdefault((status, area), {})[message.removeprefix("... ")] = line
                else:
                    self.silent.append((re.findall(r"`([\w/]+)`$", line)[0], message))
            elif line.endswith(COUNTED):
                self.counts.append(line)
        return self


HEAD = """# Every error message

`make messages` runs the tests, notes each message that `unic_last_error()` has in one of them, and writes this page.
Each line is an example of one message, with the names and numbers of one test; other calls that gave the message follow
it in brackets. "..." stands for words that come first and say where: the call, a file, a modality. What the statuses
promise: [errors.md](errors.md).
"""


def calls(names: List[str]) -> str:
    """The other calls of a message, as the end of its line."""
    if not names:
        return ""
    shown = names if len(names) <= 4 else names[:3]
    more = f" and {len(names) - len(shown)} more calls" if len(names) > len(shown) else ""
    return f" (also {', '.join(f'`{name}`' for name in shown)}{more})"


def example(kept: Set[str], messages: Set[str]) -> str:
    """The message that stands for its format."""
    def rank(message: str) -> Tuple[bool, bool, bool, int, str]:
        return not call_of(message), message not in kept, "a-file" in message, len(message), message

    return min(messages, key=rank)


def sections(seen: List[Note], known: List[Format], before: Page, part: bool) -> Dict[Tuple[str, str], List[str]]:
    """The lines of each status and area."""
    by_format: Dict[Tuple[str, str], Set[str]] = {}
    for note in seen:
        by_format.setdefault((note.format, note.status), set()).add(note.message)
    found: Dict[Tuple[str, str], Set[str]] = {}
    for form in known:
        for (text, status), messages in by_format.items():
            if text != form.text or form.status not in ("", status) or (part and fitting(form, before)):
                continue
            shown = example(set(before.lines.get((status, form.area), {})), messages)
            others = sorted({call_of(message) for message in messages} - {call_of(shown), ""})
            lead = "" if call_of(shown) or not form.area.startswith("lib/") else "... "
            found.setdefault((status, form.area), set()).add(f"- `{lead}{shown}`{calls(others)}")
    for (status, area), lines in before.lines.items() if part else ():
        fits = [pattern(form.text).fullmatch for form in known if form.area == area and form.status in ("", status)]
        found.setdefault((status, area), set()).update(
            line for message, line in lines.items() if any(fit(message) for fit in fits))
    return {key: sorted(lines, key=lambda line: line.replace("... ", "")) for key, lines in found.items() if lines}


def page(seen: List[Note], known: List[Format], before: Page, part: bool = False) -> str:
    """The page's text; of `part` of the tests, what the others provoked stays."""
    out, found = [HEAD], sections(seen, known, before, part)
    for status, what in {**statuses(), "Programs": ""}.items():
        areas = [area for area in AREAS if (status, area) in found]
        areas += sorted(area for where, area in found if where == status and area not in AREAS)
        if areas:
            out.append(f"## `{status}`\n\nWhen: {what}.\n" if what else f"## {status}\n")
        for area in areas:
            out.append(f"### {AREAS.get(area, area)} (`{area}`)\n\n" + "\n".join(found[status, area]) + "\n")
    silent = [form for form in known if not fitting(form, Page.read("\n".join(out)))]
    if silent:
        out.append(f"## Not provoked by a test\n\n{count(silent, known)}\n\n" +
                   "\n".join(sorted({f"- `{form.text}` in `{form.area}`" for form in silent})) + "\n")
    return "\n".join(out)


def count(silent: List[Format], known: List[Format]) -> str:
    return f"{len(silent)} of {len(known)}{COUNTED}"


def fitting(form: Format, now: Page) -> bool:
    """Whether a page has an example of the format."""
    fits = pattern(form.text).fullmatch
    return any(fits(message) for (status, area), lines in now.lines.items()
               if area == form.area and form.status in ("", status) for message in lines)


def differences(known: List[Format], now: Page) -> List[str]:
    """What the page has and lib/ has not, and the other way round."""
    said = [f"{form.area}: not on the page: {form.text}" for form in known
            if (form.area, form.text) not in now.silent and not fitting(form, now)]
    for (status, area), messages in now.lines.items():
        fits_any = [pattern(form.text).fullmatch for form in known
                    if form.area == area and form.status in ("", status)]
        said += [f"{area}: no format makes this {status}: {message}" for message in messages
                 if not any(fits(message) for fits in fits_any)]
    texts = {(form.area, form.text) for form in known}
    said += [f"{area}: gone: {text}" for area, text in now.silent if (area, text) not in texts]
    silent = [form for form in known if not fitting(form, now)]
    counts = [count(silent, known)] if silent else []
    return said if said or now.counts == counts else [f"not provoked: the page says {now.counts}, not {counts}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["write", "check"])
    parser.add_argument("notes", nargs="?", type=pathlib.Path)
    parser.add_argument("--part", action="store_true", help="some of the tests ran; keep what others provoked")
    given = parser.parse_args()
    path, known = ROOT / "docs/messages.md", formats()
    now = Page.read(path.read_text() if path.exists() else "")
    if given.what == "write":
        seen = [*notes(given.notes), *python_notes(pathlib.Path(f"{given.notes}.python"), known)] if given.notes else []
        path.write_text(page(seen, known, now, given.part or not given.notes))
        now = Page.read(path.read_text())
        print(f"messages: {len(known) - len(now.silent)} of {len(known)} formats are provoked by a test")
    said = differences(known, now)
    print("\n".join([*said, f"messages: {AGAIN}" if said else "messages: docs/messages.md has them all"]))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
