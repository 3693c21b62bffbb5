"""Models and encoders: against unic-encode, with every input, in place, in threads."""

from __future__ import annotations

import itertools
import os
import time

import libunicode
import numpy as np
import pytest
from helpers import D, DIMS, L, N, ROOT, T, Fixture, in_threads, raises, run, same


def test_model(f: Fixture) -> None:
    with f.model() as model:
        assert model.modalities == tuple(DIMS), model.modalities
        assert all(model.feature_dims(name) == dims for name, dims in DIMS.items())
        assert (model.code_count, model.code_dim) == (L, D)
        assert model.config["code.count"] == L and f"code.count = {L}\n" in str(model.config)
        embedding = model.embedding()
        assert embedding.shape == (L, D) and embedding.dtype == np.float32
        with pytest.raises(ValueError, match="read-only"):
            embedding[:] = 0
        assert repr(model).endswith(f"model.npz': image, speech; {L} codes of {D} dims>"), model
        assert libunicode.Model(os.fsencode(f.path)).modalities == model.modalities
    assert libunicode.version() == libunicode.__version__


def test_against_unic_encode(f: Fixture) -> None:
    model = f.model()
    for name in DIMS:
        out = f.folder / f"{name}.codes.npz"
        run("unic-encode", "--model", f.path, "--modality", name, "--vectors", "--out", out,
            f.data)
        encoder = model.encoder(name, max_batch=N, max_length=T)
        got = encoder.encode(f.x[name], f.lengths[name], vectors=True)
        with np.load(out) as wanted:
            for array, key in zip(got, ("codes", "quantized", "semantic")):
                assert array.dtype == wanted[key].dtype, (key, array.dtype)
                assert np.array_equal(array, wanted[key]), f"{name}: {key} differ"
        codes, quantized, semantic = got
        padding = np.arange(T) >= f.lengths[name][:, None]
        assert (codes[padding] == -1).all() and (codes[~padding] >= 0).all()
        assert not quantized[padding].any() and not semantic[padding].any()
        assert np.array_equal(quantized[~padding], model.embedding()[codes[~padding]])
        assert np.array_equal(codes, encoder.encode(f.x[name], f.lengths[name]))


