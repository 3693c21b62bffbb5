#!/usr/bin/env python3
"""Pretrained networks against PyTorch in float64 with random weights of the published names.

Features must be within 1e-4 of the largest entry. Weights come from what torch.save() writes and from safetensors,
which this test writes itself. Without PyTorch nothing is tested.
"""
from __future__ import annotations

import json
import os
import pathlib
import sys
import tempfile
import unittest
from typing import Any, Dict

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["LIBUNICODE"] = str((ROOT / os.environ.get("BUILD", "build")).resolve() / "libunicode.so")
sys.path[:0] = [str(ROOT / "bindings/python"), str(ROOT / "tests/extract")]

import libunicode as lu  # noqa: E402 (the line above says where it is)
from test_extract import log_mel  # noqa: E402 (likewise)

try:
    import torch
    from torch_networks import VGGish, spread, weights_of
except ImportError:
    torch = None
try:
    import torchvision
except ImportError:
    torchvision = None


def safetensors(path: pathlib.Path, tensors: Dict[str, np.ndarray]) -> None:
    """The format as its specification has it; F16 and F64 by the arrays' own types."""
    names = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64"}
    header: Dict[str, Any] = {"__metadata__": {"format": "pt", "a \"quoted\" key": "a\ttext \u00e9"}}
    at = 0
    for name, x in tensors.items():
        header[name] = {"dtype": names[x.dtype.name], "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for x in tensors.values():
            file.write(np.ascontiguousarray(x).tobytes())


@unittest.skipIf(torch is None, "PyTorch is not installed: nothing to compare networks with")
class Networks(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="unic-")
        cls.at = pathlib.Path(cls.folder.name)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def near(self, ours: np.ndarray, golden: np.ndarray) -> None:
        self.assertEqual(ours.shape, golden.shape)
        self.assertLessEqual(np.abs(ours - golden).max(), 1e-4 * np.abs(golden).max())

    def sound(self, seconds: float = 3.2) -> np.ndarray:
        return (0.3 * np.random.default_rng(2).standard_normal(int(seconds * 16000))).astype(np.float32)

    def patches(self, x: np.ndarray, stride: int) -> Any:
        starts = range(0, len(x) - 15600 + 1, stride)
        return torch.from_numpy(np.stack([log_mel(x[s:s + 15600]) for s in starts])[:, None])

    def test_vggish(self) -> None:
        """Full size, from both files; the port's ReLU at the end, and what stands before it."""
        model, x = spread(VGGish(), 1).double(), self.sound()
        torch.save({"module." + k: v.float() for k, v in model.state_dict().items()}, self.at / "vggish.pth")
        safetensors(self.at / "vggish.safetensors", weights_of(model))
        with torch.no_grad():
            golden = model(self.patches(x, 16000)).numpy()
            model.embeddings = model.embeddings[:-1]
            before = model(self.patches(x, 15360)).numpy()
        ours = lu.Extractor("vggish").load_weights(self.at / "vggish.pth").extract(x)
        self.near(ours, golden)
        other = lu.Extractor("vggish", framing="vggish", last_relu="off").load_weights(self.at / "vggish.safetensors")
        self.near(other.extract(x), before)
        self.assertTrue((before < 0).any())

    def test_vgg19(self) -> None:
        """torchvision's, full size, from both files and forms; means over the frames of a second; both preprocessings."""
        if torchvision is None:
            self.skipTest("torchvision is not installed")
        model = spread(torchvision.models.vgg19(weights=None).features, 3)
        torch.save(torch.nn.ModuleDict({"features": model}).float().state_dict(), self.at / "vgg19.pth",
                   _use_new_zipfile_serialization=False)
        safetensors(self.at / "vgg19.safetensors", weights_of(model, "features."))
        frames = np.random.default_rng(3).integers(0, 256, (3, 56, 56, 3), np.uint8).repeat(4, 1).repeat(4, 2)
        x = torch.from_numpy(frames).double().permute(0, 3, 1, 2)
        mean, deviation = (torch.tensor(v, dtype=torch.float64)[:, None, None]
                           for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
        model = model.double()
        with torch.no_grad():
            maps = model((x / 255 - mean) / deviation).permute(0, 2, 3, 1).numpy()
            blue = model(x[:1, [2, 1, 0]] - torch.tensor((103.939, 116.779, 123.68), dtype=torch.float64)[:, None, None])
        ours = lu.Extractor("vgg19", rate=2).load_weights(self.at / "vgg19.pth").extract(frames)
        self.near(ours, maps[:2].mean(0, keepdims=True))
        each = lu.Extractor("vgg19", rate=1, preprocessing="caffe").load_weights(self.at / "vgg19.safetensors")
        self.near(each.extract(frames[:1]), blue.permute(0, 2, 3, 1).numpy())


if __name__ == "__main__":
    if torch is None:
        print("skipped: PyTorch is not installed: nothing to compare networks with")
    unittest.main()
