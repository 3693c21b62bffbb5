"""Index and pooling against numpy's exact search."""

from __future__ import annotations

import gc
import weakref

import libunicode as lu
import numpy as np
from helpers import Fixture, in_threads, raises

RNG = np.random.default_rng(13)
ITEMS = RNG.random((60, 12)).astype(np.float32)
QUERIES = RNG.random((9, 12)).astype(np.float32)
IDS = RNG.permutation(60) + 1000


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


# nearness: the larger, the nearer
NEARNESS = {
    "inner": lambda q, x: q @ x.T,
    "cosine": lambda q, x: unit(q) @ unit(x).T,
    "l2": lambda q, x: -((q[:, None] - x) ** 2).sum(-1),
    "intersection": lambda q, x: np.minimum(q[:, None], x).sum(-1)}


def index_of(metric: str) -> lu.Index:
    index = lu.Index(12, metric)
    index.add(ITEMS, IDS)
    return index


def test_search() -> None:
    for metric, nearness in NEARNESS.items():
        index = index_of(metric)
        near = nearness(QUERIES.astype(float), ITEMS.astype(float))
        order = np.argsort(-near, axis=1)
        ids, scores = index.search(QUERIES, 7)
        assert np.array_equal(ids, IDS[order[:, :7]]) and ids.dtype == np.int64
        wanted = np.take_along_axis(near, order[:, :7], 1) * (-1 if metric == "l2" else 1)
        assert np.abs(scores - wanted).max() < 1e-5 and scores.dtype == np.float32
        doubled = index.search(QUERIES.astype(np.float64), 7)
        assert np.array_equal(doubled.ids, ids) and np.array_equal(doubled.scores, scores)
        assert index.search(QUERIES, 60).ids.shape == (9, 60) and index.search(QUERIES[:0]).ids.shape == (0, 10)
        ranks = index.rank(QUERIES, IDS[order[np.arange(9), np.arange(9)]])
        assert ranks.tolist() == list(range(1, 10)) and ranks.dtype == np.int64
        assert (len(index), index.dim, index.metric) == (60, 12, metric)
        assert repr(index) == f"<libunicode.Index: 60 items of 12 dims, {metric}>"


def test_adding() -> None:
    """Ids are the items' places where none are given; ties go to the lower id, and count against a rank."""
    index = lu.Index(2, "inner")
    assert len(index) == 0 and index.vectors.shape == (0, 2) and index.ids.shape == (0,)
    index.add([[1, 0], [0, 1]])
    index.add([[1, 0]], [-7])
    index.add(np.empty((0, 2)))
    kept = index.vectors
    index.add(RNG.random((500, 2)) / 4)                    # the C arrays move
    assert kept.tolist() == [[1, 0], [0, 1], [1, 0]] and np.array_equal(index.vectors[:3], kept)
    assert index.ids[:5].tolist() == [0, 1, -7, 3, 4]
    assert index.search([[1.0, 0]], 3).ids[0, :2].tolist() == [-7, 0]
    assert index.rank([[1.0, 0], [1, 0]], [0, -7]).tolist() == [2, 2]
    assert np.allclose(np.linalg.norm(index_of("cosine").vectors, axis=1), 1, atol=1e-6)


def test_pooling(f: Fixture) -> None:
    codes = RNG.integers(0, 5, (4, 6)).astype(np.int32)
    codes[1, 3:], codes[2] = -1, -1
    vectors = RNG.standard_normal((4, 6, 3)).astype(np.float32)
    vectors[codes < 0] = np.nan
    shares, means = lu.pool_histogram(codes, 5), lu.pool_mean(vectors, codes)
    for n, (row, valid) in enumerate(zip(codes, codes >= 0)):
        counts = np.bincount(row[valid], minlength=5)
        assert np.allclose(shares[n], counts / max(1, counts.sum()), atol=1e-7)
        assert np.allclose(means[n], vectors[n, valid].mean(0) if valid.any() else 0, atol=1e-6)
    out, mean_out = np.empty((4, 5), np.float32), np.empty((4, 3), np.float32)
    assert lu.pool_histogram(codes, 5, out=out) is out and np.array_equal(out, shares)
    assert lu.pool_mean(vectors, codes, out=mean_out) is mean_out and np.array_equal(mean_out, means)
    every = np.nan_to_num(vectors).astype(np.float64)
    assert np.allclose(lu.pool_mean(every), every.mean(1), atol=1e-6)

    model = f.model()
    codes, quantized, _ = model.encode("speech", f.x["speech"], f.lengths["speech"], vectors=True)
    embedded = lu.pool_histogram(codes, model.code_count) @ model.embedding()
    assert np.allclose(lu.pool_mean(quantized, codes), embedded, atol=1e-5)


