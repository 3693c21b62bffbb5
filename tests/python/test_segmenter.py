"""Segmenters: one learns which of two squares a code asks for; maps, files, threads, what is refused."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Tuple

import libunicode as lu
import numpy as np
import pytest
from helpers import Fixture, in_threads, raises
from libunicode import metrics

SIZE = 16
TINY = {"height": SIZE, "width": SIZE, "level_count": 1, "level_channels": (8,), "channels": 8, "inner": 4,
        "output_channels": (8, 4), "learning_rate": 0.01}


def codebook(seed: int = 0) -> lu.Codebook:
    made = lu.Codebook(2, 8)
    made.set(np.random.default_rng(seed).standard_normal((2, 8)))
    return made


def segmenter(**more: Any) -> lu.Segmenter:
    return lu.Segmenter(codebook(), **{**TINY, "image_channels": 2, **more})


def clips(count: int, seed: int) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames with a square in each of two channels, codes that ask for one of them, and its mask."""
    rng = np.random.default_rng(seed)
    frames, codes = 0.1 * rng.standard_normal((count, 1, SIZE, SIZE, 2)), np.full((count, 4), -1)
    masks = np.zeros((count, 1, SIZE, SIZE))
    codes[:, :3] = rng.integers(0, 2, (count, 1))
    for i, channel in np.ndindex(count, 2):
        top, left = rng.integers(0, SIZE - 6, 2)
        frames[i, 0, top:top + 6, left:left + 6, channel] += 1
        if channel == codes[i, 0]:
            masks[i, 0, top:top + 6, left:left + 6] = 1
    return frames.astype(np.float32), codes, masks


@pytest.fixture(scope="module")
def trained() -> lu.Segmenter:
    made = segmenter(seed=2)
    losses = [made.step(*clips(8, seed)) for seed in range(400)]
    assert np.mean(losses[-10:]) < 0.5 * losses[0]
    return made


def test_learns(trained: lu.Segmenter) -> None:
    """What it was trained for on clips it has not seen; the other code finds the other square."""
    frames, codes, masks = clips(40, 1000)
    logits = trained.predict(frames, codes)
    assert logits.shape == masks.shape and logits.dtype == np.float32
    right = metrics.masks(logits, masks.astype(int)).miou
    other = metrics.masks(trained.predict(frames, np.where(codes >= 0, 1 - codes, -1)), masks.astype(int)).miou
    assert right > 0.7 and other < 0.4, (right, other)
    out = np.empty_like(logits)
    assert trained.predict(frames.astype(np.float64), codes, out=out) is out and np.array_equal(out, logits)
    assert np.allclose(trained.predict(frames, codes[:, :1]), logits, rtol=1e-4, atol=1e-3)     # one step, not three
    assert trained.predict(frames[:0], codes[:0]).shape == (0, 1, SIZE, SIZE)


def test_files(trained: lu.Segmenter, f: Fixture) -> None:
    path, (frames, codes, masks) = f.folder / "segmenter.npz", clips(5, 7)
    trained.save(path)
    loaded = lu.Segmenter.load(path)
    assert loaded.settings == trained.settings and loaded.fingerprint == trained.fingerprint
    assert np.array_equal(loaded.predict(frames, codes), trained.predict(frames, codes))
    assert loaded.accepts(codebook()) and not loaded.accepts(codebook(1)) and not loaded.accepts(f.model())
    assert loaded.step(frames, codes, masks) > 0
    assert not np.array_equal(loaded.predict(frames, codes), trained.predict(frames, codes))
    raises(lu.NotFoundError, "nowhere", lambda: lu.Segmenter.load(f.folder / "nowhere.npz"))
    raises(lu.FormatError, "model.npz", lambda: lu.Segmenter.load(f.path))


def test_settings() -> None:
    made = segmenter(seed=3)
    assert made.settings == lu.SegmenterSettings("frames", 2, SIZE, SIZE, 1, (8,), 8, 4, (1, 2, 3, 4), (8, 4), 8,
                                                 np.float32(0.01), 3)
    paper = lu.Segmenter(codebook(), "paper", height=32, width=32, channels=8, inner=4)
    assert paper.settings.input == "maps" and paper.settings.level_channels == (64, 128, 320, 512)
    assert paper.settings.dilations == (3, 6, 12, 18)
    assert repr(made) == "<libunicode.Segmenter of frames: 1 levels, masks of 16 x 16>"


