#!/usr/bin/env python3
"""Makes tests/torch/fixtures again: checkpoints of PyTorch and pickled numpy arrays.

Needs torch and numpy (python3-torch 1.13, numpy 1.24 made what is committed). Element i of a
tensor or array, in row-major order of its shape, is (i % 17 - 8) / 4 for floats, i % 17 - 8 for
signed integers, i % 17 for unsigned ones and i % 2 for bool: the C tests know that.
"""
import collections
import io
import pathlib
import pickle
import zipfile

import numpy as np
import torch
from numpy.core.numeric import _frombuffer

OUT = pathlib.Path(__file__).parent / "fixtures"


def fill(dtype, *shape):
    dtype = np.dtype(dtype)
    i = np.arange(int(np.prod(shape)))
    values = {"f": (i % 17 - 8) / 4, "i": i % 17 - 8, "u": i % 17, "b": i % 2}[dtype.kind]
    return values.astype(dtype).reshape(shape)


def tensor(dtype, *shape):
    kind = "f8" if dtype.is_floating_point else "b1" if dtype == torch.bool else "u1" if dtype == torch.uint8 else "i8"
    return torch.from_numpy(fill(kind, *shape)).to(dtype)


def lying_in(storage, start, shape, stride):
    """A tensor of fill's values at these places of `storage`."""
    view = torch.as_strided(storage, shape, stride, start)
    view.copy_(tensor(storage.dtype, *shape))
    return view


# ---- checkpoints ----


def types():
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
    out = {name: tensor(getattr(torch, name), 3, 7) for name in names}
    out |= {"scalar": tensor(torch.float64), "empty": tensor(torch.float32, 0, 3), "rank6": tensor(torch.float32, 1, 2, 1, 3, 2, 1)}
    out["long"] = tensor(torch.bfloat16, 9, 1000)  # more than a block
    return out


def views():
    """Each key is a group of tensors that share one storage."""
    out = {}
    line = torch.full((40,), 99.0)
    out["line"] = {"a": lying_in(line, 0, (2, 6), (6, 1)), "b": lying_in(line, 12, (5,), (1,)), "c": lying_in(line, 20, (3, 4), (1, 5))}
    out["transposed"] = tensor(torch.float64, 5, 3).t().contiguous().t()
    out["permuted"] = lying_in(torch.zeros(24, dtype=torch.bfloat16), 0, (2, 3, 4), (1, 8, 2))
    out["window"] = lying_in(torch.full((8, 9), 77, dtype=torch.int32).reshape(-1), 11, (4, 3), (9, 1))
    out["every_third"] = lying_in(torch.zeros(40, dtype=torch.float16), 2, (12,), (3,))
    out["large"] = lying_in(torch.zeros(90 * 101, dtype=torch.uint8), 5, (90, 100), (1, 90))
    out["one"] = lying_in(torch.zeros(3), 2, (1, 1), (7, 9))
    whole = tensor(torch.float32, 12)
    out |= {"whole": whole, "again": whole, "reshaped": whole.view(3, 4)}
    return out


def model():
    """A state_dict, Adam's state, and the other values that people keep beside them."""
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 2, bias=False))
    net.load_state_dict({k: tensor(v.dtype, *v.shape) for k, v in net.state_dict().items()})
    adam = torch.optim.Adam([{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.25}], lr=4e-4)
    net(torch.ones(5, 4)).sum().backward()
    adam.step()
    state = adam.state_dict()
    for key in (0, 1, 2):
        for name in ("exp_avg", "exp_avg_sq"):
            state["state"][key][name] = tensor(torch.float32, *state["state"][key][name].shape)
    state["state"][1]["step"] = 7  # as older versions keep it
    net.load_state_dict({k: tensor(v.dtype, *v.shape) for k, v in net.state_dict().items()})
    return {
        "Encoder_parameters": net.state_dict(),
        "optimizer": state,
        "epoch": 12,
        "negative": -3,
        "large": 1 << 62,
        "loss": 0.125,
        "flag": True,
        "off": False,
        "nothing": None,
        "text": "caf\u00e9",
        "dims": [3, 2.5, (1, [8])],
        "ordered": collections.OrderedDict(a=1, b={"c": 2}),
        "none": collections.OrderedDict(),
        "number": {"f8": np.float64(2.5), "f4": np.float32(-0.5), "i8": np.int64(-9), "b1": np.bool_(True), "f2": np.float16(3)},
        "array": np.arange(3),
        "parameter": torch.nn.Parameter(tensor(torch.float32, 2, 3)),
        5: {"five": 55},
    }


def write_old(name, value):
    torch.save(value, OUT / name, _use_new_zipfile_serialization=False)


def rewrite(source, name, change=lambda name, data: data, method=zipfile.ZIP_STORED, more=()):
    """The same members, changed, as Python's zipfile writes them."""
    with zipfile.ZipFile(OUT / source) as z, zipfile.ZipFile(OUT / name, "w", method) as out:
        for member in z.namelist():
            out.writestr(zipfile.ZipInfo(member), change(member, z.read(member)), method)
        for member, data in more:
            out.writestr(zipfile.ZipInfo(member), data, method)


def swapper():
    """Turns every storage of types.pt into the other byte order, as torch on such a machine."""
    sizes = [t.element_size() for t in types().values()]

    def swap(name, data):
        root, _, key = name.partition("/data/")
        return np.frombuffer(data, f"u{sizes[int(key)]}").byteswap().tobytes() if key else data

    return swap


