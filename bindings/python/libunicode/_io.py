"""What stands for a file: bytes in memory, and Python's file objects."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import itertools
import operator
import os
import threading
from typing import Any, Dict, Iterator, List, Optional, Union

import numpy as np

from . import _arguments as arguments
from . import _lib
from ._callback import Hold, guarded, immortal, interrupted, keep
from ._lib import lib

_TYPES = {**dict(_lib.Source._fields_), **dict(_lib.Sink._fields_)}     # type: ignore[misc, arg-type]


class _Shared:
    """A file object, and whoever reads it: one at a time, for each seeks before it reads."""

    def __init__(self, file: Any) -> None:
        self.file, self.lock, self.reader_count = file, threading.RLock(), 0


_files: Dict[int, _Shared] = {}                 # by id, while they are read


class Reader:
    """A file object that C reads."""

    def __init__(self, file: Any) -> None:
        self._shared = _files.setdefault(id(file), _Shared(file))
        self._shared.reader_count += 1
        self.error: Optional[BaseException] = None      # of a thread of C's own, until a call tells of it

    def size(self) -> int:
        """The file's, in bytes."""
        with self._shared.lock:
            return arguments.integer("where seek() came to", self._shared.file.seek(0, os.SEEK_END), 0)

    def read(self, buffer: int, count: int, offset: int) -> int:
        """Bytes for C, by way of memory that the file object may keep: C's own would be gone."""
        if interrupted():
            return -_lib.E_IO
        file = self._shared.file
        with self._shared.lock:
            file.seek(offset)
            if not hasattr(file, "readinto"):
                data = bytearray(memoryview(file.read(count)))
                return _give(buffer, data, arguments.integer("what read() gave, in bytes,", len(data), 0, count))
            memory = bytearray(count)
            lent = memoryview(memory)
            got = arguments.integer("what readinto() returned", file.readinto(lent), 0, count)
        try:
            lent.release()
        except BufferError:                     # somebody has an array over it
            pass
        return _give(buffer, memory, got)

    def failed(self, error: BaseException) -> int:
        """Have what the file object raised come out of the call; of a thread of C's own, out of a later one."""
        if not keep(error):
            self.error, one = error, error
            while one is not None:              # the frames would live as long, and what they name
                one.__traceback__, one = None, one.__context__          # type: ignore[assignment]
        return -_lib.E_IO

    def close(self) -> None:
        """C reads it no more."""
        self._shared.reader_count -= 1
        if not self._shared.reader_count:
            _files.pop(id(self._shared.file), None)


# C has a reader's number, or the address of memory. The functions that it calls live as long as the process.
_readers: Dict[int, Reader] = {}
_memories: Dict[int, List[Any]] = {}            # what keeps the memory, once for each source of it
_numbers = itertools.count(1)


def _give(buffer: int, data: bytearray, count: int) -> int:
    """The first bytes of `data` to C."""
    if count:
        ctypes.memmove(buffer, ctypes.byref(ctypes.c_char.from_buffer(data)), count)
    return count


def _close(number: int, readers: Dict[int, Reader] = _readers) -> None:
    reader = readers.pop(number, None)
    if reader is not None:
        reader.close()


def _let_go(address: int, memories: Dict[int, List[Any]] = _memories) -> None:
    held = memories[address]
    held.pop()
    if not held:
        del memories[address]


_READ_AT = immortal(_TYPES["read_at"], guarded(
    lambda buffer, count, offset, number: _readers[number].read(buffer, count, offset),
    lambda error, *given: _readers[given[-1]].failed(error)))
_CLOSE = immortal(_TYPES["close"], guarded(_close, keep))
_LET_GO = immortal(_TYPES["close"], guarded(_let_go, keep))


def is_contents(given: Any) -> bool:
    """Whether it is a file's contents or a file object, and not a path: a path has no zero byte, such a file has."""
    if isinstance(given, bytes):
        return b"\0" in given
    return not isinstance(given, (str, os.PathLike))


def is_one(given: Any) -> bool:
    """Whether it is one file, by its path or otherwise, and not a sequence of them."""
    if isinstance(given, (str, bytes, os.PathLike)) or hasattr(given, "read"):
        return True
    try:
        memoryview(given)
    except TypeError:
        return False
    return True


def is_file(given: Any) -> bool:
    """Whether it is an object with read()."""
    return is_contents(given) and hasattr(given, "read")


def name_of(given: Any) -> str:
    """What stands for it in messages."""
    name = getattr(given, "name", None)
    if isinstance(name, str):
        return name
    return type(given).__name__ if hasattr(given, "read") or hasattr(given, "write") else "memory"


def _label(given: Any) -> bytes:
    """The same for C; of a name that is no text, its bytes."""
    name = name_of(given).replace("\0", "?")
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode(errors="backslashreplace")


