"""Models and encoders: features in, codes out."""

from __future__ import annotations

import contextlib
import ctypes
import operator
import os
import threading
import weakref
from typing import Any, Callable, Iterator, Optional, Tuple, TypeVar, Union

import numpy as np
import numpy.typing as npt

from . import _lib
from ._errors import ArgumentError, DataError, ShapeError, StateError
from ._lib import lib

Codes = npt.NDArray[np.int32]
Vectors = npt.NDArray[np.float32]
_Self = TypeVar("_Self", bound="_Handle")


def version() -> str:
    """The C library's version, "0.1.0"."""
    return lib.unic_version().decode()


def set_threads(n: int) -> None:
    """Compute with `n` threads (1..256), in the whole process; the default is 1.

    OpenBLAS is set to one thread of its own, numpy's products too where numpy shares it. Not to
    be called while another thread computes; fork before the first use, not after it.
    """
    lib.unic_set_threads(_integer("n", n, 0, 2**31 - 1))


def get_threads() -> int:
    """The number of threads set by set_threads()."""
    return lib.unic_get_threads()


class _Handle:
    """A C object that is freed by close(), at the end of a `with` block, or when unreachable."""

    _kind = "object"

    def __init__(self, pointer: Any, free: Callable[[Any], None]) -> None:
        self._pointer = pointer
        self._lock = threading.RLock()
        self._finalizer = weakref.finalize(self, free, pointer)

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        """The C pointer, which another thread neither uses nor frees meanwhile."""
        with self._lock:
            if not self._finalizer.alive:
                raise StateError(f"the {self._kind} is closed")
            yield self._pointer

    def close(self) -> None:
        """Free the C object now; using it afterwards raises StateError. May be called again."""
        with self._lock:
            self._finalizer()

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return not self._finalizer.alive

    def __enter__(self: _Self) -> _Self:
        with self._use():
            return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class Model(_Handle):
    """A trained model: its config, its codebook and its modalities' encoders.

    Immutable; threads may share it. Encoders made from it live on when it is closed.

        model = libunicode.Model("model.npz")
        codes = model.encoder("speech", 64, 10).encode(features)    # [B,T,...] -> [B,T] int32
    """

    _kind = "model"

    def __init__(self, path: Union[str, bytes, "os.PathLike[Any]"]) -> None:
        """Open a model file. FileError, FormatError, NotFoundError or ConfigError if it is none."""
        pointer = ctypes.POINTER(_lib.ModelHandle)()
        lib.unic_model_open(ctypes.byref(pointer), _text("path", os.fsencode(path)))
        super().__init__(pointer, lib.unic_model_free)
        self._path = os.fsdecode(path)

    @property
    def modalities(self) -> Tuple[str, ...]:
        """The modalities' names, in the config's order."""
        with self._use() as model:
            return tuple(lib.unic_model_modality_name(model, i).decode()
                         for i in range(lib.unic_model_modality_count(model)))

    def feature_dims(self, modality: str) -> Tuple[int, ...]:
        """The dims of one step of a modality's features, as (7, 7, 64) or (128,)."""
        dims, rank = (ctypes.c_int64 * _lib.MAX_RANK)(), ctypes.c_size_t()
        with self._use() as model:
            lib.unic_model_feature_dims(model, _text("modality", modality), dims,
                                        ctypes.byref(rank))
        return tuple(dims[:rank.value])

    @property
    def code_count(self) -> int:
        """L, the number of codes."""
        with self._use() as model:
            return lib.unic_model_code_count(model)

    @property
    def code_dim(self) -> int:
        """D, the dimension of a code's vector."""
        with self._use() as model:
            return lib.unic_model_code_dim(model)

    @property
    def config(self) -> str:
        """The model's config, one `key = value` a line."""
        with self._use() as model:
            return lib.unic_model_config(model).decode()

    def embedding(self) -> Vectors:
        """The codes' vectors [L,D], a copy: code c stands for row c."""
        codebook = ctypes.POINTER(_lib.CodebookHandle)()
        with self._use() as model:
            lib.unic_model_codebook(model, ctypes.byref(codebook))
        try:
            borrowed = lib.unic_codebook_embedding(codebook)
            return np.ctypeslib.as_array(borrowed, (self.code_count, self.code_dim)).copy()
        finally:
            lib.unic_codebook_free(codebook)

    def encoder(self, modality: str, max_batch: int, max_length: int) -> "Encoder":
        """Make a modality ready for up to `max_batch` clips of up to `max_length` steps."""
        return Encoder(self, modality, max_batch, max_length)

    def __repr__(self) -> str:
        if self.closed:
            return f"<libunicode.Model {self._path!r}, closed>"
        return (f"<libunicode.Model {self._path!r}: {', '.join(self.modalities)}; "
                f"{self.code_count} codes of {self.code_dim} dims>")


