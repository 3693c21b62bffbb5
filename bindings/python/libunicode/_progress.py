"""How a long call tells where it is."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Union

Report = Dict[str, float]
Progress = Callable[[int, int, Report], Optional[bool]]


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
