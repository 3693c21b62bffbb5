"""Scores of predictions, on arrays; docs/tasks.md has the equations.

    from libunicode import metrics
    print(metrics.classes(head.predict(codes), labels).accuracy)

Each counts once over everything it is given; what the CMG code computes under the same name is a function ..._cmg.
Truth of -1 is not counted, 0 / 0 is 0. Scores are taken as float32. All raise ShapeError, ArgumentError (an empty
array, a setting out of range) and DataError (a label out of range, NaN).
"""

from __future__ import annotations

import ctypes
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _lib
from ._arguments import Codes, Vectors
from ._errors import ShapeError
from ._lib import lib

__all__ = ["ClassReport", "MaskReport", "MaskReportCmg", "MatchReport", "RankReport", "UsageReport", "classes", "events",
           "masks", "masks_cmg", "ranks", "steps", "steps_cmg", "usage"]

Numbers = npt.NDArray[np.float64]


class ClassReport(NamedTuple):
    """Of classes(): `row_count` rows with a truth, of which `right_count` have their largest score there."""

    row_count: int
    right_count: int
    accuracy: float                         # right_count / row_count
    mean_accuracy: float                    # the mean of per_class over the classes that occur
    per_class: Numbers                      # [classes], NaN for one that does not occur
    confusion: npt.NDArray[np.int64]        # [classes,classes], rows: truth, columns: prediction


class MatchReport(NamedTuple):
    """Of steps() and events(): what was predicted, what is there, and what of both matched."""

    predicted_count: int
    actual_count: int
    matched_count: int
    precision: float
    recall: float
    f1: float


class MaskReport(NamedTuple):
    """Of masks(): mIoU at probability 1/2, the largest of the curve [255], and the lowest probability it is at."""

    mask_count: int
    miou: float
    f_beta: float
    threshold: float
    curve: Numbers


class MaskReportCmg(NamedTuple):
    """Of masks_cmg(), which has a threshold for each batch."""

    mask_count: int
    miou: float
    f_beta: float


class RankReport(NamedTuple):
    """Of ranks(): of `query_count` queries the share with a relevant item among the first k, {k: share}, the median of
    the first relevant item's rank, and mAP.
    """

    query_count: int
    recall: Dict[int, float]
    median_rank: float
    mean_average_precision: float


class UsageReport(NamedTuple):
    """Of usage(): of the L codes those in use, and how the modalities share them.

    Codes used 5 times or more are `often_count`; of these `shared_count` have 20 to 80 % of their uses from every
    modality. `paired_count` steps have a code in every modality, at `agreed_count` of them it is the same one.
    `divergence` is the Jensen-Shannon divergence of the modalities' distributions over codes, from 0 (alike) to 1.
    """

    use_count: int
    used_count: int
    dead_count: int                         # codes that no modality uses
    common_count: int                       # codes that every modality uses
    often_count: int
    shared_count: int
    paired_count: int
    agreed_count: int
    shared: float                           # shared_count / often_count
    agreement: float                        # agreed_count / paired_count
    perplexity: float                       # of all uses
    divergence: float
    counts: npt.NDArray[np.int64]           # [modalities,L] uses of each code
    shares: Numbers                         # [modalities,L] a modality's part of a code's uses, 0 for unused codes
    perplexities: Numbers                   # [modalities]


def classes(scores: npt.ArrayLike, truth: npt.ArrayLike) -> ClassReport:
    """Accuracy and confusion; a prediction is the largest score, on a tie the lowest class.

    scores  [...,classes], logits or any other measure.
    truth   [...] in -1..classes-1.
    """
    x, wanted = _scores(scores, 1), arguments.whole("truth", truth)
    _shaped("truth", wanted, x.shape[:-1])
    count = x.shape[-1]
    per_class, confusion = np.empty(count), np.empty((count, count), np.int64)
    report = _lib.sized(_lib.ClassReport)
    lib.unic_metrics_classes(ctypes.byref(report), x.ctypes.data, wanted.ctypes.data, wanted.size, count,
                             confusion.ctypes.data, per_class.ctypes.data)
    return ClassReport(report.row_count, report.right_count, report.accuracy, report.mean_accuracy, per_class,
                       confusion)


