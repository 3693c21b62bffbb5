#!/usr/bin/env python3
"""The tasks demo (examples/tasks) on a few small clips: what it makes, what it scores, what it compares.

In the place of a model's codes stand known ones: the same in all modalities, or another for each.
"""
from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / part) for part in ("bindings/python", "examples/tasks", "examples/demo")]

import ads  # noqa: E402 (the lines above say where these are)
import build_task_data as data  # noqa: E402
import evaluate  # noqa: E402
import figures  # noqa: E402
import libunicode as lu  # noqa: E402
import scenes  # noqa: E402
import tables  # noqa: E402
import text  # noqa: E402

evaluate.EPOCHS = 2
T, BACKGROUND, CLIPS = 10, 10, 400
KINDS = {"image": ("grid", 5, 5, 3), "speech": ("vector", 4), "text": ("token", 5)}
NAMES = list(KINDS)


class Known(evaluate.Coded):
    """Codes that are the class of a step; `apart`: and another number in each modality."""

    def __init__(self, apart: bool) -> None:
        trainer = lu.Trainer(lu.Config(preset="small", modalities=KINDS, **{"code.count": 40, "train.batch": 4}))
        rng = np.random.default_rng(0)
        trainer.step({name: rng.normal(size=(4, T, *kind[1:])).astype("f4") for name, kind in KINDS.items()})
        self.model, self.modalities, self.apart = trainer.model(), NAMES, apart

    def codes(self, path: Path, modality: str) -> np.ndarray:
        steps = evaluate.read(path, f"{modality}.step_labels")
        if steps.ndim == 3:                             # of several classes the first
            steps = data_classes(steps)
        if path.stem == "theirs":
            steps = evaluate.class_map(evaluate.Files(path.parent, path.parent)).classes(steps)
        return steps + (11 * NAMES.index(modality) if self.apart else 0)


def data_classes(steps: np.ndarray) -> np.ndarray:
    return np.where(steps.any(axis=2), steps.argmax(axis=2), BACKGROUND).astype(np.int32)


def write_clips(path: Path, classes: int, rng: np.random.Generator) -> None:
    """Clips of one event."""
    label = (np.arange(CLIPS) % classes).astype(np.int32)
    start, end = rng.integers(0, 4, CLIPS), rng.integers(6, T + 1, CLIPS)
    inside = (np.arange(T) >= start[:, None]) & (np.arange(T) < end[:, None])
    steps = np.where(inside, label[:, None], classes).astype(np.int32)
    features = {name: rng.normal(size=(CLIPS, T, KINDS[name][1])).astype(np.float32) for name in evaluate.QUERIES}
    np.savez(path, label=label, **features, **{f"{name}.step_labels": steps for name in NAMES})


def write_files(folder: Path) -> None:
    """What the demo and build_task_data.py write, without features."""
    rng = np.random.default_rng(1)
    for name in ("heads", "test"):
        write_clips(folder / f"{name}.npz", 10, rng)
    write_clips(folder / "theirs.npz", 7, rng)
    for name in data.UNALIGNED:
        events = data.build_data.unaligned_events(CLIPS, rng)
        np.savez(folder / f"{name}.npz", **{f"{m}.step_labels": data.build_data.multi_hot(events) for m in NAMES})
    pixels = rng.integers(100, 255, (10, 28, 28)).astype(np.uint8)
    for name, count in (("scenes-train", 8), ("scenes-test", 2 * figures.SHOWN)):
        np.savez(folder / f"{name}.npz", **scenes.compose(count, lambda c: c, pixels, rng)._asdict())
    (folder / "meta.json").write_text(json.dumps({
        "classes": [*data.WORDS, "background"], "background": BACKGROUND, "their_classes": list(data.their_names()),
        "sentences": ["an old boot"] * CLIPS}))


