"""The codebook alone as a vector quantizer, against numpy."""

from __future__ import annotations

import threading
from typing import Callable

import libunicode as lu
import numpy as np
from helpers import Fixture, in_threads, raises

RNG = np.random.default_rng(3)
E = RNG.standard_normal((9, 4)).astype(np.float32)
Z = RNG.standard_normal((5, 7, 4)).astype(np.float32)


def codebook(modalities: int = 1) -> lu.Codebook:
    made = lu.Codebook(9, 4, modalities)
    made.set(E)
    return made


def test_quantizer() -> None:
    book = codebook()
    squares = ((Z[..., None, :] - E) ** 2).sum(-1)
    codes = book.assign(Z)
    assert codes.dtype == np.int32 and np.array_equal(codes, squares.argmin(-1))
    assert np.array_equal(book.assign(Z.astype(np.float64)), codes) and book.assign(Z[0, 0]) == codes[0, 0]
    assert np.array_equal(book.lookup(codes), E[codes]) and not book.lookup([-1, -1]).any()
    assert book.assign(Z[:0]).shape == (0, 7) and book.lookup(codes[:0]).shape == (0, 7, 4)
    assert (book.code_count, book.dim, book.modality_count) == (9, 4, 1)
    wanted = ((E[:, None] - E) ** 2).sum(-1)
    assert np.abs(book.distances() - wanted).max() < 1e-5
    usage = book.usage([0, 0, 3, -1])
    assert usage.counts.tolist() == [2, 0, 0, 1, 0, 0, 0, 0, 0] and usage.counts.dtype == np.int64
    p = np.array([2, 1]) / 3
    assert abs(usage.perplexity - np.exp(-(p * np.log(p)).sum())) < 1e-12
    assert book.fingerprint == codebook().fingerprint != lu.Codebook(9, 4).fingerprint


def test_in_place() -> None:
    """The embedding is the library's own memory; results go where `out` says."""
    book = codebook()
    seen = book.embedding
    assert np.shares_memory(seen, book.embedding) and not seen.flags.writeable and np.array_equal(seen, E)
    book.set(E + 1)
    assert np.array_equal(seen, E + 1)
    codes, vectors, squares = np.empty((5, 7), np.int32), np.empty((5, 7, 4), np.float32), np.empty((9, 9), np.float32)
    assert book.assign(Z, out=codes) is codes and np.array_equal(codes, book.assign(Z))
    assert book.lookup(codes, out=vectors) is vectors and np.array_equal(vectors, (E + 1)[codes])
    assert book.distances(out=squares) is squares and not squares.diagonal().any()
    raises(lu.ShapeError, "(5, 7) expected", lambda: book.assign(Z, out=codes[:4]))
    raises(lu.DataError, "float32 expected", lambda: book.lookup(codes, out=vectors.astype(np.float64)))


def test_training() -> None:
    """k-means, the EMA update of two modalities (P6) and revival (P8)."""
    centres = np.array([[0, 0], [9, 0], [0, 9]], np.float32)
    z = (np.repeat(centres, 20, 0) + 0.1 * RNG.standard_normal((60, 2))).astype(np.float32)
    book = lu.Codebook(3, 2, 2)
    book.init(z, seed=1)
    assert sorted(np.round(book.embedding).tolist()) == sorted(centres.tolist())

    before, counts = book.embedding.copy(), book.state().ema_counts
    assert np.array_equal(counts, np.ones(3))
    codes = [np.array([0, 0, -1]), np.array([1])]
    targets = [np.array([[1, 2], [3, 4], [99, 99]]), np.array([[5.0, 6.0]])]
    book.update(0.5, targets, codes)
    n = 0.5 * counts + 0.5 * np.array([2, 1, 0])
    sums = 0.5 * before + 0.5 * np.array([[4, 6], [5, 6], [0, 0]])
    assert np.allclose(book.state().ema_counts, n) and np.allclose(book.embedding, sums / n[:, None], rtol=1e-5)
    assert book.state().idle.tolist() == [[0, 1, 1], [1, 0, 1]]
    assert book.revive("any", 0, [[7.0, 7.0]]) == 1 and book.embedding[2].tolist() == [7, 7]
    assert book.revive("two", 0, [[8.0, 8.0]], max=1) == 1
    assert book.revive("off", 0, [[8.0, 8.0]]) == 0


