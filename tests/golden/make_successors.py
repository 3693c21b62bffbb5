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


def level2(c, streams):
    """H-DCID: the same objective again, on the specific features and with layers and codes of its own."""
    first, seconds = c.settings, []
    c.settings = {**first, "recon.target": "attached"}
    for s in streams:
        name = f"{s.name}.level2"
        width = s.y[0].shape[-1]
        c.settings.update({f"{name}.kind": "vector", f"{name}.specific": str(width)})
        c.lengths[name] = s.lengths
        second = base.Stream(c, name)
        second.permutation = s.permutation
        second.front = s.y
        second.z = base.each_clip(s.y, lambda x, name=name: base.semantic(c, name, x))
        second.zbar = base.each_clip(s.y, lambda x, name=name: base.specific(c, name, x))
        second.y = second.zbar
        seconds.append(second)
    z = torch.cat([clip.detach() for s in seconds for clip in s.z]).numpy()
    count = c.size("level2.count")
    near = z[np.arange(count) * len(z) // count].astype(np.float32)
    embedding = c.fixed("level2.embedding", near + c.draw("level2.embedding", *near.shape, scale=0.3))
    weight, outs = c.number("level2.weight"), {}
    for s in seconds:
        s.quantize(embedding)
        c.arrays[f"codes/{s.name}"] = np.array([[*v.tolist(), *[-1] * (c.length - len(v))] for v in s.codes])
    for m, s in enumerate(seconds):
        c.arrays[f"target/{s.name}"] = base.ema_target(c, seconds, m).detach().numpy()
        c.arrays[f"fit/{s.name}"] = base.club_fit(c, s).detach().numpy()
        outs[f"reconstruction.{s.name}"] = (weight * c.number("recon.weight"), base.reconstruction(c, s))
        outs[f"commitment.{s.name}"] = (weight * c.number("commit.weight"), base.commitment(c, seconds, m))
        outs[f"club.{s.name}"] = (weight * c.number("club.weight"), base.club(c, s))
    outs["cpc.level2"] = (weight * c.number("cpc.weight"), base.cross_cpc(c, seconds, int(c.arrays["t"])))
    c.settings = first
    return outs


def hdcid():
    """With maps, vectors and an LSTM in front; every gradient of both levels."""
    more = {"level2_weight": "0.3", "level2_count": "5"}
    yield model_case("model_hdcid", base.model_settings(AV, club_input="quantized", **more),
                     [[4, 4, 2], [4, 3, 4]], 1, more=[level2])
    yield model_case("model_hdcid_3", base.model_settings(**more), [[4, 4, 2], [4, 4, 0], [4, 4, 3]], 1,
                     more=[level2])


def main():
    arrays = {}
    for case in (*codaar(), *hdcid()):
        arrays.update(base.packed(case))
    target = HERE / "successors.npz"
    np.savez_compressed(target, **{k: arrays[k] for k in sorted(arrays)})
    size = target.stat().st_size
    print(f"{target}: {len(arrays)} arrays, {size} bytes")
    assert size <= LIMIT, f"that is over {LIMIT} bytes: make the cases smaller"


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