class Data(unittest.TestCase):
    def test_a_silhouette_is_filled_and_has_no_stray_pixels(self):
        picture = np.zeros((28, 28), np.uint8)
        picture[5:20, 5:20] = 200
        picture[8:12, 8:12] = 0
        picture[25, 25] = 200
        self.assertEqual(scenes.silhouette(picture).sum(), 15 * 15)
        self.assertTrue(scenes.silhouette(picture)[10, 10])

    def test_scenes_show_what_they_say(self):
        dealt, rng = [], np.random.default_rng(3)
        pixels = np.zeros((10, 28, 28), np.uint8)
        for c in range(10):
            pixels[c, :5 + c, :10 + c] = 101 + c        # of each class another size and grey

        def deal(label: int) -> int:
            dealt.append(label)
            return label

        made = scenes.compose(30, deal, pixels, rng)
        self.assertEqual(made.frames.shape, (30, 64, 64))
        self.assertEqual(dealt, [c for row in made.classes for c in row if c >= 0])
        for frame, owner, row in zip(*made):
            there = [c for c in row if c >= 0]
            self.assertEqual(len(set(there)), len(there))
            self.assertEqual(set(np.unique(owner)) - {-1}, set(there))
            for c in there:
                self.assertEqual((owner == c).sum(), (5 + c) * (10 + c))
                self.assertTrue((frame[owner == c] == 101 + c).all())

    def test_overlapping_sentences_have_two_tokens_a_step(self):
        rng = np.random.default_rng(0)
        steps = data.spoken_at_once([(0, 1, 6), (9, 4, 8)], text.kit_of("train"), rng)
        self.assertEqual([len(step) for step in steps], [1, 1, 1, 1, 2, 2, 1, 1, 1, 1])
        for _ in range(20):
            self.assertEqual([len(step) for step in data.spoken_at_once([(3, 0, 3)], ads.kit(), rng)], [1] * T)

    def test_events_are_runs(self):
        steps = np.array([10, 2, 2, 2, 10, 10, 5, 5, 2, 2])
        self.assertEqual(data.events_of(steps), [(2, 1, 4), (5, 6, 8), (2, 8, 10)])

    def test_their_classes_are_ours(self):
        theirs = data.their_names()
        ours = lu.ClassMap.load(evaluate.CLASS_MAP, list(theirs), [*data.WORDS, "background"])
        self.assertEqual(ours.classes(np.arange(8)).tolist(), [9, 4, 3, 8, 1, 5, 7, 10])


