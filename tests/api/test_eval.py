#!/usr/bin/env python3
"""unic-eval's tasks, end to end: every score against numpy's, from the codes and heads of the Python binding."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
BIN = BUILD / "bin"
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path.insert(0, str(ROOT / "bindings/python"))

import libunicode as lu  # noqa: E402 (the two lines above say which)

N, T, D, L, CLASSES = 40, 4, 16, 12, 3
BACKGROUND, STEP_CLASSES = 3, 4
F, H, W = 2, 32, 16
DIMS = {"light": 6, "sound": 10}
DIRECTIONS = [f"{a}>{b}" for a in DIMS for b in DIMS]
ABSENT = 7  # the clip without sound
CONFIG = f"""
modalities = light sound
light.kind = vector
light.dims = {DIMS['light']}
sound.kind = vector
sound.dims = {DIMS['sound']}
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
train.epochs = 3
train.lr = 0.01
"""
OURS = ["cello", "table tennis", "a bird"]
THEIRS = ["Bird", "Archery", "PlayingCello", "Sparrow"]
MAP = "# theirs = ours\nBird = a bird\nPlayingCello = cello\nSparrow = a bird   # as well\n"
MAPPED = np.array([2, -1, 0, 2])


def run(program, *args, status=0):
    done = subprocess.run([BIN / program, *map(str, args)], text=True, capture_output=True, timeout=300)
    assert done.returncode == status, (program, args, done.returncode, done.stdout, done.stderr)
    return done


def make_data(seed):
    """Clips of a class, which step 0 does not show; a bright square in the half of each image that the class names."""
    rng, basis = np.random.default_rng(seed), np.random.default_rng(7)
    label = rng.integers(0, CLASSES, N).astype(np.int32)
    steps = np.repeat(label[:, None], T, 1)
    steps[:, 0] = BACKGROUND
    lengths = rng.integers(2, T + 1, N).astype(np.int32)
    lengths[ABSENT] = 0
    data = {"label": label, "sound.lengths": lengths}
    for name, dim in DIMS.items():
        shown = 2 * basis.standard_normal((STEP_CLASSES, dim))[steps]
        data[name] = (shown + 0.5 * rng.standard_normal((N, T, dim))).astype(np.float32)
        data[f"{name}.step_labels"] = steps
    masks = np.zeros((N, F, H, W), np.float32)
    for i, c in enumerate(label):
        masks[i, :, 4 + 8 * c:12 + 8 * c, 2:12] = 1
    data["frames"] = (2 * masks[..., None] + rng.standard_normal((N, F, H, W, 1))).astype(np.float32)
    masks[::5, 1] = -1                      # has no mask
    masks[3, 0] = 0                         # nothing is there
    data["masks"] = masks
    return data


def ratio(part, whole):
    return part / whole if whole else 0.0


def f1(precision, recall):
    return ratio(2 * precision * recall, precision + recall)


def matches(predicted, actual, matched):
    p, r = ratio(matched, predicted), ratio(matched, actual)
    return {"predicted": predicted, "actual": actual, "matched": matched, "precision": p, "recall": r, "f1": f1(p, r)}


def runs(on):
    edges = np.flatnonzero(np.diff(np.r_[0, on.astype(int), 0]))
    return list(zip(edges[::2], edges[1::2]))


def iou(a, b):
    shared = max(0, min(a[1], b[1]) - max(a[0], b[0]))
    return shared / (a[1] - a[0] + b[1] - b[0] - shared)


def events(predicted, truth, background):
    """[N,T,C], steps that do not count -1 in the truth."""
    found = there = right = 0
    for n in range(len(truth)):
        for c in set(range(truth.shape[2])) - {background}:
            counts = truth[n, :, c] >= 0
            guessed, actual = runs(predicted[n, :, c] & counts), runs(truth[n, :, c] == 1)
            found, there = found + len(guessed), there + len(actual)
            for event in guessed:
                match = next((other for other in actual if iou(event, other) >= 0.5), None)
                if match:
                    actual.remove(match)
                    right += 1
    return matches(found, there, right)


def segments(predicted, truth, background):
    classes = [c for c in range(truth.shape[2]) if c != background]
    rows = (truth >= 0).all(-1)
    p, t = predicted[rows][:, classes], truth[rows][:, classes] == 1
    return matches(int(p.sum()), int(t.sum()), int((p & t).sum()))


def segments_cmg(predicted, truth):
    """Means of batches of 80 clips, weighted by their rows that count."""
    rows = (truth >= 0).all(-1)
    p, t = predicted[rows], truth[rows] == 1
    precision, recall = ratio((p & t).sum(), p.sum()), ratio((p & t).sum(), t.sum())
    return {"precision": precision, "recall": recall, "f1": f1(precision, recall)}  # N < 80: one batch


def mask_scores(logits, truth):
    """[M,pixels]: mean IoU, the largest F of all masks, and both as the CMG code has them for 4 clips of F masks."""
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    inside = truth == 1
    empty = ~inside.any(1)
    both, either = ((p > 0.5) & inside).sum(1), ((p > 0.5) | inside).sum(1)
    ious = np.where(either, both / np.maximum(either, 1), 1.0)
    ious_cmg = np.where(empty, (~(p > 0.5)).mean(1), ious)
    curve = []
    for t in np.arange(255) * (1 - 1e-10) / 254:
        on = p >= t
        hit = (on & inside).sum(1)
        precision, recall = hit / np.maximum(on.sum(1), 1), hit / np.maximum(inside.sum(1), 1)
        below = 0.3 * precision + recall
        curve.append(np.where(empty, ~on.any(1), 1.3 * precision * recall / np.where(below > 0, below, 1)))
    curve = np.array(curve)
    batches = [slice(i, i + 4 * F) for i in range(0, len(p), 4 * F)]
    f_cmg = [curve[:, b][:, ~empty[b]].mean(1).max() for b in batches if not empty[b].all()]
    return {"miou": ious.mean(), "f_beta": curve.mean(1).max(),
            "miou_cmg": np.mean([ious_cmg[b].mean() for b in batches]), "f_beta_cmg": np.mean(f_cmg)}


# Shells start background jobs with SIGINT ignored, which programs inherit; handled here, it is not.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Eval(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.data = {name: make_data(seed) for seed, name in enumerate(("train", "test"))}
        for name, data in cls.data.items():
            np.savez(cls.dir / f"{name}.npz", **data)
        (cls.dir / "config.ini").write_text(CONFIG)
        run("unic-train", "--config", cls.dir / "config.ini", "--data", cls.dir / "train.npz", "--out",
            cls.dir / "m.npz", "--threads", 1)
        lu.set_threads(1)
        cls.model = lu.Model(cls.dir / "m.npz")
        cls.codes = {(name, m): cls.model.encode(m, data[m], data.get(f"{m}.lengths"))
                     for name, data in cls.data.items() for m in DIMS}
        for name, text in (("ours.txt", "\n".join(OURS)), ("theirs.txt", "\n".join(THEIRS) + "\n"), ("map.txt", MAP)):
            (cls.dir / name).write_text(text)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def evaluate(self, task, *more, train="train.npz", test="test.npz", status=0):
        path = self.dir / "r.json"
        path.unlink(missing_ok=True)
        args = ["--model", self.dir / "m.npz", "--test", self.dir / test, "--task", task, "--threads", 1,
                *(["--train", self.dir / train] if train else [])]
        done = run("unic-eval", *args, "--json", path, *more, status=status)
        return done if status else (json.loads(path.read_text()), done.stdout)

    def save(self, name, **arrays):
        np.savez(self.dir / name, **{**self.data[name.split("-")[0]], **arrays})
        return name

    def logits(self, direction, labels, classes, **keywords):
        """What a head makes of the test clips, and the truth that counts."""
        a, b = direction.split(">")
        head = lu.Head(self.model, classes, **keywords)
        head.fit(self.codes["train", a], labels("train", a))
        codes = self.codes["test", b]
        return head.predict(codes), np.asarray(head.mask_labels(codes, labels("test", b)))

    def assert_scores(self, got, expected):
        for name, value in expected.items():
            if isinstance(value, dict):
                self.assert_scores(got[name], value)
            else:
                np.testing.assert_allclose(np.array(got[name], float), value, atol=1e-7, err_msg=name)

    # ---- classify ----

    def class_scores(self, logits, truth, classes):
        counts = truth >= 0
        best = logits.argmax(-1)
        confusion = np.array([[((truth == i) & (best == j)).sum() for j in range(classes)] for i in range(classes)])
        with np.errstate(invalid="ignore"):
            per_class = np.diag(confusion) / confusion.sum(1)
        right = int((best == truth)[counts].sum())
        return confusion, {"counted": int(counts.sum()), "right": right, "accuracy": right / counts.sum(),
                           "mean_accuracy": np.nanmean(per_class), "per_class": per_class}

    def test_channels_of_the_codes(self):
        """--toc against heads of the codebook's own choice; --requantize with the codes of the smaller space."""
        book = self.model.codebook()
        for text, channels in (("6", book.channels(6)), ("6:2:1", book.channels(6, 2, 1))):
            some = book.select(channels.channels)
            anew = {}
            for key in self.codes:
                data = self.data[key[0]]
                z = self.model.encode(key[1], data[key[1]], data.get(f"{key[1]}.lengths"), vectors=True)[2]
                codes = some.assign(z[..., channels.channels])
                anew[key] = np.where(self.codes[key] < 0, -1, codes)
            for more, codes in (((), self.codes), (("--requantize",), anew)):
                result = self.evaluate("classify", "--toc", text, *more)[0]
                for a in DIMS:
                    head = lu.Head(some, classes=CLASSES)
                    head.fit(codes["train", a], self.data["train"]["label"])
                    for b in DIMS:
                        truth = head.mask_labels(codes["test", b], self.data["test"]["label"])
                        right = lu.metrics.classes(head.predict(codes["test", b]), truth).accuracy
                        self.assertAlmostEqual(result["results"][f"{a}>{b}"], right, 6)
                self.assertEqual(result["usage"]["light"], np.bincount(codes["test", "light"][
                    codes["test", "light"] >= 0], minlength=L).tolist())

    def test_soft_codes(self):
        """--soft on the test clips, also with --toc: the same as the binding's."""
        book = self.model.codebook()
        small = book.select(book.channels(6).channels)
        for more, of in (((), book), (("--toc", "6"), small)):
            result = self.evaluate("localise", "--soft", "3:0.75", *more)[0]
            for a in DIMS:
                head = lu.Head(of, classes=STEP_CLASSES, per="step")
                head.fit(self.codes["train", a], self.data["train"][f"{a}.step_labels"])
                for b in DIMS:
                    data, codes = self.data["test"], self.codes["test", b]
                    z = self.model.encode(b, data[b], data.get(f"{b}.lengths"), vectors=True)[2]
                    soft = book.soften(z, 3, 0.75)
                    soft.codes[codes < 0] = -1
                    truth = head.mask_labels(codes, data[f"{b}.step_labels"])
                    right = lu.metrics.classes(head.predict_soft(*soft), truth).accuracy
                    self.assertAlmostEqual(result["results"][f"{a}>{b}"], right, 6)
        for text in ("0", "x", "2:", "2:x", "2:-1", "2:0", "2:0.5x"):
            done = run("unic-eval", "--model", "m", "--train", "a", "--test", "b", "--soft", text, status=2)
            self.assertIn(f'--soft is "{text}", but must be K or K:T', done.stderr)

    def test_channels_that_are_none(self):
        for text in ("x", "6:", "6:1", "6:1:1:", "-6", "6 ", "0", "0:1:1"):
            done = run("unic-eval", "--model", "m", "--train", "a", "--test", "b", "--toc", text, status=2)
            self.assertIn(f'--toc is "{text}", but must be C or C:P:Q', done.stderr)
        done = run("unic-eval", "--model", "m", "--train", "a", "--test", "b", "--requantize", status=2)
        self.assertIn("--requantize is given, but no --toc that chooses channels", done.stderr)
        for text, says in ((f"{D + 1}", f"most = {D + 1} is not in 1..{D}"), ("2:2:1", "p + q = 2 + 1 is not in 1..2")):
            done = run("unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "train.npz", "--test",
                       self.dir / "test.npz", "--toc", text, status=1)
            self.assertIn(says, done.stderr)

    def test_classify(self):
        result, text = self.evaluate("classify", "--table", "--seed", 3, "--classes", self.dir / "ours.txt")
        self.assertEqual(list(result["scores"]), DIRECTIONS)
        self.assertEqual((result["class_names"], result["classes"]), (OURS, CLASSES))
        for direction in DIRECTIONS:
            logits, truth = self.logits(direction, lambda name, m: self.data[name]["label"], CLASSES, seed=3)
            confusion, expected = self.class_scores(logits, truth, CLASSES)
            self.assert_scores(result["scores"][direction], expected)
            self.assertEqual(result["confusion"][direction], confusion.tolist())
            self.assertEqual(result["results"][direction], result["scores"][direction]["accuracy"])
            self.assertEqual(expected["counted"], N - direction.endswith("sound"))
            self.assertRegex(text, rf"(?m)^{direction} +{100 * expected['accuracy']:.1f} +"
                                   rf"{100 * expected['mean_accuracy']:.1f}$")
        self.assertGreater(result["results"]["light>light"], 0.6)

    # ---- what a head can learn ----

    def test_a_head_is_not_asked_what_its_modality_never_showed(self):
        """Class 2 is that of clips without sound alone: heads of sound are not tested on it, those of light are."""
        data = self.data["train"]
        for task, key in (("classify", "label"), ("localise", "sound.step_labels")):
            lost = data["label"] == 2
            lengths = np.where(lost, 0, data["sound.lengths"])
            codes = np.where(lost[:, None], -1, self.codes["train", "sound"])
            path = self.dir / "r.json"
            done = run("unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / self.save(
                "train-lost.npz", **{"sound.lengths": lengths}), "--test", self.dir / "test.npz", "--task", task,
                "--threads", 1, "--json", path)
            self.assertEqual(done.stderr, f'unic-eval: classes that no label of "sound" in {self.dir}/train-lost.npz is of, '
                                          'and so not counted for its head: 2\n')
            scores, steps = json.loads(path.read_text())["scores"], task == "localise"
            head = lu.Head(self.model, STEP_CLASSES if steps else CLASSES, per="step" if steps else "clip")
            head.fit(codes, data[key])
            for b in DIMS:
                asked = self.codes["test", b]
                truth = head.mask_labels(asked, self.data["test"][key.replace("sound", b)])
                truth = np.where(truth == 2, -1, truth)
                report = lu.metrics.classes(head.predict(asked), truth)
                got = scores[f"sound>{b}"]
                self.assertEqual((got["counted"], got["right"]), (report.row_count, report.right_count))
                self.assertGreater(scores[f"light>{b}"]["counted"], got["counted"])

    def test_a_head_is_not_asked_of_several_classes_what_it_never_saw(self):
        """The same of [N,T,C]: a step of nothing else does not count, others count with their other classes."""
        rng = np.random.default_rng(9)
        labels = {(name, m): (rng.random((N, T, CLASSES)) < 0.4).astype(np.int32) for name in self.data for m in DIMS}
        labels["train", "sound"][..., 1] = 0
        for name in self.data:
            self.save(f"{name}-many.npz", **{f"{m}.step_labels": labels[name, m] for m in DIMS})
        result, _ = self.evaluate("localise", train="train-many.npz", test="test-many.npz")
        head = lu.Head(self.model, CLASSES, per="step", multi=True)
        head.fit(self.codes["train", "sound"], labels["train", "sound"])
        for b in DIMS:
            truth = labels["test", b].copy()
            truth[(truth[..., 1] == 1) & (truth.sum(-1) == 1)] = -1
            truth[..., 1] = np.where(truth[..., 1] == 1, 0, truth[..., 1])
            codes = self.codes["test", b]
            report = lu.metrics.steps(head.predict(codes), head.mask_labels(codes, truth))
            got = result["scores"][f"sound>{b}"]["segments"]
            self.assertEqual([got[k] for k in ("predicted", "actual", "matched")],
                             [report.predicted_count, report.actual_count, report.matched_count])

    def test_nothing_to_train_on_is_no_score(self):
        zeros, data = np.zeros(N, np.int32), self.data["train"]
        self.refuse(['train-none.npz: none of its clips has both "sound" and a label'], "classify",
                    train=self.save("train-none.npz", **{"sound.lengths": zeros}))
        silent = {f"{m}.step_labels": data[f"{m}.step_labels"] - (m == "sound") * 100 for m in DIMS}
        silent["sound.step_labels"][:] = -1
        self.refuse(['none of its steps has both "sound" and a label'], "localise",
                    train=self.save("train-none.npz", **silent))
        # one class is all that a head could answer, which would be right wherever it is asked
        only = self.save("test-only.npz", label=zeros + 2)
        for label in (zeros + 2, np.where(np.arange(N) % 2, 2, -1)):
            self.refuse(['train-one.npz: every clip of "light" that has a label is of class 2: a head has nothing'],
                        "classify", train=self.save("train-one.npz", label=label), test=only)
        self.refuse(['every clip of "light" that has a label is of class "a bird"'], "classify", "--classes",
                    self.dir / "ours.txt", train="train-one.npz", test=only)
        some = {f"{m}.step_labels": np.eye(2, dtype=np.int32)[np.ones((N, T), int)] for m in DIMS}
        self.save("test-one.npz", **some)
        self.refuse(['every step of "light" that has a label is of class 1: a head has nothing to '
                     'tell apart (--train-on chooses other modalities)'], "localise",
                    train=self.save("train-one.npz", **some), test="test-one.npz")

    def test_nothing_to_find_is_no_score(self):
        """Precision, recall and F1 of background alone would be 0 / 0."""
        rest = {f"{m}.step_labels": np.full((N, T), BACKGROUND, np.int32) for m in DIMS}
        path = self.dir / "r.json"
        done = run("unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "train.npz", "--test",
                   self.dir / self.save("test-rest.npz", **rest), "--task", "localise", "--background", BACKGROUND,
                   "--train-on", "light", "--test-on", "light", "--threads", 1, "--json", path)
        self.assertEqual(done.stderr, f'unic-eval: warning: {self.dir}/test-rest.npz: every step of "light" that counts is of '
                                      'the background "3": there is nothing to be found, and precision, recall and F1 are 0 '
                                      'whatever is predicted\n')
        many = {key: np.eye(STEP_CLASSES, dtype=np.int32)[value] for key, value in rest.items()}
        train = self.save("train-many.npz", **{f"{m}.step_labels": np.eye(STEP_CLASSES, dtype=np.int32)[
            self.data["train"][f"{m}.step_labels"]] for m in DIMS})
        test = self.save("test-rest.npz", **many)
        self.evaluate("localise", train=train, test=test)           # as a class like any other there is something
        self.refuse(['test-rest.npz: no step of "light" that counts is of a class other than the background "3"'],
                    "localise", "--background", BACKGROUND, train=train, test=test)
        self.refuse(['test-none.npz: no step of "light" that counts is of a class: there is nothing'], "localise",
                    train=train, test=self.save("test-none.npz", **{key: 0 * value for key, value in many.items()}))

    def test_which_modalities(self):
        whole, _ = self.evaluate("classify")
        result, text = self.evaluate("classify", "--train-on", "light", "--test-on", "sound")
        self.assertEqual(result["results"], {"light>sound": whole["results"]["light>sound"]})
        self.assertEqual(list(result["usage"]), ["sound"])
        self.assertTrue(text.startswith("light>sound\t"))
        result, _ = self.evaluate("classify", "--test-on", "sound", "--test-on", "light")
        self.assertEqual(result["results"], whole["results"])

    def test_the_same_clips(self):
        """A head that is tested on the clips that it learnt from says so, under any name of the file."""
        says = "warning: --test has clips of --train"
        (self.dir / "link.npz").symlink_to(self.dir / "train.npz")
        for test, found in (("train.npz", True), ("link.npz", True), ("test.npz", False)):
            done = run("unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "train.npz", "--test",
                       self.dir / test, "--epochs", 1, "--threads", 1)
            self.assertEqual(says in done.stderr, found, test)
        done = run("unic-eval", "--model", self.dir / "m.npz", "--test", self.dir / "train.npz", "--task", "retrieve")
        self.assertNotIn(says, done.stderr)

    def test_the_same_clips_of_a_table(self):
        """A table's splits have no clip in common; without one it has the clips of all."""
        table = self.dir / "splits" / "x.csv"
        for name in DIMS:
            (table.parent / name).mkdir(parents=True)
            for i in range(8):
                np.save(table.parent / name / f"c{i}.npy", self.data["train"][name][i])
        table.write_text("id,category,split\n" + "".join(f"c{i},{i % 2},{'train' if i < 4 else 'test'}\n" for i in range(8)))
        other = self.dir / "splits" / ".." / "splits" / "x.csv"
        for train, test, found in ((f"{table}:train", table, True), (table, f"{other}:test", True), (table, other, True),
                                   (f"{table}:train", f"{other}:train", True), (f"{table}:train", f"{other}:test", False)):
            done = run("unic-eval", "--model", self.dir / "m.npz", "--train", train, "--test", test, "--epochs", 1, "--threads", 1)
            self.assertEqual("warning: --test has clips of --train" in done.stderr, found, (train, test))

    def test_labels_of_unsigned_numbers(self):
        """Bytes cannot hold -1: a 255 in its place is a class like any other, which is said."""
        label = self.data["train"]["label"].astype("u1")
        label[5:9] = 255
        says = "unic-eval: warning: {}/{}: label {} is taken as a class of its own ({} of them); a label that does not count is -1 here\n"
        call = ("unic-eval", "--model", self.dir / "m.npz", "--threads", 1, "--epochs", 1)
        train = self.dir / self.save("train-bytes.npz", label=label)
        done = run(*call, "--train", train, "--test", self.dir / self.save("test-bytes.npz", label=label))
        self.assertEqual(done.stderr, "".join(says.format(self.dir, f"{name}-bytes.npz", 255, 4) for name in ("train", "test")))
        done = run(*call, "--train", self.dir / "train.npz", "--test", self.dir / "test-bytes.npz")
        self.assertEqual(done.stderr, f"unic-eval: classes of {self.dir}/test-bytes.npz that no label of {self.dir}/train.npz is of, "
                                      "and so not counted: 255\n")
        done = run(*call[:3], "--test", train, "--task", "retrieve", "--relevant", "classes")
        self.assertEqual(done.stderr, says.format(self.dir, "train-bytes.npz", 255, 4))
        label[9] = 254                              # as one of so many classes
        done = run(*call, "--train", self.dir / self.save("train-bytes.npz", label=label), "--test", self.dir / "test.npz")
        self.assertNotIn("a class of its own", done.stderr)

    def test_step_labels_of_two_kinds(self):
        hot = self.many_labels()
        one, many = "[N,T], one class a step", "[N,T,C], a 0 or 1 for each class"
        for train, test, ours, theirs in (("train.npz", "test-hot.npz", one, many), ("train-hot.npz", "test.npz", many, one)):
            self.refuse(f"the step labels of {self.dir / train} are {ours}, but those of {self.dir / test} are {theirs}: one kind is "
                        "expected in both", "localise", train=train, test=test)
        less = self.save("test-less.npz", **{f"{m}.step_labels": hot["test", m][..., :3] for m in DIMS})
        self.refuse(f"the step labels of {self.dir}/train-hot.npz are of {STEP_CLASSES} classes, those of {self.dir}/test-less.npz of 3: "
                    "the same ones are expected in both, or a --class-map", "localise", train="train-hot.npz", test=less)

    def test_epochs(self):
        result, _ = self.evaluate("classify", "--epochs", 2)
        logits, truth = self.logits("light>light", lambda name, m: self.data[name]["label"], CLASSES, epochs=2)
        self.assert_scores(result["scores"]["light>light"], self.class_scores(logits, truth, CLASSES)[1])

    # ---- another data set's classes ----

    def across(self, task, test, *more, **keywords):
        return self.evaluate(task, "--class-map", self.dir / "map.txt", "--classes", self.dir / "ours.txt",
                             "--test-classes", self.dir / "theirs.txt", *more, test=test, **keywords)

    def test_class_map(self):
        theirs = np.random.default_rng(3).integers(-1, len(THEIRS), N)
        ours = np.where(theirs < 0, -1, MAPPED[theirs])
        result, _ = self.across("classify", self.save("test-theirs.npz", label=theirs))
        for direction in DIRECTIONS:
            logits, truth = self.logits(
                direction, lambda name, m: ours if name == "test" else self.data[name]["label"], CLASSES)
            confusion, expected = self.class_scores(logits, truth, CLASSES)
            self.assert_scores(result["scores"][direction], expected)
            self.assertEqual(result["confusion"][direction], confusion.tolist())
            self.assertEqual(expected["counted"], ((ours >= 0) & (self.codes["test", direction[6:]] >= 0).any(1)).sum())
        self.assertIsNone(result["scores"]["light>light"]["per_class"][1])  # nothing becomes table tennis

    def test_class_map_by_numbers(self):
        (self.dir / "numbers.txt").write_text("0 = 2\n2 = 0\n")
        result, _ = self.evaluate("classify", "--class-map", self.dir / "numbers.txt")
        done = run("unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "train.npz", "--test",
                   self.dir / "test.npz", "--class-map", self.dir / "numbers.txt", "--epochs", 1)
        self.assertEqual(done.stderr, f"unic-eval: classes of {self.dir}/test.npz that {self.dir}/numbers.txt does not name, "
                                      "and so not counted: 1\n")
        label = np.array([2, -1, 0])[self.data["test"]["label"]]
        logits, truth = self.logits(
            "light>light", lambda name, m: label if name == "test" else self.data[name]["label"], CLASSES)
        self.assert_scores(result["scores"]["light>light"], self.class_scores(logits, truth, CLASSES)[1])

    def test_class_map_of_steps(self):
        rng = np.random.default_rng(4)
        theirs = (rng.random((N, T, len(THEIRS))) < 0.3).astype(np.int32)
        train = {f"{m}.step_labels": np.eye(CLASSES, dtype=np.int32)[self.data["train"][f"{m}.step_labels"] % 3]
                 for m in DIMS}
        self.save("train-steps.npz", **train)
        self.save("test-steps.npz", **{f"{m}.step_labels": theirs for m in DIMS})
        ours = np.stack([np.any(theirs[..., MAPPED == c], -1) for c in range(CLASSES)], -1).astype(np.int32)
        ours[theirs.any(-1) & ~ours.any(-1)] = -1
        result, _ = self.across("localise", "test-steps.npz", train="train-steps.npz")
        for direction in DIRECTIONS:
            logits, truth = self.logits(
                direction, lambda name, m: ours if name == "test" else train[f"{m}.step_labels"], CLASSES, per="step",
                multi=True)
            self.assert_scores(result["scores"][direction]["segments"], segments(logits > 0, truth, None))

    # ---- localise ----

    def test_localise(self):
        """One class a step."""
        for background in (None, BACKGROUND):
            result, text = self.evaluate("localise", "--table",
                                         *([] if background is None else ["--background", background]))
            for direction in DIRECTIONS:
                logits, truth = self.logits(direction, lambda name, m: self.data[name][f"{m}.step_labels"],
                                            STEP_CLASSES, per="step")
                confusion, expected = self.class_scores(logits, truth, STEP_CLASSES)
                predicted = np.eye(STEP_CLASSES, dtype=bool)[logits.argmax(-1)]
                hot = np.where(truth[..., None] < 0, -1, np.eye(STEP_CLASSES, dtype=int)[truth])
                expected["segments"] = segments(predicted, hot, background)
                expected["events"] = events(predicted, hot, background)
                self.assertNotIn("segments_cmg", result["scores"][direction])
                self.assert_scores(result["scores"][direction], expected)
                self.assertEqual(result["confusion"][direction], confusion.tolist())
                self.assertEqual(result["results"][direction], result["scores"][direction]["accuracy"])
                row = [expected["accuracy"], expected["mean_accuracy"], *(expected["segments"][k] for k in
                       ("precision", "recall", "f1")), expected["events"]["f1"]]
                self.assertIn([direction, *(f"{100 * x:.1f}" for x in row)],
                              [line.split() for line in text.splitlines()])

    def many_labels(self):
        """Files train-hot.npz and test-hot.npz, and their labels [N,T,C], by file and modality."""
        rng = np.random.default_rng(6)
        hot = {}
        for name, data in self.data.items():
            for m in DIMS:
                hot[name, m] = np.eye(STEP_CLASSES, dtype=np.int32)[data[f"{m}.step_labels"]]
                hot[name, m][..., :BACKGROUND] |= rng.random((N, T, BACKGROUND)) < 0.1
            self.save(f"{name}-hot.npz", **{f"{m}.step_labels": hot[name, m] for m in DIMS})
        return hot

    def test_localise_many_labels(self):
        hot = self.many_labels()
        (self.dir / "names.txt").write_text("a\nb\nc\nno event\n")
        for background, p, more in ((None, 0.5, []), (BACKGROUND, 0.3, ["--threshold", 0.3, "--background", "no event",
                                                                        "--classes", self.dir / "names.txt"])):
            result, _ = self.evaluate("localise", *more, train="train-hot.npz", test="test-hot.npz")
            self.assertEqual(result["metric"], "micro_f1")
            self.assertNotIn("confusion", result)
            for direction in DIRECTIONS:
                logits, truth = self.logits(direction, lambda name, m: hot[name, m], STEP_CLASSES, per="step",
                                            multi=True)
                predicted = logits > np.float32(np.log(p / (1 - p)))
                expected = {"segments": segments(predicted, truth, background),
                            "events": events(predicted, truth, background),
                            "segments_cmg": segments_cmg(predicted, truth)}
                self.assert_scores(result["scores"][direction], expected)
                self.assertAlmostEqual(result["results"][direction], expected["segments"]["f1"], 7)

    def test_best_threshold(self):
        """The one of the highest F1 on the clips that a head was trained on, whatever it is tested on."""
        hot = self.many_labels()
        labels = lambda name, m: hot[name, m]
        result, _ = self.evaluate("localise", "--threshold", "best", "--background", BACKGROUND, train="train-hot.npz",
                                  test="test-hot.npz")
        chosen = set()
        for a in DIMS:
            head = lu.Head(self.model, STEP_CLASSES, per="step", multi=True)
            head.fit(self.codes["train", a], hot["train", a])
            seen, truth = (head.predict(self.codes["train", a]),
                           np.asarray(head.mask_labels(self.codes["train", a], hot["train", a])))
            f1_at = {p: segments(seen > np.float32(np.log(p / (1 - p))), truth, BACKGROUND)["f1"]
                     for p in np.arange(1, 100) / 100}
            best = max(f1_at, key=f1_at.get)
            chosen.add(best)
            for b in DIMS:
                logits, truth = self.logits(f"{a}>{b}", labels, STEP_CLASSES, per="step", multi=True)
                expected = segments(logits > np.float32(np.log(best / (1 - best))), truth, BACKGROUND)
                self.assert_scores(result["scores"][f"{a}>{b}"], {"segments": expected, "threshold": best})
                self.assertAlmostEqual(result["results"][f"{a}>{b}"], expected["f1"], 7)
        self.assertNotIn(0.5, chosen, "it has to differ from what is taken without it")

    # ---- segment ----

    def check_masks(self, result, logits, truth):
        for i, a in enumerate(DIMS):
            for j, b in enumerate(DIMS):
                heard = (self.codes["test", b] >= 0).any(1)
                counts = (truth[..., 0, 0] >= 0) & heard[:, None]
                self.assertFalse(logits[i, j][~heard].any())
                expected = mask_scores(logits[i, j][counts].reshape(-1, H * W), truth[counts].reshape(-1, H * W))
                got = result["scores"][f"{a}>{b}"]
                self.assertEqual(got["masks"], counts.sum())
                for name, value in expected.items():
                    self.assertAlmostEqual(got[name], value, 5, (a, b, name))
                self.assertEqual(result["results"][f"{a}>{b}"], got["miou"])

    def test_segment(self):
        out = self.dir / "logits.npz"
        result, text = self.evaluate("segment", "--epochs", 8, "--logits", out, "--table")
        with np.load(out) as z:
            logits = z["logits"]
        self.assertEqual(logits.shape, (2, 2, N, F, H, W))
        self.check_masks(result, logits, self.data["test"]["masks"])
        self.assertGreater(min(result["results"].values()), 0.4)
        self.assertIn(f"{100 * result['scores']['light>sound']['f_beta']:.1f}", text)
        again, _ = self.evaluate("segment", "--epochs", 8)
        self.assertEqual(result, again)

    def test_an_interrupted_run_leaves_no_logits(self):
        out = self.dir / "some" / "logits.npz"
        out.parent.mkdir()
        process = subprocess.Popen(
            [BIN / "unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "train.npz", "--test",
             self.dir / "test.npz", "--task", "segment", "--epochs", "100000", "--threads", "1", "--logits", out])
        deadline = time.monotonic() + 60
        while not list(out.parent.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(len(list(out.parent.iterdir())), 1)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 130)
        self.assertEqual(list(out.parent.iterdir()), [])

    def test_segment_by_maps(self):
        """Maps of two levels, which go before frames; frames behind a length do not count."""
        rng, shown = np.random.default_rng(9), {}
        for name, data in self.data.items():
            coarse = [np.maximum(data["masks"], 0)[:, :, ::step, ::step, None] for step in (4, 8)]
            shown[name] = {f"maps{i}": (x + 0.1 * rng.standard_normal((*x.shape[:-1], 3 + i))).astype(np.float32)
                           for i, x in enumerate(coarse)}
            lengths = np.where(np.arange(N) % 4 == 2, 1, F).astype(np.int32)
            self.save(f"{name}-maps.npz", **shown[name], **{"masks.lengths": lengths})
        truth = self.data["test"]["masks"].copy()
        truth[2::4, 1] = -1
        out = self.dir / "logits.npz"
        result, _ = self.evaluate("segment", "--epochs", 2, "--logits", out, train="train-maps.npz",
                                  test="test-maps.npz")
        with np.load(out) as z:
            self.check_masks(result, z["logits"], truth)

    # ---- retrieve ----

    def similar(self, a, b, metric):
        """[queries,items], larger is nearer, and the clips that either are."""
        vectors, clips = [], []
        for m in a, b:
            codes = self.codes["test", m]
            valid = codes >= 0
            steps = np.maximum(valid.sum(1, keepdims=True), 1)
            hits = np.stack([(codes == code).sum(1) for code in range(L)], 1) / steps
            pooled = hits if metric == "intersection" else hits @ self.model.embedding().astype(float)
            vectors.append(pooled[valid.any(1)])
            clips.append(np.flatnonzero(valid.any(1)))
        q, x = vectors
        if metric == "intersection":
            return np.minimum(q[:, None], x[None]).sum(-1), clips
        if metric == "l2":
            return -((q[:, None] - x[None]) ** 2).sum(-1), clips
        if metric == "cosine":
            q, x = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (q, x))
        return q @ x.T, clips

    def check_ranks(self, got, scores, relevant):
        """float32 may tell what is equal in float64 apart: figures are between those of two readings."""
        near, bounds = 1e-5 * max(1, np.abs(scores).max()), []
        self.assertEqual([got["queries"], got["items"]], [relevant.any(1).sum(), scores.shape[1]])
        for shift in near, -near:
            ranks, precisions = [], []
            for row, good in zip(scores, relevant):
                if good.any():
                    ranks.append(1 + (~good & (row >= row[good].max() + shift)).sum())
                    precisions.append(np.mean([(good & (row >= s)).sum() / ((good & (row >= s)) |
                                              (~good & (row >= s + shift))).sum() for s in row[good]]))
            ranks = np.array(ranks)
            bounds.append([*(-(ranks <= k).mean() for k in (1, 5, 10)), np.median(ranks), -np.mean(precisions)])
        figures = [*(-got["recall"][k] for k in ("1", "5", "10")), got["median_rank"], -got["map"]]
        for least, figure, most in zip(bounds[0], figures, bounds[1]):
            self.assertTrue(least - 1e-3 <= figure <= most + 1e-3, (bounds, figures))

    def test_retrieve(self):
        label = self.data["test"]["label"]
        for metric in "cosine", "inner", "l2", "intersection":
            for relevant in "pairs", "classes":
                result, text = self.evaluate("retrieve", "--metric", metric, "--relevant", relevant, "--table",
                                             train=None)
                self.assertEqual([result["similarity"], result["relevant"]], [metric, relevant])
                self.assertEqual(list(result["scores"]), ["light>sound", "sound>light"])
                for direction, got in result["scores"].items():
                    scores, (q, x) = self.similar(*direction.split(">"), metric)
                    good = q[:, None] == x if relevant == "pairs" else label[q][:, None] == label[x]
                    self.check_ranks(got, scores, good)
                    self.assertEqual(result["results"][direction], got["map"])
                    self.assertRegex(text, rf"(?m)^{direction} +{100 * got['recall']['1']:.1f} ")
        result, _ = self.evaluate("retrieve", "--train-on", "sound", train=None)
        self.assertEqual(list(result["results"]), ["sound>light"])

    # ---- what is refused ----

    def test_wrong_usage(self):
        for task, train, more, words in [
            ("classify", None, [], "--train FILE is missing"),
            ("retrieve", "train.npz", [], "--train is given, but --task retrieve has no use for it"),
            ("retrieve", None, ["--epochs", 3], "--epochs is given"),
            ("segment", "train.npz", ["--class-map", "m"], "--class-map is given, but --task segment"),
            ("classify", "train.npz", ["--background", 1], "--background is given"),
            ("classify", "train.npz", ["--logits", "x"], "--logits is given"),
            ("classify", "train.npz", ["--test-classes", "x"], "no --class-map"),
            ("localise", "train.npz", ["--threshold", "1"], '--threshold is "1", but must be a number between 0 and 1, or best'),
            ("localise", "train.npz", ["--threshold", "0.5x"], '--threshold is "0.5x"'),
            ("localise", "train.npz", ["--threshold", "nan"], '--threshold is "nan"'),
            ("segment", "train.npz", ["--segmenter", "large"], '--segmenter is "large", but must be small or paper'),
            ("retrieve", None, ["--relevant", "all"], "pairs or classes"),
            ("retrieve", None, ["--metric", "l1"], "cosine, inner, l2 or intersection"),
            ("classify", "train.npz", ["--epochs", 0], '--epochs is "0"'),
        ]:
            with self.subTest(task=task, more=more):
                done = self.evaluate(task, *more, train=train, status=2)
                self.assertIn(words, done.stderr)
                self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))

    def refuse(self, words, task, *more, **keywords):
        with self.subTest(task=task, more=more):
            done = self.evaluate(task, *more, status=1, **keywords)
            for word in [words] if isinstance(words, str) else words:
                self.assertIn(word, done.stderr)
            self.assertTrue(done.stderr.startswith("unic-eval: "))
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertFalse((self.dir / "r.json").exists())

    def test_wrong_classes(self):
        text = self.dir / "bad.txt"
        ours = ["--classes", self.dir / "ours.txt"]
        many = self.save("test-many.npz", label=np.full(N, 5))
        for content, words in [
            ("Bird = a brid\n", ["bad.txt:1", "a brid", "a bird"]), ("Brid = a bird\n", ["bad.txt:1", "Brid", "Bird"]),
            ("Bird a bird\n", ["bad.txt:1"]), ("Bird = a bird\nBird = cello\n", ["bad.txt:2", "Bird"]),
        ]:
            text.write_text(content)
            self.refuse(words, "classify", "--class-map", text, *ours, "--test-classes", self.dir / "theirs.txt")
        self.refuse("none.txt", "classify", "--class-map", self.dir / "none.txt")
        self.refuse(["none.txt", "No such file"], "classify", "--classes", self.dir / "none.txt")
        for content, words in [("a\n\nb\n", "bad.txt:2: an empty line"), ("", "names no class"),
                               ("a\nb\n", "are of 3 classes, but"), ("a\0b", "no list of classes")]:
            text.write_text(content)
            self.refuse(words, "classify", "--classes", text)
        text.write_text("# of birds\nb\n")
        said = self.evaluate("classify", "--classes", text, status=1).stderr
        self.assertIn('bad.txt:1: "# of birds" is taken as the name of class 0', said)
        self.assertIn("are of 3 classes, but", said)
        self.refuse(["test-many.npz are of 6 classes", "names 3"], "classify", *ours, test=many)
        self.refuse(["test-many.npz are of 6 classes", "theirs.txt names 4"], "classify", "--class-map",
                    self.dir / "map.txt", *ours, "--test-classes", self.dir / "theirs.txt", test=many)
        self.refuse("--background 4 is no class: a number in 0..3", "localise", "--background", 4)
        self.refuse("--background x is no class", "localise", "--background", "x")
        self.refuse("--threshold is given, but the step labels of", "localise", "--threshold", "0.3")
        self.refuse("the class of the largest logit is predicted", "localise", "--threshold", "best")

    def test_wrong_modalities(self):
        self.refuse(['"smell" is no modality', "train.npz"], "classify", "--train-on", "smell")
        self.refuse(['"sound" is all there is'], "retrieve", "--train-on", "sound", "--test-on", "sound", train=None)
        np.savez(self.dir / "light.npz", light=self.data["test"]["light"])
        self.refuse('"sound" is no modality', "retrieve", "--test-on", "sound", train=None, test="light.npz")
        self.refuse("label", "retrieve", "--relevant", "classes", train=None, test=self.save_without("label"))
        for name in self.data:
            self.save(f"{name}-wide.npz", light=np.zeros((N, T, 7), "f4"))
        for wide in ({"train": "train-wide.npz"}, {"test": "test-wide.npz"}):
            self.refuse(f'{self.dir / next(iter(wide.values()))}: unic_encoder_encode_dataset: modality "light": features are '
                        f"[{N},{T},7]: dim 2 is 7, but light.dims makes it 6", "classify", **wide)

    def save_without(self, *names):
        data = {key: value for key, value in self.data["test"].items() if key not in names}
        np.savez(self.dir / "part.npz", **data)
        return "part.npz"

    def test_inputs_are_not_written_over(self):
        for task, option in ("classify", "--json"), ("segment", "--logits"):
            before = (self.dir / "test.npz").read_bytes()
            done = run("unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "train.npz", "--test",
                       self.dir / "test.npz", "--task", task, option, self.dir / "test.npz", status=1)
            self.assertIn(f"{option} {self.dir / 'test.npz'} is an input", done.stderr)
            self.assertEqual((self.dir / "test.npz").read_bytes(), before)

    def test_wrong_masks(self):
        masks = self.data["test"]["masks"]
        some, half = masks.copy(), masks.copy()
        some[1, 0, 3, 4] = -1
        half[2, 1, 0, 0] = 0.5
        self.refuse(["masks"], "segment", test=self.save_without("masks"))
        self.refuse(["frames"], "segment", test=self.save_without("frames"))
        self.refuse(["masks of clip 1, frame 0: a pixel is -1", "-1 throughout"], "segment",
                    test=self.save("test-some.npz", masks=some))
        self.refuse(["masks of clip 2, frame 1: a pixel is 0.5"], "segment",
                    test=self.save("test-half.npz", masks=half))
        self.refuse("no clip with codes has a mask", "segment", "--epochs", 1,
                    test=self.save("test-none.npz", masks=0 * masks - 1))
        self.refuse("no clip has both codes of light and a mask", "segment",
                    train=self.save("train-none.npz", masks=0 * masks - 1))
        self.refuse("frames has 2 dims behind [N,F], expected [H,W,C]", "segment",
                    train=self.save("train-flat.npz", frames=masks))
        odd = {"frames": self.data["test"]["frames"][:, :, :30], "masks": masks[:, :, :30]}
        train, test = self.save("train-odd.npz", **odd), self.save("test-odd.npz", **odd)
        self.refuse(["height = 30", "16"], "segment", train=train, test=test)
        self.refuse(["frames of", "[N,F,30,16,1], but of", "[N,F,32,16,1]"], "segment", train=train)
        cut = {"masks": masks[:, :, :16]}
        self.refuse("masks are [N,F,16,16], which asks for frames [N,F,16,16,C], not [N,F,32,16,C]", "segment",
                    test=self.save("test-cut.npz", **cut))
        cut = {f"maps{i}": np.ones((N, F, H >> i + 2, W >> 2, 2), "f4") for i in range(2)}
        self.refuse("which asks for maps1 [N,F,4,2,C], not [N,F,4,4,C]", "segment",
                    train=self.save("train-cut.npz", **cut))
        self.refuse("2 arrays of images (maps0)", "segment", train=self.save(
            "train-two.npz", **{f"maps{i}": np.ones((N, F, H >> i + 2, W >> i + 2, 2), "f4") for i in range(2)}))
        for there, says in (((0, 2), "has maps2, but no maps1"), ((0, 3), "has maps3, but no maps1"),
                            ((0, 1, 3), "has maps3, but no maps2"), ((1, 2), "has maps1, but no maps0")):
            for name in self.data:
                self.save(f"{name}-gap.npz", **{f"maps{i}": np.ones((N, F, H >> i + 2, W >> i + 2, 2), "f4") for i in there})
            self.refuse(f"{self.dir}/train-gap.npz: {says}: maps0, maps1, ... without a gap", "segment", train="train-gap.npz")
            self.refuse(f"{self.dir}/test-gap.npz: {says}", "segment", test="test-gap.npz")

    def test_wrong_pixels(self):
        """The clip is that of the file, whatever batch it is in; one that nobody looks at may hold anything."""
        for name, data in self.data.items():
            frames, masks = data["frames"].copy(), data["masks"].copy()
            frames[13, 1, 2, 3] = np.nan
            says = f"{self.dir}/{name}-nan.npz: frames holds NaN or Inf in clip 13, frame 1; --skip-damaged goes on without"
            self.refuse(says, "segment", **{name: self.save(f"{name}-nan.npz", frames=frames)})
            done = run("unic-eval", "--model", self.dir / "m.npz", "--task", "segment", "--epochs", 1, "--threads", 1, "--skip-damaged",
                       *(word for other in self.data for word in
                         (f"--{other}", self.dir / f"{other}{'-nan' * (other == name)}.npz")))
            self.assertIn('skipped: modality "frames": clip 13', done.stderr)
            masks[13, 1, 2, 3] = 7
            self.refuse(f"{name}-seven.npz: masks of clip 13, frame 1: a pixel is 7; a mask to ", "segment",
                        **{name: self.save(f"{name}-seven.npz", masks=masks)})
        maps = {f"maps{i}": np.ones((N, F, H >> i + 2, W >> i + 2, 2), "f4") for i in range(2)}
        maps["maps1"][11, 0, 1, 1, 1] = np.inf
        self.refuse("train-inf.npz: maps1 holds NaN or Inf in clip 11, frame 0", "segment", train=self.save("train-inf.npz", **maps))
        masks = self.data["train"]["masks"].copy()
        masks[13] = -1
        frames = self.data["train"]["frames"].copy()
        frames[13] = np.nan
        self.evaluate("segment", "--epochs", 1, train=self.save("train-unseen.npz", masks=masks, frames=frames))

    def test_pixels_that_are_too_large(self):
        frames = self.data["test"]["frames"].copy()
        frames[13] = 3e38 * (-1) ** np.arange(W)[:, None]
        self.refuse(f"{self.dir}/test-large.npz: clip 13: a logit is NaN or Inf; its frames or codes are too large", "segment",
                    "--epochs", 1, "--train-on", "light", test=self.save("test-large.npz", frames=frames))
        frames = self.data["train"]["frames"].copy()
        frames[:] = 3e19
        self.refuse(f"{self.dir}/train-large.npz: unic_segmenter_step: step 0 refused: ", "segment",
                    train=self.save("train-large.npz", frames=frames))


if __name__ == "__main__":
    if not BIN.joinpath("unic-eval").exists():
        sys.exit(f"{BIN}: the programs are not built")
    unittest.main()
