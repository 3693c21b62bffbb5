"""Models and encoders: features in, codes out."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Dict, List, Literal, Mapping, Optional, Tuple, Union, overload

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _config
from . import _io
from . import _lib
from ._arguments import Codes, Readable, Vectors, Writable
from ._batch import Batch
from ._codebook import Codebook
from ._config import Config
from ._errors import ArgumentError, MismatchError, NotFoundError
from ._exchange import array_of
from ._handle import Handle, Saved, view
from ._lib import lib
from ._progress import Teller, Told

Encoded = Tuple[Codes, Vectors, Vectors]
_CLIPS = 64         # that Model.encode() encodes at a time


class Model(Saved):
    """A trained model: its config, its codebook and its modalities' encoders.

        model = libunicode.Model("model.npz")
        codes = model.encode("speech", features)                    # [N,T,...] -> [N,T] int32

    Immutable; threads may share it. Encoders, codebooks and arrays taken from it live on when it is closed.
    """

    _kind = "model"

    @classmethod
    def _open(cls, data: memoryview) -> "Model":
        return cls(data)

    def __reduce__(self) -> Any:
        return _renamed, (self._name, *super().__reduce__())

    def __init__(self, path: Readable, settings: Union[None, str, Mapping[str, Any]] = None, *,
                 memory_limit: int = 0, preload: Optional[bool] = None, progress: Optional[Told] = None) -> None:
        """Open a model file, or a checkpoint of the CMG code, whatever its file is called.

        path          a path; or the contents of a file, or a file object opened for bytes (docs/python.md).
        settings      what a checkpoint does not tell, {"encoder.heads": 8}; a model file has its own.
        memory_limit  bytes that what is in the file may take; 0: no limit.
        preload       True: read and check all weights now, and close the file; False: those of a modality when they are
                      first needed. None: True for a file object, so that it may be closed after this call.
        progress      called as f("bytes", done, total) while the file is read; something true stops it: CancelledError.

        Raises FileError, FormatError, NotFoundError, ConfigError, or ArgumentError (settings for a model file).
        """
        pointer, teller = _lib.MODEL(), Teller(progress, stoppable=True)
        early = _io.is_file(path) if preload is None else preload
        options = arguments.limit(memory_limit, early, teller.pointer)
        lines = _config.lines(settings) if settings else None

        def of_path(out: Any, name: bytes, options: Any) -> None:
            if lines:
                lib.unic_model_import(out, name, lines, options)
            else:
                lib.unic_model_open(out, name, options)

        def of_source(out: Any, source: Any, options: Any) -> None:
            if lines:
                lib.unic_model_import_source(out, source, lines, options)
            else:
                lib.unic_model_open_source(out, source, options)

        with teller.watch():
            files = _io.load(pointer, path, of_path, of_source, options)
            self._reads([] if early else files)
            name = _io.name_of(path) if _io.is_contents(path) else os.fsdecode(path)      # type: ignore[arg-type]
            self._set_up(pointer, name)

    @classmethod
    def _of(cls, pointer: Any, name: str) -> "Model":
        """The Python object of a C model, which it takes over."""
        self = cls.__new__(cls)
        self._set_up(pointer, name)
        return self

    def _set_up(self, pointer: Any, name: str) -> None:
        super().__init__(pointer, lib.unic_model_free)
        self._name = name
        self._encoders: Dict[str, List[Encoder]] = {}      # that encode() made, while idle

    @property
    def modalities(self) -> Tuple[str, ...]:
        """The modalities' names, in the config's order."""
        with self._use() as model:
            return tuple(lib.unic_model_modality_name(model, i).decode()
                         for i in range(lib.unic_model_modality_count(model)))

    def feature_dims(self, modality: str) -> Tuple[int, ...]:
        """The dims of one step of a modality's features, as (7, 7, 64) or (128,)."""
        with self._use() as model:
            return arguments.dims_of(lib.unic_model_feature_dims, model, arguments.text("modality", modality))

    @property
    def code_count(self) -> int:
        """L, the number of codes."""
        with self._use() as model:
            return lib.unic_model_code_count(model)

    @property
    def code_dim(self) -> int:
        """D, the dimension of a code's vector."""
        with self._use() as model:
            return lib.unic_model_code_dim(model)

    @property
    def config(self) -> Config:
        """The model's config, a copy."""
        with self._use() as model:
            return Config.parse(lib.unic_model_config(model).decode())

    @property
    def weights(self) -> str:
        """The type of the weights in the model's file and its encoders: "f32", "f16" or "bf16"."""
        with self._use() as model:
            return lib.unic_model_weights(model).decode()

    def convert(self, weights: str) -> "Model":
        """The same model with weights of another type: "f16" and "bf16" take half the memory and half the file.

            libunicode.Model("model.npz").convert("f16").save("half.npz")

        Matrices are rounded to the nearest; biases, norms and the codebook stay float32, and encoders compute in
        float32. Raises ConfigError for another word; NumericError, when its weights are first needed, if one is
        beyond the range of f16 (65504).
        """
        pointer = _lib.MODEL()
        with self._use() as model:
            lib.unic_model_convert(ctypes.byref(pointer), model, arguments.text("weights", weights))
        converted = Model._of(pointer, self._name)
        converted._reads(self._files)
        return converted

    def codebook(self) -> Codebook:
        """A copy of the model's codebook, with its EMA state."""
        pointer = _lib.CODEBOOK()
        with self._use() as model:
            lib.unic_model_codebook(ctypes.byref(pointer), model)
        return Codebook._of(pointer)

    def embedding(self) -> Vectors:
        """The codes' vectors [L,D], read-only: code c stands for row c."""
        return self.codebook().embedding

    def parameters(self) -> Dict[str, Vectors]:
        """The inference weights by name ("speech.semantic.affine.weight"), read-only and without a copy."""
        found: Dict[str, Vectors] = {}
        name, data = ctypes.c_char_p(), ctypes.c_void_p()
        with self._use() as model:
            try:
                while True:
                    shape = arguments.dims_of(lambda rank, dims: lib.unic_model_parameter_at(
                        ctypes.byref(name), ctypes.byref(data), rank, model, len(found), dims))
                    found[(name.value or b"").decode()] = view(self._owned(), data.value or 0, shape)
            except NotFoundError:       # behind the last one
                return found

    def encoder(self, modality: str, max_batch: int, max_length: int, threads: int = 0) -> "Encoder":
        """Make a modality ready for up to `max_batch` clips of up to `max_length` steps.

        threads  that it computes with; 0: the process's number.
        """
        return Encoder(self, modality, max_batch, max_length, threads)

    @overload
    def encode(self, modality: str, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike] = None,
               vectors: Literal[False] = False, out: Optional[Codes] = None) -> Codes: ...

    @overload
    def encode(self, modality: str, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike] = None, *,
               vectors: Literal[True], out: Optional[Encoded] = None) -> Encoded: ...

    def encode(self, modality: str, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike] = None,
               vectors: bool = False, out: Any = None) -> Any:
        """The codes of any number of clips: Encoder.encode() with an encoder that is made, and kept, for it.

        Threads that encode at the same time get an encoder each.
        """
        x, modality = array_of("features", features), arguments.word("modality", modality)
        clips, steps = x.shape[:2] if x.ndim >= 2 else (0, 0)       # else the encoder refuses it
        encoder = self._take(modality, min(max(clips, 1), _CLIPS), max(steps, 1))
        try:
            if clips <= encoder.max_batch:
                return encoder._encode(x, lengths, vectors, out)
            valid = None if lengths is None else arguments.lengths("lengths", lengths, clips)
            results = encoder._results(clips, steps, vectors, out)
            for first in range(0, clips, encoder.max_batch):
                part = slice(first, first + encoder.max_batch)
                parts = tuple(array[part] for array in results)
                encoder._encode(x[part], None if valid is None else valid[part], vectors,
                                parts if vectors else parts[0], first)
            return results if vectors else results[0]
        finally:
            self._encoders.setdefault(modality, []).append(encoder)

    def _take(self, modality: str, clips: int, steps: int) -> "Encoder":
        """An idle encoder that is large enough, or else a new one in the place of one that is not."""
        self._owned()
        try:
            encoder = self._encoders.get(modality, []).pop()
        except IndexError:
            return self.encoder(modality, clips, steps)
        if encoder.max_batch >= clips and encoder.max_length >= steps:
            return encoder
        return self.encoder(modality, max(clips, encoder.max_batch), max(steps, encoder.max_length))

    def close(self) -> None:
        """Let the model go, and the encoders that encode() keeps; others live on."""
        super().close()
        self._encoders.clear()

    def save(self, path: Writable) -> None:
        """Write the model with all its weights, atomically. Equal models give equal bytes."""
        with self._use() as model:
            _io.save(model, path, lib.unic_model_save, lib.unic_model_save_sink)

    def __repr__(self) -> str:
        if self.closed:
            return f"<libunicode.Model {self._name!r}, closed>"
        return (f"<libunicode.Model {self._name!r}: {', '.join(self.modalities)}; "
                f"{self.code_count} codes of {self.code_dim} dims"
                f"{'' if self.weights == 'f32' else f'; weights in {self.weights}'}>")


