"""What building data leaves behind: files that are whole or absent, and lines on stderr."""

from __future__ import annotations

import contextlib
import json
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Iterable, Iterator

import numpy as np


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A binary file that appears under its name only when it is complete."""
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "w+b") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_array(npz: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: Any,
                blocks: Iterable[np.ndarray]) -> None:
    """Append an array to a zip file, block by block.

    np.savez would want all of it in memory and puts the time of day into the file; here the
    bytes depend on the arrays alone.
    """
    dtype = np.dtype(dtype)
    entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    entry.file_size = int(np.prod(shape)) * dtype.itemsize + 128        # zip64 only beyond 2 GB
    with npz.open(entry, "w") as member:
        np.lib.format.write_array_header_1_0(member, {
            "descr": dtype.str, "fortran_order": False, "shape": tuple(shape)})
        for block in blocks:
            member.write(np.ascontiguousarray(block, dtype).data)


def write_json(path: Path, value: Any) -> None:
    """A JSON file, whole or not at all."""
    with new_file(path) as file:
        file.write((json.dumps(value, indent=1) + "\n").encode())


class Progress:
    """One line per stage on stderr; a bar with the time left if somebody is watching."""

    end_line = "\n" if sys.stderr.isatty() else ""       # what an error message needs in front

    def __init__(self, name: str, total: int, unit: str) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.done, self.begin = 0, time.monotonic()
        self.live = sys.stderr.isatty()
        self.step(0)

    def step(self, count: int) -> None:
        """So many more are done."""
        self.done += count
        elapsed = time.monotonic() - self.begin
        if self.done >= self.total:
            self.say(f"{self.total} {self.unit}, {elapsed:.1f} s", end="\n")
        elif self.live:
            part = self.done / self.total
            left = f"{elapsed * (1 - part) / part:3.0f} s left" if self.done else ""
            self.say(f"[{'#' * int(24 * part):24}] {100 * part:3.0f} %  {left}", end="")

    def say(self, text: str, end: str) -> None:
        """Write the stage's line, over the one before it if somebody is watching."""
        start, wipe = ("\r", "\x1b[K") if self.live else ("", "")
        print(f"{start}data: {self.name:16} {text}{wipe}", end=end, file=sys.stderr, flush=True)
