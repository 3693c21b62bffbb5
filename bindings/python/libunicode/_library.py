"""What concerns the whole library: version, threads, log."""

from __future__ import annotations

import atexit
import ctypes
from typing import Any, Callable, Optional

from . import _arguments as arguments
from . import _lib
from ._lib import lib

_log: Any = None            # the function that C holds


def version() -> str:
    """The C library's version, "0.1.0"."""
    return lib.unic_version().decode()


def set_threads(n: int) -> None:
    """Compute with `n` threads (1..256), in the whole process; the default is 1.

    It may be called at any time: calls that are under way keep the number that they began with. A forked child computes with
    one thread in the thread that forked (docs/threads.md). What is set for OpenBLAS, which numpy may share, is left alone.
    """
    lib.unic_set_threads(arguments.integer("n", n, 0, 2**31 - 1))


def get_threads() -> int:
    """The number of threads set by set_threads()."""
    return lib.unic_get_threads()


def set_log(function: Optional[Callable[[bool, str], None]]) -> None:
    """Send the library's log lines to function(warning, line); None, the default, drops them.

    It is called in the thread that called the library, and must not use the object that is at work. What it raises does
    not end the call: sys.unraisablehook is told. Not to be set while another thread computes.
    """
    global _log
    arguments.function("function", function)

    def receive(level: int, line: bytes, _user: Any) -> None:
        if function is not None:
            function(level >= _lib.LOG_WARNING, line.decode(errors="replace"))

    callback = _lib.LOG_FN(receive) if function is not None else ctypes.cast(0, _lib.LOG_FN)
    lib.unic_set_log(callback, None)
    _log = callback


atexit.register(set_log, None)      # the function goes before the library
