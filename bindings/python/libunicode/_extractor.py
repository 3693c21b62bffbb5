"""Extractors: features of sound, pictures and text."""

from __future__ import annotations

import ctypes
from typing import Any, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _io, _lib
from ._arguments import Readable, Vectors, Writable
from ._errors import ArgumentError, DataError
from ._handle import Handle, Saved
from ._lib import lib
from ._progress import Teller, Told

_INPUTS = {_lib.EXTRACTOR_SOUND: "sound", _lib.EXTRACTOR_FRAMES: "frames", _lib.EXTRACTOR_TEXT: "text"}
_LISTS = {"vocabulary": _lib.EXTRACTOR_VOCABULARY, "keep": _lib.EXTRACTOR_KEEP}


class Extractor(Saved):
    """Features of what a decoder gives, one row a step.

        spectra = libunicode.Extractor("logmel", framing="vggish").extract(samples)    # [n] -> [T,96,64]
        words = libunicode.Extractor("ngrams").extract("a red shoe")                   # [3,64]
        cells = libunicode.Extractor("patches").fit(frames).extract(frames)            # [n,28,28,3] -> [n,7,7,64]

    Threads that use one take turns; for more at a time, make one for each.
    """

    _kind = "extractor"

    def __init__(self, kind: str, *, threads: int = 0, **settings: Union[str, int, float]) -> None:
        """An extractor of this kind; docs/media.md lists kinds and their settings.

        kind      "logmel", "ngrams", ..., or the text of another one's `settings`.
        threads   that it computes with; 0: the process's number.
        settings  keys of the kind.

        Raises ConfigError (an unknown kind or key, a value out of bounds); OutOfMemoryError.
        """
        for key, value in {"kind": arguments.instance("kind", kind, str), **settings}.items():
            if key != "kind" and "\n" in str(value):
                raise ArgumentError(f"the setting {key!r}: {value!r} is not one line of `key = value`")
        lines = [kind if "=" in kind else f"kind = {kind}"] + [f"{key} = {value}" for key, value in settings.items()]
        options = _lib.sized(_lib.ExtractorOptions, threads=arguments.threads(threads))
        pointer = _lib.EXTRACTOR()
        lib.unic_extractor_create(ctypes.byref(pointer), arguments.text("settings", "\n".join(lines)),
                                  ctypes.byref(options))
        super().__init__(pointer, lib.unic_extractor_free)
        self._describe()

    def _describe(self) -> None:
        with self._use() as extractor:
            self.kind: str = lib.unic_extractor_kind(extractor).decode()
            self.settings: str = lib.unic_extractor_settings(extractor).decode()
            self.input: str = _INPUTS[lib.unic_extractor_input_of(extractor)]
            self.rate: float = lib.unic_extractor_rate(extractor)
            self.dims: Tuple[int, ...] = arguments.dims_of(lib.unic_extractor_feature_dims, extractor)
            self.input_dims: Tuple[int, ...] = arguments.dims_of(lib.unic_extractor_input_dims, extractor)

    @classmethod
    def load(cls, path: Readable, *, memory_limit: int = 0, progress: Optional[Told] = None) -> "Extractor":
        """An extractor that save() wrote.

        path          a path; or the contents of a file, or a file object opened for bytes (docs/python.md).
        memory_limit  bytes that what is in the file may take; 0: no limit.
        progress      called as f("bytes", done, total) while the file is read; something true stops it: CancelledError.
        """
        pointer, teller = _lib.EXTRACTOR(), Teller(progress, stoppable=True)
        with teller.watch():
            _io.load(pointer, path, lib.unic_extractor_load, lib.unic_extractor_load_source,
                     arguments.limit(memory_limit, progress=teller.pointer))
            self = cls.__new__(cls)
            Handle.__init__(self, pointer, lib.unic_extractor_free)
        self._describe()
        return self

    def save(self, path: Writable) -> None:
        """Write settings and weights. Raises StateError if it has no weights yet."""
        with self._use() as extractor:
            _io.save(extractor, path, lib.unic_extractor_save, lib.unic_extractor_save_sink)

    def fit(self, given: npt.ArrayLike) -> "Extractor":
        """Learn the weights of kind "patches" from frames [n,H,W,3] uint8, and forget what it learnt before.

        Raises ArgumentError (another kind); ShapeError; DataError (too few frames, or nothing to see in them).
        """
        x = arguments.real("input", given)
        with self._use() as extractor:
            lib.unic_extractor_fit(extractor, arguments.array(x))
        return self

    def normalise(self, features: npt.ArrayLike) -> "Extractor":
        """Bring each channel, an entry of the last axis, to the mean 0 and the deviation 1 over features that it gave.

        features  [steps,...] as extract() gives them, of the training clips mostly: np.concatenate() of several.

        Means and deviations are part of what save() writes and of the fingerprint. Raises ShapeError; DataError (NaN, Inf,
        features that do not vary); StateError (it has no weights yet).
        """
        x = arguments.real("features", features)
        with self._use() as extractor:
            lib.unic_extractor_normalise(extractor, arguments.array(x))
        return self

    def load_weights(self, path: Readable, *, memory_limit: int = 0, progress: Optional[Told] = None) -> "Extractor":
        """Give a pretrained network ("vggish", "vgg19", "bert") the weights of a file: of torch.save(), safetensors, or an npz.

        path, memory_limit, progress  as for load().

        Raises FormatError, which lists tensors that are missing or have other shapes; ArgumentError (a kind without
        such weights). It is as before after a failure.
        """
        teller = Teller(progress, stoppable=True)
        with self._use() as extractor, teller.watch():
            _io.read(extractor, path, lib.unic_extractor_load_weights, lib.unic_extractor_load_weights_source,
                     arguments.limit(memory_limit, progress=teller.pointer))
        self._describe()
        return self

    def load_words(self, path: Readable, words: str = "vocabulary", *, memory_limit: int = 0,
                   progress: Optional[Told] = None) -> "Extractor":
        """Give an extractor of kind "bert" a list of words, one a line.

        path          as for load(); a text in memory as io.BytesIO or a bytearray, since bytes are taken for a path.
        words         "vocabulary": the pieces of WordPiece, as a vocab.txt has them; "keep": the words that give a step,
                      as the tokenizer makes them (in lower case). All others, and those of several pieces, give none.
        memory_limit, progress  as for load().

        Raises FormatError (a line that is not as expected, a piece that is missing, a network of fewer pieces);
        ArgumentError (a kind without such lists). It is as before after a failure.
        """
        number, teller = _LISTS[arguments.choice("words", words, _LISTS)], Teller(progress, stoppable=True)
        with self._use() as extractor, teller.watch():
            _io.read(extractor, path, lambda e, at, options: lib.unic_extractor_load_words(e, at, number, options),
                     lambda e, source, options: lib.unic_extractor_load_words_source(e, source, number, options),
                     arguments.limit(memory_limit, progress=teller.pointer))
        return self

    @property
    def fingerprint(self) -> int:
        """A hash of settings and weights: features of equal ones may be mixed."""
        with self._use() as extractor:
            return int(lib.unic_extractor_fingerprint(extractor))

    def extract(self, given: Union[str, npt.ArrayLike], out: Optional[Vectors] = None) -> Vectors:
        """The features [T,...] of sound [n], of frames [n,H,W,3] uint8 or of a text, whichever it reads.

        T is 0 if the input is shorter than one step. With `out`, whose shape must be that of the result, they are
        written there.

        Raises ShapeError; DataError (NaN, Inf, text that is not UTF-8); ArgumentError (it reads something else);
        NumericError (samples so large that features are not finite).
        """
        call: Any
        what: Tuple[Any, ...]
        if isinstance(given, str):
            try:
                data = given.encode()
            except UnicodeEncodeError as error:
                raise DataError(f"the text is not UTF-8: {error}") from None
            call, what = lib.unic_extractor_extract_text, (data, len(data))
        else:
            x = arguments.real("input", given)
            call, what = lib.unic_extractor_extract, (arguments.array(x),)
        steps = ctypes.c_size_t()
        with self._use() as extractor:
            call(ctypes.byref(steps), extractor, *what, 0, None)
            features = arguments.output("out", out, (steps.value, *self.dims), np.float32)
            call(ctypes.byref(steps), extractor, *what, steps.value, arguments.address(features))
        return features

    def __repr__(self) -> str:
        return f"<libunicode.Extractor {self.kind!r}, {self.input} to {self.dims}{', closed' if self.closed else ''}>"
