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