def steps(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = 0.0,
          background: Optional[int] = None) -> MatchReport:
    """Segment-level micro precision, recall and F1: pairs of a step and a class, counted once over all of them.

    scores      [...,classes]; predicted where above `threshold` (0 for logits is a probability of 1/2).
    truth       the same shape, of 0 and 1; a step with a -1 is not counted.
    background  the class that stands for "no event", which is left out; None: there is none, or it counts as one.
    """
    x, wanted = _pair(scores, truth, 1)
    report = _lib.sized(_lib.MatchReport)
    lib.unic_metrics_steps(ctypes.byref(report), *_rows(x, wanted), arguments.number("threshold", threshold),
                           _background(background))
    return _match(report)


def steps_cmg(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = 0.0,
              batch_rows: int = 800) -> MatchReport:
    """The CMG code's "accuracy" (it is `precision` here), recall and F1: P and R of each batch of `batch_rows` steps,
    background counted; their means weighted by the batches' steps; F1 of these means. The counts are over all.
    """
    x, wanted = _pair(scores, truth, 1)
    report = _lib.sized(_lib.MatchReport)
    lib.unic_metrics_steps_cmg(ctypes.byref(report), *_rows(x, wanted), arguments.number("threshold", threshold),
                               arguments.integer("batch_rows", batch_rows, 0))
    return _match(report)


def events(scores: npt.ArrayLike, truth: npt.ArrayLike, threshold: float = 0.0, least_iou: float = 0.5,
           background: Optional[int] = None) -> MatchReport:
    """Event-level precision, recall and F1: an event is a run of steps of one class in one clip; a predicted and an
    actual one of the same class match if their IoU is at least `least_iou`, in (0,1], and each matches but once.

    scores, truth  [clips,length,classes]; the rest is as for steps(). A step with a -1 ends every run.
    """
    x, wanted = _pair(scores, truth, 3)
    if x.ndim != 3:
        raise ShapeError(f"scores have the shape {x.shape}, (clips, length, classes) expected")
    report = _lib.sized(_lib.MatchReport)
    lib.unic_metrics_events(ctypes.byref(report), x.ctypes.data, wanted.ctypes.data, *x.shape,
                            arguments.number("threshold", threshold), arguments.number("least_iou", least_iou),
                            _background(background))
    return _match(report)


def masks(logits: npt.ArrayLike, truth: npt.ArrayLike) -> MaskReport:
    """Mean IoU and F-beta (beta^2 = 0.3) of masks, F averaged over all masks at each of 255 thresholds.

    logits  [...,height,width], as Segmenter.predict() gives them.
    truth   the same shape, of 0 and 1. An empty one has IoU and F of 1 where nothing is predicted, else 0.
    """
    x, wanted = _pair(logits, truth, 2, np.uint8)
    curve, report = np.empty(_lib.METRICS_THRESHOLD_COUNT), _lib.sized(_lib.MaskReport)
    lib.unic_metrics_masks(ctypes.byref(report), *_pixels(x, wanted), curve.ctypes.data)
    return MaskReport(report.mask_count, report.miou, report.f_beta, report.threshold, curve)


def masks_cmg(logits: npt.ArrayLike, truth: npt.ArrayLike, batch: int) -> MaskReportCmg:
    """The same as AVSBench and the CMG code have it: means over batches of `batch` masks, in the order given, of
    their own mean IoU, and of their own largest F. Of an empty truth the IoU is the share of pixels that were not
    predicted; F leaves such masks out.
    """
    x, wanted = _pair(logits, truth, 2, np.uint8)
    report = _lib.sized(_lib.MaskReport)
    lib.unic_metrics_masks_cmg(ctypes.byref(report), *_pixels(x, wanted), arguments.integer("batch", batch, 0))
    return MaskReportCmg(report.mask_count, report.miou, report.f_beta)


