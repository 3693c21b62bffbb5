"""The C library: where it is found, its functions' signatures, statuses made exceptions."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any, Iterator

from ._errors import error_of

VERSION = (0, 1)                    # whose ABI is declared below
SONAME = "libunicode.so.0"
MAX_RANK = 6
FLOAT32, FLOAT64 = 1, 2             # unic_dtype


class Array(ctypes.Structure):
    """unic_array: memory of the caller, its type and dims."""

    _fields_ = [("struct_size", c_size_t), ("data", c_void_p), ("dtype", c_int32),
                ("rank", c_int32), ("dims", c_int64 * MAX_RANK), ("reserved", c_int64 * 4)]


class ModelHandle(ctypes.Structure):
    """unic_model, opaque."""


class EncoderHandle(ctypes.Structure):
    """unic_encoder, opaque."""


class CodebookHandle(ctypes.Structure):
    """unic_codebook, opaque."""


class Status(c_int):
    """A function's result that is checked: not UNIC_OK raises."""


_MODEL, _ENCODER = POINTER(ModelHandle), POINTER(EncoderHandle)
_CODEBOOK, _DIMS = POINTER(CodebookHandle), POINTER(c_int64)

# name: result, arguments
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "unic_version": (c_char_p, []),
    "unic_last_error": (c_char_p, []),
    "unic_set_threads": (Status, [c_int]),
    "unic_get_threads": (c_int, []),
    "unic_array_init": (None, [POINTER(Array), c_void_p, c_int, c_int, _DIMS]),
    "unic_model_open": (Status, [POINTER(_MODEL), c_char_p]),
    "unic_model_free": (None, [_MODEL]),
    "unic_model_modality_count": (c_size_t, [_MODEL]),
    "unic_model_modality_name": (c_char_p, [_MODEL, c_size_t]),
    "unic_model_feature_dims": (Status, [_MODEL, c_char_p, _DIMS, POINTER(c_size_t)]),
    "unic_model_code_count": (c_size_t, [_MODEL]),
    "unic_model_code_dim": (c_size_t, [_MODEL]),
    "unic_model_config": (c_char_p, [_MODEL]),
    "unic_model_codebook": (Status, [_MODEL, POINTER(_CODEBOOK)]),
    "unic_codebook_free": (None, [_CODEBOOK]),
    "unic_codebook_embedding": (POINTER(c_float), [_CODEBOOK]),
    "unic_encoder_create": (Status, [POINTER(_ENCODER), _MODEL, c_char_p, c_size_t, c_size_t]),
    "unic_encoder_free": (None, [_ENCODER]),
    "unic_encoder_encode": (Status, [_ENCODER, POINTER(Array), POINTER(c_int32),
                                     POINTER(c_int32), POINTER(c_float), POINTER(c_float)]),
}


def _places() -> Iterator[str]:
    """Where the library may be, the most particular first."""
    here = Path(__file__).resolve().parent
    for path in (here / "libunicode.so", here / SONAME,          # a wheel's own copy
                 here.parents[2] / "build" / "libunicode.so"):   # bindings/python in its tree
        if path.is_file():
            yield str(path)
    yield SONAME                                                 # installed: the loader knows


def _open() -> ctypes.CDLL:
    named = os.environ.get("LIBUNICODE")
    failures = []
    for place in [named] if named else _places():
        try:
            return ctypes.CDLL(place)
        except OSError as error:
            failures.append(str(error))
    raise ImportError("libunicode was not found: " + "; ".join(failures) +
                      (" (LIBUNICODE names it)" if named else
                       ". Install it, or set LIBUNICODE to the path of libunicode.so"))


def _load() -> ctypes.CDLL:
    """Open the library and declare its functions."""
    library = _open()

    def check(status: Status, _function: Any, _arguments: Any) -> None:
        if status.value:
            raise error_of(status.value, library.unic_last_error().decode())

    try:
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            if result is Status:
                function.errcheck = check
    except AttributeError as error:
        raise ImportError(f"{library._name} is no libunicode, or an older one: {error}") from None
    version = library.unic_version().decode()
    if tuple(map(int, version.split(".")[:2])) != VERSION:
        raise ImportError(f"{library._name} is libunicode {version}, but this binding is for "
                          f"{VERSION[0]}.{VERSION[1]}")
    return library


lib = _load()
