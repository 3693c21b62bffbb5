"""How a long call tells where it is."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Dict, Iterator, Optional, Union

from . import _lib
from ._errors import CancelledError

Report = Dict[str, float]
Progress = Callable[[int, int, Report], Optional[bool]]


Told = Callable[[str, int, int], Any]       # f(what, done, total); something true stops the call


class Teller:
    """A function of the caller's as C calls it; none: C calls nobody."""

    def __init__(self, function: Optional[Told]) -> None:
        self._function, self._error = function, None    # type: Optional[Told], Optional[BaseException]
        self.pointer = _lib.PROGRESS_FN(self._call) if function else _lib.PROGRESS_FN()

    def _call(self, what: bytes, done: int, total: int, _user: Any) -> int:
        try:
            return 1 if self._function is not None and self._function(what.decode(), done, total) else 0
        except BaseException as error:      # noqa: B902  C must not be jumped over; watch() raises it
            self._error = error
            return 1

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Around the call: what the function raises comes out of it."""
        self._error = None
        try:
            yield
        except CancelledError:
            if self._error is None:
                raise
            error, self._error = self._error, None
            raise error from None


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
