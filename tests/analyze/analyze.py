#!/usr/bin/env python3
"""Static analysis of the library and the programs: `make analyze`.

    analyze.py [--jobs N] [--only TOOL] [FILE..]

clang-tidy (what it checks, and what not and why: clang-tidy.yaml), cppcheck and gcc's -fanalyzer read every
C file. Whatever they find is printed and ends this with status 1; there is no list of known findings. A tool that
is not installed is an error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, Optional

HERE = Path(__file__).parent
FLAGS = ["--std=c11", "-DUNIC_ANALYZE", "-Ilib", "-Iinclude", "-Iexamples/programs", "-D_XOPEN_SOURCE=700"]
MPI = Path("lib/mpi")

# What gcc 12 says of good code, by kind: it takes the members of a structure that a loop's body gets by
# pointer for uninitialised (clang's analyser, which follows them, does not), and memory that is kept by way of a
# pointer to a pointer for lost.
GCC_OFF = ["-Wno-analyzer-use-of-uninitialized-value", "-Wno-analyzer-malloc-leak"]

# The graph's list of nodes ends in NULL, and bind() has just gone through it.
GCC_OFF_IN = {"lib/graph/plan.c": ["-Wno-analyzer-null-dereference"]}

# What cppcheck says of good code.
CPPCHECK_OFF = [
    "uninitvar",                                   # arrays that a loop fills; clang's analyser follows them
    "incorrectLogicOperator:lib/array/npy.c",      # it reads 0x1p63 as 0
    "allocaCalled:lib/kernel/stack.c",             # pages of the stack are what is asked for
    "arrayIndexThenCheck",                         # the text ends before its room does
]


def mpi_flags() -> Optional[List[str]]:
    """Where mpi.h is, as system headers; None without an mpicc."""
    mpicc = shutil.which(os.environ.get("MPICC", "mpicc"))
    for question in ("-showme:compile", "-compile-info") if mpicc else ():      # Open MPI, MPICH
        done = subprocess.run([str(mpicc), question], capture_output=True, text=True)
        if done.returncode == 0:
            return ["-isystem" + word[2:] for word in done.stdout.split() if word.startswith("-I")]
    return None


def flags_of(path: Path) -> List[str]:
    return FLAGS + (mpi_flags() or [] if path.parent == MPI else [])


def clang_tidy(path: Path) -> str:
    done = subprocess.run(["clang-tidy", "--quiet", f"--config-file={HERE / 'clang-tidy.yaml'}", str(path), "--",
                           *flags_of(path), "-fopenmp"], capture_output=True, text=True)
    return done.stdout if done.returncode else ""


def cppcheck(path: Path) -> str:
    done = subprocess.run(["cppcheck", "-q", "--enable=warning,performance,portability", "--error-exitcode=1",
                           "--inline-suppr", *(f"--suppress={name}" for name in CPPCHECK_OFF),
                           "--template={file}:{line}: {severity}: {message} [{id}]", *FLAGS, str(path)],
                          capture_output=True, text=True)
    return done.stderr if done.returncode else ""


def gcc(path: Path) -> str:
    done = subprocess.run(["gcc", "-fanalyzer", "-Werror", *GCC_OFF, *GCC_OFF_IN.get(str(path), []), "-O1", "-fopenmp-simd", "-ffp-contract=fast", *flags_of(path), "-c",
                           "-o", os.devnull, str(path)], capture_output=True, text=True)
    return done.stderr if done.returncode else ""


TOOLS = {"clang-tidy": clang_tidy, "cppcheck": cppcheck, "gcc": gcc}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="these files only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many at a time")
    parser.add_argument("--only", choices=TOOLS, help="one tool only")
    args = parser.parse_args()
    names = [args.only] if args.only else list(TOOLS)
    for name in names:
        if not shutil.which(name):
            sys.exit(f"make analyze needs {name} (Debian: clang-tidy cppcheck gcc)")
    files = args.files or sorted([*Path("lib").glob("*/*.c"), *Path("examples/programs").glob("**/*.c")])
    if mpi_flags() is None:
        print("left out: lib/mpi, since there is no mpicc")
        files = [path for path in files if path.parent != MPI]
    work = [(name, path) for name in names for path in files]
    findings = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        for done, ((name, path), text) in enumerate(zip(work, pool.map(lambda w: TOOLS[w[0]](w[1]), work)), 1):
            if text:
                findings += 1
                print(f"{name}: {path}\n{text}", flush=True)
            if sys.stderr.isatty():
                print(f"\r{done} of {len(work)}", end="", file=sys.stderr, flush=True)
    print(f"{', '.join(names)}: {len(files)} files, {findings} with findings")
    return int(findings > 0)


if __name__ == "__main__":
    sys.exit(main())
