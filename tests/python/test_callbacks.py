"""C that calls Python: ends of programs, threads, signals, memory that is lent, objects that serve a call."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, List

import libunicode as lu
import numpy as np
import pytest
from helpers import N, Fixture, config, in_threads, raises
from libunicode import _callback, _io


class Slow(io.BytesIO):
    """A file object that does something when it is read in a thread of C's own."""

    def __init__(self, data: bytes, then: Callable[[], Any]) -> None:
        super().__init__(data)
        self.then = then

    def readinto(self, to: Any) -> int:
        if threading.current_thread() is not threading.main_thread():
            self.then()
        return super().readinto(to)


class Stop(BaseException):
    """What a handler raises; np.array_equal() takes an Exception for a difference."""


@pytest.fixture
def alarm() -> Any:
    """Signals, each after some seconds; a handler raises Stop for each that comes, and notes it."""
    came: List[int] = []

    def handler(number: int, _frame: Any) -> None:
        came.append(number)
        raise Stop

    def arm(seconds: float) -> List[int]:
        came.clear()
        signal.setitimer(signal.ITIMER_REAL, seconds)
        return came

    before = signal.signal(signal.SIGALRM, handler)
    yield arm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("use", ["d = lu.Dataset(F(data), batch=1, prefetch=1000); d.next(); c = lu.Dataset(F(data))",
                                 "x = lu.Dataset(F(data), batch=1, prefetch=1).next()['speech']",
                                 "m = lu.Model(F(model), preload=False); e = m.encoder('speech', 1, 1)"])
def test_a_program_ends(f: Fixture, use: str) -> None:
    """Also one in whose last moments C lets a file object go, of a class that refers to everything."""
    program = f"""
import io, libunicode as lu
class F(io.BytesIO):
    def readinto(self, to): return super().readinto(to)
data, model = open({str(f.data)!r}, "rb").read(), open({str(f.path)!r}, "rb").read()
{use}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20,
                          env={**os.environ, "PYTHONPATH": str(Path(lu.__file__).parents[1])})
    assert (done.returncode, done.stderr) == (0, ""), done


def test_a_thread_does_not_wait_for_itself(f: Fixture) -> None:
    """A dataset that is freed or closed in its own thread is freed by another one."""
    first, gone, collected = threading.Event(), threading.Event(), threading.Event()

    def collect() -> None:
        if not first.is_set():
            time.sleep(0.002)
        else:
            gone.wait(5)
            gc.collect()
            collected.set()

    class Holder:
        """A cycle, as larger programs have."""

    gc.collect()
    gc.disable()
    try:
        holder = Holder()
        holder.me = holder                                          # type: ignore[attr-defined]
        file = Slow(Path(f.data).read_bytes(), collect)
        holder.data = lu.Dataset(file, batch=1, prefetch=1000)      # type: ignore[attr-defined]
        holder.data.next()                                          # type: ignore[attr-defined]
        first.set()
        del holder
        gone.set()
        assert collected.wait(5)
        data = lu.Dataset(Slow(Path(f.data).read_bytes(), lambda: data.close()), batch=1, prefetch=2)
        raises(lu.StateError, "the dataset is closed", lambda: [data.next() for _ in range(N)])
    finally:
        gc.enable()
    gc.collect()
    until = time.monotonic() + 5
    while _io._readers and time.monotonic() < until:
        time.sleep(0.01)
    assert not _io._readers


def test_what_is_lent_may_be_kept(f: Fixture) -> None:
    """Memory that the caller's functions are given does not go while they keep it."""
    views: List[Any] = []
    arrays: List[Any] = []

    class Keeps(io.BytesIO):
        def readinto(self, to: Any) -> int:
            views.append(to)
            if len(views) % 2:
                arrays.append(np.frombuffer(to, np.uint8))
            return super().readinto(to)

    class Twin:
        rank, size = 0, 2

        def sum(self, array: Any) -> None:
            arrays.append(array)
            array *= 2

        def gather(self, part: Any, all: Any) -> None:
            arrays.extend((part, all))
            all[:] = part

    codes = lu.Model(Keeps(Path(f.path).read_bytes())).encode("speech", f.x["speech"])
    assert np.array_equal(codes, f.model().encode("speech", f.x["speech"]))
    trainer = lu.Trainer(config(), comm=Twin())
    trainer.step({name: x[:5] for name, x in f.x.items()})
    del trainer
    gc.collect()
    assert len(arrays) > 5 and all(array.flags.owndata or array.base is not None for array in arrays)
    for array in arrays:
        array[...] = 7
    raises(ValueError, "released memoryview", lambda: views[1][0])


def test_signals_do_not_change_results(f: Fixture, alarm: Any) -> None:
    """What a handler raises comes out of a call that was interrupted anywhere; else the result is right."""
    model, rng = lu.Model(f.path, preload=True), np.random.default_rng(0)
    whole = io.BytesIO()
    model.save(whole)
    data = lu.Dataset(io.BytesIO(Path(f.data).read_bytes()), batch=4, prefetch=0)
    right = [batch["speech"].copy() for batch in lu.Dataset(f.data, batch=4)]

    def save() -> bool:
        file = io.BytesIO()
        model.save(file)
        return file.getvalue() == whole.getvalue()

    def read() -> bool:
        data.seek(0, 2)
        return np.array_equal(data.next()["speech"], right[2])      # type: ignore[index]

    def load() -> bool:
        return bool(lu.Model(io.BytesIO(whole.getvalue())).code_count == model.code_count)

    for call, longest in ((save, 2e-3), (read, 3e-4), (load, 2e-3)):
        stopped, end = 0, time.monotonic() + 0.4
        while time.monotonic() < end:
            try:
                came = alarm(rng.uniform(1e-5, longest))
                right_one = call()
                signal.setitimer(signal.ITIMER_REAL, 0)
                assert right_one and not came
            except Stop:
                stopped += 1
        assert stopped > 10


