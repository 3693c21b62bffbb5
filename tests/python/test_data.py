"""Datasets and batches: files and arrays in memory, their order, what is refused."""

from __future__ import annotations

import libunicode as lu
import numpy as np
from helpers import DIMS, N, T, Fixture, raises


def marked() -> dict:
    """Clips whose number stands in every feature."""
    number = np.arange(N, dtype=np.float32)
    return {"image": np.tile(number[:, None, None, None, None], (1, T, 5, 5, 8)),
            "speech": np.tile(number[:, None, None], (1, T, 12)), "speech.lengths": np.full(N, T)}


def order(data: object) -> list:
    """The clips' numbers as an epoch gives them, the same for both modalities."""
    numbers = []
    for batch in data:
        assert np.array_equal(batch["image"][:, 0, 0, 0, 0], batch["speech"][:, 0, 0])
        numbers += batch["speech"][:, 0, 0].astype(int).tolist()
    return numbers


def test_epochs(f: Fixture) -> None:
    """Files and arrays alike: in order or shuffled by seed, epoch by epoch, from any batch."""
    path = f.folder / "marked.npz"
    np.savez(path, **marked())
    for make in (lambda **how: lu.Dataset(path, **how), lambda **how: lu.Arrays(marked(), **how)):
        assert order(make(batch=8)) == list(range(N)) and len(make(batch=8)) == 3
        assert len(order(make(batch=8, drop_last=True))) == 16
        data = make(batch=8, seed=5)
        assert data.clip_count == N and data.modalities == ("image", "speech")
        assert data.feature_dims("image") == DIMS["image"]
        first, second = order(data), order(data)
        assert sorted(first) == sorted(second) == list(range(N)) and first != second and first != list(range(N))
        assert order(make(batch=8, seed=5)) == first != order(make(batch=8, seed=6))
        data.seek(0)
        assert order(data) == first and order(data) == second
        data.seek(1, 2)
        assert data.next()["speech"][:, 0, 0].tolist() == second[16:] and data.next() is None
        data.seek(0, 1)
        data.next()
        assert order(data) == second                   # a new `for` leaves the epoch that was under way
        raises(lu.ArgumentError, "4", lambda: data.seek(0, 4))
        raises(lu.NotFoundError, "smell", lambda: data.feature_dims("smell"))
    same_order = lu.Dataset([path, path], batch=N, prefetch=0, modalities=["speech"])
    assert same_order.clip_count == 2 * N and same_order.modalities == ("speech",)


def test_dataset(f: Fixture) -> None:
    data = lu.Dataset(f.data, batch=8, length=4)
    assert data.length == 4 and np.array_equal(data.labels(), f.label) and data.labels().dtype == np.int32
    batch = data.next()
    assert batch["speech"].shape == (8, 4, 12) and (batch.lengths("speech") <= 4).all() and batch.clip_count == 8
    assert repr(data) == "<libunicode.Dataset: 20 clips of image, speech in 3 batches>"
    u = lu
    for error, text, call in (
            (u.NotFoundError, "nowhere", lambda: u.Dataset(f.folder / "nowhere.npz")),
            (u.NotFoundError, "smell", lambda: u.Dataset(f.data, modalities=["smell"])),
            (u.NotFoundError, "image.step_labels", lambda: data.labels("image.step_labels")),
            (u.ArgumentError, "batch is 0", lambda: u.Dataset(f.data, batch=0)),
            (u.ArgumentError, "batch is -1", lambda: u.Dataset(f.data, batch=-1)),
            (u.ArgumentError, "prefetch", lambda: u.Dataset(f.data, prefetch=2000)),
            (u.ArgumentError, "seed", lambda: u.Dataset(f.data, seed=2**64)),
            (u.ArgumentError, "on_damage", lambda: u.Dataset(f.data, on_damage="ignore")),
            (u.ArgumentError, "no paths", lambda: u.Dataset([])),
            (TypeError, "several names", lambda: u.Dataset(f.data, modalities="speech")),
            (u.ArgumentError, "zero byte", lambda: u.Dataset("a\0b"))):
        raises(error, text, call)
    bad = f.folder / "bad.npz"
    bad.write_bytes(f.data.read_bytes()[:500])
    raises(u.FormatError, "bad.npz", lambda: u.Dataset(bad))
    np.savez(bad, speech=np.array([[[None]]], object))          # a pickle
    raises(u.FormatError, "bad.npz", lambda: u.Dataset(bad))


