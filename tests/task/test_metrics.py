#!/usr/bin/env python3
"""The metrics of libunicode.so against scikit-learn (python3-sklearn), and the authors' against numpy.

BUILD names the build tree (build).
"""
from __future__ import annotations

import ctypes
import os
import pathlib
import sys

import numpy as np

try:
    import sklearn.metrics as sk
except ImportError:
    print("skipped: scores against scikit-learn, which is not installed (python3-sklearn)")
    sys.exit(0)

LIBRARY = ctypes.CDLL(str(pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "libunicode.so"))
LIBRARY.unic_last_error.restype = ctypes.c_char_p
SIZE, DOUBLE, FLOAT, INT = ctypes.c_size_t, ctypes.c_double, ctypes.c_float, ctypes.c_int32
THRESHOLDS = 255


def report(*members: tuple) -> ctypes.Structure:
    class Report(ctypes.Structure):
        _fields_ = [("struct_size", SIZE), *members]

    return Report(ctypes.sizeof(Report))


def class_report() -> ctypes.Structure:
    return report(("counted", SIZE), ("right", SIZE), ("accuracy", DOUBLE), ("mean_accuracy", DOUBLE))


def match_report() -> ctypes.Structure:
    return report(("predicted", SIZE), ("actual", SIZE), ("matched", SIZE), ("precision", DOUBLE),
                  ("recall", DOUBLE), ("f1", DOUBLE))


def mask_report() -> ctypes.Structure:
    return report(("masks", SIZE), ("miou", DOUBLE), ("f_beta", DOUBLE), ("threshold", DOUBLE))


def rank_report() -> ctypes.Structure:
    return report(("counted", SIZE), ("median_rank", DOUBLE), ("mean_average_precision", DOUBLE))


def call(name: str, *arguments: object) -> None:
    """Arrays by their address, reports by reference; numbers are ctypes'."""
    kept = [np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
    assert all(k is a for k, a in zip(kept, arguments)), "arrays must be contiguous: they may be written to"
    status = getattr(LIBRARY, name)(*(ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray)
                                      else ctypes.byref(a) if isinstance(a, ctypes.Structure) else a for a in kept))
    assert status == 0, LIBRARY.unic_last_error().decode()


def same(got: object, expected: object, what: str) -> None:
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-12, err_msg=what)


def test_classes(random: np.random.Generator) -> None:
    for rows, classes in ((1, 1), (50, 3), (1000, 28)):
        scores = random.standard_normal((rows, classes)).astype(np.float32)
        truth = random.integers(0, classes, rows).astype(np.int32)
        truth[truth == classes - 1] = 0  # a class that does not occur
        confusion, per_class, got = np.empty((classes, classes), np.int64), np.empty(classes), class_report()
        call("unic_metrics_classes", got, scores, truth, SIZE(rows), SIZE(classes), confusion, per_class)
        said, labels = scores.argmax(1), np.arange(classes)
        same(got.accuracy, sk.accuracy_score(truth, said), "accuracy")
        same(got.mean_accuracy, np.mean(sk.recall_score(truth, said, labels=np.unique(truth), average=None,
                                                        zero_division=0)), "mean accuracy")
        same(confusion, sk.confusion_matrix(truth, said, labels=labels), "confusion")
        occurs = np.isin(labels, truth)
        same(per_class[occurs], sk.recall_score(truth, said, labels=labels[occurs], average=None, zero_division=0),
             "per class")
        assert np.isnan(per_class[~occurs]).all()


def test_steps(random: np.random.Generator) -> None:
    for rows, classes, threshold in ((1, 2, 0.0), (300, 26, 0.0), (300, 26, 1.5), (300, 26, 99.0)):
        scores = random.standard_normal((rows, classes)).astype(np.float32)
        truth = (random.random((rows, classes)) < 0.2).astype(np.int32)
        masked, got = truth.copy(), match_report()
        masked[::7, random.integers(classes)] = -1
        counted = (masked >= 0).all(1)
        for background in (-1, classes - 1):
            call("unic_metrics_steps", got, scores, masked, SIZE(rows), SIZE(classes), FLOAT(threshold),
                 INT(background))
            columns = slice(None) if background < 0 else slice(0, background)
            p, r, f, _ = sk.precision_recall_fscore_support(
                truth[counted][:, columns].ravel(), (scores > threshold)[counted][:, columns].ravel(), average="binary",
                zero_division=0) if counted.any() else (0, 0, 0, 0)
            same((got.precision, got.recall, got.f1), (p, r, f), f"{rows} rows, background {background}")


def test_steps_cmg(random: np.random.Generator) -> None:
    rows, classes, batch = 330, 26, 80
    scores = random.standard_normal((rows, classes)).astype(np.float32)
    truth = (random.random((rows, classes)) < 0.1).astype(np.int32)
    got, p, r = match_report(), 0.0, 0.0
    scores[80:160] = -1  # a batch that predicts nothing
    for at in range(0, rows, batch):
        part = slice(at, min(at + batch, rows))
        weight = part.stop - part.start
        p += weight * sk.precision_score(truth[part], scores[part] > 0, average="micro", zero_division=0)
        r += weight * sk.recall_score(truth[part], scores[part] > 0, average="micro", zero_division=0)
    p, r = p / rows, r / rows
    call("unic_metrics_steps_cmg", got, scores, truth, SIZE(rows), SIZE(classes), FLOAT(0), SIZE(batch))
    same((got.precision, got.recall, got.f1), (p, r, 2 * p * r / (p + r)), "as the authors count steps")
    assert abs(p - sk.precision_score(truth, scores > 0, average="micro")) > 1e-3, "the definitions must differ here"


