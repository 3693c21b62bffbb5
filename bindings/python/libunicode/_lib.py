"""The C library: where it is found; its functions as _declarations.py has them, statuses made exceptions."""

from __future__ import annotations

import ctypes
import os
from ctypes import Structure
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Type, TypeVar

from ._declarations import *  # noqa: F403  what is in the headers is in this module: _lib.HeadOptions, _lib.HEAD_CLIP
from ._declarations import SIGNATURES, VERSION_MAJOR, VERSION_MINOR, Status
from ._errors import error_of

VERSION = (VERSION_MAJOR, VERSION_MINOR)        # whose ABI is declared
SONAME = "libunicode.so.0"

_S = TypeVar("_S", bound=Structure)


def sized(struct: Type[_S], **members: Any) -> _S:
    """A structure that says its size; members that are left out are 0."""
    return struct(struct_size=ctypes.sizeof(struct), **members)


def _places() -> Iterator[str]:
    """Where the library may be, the most particular first."""
    here = Path(__file__).resolve().parent
    paths = [here / "libunicode.so", here / SONAME]
    for above in list(here.parents)[2:3]:     # the tree of bindings/python; lib of PREFIX/lib/python3.X/site-packages
        paths += [above / "build" / "libunicode.so", above / SONAME]
    for path in paths:
        if path.is_file():
            yield str(path)
    yield SONAME                 # installed: the loader knows


def _open() -> ctypes.CDLL:
    named = os.environ.get("LIBUNICODE")
    failures = []
    for place in [named] if named else _places():
        try:
            return ctypes.CDLL(place)
        except OSError as error:
            failures.append(str(error))
    raise ImportError("libunicode was not found: " + "; ".join(failures) +
                      (" (LIBUNICODE names it)" if named else
                       ". Install it, or set LIBUNICODE to the path of libunicode.so"))


def declare(library: ctypes.CDLL, signatures: Dict[str, Tuple[Any, List[Any]]], last_error: str) -> None:
    """Declare a library's functions: one that returns a status raises what it stands for, with `last_error`'s words."""

    def check(status: Status, _function: Any, _arguments: Any) -> None:
        if status.value:
            raise error_of(status.value, getattr(library, last_error)().decode(errors="replace"))

    try:
        for name, (result, arguments) in signatures.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
            if result is Status:
                function.errcheck = check
    except AttributeError as error:
        raise ImportError(f"{library._name} is no libunicode, or an older one: {error}") from None


def _load() -> ctypes.CDLL:
    """Open the library and declare its functions."""
    library = _open()
    declare(library, SIGNATURES, "unic_last_error")
    version = library.unic_version().decode()
    if tuple(map(int, version.split(".")[:2])) != VERSION:
        raise ImportError(f"{library._name} is libunicode {version}, but this binding is for "
                          f"{VERSION[0]}.{VERSION[1]}")
    return library


def beside(soname: str, built_where: str) -> ctypes.CDLL:
    """Open a library that stands beside this one, or that the loader knows; ImportError says where it is built."""
    own, failures = Path(lib._name), []
    for place in ([str(own.resolve().parent / soname)] if own.is_file() else []) + [soname]:
        try:
            return ctypes.CDLL(place)
        except OSError as error:
            failures.append(str(error))
    raise ImportError(f"{soname.split('.')[0]} was not found: {'; '.join(failures)}. It is built where {built_where}")


lib = _load()
