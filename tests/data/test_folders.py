#!/usr/bin/env python3
"""Directories, tables and HDF5 as Python's own tools write them, read by the programs."""
import os
import pathlib
import pickle
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "bin"
CLIPS, T, CLASSES = 24, 4, 3
DIMS = {"audio": (6,), "video": (5, 5, 2)}
CONFIG = """
code.dim = 8
code.count = 10
encoder.layers = 1
encoder.heads = 2
encoder.ff = 8
club.width = 8
train.batch = 8
train.length = 4
train.epochs = 1
"""


def run(program, *args, status=0):
    done = subprocess.run([BIN / program, *map(str, args)], text=True, capture_output=True, timeout=300)
    assert done.returncode == status, (program, args, done.returncode, done.stdout, done.stderr)
    return done


def write_zip(path, array, protocol):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(path.stem + ".pkl", pickle.dumps(array, protocol=protocol))


class Folders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        rng = np.random.default_rng(0)
        cls.label = rng.integers(0, CLASSES, CLIPS)
        cls.data = {name: rng.standard_normal((CLIPS, T, *dims)).astype(np.float32) for name, dims in DIMS.items()}
        np.savez(cls.dir / "all.npz", label=cls.label, **cls.data)
        for kind in ("arrays", "npy", "zip"):
            (cls.dir / kind).mkdir()
        np.save(cls.dir / "arrays/label.npy", cls.label)
        np.save(cls.dir / "npy/label.npy", cls.label)
        for name, x in cls.data.items():
            np.save(cls.dir / "arrays" / f"{name}.npy", x.astype(np.float64))
            (cls.dir / "npy" / name).mkdir()
            (cls.dir / "zip" / name).mkdir()
            for i, clip in enumerate(x):
                np.save(cls.dir / f"npy/{name}/{i:03}.npy", np.asfortranarray(clip) if i % 2 else clip)
                write_zip(cls.dir / f"zip/{name}/{i:03}.zip", clip.astype(np.float64 if i % 2 else np.float32), i % 6)
        rows = [f"{i:03},class {c},{'test' if i % 3 == 0 else 'train'}\n" for i, c in enumerate(cls.label)]
        (cls.dir / "zip/list.csv").write_text("video_id,category,split\n" + "".join(rows))
        (cls.dir / "config.ini").write_text(CONFIG)
        run("unic-train", "--config", cls.dir / "config.ini", "--data", cls.dir / "all.npz", "--out", cls.dir / "m.npz",
            "--threads", 1)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def encode(self, *inputs, modality="audio"):
        out = self.dir / "codes.npz"
        run("unic-encode", "--model", self.dir / "m.npz", "--modality", modality, "--out", out, *inputs)
        return dict(np.load(out))

    def test_every_layout_gives_the_same_codes(self):
        for modality in DIMS:
            expected = self.encode(self.dir / "all.npz", modality=modality)
            for kind in ("arrays", "npy", "zip", "zip/list.csv"):
                got = self.encode(self.dir / kind, modality=modality)
                np.testing.assert_array_equal(got["codes"], expected["codes"], kind)
                self.assertEqual("label" in got, kind != "zip")
                if kind != "zip":
                    np.testing.assert_array_equal(got["label"], expected["label"], kind)

    def test_vectors_keep_their_lengths(self):
        steps = np.arange(CLIPS) % T + 1
        np.savez(self.dir / "short.npz", **{"audio": self.data["audio"], "audio.lengths": steps})
        run("unic-encode", "--model", self.dir / "m.npz", "--modality", "audio", "--vectors", "--out",
            self.dir / "vectors.npz", self.dir / "short.npz")
        told = run("unic-inspect", self.dir / "vectors.npz")
        self.assertNotIn("is not read", told.stdout + told.stderr)
        self.assertRegex(told.stdout, rf"\b{steps.sum()}\b")

    def test_what_would_be_left_out_is_refused(self):
        """A clip or a modality whose name or whose link keeps it from being read."""
        def refused(folder, says, *paths):
            told = run("unic-inspect", self.dir / folder, status=1).stderr
            self.assertIn(says, told)
            for path in paths:
                path.unlink()
            run("unic-inspect", self.dir / folder)

        shutil.copytree(self.dir / "npy", self.dir / "odd")
        shutil.copytree(self.dir / "zip", self.dir / "odd zip")
        shutil.copytree(self.dir / "arrays", self.dir / "odd arrays")
        for name in ("more.NPY", "more.Npy"):
            (self.dir / "odd/audio" / name).write_bytes((self.dir / "odd/audio/000.npy").read_bytes())
            refused("odd", f"odd/audio/{name}: a name that ends with .npy, in small letters, expected",
                    self.dir / "odd/audio" / name)
        (self.dir / "odd zip/video/more.ZIP").write_bytes((self.dir / "zip/video/000.zip").read_bytes())
        refused("odd zip", "odd zip/video/more.ZIP: a name that ends with .zip, in small letters, expected",
                self.dir / "odd zip/video/more.ZIP")
        np.save(self.dir / "odd arrays/speech.npy", self.data["audio"])
        (self.dir / "odd arrays/speech.npy").rename(self.dir / "odd arrays/speech.NPY")
        refused("odd arrays", "odd arrays/speech.NPY: a name that ends with .npy", self.dir / "odd arrays/speech.NPY")
        for target in ("/nowhere/speech", "speech"):
            (self.dir / "odd/speech").symlink_to(target)
            says = "is a symbolic link to what is not there" if target != "speech" else "symbolic links"
            refused("odd", says, self.dir / "odd/speech")

    def test_files_of_clips(self):
        files = sorted((self.dir / "zip/audio").iterdir())
        expected = self.encode(self.dir / "all.npz")
        np.testing.assert_array_equal(self.encode(*files)["codes"], expected["codes"])
        message = run("unic-inspect", files[0], status=1).stderr
        self.assertIn("is one clip of one modality", message)

    def test_a_split_of_a_table(self):
        expected = self.encode(self.dir / "all.npz")
        got = self.encode(f"{self.dir}/zip/list.csv:test")
        np.testing.assert_array_equal(got["codes"], expected["codes"][::3])
        np.testing.assert_array_equal(got["label"], expected["label"][::3])
        done = run("unic-eval", "--model", self.dir / "m.npz", "--train", f"{self.dir}/zip/list.csv:train", "--test",
                   f"{self.dir}/zip/list.csv:test")
        self.assertIn("audio>video", done.stdout)

    def test_training_from_a_directory_is_training_from_the_npz(self):
        for kind in ("arrays", "npy", "zip"):
            run("unic-train", "--config", self.dir / "config.ini", "--data", self.dir / kind, "--out",
                self.dir / "n.npz", "--threads", 1)
            self.assertEqual((self.dir / "n.npz").read_bytes(), (self.dir / "m.npz").read_bytes(), kind)

    def test_clips_that_are_too_long(self):
        folder = self.dir / "long"
        for name, x in self.data.items():
            (folder / name).mkdir(parents=True)
            for i, clip in enumerate(x[:8]):
                np.save(folder / name / f"{i}.npy", np.concatenate([clip, clip]))
        arguments = ("--config", self.dir / "config.ini", "--data", folder, "--out", self.dir / "n.npz")
        message = run("unic-train", *arguments, status=1).stderr
        self.assertIn("clips of 8 steps, but train.length is 4: give --set train.length=8, or --cut", message)
        message = run("unic-train", *arguments, "--cut").stderr
        self.assertIn('modality "video": 8 clips of more than 4 steps were cut', message)

    def test_damage(self):
        folder = self.dir / "damaged"
        (folder / "audio").mkdir(parents=True)
        for i in range(3):
            np.save(folder / f"audio/{i}.npy", self.data["audio"][i])
        (folder / "audio/1.npy").write_bytes(b"nothing")
        arguments = ("--model", self.dir / "m.npz", "--modality", "audio", "--out", self.dir / "d.npz", folder)
        self.assertIn("audio/1.npy: is no npy array", run("unic-encode", *arguments, status=1).stderr)
        done = run("unic-encode", *arguments, "--skip-damaged")
        self.assertRegex(done.stderr, "skipped: .*audio/1.npy")
        self.assertEqual(list(np.load(self.dir / "d.npz")["lengths"]), [T, 0, T])

    def test_hdf5(self):
        script = ROOT / "examples/tools/h5_to_npz.py"
        try:
            import h5py
        except ImportError:
            done = subprocess.run([sys.executable, script], text=True, capture_output=True)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("install the package python3-h5py", done.stderr)
            return
        events = np.zeros((CLIPS, T, CLASSES + 1))
        events[:, 0, -1] = 1
        events[np.arange(CLIPS)[:, None], np.arange(1, T)[None], self.label[:, None]] = 1
        order = np.arange(CLIPS)[::-2]
        for name, array in {**self.data, "labels": events, "order": order}.items():
            with h5py.File(self.dir / f"{name}.h5", "w") as file:
                file["avadataset"] = array
        out = self.dir / "h5.npz"
        command = [sys.executable, script, "--out", out, "--labels", self.dir / "labels.h5", "--order",
                   f"{self.dir}/order.h5:avadataset", *(f"{name}={self.dir}/{name}.h5" for name in DIMS)]
        subprocess.run(command, check=True, capture_output=True)
        got = np.load(out)
        for name, x in self.data.items():
            np.testing.assert_array_equal(got[name], x[order])
        np.testing.assert_array_equal(got["label"], self.label[order])
        np.testing.assert_array_equal(got["video.step_labels"][:, 0], CLASSES)
        np.testing.assert_array_equal(got["video.step_labels"][:, 1], self.label[order])
        np.testing.assert_array_equal(self.encode(out)["codes"], self.encode(self.dir / "all.npz")["codes"][order])

        # a step without a mark has no class; what is no label, or no place in an order, is refused
        def convert(name, array):
            with h5py.File(self.dir / f"{name}.h5", "w") as file:
                file["avadataset"] = array
            return subprocess.run(command, text=True, capture_output=True).stderr
        bare = events.copy()
        bare[order[0], 0] = 0
        bare[order[0], 1, -1] = 0.5
        said = convert("labels", bare)
        self.assertIn(f"1 of {len(order) * T} steps have no class, nor the background", said)
        self.assertIn(f"1 of {len(order) * T} steps have several classes: the largest is taken", said)
        np.testing.assert_array_equal(np.load(out)["video.step_labels"][0, :2], [-1, self.label[order[0]]])
        for wrong in (np.where(events > 0, events, np.nan), -events, np.full(events.shape, b"x")):
            self.assertIn("labels.h5: holds what is no number, NaN or a number below 0", convert("labels", wrong))
        self.assertNotIn("holds", convert("labels", events))
        for wrong in (order + 0.5, order - CLIPS, np.full(2, np.nan), np.full(2, b"x"), order[:0]):
            self.assertIn(f"order.h5:avadataset: whole numbers in 0..{CLIPS - 1} expected", convert("order", wrong))
        self.assertEqual(convert("order", order.astype("f4")), "")

        # features that are none; one that cannot be read to its end leaves the file as it was
        before, video = out.read_bytes(), self.data["video"]
        for wrong, words in ((np.full(3, b"x"), "video: is [3], [N,T,...] expected"), (video[:0], "and no dim of 0"),
                             (video.astype("c8"), "video: is of the type complex64, real numbers expected")):
            command.append(command.pop(command.index(f"video={self.dir}/video.h5")))
            only = [word for word in command if word != f"audio={self.dir}/audio.h5"]
            with h5py.File(self.dir / "video.h5", "w") as file:
                file["avadataset"] = wrong
            done = subprocess.run(only, text=True, capture_output=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)
            self.assertNotIn("Traceback", done.stderr)
            self.assertEqual(out.read_bytes(), before)
        with h5py.File(self.dir / "video.h5", "w") as file:
            file.create_dataset("avadataset", data=video, chunks=(1, *video.shape[1:]), compression="gzip", fletcher32=True)
            file["avadataset"].id.write_direct_chunk((int(order[-1]),) + (0,) * (video.ndim - 1), b"no gzip")
        done = subprocess.run(command, text=True, capture_output=True)
        self.assertEqual((done.returncode, done.stderr.count("\n"), out.read_bytes() == before), (1, 1, True), done.stderr)
        self.assertFalse(list(self.dir.glob("*.part")))
        with h5py.File(self.dir / "video.h5", "w") as file:
            file["features/rgb"] = video
            file["features/flow"] = video
        self.assertIn("has the datasets ['features/flow', 'features/rgb']; name one", subprocess.run(command, text=True, capture_output=True).stderr)
        with h5py.File(self.dir / "video.h5", "w") as file:
            file["features/rgb"] = video
        subprocess.run(command, check=True, capture_output=True)
        np.testing.assert_array_equal(np.load(out)["video"], video[order])

        # links: to another file, to a group, by a second name, and one to nothing beside the dataset
        (self.dir / "video.h5").rename(self.dir / "real.h5")
        argument = f"video={self.dir}/video.h5"
        for links, name in (({"x": h5py.ExternalLink("real.h5", "/features/rgb")}, ""),
                            ({"x": h5py.ExternalLink("real.h5", "/features/rgb")}, ":x"),
                            ({"g/rgb": video, "x": h5py.SoftLink("/g/rgb"), "y": h5py.SoftLink("/nowhere")}, ""),
                            ({"g/rgb": video, "x": h5py.SoftLink("/g/rgb")}, ":x"),
                            ({"g/rgb": video, "x": h5py.SoftLink("/g")}, ":/x/rgb")):
            out.unlink()
            with h5py.File(self.dir / "video.h5", "w") as file:
                for key, item in links.items():
                    file[key] = item
            subprocess.run([word + name if word == argument else word for word in command], check=True, capture_output=True)
            np.testing.assert_array_equal(np.load(out)["video"], video[order])

        # whole clips' labels, mil_labels.h5: [N,C], the background last; a clip of background alone has none
        whole = np.eye(CLASSES + 1)[self.label]
        whole[1] = np.eye(CLASSES + 1)[CLASSES]
        with h5py.File(self.dir / "mil_labels.h5", "w") as file:
            file["avadataset"] = whole
        command[command.index("--labels") + 1] = self.dir / "mil_labels.h5"
        subprocess.run(command, check=True, capture_output=True)
        got = np.load(out)
        np.testing.assert_array_equal(got["label"], np.where(np.arange(CLIPS) == 1, -1, self.label)[order])
        self.assertFalse([name for name in got if name.endswith("step_labels")])
        with h5py.File(self.dir / "mil_labels.h5", "w") as file:
            file["avadataset"] = whole[:, :1]
        done = subprocess.run(command, text=True, capture_output=True)
        self.assertIn(f"is [{CLIPS}, 1], [{CLIPS},{T},C] or [{CLIPS},C] expected", done.stderr)

        # and what is said where one is given to a program
        message = run("unic-inspect", self.dir / "mil_labels.h5", status=1).stderr
        self.assertIn("mil_labels.h5: is an HDF5 file; h5_to_npz.py", message)
        (self.dir / "only").mkdir()
        (self.dir / "mil_labels.h5").rename(self.dir / "only/audio.h5")
        message = run("unic-train", "--config", self.dir / "config.ini", "--data", self.dir / "only", "--out",
                      self.dir / "n.npz", status=1).stderr
        self.assertIn("audio.h5 is an HDF5 file; h5_to_npz.py", message)


if __name__ == "__main__":
    unittest.main()