def _of_memory(given: Any, name: bytes) -> Any:
    try:
        memory = memoryview(given).cast("B")
    except TypeError:
        raise TypeError("expected a path (str, bytes or os.PathLike), a file object or its contents, not "
                        f"{type(given).__name__}") from None
    held = np.frombuffer(memory if memory.nbytes else b"\0", np.uint8)
    source = _lib.Source()
    lib.unic_source_memory(ctypes.byref(source), held.ctypes.data, memory.nbytes, name)
    source.close = _LET_GO
    _memories.setdefault(held.ctypes.data, []).append(held)
    return source


def _of_file(file: Any, name: bytes) -> Any:
    if isinstance(file, io.TextIOBase):
        raise TypeError(f"{file!r} must be opened for bytes")
    if not hasattr(file, "seek") or (hasattr(file, "seekable") and not file.seekable()):
        data = file.read()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"{file!r} gives {type(data).__name__}, but must be opened for bytes")
        return _of_memory(data, name)
    reader, number = Reader(file), next(_numbers)
    try:
        source = _lib.sized(_lib.Source, name=name, size=reader.size(), read_at=_READ_AT, close=_CLOSE, user=number)
    except BaseException:
        reader.close()
        raise
    _readers[number] = reader
    return source


@contextlib.contextmanager
def opened(*given: Any) -> Iterator[List[Any]]:
    """A unic_source of each, for one call: what a file object raises comes out of the call."""
    sources: List[Any] = []
    names = [_label(one) for one in given]      # which C copies in the call
    try:
        for one, name in zip(given, names):
            sources.append((_of_file if hasattr(one, "read") else _of_memory)(one, name))
    except BaseException:
        for source in sources:                  # C was not called, so it does not close them
            source.close(source.user)
        raise
    with Hold():
        yield sources


def readers_of(sources: List[Any]) -> List[Reader]:
    """The file objects among sources."""
    return [_readers[source.user] for source in sources if source.user in _readers]


class _Writer:
    """A file object that C writes to."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.start = file.tell() if self._seeks() else None
        self.error: Optional[BaseException] = None

    def _seeks(self) -> bool:
        return hasattr(self.file, "truncate") and hasattr(self.file, "seekable") and bool(self.file.seekable())

    def write(self, data: bytes) -> None:
        left = memoryview(data)
        while left.nbytes:
            written = self.file.write(left)
            if written is None and not isinstance(getattr(self.file, "file", self.file), io.RawIOBase):
                return                          # a file object of the caller's, which says nothing
            if not written:                     # as a raw one says that it would have to wait
                raise BlockingIOError(errno.EAGAIN, f"{name_of(self.file)} took none of {left.nbytes} bytes")
            left = left[operator.index(written):]   # a raw file takes what it can

    def finish(self) -> None:
        if hasattr(self.file, "flush"):
            self.file.flush()

    def abandon(self) -> None:
        """Takes back what was written, where the file object can."""
        if self.start is not None:
            self.file.seek(self.start)
            self.file.truncate()


_writers: Dict[int, _Writer] = {}


def _failed(error: BaseException, *_given: Any) -> int:
    keep(error)
    return _lib.E_IO


def _write(data: int, count: int, number: int) -> int:
    if interrupted():
        return _lib.E_IO
    _writers[number].write(ctypes.string_at(data, count))
    return 0


def _finish(number: int) -> int:
    if interrupted():
        return _lib.E_IO
    _writers[number].finish()
    return 0


_WRITE = immortal(_TYPES["write"], guarded(_write, _failed))
_FINISH = immortal(_TYPES["finish"], guarded(_finish, _failed))
_ABANDON = immortal(_TYPES["abandon"], guarded(lambda number: _writers[number].abandon(), keep))


def save(handle: Any, to: Any, to_path: Any, to_sink: Any) -> None:
    """Call what writes to a path, or what writes to a sink: a file object that is open for bytes."""
    if isinstance(to, (str, bytes, os.PathLike)):
        to_path(handle, arguments.path(to))
        return
    if isinstance(to, io.TextIOBase):
        raise TypeError(f"{to!r} must be opened for bytes")
    if not hasattr(to, "write"):
        raise TypeError(f"expected a path (str, bytes or os.PathLike) or a file object, not {type(to).__name__}")
    writer, number = _Writer(to), next(_numbers)
    sink = _lib.sized(_lib.Sink, name=_label(to), write=_WRITE, finish=_FINISH,
                      abandon=_ABANDON, user=number)
    with Hold():
        _writers[number] = writer
        try:
            to_sink(handle, ctypes.byref(sink))
        finally:
            del _writers[number]


def read(first: Any, given: Union[Any, bytes], from_path: Any, from_source: Any, options: Any) -> List[Reader]:
    """Call what reads a path, or what reads a source, whichever is given, with this first argument; returns the file
    object that it may read later, too.
    """
    if not is_contents(given):
        from_path(first, arguments.path(given), options)
        return []
    with opened(given) as (source,):
        readers = readers_of([source])
        from_source(first, ctypes.byref(source), options)
    return readers


def load(pointer: Any, given: Union[Any, bytes], from_path: Any, from_source: Any, options: Any) -> List[Reader]:
    """The same, for what makes a handle."""
    return read(ctypes.byref(pointer), given, from_path, from_source, options)
