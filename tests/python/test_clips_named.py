"""Messages name the caller's clip, wherever it is cut into parts; what ties modalities together is counted."""

from __future__ import annotations

from typing import Any, Dict

import libunicode as lu
import numpy as np
from helpers import DIMS, KINDS, N, SETTINGS, T, Fixture, raises

CLIPS, BAD = 150, 137


def arrays(**changed: Any) -> Dict[str, Any]:
    rng = np.random.default_rng(0)
    return {**{name: rng.normal(size=(CLIPS, T, *dims)).astype(np.float32) for name, dims in DIMS.items()}, **changed}


def spoilt() -> Any:
    x = arrays()["speech"]
    x[BAD, 1, 2] = np.nan
    return x


def trainer() -> lu.Trainer:
    return lu.Trainer(lu.Config(preset="small", modalities=KINDS, **SETTINGS))


def test_encode(f: Fixture) -> None:
    """More clips than an encoder takes at a time; features, lengths, with vectors and without."""
    model, x = f.model(), spoilt()
    lengths = np.full(CLIPS, T)
    lengths[BAD] = T + 1
    for vectors in (False, True):
        raises(lu.DataError, f'"speech": clip {BAD} holds NaN or Inf',
               lambda: model.encode("speech", x, vectors=vectors))
        raises(lu.DataError, f"length {T + 1} of clip {BAD} is not in 0..{T}",
               lambda: model.encode("speech", arrays()["speech"], lengths, vectors=vectors))
    x[BAD, 1, 2] = 3e38
    raises(lu.NumericError, f'"speech": clip {BAD} gives NaN or Inf', lambda: model.encode("speech", x))
    x[BAD] = x[3]                                          # and in parts the codes are what they are
    codes = model.encode("speech", x)
    assert np.array_equal(codes[BAD], codes[3]) and np.array_equal(codes[:20], model.encode("speech", x[:20]))


def test_train(f: Fixture) -> None:
    """Arrays, shuffled or in order, name the clip; files name the file, too."""
    data = arrays(speech=spoilt())
    raises(lu.DataError, f'"speech": clip {BAD} holds NaN or Inf', lambda: trainer().fit(data, epochs=1))
    raises(lu.DataError, f'"speech": clip {BAD} holds NaN or Inf', lambda: trainer().evaluate(data))
    path = f.folder / "spoilt.npz"
    np.savez(path, **data)
    for seed in (None, 3):
        raises(lu.DataError, f'"speech": clip {BAD} of {path} holds NaN or Inf',
               lambda: trainer().fit(lu.Dataset(path, batch=10, seed=seed), epochs=1))
    large = arrays()
    large["speech"][BAD, 1, 2] = -3e37
    np.savez(f.folder / "large.npz", **large)
    raises(lu.NumericError, f'; the largest feature is of 3e+37, in modality "speech", clip {BAD} of {f.folder / "large.npz"}',
           lambda: trainer().fit(lu.Dataset(f.folder / "large.npz", batch=10, seed=1), epochs=1))
    two = f.folder / "two.npz"
    np.savez(two, **{name: x[100:] for name, x in data.items()})
    raises(lu.DataError, f'"speech": clip {BAD - 100} of {two} holds NaN or Inf',
           lambda: trainer().fit(lu.Dataset([f.data, two], batch=10, seed=1), epochs=1))
    raises(lu.DataError, '"speech": clip 7 of the batch holds NaN or Inf',
           lambda: trainer().step(lu.Batch({name: x[130:140] for name, x in data.items()})))
    raises(lu.DataError, '"speech": clip 1007 holds NaN or Inf', lambda: trainer().step(
        lu.Batch({name: x[130:140] for name, x in data.items()}, clips=np.arange(1000, 1010))))
    lengths = np.full(CLIPS, T)
    lengths[BAD] = T + 1
    raises(lu.DataError, f"length {T + 1} of clip {BAD} is not in",
           lambda: trainer().fit(arrays(**{"speech.lengths": lengths}), epochs=1))


