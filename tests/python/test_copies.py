"""pickle, copy and joblib: what has a file is written and read; of the rest it is said what to do instead."""

from __future__ import annotations

import copy
import gc
import io
import pickle
from typing import Any, Callable

import libunicode as lu
import numpy as np
import pytest
from helpers import PACKAGE, Fixture, config, raises, same

def by_joblib(x: Any) -> Any:
    """What joblib.dump() writes, read again."""
    joblib = pytest.importorskip("joblib")
    file = io.BytesIO()
    joblib.dump(x, file)
    file.seek(0)
    return joblib.load(file)


WAYS: "dict[str, Callable[[Any], Any]]" = {
    **{f"pickle {p}": lambda x, p=p: pickle.loads(pickle.dumps(x, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)},
    "deepcopy": copy.deepcopy, "copy": copy.copy, "joblib": by_joblib,
}


@pytest.mark.parametrize("way", WAYS)
def test_what_has_a_file(f: Fixture, way: str) -> None:
    again, x, model = WAYS[way], f.x["speech"], f.model()
    other = again(model)
    assert same(other.encode("speech", x, vectors=True), model.encode("speech", x, vectors=True))
    assert repr(other) == repr(model)
    assert other.config["code.dim"] == model.config["code.dim"] and other is not model
    codes = model.encode("speech", x)
    head = lu.Head(model, classes=3, epochs=2)
    head.fit(codes, f.label)
    assert np.array_equal(again(head).predict(codes), head.predict(codes))
    book, first = again(model.codebook()), model.codebook()
    assert same(book.state(), first.state()) and np.array_equal(book.embedding, first.embedding)
    index = lu.Index(4, "l2")
    index.add(np.eye(4), [7, 5, 3, 1])
    found, want = again(index).search(np.ones((1, 4)), 2), index.search(np.ones((1, 4)), 2)
    assert same(found, want)
    retriever = lu.Retriever(model, 5, hidden=8, dim=4, epochs=1)
    retriever.fit(codes, x[:, 0, :5])
    assert np.array_equal(again(retriever).items(x[:, 1, :5]), retriever.items(x[:, 1, :5]))
    segmenter = lu.Segmenter(model, height=16, width=16, level_count=1, level_channels=(8,), channels=8, inner=4,
                             output_channels=(8, 4), image_channels=1)
    frames = np.resize(x, (2, 1, 16, 16, 1))
    segmenter.step(frames, codes[:2], (frames[..., 0] > 0).astype(np.uint8))
    assert np.array_equal(again(segmenter).predict(frames, codes[:2]), segmenter.predict(frames, codes[:2]))
    trainer = lu.Trainer(config())
    trainer.fit(lu.Arrays(f.arrays, batch=10, seed=0), steps=1)
    resumed = again(trainer)
    batch = lu.Batch({name: array[:10] for name, array in f.arrays.items()})
    assert resumed.step_count == 1 and resumed.step(batch) == trainer.step(batch)
    settings = again(config())
    assert str(settings) == str(config())
    settings["train.epochs"] = 77
    assert config()["train.epochs"] != 77


def test_joblib_in_processes(f: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    joblib = pytest.importorskip("joblib")
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE.parent))
    model, parts = f.model(), np.split(f.x["speech"], 4)
    codes = joblib.Parallel(n_jobs=2)(joblib.delayed(model.encode)("speech", part) for part in parts)
    assert np.array_equal(np.concatenate(codes), model.encode("speech", f.x["speech"]))


@pytest.mark.parametrize("way", WAYS)
def test_batches(f: Fixture, way: str) -> None:
    batch = lu.Batch(f.arrays)
    other = WAYS[way](batch)
    assert other.modalities == batch.modalities
    for name in batch.modalities:
        assert np.array_equal(other[name], batch[name]) and np.array_equal(other.lengths(name), batch.lengths(name))
    with lu.Dataset(f.data, batch=5) as data:
        lent = data.next()
        kept = WAYS[way](lent)
        want = lent["speech"].copy()
    assert np.array_equal(kept["speech"], want)


@pytest.mark.parametrize("way", WAYS)
def test_what_has_none(f: Fixture, way: str, recwarn: Any, capsys: Any) -> None:
    if way == "joblib":
        pytest.importorskip("joblib")
    model = f.model()
    for thing, words in ((model.encoder("speech", 1, 1), "take another one from the model"),
                         (lu.Dataset(f.data), "open another one of the same paths"),
                         (lu.ClassMap("a = b\n", ["a"], ["b"]), "make another one of the same text")):
        raises(TypeError, f"cannot be pickled or copied; {words}", lambda: WAYS[way](thing))
        if way != "copy":               # of the dict alone
            raises(TypeError, words, lambda: WAYS[way]({"in a dict": [thing]}))
    raises(TypeError, "C memory", lambda: WAYS[way](model._owner))
    model.close()
    raises(lu.StateError, "the model is closed", lambda: WAYS[way](model))
    gc.collect()
    assert not recwarn.list and capsys.readouterr().err == ""       # no "Exception ignored in ..."