def test_changes() -> None:
    """What is removed is not found, what is updated is found where it is now; the rest as before."""
    index, rest = index_of("l2"), np.r_[0:10, 20:60]
    index.reserve(100)
    index.remove(IDS[10:20])
    assert len(index) == 50 and np.array_equal(index.ids, IDS[rest]) and np.array_equal(index.vectors, ITEMS[rest])
    fresh = lu.Index(12, "l2")
    fresh.add(ITEMS[rest], IDS[rest])
    assert all(np.array_equal(*both) for both in zip(index.search(QUERIES, 50), fresh.search(QUERIES, 50)))
    index.update(QUERIES, IDS[:9])
    assert np.array_equal(index.search(QUERIES, 1).ids[:, 0], IDS[:9]) and not index.search(QUERIES, 1).scores.any()
    index.add(ITEMS[10:20], IDS[10:20])
    assert len(index) == 60
    index.remove([])
    index.remove(IDS)
    assert len(index) == 0 and index.ids.shape == (0,)


def test_more_than_there_are() -> None:
    for metric, worst in (("l2", np.inf), ("inner", -np.inf), ("cosine", -np.inf), ("intersection", -np.inf)):
        index = index_of(metric)
        ids, scores = index.search(QUERIES, 70)
        assert ids.shape == scores.shape == (9, 70) and (ids[:, 60:] == -1).all() and (scores[:, 60:] == worst).all()
        want = index.search(QUERIES, 60)
        assert np.array_equal(ids[:, :60], want.ids) and np.array_equal(scores[:, :60], want.scores)
        ids, scores = lu.Index(12, metric).search(QUERIES, 2)
        assert (ids == -1).all() and (scores == worst).all() and ids.shape == (9, 2)


def test_files(f: Fixture) -> None:
    model, other = f.model(), lu.Codebook(3, 4)
    path = f.folder / "index.npz"
    index = lu.Index(12, "l2", model)
    index.add(ITEMS, IDS)
    index.save(path)
    loaded = lu.Index.load(path)
    assert all(np.array_equal(*both) for both in zip(loaded.search(QUERIES), index.search(QUERIES)))
    assert np.array_equal(loaded.ids, IDS) and np.array_equal(loaded.vectors, ITEMS) and loaded.metric == "l2"
    assert loaded.accepts(model) and loaded.accepts(model.codebook()) and not loaded.accepts(other)
    assert index_of("l2").accepts(other)                    # it was not told from which they are
    loaded.add([[0.5] * 12])
    assert len(loaded) == 61
    raises(lu.NotFoundError, "nowhere", lambda: lu.Index.load(f.folder / "nowhere.npz"))
    raises(lu.FormatError, "model.npz", lambda: lu.Index.load(f.path))
    raises(lu.NotFoundError, "no/such", lambda: index.save(f.folder / "no/such/index.npz"))


def test_lifetimes() -> None:
    """Arrays taken from an index are the caller's own, whichever goes first."""
    for close in (True, False):
        index = index_of("inner")
        owner, vectors, ids = weakref.ref(index._owner), index.vectors, index.ids
        found = index.search(QUERIES, 3)
        if close:
            with index:
                pass
            assert index.closed and repr(index) == "<libunicode.Index, closed>"
            raises(lu.StateError, "the index is closed", lambda: index.search(QUERIES))
            raises(lu.StateError, "the index is closed", lambda: len(index))
        del index
        gc.collect()
        assert owner() is None and vectors.flags.writeable
        assert np.array_equal(vectors, ITEMS) and np.array_equal(ids, IDS) and found.ids.shape == (9, 3)


