"""Heads on codes: every kind, transfer, files, threads, what is refused."""

from __future__ import annotations

import libunicode as lu
import numpy as np
from helpers import L, N, T, Fixture, in_threads, raises

RNG = np.random.default_rng(5)


def codebook() -> lu.Codebook:
    made = lu.Codebook(12, 16)         # in so many dims any classes can be told apart
    made.set(RNG.standard_normal((12, 16)))
    return made


def test_kinds(f: Fixture) -> None:
    """Each kind learns what the codes say: code c is of class c mod 3."""
    book, codes = codebook(), RNG.integers(0, 12, (60, 5)).astype(np.int32)
    codes[:, 3:][RNG.random((60, 2)) < 0.5] = -1
    steps = np.where(codes >= 0, codes % 3, -1)
    many = np.stack([(codes % 3 == k) | ((codes + 1) % 3 == k) for k in range(3)], -1).astype(int)
    clips = (codes == 0).any(1).astype(int)

    step = lu.Head(book, 3, "step", epochs=60, learning_rate=0.02, seed=1)
    assert step.fit(codes, steps) < 0.1 and (step.per, step.multi, step.class_count) == ("step", False, 3)
    logits = step.predict(codes)
    assert logits.shape == (60, 5, 3) and logits.dtype == np.float32 and not logits[codes < 0].any()
    assert np.array_equal(logits.argmax(-1)[codes >= 0], steps[codes >= 0])

    multi = lu.Head(book, 3, "step", multi=True, epochs=60, learning_rate=0.02)
    multi.fit(codes, multi.mask_labels(codes, many))
    assert multi.predict(codes).shape == (60, 5, 3) and multi.multi
    assert np.array_equal(multi.predict(codes)[codes >= 0] > 0, many[codes >= 0] > 0)

    clip = lu.Head(book, 2, epochs=100, learning_rate=0.02)
    first = clip.fit(codes, clips)
    assert clip.fit(codes, clips) < first                       # again to train further
    logits, out = clip.predict(codes), np.empty((60, 2), np.float32)
    assert clip.predict(codes, out=out) is out and np.array_equal(out, logits)
    assert (logits.argmax(-1) == clips).mean() > 0.9
    assert repr(multi) == "<libunicode.Head: 3 classes per step, multi>"

    assert not clip.predict(np.zeros((3, 0), np.int32), out=np.full((3, 2), 7, np.float32)).any()   # as padding
    assert clip.mask_labels(np.zeros((2, 0), np.int32), [1, 0]).tolist() == [-1, -1]
    fresh = lu.Head(book, 2)
    raises(lu.DataError, "none of the 60 clips has a code", lambda: fresh.fit(codes, clips * 0 - 1))
    raises(lu.DataError, "none of the 60 clips has a code", lambda: fresh.fit(codes * 0 - 1, clips))
    raises(lu.StateError, "untrained", lambda: fresh.predict(codes))

    masked = clip.mask_labels([[-1, -1], [0, -1]], [1, 1])
    assert masked.tolist() == [-1, 1] and step.mask_labels([[0, -1]], [[2, 2]]).tolist() == [[2, -1]]


def test_files(f: Fixture) -> None:
    model = f.model()
    head = lu.Head(model, 3, "step", multi=True, loss="cmg")
    codes = model.encode("image", f.x["image"], f.lengths["image"])
    head.fit(codes, RNG.integers(0, 2, (N, T, 3)))
    head.save(f.folder / "head.npz")
    loaded = lu.Head.load(f.folder / "head.npz")
    assert (loaded.per, loaded.multi, loaded.class_count) == ("step", True, 3)
    assert np.array_equal(loaded.predict(codes), head.predict(codes))
    assert loaded.accepts(model) and loaded.accepts(model.codebook()) and not loaded.accepts(codebook())
    assert loaded.fingerprint == model.codebook().fingerprint
    raises(lu.NotFoundError, "nowhere", lambda: lu.Head.load(f.folder / "nowhere.npz"))
    raises(lu.FormatError, "model.npz", lambda: lu.Head.load(f.path))


def test_refused() -> None:
    book, codes = codebook(), np.zeros((4, 5), int)
    head = lu.Head(book, 3)
    raises(lu.StateError, "the head is untrained", lambda: head.predict(codes))
    head.fit(codes, [0, 1, 2, 0])
    before = head.predict(codes)
    for error, text, call in (
            (lu.ArgumentError, "class_count = 1", lambda: lu.Head(book, 1)),
            (lu.ArgumentError, "classes is", lambda: lu.Head(book, 2**31)),
            (lu.ArgumentError, "'frame'", lambda: lu.Head(book, 3, "frame")),
            (lu.ArgumentError, "with multi", lambda: lu.Head(book, 3, "clip", multi=True)),
            (lu.ArgumentError, "'huber'", lambda: lu.Head(book, 3, loss="huber")),
            (lu.ArgumentError, "learning_rate", lambda: lu.Head(book, 3, learning_rate=-1)),
            (lu.DataError, "label 3", lambda: head.fit(codes, [0, 1, 2, 3])),
            (lu.DataError, "12", lambda: head.fit(codes + 12, [0, 1, 2, 0])),
            (lu.ShapeError, "(4,) expected", lambda: head.fit(codes, [0, 1, 2])),
            (lu.ShapeError, "(4,) expected", lambda: head.fit(codes, codes)),
            (lu.ShapeError, "(clips, steps)", lambda: head.predict([0, 1])),
            (lu.DataError, "float64", lambda: head.predict(codes * 1.0)),
            (TypeError, "codes_of is 'model.npz' (str), but", lambda: lu.Head("model.npz", 3))):
        raises(error, text, call)
    assert np.array_equal(head.predict(codes), before)


def test_threads(f: Fixture) -> None:
    """Predictions at the same time are those of one thread; training waits for them."""
    model = f.model()
    codes = model.encode("speech", f.x["speech"])
    head = lu.Head(model, 3)
    head.fit(codes, f.label)
    states = [head.predict(codes)]
    twin = lu.Head(model, 3)
    twin.fit(codes, f.label)
    twin.fit(codes, f.label)
    states.append(twin.predict(codes))

    def work(i: int) -> None:
        if i == 0:
            head.fit(codes, f.label)
        for _ in range(100):
            assert any(np.array_equal(head.predict(codes), state) for state in states)

    in_threads(work)
    assert np.array_equal(head.predict(codes), states[1]) and codes.max() < L


def test_soft_codes() -> None:
    book = lu.Codebook(5, 2)
    book.set(np.random.default_rng(0).normal(size=(5, 2)))
    z = np.random.default_rng(1).normal(size=(3, 4, 2))
    soft = book.soften(z, 3, 0.5)
    near = book.nearest(z, 3)
    weights = np.exp(-np.sqrt(near.distances) / 0.5)
    assert np.array_equal(soft.codes, near.codes)
    np.testing.assert_allclose(soft.weights, weights / weights.sum(-1, keepdims=True), atol=1e-6)
    head = lu.Head(book, classes=3, per="step")
    head.fit(near.codes[..., 0], np.arange(12).reshape(3, 4) % 3)
    each = head.predict(np.arange(5)[None])[0]
    np.testing.assert_allclose(head.predict_soft(*soft), (each[soft.codes] * soft.weights[..., None]).sum(-2), atol=1e-5)
    raises(lu.ShapeError, "the same (N, T, k) expected", lambda: head.predict_soft(soft.codes, soft.weights[:2]))
    raises(lu.ArgumentError, "temperature = 0", lambda: book.soften(z, 3, 0))
