#!/usr/bin/env python3
"""Extractors against numpy in float64: log-mel spectra as VGGish's scripts make them, words as the demo's.

The spectra must be within 1e-5 of the largest entry, the words the demo's own numbers.
"""
from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["LIBUNICODE"] = str((ROOT / os.environ.get("BUILD", "build")).resolve() / "libunicode.so")
sys.path[:0] = [str(ROOT / "bindings/python"), str(ROOT / "examples/demo")]

import images as demo_images  # noqa: E402 (the line above says where it is)
import libunicode as lu  # noqa: E402 (the line above says where it is)
import text as demo_text  # noqa: E402


def mel(hertz: np.ndarray) -> np.ndarray:
    return 1127 * np.log(1 + hertz / 700)


def log_mel(x: np.ndarray, rate: int = 16000, window: float = 25, hop: float = 10, bands: int = 64,
            low: float = 125, high: float = 7500, offset: float = 0.01) -> np.ndarray:
    """[n] -> [frames,bands], as VGGish's mel_features.py computes it."""
    n, step = round(window * rate / 1000), round(hop * rate / 1000)
    size = 2 ** int(np.ceil(np.log2(n)))
    frames = np.lib.stride_tricks.sliding_window_view(x.astype(np.float64), n)[::step]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / n * np.arange(n))
    magnitude = np.abs(np.fft.rfft(frames * hann, size))
    bins = mel(np.linspace(0, rate / 2, size // 2 + 1))
    edges = np.linspace(mel(np.float64(low)), mel(np.float64(high)), bands + 2)
    weights = np.empty((len(bins), bands))
    for i in range(bands):
        lower, centre, upper = edges[i:i + 3]
        weights[:, i] = np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    weights[0] = 0
    return np.log(magnitude @ weights + offset)


def sounds() -> dict[str, np.ndarray]:
    rng, t = np.random.default_rng(5), np.arange(16000 * 3 + 5000) / 16000
    return {"noise": 0.3 * rng.standard_normal(len(t)).astype(np.float32),
            "a tone at full scale": np.sin(2 * np.pi * 440 * t).astype(np.float32),
            "a sweep that fades": (np.sin(2 * np.pi * (100 + 1200 * t) * t) * np.exp(-2 * t)).astype(np.float32),
            "silence": np.zeros(len(t), np.float32),
            "clicks": (np.arange(len(t)) % 3000 == 0).astype(np.float32)}


class LogMel(unittest.TestCase):
    def near(self, ours: np.ndarray, golden: np.ndarray) -> None:
        self.assertEqual(ours.shape, golden.shape)
        self.assertLessEqual(np.abs(ours - golden).max(), 1e-5 * np.abs(golden).max())

    def test_seconds(self) -> None:
        """As AVE's scripts: each whole second alone; a rest shorter than a patch is dropped."""
        extractor = lu.Extractor("logmel")
        self.assertEqual((extractor.rate, extractor.dims), (16000, (96, 64)))
        for name, x in sounds().items():
            with self.subTest(name):
                golden = [log_mel(x[s:s + 16000])[:96] for s in range(0, 48000, 16000)]
                self.near(extractor.extract(x), np.stack(golden))
                self.assertEqual(len(extractor.extract(x[:15600])), 1)
                self.assertEqual(len(extractor.extract(x[:15599])), 0)

    def test_vggish(self) -> None:
        extractor = lu.Extractor("logmel", framing="vggish")
        for name, x in sounds().items():
            with self.subTest(name):
                whole = log_mel(x)
                count = len(whole) // 96
                self.near(extractor.extract(x), whole[:96 * count].reshape(count, 96, 64))
        self.assertEqual(len(extractor.extract(np.zeros(160000))), 10)

    def test_other_settings(self) -> None:
        other = {"rate": 22050, "window": 46.5, "hop": 11.6, "bands": 20, "low": 50, "high": 11000, "offset": 1e-3}
        extractor = lu.Extractor("logmel", frames=33, framing="vggish", **other)
        parts = lu.Extractor("logmel", frames=33, framing="vggish", parts=3, **other)
        for name, x in sounds().items():
            with self.subTest(name):
                whole = log_mel(x, **other)
                count = len(whole) // 33
                golden = whole[:33 * count].reshape(count, 33, 20)
                self.near(extractor.extract(x), golden)
                self.near(parts.extract(x), golden.reshape(count, 3, 11, 20).mean(2).reshape(count, 60))


    def test_normalised(self) -> None:
        """Means and deviations of numpy, by channel: of each number of a vector, of each band of frames."""
        x = np.concatenate([x[:48000] for x in sounds().values() if x.any()])
        for settings, channels in (({"bands": 16, "parts": 8}, 128), ({}, 64)):
            with self.subTest(settings):
                extractor = lu.Extractor("logmel", **settings)
                features = extractor.extract(x).astype(np.float64)
                rows = features.reshape(-1, channels)
                deviation = rows.std(axis=0)
                golden = (features - rows.mean(axis=0)) / np.maximum(deviation, deviation.mean() / 10)
                self.near(extractor.normalise(features).extract(x), golden)


class NGrams(unittest.TestCase):
    def test_the_demos_words(self) -> None:
        words = sorted({word for split in demo_text.TEMPLATES for kit in [demo_text.kit_of(split)]
                        for name in [*kit.templates, *map(str.split, sum(kit.names + kit.own_names, []))] for word in name})
        words += ["a", "né", "靴を履く", "😀", "x" * 300]
        golden = demo_text.embed([words])[0]
        ours = lu.Extractor("ngrams").extract(" ".join(words))
        self.assertEqual(ours.shape, golden.shape)
        self.assertLessEqual(np.abs(ours - golden).max(), 2 ** -23 * np.abs(golden).max())
        self.assertGreater(np.mean(ours == golden), 0.99)

    def test_words_are_those_of_split(self) -> None:
        blanks = "".join(chr(c) for c in range(0x3001) if chr(c).isspace() and not 0x1C <= c <= 0x1F)
        self.assertEqual(len(lu.Extractor("ngrams").extract(f"{blanks}a{blanks}bc{blanks}".join("xy"))), 4)


class Patches(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        """Blobs in grey, and what the library learns of them."""
        rng = np.random.default_rng(8)
        y, x = np.mgrid[0:28, 0:28]
        centre, width = rng.uniform(4, 24, (300, 2, 1, 1)), rng.uniform(2, 8, (300, 2, 1, 1))
        blobs = np.exp(-((y - centre[:, 0]) / width[:, 0]) ** 2 - ((x - centre[:, 1]) / width[:, 1]) ** 2)
        cls.pictures = (255 * np.clip(blobs + 0.1 * rng.standard_normal(blobs.shape), 0, 1)).astype(np.uint8)
        cls.frames = np.repeat(cls.pictures[..., None], 3, -1)
        cls.temporary = tempfile.TemporaryDirectory()
        path = pathlib.Path(cls.temporary.name) / "patches.npz"
        cls.extractor = lu.Extractor("patches").fit(cls.frames)
        cls.extractor.save(path)
        with np.load(path) as file:
            cls.weights = {name: file[name] for name in file if not name.endswith(".ini")}

    @classmethod
    def tearDownClass(cls) -> None:
        cls.temporary.cleanup()

    def test_features_are_the_demos(self) -> None:
        w = {name: array.astype(np.float64) for name, array in self.weights.items()}
        demo = demo_images.Extractor(w["projection"], w["shift"], w["centres"], w["mean"], w["deviation"])
        golden = demo(demo_images.as_float(self.pictures).astype(np.float64))
        ours = self.extractor.extract(self.frames)
        self.assertEqual(ours.shape, golden.shape)
        self.assertLessEqual(np.abs(ours - golden).max(), 1e-5 * np.abs(golden).max())

    def test_fit_is_the_demos(self) -> None:
        """The same components (all 14700 patches are looked at), and typical patches as near as the script's."""
        x = demo_images.patches(demo_images.as_float(self.pictures)).astype(np.float64)
        power, axes = np.linalg.eigh(np.cov(x, rowvar=False))
        power, axes = power[-40:], axes[:, -40:]
        golden = (axes / np.sqrt(power + 0.1 * power.mean()))[:, ::-1]
        ours = self.weights["projection"].astype(np.float64)
        ours *= np.sign((ours * golden).sum(axis=0))
        np.testing.assert_allclose((ours ** 2).sum(0), (golden ** 2).sum(0), rtol=1e-3)
        np.testing.assert_allclose(ours[:, :8], golden[:, :8], atol=1e-3 * np.abs(golden).max())
        z = x @ self.weights["projection"] - self.weights["shift"]
        script = demo_images.kmeans(z.astype(np.float32), np.random.default_rng(0))
        error = [demo_images.squared_distances(z, c).min(1).mean() for c in (self.weights["centres"], script)]
        self.assertLess(error[0], 1.02 * error[1])


if __name__ == "__main__":
    unittest.main()
