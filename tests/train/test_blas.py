#!/usr/bin/env python3
"""A run's bytes do not depend on the BLAS: the same training under each of OpenBLAS's kernels.

OPENBLAS_CORETYPE makes OpenBLAS take the kernels of another processor, whose sums have other orders. A
processor that lacks their instructions would die of them, so only those that it has are asked for; with
another BLAS the variables say nothing, and the runs are equal all the same.
"""
import hashlib
import os
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
CLIPS, T = 48, 10
# Image and speech of the demo's sizes, and a text through LSTMs.
TEXT = """
modalities = image speech text
text.kind = token
text.dims = 40
train.batch = 16
train.epochs = 2
"""
NEEDS = {"Prescott": "pni", "Nehalem": "sse4_2", "Sandybridge": "avx", "Haswell": "avx2", "Zen": "avx2",
         "SkylakeX": "avx512f"}


def flags():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def demo_settings():
    lines = (ROOT / "examples/demo/unicode.ini").read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("modalities"))


class SameBytes(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)
        rng = np.random.default_rng(0)
        arrays = {"image": (7, 7, 64), "speech": (128,), "text": (40,)}
        np.savez(self.dir / "clips.npz",
                 **{name: rng.normal(size=(CLIPS, T, *dims)).astype("f4") for name, dims in arrays.items()},
                 **{"text.lengths": rng.integers(3, T + 1, CLIPS).astype("i4")})
        (self.dir / "config.ini").write_text(demo_settings() + TEXT)

    def run_program(self, program, *words, **environment):
        done = subprocess.run([str(BUILD / "bin" / program), *map(str, words)], cwd=self.dir, capture_output=True,
                              text=True, timeout=300, env={**os.environ, "OMP_WAIT_POLICY": "passive", **environment})
        self.assertEqual(done.returncode, 0, (program, environment, done.stdout, done.stderr))

    def results(self, name, threads, **environment):
        """Hashes of the model, of the run and of codes, after a training in a process of its own."""
        self.run_program("unic-train", "--config", "config.ini", "--data", "clips.npz", "--out", f"{name}.npz",
                         "--threads", threads, **environment)
        self.run_program("unic-encode", "--model", f"{name}.npz", "--modality", "image", "--out", f"{name}.codes.npz",
                         "clips.npz", **environment)
        return [hashlib.sha256((self.dir / f"{name}{end}.npz").read_bytes()).hexdigest()
                for end in ("", ".run", ".codes")]

    def test_whatever_kernels_blas_takes(self):
        own = self.results("own", 1)
        for core, flag in NEEDS.items():
            if flag in flags():
                with self.subTest(core=core):
                    self.assertEqual(self.results(core, 1, OPENBLAS_CORETYPE=core), own)

    def test_whatever_threads_blas_has(self):
        one = self.results("one", 2, OPENBLAS_NUM_THREADS="1")
        self.assertEqual(self.results("two", 2, OPENBLAS_NUM_THREADS="2"), one)


if __name__ == "__main__":
    unittest.main()
