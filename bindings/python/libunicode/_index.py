"""Retrieval: clips pooled to one vector each, and searched by clips of any modality."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional, Tuple

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _io
from . import _lib
from ._arguments import Readable, Vectors, Writable
from ._errors import ShapeError
from ._handle import Saved, SharedHandle, view
from ._lib import lib
from ._model import CodesOf, accepted, codebook_of
from ._progress import Teller, Told

_METRICS = {"inner": _lib.INDEX_INNER, "cosine": _lib.INDEX_COSINE, "l2": _lib.INDEX_L2,
            "intersection": _lib.INDEX_INTERSECTION}
_NAMES = {value: name for name, value in _METRICS.items()}

Ids = npt.NDArray[np.int64]


class Found(NamedTuple):
    """The items nearest to each query, the nearest first: their ids and their scores, both [Q,k]."""

    ids: Ids
    scores: Vectors


def pool_histogram(codes: npt.ArrayLike, code_count: int, out: Optional[Vectors] = None) -> Vectors:
    """The share of each code among the valid steps of each clip: [N,T] (-1: padding) -> [N,code_count].

    A clip without a valid step gives zeros.
    """
    given, count = arguments.whole("codes", codes), arguments.integer("code_count", code_count, 1, 2**31 - 1)
    if given.ndim != 2:
        raise ShapeError(f"codes have the shape {given.shape}, (clips, steps) expected")
    shares = arguments.output("out", out, (len(given), count), np.float32)
    lib.unic_pool_histogram(given.ctypes.data, *given.shape, count, shares.ctypes.data)
    return shares


def pool_mean(vectors: npt.ArrayLike, codes: Optional[npt.ArrayLike] = None, out: Optional[Vectors] = None) -> Vectors:
    """The mean of the vectors of each clip's valid steps: [N,T,D] -> [N,D].

    vectors  quantized or semantic, as encode(..., vectors=True) gives them; what stands on padding is not looked at.
    codes    [N,T], negative: padding; None: every step is valid. A clip without a valid step gives zeros.
    """
    x, given = arguments.single("vectors", vectors), None if codes is None else arguments.whole("codes", codes)
    if x.ndim != 3:
        raise ShapeError(f"vectors have the shape {x.shape}, (clips, steps, dim) expected")
    if given is not None and given.shape != x.shape[:2]:
        raise ShapeError(f"codes have the shape {given.shape}, {x.shape[:2]} expected")
    means = arguments.output("out", out, (x.shape[0], x.shape[2]), np.float32)
    lib.unic_pool_mean(x.ctypes.data, arguments.address(given), *x.shape, means.ctypes.data)
    return means


class Index(SharedHandle, Saved):
    """Vectors with ids, searched exhaustively.

        index = libunicode.Index(model.code_count, "intersection", model)
        index.add(libunicode.pool_histogram(model.encode("image", images), model.code_count))
        ids, scores = index.search(libunicode.pool_histogram(model.encode("speech", sounds), model.code_count), k=5)

    Threads search it at the same time; one that changes it waits for them.
    """

    _kind = "index"

    def __init__(self, dim: int, metric: str = "cosine", codes_of: Optional[CodesOf] = None) -> None:
        """An empty index of vectors of `dim` dims.

        metric    "inner", "cosine", "l2" (squared; the smallest is the nearest), or "intersection" of histograms.
        codes_of  the model or codebook that the items come from, for accepts().
        """
        arguments.choice("metric", metric, _METRICS)
        options = _lib.sized(_lib.IndexOptions, dim=arguments.integer("dim", dim, 0), metric=_METRICS[metric],
                             fingerprint=0 if codes_of is None else codebook_of(codes_of).fingerprint)
        pointer = _lib.INDEX()
        lib.unic_index_create(ctypes.byref(pointer), ctypes.byref(options))
        super().__init__(pointer, lib.unic_index_free)

    @classmethod
    def load(cls, path: Readable, *, memory_limit: int = 0,
             progress: Optional[Told] = None) -> "Index":
        """An index that save() or unic-retrieve wrote; it finds what that one found, bit for bit.

        path          a path; or the contents of a file, or a file object opened for bytes (docs/python.md).
        memory_limit  bytes that what is in the file may take; 0: no limit.
        progress      called as f("bytes", done, total) while the file is read; something true stops it: CancelledError.
        """
        pointer, teller = _lib.INDEX(), Teller(progress, stoppable=True)
        with teller.watch():
            _io.load(pointer, path, lib.unic_index_load, lib.unic_index_load_source,
                     arguments.limit(memory_limit, progress=teller.pointer))
            self = cls.__new__(cls)
            SharedHandle.__init__(self, pointer, lib.unic_index_free)
        return self

    def __len__(self) -> int:
        """The number of items."""
        with self._read() as index:
            return lib.unic_index_item_count(index)

    @property
    def dim(self) -> int:
        """The dims of every vector."""
        with self._read() as index:
            return lib.unic_index_dim(index)

    @property
    def metric(self) -> str:
        """"inner", "cosine", "l2" or "intersection"."""
        with self._read() as index:
            return _NAMES[lib.unic_index_metric_of(index)]

    @property
    def vectors(self) -> Vectors:
        """The items [size,dim] in the order they were added, of length 1 with the cosine; a copy."""
        with self._read() as index:
            return self._copy(lib.unic_index_vectors(index),
                              (lib.unic_index_item_count(index), lib.unic_index_dim(index)), np.float32)

    @property
    def ids(self) -> Ids:
        """Their ids [size]; a copy."""
        with self._read() as index:
            return self._copy(lib.unic_index_ids(index), (lib.unic_index_item_count(index),), np.int64)

    def _copy(self, address: Optional[int], shape: Any, dtype: Any) -> npt.NDArray[Any]:
        """What add() moves elsewhere, so that a view would not do; nowhere while the index is empty."""
        return np.empty(shape, dtype) if address is None else view(self._owned(), address, shape, dtype).copy()

    def add(self, vectors: npt.ArrayLike, ids: Optional[npt.ArrayLike] = None) -> None:
        """Add items; whatever fails, the index is as it was.

        vectors  [N,dim], finite; copied. Not negative with the intersection.
        ids      [N] any integers, each once in an index; None: the items' places, from len() on.
        """
        x, given = arguments.real("vectors", vectors), None if ids is None else _ids_of(ids, vectors)
        with self._use() as index:
            lib.unic_index_add(index, arguments.array(x), arguments.address(given))

    def reserve(self, items: int) -> None:
        """Reserve memory for `items` items in all: adding up to that number moves none."""
        with self._use() as index:
            lib.unic_index_reserve(index, arguments.integer("items", items, 0))

    def update(self, vectors: npt.ArrayLike, ids: npt.ArrayLike) -> None:
        """Replace the vectors [N,dim] of the items with these ids [N]; whatever fails, the index is as it was."""
        x, given = arguments.real("vectors", vectors), _ids_of(ids, vectors)
        with self._use() as index:
            lib.unic_index_update(index, arguments.array(x), given.ctypes.data)

    def remove(self, ids: npt.ArrayLike) -> None:
        """Take the items with these ids out; the others keep their order. Whatever fails, the index is as it was.

        Each call moves the items behind the first that goes: remove many at once. Afterwards give add() ids.
        """
        given = arguments.whole("ids", ids, np.int64)
        with self._use() as index:
            lib.unic_index_remove(index, given.ctypes.data, given.size)

    def search(self, queries: npt.ArrayLike, k: int = 10, *, threads: int = 0,
               progress: Optional[Told] = None) -> Found:
        """The `k` items nearest to each of `queries` [Q,dim], among all; of equally near ones the lower id first.

        Where the index has fewer items, the rest has the id -1 and the score inf with "l2", -inf otherwise.

        threads   that it computes with; 0: the process's number.
        progress  called as f("pairs", done, total); something true stops it: CancelledError.
        """
        x, wanted = arguments.real("queries", queries), arguments.integer("k", k, 1)
        options, teller = _options(threads, progress)
        with self._read() as index, teller.watch():
            shape = (*x.shape[:1], wanted)
            found = Found(arguments.empty(shape, np.int64), arguments.empty(shape, np.float32))
            lib.unic_index_search(index, arguments.array(x), wanted, options, found.ids.ctypes.data,
                                  found.scores.ctypes.data)
        return found

    def rank(self, queries: npt.ArrayLike, ids: npt.ArrayLike, *, threads: int = 0,
             progress: Optional[Told] = None) -> Ids:
        """The place of one item among all, for each query: items at least as near as that of id ids[q], from 1.

        Recall at k is np.mean(ranks <= k). `threads` and `progress` are as in search().
        """
        options, teller = _options(threads, progress)
        x, given = arguments.real("queries", queries), _ids_of(ids, queries)
        ranks = np.empty(given.shape, np.int64)
        with self._read() as index, teller.watch():
            lib.unic_index_rank(index, arguments.array(x), given.ctypes.data, options, ranks.ctypes.data)
        return ranks

    def accepts(self, codes_of: CodesOf) -> bool:
        """Whether its items come from this codebook, or it was not told from which."""
        fingerprint = codebook_of(codes_of).fingerprint
        with self._read() as index:
            return accepted(lib.unic_index_accepts, index, fingerprint)

    def save(self, path: Writable) -> None:
        """Write the index; on failure an older file stays."""
        with self._read() as index:
            _io.save(index, path, lib.unic_index_save, lib.unic_index_save_sink)

    def __repr__(self) -> str:
        if self.closed:
            return "<libunicode.Index, closed>"
        return f"<libunicode.Index: {len(self)} items of {self.dim} dims, {self.metric}>"


def _ids_of(ids: npt.ArrayLike, rows: npt.ArrayLike) -> Ids:
    """One id for each row."""
    given, wanted = arguments.whole("ids", ids, np.int64), np.shape(rows)[:1]
    if given.shape != wanted:
        raise ShapeError(f"ids have the shape {given.shape}, {wanted} expected")
    return given


def _options(threads: int, progress: Optional[Told]) -> Tuple[Any, Teller]:
    teller = Teller(progress, stoppable=True)
    return ctypes.byref(_lib.sized(_lib.SearchOptions, threads=arguments.threads(threads),
                                   progress=teller.pointer)), teller
