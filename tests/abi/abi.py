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

import headers

HERE = pathlib.Path(__file__).resolve().parent
# Only what the headers declare, and nothing of where or by which compiler it was built.
FLAGS = ["--drop-private-types", "--exported-interfaces-only", "--no-corpus-path", "--no-comp-dir-path",
         "--short-locs", "--no-elf-needed", "--drop-undefined-syms"]


def constants(folder: pathlib.Path) -> str:
    """Every enumerator and macro, one "name = value" a line."""
    try:
        found = headers.read(folder).constants
    except headers.Unknown as unknown:
        sys.exit(f"abi: {unknown}")
    return "".join(f"{name} = {value}\n" for name, value in sorted(found.items())
                   if not name.startswith("UNIC_VERSION_"))


def need_debug_information(library: pathlib.Path) -> None:
    sections = subprocess.run(["readelf", "-SW", library], capture_output=True, text=True, check=True).stdout
    if " .debug_info " not in sections:
        sys.exit(f"abi: {library} has no debug information: build it with -g")


def write(library: pathlib.Path, folder: pathlib.Path, baseline: pathlib.Path) -> None:
    subprocess.run(["abidw", "--headers-dir", folder, *FLAGS, "--out-file", baseline / "libunicode.abi", library],
                   check=True)
    (baseline / "constants.txt").write_text(constants(folder))
    print(f"abi: written: {baseline.name}/libunicode.abi, {baseline.name}/constants.txt")


def differences(library: pathlib.Path, folder: pathlib.Path, baseline: pathlib.Path) -> str:
    done = subprocess.run(["abidiff", "--headers-dir2", folder, "--drop-private-types", "--exported-interfaces-only",
                           "--harmless", baseline / "libunicode.abi", library], capture_output=True, text=True)
    if done.returncode & 3 or not done.returncode and done.stdout:
        sys.exit(f"abi: abidiff failed ({done.returncode}):\n{done.stdout}{done.stderr}")
    text = done.stdout
    before = (baseline / "constants.txt").read_text().splitlines()
    now = constants(folder).splitlines()
    text += "".join(f"constant gone: {line}\n" for line in before if line not in now)
    text += "".join(f"constant new: {line}\n" for line in now if line not in before)
    return text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["check", "write"])
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("--headers", type=pathlib.Path, default=HERE.parents[1] / "include/unicode")
    parser.add_argument("--baseline", type=pathlib.Path, default=HERE)
    args = parser.parse_args()
    need_debug_information(args.library)
    if args.command == "write":
        write(args.library, args.headers, args.baseline)
        return 0
    text = differences(args.library, args.headers, args.baseline)
    if text:
        print(f"{text}\nabi: the interface is not the committed one. If that is meant: a line under ABI in "
              "CHANGELOG.md, then make abi-baseline.")
        return 1
    print("abi: the interface is the committed one")
    return 0


if __name__ == "__main__":
    sys.exit(main())
