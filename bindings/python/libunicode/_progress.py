"""How a long call tells where it is."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any, Callable, Dict, Iterator, Optional, Union

from . import _lib
from ._errors import CancelledError

Report = Dict[str, float]
Progress = Callable[[int, int, Report], Optional[bool]]


Told = Callable[[str, int, int], Any]       # f(what, done, total); something true stops the call
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGALRM") if hasattr(signal, name)]


class Teller:
    """A function of the caller's as C calls it. Without one C calls nobody, unless the call is `stoppable`: then
    Ctrl-C ends it, as a function's exception does.
    """

    def __init__(self, function: Optional[Told], stoppable: bool = False) -> None:
        self._function = function
        self._raised: Dict[int, BaseException] = {}     # by thread: several may be in one handle's calls
        self._asked = function is not None or stoppable
        self.pointer = _lib.PROGRESS_FN(self._call) if self._asked else _lib.PROGRESS_FN()

    def _call(self, what: bytes, done: int, total: int, _user: Any) -> int:
        me = threading.get_ident()
        try:
            if me not in self._raised and (self._function is None or not self._function(what.decode(), done, total)):
                return 0
        except BaseException as error:      # noqa: B902  C must not be jumped over; watch() raises it
            self._raised[me] = error
        return 1

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Around the call: what the function or a signal's handler raises comes out of it."""
        me = threading.get_ident()
        before = self._hold_signals() if self._asked and threading.current_thread() is threading.main_thread() else {}
        try:
            yield
        except CancelledError:
            if me not in self._raised:
                raise
        except BaseException:
            self._raised.pop(me, None)
            raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        error = self._raised.pop(me, None)
        if error is not None:
            raise error

    def _hold_signals(self) -> Dict[int, Any]:
        """Handlers run as before, but what they raise is kept: Python would run them as _call() begins, where
        nothing can catch it, and ctypes would drop it.
        """
        me, before = threading.get_ident(), {}
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if not callable(handler):
                continue

            def keep(at: int, frame: Any, handler: Any = handler) -> None:
                try:
                    handler(at, frame)
                except BaseException as error:      # noqa: B902  the call ends, and then it is raised
                    self._raised[me] = error

            before[number] = signal.signal(number, keep)
        return before


class _Bar:
    """A bar of tqdm; nothing where tqdm is not installed."""

    def __init__(self, first: int, steps: int) -> None:
        try:
            from tqdm import tqdm
        except ImportError:
            self._bar: Any = None
        else:
            self._bar = tqdm(total=steps, initial=first, unit="step")

    def __call__(self, step: int, steps: int, report: Report) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str(f"total {report['total']:.4g}", refresh=False)
            self._bar.update(1)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Callback:
    """A function of the caller's, or none."""

    def __init__(self, function: Optional[Progress]) -> None:
        self._function = function

    def __call__(self, step: int, steps: int, report: Report) -> Optional[bool]:
        return self._function(step, steps, report) if self._function else None

    def close(self) -> None:
        pass


def meter(progress: Union[None, bool, Progress], first: int, steps: int) -> Any:
    """What is called after each step, and closed at the end."""
    return _Bar(first, steps) if progress is True else _Callback(progress or None)
