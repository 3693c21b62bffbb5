#!/usr/bin/env python3
"""Makes tests/array/fixtures again: files as numpy and Python's zipfile write them. Needs numpy.

Element i of an array, in row-major order, is (i % 17 - 8) / 4 for floats, i % 17 - 8 for signed
integers, i % 17 for unsigned ones and i % 2 for bool: the C tests know that.
"""
import io
import pathlib
import zipfile

import numpy as np

OUT = pathlib.Path(__file__).parent / "fixtures"
TEXT = b"a text of forty-four bytes, of forty-four.\r\n"


def fill(dtype, *shape):
    dtype = np.dtype(dtype)
    i = np.arange(int(np.prod(shape)))
    values = {"f": (i % 17 - 8) / 4, "i": i % 17 - 8, "u": i % 17, "b": i % 2}[dtype.kind]
    return values.astype(dtype).reshape(shape)


def arrays():
    types = "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 ?".split()
    out = {np.dtype(t).name: fill(t, 3, 7) for t in types}
    out |= {f"big/{np.dtype(t).name}": fill(">" + t, 4, 5) for t in types if np.dtype(t).itemsize > 1}
    out |= {f"fortran{len(s)}": np.asfortranarray(fill("f4", *s)) for s in [(19,), (5, 3), (2, 3, 4, 5)]}
    out |= {"fortran_half": np.asfortranarray(fill("f2", 4, 6)), "fortran_big": np.asfortranarray(fill(">i8", 3, 4))}
    out |= {"rank0": fill("f4"), "rank6": fill("f4", 1, 2, 1, 3, 2, 1), "empty": fill("f4", 0, 3), "empty_half": fill("f2", 2, 0)}
    return out


def npy(array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    return file.getvalue()


class Pipe(io.BytesIO):
    """A file that cannot seek: zipfile then puts sizes behind the data."""

    def seekable(self):
        return False

    def tell(self):
        raise io.UnsupportedOperation

    def seek(self, *args):
        raise io.UnsupportedOperation


def write_zip(file, members, method=zipfile.ZIP_STORED, **options):
    with zipfile.ZipFile(file, "w", method) as z:
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with z.open(info, "w", **options) as out:
                out.write(data)


def main():
    OUT.mkdir(exist_ok=True)
    np.savez(OUT / "stored.npz", **arrays())
    np.savez_compressed(OUT / "deflated.npz", **arrays())
    few = {"x.npy": npy(fill("f4", 6, 5)), "notes.txt": TEXT, "y.npy": npy(fill("i4", 9))}
    for method, name in [(zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")]:
        pipe = Pipe()
        write_zip(pipe, few, method)
        (OUT / f"piped_{name}.npz").write_bytes(pipe.getvalue())
        write_zip(OUT / f"few_{name}.npz", few, method)
    write_zip(OUT / "zip64_local.npz", few, force_zip64=True)
    limits = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = 16, 1
    write_zip(OUT / "zip64_all.npz", few, zipfile.ZIP_DEFLATED, force_zip64=True)
    zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limits
    versions = {f"v{v}.npy": npy(fill("f4", 2, 3), (v, 0)) for v in (1, 2, 3)}
    write_zip(OUT / "versions.npz", versions)
    refused = {
        "object": np.array([{}, None]), "structured": np.zeros(2, "f4,i4"), "date": np.zeros(2, "M8[s]"),
        "span": np.zeros(2, "m8[s]"), "complex": np.zeros(2, "c8"), "text": np.array(["a", "bc"]),
        "bytes": np.array([b"a"]), "rank7": np.zeros((1,) * 7), "long": np.zeros(1, "g"),
    }
    np.savez(OUT / "refused.npz", **refused)
    total = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total} bytes")


if __name__ == "__main__":
    main()
