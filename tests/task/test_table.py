#!/usr/bin/env python3
"""The table (examples/table) on a few small clips: its rows, that it goes on where it was, what it writes."""
from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
sys.dont_write_bytecode = True
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path[:0] = [str(ROOT / part) for part in ("bindings/python", "examples/table")]

import hard_data  # noqa: E402 (the line above says where these are; it sets BLAS's threads)
import page  # noqa: E402
import probe  # noqa: E402
import rows  # noqa: E402
import run as table  # noqa: E402

CONFIG = """
preset = small
modalities = image speech
image.kind = grid
image.dims = 5 5 3
speech.kind = vector
speech.dims = 4
code.count = 12
code.dim = 8
encoder.heads = 2
encoder.ff = 8
train.batch = 8
train.epochs = 1
"""
CLIPS, T = 24, 10


def write_clips(path: Path, aligned: bool, clips: int = CLIPS) -> None:
    rng = np.random.default_rng(len(path.name))
    label = (np.arange(clips) % 3).astype(np.int32)
    steps = np.repeat(label[:, None], T, 1)
    marks = {"label": label, **{f"{m}.step_labels": steps for m in ("image", "speech")}}
    if not aligned:
        marks = {f"{m}.step_labels": np.eye(3, dtype=np.uint8)[steps] for m in ("image", "speech")}
    np.savez(path, image=(rng.normal(size=(clips, T, 5, 5, 3)) + label[:, None, None, None, None]).astype("f4"),
             speech=(rng.normal(size=(clips, T, 4)) + label[:, None, None]).astype("f4"), **marks)


class Dealt:
    """A deck that deals the class itself."""

    def deal(self, label: int) -> int:
        return label


