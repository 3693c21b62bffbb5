#!/usr/bin/env python3
"""Clips of shards are told to the system before they are read: strace sees what a run tells and reads."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

TRAIN = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "bin/unic-train"
CLIPS, BATCH, T = 24, 4, 4
DIMS = {"light": (5, 6, 3), "sound": (10,)}
CONFIG = f"""
code.dim = 16
code.count = 12
encoder.layers = 1
encoder.heads = 2
encoder.ff = 16
club.width = 8
club.layers = 2
club.steps = 1
train.batch = {BATCH}
train.length = {T}
train.epochs = 2
"""
CALL = re.compile(r'(fadvise64|pread64)\(\d+<([^>]*)>, (?:"[^"]*"(?:\.\.\.)?, )?(\d+), (\d+)(?:, (\w+))?\) = (\d+)')


class Expect(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name).resolve()
        rng = np.random.default_rng(0)
        self.arrays = {name: rng.normal(size=(CLIPS, T, *dims)).astype("f4") for name, dims in DIMS.items()}
        (self.dir / "c.ini").write_text(CONFIG)

    def calls(self, data):
        """[(call, file, offset, bytes)] in their order: one thread reads all."""
        log = self.dir / "trace"
        done = subprocess.run(["strace", "-f", "-y", "-s", "0", "-e", "trace=fadvise64,pread64", "-o", log, TRAIN, "--config", "c.ini",
                               "--data", data, "--out", "m.npz", "--threads", "1"], cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        calls = []
        for call, file, a, b, advice, result in CALL.findall(log.read_text()):
            if call == "fadvise64":
                self.assertEqual((advice, result), ("POSIX_FADV_WILLNEED", "0"))
            calls.append((call, file, int(a), int(b)) if call == "fadvise64" else (call, file, int(b), int(a)))
        return calls

    def check(self, data, batches_untold):
        """Each row of both epochs, but for those of the first batches, is told once and then read."""
        sizes = {4 * T * int(np.prod(dims)) for dims in DIMS.values()}
        waiting, read, untold, ahead = [], 0, 0, 0
        for call, file, offset, size in self.calls(data):
            if size not in sizes:
                continue
            if call == "fadvise64":
                waiting.append((file, offset, size))
                ahead = max(ahead, len(waiting))
            else:
                read += 1
                if (file, offset, size) in waiting:
                    waiting.remove((file, offset, size))
                else:
                    untold += 1
        self.assertLessEqual(untold, len(DIMS) * BATCH * batches_untold)
        self.assertGreaterEqual(read, 2 * CLIPS * len(DIMS))
        self.assertGreater(ahead, len(DIMS) * BATCH, "a batch is told while the one before it is read")
        self.assertLessEqual(len(waiting), len(DIMS) * BATCH * 2, "of batches that were read ahead when the run ended")

    def test_an_npz(self):
        np.savez(self.dir / "d.npz", **self.arrays)
        self.check("d.npz", batches_untold=2)      # until the first rows were read, after the check of the CRC

    def test_a_directory_of_arrays(self):
        (self.dir / "d").mkdir()
        for name, array in self.arrays.items():
            np.save(self.dir / f"d/{name}.npy", array)
        self.check("d", batches_untold=0)


if __name__ == "__main__":
    if not shutil.which("strace") or subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True).returncode:
        print("skipped: tests/data/test_expect.py: strace is not there, or may not trace")
        sys.exit(0)
    unittest.main()