def test_files_of_clips(f: Fixture) -> None:
    folder, data = f.folder / "named", arrays(speech=spoilt())
    for name in DIMS:
        (folder / name).mkdir(parents=True)
        for i in range(130, 142):
            np.save(folder / name / f"clip {i}.npy", data[name][i])
    raises(lu.DataError, f"speech/clip {BAD}.npy holds NaN or Inf",
           lambda: trainer().fit(lu.Dataset(folder, batch=10, seed=2), epochs=1))
    dataset = lu.Dataset(folder, batch=4)
    assert dataset.clip_name("speech", BAD - 130).endswith(f"speech/clip {BAD}.npy")
    assert dataset.has("speech", 0) and not dataset.has("smell", 0)
    raises(lu.ArgumentError, "clip is 12", lambda: dataset.clip_name("speech", 12))


def test_numbered_batches() -> None:
    raises(lu.ShapeError, "clips have the shape (3,)", lambda: lu.Batch({"a": np.zeros((2, 3, 4))}, clips=[1, 2, 3]))
    raises(lu.StateError, "the batch is empty", lambda: lu.Batch({}, clips=np.zeros(0, int)))


def test_classes(f: Fixture) -> None:
    folder = f.folder / "tables"
    (folder / "speech").mkdir(parents=True)
    for name in "xyz":
        np.save(folder / f"speech/{name}.npy", np.ones((3, 2), np.float32))
    (folder / "t.csv").write_text("video_id, category\rx, Dog\ry,\rz, Cat\r")
    data = lu.Dataset(folder / "t.csv", batch=2)
    assert data.classes() == ("Cat", "Dog") and data.labels().tolist() == [1, -1, 0]
    assert data.classes("speech.step_labels") == () and lu.Dataset(f.data, batch=2).classes() == ()
    (folder / "latin.csv").write_bytes(b"video_id,category\nx,caf\xe9\ny,caf\xc3\xa9\n")
    assert lu.Dataset(folder / "latin.csv", batch=2).classes() == ("caf\u00e9", "caf\\xe9")
    (folder / "e.csv").write_text("filename\tevent_labels\nx\tDog,Speech\ny\tDog\n")
    data = lu.Dataset(folder / "e.csv", batch=2)
    assert data.classes("speech.step_labels") == data.classes() == ("Dog", "Speech")
    assert data.labels().tolist() == [[1, 1], [1, 0]]
    assert data.labels("speech.step_labels").tolist() == [[[1, 1, 0]] * 3, [[1, 0, 0]] * 3]


def test_pairs(f: Fixture) -> None:
    """Data that tie nothing together are refused, files and arrays."""
    half, none = np.where(np.arange(CLIPS) % 2, T, 0), np.zeros(CLIPS, int)
    for lengths, text in (({"image.lengths": T - half, "speech.lengths": half}, "has two modalities (image 75, speech 75)"),
                          ({"speech.lengths": none}, "has a step of 'speech' (image 150, speech 0)")):
        data = arrays(**lengths)
        np.savez(f.folder / "unpaired.npz", **data)
        for given in (data, lu.Dataset(f.folder / "unpaired.npz", batch=10)):
            raises(lu.DataError, text, lambda: trainer().fit(given, epochs=1))
    data = arrays(**{"speech.lengths": half})
    assert lu.Arrays(data, batch=10).paired_count("image", "speech") == 75
    raises(lu.NotFoundError, "smell", lambda: lu.Arrays(data, batch=10).paired_count("image", "smell"))
    assert trainer().fit(data, steps=1)["step"].tolist() == [1]
    dataset = lu.Dataset(f.data, batch=4)
    assert dataset.paired_count("image", "image") == N - 1 == dataset.paired_count("image", "speech")
    raises(lu.NotFoundError, "smell", lambda: dataset.paired_count("image", "smell"))
