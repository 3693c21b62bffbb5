#!/usr/bin/env python3
"""The kind "bert": WordPiece against its rules in Python, on random strings of all of Unicode; the network against PyTorch
in float64 with random weights of the published names, within 1e-4 of the largest entry. Without PyTorch, and where this
Python has other Unicode data than the library, that part is not tested.
"""
from __future__ import annotations

import os
import pathlib
import random
import sys
import tempfile
import unicodedata
import unittest
from typing import Any, Dict, List, Tuple

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["LIBUNICODE"] = str((ROOT / os.environ.get("BUILD", "build")).resolve() / "libunicode.so")
sys.path[:0] = [str(ROOT / "bindings/python"), str(ROOT / "tests/base"), str(ROOT / "tests/extract")]

import libunicode as lu  # noqa: E402 (the line above says where it is)
from make_code_points import UNICODE  # noqa: E402 (likewise)
import test_networks  # noqa: E402 (likewise)
from test_networks import safetensors, torch  # noqa: E402 (likewise)

try:
    from torch_networks import bert
except ImportError:
    pass  # without PyTorch

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
UNKNOWN, BEGIN, END = 1, 2, 3


# ---- the rules (Devlin et al., 2019) ----

def ideograph(c: str) -> bool:
    blocks = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
              (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))
    return any(first <= ord(c) <= last for first, last in blocks)


def punctuation(c: str) -> bool:
    return 33 <= ord(c) <= 47 or 58 <= ord(c) <= 64 or 91 <= ord(c) <= 96 or 123 <= ord(c) <= 126 \
        or unicodedata.category(c)[0] == "P"


def words_of(text: str, lower_case: bool = True) -> List[str]:
    clean = []
    for c in text:
        if c in "\t\n\r" or unicodedata.category(c) == "Zs":
            clean.append(" ")
        elif c not in "\0\ufffd" and unicodedata.category(c)[0] != "C":
            clean.append(f" {c} " if ideograph(c) else c)
    words = []
    for token in "".join(clean).split():
        if lower_case:
            token = unicodedata.normalize("NFD", token.lower())
            token = "".join(c for c in token if unicodedata.category(c) != "Mn")
        words += "".join(f" {c} " if punctuation(c) else c for c in token).split()
    return words


def pieces_of(word: str, vocabulary: Dict[str, int]) -> List[int]:
    pieces, start = [], 0
    while start < len(word) <= 100:
        ends = [end for end in range(len(word), start, -1) if ("##" * (start > 0) + word[start:end]) in vocabulary]
        if not ends:
            return [UNKNOWN]
        pieces.append(vocabulary["##" * (start > 0) + word[start:ends[0]]])
        start = ends[0]
    return pieces or [UNKNOWN]


def tokens_of(text: str, vocabulary: Dict[str, int], most: int, lower_case: bool = True) -> List[Tuple[str, List[int]]]:
    """Words and their pieces; the last word may have lost some."""
    tokens, room = [], most - 2
    for word in words_of(text, lower_case):
        if room > 0:
            tokens.append((word, pieces_of(word, vocabulary)[:room]))
            room -= len(tokens[-1][1])
    return tokens


# ---- WordPiece ----

def echo(path: pathlib.Path, vocabulary: List[str], dim: int = 24, length: int = 512) -> np.ndarray:
    """Weights of a network of one layer that gives each piece's embedding back; returns the embeddings."""
    rng = np.random.default_rng(4)
    embeddings = rng.standard_normal((len(vocabulary), dim)).astype(np.float32)
    embeddings -= embeddings.mean(1, keepdims=True)
    embeddings /= embeddings.std(1, keepdims=True)
    layer, zero, one = "encoder.layer.0.", np.zeros(dim, np.float32), np.ones(dim, np.float32)
    weights = {"embeddings.word_embeddings.weight": embeddings,
               "embeddings.position_embeddings.weight": np.zeros((length, dim), np.float32),
               "embeddings.token_type_embeddings.weight": np.zeros((2, dim), np.float32),
               layer + "intermediate.dense.weight": np.zeros((8, dim), np.float32),
               layer + "intermediate.dense.bias": np.zeros(8, np.float32),
               layer + "output.dense.weight": np.zeros((dim, 8), np.float32), layer + "output.dense.bias": zero}
    for name in ("self.query", "self.key", "self.value", "output.dense"):
        weights[f"{layer}attention.{name}.weight"] = np.zeros((dim, dim), np.float32)
        weights[f"{layer}attention.{name}.bias"] = zero
    for name in ("embeddings.", layer + "attention.output.", layer + "output."):
        weights.update({name + "LayerNorm.weight": one, name + "LayerNorm.bias": zero})
    safetensors(path, weights)
    return embeddings


