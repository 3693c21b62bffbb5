#!/usr/bin/env python3
"""What the programs refuse, each in a sentence that names the file and what is expected; nothing is written then."""
import gzip
import os
import pathlib
import pickle
import subprocess
import tempfile
import unittest
import wave

import numpy as np

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
CONFIG = """
code.dim = 8
code.count = 6
encoder.layers = 1
encoder.heads = 2
encoder.ff = 8
club.width = 8
club.layers = 2
club.steps = 1
train.batch = 8
train.length = 4
train.epochs = 1
"""


class Refused(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        rng = np.random.default_rng(1)
        np.savez(cls.dir / "d.npz", sound=rng.standard_normal((8, 4, 5)).astype("f4"), touch=rng.standard_normal((8, 4, 3)).astype("f4"),
                 label=np.arange(8, dtype="i4") % 2)
        (cls.dir / "c.ini").write_text(CONFIG)
        done = cls.run_program("unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "m.npz", "--threads", 1)
        assert done.returncode == 0, done.stderr
        with wave.open(str(cls.dir / "short.wav"), "wb") as out:
            out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
            out.writeframes(rng.integers(-9000, 9000, 800).astype("<i2").tobytes())

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_program(cls, name, *words, **keywords):
        return subprocess.run([BUILD / "bin" / name, *map(str, words)], cwd=cls.dir, text=True, stderr=subprocess.PIPE, timeout=60,
                              stdout=keywords.pop("stdout", subprocess.PIPE), **keywords)

    def refuses(self, says, name, *words, **keywords):
        before = sorted(self.dir.rglob("*"))
        done = self.run_program(name, *words, **keywords)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(says, done.stderr)
        self.assertTrue(done.stderr.splitlines()[-1].startswith(f"{name}: "), done.stderr)
        self.assertEqual(sorted(self.dir.rglob("*")), before)

    def encode(self, *words):
        return ("unic-encode", "--model", "m.npz", "--modality", "sound", *words)

    def test_inputs_of_one_output(self):
        for folder in ("a", "b"):
            (self.dir / folder).mkdir()
            np.savez(self.dir / folder / "x.npz", sound=np.zeros((1, 4, 5), "f4"))
        self.refuses("a/x.npz and b/x.npz would both be written to out/x.npz", *self.encode("--out-dir", "out", "a/x.npz", "b/x.npz"))

    def test_a_folder_of_both_kinds(self):
        (self.dir / "both").mkdir()
        np.savez(self.dir / "both/x.npz", sound=np.zeros((1, 4, 5), "f4"))
        (self.dir / "both/y.wav").write_bytes((self.dir / "short.wav").read_bytes())
        self.refuses("both has 1 npz files and 1 films, sounds, pictures or texts: give those that are meant",
                     *self.encode("--out-dir", "out", "both"))

    def test_a_folder_in_itself(self):
        (self.dir / "round").mkdir()
        (self.dir / "round/again").symlink_to(".")
        self.refuses("more than 32 directories deep", *self.encode("--out-dir", "out", "round"))

    def test_a_table_for_a_model(self):
        (self.dir / "t.csv").write_text("id\na\n")
        self.refuses("t.csv is a table of clips, a model expected", "unic-inspect", "t.csv", "--config")
        self.refuses("t.csv is a table of clips, a model expected", "unic-inspect", "t.csv", "--data", "d.npz")

    def test_a_text_of_wide_characters(self):
        for name, code in (("wide.ini", "utf-16-le"), ("big.ini", "utf-16-be"), ("wider.ini", "utf-32-le"), ("widest.ini", "utf-32-be")):
            (self.dir / name).write_bytes(("\ufeff" + CONFIG).encode(code))
            done = self.run_program("unic-train", "--config", name, "--data", "d.npz", "--out", "n.npz")
            self.assertEqual(done.returncode, 1)
            self.assertIn("is a text of 16 or 32 bits a character (UTF-16, UTF-32), UTF-8 expected", done.stderr)
            self.assertFalse((self.dir / "n.npz").exists())
            (self.dir / f"unmarked-{name}").write_bytes(CONFIG.encode(code))
            self.refuses("is a text of 16 or 32 bits a character (UTF-16, UTF-32), UTF-8 expected", "unic-train", "--config",
                         f"unmarked-{name}", "--data", "d.npz", "--out", "n.npz")
        for name in ("unmarked-wide.ini", "unmarked-widest.ini"):
            self.refuses(f"{name} is a text of 16 or 32 bits a character", "unic-eval", "--model", "m.npz", "--train", "d.npz", "--test",
                         "d.npz", "--classes", name)
        self.refuses("wide.ini is a text of 16 or 32 bits a character (UTF-16, UTF-32), but a list of classes must be UTF-8", "unic-eval", "--model",
                     "m.npz", "--train", "d.npz", "--test", "d.npz", "--classes", "wide.ini")

    def test_what_is_given_for_a_text(self):
        for contents, kind in ((gzip.compress(CONFIG.encode()), "a compressed file"), ((self.dir / "m.npz").read_bytes(), "a zip file"),
                               (b"PAR1" + bytes(200000), "a Parquet file"), (pickle.dumps({"id": 1}), "a pickle"),
                               (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS")):
            for name in ("x.ini", "x.csv"):
                (self.dir / name).write_bytes(contents)
            self.refuses(f"x.ini: is {kind}", "unic-train", "--config", "x.ini", "--data", "d.npz", "--out", "n.npz")
            self.refuses(f"x.csv: is {kind}", "unic-inspect", "x.csv")
            self.refuses("a table of clips expected, which is a text", "unic-inspect", "x.csv")
        (self.dir / "x.csv").write_text("BZh,video_id\n0,a\n")  # a text, whatever it begins with
        self.refuses("no modality; directories", "unic-inspect", "x.csv")

    def test_a_modality_with_a_blank(self):
        x = np.ones((20, 2, 3), "f4")
        np.savez(self.dir / "blank.npz", **{"my sound": x, "touch": x})
        self.refuses('modality "my sound" has a blank in its name', "unic-train", "--config", "c.ini", "--data", "blank.npz", "--out", "n.npz")

    def test_modalities_without_end(self):
        words = "unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "n.npz", "--set"
        self.refuses("modalities", *words, "modalities=" + " ".join(f"m{i}" for i in range(100)))
        self.refuses("modalities", *words, "modalities=" + "x" * 5000)

    def test_a_pipe_that_nobody_reads(self):
        with open("/dev/full", "w") as full:
            self.refuses("cannot write to standard output: No space left on device", "unic-inspect", "m.npz", stdout=full)

    def test_a_folder_that_cannot_be_made(self):
        (self.dir / "file").touch()
        self.refuses("cannot make the directory file/out: Not a directory", *self.encode("--out-dir", "file/out", "d.npz"))
        if os.geteuid():
            (self.dir / "closed").mkdir(mode=0)
            self.refuses("cannot read the directory closed: Permission denied", *self.encode("--out-dir", "out", "closed"))

    def test_step_labels_of_another_rank(self):
        np.savez(self.dir / "ranks.npz", sound=np.zeros((2, 4, 5), "f4"), touch=np.zeros((2, 4, 3), "f4"),
                 **{"sound.step_labels": np.zeros((2, 4), "i4"), "touch.step_labels": np.zeros((2, 4, 2), "i4")})
        self.refuses("ranks.npz: touch.step_labels are [N,T,C], a 0 or 1 for each class, but sound.step_labels are [N,T], one class a step: one "
                     "kind is expected in both", "unic-eval", "--model", "m.npz", "--train",
                     "ranks.npz", "--test", "ranks.npz", "--task", "localise")

    def test_ranks_without_their_library(self):
        """Beside the program, and beside the library that it finds."""
        (self.dir / "bin").mkdir()
        for path in [BUILD / "bin/unic-train", *BUILD.glob("libunicode.so*")]:
            (self.dir / "bin" / path.name).write_bytes(path.read_bytes())
        (self.dir / "bin/unic-train").chmod(0o755)
        done = subprocess.run([self.dir / "bin/unic-train", "--mpi", "--config", "c.ini", "--data", "d.npz", "--out", "n.npz"], cwd=self.dir,
                              env={**os.environ, "LD_LIBRARY_PATH": str(self.dir / "bin")}, text=True, capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("--mpi needs libunicode-mpi, which cannot be loaded: ", done.stderr)


if __name__ == "__main__":
    unittest.main()
