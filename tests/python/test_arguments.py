"""Arguments of a wrong type: which one, and what it is, is said, whatever C would have made of it."""

from __future__ import annotations

import copy
import io
import pickle
import sys
from pathlib import Path
from typing import Any, List

import libunicode as lu
import numpy as np
import pytest
from helpers import N, T, Fixture, config, raises
from libunicode import metrics


def test_numbers_words_and_objects(f: Fixture) -> None:
    model, book, z = f.model(), lu.Codebook(16, 4), np.random.default_rng(0).normal(size=(40, 4))
    book.init(z)
    zeros, trainer, index = np.zeros((3, 2), int), lu.Trainer(config()), lu.Index(4)
    for error, text, call in (
            (TypeError, "codes is 2.0 (float), but must be an integer", lambda: lu.Codebook(2.0, 3)),
            (TypeError, "codes is '2' (str), but must be an integer", lambda: lu.Codebook("2", 3)),
            (TypeError, "temperature is 'x' (str), but must be a number", lambda: book.soften(z, 3, "x")),
            (TypeError, "temperature is None (NoneType), but must be a number", lambda: book.soften(z, 3, None)),
            (lu.ArgumentError, "which is beyond floating point", lambda: book.soften(z, 3, 10**400)),
            (TypeError, "lam is 'x'", lambda: book.channels(2, lam="x")),
            (TypeError, "decay is 'x'", lambda: book.update("x", [z], [book.assign(z)])),
            (TypeError, "targets is 5 (int), but must be a sequence", lambda: book.update(0.9, 5, 5)),
            (TypeError, "threshold is 'x'", lambda: metrics.steps(zeros, zeros, threshold="x")),
            (TypeError, "least_iou is None", lambda: metrics.events(zeros[None], zeros[None], least_iou=None)),
            (TypeError, "k is 1 (int), but must be a sequence", lambda: metrics.ranks(zeros, [0, 0, 0], [0, 1], k=1)),
            (TypeError, "learning_rate is 'x'", lambda: lu.Head(book, 3, learning_rate="x")),
            (TypeError, "temperature is 'x'", lambda: lu.Retriever(book, 3, temperature="x")),
            (TypeError, "learning_rate is None", lambda: lu.Segmenter(book, learning_rate=None)),
            (TypeError, "codes_of is 'cb' (str), but must be a Model or a Codebook", lambda: lu.Head("cb", 3)),
            (TypeError, "codes_of is 5", lambda: lu.Index(4, "l2", 5)),
            (TypeError, "progress is 5 (int), but must be a function", lambda: lu.Head(book, 3, progress=5)),
            (TypeError, "progress is 5", lambda: trainer.fit(f.arrays, progress=5)),
            (lu.ArgumentError, "loss is ['plain'], 'plain' or 'cmg' expected", lambda: lu.Head(book, 3, loss=["plain"])),
            (lu.ArgumentError, "metric is ['l2'], 'inner', 'cosine', 'l2' or 'intersection'", lambda: lu.Index(4, ["l2"])),
            (lu.ArgumentError, "on_damage is []", lambda: lu.Dataset(f.data, on_damage=[])),
            (TypeError, "seed is 0.0 (float)", lambda: lu.Dataset(f.data, seed=0.0)),
            (TypeError, "paths is 5", lambda: lu.Dataset(5)),
            (TypeError, "modality is 5 (int), but must be a string", lambda: model.feature_dims(5)),
            (TypeError, "modality is ['image']", lambda: model.encode(["image"], f.x["image"])),
            (lu.ArgumentError, "holds a lone surrogate", lambda: model.encode("\udcff", f.x["image"])),
            (lu.ArgumentError, "is no UTF-8", lambda: model.encode(b"\xff", f.x["image"])),
            (lu.ArgumentError, "holds a lone surrogate", lambda: lu.Config.parse("\udcff")),
            (lu.ArgumentError, "text 'a\\udcff = b' holds", lambda: lu.ClassMap("a\udcff = b", ["a"], ["b"])),
            (lu.DataError, "the text is not UTF-8", lambda: lu.Extractor("ngrams").extract("a \udcff")),
            (lu.ArgumentError, "is not one line of", lambda: lu.Extractor("logmel", rate="16000\nkind = ngrams")),
            (TypeError, "config is 5 (int), but must be a Config", lambda: lu.Trainer(5)),
            (TypeError, "model is 5", lambda: lu.Trainer(config(), start_from=5)),
            (TypeError, "encoder is <libunicode.M", lambda: lu.Stream(model)),
            (TypeError, "after is 5", lambda: book.drift(5)),
            (TypeError, "modalities is 5", lambda: lu.Config(modalities=5)),
            (TypeError, "the modality 'a' is 5", lambda: lu.Config(modalities={"a": 5})),
            (TypeError, "data is 'train.npz' (str), but must be a Dataset, Arrays", lambda: trainer.fit("train.npz")),
            (TypeError, "data is 'train.npz'", lambda: trainer.evaluate("train.npz")),
            (TypeError, "arrays is 5 (int), but must be a mapping", lambda: trainer.step(5)),
            (TypeError, "draws is 5", lambda: trainer.step({name: x[:10] for name, x in f.x.items()}, 5)),
            (lu.ArgumentError, "club_permutation has none of speech", lambda: trainer.step(
                {name: x[:10] for name, x in f.x.items()}, lu.Draws(club_permutation={"image": range(10)}))),
            (TypeError, "the name of an array is 5", lambda: lu.Batch({5: np.zeros((2, 3, 4))})),
            (TypeError, "must be opened for bytes", lambda: lu.Model(open(__file__))),
            (TypeError, "must be opened for bytes", lambda: model.save(io.StringIO())),
            (lu.OutOfMemoryError, "larger than the memory", lambda: book.nearest(z, 2**60)),
            (lu.OutOfMemoryError, "larger than the memory", lambda: index.search(np.zeros((200, 4)), 2**61)),
            (lu.ShapeError, "scores are no array", lambda: metrics.classes([[1, 2], [3]], [1, 0])),
            (lu.ArgumentError, "clip is 20, but must be in 0..19", lambda: lu.Dataset(f.data).has("image", N)),
            (TypeError, "function is 42", lambda: lu.set_log(42))):
        raises(error, text, call)