def test_inputs(f: Fixture) -> None:
    """Every layout and type of the same numbers gives the same; the array is left alone."""
    encoder, x = f.model().encoder("image", N, T), np.round(f.x["image"] * 8) / 8
    lengths = f.lengths["image"]
    wanted = encoder.encode(x, lengths, vectors=True)
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    unaligned = np.frombuffer(b"." + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    assert not unaligned.flags.aligned and not backwards.flags.c_contiguous
    for same_x in (x.astype(np.float64), x.astype(np.float16), x.astype(">f4"), x.astype(">f8"),
                   np.asfortranarray(x), backwards, unaligned, x.tolist()):
        assert same(encoder.encode(same_x, lengths, vectors=True), wanted)
    for same_lengths in (lengths.astype(np.int64), lengths.astype(np.uint8), lengths.tolist(),
                         np.repeat(lengths, 2)[::2]):
        assert same(encoder.encode(x, same_lengths, vectors=True), wanted)
    assert encoder.encode((x * 8).astype(np.int32)).shape == (N, T)

    kept = x.copy()
    kept.flags.writeable = False
    encoder.encode(kept, lengths)
    kept = x.copy()
    kept[np.arange(T) >= lengths[:, None]] = np.nan              # padding is not looked at
    assert same(encoder.encode(kept, lengths, vectors=True), wanted)
    whole = encoder.encode(x)
    assert (whole >= 0).all() and np.array_equal(whole, encoder.encode(x, np.full(N, T)))


def test_shapes(f: Fixture) -> None:
    """Fewer clips and shorter ones, T = 1 too; results do not depend on what else is there."""
    encoder, x = f.model().encoder("speech", N, T), f.x["speech"]
    whole = encoder.encode(x, vectors=True)
    for clips, steps in ((1, 1), (3, 1), (1, T), (N, 2), (2, 3), (N, T)):
        codes, quantized, semantic = encoder.encode(x[:clips, :steps], vectors=True)
        assert codes.shape == (clips, steps) and semantic.shape == quantized.shape
        assert semantic.shape == (clips, steps, D)
        if steps == T:
            assert np.abs(semantic - whole[2][:clips]).max() <= 1e-5 * np.abs(whole[2]).max()


def test_errors(f: Fixture) -> None:
    u, model, x = libunicode, f.model(), f.x["image"]
    encoder = model.encoder("image", N, T)
    raises(u.ShapeError, "image", lambda: encoder.encode(x[:, :, :3]))
    raises(u.ArgumentError, r"the setting 'a': '1\nb' is not one line of `key = value`",
           lambda: u.Model(f.path, {"a": "1\nb"}))
    raises(u.ShapeError, "dim 0, the number of clips, is 21, but max_batch = 20 allows 1..20",
           lambda: encoder.encode(np.zeros((N + 1, T, 5, 5, 8))))
    raises(u.ShapeError, "max_length = 6 allows 1..6", lambda: encoder.encode(np.zeros((N, T + 1, 5, 5, 8))))
    raises(u.ShapeError, "[0,6,5,5,8]", lambda: encoder.encode(x[:0]))
    raises(u.ShapeError, "[20,0,5,5,8]", lambda: encoder.encode(x[:, :0]))
    raises(u.ShapeError, "[8]", lambda: encoder.encode(x[0, 0, 0, 0]))
    raises(u.ShapeError, "features", lambda: encoder.encode(1.0))
    raises(u.ShapeError, "rank 7", lambda: encoder.encode(np.zeros((1,) * 7)))
    raises(u.DataError, "clip 2 holds NaN", lambda: encoder.encode(with_value(x, 2, np.nan)))
    raises(u.DataError, "clip 0 holds NaN", lambda: encoder.encode(with_value(x, 0, -np.inf)))
    raises(u.DataError, "NaN or Inf", lambda: encoder.encode(with_value(x.astype("f8"), 0, 1e300)))
    raises(u.DataError, "complex64", lambda: encoder.encode(x + np.complex64(1j)))
    raises(u.DataError, "<U3", lambda: encoder.encode(np.full(x.shape, "one")))
    raises(u.DataError, "length 7 of clip 1", lambda: encoder.encode(x[:2], [0, T + 1]))
    raises(u.DataError, "length -1 of clip 0", lambda: encoder.encode(x[:2], [-1, 0]))
    raises(u.DataError, "int32 cannot hold", lambda: encoder.encode(x[:2], [2**32 + 1, 1]))
    raises(u.DataError, "float64", lambda: encoder.encode(x[:2], [1.0, 1.0]))
    raises(u.ShapeError, "(3,)", lambda: encoder.encode(x[:2], [1, 1, 1]))
    raises(u.ShapeError, "()", lambda: encoder.encode(x[:2], 3))
    raises(u.NumericError, "too large",
           lambda: model.encoder("speech", 1, T).encode(np.full((1, T, 12), 3e38)))
    assert (encoder.encode(x) >= 0).all()                          # refusing left it usable

    raises(u.NotFoundError, "\"smell\", it has image, speech", lambda: model.encoder("smell", 1, 1))
    raises(u.NotFoundError, "smell", lambda: model.feature_dims("smell"))
    raises(u.ArgumentError, "max_batch = 0", lambda: model.encoder("image", 0, 1))
    raises(u.ArgumentError, "max_length = 0", lambda: model.encoder("image", 1, 0))
    raises(u.ArgumentError, "max_batch is -1", lambda: model.encoder("image", -1, 1))
    raises(u.ArgumentError, "max_batch is", lambda: model.encoder("image", 2**64 + 1, 1))
    raises(u.OutOfMemoryError, "memory", lambda: model.encoder("image", 2**60, 2**10))
    raises(u.ArgumentError, "zero byte", lambda: model.encoder("image\0", 1, 1))
    raises(TypeError, "float", lambda: model.encoder("image", 1.0, 1))
    raises(u.ArgumentError, "n = 0", lambda: u.set_threads(0))
    raises(u.ArgumentError, "n is", lambda: u.set_threads(2**32 + 1))
    assert issubclass(u.ShapeError, ValueError) and issubclass(u.Error, Exception)
    assert u.ShapeError.status == 2


def with_value(x: np.ndarray, clip: int, value: float) -> np.ndarray:
    """A copy of `x` that holds `value` once, in `clip`."""
    copy = x.copy()
    copy[clip].flat[5] = value
    return copy


def test_files(f: Fixture) -> None:
    u, bad = libunicode, f.folder / "bad.npz"
    raises(u.NotFoundError, "nowhere.npz", lambda: u.Model(f.folder / "nowhere.npz"))
    raises(u.ArgumentError, "zero byte", lambda: u.Model("a\0b"))
    raises(TypeError, "os.PathLike", lambda: u.Model(3))
    bad.write_bytes(b"")
    raises(u.FormatError, "bad.npz", lambda: u.Model(bad))
    whole = f.path.read_bytes()
    bad.write_bytes(whole[:len(whole) // 2])
    raises(u.FormatError, "bad.npz", lambda: u.Model(bad))
    raises(u.FormatError, "data.npz", lambda: u.Model(f.data))              # an npz, but no model


def test_threads(f: Fixture) -> None:
    model, names = f.model(), list(DIMS)
    wanted = {name: model.encoder(name, N, T).encode(f.x[name]) for name in names}
    fresh = f.model()                       # whose weights the threads load at the same time
    shared = {name: fresh.encoder(name, N, T) for name in names[:1]}

    def own(i: int) -> None:
        name = names[i % 2]
        with fresh.encoder(name, N, T) as encoder:
            for _ in range(25):
                assert np.array_equal(encoder.encode(f.x[name]), wanted[name])

    def in_turns(i: int) -> None:
        for clips in (N, 3 + i) * 12:
            codes = shared["image"].encode(f.x["image"][:clips])
            assert codes.shape == (clips, T) and np.array_equal(codes[:3], wanted["image"][:3])

    def until_closed(i: int) -> None:
        """Thread 0 closes after 20 turns; the others end by that, however seldom it gets its turn."""
        end = time.monotonic() + 60
        try:
            for turn in itertools.count():
                if i == 0 and turn == 20:
                    shared["image"].close()
                assert np.array_equal(shared["image"].encode(f.x["image"]), wanted["image"])
                assert time.monotonic() < end, "encoding goes on after close()"
        except libunicode.StateError:
            pass

    def message(i: int) -> None:
        """Each thread gets the message of its own error."""
        for turn in range(50):
            raises(libunicode.NotFoundError, f"\"m{i}-{turn}\"",
                   lambda: model.feature_dims(f"m{i}-{turn}"))

    for work in (own, in_turns, until_closed, message):
        in_threads(work)


def test_set_threads(f: Fixture) -> None:
    encoder = f.model().encoder("image", N, T)
    assert libunicode.get_threads() == 1
    one = encoder.encode(f.x["image"], vectors=True)[2]
    libunicode.set_threads(2)
    try:
        assert libunicode.get_threads() == 2
        two = encoder.encode(f.x["image"], vectors=True)[2]
    finally:
        libunicode.set_threads(1)
    assert np.abs(one - two).max() <= 1e-5 * np.abs(one).max()


def test_encode_any_number(f: Fixture) -> None:
    """Model.encode() cuts what is too many for an encoder, keeps encoders, and makes larger ones."""
    model = f.model()
    features, lengths = np.tile(f.x["speech"], (8, 1, 1)), np.tile(f.lengths["speech"], 8)
    for vectors in (False, True):
        got = model.encode("speech", features, lengths, vectors=vectors)
        one = model.encoder("speech", 160, T).encode(features, lengths, vectors=vectors)
        codes, wanted = (got[0], one[0]) if vectors else (got, one)
        assert codes.shape == (160, T) and np.array_equal(codes, wanted)
        if vectors:
            assert all(np.abs(p - q).max() <= 1e-5 * np.abs(q).max() for p, q in zip(got[1:], one[1:]))
    kept = model._encoders["speech"][0]
    model.encode("speech", features[:3, :2])
    assert model._encoders["speech"] == [kept]
    fresh = f.model()
    fresh.encode("speech", features[:1, :1])
    assert np.array_equal(fresh.encode("speech", features, lengths), codes)
    assert len(fresh._encoders["speech"]) == 1 and fresh._encoders["speech"][0].max_length == T
    raises(libunicode.ShapeError, "(159,)", lambda: model.encode("speech", features, lengths[1:]))
    raises(libunicode.NotFoundError, "smell", lambda: model.encode("smell", features))

    def at_once(i: int) -> None:
        for _ in range(10):
            assert np.array_equal(model.encode("speech", features, lengths), codes)

    in_threads(at_once)
    model.close()
    raises(libunicode.StateError, "the model is closed", lambda: model.encode("speech", features))


def test_out(f: Fixture) -> None:
    """Results are written into the arrays given, also into parts of larger ones; others are refused."""
    u, encoder, x = libunicode, f.model().encoder("speech", N, T), f.x["speech"]
    codes, quantized, semantic = encoder.encode(x, vectors=True)
    whole = np.full((2 * N, T), 7, np.int32)
    part = whole[N:]
    assert encoder.encode(x, out=part) is part and np.shares_memory(part, whole)
    assert np.array_equal(part, codes) and (whole[:N] == 7).all()
    out = np.empty((N, T), np.int32), np.empty((N, T, D), np.float32), np.empty((N, T, D), np.float32)
    given = encoder.encode(x, vectors=True, out=out)
    assert all(p is q for p, q in zip(given, out)) and same(given, (codes, quantized, semantic))
    assert f.model().encode("speech", x, out=part) is part

    raises(u.ShapeError, "(20, 6) expected", lambda: encoder.encode(x, out=np.empty((N, T + 1), np.int32)))
    raises(u.DataError, "int32 expected", lambda: encoder.encode(x, out=np.empty((N, T), np.int64)))
    raises(u.DataError, "int32 expected", lambda: encoder.encode(x, out=np.empty((N, T), ">i4")))
    raises(u.ArgumentError, "C-ordered", lambda: encoder.encode(x, out=np.empty((T, N), np.int32).T))
    raises(u.ArgumentError, "out has 2 arrays", lambda: encoder.encode(x, vectors=True, out=out[:2]))
    raises(TypeError, "list", lambda: encoder.encode(x, out=[[0]]))
    frozen = np.zeros((N, T), np.int32)
    frozen.flags.writeable = False
    raises(u.ArgumentError, "writeable", lambda: encoder.encode(x, out=frozen))
    assert not frozen.any()


def test_parameters(f: Fixture) -> None:
    """The weights by name, as the file has them; they outlive the model."""
    model = f.model()
    weights = model.parameters()
    with np.load(f.path) as file:
        for name, values in weights.items():
            assert np.array_equal(values, file[name]), f"{name} is not what the file has"
        wanted = file["speech.semantic.affine.weight"]
    del model
    assert np.array_equal(weights["speech.semantic.affine.weight"], wanted)
    assert not weights["speech.semantic.affine.weight"].flags.writeable


def test_save(f: Fixture) -> None:
    f.model().save(f.folder / "again.npz")
    assert (f.folder / "again.npz").read_bytes() == f.path.read_bytes()
    raises(libunicode.NotFoundError, "nowhere", lambda: f.model().save(f.folder / "nowhere/x.npz"))
    raises(libunicode.ArgumentError, "checkpoint", lambda: libunicode.Model(f.path, {"encoder.heads": 8}))


def test_checkpoint(f: Fixture) -> None:
    """A checkpoint of the CMG code, opened as it is; its trace says what the codes are."""
    sample = ROOT.parent / "shared/cmg-sample"
    if not sample.is_dir():
        pytest.skip("../shared/cmg-sample is not there")
    model = libunicode.Model(sample / "DCID-model-0.pt", {"encoder.heads": 4})
    assert set(model.modalities) == {"audio", "video"} and model.config["behaviour"] == "compat"
    with np.load(sample / "trace.npz") as trace:
        for name in model.modalities:
            codes, _, semantic = model.encode(name, trace[f"input/{name}"], vectors=True)
            wanted = trace[f"encode/{name}/semantic"]
            assert np.array_equal(codes, trace[f"encode/{name}/codes"].reshape(codes.shape))
            assert np.abs(semantic - wanted.reshape(semantic.shape)).max() <= 1e-4 * np.abs(wanted).max()
    raises(libunicode.ConfigError, "encoder.haeds",
           lambda: libunicode.Model(sample / "DCID-model-0.pt", {"encoder.haeds": 4}))
    bad = f.folder / "bad.pt"
    bad.write_bytes(b"\x80\x02cos\nsystem\n(S'true'\ntR.")
    raises(libunicode.FormatError, "bad.pt", lambda: libunicode.Model(bad))