def test_maps() -> None:
    """Feature maps in the place of frames, two levels; pixels of -1 do not count."""
    made = segmenter(input="maps", level_count=2, level_channels=(3, 5))
    rng = np.random.default_rng(5)
    maps = [rng.standard_normal((2, 2, SIZE >> level, SIZE >> level, channels))
            for level, channels in ((2, 3), (3, 5))]
    masks = rng.integers(0, 2, (2, 2, SIZE, SIZE)).astype(float)
    masks[:, 1] = -1
    codes = [[0, 1, -1], [1, -1, -1]]
    losses = [made.step(maps, codes, masks)]
    first = made.predict(maps, codes)
    p = 1 / (1 + np.exp(-first[:, 0].astype(float)))
    assert first.shape == masks.shape and np.isfinite(first).all() and (p > 0).all()
    losses += [made.step(maps, codes, masks) for _ in range(20)]
    assert losses[-1] < losses[0] and not np.array_equal(made.predict(maps, codes), first)
    raises(lu.ShapeError, "2", lambda: made.predict(maps[0], codes))
    raises(lu.ShapeError, "[2,2,2,2,5]", lambda: made.predict(maps[::-1], codes))


def test_lifetimes() -> None:
    """It keeps a copy of the codebook, and results are the caller's own."""
    book = codebook()
    made = lu.Segmenter(book, image_channels=2, **TINY)
    fingerprint = book.fingerprint
    book.close()
    frames, codes, masks = clips(2, 1)
    raises(lu.StateError, "the segmenter is untrained", lambda: made.predict(frames, codes))
    made.step(frames, codes, masks)
    logits, owner = made.predict(frames, codes), weakref.ref(made._owner)
    assert made.fingerprint == fingerprint
    with made:
        pass
    raises(lu.StateError, "the segmenter is closed", lambda: made.step(frames, codes, masks))
    assert "closed" in repr(made)
    del made
    gc.collect()
    assert owner() is None and np.isfinite(logits).all()


def test_refused() -> None:
    made, (frames, codes, masks) = segmenter(), clips(2, 1)
    made.step(frames, codes, masks)
    before = made.predict(frames, codes)
    for error, text, call in (
            (lu.ArgumentError, "'large'", lambda: lu.Segmenter(codebook(), "large")),
            (lu.ArgumentError, "'video'", lambda: segmenter(input="video")),
            (lu.ArgumentError, "level_count", lambda: segmenter(level_count=5)),
            (lu.ArgumentError, "height is -16", lambda: segmenter(height=-16)),
            (lu.ArgumentError, "height", lambda: segmenter(height=17)),
            (lu.ArgumentError, "at most 4", lambda: segmenter(dilations=range(1, 6))),
            (lu.ArgumentError, "learning_rate", lambda: segmenter(learning_rate=-1.0)),
            (lu.ShapeError, "[2,1,16,16,1]", lambda: made.step(frames[..., :1], codes, masks)),
            (lu.ShapeError, "(clips, frames, height", lambda: made.step(frames[0], codes, masks)),
            (lu.ShapeError, "(2, steps)", lambda: made.step(frames, codes[0], masks)),
            (lu.ShapeError, "(2, steps)", lambda: made.step(frames, codes[:1], masks)),
            (lu.ShapeError, "masks", lambda: made.step(frames, codes, masks[:, 0])),
            (lu.ShapeError, "0 clips", lambda: made.step(frames[:0], codes[:0], masks[:0])),
            (lu.ShapeError, "out has", lambda: made.predict(frames, codes, out=before[:1])),
            (lu.DataError, "code 2", lambda: made.step(frames, codes * 0 + 2, masks)),
            (lu.DataError, "no code", lambda: made.step(frames, codes * 0 - 1, masks)),
            (lu.DataError, "NaN", lambda: made.step(frames * np.nan, codes, masks)),
            (lu.DataError, "value 2", lambda: made.step(frames, codes, masks * 0 + 2)),
            (lu.DataError, "pixel", lambda: made.step(frames, codes, masks * 0 - 1)),
            (TypeError, "codes_of is 'model.npz' (str), but", lambda: lu.Segmenter("model.npz"))):
        raises(error, text, call)
    assert np.array_equal(made.predict(frames, codes), before)


def test_threads(trained: lu.Segmenter) -> None:
    frames, codes, _ = clips(4, 3)
    wanted = trained.predict(frames, codes)

    def work(_: int) -> None:
        assert all(np.array_equal(trained.predict(frames, codes), wanted) for _ in range(5))

    in_threads(work)