def test_names_may_be_bytes(f: Fixture) -> None:
    """Of any number of clips."""
    x = np.concatenate([f.x["speech"]] * 4)
    model = f.model()
    assert np.array_equal(model.encode(b"speech", x), model.encode("speech", x)) and len(x) > 64    # type: ignore[arg-type]
    data = lu.Dataset(f.data)
    assert np.array_equal(data.labels(b"label"), data.labels())                                     # type: ignore[arg-type]
    assert metrics.ranks(np.zeros((3, 2)), [0, 0, 0], [0, 1], k=iter((1, 2))).recall[2] == 1        # type: ignore[arg-type]


def test_a_name_that_is_no_text(f: Fixture, tmp_path: Path) -> None:
    path = bytes(tmp_path) + b"/x\xff.npz"
    try:
        with open(path, "wb") as file:
            file.write(Path(f.path).read_bytes())
    except OSError:
        pytest.skip("the file system takes no such name")
    with open(path.decode(errors="surrogateescape"), "rb") as file:
        assert lu.Model(file).code_count


def test_results_need_memory_of_their_own(f: Fixture) -> None:
    x, model = f.x["speech"], f.model()
    codes, vectors = np.empty((N, T), np.int32), np.empty((N, T, model.code_dim), np.float32)
    raises(lu.ArgumentError, "two arrays of out share memory",
           lambda: model.encode("speech", x, vectors=True, out=(codes, vectors, vectors)))


def test_trainers_of_ranks_are_not_copied(f: Fixture) -> None:
    class Alone:
        rank, size = 0, 1

        def sum(self, array: Any) -> None:
            """There is nobody else."""

        def gather(self, part: Any, all: Any) -> None:
            all[0] = part

    trainer = lu.Trainer(config(), comm=Alone())
    for way in (copy.deepcopy, pickle.dumps):
        raises(TypeError, "a trainer of several ranks cannot be", lambda: way(trainer))             # type: ignore[operator]
    for rank, size, text in ((2, 2, "comm.rank is 2, but must be in 0..1"), (-1, 2, "comm.rank is -1"),
                             (0, 2**31, "comm.size is"), (0, 0, "comm.size is 0")):
        comm = Alone()
        comm.rank, comm.size = rank, size                                                           # type: ignore[misc]
        raises(lu.ArgumentError, text, lambda: lu.Ranks(comm))


def test_what_a_log_raises_ends_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    told: List[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: told.append(what.exc_value))
    lu.set_log(lambda warning, line: 1 / 0)             # type: ignore[arg-type, return-value]
    try:
        lu.Codebook(16, 4).init(np.eye(4))
    finally:
        lu.set_log(None)
    assert told and isinstance(told[0], ZeroDivisionError)
