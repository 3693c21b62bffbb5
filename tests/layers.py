#!/usr/bin/env python3
"""Includes point only down, and vendor headers stand only in their glue files (docs/design.md)."""
import pathlib
import re
import sys

LAYERS = ["base", "io", "op", "graph", "model", "loss", "train", "task", "api"]  # bottom first
VENDOR = {"cblas.h": "lib/op/blas_glue.c", "dnnl": "lib/op/dnnl_glue.c", "zlib.h": "lib/io/zip.c"}

problems = []
files = sorted(p for p in pathlib.Path("lib").glob("*/*.[ch]"))
for path in files:
    layer = LAYERS.index(path.parent.name)
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(1)
        folder = name.split("/")[0]
        if folder in LAYERS and LAYERS.index(folder) > layer:
            problems.append(f"{path}:{number}: {path.parent.name} includes {name}, which is above it")
        for vendor, glue in VENDOR.items():
            if re.search(rf"(^|/){re.escape(vendor)}", name) and not name.startswith("op/") and str(path) != glue:
                problems.append(f"{path}:{number}: {name} belongs in {glue} alone")
for path in sorted(pathlib.Path("include/unicode").glob("*.h")):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
        if match and match.group(1) not in ("stddef.h", "stdint.h") and not match.group(1).startswith(("unic_", "unicode/unic_")):
            problems.append(f"{path}:{number}: a public header includes {match.group(1)}")
print("\n".join(problems) or f"layers: {len(files)} files, includes point down")
sys.exit(bool(problems))