def test_signals_of_ranks(f: Fixture, alarm: Any) -> None:
    """A step of ranks that was interrupted was taken, or is refused by the exception: never wrong."""
    class Twin:
        rank, size = 0, 2

        def sum(self, array: Any) -> None:
            array *= 2

        def gather(self, part: Any, all: Any) -> None:
            all[:] = part

    batch, rng = {name: x[:5] for name, x in f.x.items()}, np.random.default_rng(0)
    right, end, stopped = lu.Trainer(config(), comm=Twin()).step(batch), time.monotonic() + 1, 0
    while time.monotonic() < end:
        trainer = lu.Trainer(config(), comm=Twin())
        try:
            came = alarm(rng.uniform(1e-4, 2e-2))
            report = trainer.step(batch)
            signal.setitimer(signal.ITIMER_REAL, 0)
            assert report == right and not came
        except Stop:
            stopped += 1
            assert trainer.step_count in (0, 1)
    assert stopped


def test_a_callback_can_be_interrupted(f: Fixture, alarm: Any) -> None:
    """One of the caller's that waits is left at once, as anywhere else."""
    class Hangs(io.BytesIO):
        def readinto(self, to: Any) -> int:
            time.sleep(10)
            return 0

    class Waits:
        rank, size = 0, 2

        def sum(self, array: Any) -> None:
            threading.Event().wait(10)

        gather = sum

    before = time.monotonic()
    alarm(0.05)
    raises(Stop, "", lambda: lu.Model(Hangs(b"PK" + bytes(100))))
    alarm(0.05)
    index = lu.Index(4, "l2")
    index.add(np.eye(4))
    raises(Stop, "", lambda: index.search(np.eye(4), progress=lambda *_: time.sleep(10)))
    assert time.monotonic() - before < 5


def test_handlers_stay(alarm: Any) -> None:
    """Whenever a handler raises, the handlers are the same afterwards, and no lock stays locked."""
    rng, rows = np.random.default_rng(0), np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    ours, interrupt = signal.getsignal(signal.SIGALRM), signal.getsignal(signal.SIGINT)
    book = lu.Codebook(4, 4)
    end, stopped = time.monotonic() + 1, 0
    while time.monotonic() < end:
        try:
            alarm(rng.uniform(1e-5, 3e-4))
            while True:
                book.init(rows, 1)
                book.lookup([1, 2])
        except Stop:
            stopped += 1
        assert not book._lock._is_owned() and not book._own_lock()._is_owned() and not _callback._holds()
        assert signal.getsignal(signal.SIGINT) is interrupt and signal.getsignal(signal.SIGALRM) is ours
    assert stopped > 100
    left = _callback._Kept(ours)                # one that was left behind does as the handler does, and goes
    signal.signal(signal.SIGALRM, left)
    raises(Stop, "", lambda: left(signal.SIGALRM, None))
    book.init(rows, 1)
    assert signal.getsignal(signal.SIGALRM) is ours


def test_a_callback_may_not_use_its_object(f: Fixture) -> None:
    model = f.model()
    codes, book = model.encode("speech", f.x["speech"]), model.codebook()
    head = lu.Head(model, 3, progress=lambda *_: head.predict(codes) is None)
    raises(lu.StateError, "the head is in use: a callback must not call", lambda: head.fit(codes, f.label))
    rows = f.x["speech"][0, :, :1].repeat(16, 1)
    raises(lu.StateError, "the codebook is in use", lambda: book.init(rows, progress=lambda *_: book.code_count))
    index = lu.Index(4, "l2")
    index.add(np.eye(4))
    raises(lu.StateError, "the index is in use",
           lambda: index.search(np.eye(4), 2, progress=lambda *_: index.add(np.eye(4), range(10, 14))))

    class Changes(io.BytesIO):
        def write(self, data: Any) -> int:
            book.set(np.zeros((24, 16)))
            return len(data)

    raises(lu.StateError, "the codebook is in use", lambda: book.save(Changes()))
    found = index.search(np.eye(4), 2, progress=lambda *_: len(index) == 0)      # to read while it reads is allowed
    assert len(found.ids) == 4
    index.add(np.eye(4), range(20, 24))


def test_who_changes_comes_before_later_readers() -> None:
    index = lu.Index(64, "inner")
    index.add(np.random.default_rng(0).normal(size=(2000, 64)))
    queries, stop, took = np.ones((100, 64), np.float32), threading.Event(), []

    def work(i: int) -> None:
        if i:
            while not stop.is_set():
                index.search(queries, 5)
            return
        time.sleep(0.1)
        before = time.monotonic()
        index.add(queries[:1])
        took.append(time.monotonic() - before)
        stop.set()

    timer = threading.Timer(5, stop.set)
    timer.start()
    in_threads(work)
    timer.cancel()
    assert took[0] < 2 and len(index) == 2001