def test_nearest() -> None:
    book = codebook()
    squares = ((Z[..., None, :].astype(np.float64) - E) ** 2).sum(-1)
    order = squares.argsort(-1, kind="stable")
    for k in (1, 3, 9, 12):
        codes, distances = book.nearest(Z, k)
        assert codes.shape == distances.shape == (5, 7, k) and codes.dtype == np.int32
        assert np.array_equal(codes[..., :9], order[..., :k]) and (codes[..., 9:] == -1).all()
        assert np.allclose(distances[..., :9], np.take_along_axis(squares, order[..., :k], -1), rtol=1e-6)
        assert (distances[..., 9:] == np.inf).all()
    assert book.nearest(Z[:0], 2).codes.shape == (0, 7, 2)
    assert np.array_equal(book.nearest(Z.astype(np.float64), 1).codes[..., 0], book.assign(Z))


def test_jitter() -> None:
    """Fewer different rows than codes: how many were made up is told, and logged."""
    lines = []
    lu.set_log(lambda level, line: lines.append(line))
    try:
        book = lu.Codebook(7, 4)
        book.init(np.repeat(E[:3], 5, 0))
        assert book.jittered_count == 4 and len(lines) == 1 and "fewer different rows (3) than there are codes (7)" in lines[0]
        assert book.copy().jittered_count == 4
        book.init(Z.reshape(-1, 4))
        assert book.jittered_count == 0 and len(lines) == 1
    finally:
        lu.set_log(None)


def test_files_and_copies(f: Fixture) -> None:
    """What comes back from a file, a copy or a state goes on as the first would, bit for bit."""
    def step(book: lu.Codebook) -> bytes:
        book.update(0.9, [Z.reshape(-1, 4), Z[0]], [book.assign(Z).ravel(), book.assign(Z[0])])
        return b"".join(x.tobytes() for x in (book.embedding, *book.state()))

    def fresh() -> lu.Codebook:
        made = codebook(2)
        step(made)
        return made

    path, book = f.folder / "codebook.npz", fresh()
    book.save(path)
    by_state = lu.Codebook(9, 4, 2)
    by_state.set(book.embedding)
    by_state.set_state(*book.state())
    want = step(fresh())
    for again in (lu.Codebook.load(path), book.copy(), by_state):
        assert again.fingerprint == book.fingerprint and step(again) == want
    assert step(book) == want
    with np.load(path) as stored:
        assert sorted(stored) == ["codebook.ema_count", "codebook.ema_sum", "codebook.embedding", "codebook.idle"]
    model = lu.Codebook.load(f.path)                # a model has one too
    assert model.fingerprint == f.model().codebook().fingerprint
    raises(lu.OutOfMemoryError, "codebook.npz", lambda: lu.Codebook.load(path, memory_limit=100))
    raises(lu.NotFoundError, "nowhere", lambda: lu.Codebook.load(f.folder / "nowhere.npz"))
    state = book.state()
    for error, text, call in (
            (lu.DataError, "ema_counts[0] = -1", lambda: book.set_state(-state.ema_counts / state.ema_counts)),
            (lu.DataError, "ema_sums holds NaN or Inf in row 0, dim 0", lambda: book.set_state(ema_sums=E * np.nan)),
            (lu.DataError, "idle[0,0] = -2", lambda: book.set_state(idle=state.idle * 0 - 2)),
            (lu.ShapeError, "(9,) expected", lambda: book.set_state(state.ema_counts[:3])),
            (lu.ShapeError, "(2, 9) expected", lambda: book.set_state(idle=state.idle[:1]))):
        raises(error, text, call)
    assert all(np.array_equal(*both) for both in zip(book.state(), state))


def test_refused() -> None:
    book, codes = codebook(2), np.zeros(3, int)
    for error, text, call in (
            (lu.ArgumentError, "code_count = 0", lambda: lu.Codebook(0, 4)),
            (lu.ArgumentError, "dim is -1", lambda: lu.Codebook(3, -1)),
            (lu.ShapeError, "[35,3]", lambda: book.assign(Z[..., :3])),
            (lu.ShapeError, "z is a number", lambda: book.assign(1.0)),
            (lu.DataError, "NaN or Inf in row 0, dim 0", lambda: book.assign([[np.nan] * 4])),
            (lu.DataError, "NaN or Inf in row 1, dim 0", lambda: book.nearest([[0] * 4, [np.inf] * 4], 2)),
            (lu.DataError, "NaN or Inf in row 1, dim 3", lambda: book.init([[0] * 4, [0, 0, 0, np.nan]])),
            (lu.ArgumentError, "k is 0", lambda: book.nearest(Z, 0)),
            (lu.ShapeError, "z is a number", lambda: book.nearest(1.0, 1)),
            (lu.DataError, "object", lambda: book.assign([[None] * 4])),
            (lu.DataError, "code 9 of row 1", lambda: book.lookup([0, 9])),
            (lu.DataError, "-2", lambda: book.usage([-2])),
            (lu.DataError, "integers", lambda: book.lookup([0.5])),
            (lu.DataError, "int32 cannot hold", lambda: book.lookup([2**40])),
            (lu.ShapeError, "embedding", lambda: book.set(E[:3])),
            (lu.DataError, "NaN", lambda: book.set(E * np.inf)),
            (lu.ArgumentError, "2 modalities", lambda: book.update(0.9, [E], [codes])),
            (lu.ShapeError, "(rows, 4)", lambda: book.update(0.9, [E, E], [codes, codes])),
            (lu.ArgumentError, "decay = 1", lambda: book.update(1.0, [E[:3], E[:3]], [codes, codes])),
            (lu.DataError, "code 9", lambda: book.update(0.9, [E[:3], E[:3]], [codes + 9, codes])),
            (lu.ArgumentError, "'three'", lambda: book.revive("three", 1, E))):
        raises(error, text, call)
        assert np.array_equal(book.embedding, E), text


