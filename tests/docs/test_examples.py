#!/usr/bin/env python3
"""The examples of the API: built as an application is, run, and what they print held against the programs' results."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
API = ROOT / "examples" / "api"
T, WINDOW = 10, 4
CONFIG = """preset = small
modalities = image speech
image.kind = grid
image.dims = 5 6 4
speech.kind = vector
speech.dims = 20
train.batch = 16
train.epochs = 6
train.drop_last = on
"""


def run(command, folder, status=0):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "bindings/python"), "MPLBACKEND": "agg",
                   "LIBUNICODE": str(BUILD / "libunicode.so"), "OMP_WAIT_POLICY": "passive"}
    done = subprocess.run([str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == status, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout if status == 0 else done.stderr


def make_clips(path, clips, seed):
    """Clips of three classes, which show in both modalities."""
    rng, patterns = np.random.default_rng(seed), np.random.default_rng(7)
    label = rng.integers(0, 3, clips)
    arrays = {name: patterns.normal(size=(3, 1, *dims))[label] + 0.7 * rng.normal(size=(clips, T, *dims))
              for name, dims in (("image", (5, 6, 4)), ("speech", (20,)))}
    np.savez(path, label=label, **{name: array.astype("f4") for name, array in arrays.items()})


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        made = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"}
        subprocess.run(["make", "-s", f"BUILD={os.environ.get('BUILD', 'build')}", "examples"], cwd=ROOT, check=True,
                       env=made, capture_output=True, timeout=300)
        cls.temporary = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.temporary.name)
        for seed, name in enumerate(("train", "valid")):
            make_clips(cls.dir / f"{name}.npz", 96, seed)
        (cls.dir / "small.ini").write_text(CONFIG)
        cls.trained = run([BUILD / "examples/train", "small.ini", "train.npz", "model.npz"], cls.dir)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def codes(self, data, modality="speech"):
        """What unic-encode makes of a data file."""
        run([BUILD / "bin/unic-encode", "--model", "model.npz", "--modality", modality, "--out", "codes.npz",
             "--threads", "1", data], self.dir)
        with np.load(self.dir / "codes.npz") as z:
            return z["codes"]

    def test_every_example_is_tested_and_short(self):
        tested = {"consumer.cc", "encode.c", "quantizer.c", "stream.c", "train.c", "train_and_plot.py", "transfer.c"}
        self.assertEqual({path.name for path in API.iterdir() if path.is_file()}, tested)
        for name in tested:
            self.assertLessEqual(len((API / name).read_text().splitlines()), 85, name)

    def test_train_trains_as_the_program_does(self):
        totals = [float(total) for total in re.findall(r"^epoch \d+: (\S+)$", self.trained, re.M)]
        self.assertEqual(len(totals), 6)
        self.assertLess(totals[-1], 0.8 * totals[0])
        run([BUILD / "bin/unic-train", "--config", "small.ini", "--data", "train.npz", "--out", "program.npz",
             "--threads", "1"], self.dir)
        for end in (".npz", ".run.npz"):
            self.assertEqual((self.dir / f"model{end}").read_bytes(), (self.dir / f"program{end}").read_bytes(), end)

    def test_encode_gives_the_programs_codes(self):
        lengths = np.arange(96) % (T + 1)
        with np.load(self.dir / "valid.npz") as z:
            np.savez(self.dir / "short.npz", speech=z["speech"], **{"speech.lengths": lengths})
        lines = run([BUILD / "examples/encode", "model.npz", "speech", "short.npz"], self.dir).split("\n")[:-1]
        expected = self.codes("short.npz")
        self.assertEqual(lines, [" ".join(map(str, row[row >= 0])) for row in expected])
        error = run([BUILD / "examples/encode", "nowhere.npz", "speech", "short.npz"], self.dir, 1)
        self.assertIn("nowhere.npz", error)

    def test_a_stream_is_batch_encoding_of_its_windows(self):
        rng = np.random.default_rng(5)
        clip = np.concatenate([np.load(self.dir / "valid.npz")["speech"][:3].reshape(-1, 20),
                               rng.normal(size=(20, 20))]).astype("f4")
        np.save(self.dir / "clip.npy", clip)
        lines = run([BUILD / "examples/stream", "model.npz", "speech", "clip.npy", WINDOW], self.dir).split()
        windows, lengths = np.zeros((len(clip), WINDOW, 20), "f4"), np.minimum(np.arange(len(clip)) + 1, WINDOW)
        for t, length in enumerate(lengths):
            windows[t, :length] = clip[t + 1 - length:t + 1]
        np.savez(self.dir / "windows.npz", speech=windows, **{"speech.lengths": lengths})
        expected = self.codes("windows.npz")[np.arange(len(clip)), lengths - 1]
        self.assertGreater(len(set(expected)), 3)
        self.assertEqual(list(map(int, lines)), expected.tolist())
        lagging = run([BUILD / "examples/stream", "model.npz", "speech", "clip.npy", WINDOW, 2], self.dir).split()
        whole = expected.copy()
        whole[:-2] = self.codes("windows.npz")[np.arange(2, len(clip)), np.maximum(lengths[2:] - 3, 0)]
        whole[-2:] = self.codes("windows.npz")[-1, [-2, -1]]
        self.assertEqual(list(map(int, lagging)), whole.tolist())

    def test_transfer_is_far_above_chance(self):
        line = run([BUILD / "examples/transfer", "model.npz", "valid.npz", "speech", "image"], self.dir)
        self.assertRegex(line, r"^speech > image: [01]\.\d{3}$")
        self.assertGreater(float(line.split()[-1]), 0.6)

    def test_the_quantizer_follows_and_revives(self):
        out = run([BUILD / "examples/quantizer"], self.dir)
        distortion = [float(x) for x in re.findall(r"distortion (\S+),", out)]
        self.assertEqual(len(distortion), 4)
        start, moved, followed, revived = distortion
        self.assertLess(start, 0.2)
        self.assertGreater(moved, 5 * start)
        self.assertLess(followed, 0.2 * moved)
        self.assertLessEqual(revived, followed)
        self.assertGreater(int(re.search(r"^(\d+) codes restarted$", out, re.M)[1]), 0)

    def test_the_consumer_encodes_in_threads(self):
        lines = run([BUILD / "examples/consumer", "model.npz", "speech"], self.dir).split("\n")[:-1]
        constant = np.repeat(np.array([-1, 0, 1], "f4"), T * 20).reshape(3, T, 20)
        np.savez(self.dir / "constant.npz", speech=constant)
        self.assertEqual([list(map(int, line.split())) for line in lines], self.codes("constant.npz").tolist())
        error = run([BUILD / "examples/consumer", "nowhere.npz", "speech"], self.dir, 1)
        self.assertIn("unic_model_open: nowhere.npz: cannot open: No such file", error)

    def test_train_and_plot_draws(self):
        out = run([sys.executable, API / "train_and_plot.py", "train.npz", "valid.npz", "plotted.npz", "out.png"],
                  self.dir)
        self.assertEqual(len(re.findall(r"^step \d+ of 36: total ", out, re.M)), 12)
        self.assertEqual((self.dir / "out.png").read_bytes()[:4], b"\x89PNG")
        self.assertEqual(self.codes("valid.npz").shape, (96, T))


if __name__ == "__main__":
    unittest.main()
