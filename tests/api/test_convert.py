#!/usr/bin/env python3
"""unic-convert, and CMG checkpoints in the other programs: files read back by their formats' specifications."""
import json
import os
import pathlib
import pickle
import subprocess
import tempfile
import unittest
import zipfile

import numpy as np

BIN = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "bin"
CMG = pathlib.Path(__file__).parents[1] / "cmg" / "fixtures"
SAMPLE = pathlib.Path("../shared/cmg-sample")
HEADS = {"av": [], "at": ["--set", "encoder.heads=2"], "avt": []}
MODALITIES = {"av": ["audio", "video"], "at": ["audio", "text"], "avt": ["audio", "video", "text"]}


def run(program, *args, status=0):
    done = subprocess.run([BIN / program, *map(str, args)], text=True, capture_output=True, timeout=300)
    assert done.returncode == status, (program, args, done.returncode, done.stdout, done.stderr)
    return done


def read_safetensors(path):
    """Its metadata and tensors; every rule of the format is checked."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header_text, elements = data[8 : 8 + size], data[8 + size :]
    assert header_text[:1] == b"{" and (8 + size) % 8 == 0 and len(header_text) == size
    pairs = json.loads(header_text, object_pairs_hook=lambda items: items)
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names)
    header = json.loads(header_text)
    metadata = header.pop("__metadata__")
    assert all(isinstance(text, str) for text in metadata.values())
    tensors, end = {}, 0
    for name, about in header.items():
        assert set(about) == {"dtype", "shape", "data_offsets"} and about["dtype"] == "F32"
        first, last = about["data_offsets"]
        assert first == end and last - first == 4 * int(np.prod(about["shape"])), name  # no gaps
        tensors[name] = np.frombuffer(elements[first:last], "<f4").reshape(about["shape"])
        end = last
    assert end == len(elements)
    return metadata, tensors


class Convert(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.expected = np.load(CMG / "expected.npz")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def check_no_leftovers(self):
        self.assertEqual([p.name for p in self.dir.iterdir() if p.suffix not in (".npz", ".safetensors", ".jsonl", ".ini")], [])

    def encode(self, model, name, modality, *more):
        """The codes and vectors of the expected inputs."""
        data, out = self.dir / "data.npz", self.dir / "codes.npz"
        np.savez(data, **{modality: self.expected[f"{name}/{modality}/input"]})
        run("unic-encode", "--model", model, "--modality", modality, "--vectors", "--out", out, *more, data)
        with np.load(out) as z:
            return z["codes"], z["semantic"]

    def check_codes(self, model, name, *more):
        for modality in MODALITIES[name]:
            codes, semantic = self.encode(model, name, modality, *more)
            np.testing.assert_array_equal(codes, self.expected[f"{name}/{modality}/codes"])
            np.testing.assert_allclose(semantic, self.expected[f"{name}/{modality}/semantic"], rtol=0, atol=1e-4)

    # ---- formats ----

    def test_a_converted_model_encodes_as_pytorch_did(self):
        for name, heads in HEADS.items():
            out = self.dir / f"{name}.npz"
            # their batches are of 10 steps, whose padding is real: the 3 of the fixtures are all there are
            done = run("unic-convert", CMG / f"{name}.pt", out, *heads, "--set", "train.length=3")
            self.assertEqual(done.stdout, f"written: {out}\n")
            self.assertIn("assumed", done.stderr)
            self.check_codes(out, name)
            self.check_codes(CMG / f"{name}.pt", name, *heads, "--set", "train.length=3")
        self.check_no_leftovers()

    def test_settings_override(self):
        codes, semantic = self.encode(CMG / "at.pt", "at", "audio", "--set", "train.length=3")
        self.assertGreater(np.abs(semantic - self.expected["at/audio/semantic"]).max(), 1e-3)  # four heads, not two
        done = run("unic-convert", CMG / "at.pt", self.dir / "set.npz", "--set", "encoder.heads=1", "--set", "encoder.heads=2", "--set", "ema.decay=0.5")
        self.assertNotIn("encoder.heads", done.stderr)
        config = run("unic-inspect", self.dir / "set.npz", "--config").stdout
        self.assertIn("\nencoder.heads = 2\n", config)  # the last one counts
        self.assertIn("\nema.decay = 0.5\n", config)
        self.assertIn("\nbehaviour = compat\n", "\n" + config)

    def test_safetensors_has_what_inference_needs(self):
        for name, heads in HEADS.items():
            model, out, again = (self.dir / f"{name}.{end}" for end in ("npz", "safetensors", "again.safetensors"))
            run("unic-convert", CMG / f"{name}.pt", model, *heads)
            run("unic-convert", CMG / f"{name}.pt", out, *heads)
            run("unic-convert", model, again)
            self.assertEqual(out.read_bytes(), again.read_bytes())
            metadata, tensors = read_safetensors(out)
            self.assertEqual(metadata["config"], run("unic-inspect", model, "--config").stdout)
            with np.load(model) as z:
                wanted = {k: z[k] for k in z.files if k != "config.txt" and not k.startswith("codebook.")}
                wanted["codebook.embedding"] = z["codebook.embedding"]
            self.assertEqual(set(tensors), set(wanted))
            for key, values in wanted.items():
                np.testing.assert_array_equal(tensors[key], values)
        self.check_no_leftovers()

    def test_list_shows_the_same_tensors(self):
        run("unic-convert", CMG / "avt.pt", self.dir / "avt.safetensors")
        lines = run("unic-convert", "--list", CMG / "avt.pt").stdout.split("\n")
        self.assertEqual(lines[0].split(), ["tensor", "dims"])
        listed = {line.split()[0]: tuple(map(int, line.split()[1:])) for line in lines[1:] if line}
        self.assertEqual(listed, {k: v.shape for k, v in read_safetensors(self.dir / "avt.safetensors")[1].items()})

    def test_weights_of_16_bits(self):
        """From a checkpoint, from a model's file, and by its setting: the same bytes."""
        whole, half, again, by_key = (self.dir / f"{name}.npz" for name in ("whole", "half", "again", "by_key"))
        run("unic-convert", CMG / "avt.pt", whole)
        for weights, dtype in ("f16", "<f2"), ("bf16", "<u2"), ("f32", "<f4"):
            run("unic-convert", whole, half, "--weights", weights)
            run("unic-convert", CMG / "avt.pt", again, "--weights", weights)
            run("unic-convert", CMG / "avt.pt", by_key, "--set", f"encoder.weights={weights}")
            self.assertEqual(half.read_bytes(), again.read_bytes())
            self.assertEqual(half.read_bytes(), by_key.read_bytes())
            with np.load(half) as z:
                self.assertEqual(z["audio.semantic.affine.weight"].dtype, dtype)
            self.assertIn(f"; matrices in {weights}\n", run("unic-inspect", half).stdout)
            self.assertIn(f"\nencoder.weights = {weights}\n", run("unic-inspect", half, "--config").stdout)
            self.encode(half, "avt", "text")
            tensors = self.dir / "half.safetensors"
            run("unic-convert", half, tensors)
            read_safetensors(tensors)  # F32
        self.assertEqual(half.read_bytes(), whole.read_bytes())
        self.check_no_leftovers()

    # ---- what goes wrong ----

    def test_wrong_usage(self):
        for args, words in [
            ([], "expected IN and OUT, not 0 files"),
            (["a.pt", "b.npz", "c"], "expected IN and OUT, not 3 files"),
            (["a.pt", "b.pt"], 'OUT is "b.pt", but must end in .npz or .safetensors'),
            (["--list", "a.pt", "b.npz"], "expected IN, not 2 files"),
            (["--list", "a.pt", "--weights", "f16"], "--weights is for an OUT that ends in .npz"),
            (["a.npz", "b.safetensors", "--weights", "f16"], "--weights is for an OUT that ends in .npz"),
        ]:
            done = run("unic-convert", *args, status=2)
            self.assertIn(words, done.stderr)
            self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))

    def test_failures_write_nothing(self):
        out = self.dir / "never.npz"
        model = self.dir / "good.npz"
        run("unic-convert", CMG / "av.pt", model)
        for args, words in [
            ([self.dir / "none.pt", out], ["none.pt", "No such file"]),
            ([CMG / "at_wrong.pt", out], ["3 tensors are not as expected", "norm2.bias is missing", "bias_hh_l0 is [1,8], expected [8]"]),
            ([CMG / "at_wrong.pt", out.with_suffix(".safetensors")], ["linear2.weight is [4,7], expected [4,6]"]),
            ([CMG / "expected.npz", out], ["expected.npz"]),
            ([CMG / "av.pt", self.dir / "no" / "m.npz"], ["m.npz"]),
            ([CMG / "av.pt", self.dir / "no" / "m.safetensors"], ["m.safetensors", "No such file"]),
            ([CMG / "av.pt", out, "--set", "encoder.hads=2"], ["did you mean encoder.heads"]),
            ([CMG / "av.pt", out, "--set", "encoder.heads"], ["expected KEY=VALUE"]),
            ([model, out, "--set", "encoder.heads=2"], ["good.npz has its own"]),
        ]:
            with self.subTest(args=args):
                done = run("unic-convert", *args, status=1)
                for word in words:
                    self.assertIn(word, done.stderr)
                self.assertFalse(out.exists() or out.with_suffix(".safetensors").exists())
        self.check_no_leftovers()

    # ---- the other programs ----

    def test_a_checkpoint_is_a_model_to_all(self):
        data = self.dir / "two.npz"
        rng = np.random.default_rng(0)
        label = np.arange(12, dtype=np.int32) % 2
        np.savez(data, label=label, audio=rng.standard_normal((12, 3, 6)) + label[:, None, None], video=rng.standard_normal((12, 3, 7, 7, 6)))
        shown = run("unic-inspect", CMG / "av.pt", "--data", data).stdout
        for word in ("a model", "audio", "video", "codebook: 11 codes of 4 dims", "usage on"):
            self.assertIn(word, shown)
        self.assertIn("behaviour = compat\n", run("unic-inspect", CMG / "av.pt", "--config").stdout)
        self.assertIn("audio", run("unic-eval", "--model", CMG / "av.pt", "--train", data, "--test", data, "--table").stdout)

    def test_cmg_training_continues(self):
        data, out, log = self.dir / "train.npz", self.dir / "run.npz", self.dir / "run.jsonl"
        config = self.dir / "run.ini"
        config.write_text("# lines stay in their places\ntrain.epochs = 9\ntrain.batch = 2\nencoder.heads = 4\n")
        rng = np.random.default_rng(1)
        np.savez(data, audio=rng.standard_normal((4, 3, 5)), text=rng.standard_normal((4, 3, 6)))
        more = ["--set", "train.epochs=3", "train.length=3", "encoder.heads=2"]
        command = ["--from", CMG / "at.pt", "--config", config, "--data", data, "--out", out, "--log", log, "--threads", 1, *more]
        run("unic-train", *command)
        steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
        self.assertEqual(steps, [3, 4, 5, 6])  # the checkpoint has taken two of six
        shown = run("unic-inspect", out, "--config").stdout
        for line in ("encoder.heads = 2", "train.batch = 2", "train.epochs = 3", "behaviour = compat"):
            self.assertIn(line + "\n", shown)
        done = run("unic-train", *command[:-3], "train.epochs=4", "train.length=3", "encoder.heads=2", "--resume")
        self.assertIn("2 steps in", done.stdout)
        self.assertEqual(len(log.read_text().splitlines()), 6)
        done = run("unic-train", "--from", CMG / "at.pt", "--data", data, "--out", self.dir / "no.npz", "--set", "train.epochs=1", "train.length=3", "train.batch=2")
        self.assertIn("nothing to do", done.stderr)
        failed = run("unic-train", "--from", CMG / "avt.pt", "--data", data, "--out", self.dir / "no.npz", status=1)
        self.assertIn("tensors are not as expected: Decoder_parameters/", failed.stderr)
        self.assertFalse((self.dir / "no.npz").exists())
        self.check_no_leftovers()

    @unittest.skipUnless(SAMPLE.exists(), "no ../shared/cmg-sample")
    def test_cmg_features_as_they_are(self):
        files = sorted((SAMPLE / "features" / "audio").glob("*.zip"))
        out = self.dir / "codes.npz"
        run("unic-encode", "--model", SAMPLE / "DCID-model-0.pt", "--modality", "audio", "--out", out, *files)
        clips = []
        for path in files:
            with zipfile.ZipFile(path) as z:
                clips.append(pickle.loads(z.read(z.namelist()[0])))
        self.assertEqual([len(clip) for clip in clips], [10, 10, 7])
        clips = [np.concatenate([clip, np.repeat(clip[-1:], 10 - len(clip), 0)]) for clip in clips]
        data, whole = self.dir / "whole.npz", self.dir / "whole_codes.npz"
        np.savez(data, audio=np.stack(clips))
        run("unic-encode", "--model", SAMPLE / "DCID-model-0.pt", "--modality", "audio", "--out", whole, data)
        with np.load(out) as got, np.load(whole) as want:
            np.testing.assert_array_equal(got["codes"], want["codes"])
            self.assertEqual(got["codes"].shape, (3, 10))
            self.assertEqual(got["lengths"].tolist(), [10, 10, 10])  # of 7 rows, the last one repeats


if __name__ == "__main__":
    unittest.main()
