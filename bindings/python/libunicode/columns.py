"""The outputs of unic-encode as columns of numpy arrays, as Arrow, Parquet and data frames take them.

    from libunicode import columns
    table = columns.steps("codes/")                         # {"file": [S], "clip": [S], "step": [S], "code": [S], ...}
    vectors = columns.vectors("codes/part-0.npz")           # [N,T,D], read from the file as it is looked at

A path is an output, or the directory of --out-dir, whose outputs are taken in the order of their names; docs/formats.md
has the columns' types and says how they become a pyarrow.Table.
"""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Union

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from ._errors import DataError, Error, FileError, FormatError, MismatchError, NotFoundError

__all__ = ["classes", "clips", "files", "steps", "vectors"]

StrPath = Union[str, "os.PathLike[str]"]
Paths = Union[StrPath, Sequence[StrPath]]
Columns = Dict[str, npt.NDArray[np.generic]]


def files(paths: Paths) -> List[Path]:
    """The outputs that the column "file" numbers: those given, and all npz in and below directories that are given."""
    found: List[Path] = []
    for one in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        path = Path(one)
        if path.is_dir():
            found += sorted(path.rglob("*.npz"))
        elif path.exists():
            found.append(path)
        else:
            raise NotFoundError(f"{path}: there is no such file")
    if not found:
        raise NotFoundError(f"{paths}: there are no outputs (.npz)")
    return found


def classes(paths: Paths) -> List[str]:
    """The names of the classes whose numbers the labels of steps() and clips() are, where the outputs are of tables, which
    have names: those of all outputs together, numbered as unic_dataset numbers a table's. Empty if there are numbers alone.

    Raises as steps().
    """
    found = files(paths)
    for _ in _outputs(found):
        pass
    return [name.decode(errors="backslashreplace") for name in _united([_names(path) for path in found])]


def steps(paths: Paths) -> Columns:
    """One row for each step of each clip; padding has none.

    file [S] int32 (a number in files()), clip [S] int64 (its number in that file), step [S] int32, code [S] int32, and, if
    the outputs have labels, label: int32, that of the clip, [S], or [S,C] for several classes. Where classes have names,
    those decide: labels of several outputs are numbered together (classes()).

    Raises NotFoundError, FileError, FormatError, and MismatchError if the codes are of different codebooks, or classes have
    names in some outputs and numbers alone in others.
    """
    parts = []
    for number, output in enumerate(_outputs(files(paths))):
        clip, step = np.nonzero(output["codes"] >= 0)
        part = {"file": np.full(len(clip), number, np.int32), "clip": clip.astype(np.int64), "step": step.astype(np.int32),
                "code": output["codes"][clip, step]}
        if "label" in output:
            part["label"] = output["label"][clip]
        parts.append(part)
    return _joined(parts)


def clips(paths: Paths) -> Columns:
    """One row for each clip, its codes as a list, in Arrow's layout.

    file [N] int32, clip [N] int64, label as of steps() [N] or [N,C]; codes [S] int32 of all clips one after the other, and
    offsets [N+1] int64: those of clip i are codes[offsets[i]:offsets[i+1]]. Raises as steps().
    """
    parts, counts = [], []
    for number, output in enumerate(_outputs(files(paths))):
        codes = output["codes"]
        part = {"file": np.full(len(codes), number, np.int32), "clip": np.arange(len(codes), dtype=np.int64),
                "codes": codes[codes >= 0]}
        if "label" in output:
            part["label"] = output["label"]
        parts.append(part)
        counts.append((codes >= 0).sum(axis=1))
    joined = _joined(parts)
    joined["offsets"] = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    return joined


def vectors(path: StrPath, name: str = "semantic") -> npt.NDArray[np.float32]:
    """Vectors [N,T,D] of an output of --vectors, "semantic" or "quantized", without a copy: pages of the file are read when
    they are looked at. Read-only, contiguous, float32; 0 behind a clip's end.

    Raises NotFoundError, FileError, and FormatError for a file that another program wrote compressed.
    """
    path, member = os.fsdecode(path), str(name) + ".npy"
    try:
        with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
            if member not in archive.namelist():
                raise NotFoundError(f"{path}: there is no \"{name}\" in it; unic-encode --vectors writes it")
            about = archive.getinfo(member)
            if about.compress_type != zipfile.ZIP_STORED:
                raise FormatError(f"{path}: \"{name}\" is compressed")
            file.seek(about.header_offset + 26)                      # behind the name and what else stands in front
            lengths = np.frombuffer(file.read(4), "<u2")
            begin = about.header_offset + 30 + int(lengths.sum())
            file.seek(begin)
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            if fortran or dtype != np.dtype("<f4"):
                raise FormatError(f"{path}: \"{name}\" is {dtype}{', in Fortran order' if fortran else ''}; <f4 in C order expected")
            said = file.tell() - begin + dtype.itemsize * math.prod(shape)
            if min(shape, default=0) < 0 or said != about.file_size:
                raise FormatError(f"{path}: \"{name}\" has {about.file_size} bytes, but its header says {shape}, "
                                  f"{said} bytes")
            if 0 in shape:
                return np.zeros(shape, np.float32)
            return np.memmap(path, dtype, "r", file.tell(), shape)
    except Error:
        raise
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: there is no such file") from error
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise FormatError(f"{path}: {error!r}" if isinstance(error, KeyError) else f"{path}: {error}") from error


