"""Python binding of libunicode: one integer code per time step, whatever the modality.

    import libunicode

    data = libunicode.Dataset("train.npz", batch=32, seed=0)
    trainer = libunicode.Trainer(libunicode.Config(preset="small", modalities=data))
    trainer.fit(data, progress=True)
    model = trainer.model()
    codes = model.encode("speech", features)                      # [N,T,128] -> [N,T] int32

The C library is looked for in this order: the path in the environment variable LIBUNICODE; this package's
directory; the build tree that bindings/python stands in; the prefix that this package is installed in; the system
(libunicode.so.0). libunicode.metrics scores predictions; libunicode.plot draws, with matplotlib, which is imported
when it is first used.
"""

from __future__ import annotations

from typing import Any

from . import columns, metrics
from ._batch import Batch
from ._class_map import ClassMap
from ._codebook import Channels, Codebook, Drift, Soft, State, Usage
from ._config import Config, Key
from ._dataset import Arrays, Dataset
from ._errors import (ArgumentError, CancelledError, ConfigError, DataError, Error, FileError, FormatError, KernelError,
                      MismatchError, NotFoundError, NumericError, OutOfMemoryError, ShapeError, StateError)
from ._extractor import Extractor
from ._head import Head
from ._index import Found, Index, pool_histogram, pool_mean
from ._library import get_threads, set_log, set_threads, version
from ._model import Encoder, Model
from ._ranks import Ranks
from ._retriever import Retriever, RetrieverSettings
from ._segmenter import Segmenter, SegmenterSettings
from ._stream import Stream
from ._trainer import Draws, Trainer

__version__ = "0.1.0"

__all__ = ["ArgumentError", "Arrays", "Batch", "CancelledError", "Channels", "ClassMap", "Codebook", "Config",
           "ConfigError", "DataError", "Dataset", "Draws", "Drift", "Encoder", "Error", "Extractor", "FileError",
           "FormatError", "Found", "Head", "Index", "KernelError", "Key", "MismatchError", "Model", "NotFoundError",
           "NumericError", "OutOfMemoryError", "Ranks", "Retriever", "RetrieverSettings", "Segmenter", "SegmenterSettings",
           "ShapeError", "Soft", "State", "StateError", "Stream", "Trainer", "Usage", "columns", "get_threads", "metrics", "plot",
           "pool_histogram", "pool_mean", "set_log", "set_threads", "version"]


def __getattr__(name: str) -> Any:
    if name == "plot":
        import importlib
        return importlib.import_module(__name__ + ".plot")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
