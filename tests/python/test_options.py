"""What many objects take: memory limits, threads, progress, arrays of any strides."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from typing import Any, Callable, Iterator, List, Tuple

import libunicode as lu
import numpy as np
import pytest
from helpers import Fixture, config, raises, same


def codebook() -> lu.Codebook:
    book = lu.Codebook(6, 4)
    book.set(np.random.default_rng(1).standard_normal((6, 4)))
    return book


def test_memory_limit(f: Fixture) -> None:
    """Whatever reads a file refuses what is too large, by name, and takes what is not."""
    book, rows = codebook(), np.random.default_rng(2).standard_normal((9, 4))
    index = lu.Index(4, "inner")
    index.add(rows)
    head, retriever = lu.Head(book, 2, epochs=1), lu.Retriever(book, 3, epochs=1)
    segmenter = lu.Segmenter(book, height=32, width=32)
    codes = np.zeros((2, 1), int)
    head.fit(codes, [0, 1])
    retriever.fit(codes, np.ones((2, 3)))
    segmenter.step(np.ones((1, 1, 32, 32, 3)), codes[:1], np.ones((1, 1, 32, 32)))
    for name, made in (("head", head), ("index", index), ("retriever", retriever), ("segmenter", segmenter)):
        path = f.folder / f"limit.{name}.npz"
        made.save(path)
        raises(lu.OutOfMemoryError, f"limit.{name}.npz asks for ", lambda: type(made).load(path, memory_limit=100))
        raises(lu.OutOfMemoryError, ", the limit is 100 bytes", lambda: type(made).load(path, memory_limit=100))
        type(made).load(path, memory_limit=10**8)
        raises(lu.ArgumentError, "memory_limit is -1", lambda: type(made).load(path, memory_limit=-1))
    opens: List[Tuple[str, Callable[[int], Any]]] = [
        ("model.npz asks for", lambda limit: lu.Model(f.path, memory_limit=limit)),
        ("model.run.npz asks for", lambda limit: lu.Trainer.resume(f.path, memory_limit=limit)),
        ("data.npz asks for", lambda limit: lu.Dataset(f.data, memory_limit=limit)),
        ("the config asks for", lambda limit: lu.Trainer(lu.Model(f.path).config, memory_limit=limit))]
    for text, call in opens:
        raises(lu.OutOfMemoryError, text, lambda: call(1000))
        call(10**9)
        call(0)


def test_threads(f: Fixture) -> None:
    """An object's own number computes what the process's does."""
    alone, book = f.model(), codebook()
    wanted = alone.encoder("image", 8, 6).encode(f.x["image"][:8], vectors=True)
    assert same(alone.encoder("image", 8, 6, threads=3).encode(f.x["image"][:8], vectors=True), wanted)
    trainer = lu.Trainer(config(), threads=2)
    trainer.fit(lu.Dataset(f.data, batch=10, seed=0), steps=2)
    assert trainer.step_count == 2 and lu.get_threads() == 1
    calls: List[Callable[[], Any]] = [
        lambda: alone.encoder("image", 1, 1, threads=257), lambda: lu.Trainer(config(), threads=257),
        lambda: lu.Trainer.resume(f.path, threads=257), lambda: lu.Head(book, 2, threads=257),
        lambda: lu.Retriever(book, 2, threads=257), lambda: lu.Segmenter(book, threads=257),
        lambda: book.init(np.ones((3, 4)), threads=257)]
    for call in calls:
        raises(lu.ArgumentError, "threads = 257 is not in 0..256", call)


class Listener:
    """Keeps what it is told, and stops, or raises, at its `last` call."""

    def __init__(self, last: int = 0, error: bool = False) -> None:
        self.told: List[Tuple[str, int, int]] = []
        self._last, self._error = last, error

    def __call__(self, what: str, done: int, total: int) -> bool:
        self.told.append((what, done, total))
        if self._error and len(self.told) == self._last:
            raise KeyError("mine")
        return len(self.told) == self._last


def test_progress(f: Fixture) -> None:
    """It is told of every part, stops a call, and what it raises comes out of the call."""
    rng = np.random.default_rng(3)
    z, codes = rng.standard_normal((30, 4)), rng.integers(0, 6, (20, 3))
    labels, items = rng.integers(0, 2, 20), rng.standard_normal((20, 3))

    def init(told: Any) -> None:
        codebook().init(z, progress=told)

    def fit_head(told: Any) -> None:
        lu.Head(codebook(), 2, epochs=2, batch=10, progress=told).fit(codes, labels)

    def fit_retriever(told: Any) -> None:
        lu.Retriever(codebook(), 3, epochs=2, batch=10, progress=told).fit(codes, items)

    def open_dataset(told: Any) -> None:
        lu.Dataset([f.data, f.data], progress=told)

    index = lu.Index(4, "l2")
    index.add(z)
    batch = {name: x[:2] for name, x in f.arrays.items()}
    trained = lu.Trainer(config())
    trained.step(batch)
    masks = np.ones((1, 1, 32, 32))

    def search(told: Any) -> None:
        index.search(np.repeat(z, 9, 0), 2, progress=told)

    def rank(told: Any) -> None:
        index.rank(np.repeat(z, 9, 0), np.zeros(270, int), progress=told)

    def step(told: Any) -> None:
        lu.Trainer(config(), progress=told).step(batch)

    def segment(told: Any) -> None:
        lu.Segmenter(codebook(), height=32, width=32, progress=told).step(np.ones((1, 1, 32, 32, 3)), codes[:1], masks)

    for call, what in ((init, "codes"), (fit_head, "batches"), (fit_retriever, "batches"), (open_dataset, "files"),
                       (search, "pairs"), (rank, "pairs"), (step, "operations"), (segment, "operations")):
        all_told = Listener()
        call(all_told)
        name, done, total = all_told.told[0]
        assert name == what and 1 <= done < total and len(all_told.told) >= 2
        stopped = Listener(2)
        raises(lu.CancelledError, f"stopped by the progress callback after {all_told.told[1][1]} of", lambda: call(stopped))
        assert stopped.told == all_told.told[:2]
        with pytest.raises(KeyError, match="mine"):
            call(Listener(2, error=True))
        call(None)


def test_progress_of_files(f: Fixture) -> None:
    """Reading is told of after each MiB, whatever it is that is read."""
    book = lu.Codebook(1000, 1000)
    book.set(np.random.default_rng(9).standard_normal((1000, 1000)))
    path = f.folder / "large.npz"
    book.save(path)
    told = Listener()
    assert lu.Codebook.load(path, progress=told).fingerprint == book.fingerprint
    assert len(told.told) >= 4 and {what for what, _, _ in told.told} == {"bytes"}
    for given in (path, path.read_bytes(), open(path, "rb")):
        raises(lu.CancelledError, "stopped by the progress callback after 2", lambda: lu.Codebook.load(given, progress=Listener(2)))
        with pytest.raises(KeyError, match="mine"):
            lu.Codebook.load(given, progress=Listener(2, error=True))
        assert lu.Codebook.load(given).fingerprint == book.fingerprint
    for load in (lu.Model, lu.Trainer.resume, lu.Head.load, lu.Index.load, lu.Segmenter.load, lu.Retriever.load):
        raises(lu.NotFoundError, "nowhere", lambda: load(f.folder / "nowhere.npz", progress=told))


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Python's own answer to Ctrl-C, which a process in the background has not: there the signal is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_interrupt(ctrl_c: None) -> None:
    """Ctrl-C ends a long call, with or without a function that is told; the object is as good as before."""
    rng = np.random.default_rng(4)
    items, book = rng.standard_normal((20000, 256)).astype(np.float32), lu.Codebook(2000, 256)
    index = lu.Index(256, "l2")
    index.add(items)
    found = index.search(items[:3], 2)
    for told in (None, lambda what, done, total: None):
        for call in (lambda: index.search(np.repeat(items, 3, 0), 1, progress=told),
                     lambda: book.init(items, iterations=50, progress=told)):
            timer = threading.Timer(0.2, _thread.interrupt_main)
            began = time.process_time()
            timer.start()
            with pytest.raises(KeyboardInterrupt):
                call()
            assert time.process_time() - began < 3
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        assert same(index.search(items[:3], 2).ids, found.ids)

    def late(number: int, frame: object) -> None:
        raise TimeoutError("late")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        raises(TimeoutError, "late", lambda: book.init(items, iterations=50))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    book.init(items[:3000], iterations=1)


def test_strides(f: Fixture) -> None:
    """float32 and float64 are read where they are, whatever their strides."""
    x, model = f.x["image"][:6], f.model()
    encoder, wanted = model.encoder("image", 6, x.shape[1]), model.encode("image", x, vectors=True)
    wide = np.zeros((*x.shape, 2), np.float32)
    wide[..., 1] = x
    for same_x in (wide[..., 1], np.asfortranarray(x), np.ascontiguousarray(x[::-1])[::-1],
                   np.asfortranarray(x.astype(np.float64)), x[:, :, ::-1].copy()[:, :, ::-1]):
        assert not same_x.flags.c_contiguous
        assert same(encoder.encode(same_x, vectors=True), wanted)
    row = np.arange(4, dtype=np.float32)
    book = codebook()
    assert (book.assign(np.broadcast_to(row, (5, 4))) == book.assign(row[None])[0]).all()
    one = np.broadcast_to(np.float32(0.5), (3, 4))      # strides of 0 throughout
    assert (book.assign(one) == book.assign(np.full((3, 4), 0.5, np.float32))).all()
