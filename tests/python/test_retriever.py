"""Retrievers: trained with one modality's codes, asked with another's; files, threads, what is refused."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Tuple

import libunicode as lu
import numpy as np
import pytest
from helpers import Fixture, in_threads, raises

CODES, ITEM = 16, 10
SMALL = {"hidden": 24, "dim": 12, "epochs": 100, "batch": 32, "learning_rate": 0.01}


def codebook(seed: int = 0) -> lu.Codebook:
    made = lu.Codebook(CODES, 6)
    made.set(np.random.default_rng(seed).standard_normal((CODES, 6)))
    return made


def retriever(**more: Any) -> lu.Retriever:
    return lu.Retriever(codebook(), ITEM, **{**SMALL, **more})


def clips(count: int, seed: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clips of two things, more of a than of b: the codes of two modalities, and the gallery's vectors."""
    rng, look = np.random.default_rng(seed), np.random.default_rng(77).standard_normal((CODES, ITEM))
    a, b = rng.integers(0, CODES, (2, count))
    none = np.full(count, -1)
    x, y = np.stack([a, a, a, b, b, none], 1), np.stack([b, a, none, a, none, none], 1)
    return x, y, look[a] + 0.6 * look[b] + 0.1 * rng.standard_normal((count, ITEM))


def recall(made: lu.Retriever, codes: np.ndarray, items: np.ndarray) -> float:
    index = lu.Index(made.settings.dim, "inner")
    index.add(made.items(items))
    return float(np.mean(index.rank(made.queries(codes), np.arange(len(index))) <= 5))


@pytest.fixture(scope="module")
def trained() -> lu.Retriever:
    made = retriever(seed=2)
    x, _, items = clips(200, 1)
    first, last = made.fit(x, items), made.fit(x, items)
    assert last < first
    return made


def test_transfers(trained: lu.Retriever) -> None:
    """On clips it has not seen, with the codes of a modality it has not seen; 5 of 160 by chance."""
    x, y, items = clips(160, 2)
    wrong = retriever()
    wrong.fit(x, items[::-1])  # other clips' items
    assert recall(wrong, y, items) < 0.15
    assert recall(trained, x, items) > 0.7 and recall(trained, y, items) > 0.5
    queries, vectors = trained.queries(y), trained.items(items)
    assert queries.shape == vectors.shape == (160, 12) and queries.dtype == vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(queries, axis=1), 1) and np.allclose(np.linalg.norm(vectors, axis=1), 1)
    out = np.empty_like(queries)
    assert trained.queries(y.tolist(), out=out) is out and np.array_equal(out, queries)
    assert trained.items(items.astype(np.float32), out=out) is out and np.allclose(out, vectors, atol=1e-6)
    assert trained.queries(y[:0]).shape == trained.items(items[:0]).shape == (0, 12)


def test_files(trained: lu.Retriever, f: Fixture) -> None:
    path, (x, y, items) = f.folder / "retriever.npz", clips(20, 3)
    trained.save(path)
    loaded = lu.Retriever.load(path)
    assert loaded.settings == trained.settings and loaded.fingerprint == trained.fingerprint
    assert np.array_equal(loaded.queries(y), trained.queries(y))
    assert loaded.accepts(codebook()) and not loaded.accepts(codebook(1)) and not loaded.accepts(f.model())
    assert loaded.fit(x, items) > 0
    assert not np.array_equal(loaded.queries(y), trained.queries(y))
    raises(lu.NotFoundError, "nowhere", lambda: lu.Retriever.load(f.folder / "nowhere.npz"))
    raises(lu.FormatError, "model.npz", lambda: lu.Retriever.load(f.path))


def test_settings() -> None:
    assert lu.Retriever(codebook(), 3, seed=4).settings == lu.RetrieverSettings(
        3, 256, 128, 50, 64, np.float32(0.001), np.float32(0.07), 4)
    assert retriever(temperature=0.5).settings.temperature == 0.5
    assert repr(retriever()) == "<libunicode.Retriever: items of 10 to 12>"


def test_lifetimes() -> None:
    """It keeps a copy of the codebook, and results are the caller's own."""
    book = codebook()
    made = lu.Retriever(book, ITEM)
    fingerprint = book.fingerprint
    book.close()
    x, _, items = clips(4, 1)
    raises(lu.StateError, "the retriever is untrained", lambda: made.queries(x))
    made.fit(x, items)
    queries, owner = made.queries(x), weakref.ref(made._owner)
    assert made.fingerprint == fingerprint
    with made:
        pass
    raises(lu.StateError, "the retriever is closed", lambda: made.fit(x, items))
    assert "closed" in repr(made)
    del made
    gc.collect()
    assert owner() is None and np.isfinite(queries).all()


def test_refused() -> None:
    made, (x, _, items) = retriever(), clips(4, 1)
    made.fit(x, items)
    before = made.queries(x)
    for error, text, call in (
            (lu.ArgumentError, "item_dim = 0", lambda: lu.Retriever(codebook(), 0)),
            (lu.ArgumentError, "hidden is -1", lambda: retriever(hidden=-1)),
            (lu.ArgumentError, "batch = 1", lambda: retriever(batch=1)),
            (lu.ArgumentError, "temperature = -1", lambda: retriever(temperature=-1)),
            (lu.ArgumentError, "1 clips", lambda: made.fit(x[:1], items[:1])),
            (lu.ShapeError, "3 items for 4 clips", lambda: made.fit(x, items[:3])),
            (lu.ShapeError, "[N,10]", lambda: made.fit(x, items[:, 1:])),
            (lu.ShapeError, "(clips, steps)", lambda: made.queries(x[0])),
            (lu.ShapeError, "(items, 10)", lambda: made.items(items[0])),
            (lu.ShapeError, "out has", lambda: made.queries(x, out=before[:1])),
            (lu.DataError, "code 16", lambda: made.fit(x * 0 + CODES, items)),
            (lu.DataError, "no code", lambda: made.queries(x * 0 - 1)),
            (lu.DataError, "NaN", lambda: made.fit(x, items * np.nan)),
            (lu.NumericError, "length", lambda: made.items(items * 1e30)),
            (TypeError, "codes_of is 'model.npz' (str), but", lambda: lu.Retriever("model.npz", ITEM))):
        raises(error, text, call)
    assert np.array_equal(made.queries(x), before)


def test_threads(trained: lu.Retriever) -> None:
    x, _, items = clips(40, 3)
    queries, vectors = trained.queries(x), trained.items(items)

    def work(_: int) -> None:
        for _ in range(5):
            assert np.array_equal(trained.queries(x), queries) and np.array_equal(trained.items(items), vectors)

    in_threads(work)
