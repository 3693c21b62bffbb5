"""The shared codebook, usable on its own as a vector quantiser."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple, Optional, Sequence

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _io
from . import _lib
from ._arguments import Codes, Readable, Vectors, Writable
from ._errors import ArgumentError, ShapeError
from ._handle import Saved, SharedHandle, view
from ._lib import lib
from ._progress import Teller, Told

_RULES = {"off": _lib.RESET_OFF, "any": _lib.RESET_ANY, "two": _lib.RESET_TWO}


class Usage(NamedTuple):
    """How often each code occurs, [L] int64, and the perplexity exp(-sum p log p) of these counts."""

    counts: npt.NDArray[np.int64]
    perplexity: float


class State(NamedTuple):
    """What training left behind: the EMA counts N [L] and sums o [L,D], and for each modality the updates since it
    last selected each code, [modalities,L].
    """

    ema_counts: Vectors
    idle: Codes
    ema_sums: Vectors


class Channels(NamedTuple):
    """Of channels(): the chosen ones, the highest scores first, and the scores of all, [D]."""

    channels: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]


class Drift(NamedTuple):
    """What has changed between two states of a codebook: the part of its codes that are now nearer to another's earlier
    place than to their own; the way all of them went, in parts of their length; and of the codes of the steps that were
    given, the part that is another now.
    """

    moved: float
    distance: float
    changed: float


class Nearest(NamedTuple):
    """The codes nearest to each vector, the nearest first, and their squared distances, both [...,k]."""

    codes: Codes
    distances: Vectors


class Soft(NamedTuple):
    """Of soften(): each vector's nearest codes and their weights, both [...,k]."""

    codes: Codes
    weights: Vectors