def hard_strings(count: int, seed: int) -> List[str]:
    """Of code points of all kinds, some of them near each other as in real text."""
    pick = random.Random(seed)
    # Marks that are no Mn and that NFD would put into another order are left out: docs/media.md says so.
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and
             (unicodedata.category(chr(c)) == "Mn" or not unicodedata.combining(chr(c)))]
    cased = [c for c in every if c.lower() != c or c.upper() != c]
    composed = [c for c in every if unicodedata.decomposition(c) and unicodedata.decomposition(c)[0] != "<"]
    hangul = [chr(c) for c in range(0xAC00, 0xD7A4)]
    signs = [c for c in every if unicodedata.category(c)[0] in "PZSC" and unicodedata.category(c) not in ("Cn", "Co")]
    marks = [c for c in every if unicodedata.category(c)[0] == "M"]
    pools = [every, cased, composed, hangul, signs, marks, list("abcABC.,'# \t\n"), list("ΣσςΑα.\u0301 ,\u4e00I\u0130ıß"),
             [chr(c) for c in range(128)], [chr(c) for c in range(0x370, 0x400)]]
    return ["".join(pick.choice(pick.choice(pools)) for _ in range(pick.randrange(1, 60))) for _ in range(count)] + \
        ["".join(pick.choices(pool, k=40)) for pool in pools for _ in range(count // 20)]


@unittest.skipIf(unicodedata.unidata_version != UNICODE, f"the library's Unicode is {UNICODE}, this Python's another")
class WordPiece(unittest.TestCase):
    def test_random_strings(self) -> None:
        pick = random.Random(6)
        texts = hard_strings(800, 5) + ["a" * 100, "b" * 101, "\u00e4" * 100 + " " + "A\u0301" * 101]
        seen = sorted({piece for text in texts for word in words_of(text) for i in range(len(word))
                       for piece in [word[i:i + pick.randrange(1, 4)]]})
        pieces = SPECIAL + [c for c in seen if pick.random() < 0.8] + ["##" + c for c in seen if pick.random() < 0.8]
        vocabulary = {piece: i for i, piece in enumerate(pieces)}
        found = 0
        with tempfile.TemporaryDirectory(prefix="unic-") as folder:
            at = pathlib.Path(folder)
            embeddings = echo(at / "w.safetensors", pieces)
            (at / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8", newline="")
            for lower_case in (True, False):
                extractor = lu.Extractor("bert", steps="pieces", max_seq_length=512, heads=1,
                                         lower_case="on" if lower_case else "off")
                extractor.load_words(at / "vocab.txt").load_weights(at / "w.safetensors")
                for text in texts:
                    want = sum((ids for _, ids in tokens_of(text, vocabulary, 512, lower_case)), [])
                    features = extractor.extract(text)
                    got = (features @ embeddings.T).argmax(1).tolist() if len(features) else []
                    self.assertEqual(got, want, f"{text!r} ({text.encode('unicode_escape')!r}), lower_case {lower_case}")
                    found += sum(piece != UNKNOWN for piece in want)
        self.assertGreater(found, 5000)


# ---- the network ----

PIECES = SPECIAL + "a photo of two red shoe ##s un ##aff ##able , . ! ' caf ##e dog ##walk ##ing over the \u4e00".split()
VOCABULARY = {piece: i for i, piece in enumerate(PIECES)}
TEXTS = ["A photo of two red shoes.", "unaffable dogwalking, cafés!", "dog", "over \u4e00 xyz the dog's shoes",
         "unaffable " * 9, "dogwalking the dog over " * 4 + "unaffable", "a " * 22 + "dogwalking"]


@unittest.skipIf(torch is None, "PyTorch is not installed: nothing to compare the network with")
class Network(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory(prefix="unic-")
        cls.at = pathlib.Path(cls.folder.name)
        (cls.at / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def golden(self, model: Any, text: str, most: int, words: bool, keep: Any = None) -> np.ndarray:
        tokens = tokens_of(text, VOCABULARY, most)
        with torch.no_grad():
            y = model([BEGIN, *sum((ids for _, ids in tokens), []), END]).numpy()[1:-1]
        if not words:
            return y
        ends = np.cumsum([len(ids) for _, ids in tokens])
        rows = [y[end - len(ids):end].mean(0) for (word, ids), end in zip(tokens, ends)
                if keep is None or (word in keep and word in VOCABULARY)]
        return np.stack(rows) if rows else np.zeros((0, y.shape[1]))

    def near(self, ours: np.ndarray, golden: np.ndarray) -> None:
        self.assertEqual(ours.shape, golden.shape)
        self.assertLessEqual(np.abs(ours - golden).max(initial=0), 1e-4 * np.abs(golden).max(initial=0))

    def compare(self, model: Any, path: pathlib.Path, heads: int) -> None:
        for most in (25, 12, 3):
            for steps in ("words", "pieces"):
                extractor = lu.Extractor("bert", steps=steps, max_seq_length=most, heads=heads)
                extractor.load_weights(path).load_words(self.at / "vocab.txt")
                for text in TEXTS:
                    self.near(extractor.extract(text), self.golden(model, text, most, steps == "words"))

    def test_tiny(self) -> None:
        """As older files have it: all names behind "bert.", LayerNorm.gamma, weights of a head beside; and a padded table."""
        model = bert(len(PIECES) + 6, 24, 40, 2, 4, 25).double()
        state = {"bert." + k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"):
                 v.float() for k, v in model.state_dict().items()}
        state["cls.predictions.bias"] = torch.zeros(5)
        state["bert.embeddings.position_ids"] = torch.arange(25)[None]
        torch.save(state, self.at / "pytorch_model.bin")
        self.compare(model, self.at / "pytorch_model.bin", 4)
        safetensors(self.at / "tiny.safetensors", test_networks.weights_of(model))
        self.compare(model, self.at / "tiny.safetensors", 4)
        # words that are kept, and the whole extractor as one file
        keep = ["dog", "unaffable", "shoes", "red", "the", "xyz"]
        extractor = lu.Extractor("bert", heads=4).load_weights(self.at / "tiny.safetensors").load_words(self.at / "vocab.txt")
        before = extractor.fingerprint
        extractor.load_words(bytearray("\r\n".join(keep), "utf-8"), "keep")
        self.assertNotEqual(extractor.fingerprint, before)
        extractor.save(self.at / "tiny.npz")
        again = lu.Extractor.load(self.at / "tiny.npz")
        self.assertEqual((again.fingerprint, again.dims), (extractor.fingerprint, (24,)))
        self.assertEqual(len(again.extract("unaffable shoes")), 0)
        for text in TEXTS:
            golden = self.golden(model, text, 25, True, keep)
            self.near(extractor.extract(text), golden)
            np.testing.assert_array_equal(again.extract(text), extractor.extract(text))

    def test_base(self) -> None:
        """BERT-base's layers, heads by default; two threads give the same numbers."""
        model = bert(len(PIECES), 768, 3072, 3, 12, 512).double()
        safetensors(self.at / "base.safetensors", test_networks.weights_of(model, "bert."))
        self.compare(model, self.at / "base.safetensors", 0)
        one, two = (lu.Extractor("bert", threads=n).load_weights(self.at / "base.safetensors").load_words(self.at / "vocab.txt")
                    for n in (1, 2))
        for text in TEXTS:
            np.testing.assert_array_equal(one.extract(text), two.extract(text))


if __name__ == "__main__":
    unittest.main()
