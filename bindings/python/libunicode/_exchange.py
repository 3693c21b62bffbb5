"""Arrays of other libraries (PyTorch, JAX, CuPy ...) as numpy arrays over the same memory, by DLPack.

numpy itself reads DLPack, but no bfloat16, and nothing that is read-only unless it is new; hence ctypes.
"""

from __future__ import annotations

import contextlib
import ctypes
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from typing import Any, Tuple

import numpy as np
import numpy.typing as npt

from ._errors import ArgumentError, DataError, Error, ShapeError

# bfloat16 as numpy can hold it: its 16 bits, under a name. (ml_dtypes has a type of its own, which is taken too.)
BFLOAT16 = np.dtype([("bfloat16", np.uint16)])


class _Tensor(Structure):
    _fields_ = [("data", c_void_p), ("device_type", c_int32), ("device_id", c_int32), ("ndim", c_int32),
                ("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16), ("shape", POINTER(c_int64)),
                ("strides", POINTER(c_int64)), ("byte_offset", c_uint64)]


class _Managed(Structure):              # begins with the tensor; what follows is the exporter's
    _fields_ = [("tensor", _Tensor)]


class _Versioned(Structure):
    _fields_ = [("major", c_uint32), ("minor", c_uint32), ("context", c_void_p), ("deleter", c_void_p),
                ("flags", c_uint64), ("tensor", _Tensor)]


_CAPSULES = {b"dltensor": _Managed, b"dltensor_versioned": _Versioned}
_CPU = {1, 3, 11}                       # DLDeviceType: the CPU's memory, and what CUDA and ROCm pin in it
_DEVICES = {2: "CUDA", 4: "OpenCL", 7: "Vulkan", 8: "Metal", 10: "ROCm", 13: "managed CUDA", 14: "oneAPI"}
_KINDS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}      # DLDataTypeCode

# Prototypes of their own: those of ctypes.pythonapi are the whole process's.
_is_capsule = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
_pointer_of = ctypes.PYFUNCTYPE(c_void_p, ctypes.py_object, c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))


class _Memory:
    """What numpy asks for to look into a tensor's memory, read-only. The capsule is never taken over, so it
    lets the tensor go when it goes itself: with the last array that looks into it."""

    def __init__(self, capsule: Any, address: int, shape: Tuple[int, ...], strides: Any, dtype: str) -> None:
        self._capsule = capsule
        self.__array_interface__ = {"version": 3, "shape": shape, "strides": strides, "typestr": dtype,
                                    "data": (address, True)}


def array_of(name: str, given: Any) -> npt.NDArray[Any]:
    """An array of what is given: numpy's, another library's on the CPU, a buffer, a list, a number.

    Nothing is copied that has memory already; what is another library's is read-only then.
    """
    if isinstance(given, np.ndarray) or not hasattr(given, "__dlpack__"):
        for one in given if isinstance(given, (list, tuple)) else (given,):
            if isinstance(one, np.ma.MaskedArray) and np.ma.is_masked(one):
                raise DataError(f"{name} have masked values: fill them, as with .filled(), or leave them out")
        try:
            return np.asarray(given)
        except ValueError as error:             # rows of different lengths
            raise ShapeError(f"{name} are no array: {error}") from None
    if getattr(given, "requires_grad", False):
        raise ArgumentError(f"{name} require gradients, which libunicode does not give: pass .detach()")
    device, number = given.__dlpack_device__()
    if device not in _CPU:
        where = _DEVICES.get(int(device), f"DLPack type {int(device)}")
        raise ArgumentError(f"{name} are in the memory of a device ({where} {number}), which libunicode does not "
                            f"read: copy them to the CPU first, as with .cpu() or .get()")
    for resolve in ("resolve_conj", "resolve_neg"):         # PyTorch's minus, which is not in the memory
        given = getattr(given, resolve)() if hasattr(given, resolve) else given
    try:
        return _read(name, _capsule(given))
    except Error:
        raise
    except (BufferError, RuntimeError, TypeError, ValueError) as refused:       # of a kind that DLPack does not have
        with contextlib.suppress(Exception):
            x = np.asarray(given)
            if x.dtype != object:
                return x
        raise DataError(f"{name} cannot be read: {refused}") from refused


def _capsule(given: Any) -> Any:
    try:
        return given.__dlpack__(max_version=(1, 0))     # without a version, nothing that is read-only
    except TypeError:                                   # made before there were versions
        return given.__dlpack__()


def _read(name: str, capsule: Any) -> npt.NDArray[Any]:
    kind = next((kind for kind in _CAPSULES if _is_capsule(capsule, kind)), None)
    if kind is None:
        raise TypeError("__dlpack__() gave no DLPack capsule")
    holder = ctypes.cast(_pointer_of(capsule, kind), POINTER(_CAPSULES[kind])).contents
    if kind == b"dltensor_versioned" and holder.major != 1:
        raise ValueError(f"it is in DLPack {holder.major}.{holder.minor}, 1 is known")
    tensor = holder.tensor
    dtype = _dtype_of(name, tensor)
    shape = tuple(tensor.shape[:tensor.ndim])
    strides = tuple(s * dtype.itemsize for s in tensor.strides[:tensor.ndim]) if tensor.strides else None
    bits = np.dtype(np.uint16) if dtype == BFLOAT16 else dtype
    memory = _Memory(capsule, (tensor.data or 0) + tensor.byte_offset, shape, strides, bits.str)
    return np.asarray(memory).view(dtype)


def _dtype_of(name: str, tensor: _Tensor) -> "np.dtype[Any]":
    kind, bits = _KINDS.get(tensor.code, f"DLPack type {tensor.code} of "), tensor.bits
    if (kind, bits, tensor.lanes) == ("bfloat", 16, 1):
        return BFLOAT16
    try:
        if tensor.lanes != 1:
            raise TypeError
        return np.dtype("bool" if (kind, bits) == ("bool", 8) else f"{kind}{bits}")
    except TypeError:
        lanes = f" x {tensor.lanes}" if tensor.lanes != 1 else ""
        raise DataError(f"{name} are {kind}{bits}{lanes}, which libunicode does not know") from None


def is_bfloat16(dtype: "np.dtype[Any]") -> bool:
    """Whether elements are bfloat16: PyTorch's or JAX's by DLPack, or ml_dtypes'."""
    return dtype == BFLOAT16 or (dtype.name == "bfloat16" and dtype.itemsize == 2)


def is_real(dtype: "np.dtype[Any]") -> bool:
    """Whether elements are real numbers."""
    return dtype.kind in "fiub" or is_bfloat16(dtype)


def widened(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """bfloat16 as float32, whose upper half it is; all else as it is."""
    if not is_bfloat16(x.dtype):
        return x
    return (x.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