class Encoder(_Handle):
    """One modality of a model made ready to run; made by Model.encoder().

    It holds on to what it needs of the model. Threads that share an encoder take turns: for
    work side by side give each thread its own.
    """

    _kind = "encoder"

    def __init__(self, model: Model, modality: str, max_batch: int, max_length: int) -> None:
        pointer = ctypes.POINTER(_lib.EncoderHandle)()
        with model._use() as handle:
            lib.unic_encoder_create(ctypes.byref(pointer), handle, _text("modality", modality),
                                    _integer("max_batch", max_batch, 0, 2**63 - 1),
                                    _integer("max_length", max_length, 0, 2**63 - 1))
            self._dim = model.code_dim
        super().__init__(pointer, lib.unic_encoder_free)
        self.modality, self.max_batch, self.max_length = modality, max_batch, max_length

    def encode(self, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike] = None,
               vectors: bool = False) -> Union[Codes, Tuple[Codes, Vectors, Vectors]]:
        """The codes of clips.

        features  [B,T,...] with the modality's dims behind T, B <= max_batch, T <= max_length;
                  finite. C-ordered float32 and float64 are read in place, other real numbers
                  are copied as float32.
        lengths   [B] valid steps of each clip, 0..T; None: all T. What is behind a clip's end
                  is not looked at.
        vectors   also return the codes' vectors and what was rounded to them.

        Returns codes [B,T] int32, -1 behind a clip's end; with `vectors` the triple (codes,
        quantized, semantic), both [B,T,D] float32 and 0 behind a clip's end.

        Raises ShapeError; DataError (NaN, Inf, a length beyond T); NumericError (features so
        large that the result is not finite); OutOfMemoryError; StateError (closed).
        """
        x = _features(features)
        clips, steps = x.shape[:2] if x.ndim >= 2 else (0, 0)     # else the library refuses it
        valid = None if lengths is None else _lengths(lengths, clips)
        codes = np.empty((clips, steps), np.int32)
        quantized, semantic = (np.empty((clips, steps, self._dim), np.float32) if vectors
                               else None for _ in range(2))
        with self._use() as encoder:
            lib.unic_encoder_encode(encoder, _array(x), _pointer(valid), _pointer(codes),
                                    _pointer(quantized), _pointer(semantic))
        return (codes, quantized, semantic) if vectors else codes

    def __repr__(self) -> str:
        return (f"<libunicode.Encoder {self.modality!r}, up to {self.max_batch} clips of "
                f"{self.max_length} steps{', closed' if self.closed else ''}>")


# ---- what C is given: ctypes itself cuts off numbers and strings without a word ----

def _integer(name: str, value: int, least: int, most: int) -> int:
    value = operator.index(value)
    if not least <= value <= most:
        raise ArgumentError(f"{name} is {value}, but must be in {least}..{most}")
    return value


def _text(name: str, value: Union[str, bytes]) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    if b"\0" in data:
        raise ArgumentError(f"{name} {value!r} holds a zero byte")
    return data


def _features(features: npt.ArrayLike) -> npt.NDArray[Any]:
    x = np.asarray(features)
    if x.dtype.kind not in "fiub":
        raise DataError(f"features are {x.dtype}, but must be real numbers")
    if x.ndim > _lib.MAX_RANK:
        raise ShapeError(f"features have rank {x.ndim}, at most {_lib.MAX_RANK} expected")
    dtype = np.float64 if x.dtype == np.float64 else np.float32
    return np.require(x, dtype, ["C", "A"])


def _lengths(lengths: npt.ArrayLike, clips: int) -> npt.NDArray[np.int32]:
    given = np.asarray(lengths)
    if given.shape != (clips,):
        raise ShapeError(f"lengths have the shape {given.shape}, but features of {clips} clips "
                         f"need ({clips},)")
    if given.dtype.kind not in "iu":
        raise DataError(f"lengths are {given.dtype}, but must be integers")
    valid = np.require(given, np.int32, ["C", "A"])
    if not np.array_equal(valid, given):
        raise DataError("lengths hold numbers beyond those of 32 bits")
    return valid


def _array(x: npt.NDArray[Any]) -> Any:
    """A unic_array of `x`, which must outlive it."""
    array = _lib.Array()
    dtype = _lib.FLOAT64 if x.dtype == np.float64 else _lib.FLOAT32
    lib.unic_array_init(ctypes.byref(array), x.ctypes.data, dtype, x.ndim,
                        (ctypes.c_int64 * _lib.MAX_RANK)(*x.shape))
    return ctypes.byref(array)


def _pointer(x: Optional[npt.NDArray[Any]]) -> Any:
    """A C pointer to an array, which must outlive it; None is NULL."""
    if x is None:
        return None
    element = ctypes.c_int32 if x.dtype == np.int32 else ctypes.c_float
    return x.ctypes.data_as(ctypes.POINTER(element))
