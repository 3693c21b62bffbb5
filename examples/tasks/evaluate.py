"""The tasks: what heads, segmenters and an index make of a model's codes."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any, Callable, NamedTuple

import libunicode as lu
import numpy as np
from libunicode import metrics

CLASS_MAP = Path(__file__).resolve().parent / "theirs.txt"
PLACES = (1, 5, 10)                  # k of R@k
QUERIES = ("speech", "text")         # that ask for a garment on a canvas
EPOCHS, BATCH = 20, 16               # of segmenters; chosen on scenes of validation images
OPAQUE = 20.0                        # a logit that is as good as certain

Scores = dict[str, dict[str, float]]              # "image>speech" -> {"accuracy": 0.9, ...}
Say = Callable[[str], None]


class Files(NamedTuple):
    """Where the clips are."""

    demo: Path                       # heads and test: of two modalities, or of three
    tasks: Path                      # what build_task_data.py wrote

    def meta(self) -> dict[str, Any]:
        """Names and counts."""
        return json.loads((self.tasks / "meta.json").read_text())


class Coded:
    """A model, and the codes that it gives to the clips of a file: made once."""

    def __init__(self, path: Path) -> None:
        self.model = lu.Model(path)
        self.modalities = self.model.modalities
        self._codes: dict[tuple[Path, str], np.ndarray] = {}

    def codes(self, path: Path, modality: str) -> np.ndarray:
        """[N,T] of the clips of an npz."""
        if (path, modality) not in self._codes:
            self._codes[path, modality] = self.model.encode(modality, read(path, modality))
        return self._codes[path, modality]


def read(path: Path, name: str) -> np.ndarray:
    """An array of an npz."""
    with np.load(path) as file:
        return file[name]


def one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    """[...] -> [...,count] of 0 and 1; a class of -1, not counted, stays -1 throughout."""
    rows = (classes[..., None] == np.arange(count)).astype(np.int32)
    return np.where(classes[..., None] < 0, -1, rows)


def with_background(events: np.ndarray) -> np.ndarray:
    """[N,T,classes] of 0 and 1 -> [N,T,classes+1]: the last is where no other is."""
    events = events.astype(np.int32)
    return np.concatenate([events, 1 - events.max(axis=2, keepdims=True)], axis=2)


# ---------------------------------------------------------------------------------------------
# heads

def heads(coded: Coded, seed: int, train: Path, test: Path, multi: bool,
          train_labels: Callable[[str], np.ndarray], test_labels: Callable[[str], np.ndarray],
          score: Callable[[np.ndarray, np.ndarray], dict[str, float]]) -> Scores:
    """A head for each modality, trained on clips of it, tested on clips of every one.

    `multi`: any number of classes a step, else one a clip; labels are asked for by modality.
    """
    classes = train_labels(coded.modalities[0])
    count = classes.shape[-1] if multi else int(classes.max()) + 1
    found: Scores = {}
    for source in coded.modalities:
        head = lu.Head(coded.model, count, "step" if multi else "clip", multi, seed=seed)
        head.fit(coded.codes(train, source), train_labels(source))
        for target in coded.modalities:
            logits = head.predict(coded.codes(test, target))
            found[f"{source}>{target}"] = score(logits, test_labels(target))
    return found


def clip_scores(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Of one class a clip."""
    report = metrics.classes(logits, truth)
    return {"accuracy": report.accuracy, "mean_accuracy": report.mean_accuracy}


