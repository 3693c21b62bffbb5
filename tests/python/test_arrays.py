"""What is taken as an array: element types, and arrays that are not numpy's."""

from __future__ import annotations

from pathlib import Path

import libunicode as lu
import numpy as np
import pytest
from helpers import Fixture, raises, same

# Each takes features to a type and back: what float32 they are then.
TYPES = {
    "float16": lambda x: x.astype(np.float16),
    "int8": lambda x: np.rint(20 * x).clip(-128, 127).astype(np.int8),
    "uint8": lambda x: np.rint(50 * abs(x)).clip(0, 255).astype(np.uint8),
    "bool": lambda x: x > 0,
    "int32": lambda x: np.rint(1000 * x).astype(np.int32),
    "float64": lambda x: x.astype(np.float64),
    ">f4": lambda x: x.astype(">f4"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_element_types(f: Fixture, kind: str, tmp_path: Path) -> None:
    x, model = TYPES[kind](f.x["speech"]), f.model()
    plain = x.astype(np.float32)
    assert same(model.encode("speech", x, vectors=True), model.encode("speech", plain, vectors=True))
    assert same(model.encode("speech", x[::-1, ::2], vectors=True), model.encode("speech", plain[::-1, ::2], vectors=True))
    batch = lu.Batch({"speech": x})
    assert np.array_equal(batch["speech"], x)
    assert np.shares_memory(batch["speech"], x) == (kind not in ("int32", ">f4"))
    index, other = lu.Index(x.shape[2], "l2"), lu.Index(x.shape[2], "l2")
    index.add(x[:, 0])
    other.add(plain[:, 0])
    assert same(index.search(x[:, 1], 3), other.search(plain[:, 1], 3))
    assert np.array_equal(lu.pool_mean(x), lu.pool_mean(plain))
    np.savez(tmp_path / "clips.npz", speech=x)          # of a file: every type that numpy has
    with lu.Dataset(tmp_path / "clips.npz", batch=len(x)) as data:
        assert np.array_equal(next(iter(data))["speech"], plain)


def test_what_is_not_finite_is_named(f: Fixture) -> None:
    x = f.x["speech"].astype(np.float16)
    x[3, 2, 5] = np.inf
    raises(lu.DataError, 'modality "speech": clip 3 holds NaN or Inf in step 2, dim 5',
           lambda: f.model().encode("speech", x))
