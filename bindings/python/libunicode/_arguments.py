"""What C is given: ctypes and numpy themselves cut off numbers and strings without a word."""

from __future__ import annotations

import ctypes
import operator
import os
import reprlib
from collections.abc import Iterable as IterableType
from typing import Any, BinaryIO, Iterable, List, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._errors import ArgumentError, DataError, OutOfMemoryError, ShapeError
from ._exchange import array_of, is_bfloat16, is_real, widened
from ._lib import lib

Codes = npt.NDArray[np.int32]
Vectors = npt.NDArray[np.float32]
StrPath = Union[str, bytes, "os.PathLike[Any]"]
Readable = Union[StrPath, bytearray, memoryview, BinaryIO]  # and whatever else is a buffer or has read()
Writable = Union[StrPath, BinaryIO]                                         # and whatever else has write()


def wrong(name: str, value: Any, expected: str) -> TypeError:
    """What is raised for an argument of a wrong type."""
    return TypeError(f"{name} is {reprlib.repr(value)} ({type(value).__name__}), but must be {expected}")


def integer(name: str, value: Any, least: int, most: int = 2**63 - 1) -> int:
    """An integer of C's range: `most` is that of the C type."""
    try:
        value = operator.index(value)
    except TypeError:
        raise wrong(name, value, "an integer") from None
    if not least <= value <= most:
        raise ArgumentError(f"{name} is {value}, but must be in {least}..{most}")
    return value


def number(name: str, value: Any) -> float:
    """A real number; C says which of them are allowed."""
    if isinstance(value, (str, bytes, bytearray)):
        raise wrong(name, value, "a number")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise wrong(name, value, "a number") from None
    except OverflowError:
        raise ArgumentError(f"{name} is {reprlib.repr(value)}, which is beyond floating point") from None


def choice(name: str, value: Any, among: Iterable[str]) -> str:
    """One of these words."""
    if not isinstance(value, str) or value not in among:
        *others, last = map(repr, among)
        raise ArgumentError(f"{name} is {reprlib.repr(value)}, {', '.join(others)} or {last} expected")
    return value


def instance(name: str, value: Any, kind: Any) -> Any:
    """An object of this class."""
    if not isinstance(value, kind):
        expected = {"str": "string", "Mapping": "mapping"}.get(kind.__name__, kind.__name__)
        raise wrong(name, value, f"{'an' if expected[0] in 'AEIOU' else 'a'} {expected}")
    return value


def function(name: str, value: Any) -> Any:
    """A function, or None."""
    if value is not None and not callable(value):
        raise wrong(name, value, "a function")
    return value


def encoded(name: str, value: Union[str, bytes]) -> bytes:
    """A string as C has it."""
    if not isinstance(value, (str, bytes, bytearray)):
        raise wrong(name, value, "a string")
    try:
        return value.encode() if isinstance(value, str) else bytes(value)
    except UnicodeEncodeError:
        raise ArgumentError(f"{name} {value!r} holds a lone surrogate, which is no character") from None


def text(name: str, value: Union[str, bytes]) -> bytes:
    """A string without a zero byte, which would end it in C."""
    data = encoded(name, value)
    if b"\0" in data:
        raise ArgumentError(f"{name} {value!r} holds a zero byte")
    return data


def word(name: str, value: Union[str, bytes]) -> str:
    """The same as Python has it, as of a modality."""
    try:
        return text(name, value).decode()
    except UnicodeDecodeError:
        raise ArgumentError(f"{name} {value!r} is no UTF-8") from None


def path(value: StrPath) -> bytes:
    """A path as the system takes it."""
    return text("path", os.fsencode(value))


def several(name: str, values: Any) -> List[Any]:
    """What is in a sequence."""
    if isinstance(values, (str, bytes)) or not isinstance(values, IterableType):
        raise wrong(name, values, "a sequence")
    return list(values)


def texts(name: str, values: Iterable[Union[str, bytes]]) -> Tuple[Any, int]:
    """A C array of strings and their number; (None, 0) for none."""
    if isinstance(values, (str, bytes)) or not isinstance(values, IterableType):
        raise TypeError(f"{name} is {values!r}, but must be several names")
    items = [text(name, value) for value in values]
    return ((ctypes.c_char_p * len(items))(*items), len(items)) if items else (None, 0)


# Elements that C takes as real numbers; it converts them to float32, all but float64 exactly.
_REAL = {np.dtype(name): value for name, value in (
    ("float32", _lib.F32), ("float64", _lib.F64), ("float16", _lib.F16), ("int8", _lib.I8), ("uint8", _lib.U8),
    ("bool", _lib.U8))}


