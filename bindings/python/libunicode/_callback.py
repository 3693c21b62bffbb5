"""Functions that C calls, and what signals do meanwhile.

A handler runs wherever Python's main thread is. What it raises as ctypes begins or ends a function that C called,
ctypes drops, and C takes garbage for the function's result. So what handlers raise outside of the caller's own code
is kept until the call of C is over.
"""

from __future__ import annotations

import _signal          # what signal wraps, which takes 50 times as long to ask
import ctypes
import signal
import sys
import threading
from typing import Any, Callable, List, Optional, TypeVar

from ._errors import Error

_F = TypeVar("_F")
_NUMBERS = sorted(map(int, signal.valid_signals()))


def guarded(function: Callable[..., Any], failed: Callable[..., Any]) -> Callable[..., Any]:
    """The function for C, which must not be jumped over: what it raises is given to `failed`, before the arguments, and
    C is told what that returns.
    """

    def boundary(*given: Any) -> Any:
        try:
            return function(*given)
        except BaseException as error:          # noqa: B902  see above
            return failed(error, *given)

    return boundary


_BOUNDARY = guarded(len, len).__code__


def immortal(kind: Callable[[Any], _F], function: Callable[..., Any]) -> _F:
    """A C function for the whole process: C may still call it when Python has cleared this module at its end."""
    made = kind(function)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    return made


def _depth(frame: Any) -> int:
    """How many functions that C called are under way in this thread."""
    depth = 0
    while frame is not None:
        depth += frame.f_code is _BOUNDARY
        frame = frame.f_back
    return depth


def _own(frame: Any) -> bool:
    """Whether this is the binding's code, and not the caller's."""
    return str(frame.f_globals.get("__name__", "")).startswith(f"{__package__}.")


def inside() -> bool:
    """Whether C called Python here, in whose call freeing may wait for itself."""
    return _depth(sys._getframe()) > 0


class Hold:
    """Around a call of C that may call Python: what its functions raise is raised after it, by keep().

    In the main thread handlers of signals run as before, but what they raise outside of the caller's functions is
    kept, too.
    """

    def __init__(self) -> None:
        self.error: Optional[BaseException] = None
        self.depth = 0
        self._put: List[int] = []       # signals that have a _Kept

    def __enter__(self) -> "Hold":
        try:
            if threading.get_ident() == threading.main_thread().ident:
                self._hold_signals()
            self.depth = _depth(sys._getframe())
            _holds().append(self)       # from here on no handler's exception comes here
        except BaseException:
            self._take_back()
            raise
        return self

    def __exit__(self, _kind: Any, error: Optional[BaseException], _traceback: Any) -> None:
        try:
            _holds().remove(self)
            self._take_back()
        except BaseException:           # a signal that came meanwhile
            self._take_back()
            raise
        own, self.error = self.error, None
        outer = _holds()[-1] if _holds() else None
        if error is None and outer is not None and outer.depth == self.depth:
            outer.error = outer.error or own        # what the call made gets its owner first
            return
        try:
            if own is not None and (error is None or isinstance(error, Error)):
                raise own from None
            if own is not None:
                raise own
        finally:
            del own                     # its frames would keep it

    def _hold_signals(self) -> None:
        handlers = [given for given in zip(_NUMBERS, map(_signal.getsignal, _NUMBERS)) if callable(given[1])]
        for number, handler in handlers:
            if not isinstance(handler, _Kept):
                self._put.append(number)
                _signal.signal(number, _Kept(handler))
            elif not _holds():          # was left behind
                self._put.append(number)

    def _take_back(self) -> None:
        """The handlers as they were; again, if one of them raised meanwhile."""
        while self._put:
            kept = _signal.getsignal(self._put[-1])
            if isinstance(kept, _Kept):         # and not what somebody put there meanwhile
                _signal.signal(self._put[-1], kept.handler)
            self._put.pop()


_here = threading.local()


def _holds() -> List[Hold]:
    """Those of this thread, the innermost last."""
    try:
        return _here.holds              # type: ignore[no-any-return]
    except AttributeError:
        _here.holds = []
        return _here.holds              # type: ignore[no-any-return]


class _Kept:
    """A handler while a call is held. One that was left behind does as the handler that it has."""

    def __init__(self, handler: Any) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: Any) -> None:
        holds = _holds()
        if not holds or (_depth(frame) > holds[-1].depth and not _own(frame)):
            self.handler(number, frame)
            return
        try:
            self.handler(number, frame)
        except BaseException as error:          # noqa: B902  raised when the call is over
            keep(error)


def keep(error: BaseException, *_given: Any) -> bool:
    """Have this raised when the call of C is over that called Python here; false if this is a thread of C's own."""
    holds = _holds()
    if holds and holds[-1].error is None:
        holds[-1].error = error
    return bool(holds)


def interrupted() -> bool:
    """Whether there is something to raise, so that the call of C had better end."""
    holds = _holds()
    return bool(holds) and holds[-1].error is not None
