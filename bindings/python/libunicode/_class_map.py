"""Labels of one data set in the classes of another."""

from __future__ import annotations

import ctypes
from typing import Any, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _lib
from ._arguments import Codes, StrPath
from ._errors import ShapeError
from ._handle import SharedHandle
from ._lib import lib

Names = Union[int, Sequence[Union[str, bytes]]]


class ClassMap(SharedHandle):
    """What classes of another data set are of ours, from a text with a line for each.

        kinds = libunicode.ClassMap.load("theirs.txt", theirs=their_names, ours=our_names)
        report = libunicode.metrics.classes(head.predict(codes), kinds.classes(their_labels))

    The text, `PlayingCello = playing cello`: theirs before the first `=`, ours behind it; `#` begins a comment. What
    no line names has no counterpart. Immutable; threads may share it.
    """

    _kind = "class map"
    _instead = "make another one of the same text"

    def __init__(self, text: str, theirs: Names, ours: Names) -> None:
        """A map from a text.

        theirs  the names of their classes, in their labels' order; a number: classes are called "0", "1", ...
        ours    the names of ours, likewise.

        Raises FormatError (a line that is no map's, a class given twice) and NotFoundError (a class that is in
        no list), with the line's number.
        """
        pointer, lines = _lib.CLASS_MAP(), arguments.encoded("text", text)
        names, _kept = _names(theirs, ours)
        lib.unic_class_map_parse(ctypes.byref(pointer), lines, len(lines), None, ctypes.byref(names))
        self._set_up(pointer, names)

    @classmethod
    def load(cls, path: StrPath, theirs: Names, ours: Names) -> "ClassMap":
        """The same from a file."""
        pointer = _lib.CLASS_MAP()
        names, _kept = _names(theirs, ours)
        lib.unic_class_map_load(ctypes.byref(pointer), arguments.path(path), ctypes.byref(names))
        self = cls.__new__(cls)
        self._set_up(pointer, names)
        return self

    def _set_up(self, pointer: Any, names: _lib.ClassNames) -> None:
        super().__init__(pointer, lib.unic_class_map_free)
        self._theirs: int = names.their_count
        self._ours: int = names.our_count

    def get(self, theirs: int) -> int:
        """What class `theirs` is of ours; -1 if it has no counterpart, or is none."""
        with self._read() as names:
            return lib.unic_class_map_get(names, arguments.integer("theirs", theirs, -2**31, 2**31 - 1))

    def classes(self, labels: npt.ArrayLike) -> Codes:
        """Translate classes [...]: -1 stays, and is what a class without a counterpart becomes."""
        given = arguments.whole("labels", labels)
        translated = np.empty(given.shape, np.int32)
        with self._read() as names:
            lib.unic_class_map_classes(names, given.ctypes.data, given.size, translated.ctypes.data)
        return translated

    def steps(self, labels: npt.ArrayLike) -> Codes:
        """Translate rows of 0 and 1 a class: [...,theirs] -> [...,ours].

        A row is -1 throughout, not counted, if there is a -1 in it, or if none of the classes it has has a
        counterpart.
        """
        given = arguments.whole("labels", labels)
        if given.shape[-1:] != (self._theirs,):
            raise ShapeError(f"labels have the shape {given.shape}, (..., {self._theirs}) expected")
        translated = np.empty((*given.shape[:-1], self._ours), np.int32)
        with self._read() as names:
            lib.unic_class_map_steps(names, given.ctypes.data, given.size // self._theirs, translated.ctypes.data)
        return translated

    def __repr__(self) -> str:
        return (f"<libunicode.ClassMap: {self._theirs} classes of theirs to {self._ours} of ours"
                f"{', closed' if self.closed else ''}>")


def _names(theirs: Names, ours: Names) -> Tuple[_lib.ClassNames, Any]:
    """A unic_class_names and what it points to."""
    (their_names, their_count), (our_names, our_count) = _list("theirs", theirs), _list("ours", ours)
    return _lib.sized(_lib.ClassNames, theirs=their_names, their_count=their_count, ours=our_names,
                      our_count=our_count), (their_names, our_names)


def _list(name: str, given: Names) -> Tuple[Any, int]:
    if isinstance(given, (int, np.integer)):
        return None, arguments.integer(name, given, 1)
    return arguments.texts(name, given)
