"""Heads on codes: trained on the codes of one modality, used untouched on another's."""

from __future__ import annotations

import ctypes
from typing import Any, Optional, Tuple

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _io
from . import _lib
from ._arguments import Codes, Readable, Vectors, Writable
from ._errors import ArgumentError, ShapeError
from ._handle import Saved, SharedHandle
from ._lib import lib
from ._model import CodesOf, accepted, codebook_of
from ._progress import Teller, Told

_LOSSES = {"plain": _lib.HEAD_LOSS_PLAIN, "cmg": _lib.HEAD_LOSS_CMG}


class Head(SharedHandle, Saved):
    """A classifier of clips or steps by their codes.

        head = libunicode.Head(model, classes=10, per="clip")
        head.fit(model.encode("speech", sounds), labels)
        predicted = head.predict(model.encode("image", images)).argmax(-1)

    It keeps a copy of the codebook and needs no model to predict. Threads may predict at the same time.
    """

    _kind = "head"

    def __init__(self, codes_of: CodesOf, classes: int, per: str = "clip", multi: bool = False, *,
                 hidden: int = 0, epochs: int = 0, batch: int = 0, learning_rate: float = 0.0, seed: int = 0,
                 loss: str = "plain", threads: int = 0, progress: Optional[Told] = None) -> None:
        """An untrained head for codes of this model or codebook.

        classes        number of outputs.
        per            "clip": one class for each clip; "step": one for each step.
        multi          any number of classes for each step; with per="step".
        hidden         width between its two linear layers; 0: the code's dim.
        epochs, batch, learning_rate  of fit(); 0: 30, 64 clips, 0.002.
        seed           of the weights and the shuffle.
        loss           of multi: "plain", binary cross-entropy; "cmg", with the CMG code's weighted term.
        threads        that it computes with; 0: the process's number.
        progress       of fit(), called as f("batches", done, total); something true stops it: CancelledError.
        """
        if per not in ("clip", "step") or (multi and per != "step"):
            raise ArgumentError(f"per = {per!r}{' with multi' if multi else ''}; 'clip' or 'step' expected, "
                                "and 'step' with multi")
        arguments.choice("loss", loss, _LOSSES)
        kind = _lib.HEAD_CLIP if per == "clip" else _lib.HEAD_STEP_MULTI if multi else _lib.HEAD_STEP
        most, self._teller = 2**31 - 1, Teller(progress, stoppable=True)
        options = _lib.sized(
            _lib.HeadOptions, kind=kind,
            class_count=arguments.integer("classes", classes, 0, most),
            hidden=arguments.integer("hidden", hidden, 0, most),
            epochs=arguments.integer("epochs", epochs, 0, most), batch=arguments.integer("batch", batch, 0, most),
            learning_rate=arguments.number("learning_rate", learning_rate), loss=_LOSSES[loss],
            seed=arguments.integer("seed", seed, 0, 2**64 - 1), threads=arguments.threads(threads), progress=self._teller.pointer)
        pointer = _lib.HEAD()
        with codebook_of(codes_of)._read() as handle:
            lib.unic_head_create(ctypes.byref(pointer), handle, ctypes.byref(options))
        self._set_up(pointer)

    def _set_up(self, pointer: Any) -> None:
        super().__init__(pointer, lib.unic_head_free)
        options = _lib.sized(_lib.HeadOptions)
        lib.unic_head_settings(ctypes.byref(options), pointer)
        self._head_kind: int = options.kind
        self.class_count: int = options.class_count

    @classmethod
    def load(cls, path: Readable, *, memory_limit: int = 0,
             progress: Optional[Told] = None) -> "Head":
        """A head that save() wrote.

        path          a path; or the contents of a file, or a file object opened for bytes (docs/python.md).
        memory_limit  bytes that what is in the file may take; 0: no limit.
        progress      called as f("bytes", done, total) while the file is read; something true stops it: CancelledError.
        """
        pointer, teller = _lib.HEAD(), Teller(progress, stoppable=True)
        with teller.watch():
            _io.load(pointer, path, lib.unic_head_load, lib.unic_head_load_source,
                     arguments.limit(memory_limit, progress=teller.pointer))
            self = cls.__new__(cls)
            self._teller = Teller(None)
            self._set_up(pointer)
        return self

    @property
    def per(self) -> str:
        """"clip" or "step"."""
        return "clip" if self._head_kind == _lib.HEAD_CLIP else "step"

    @property
    def multi(self) -> bool:
        """Whether a step may have any number of classes."""
        return self._head_kind == _lib.HEAD_STEP_MULTI

    def _shape(self, codes: Codes) -> Tuple[int, ...]:
        """The shape of labels for these codes."""
        if codes.ndim != 2:
            raise ShapeError(f"codes have the shape {codes.shape}, (clips, steps) expected")
        if self.per == "clip":
            return codes.shape[:1]
        return (*codes.shape, self.class_count) if self.multi else codes.shape

    def _check_labels(self, codes: Codes, labels: Codes) -> None:
        if labels.shape != self._shape(codes):
            raise ShapeError(f"labels have the shape {labels.shape}, {self._shape(codes)} expected")

    def fit(self, codes: npt.ArrayLike, labels: npt.ArrayLike) -> float:
        """Train by Adam on cross-entropy (binary for multi); again to train further.

        codes   [N,T] in 0..L-1, -1: padding.
        labels  [N] a class for each clip; [N,T] for each step (-1: not counted); [N,T,classes] of 0 and 1.

        Returns the last epoch's mean loss. Raises ShapeError; DataError (a code or label out of range, or nothing that has
        both a code and a label); NumericError, and the head is as before.
        """
        given, wanted = arguments.whole("codes", codes), arguments.whole("labels", labels)
        self._check_labels(given, wanted)
        loss = ctypes.c_double()
        with self._use() as head, self._teller.watch():
            lib.unic_head_fit(ctypes.byref(loss), head, given.ctypes.data, *given.shape, wanted.ctypes.data)
        return loss.value

    def predict(self, codes: npt.ArrayLike, out: Optional[Vectors] = None) -> Vectors:
        """Logits [N,classes] for clips, [N,T,classes] for steps (0 on padding); argmax(-1) are the classes."""
        given = arguments.whole("codes", codes)
        shape = self._shape(given)
        logits = arguments.output("out", out, shape if self.multi else (*shape, self.class_count), np.float32)
        with self._read() as head:
            lib.unic_head_predict(head, given.ctypes.data, *given.shape, logits.ctypes.data)
        return logits

    def predict_soft(self, codes: npt.ArrayLike, weights: npt.ArrayLike, out: Optional[Vectors] = None) -> Vectors:
        """predict() from several codes a step with weights, both [N,T,k], as Codebook.soften() gives them.

        What the head's first layer gives of a step is the weighted sum of what it gives of the codes; -1: no code.
        """
        given, parts = arguments.whole("codes", codes), arguments.single("weights", weights)
        if given.ndim != 3 or parts.shape != given.shape:
            raise ShapeError(f"codes have the shape {given.shape} and weights {parts.shape}; the same (N, T, k) expected")
        clips, length, k = given.shape
        shape = (clips,) if self.per == "clip" else (clips, length)
        logits = arguments.output("out", out, (*shape, self.class_count), np.float32)
        with self._read() as head:
            lib.unic_head_predict_soft(head, given.ctypes.data, parts.ctypes.data, k, clips, length, logits.ctypes.data)
        return logits

    def mask_labels(self, codes: npt.ArrayLike, labels: npt.ArrayLike) -> Codes:
        """A copy of labels that is -1 where the head sees nothing: padding, and clips without a code."""
        given, masked = arguments.whole("codes", codes), arguments.whole("labels", labels).copy()
        self._check_labels(given, masked)
        with self._read() as head:
            lib.unic_head_mask_labels(head, given.ctypes.data, *given.shape, masked.ctypes.data)
        return masked

    @property
    def fingerprint(self) -> int:
        """That of the codebook the head was made for."""
        with self._read() as head:
            return lib.unic_head_fingerprint(head)

    def accepts(self, codes_of: CodesOf) -> bool:
        """Whether it was made for this codebook, so that these codes mean the same to it."""
        fingerprint = codebook_of(codes_of).fingerprint
        with self._read() as head:
            return accepted(lib.unic_head_accepts, head, fingerprint)

    def save(self, path: Writable) -> None:
        """Write the head, with its copy of the codebook."""
        with self._read() as head:
            _io.save(head, path, lib.unic_head_save, lib.unic_head_save_sink)

    def __repr__(self) -> str:
        return (f"<libunicode.Head: {self.class_count} classes per {self.per}{', multi' if self.multi else ''}"
                f"{', closed' if self.closed else ''}>")
