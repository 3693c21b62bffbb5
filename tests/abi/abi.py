#!/usr/bin/env python3
"""The public binary interface against the committed one (docs/abi.md): types by libabigail, constants by name.

  abi.py check LIBRARY    compares, and fails at any difference, additions too
  abi.py write LIBRARY    takes what there is for the committed interface

LIBRARY must have debug information: a stripped one shows no types, and would pass whatever they are.
"""
import argparse
import pathlib
import subprocess
import sys
from typing import Tuple

import headers

HERE = pathlib.Path(__file__).resolve().parent
# Only what the headers declare, and nothing of where or by which compiler it was built.
FLAGS = ["--drop-private-types", "--exported-interfaces-only", "--no-corpus-path", "--no-comp-dir-path",
         "--short-locs", "--no-elf-needed", "--drop-undefined-syms"]


def files(baseline: pathlib.Path, beside: str) -> Tuple[pathlib.Path, pathlib.Path]:
    """Types and constants as they are committed, of the core or of a library beside it."""
    end = f"-{beside}" if beside else ""
    return baseline / f"libunicode{end}.abi", baseline / f"constants{end}.txt"


def constants(folder: pathlib.Path, beside: str) -> str:
    """Every enumerator and macro, one "name = value" a line."""
    try:
        found = headers.read(folder, beside).constants
    except headers.Unknown as unknown:
        sys.exit(f"abi: {unknown}")
    return "".join(f"{name} = {value}\n" for name, value in sorted(found.items())
                   if not name.startswith("UNIC_VERSION_"))


def need_debug_information(library: pathlib.Path) -> None:
    sections = subprocess.run(["readelf", "-SW", library], capture_output=True, text=True, check=True).stdout
    if " .debug_info " not in sections:
        sys.exit(f"abi: {library} has no debug information: build it with -g")


def write(library: pathlib.Path, folder: pathlib.Path, baseline: pathlib.Path, beside: str) -> None:
    types, values = files(baseline, beside)
    subprocess.run(["abidw", "--headers-dir", folder, *FLAGS, "--out-file", types, library], check=True)
    values.write_text(constants(folder, beside))
    print(f"abi: written: {baseline.name}/{types.name}, {baseline.name}/{values.name}")


def differences(library: pathlib.Path, folder: pathlib.Path, baseline: pathlib.Path, beside: str) -> str:
    types, values = files(baseline, beside)
    done = subprocess.run(["abidiff", "--headers-dir2", folder, "--drop-private-types", "--exported-interfaces-only",
                           "--harmless", types, library], capture_output=True, text=True)
    if done.returncode & 3 or not done.returncode and done.stdout:
        sys.exit(f"abi: abidiff failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    text = done.stdout
    before = values.read_text().splitlines()
    now = constants(folder, beside).splitlines()
    text += "".join(f"constant gone: {line}\n" for line in before if line not in now)
    text += "".join(f"constant new: {line}\n" for line in now if line not in before)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["check", "write"])
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--library", dest="beside", default="", help="the library beside the core that it is: media")
    parser.add_argument("--headers", type=pathlib.Path, default=HERE.parents[1] / "include/unicode")
    parser.add_argument("--baseline", type=pathlib.Path, default=HERE)
    args = parser.parse_args()
    need_debug_information(args.library)
    if args.command == "write":
        write(args.library, args.headers, args.baseline, args.beside)
        return 0
    text = differences(args.library, args.headers, args.baseline, args.beside)
    if text:
        print(f"{text}\nabi: the interface is not the committed one. If that is meant: a line under ABI in "
              "CHANGELOG.md, then make abi-baseline.")
        return 1
    print("abi: the interface is the committed one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