def masks(random: np.random.Generator, count: int, pixels: int) -> tuple:
    truth = (random.random((count, pixels)) < 0.3).astype(np.uint8)
    logits = (random.standard_normal((count, pixels)) * 2 + truth * 1.5 - 1).astype(np.float32)
    truth[::5] = 0
    logits[::10] = -9  # nothing there, nothing predicted but at threshold 0
    return logits, truth, 1 / (1 + np.exp(-logits.astype(np.float64)))


def f_beta(truth: np.ndarray, said: np.ndarray) -> float:
    both = (truth & said).sum()
    return 1.3 * both / (0.3 * truth.sum() + said.sum()) if both else 0.0


def test_masks(random: np.random.Generator) -> None:
    logits, truth, p = masks(random, 21, 60)
    thresholds = np.linspace(0, 1 - 1e-10, THRESHOLDS)
    curve, got = np.empty(THRESHOLDS), mask_report()
    call("unic_metrics_masks", got, logits, truth, SIZE(21), SIZE(60), curve)
    same(got.miou, np.mean([sk.jaccard_score(t, q > 0.5, zero_division=1) for t, q in zip(truth, p)]), "mIoU")
    for i in range(0, THRESHOLDS, 16):
        same(curve[i], np.mean([sk.fbeta_score(t, q >= thresholds[i], beta=0.3 ** 0.5, zero_division=1)
                                for t, q in zip(truth, p)]), f"F at threshold {i}")
    expected = np.array([np.mean([f_beta(t.astype(bool), q >= at) if t.any() or (q >= at).any() else 1.0
                                  for t, q in zip(truth, p)]) for at in thresholds])
    same(curve, expected, "F over thresholds")
    same((got.f_beta, got.threshold), (expected.max(), thresholds[expected.argmax()]), "largest F")


def test_masks_cmg(random: np.random.Generator) -> None:
    logits, truth, p = masks(random, 22, 60)
    thresholds, batch = np.linspace(0, 1 - 1e-10, THRESHOLDS), 4
    miou, f = [], []
    for at in range(0, 22, batch):
        t, q = truth[at:at + batch].astype(bool), p[at:at + batch]
        said, empty = q > 0.5, ~t.any(1)
        some = np.where(empty, (~t & ~said).sum(1), (t & said).sum(1))
        miou.append(np.mean(some / (np.where(empty, 60, (t | said).sum(1)) + 1e-7)))
        f.append(np.mean([[f_beta(a, b >= limit) for limit in thresholds]
                          for a, b in zip(t[~empty], q[~empty])], axis=0).max())
    got, once = mask_report(), mask_report()
    call("unic_metrics_masks_cmg", got, logits, truth, SIZE(22), SIZE(60), SIZE(batch))
    same((got.miou, got.f_beta), (np.mean(miou), np.mean(f)), "as the authors score masks")
    call("unic_metrics_masks", once, logits, truth, SIZE(22), SIZE(60), None)
    assert abs(got.miou - once.miou) > 1e-3 and abs(got.f_beta - once.f_beta) > 1e-3, "the definitions must differ here"


def test_ranks(random: np.random.Generator) -> None:
    queries, gallery, classes = 60, 45, 8
    k = np.array([1, 5, 10], np.uint64)
    query_ids = random.integers(0, classes, queries).astype(np.int32)
    gallery_ids = (np.arange(gallery) % classes).astype(np.int32)
    for levels in (3, 1000000):  # many ties, and hardly any
        scores = random.integers(0, levels, (queries, gallery)).astype(np.float32)
        recall, got = np.empty(3), rank_report()
        call("unic_metrics_ranks", got, scores, SIZE(queries), SIZE(gallery), query_ids, gallery_ids, k, SIZE(3), recall)
        relevant = gallery_ids[None] == query_ids[:, None]
        same(got.mean_average_precision, sk.label_ranking_average_precision_score(relevant, scores), "mAP, all at once")
        same(got.mean_average_precision, np.mean([sk.average_precision_score(a, b) for a, b in zip(relevant, scores)]),
             "mAP, a query at a time")
        best = np.where(relevant, scores, -1).max(1)
        ranks = 1 + ((scores >= best[:, None]) & ~relevant).sum(1)
        same(got.median_rank, np.median(ranks), "median rank")
        same(recall, [(ranks <= n).mean() for n in k], "recall")
    truth = np.arange(queries, dtype=np.int32)  # pairs: top-k of one relevant item each
    scores = random.standard_normal((queries, queries)).astype(np.float32)
    call("unic_metrics_ranks", got, scores, SIZE(queries), SIZE(queries), truth, truth, k, SIZE(3), recall)
    same(recall, [sk.top_k_accuracy_score(truth, scores, k=int(n)) for n in k], "recall of pairs")


def main() -> int:
    for test in (test_classes, test_steps, test_steps_cmg, test_masks, test_masks_cmg, test_ranks):
        test(np.random.default_rng(7))
    return 0


if __name__ == "__main__":
    sys.exit(main())
