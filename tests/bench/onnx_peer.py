#!/usr/bin/env python3
"""Python's ONNX Runtime on an exported encoder, served as bench.c serves it:
onnx_peer.py MODEL THREADS CALLS DIMS.."""
from __future__ import annotations

import json
import sys
import time

import numpy as np
import onnxruntime

from python_case import Case, measure, peak_mb


def main() -> None:
    model, threads, calls, *dims = sys.argv[1:]
    start = time.perf_counter()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = {"x": np.random.default_rng(0).random(tuple(map(int, dims)), np.float32)}
    session.run(None, feed)
    print(json.dumps({"ready": 1, "first_seconds": time.perf_counter() - start}), flush=True)
    case = Case(lambda: session.run(None, feed), {}, int(calls))
    for _ in sys.stdin:
        print(json.dumps(measure(case)), flush=True)
    print(json.dumps({"peak_mb": round(peak_mb(), 2)}), flush=True)


if __name__ == "__main__":
    main()
