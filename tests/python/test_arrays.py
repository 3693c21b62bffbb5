"""What is taken as an array: element types, and arrays that are not numpy's."""

from __future__ import annotations

import array
import ctypes
import gc
import pickle
import sys
from pathlib import Path
from typing import Any

import libunicode as lu
import numpy as np
import pytest
from helpers import L, N, T, Fixture, config, raises, same

# Each takes features to a type and back: what float32 they are then.
TYPES = {
    "float16": lambda x: x.astype(np.float16),
    "int8": lambda x: np.rint(20 * x).clip(-128, 127).astype(np.int8),
    "uint8": lambda x: np.rint(50 * abs(x)).clip(0, 255).astype(np.uint8),
    "bool": lambda x: x > 0,
    "int32": lambda x: np.rint(1000 * x).astype(np.int32),
    "float64": lambda x: x.astype(np.float64),
    ">f4": lambda x: x.astype(">f4"),
}


@pytest.mark.parametrize("kind", TYPES)
def test_element_types(f: Fixture, kind: str, tmp_path: Path) -> None:
    x, model = TYPES[kind](f.x["speech"]), f.model()
    plain = x.astype(np.float32)
    assert same(model.encode("speech", x, vectors=True), model.encode("speech", plain, vectors=True))
    part, other = x[::-1, ::2], plain[::-1, ::2]
    assert same(model.encode("speech", part, vectors=True), model.encode("speech", other, vectors=True))
    batch = lu.Batch({"speech": x})
    assert np.array_equal(batch["speech"], x)
    assert np.shares_memory(batch["speech"], x) == (kind not in ("int32", ">f4"))
    index, other = lu.Index(x.shape[2], "l2"), lu.Index(x.shape[2], "l2")
    index.add(x[:, 0])
    other.add(plain[:, 0])
    assert same(index.search(x[:, 1], 3), other.search(plain[:, 1], 3))
    assert np.array_equal(lu.pool_mean(x), lu.pool_mean(plain))
    np.savez(tmp_path / "clips.npz", speech=x)          # of a file: every type that numpy has
    with lu.Dataset(tmp_path / "clips.npz", batch=len(x)) as data:
        assert np.array_equal(next(iter(data))["speech"], plain)


def test_what_is_not_finite_is_named(f: Fixture) -> None:
    x = f.x["speech"].astype(np.float16)
    x[3, 2, 5] = np.inf
    raises(lu.DataError, 'modality "speech": clip 3 holds NaN or Inf in step 2, dim 5',
           lambda: f.model().encode("speech", x))


# ---- DLPack ----

_exchange = lu._exchange
_new_capsule = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi))
LENT: "list[Any]" = []
KINDS = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


