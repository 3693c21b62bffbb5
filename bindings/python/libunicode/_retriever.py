"""Retrieval that is trained: codes of a clip and vectors of a gallery mapped to where they are near each other."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _io
from . import _lib
from ._arguments import Codes, Readable, Vectors, Writable
from ._errors import ShapeError
from ._handle import Saved, SharedHandle
from ._lib import lib
from ._model import CodesOf, accepted, codebook_of
from ._progress import Teller, Told


class RetrieverSettings(NamedTuple):
    """A retriever's settings, its defaults filled in."""

    item_dim: int
    hidden: int
    dim: int
    epochs: int
    batch: int
    learning_rate: float
    temperature: float
    seed: int


class Retriever(SharedHandle, Saved):
    """Queries of codes and items of a gallery, trained against each other on one modality's codes.

        retriever = libunicode.Retriever(model, item_dim=128)
        retriever.fit(model.encode("video", videos), sounds.mean(1))
        index = libunicode.Index(retriever.settings.dim, "inner", model)
        index.add(retriever.items(gallery.mean(1)))
        ids, scores = index.search(retriever.queries(model.encode("text", texts)), k=5)

    It keeps a copy of the codebook and needs no model. Threads may ask it at the same time.
    """

    _kind = "retriever"

    def __init__(self, codes_of: CodesOf, item_dim: int, *, hidden: int = 0, dim: int = 0, epochs: int = 0,
                 batch: int = 0, learning_rate: float = 0.0, temperature: float = 0.0, seed: int = 0,
                 threads: int = 0, progress: Optional[Told] = None) -> None:
        """An untrained retriever for codes of this model or codebook.

        item_dim       of the gallery's vectors.
        hidden, dim    of its two networks: between their layers, and of what they give; 0: 256, 128.
        epochs, batch, learning_rate  of fit(); 0: 50, 64 clips, 0.001.
        temperature    that scores are divided by in training; 0: 0.07.
        seed           of the weights and the shuffle.
        threads        that it computes with; 0: the process's number.
        progress       of fit(), called as f("batches", done, total); something true stops it: CancelledError.
        """
        numbers = {"item_dim": item_dim, "hidden": hidden, "dim": dim, "epochs": epochs, "batch": batch}
        self._teller = Teller(progress, stoppable=True)
        options = _lib.sized(
            _lib.RetrieverOptions, learning_rate=arguments.number("learning_rate", learning_rate),
            temperature=arguments.number("temperature", temperature),
            seed=arguments.integer("seed", seed, 0, 2**64 - 1), threads=arguments.threads(threads),
            progress=self._teller.pointer,
            **{name: arguments.integer(name, value, 0, 2**31 - 1) for name, value in numbers.items()})
        pointer = _lib.RETRIEVER()
        with codebook_of(codes_of)._read() as codebook:
            lib.unic_retriever_create(ctypes.byref(pointer), codebook, ctypes.byref(options))
        self._set_up(pointer)

    def _set_up(self, pointer: Any) -> None:
        super().__init__(pointer, lib.unic_retriever_free)
        options = _lib.sized(_lib.RetrieverOptions)
        lib.unic_retriever_settings(ctypes.byref(options), pointer)
        self.settings = RetrieverSettings(*(getattr(options, name) for name in RetrieverSettings._fields))

    @classmethod
    def load(cls, path: Readable, *, memory_limit: int = 0,
             progress: Optional[Told] = None) -> "Retriever":
        """A retriever that save() wrote, to be asked or to be trained further (Adam begins anew).

        path          a path; or the contents of a file, or a file object opened for bytes (docs/python.md).
        memory_limit  bytes that what is in the file may take; 0: no limit.
        progress      called as f("bytes", done, total) while the file is read; something true stops it: CancelledError.
        """
        pointer, teller = _lib.RETRIEVER(), Teller(progress, stoppable=True)
        with teller.watch():
            _io.load(pointer, path, lib.unic_retriever_load, lib.unic_retriever_load_source,
                     arguments.limit(memory_limit, progress=teller.pointer))
            self = cls.__new__(cls)
            self._teller = Teller(None)
            self._set_up(pointer)
        return self

    def fit(self, codes: npt.ArrayLike, items: npt.ArrayLike) -> float:
        """Train by Adam on the symmetric InfoNCE loss of each batch; again to train further.

        codes  [N,T] in 0..L-1, -1: padding; each clip has at least one. N is at least 2.
        items  [N,item_dim], each clip's own in the gallery: its features pooled over time, say.

        Returns the last epoch's mean loss. Raises ShapeError; DataError (a code, NaN, a clip without codes);
        NumericError. Whatever it raises, the retriever is as before.
        """
        given, wanted = _clips(codes), arguments.real("items", items)
        loss = ctypes.c_double()
        with self._use() as retriever, self._teller.watch():
            lib.unic_retriever_fit(ctypes.byref(loss), retriever, given.ctypes.data, *given.shape,
                                   arguments.array(wanted))
        return loss.value

    def queries(self, codes: npt.ArrayLike, out: Optional[Vectors] = None) -> Vectors:
        """Queries of clips by their codes, of any modality: [N,T] -> [N,dim], of length 1."""
        given = _clips(codes)
        vectors = arguments.output("out", out, (len(given), self.settings.dim), np.float32)
        with self._read() as retriever:
            lib.unic_retriever_queries(retriever, given.ctypes.data, *given.shape, vectors.ctypes.data)
        return vectors

    def items(self, items: npt.ArrayLike, out: Optional[Vectors] = None) -> Vectors:
        """Items for an index: [N,item_dim] -> [N,dim], of length 1."""
        given = arguments.real("items", items)
        if given.ndim != 2:
            raise ShapeError(f"items have the shape {given.shape}, (items, {self.settings.item_dim}) expected")
        vectors = arguments.output("out", out, (len(given), self.settings.dim), np.float32)
        with self._read() as retriever:
            lib.unic_retriever_items(retriever, arguments.array(given), vectors.ctypes.data)
        return vectors

    @property
    def fingerprint(self) -> int:
        """That of the codebook the retriever was made for."""
        with self._read() as retriever:
            return lib.unic_retriever_fingerprint(retriever)

    def accepts(self, codes_of: CodesOf) -> bool:
        """Whether it was made for this codebook, so that these codes mean the same to it."""
        fingerprint = codebook_of(codes_of).fingerprint
        with self._read() as retriever:
            return accepted(lib.unic_retriever_accepts, retriever, fingerprint)

    def save(self, path: Writable) -> None:
        """Write the retriever with its settings and its copy of the codebook."""
        with self._read() as retriever:
            _io.save(retriever, path, lib.unic_retriever_save, lib.unic_retriever_save_sink)

    def __repr__(self) -> str:
        s = self.settings
        return f"<libunicode.Retriever: items of {s.item_dim} to {s.dim}{', closed' if self.closed else ''}>"


def _clips(codes: npt.ArrayLike) -> Codes:
    given = arguments.whole("codes", codes)
    if given.ndim != 2:
        raise ShapeError(f"codes have the shape {given.shape}, (clips, steps) expected")
    return given
