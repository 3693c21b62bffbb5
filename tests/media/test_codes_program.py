#!/usr/bin/env python3
"""From media to codes by the programs alone: a model remembers its extractors, takes files, and refuses other features."""
import shutil
import sys
import unittest

import numpy as np
from program_help import BUILD, DECODES, ROOT, Program, write_png, write_wav

if not DECODES:
    print("skipped: tests/media/test_codes_program.py: no libunicode-media")
    sys.exit(0)

CONFIG = """
preset = small
code.dim = 16
code.count = 12
encoder.ff = 16
train.batch = 8
train.epochs = 1
"""
SOUND = ("--kind", "logmel", "bands=16", "parts=8")
CLIPS, COLOURS = 9, ("red", "blue", "green")


class Codes(Program):
    def setUp(self):
        """Three sounds with three words and three pictures, and a model of them."""
        super().setUp()
        (self.dir / "clips").mkdir()
        for i in range(CLIPS):
            write_wav(self.dir / f"clips/c{i}.wav", 3 + i % 2, seed=i, tone=200 * (1 + i % 3))
            (self.dir / f"clips/c{i}.txt").write_text(" ".join([COLOURS[i % 3]] * 3))
            write_png(self.dir / f"clips/c{i}.png", i % 3)
        self.wavs, self.txts, self.pngs = ([f"clips/c{i}.{kind}" for i in range(CLIPS)] for kind in ("wav", "txt", "png"))
        self.run_it(*SOUND, "--out", "f/sound", *self.wavs)
        self.run_it("--kind", "ngrams", "--out", "f/text", *self.txts)
        self.run_it("--kind", "patches", "channels=8", "--fit", "p.npz", "--out", "f/image", *self.pngs)
        (self.dir / "c.ini").write_text(CONFIG)
        self.train("--config", "c.ini", "--data", "f", "--out", "m.npz")

    def train(self, *arguments, status=0):
        return self.run_it(*arguments, "--threads", 1, program="unic-train", status=status)

    def encode(self, *arguments, status=0):
        return self.run_it("--model", "m.npz", *arguments, program="unic-encode", status=status)

    def test_the_model_remembers(self):
        said = self.run_it("m.npz", program="unic-inspect")
        for modality, kind in (("sound", "logmel"), ("text", "ngrams"), ("image", "patches")):
            self.assertRegex(said, rf"{modality}\.extractor = kind={kind} .* fingerprint=[0-9a-f]{{16}}\n")
        self.train("--resume", "--data", "f", "--out", "m.npz", "train.epochs=2")
        self.train("--from", "m.npz", "--data", "f", "--out", "m2.npz")
        self.assertIn("sound.extractor = kind=logmel", self.run_it("m2.npz", "--config", program="unic-inspect"))

    def test_codes_of_files_are_those_of_their_features(self):
        self.encode("--modality", "sound", "--vectors", "--out", "a.npz", "f")
        self.encode("--modality", "sound", "--vectors", "--out", "b.npz", *self.wavs)
        a, b = self.load("a.npz"), self.load("b.npz")
        for name in ("codes", "lengths", "fingerprint", "quantized", "semantic"):
            np.testing.assert_array_equal(a[name], b[name], name)
        self.assertEqual(sorted(set(a["lengths"])), [3, 4])
        said = self.encode("--extractor", "p.npz", "clips/c1.wav", "clips/c1.txt", "clips/c1.png")
        words = [line.split("\t") for line in said.splitlines()]
        self.assertEqual([line[:2] for line in words],
                         [["clips/c1.wav", "sound"], ["clips/c1.txt", "text"], ["clips/c1.png", "image"]])
        self.assertEqual(list(map(int, words[0][2].split())), a["codes"][1].tolist())
        self.assertEqual([len(line[2].split()) for line in words], [4, 3, 1])

    def test_other_features_are_refused(self):
        self.run_it("--kind", "logmel", "bands=32", "parts=4", "--out", "g/sound", *self.wavs)
        for name in ("text", "image"):
            shutil.copytree(self.dir / "f" / name, self.dir / "g" / name)
        both = r"the features in g/sound are of another extractor, .* bands=32 .*, than those of the model, .* bands=16 "
        (self.dir / "g/t.csv").write_text("video_id,category\n" + "".join(f"c{i},x\n" for i in range(CLIPS)))
        shutil.copy(self.dir / "g/t.csv", self.dir / "g/T.Csv")
        for path in ("g", "g/t.csv", "g/T.Csv", "g/sound/c1.npy"):
            self.assertRegex(self.encode("--modality", "sound", "--out", "a.npz", path, status=1), both)
        self.assertRegex(self.train("--resume", "--data", "g", "--out", "m.npz", "train.epochs=3", status=1), both)
        self.assertRegex(self.train("--config", "c.ini", "--data", "f", "--valid", "g", "--out", "n.npz", status=1), both)
        self.assertRegex(self.train("--from", "m.npz", "--config", "c.ini", "--data", "g", "--out", "n.npz", status=1),
                         r"the run has sound.extractor = kind=logmel .* bands=32 .*, but the model kind=logmel .* bands=16 ")
        np.savez(self.dir / "unknown.npz", sound=np.zeros((2, 3, 128), "f4"))      # which nobody has described
        self.encode("--modality", "sound", "--out", "a.npz", "unknown.npz")

    def test_extractors_with_weights(self):
        self.assertRegex(self.encode("--modality", "image", "clips/c1.png", status=1),
                         "m.npz: modality image has features of the extractor kind=patches .*, which has weights or was fitted: give its file with")
        self.run_it("--kind", "patches", "channels=8", "--fit", "q.npz", *self.pngs[:2])
        self.assertRegex(self.encode("--modality", "image", "--extractor", "q.npz", "clips/c1.png", status=1),
                         "m.npz: modality image has features of the extractor kind=patches .*; q.npz is another one: kind=patches ")
        said = self.encode("clips/c1.wav")
        self.assertIn("m.npz: modality image is left out: its extractor has weights or was fitted", said)
        self.assertRegex(said, r"clips/c1.wav\tsound\t\d+ ")
        one = self.encode("--modality", "image", "--extractor", "q.npz", "--extractor", "p.npz", "clips/c1.png")
        self.encode("--modality", "image", "--out", "a.npz", "f")
        self.assertEqual(one, f"clips/c1.png\timage\t{self.load('a.npz')['codes'][1, 0]}\n")

    def test_normalised_features(self):
        """What they are normalised by is a part of the extractor that a model remembers."""
        self.run_it(*SOUND, "--fit", "s.npz", "--out", "n/sound", *self.wavs)
        shutil.copytree(self.dir / "f/text", self.dir / "n/text")
        self.train("--config", "c.ini", "--data", "n", "--out", "m.npz")
        self.assertRegex(self.encode("--modality", "sound", "clips/c1.wav", status=1), "which has weights or was fitted: give its file")
        one = self.encode("--modality", "sound", "--extractor", "s.npz", "clips/c1.wav")
        self.encode("--modality", "sound", "--out", "a.npz", "n")
        a = self.load("a.npz")
        self.assertEqual(list(map(int, one.split("\t")[2].split())), a["codes"][1, :a["lengths"][1]].tolist())
        self.assertRegex(self.encode("--modality", "sound", "--out", "b.npz", "f", status=1), "the features in f/sound are of another")
        shutil.copytree(self.dir / "n/sound", self.dir / "l/sound")
        shutil.copytree(self.dir / "f/image", self.dir / "l/image")
        self.train("--config", "c.ini", "--data", "l", "--out", "l.npz")
        said = self.run_it("--model", "l.npz", "clips/c1.wav", program="unic-encode", status=1)
        self.assertEqual(said.count("is left out: its extractor"), 2)
        self.assertIn("l.npz: no modality is left; give their extractors' files", said)
        self.run_it(*SOUND, "--fit", "t.npz", *self.wavs[:2])
        self.assertRegex(self.encode("--modality", "sound", "--extractor", "t.npz", "clips/c1.wav", status=1), "t.npz is another one")

    def test_a_text_says_how(self):
        (self.dir / "e.ini").write_text("# how\nsound.kind = logmel\nsound.bands = 16\nsound.parts = 8\nimage.extractor = p.npz\n")
        said = self.encode("--extract", "e.ini", "clips/c1.wav", "clips/c1.png")
        self.assertEqual(len(said.splitlines()), 2)
        (self.dir / "e.ini").write_text("sound.kind = logmel\nsound.bands = 32\nsound.parts = 4\n")
        self.assertRegex(self.encode("--extract", "e.ini", "clips/c1.wav", status=1), "bands=16 .*; e.ini is another one: .* bands=32")
        for text, why in (("sound.bands = 16\n", "sound.kind or sound.extractor is missing"),
                          ("sound.kind = logmel\nsound.band = 3\n", "did you mean bands?"),
                          ("sound.extractor = p.npz\nsound.bands = 3\n", "names a file, which has its settings: bands=3")):
            (self.dir / "e.ini").write_text(text)
            self.assertIn(why, self.encode("--modality", "sound", "--extract", "e.ini", "clips/c1.wav", status=1))
        self.forget()
        self.assertIn("the model does not say how features are made", self.encode("clips/c1.wav", status=1))
        self.assertIn("does not say how the features of sound are made", self.encode("--modality", "sound", "clips/c1.wav", status=1))
        (self.dir / "e.ini").write_text("sound.kind = logmel\nsound.bands = 16\nsound.parts = 8\n")
        self.assertIn("\tsound\t", self.encode("--extract", "e.ini", "clips/c1.wav"))
        (self.dir / "e.ini").write_text("sound.kind = logmel\n")
        self.assertIn("e.ini: its extractor's features have other dims than the model's modality sound",
                      self.encode("--extract", "e.ini", "clips/c1.wav", status=1))

    def forget(self):
        """The same model, of features that nobody has described."""
        for path in self.dir.glob("f/*/extract.ini"):
            path.unlink()
        self.train("--config", "c.ini", "--data", "f", "--out", "m.npz")

    def test_files_of_which_nothing_comes(self):
        write_wav(self.dir / "short.wav", 0.5)
        (self.dir / "words.mp4").write_text("no film")
        sound = ("--modality", "sound")
        self.assertIn("its sound lasts 0.5 s", self.encode("short.wav", status=1))
        self.assertIn("words.mp4: no film", self.encode("words.mp4", status=1))
        self.encode(*sound, "--out", "a.npz", "clips/c1.wav", "short.wav", status=1)
        self.assertFalse((self.dir / "a.npz").exists())
        self.encode(*sound, "--skip-damaged", "--out", "a.npz", "words.mp4", "short.wav", "clips/c1.wav")
        self.assertEqual(self.load("a.npz")["lengths"].tolist(), [0, 0, 4])
        self.assertIn("nothing came of any of the 1 files", self.encode(*sound, "--skip-damaged", "--out", "b.npz", "short.wav", status=1))
        self.assertEqual(self.left(), [])
        self.assertIn("c1.png holds nothing that a modality", self.encode("--extract", self.sound_alone(), "clips/c1.png", status=1))

    def test_suffixes_in_capitals(self):
        (self.dir / "texts").mkdir()
        for name in ("a.TXT", "b.txt", "c.Txt"):
            (self.dir / "texts" / name).write_text("red red red")
        self.assertRegex(self.encode("--modality", "text", "--out-dir", "words", "texts"), "encoded here +3 +3 ")
        lines = [self.encode(f"texts/{name}").split("\t")[1:] for name in ("a.TXT", "b.txt", "c.Txt")]
        self.assertEqual(lines[0][0], "text")
        self.assertEqual(lines, lines[:1] * 3)

    def test_what_is_no_medium(self):
        """Files of features of other kinds are named as what they are, and lists of texts are no text."""
        for suffix in ("tab", "json", "JSONL", "ndjson"):
            (self.dir / f"list.{suffix}").write_text('{"id": 1, "text": "red"}\n')
            for modality in (["--modality", "text"], ["--modality", "sound", "--out", "a.npz"], ["--modality", "image"], []):
                self.assertIn(f"list.{suffix}: texts are encoded from .txt files, one a clip, and features from an npz, a folder or a table "
                              "of clips; of a .tsv of texts unic-extract makes features",
                              self.encode(*modality, f"list.{suffix}", status=1))
        said = self.encode("--modality", "text", "--out-dir", "words", "list.json", "clips/c1.txt", status=1)
        self.assertRegex(said, "(?s)encoded here +1 .*failed +1 .*list.json: texts are encoded")
        self.assertIn("list.json: no output was made of it", said)
        files = {"an HDF5 file": (b"\x89HDF\r\n\x1a\n", "h5 hdf5 HDF5"), "a MATLAB file": (b"MATLAB 5.0 MAT-file", "mat"),
                 "a Parquet file": (b"PAR1", "parquet"), "an Arrow or Feather file": (b"ARROW1\0\0", "arrow feather"),
                 "a pickle": (b"\x80\x04K\x01.", "pkl pickle p joblib"), "a compressed file": (b"\x1f\x8b\x08", "npz.gz tar.gz tgz")}
        self.forget()
        for kind, (begin, suffixes) in files.items():
            for suffix in suffixes.split():
                (self.dir / f"x.{suffix}").write_bytes(begin.ljust(600, b"\0"))
                said = self.encode("--modality", "sound", "--out", "a.npz", f"x.{suffix}", status=1)
                self.assertIn(f"x.{suffix}: is {kind}", said)
        for suffix in ("tar", "tfrecord", "ckpt"):
            (self.dir / f"x.{suffix}").write_bytes(bytes(600))
            said = self.encode("--modality", "sound", "--out", "a.npz", f"x.{suffix}", status=1)
            self.assertIn(f"unic_dataset_open: x.{suffix}: ", said)

    def test_an_output_for_each_file(self):
        """Of a directory, those files that the modality is made of; a file of which nothing comes is told."""
        sound = ("--modality", "sound", "--vectors")
        said = self.encode(*sound, "--out-dir", "codes", "clips")
        self.assertRegex(said, rf"encoded here +{CLIPS} +{CLIPS} +\d+ ")
        for i in range(CLIPS):
            self.encode(*sound, "--out", "one.npz", f"clips/c{i}.wav")
            self.assertEqual((self.dir / f"codes/c{i}.wav.npz").read_bytes(), (self.dir / "one.npz").read_bytes())
        self.assertEqual(len(list((self.dir / "codes").iterdir())), CLIPS + 2)    # encode.ini, sources.tsv
        self.assertRegex(self.encode("--modality", "text", "--out-dir", "words", "clips"), rf"encoded here +{CLIPS} +{CLIPS} ")
        write_wav(self.dir / "clips/d.wav", 0.5)
        said = self.encode(*sound, "--out-dir", "codes", "clips", status=1)
        self.assertRegex(said, rf"there, or by others +{CLIPS} ")
        self.assertIn("clips/d.wav: no output was made of it", said)
        self.assertRegex(self.encode(*sound, "--out-dir", "codes", "--skip-damaged", "clips"), "passed over +1 ")
        self.assertIn('were made with "vectors = yes", and these would be with "vectors = no"',
                      self.encode("--modality", "sound", "--out-dir", "codes", "clips", status=1))
        shutil.copy(self.dir / "f/sound/c1.npy", self.dir / "c1.npy")   # features and films side by side, if they are named
        said = self.encode(*sound, "--out-dir", "both", "clips/c1.wav", "c1.npy")
        self.assertRegex(said, "encoded here +2 +2 ")
        np.testing.assert_array_equal(self.load("both/c1.npy.npz")["codes"], self.load("both/c1.wav.npz")["codes"])
        self.assertEqual(self.left(), [])

    def sound_alone(self):
        """A model that only knows how its sound is made."""
        self.forget()
        (self.dir / "s.ini").write_text("sound.kind = logmel\nsound.bands = 16\nsound.parts = 8\n")
        return "s.ini"

    def test_wrong_usage(self):
        for arguments in (["clips/c1.wav", "m.npz"], ["--out", "a.npz", "clips/c1.wav"], ["f"], ["--modality", "sound", "f"],
                          ["--modality", "sound", "--vectors", "clips/c1.wav"]):
            self.encode(*arguments, status=2)
        self.assertIn("taste", self.encode("--modality", "taste", "clips/c1.wav", status=1))
        self.assertIn("none.mp4: No such file", self.encode("clips/c1.wav", "none.mp4", status=1))
        self.assertIn("if clips holds films, name the files", self.encode("clips", status=2))

    def test_inspect(self):
        said = self.run_it("clips/c1.wav", program="unic-inspect")
        self.assertRegex(said, r"clips/c1.wav: wav, 0:04\n\nstream +codec +seconds +holds\nsound +pcm_s16le +4.000 +16000 Hz, 1 channel\n")
        self.assertRegex(self.run_it("clips/c1.png", program="unic-inspect"), r"frames +png +0.000 +56 x 56, a picture")
        (self.dir / "words.mp4").write_text("no film")
        said = self.run_it("words.mp4", program="unic-inspect", status=1)
        self.assertIn("and no film (words.mp4: no film, sound or picture", said)
        self.assertIn("is no model", said)


if __name__ == "__main__":
    unittest.main()
