"""Sound and frames from films, sound files and pictures, decoded by FFmpeg (libunicode-media).

    from libunicode.media import Media

    with Media("clip.mp4") as clip:
        samples = clip.sound(16000)                       # [n] float32, the mean of the channels
        times = clip.frame_times()                        # [N] float64, seconds
        frames = clip.frames(times[::10], (224, 224))     # [M,224,224,3] uint8

The library is looked for beside libunicode, then by the loader. Where it was not built (it needs FFmpeg's libraries),
importing this module raises ImportError.
"""

from __future__ import annotations

import ctypes
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _lib
from . import _media_declarations as declared
from ._callback import Hold
from ._errors import ArgumentError
from ._handle import Handle
from ._io import load

SONAME = "libunicode-media.so.0"
_KINDS = {declared.MEDIA_SOUND: "sound", declared.MEDIA_FRAMES: "frames"}
_ALPHA = {"white": declared.MEDIA_ON_WHITE, "black": declared.MEDIA_ON_BLACK, "ignored": declared.MEDIA_ALPHA_IGNORED}

__all__ = ["Media", "Stream"]


_media = _lib.beside(SONAME, "FFmpeg's libraries are installed")
_lib.declare(_media, declared.SIGNATURES, "unic_media_last_error")


class Stream(NamedTuple):
    """What is known of one stream; numbers that do not apply, or are not known, are 0."""

    kind: str           # "sound", "frames" or "other"
    chosen: bool        # whether it is the one of its kind that is read
    codec: str          # FFmpeg's name of it
    seconds: float
    rate: int           # samples a second
    channels: int
    width: int          # as it is shown, after rotation
    height: int
    rotation: int       # degrees clockwise
    still: bool         # a picture
    frame_rate: float   # frames a second, on average