def test_refused() -> None:
    index = index_of("intersection")
    nan = np.full((1, 12), np.nan)
    codes = np.zeros((2, 3), int)
    for error, text, call in (
            (lu.ArgumentError, "dim = 0", lambda: lu.Index(0)),
            (lu.ArgumentError, "dim is -1", lambda: lu.Index(-1)),
            (lu.ArgumentError, "'manhattan'", lambda: lu.Index(3, "manhattan")),
            (lu.ShapeError, "[1,11]", lambda: index.add(np.ones((1, 11)))),
            (lu.ShapeError, "[12]", lambda: index.add(np.ones(12))),
            (lu.ShapeError, "[]", lambda: index.add(1.0)),
            (lu.DataError, "NaN", lambda: index.add(nan)),
            (lu.DataError, "row 0", lambda: index.add(-np.ones((1, 12)))),
            (lu.DataError, str(IDS[0]), lambda: index.add(ITEMS[:1], IDS[:1])),
            (lu.DataError, "id 5 of row 1 is that of row 0 already", lambda: index.add(ITEMS[:2], [5, 5])),
            (lu.ShapeError, "(2,) expected", lambda: index.add(ITEMS[:2], [1])),
            (lu.DataError, "int64 cannot hold", lambda: index.add(ITEMS[:1], np.array([2**64 - 1], np.uint64))),
            (lu.ArgumentError, "k is 0", lambda: index.search(QUERIES, 0)),
            (lu.NotFoundError, "id -3 of row 1", lambda: index.remove([IDS[0], -3])),
            (lu.DataError, "of row 2 is that of row 0", lambda: index.remove(IDS[[0, 1, 0]])),
            (lu.DataError, "integers", lambda: index.remove([0.5])),
            (lu.NotFoundError, "id -3 of row 0", lambda: index.update(ITEMS[:1], [-3])),
            (lu.DataError, "of row 1 is that of row 0", lambda: index.update(ITEMS[:2], IDS[[5, 5]])),
            (lu.DataError, "row 0 holds NaN or Inf in dim 0", lambda: index.update(nan, IDS[:1])),
            (lu.ShapeError, "[1,11]", lambda: index.update(np.ones((1, 11)), IDS[:1])),
            (lu.ShapeError, "(2,) expected", lambda: index.update(ITEMS[:2], IDS[:1])),
            (lu.ArgumentError, "items is -1", lambda: index.reserve(-1)),
            (lu.OutOfMemoryError, "items", lambda: index.reserve(2**62)),
            (lu.DataError, "NaN", lambda: index.search(nan)),
            (lu.StateError, "empty", lambda: lu.Index(12).rank(QUERIES[:1], [0])),
            (lu.NotFoundError, "-3", lambda: index.rank(QUERIES[:1], [-3])),
            (lu.ShapeError, "(9,) expected", lambda: index.rank(QUERIES, [1])),
            (lu.DataError, "integers", lambda: index.rank(QUERIES[:1], [1.5])),
            (lu.ShapeError, "(clips, steps)", lambda: lu.pool_histogram([0], 3)),
            (lu.DataError, "code 3", lambda: lu.pool_histogram(codes + 3, 3)),
            (lu.ArgumentError, "code_count is 0", lambda: lu.pool_histogram(codes, 0)),
            (lu.ShapeError, "(clips, steps, dim)", lambda: lu.pool_mean(codes, codes)),
            (lu.ShapeError, "(2, 3) expected", lambda: lu.pool_mean(np.zeros((2, 3, 4)), codes[:1])),
            (lu.ArgumentError, "dim is 0", lambda: lu.pool_mean(np.zeros((2, 3, 0)), codes)),
            (lu.DataError, "clip 1", lambda: lu.pool_mean([[[0.0]], [[np.inf]]]))):
        raises(error, text, call)
    assert len(index) == 60 and np.array_equal(index.ids, IDS) and np.array_equal(index.vectors, ITEMS)


def test_threads() -> None:
    """Searches at the same time; one that adds waits for them, and what they find is there."""
    index = index_of("l2")

    def work(i: int) -> None:
        for turn in range(50):
            if i == 0:
                index.add(QUERIES[turn % 9:turn % 9 + 1], [turn])
            else:
                ids, scores = index.search(QUERIES, 5)
                assert (scores[:, 1:] >= scores[:, :-1]).all() and ((ids < 50) | (ids >= 1000)).all()

    in_threads(work)
    assert len(index) == 110 and index.search(QUERIES[:1], 1).ids.tolist() == [[0]]
