#!/usr/bin/env python3
"""`make check-machines`: one machine stands for others.

What depends on kernels runs once for each processor that OpenBLAS, oneDNN and the library's own
kernels can be told to take this one for; then models are trained under several of OpenBLAS's
kernels, and must not differ in a byte. Machines whose instructions this processor lacks are left
out, and said. From the Makefile:

  machines.py BUILD --all PROGRAM.. --kernels PROGRAM.. --models CONFIG..

PROGRAM is a test program under BUILD/tests, as `op/check_conv`; BUILD/machines/ISA are the builds
whose loops are of one instruction set. ONLY=REGEX in the environment chooses machines by name.
"""
from __future__ import annotations

import argparse
import concurrent.futures
import filecmp
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

ROOT = Path(__file__).resolve().parents[2]
ONLY = re.compile(os.environ.get("ONLY", ""), re.I)
CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)
# Threads of test programs must survive (Check forks otherwise) and not spin.
QUIET = {"CK_FORK": "no", "CK_VERBOSITY": "normal", "OMP_WAIT_POLICY": "passive"}

# OpenBLAS's kernels and what a processor needs for them, oldest first
CORETYPES = {"Prescott": {"pni"}, "Nehalem": {"sse4_2"}, "Sandybridge": {"avx"},
             "Haswell": {"avx2", "fma"}, "Zen": {"avx2", "fma"}, "SkylakeX": {"avx512f", "avx512vl"},
             "Cooperlake": {"avx512f", "avx512_bf16"}}
ONEDNN_ISAS = {"SSE41": {"sse4_1"}, "AVX2": {"avx2", "fma"}, "DEFAULT": set()}
OWN_ISAS = {"portable": set(), "avx2": {"avx2", "fma"}, "avx512": {"avx512f"}}
# Every program runs under these two; under the others, what depends on kernels.
WHOLE = ("Haswell", "SkylakeX")
# Rounding at the edges of blocks sets Haswell's kernels apart; the others are of other widths.
MODELS_UNDER = ("Sandybridge", "Haswell", "SkylakeX")


class Machine(NamedTuple):
    """A processor to stand for: how it is asked for, what is run, and what the run is of."""

    name: str
    env: dict[str, str]
    needs: set[str]
    programs: Sequence[str]
    build: Path


class Result(NamedTuple):
    machine: str
    programs: int
    passed: int
    failed: int
    seconds: float
    said: str = ""


def flags() -> set[str]:
    """This processor's instruction sets, as Linux names them."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


def machines(build: Path, every: Sequence[str], kernels: Sequence[str]) -> Iterator[Machine]:
    for core, needs in CORETYPES.items():
        programs = every if core in WHOLE else kernels
        yield Machine(f"OpenBLAS as on {core}", {"OPENBLAS_CORETYPE": core}, needs, programs, build)
    for isa, needs in ONEDNN_ISAS.items():
        env = {"ONEDNN_MAX_CPU_ISA": isa, "DNNL_MAX_CPU_ISA": isa}
        yield Machine(f"oneDNN up to {isa}", env, needs, kernels, build)
    for isa, needs in OWN_ISAS.items():
        # The widest loops are the usual build's.
        tree = build / "machines" / isa
        yield Machine(f"own kernels: {isa}", {"UNIC_TEST_ISA": isa}, needs, kernels,
                      tree if tree.is_dir() else build)


# ---- whether a machine can be stood for ----

def asked(question: str, env: dict[str, str]) -> str:
    """What a fresh Python process answers: libraries read the environment when they are loaded."""
    done = subprocess.run([sys.executable, "-c", question], env={**os.environ, **env},
                          capture_output=True, text=True)
    return done.stdout.strip()


COREN = ("import ctypes; blas = ctypes.CDLL('libopenblas.so.0'); name = blas.openblas_get_corename; "
         "name.restype = ctypes.c_char_p; print(name().decode())")


def missing(machine: Machine, has: set[str]) -> str:
    """Why this machine cannot be stood for here; "" if it can."""
    if not machine.needs <= has:
        return "this processor has no " + ", ".join(sorted(machine.needs - has))
    core = machine.env.get("OPENBLAS_CORETYPE")
    took = asked(COREN, machine.env) if core else None
    if core and took != core:
        return f"OpenBLAS took {took or 'no name'}"
    return ""


# ---- what is run ----

def run_program(machine: Machine, program: str) -> tuple[int, int, str]:
    """Checks that passed, that failed, and what a failing program said."""
    path = machine.build / "tests" / program
    try:
        done = subprocess.run([str(path)], env={**os.environ, **QUIET, **machine.env}, cwd=ROOT,
                              capture_output=True, text=True, errors="replace", timeout=600)
        output, status = done.stdout + done.stderr, done.returncode
    except subprocess.TimeoutExpired:
        output, status = "still running after ten minutes", 1
    found = CHECKS.search(output)
    checks, bad = (int(found[1]), int(found[2]) + int(found[3])) if found else (0, 0)
    if status != 0 and bad == 0:      # it died
        checks, bad = checks + 1, 1
    return checks - bad, bad, "" if bad == 0 else f"{path}\n{output[-4000:]}"


def run(machine: Machine) -> Result:
    """Its programs, as many at a time as there are cores: most of them have one thread."""
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        ran = list(pool.map(lambda program: run_program(machine, program), machine.programs))
    return Result(machine.name, len(ran), sum(good for good, _, _ in ran),
                  sum(bad for _, bad, _ in ran), time.monotonic() - start,
                  "\n".join(output for _, _, output in ran if output))


# ---- models ----

MAKE_CLIPS = """
import sys
import numpy as np
rng, clips = np.random.default_rng(1), 96
label = np.arange(clips) % 10
arrays = {}
for name, dims in (("image", (7, 7, 64)), ("speech", (128,)), ("text", (64,))):
    pattern = rng.normal(size=(10, 1, *dims))
    arrays[name] = (pattern[label] + rng.normal(size=(clips, 10, *dims))).astype("f4")
