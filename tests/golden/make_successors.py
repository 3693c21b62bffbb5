#!/usr/bin/env python3
"""Makes tests/golden/successors.npz: whole models of Uni-Code's successors (docs/methods.md), by PyTorch in float64. The
file is laid out as losses.npz, whose cases, parameters and layers make_losses.py has."""
import pathlib

import numpy as np
import torch

import make_losses as base
from make_losses import AV, model_case

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 400_000  # bytes; the file is committed


def codaar():
    """Codes in segments: l^m from the own one, the whole row decoded, its gradient to all encoders (make_losses.py)."""
    segments = {"code_segments": "on", "ema_partner": "same_step", "commit_own": "0.5"}
    yield model_case("model_codaar", base.model_settings(AV, club_input="quantized", **segments),
                     [[4, 4, 2], [4, 3, 4]], 1)
    yield model_case("model_codaar_3", base.model_settings(**segments), [[4, 4, 2], [4, 4, 0], [4, 4, 3]], 1)
    yield model_case("model_codaar_clip", base.model_settings(AV, code_pool="clip", **segments),
                     [[4, 4, 2], [4, 3, 4]], 1)


def main():
    arrays = {}
    for case in codaar():
        arrays.update(base.packed(case))
    target = HERE / "successors.npz"
    np.savez_compressed(target, **{k: arrays[k] for k in sorted(arrays)})
    size = target.stat().st_size
    print(f"{target}: {len(arrays)} arrays, {size} bytes")
    assert size <= LIMIT, f"that is over {LIMIT} bytes: make the cases smaller"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