class Media(Handle):
    """A film, a sound or a picture that is open for reading."""

    _kind = "media file"
    _instead = "open it again"

    def __init__(self, file: Any, *, threads: int = 1, skip_damaged: bool = False, max_pixels: int = 0,
                 max_seconds: float = 0, alpha: str = "white") -> None:
        """Open a path, a file object, or a file's contents.

        threads       threads that decode, 1..64.
        skip_damaged  pass over damaged parts, which `damaged_count` counts, instead of raising FormatError.
        max_pixels    largest width x height; 0: 2^26.
        max_seconds   longest duration; 0: one day.
        alpha         what transparent pixels are laid on, "white" or "black", or "ignored": what is stored under them
                      is seen.

        Raises ArgumentError; NotFoundError; FileError; FormatError (damaged, or no film, sound or picture);
        OutOfMemoryError (also beyond a limit).
        """
        arguments.choice("alpha", alpha, _ALPHA)
        pointer = declared.MEDIA()
        options = _lib.sized(declared.MediaOptions, threads=arguments.integer("threads", threads, 0, 2**31 - 1),
                             skip_damaged=int(skip_damaged), max_pixels=arguments.integer("max_pixels", max_pixels, 0),
                             max_seconds=arguments.number("max_seconds", max_seconds), alpha=_ALPHA[alpha])
        with Hold():
            self._reads(load(pointer, file, _media.unic_media_open, _media.unic_media_open_source, ctypes.byref(options)))
            super().__init__(pointer, _media.unic_media_free)

    @property
    def format(self) -> str:
        """FFmpeg's name of the file's format."""
        with self._use() as media:
            return str(_media.unic_media_format(media).decode())

    @property
    def seconds(self) -> float:
        """The duration that the file says; 0 if it is unknown, and of a picture."""
        with self._use() as media:
            return float(_media.unic_media_seconds(media))

    @property
    def has_sound(self) -> bool:
        """Whether there is sound."""
        with self._use() as media:
            return bool(_media.unic_media_has(media, declared.MEDIA_SOUND))

    @property
    def has_frames(self) -> bool:
        """Whether there are frames."""
        with self._use() as media:
            return bool(_media.unic_media_has(media, declared.MEDIA_FRAMES))

    @property
    def damaged_count(self) -> int:
        """How many damaged parts were passed over."""
        with self._use() as media:
            return int(_media.unic_media_damaged_count(media))

    @property
    def streams(self) -> List[Stream]:
        """What the file holds."""
        found = []
        with self._use() as media:
            for i in range(_media.unic_media_stream_count(media)):
                s = _lib.sized(declared.MediaStream)
                _media.unic_media_stream_get(ctypes.byref(s), media, i)
                found.append(Stream(_KINDS.get(s.kind, "other"), bool(s.chosen), s.codec.decode(), s.seconds, s.rate,
                                    s.channels, s.width, s.height, s.rotation, bool(s.still), s.frame_rate))
        return found

    @property
    def tags(self) -> Dict[str, str]:
        """The tags of the file and of the streams that are read; of equal keys the file's."""
        found: Dict[str, str] = {}
        key, value = ctypes.c_char_p(), ctypes.c_char_p()
        with self._use() as media:
            for i in range(_media.unic_media_tag_count(media)):
                _media.unic_media_tag_get(ctypes.byref(key), ctypes.byref(value), media, i)
                found.setdefault((key.value or b"").decode(errors="replace"),
                                 (value.value or b"").decode(errors="replace"))
        return found

    def sound_blocks(self, rate: int = 0, block: int = 1 << 16) -> Iterator[npt.NDArray[np.float32]]:
        """The sound from its beginning, in arrays of `block` samples, the last one shorter; see sound().

        One such iteration goes on at a time.
        """
        rate, block = arguments.integer("rate", rate, 0, 2**31 - 1), arguments.integer("block", block, 1)
        with self._use() as media:
            _media.unic_media_sound_begin(media, rate)
        count = ctypes.c_size_t(block)
        while count.value == block:
            samples = np.empty(block, np.float32)
            with self._use() as media:
                _media.unic_media_sound_read(ctypes.addressof(count), media, block, samples.ctypes.data)
            if count.value:
                yield samples[:count.value]

    def sound(self, rate: int = 0) -> npt.NDArray[np.float32]:
        """All of the sound [n], the mean of its channels, resampled to `rate` samples a second (0: its own).

        Sample n is heard at the time n / rate: sound that begins late is preceded by silence.
        Raises NotFoundError (no sound); FormatError (damaged).
        """
        return np.concatenate([np.empty(0, np.float32), *self.sound_blocks(rate)])

    def frame_times(self) -> npt.NDArray[np.float64]:
        """The times [N] of all frames, in seconds. The first call decodes the whole film."""
        count = ctypes.c_size_t()
        with self._use() as media:
            _media.unic_media_frame_times(ctypes.addressof(count), media, 0, None)
            times = np.empty(count.value)
            _media.unic_media_frame_times(ctypes.addressof(count), media, count.value, times.ctypes.data)
        return times

    def frame_at(self, at: float, size: Tuple[int, int],
                 out: Optional[npt.NDArray[np.uint8]] = None) -> Tuple[float, npt.NDArray[np.uint8]]:
        """The time at which the frame that is shown at `at` begins, and the frame [height,width,3], RGB.

        size  (height, width) of the result; the aspect ratio is not kept.
        out   a C-contiguous array of uint8 to write to.

        Raises NotFoundError (no frames); FormatError (damaged).
        """
        height, width = _size(size)
        limit = 16384                   # what C would refuse is not allocated here
        rgb = arguments.output("out", out, (min(height, limit), min(width, limit), 3), np.uint8)
        begins = ctypes.c_double()
        with self._use() as media:
            _media.unic_media_frame_at(ctypes.addressof(begins), media, arguments.number("at", at), width, height,
                                       rgb.ctypes.data)
        return begins.value, rgb

    def frames(self, times: Iterable[float], size: Tuple[int, int]) -> npt.NDArray[np.uint8]:
        """The frames [M,height,width,3] that are shown at `times`, fastest if these ascend; see frame_at()."""
        height, width = _size(size)
        found = [self.frame_at(at, (height, width))[1] for at in arguments.several("times", times)]
        return np.stack(found) if found else np.empty((0, height, width, 3), np.uint8)


def _size(size: Any) -> Tuple[int, int]:
    numbers = arguments.several("size", size)
    if len(numbers) != 2:
        raise ArgumentError(f"size is {size}, (height, width) expected")
    height, width = (arguments.integer(name, n, 1, 2**31 - 1) for name, n in zip(("height", "width"), numbers))
    return height, width
