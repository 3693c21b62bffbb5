"""What stands for a file: bytes in memory, and Python's file objects."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
from typing import Any, Dict, Iterator, Optional, Union

from . import _arguments as arguments
from . import _lib
from ._errors import Error

_TYPES = {**dict(_lib.Source._fields_), **dict(_lib.Sink._fields_)}     # type: ignore[misc, arg-type]


class _Reader:
    """A file object, or memory, that C reads."""

    def __init__(self, file: Any, memory: Optional[memoryview], size: int) -> None:
        self.file, self.memory, self.size = file, memory, size
        self.watched = True                     # opened() raises `error`; later, it would keep the frames that it names
        self.error: Optional[BaseException] = None

    def read(self, buffer: int, count: int, offset: int) -> int:
        to = memoryview((ctypes.c_char * count).from_address(buffer)).cast("B")
        if self.memory is not None:
            to[:] = self.memory[offset:offset + count]
            return count
        self.file.seek(offset)
        if hasattr(self.file, "readinto"):
            return int(self.file.readinto(to))
        data = self.file.read(count)
        to[:len(data)] = data
        return len(data)


# C has a reader's number. The functions that it calls live as long as the module.
_readers: Dict[int, _Reader] = {}
_numbers = itertools.count(1)


def _read_at(buffer: int, count: int, offset: int, number: int) -> int:
    reader = _readers[number]
    try:
        return reader.read(buffer, count, offset)
    except BaseException as error:              # noqa: B902  C must not be jumped over; opened() raises it
        if reader.watched:
            reader.error = error
        return -_lib.E_IO


_READ_AT = _TYPES["read_at"](_read_at)
_CLOSE = _TYPES["close"](lambda number: _readers.pop(number, None) and None)


def is_contents(given: Any) -> bool:
    """Whether it is a file's contents or a file object, and not a path: a path has no zero byte, such a file has."""
    if isinstance(given, bytes):
        return b"\0" in given
    return not isinstance(given, (str, os.PathLike))


def is_file(given: Any) -> bool:
    """Whether it is an object with read()."""
    return is_contents(given) and hasattr(given, "read")


def _reader(given: Any) -> _Reader:
    if not hasattr(given, "read"):
        try:
            memory = memoryview(given).cast("B")
        except TypeError:
            raise TypeError("expected a path (str, bytes or os.PathLike), a file object or its contents, not "
                            f"{type(given).__name__}") from None
        return _Reader(None, memory, memory.nbytes)
    if hasattr(given, "seek") and (not hasattr(given, "seekable") or given.seekable()):
        return _Reader(given, None, given.seek(0, os.SEEK_END))
    data = given.read()
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"{given!r} gives {type(data).__name__}, but must be opened for bytes")
    return _reader(memoryview(data))


def name_of(given: Any) -> str:
    """What stands for it in messages."""
    name = getattr(given, "name", None)
    if isinstance(name, str):
        return name
    return type(given).__name__ if hasattr(given, "read") or hasattr(given, "write") else "memory"


@contextlib.contextmanager
def opened(given: Any) -> Iterator[Any]:
    """A unic_source of it, for one call: what the file object raises comes out of the call."""
    reader, number = _reader(given), next(_numbers)
    _readers[number] = reader
    source = _lib.sized(_lib.Source, name=name_of(given).replace("\0", "?").encode(), size=reader.size,
                        read_at=_READ_AT, close=_CLOSE, user=number)
    try:
        yield ctypes.byref(source)
    except Error:
        if reader.error is None:
            raise
        raise reader.error from None
    except BaseException:
        _readers.pop(number, None)              # C was not called, so it does not close it
        raise
    finally:
        reader.watched, reader.error = False, None


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
            left = left[left.nbytes if written is None else written:]   # a raw file takes what it can

    def finish(self) -> None:
        if hasattr(self.file, "flush"):
            self.file.flush()

    def abandon(self) -> None:
        """Takes back what was written, where the file object can."""
        if self.start is not None:
            self.file.seek(self.start)
            self.file.truncate()

    def guarded(self, call: Any, *given: Any) -> int:
        try:
            call(*given)
            return 0
        except BaseException as error:          # noqa: B902  C must not be jumped over; save() raises it
            self.error = self.error or error
            return _lib.E_IO


_writers: Dict[int, _Writer] = {}
_WRITE = _TYPES["write"](lambda data, count, number: _writers[number].guarded(
    _writers[number].write, ctypes.string_at(data, count)))
_FINISH = _TYPES["finish"](lambda number: _writers[number].guarded(_writers[number].finish))
_ABANDON = _TYPES["abandon"](lambda number: _writers[number].guarded(_writers[number].abandon) and None)


def save(handle: Any, to: Any, to_path: Any, to_sink: Any) -> None:
    """Call what writes to a path, or what writes to a sink: a file object that is open for bytes."""
    if isinstance(to, (str, bytes, os.PathLike)):
        to_path(handle, arguments.path(to))
        return
    if not hasattr(to, "write"):
        raise TypeError(f"expected a path (str, bytes or os.PathLike) or a file object, not {type(to).__name__}")
    writer, number = _Writer(to), next(_numbers)
    _writers[number] = writer
    sink = _lib.sized(_lib.Sink, name=name_of(to).replace("\0", "?").encode(), write=_WRITE, finish=_FINISH,
                      abandon=_ABANDON, user=number)
    try:
        to_sink(handle, ctypes.byref(sink))
    except Error:
        if writer.error is None:
            raise
        raise writer.error from None
    finally:
        writer.error = None
        del _writers[number]


def load(pointer: Any, given: Union[Any, bytes], from_path: Any, from_source: Any, options: Any) -> None:
    """Call what reads a path, or what reads a source, whichever is given."""
    if not is_contents(given):
        from_path(ctypes.byref(pointer), arguments.path(given), options)
        return
    with opened(given) as source:
        from_source(ctypes.byref(pointer), source, options)
