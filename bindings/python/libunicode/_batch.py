"""Paired batches: for each of several modalities the same clips."""

from __future__ import annotations

import contextlib
import ctypes
import re
import warnings
from typing import Any, ContextManager, Dict, Mapping, Optional, Tuple

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _lib
from ._arguments import Codes
from ._errors import ArgumentError, NotFoundError, ShapeError, StateError
from ._exchange import array_of, is_real
from ._handle import Handle, Owner, view
from ._lib import lib


class Batch:
    """Clips of several modalities, under the names that an npz file gives them.

        batch = libunicode.Batch({"image": images, "speech": sounds, "speech.lengths": lengths})

    image           [B,T,...] features. float32, float64, float16, bfloat16, int8, uint8 and bool are referred to,
                    so changing the array changes the batch; other real numbers are copied as float32.
    speech.lengths  [B] valid steps of each clip, 0..T (0: the clip lacks the modality); left out: all T.

    "label" and "<modality>.step_labels" may be there too, as in a file, and are passed over.
    """

    def __init__(self, arrays: Mapping[str, npt.ArrayLike], clips: Optional[npt.ArrayLike] = None) -> None:
        """Of `arrays`; clips [B] says which these are where they are a part of more: messages call them so."""
        pointer, arrays = _lib.BATCH(), arguments.instance("arrays", arrays, Mapping)
        lib.unic_batch_create(ctypes.byref(pointer))
        self._owner = Owner(pointer, lib.unic_batch_free)
        self._arrays: Dict[str, Tuple[npt.NDArray[Any], Optional[Codes]]] = {}
        for name in modalities_of(arrays):
            x, valid = arguments.real(name, arrays[name]), None
            if name + ".lengths" in arrays:
                valid = arguments.lengths(name + ".lengths", arrays[name + ".lengths"], len(x) if x.ndim else 0)
            lib.unic_batch_set(pointer, arguments.text("name", name), arguments.array(x), arguments.address(valid))
            self._arrays[name] = x, valid
        self._numbers = None if clips is None else arguments.whole("clips", clips, np.int64)
        if self._numbers is not None:
            if self._numbers.shape != (lib.unic_batch_clip_count(pointer),):
                raise ShapeError(f"clips have the shape {self._numbers.shape}, but the batch has "
                                 f"{lib.unic_batch_clip_count(pointer)} clips")
            lib.unic_batch_number_clips(pointer, arguments.address(self._numbers))

    def __reduce__(self) -> Any:
        arrays: Dict[str, npt.NDArray[Any]] = {}
        for name in self.modalities:
            arrays[name], arrays[name + ".lengths"] = self[name], self.lengths(name)
        return Batch, (arrays,)

    def _use(self) -> ContextManager[Any]:
        """The C pointer, whose contents stay meanwhile."""
        return contextlib.nullcontext(self._owner.pointer)

    def _get(self, name: str) -> Tuple[npt.NDArray[Any], Optional[Codes]]:
        if name not in self._arrays:
            raise NotFoundError(f"the batch has no modality {name!r}, it has {', '.join(self._arrays) or 'none'}")
        return self._arrays[name]

    @property
    def modalities(self) -> Tuple[str, ...]:
        """The modalities' names."""
        return tuple(self._arrays)

    @property
    def clip_count(self) -> int:
        """B, the number of clips."""
        with self._use() as pointer:
            return lib.unic_batch_clip_count(pointer)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """A modality's features [B,T,...], without a copy."""
        return self._get(name)[0]

    def lengths(self, name: str) -> Codes:
        """The valid steps of each clip, [B]."""
        x, valid = self._get(name)
        return np.full(len(x), x.shape[1], np.int32) if valid is None else valid

    def copy(self) -> "Batch":
        """A batch with arrays of its own."""
        arrays: Dict[str, npt.NDArray[Any]] = {}
        for name in self.modalities:
            arrays[name], arrays[name + ".lengths"] = self[name].copy(), self.lengths(name).copy()
        return Batch(arrays)

    def __repr__(self) -> str:
        return f"<libunicode.Batch: {self.clip_count} clips of {', '.join(self.modalities) or 'nothing'}>"


