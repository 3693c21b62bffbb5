"""The contestants of run.py: our programs, the peers where they are installed, the machine itself."""
from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from servers import Contestant, Failed, Server

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = Path(os.environ.get("BUILD", "build")).resolve()
OUT = BUILD / "bench"
BENCH = OUT / "bench"
FAISS = OUT / "faiss_peer"
FAISS_HEADER = Path("/usr/include/faiss/Index.h")
ISA = os.environ.get("ISA", "")      # "": whatever this processor has
DIMS = {"audio": (128,), "text": (768,), "video": (7, 7, 512)}

TORCH = importlib.util.find_spec("torch") is not None
# ONNX Runtime: the newest by npm, or Python's. It runs what PyTorch exports.
NODE_PATH = Path(os.environ.get("NODE_PATH", OUT / "node_modules"))
NODE_PACKAGE = NODE_PATH / "onnxruntime-node" / "package.json"
BY_NODE = bool(shutil.which("node")) and NODE_PACKAGE.is_file()
BY_PYTHON = importlib.util.find_spec("onnxruntime") is not None

# What keeps peers to AVX2, by the libraries that they stand on (ONNX Runtime's own kernels cannot be
# kept to anything).
CAPS = {"avx2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
                 "DNNL_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
                 "OPENBLAS_CORETYPE": "Haswell"}}
CAP = CAPS.get(ISA, {})


def ours(case: str, threads: int, **options: object) -> Contestant:
    if ISA:
        options.setdefault("isa", ISA)
    words = [f"{key}={value}" for key, value in options.items()]
    env = {"OPENBLAS_NUM_THREADS": str(threads), **CAP}      # where kernels are asked to be BLAS's
    return Contestant("ours", [str(BENCH), case, f"threads={threads}", *words], env)


def of_machine(name: str, case: str, threads: int, **options: object) -> Contestant:
    return Contestant(name, *ours(case, threads, **options)[1:])


def fma_peak(threads: int, isa: str = "") -> Contestant:
    """The most that multiply-adds give, by the widest vectors that are measured with."""
    return of_machine("FMA peak", "fma", threads, **({"isa": isa} if isa else {}))


def has_isa(isa: str) -> bool:
    try:
        return Server(fma_peak(1, isa).command).facts["flops"] > 0
    except Failed:
        return False


def sgemm(threads: int) -> Contestant:
    return of_machine("sgemm", "sgemm", threads, n=1024, calls=2)


def memory_read(threads: int) -> Contestant:
    return of_machine("memory read", "read", threads, mb=256)


def copied(threads: int, megabytes: int) -> Contestant:
    return of_machine("copy", "copy", threads, mb=megabytes)


def fixed_work(calls: int) -> Contestant:
    """A loop that does the same work each time: how even the machine itself is."""
    return of_machine("fixed work", "work", 1, calls=calls)


def thread_settings(threads: int) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads), **CAP}


def torch_peer(case: str, threads: int, **options: object) -> list[Contestant]:
    words = [f"{key}={value}" for key, value in options.items()]
    command = [sys.executable, str(HERE / "torch_peer.py"), case, f"threads={threads}", *words]
    return [Contestant("pytorch", command, thread_settings(threads))] if TORCH else []


def onnx_peer(modality: str, batch: int, threads: int, calls: int,
              model: Path = OUT / "model.npz") -> list[Contestant]:
    if ISA or not TORCH or not (BY_NODE or BY_PYTHON):
        return []
    path = OUT / f"{model.stem}.{modality}.{batch}.onnx"
    if not path.exists():
        Server([sys.executable, str(HERE / "torch_peer.py"), "export", f"model={model}",
                f"modality={modality}", f"batch={batch}", f"out={path}"]).close()
    return onnx_of(path, threads, calls, (batch, 10, *DIMS[modality]))


def onnx_of(path: Path, threads: int, calls: int, dims: Sequence[int]) -> list[Contestant]:
    """A file of ONNX on inputs of these dims."""
    words = [str(path), str(threads), str(calls), *map(str, dims)]
    if BY_NODE:
        return [Contestant("onnxruntime", ["node", str(HERE / "onnx_peer.js"), *words],
                           {"NODE_PATH": str(NODE_PATH)})]
    return [Contestant("onnxruntime", [sys.executable, str(HERE / "onnx_peer.py"), *words], {})]


def onnx_network(kind: str, n: int, dims: Sequence[int], threads: int) -> list[Contestant]:
    if ISA or not TORCH or not (BY_NODE or BY_PYTHON):
        return []
    path = OUT / f"{kind}.{n}.onnx"
    if not path.exists():
        Server([sys.executable, str(HERE / "torch_peer.py"), "network", f"kind={kind}", f"n={n}", f"out={path}"]).close()
    return onnx_of(path, threads, 1, (n, *dims))


def faiss_peer(items: int, rows: int, each: int, threads: int, top: int = 1,
               metric: str = "l2") -> list[Contestant]:
    words = [*(str(n) for n in (items, 256, rows, each, threads, top)), metric]
    found = FAISS.exists()
    return [Contestant("faiss", [str(FAISS), *words], thread_settings(threads))] if found else []


# ---- what a run was of ----

def first_match(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.M)
    return found[1] if found else "unknown"


def versions() -> list[str]:
    """The processor, and what is compared with."""
    lines = [f"processor: {first_match('^model name.*: (.*)', Path('/proc/cpuinfo').read_text())}"]
    compiler = subprocess.run([*shlex.split(os.environ.get("CC", "cc")), "--version"], capture_output=True, text=True)
    lines.append(f"compiler: {compiler.stdout.splitlines()[0]}")
    if TORCH:
        lines.append(f"PyTorch {importlib.metadata.version('torch')}")
    if TORCH and BY_NODE:
        lines.append(f"ONNX Runtime {json.loads(NODE_PACKAGE.read_text())['version']} (npm)")
    elif TORCH and BY_PYTHON:
        import onnxruntime
        lines.append(f"ONNX Runtime {onnxruntime.__version__}")
    if FAISS.exists():
        text = FAISS_HEADER.read_text()
        lines.append("faiss " + ".".join(first_match(rf"FAISS_VERSION_{part} (\d+)", text)
                                         for part in ("MAJOR", "MINOR", "PATCH")))
    absent = [name for name, there in (("PyTorch", TORCH), ("faiss", FAISS.exists()),
                                       ("ONNX Runtime", TORCH and (BY_NODE or BY_PYTHON))) if not there]
    return lines + ([f"not installed, left out: {', '.join(absent)}"] if absent else [])
