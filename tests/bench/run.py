#!/usr/bin/env python3
"""`make bench`: measures the library against its peers and against the machine.

Each case is a duel: our program and the peers' are set up, then measure in turn. Writes
BUILD/bench/results.json (`ratio` > 1: ours is better) and, with UPDATE=1, the tables of
docs/performance.md. In the environment:

  BUILD=build     the build tree, with bench/bench in it
  QUICK=1         three runs, one thread, the small cases alone (under two minutes)
  ONLY="A B"      these groups of cases alone; the others' results stay as they were (ONLY=help
                  lists them)
  ISA=avx2        a processor without AVX-512: our products and the peers are capped there
  RUNS=9          measurements of each side
  THREADS="1 2"   numbers of threads
  NODE_PATH=DIR   where `npm install onnxruntime-node` put its package

PyTorch, ONNX Runtime and faiss are compared with where they are installed.
"""
from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import table
from contestants import (BENCH, DIMS, FAISS, FAISS_HEADER, HERE, ISA, OUT, ROOT, TORCH, copied, faiss_peer,
                         fixed_work, fma_peak, has_isa, memory_read, onnx_network, onnx_peer, ours, sgemm,
                         torch_peer, versions)
from servers import Contestant, Failed, Server, Side, duel, fresh

QUICK = os.environ.get("QUICK", "0") not in ("", "0")
RUNS = int(os.environ.get("RUNS", "3" if QUICK else "9"))
THREADS = tuple(map(int, os.environ.get("THREADS", "1" if QUICK else "1 2").split()))
ONLY = re.findall(r"[^\s,|]+", os.environ.get("ONLY", ""))
COMPAT = OUT / "model.compat.npz"      # video as behaviour = compat has it

HALF = ("f16", "bf16")                 # types of weights, each a model of its own

# Floating-point operations a step of a clip: products alone, T = 10 (method A.2)
LAYERS = 2 * (2 * (4 * 256 * 256 + 2 * 256 * 1024) + 4 * 10 * 256)
FLOPS = {"audio": LAYERS + 2 * 128 * 256,
         "text": LAYERS + 2 * 256 * 256 + 2 * 2 * 512 * (768 + 128 + 256 + 128),
         "video": LAYERS + 2 * 512 * 256 + 2 * 49 * 512 * 256 + 2 * 49 * 256 + 2 * 49 * 512
                  + 2 * 512 * 256 + 4 * 512 * 64}
# Of a clip's training step: 1.29 G multiply-adds a video frame, forward and twice that back
VIDEO_STEP_FLOPS = 10 * 1.29e9 * 2 * 3
PAPER_STEPS = (("av", 8), ("avt", 8), ("avt", 32))       # presets and clips of a step

Row = dict[str, Any]


PEERS = ("pytorch", "onnxruntime", "passive", "f32")      # those whose memory says something


class Measure(NamedTuple):
    """What is compared: a figure of a side, its unit, and whether more is better."""

    of: Callable[[float], float]       # from seconds
    unit: str
    more: bool
    key: str = "seconds"


def rate(count: float, unit: str) -> Measure:
    return Measure(lambda s: count / s, unit, True)


MS = Measure(lambda s: 1e3 * s, "ms", False)


