"""What Python's peers share: a case, its time, the process's peak memory."""
from __future__ import annotations

import time
from typing import Any, Callable, NamedTuple


class Case(NamedTuple):
    """What is measured: one call, and what is said when it is ready."""

    call: Callable[[], Any]
    facts: dict[str, Any]
    calls: int = 1


def peak_mb() -> float:
    """The peak of this process's own memory map."""
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) / 1024.0
    return 0.0


def measure(case: Case) -> dict[str, float]:
    """Seconds a call, and the quantiles where there are several."""
    cpu = time.process_time()
    marks = [time.perf_counter()]
    for _ in range(case.calls):
        case.call()
        marks.append(time.perf_counter())
    each = sorted(b - a for a, b in zip(marks, marks[1:]))
    cpu = (time.process_time() - cpu) / case.calls
    return {"seconds": (marks[-1] - marks[0]) / case.calls, "cpu": cpu,
            "p50": each[len(each) // 2], "p99": each[len(each) * 99 // 100]}
