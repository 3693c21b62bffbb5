#!/usr/bin/env python3
"""The library where the process may map little memory: every end is "ok" or UNIC_E_NOMEM with a message, after which the
same call succeeds once there is memory again. Nothing crashes, and nothing waits for ever: not in oneDNN, OpenBLAS or OpenMP.

The limit is set in two ways: when main() begins, as so much more than the process has mapped by then; and before the program
starts, as `ulimit -v` does. FAULTS=all sweeps limits in small steps, for all that the program can do; otherwise a few.

OpenBLAS starts its threads when it is loaded, and waits for ever in there where their buffers are not to be had, before any
line of this library has run. So it is told to start none (docs/reliability.md).
"""
import collections
import functools
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
PROGRAM = BUILD / "tests/faults/under_limit"
ALL = os.environ.get("FAULTS") == "all"
WORKS = ["train", "encode", "assign", "search", "fit", "segment"]
BACKENDS = ["auto", "onednn", "blas"]
USAGE = 2  # the status of a program that is told to do nothing
SECONDS = 20  # of computing; waiting is bounded by the clock
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
OWN = 3  # the status of the program where its own data find no memory
NO_LOADER = ("error while loading shared libraries", "failed to map")


def program(arguments, seconds, limit):
    """Runs the program for at most so many seconds of computing, under a limit in kB (0: none)."""
    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if limit:
            resource.setrlimit(resource.RLIMIT_AS, (limit << 10, resource.RLIM_INFINITY))

    return subprocess.run([str(a) for a in (PROGRAM, *arguments)], capture_output=True, text=True, env=ENVIRONMENT,
                          preexec_fn=limits, timeout=600)


@functools.lru_cache(maxsize=None)
def loads(limit):
    """Whether a program that is linked with the library, and does nothing, starts under the limit."""
    return program([], SECONDS // 4, limit).returncode == USAGE


def run(folder, work, backend, threads, headroom, limit):
    """"ok", "no memory", "not loaded", or what went wrong."""
    if limit and not loads(limit):
        return "not loaded"
    try:
        done = program([work, backend, threads, headroom, folder / f"{backend}.npz"], SECONDS, limit)
    except subprocess.TimeoutExpired:
        return "waits for ever"
    last = (done.stdout + done.stderr).strip().splitlines()[-1:] or [""]
    if done.returncode == 0:
        return "no memory" if "again" in last[0] else "ok"
    if limit and (done.returncode == OWN or any(text in done.stderr for text in NO_LOADER)):
        return "not loaded"
    if done.returncode == -signal.SIGXCPU or done.returncode == -signal.SIGKILL:
        return "computes for ever"
    return f"ends with {done.returncode}: {last[0]}"


def limits(first, enough_for_one):
    """(headroom in kB or -1, limit in kB or 0): dense where little is there."""
    if ALL:
        starts = [*range(84_000, 100_000, 500)]  # where the program just starts, and its stack may not grow
        return ([(int(200_000 * (i / 60) ** 2.5), 0) for i in range(61)] +
                [(-1, kb) for kb in sorted([*range(60_000, 420_000, 15_000), *starts])])
    return ([(24_795, 0), (-1, 200_000)] + ([(0, 0), (700, 0), (5_000, 0), (90_000, 0)] if first else []) +
            ([(155_000, 0), (168_314, 0), (181_000, 0)] if enough_for_one else []))


def plans():
    if ALL:
        yield from ((backend, threads, work) for backend in BACKENDS for threads in (1, 3) for work in WORKS)
    else:
        yield from (("auto", 1, work) for work in WORKS)
        yield from [("auto", 3, "segment"), ("onednn", 1, "encode"), ("onednn", 3, "train"), ("blas", 3, "train")]


def main():
    if "qemu" in os.environ.get("RUN", ""):
        print("skipped: the emulator keeps no limits of memory")
        return 0
    bad, sums = [], collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        built = [backend for backend in BACKENDS if run(folder, "make", backend, 1, -1, 0) == "ok"]
        assert "auto" in built and "blas" in built, built
        for backend, threads, work in plans():
            if backend not in built:
                continue
            ends = collections.Counter()
            for headroom, limit in limits((backend, threads) == ("auto", 1), (backend, threads) == ("blas", 3)):
                end = run(folder, work, backend, threads, headroom, limit)
                ends[end] += 1
                if end not in ("ok", "no memory", "not loaded"):
                    bad.append((backend, threads, work, headroom, limit, end))
            sums += ends
            if ALL:
                print(f"{backend}, {threads} thread(s), {work}: {dict(ends)}", flush=True)
    assert not bad, bad
    assert sums["ok"] and sums["no memory"], sums
    print(f"{sum(sums.values())} runs with little memory: {dict(sums)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
