"""How a long call tells where it is."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, ContextManager, Dict, Optional, Union

from . import _arguments as arguments
from . import _lib
from ._callback import Hold, guarded, interrupted, keep

Report = Dict[str, float]
Progress = Callable[[int, int, Report], Optional[bool]]


Told = Callable[[str, int, int], Any]       # f(what, done, total); something true stops the call


class Teller:
    """A function of the caller's as C calls it. Without one C calls nobody, unless the call is `stoppable`: then
    Ctrl-C ends it, as a function's exception does.
    """

    def __init__(self, function: Optional[Told], stoppable: bool = False) -> None:
        self._function = arguments.function("progress", function)
        self._asked = function is not None or stoppable
        self.pointer = _lib.PROGRESS_FN(guarded(self._call, _stop)) if self._asked else _lib.PROGRESS_FN()

    def _call(self, what: bytes, done: int, total: int, _user: Any) -> int:
        if interrupted():
            return 1
        return int(self._function is not None and bool(self._function(what.decode(), done, total)))

    def watch(self) -> ContextManager[Any]:
        """Around the call: what the function or a signal's handler raises comes out of it."""
        return Hold() if self._asked else contextlib.nullcontext()


def _stop(error: BaseException, *_given: Any) -> int:
    keep(error)
    return 1


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
    return _Bar(first, steps) if progress is True else _Callback(arguments.function("progress", progress or None))
