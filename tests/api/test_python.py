#!/usr/bin/env python3
"""The Python binding: against unic-encode, with wrong input, in every order of freeing, in threads.

Trains a tiny model with unic-train; BUILD names the build tree (build).
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Callable, Type

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", "build")).resolve()
PACKAGE = ROOT / "bindings/python/libunicode"
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path.insert(0, str(PACKAGE.parent))

import libunicode  # noqa: E402 (the two lines above say which)
from libunicode import _lib  # noqa: E402

N, T, D, L = 20, 6, 16, 24
DIMS = {"image": (5, 5, 8), "speech": (12,)}
CONFIG = f"""
code.dim = {D}
code.count = {L}
encoder.ff = 32
club.width = 16
train.batch = 10
train.length = {T}
train.epochs = 2
"""


def run(program: str, *arguments: Any) -> None:
    """Run one of the programs; its output is shown if it fails."""
    command = [str(BUILD / "bin" / program), *map(str, arguments), "--threads", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command} exits {done.returncode}: {done.stderr}"


def raises(error: Type[BaseException], text: str, call: Callable[[], Any]) -> None:
    """`call` raises exactly `error`, with `text` in its message."""
    try:
        got = call()
    except BaseException as caught:  # noqa: B902 (a wrong class is reported, too)
        assert type(caught) is error, f"{caught!r}, expected {error.__name__}"
        assert text in str(caught), f"\"{caught}\" does not say \"{text}\""
    else:
        raise AssertionError(f"{got!r}, expected {error.__name__} with \"{text}\"")


class Fixture:
    """A trained model and the data it was trained on."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(7)
        self.folder, self.path = folder, folder / "model.npz"
        self.x = {name: rng.standard_normal((N, T, *dims)).astype(np.float32)
                  for name, dims in DIMS.items()}
        self.lengths = {name: rng.integers(0, T + 1, N).astype(np.int32) for name in DIMS}
        self.lengths["image"][:2] = 0, T
        self.data = folder / "data.npz"
        np.savez(self.data, **self.x, **{f"{k}.lengths": v for k, v in self.lengths.items()})
        config = folder / "config.ini"
        config.write_text(CONFIG)
        run("unic-train", "--config", config, "--data", self.data, "--out", self.path)

    def model(self) -> libunicode.Model:
        return libunicode.Model(self.path)


def same(a: Any, b: Any) -> bool:
    """Two results of encode(), bit by bit."""
    return all(np.array_equal(p, q) for p, q in zip(a, b)) and len(a) == len(b)


# ---------------------------------------------------------------------------------------------

def test_model(f: Fixture) -> None:
    with f.model() as model:
        assert model.modalities == tuple(DIMS), model.modalities
        assert all(model.feature_dims(name) == dims for name, dims in DIMS.items())
        assert (model.code_count, model.code_dim) == (L, D)
        assert f"code.count = {L}\n" in model.config, model.config
        embedding = model.embedding()
        assert embedding.shape == (L, D) and embedding.dtype == np.float32
        embedding[:] = 0                                      # a copy: the model keeps its own
        assert model.embedding().any()
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
    raises(u.ShapeError, "[1..20,1..6,..]", lambda: encoder.encode(np.zeros((N + 1, T, 5, 5, 8))))
    raises(u.ShapeError, "[1..20,1..6,..]", lambda: encoder.encode(np.zeros((N, T + 1, 5, 5, 8))))
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
    raises(u.DataError, "32 bits", lambda: encoder.encode(x[:2], [2**32 + 1, 1]))
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


def test_every_status() -> None:
    """Each status of the header has a class of its own; an unknown one is a plain Error."""
    header = (ROOT / "include/unicode/unic_status.h").read_text()
    names = dict(line.split(",")[0].replace(" ", "").split("=")
                 for line in header.replace("/**", ",").splitlines() if " UNIC_E_" in line[:12])
    classes = {str(c.status): c for c in libunicode.Error.__subclasses__()}
    assert len(names) >= 13 and set(names.values()) == set(classes), (names, classes)
    for name, value in names.items():
        assert classes[value].__doc__.startswith(name + ":"), name
        assert classes[value].__name__ in libunicode.__all__
    unknown = _lib.error_of(99, "new")
    assert type(unknown) is libunicode.Error and unknown.status == 99


def test_abi() -> None:
    array = _lib.Array()
    _lib.lib.unic_array_init(_lib.ctypes.byref(array), None, 2, 3, (_lib.c_int64 * 6)(4, 5, 6))
    assert array.struct_size == _lib.ctypes.sizeof(array), array.struct_size
    assert (array.dtype, array.rank, list(array.dims)) == (2, 3, [4, 5, 6, 0, 0, 0])
    assert not any(array.reserved) and not array.data


