"""Masks asked for by codes: where in the picture is what a clip is about."""

from __future__ import annotations

import ctypes
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

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

_PRESETS = {"small": _lib.SEGMENTER_SMALL, "paper": _lib.SEGMENTER_PAPER}
_INPUTS = {"frames": _lib.SEGMENTER_FRAMES, "maps": _lib.SEGMENTER_MAPS}
_NAMES = {value: name for name, value in _INPUTS.items()}

Images = Union[npt.ArrayLike, Sequence[npt.ArrayLike]]


class SegmenterSettings(NamedTuple):
    """A segmenter's settings, as its presets' table in docs/segmentation.md has them."""

    input: str
    image_channels: int
    height: int
    width: int
    level_count: int
    level_channels: Tuple[int, ...]
    channels: int
    inner: int
    dilations: Tuple[int, ...]
    output_channels: Tuple[int, ...]
    batch: int
    learning_rate: float
    seed: int


class Segmenter(SharedHandle, Saved):
    """A network that finds in images what a clip's codes are about.

        segmenter = libunicode.Segmenter(model, height=32, width=32)
        for frames, sounds, masks in batches:
            segmenter.step(frames, model.encode("speech", sounds), masks)
        logits = segmenter.predict(frames, model.encode("text", words))     # above 0: inside

    It keeps a copy of the codebook and needs no model to predict. Threads may predict at the same time.
    """

    _kind = "segmenter"

    def __init__(self, codes_of: CodesOf, preset: str = "small", *, input: Optional[str] = None,
                 image_channels: int = 0, height: int = 0, width: int = 0, level_count: int = 0,
                 level_channels: Sequence[int] = (), channels: int = 0, inner: int = 0, dilations: Sequence[int] = (),
                 output_channels: Sequence[int] = (), batch: int = 0, learning_rate: float = 0.0,
                 seed: int = 0, threads: int = 0, progress: Optional[Told] = None) -> None:
        """An untrained segmenter for codes of this model or codebook; what is 0 or left out is the preset's.

        preset           "small": frames of 64 x 64; "paper": the paper's network, on maps of a backbone at 224 x 224.
        input            "frames", through a small backbone of its own; "maps", the caller's, one for each level.
        image_channels   of frames: 1 grey, 3 RGB.
        height, width    of frames and masks: multiples of 2^(level_count+1).
        level_count      1..4; level l is a map of height / 2^(l+2) by width / 2^(l+2).
        level_channels   of each level's map, finest first.
        channels, inner  of the maps that are joined, and of the attention within.
        dilations        of each level's four convolutions.
        output_channels  of the last two hidden maps.
        batch            clips that a prediction takes at a time.
        learning_rate    Adam's.
        seed             of the starting weights.
        threads          that it computes with; 0: the process's number.
        progress         of each step and prediction, called as f("operations", done, total); something true stops it:
                         CancelledError.
        """
        arguments.choice("preset", preset, _PRESETS)
        if input is not None:
            arguments.choice("input", input, _INPUTS)
        numbers = {"image_channels": image_channels, "height": height, "width": width, "level_count": level_count,
                   "channels": channels, "inner": inner, "batch": batch}
        teller = Teller(progress)
        options = _lib.sized(
            _lib.SegmenterOptions, preset=_PRESETS[preset], input=0 if input is None else _INPUTS[input],
            level_channels=_several("level_channels", level_channels, _lib.SEGMENTER_MAX_LEVELS),
            dilations=_several("dilations", dilations, 4),
            output_channels=_several("output_channels", output_channels, 2),
            learning_rate=arguments.number("learning_rate", learning_rate),
            seed=arguments.integer("seed", seed, 0, 2**64 - 1), threads=arguments.threads(threads), progress=teller.pointer,
            **{name: arguments.integer(name, value, 0, 2**31 - 1) for name, value in numbers.items()})
        pointer = _lib.SEGMENTER()
        with codebook_of(codes_of)._read() as codebook:
            lib.unic_segmenter_create(ctypes.byref(pointer), codebook, ctypes.byref(options))
        self._set_up(pointer, teller)

    def _set_up(self, pointer: Any, teller: Optional[Teller] = None) -> None:
        super().__init__(pointer, lib.unic_segmenter_free)
        self._teller = teller or Teller(None)
        options = _lib.sized(_lib.SegmenterOptions)
        lib.unic_segmenter_settings(ctypes.byref(options), pointer)
        values: Dict[str, Any] = {name: getattr(options, name) for name in SegmenterSettings._fields}
        values.update(input=_NAMES[options.input], level_channels=tuple(options.level_channels[:options.level_count]),
                      dilations=tuple(options.dilations), output_channels=tuple(options.output_channels))
        self.settings = SegmenterSettings(**values)

    @classmethod
    def load(cls, path: Readable, *, memory_limit: int = 0,
             progress: Optional[Told] = None) -> "Segmenter":
        """A segmenter that save() wrote, to predict or to be trained further (Adam begins anew).

        path          a path; or the contents of a file, or a file object opened for bytes (docs/python.md).
        memory_limit  bytes that what is in the file may take; 0: no limit.
        progress      called as f("bytes", done, total) while the file is read; something true stops it: CancelledError.
        """
        pointer, teller = _lib.SEGMENTER(), Teller(progress, stoppable=True)
        with teller.watch():
            _io.load(pointer, path, lib.unic_segmenter_load, lib.unic_segmenter_load_source,
                     arguments.limit(memory_limit, progress=teller.pointer))
            self = cls.__new__(cls)
            self._set_up(pointer)
        return self

    def _read_in(self, images: Images, codes: npt.ArrayLike) -> Tuple[List[npt.NDArray[Any]], Codes]:
        """Images as the library takes them, and the codes of their clips."""
        given: Any = [images] if self.settings.input == "frames" else images
        arrays, clips = [arguments.real("images", x) for x in given], arguments.whole("codes", codes)
        if not arrays or arrays[0].ndim != 5:
            shape = arrays[0].shape if arrays else ()
            raise ShapeError(f"images have the shape {shape}, (clips, frames, height, width, channels) expected")
        if clips.ndim != 2 or len(clips) != len(arrays[0]):
            raise ShapeError(f"codes have the shape {clips.shape}, ({len(arrays[0])}, steps) expected")
        return arrays, clips

    def step(self, images: Images, codes: npt.ArrayLike, masks: npt.ArrayLike) -> float:
        """One step of Adam on a batch; returns its binary cross-entropy, the mean over the pixels that count.

        images  frames [B,F,height,width,image_channels]; or with input "maps" a sequence of arrays, for each level,
                finest first, [B,F,height/2^(l+2),width/2^(l+2),level_channels[l]].
        codes   [B,T], -1: padding; each clip has at least one. T need not be the number of frames.
        masks   [B,F,height,width]: 1 inside, 0 outside, or in between; -1: the pixel does not count.

        A step that is refused changes nothing: ShapeError; DataError (a code, a mask's value, NaN, no pixel that
        counts); NumericError (the loss or a gradient is not finite).
        """
        (arrays, given), wanted = self._read_in(images, codes), arguments.real("masks", masks)
        loss = ctypes.c_double()
        with self._use() as segmenter, self._teller.watch():
            lib.unic_segmenter_step(ctypes.byref(loss), segmenter, _pointers(arrays), len(arrays),
                                    given.ctypes.data, given.shape[1], arguments.array(wanted))
        return loss.value

    def predict(self, images: Images, codes: npt.ArrayLike, out: Optional[Vectors] = None) -> Vectors:
        """A logit for each pixel, [B,F,height,width]: above 0 is inside; images and codes as for step()."""
        arrays, given = self._read_in(images, codes)
        shape = (*arrays[0].shape[:2], self.settings.height, self.settings.width)
        logits = arguments.output("out", out, shape, np.float32)
        with self._read() as segmenter, self._teller.watch():
            lib.unic_segmenter_predict(segmenter, _pointers(arrays), len(arrays), given.ctypes.data, given.shape[1],
                                       logits.ctypes.data)
        return logits

    @property
    def fingerprint(self) -> int:
        """That of the codebook the segmenter was made for."""
        with self._read() as segmenter:
            return lib.unic_segmenter_fingerprint(segmenter)

    def accepts(self, codes_of: CodesOf) -> bool:
        """Whether it was made for this codebook, so that these codes mean the same to it."""
        fingerprint = codebook_of(codes_of).fingerprint
        with self._read() as segmenter:
            return accepted(lib.unic_segmenter_accepts, segmenter, fingerprint)

    def save(self, path: Writable) -> None:
        """Write the segmenter with its settings, running statistics and copy of the codebook."""
        with self._read() as segmenter:
            _io.save(segmenter, path, lib.unic_segmenter_save, lib.unic_segmenter_save_sink)

    def __repr__(self) -> str:
        s = self.settings
        return (f"<libunicode.Segmenter of {s.input}: {s.level_count} levels, masks of {s.height} x {s.width}"
                f"{', closed' if self.closed else ''}>")


def _several(name: str, values: Sequence[int], size: int) -> Any:
    """A C array of `size` int32; those that are left out are 0."""
    values = arguments.several(name, values)
    if len(values) > size:
        raise ArgumentError(f"{name} has {len(values)} numbers, at most {size} expected")
    return (ctypes.c_int32 * size)(*(arguments.integer(name, value, 0, 2**31 - 1) for value in values))


def _pointers(arrays: Sequence[npt.NDArray[Any]]) -> Any:
    """A C array of pointers to unic_arrays of `arrays`, which must outlive it."""
    return (ctypes.POINTER(_lib.Array) * len(arrays))(*(ctypes.pointer(arguments.described(x)) for x in arrays))
