"""Extractors: what they say of themselves, what they give, threads, what is refused."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path

import libunicode as lu
import numpy as np
from helpers import in_threads, raises

SOUND = np.sin(np.arange(16000 * 2) / 20).astype(np.float32)


def test_what_it_says_of_itself() -> None:
    extractor = lu.Extractor("logmel", parts=2, bands=4, framing="vggish")
    assert (extractor.kind, extractor.input, extractor.rate) == ("logmel", "sound", 16000)
    assert extractor.dims == (8,) and extractor.input_dims == (0,)
    assert "framing = vggish\n" in extractor.settings
    assert repr(extractor) == "<libunicode.Extractor 'logmel', sound to (8,)>"
    again = lu.Extractor(extractor.settings)
    assert again.fingerprint == extractor.fingerprint != lu.Extractor("logmel").fingerprint
    assert lu.Extractor("ngrams").input_dims == ()


def test_features() -> None:
    sounds, words = lu.Extractor("logmel"), lu.Extractor("ngrams", dim=5)
    features = sounds.extract(SOUND)
    assert features.shape == (2, 96, 64) and features.dtype == np.float32
    np.testing.assert_array_equal(sounds.extract(np.repeat(SOUND, 2)[::2]), features)
    out = np.empty((2, 96, 64), np.float32)
    assert sounds.extract(SOUND, out) is out
    np.testing.assert_array_equal(out, features)
    assert sounds.extract(SOUND[:100]).shape == (0, 96, 64)
    assert words.extract("a b\0c").shape == (2, 5) and words.extract("").shape == (0, 5)


def narrow_vggish(width: int = 5) -> dict[str, np.ndarray]:
    rng, planes, tensors = np.random.default_rng(4), 1, {}
    for layer, wide in ((0, 2), (3, 2), (6, 3), (8, 2), (11, 2), (13, 2)):
        tensors[f"features.{layer}.weight"] = rng.standard_normal((wide, planes, 3, 3))
        tensors[f"features.{layer}.bias"] = rng.standard_normal(wide)
        planes = wide
    for layer, shape in ((0, (width, 48)), (2, (4, width)), (4, (3, 4))):
        tensors[f"embeddings.{layer}.weight"] = rng.standard_normal(shape)
        tensors[f"embeddings.{layer}.bias"] = rng.standard_normal(shape[0])
    return tensors


def test_pretrained_weights(tmp_path: Path) -> None:
    extractor, tensors = lu.Extractor("vggish"), narrow_vggish()
    assert extractor.dims == (128,)
    raises(lu.StateError, "has no weights until", lambda: extractor.extract(SOUND))
    np.savez(tmp_path / "w.npz", **tensors)
    before = extractor.fingerprint
    assert extractor.load_weights(tmp_path / "w.npz") is extractor and extractor.dims == (3,)
    features = extractor.extract(SOUND)
    assert features.shape == (2, 3) and extractor.fingerprint != before
    for given in ((tmp_path / "w.npz").read_bytes(), open(tmp_path / "w.npz", "rb")):
        np.testing.assert_array_equal(lu.Extractor("vggish").load_weights(given).extract(SOUND), features)
    again = pickle.loads(pickle.dumps(extractor))
    np.testing.assert_array_equal(again.extract(SOUND), features)
    assert again.fingerprint == extractor.fingerprint
    extractor.save(tmp_path / "saved.npz")
    with np.load(tmp_path / "saved.npz") as saved:
        for name, x in tensors.items():
            np.testing.assert_array_equal(saved[name], x.astype(np.float32))
    del tensors["features.3.bias"]
    np.savez(tmp_path / "w.npz", **tensors)
    raises(lu.FormatError, "features.3.bias [2] is missing", lambda: extractor.load_weights(tmp_path / "w.npz"))
    raises(lu.ArgumentError, "no weights that are loaded", lambda: lu.Extractor("ngrams").load_weights(tmp_path / "w.npz"))
    np.testing.assert_array_equal(extractor.extract(SOUND), features)


def test_lists_of_words(tmp_path: Path) -> None:
    extractor = lu.Extractor("bert", heads=2)
    assert extractor.dims == (768,) and extractor.input == "text"
    raises(lu.StateError, "no vocabulary until", lambda: extractor.extract("one"))
    (tmp_path / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\none\n")
    before = extractor.fingerprint
    assert extractor.load_words(tmp_path / "vocab.txt") is extractor and extractor.fingerprint != before
    same = lu.Extractor("bert", heads=2).load_words(io.BytesIO(b"[UNK]\r\n[CLS]\r\n[SEP]\r\none"), "vocabulary")
    assert same.fingerprint == extractor.fingerprint
    raises(lu.StateError, "no weights until", lambda: extractor.extract("one"))
    raises(lu.FormatError, "line 1 of the words to keep", lambda: extractor.load_words(bytearray(b"One"), "keep"))
    assert extractor.load_words(bytearray(b"one"), "keep").fingerprint != same.fingerprint
    raises(lu.ArgumentError, "words is 'all', 'vocabulary' or 'keep' expected", lambda: extractor.load_words("a", "all"))
    raises(lu.ArgumentError, "reads no lists of words", lambda: lu.Extractor("ngrams").load_words(tmp_path / "vocab.txt"))


def frames(count: int = 60, side: int = 8) -> np.ndarray:
    """Pictures of blocks in random shades."""
    shades = np.random.default_rng(4).integers(0, 256, (count, side // 2, side // 2, 3), np.uint8)
    return shades.repeat(2, 1).repeat(2, 2)


def test_patches_and_files(tmp_path: Path) -> None:
    extractor = lu.Extractor("patches", side=8, cells=4, patch=4, components=6, channels=9)
    assert extractor.dims == (4, 4, 9) and extractor.input_dims == (0, 8, 8, 3)
    raises(lu.StateError, "has no weights until it is fitted", lambda: extractor.extract(frames()))
    features = extractor.fit(frames()).extract(frames())
    assert features.shape == (60, 4, 4, 9) and abs(features.mean()) < 1e-4 and abs(features.std() - 1) < 1e-3
    extractor.save(tmp_path / "e.npz")
    for again in (lu.Extractor.load(tmp_path / "e.npz"), pickle.loads(pickle.dumps(extractor)), copy.copy(extractor)):
        assert again.fingerprint == extractor.fingerprint
        np.testing.assert_array_equal(again.extract(frames()), features)
    raises(lu.ArgumentError, "has nothing that is fitted", lambda: lu.Extractor("logmel").fit(SOUND))


def test_normalised_features(tmp_path: Path) -> None:
    """Of each channel, over all that it was given; a file has it, and so have copies."""
    extractor = lu.Extractor("logmel", bands=5, parts=2)
    clips = [np.random.default_rng(i).standard_normal(48000) * (i + 1) for i in range(3)]
    before = np.concatenate([extractor.extract(clip) for clip in clips])
    plain = extractor.fingerprint
    assert extractor.normalise(before) is extractor and extractor.fingerprint != plain
    after = np.concatenate([extractor.extract(clip) for clip in clips])
    np.testing.assert_allclose(after, (before - before.mean(0)) / before.std(0, dtype=np.float64), atol=2e-5)
    extractor.save(tmp_path / "e.npz")
    for again in (lu.Extractor.load(tmp_path / "e.npz"), pickle.loads(pickle.dumps(extractor)), copy.copy(extractor)):
        assert again.fingerprint == extractor.fingerprint
        np.testing.assert_array_equal(again.extract(clips[1]), after[3:6])
    raises(lu.ShapeError, r"features is [9,4], [9,10] expected", lambda: extractor.normalise(before[:, :4]))
    raises(lu.DataError, "do not vary", lambda: extractor.normalise(before[:1]))
    raises(lu.DataError, "NaN or Inf in step 2", lambda: extractor.normalise(np.where(np.arange(9)[:, None] == 2, np.nan, before)))


def test_patches_are_normalised_over_all_frames() -> None:
    """Also where every second frame is of one sort, and where a typical patch is seen hardly ever."""
    rng = np.random.default_rng(5)
    pictures = frames(4000, 8)
    pictures[::2] = pictures[::2] // 8 + 100                    # of little contrast
    pictures[1] = rng.integers(0, 2, pictures[1].shape) * 255
    features = lu.Extractor("patches", side=8, cells=4, patch=4, components=6, channels=9).fit(pictures).extract(pictures)
    flat = features.reshape(-1, 9)
    assert np.abs(flat.mean(axis=0)).max() < 0.1
    assert np.abs(flat.std(axis=0) - 1).max() < 0.15
    rare = np.full((3000, 8, 8, 3), 90, np.uint8) + rng.integers(0, 40, (3000, 8, 8, 1), np.uint8)
    rare[1500] = frames(1, 8)[0]
    features = lu.Extractor("patches", side=8, cells=4, patch=4, components=6, channels=9).fit(rare).extract(rare)
    assert np.abs(features).max() < 500


def test_threads_take_turns() -> None:
    extractor = lu.Extractor("logmel")
    expected = extractor.extract(SOUND)
    in_threads(lambda _: np.testing.assert_array_equal(extractor.extract(SOUND), expected))


def test_what_is_refused() -> None:
    raises(lu.ConfigError, "kind = log is not one of", lambda: lu.Extractor("log"))
    raises(lu.ConfigError, "band is not a key of kind logmel; did you mean bands?", lambda: lu.Extractor("logmel", band=3))
    raises(lu.ArgumentError, "threads = 257", lambda: lu.Extractor("logmel", threads=257))
    sounds, words = lu.Extractor("logmel"), lu.Extractor("ngrams")
    raises(lu.ShapeError, "average the channels", lambda: sounds.extract(np.zeros((16000, 2))))
    raises(lu.DataError, "NaN or Inf in sample 3", lambda: sounds.extract(np.where(np.arange(16000) == 3, np.nan, 0)))
    raises(lu.ArgumentError, "reads text", lambda: words.extract(SOUND))
    raises(lu.ArgumentError, "reads sound", lambda: sounds.extract("a"))
    raises(lu.ShapeError, "out has the shape", lambda: sounds.extract(SOUND, np.empty((1, 96, 64), np.float32)))
    sounds.close()
    raises(lu.StateError, "the extractor is closed", lambda: sounds.extract(SOUND))


def test_reading_is_watched_and_stopped(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", **narrow_vggish(20_000))           # some MB: the function is called after each
    (tmp_path / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\n" + "".join(f"word{i:06}\n" for i in range(200_000)))
    vggish, bert = lu.Extractor("vggish"), lu.Extractor("bert", heads=2)
    vggish.load_weights(tmp_path / "w.npz").save(tmp_path / "e.npz")
    calls = {"e.npz": lu.Extractor.load, "w.npz": vggish.load_weights, "vocab.txt": bert.load_words}
    for name, call in calls.items():
        told = []
        call(tmp_path / name, progress=lambda *given: told.append(given))
        assert told and {what for what, _, _ in told} == {"bytes"}, name
        before = vggish.fingerprint, bert.fingerprint
        raises(lu.CancelledError, "", lambda: call(tmp_path / name, progress=lambda *_: True))
        raises(KeyError, "mine", lambda: call(io.BytesIO((tmp_path / name).read_bytes()), progress=lambda *_: {}["mine"]))
        assert (vggish.fingerprint, bert.fingerprint) == before