def checkpoints():
    torch.save(types(), OUT / "types.pt")
    write_old("types_old.pt", types())
    rewrite("types.pt", "types_deflated.pt", method=zipfile.ZIP_DEFLATED, more=[("types/byteorder", "little")])
    rewrite("types.pt", "types_big.pt", swapper(), more=[("types/byteorder", "big")])
    buffer = io.BytesIO()
    torch.save(views(), buffer)  # a buffer's root is "archive"
    (OUT / "views.pt").write_bytes(buffer.getvalue())
    write_old("views_old.pt", views())
    torch.save(model(), OUT / "model.pt")
    write_old("model_old.pt", model())
    torch.save(model(), OUT / "model_protocol4.pt", pickle_protocol=4)
    torch.save(tensor(torch.float64, 2, 2), OUT / "bare.pt")
    torch.save([tensor(torch.float64, 2), {"x": tensor(torch.float32, 3)}], OUT / "list.pt")
    torch.save(torch.nn.Linear(1, 1), OUT / "module.pt")  # an object, read as its state dict
    torch.save({"w": torch.zeros(2, dtype=torch.complex64)}, OUT / "complex.pt")  # refused
    torch.save({"w": torch.zeros(1).expand(1000)}, OUT / "repeated.pt")  # refused
    module = torch.nn.Module()
    module.a = torch.nn.Module()
    module.a.b = torch.nn.Parameter(tensor(torch.float32, 2))
    module._parameters["a.b"] = torch.nn.Parameter(tensor(torch.float32, 2))
    torch.save(module, OUT / "same_name.pt")  # refused as weights: two are called a.b


# ---- arrays ----


def newer(data):
    """The same pickle with numpy 2's names."""
    if data[1] < 4:
        return data.replace(b"numpy.core", b"numpy._core")
    grown = data.replace(b"\x8c\x15numpy.core.m", b"\x8c\x16numpy._core.m").replace(b"\x8c\x12numpy.core.n", b"\x8c\x13numpy._core.n")
    frame = int.from_bytes(data[3:11], "little") + len(grown) - len(data)
    return grown[:3] + frame.to_bytes(8, "little") + grown[11:]


class Permuted:
    """numpy 2.3 pickles an array whose axes are permuted so, since protocol 5."""

    def __init__(self, array, axes):
        stored = np.ascontiguousarray(array.transpose(np.argsort(axes)))
        assert (stored.transpose(axes) == array).all()
        self.args = stored.tobytes(), array.dtype, stored.shape, "K", axes

    def __reduce__(self):
        return _frombuffer, self.args


def array_pickles():
    """Members are called <dtype name>/<dims>/<what is special>."""
    fortran = {"C": np.ascontiguousarray, "F": np.asfortranarray}
    for protocol in range(6):
        for order, arrange in fortran.items():
            for code in ("f8", "f4"):
                array = arrange(fill(code, 5, 3))
                yield f"{array.dtype}/5x3/protocol{protocol}{order}", pickle.dumps(array, protocol)
        yield f"float64/0x3/protocol{protocol}", pickle.dumps(fill("f8", 0, 3), protocol)
        yield f"float32/2x3x4x5/protocol{protocol}F", pickle.dumps(np.asfortranarray(fill("f4", 2, 3, 4, 5)), protocol)
    for protocol in (2, 4, 5):
        yield f"float64/5x3/newer{protocol}", newer(pickle.dumps(fill("f8", 5, 3), protocol))
        yield f"float32/7/big{protocol}", pickle.dumps(fill(">f4", 7), protocol)
    for code in "f2 i1 i2 i4 i8 u1 u2 u4 u8 b1 >f2 >f8 >i4".split():
        array = fill(code, 3, 7)
        yield f"{array.dtype.newbyteorder('=').name}/3x7/{code.strip('>')}{'big' * (code[0] == '>')}", pickle.dumps(array, 3)
    yield "float64//rank0", pickle.dumps(fill("f8"), 4)
    yield "float32/1x2x1x3x2x1/rank6", pickle.dumps(fill("f4", 1, 2, 1, 3, 2, 1), 4)
    yield "float64/4x6/transposed", pickle.dumps(np.ascontiguousarray(fill("f8", 4, 6).T).T, 2)
    yield "float32/2x3x4/permuted", pickle.dumps(Permuted(fill("f4", 2, 3, 4), (1, 2, 0)), 5)


def refused_pickles():
    yield "object", pickle.dumps(np.array([{}, None]), 2)
    yield "structured", pickle.dumps(np.zeros(2, "f4,i4"), 4)
    yield "date", pickle.dumps(np.zeros(2, "M8[s]"), 4)
    yield "span", pickle.dumps(np.zeros(2, "m8[s]"), 4)
    yield "complex", pickle.dumps(np.zeros(2, "c8"), 4)
    yield "text", pickle.dumps(np.array(["a", "bc"]), 4)
    yield "bytes", pickle.dumps(np.array([b"a"]), 4)
    yield "rank7", pickle.dumps(np.zeros((1,) * 7), 4)
    yield "long", pickle.dumps(np.zeros(1, "g"), 4)
    yield "list", pickle.dumps([1.0, 2.0], 4)
    yield "scalar", pickle.dumps(np.float64(1), 4)
    yield "masked", pickle.dumps(np.ma.zeros(2), 4)


def write_zip(name, members):
    with zipfile.ZipFile(OUT / name, "w", zipfile.ZIP_DEFLATED) as z:
        for member, data in members:
            info = zipfile.ZipInfo(member)
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, data)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    checkpoints()
    write_zip("arrays.zip", array_pickles())
    write_zip("refused.zip", refused_pickles())
    total = sum(path.stat().st_size for path in OUT.iterdir())
    print(f"{len(list(OUT.iterdir()))} files, {total} bytes")


if __name__ == "__main__":
    main()