def test_threads(f: Fixture) -> None:
    """Readers at the same time; a change waits for them, and they wait for it."""
    book = codebook()

    def waits(work: Callable[[], object]) -> threading.Thread:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
        return thread

    with book._read():
        assert np.array_equal(book.lookup(np.arange(9)), E)
        writer = waits(lambda: book.set(E + 1))
        assert np.array_equal(book.embedding, E)
    writer.join()
    with book._use():
        reader = waits(lambda: book.lookup([0]))
    reader.join()

    low, high = (np.full((4000, 64), value, np.float32) for value in (1, 2))
    every, book = np.arange(4000), lu.Codebook(4000, 64)
    book.set(low)

    def work(i: int) -> None:
        for turn in range(40):
            if i == 0:
                book.set(high if turn % 2 else low)
            else:
                seen = book.lookup(every)
                assert seen.min() == seen.max(), "codes of before a change and of behind it"

    in_threads(work)
    model = f.model()
    first = model.codebook()
    first.set(np.zeros((first.code_count, first.dim)))
    assert model.codebook().embedding.any()         # a copy: the model keeps its own


def test_drift_and_usage_of_modalities() -> None:
    then, now = lu.Codebook(3, 2), lu.Codebook(3, 2)
    then.set([[0, 0], [4, 0], [8, 0]])
    now.set([[0, 1], [7, 0], [8, 0]])                   # the second has come nearer to the third's place
    drift = then.drift(now, [0, 1, 2, -1], [0, 2, 2, 1])
    assert drift == (1 / 3, np.sqrt(10 / 80), 1 / 3) and then.drift(then) == (0, 0, 0)
    raises(lu.ShapeError, "codes_after", lambda: then.drift(now, [0], [0, 1]))
    raises(lu.ShapeError, "the same expected", lambda: then.drift(lu.Codebook(2, 2)))

    usage = lu.metrics.usage([[[0, 0, 1], [1, 1, -1]], [[0, 2, 1], [1, 1, 1]]], 4)
    assert usage.counts.tolist() == [[2, 3, 0, 0], [1, 4, 1, 0]]
    assert usage.shares[:, 1].tolist() == [3 / 7, 4 / 7] and usage.shares[:, 3].tolist() == [0, 0]
    assert (usage.common_count, usage.used_count, usage.dead_count) == (2, 3, 1)
    assert (usage.paired_count, usage.agreed_count, usage.agreement) == (5, 4, 0.8)
    assert (usage.often_count, usage.shared_count, usage.shared) == (1, 1, 1)
    assert 0 < usage.divergence < 1 < usage.perplexity < 4 and len(usage.perplexities) == 2
    raises(lu.DataError, "code 4 of modality 0", lambda: lu.metrics.usage([[0, 4]], 4))
    raises(lu.ShapeError, "codes has the shape", lambda: lu.metrics.usage([[0], [0, 1]], 4))
    raises(lu.ArgumentError, "modality_count = 0", lambda: lu.metrics.usage([], 4))


def test_channels() -> None:
    book = lu.Codebook(3, 2)
    book.set([[1, 2], [-1, 2], [2, 1]])
    found = book.channels(1)
    assert found.channels.tolist() == [0] and np.allclose(found.scores, [14 / 15, -53 / 30], atol=1e-12)
    assert book.channels(2, 1, 1).channels.tolist() == [0, 1] and book.channels(2, lam=0).channels.tolist() == [0, 1]
    small = codebook().select([3, 0])
    assert np.array_equal(small.embedding, E[:, [3, 0]])
    squares = ((Z[..., None, [3, 0]] - E[:, [3, 0]]) ** 2).sum(-1)
    assert np.array_equal(small.assign(Z[..., [3, 0]]), squares.argmin(-1))
    raises(lu.ArgumentError, "most = 3 is not in 1..2", lambda: book.channels(3))
    raises(lu.DataError, "channels[0] and channels[1] are both 1", lambda: book.select([1, 1]))
    raises(lu.DataError, "cannot hold", lambda: book.select([-1]))
