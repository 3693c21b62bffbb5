"""One exception class for each status of the C library."""

from __future__ import annotations

from . import _declarations


class Error(Exception):
    """Whatever the library refuses; its text is the library's message.

    `status` is the value of the C enum unic_status, the same in every version.
    """

    status = 0


class ArgumentError(Error, ValueError):
    """UNIC_E_ARG: an argument is out of range or contradicts another."""

    status = _declarations.E_ARG


class ShapeError(Error, ValueError):
    """UNIC_E_SHAPE: an array's rank or dims are not what was expected."""

    status = _declarations.E_SHAPE


class DataError(Error, ValueError):
    """UNIC_E_VALUE: data holds a value that is not allowed (NaN, Inf, a length beyond T)."""

    status = _declarations.E_VALUE


class OutOfMemoryError(Error, MemoryError):
    """UNIC_E_NOMEM: out of memory; every object stays usable."""

    status = _declarations.E_NOMEM


class FileError(Error, OSError):
    """UNIC_E_IO: the operating system refused to read or write."""

    status = _declarations.E_IO


class FormatError(Error, ValueError):
    """UNIC_E_FORMAT: a file is damaged, hostile or of another format."""

    status = _declarations.E_FORMAT


class ConfigError(Error, ValueError):
    """UNIC_E_CONFIG: an unknown key, or a value outside what the key allows."""

    status = _declarations.E_CONFIG


class StateError(Error, RuntimeError):
    """UNIC_E_STATE: the object is not in a state that allows the call: untrained, finished, closed, or in use by another
    call.
    """

    status = _declarations.E_STATE


class NotFoundError(Error, LookupError):
    """UNIC_E_NOTFOUND: a name that does not exist (modality, member, file)."""

    status = _declarations.E_NOTFOUND


class NumericError(Error, ArithmeticError):
    """UNIC_E_NUMERIC: a number is NaN, Inf or too large for its type: a loss or gradient, whose step was not taken, or a
    result.
    """

    status = _declarations.E_NUMERIC


class KernelError(Error, RuntimeError):
    """UNIC_E_KERNEL: oneDNN failed, or zlib could not begin."""

    status = _declarations.E_KERNEL


class MismatchError(Error, ValueError):
    """UNIC_E_MISMATCH: two objects do not belong together (another codebook's codes)."""

    status = _declarations.E_MISMATCH


class CancelledError(Error, RuntimeError):
    """UNIC_E_CANCELLED: a callback asked to stop."""

    status = _declarations.E_CANCELLED


_CLASSES = {cls.status: cls for cls in Error.__subclasses__()}


def error_of(status: int, message: str) -> Error:
    """The exception of a status; a status of a newer library is a plain Error."""
    error = _CLASSES.get(status, Error)(message)
    error.status = status
    return error
