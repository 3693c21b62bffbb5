"""Writes what torch.save() writes, without torch: the pickles mention its names, which are stood in for here."""
import collections
import io
import pickle
import struct
import sys
import types
import zipfile

import numpy as np

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001
STORAGES = {"f8": "DoubleStorage", "f4": "FloatStorage", "f2": "HalfStorage", "i8": "LongStorage", "i4": "IntStorage",
            "i1": "CharStorage", "u1": "ByteStorage", "b1": "BoolStorage", "c8": "ComplexFloatStorage"}


def stand_in(module, name, kind):
    """A class or function that pickles as `module.name`; nothing is imported."""
    parent = ""
    for part in module.split("."):
        parent = f"{parent}.{part}".lstrip(".")
        sys.modules.setdefault(parent, types.ModuleType(parent))
    made = type(name, (kind,), {}) if isinstance(kind, type) else lambda *args: None
    made.__module__, made.__qualname__, made.__name__ = module, name, name
    setattr(sys.modules[module], name, made)
    return made


REBUILD = stand_in("torch._utils", "_rebuild_tensor_v2", None)
REBUILD_OLD = stand_in("torch._utils", "_rebuild_tensor", None)
PARAMETER = stand_in("torch._utils", "_rebuild_parameter", None)
SUBCLASS = stand_in("torch._tensor", "_rebuild_from_type_v2", None)
SPARSE = stand_in("torch._utils", "_rebuild_sparse_tensor", None)
TYPES = {code: stand_in("torch", name, object) for code, name in STORAGES.items()}


class Storage:
    def __init__(self, array):
        self.array = np.ascontiguousarray(array)


class Call:
    """Pickles as a call of `function` with these arguments."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) if state is None else (function, args, state)

    def __reduce_ex__(self, protocol):
        return self.reduced


def tensor(array, old=False):
    array = np.asarray(array)
    storage, strides = Storage(array), [s // array.itemsize for s in np.ascontiguousarray(array).strides]
    where = (storage, 0, array.shape, tuple(strides if array.ndim else ()))
    return Call(REBUILD_OLD, *where) if old else Call(REBUILD, *where, False, collections.OrderedDict())


def pickler(base, file, protocol, keys, fields):
    """A pickler that puts storages outside, under keys; `fields`: of an id, in old files one more."""
    class Pickler(base):
        def persistent_id(self, value):
            if not isinstance(value, Storage):
                return None
            code = value.array.dtype.str[1:]
            key = keys.setdefault(id(value), (str(len(keys)), value))[0]
            return ("storage", TYPES[code], key, "cpu", value.array.size, None)[:fields]
    return Pickler(file, protocol)


class Python2(pickle._Pickler):
    """A str is written as Python 2 does; a dict's order, too, is pairs in a list."""

    dispatch = pickle._Pickler.dispatch.copy()

    def save_python_2_str(self, text):
        raw = text.encode("latin1")
        if self.proto == 0:
            self.write(b"S" + repr(raw)[1:].encode() + b"\n")
        else:
            self.write(b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<I", len(raw)) + raw)
        self.memoize(text)

    dispatch[str] = save_python_2_str

    def reducer_override(self, value):
        if isinstance(value, collections.OrderedDict):
            return type(value), ([list(pair) for pair in value.items()],)
        return NotImplemented


def save_zip(path, value, protocol=2, base=pickle.Pickler, crc=True, root="archive"):
    keys, file = {}, io.BytesIO()
    pickler(base, file, protocol, keys, 5).dump(value)
    with zipfile.ZipFile(path, "w") as z:
        z.writestr(f"{root}/data.pkl", file.getvalue())
        for key, storage in keys.values():
            z.writestr(f"{root}/data/{key}", storage.array.tobytes())
        z.writestr(f"{root}/version", "3\n")
    if not crc:
        drop_crcs(path)


def save_old(path, value, protocol=2, base=pickle.Pickler):
    keys, file = {}, io.BytesIO()
    system = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    for part in (MAGIC, VERSION, system):
        pickler(base, file, protocol, keys, 6).dump(part)
    pickler(base, file, protocol, keys, 6).dump(value)
    pickler(base, file, protocol, keys, 6).dump([key for key, _ in keys.values()])
    for _, storage in keys.values():
        file.write(struct.pack("<q", storage.array.size) + storage.array.tobytes())
    path.write_bytes(file.getvalue())


def drop_crcs(path):
    """As torch.serialization.set_crc32_options(False) leaves them."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as z:
        at, members = z.start_dir, z.infolist()
    for info in members:
        struct.pack_into("<I", data, info.header_offset + 14, 0)
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        struct.pack_into("<I", data, at + 16, 0)
        at += 46 + name + extra + comment
    path.write_bytes(data)


class _Reader(pickle.Unpickler):
    def __init__(self, file, z, root):
        super().__init__(file)
        self.z, self.root = z, root

    def find_class(self, module, name):
        if module == "collections":
            return collections.OrderedDict
        if name in STORAGES.values():
            return next(code for code, storage in STORAGES.items() if storage == name)
        assert name == "_rebuild_tensor_v2", (module, name)
        return lambda storage, offset, shape, strides, *_: np.lib.stride_tricks.as_strided(
            storage[offset:], shape, [s * storage.itemsize for s in strides]).copy()

    def persistent_load(self, pid):
        return np.frombuffer(self.z.read(f"{self.root}/data/{pid[2]}"), pid[1])


def load_zip(path):
    """A checkpoint of dicts, numbers and tensors, as arrays."""
    with zipfile.ZipFile(path) as z:
        root = next(name for name in z.namelist() if name.endswith("/data.pkl"))[: -len("/data.pkl")]
        return _Reader(io.BytesIO(z.read(f"{root}/data.pkl")), z, root).load()
