"""Constants, structures and signatures of the C library; written by tests/abi/generate.py (make generate)."""

from __future__ import annotations

from ctypes import (POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p)
from typing import Any, Dict, List, Tuple

from ._declarations import Source, Status, opaque

MEDIA_OTHER = 0
MEDIA_SOUND = 1
MEDIA_FRAMES = 2
MEDIA_ON_WHITE = 0
MEDIA_ON_BLACK = 1
MEDIA_ALPHA_IGNORED = 2

MEDIA = opaque("unic_media")


class MediaOptions(Structure):
    """unic_media_options"""

    _fields_ = [("struct_size", c_size_t), ("threads", c_int32), ("skip_damaged", c_int32), ("max_pixels", c_int64),
                ("max_seconds", c_double), ("alpha", c_int32), ("reserved_int", c_int32), ("reserved", c_void_p * 4)]


class MediaStream(Structure):
    """unic_media_stream"""

    _fields_ = [("struct_size", c_size_t), ("kind", c_int32), ("chosen", c_int32), ("codec", c_char_p),
                ("seconds", c_double), ("rate", c_int32), ("channels", c_int32), ("width", c_int32),
                ("height", c_int32), ("rotation", c_int32), ("still", c_int32), ("frame_rate", c_double),
                ("reserved", c_void_p * 4)]


# name: result, arguments. Numbers that numpy holds go by address: c_void_p.
SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {
    "unic_media_last_error": (c_char_p, []),
    "unic_media_open": (Status, [POINTER(MEDIA), c_char_p, POINTER(MediaOptions)]),
    "unic_media_open_source": (Status, [POINTER(MEDIA), POINTER(Source), POINTER(MediaOptions)]),
    "unic_media_free": (None, [MEDIA]),
    "unic_media_format": (c_char_p, [MEDIA]),
    "unic_media_seconds": (c_double, [MEDIA]),
    "unic_media_stream_count": (c_size_t, [MEDIA]),
    "unic_media_stream_get": (Status, [POINTER(MediaStream), MEDIA, c_size_t]),
    "unic_media_has": (c_int, [MEDIA, c_int]),
    "unic_media_tag_count": (c_size_t, [MEDIA]),
    "unic_media_tag_get": (Status, [POINTER(c_char_p), POINTER(c_char_p), MEDIA, c_size_t]),
    "unic_media_damaged_count": (c_size_t, [MEDIA]),
    "unic_media_sound_begin": (Status, [MEDIA, c_int]),
    "unic_media_sound_read": (Status, [c_void_p, MEDIA, c_size_t, c_void_p]),
    "unic_media_frame_times": (Status, [c_void_p, MEDIA, c_size_t, c_void_p]),
    "unic_media_frame_at": (Status, [c_void_p, MEDIA, c_double, c_int, c_int, c_void_p]),
}
