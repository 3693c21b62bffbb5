#!/usr/bin/env python3
"""The house of lib/README.md: which layer may include which, no circles (of headers that
include each other, of files that call each other), vendor headers in their glue files."""
import pathlib
import re
import sys

# What each layer of lib/ may include, besides itself and the public headers.
GROUND = {"base"}
COMPUTE = GROUND | {"config", "kernel", "op", "graph"}
MAY_INCLUDE = {
    "base": set(),
    "config": GROUND,
    # the wing that computes: of the reading wing, models and training see arrays and files alone
    "kernel": GROUND,
    "op": GROUND | {"kernel"},
    "graph": GROUND | {"kernel", "op"},
    "model": COMPUTE | {"file", "array"},
    "loss": COMPUTE | {"model"},
    "train": COMPUTE | {"model", "loss", "file", "array"},
    "extract": COMPUTE | {"model", "loss", "train", "file", "array"},
    # the wing that reads and writes
    "file": GROUND,
    "array": GROUND | {"file"},
    "torch": GROUND | {"file", "array"},
    "data": GROUND | {"file", "array", "torch"},
    # above both
    "cmg": COMPUTE | {"model", "loss", "train", "file", "array", "torch"},
    "task": COMPUTE | {"model", "loss", "train", "file", "array"},
}
MAY_INCLUDE["api"] = set(MAY_INCLUDE)
# Libraries of their own: the public headers alone.
BESIDE = {"media": set(), "mpi": set()}
MAY_INCLUDE.update(BESIDE)
VENDOR = {"cblas.h": "lib/kernel/blas_glue.c", "dnnl": "lib/kernel/dnnl_versions.h", "zlib.h": "lib/file/zip.c",
          "libav": "lib/media/ffmpeg.h", "libsw": "lib/media/ffmpeg.h", "mpi.h": "lib/mpi/mpi.c"}
INCLUDE = re.compile(r'\s*#\s*include\s*[<"]([^>"]+)[>"]')


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def check_file(path):
    layer = path.parent.name
    for number, name in includes(path):
        folder = name.split("/")[0]
        if folder in MAY_INCLUDE and folder != layer and folder not in MAY_INCLUDE[layer]:
            yield f"{path}:{number}: {layer}/ may not include {name}"
        if "/" not in name and (path.parent / name).exists():
            yield f"{path}:{number}: include {name} by its folder, {layer}/{name}"
        for vendor, glue in VENDOR.items():
            if re.search(rf"(^|/){re.escape(vendor)}", name) and folder not in MAY_INCLUDE and str(path) != glue:
                yield f"{path}:{number}: {name} belongs in {glue} alone"


def circle(graph):
    """One circle of the graph as a list of its nodes, or None."""
    state, trail = {}, []

    def visit(node):
        state[node] = "open"
        trail.append(node)
        for other in sorted(graph[node]):
            if state.get(other) == "open":
                return trail[trail.index(other):] + [other]
            if other not in state and (found := visit(other)):
                return found
        state[node] = "done"
        trail.pop()
        return None

    for node in sorted(graph):
        if node not in state and (found := visit(node)):
            return found
    return None


# The definition of a function that is not static.
FUNCTION = re.compile(r"^(?!.*\bstatic\b)[A-Za-z][\w *]*?\b(unic_\w+)\([^;{}]*?\)\s*\{", re.MULTILINE)
CALL = re.compile(r"\b(unic_\w+)\b")
COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def calls(sources):
    """Which .c file names functions of which other."""
    text = {path: COMMENT_OR_STRING.sub("", path.read_text()) for path in sources}
    home = {name: path for path in sources for name in FUNCTION.findall(text[path])}
    return {str(path): {str(home[name]) for name in CALL.findall(text[path]) if home.get(name, path) != path}
            for path in sources}


def check_public(path):
    for number, name in includes(path):
        if name not in ("stddef.h", "stdint.h") and not name.startswith(("unic_", "unicode/unic_")):
            yield f"{path}:{number}: a public header includes {name}"


def check_cpp(path):
    """The C++ interface stands above the C one: that, and the standard library."""
    for number, name in includes(path):
        if name.endswith(".h") and name != "unic.h" or "/" in name:
            yield f"{path}:{number}: a header of the C++ interface includes {name}"


problems = []
files = sorted(p for p in pathlib.Path("lib").rglob("*.[ch]"))
for path in files:
    if path.parent.parent != pathlib.Path("lib") or path.parent.name not in MAY_INCLUDE:
        problems.append(f"{path}: not in a layer that tests/layers.py knows")
    else:
        problems += check_file(path)
headers = {p.relative_to("lib").as_posix(): {name for _, name in includes(p)} for p in files if p.suffix == ".h"}
ring = circle({name: {other for other in seen if other in headers} for name, seen in headers.items()})
if ring:
    problems.append("headers include each other in a circle: " + " -> ".join(ring))
ring = circle(calls([p for p in files if p.suffix == ".c"]))
if ring:
    problems.append("files call each other in a circle: " + " -> ".join(ring))
for path in sorted(pathlib.Path("include/unicode").glob("*.h")):
    problems += check_public(path)
for path in sorted(pathlib.Path("include/unicode").glob("*.hpp")):
    problems += check_cpp(path)
print("\n".join(problems) or f"layers: {len(files)} files, each includes only what its layer may, no circle")
sys.exit(bool(problems))
