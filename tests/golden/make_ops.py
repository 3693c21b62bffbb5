#!/usr/bin/env python3
"""Makes tests/golden/ops.npz: PyTorch's values and gradients, in float64, for the operators' tests.

Cases stand in the cases_*.py files beside this one, each with CASES = {name: make}; make() gives
  inputs  arrays, float32 or int32 (None: an optional input left out)
  fn      the operator, over torch tensors (float64, int64, None) in that order
  grads   one bool per input: is its gradient compared?
In the file: <name>/in<i>, and if any gradient is compared <name>/dy and <name>/grad<i>; <name>/out.
The same bytes come out every time (with the same versions of numpy and PyTorch).
"""
import importlib
import pathlib
import sys
import zlib

import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 400_000  # bytes; the file is committed


def case_arrays(name, make):
    np.random.seed(zlib.crc32(name.encode()))  # for cases that draw with numpy's global generator
    torch.manual_seed(zlib.crc32(name.encode()))
    case = make()
    arrays, tensors = {}, []
    for i, (x, grad) in enumerate(zip(case["inputs"], case["grads"], strict=True)):
        if x is None:
            tensors.append(None)
            continue
        x = np.asarray(x)
        integer = np.issubdtype(x.dtype, np.integer)
        arrays[f"in{i}"] = x = x.astype(np.int32 if integer else np.float32)
        tensors.append(torch.tensor(x.astype(np.int64 if integer else np.float64), requires_grad=grad))
    out = case["fn"](*tensors)
    arrays["out"] = out.detach().numpy()
    if any(case["grads"]):
        dy = np.random.uniform(-1, 1, tuple(out.shape)).astype(np.float32)
        (out * torch.tensor(dy, dtype=torch.float64)).sum().backward()
        arrays["dy"] = dy
        for i, (x, grad) in enumerate(zip(tensors, case["grads"])):
            if grad:
                arrays[f"grad{i}"] = x.grad.numpy()
    # float32 holds the numbers to 6e-8, the comparison is to 1e-5: half the file
    return {f"{name}/{k}": (v if v.dtype == np.int32 else v.astype(np.int32 if v.dtype == np.int64 else np.float32))
            for k, v in arrays.items()}


def main():
    sys.path.insert(0, str(HERE))
    arrays = {}
    for path in sorted(HERE.glob("cases_*.py")):
        cases = importlib.import_module(path.stem).CASES
        for name, make in sorted(cases.items()):
            if f"{name}/out" in arrays:
                sys.exit(f"{path.name}: the case {name} stands in another file too")
            arrays.update(case_arrays(name, make))
    target = HERE / "ops.npz"
    np.savez_compressed(target, **{k: arrays[k] for k in sorted(arrays)})
    size = target.stat().st_size
    print(f"{target}: {len(arrays)} arrays, {size} bytes")
    if size > LIMIT:
        sys.exit(f"that is over {LIMIT} bytes: make the cases smaller")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
