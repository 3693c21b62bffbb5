"""Weights of 16 bits: what is in their files, against numpy's float16 and the bits of float32, and what they encode."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import libunicode
import numpy as np
import numpy.typing as npt
import pytest
from helpers import BUILD, DIMS, Fixture, raises

WORDS = {"f16": "<f2", "bf16": "<u2"}


def expected(w: npt.NDArray[Any], weights: str) -> npt.NDArray[Any]:
    """What a matrix is in a file: the nearest number, of two the even one."""
    if weights == "f16":
        return w.astype("<f2")
    bits = w.view("<u4")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2")


def widened(stored: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """As docs/formats.md tells."""
    return (stored.astype("<u4") << 16).view("<f4") if stored.dtype == np.uint16 else stored.astype("<f4")


@pytest.mark.parametrize("weights", WORDS)
def test_file(f: Fixture, weights: str, tmp_path: Path) -> None:
    """Rounded as numpy rounds, and read back as the same numbers."""
    path, model = tmp_path / "half.npz", f.model()
    half = model.convert(weights)
    assert (model.weights, half.weights) == ("f32", weights)
    assert half.config["encoder.weights"] == weights and repr(half).endswith(f"; weights in {weights}>")
    half.save(path)
    opened, matrices = libunicode.Model(path), 0
    assert opened.weights == weights and set(opened.parameters()) == set(model.parameters())
    with np.load(f.path) as whole, np.load(path) as stored:
        for name, w in model.parameters().items():
            assert whole[name].dtype == "<f4" and np.array_equal(whole[name], w)
            if w.ndim == 2:
                assert stored[name].dtype == WORDS[weights], name
                assert np.array_equal(stored[name], expected(w, weights)), name
                matrices += 1
            else:
                assert stored[name].dtype == "<f4" and np.array_equal(stored[name], w), name
            for read in (half, opened):
                assert np.array_equal(read.parameters()[name], widened(stored[name])), name
        assert np.array_equal(stored["codebook.embedding"], whole["codebook.embedding"])
    assert matrices > 5 and path.stat().st_size < f.path.stat().st_size


@pytest.mark.parametrize("weights", WORDS)
def test_codes(f: Fixture, weights: str, tmp_path: Path) -> None:
    """From C, from a file and widened again they are the same; and near those of float32."""
    path, model = tmp_path / "half.npz", f.model()
    subprocess.run([BUILD / "bin/unic-convert", f.path, path, "--weights", weights], check=True)
    half, opened = model.convert(weights), libunicode.Model(path)
    whole = half.convert("f32")
    for name in DIMS:
        wanted = half.encode(name, f.x[name], f.lengths[name], vectors=True)
        for other in (opened, whole):
            for a, b in zip(wanted, other.encode(name, f.x[name], f.lengths[name], vectors=True)):
                assert np.array_equal(a, b), name
        before = model.encode(name, f.x[name], f.lengths[name], vectors=True)
        scale = np.abs(before[2]).max()
        assert 0 < np.abs(wanted[2] - before[2]).max() < (0.01 if weights == "f16" else 0.08) * scale


def test_refused(f: Fixture) -> None:
    model = f.model()
    raises(libunicode.ConfigError, "encoder.weights = f8", lambda: model.convert("f8"))
    half = model.convert("f16")
    model.close()
    half.encode("speech", f.x["speech"])        # what it needs lives on
    half.close()
    raises(libunicode.StateError, "closed", lambda: half.weights)
