#!/usr/bin/env python3
"""The same computations in PyTorch, served as bench.c serves them (its comment has the protocol).

    torch_peer.py CASE key=value ...      cases: encode first step head dataset assign export network

Float32, written as one writes it in PyTorch: its fused modules, no_grad, and a frozen TorchScript
trace where that is the faster of the two.
"""
from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch
from torch import nn

import torch_model
import torch_step
from python_case import Case, measure, peak_mb


Options = dict[str, str]


def best_of(variants: list[Callable[[], Any]]) -> Callable[[], Any]:
    """The fastest of some ways to compute the same."""
    def seconds(call: Callable[[], Any]) -> float:
        call()
        times = []
        for _ in range(3):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
        return min(times)
    return min(variants, key=seconds)


def frozen(module: nn.Module, x: torch.Tensor) -> nn.Module:
    """A trace with its parameters as constants."""
    return torch.jit.freeze(torch.jit.trace(module, x, check_trace=False))


def features(options: Options, modality: str, dims: tuple[int, ...]) -> torch.Tensor:
    """Random, or what bench.c dumped."""
    shape = (int(options.get("batch", 1)), int(options.get("length", 10))) + dims
    if "check" in options:
        return torch.from_numpy(np.fromfile(options["check"] + ".x", np.float32).reshape(shape))
    return torch.rand(shape)


def encode(options: Options) -> Case:
    """Semantic vectors of one modality, and codes with codes=1."""
    arrays = np.load(options["model"])
    modality = options["modality"]
    module = torch_model.encoder_of(arrays, modality).eval()
    x = features(options, modality, module.dims)
    codes = torch.from_numpy(arrays["codebook.embedding"])
    want_codes = int(options.get("codes", 0))

    def codes_of(z: torch.Tensor) -> torch.Tensor:
        rows = z.reshape(-1, z.shape[-1])
        return ((codes ** 2).sum(1) - 2.0 * rows @ codes.T).argmin(1) if want_codes else rows

    traced = frozen(module, x)
    call = best_of([lambda: codes_of(module(x)), lambda: codes_of(traced(x))])
    facts: dict[str, Any] = {}
    if "check" in options:
        ours = np.fromfile(options["check"] + ".z", np.float32)
        theirs = module(x).numpy().reshape(-1)
        facts["difference"] = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    return Case(call, facts, int(options.get("calls", 1)))


def first(options: Options) -> Case:
    """Model in, one clip's codes out; run.py measures the whole process."""
    arrays = np.load(options["model"])
    module = torch_model.encoder_of(arrays, options["modality"]).eval()
    x = features(options, options["modality"], module.dims)
    z = module(x)
    code = torch.cdist(z[0], torch.from_numpy(arrays["codebook.embedding"])).argmin(1)
    return Case(lambda: None, {"code": int(code[0])})


def export(options: Options) -> Case:
    """An encoder as ONNX, for ONNX Runtime."""
    module = torch_model.encoder_of(np.load(options["model"]), options["modality"]).eval()
    x = features(options, options["modality"], module.dims)
    torch.onnx.export(module, (x,), options["out"], input_names=["x"], output_names=["z"],
                      opset_version=14)
    return Case(lambda: None, {})


def network(options: Options) -> Case:
    """A pretrained network of tests/extract on random inputs: writes its weights, exports it as ONNX, or runs it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "extract"))
    import torch_networks as networks
    kind, dims = networks.NETWORKS[options["kind"]]
    module = networks.spread(kind(), 0).eval()
    x = torch.rand((int(options.get("n", 1)), *dims))
    if "weights" in options:
        np.savez(options["weights"], **networks.weights_of(module))
        return Case(lambda: None, {})
    if "out" in options:
        torch.onnx.export(module, (x,), options["out"], input_names=["x"], output_names=["y"], opset_version=14)
        return Case(lambda: None, {})
    traced = frozen(module, x)
    ways = [lambda: module(x), lambda: traced(x)]
    if x.dim() == 4:
        last = module.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        ways.append(lambda: last[0](last[1]))
    return Case(best_of(ways), {}, int(options.get("calls", 1)))


def step(options: Options) -> Case:
    """One pre-training step on one batch."""
    run = torch_step.Trainer(torch_step.read_config(options["config"]))
    batch = run.random_batch(int(options.get("clips", run.batch)))
    terms = run.step(batch)
    facts = {"parameters": run.parameter_count(), **terms}
    return Case(lambda: run.step(batch), facts, int(options.get("calls", 1)))


def head(options: Options) -> Case:
    """One epoch of a clip head on codes: linear, max over time, linear; Adam on cross-entropy."""
    n, length = int(options.get("clips", 4096)), int(options.get("length", 10))
    codes, dim = int(options.get("codes", 400)), int(options.get("dim", 256))
    classes, batch = int(options.get("classes", 141)), int(options.get("batch", 64))
    table = torch.randn(codes, dim)
    one, two = nn.Linear(dim, dim), nn.Linear(dim, classes)
    adam = torch.optim.Adam([*one.parameters(), *two.parameters()], lr=2e-3, foreach=True)
    clips = torch.randint(codes, (n, length))
    labels = clips[:, 0] % classes

    def epoch() -> None:
        order = torch.randperm(n)
        for at in range(0, n, batch):
            rows = order[at:at + batch]
            logits = two(one(table[clips[rows]]).amax(1))
            loss = nn.functional.cross_entropy(logits, labels[rows])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
    with torch.enable_grad():
        epoch()
    return Case(torch.enable_grad()(epoch), {})


def dataset(options: Options) -> Case:
    """One shuffled epoch through a DataLoader of arrays that are in memory already."""
    arrays = np.load(options["data"])
    tensors = [torch.from_numpy(arrays[name]) for name in sorted(arrays.files)]
    rows = torch.utils.data.TensorDataset(*tensors)
    batch = int(options.get("batch", 80))
    sampler = torch.utils.data.BatchSampler(torch.utils.data.RandomSampler(rows), batch, False)
    loader = torch.utils.data.DataLoader(rows, sampler=sampler, batch_size=None)

    def epoch() -> None:
        for _ in loader:
            pass
    epoch()
    return Case(epoch, {"clips": len(rows)})


def assign(options: Options) -> Case:
    """Nearest codes by one product and an argmin."""
    codes, dim = int(options.get("codes", 400)), int(options.get("dim", 256))
    rows = int(options.get("rows", 8000))
    each = int(options.get("rows_each", rows))
    e, z = torch.randn(codes, dim), torch.randn(rows, dim)
    norm = (e ** 2).sum(1)

    def call() -> None:
        for at in range(0, rows, each):
            torch.addmm(norm, z[at:at + each], e.T, alpha=-2.0).argmin(1)
    call()
    return Case(call, {})


CASES: dict[str, Callable[[Options], Case]] = {
    "encode": encode, "first": first, "step": step, "head": head, "dataset": dataset,
    "assign": assign, "export": export, "network": network,
}


def main() -> None:
    options = dict(argument.split("=", 1) for argument in sys.argv[2:])
    torch.set_num_threads(int(options.get("threads", 1)))
    torch.manual_seed(0)
    torch.set_grad_enabled(sys.argv[1] in ("step", "export"))   # export: no fused layers
    case = CASES[sys.argv[1]](options)
    print(json.dumps({"ready": 1, **case.facts}), flush=True)
    if sys.argv[1] not in ("first", "export"):
        for _ in sys.stdin:
            print(json.dumps(measure(case)), flush=True)
    print(json.dumps({"peak_mb": round(peak_mb(), 2)}), flush=True)


if __name__ == "__main__":
    main()