def ranks(scores: npt.ArrayLike, query_ids: npt.ArrayLike, gallery_ids: npt.ArrayLike,
          k: Sequence[int] = (1, 5, 10)) -> RankReport:
    """Retrieval: recall at k, median rank and mAP. A tie counts against the query.

    scores       [queries,gallery], larger is nearer (give distances with a minus).
    query_ids    [queries]: the items of that id are relevant (the clip for pairs, a class); -1: not counted.
    gallery_ids  [gallery].
    k            each in 1..gallery.
    """
    x = _scores(scores, 2)
    asked, items = arguments.whole("query_ids", query_ids), arguments.whole("gallery_ids", gallery_ids)
    if x.ndim != 2:
        raise ShapeError(f"scores have the shape {x.shape}, (queries, gallery) expected")
    _shaped("query_ids", asked, x.shape[:1])
    _shaped("gallery_ids", items, x.shape[1:])
    wanted = [arguments.integer("k", place, 0) for place in arguments.several("k", k)]
    places = (ctypes.c_size_t * len(wanted))(*wanted)
    recall, report = np.empty(len(wanted)), _lib.sized(_lib.RankReport)
    lib.unic_metrics_ranks(ctypes.byref(report), x.ctypes.data, *x.shape, asked.ctypes.data, items.ctypes.data,
                           places, len(wanted), recall.ctypes.data)
    return RankReport(report.query_count, dict(zip(wanted, recall.tolist())), report.median_rank,
                      report.mean_average_precision)


def usage(codes: Sequence[npt.ArrayLike], code_count: int) -> UsageReport:
    """How the codes of the same clips in several modalities use a codebook of `code_count` codes.

    codes  for each modality, all of one shape: codes in -1..code_count-1 (-1: none), step by step.
    """
    given = [arguments.whole("codes", c) for c in arguments.several("codes", codes)]
    for c in given:
        _shaped("codes", c, given[0].shape)
    size = arguments.integer("code_count", code_count, 0), given[0].size if given else 0
    counts = np.zeros((len(given), size[0]), np.int64)
    shares, perplexities = np.zeros(counts.shape), np.zeros(len(given))
    report = _lib.sized(_lib.UsageReport)
    lib.unic_metrics_usage(ctypes.byref(report), arguments.addresses(given), len(given), size[1], size[0],
                           counts.ctypes.data, shares.ctypes.data, perplexities.ctypes.data)
    return UsageReport(report.use_count, report.used_count, report.dead_count, report.common_count,
                       report.often_count, report.shared_count, report.paired_count, report.agreed_count,
                       report.shared, report.agreement, report.perplexity, report.divergence, counts, shares,
                       perplexities)


def _scores(given: npt.ArrayLike, rank: int) -> Vectors:
    """Scores of `rank` dims at least."""
    x = arguments.single("scores", given)
    if x.ndim < rank:
        raise ShapeError(f"scores have the shape {x.shape}, {rank} dims or more expected")
    return x


def _shaped(name: str, given: npt.NDArray[Any], shape: Tuple[int, ...]) -> None:
    if given.shape != shape:
        raise ShapeError(f"{name} has the shape {given.shape}, {shape} expected")


def _pair(scores: npt.ArrayLike, truth: npt.ArrayLike, rank: int,
          dtype: Any = np.int32) -> Tuple[Vectors, npt.NDArray[Any]]:
    """Scores and a truth for each."""
    x, wanted = _scores(scores, rank), arguments.whole("truth", truth, dtype)
    _shaped("truth", wanted, x.shape)
    return x, wanted


def _rows(x: Vectors, wanted: Codes) -> Tuple[int, int, int, int]:
    """Their addresses and [rows,classes]."""
    return x.ctypes.data, wanted.ctypes.data, int(np.prod(x.shape[:-1])), x.shape[-1]


def _pixels(x: Vectors, wanted: npt.NDArray[np.uint8]) -> Tuple[int, int, int, int]:
    """Their addresses and [masks,pixels]."""
    return x.ctypes.data, wanted.ctypes.data, int(np.prod(x.shape[:-2])), x.shape[-2] * x.shape[-1]


def _background(given: Optional[int]) -> int:
    return -1 if given is None else arguments.integer("background", given, 0, 2**31 - 1)


def _match(report: _lib.MatchReport) -> MatchReport:
    return MatchReport(report.predicted_count, report.actual_count, report.matched_count, report.precision,
                       report.recall, report.f1)
