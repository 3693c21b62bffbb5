"""Metrics against numpy, and by hand."""

from __future__ import annotations

from typing import Any

import libunicode as lu
import numpy as np
from helpers import raises
from libunicode import metrics

RNG = np.random.default_rng(11)
X = RNG.standard_normal((6, 8, 4)).astype(np.float32)
CLASS = RNG.integers(-1, 3, (6, 8))                             # class 3 does not occur
MANY = (RNG.random((6, 8, 4)) < 0.4).astype(int)
MANY[RNG.random((6, 8)) < 0.1, 1] = -1


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def test_classes() -> None:
    report = metrics.classes(X, CLASS)
    counted, predicted = CLASS >= 0, X.argmax(-1)
    confusion = np.zeros((4, 4), int)
    np.add.at(confusion, (CLASS[counted], predicted[counted]), 1)
    assert np.array_equal(report.confusion, confusion) and report.confusion.dtype == np.int64
    assert (report.row_count, report.right_count) == (counted.sum(), np.trace(confusion))
    assert report.accuracy == np.trace(confusion) / counted.sum()
    wanted = np.diag(confusion)[:3] / confusion.sum(1)[:3]
    assert np.array_equal(report.per_class[:3], wanted) and np.isnan(report.per_class[3])
    assert abs(report.mean_accuracy - wanted.mean()) < 1e-15
    assert metrics.classes([[1, 1, 0]], [1]).confusion.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]    # a tie
    assert metrics.classes([1.0, 2.0], 1).right_count == 1
    assert np.array_equal(metrics.classes(X.astype(np.float64)[::-1], CLASS[::-1]).confusion, confusion)
    nothing = metrics.classes([[1.0, 2.0]], [-1])
    assert (nothing.row_count, nothing.accuracy, nothing.mean_accuracy) == (0, 0, 0)


def pairs(x: np.ndarray, truth: np.ndarray, threshold: float) -> Any:
    rows = (truth >= 0).all(-1)
    predicted, actual = x[rows] > np.float32(threshold), truth[rows] == 1
    return predicted.sum(), actual.sum(), (predicted & actual).sum()


def test_steps() -> None:
    for threshold, background in ((0.0, None), (0.3, None), (-0.5, 3)):
        kept = [c for c in range(4) if c != background]
        rows = np.broadcast_to((MANY >= 0).all(-1)[..., None], MANY.shape)
        truth = np.where(rows, MANY, -1)[..., kept]
        report = metrics.steps(X, MANY, threshold, background)
        predicted, actual, matched = pairs(X[..., kept], truth, threshold)
        assert report[:3] == (predicted, actual, matched)
        p, r = share(matched, predicted), share(matched, actual)
        assert np.allclose(report[3:], (p, r, 2 * p * r / (p + r)), rtol=1e-14, atol=0)

    report = metrics.steps_cmg(X, MANY, 0.1, batch_rows=20)
    x, truth, means = X.reshape(48, 4), MANY.reshape(48, 4), np.zeros(2)
    for first in range(0, 48, 20):
        predicted, actual, matched = pairs(x[first:first + 20], truth[first:first + 20], 0.1)
        counted = (truth[first:first + 20] >= 0).all(-1).sum()
        means += counted * np.array([share(matched, predicted), share(matched, actual)])
    p, r = means / (truth >= 0).all(-1).sum()
    assert np.allclose(report[3:], (p, r, 2 * p * r / (p + r)), rtol=1e-14, atol=0), (report, p, r)
    assert report[:3] == metrics.steps(X, MANY, 0.1)[:3]


def test_events() -> None:
    """Two classes of one clip of eight steps: 3 of 4 steps in common, and an event that is missed."""
    truth = np.array([[[1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0]]]).swapaxes(1, 2)
    found = np.array([[[0, 1, 1, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0]]]).swapaxes(1, 2)
    assert metrics.events(found - 0.5, truth) == metrics.MatchReport(2, 2, 1, 0.5, 0.5, 0.5)
    assert metrics.events(found - 0.5, truth, least_iou=0.75).matched_count == 1
    assert metrics.events(found - 0.5, truth, least_iou=0.76).matched_count == 0
    assert metrics.events(found - 0.5, truth, background=1) == metrics.MatchReport(2, 1, 1, 0.5, 1, 2 / 3)
    assert metrics.events(found, truth, threshold=1.0) == metrics.MatchReport(0, 2, 0, 0, 0, 0)