class Tensor:
    """An array as another library lends it; `kind` and so on are members of DLTensor to be other than the array's."""

    def __init__(self, x: np.ndarray, versioned: bool = False, major: int = 1, **members: int) -> None:
        self.x, self.device = x, (members.get("device_type", 1), members.get("device_id", 0))
        self.versioned, self.asked = versioned, []
        LENT.append(self)               # its capsules do not keep it
        self._dims = (ctypes.c_int64 * 8)(*x.shape), (ctypes.c_int64 * 8)(*(s // x.itemsize for s in x.strides))
        given = {"data": x.ctypes.data, "ndim": x.ndim, "code": KINDS[x.dtype.kind], "bits": 8 * x.itemsize, "lanes": 1,
                 "shape": self._dims[0], "strides": self._dims[1], **members}
        tensor = _exchange._Tensor(**given)
        self._managed = _exchange._Versioned(major=major, tensor=tensor) if versioned else _exchange._Managed(tensor)

    def __dlpack_device__(self) -> Any:
        return self.device

    def __dlpack__(self, **how: Any) -> Any:
        self.asked.append(how)
        if how and not self.versioned:
            raise TypeError("unexpected keyword")
        kind = b"dltensor_versioned" if self.versioned else b"dltensor"
        return _new_capsule(ctypes.addressof(self._managed), kind, None)


def bfloat16(x: np.ndarray, **members: int) -> Tensor:
    """A tensor of bfloat16: the upper halves of float32."""
    bits = (np.ascontiguousarray(x, np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return Tensor(bits, code=4, **members)


def upper_half(x: np.ndarray) -> np.ndarray:
    return (np.ascontiguousarray(x, np.float32).view(np.uint32) & 0xFFFF0000).view(np.float32)


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("kind", ["float32", "float16", "float64", "uint8", "int8", "bool"])
def test_tensors_are_read_where_they_are(f: Fixture, kind: str, versioned: bool) -> None:
    x, model = (60 * abs(f.x["speech"])).clip(0, 100).astype(kind), f.model()
    codes = model.encode("speech", x.astype(np.float32))
    turned = np.ascontiguousarray(x.transpose(2, 1, 0)).transpose(2, 1, 0)
    read_only = x.copy()
    read_only.flags.writeable = False
    for given in (x, x[::-1], turned, read_only):
        tensor = Tensor(given, versioned)
        batch = lu.Batch({"speech": tensor})
        assert np.shares_memory(batch["speech"], given) and batch["speech"].strides == given.strides
        assert np.array_equal(model.encode("speech", tensor), codes[::-1] if given.strides[0] < 0 else codes)
    first = {"max_version": (1, 0)}                     # asked without one where that is not known
    assert tensor.asked[:2] == ([first, first] if versioned else [first, {}])
    assert lu.Batch({"speech": Tensor(x, versioned, byte_offset=x.strides[0], ndim=3)})["speech"].ctypes.data == \
        x.ctypes.data + x.strides[0]
    dense = Tensor(x, versioned, strides=None)
    assert lu.Batch({"speech": dense})["speech"].strides == x.strides


def test_bfloat16(f: Fixture) -> None:
    model, x = f.model(), f.x["speech"]
    plain = upper_half(x)
    assert same(model.encode("speech", bfloat16(x), vectors=True), model.encode("speech", plain, vectors=True))
    batch = lu.Batch({"speech": bfloat16(x)})
    assert batch["speech"].dtype == np.dtype([("bfloat16", np.uint16)])
    again = pickle.loads(pickle.dumps(batch))
    trainer = lu.Trainer(config())
    want = trainer.evaluate(lu.Batch({"speech": plain[:10], "image": f.x["image"][:10]}))
    for given in (bfloat16(x[:10]), again["speech"][:10]):
        assert trainer.evaluate(lu.Batch({"speech": given, "image": f.x["image"][:10]})) == want
    index, other = lu.Index(12, "l2"), lu.Index(12, "l2")
    index.add(bfloat16(x[:, 0]))
    other.add(plain[:, 0])
    assert same(index.search(bfloat16(x[:, 1]), 3), other.search(plain[:, 1], 3))
    assert np.array_equal(lu.pool_mean(bfloat16(x)), lu.pool_mean(plain))
    assert [b["speech"].dtype for b in lu.Arrays({"speech": bfloat16(x)}, batch=N, seed=1)] == [batch["speech"].dtype]
    bad = x.copy()
    bad[3, 2, 5] = np.inf
    raises(lu.DataError, "clip 3 holds NaN or Inf in step 2, dim 5", lambda: model.encode("speech", bfloat16(bad)))


def test_codes_and_lengths_may_be_tensors(f: Fixture) -> None:
    model, valid = f.model(), f.lengths["speech"]
    codes = model.encode("speech", f.x["speech"], valid)
    assert np.array_equal(model.encode("speech", f.x["speech"], Tensor(valid.astype(np.int64))), codes)
    assert np.array_equal(lu.pool_histogram(Tensor(codes.astype(np.int64)), L), lu.pool_histogram(codes, L))


def test_tensors_that_are_refused(f: Fixture) -> None:
    model, x = f.model(), f.x["speech"]

    def refused(error: Any, text: str, given: Any) -> None:
        raises(error, text, lambda: model.encode("speech", given))
        raises(error, text.replace("features", "speech"), lambda: lu.Batch({"speech": given}))

    refused(lu.ArgumentError, "features are in the memory of a device (CUDA 1), which libunicode does not read: copy "
            "them to the CPU first, as with .cpu() or .get()", Tensor(x, device_type=2, device_id=1))
    refused(lu.ArgumentError, "a device (DLPack type 99 0)", Tensor(x, device_type=99))
    lent = Tensor(x)
    lent.requires_grad = True
    refused(lu.ArgumentError, "features require gradients, which libunicode does not give: pass .detach()", lent)
    refused(lu.DataError, "features are float8, which libunicode does not know", Tensor(x, bits=8))
    refused(lu.DataError, "features are float32 x 4, which libunicode does not know", Tensor(x, lanes=4))
    refused(lu.DataError, "features are complex64, but must be real", Tensor(x, code=5, bits=64, ndim=0))
    refused(lu.DataError, "it is in DLPack 2.0, 1 is known", Tensor(x, True, major=2))
    lent = Tensor(x)
    lent.__class__ = type("Broken", (Tensor,), {"__dlpack__": lambda self, **how: "no capsule"})
    refused(lu.DataError, "features cannot be read: __dlpack__() gave no DLPack capsule", lent)


def test_a_tensor_lives_as_long_as_what_looks_into_it(f: Fixture) -> None:
    x = f.x["speech"].copy()

    class Lent:
        def __dlpack_device__(self) -> Any:
            return x.__dlpack_device__()

        def __dlpack__(self, **how: Any) -> Any:
            return x.__dlpack__(**how)

    before = sys.getrefcount(x)
    batch = lu.Batch({"speech": Lent()})
    assert np.shares_memory(batch["speech"], x) and not batch["speech"].flags.writeable
    assert sys.getrefcount(x) > before
    del batch
    gc.collect()
    assert sys.getrefcount(x) == before


def test_pytorch(f: Fixture) -> None:
    torch = pytest.importorskip("torch")
    model, x = f.model(), f.x["speech"]
    tensor = torch.from_numpy(x.copy())
    codes = model.encode("speech", x)
    assert np.array_equal(model.encode("speech", tensor), codes)
    batch = lu.Batch({"speech": tensor})
    tensor[0, 0, 0] = 77.0
    assert batch["speech"][0, 0, 0] == 77.0
    tensor[0, 0, 0] = float(x[0, 0, 0])
    first = tensor.permute(2, 0, 1).contiguous()        # channels first
    assert np.array_equal(model.encode("speech", first.permute(1, 2, 0)), codes)
    assert np.array_equal(model.encode("speech", first.permute(1, 2, 0)[::2]), codes[::2])
    for kind in (torch.bfloat16, torch.float16, torch.float64):
        assert np.array_equal(model.encode("speech", tensor.to(kind)), model.encode("speech", tensor.to(kind).float()))
    flags = tensor > 0          # not in DLPack for the older ones
    assert np.array_equal(model.encode("speech", flags), model.encode("speech", flags.float()))
    assert np.array_equal(model.encode("speech", tensor, torch.full((N,), T)), codes)
    raises(lu.ArgumentError, "features require gradients, which libunicode does not give: pass .detach()",
           lambda: model.encode("speech", tensor.clone().requires_grad_()))
    assert np.array_equal(model.encode("speech", tensor.clone().requires_grad_().detach()), codes)
    raises(lu.DataError, "features cannot be read: ", lambda: model.encode("speech", tensor.to_sparse()))
    assert torch.equal(torch.from_dlpack(codes), torch.from_numpy(codes))       # results go out by numpy's DLPack


def test_jax(f: Fixture) -> None:
    jax = pytest.importorskip("jax")
    model, x = f.model(), f.x["speech"]
    tensor = jax.numpy.asarray(x)
    assert np.array_equal(model.encode("speech", tensor), model.encode("speech", x))
    half = tensor.astype(jax.numpy.bfloat16)
    assert np.array_equal(model.encode("speech", half), model.encode("speech", half.astype(jax.numpy.float32)))
    assert lu.Batch({"speech": half})["speech"].dtype == np.dtype([("bfloat16", np.uint16)])


def test_ml_dtypes(f: Fixture) -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    model, half = f.model(), f.x["speech"].astype(ml_dtypes.bfloat16)
    plain = half.astype(np.float32)
    assert same(model.encode("speech", half, vectors=True), model.encode("speech", plain, vectors=True))
    assert np.shares_memory(lu.Batch({"speech": half})["speech"], half)
    assert np.array_equal(lu.pool_mean(half), lu.pool_mean(plain))
    raises(lu.DataError, "float8", lambda: model.encode("speech", half.astype(ml_dtypes.float8_e5m2)))


# ---- buffers ----

def test_buffers(f: Fixture) -> None:
    model, x = f.model(), f.x["speech"]
    codes, flat = model.encode("speech", x), array.array("f", x.ravel().tolist())
    shaped = memoryview(flat).cast("B").cast("f", x.shape)
    assert np.array_equal(model.encode("speech", shaped), codes)
    assert np.shares_memory(lu.Batch({"speech": shaped})["speech"], np.asarray(flat))
    assert np.array_equal(model.encode("speech", memoryview(x)[::2]), codes[::2])
    assert np.array_equal(model.encode("speech", x, array.array("i", [T] * N)), codes)


@pytest.mark.filterwarnings("error")
def test_lengths_under_other_names_are_told_of(f: Fixture) -> None:
    speech, valid = f.x["speech"], f.lengths["speech"].astype(np.int64)
    lu.Batch({"speech": speech, "speech.lengths": valid, "lengths": valid, "label": valid, "speaker": valid})
    lu.Batch({"speech": speech, "length_of_hair": valid.astype(float), "levels": valid})
    for name in ("lengths", "speech_lengths", "speech_len", "len_speech", "Lens", "seq_len"):
        for of in (lu.Batch, lu.Arrays):
            says = f"'{name}' is not read: lengths are read from speech.lengths, and"
            with pytest.warns(UserWarning, match=says) as told:
                of({"speech": speech, name: valid})
            assert len(told) == 1 and told[0].filename == __file__


@pytest.mark.filterwarnings("error")
def test_masks_of_steps_are_told_of(f: Fixture) -> None:
    speech = f.x["speech"]
    mask = np.ones(speech.shape[:2], bool)
    lu.Batch({"speech": speech, "speech.lengths": f.lengths["speech"], "speech_mask": mask})
    lu.Batch({"speech": speech, "mask": mask[:, 1:], "levels": mask})
    for of in (lu.Batch, lu.Arrays):
        for name, x in (("speech_mask", mask), ("attention_mask", mask.astype(int)), ("Mask", mask.astype("f4"))):
            with pytest.warns(UserWarning, match=f"'{name}' is not read: lengths are read from speech.lengths, and") as told:
                of({"speech": speech, name: x})
            assert len(told) == 1 and told[0].filename == __file__


def test_masked_arrays() -> None:
    """Values that are masked are no numbers; without one, a masked array is an array."""
    book = lu.Codebook(2, 2)
    book.set([[0, 5], [9, 5]])
    masked = np.ma.array([[9., 5.]], mask=[[True, False]])
    raises(lu.DataError, "z have masked values", lambda: book.assign(masked))
    raises(lu.DataError, "z have masked values", lambda: book.assign([masked[0], masked[0]]))
    raises(lu.DataError, "codes have masked values", lambda: book.usage(np.ma.array([0, 1], mask=[0, 1])))
    raises(lu.DataError, "truth have masked values",
           lambda: lu.metrics.classes([[1, 0], [1, 0]], np.ma.array([0, 1], mask=[0, 1])))
    raises(lu.DataError, "have masked values", lambda: lu.Batch({"speech": np.ma.masked_equal(np.ones((2, 3, 4)), 1)}))
    assert book.assign(np.ma.array([[9., 5.]], mask=False)).tolist() == [1]


def test_pytorch_negative_and_conjugate() -> None:
    """What PyTorch notes beside the memory, a minus, is part of the numbers."""
    torch = pytest.importorskip("torch")
    book = lu.Codebook(2, 1)
    book.set([[-1.], [1.]])
    minus = torch.complex(torch.zeros(4), torch.ones(4)).conj().imag.reshape(4, 1)
    assert minus.is_neg() and book.assign(minus).tolist() == [0] * 4
    raises(lu.DataError, "complex", lambda: book.assign(torch.ones(3, 1, dtype=torch.complex64).conj()))
