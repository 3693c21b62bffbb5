#!/usr/bin/env python3
"""How much memory one modality of a paper-size CMG checkpoint costs. Run by hand; needs torch and numpy.

Writes an AVT checkpoint for inference (Encoder and the text's LSTM, float64, 650 MB) with the replica
of tests/cmg/make_cmg_checkpoints.py in a temporary folder, lets unic-encode encode a clip of each
modality with it, and prints the peak of resident memory above that of the same program doing nothing.
Names and shapes are compared with a list of CMG's (--keys), if it is there. Fails above --most MB.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

BIN = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "bin"


# A process inherits the peak of the one that started it: that one must be small, so it is another.
MEASURE = """
import os, sys, time
start = time.monotonic()
quiet = [(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet)
_, status, usage = os.wait4(pid, 0)
own = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
print(status, usage.ru_maxrss, own, time.monotonic() - start)
"""


def peak(*command):
    """Peak resident memory in MB of a command that must succeed, and its seconds."""
    done = subprocess.run([sys.executable, "-S", "-E", "-c", MEASURE, *map(str, command)], capture_output=True, text=True, check=True)
    status, kib, own, seconds = map(float, done.stdout.split())
    if status != 0 or kib <= own:
        raise SystemExit(f"{command}: status {status}, peak {kib} KiB, of the process that started it {own} KiB")
    return kib / 1024, seconds


PARTS = {  # of an AVT model, by their titles in the list
    "AVT Encoder": "Encoder_parameters",
    "AVT Decoder": "Decoder_parameters",
    "CPC_AVT": "CPC_parameters",
    "Text_ar_lstm": "Text_ar_lstm_parameters",
    "Video_mi": "Video_mi_net_parameters",
    "Audio/Text mi": "Audio_mi_net_parameters",
}


def check_keys(path, model):
    """The replica's names and shapes, in order, against CMG's own."""
    listed, current = {}, None
    for line in path.read_text().splitlines():
        if line.startswith("###"):
            current = listed.setdefault(line[4:].split(":")[0], [])
        elif line.strip():
            name, shape = re.fullmatch(r"\s*(\S+) \((.*)\)", line).groups()
            current.append((name, tuple(int(n) for n in shape.split(",") if n.strip())))
    for title, part in PARTS.items():
        ours = [(name, tuple(t.shape)) for name, t in model.part[part].state_dict().items()]
        if ours != listed[title]:
            raise SystemExit(f"{title}: not as in {path}: {[pair for pair in zip(ours, listed[title]) if pair[0] != pair[1]][:3]}")
        print(f"{title}: {len(ours)} tensors, names, shapes and order as CMG's")


def write(path, keys):
    """In a process of its own: what torch needs is not to be measured."""
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "model"))
    import make_cmg_checkpoints as cmg
    import torch

    torch.manual_seed(0)
    model = cmg.Model(cmg.PAPER)
    if keys.exists():
        check_keys(keys, model)
    torch.save(model.for_inference(torch.float64), path)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--keys", type=pathlib.Path, default=pathlib.Path("../shared/reference/checkpoint-keys.txt"))
    arguments.add_argument("--most", type=float, default=60, metavar="MB")
    arguments.add_argument("--write", type=pathlib.Path, help="only write the checkpoint")
    options = arguments.parse_args()
    if options.write:
        return write(options.write, options.keys)
    features = {"audio": (128,), "video": (7, 7, 512), "text": (768,)}
    with tempfile.TemporaryDirectory() as folder:
        path, data, out = (pathlib.Path(folder) / name for name in ("avt.pt", "data.npz", "codes.npz"))
        subprocess.run([sys.executable, __file__, "--keys", options.keys, "--write", path], check=True)
        empty, _ = peak(BIN / "unic-encode", "--version")
        print(f"{path.stat().st_size / 1e6:.0f} MB of checkpoint; unic-encode --version: peak {empty:.1f} MB")
        worst = 0
        for modality, dims in features.items():
            np.savez(data, **{modality: np.random.default_rng(0).standard_normal((1, 10, *dims)).astype(np.float32)})
            mb, seconds = peak(BIN / "unic-encode", "--model", path, "--modality", modality, "--batch", 1, "--out", out, "--threads", 1, data)
            print(f"{modality}: {mb - empty:.1f} MB above it, {seconds:.2f} s")
            worst = max(worst, mb - empty)
    sys.exit(worst > options.most)


if __name__ == "__main__":
    main()
