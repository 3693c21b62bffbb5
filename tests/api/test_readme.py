#!/usr/bin/env python3
"""The code blocks of README.md that say so are compiled and run, as a reader would."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
CONFIG = """preset = small
modalities = image speech
image.kind = grid
image.dims = 7 7 64
speech.kind = vector
speech.dims = 128
train.epochs = 1
train.batch = 4
"""


def blocks(language):
    """The texts of the blocks that follow "<!-- run: language -->"."""
    pattern = rf"<!-- run: {language} -->\n```\w+\n(.*?)```"
    return re.findall(pattern, (ROOT / "README.md").read_text(), re.S)


def run(command, folder, **environment):
    result = subprocess.run(command, cwd=folder, env={**os.environ, **environment},
                            capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{command}: exit {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def main():
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        np.savez(folder / "clips.npz", image=rng.normal(size=(8, 10, 7, 7, 64)).astype("f4"),
                 speech=rng.normal(size=(8, 10, 128)).astype("f4"))
        (folder / "small.ini").write_text(CONFIG)
        run([BUILD / "bin/unic-train", "--config", "small.ini", "--data", "clips.npz", "--out",
             "model.npz", "--threads", "1"], folder)
        c, python = blocks("c"), blocks("python")
        if not c or not python:
            sys.exit("README.md has no code to run")
        for text in c:
            (folder / "example.c").write_text(text)
            run([os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Werror", "example.c",
                 f"-I{ROOT}/include", f"-L{BUILD}", "-lunicode", "-o", "example"], folder)
            codes = run(["./example"], folder, LD_LIBRARY_PATH=str(BUILD)).split()
            if len(codes) != 10 or not all(0 <= int(code) < 200 for code in codes):
                sys.exit(f"the C example printed {codes}, expected ten codes of 200")
        for text in python:
            (folder / "example.py").write_text(text)
            out = run([sys.executable, "example.py"], folder, PYTHONPATH=f"{ROOT}/bindings/python",
                      LIBUNICODE=str(BUILD / "libunicode.so"))
            if "200 codes" not in out:
                sys.exit(f"the Python example printed {out!r}")
    print("README: its C and Python ran")


if __name__ == "__main__":
    main()