def real(name: str, given: npt.ArrayLike) -> npt.NDArray[Any]:
    """Real numbers as C takes them: _REAL and bfloat16 as they are, whatever their strides; others as float32."""
    x = array_of(name, given)
    if not is_real(x.dtype):
        raise DataError(f"{name} are {x.dtype}, but must be real numbers")
    if x.ndim > _lib.MAX_RANK:
        raise ShapeError(f"{name} have rank {x.ndim}, at most {_lib.MAX_RANK} expected")
    if x.dtype not in _REAL and not is_bfloat16(x.dtype):
        return np.require(x, np.float32, ["C", "A"])
    # strides of 0 throughout mean "dense" in C, and in numpy one number that is repeated
    return x if x.flags.aligned and (any(x.strides) or x.flags.c_contiguous) else np.require(x, None, ["C", "A"])


def single(name: str, given: npt.ArrayLike) -> Vectors:
    """Real numbers as C-ordered float32: those are passed as they are."""
    return np.require(widened(real(name, given)), np.float32, ["C", "A"])


def whole(name: str, given: npt.ArrayLike, dtype: Any = np.int32) -> npt.NDArray[Any]:
    """Integers as C-ordered `dtype`: those are passed as they are."""
    x = array_of(name, given)
    if x.dtype.kind not in "iub" and x.size:            # an empty list is of floats
        raise DataError(f"{name} are {x.dtype}, but must be integers")
    narrow = np.require(x, dtype, ["C", "A"])
    beyond = x[narrow != x]
    if beyond.size:
        raise DataError(f"{name} hold {beyond[0]}, which {np.dtype(dtype)} cannot hold")
    return narrow


def lengths(name: str, given: npt.ArrayLike, clips: int) -> Codes:
    """The valid steps of each of `clips` clips."""
    x = array_of(name, given)
    if x.shape != (clips,):
        raise ShapeError(f"{name} have the shape {x.shape}, but features of {clips} clips need ({clips},)")
    return whole(name, x)


def empty(shape: Tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """A new array for results."""
    try:
        return np.empty(shape, dtype)
    except (MemoryError, ValueError):
        raise OutOfMemoryError(f"results of the shape {shape}, {np.dtype(dtype)}, are larger than the memory") from None


def output(name: str, out: Optional[npt.NDArray[Any]], shape: Tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """Where C writes: `out` if it can be written in place, a new array if there is none."""
    if out is None:
        return empty(shape, dtype)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"{name} is {type(out).__name__}, but must be a numpy array")
    if out.shape != shape:
        raise ShapeError(f"{name} has the shape {out.shape}, {shape} expected")
    if out.dtype != dtype:
        raise DataError(f"{name} is {out.dtype}, {np.dtype(dtype)} expected")
    if not (out.flags.c_contiguous and out.flags.aligned and out.flags.writeable):
        raise ArgumentError(f"{name} must be C-ordered, aligned and writeable")
    return out


def described(x: npt.NDArray[Any]) -> _lib.Array:
    """A unic_array of `x`, which must outlive it."""
    own = _lib.Array()
    dtype = _lib.BF16 if is_bfloat16(x.dtype) else _REAL[x.dtype]
    lib.unic_array_init(ctypes.byref(own), x.ctypes.data, dtype, x.ndim, (ctypes.c_int64 * _lib.MAX_RANK)(*x.shape))
    if not x.flags.c_contiguous:
        own.strides[:x.ndim] = x.strides
    return own


def array(x: npt.NDArray[Any]) -> Any:
    """The same as C is given it."""
    return ctypes.byref(described(x))


def limit(memory_limit: int, preload: bool = False, progress: Any = None) -> Any:
    """How a file is opened: `memory_limit` bytes for what it holds, 0 for no limit; whether all of it is read now; the
    pointer of a Teller.
    """
    return ctypes.byref(_lib.sized(_lib.OpenOptions, memory_limit=integer("memory_limit", memory_limit, 0),
                                   preload=bool(preload), progress=progress or _lib.PROGRESS_FN()))


def threads(number: int) -> int:
    """A number of threads of an object's own; 0: the process's."""
    return integer("threads", number, 0, 2**31 - 1)


def address(x: Optional[npt.NDArray[Any]]) -> Optional[int]:
    """Where an array's numbers are; None is NULL. The array must outlive the call."""
    return None if x is None else x.ctypes.data


def addresses(arrays: Iterable[Optional[npt.NDArray[Any]]]) -> Any:
    """A C array of such addresses."""
    items = [address(x) for x in arrays]
    return (ctypes.c_void_p * len(items))(*items)


def dims_of(call: Any, *arguments: Any) -> Tuple[int, ...]:
    """The dims that a C call gives: their number through its first argument, they themselves through the last."""
    dims, rank = (ctypes.c_int64 * _lib.MAX_RANK)(), ctypes.c_size_t()
    call(ctypes.byref(rank), *arguments, dims)
    return tuple(dims[:rank.value])
