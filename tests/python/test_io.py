"""Bytes and file objects in the place of files."""

from __future__ import annotations

import gc
import io
import time
import weakref
from pathlib import Path
from typing import Any, Callable, Dict

import libunicode as lu
import numpy as np
import pytest
from helpers import Fixture, config, raises, same
from libunicode import _io


class Raw(io.RawIOBase):
    """A file object that gives at most 1000 bytes at a time, and counts."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.reads = data, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (0, self.at, len(self.data))[whence]
        return self.at

    def readinto(self, to: Any) -> int:
        part = self.data[self.at:self.at + min(1000, len(to))]
        to[:len(part)] = part
        self.at, self.reads = self.at + len(part), self.reads + 1
        return len(part)


class Pipe:
    """What can only be read from front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> bytes:
        return self.data


class Taker:
    """What can only be written to, some bytes at a time."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: memoryview) -> int:
        self.data += bytes(data[:700])
        return min(700, len(data))


GIVEN: Dict[str, Callable[[bytes], Any]] = {
    "bytes": lambda data: data, "bytearray": bytearray, "memoryview": memoryview,
    "numpy": lambda data: np.frombuffer(data, np.uint8), "BytesIO": io.BytesIO, "raw": Raw, "pipe": Pipe,
    "buffered": lambda data: io.BufferedReader(Raw(data)),
}


@pytest.mark.parametrize("given", GIVEN)
def test_everything_is_read(f: Fixture, given: str, tmp_path: Path) -> None:
    of, x, model = GIVEN[given], f.x["speech"], f.model()

    def data(thing: Any) -> bytes:
        thing.save(tmp_path / "x.npz")
        file, taken = io.BytesIO(b"before"), Taker()
        file.seek(6)
        thing.save(file)
        thing.save(taken)
        whole = (tmp_path / "x.npz").read_bytes()
        assert file.getvalue() == b"before" + whole and taken.data == whole
        return whole

    codes = model.encode("speech", x)
    assert np.array_equal(lu.Model(of(data(model))).encode("speech", x), codes)
    assert np.array_equal(lu.Model(of(data(model)), preload=False).encode("speech", x), codes)
    book = model.codebook()
    assert same(lu.Codebook.load(of(data(book))).state(), book.state())
    head = lu.Head(model, classes=3, epochs=2)
    head.fit(codes, f.label)
    assert np.array_equal(lu.Head.load(of(data(head))).predict(codes), head.predict(codes))
    index = lu.Index(4, "l2")
    index.add(np.eye(4), [7, 5, 3, 1])
    assert len(lu.Index.load(of(data(index)), memory_limit=10**7)) == 4
    raises(lu.OutOfMemoryError, "the limit is", lambda: lu.Index.load(of(data(index)), memory_limit=10))
    assert not _io._readers and not _io._memories


def test_a_file_object_may_be_closed_and_bytes_are_let_go(f: Fixture) -> None:
    with open(f.path, "rb") as file:
        model = lu.Model(file)
    assert repr(str(f.path)) in repr(model)
    model.encode("speech", f.x["speech"])
    lazy = lu.Model(np.frombuffer(Path(f.path).read_bytes(), np.uint8))
    assert "'memory'" in repr(lazy) and len(_io._memories) == 1
    kept = weakref.ref(next(iter(_io._memories.values()))[0])
    lazy.close()
    del lazy
    gc.collect()
    assert kept() is None and not _io._memories


def test_what_a_file_object_raises_comes_out(f: Fixture) -> None:
    class Broken(Raw):
        def readinto(self, to: Any) -> int:
            if self.reads >= 3:
                raise ConnectionError("the store is gone")
            return super().readinto(to)
    data = Path(f.path).read_bytes()
    raises(ConnectionError, "the store is gone", lambda: lu.Model(Broken(data)))
    broken = Broken(data)
    broken.reads = -1000
    model = lu.Model(broken, preload=False)
    broken.reads = 3
    raises(ConnectionError, "the store is gone", lambda: model.encode("speech", f.x["speech"]))
    broken.reads = -1000
    model.encode("speech", f.x["speech"])


def test_wrong_contents_are_named(f: Fixture, tmp_path: Path) -> None:
    raises(lu.FormatError, "unic_head_load_source: memory: is no zip file", lambda: lu.Head.load(bytes(100)))
    raises(lu.FormatError, "unic_head_load_source: BytesIO: is no zip file", lambda: lu.Head.load(io.BytesIO(b"")))
    raises(lu.NotFoundError, "nowhere.npz", lambda: lu.Head.load(b"nowhere.npz"))
    raises(TypeError, "opened for bytes", lambda: lu.Head.load(Text()))
    raises(TypeError, "or its contents, not int", lambda: lu.Head.load(7))                       # type: ignore[arg-type]
    raises(lu.ArgumentError, "has its own", lambda: lu.Model(Path(f.path).read_bytes(), {"encoder.heads": 2}))
    gc.collect()
    assert not _io._readers and not _io._memories


class Text:
    def read(self) -> str:
        return "text"


def test_another_kind_of_file_is_named(f: Fixture, tmp_path: Path) -> None:
    """What is given for something else is told what it holds, not which array of the other it lacks."""
    model = f.model()
    codes = model.encode("speech", f.x["speech"])
    head, retriever = lu.Head(model, 2, epochs=1), lu.Retriever(model, item_dim=3, epochs=1)
    head.fit(codes, np.arange(len(codes)) % 2)
    retriever.fit(codes, np.random.default_rng(0).normal(size=(len(codes), 3)))
    segmenter = lu.Segmenter(model, image_channels=1, height=32, width=32, level_count=2)
    frames = np.random.default_rng(1).random((2, 1, 32, 32, 1), np.float32)
    segmenter.step(frames, codes[:2], frames[..., 0] > 0.5)
    kinds: Dict[str, Any] = {
        "a head": (head, lu.Head.load), "an index": (lu.Index(3, "l2"), lu.Index.load),
        "a retriever": (retriever, lu.Retriever.load), "a segmenter": (segmenter, lu.Segmenter.load),
        "a codebook": (model.codebook(), lu.Codebook.load), "a model or a run": (model, None), "a model": (None, lu.Model)}
    paths = {"codes": tmp_path / "codes.npz"}
    np.savez(paths["codes"], codes=codes, fingerprint=np.uint64(1))
    for i, (kind, (made, _)) in enumerate(kinds.items()):
        if made is not None:
            paths[kind] = tmp_path / f"{i}.npz"
            made.save(paths[kind])
    for kind, path in paths.items():
        for wanted, (_, load) in kinds.items():
            if load and kind != wanted and kind + wanted not in ("a model or a runa model", "a model or a runa codebook"):
                raises(lu.FormatError, f"{path}: holds {kind}, {wanted} expected", lambda: load(path))
                raises(lu.FormatError, f": holds {kind}, {wanted} expected", lambda: load(path.read_bytes()))
            elif load:
                load(path)                  # a codebook is read from a model too


def test_a_checkpoint_is_read(f: Fixture) -> None:
    path = Path(__file__).resolve().parents[1] / "cmg/fixtures/av.pt"
    with open(path, "rb") as file:
        model = lu.Model(file, {"encoder.dropout": 0.25})
    assert model.config["encoder.dropout"] == 0.25 and "audio" in model.modalities


def test_a_run_goes_on(f: Fixture) -> None:
    trainer, file = lu.Trainer(config()), io.BytesIO()
    trainer.fit(lu.Arrays(f.arrays, batch=10, seed=0), steps=1)
    trainer.save(file)
    resumed = lu.Trainer.resume(file, {"train.lr": 1e-5})
    assert resumed.step_count == 1 and resumed.config["train.lr"] == 1e-5
    assert same(lu.Trainer.resume(file.getvalue()).model().embedding(), trainer.model().embedding())


def test_a_failing_file_object_holds_no_half(f: Fixture) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() > 3000:
                raise OSError(28, "No space left on device")
            return super().write(data)
    model, file = f.model(), Full(b"before")
    file.seek(6)
    raises(OSError, "No space left", lambda: model.save(file))
    assert file.getvalue() == b"before" and not _io._writers
    raises(TypeError, "or a file object, not int", lambda: model.save(3))                         # type: ignore[arg-type]
    model.save(io.BytesIO())


def test_a_dataset_is_read(f: Fixture) -> None:
    data = Path(f.data).read_bytes()
    wanted = [batch["speech"].copy() for batch in lu.Dataset(f.data, batch=7, seed=3, prefetch=0)]
    for given in (data, memoryview(data), io.BytesIO(data), Raw(data), [data], (io.BytesIO(data),)):
        with lu.Dataset(given, batch=7, seed=3) as dataset:
            assert all(np.array_equal(batch["speech"], x) for batch, x in zip(dataset, wanted))
            assert np.array_equal(dataset.labels("label"), f.label)
    with lu.Dataset([data, data], batch=7) as dataset:
        assert dataset.clip_count == 2 * len(f.label)
    assert not _io._readers and not _io._memories
    raises(TypeError, "cannot be in one dataset", lambda: lu.Dataset([data, "x.npz"]))
    raises(lu.FormatError, "memory: is no zip file", lambda: lu.Dataset([data, bytes(100)]))
    raises(TypeError, "or its contents, not int", lambda: lu.Dataset([data, 3]))
    raises(lu.ArgumentError, "batch", lambda: lu.Dataset([data, io.BytesIO(data)], batch=0))
    assert not _io._readers and not _io._memories


def test_a_dataset_says_what_a_file_object_raised(f: Fixture) -> None:
    class Broken(Raw):
        def readinto(self, to: Any) -> int:
            if self.reads >= 2:
                raise ConnectionError("the store is gone")
            return super().readinto(to)
    raises(ConnectionError, "the store is gone", lambda: lu.Dataset(Broken(Path(f.data).read_bytes())))
    for prefetch in (0, 2):
        broken = Broken(Path(f.data).read_bytes())
        broken.reads = -10**6
        data = lu.Dataset(broken, batch=1, prefetch=prefetch)
        data.next()
        broken.reads = 2
        raises(ConnectionError, "the store is gone", lambda: [data.next() for _ in range(len(f.label))])
        broken.reads = -10**6
        assert data.next() is not None


def test_two_datasets_of_one_file_object(f: Fixture) -> None:
    """Each seeks and reads; nobody seeks between."""
    class Yields(io.BytesIO):
        def seek(self, *given: Any) -> int:
            at = super().seek(*given)
            time.sleep(0)                       # another thread's turn
            return at
    file = Yields(Path(f.data).read_bytes())
    wanted = [batch["speech"].copy() for batch in lu.Dataset(f.data, batch=2)]
    a, b = (lu.Dataset(file, batch=2, prefetch=4) for _ in range(2))
    for _ in range(10):
        assert all(np.array_equal(x["speech"], w) and np.array_equal(y["speech"], w) for x, y, w in zip(a, b, wanted))
    a.close(), b.close()
    del a, b
    assert not _io._files


def test_a_file_object_that_would_wait(f: Fixture) -> None:
    """A raw one says None where nothing was written; one of the caller's may say nothing."""
    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> Any:
            return None

    class Silent:
        data = b""

        def write(self, data: Any) -> None:
            self.data += bytes(data)

    model, silent = f.model(), Silent()
    raises(BlockingIOError, "took none of", lambda: model.save(Full()))
    model.save(silent)
    assert silent.data == Path(f.path).read_bytes()


def test_odd_file_objects(f: Fixture) -> None:
    class Odd(Raw):
        answer: Any = None

        def readinto(self, to: Any) -> Any:
            return self.answer

    odd = Odd(bytes(100))
    for answer, error, text in ((10**6, lu.ArgumentError, "what readinto() returned is 1000000, but must be in"),
                                (-1, lu.ArgumentError, "what readinto() returned is -1"),
                                (None, TypeError, "what readinto() returned is None")):
        odd.answer = answer
        raises(error, text, lambda: lu.Head.load(odd))