np.savez(sys.argv[1], **arrays)
"""


def train(build: Path, folder: Path, config: Path, core: str) -> Path:
    """A few steps of the demo on clips of noise; the model's file."""
    out = folder / f"{config.stem}.{core}.npz"
    env = {**os.environ, **QUIET, "OPENBLAS_CORETYPE": core}
    subprocess.run([str(build / "bin" / "unic-train"), "--config", str(config), "--data",
                    str(folder / "clips.npz"), "--out", str(out), "--set", "train.epochs=2"],
                   env=env, check=True, capture_output=True, text=True)
    return out


def same_models(build: Path, configs: Sequence[Path], has: set[str]) -> Iterator[Result]:
    cores = [c for c in MODELS_UNDER if not missing(
        Machine(c, {"OPENBLAS_CORETYPE": c}, CORETYPES[c], (), build), has)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", MAKE_CLIPS, str(folder / "clips.npz")], check=True)
        for config in configs:
            start = time.monotonic()
            case = f"{config.stem} trained under {', '.join(cores)}"
            try:
                files = [train(build, folder, config, core) for core in cores]
            except subprocess.CalledProcessError as error:
                yield Result(case, len(cores), 0, 1, time.monotonic() - start, error.stderr)
                continue
            differ = [f.name for f in files[1:] if not filecmp.cmp(files[0], f, shallow=False)]
            said = f"not the bytes of {files[0].name}: {', '.join(differ)}" if differ else ""
            yield Result(case, len(cores), len(files) - 1 - len(differ), len(differ),
                         time.monotonic() - start, said)


# ---- what is printed ----

def line(result: Result) -> str:
    return (f"{result.machine:<55} {result.programs:>8} {result.passed:>7} {result.failed:>7} "
            f"{result.seconds:>6.0f} s")


def results(build: Path, arguments: argparse.Namespace, has: set[str]) -> Iterator[Result | str]:
    for machine in machines(build, arguments.all, arguments.kernels):
        if not ONLY.search(machine.name):
            continue
        why = missing(machine, has)
        yield f"{machine.name:<55} left out: {why}" if why else run(machine)
    if ONLY.search("models"):
        yield from same_models(build, arguments.models, has)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--all", nargs="+", required=True)
    parser.add_argument("--kernels", nargs="+", required=True)
    parser.add_argument("--models", nargs="+", type=Path, required=True)
    arguments = parser.parse_args()
    head = f"{'':<55} {'programs':>8} {'passed':>7} {'failed':>7}"
    table, failed = [head], 0
    for result in results(arguments.build.resolve(), arguments, flags()):
        said = result if isinstance(result, str) else line(result)
        print(said, flush=True)
        table.append(said)
        if isinstance(result, Result):
            failed += result.failed
            if result.failed:
                print(result.said, flush=True)
    print("\n" + "\n".join(table))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