def step_scores(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Of any number of classes a step, the last of which is the background."""
    background = logits.shape[2] - 1
    steps = metrics.steps(logits, truth, background=background)
    events = metrics.events(logits, truth, background=background)
    cmg = metrics.steps_cmg(logits, truth)
    return {"f1": steps.f1, "precision": steps.precision, "recall": steps.recall,
            "event_f1": events.f1, "precision_cmg": cmg.precision, "f1_cmg": cmg.f1}


def classify(coded: Coded, files: Files, seed: int) -> Scores:
    """Table 1's and 3's AVE: a class for each clip."""
    train, test = files.demo / "heads.npz", files.demo / "test.npz"
    return heads(coded, seed, train, test, False, lambda _: read(train, "label"),
                 lambda _: read(test, "label"), clip_scores)


def localise(coded: Coded, files: Files, seed: int) -> Scores:
    """AVVP: which events at each step, when each modality has its own."""
    train, test = (files.tasks / f"unaligned-{split}.npz" for split in ("heads", "test"))

    def labels(path: Path) -> Callable[[str], np.ndarray]:
        return lambda modality: with_background(read(path, f"{modality}.step_labels"))

    return heads(coded, seed, train, test, True, labels(train), labels(test), step_scores)


def class_map(files: Files) -> lu.ClassMap:
    """Their classes in ours, the background among both."""
    meta = files.meta()
    return lu.ClassMap.load(CLASS_MAP, meta["their_classes"], meta["classes"])


def cross_localise(coded: Coded, files: Files, seed: int) -> Scores:
    """AVE -> AVVP: step heads of our clips on theirs."""
    train, test = files.demo / "heads.npz", files.tasks / "theirs.npz"
    ours, count = class_map(files), files.meta()["background"] + 1
    return heads(coded, seed, train, test, True,
                 lambda modality: one_hot(read(train, f"{modality}.step_labels"), count),
                 lambda modality: one_hot(ours.classes(read(test, f"{modality}.step_labels")),
                                          count), step_scores)


def cross_classify(coded: Coded, files: Files, seed: int) -> Scores:
    """UCF <-> VGGSound: clip heads of our clips on theirs."""
    train, test = files.demo / "heads.npz", files.tasks / "theirs.npz"
    ours = class_map(files)
    return heads(coded, seed, train, test, False, lambda _: read(train, "label"),
                 lambda _: ours.classes(read(test, "label")), clip_scores)


# ---------------------------------------------------------------------------------------------
# retrieval

def retrieve(coded: Coded, files: Files, pooling: str) -> Scores:
    """Each test clip asks, in one modality, for itself in another."""
    path, model = files.demo / "test.npz", coded.model
    if pooling == "mean":
        metric, book = "cosine", model.embedding()
        vectors = {m: lu.pool_mean(book[coded.codes(path, m)]) for m in coded.modalities}
    else:
        metric, count = "intersection", model.code_count
        vectors = {m: lu.pool_histogram(coded.codes(path, m), count) for m in coded.modalities}
    indexes = {m: lu.Index(its.shape[1], metric, model) for m, its in vectors.items()}
    for gallery, index in indexes.items():
        index.add(vectors[gallery])
    found: Scores = {}
    for query, gallery in itertools.permutations(coded.modalities, 2):
        ranks = indexes[gallery].rank(vectors[query], np.arange(len(vectors[query])))
        found[f"{query}>{gallery}"] = {
            **{f"R@{k}": float(np.mean(ranks <= k)) for k in PLACES},
            "median_rank": float(np.median(ranks))}
    return found


# ---------------------------------------------------------------------------------------------
# segmentation

class Canvases(NamedTuple):
    """Scenes as a segmenter takes them."""

    frames: np.ndarray               # float32 [N,1,height,width,1] in 0..1
    owner: np.ndarray                # int8 [N,1,height,width]
    classes: np.ndarray              # int32 [N,4]

    def masks(self, which: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Where in these scenes these classes are, bool [n,1,height,width]."""
        return self.owner[which] == classes[:, None, None, None]


class Asked(NamedTuple):
    """A test's predictions, for the picture."""

    clips: np.ndarray                # [N] of the test clips that ask
    logits: np.ndarray               # float32 [N,1,height,width]


def canvases(path: Path) -> Canvases:
    """The scenes of a file."""
    frames = read(path, "frames")[:, None, :, :, None].astype(np.float32) / 255
    return Canvases(frames, read(path, "owner")[:, None], read(path, "classes"))


def clips_about(classes: np.ndarray, labels: np.ndarray,
                rng: np.random.Generator) -> np.ndarray:
    """For each class a random clip with this label."""
    members = [np.flatnonzero(labels == c) for c in range(labels.max() + 1)]
    return np.array([rng.choice(members[c]) for c in classes])


class Query(NamedTuple):
    """What a segmenter is asked by: codes, and the vectors that they stand for."""

    name: str
    vectors: lu.Model | lu.Codebook
    codes: Callable[[Path], np.ndarray]           # [N,T] of the clips of a file


def by_codes(coded: Coded, modality: str) -> Query:
    """The codes of one modality."""
    return Query(modality, coded.model, lambda path: coded.codes(path, modality))


def by_nothing() -> Query:
    """No query at all, in SST's place: one vector of zeros, whatever the clip."""
    codebook = lu.Codebook(codes=1, dim=1)
    codebook.set(np.zeros((1, 1), np.float32))
    return Query("nothing", codebook, lambda path: np.zeros((len(read(path, "label")), 1), np.int32))


def by_features(files: Files, modality: str) -> Query:
    """A modality's own continuous features, in AVS's place: a codebook that lists every step of every clip."""
    paths = [files.demo / f"{name}.npz" for name in ("heads", "test")]
    features = [read(path, modality).astype(np.float32) for path in paths]
    rows = np.concatenate([its.reshape(-1, its.shape[-1]) for its in features])
    codebook = lu.Codebook(codes=len(rows), dim=rows.shape[1])
    codebook.set(rows)
    numbers, found = np.arange(len(rows), dtype=np.int32), {}
    for path, its in zip(paths, features):
        count = its.shape[0] * its.shape[1]
        found[path], numbers = numbers[:count].reshape(its.shape[:2]), numbers[count:]
    return Query(f"{modality}'s features", codebook, lambda path: found[path])


def train_segmenter(query: Query, files: Files, seed: int, say: Say) -> lu.Segmenter:
    """A segmenter that was asked in one way only.

    At each epoch another garment of each scene is asked for, by another clip.
    """
    scenes, clips = canvases(files.tasks / "scenes-train.npz"), files.demo / "heads.npz"
    codes, labels = query.codes(clips), read(clips, "label")
    height, width = scenes.frames.shape[2:4]
    segmenter = lu.Segmenter(query.vectors, image_channels=1, height=height, width=width,
                             seed=seed)
    rng = np.random.default_rng([seed, 8])
    there = (scenes.classes >= 0).sum(axis=1)
    for epoch in range(EPOCHS):
        asked = scenes.classes[np.arange(len(there)), rng.integers(there)]
        queries = codes[clips_about(asked, labels, rng)]
        order, losses = rng.permutation(len(there)), []
        for first in range(0, len(order), BATCH):
            batch = order[first:first + BATCH]
            masks = scenes.masks(batch, asked[batch]).astype(np.float32)
            losses.append(segmenter.step(scenes.frames[batch], queries[batch], masks))
        say(f"asked by {query.name}: epoch {epoch + 1}/{EPOCHS}, loss {np.mean(losses):.4f}")
    return segmenter


def segment(coded: Coded, files: Files, seed: int, say: Say) -> tuple[Scores, dict[str, Asked]]:
    """The garment that a clip names: trained with the codes of one modality, asked by each."""
    scenes = canvases(files.tasks / "scenes-test.npz")
    test, asked = files.demo / "test.npz", scenes.classes[:, 0]
    clips = clips_about(asked, read(test, "label"), np.random.default_rng(9))
    truth = scenes.masks(np.arange(len(asked)), asked)
    found, seen = {}, {}
    for source in QUERIES:
        segmenter = train_segmenter(by_codes(coded, source), files, seed, say)
        for target in QUERIES:
            logits = segmenter.predict(scenes.frames, coded.codes(test, target)[clips])
            found[f"{source}>{target}"] = mask_scores(logits, truth)
            seen[f"{source}>{target}"] = Asked(clips, logits)
    return found, seen


def references(files: Files, seed: int, say: Say) -> Scores:
    """The same without codes: asked by nothing, and by the features of one modality, which it is tested with too."""
    scenes = canvases(files.tasks / "scenes-test.npz")
    test, asked = files.demo / "test.npz", scenes.classes[:, 0]
    clips = clips_about(asked, read(test, "label"), np.random.default_rng(9))
    truth = scenes.masks(np.arange(len(asked)), asked)
    found = {}
    for query in (by_nothing(), *(by_features(files, modality) for modality in QUERIES)):
        segmenter = train_segmenter(query, files, seed, say)
        found[query.name] = mask_scores(segmenter.predict(scenes.frames, query.codes(test)[clips]), truth)
    return found


def mask_scores(logits: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """mIoU and F, and the same as the CMG code has them."""
    report, cmg = metrics.masks(logits, truth), metrics.masks_cmg(logits, truth, 4)
    return {"miou": report.miou, "f_beta": report.f_beta,
            "miou_cmg": cmg.miou, "f_beta_cmg": cmg.f_beta}


# ---------------------------------------------------------------------------------------------
# what is got for nothing

def floors(files: Files) -> dict[str, dict[str, float]]:
    """By task: the scores of something that does not look at the codes.

    One class for all clips; every class at every step; the masks of all garments; any order.
    """
    label, their_label = (read(path, "label") for path in
                          (files.demo / "test.npz", files.tasks / "theirs.npz"))
    steps, their_steps = (read(files.tasks / f"{name}.npz", "image.step_labels")
                          for name in ("unaligned-test", "theirs"))
    events = with_background(steps)
    their_events = one_hot(class_map(files).classes(their_steps), events.shape[2])
    scenes, items = canvases(files.tasks / "scenes-test.npz"), len(label)
    everything = np.where(scenes.owner >= 0, OPAQUE, -OPAQUE).astype(np.float32)
    truth = scenes.masks(np.arange(len(everything)), scenes.classes[:, 0])
    return {"classify": {"accuracy": float(np.bincount(label).max() / items)},
            "localise": step_scores(np.ones(events.shape, np.float32), events),
            "cross_localise": step_scores(np.ones(their_events.shape, np.float32),
                                          their_events),
            "cross_classify": {"accuracy":
                               float(np.bincount(their_label).max() / len(their_label))},
            "segment": mask_scores(everything, truth),
            "retrieve": {**{f"R@{k}": k / items for k in PLACES},
                         "median_rank": (items + 1) / 2}}