class LentBatch(Batch):
    """A batch in a dataset's memory; it is there until the dataset goes on.

    Using it later raises StateError. Arrays taken from it stay readable, but then hold other clips: copy()
    what is to be kept.
    """

    def __init__(self, dataset: Handle, pointer: Any, turn: int, modalities: Tuple[str, ...]) -> None:
        self._dataset, self._pointer, self._turn, self._names = dataset, pointer, turn, modalities

    def _use(self) -> ContextManager[Any]:
        return self._dataset._use(self._there)

    def _there(self) -> Any:
        """The pointer; its dataset is in use, and has not gone on."""
        if self._turn != getattr(self._dataset, "_turn"):
            raise StateError("the batch is no longer there: its dataset has gone on (copy() keeps a batch)")
        return self._pointer

    def _get(self, name: str) -> Tuple[npt.NDArray[Any], Optional[Codes]]:
        features, valid = _lib.sized(_lib.Array), ctypes.c_void_p()
        with self._use() as pointer:
            lib.unic_batch_get(ctypes.byref(features), ctypes.byref(valid), pointer, arguments.text("name", name))
            owner, shape = self._dataset._owned(), tuple(features.dims[:features.rank])
            return (view(owner, features.data, shape),
                    view(owner, valid.value, shape[:1], np.int32) if valid.value else None)

    @property
    def modalities(self) -> Tuple[str, ...]:
        return self._names

    def __repr__(self) -> str:
        try:
            return super().__repr__()
        except StateError:
            return "<libunicode.Batch, no longer there>"


def _is_modality(x: npt.NDArray[Any], least: int) -> bool:
    """Whether an array can be features: real numbers of at least `least` dims."""
    return is_real(x.dtype) and x.ndim >= least


# What looks like lengths; with a dot in its name it is refused.
_LENGTHS = re.compile(r"(^|[_-])(seq_?)?len(gth)?s?$|^len(gth)?s?[_-]", re.IGNORECASE)


def _warn_of_lengths(arrays: Mapping[str, Any], found: Mapping[str, npt.NDArray[Any]], chosen: Tuple[str, ...]) -> None:
    """Lengths under a name that is not read, and masks of steps: what is padding would be data."""
    open_ended = [name for name in chosen if f"{name}.lengths" not in arrays]
    steps = {found[name].shape[:2] for name in open_ended}
    for name, x in found.items():
        lengths = _LENGTHS.search(name) and x.ndim == 1 and x.dtype.kind in "iu"
        if open_ended and (lengths or (name not in chosen and "mask" in name.lower() and x.shape in steps)):
            read = ", ".join(f"{modality}.lengths" for modality in open_ended)
            warnings.warn(f"{name!r} is not read: lengths are read from {read}, and without it all steps of each clip "
                          "count", stacklevel=4)


def modalities_of(arrays: Mapping[str, Any]) -> Tuple[str, ...]:
    """The names in `arrays` that are modalities; what has a dot in its name must belong to one of them.

    As in a file, what cannot be features is passed over: texts, objects, dates, and arrays of fewer than three
    dims. [B,T] are features of steps without dims where nothing has more, or where the array's lengths are given.
    """
    for name in arrays:
        arguments.instance("the name of an array", name, str)
    names = tuple(name for name in arrays if "." not in name and name != "label")
    allowed = {f"{name}.{what}" for name in names for what in ("lengths", "step_labels")}
    for name in arrays:
        if "." in name and name not in allowed:
            raise ArgumentError(f"{name!r} is neither <modality>.lengths nor <modality>.step_labels of "
                                f"{', '.join(names) or 'a modality'}")
    found = {name: array_of(name, arrays[name]) for name in names}
    least = 3 if any(_is_modality(x, 3) for x in found.values()) else 2
    chosen = tuple(name for name, x in found.items()
                   if _is_modality(x, 2 if f"{name}.lengths" in arrays else least))
    _warn_of_lengths(arrays, found, chosen)
    return chosen or names          # of none it is said what it is