def row_of(case: str, threads: int, measure: Measure, us: Side, name: str, peer: Side,
           scale: float = 1.0) -> Row:
    """One line of the results. `scale`: of the peer's figure, where it does other work."""
    mine = sorted(measure.of(s) for s in us.values(measure.key))
    theirs = sorted(measure.of(s) * scale for s in peer.values(measure.key))
    a, b = mine[len(mine) // 2], theirs[len(theirs) // 2]
    row = {"case": case, "threads": threads, "ours": a, "peer": name, "peer_value": b,
           "ratio": a / b if measure.more else b / a, "unit": measure.unit,
           "ours_spread": [mine[0], mine[-1]], "peer_spread": [theirs[0], theirs[-1]],
           "runs": len(mine), "load": os.getloadavg()[0], "quick": QUICK}
    if threads == 1 and measure.key == "seconds" and "cpu" in us.runs[0] and "cpu" in peer.runs[0]:
        x, y = measure.of(us.median("cpu")), measure.of(peer.median("cpu")) * scale
        row["cpu_ratio"] = x / y if measure.more else y / x
    if "allocations" in us.runs[0]:
        row["allocations"] = max(us.values("allocations"))
    return row


def peak_rows(case: str, threads: int, sides: dict[str, Side]) -> Iterator[Row]:
    mine = sides["ours"].peak_mb
    for name, side in sides.items():
        if name in PEERS:
            yield {"case": f"peak memory: {case}", "threads": threads, "ours": mine, "peer": name,
                   "peer_value": side.peak_mb, "ratio": side.peak_mb / mine, "unit": "MB",
                   "quick": QUICK}


def limit_row(case: str, threads: int, us: Side, name: str, limit: Side, work: float,
              unit: str) -> Row:
    """A rate of ours against the machine's own: `work` of a call against what the limit did."""
    done = limit.facts["flops" if unit == "GF/s" else "bytes"]
    measure = Measure(lambda s: 1e-9 * work / s, unit, True)
    return row_of(case, threads, measure, us, name, limit, done / work)


def against(case: str, threads: int, measures: Sequence[tuple[str, Measure]],
            contestants: Sequence[Contestant], runs: int = RUNS, flops: float = 0.0,
            read: float = 0.0) -> list[Row]:
    """A duel's rows. With the operations of a call, or the bytes that it cannot help reading from
    memory, the machine is a contestant: its multiply-adds, its memory."""
    case += f", {ISA}" if ISA else ""
    print(f"{case}, {threads} thread{'s' if threads > 1 else ''}", flush=True)
    limits = {"FMA peak": (fma_peak(threads), flops, "GF/s"),
              "memory read": (memory_read(threads), read, "GB/s")}
    sides = duel([*contestants, *(c for c, work, _ in limits.values() if work)], runs)
    us = sides["ours"]
    rows: list[Row] = []
    for name, side in sides.items():
        if name in limits:
            _, work, unit = limits[name]
            rows.append(limit_row(case, threads, us, name, side, work, unit))
        elif name == "fixed work":
            rows.append(tail_row(case, threads, us, side))
        elif name != "ours":
            rows += [row_of(case + end, threads, m, us, name, side) for end, m in measures]
    if len(sides) == 1:
        rows += [alone(case + end, threads, m, us) for end, m in measures]
    rows += peak_rows(case, threads, sides)
    if "planned_mb" in us.facts:      # 16 bytes a parameter, and the planned activations
        planned = us.facts["planned_mb"]
        rows.append({"case": f"peak memory: {case}", "threads": threads, "ours": us.peak_mb,
                     "peer": "what was planned", "peer_value": planned,
                     "ratio": planned / us.peak_mb, "unit": "MB", "quick": QUICK})
    for row in rows:
        print("  " + table.line(row), flush=True)
    return rows


def tail_row(case: str, threads: int, us: Side, peer: Side) -> Row:
    """How even the times of calls are: the worst hundredth against the middle."""
    mine, theirs = (side.median("p99") / side.median("p50") for side in (us, peer))
    return {"case": f"{case}, p99 / p50", "threads": threads, "ours": mine, "peer": "fixed work",
            "peer_value": theirs, "ratio": theirs / mine, "unit": "x", "quick": QUICK}


def alone(case: str, threads: int, measure: Measure, us: Side) -> Row:
    values = sorted(measure.of(s) for s in us.values(measure.key))
    return {"case": case, "threads": threads, "ours": values[len(values) // 2], "peer": None,
            "peer_value": None, "ratio": None, "unit": measure.unit,
            "ours_spread": [values[0], values[-1]], "runs": len(values), "quick": QUICK,
            "load": os.getloadavg()[0]}


# ---- the cases ----

def limit(case: str, threads: int, side: Contestant, unit: str, work: float = 0.0) -> list[Row]:
    """What the machine gives by itself: `work`, or what the contestant says that a call does."""
    key = "flops" if unit == "GF/s" else "bytes"
    work = work or Server(side.command, side.env).facts[key]
    return against(f"limit: {case}", threads, [("", rate(1e-9 * work, unit))],
                   [Contestant("ours", side.command, side.env)])


def limits() -> Iterator[Row]:
    """What the machine itself gives: multiply-adds, memory, OpenBLAS."""
    for threads in THREADS:
        for isa in filter(has_isa, ("portable", "avx2", "avx512")):
            yield from limit(f"multiply-adds, {isa}", threads, fma_peak(threads, isa), "GF/s")
        yield from limit("OpenBLAS, 1024 x 1024 x 1024", threads, sgemm(threads), "GF/s", 2.0 * 1024**3)
        yield from limit("memory read", threads, memory_read(threads), "GB/s")
        yield from limit("memory copied", threads, copied(threads, 256), "GB/s")


def encoding() -> Iterator[Row]:
    """The paper's encoders, batch 80."""
    model = OUT / "model.npz"
    for modality, threads in ((m, n) for m in DIMS for n in THREADS):
        calls = 1 if modality == "video" else 3
        o = {"model": model, "modality": modality, "batch": 80, "calls": calls}
        yield from against(f"encode {modality}, batch 80", threads, [("", rate(80, "clips/s"))],
                           [ours("encode", threads, **o), *torch_peer("encode", threads, **o),
                            *onnx_peer(modality, 80, threads, calls)],
                           flops=800.0 * FLOPS[modality])
    for threads in THREADS:
        o = {"model": COMPAT, "modality": "video", "batch": 80, "calls": 1}
        yield from against("encode video, compat, batch 80", threads, [("", rate(80, "clips/s"))],
                           [ours("encode", threads, **o), *torch_peer("encode", threads, **o),
                            *onnx_peer("video", 80, threads, 1, COMPAT),
                            Contestant("copying the features", *copied(threads, 80)[1:])])


def latency() -> Iterator[Row]:
    """The paper's encoders, one clip."""
    model = OUT / "model.npz"
    for modality in DIMS:
        calls = 20 if QUICK else 200
        o = {"model": model, "modality": modality, "batch": 1, "calls": calls}
        yield from against(f"encode {modality}, one clip", 1,
                           [(", p50", MS._replace(key="p50")), (", p99", MS._replace(key="p99"))],
                           [ours("encode", 1, **o), *torch_peer("encode", 1, **o),
                            *onnx_peer(modality, 1, 1, calls), fixed_work(calls)])


def stream() -> Iterator[Row]:
    """A step pushed and a code pulled, windows of 10 steps, against encoding such a window."""
    make_demo_model(OUT / "model.demo.npz")
    for dims, model, modalities in (("paper", OUT / "model.npz", DIMS),
                                    ("demo", OUT / "model.demo.npz", ("image", "speech"))):
        for modality in modalities:
            calls = 20 if QUICK else 200
            o = {"model": model, "modality": modality, "calls": calls}
            window = ours("encode", 1, batch=1, length=10, codes=1, **o)
            yield from against(f"stream {modality}, {dims} dims, a step", 1,
                               [(", p50", MS._replace(key="p50")), (", p99", MS._replace(key="p99"))],
                               [ours("stream", 1, window=10, **o), window._replace(name="one window"),
                                fixed_work(calls)])


# kind, inputs (patches: seconds of sound; frames), how many of ours are one, the shape of a peer's, multiply-adds of one
NETWORKS = [("vggish", 10, 16000, (1, 96, 64), 0.863e9), ("vggish", 40, 16000, (1, 96, 64), 0.863e9),
            ("vgg19", 8, 1, (3, 224, 224), 19.51e9)]


def extract() -> Iterator[Row]:
    """Features of pretrained networks with random weights; ours makes spectra and scales pixels too."""
    if not TORCH:
        print("extract: PyTorch makes the weights, and is not installed", flush=True)
        return
    for kind, n, each, dims, products in NETWORKS[::2] if QUICK else NETWORKS:
        weights = weights_of(kind)
        settings = f"kind:{kind}" + (",rate:1" if kind == "vgg19" else "")
        yield from against(f"{kind}, {n} {'frames' if kind == 'vgg19' else 'patches'}", 1, [("", rate(n, "1/s"))],
                           [ours("extract", 1, settings=settings, weights=weights, n=n * each),
                            *torch_peer("network", 1, kind=kind, n=n), *onnx_network(kind, n, dims, 1)],
                           runs=min(RUNS, 5), flops=2.0 * products * n)
    words = OUT / "bert.vocab.txt"
    words.write_text("".join(f"{word}\n" for word in ["[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(1000))]))
    for n in (25,) if QUICK else (25, 8):
        yield from against(f"BERT-base, a text of {n} pieces", 1, [("", MS)],
                           [ours("extract", 1, settings="kind:bert", weights=weights_of("bert"), words=words, n=n - 2),
                            *torch_peer("network", 1, kind="bert", n=n), *onnx_network("bert", n, (), 1)],
                           flops=2.0 * 85e6 * n)


def weights_of(kind: str) -> Path:
    weights = OUT / f"{kind}.weights.npz"
    if not weights.exists():
        Server(torch_peer("network", 1, kind=kind, weights=weights)[0].command).close()
    return weights


def half() -> Iterator[Row]:
    """The paper's encoders with weights of 16 bits, against the same with float32."""
    for weights, modality, batch in ((w, m, b) for w in HALF for m in DIMS for b in (80, 1)):
        calls = (20 if QUICK else 200) if batch == 1 else 1 if modality == "video" else 3
        o = {"modality": modality, "batch": batch, "calls": calls}
        measures = [("", rate(80, "clips/s"))] if batch > 1 else [(", p50", MS._replace(key="p50"))]
        name = f"encode {modality}, {weights}, {'batch 80' if batch > 1 else 'one clip'}"
        whole = ours("encode", 1, model=OUT / "model.npz", **o)
        yield from against(name, 1, measures, [ours("encode", 1, model=OUT / f"{weights}.npz", **o),
                                               whole._replace(name="f32")])


def assignment() -> Iterator[Row]:
    """Nearest codes."""
    for codes in (400,) if QUICK else (400, 4096):
        for rows, each in ((8000, 8000), (800, 16)):
            for threads in THREADS:
                name = f"assign to {codes} codes, " + ("batch of 8000 rows" if each > 16
                                                       else "calls of 16 rows")
                o = {"codes": codes, "rows": rows, "rows_each": each}
                yield from against(name, threads, [("", rate(rows, "rows/s"))],
                                   [ours("assign", threads, **o),
                                    *torch_peer("assign", threads, **o),
                                    *faiss_peer(codes, rows, each, threads)],
                                   flops=2.0 * rows * codes * 256)


def starting() -> Iterator[Row]:
    """A codebook's start by k-means."""
    rows, codes = (20_000, 256) if QUICK else (200_000, 1024)
    for threads in THREADS:
        yield from against(f"k-means: {rows} rows of 64 to {codes} codes, 10 rounds", threads,
                           [("", MS)], [ours("init", threads, rows=rows, codes=codes, dim=64)],
                           runs=min(RUNS, 3))


def retrieval() -> Iterator[Row]:
    """Search among 10^6 items."""
    items = 100_000 if QUICK else 1_000_000
    for metric, threads in ((m, n) for m in ("l2", "inner") for n in THREADS):
        o = {"items": items, "queries": 100, "top": 10, "inner": int(metric == "inner")}
        yield from against(f"search: top 10 of {items} by {metric}, 100 queries", threads,
                           [("", MS)], [ours("search", threads, **o),
                                        *faiss_peer(items, 100, 100, threads, 10, metric)],
                           flops=2.0 * 100 * items * 256, read=4.0 * items * 256)


# images, side, channels in and out, padding: the paper's video branch, then the demo's
CONVOLUTIONS = [(80, 7, 512, 1024, 0), (80, 5, 1024, 2048, 0), (80, 3, 2048, 2048, 1),
                (80, 5, 1024, 2304, 0), (80, 5, 1024, 1024, 1),
                (320, 7, 64, 16, 0), (320, 5, 16, 32, 0), (320, 3, 32, 32, 1),
                (320, 5, 16, 96, 0), (320, 5, 16, 16, 1)]


def convolutions() -> Iterator[Row]:
    """Each product of each shape by what auto takes, and by the others; GF/s as a direct sum."""
    for n, h, ci, co, pad in CONVOLUTIONS[5:] if QUICK else CONVOLUTIONS:
        for product in ("forward", "data", "weights"):
            flops = 18.0 * n * (h + 2 * pad - 2)**2 * ci * co
            o = {"n": n, "h": h, "ci": ci, "co": co, "pad": pad, "product": product,
                 "calls": max(1, int(2e9 / flops))}
            sides = [Contestant(word, ours("conv", 1, kernels=word, **o).command, {})
                     for word in ("direct", "onednn", "blas")]
            yield from against(f"conv 3x3, {n} images {h}x{h}x{ci} to {co}, pad {pad}, {product}",
                               1, [("", rate(flops / 1e9, "GF/s"))], [ours("conv", 1, **o), *sides],
                               runs=min(RUNS, 5), flops=flops)


# how a product lies (native/product_cases.c), m, n, k, and whose it is
PRODUCTS = [("packed", 10, 1024, 256, "paper, one clip"),
            ("packed", 270, 1024, 256, "paper, 27 clips"), ("packed", 270, 256, 1024, "paper, 27 clips"),
            ("packed", 490, 256, 512, "paper, positions of a clip"),
            ("packed", 200, 512, 768, "paper, words of 20 clips"),
            ("packed", 80, 1024, 256, "paper, training"), ("nn", 80, 256, 1024, "paper, training"),
            ("tn", 1024, 256, 80, "paper, training"),
            ("nn", 3920, 512, 256, "paper, training"), ("tn", 256, 512, 3920, "paper, training"),
            ("packed", 320, 64, 64, "demo, training"), ("nn", 320, 64, 64, "demo, training"),
            ("tn", 64, 64, 320, "demo, training"), ("packed", 15680, 64, 64, "demo, training"),
            ("nn", 15680, 64, 64, "demo, training"), ("tn", 64, 64, 15680, "demo, training")]


def products() -> Iterator[Row]:
    """Products of the models' shapes: our own, OpenBLAS's and oneDNN's, as parts of the FMA peak."""
    for form, m, n, k, whose in PRODUCTS[::3] if QUICK else PRODUCTS:
        flops = 2.0 * m * n * k
        o = {"form": form, "m": m, "n": n, "k": k, "calls": max(1, int(1e9 / flops))}
        sides = [Contestant(name, *ours("product", 1, kernels=word, **o)[1:])
                 for name, word in (("OpenBLAS", "blas"), ("oneDNN", "onednn"))]
        yield from against(f"product {form}, {m} x {n} x {k} ({whose})", 1,
                           [("", rate(flops / 1e9, "GF/s"))], [ours("product", 1, **o), *sides],
                           flops=flops)


def demo_step() -> Iterator[Row]:
    """A pre-training step at demo dims."""
    o = {"config": OUT / "demo.ini", "calls": 1}
    for threads in THREADS:
        yield from against("training step, demo dims, batch 32", threads, [("", MS)],
                           [ours("step", threads, **o), *torch_peer("step", threads, **o)])
    if 2 not in THREADS:
        return
    c = ours("step", 2, **o)
    passive = Contestant("passive", c.command, {"OMP_WAIT_POLICY": "passive"})
    yield from against("training step, demo dims, default against OMP_WAIT_POLICY=passive", 2,
                       [("", MS)], [c, passive])      # its ratio < 1: passive waiting is faster


def paper_step() -> Iterator[Row]:
    """A pre-training step at paper dims; of 32 clips ours alone, the peer takes more than a minute for it."""
    for preset, batch in () if QUICK else PAPER_STEPS:
        o = {"config": OUT / f"paper-{preset}-{batch}.ini"}
        for threads in THREADS:
            peers = torch_peer("step", threads, **o) if batch == 8 else []
            yield from against(f"training step, paper {preset.upper()} dims, batch {batch}", threads,
                               [("", MS)], [ours("step", threads, **o), *peers],
                               runs=min(RUNS, 2), flops=batch * VIDEO_STEP_FLOPS)


def head() -> Iterator[Row]:
    """An epoch of a head."""
    clips = 1024 if QUICK else 4096
    for threads in THREADS:
        yield from against(f"head: an epoch of {clips} clips", threads, [("", MS)],
                           [ours("head", threads, clips=clips),
                            *torch_peer("head", threads, clips=clips)])


def start() -> Iterator[Row]:
    """A fresh process to its first code."""
    for modality in ("audio",) if QUICK else DIMS:
        case = f"fresh process to the first code, {modality}"
        print(case, flush=True)
        o = {"model": OUT / "model.npz", "modality": modality, "codes": 1}
        sides = fresh([ours("first", 1, **o), *torch_peer("first", 1, **o),
                       *onnx_peer(modality, 1, 1, 1)], RUNS)
        rows = [row_of(case, 1, MS, sides["ours"], name, side)
                for name, side in sides.items() if name != "ours"]
        rows += peak_rows(case, 1, sides)
        for row in rows or [alone(case, 1, MS, sides["ours"])]:
            print("  " + table.line(row), flush=True)
            yield row


def reader() -> Iterator[Row]:
    """An epoch of a dataset's batches."""
    path, clips = OUT / "data.npz", 800
    if not path.exists():
        subprocess.run([sys.executable, "-c", "import numpy, sys; r = numpy.random.default_rng(0);"
                        "n = int(sys.argv[2]); f = numpy.float32;"
                        "numpy.savez(sys.argv[1], image=r.random((n, 10, 7, 7, 64), f),"
                        "speech=r.random((n, 10, 128), f))", str(path), str(clips)], check=True)
    yield from against("dataset: an epoch in shuffled batches of 80", 1,
                       [("", rate(clips, "clips/s"))],
                       [ours("dataset", 1, data=path), *torch_peer("dataset", 1, data=path)])


def scaling() -> Iterator[Row]:
    """Cost of a clip's step, which must stay flat over batch and T."""
    def one(name: str, batch: int, length: int, codes: int) -> Iterator[Row]:
        model = OUT / ("model.npz" if codes == 400 else f"model.{codes}.npz")
        make_model(model, codes)
        calls = max(1, 400 // (batch * length // 10))
        o = {"model": model, "modality": "audio", "batch": batch, "length": length,
             "calls": calls, "codes": 1}
        per = Measure(lambda s: 1e6 * s / (batch * length), "us a step", False)
        yield from against(f"scaling: audio codes, {name}", 1, [("", per)], [ours("encode", 1, **o)])
    for batch in (1, 8, 80) if QUICK else (1, 4, 16, 80, 320):
        yield from one(f"batch {batch} of 10 steps", batch, 10, 400)
    for length in (10, 40) if QUICK else (1, 5, 20, 40, 80, 160):
        yield from one(f"batch 16 of {length} steps", 16, length, 400)
    for codes in (400,) if QUICK else (100, 1600, 6400):
        yield from one(f"batch 80 of 10 steps, {codes} codes", 80, 10, codes)


CASES = {"limits": limits, "encode": encoding, "latency": latency, "stream": stream, "half": half,
         "extract": extract,
         "assign": assignment, "init": starting, "retrieval": retrieval, "conv": convolutions,
         "product": products,
         "demo-step": demo_step, "head": head, "start": start, "reader": reader,
         "scaling": scaling, "paper-step": paper_step}


# ---- what the cases need ----

def make_model(path: Path, codes: int = 400, more: str = "") -> None:
    """The paper's encoders; the specific branch, which encoding does not use, is kept small."""
    if not path.exists():
        light = f"video.specific:8,video.inner:4,video.pooled:8,train.batch:2,code.count:{codes}"
        subprocess.run([str(BENCH), "model", "preset=paper-avt", f"set={light}{more}", f"out={path}"],
                       check=True, stdout=subprocess.DEVNULL)


def make_demo_model(path: Path) -> None:
    if not path.exists():
        subprocess.run([str(BENCH), "model", f"config={ROOT / 'examples/demo/unicode.ini'}", f"out={path}"],
                       check=True, stdout=subprocess.DEVNULL)


def groups() -> list[str]:
    """Those of ONLY, or all; a name that is none is said, with what it may have meant."""
    if ONLY == ["help"]:
        for name, case in CASES.items():
            print(f"  {name:<12} {table.sentence(case.__doc__)}")
        sys.exit(0)
    for name in ONLY:
        if name not in CASES:
            near = difflib.get_close_matches(name, CASES, 1, 0.4)
            meant = f" (did you mean {near[0]}?)" if near else ""
            sys.exit(f"run.py: ONLY={name}: no group has this name{meant}; groups: {' '.join(CASES)}")
    return ONLY or list(CASES)


def build() -> None:
    """faiss's program. (Make builds ours.)"""
    OUT.mkdir(parents=True, exist_ok=True)
    FAISS.unlink(missing_ok=True)
    if shutil.which("g++") and FAISS_HEADER.exists():
        subprocess.run(["g++", "-O2", "-fopenmp", "-o", str(FAISS), str(HERE / "faiss_peer.cc"),
                        "-lfaiss", "-lopenblas"], check=True)


def prepare() -> None:
    make_model(OUT / "model.npz")
    make_model(COMPAT, more=",video.attention:sum")
    for weights in HALF:
        make_model(OUT / f"{weights}.npz", more=f",encoder.weights:{weights}")
    for name, words in (("demo", [f"config={ROOT / 'examples/demo/unicode.ini'}"]),
                        *((f"paper-{preset}-{batch}", [f"preset=paper-{preset}", f"set=train.batch:{batch}"])
                          for preset, batch in PAPER_STEPS)):
        subprocess.run([str(BENCH), "config", *words, f"out={OUT / name}.ini"], check=True,
                       stdout=subprocess.DEVNULL)


def check_peer() -> None:
    """The peer computes the same: its semantic vectors, from our weights and features."""
    for modality in DIMS if TORCH else ():
        o = {"model": OUT / "model.npz", "modality": modality, "batch": 4}
        Server(ours("encode", 1, dump=OUT / modality, **o).command).close()
        peer = Server(torch_peer("encode", 1, check=OUT / modality, **o)[0].command)
        peer.close()
        difference = peer.facts["difference"]
        print(f"PyTorch's z of {modality} differs by {difference:.1e} of the largest", flush=True)
        if not difference < 1e-4:
            sys.exit(f"run.py: the PyTorch peer does not compute the same for {modality}")


def main() -> None:
    if len(sys.argv) > 1:
        sys.exit(f"run.py takes no arguments; what it measures is said in the environment.\n{__doc__}")
    chosen = groups()
    build()
    print("\n".join(versions()), flush=True)
    prepare()
    check_peer()
    path = OUT / "results.json"
    rows: list[Row] = []
    for name in chosen:
        try:
            rows += CASES[name]()
        except Failed as error:
            sys.exit(f"run.py: {name}: {error}")
        path.write_text(json.dumps(table.merged(path, rows, bool(ONLY)), indent=1) + "\n")
    if os.environ.get("UPDATE"):
        table.update(ROOT / "docs/performance.md", json.loads(path.read_text()))
    print(f"{len(rows)} results in {path}")


if __name__ == "__main__":
    main()
