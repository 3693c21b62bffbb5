"""What stands for a file: bytes in memory, and Python's file objects."""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
from typing import Any, Dict, Iterator, List, Optional, Union

import numpy as np

from . import _arguments as arguments
from . import _lib
from ._errors import Error
from ._lib import lib

_TYPES = {**dict(_lib.Source._fields_), **dict(_lib.Sink._fields_)}     # type: ignore[misc, arg-type]


class _Reader:
    """A file object that C reads."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.watched = True                     # opened() raises `error`; later, it would keep the frames that it names
        self.error: Optional[BaseException] = None

    def read(self, buffer: int, count: int, offset: int) -> int:
        to = memoryview((ctypes.c_char * count).from_address(buffer)).cast("B")
        self.file.seek(offset)
        if hasattr(self.file, "readinto"):
            return int(self.file.readinto(to))
        data = self.file.read(count)
        to[:len(data)] = data
        return len(data)


# C has a reader's number, or the address of memory. The functions that it calls live as long as the module.
_readers: Dict[int, _Reader] = {}
_memories: Dict[int, List[Any]] = {}            # what keeps the memory, once for each source of it
_numbers = itertools.count(1)


def _read_at(buffer: int, count: int, offset: int, number: int) -> int:
    reader = _readers[number]
    try:
        return reader.read(buffer, count, offset)
    except BaseException as error:              # noqa: B902  C must not be jumped over; opened() raises it
        if reader.watched:
            reader.error = error
        return -_lib.E_IO


def _let_go(address: int) -> None:
    held = _memories[address]
    held.pop()
    if not held:
        del _memories[address]


_READ_AT = _TYPES["read_at"](_read_at)
_CLOSE = _TYPES["close"](lambda number: _readers.pop(number, None) and None)
_LET_GO = _TYPES["close"](_let_go)


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
    if not hasattr(file, "seek") or (hasattr(file, "seekable") and not file.seekable()):
        data = file.read()
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"{file!r} gives {type(data).__name__}, but must be opened for bytes")
        return _of_memory(data, name)
    size, number = file.seek(0, os.SEEK_END), next(_numbers)
    source = _lib.sized(_lib.Source, name=name, size=size, read_at=_READ_AT, close=_CLOSE, user=number)
    _readers[number] = _Reader(file)
    return source


@contextlib.contextmanager
def opened(*given: Any) -> Iterator[List[Any]]:
    """A unic_source of each, for one call: what a file object raises comes out of the call."""
    sources: List[Any] = []
    readers: List[_Reader] = []
    try:
        for one in given:
            name = name_of(one).replace("\0", "?").encode()
            sources.append((_of_file if hasattr(one, "read") else _of_memory)(one, name))
        readers = [_readers[source.user] for source in sources if source.user in _readers]
    except BaseException:
        for source in sources:                  # C was not called, so it does not close them
            source.close(source.user)
        raise
    try:
        yield sources
    except Error:
        for reader in readers:
            if reader.error is not None:
                raise reader.error from None
        raise
    finally:
        for reader in readers:
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


def read(first: Any, given: Union[Any, bytes], from_path: Any, from_source: Any, options: Any) -> None:
    """Call what reads a path, or what reads a source, whichever is given, with this first argument."""
    if not is_contents(given):
        from_path(first, arguments.path(given), options)
        return
    with opened(given) as (source,):
        from_source(first, ctypes.byref(source), options)


def load(pointer: Any, given: Union[Any, bytes], from_path: Any, from_source: Any, options: Any) -> None:
    """The same, for what makes a handle."""
    read(ctypes.byref(pointer), given, from_path, from_source, options)
