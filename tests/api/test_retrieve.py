#!/usr/bin/env python3
"""unic-retrieve: its figures against numpy's from the codes of unic-encode, saved indices, and what is refused."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
BIN = BUILD / "bin"
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path.insert(0, str(ROOT / "bindings/python"))

import libunicode as lu  # noqa: E402 (the two lines above say which)

N, T, D, L = 40, 4, 16, 12
CONFIG = f"""
modalities = light sound
light.kind = vector
light.dims = 6
sound.kind = vector
sound.dims = 10
code.dim = {D}
code.count = {L}
encoder.layers = 1
encoder.heads = 2
encoder.ff = 16
club.width = 8
club.layers = 2
club.steps = 2
train.batch = 8
train.length = {T}
train.epochs = 2
train.lr = 0.01
"""
ABSENT = 7  # the clip without sound


def run(program, *args, status=0):
    done = subprocess.run([BIN / program, *map(str, args)], text=True, capture_output=True, timeout=300)
    assert done.returncode == status, (program, args, done.returncode, done.stdout, done.stderr)
    return done


def pooled(codes, quantized, metric):
    """[N,D] or [N,L], and which clips have a step."""
    valid = codes >= 0
    steps = np.maximum(valid.sum(1, keepdims=True), 1)
    if metric == "intersection":
        vectors = np.stack([(codes == code).sum(1) for code in range(L)], 1) / steps
    else:
        vectors = (quantized.astype(np.float64) * valid[..., None]).sum(1) / steps
    return vectors, valid.any(1)


def scores_of(q, x, metric):
    """[Q,N], larger is nearer; a distance is negative."""
    if metric == "intersection":
        return np.minimum(q[:, None], x[None]).sum(-1)
    if metric == "l2":
        return -((q[:, None] - x[None]) ** 2).sum(-1)
    if metric == "cosine":
        q, x = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-30) for v in (q, x))
    return q @ x.T


class Retrieve(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        rng = np.random.default_rng(0)
        what = rng.standard_normal((N, T, 4))
        lengths = rng.integers(1, T + 1, N).astype(np.int32)
        lengths[ABSENT] = 0
        cls.data = cls.dir / "data.npz"
        np.savez(cls.data, **{"light": (what @ rng.standard_normal((4, 6))).astype(np.float32),
                              "sound": (what @ rng.standard_normal((4, 10))).astype(np.float32),
                              "sound.lengths": lengths})
        (cls.dir / "config.ini").write_text(CONFIG)
        for name, seed in ("model", 0), ("other", 1):
            run("unic-train", "--config", cls.dir / "config.ini", "--data", cls.data, "--out", cls.dir / f"{name}.npz",
                "--threads", 1, f"train.seed={seed}")
        cls.model = cls.dir / "model.npz"
        cls.codes = {}
        for name in "light", "sound":
            out = cls.dir / f"{name}.codes.npz"
            run("unic-encode", "--model", cls.model, "--modality", name, "--out", out, "--vectors", cls.data)
            with np.load(out) as z:
                cls.codes[name] = z["codes"], z["quantized"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def retrieve(self, *more, query="light", gallery="sound", status=0):
        args = ["--model", self.model, *more]
        if query:
            args += ["--query", self.data, "--query-modality", query]
        if gallery:
            args += ["--gallery", self.data, "--gallery-modality", gallery]
        return run("unic-retrieve", *args, status=status)

    def results(self, *more, **keywords):
        path = self.dir / "results.json"
        done = self.retrieve("--json", path, *more, **keywords)
        return json.loads(path.read_text()), done.stdout

    # ---- figures ----

    def test_figures_are_those_of_numpy(self):
        for metric in "cosine", "inner", "l2", "intersection":
            for query, gallery in ("light", "sound"), ("sound", "light"):
                got, text = self.results("--metric", metric, "--top", 3, query=query, gallery=gallery)
                q, has_query = pooled(*self.codes[query], metric)
                x, has_item = pooled(*self.codes[gallery], metric)
                ids = np.flatnonzero(has_item)
                scores = scores_of(q, x[ids], metric)
                near = 1e-5 * max(1, np.abs(scores).max())
                paired = np.flatnonzero(has_query & has_item)
                self.assertEqual([got["metric"], got["items"], got["queries"]], [metric, len(ids), len(paired)])
                own = np.array([scores[i, ids == i][0] for i in paired])[:, None]
                # float32 may tell what is equal in float64 apart: between the two, and equal without such pairs
                least, most = ((scores[paired] > own + near).sum(1) + 1, (scores[paired] >= own - near).sum(1))
                for k in 1, 5, 10:
                    self.assertLessEqual((most <= k).mean() - 1e-9, got["recall"][str(k)])
                    self.assertGreaterEqual((least <= k).mean() + 1e-9, got["recall"][str(k)])
                self.assertTrue(np.median(least) <= got["median_rank"] <= np.median(most))
                self.assertIn(f"{len(paired)} queries of {query} in {len(ids)} items of {gallery} by {metric}", text)
                self.check_hits(got["hits"], scores, ids, has_query, metric, near)

    def check_hits(self, hits, scores, ids, has_query, metric, near):
        self.assertEqual([int(i) for i in hits], list(np.flatnonzero(has_query)))
        for query, found in hits.items():
            row = scores[int(query)]
            best = np.sort(row)[::-1]
            for place, (item, score) in enumerate(found):
                value = row[ids == item][0]
                self.assertAlmostEqual(-score if metric == "l2" else score, value, delta=near)
                self.assertAlmostEqual(value, best[place], delta=2 * near)

    def test_a_clip_finds_itself(self):
        """Histograms in one modality: what is equal to a query is all that stands beside it."""
        got, text = self.results("--metric", "intersection", query="light", gallery="light")
        x, _ = pooled(*self.codes["light"], "intersection")
        same = (np.abs(x[:, None] - x[None]).max(-1) < 1e-6).sum(1)
        self.assertEqual(got["recall"]["1"], round((same == 1).mean(), 9))
        self.assertEqual(got["median_rank"], np.median(same))
        rows = [line.split() for line in text.splitlines() if line.startswith(("light", "chance"))]
        self.assertEqual(rows[0][1], f"{100 * got['recall']['1']:.1f}")
        self.assertEqual(rows[1][:4], ["chance", *(f"{100 * k / N:.1f}" for k in (1, 5, 10))])
        self.assertEqual(rows[1][4], f"{(N + 1) / 2:.1f}")

    def test_the_same_call_says_the_same(self):
        first = self.retrieve("--top", 5, "--threads", 1).stdout
        everything, more = (self.retrieve("--top", k, "--threads", 1).stdout for k in (N - 1, 10 * N))
        self.assertEqual(everything, more)  # there are no more items than there are
        self.assertEqual(first, self.retrieve("--top", 5, "--threads", 1).stdout)
        self.assertEqual(first.count(":"), 5 * N)

    # ---- saved ----

    def test_a_saved_index_gives_the_same(self):
        for metric in "cosine", "intersection":
            path = self.dir / f"{metric}.index.npz"
            done = self.retrieve("--save", path, "--metric", metric, query=None)
            self.assertEqual(done.stdout, f"{N - 1} items, written: {path}\n")
            direct, _ = self.results("--metric", metric, "--top", 4)
            saved, _ = self.results("--index", path, "--top", 4, gallery=None)
            self.assertEqual(direct.pop("gallery"), "sound")
            self.assertEqual(saved, direct)
            with np.load(path) as z:
                self.assertEqual(z["index.vectors"].shape, (N - 1, L if metric == "intersection" else D))
                self.assertEqual(list(z["index.ids"]), [i for i in range(N) if i != ABSENT])
            done = self.retrieve("--index", path, "--model", self.dir / "other.npz", gallery=None, status=2)
            self.assertIn("--model is given twice", done.stderr)
            done = run("unic-retrieve", "--model", self.dir / "other.npz", "--index", path, "--query", self.data,
                       "--query-modality", "light", status=1)
            self.assertIn(f"unic-retrieve: {path}: unic_index_accepts: the vectors are of codebook", done.stderr)

    def test_an_index_of_other_clips(self):
        """Its items have numbers alone: what cannot be the queries' clips is refused, what may be is said."""
        index, fewer = self.dir / "of_other.index.npz", self.dir / "fewer.npz"
        self.retrieve("--save", index, query=None)
        done = self.retrieve("--index", index, gallery=None)
        self.assertIn(f"the items of {index} are taken for the clips of {self.data} with the same numbers; --unpaired",
                      done.stderr)
        self.assertEqual(self.retrieve("--index", index, "--unpaired", "--top", 1, gallery=None).stderr, "")
        with np.load(self.data) as z:
            np.savez(fewer, light=z["light"][:5])
        query = ["--model", self.model, "--query", fewer, "--query-modality", "light", "--index"]
        done = run("unic-retrieve", *query, index, status=1)
        self.assertIn(f"{index} has an item 5, but {fewer} has 5 clips: they are not those that the items were made of",
                      done.stderr)
        run("unic-retrieve", *query, index, "--unpaired", "--top", 1)
        model = lu.Model(self.model)
        for ids, dim, words in (([-1], D, "has an item -1, but"), ([], D, "has no items"),
                                ([0], D + 1, f"has items of {D + 1} dims, but clips pooled for l2 have {D}")):
            made = lu.Index(dim, "l2", model)
            made.add(np.zeros((len(ids), dim)), ids)
            made.save(index)
            self.assertIn(words, run("unic-retrieve", *query, index, status=1).stderr)

    def test_an_index_of_an_unknown_codebook(self):
        """Any model may search it, and one whose codes mean something else gives figures: it is said."""
        index = self.dir / "unknown.index.npz"
        made = lu.Index(D, "cosine")
        made.add(np.eye(N, D), np.arange(N))
        made.save(index)
        done = self.retrieve("--index", index, "--unpaired", "--top", 1, gallery=None)
        self.assertEqual(done.stderr, f"unic-retrieve: warning: {index} does not say of which codebook its items are: they are taken "
                                      f"for items of that of {self.model}\n")

    def test_unpaired_has_no_ranks(self):
        got, text = self.results("--unpaired", "--top", 2)
        self.assertNotIn("recall", got)
        self.assertNotIn("R@1", text)
        self.assertEqual(len(text.splitlines()), N)

    # ---- refused ----

    def test_what_is_refused(self):
        index = self.dir / "refused.index.npz"
        self.retrieve("--save", index, query=None)
        both = ["--query", self.data, "--query-modality", "light", "--index", index]
        for args, status, words in [
            ([], 2, "one of --gallery FILE and --index FILE is needed"),
            ([*both, "--gallery", "g", "--gallery-modality", "sound"], 2, "one of --gallery FILE and --index FILE"),
            (["--gallery", "g", "--save", "s"], 2, "--gallery and --gallery-modality go together"),
            (["--index", index, "--query", "q"], 2, "--query and --query-modality go together"),
            (["--index", index], 2, "there is nothing to do"),
            ([*both, "--unpaired"], 2, "--top K is needed"),
            ([*both, "--metric", "l2"], 2, "an index has its own"),
            (["--gallery", "g", "--gallery-modality", "m", "--save", "s", "--metric", "L1"], 2,
             '--metric is "L1", but must be cosine, inner, l2 or intersection'),
            ([*both, "--save", self.data], 1, "is an input"),
            (["--index", self.dir / "none.npz", *both[:4]], 1, "none.npz"),
            (["--index", self.data, *both[:4]], 1, "index.options"),
            (["--query", self.data, "--query-modality", "smell", "--index", index], 1, "smell"),
        ]:
            with self.subTest(args=args):
                done = run("unic-retrieve", "--model", self.model, *args, status=status)
                self.assertTrue(done.stderr.startswith("unic-retrieve: "), done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")
        with np.load(self.data) as z:
            self.assertIn("light", z)  # not written over

    def test_clips_that_do_not_pair(self):
        """An item of a number that no query has; and a gallery without any clip."""
        with np.load(self.data) as z:
            sound = z["sound"]
        few, none = self.dir / "few.npz", self.dir / "none_there.npz"
        lengths = np.zeros(N + 5, np.int32)
        np.savez(none, **{"sound": np.zeros((N + 5, T, 10), np.float32), "sound.lengths": lengths})
        done = run("unic-retrieve", "--model", self.model, "--gallery", none, "--gallery-modality", "sound", "--query",
                   self.data, "--query-modality", "light", status=1)
        self.assertIn(f"none of its {N + 5} clips has a step of sound", done.stderr)
        lengths[N:] = T
        np.savez(few, **{"sound": np.concatenate([sound, sound[:5]]), "sound.lengths": lengths})
        done = run("unic-retrieve", "--model", self.model, "--gallery", few, "--gallery-modality", "sound", "--query",
                   self.data, "--query-modality", "light", status=1)
        self.assertIn(f"{self.data} has {N} clips and {few} has {N + 5}, and they do not both have names: which one each is to "
                      "find is not known", done.stderr)
        np.savez(few, **{"sound": sound[:N], "sound.lengths": np.where(np.arange(N) == ABSENT, T, 0).astype("i4")})
        done = run("unic-retrieve", "--model", self.model, "--gallery", self.data, "--gallery-modality", "sound", "--query",
                   few, "--query-modality", "sound", status=1)
        self.assertIn(f"no clip of {few} is an item", done.stderr)

    def test_clips_pair_by_name(self):
        """Of two folders, or tables, in whatever order and however many; captions of one clip all look for it."""
        with np.load(self.data) as z:
            sound, lengths = z["sound"], z["sound.lengths"]
        clips = [i for i in range(N) if i != ABSENT]
        for folder in "all", "some":
            (self.dir / folder / "sound").mkdir(parents=True)
            for i in clips[::1 if folder == "all" else 3]:
                np.save(self.dir / folder / "sound" / f"c{i:02}.npy", sound[i, :lengths[i]])
        table = self.dir / "all" / "order.csv"
        table.write_text("id,label\n" + "".join(f"c{i:02},x\n" for i in reversed(clips)))
        want = run(*self.self_search(self.dir / "all", self.dir / "all")).stdout.splitlines()[3]
        for query, gallery in ((table, self.dir / "all"), (self.dir / "all", table)):
            self.assertEqual(run(*self.self_search(query, gallery)).stdout.splitlines()[3], want)
        done = run(*self.self_search(self.dir / "some", self.dir / "all"))
        self.assertIn(f"{len(clips[::3])} queries of sound in {N - 1} items", done.stdout)
        self.assertEqual(done.stderr, "")
        self.assertGreater(float(done.stdout.splitlines()[3].split()[3]), 99)    # each is among the ten nearest to itself
        done = run(*self.self_search(self.dir / "all", self.dir / "some"))
        self.assertIn(f"{N - 1 - len(clips[::3])} of {N - 1} queries have no rank: their clip is no item", done.stderr)

    def test_names_on_one_side(self):
        """The order of a folder's clips is that of their names: that its numbers are those of a file is said."""
        with np.load(self.data) as z:
            clips = z["light"]
        folder, file = self.dir / "folder", self.dir / "file.npz"
        (folder / "light").mkdir(parents=True)
        for i, clip in enumerate(clips):
            np.save(folder / "light" / f"clip{i}.npy", clip)
        np.savez(file, light=clips)
        call = ("unic-retrieve", "--model", self.model, "--query-modality", "light", "--gallery-modality", "light")
        for query, gallery in (file, folder), (folder, file):
            done = run(*call, "--query", query, "--gallery", gallery)
            self.assertEqual(done.stderr, f"unic-retrieve: the clips of {query} are taken for those of {gallery} with the same numbers, "
                                          f"as only {folder} has names of clips; --unpaired goes without ranks\n")
            self.assertEqual(run(*call, "--query", query, "--gallery", gallery, "--unpaired", "--top", 1).stderr, "")
        np.savez(self.dir / "copy.npz", light=clips)
        for query, gallery in (folder, folder), (file, file), (file, self.dir / "copy.npz"):
            self.assertEqual(run(*call, "--query", query, "--gallery", gallery).stderr, "")

    def test_dims_that_do_not_fit(self):
        wide = self.dir / "wide.npz"
        np.savez(wide, light=np.zeros((N, T, 7), "f4"))
        says = f'{wide}: unic_encoder_encode_dataset: modality "light": features are [{N},{T},7]: dim 2 is 7, but light.dims makes it 6'
        self.assertIn(says, run("unic-retrieve", "--model", self.model, "--query", wide, "--query-modality", "light", "--gallery",
                                self.data, "--gallery-modality", "sound", status=1).stderr)
        self.assertIn(says, run("unic-encode", "--model", self.model, "--modality", "light", "--out", self.dir / "out.npz", wide,
                                status=1).stderr)

    def self_search(self, query, gallery):
        return ("unic-retrieve", "--model", self.model, "--query", query, "--query-modality", "sound", "--gallery", gallery,
                "--gallery-modality", "sound", "--metric", "cosine")

    def test_results_are_saved_though_nobody_reads_them(self):
        path = self.dir / "unread.json"
        with open("/dev/full", "w") as full:
            done = subprocess.run([BIN / "unic-retrieve", "--model", self.model, "--query", self.data, "--query-modality", "light",
                                   "--gallery", self.data, "--gallery-modality", "sound", "--json", path], stdout=full)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(path.read_text())["queries"], N - 1)

    def test_help_teaches(self):
        done = run("unic-retrieve", "--help")
        self.assertEqual(done.stderr, "")
        for word in "Usage: unic-retrieve ", "--threads N", "Exit status", "R@k", "Examples", "[cosine]", "--unpaired":
            self.assertIn(word, done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 88)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