def test_masks() -> None:
    logits = (3 * RNG.standard_normal((2, 3, 5, 7))).astype(np.float32)
    truth = RNG.random((2, 3, 5, 7)) < 0.5
    truth[1, 2] = False
    rows, wanted = logits.reshape(6, 35).astype(float), truth.reshape(6, 35)
    p = 1 / (1 + np.exp(-rows))

    def f(predicted: np.ndarray) -> np.ndarray:
        matched = (predicted & wanted).sum(-1)
        precision, recall = matched / np.maximum(predicted.sum(-1), 1), matched / np.maximum(wanted.sum(-1), 1)
        return 1.3 * precision * recall / np.where(matched, 0.3 * precision + recall, 1)

    thresholds = np.arange(255) * (1 - 1e-10) / 254
    scores = np.stack([f(p >= t) for t in thresholds])                          # [255,6]
    empty = np.stack([~(p[5] >= t).any() for t in thresholds])
    iou = (wanted & (p > 0.5)).sum(-1) / (wanted | (p > 0.5)).sum(-1)
    report = metrics.masks(logits, truth)
    curve = (scores[:, :5].sum(1) + empty) / 6
    assert report.mask_count == 6 and np.allclose(report.curve, curve, rtol=1e-12, atol=0)
    assert report.f_beta == report.curve.max() and report.threshold == thresholds[report.curve.argmax()]
    assert abs(report.miou - iou.mean()) < 1e-15                                # something is predicted in mask 5

    iou[5] = (p[5] <= 0.5).mean()
    report = metrics.masks_cmg(logits, truth, batch=3)
    assert abs(report.miou - np.mean([iou[:3].mean(), iou[3:].mean()])) < 1e-6
    best = [scores[:, :3].mean(1).max(), scores[:, 3:5].mean(1).max()]
    assert report.mask_count == 6 and abs(report.f_beta - np.mean(best)) < 1e-6, (report, best)


def test_ranks() -> None:
    scores = RNG.integers(0, 6, (7, 9)).astype(np.float32)          # many are equal
    asked, items = np.array([0, 1, 2, 3, -1, 9, 1]), np.array([0, 1, 1, 2, 2, 2, 3, 4, 4])
    first, average = [], []
    for row, id in zip(scores, asked):
        relevant = items == id
        if id < 0 or not relevant.any():
            continue
        first.append(1 + (row[~relevant] >= row[relevant].max()).sum())
        average.append(np.mean([(row[relevant] >= s).sum() / (row >= s).sum() for s in row[relevant]]))
    report = metrics.ranks(scores, asked, items, k=(1, 3, 9))
    assert report.query_count == len(first) == 5 and report.median_rank == np.median(first)
    assert report.recall == {k: np.mean([rank <= k for rank in first]) for k in (1, 3, 9)}
    assert abs(report.mean_average_precision - np.mean(average)) < 1e-14
    assert metrics.ranks(scores, asked, items, k=()).recall == {}


def test_refused() -> None:
    bad = X.copy()
    bad[2, 1, 3] = np.nan
    mask = np.zeros((2, 3, 3))
    for error, text, call in (
            (lu.DataError, "row 17, column 3 is NaN", lambda: metrics.classes(bad, CLASS)),
            (lu.DataError, "label 4", lambda: metrics.classes(X, CLASS + 2)),
            (lu.ShapeError, "(6, 8) expected", lambda: metrics.classes(X, CLASS[0])),
            (lu.ShapeError, "1 dims or more", lambda: metrics.classes(1.0, 0)),
            (lu.ArgumentError, "at least 1", lambda: metrics.classes(X[:0], CLASS[:0])),
            (lu.DataError, "integers", lambda: metrics.classes(X, CLASS * 1.0)),
            (lu.DataError, "real numbers", lambda: metrics.classes(X * 1j, CLASS)),
            (lu.ShapeError, "(6, 8, 4) expected", lambda: metrics.steps(X, CLASS)),
            (lu.DataError, "label 2", lambda: metrics.steps(X, MANY * 2)),
            (lu.ArgumentError, "threshold is NaN", lambda: metrics.steps(X, MANY, np.nan)),
            (lu.ArgumentError, "background = 4", lambda: metrics.steps(X, MANY, background=4)),
            (lu.ArgumentError, "background is -1", lambda: metrics.steps(X, MANY, background=-1)),
            (lu.ArgumentError, "batch_rows is 0", lambda: metrics.steps_cmg(X, MANY, batch_rows=0)),
            (lu.ArgumentError, "least_iou = 0", lambda: metrics.events(X, MANY, least_iou=0)),
            (lu.ShapeError, "(clips, length, classes)", lambda: metrics.events(X[None], MANY[None])),
            (lu.DataError, "hold -1, which uint8", lambda: metrics.masks(mask, mask.astype(int) - 1)),
            (lu.DataError, "truth 2 of mask 0", lambda: metrics.masks(mask, mask.astype(int) + 2)),
            (lu.DataError, "truth are float64", lambda: metrics.masks(mask, mask)),
            (lu.ArgumentError, "batch is 0", lambda: metrics.masks_cmg(mask, mask > 0, 0)),
            (lu.ArgumentError, "k[1] = 5", lambda: metrics.ranks(mask[0], [0, 1, 2], [0, 1, 2])),
            (lu.ShapeError, "(queries, gallery) expected", lambda: metrics.ranks(X[None], [0], [0])),
            (lu.ShapeError, "gallery_ids", lambda: metrics.ranks(mask[0], [0, 1, 2], [0, 1])),
            (lu.DataError, "id -2 of query 0", lambda: metrics.ranks(mask[0], [-2, 1, 2], [0, 1, 2], k=[1]))):
        raises(error, text, call)


def test_documented() -> None:
    assert all(getattr(metrics, name).__doc__ for name in metrics.__all__)
    assert lu.metrics is metrics
