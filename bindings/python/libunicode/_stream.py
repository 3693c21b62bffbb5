"""Streams: codes while the features still come in."""

from __future__ import annotations

import ctypes
from typing import Any, Literal, Optional, Tuple, overload

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _lib
from ._arguments import Codes, Vectors
from ._handle import Handle
from ._lib import lib
from ._model import Encoder


class Stream(Handle):
    """Codes of one clip after another, a fixed number of steps behind the features.

        stream = libunicode.Stream(model.encoder("speech", 1, 10), lag=3)
        for steps in source:                # [n,...], n steps more
            stream.push(steps)
            first, codes = stream.pull()    # codes of the steps first, first + 1, ...
        stream.finish()
        first, codes = stream.pull()        # the last `lag` ones
        stream.reset()                      # for the next clip

    The code of step t is that of the encoder for the steps max(0, e - window + 1) .. e as one clip, with e = t + lag,
    or the clip's last step once finish() said so. It lives on when the encoder is closed; streams of one encoder take
    turns.
    """

    _kind = "stream"
    _instead = "make another one of the encoder"

    def __init__(self, encoder: Encoder, window: Optional[int] = None, lag: int = 0, backlog: int = 0) -> None:
        """Begin a clip.

        window   most steps that a code is computed from, 1..encoder.max_length; None: encoder.max_length.
        lag      number of steps after its own that a code waits for, 0..window - 1.
        backlog  most steps that may be pushed and not yet pulled, more than lag; 0: window + lag.

        Raises ArgumentError; OutOfMemoryError; StateError (the encoder is closed).
        """
        pointer, encoder = _lib.STREAM(), arguments.instance("encoder", encoder, Encoder)
        window = encoder.max_length if window is None else window
        options = _lib.sized(_lib.StreamOptions, window=arguments.integer("window", window, 1),
                             lag=arguments.integer("lag", lag, 0), backlog=arguments.integer("backlog", backlog, 0))
        self._dim, self._turn = encoder._dim, encoder._lock
        with encoder._use() as handle:
            lib.unic_stream_create(ctypes.byref(pointer), handle, ctypes.byref(options))
        super().__init__(pointer, lib.unic_stream_free)
        self.modality, self.window, self.lag, self.backlog = encoder.modality, window, lag, backlog or window + lag

    def push(self, steps: npt.ArrayLike) -> None:
        """Give the next steps [n,...] of the clip, n >= 0, which are copied; nothing is computed yet.

        Raises ShapeError; DataError (NaN, Inf); StateError (more than `backlog` steps would wait, or the clip is
        finished). Nothing is pushed then.
        """
        x = arguments.real("steps", steps)
        with self._use() as stream:
            lib.unic_stream_push(stream, arguments.array(x))

    def finish(self) -> None:
        """The clip has ended: all its codes are ready now."""
        with self._use() as stream:
            lib.unic_stream_finish(stream)

    @property
    def ready_count(self) -> int:
        """The number of codes that pull() would give."""
        with self._use() as stream:
            return lib.unic_stream_ready_count(stream)

    @overload
    def pull(self, max_count: Optional[int] = None, vectors: Literal[False] = False) -> Tuple[int, Codes]: ...

    @overload
    def pull(self, max_count: Optional[int] = None, *,
             vectors: Literal[True]) -> Tuple[int, Codes, Vectors, Vectors]: ...

    def pull(self, max_count: Optional[int] = None, vectors: bool = False) -> Any:
        """The codes that are ready, at most `max_count`, each once.

        Returns the number of the step that the first one belongs to, from 0 in each clip, and codes [n] int32; with
        `vectors` also the codes' vectors and what was rounded to them, both [n,D] float32. n is 0 if none is ready.

        Raises NumericError (features so large that the result is not finite); OutOfMemoryError.
        """
        count, first = ctypes.c_size_t(), ctypes.c_uint64()
        with self._turn, self._use() as stream:
            ready = lib.unic_stream_ready_count(stream)
            n = ready if max_count is None else min(ready, arguments.integer("max_count", max_count, 0))
            codes = np.empty(n, np.int32)
            both = [np.empty((n, self._dim), np.float32) for _ in range(2)] if vectors else []
            outputs = (*map(arguments.address, both), *(() if vectors else (None, None)))
            lib.unic_stream_pull(ctypes.byref(count), ctypes.byref(first), stream, n, arguments.address(codes),
                                 *outputs)
        return (first.value, codes, *both)

    def reset(self) -> None:
        """Begin the next clip; what was pushed or not pulled of this one is forgotten."""
        with self._use() as stream:
            lib.unic_stream_reset(stream)

    def __repr__(self) -> str:
        return (f"<libunicode.Stream {self.modality!r}, {self.lag} steps behind, windows of {self.window}"
                f"{', closed' if self.closed else ''}>")