class Table(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = Path(self.folder.name)
        self.clips = self.dir / "clips"
        self.clips.mkdir()
        for name in ("train", "heads", "valid", "test", "other", "unaligned-heads", "unaligned-test",
                     "other-valid", "unaligned-valid"):
            write_clips(self.clips / f"{name}.npz", "unaligned" not in name)
        (self.clips / "meta.json").write_text(json.dumps({"stamp": "1"}))
        (self.dir / "tiny.ini").write_text(CONFIG)
        (self.dir / "build").mkdir()
        for name in ("bin", "libunicode.so"):
            (self.dir / "build" / name).symlink_to(BUILD / name)
        self.kept = table.DATA["easy"]
        table.DATA["easy"] = table.DataSet("clips", self.dir / "tiny.ini", Path("nobody builds"))

    def test_the_probe_finds_what_features_carry(self):
        for name in ("train", "heads", "test"):
            write_clips(self.clips / f"{name}.npz", True, 600)
        header, *lines = probe.probe(self.clips, [3, 12])
        self.assertIn("12 codes", header)
        self.assertEqual([line[:18].strip() for line in lines], ["speech", "image", "image, positions"])
        for line in lines:                              # each class has a mean of its own; chance is 33 %
            found = [float(word) for word in line[18:].split()]
            self.assertEqual(len(found), 3)
            self.assertTrue(found[0] > 60 and found[2] > 75, line)
        with np.load(self.clips / "test.npz") as file:
            arrays = dict(file)
        arrays["label"] = np.random.default_rng(0).permutation(arrays["label"])
        np.savez(self.clips / "test.npz", **arrays)     # labels that have nothing to do with the clips
        for line in list(probe.probe(self.clips, [12]))[1:]:
            self.assertTrue(all(25 < float(word) < 42 for word in line[18:].split()), line)

    def tearDown(self):
        table.DATA["easy"] = self.kept
        self.folder.cleanup()

    def run_table(self, *arguments, status=None):
        """What it printed and said; `status`: how it ended, None without an error."""
        out, said = io.StringIO(), io.StringIO()
        sys.argv = ["run.py", "--build", str(self.dir / "build"), "--clips", str(self.clips), *arguments]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
            if status is None:
                table.main()
            else:
                with self.assertRaises(SystemExit) as ended:
                    table.main()
                self.assertRegex(str(ended.exception.code), status)
        return out.getvalue(), said.getvalue()

    def results(self):
        return json.loads((self.dir / "build/table/easy/results.json").read_text())

    def test_rows_seeds_and_going_on(self):
        printed, said = self.run_table("--rows", "no-cpc codes-25", "--seeds", "0 1", "--jobs", "2")
        self.assertIn("4 runs, 0 of them found finished; 2 at a time", said)
        self.assertEqual(len([line for line in said.splitlines() if "left" in line]), 3)
        found = self.results()["rows"]
        self.assertEqual(list(found), ["no-cpc", "codes-25"])
        row = found["no-cpc"]
        self.assertEqual([run["seed"] for run in row["runs"]], [0, 1])
        self.assertEqual((row["settings"], row["paper"]), (["cpc.weight=0"], [5.2, 7.1, 12.3, 24.1]))
        for key in ("acc", "loc", "other", "unaligned"):
            values = [run[key]["image>speech"] for run in row["runs"]]
            self.assertAlmostEqual(row["mean"][key]["image>speech"], np.mean(values), 4)
            self.assertAlmostEqual(row["deviation"][key]["image>speech"], np.std(values, ddof=1), 4)
        self.assertIn("| - Cross-CPC | 2 | ", printed)
        self.assertIn(" | 5.2 | 7.1 | 12.3 | 24.1 |", printed)
        self.assertEqual(list((self.dir / "build/table/easy/runs").glob("*.npz*")), [])

        # Another seed: what is finished is not run again, nor does it change.
        _, said = self.run_table("--rows", "no-cpc", "--seeds", "0 1 2", "--jobs", "1")
        self.assertIn("3 runs, 2 of them found finished; 1 at a time", said)
        self.assertEqual(self.results()["rows"]["no-cpc"]["runs"][:2], row["runs"])
        # Other clips: all is run again.
        (self.clips / "meta.json").write_text(json.dumps({"stamp": "2"}))
        self.assertIn("0 of them found", self.run_table("--rows", "no-cpc", "--seeds", "0")[1])

    def test_a_run_that_fails_leaves_the_others(self):
        self.run_table("--rows", "codes-50", "--seeds", "0")
        bad = table.Row("bad", "bad", rows.ADVICE, ("train.batch=0",))
        rows.ROWS, kept = (*rows.ROWS, bad), rows.ROWS
        try:
            self.run_table("--rows", "bad codes-50", "--seeds", "0", "--jobs", "1",
                           status="(?s)unic-train failed with status 1: .*train.batch = 0 is out of range.*the command was")
        finally:
            rows.ROWS = kept
        self.assertIn("1 of them found finished", self.run_table("--rows", "codes-50", "--seeds", "0")[1])

    def test_validation_clips_alone_when_tuning(self):
        self.run_table("--tune", "--rows", "codes-25", "--seeds", "0", "--set", "code.count=10")
        found = json.loads((self.dir / "build/table/easy-tune/results.json").read_text())["rows"]["codes-25"]
        self.assertEqual(found["settings"], ["code.count=25", "code.count=10"])
        scores = {"acc", "soft", "loc", "other", "unaligned", "best"}
        self.assertEqual(set(found["mean"]) & scores, scores)
        self.assertTrue(all("valid" in score.test for score in table.VALID_SCORES))

    def test_the_curve_has_every_size(self):
        score = {"acc": {"image>speech": 0.5, "speech>image": 0.25}, "shared": 0.5, "perplexity": 9.0}
        row = {"runs": [{}], "mean": score, "deviation": score, "paper": None}
        page.write(self.dir, {"rows": {"unicode": row, "codes-25": row, "codes-800": row}})
        self.assertGreater((self.dir / page.PICTURE).stat().st_size, 5000)
        self.assertIn("| 800 codes | 1 | 50.0 | 25.0 | 50.0 | 9 |", (self.dir / "table.md").read_text())

    def test_every_row_is_a_config_that_can_be_trained(self):
        names = [row.name for row in rows.ROWS]
        self.assertEqual(len(set(names)), len(names))
        for row in rows.ROWS:
            text = rows.config_text(self.dir / "tiny.ini", [*row.settings, "train.epochs=1"])
            (self.dir / "row.ini").write_text(text)
            done = subprocess.run([BUILD / "bin/unic-train", "--config", self.dir / "row.ini", "--data",
                                   self.clips / "train.npz", "--out", self.dir / "row.npz", "--threads", "1"],
                                  capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, (row.name, done.stderr))

    def test_hard_clips(self):
        """Of other digits other pictures; in pre-training events that differ between modalities in a quarter of the
        clips, and come at another time in another."""
        rng = np.random.default_rng(0)
        cuts = hard_data.glyphs("DejaVu Sans")
        self.assertEqual(len({cut.tobytes() for cut in cuts.reshape(-1, 64 * 64)}), 10 * 4)
        paper = np.zeros((28, 28), np.float32)
        one, other = hard_data.printed(cuts[0, 0], paper, rng), hard_data.printed(cuts[0, 0], paper, rng)
        self.assertGreater(one.max(), 100)
        self.assertTrue((one != other).any() and (hard_data.degraded(one, rng) != one).any())
        kinds = []
        for _ in range(4000):
            events = hard_data.demo.unaligned_events(1, rng)[0]
            said = hard_data.varied(events, rng)
            self.assertTrue(all(0 <= start < end <= 10 and c < 20 for c, start, end in said))
            classes = [c for c, _, _ in said] == [c for c, _, _ in events]
            kinds.append("same" if said == events else "later" if classes else "differs")
        for kind, part in (("same", 0.5), ("later", 0.25), ("differs", 0.25)):
            self.assertAlmostEqual(kinds.count(kind) / len(kinds), part, delta=0.03)
        script = hard_data.write_script(hard_data.SPLITS["train"], Dealt(), Dealt(), rng)
        self.assertEqual(script.arrays["speech.step_labels"].shape, (3000, 10, 20))
        self.assertGreater((script.arrays["speech.step_labels"] != script.arrays["image.step_labels"]).any((1, 2)).mean(), 0.4)

    def test_hard_images_are_vectors(self):
        """The same numbers in the same order, and a config that takes them; the probe still finds their positions."""
        pictures = np.random.default_rng(0).normal(size=(4, 3, 2, 2, 64)).astype(np.float16)
        with zipfile.ZipFile(self.dir / "hard.npz", "w") as npz:
            hard_data.demo.write_array(npz, "image", pictures.shape, np.float16, [pictures[:2], pictures[2:]])
            hard_data.demo.write_array(npz, "speech", (4, 3, 5), np.float32, [np.zeros((4, 3, 5))])
        with np.load(self.dir / "hard.npz") as file:
            np.testing.assert_array_equal(file["image"], pictures.reshape(4, 3, 256))
            self.assertEqual(file["speech"].shape, (4, 3, 5))
        mean = probe.read(self.dir / "hard.npz", "image", False)
        np.testing.assert_allclose(mean, pictures.astype("f4").mean((2, 3)), rtol=1e-5, atol=1e-6)
        self.assertEqual(probe.read(self.dir / "hard.npz", "image", True).shape, (4, 3, 256))
        sys.argv = ["run.py", "--data", "hard", "--config", "recommended"]
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            table.main()
        self.assertIn("image.kind = vector\nimage.dims = 3136\n", printed.getvalue())

    def test_unknown_rows_are_named(self):
        _, said = self.run_table("--rows", "unicode nothing", status="2")
        self.assertIn("no row is called nothing; there are baseline, smit", said)


if __name__ == "__main__":
    unittest.main()