CodesOf = Union[Model, Codebook]


def codebook_of(codes_of: CodesOf) -> Codebook:
    """The codebook that codes are of."""
    if not isinstance(codes_of, (Model, Codebook)):
        raise arguments.wrong("codes_of", codes_of, "a Model or a Codebook")
    return codes_of.codebook() if isinstance(codes_of, Model) else codes_of


def accepted(accepts: Callable[[Any, int], None], handle: Any, fingerprint: int) -> bool:
    """Whether a C object says that it belongs to the codebook of this fingerprint."""
    try:
        accepts(handle, fingerprint)
    except MismatchError:
        return False
    return True


def _renamed(name: str, restore: Callable[..., Model], of: Tuple[Any, ...]) -> Model:
    """A copy of a model, called as the original is."""
    model = restore(*of)
    model._name = name
    return model


class Encoder(Handle):
    """One modality of a model made ready to run; made by Model.encoder().

    It holds on to what it needs of the model. Threads that share an encoder take turns: for work side by side
    give each thread its own.
    """

    _kind = "encoder"
    _instead = "take another one from the model, which can be"

    def __init__(self, model: Model, modality: str, max_batch: int, max_length: int, threads: int = 0) -> None:
        pointer, modality = _lib.ENCODER(), arguments.word("modality", modality)
        options = _lib.sized(
            _lib.EncoderOptions, max_batch=arguments.integer("max_batch", max_batch, 0),
            max_length=arguments.integer("max_length", max_length, 0), threads=arguments.threads(threads))
        self._dim = model.code_dim
        with model._use() as handle:
            lib.unic_encoder_create(ctypes.byref(pointer), handle, arguments.text("modality", modality),
                                    ctypes.byref(options))
        super().__init__(pointer, lib.unic_encoder_free)
        self.modality, self.max_batch, self.max_length = modality, max_batch, max_length

    @overload
    def encode(self, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike] = None,
               vectors: Literal[False] = False, out: Optional[Codes] = None) -> Codes: ...

    @overload
    def encode(self, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike] = None, *,
               vectors: Literal[True], out: Optional[Encoded] = None) -> Encoded: ...

    def encode(self, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike] = None, vectors: bool = False,
               out: Any = None) -> Any:
        """The codes of clips.

        features  [B,T,...] with the modality's dims behind T, B <= max_batch, T <= max_length; finite. float32
                  and float64 of any strides are read as they are, other real numbers are copied as float32.
        lengths   [B] valid steps of each clip, 0..T; None: all T. What is behind a clip's end is not looked at.
        vectors   also return the codes' vectors and what was rounded to them.
        out       arrays to write in place of new ones: codes, or with `vectors` all three.

        Returns codes [B,T] int32, -1 behind a clip's end; with `vectors` the triple (codes, quantized, semantic),
        both [B,T,D] float32 and 0 behind a clip's end.

        Raises ShapeError; DataError (NaN, Inf, a length beyond T); NumericError (features so large that the
        result is not finite); OutOfMemoryError; StateError (closed).
        """
        return self._encode(features, lengths, vectors, out)

    def _encode(self, features: npt.ArrayLike, lengths: Optional[npt.ArrayLike], vectors: bool, out: Any,
                first: int = 0) -> Any:
        """encode() of clips that messages number from `first` on."""
        x = arguments.real("features", features)
        clips, steps = x.shape[:2] if x.ndim >= 2 else (0, 0)     # else the library refuses it
        valid = None if lengths is None else arguments.lengths("lengths", lengths, clips)
        results = self._results(clips, steps, vectors, out)
        outputs = (*map(arguments.address, results), *(() if vectors else (None, None)))
        with self._use() as encoder:
            if not first:
                lib.unic_encoder_encode(encoder, arguments.array(x), arguments.address(valid), *outputs)
            else:
                arrays: Dict[str, Any] = {self.modality: x}
                if valid is not None:
                    arrays[self.modality + ".lengths"] = valid
                with Batch(arrays, np.arange(first, first + clips))._use() as batch:
                    lib.unic_encoder_encode_batch(encoder, batch, *outputs)
        return results if vectors else results[0]

    def _results(self, clips: int, steps: int, vectors: bool, out: Any) -> Tuple[npt.NDArray[Any], ...]:
        """Where encode() writes: codes, or codes, quantized and semantic."""
        given = (None,) * 3 if out is None else tuple(arguments.several("out", out)) if vectors else (out,)
        if vectors and len(given) != 3:
            raise ArgumentError(f"out has {len(given)} arrays; codes, quantized and semantic expected")
        arrays = [x for x in given if isinstance(x, np.ndarray)]
        if any(np.may_share_memory(x, y) for i, x in enumerate(arrays) for y in arrays[:i]):
            raise ArgumentError("two arrays of out share memory: each result needs its own")
        shape = clips, steps
        codes = arguments.output("out", given[0], shape, np.int32)
        if not vectors:
            return (codes,)
        return (codes, arguments.output("out[1]", given[1], (*shape, self._dim), np.float32),
                arguments.output("out[2]", given[2], (*shape, self._dim), np.float32))

    def __repr__(self) -> str:
        return (f"<libunicode.Encoder {self.modality!r}, up to {self.max_batch} clips of {self.max_length} steps"
                f"{', closed' if self.closed else ''}>")
