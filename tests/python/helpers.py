"""What the tests of the Python binding share; BUILD names the build tree (build)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Type

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
PACKAGE = ROOT / "bindings/python/libunicode"
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path.insert(0, str(PACKAGE.parent))

import libunicode  # noqa: E402 (the two lines above say which)

N, T, D, L = 20, 6, 16, 24
DIMS = {"image": (5, 5, 8), "speech": (12,)}
SETTINGS = {"code.dim": D, "code.count": L, "encoder.ff": 32, "club.width": 16, "train.batch": 10,
            "train.length": T, "train.epochs": 2}
KINDS = {"image": ("grid", *DIMS["image"]), "speech": ("vector", *DIMS["speech"])}


def run(program: str, *arguments: Any) -> None:
    """Run one of the programs; its output is shown if it fails."""
    command = [str(BUILD / "bin" / program), *map(str, arguments), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} exits {done.returncode}: {done.stderr}"


def raises(error: Type[BaseException], text: str, call: Callable[[], Any]) -> None:
    """`call` raises exactly `error`, with `text` in its message."""
    try:
        got = call()
    except BaseException as caught:  # noqa: B902 (a wrong class is reported, too)
        assert type(caught) is error, f"{caught!r}, expected {error.__name__}"
        assert text in str(caught), f"\"{caught}\" does not say \"{text}\""
    else:
        raise AssertionError(f"{got!r}, expected {error.__name__} with \"{text}\"")


def in_threads(work: Callable[[int], None], count: int = 4) -> None:
    """Run work(0) ... work(count - 1) side by side; the first failure is raised."""
    failures: List[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:  # noqa: B902 (raised below)
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def same(a: Any, b: Any) -> bool:
    """Two results of encode() with vectors, bit by bit."""
    return all(np.array_equal(p, q) for p, q in zip(a, b)) and len(a) == len(b)


def config(**more: Any) -> "libunicode.Config":
    return libunicode.Config(modalities=KINDS, **{**SETTINGS, **more})


class Fixture:
    """Random paired clips of both modalities, in memory and in a file, and a model trained on them."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(7)
        self.folder, self.path = folder, folder / "model.npz"
        self.x = {name: rng.standard_normal((N, T, *dims)).astype(np.float32) for name, dims in DIMS.items()}
        self.lengths = {name: rng.integers(1, T + 1, N).astype(np.int32) for name in DIMS}
        self.lengths["image"][:2] = 0, T
        self.label = rng.integers(0, 3, N).astype(np.int32)
        self.data = folder / "data.npz"
        np.savez(self.data, **self.arrays, label=self.label)
        trainer = libunicode.Trainer(config())
        trainer.fit(libunicode.Dataset(self.data, batch=10, seed=0))
        trainer.save(self.path)

    @property
    def arrays(self) -> Dict[str, np.ndarray]:
        return {**self.x, **{f"{name}.lengths": lengths for name, lengths in self.lengths.items()}}

    def model(self) -> "libunicode.Model":
        return libunicode.Model(self.path)
