"""The shared codebook, usable on its own as a vector quantiser."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional, Sequence

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _lib
from ._arguments import Codes, Vectors
from ._errors import ArgumentError, ShapeError
from ._handle import SharedHandle, view
from ._lib import lib
from ._progress import Teller, Told

_RULES = {"off": _lib.RESET_OFF, "any": _lib.RESET_ANY, "two": _lib.RESET_TWO}


class Usage(NamedTuple):
    """How often each code occurs, [L] int64, and the perplexity exp(-sum p log p) of these counts."""

    counts: npt.NDArray[np.int64]
    perplexity: float


class State(NamedTuple):
    """What training left behind: the EMA counts N [L], and for each modality the updates since it last selected
    each code, [modalities,L].
    """

    ema_counts: Vectors
    idle: Codes


class Codebook(SharedHandle):
    """L codes of D dims.

        codebook = libunicode.Codebook(codes=200, dim=64)
        codebook.init(z)                                # k-means over z [rows,64]
        codes = codebook.assign(z)                      # [rows] int32
        near = codebook.lookup(codes)                   # [rows,64]

    Threads read it at the same time; one that changes it waits for them.
    """

    _kind = "codebook"
    _instead = "save() the model that it is of, or keep its embedding, which set() takes"

    def __init__(self, codes: int, dim: int, modalities: int = 1) -> None:
        """`codes` x `dim` zeros, until set() or init(); the use of codes is counted for each modality."""
        pointer = _lib.CODEBOOK()
        lib.unic_codebook_create(ctypes.byref(pointer), *(
            arguments.integer(name, value, 0) for name, value in
            (("codes", codes), ("dim", dim), ("modalities", modalities))))
        super().__init__(pointer, lib.unic_codebook_free)

    @classmethod
    def _of(cls, pointer: Any) -> "Codebook":
        """The Python object of a C codebook, which it takes over."""
        self = cls.__new__(cls)
        SharedHandle.__init__(self, pointer, lib.unic_codebook_free)
        return self

    @property
    def code_count(self) -> int:
        """L, the number of codes."""
        with self._read() as codebook:
            return lib.unic_codebook_code_count(codebook)

    @property
    def dim(self) -> int:
        """D, the dimension of a code."""
        with self._read() as codebook:
            return lib.unic_codebook_dim(codebook)

    @property
    def modality_count(self) -> int:
        """The number of modalities."""
        with self._read() as codebook:
            return lib.unic_codebook_modality_count(codebook)

    @property
    def embedding(self) -> Vectors:
        """The codes [L,D], read-only and without a copy: it shows later changes, and outlives the codebook."""
        shape = self.code_count, self.dim
        with self._read() as codebook:
            return view(self._owned(), lib.unic_codebook_embedding(codebook), shape)

    @property
    def fingerprint(self) -> int:
        """A hash of (L, D, the codes): equal for equal codebooks."""
        with self._read() as codebook:
            return lib.unic_codebook_fingerprint(codebook)

    def set(self, embedding: npt.ArrayLike) -> None:
        """Set all codes to [L,D], finite. EMA: N = 1, o = e."""
        x = arguments.real("embedding", embedding)
        with self._use() as codebook:
            lib.unic_codebook_set(codebook, arguments.array(x))

    def init(self, z: npt.ArrayLike, iterations: int = 10, seed: int = 0, *, threads: int = 0,
             progress: Optional[Told] = None) -> None:
        """Start from rows `z` [rows,D]: k-means++ and `iterations` of Lloyd's; 0: rows drawn at random.

        threads   that it computes with; 0: the process's number.
        progress  called as f(what, done, total); something true stops it: CancelledError, nothing is changed.
        """
        x, teller = arguments.real("z", z), Teller(progress)
        options = _lib.sized(_lib.CodebookInitOptions, iterations=arguments.integer("iterations", iterations, 0),
                             seed=arguments.integer("seed", seed, 0, 2**64 - 1), progress=teller.pointer,
                             threads=arguments.threads(threads))
        with self._use() as codebook, teller.watch():
            lib.unic_codebook_init(codebook, arguments.array(x), ctypes.byref(options))

    def assign(self, z: npt.ArrayLike, out: Optional[Codes] = None) -> Codes:
        """The nearest code of each vector: argmin_k ||z - e_k||, on a tie the lowest; z [...,D] -> [...] int32.

        C-ordered float32 is read in place. DataError for NaN or Inf.
        """
        x = arguments.real("z", z)
        if x.ndim == 0:
            raise ShapeError("z is a number, vectors [...,D] expected")
        codes = arguments.output("out", out, x.shape[:-1], np.int32)
        rows = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
        with self._read() as codebook:
            lib.unic_codebook_assign(codebook, arguments.array(rows), codes.ctypes.data)
        return codes

    def lookup(self, codes: npt.ArrayLike, out: Optional[Vectors] = None) -> Vectors:
        """The vectors of codes, zeros for -1: [...] -> [...,D] float32."""
        given = arguments.whole("codes", codes)
        vectors = arguments.output("out", out, (*given.shape, self.dim), np.float32)
        with self._read() as codebook:
            lib.unic_codebook_lookup(codebook, given.ctypes.data, given.size, vectors.ctypes.data)
        return vectors

    def update(self, decay: float, targets: Sequence[npt.ArrayLike], codes: Sequence[npt.ArrayLike]) -> None:
        """One joint EMA update from every modality: N <- decay N + (1 - decay) n, and the sums o likewise.

        targets  for each modality rows [rows,D]; codes  what they were assigned, [rows] (-1: left out).
        """
        z = [arguments.single("targets", x) for x in targets]
        chosen = [arguments.whole("codes", x) for x in codes]
        modality_count, dim = self.modality_count, self.dim
        if not len(z) == len(chosen) == modality_count:
            raise ArgumentError(f"{len(z)} targets and {len(chosen)} codes, but the codebook is for {modality_count} "
                                "modalities")
        for x, c in zip(z, chosen):
            if x.shape != (*c.shape, dim) or c.ndim != 1:
                raise ShapeError(f"targets {x.shape} for codes {c.shape}; (rows, {dim}) and (rows,) expected")
        rows = (ctypes.c_size_t * modality_count)(*map(len, chosen))
        with self._use() as codebook:
            lib.unic_codebook_update(codebook, decay, rows, arguments.addresses(z), arguments.addresses(chosen))

    def revive(self, rule: str, steps: int, z: npt.ArrayLike, max: int = 0, seed: int = 0) -> int:
        """Give codes that are not in use a row of `z` [rows,D], the longest idle first; returns how many.

        rule   "any": kept if any modality selected it within `steps` updates; "two": if two did; "off".
        max    at most so many; 0: all.
        """
        if rule not in _RULES:
            raise ArgumentError(f"rule is {rule!r}, 'off', 'any' or 'two' expected")
        x, revived = arguments.real("z", z), ctypes.c_size_t()
        with self._use() as codebook:
            lib.unic_codebook_revive(ctypes.byref(revived), codebook, _RULES[rule],
                                     arguments.integer("steps", steps, 0, 2**32 - 1),
                                     arguments.integer("max", max, 0), arguments.array(x),
                                     arguments.integer("seed", seed, 0, 2**64 - 1))
        return revived.value

    def usage(self, codes: npt.ArrayLike) -> Usage:
        """How often each code occurs in `codes` (-1 is left out), and their perplexity."""
        given = arguments.whole("codes", codes)
        counts, perplexity = np.empty(self.code_count, np.int64), ctypes.c_double()
        with self._read() as codebook:
            lib.unic_codebook_usage(ctypes.byref(perplexity), codebook, given.ctypes.data, given.size,
                                    counts.ctypes.data)
        return Usage(counts, perplexity.value)

    def state(self) -> State:
        """What training left behind; copies."""
        counts, idle = np.empty(self.code_count, np.float32), np.empty((self.modality_count, self.code_count), np.int32)
        with self._read() as codebook:
            lib.unic_codebook_state(codebook, counts.ctypes.data, idle.ctypes.data)
        return State(counts, idle)

    def distances(self, out: Optional[Vectors] = None) -> Vectors:
        """Squared distances between codes, [L,L]."""
        squares = arguments.output("out", out, (self.code_count, self.code_count), np.float32)
        with self._read() as codebook:
            lib.unic_codebook_distances(codebook, squares.ctypes.data)
        return squares

    def __repr__(self) -> str:
        return ("<libunicode.Codebook, closed>" if self.closed
                else f"<libunicode.Codebook: {self.code_count} codes of {self.dim} dims>")