def test_lifetimes(f: Fixture) -> None:
    """Model and encoders go in every order, closed or forgotten; what is left works."""
    wanted = {name: f.model().encoder(name, N, T).encode(f.x[name]) for name in DIMS}
    for order in itertools.permutations(("model", *DIMS)):
        for close in (True, False):
            handles: dict[str, Any] = {"model": f.model()}
            handles.update((name, handles["model"].encoder(name, N, T)) for name in DIMS)
            for victim in order:
                finalizer = handles[victim]._finalizer
                if close:
                    handles[victim].close()
                    handles[victim].close()
                del handles[victim]
                gc.collect()
                assert not finalizer.alive, victim
                for name in DIMS:
                    if name in handles:
                        codes = handles[name].encode(f.x[name])
                        assert np.array_equal(codes, wanted[name]), (order, close, name)


def test_closed(f: Fixture) -> None:
    u = libunicode
    with f.model() as model, model.encoder("image", N, T) as encoder:
        assert not model.closed and not encoder.closed
    assert model.closed and encoder.closed and "closed" in repr(model) and "closed" in repr(encoder)
    raises(u.StateError, "the encoder is closed", lambda: encoder.encode(f.x["image"]))
    raises(u.StateError, "the encoder is closed", encoder.__enter__)
    for use in (lambda: model.modalities, lambda: model.code_count, lambda: model.code_dim,
                lambda: model.config, model.embedding, lambda: model.feature_dims("image"),
                lambda: model.encoder("image", 1, 1), model.__enter__):
        raises(u.StateError, "the model is closed", use)


def test_memory(f: Fixture) -> None:
    """What is forgotten is freed: the process does not grow."""
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def many(times: int) -> None:
        for _ in range(times):
            model = f.model()
            model.encoder("image", N, T).encode(f.x["image"], vectors=True)
            for _ in range(10):
                model.embedding()

    if not Path("/proc/self/statm").exists():
        return
    many(50)
    before = resident()
    many(200)            # a lost model, encoder or ten codebooks are 40 kB at the very least
    assert resident() - before < 4e6, f"grew by {(resident() - before) / 1e6:.1f} MB"


def in_threads(work: Callable[[int], None], count: int = 4) -> None:
    """Run work(0) ... work(count - 1) side by side; the first failure is raised."""
    failures: list[BaseException] = []

    def guarded(i: int) -> None:
        try:
            work(i)
        except BaseException as error:  # noqa: B902 (raised below)
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


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
        try:
            for turn in range(200):
                if i == 0 and turn == 20:
                    shared["image"].close()
                assert np.array_equal(shared["image"].encode(f.x["image"]), wanted["image"])
            raise AssertionError("encoding goes on after close()")
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


def test_finding(f: Fixture) -> None:
    """LIBUNICODE, then the package's directory, then the build tree, then the loader's places."""
    tree, library = f.folder / "tree", BUILD / "libunicode.so"
    package = tree / "bindings/python/libunicode"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    show = "from libunicode import _lib; print(_lib.lib._name)"

    def found(**variables: str) -> subprocess.CompletedProcess[str]:
        kept = {k: v for k, v in os.environ.items() if k not in ("LIBUNICODE", "LD_LIBRARY_PATH")}
        return subprocess.run([sys.executable, "-c", show], capture_output=True, text=True,
                              env={**kept, "PYTHONPATH": str(package.parent), **variables})

    def place(path: Path) -> str:
        path.parent.mkdir(exist_ok=True)
        shutil.copy(library, path)
        return str(path)

    assert found(LD_LIBRARY_PATH=str(BUILD)).stdout == "libunicode.so.0\n"
    built = place(tree / "build/libunicode.so")
    assert found(LD_LIBRARY_PATH=str(BUILD)).stdout == built + "\n"
    own = place(package / "libunicode.so.0")
    assert found().stdout == own + "\n"
    assert found(LIBUNICODE=built).stdout == built + "\n"

    for wrong, text in (("/nowhere.so", "/nowhere.so"), ("libm.so.6", "is no libunicode")):
        failed = found(LIBUNICODE=wrong)
        assert failed.returncode == 1 and "ImportError: " in failed.stderr, failed.stderr
        assert text in failed.stderr, failed.stderr


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        fixture = Fixture(Path(folder))
        tests = {name: test for name, test in globals().items() if name.startswith("test_")}
        for name, test in tests.items():
            print(name, flush=True)
            test(fixture) if test.__code__.co_argcount else test()
    print(f"{len(tests)} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