def test_damage(f: Fixture) -> None:
    """A damaged clip fails, or is passed over, and the log names its file."""
    folder, lines = f.folder / "clips", []
    for name, x in f.x.items():
        (folder / name).mkdir(parents=True)
        for i in range(3):
            np.save(folder / name / f"{i}.npy", x[i])
    (folder / "speech/1.npy").write_bytes(b"damaged")
    raises(lu.FormatError, "1.npy", lambda: list(lu.Dataset(folder, length=T)))
    lu.set_log(lambda warning, line: lines.append((warning, line)))
    try:
        batch = lu.Dataset(folder, length=T, on_damage="skip").next()
        assert batch.lengths("speech").tolist() == [T, 0, T]
    finally:
        lu.set_log(None)
    assert any(warning and "1.npy" in line for warning, line in lines), lines
    del lines[:]
    assert lu.Dataset(folder, length=T, on_damage="skip").next() and not lines


def test_batches(f: Fixture) -> None:
    """A batch refers to what is as C takes it, and copies the rest."""
    batch = lu.Batch({**f.arrays, "label": f.label, "image.step_labels": np.zeros((N, T))})
    assert batch.modalities == ("image", "speech") and batch.clip_count == N
    assert np.shares_memory(batch["image"], f.x["image"]) and batch["image"].dtype == np.float32
    assert np.shares_memory(batch.lengths("image"), f.lengths["image"])
    assert lu.Batch({"speech": f.x["speech"]}).lengths("speech").tolist() == [T] * N
    doubles = f.x["speech"].astype(np.float64)
    assert np.shares_memory(lu.Batch({"speech": doubles})["speech"], doubles)
    whole = lu.Batch({"speech": f.x["speech"].astype(np.int64)})["speech"]
    assert whole.dtype == np.float32
    view = next(iter(lu.Arrays(f.arrays, batch=8)))["image"]
    assert np.shares_memory(view, f.x["image"])                # unshuffled: no copy
    assert not np.shares_memory(batch.copy()["image"], batch["image"])
    x = f.x["speech"]
    for error, text, call in (
            (lu.ShapeError, "[19,6,12]", lambda: lu.Batch({"image": f.x["image"], "speech": x[:19]})),
            (lu.ShapeError, "[20]", lambda: lu.Batch({"speech": x[:, 0, 0]})),
            (lu.ShapeError, "dim of 0", lambda: lu.Batch({"speech": x[:0]})),
            (lu.ShapeError, "(19,)", lambda: lu.Batch({"speech": x, "speech.lengths": np.ones(19, int)})),
            (lu.DataError, "object", lambda: lu.Batch({"speech": x.astype(object)})),
            (lu.ArgumentError, "'speech.lenghts'", lambda: lu.Batch({"speech": x, "speech.lenghts": f.label})),
            (lu.ArgumentError, "'image.lengths'", lambda: lu.Batch({"speech": x, "image.lengths": f.label})),
            (lu.NotFoundError, "it has speech", lambda: lu.Batch({"speech": x})["image"]),
            (lu.ShapeError, "19", lambda: lu.Arrays({"image": f.x["image"], "speech": x[:19]})),
            (lu.ShapeError, "no arrays", lambda: lu.Arrays({})),
            (lu.ArgumentError, "less than one batch", lambda: lu.Arrays({"speech": x}, drop_last=True))):
        raises(error, text, call)


def test_loops_in_loops(f: Fixture) -> None:
    """A loop whose data something else moves says so; it went on wherever they were, or never ended."""
    path = f.folder / "marked.npz"
    np.savez(path, **marked())
    for make in (lambda: lu.Dataset(path, batch=8), lambda: lu.Arrays(marked(), batch=8)):
        data, seen = make(), []

        def nested() -> None:
            for _ in data:
                seen.append(len(list(data)))

        raises(lu.StateError, "the data were moved while this loop", nested)
        assert seen == [3]
        data = make()
        loop = iter(data)
        next(loop)
        data.seek(0)
        raises(lu.StateError, "each loop needs data of its own", lambda: next(loop))
        assert order(data) == list(range(N)) and order(data) == list(range(N))
        data.next()
        assert order(data) == list(range(N))


def test_lengths_have_one_number_a_clip() -> None:
    raises(lu.ShapeError, "speech.lengths have the shape (20, 1)",
           lambda: lu.Arrays({**marked(), "speech.lengths": np.ones((N, 1), int)}))
    raises(lu.DataError, "speech.lengths are float64", lambda: lu.Arrays({**marked(), "speech.lengths": np.ones(N)}))
    lengths = np.arange(N)
    assert lu.Arrays({**marked(), "speech.lengths": lengths}).paired_count("image", "speech") == N - 1
