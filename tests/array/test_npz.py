#!/usr/bin/env python3
"""numpy and zipfile open what the C tests wrote (check_npz, check_npz_writer and check_zip run first)."""
import os
import pathlib
import sys
import zipfile

import numpy as np

HERE = pathlib.Path(os.environ.get("BUILD", "build")) / "tests/file"


def check_zip(path, members, zip64=False):
    with zipfile.ZipFile(path) as z, open(path, "rb") as raw:
        assert z.namelist() == list(members), z.namelist()
        assert z.testzip() is None
        for info in z.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0), info
            assert info.compress_type == zipfile.ZIP_STORED and info.external_attr >> 16 == 0o100644, info
            assert info.extract_version == (45 if zip64 else 20), info
            raw.seek(info.header_offset + 26)
            name, extra = np.frombuffer(raw.read(4), "<u2").astype(int)
            assert (info.header_offset + 30 + name + extra) % 64 == 0, info
            if members[info.filename] is not None:
                assert z.read(info) == members[info.filename], info


def check_arrays(path, expected, texts):
    with np.load(path, allow_pickle=False) as z:
        for name, text in texts.items():
            assert z[name].decode() == text
        for name, array in expected.items():
            got = z[name]
            assert got.dtype == array.dtype and got.shape == array.shape, (name, got)
            assert got.tobytes() == array.tobytes(), (name, got)


def check_npz(path):
    tiny = np.finfo(np.float32).smallest_subnormal
    expected = {
        "deep/f32": np.array([[0, -1.5, 2], [3e38, tiny, -0.0]], np.float32),
        "f64": np.array([1e300, 0.1]),
        "i32": np.array([[[-(2**31)], [0], [2**31 - 1]]], np.int32),
        "i64": np.array(-(2**63), np.int64),
        "none": np.zeros((0, 4), np.float32),
    }
    check_arrays(path, expected, {"config": "text \u00e9\n"})
    check_zip(path, {"config": None} | {f"{name}.npy": None for name in expected})


def check_npz_writer(path):
    tiny = np.finfo(np.float32).smallest_subnormal
    floats = np.array([0, -1.5, 2, 3e38, tiny, -0.0, *range(6, 15)], np.float32)
    before = {"grown/floats": floats.reshape(5, 3),
              "numbers": np.array([-(2**31), -1, 0, 1, 2**31 - 1], np.int32),
              "doubles": np.array([[1e300], [0.1]])}
    after = {"large": np.array(-(2**63), np.int64), "fingerprint": np.array(2**64 - 1, np.uint64),
             "none": np.zeros((0, 4), np.float32), "nothing": np.zeros(0, np.int32)}
    check_arrays(path, before | after, {"note": "caf\u00e9\n"})
    check_zip(path, {f"{name}.npy": None for name in before} | {"note": "caf\u00e9\n".encode()}
              | {f"{name}.npy": None for name in after})


def written_by(program, name):
    return HERE / f"{program}.files" / name


def main():
    some = {"one": b"head and the body", "two/with a folder": b"head ", "dr\u00e9i": b"head x", "four.txt": b""}
    check_zip(written_by("check_zip", "written.zip"), some)
    check_zip(written_by("check_zip", "written64.zip"), some, zip64=True)
    check_npz(written_by("check_npz", "written.npz"))
    check_npz_writer(written_by("check_npz_writer", "npz_writer.npz"))
    with zipfile.ZipFile(written_by("check_zip", "many.zip")) as z:
        assert len(z.namelist()) == 66000 and z.read("65999") == b"65999"
    return 0


if __name__ == "__main__":
    sys.exit(main())