class Codebook(SharedHandle, Saved):
    """L codes of D dims.

        codebook = libunicode.Codebook(codes=200, dim=64)
        codebook.init(z)                                # k-means over z [rows,64]
        codes = codebook.assign(z)                      # [rows] int32
        near = codebook.lookup(codes)                   # [rows,64]

    Threads read it at the same time; one that changes it waits for them.
    """

    _kind = "codebook"

    def __init__(self, codes: int, dim: int, modalities: int = 1) -> None:
        """`codes` x `dim` zeros, until set() or init(); the use of codes is counted for each modality."""
        pointer = _lib.CODEBOOK()
        lib.unic_codebook_create(ctypes.byref(pointer), *(
            arguments.integer(name, value, 0) for name, value in
            (("codes", codes), ("dim", dim), ("modalities", modalities))))
        super().__init__(pointer, lib.unic_codebook_free)

    @classmethod
    def load(cls, path: Readable, *, memory_limit: int = 0,
             progress: Optional[Told] = None) -> "Codebook":
        """A codebook that save() wrote, or that of a model's or a run's file; it goes on as that one would, bit for bit.

        path          a path; or the contents of a file, or a file object opened for bytes (docs/python.md).
        memory_limit  bytes that what is in the file may take; 0: no limit.
        progress      called as f("bytes", done, total) while the file is read; something true stops it: CancelledError.
        """
        pointer, teller = _lib.CODEBOOK(), Teller(progress, stoppable=True)
        with teller.watch():
            _io.load(pointer, path, lib.unic_codebook_load, lib.unic_codebook_load_source,
                     arguments.limit(memory_limit, progress=teller.pointer))
            return cls._of(pointer)

    def save(self, path: Writable) -> None:
        """Write the codebook with all its state; on failure an older file stays."""
        with self._read() as codebook:
            _io.save(codebook, path, lib.unic_codebook_save, lib.unic_codebook_save_sink)

    def copy(self) -> "Codebook":
        """Another codebook with the same codes and state."""
        pointer = _lib.CODEBOOK()
        with self._read() as codebook:
            lib.unic_codebook_copy(ctypes.byref(pointer), codebook)
        return self._of(pointer)

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

        It ends earlier if nothing moves any more. Where `z` has fewer different rows than there are codes,
        `jittered_count` of them begin as rows moved a little, and the log says so.

        threads   that it computes with; 0: the process's number.
        progress  called as f(what, done, total); something true stops it: CancelledError, nothing is changed.
        """
        x, teller = arguments.real("z", z), Teller(progress, stoppable=True)
        options = _lib.sized(_lib.CodebookInitOptions, iterations=arguments.integer("iterations", iterations, 0),
                             seed=arguments.integer("seed", seed, 0, 2**64 - 1), progress=teller.pointer,
                             threads=arguments.threads(threads))
        with self._use() as codebook, teller.watch():
            lib.unic_codebook_init(codebook, arguments.array(x), ctypes.byref(options))

    @property
    def jittered_count(self) -> int:
        """How many codes the last init() made of rows that are moved a little, for want of more."""
        with self._read() as codebook:
            return lib.unic_codebook_jittered_count(codebook)

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

    def nearest(self, z: npt.ArrayLike, k: int) -> Nearest:
        """The `k` codes nearest to each vector, and how far they are: z [...,D] -> both [...,k].

        The nearest first, on a tie the lowest; behind the last of all codes -1, with inf.
        """
        x, wanted = arguments.real("z", z), arguments.integer("k", k, 1)
        if x.ndim == 0:
            raise ShapeError("z is a number, vectors [...,D] expected")
        shape = (*x.shape[:-1], wanted)
        found = Nearest(arguments.empty(shape, np.int32), arguments.empty(shape, np.float32))
        rows = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
        with self._read() as codebook:
            lib.unic_codebook_nearest(codebook, arguments.array(rows), wanted, found.codes.ctypes.data,
                                      found.distances.ctypes.data)
        return found

    def soften(self, z: npt.ArrayLike, k: int, temperature: float = 0.5) -> Soft:
        """The `k` nearest codes of each vector with weights exp(-distance / temperature) that sum to 1: z [...,D] ->
        both [...,k], the nearest first; behind the last of all codes -1 with 0. Head.predict_soft() takes them.
        """
        x, wanted = arguments.real("z", z), arguments.integer("k", k, 1)
        if x.ndim == 0:
            raise ShapeError("z is a number, vectors [...,D] expected")
        shape = (*x.shape[:-1], wanted)
        found = Soft(arguments.empty(shape, np.int32), arguments.empty(shape, np.float32))
        rows = x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])
        with self._read() as codebook:
            lib.unic_codebook_soften(codebook, arguments.array(rows), wanted, arguments.number("temperature", temperature),
                                     found.codes.ctypes.data, found.weights.ctypes.data)
        return found

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
        z = [arguments.single("targets", x) for x in arguments.several("targets", targets)]
        chosen = [arguments.whole("codes", x) for x in arguments.several("codes", codes)]
        modality_count, dim = self.modality_count, self.dim
        if not len(z) == len(chosen) == modality_count:
            raise ArgumentError(f"{len(z)} targets and {len(chosen)} codes, but the codebook is for {modality_count} "
                                "modalities")
        for x, c in zip(z, chosen):
            if x.shape != (*c.shape, dim) or c.ndim != 1:
                raise ShapeError(f"targets {x.shape} for codes {c.shape}; (rows, {dim}) and (rows,) expected")
        rows = (ctypes.c_size_t * modality_count)(*map(len, chosen))
        with self._use() as codebook:
            lib.unic_codebook_update(codebook, arguments.number("decay", decay), rows, arguments.addresses(z),
                                     arguments.addresses(chosen))

    def revive(self, rule: str, steps: int, z: npt.ArrayLike, max: int = 0, seed: int = 0) -> int:
        """Give codes that are not in use a row of `z` [rows,D], the longest idle first; returns how many.

        rule   "any": kept if any modality selected it within `steps` updates; "two": if two did; "off".
        max    at most so many; 0: all.
        """
        rule = arguments.choice("rule", rule, _RULES)
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

    def channels(self, count: int, p: int = 1, q: int = 0, lam: float = 0.7) -> Channels:
        """TOC: the channels in which codes differ most and overlap least, without training.

        A channel's score is (1 - lam) mean e^2 - sim, with sim the mean product of two codes. Of `count` channels
        floor(count / (p + q)) p have the highest scores, and as many times q the lowest; ties go to the lower channel.
        """
        found, scores = np.empty(max(self.dim, 1), np.uintp), np.empty(self.dim)
        chosen = ctypes.c_size_t()
        with self._read() as codebook:
            lib.unic_codebook_channels(ctypes.byref(chosen), codebook, arguments.number("lam", lam),
                                       arguments.integer("count", count, 0), arguments.integer("p", p, 0), arguments.integer("q", q, 0),
                                       found.ctypes.data, scores.ctypes.data)
        return Channels(found[:chosen.value].astype(np.int64), scores)

    def select(self, channels: npt.ArrayLike) -> "Codebook":
        """The same codes in some channels alone, in the order given: for heads, or to assign z[..., channels] anew."""
        given = arguments.whole("channels", channels, np.uintp)
        pointer = _lib.CODEBOOK()
        with self._read() as codebook:
            lib.unic_codebook_select(ctypes.byref(pointer), codebook, given.ctypes.data, given.size)
        return self._of(pointer)

    def drift(self, after: "Codebook", codes_before: npt.ArrayLike = (), codes_after: npt.ArrayLike = ()) -> Drift:
        """How far the codebook has gone until `after`, of the same sizes, and the codes of some steps with it.

        codes_before, codes_after  of the same steps, then and now; -1 in either: not counted.
        """
        was, now = (arguments.whole(name, c) for name, c in
                    (("codes_before", codes_before), ("codes_after", codes_after)))
        if was.shape != now.shape:
            raise ShapeError(f"codes_after has the shape {now.shape}, {was.shape} expected, as codes_before")
        report = _lib.sized(_lib.DriftReport)
        arguments.instance("after", after, Codebook)
        with self._read() as before, after._read() as later:
            lib.unic_codebook_drift(ctypes.byref(report), before, later, was.ctypes.data, now.ctypes.data, was.size)
        return Drift(report.moved, report.distance, report.changed)

    def state(self) -> State:
        """What training left behind; copies."""
        counts, idle = np.empty(self.code_count, np.float32), np.empty((self.modality_count, self.code_count), np.int32)
        shape = self.code_count, self.dim
        with self._read() as codebook:
            lib.unic_codebook_state(codebook, counts.ctypes.data, idle.ctypes.data)
            sums = view(self._owned(), lib.unic_codebook_ema_sums(codebook), shape).copy()
        return State(counts, idle, sums)

    def set_state(self, ema_counts: Optional[npt.ArrayLike] = None, idle: Optional[npt.ArrayLike] = None,
                  ema_sums: Optional[npt.ArrayLike] = None) -> None:
        """Set what state() gave, the codes themselves stay; None: stays too. After it update() goes on as it would."""
        codes, dim, modalities = self.code_count, self.dim, self.modality_count
        given = (None if ema_counts is None else arguments.single("ema_counts", ema_counts),
                 None if ema_sums is None else arguments.single("ema_sums", ema_sums),
                 None if idle is None else arguments.whole("idle", idle))
        for name, x, shape in zip(("ema_counts", "ema_sums", "idle"), given,
                                  ((codes,), (codes, dim), (modalities, codes))):
            if x is not None and x.shape != shape:
                raise ShapeError(f"{name} have the shape {x.shape}, {shape} expected")
        with self._use() as codebook:
            lib.unic_codebook_set_state(codebook, *map(arguments.address, given))

    def distances(self, out: Optional[Vectors] = None) -> Vectors:
        """Squared distances between codes, [L,L]."""
        squares = arguments.output("out", out, (self.code_count, self.code_count), np.float32)
        with self._read() as codebook:
            lib.unic_codebook_distances(codebook, squares.ctypes.data)
        return squares

    def __repr__(self) -> str:
        return ("<libunicode.Codebook, closed>" if self.closed
                else f"<libunicode.Codebook: {self.code_count} codes of {self.dim} dims>")
