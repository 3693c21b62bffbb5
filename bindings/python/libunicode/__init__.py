"""Python binding of libunicode: one integer code per time step, whatever the modality.

    import libunicode

    with libunicode.Model("model.npz") as model:
        encoder = model.encoder("speech", max_batch=64, max_length=10)
        codes = encoder.encode(features)                      # [B,T,128] -> [B,T] int32

The C library is looked for in this order: the path in the environment variable LIBUNICODE; this
package's directory; the build tree that bindings/python stands in; the system (libunicode.so.0).
"""

from ._errors import (ArgumentError, CancelledError, ConfigError, DataError, Error, FileError,
                      FormatError, KernelError, MismatchError, NotFoundError, NumericError,
                      OutOfMemoryError, ShapeError, StateError)
from ._model import Encoder, Model, get_threads, set_threads, version

__version__ = "0.1.0"

__all__ = ["ArgumentError", "CancelledError", "ConfigError", "DataError", "Encoder", "Error",
           "FileError", "FormatError", "KernelError", "MismatchError", "Model", "NotFoundError",
           "NumericError", "OutOfMemoryError", "ShapeError", "StateError", "get_threads",
           "set_threads", "version"]
