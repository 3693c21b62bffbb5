"""Outputs of unic-encode as columns: against the arrays in them, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Tuple

import numpy as np
import pytest
from helpers import D, L, N, T, Fixture, raises, run

import libunicode as lu
from libunicode import columns

Outputs = Tuple[Path, list]


@pytest.fixture(scope="module")
def outputs(f: Fixture) -> Outputs:
    """Two shards of clips of all lengths, with labels, encoded with their vectors."""
    folder = f.folder / "columns"
    (folder / "shards/deep").mkdir(parents=True)
    rng = np.random.default_rng(1)
    for name in ("a", "deep/b"):
        lengths = rng.integers(0, T + 1, N)
        np.savez(folder / f"shards/{name}.npz", **f.x, **{"speech.lengths": lengths}, label=rng.integers(0, 3, N).astype("i4"))
    run("unic-encode", "--model", f.path, "--modality", "speech", "--vectors", "--out-dir", folder / "codes", folder / "shards")
    paths = [folder / "codes/a.npz", folder / "codes/deep/b.npz"]
    assert columns.files(folder / "codes") == paths
    return folder / "codes", [dict(np.load(path)) for path in paths]


def test_steps(outputs: Outputs) -> None:
    folder, files = outputs
    got = columns.steps(folder)
    rows = [(number, clip, step, file["codes"][clip, step], file["label"][clip]) for number, file in enumerate(files)
            for clip in range(N) for step in range(file["lengths"][clip])]
    assert list(got) == ["file", "clip", "step", "code", "label"]
    assert [column.dtype.name for column in got.values()] == ["int32", "int64", "int32", "int32", "int32"]
    assert [tuple(row) for row in zip(*(column.tolist() for column in got.values()))] == rows
    assert all(column.flags.c_contiguous and column.ndim == 1 for column in got.values())
    assert 0 <= got["code"].min() and got["code"].max() < L


def test_clips(outputs: Outputs) -> None:
    folder, files = outputs
    got = columns.clips([folder / "a.npz", str(folder / "deep/b.npz")])
    assert (got["offsets"].dtype, got["codes"].dtype, len(got["offsets"])) == (np.int64, np.int32, 2 * N + 1)
    assert got["file"].tolist() == [0] * N + [1] * N and got["clip"].tolist() == [*range(N)] * 2
    assert got["label"].tolist() == np.concatenate([file["label"] for file in files]).tolist()
    for i in range(2 * N):
        file = files[i // N]
        assert got["codes"][got["offsets"][i]:got["offsets"][i + 1]].tolist() == (
            file["codes"][i % N, :file["lengths"][i % N]].tolist())


def test_vectors_are_the_file(outputs: Outputs) -> None:
    folder, files = outputs
    for name in ("semantic", "quantized"):
        got = columns.vectors(folder / "a.npz", name)
        assert isinstance(got, np.memmap) and got.shape == (N, T, D) and got.dtype == np.float32
        assert got.flags.c_contiguous and not got.flags.writeable and got.ctypes.data % 64 == 0
        np.testing.assert_array_equal(got, files[0][name])
        rows = got.reshape(-1, D)
        assert np.shares_memory(rows, got)


def test_faiss_takes_them(outputs: Outputs) -> None:
    faiss = pytest.importorskip("faiss")
    folder, files = outputs
    rows = columns.vectors(folder / "a.npz").reshape(-1, D)
    assert np.ascontiguousarray(rows, "f4") is rows or np.shares_memory(np.ascontiguousarray(rows, "f4"), rows)
    index = faiss.IndexFlatL2(D)
    index.add(rows)
    valid = np.flatnonzero(files[0]["codes"].ravel() >= 0)
    distances, found = index.search(np.asarray(rows[valid]), 1)
    np.testing.assert_allclose(distances, 0, atol=1e-4)
    np.testing.assert_array_equal(rows[found[:, 0]], rows[valid])


def test_several_classes_and_no_labels(outputs: Outputs, tmp_path: Path) -> None:
    _, files = outputs
    several = np.arange(3 * N, dtype="i4").reshape(N, 3)
    np.savez(tmp_path / "a.npz", **{**files[0], "label": several})
    got = columns.steps(tmp_path)
    np.testing.assert_array_equal(got["label"], several[got["clip"]])
    bare = {name: array for name, array in files[0].items() if name != "label"}
    np.savez(tmp_path / "b.npz", **bare)
    assert "label" not in columns.steps(tmp_path / "b.npz") and "label" not in columns.clips(tmp_path / "b.npz")
    raises(lu.MismatchError, "b.npz: has labels of None a clip", lambda: columns.steps(tmp_path))


def named(*names: str) -> np.ndarray:
    return np.frombuffer(b"".join(name.encode() + b"\0" for name in names), np.uint8)


def test_names_decide(outputs: Outputs, tmp_path: Path) -> None:
    """Tables number their classes each for itself: labels of several outputs mean what their names say."""
    _, files = outputs
    (tmp_path / "a").mkdir()
    for table, names in (("a.csv", "eel,cat,dog"), ("b.csv", "dog,ant,bee")):
        kinds = names.split(",")
        rows = [f"c{i},{kinds[i % 3]}" for i in range(9)]
        (tmp_path / table).write_text("video_id,category\n" + "\n".join(rows) + "\n")
    (tmp_path / "speech").mkdir()
    model = outputs[0].parent.parent / "model.npz"
    for i in range(9):
        np.save(tmp_path / f"speech/c{i}.npy", np.ones((T, 12), np.float32) * i)
    run("unic-encode", "--model", model, "--modality", "speech", "--out-dir", tmp_path / "codes", tmp_path / "a.csv",
        tmp_path / "b.csv")
    every = columns.classes(tmp_path / "codes")
    assert every == ["ant", "bee", "cat", "dog", "eel"]
    got = columns.clips(tmp_path / "codes")
    assert [every[c] for c in got["label"]] == ["eel", "cat", "dog"] * 3 + ["dog", "ant", "bee"] * 3
    assert columns.classes(sorted((tmp_path / "codes").glob("a*"))) == ["cat", "dog", "eel"]
    assert columns.classes(outputs[0]) == []
    # both tables in one output, and outputs as data: the library numbers them so too
    run("unic-encode", "--model", model, "--modality", "speech", "--vectors", "--out", tmp_path / "both.npz",
        tmp_path / "a.csv", tmp_path / "b.csv")
    both = dict(np.load(tmp_path / "both.npz"))
    assert both["label"].tolist() == got["label"].tolist() and both["label.names"].tolist() == named(*every).tolist()
    data = lu.Dataset(tmp_path / "both.npz", modalities=["semantic"])
    assert data.classes() == tuple(every) and data.labels().tolist() == got["label"].tolist()
    # so do folders, of arrays and of clips
    for folder, put in (("arrays", "speech.npy"), ("loose", "speech/c0.npy")):
        (tmp_path / folder / put).parent.mkdir(parents=True)
        np.save(tmp_path / folder / put, np.ones((1, T, 12) if put == "speech.npy" else (T, 12), "f4"))
        np.save(tmp_path / folder / "label.npy", np.array([1], "i4"))
        np.save(tmp_path / folder / "label.names.npy", named("fox", "eel"))
        data = lu.Dataset(tmp_path / folder, modalities=["speech"])
        assert data.classes() == ("eel", "fox") and data.labels().tolist() == [0]
        data = lu.Dataset([tmp_path / folder, tmp_path / "a.csv"], modalities=["speech"])
        assert data.classes() == ("cat", "dog", "eel", "fox") and data.labels().tolist() == [2] + [2, 0, 1] * 3
        # texts are none, which is told; what cannot be read is no reason to go by numbers
        np.save(tmp_path / folder / "label.names.npy", np.array(["fox", "eel"]))
        told = []
        lu.set_log(lambda level, line, told=told: told.append(line))
        data = lu.Dataset(tmp_path / folder, modalities=["speech"])
        lu.set_log(None)
        assert "label.names is not read: bytes [n] of uint8 expected" in told[-1]
        assert data.classes() == () and data.labels().tolist() == [1]
        (tmp_path / folder / "label.names.npy").write_bytes(b"\x93NUMPY\1\0")
        raises(lu.FormatError, "label.names.npy", lambda place=tmp_path / folder: lu.Dataset(place, modalities=["speech"]))
    # names of events are numbered for themselves
    (tmp_path / "events.csv").write_text("video_id,event_labels\nc0,dog\nc1,cat\n")
    np.savez(tmp_path / "rows.npz", speech=np.ones((2, T, 12), "f4"), label=np.eye(2, dtype="i4"),
             **{"label.names": named("eel", "cat")})
    data = lu.Dataset([tmp_path / "events.csv", tmp_path / "rows.npz"], modalities=["speech"])
    raises(lu.MismatchError, '"label" has the names of categories in', data.labels)
    np.savez(tmp_path / "rows.npz", speech=np.ones((2, T, 12), "f4"), label=np.zeros(2, "i4"),
             **{"label.names": np.zeros(0, np.uint8)})
    raises(lu.FormatError, "label.names has 0 bytes", lambda: lu.Dataset(tmp_path / "rows.npz", modalities=["speech"]))


def test_names_of_several_classes_and_wrong_ones(outputs: Outputs, tmp_path: Path) -> None:
    _, files = outputs
    several = np.random.default_rng(2).integers(0, 2, (N, 2)).astype("i4")
    for name, classes, label in (("a", ("10", "9"), several), ("b", ("9", "0"), several), ("c", ("9",), several[:, :1])):
        np.savez(tmp_path / f"{name}.npz", **{**files[0], "label": label, "label.names": named(*classes)})
    got, zeros = columns.clips(tmp_path)["label"], np.zeros(N, int)
    assert columns.classes(tmp_path) == ["0", "9", "10"]
    assert got[:N].T.tolist() == [zeros.tolist(), several[:, 1].tolist(), several[:, 0].tolist()]
    assert got[N:2 * N].T.tolist() == [several[:, 1].tolist(), several[:, 0].tolist(), zeros.tolist()]
    assert got[2 * N:, 1].tolist() == several[:, 0].tolist() and got.shape == (3 * N, 3)

    def refused(words: str, error: type = lu.FormatError, **change: np.ndarray) -> None:
        np.savez(tmp_path / "c.npz", **{**files[0], **change})
        for call in (columns.steps, columns.clips, columns.classes):
            raises(error, words, lambda call=call: call([tmp_path / "c.npz"]))          # type: ignore[misc]

    names = "label.names"
    refused('"label" has a 2, but "label.names" are 2', **{"label": np.full(N, 2), names: named("a", "b")})
    refused('"label" is of 2 classes, but "label.names" are 3', **{"label": several, names: named("a", "b", "c")})
    for wrong in (named("a", "a"), named("a")[:-1], np.array(["a"]), named("a").astype("i4"), named("a", "b")[None],
                  np.zeros(0, np.uint8)):
        refused('"label.names" are no different names', **{"label": zeros, names: wrong})
    np.savez(tmp_path / "b.npz", **{**files[0], "label": zeros})
    np.savez(tmp_path / "c.npz", **{**files[0], "label": zeros, names: named("a")})
    for order, words in (("bc", "c.npz: classes have names, but numbers alone in"), ("cb", "b.npz: classes have numbers alone, but")):
        raises(lu.MismatchError, words, lambda: columns.steps([tmp_path / f"{name}.npz" for name in order]))


def test_refused(outputs: Outputs, tmp_path: Path) -> None:
    folder, files = outputs
    np.savez(tmp_path / "z.npz", **{**files[0], "fingerprint": np.uint64(7)})
    raises(lu.MismatchError, "z.npz: codes of the codebook 0000000000000007, those of",
           lambda: columns.steps([folder / "a.npz", tmp_path / "z.npz"]))
    np.savez(tmp_path / "none.npz", x=np.zeros(3))
    for call in (columns.steps, columns.clips):
        raises(lu.FormatError, "none.npz: has no codes", lambda: call(tmp_path / "none.npz"))
        raises(lu.NotFoundError, "nowhere.npz: there is no such file", lambda: call(tmp_path / "nowhere.npz"))
    raises(lu.NotFoundError, 'there is no "semantic" in it', lambda: columns.vectors(tmp_path / "none.npz"))
    raises(lu.NotFoundError, "nowhere.npz", lambda: columns.vectors(tmp_path / "nowhere.npz"))
    (tmp_path / "empty").mkdir()
    raises(lu.NotFoundError, "there are no outputs", lambda: columns.steps(tmp_path / "empty"))
    (tmp_path / "text.npz").write_text("no zip")
    raises(lu.FormatError, "text.npz", lambda: columns.steps(tmp_path / "text.npz"))
    raises(lu.FormatError, "text.npz", lambda: columns.vectors(tmp_path / "text.npz"))
    np.savez_compressed(tmp_path / "packed.npz", semantic=np.zeros((2, 3, 4), "f4"))
    raises(lu.FormatError, 'packed.npz: "semantic" is compressed', lambda: columns.vectors(tmp_path / "packed.npz"))
    np.savez(tmp_path / "wide.npz", semantic=np.zeros((2, 3, 4)))
    raises(lu.FormatError, "wide.npz: \"semantic\" is float64; <f4", lambda: columns.vectors(tmp_path / "wide.npz"))


def test_outputs_that_are_none(tmp_path: Path) -> None:
    """Whatever is in a file, it is a FormatError that names it."""
    path, codes = tmp_path / "x.npz", np.array([[1, 2], [0, -1]], np.int32)

    def refused(text: str, call: object = columns.steps, **arrays: object) -> None:
        np.savez(path, **{"codes": codes, "fingerprint": np.uint64(5), **arrays})        # type: ignore[arg-type]
        raises(lu.FormatError, text, lambda: call(path))                                 # type: ignore[operator]

    for call in (columns.steps, columns.clips):
        refused('"codes" is float64 of 2 dims', call, codes=codes * 0.5)
        refused('"codes" is int32 of 1 dims', call, codes=codes[0])
        refused('"codes" is <U1', call, codes=[["a"]])
        refused('"label" is of 1 clips, "codes" of 2', call, label=[3])
        refused('"label" is of 3 clips', call, label=[3, 4, 5])
        refused('"label" is float64', call, label=[3.0, 4.0])
        refused("codes hold 9999999999", call, codes=[[9999999999]])
        refused('"fingerprint" is no number', call, fingerprint=np.array([5, 6], np.uint64))
        refused('"fingerprint" is no number', call, fingerprint=np.float64(5.7))
        refused("x.npz", call, codes=np.array([[None]]))
    np.savez(path, semantic=np.ones((1, 3, 2), "f4"), codes=codes)
    data = path.read_bytes()
    for shape in (b"(1, 3, 9)", b"(1, 1, 2)", b"(1, 0, 2)", b"(1, 3,-2)"):
        path.write_bytes(data.replace(b"(1, 3, 2)", shape))
        raises(lu.FormatError, '"semantic" has 152 bytes, but its header says', lambda: columns.vectors(path))
    for cut in (10, 40, len(data) // 2, len(data) - 30):
        path.write_bytes(data[:cut])
        raises(lu.FormatError, "x.npz", lambda: columns.vectors(path))
        raises(lu.FormatError, "x.npz", lambda: columns.steps(path))
    path.write_bytes(data.replace(b"'descr'", b"'desrc'"))
    raises(lu.FormatError, "x.npz", lambda: columns.vectors(path))
    np.save(tmp_path / "y.npy", codes)
    raises(lu.FormatError, "y.npy", lambda: columns.steps(tmp_path / "y.npy"))
