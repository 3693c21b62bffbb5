#!/usr/bin/env python3
"""What examples/demo/streaming.py measures, on a few small clips: codes that are streamed, and the scores of heads."""
import contextlib
import io
import os
import pathlib
import sys
import tempfile
import types
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / part) for part in ("bindings/python", "examples/demo")]

import libunicode as lu  # noqa: E402 (the lines above say where these are)
import streaming  # noqa: E402

T, CLIPS = 10, 24
KINDS = {"image": ("vector", 5), "speech": ("vector", 4)}


def trained(context, clips):
    settings = {"code.count": 12, "code.dim": 16, "encoder.ff": 16, "train.batch": 8, "encoder.context": context}
    trainer = lu.Trainer(lu.Config(preset="small", modalities=KINDS, **settings))
    for _ in range(3):
        trainer.step({name: clips[name][:8] for name in KINDS})
    return trainer.model()


class Streaming(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir, rng = pathlib.Path(temporary.name), np.random.default_rng(0)
        label = (np.arange(CLIPS) % 3).astype(np.int32)
        steps = np.repeat(label[:, None], T, 1)
        self.clips = {name: (rng.normal(size=(CLIPS, T, kind[1])) + label[:, None, None]).astype("f4")
                      for name, kind in KINDS.items()}
        for name in ("heads", "test"):
            np.savez(self.dir / f"{name}.npz", label=label, **self.clips,
                     **{f"{name}.step_labels": steps for name in KINDS})

    def test_streamed_codes(self):
        x = self.clips["speech"]
        full, causal = (trained(context, self.clips) for context in ("full", "causal"))
        self.assertTrue(np.array_equal(streaming.streamed(full, x, T - 1), full.encode("speech", x)))
        self.assertTrue(np.array_equal(streaming.streamed(causal, x, 0), causal.encode("speech", x)))
        self.assertTrue(np.array_equal(streaming.streamed(full, x, 0)[:, 0], full.encode("speech", x[:, :1])[:, 0]))

    def test_rows_and_table(self):
        demo = types.SimpleNamespace(data=self.dir, test=self.dir / "test.npz", models=self.dir)
        rows = []
        for context in streaming.CONTEXTS:
            trained(context.value, self.clips).save(self.dir / f"{context.method}-0.npz")
            rows += streaming.measure(demo, context, 0)
        self.assertEqual(len(rows), sum(1 + len(context.lags) for context in streaming.CONTEXTS))
        for row in rows:
            self.assertTrue(all(0 <= row[key] <= 1 for key in ("equal", "image>clip", "speech>step")), row)
            final = {"full": "whole clip", "chunk:3": "whole clip lag 2"}.get(row["context"], "whole clip lag 0")
            if row["codes"] in final:
                self.assertEqual(row["equal"], 1.0, row)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            streaming.print_table(rows, [0])
        self.assertIn("| causal | lag 0 | 1.000 | ", out.getvalue())


if __name__ == "__main__":
    unittest.main()