class Scores(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        write_files(cls.folder)
        cls.files = evaluate.Files(cls.folder, cls.folder)
        cls.known = {"unicode": Known(apart=False), "baseline": Known(apart=True)}

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_clips(self):
        for task in (evaluate.classify, evaluate.cross_classify):
            for name, its in task(self.known["unicode"], self.files, 0).items():
                self.assertEqual(its["accuracy"], 1, (task.__name__, name))
            for name, its in task(self.known["baseline"], self.files, 0).items():
                if tables.is_same(name):
                    self.assertEqual(its["accuracy"], 1, (task.__name__, name))
                else:
                    self.assertLess(its["accuracy"], 0.5, (task.__name__, name))

    def test_steps(self):
        """Theirs have one class a step; ours up to two, of which a code tells one."""
        for task, least in ((evaluate.cross_localise, 0.99), (evaluate.localise, 0.6)):
            found = {method: task(known, self.files, 0) for method, known in self.known.items()}
            for name, its in found["unicode"].items():
                self.assertGreater(its["f1"], least, (task.__name__, name))
                if not tables.is_same(name):
                    self.assertLess(found["baseline"][name]["f1"], 0.4, (task.__name__, name))

    def test_retrieval(self):
        shared, apart = (evaluate.retrieve(self.known[m], self.files, "histogram") for m in ("unicode", "baseline"))
        self.assertEqual(set(shared), {f"{a}>{b}" for a in NAMES for b in NAMES if a != b})
        with np.load(self.folder / "test.npz") as file:
            like = 100 * file["label"] + (file["text.step_labels"] != BACKGROUND).sum(axis=1)
        ranks = (like == like[:, None]).sum(axis=1)     # of clips of one class and length all are found at once
        for name in shared:
            self.assertEqual(shared[name], {**{f"R@{k}": np.mean(ranks <= k) for k in (1, 5, 10)},
                                            "median_rank": np.median(ranks)})
            self.assertEqual(apart[name]["median_rank"], CLIPS)     # nothing in common: all tie

    def test_floors(self):
        floors = evaluate.floors(self.files)
        self.assertEqual(floors["classify"]["accuracy"], 0.1)
        self.assertEqual(floors["cross_classify"]["accuracy"], 58 / CLIPS)      # of seven classes
        self.assertEqual(floors["retrieve"], {"R@1": 1 / CLIPS, "R@5": 5 / CLIPS, "R@10": 10 / CLIPS,
                                              "median_rank": 200.5})
        self.assertEqual(floors["localise"]["recall"], 1)
        made = evaluate.canvases(self.folder / "scenes-test.npz")
        shares = [(owner == row[0]).sum() / (owner >= 0).sum() for owner, row in zip(made.owner, made.classes)]
        self.assertAlmostEqual(floors["segment"]["miou"], np.mean(shares), places=6)

    def test_queries_of_the_references(self):
        query = evaluate.by_features(self.files, "speech")
        for name in ("heads", "test"):
            vectors = query.vectors.lookup(query.codes(self.folder / f"{name}.npz"))
            with np.load(self.folder / f"{name}.npz") as file:
                np.testing.assert_array_equal(vectors, file["speech"])
        nothing = evaluate.by_nothing()
        self.assertEqual(nothing.codes(self.folder / "test.npz").tolist(), [[0]] * CLIPS)
        self.assertEqual(nothing.vectors.lookup(np.zeros(1, np.int32)).tolist(), [[0]])

    def test_references(self):
        said, printed = [], io.StringIO()
        found = evaluate.references(self.files, 0, said.append)
        self.assertEqual(list(found), ["nothing", "speech's features", "text's features"])
        self.assertEqual(len(said), 3 * evaluate.EPOCHS)
        for scores in found.values():
            self.assertTrue(0 <= scores["miou"] <= 1 and 0 <= scores["f_beta"] <= 1)
        with contextlib.redirect_stdout(printed):
            tables.print_references(tables.TABLES[2], [found, found])
        self.assertIn("speech's features", printed.getvalue())
        self.assertIn("+-0.0", printed.getvalue())

    def test_all_of_it(self):
        """Segmenters, too; the tables and the picture of it."""
        runs, seen, said = [], {}, []
        for method, known in self.known.items():
            scores, seen[method] = evaluate.segment(known, self.files, 0, said.append)
            self.assertEqual(set(scores), {f"{a}>{b}" for a in evaluate.QUERIES for b in evaluate.QUERIES})
            run = {"method": method, "seed": 0, "modalities": NAMES, "segment": scores,
                   "retrieve": evaluate.retrieve(known, self.files, "mean"),
                   **{task.__name__: task(known, self.files, 0) for task in (
                       evaluate.classify, evaluate.localise, evaluate.cross_localise, evaluate.cross_classify)}}
            runs += [run, {**run, "modalities": NAMES[:2]}]
        self.assertEqual(len(said), 2 * 2 * evaluate.EPOCHS)
        floors, printed = evaluate.floors(self.files), io.StringIO()
        with contextlib.redirect_stdout(printed):
            for table in tables.TABLES:
                tables.print_table(table, runs, floors)
            tables.print_leads(tables.leads(runs), 1)
        for words in ("Table 1", "Table 3", "Table 4", "Table 5", "6 of 6"):
            self.assertIn(words, printed.getvalue())
        self.assertGreater(figures.draw(self.folder, self.files, runs, floors, seen).stat().st_size, 50000)


class Leads(unittest.TestCase):
    def test_margin_and_spread(self):
        column = tables.Column("retrieve", "R@1", "R@1")
        ranks = tables.Column("retrieve", "median_rank", "median rank", 1, True)
        table = tables.Table(5, "", 3, (column, ranks))
        runs = [{"method": method, "seed": seed, "modalities": NAMES,
                 "retrieve": {"image>text": {"R@1": share, "median_rank": rank}, "text>text": {"R@1": 1}}}
                for method, seed, share, rank in (("baseline", 0, 0.1, 30), ("baseline", 1, 0.3, 50),
                                                  ("unicode", 0, 0.4, 10), ("unicode", 1, 0.4, 10))]
        whole, tables.TABLES = tables.TABLES, (table,)
        try:
            shares, places = tables.leads(runs)
            alone = tables.leads([run for run in runs if run["seed"] == 0])
        finally:
            tables.TABLES = whole
        self.assertAlmostEqual(shares.margin, 20)
        self.assertAlmostEqual(shares.spread, 100 * np.sqrt(0.02))
        self.assertTrue(shares.holds)
        self.assertEqual((places.margin, places.direction), (30, "image>text"))
        self.assertFalse(shares._replace(margin=14).holds)
        self.assertIsNone(alone[0].spread)


if __name__ == "__main__":
    unittest.main()