# What zipfile, zlib and numpy raise for files that are damaged, or are something else.
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, KeyError, TypeError, AttributeError,
           IndexError, OverflowError, NotImplementedError, RuntimeError, SyntaxError)


def _checked(path: Path, output: Dict[str, npt.NDArray[np.generic]]) -> Dict[str, npt.NDArray[np.int32]]:
    """Codes [N,T] and labels [N] or [N,C], all of them int32."""
    for name, ranks in (("codes", (2,)), ("label", (1, 2))):
        x = output.get(name)
        if x is None:
            continue
        if x.dtype.kind not in "iu" or x.ndim not in ranks:
            raise FormatError(f"{path}: \"{name}\" is {x.dtype} of {x.ndim} dims; integers of "
                              f"{' or '.join(map(str, ranks))} expected")
        if len(x) != len(output["codes"]):
            raise FormatError(f"{path}: \"{name}\" is of {len(x)} clips, \"codes\" of {len(output['codes'])}")
        output[name] = arguments.whole(name, x)
    return output                       # type: ignore[return-value]


def _names(path: Path) -> List[bytes]:
    """What an output's classes are called, class 0 first; empty if they have numbers alone."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if "label" not in file.files or "label.names" not in file.files:
                return []
            names = file["label.names"]
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from error
    except _DAMAGE as error:
        raise FormatError(f"{path}: {error}") from error
    text = names.tobytes()
    found = text.split(b"\0")[:-1]
    if names.dtype != np.uint8 or names.ndim != 1 or text[-1:] != b"\0" or len(set(found)) < len(found):
        raise FormatError(f"{path}: \"label.names\" are no different names of bytes with a 0 behind each")
    return found


def _united(names: List[List[bytes]]) -> List[bytes]:
    """All names in the order in which unic_dataset numbers a table's classes."""
    every = {name for some in names for name in some}
    if all(name.isdigit() and (name == b"0" or name[:1] != b"0") for name in every):
        return sorted(every, key=lambda name: (len(name), name))
    return sorted(every)


def _renumbered(path: Path, label: npt.NDArray[np.int32], own: List[bytes], every: List[bytes]) -> npt.NDArray[np.int32]:
    """Labels [N] or [N,C] of an output's own classes as of all."""
    place = {name: i for i, name in enumerate(every)}
    to = np.array([place[name] for name in own], np.int32)
    if label.ndim == 2:
        if label.shape[1] != len(own):
            raise FormatError(f"{path}: \"label\" is of {label.shape[1]} classes, but \"label.names\" are {len(own)}")
        wide = np.zeros((len(label), len(every)), np.int32)
        wide[:, to] = label
        return wide
    if label.max(initial=-1) >= len(own):
        raise FormatError(f"{path}: \"label\" has a {label.max()}, but \"label.names\" are {len(own)}")
    return np.where(label < 0, label, to[np.maximum(label, 0)]).astype(np.int32)


def _outputs(paths: List[Path]) -> Iterator[Dict[str, npt.NDArray[np.int32]]]:
    """Codes and labels of each; all of one codebook, and all with labels or none, whose classes are numbered together."""
    first, names = None, [_names(path) for path in paths]
    every = _united(names)
    for path, own in zip(paths, names):
        try:
            with np.load(path, allow_pickle=False) as file:
                if "codes" not in file.files or "fingerprint" not in file.files:
                    raise FormatError(f"{path}: has no codes; an output of unic-encode expected")
                output = _checked(path, {name: file[name] for name in ("codes", "label") if name in file.files})
                if own:
                    output["label"] = _renumbered(path, output["label"], own, every)
                if file["fingerprint"].dtype != np.uint64 or file["fingerprint"].size != 1:
                    raise FormatError(f"{path}: \"fingerprint\" is no number of 64 bits")
                kind = int(file["fingerprint"]), output["label"].shape[1:] if "label" in output else None
        except DataError as error:
            raise FormatError(f"{path}: {error}") from error
        except Error:
            raise
        except OSError as error:
            raise FileError(f"{path}: {error.strerror or error}") from error
        except _DAMAGE as error:
            raise FormatError(f"{path}: {error}") from error
        if first is None:
            first = kind
        elif kind[0] != first[0]:
            raise MismatchError(f"{path}: codes of the codebook {kind[0]:016x}, those of {paths[0]} are of {first[0]:016x}")
        elif bool(own) != bool(names[0]) and "label" in output and first[1] is not None:
            raise MismatchError(f"{path}: classes have {'names' if own else 'numbers alone'}, but "
                                f"{'names' if names[0] else 'numbers alone'} in {paths[0]}: they cannot be told to be the same")
        elif kind[1] != first[1]:
            raise MismatchError(f"{path}: has labels of {kind[1]} a clip, {paths[0]} of {first[1]}")
        yield output


def _joined(parts: List[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
