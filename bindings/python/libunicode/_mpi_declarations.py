"""Constants, structures and signatures of the C library; written by tests/abi/generate.py (make generate)."""

from __future__ import annotations

from ctypes import (POINTER, Structure, c_char_p, c_double, c_int32, c_size_t, c_void_p)
from typing import Any, Dict, List, Tuple

from ._declarations import Comm, Status, opaque


MPI = opaque("unic_mpi")


class MpiOptions(Structure):
    """unic_mpi_options"""

    _fields_ = [("struct_size", c_size_t), ("timeout", c_double), ("check_steps", c_int32), ("communicator", c_int32),
                ("reserved", c_void_p * 4)]


# name: result, arguments. Numbers that numpy holds go by address: c_void_p.
SIGNATURES: Dict[str, Tuple[Any, List[Any]]] = {
    "unic_mpi_create": (Status, [POINTER(MPI), POINTER(MpiOptions)]),
    "unic_mpi_free": (None, [MPI]),
    "unic_mpi_comm": (POINTER(Comm), [MPI]),
    "unic_mpi_abort": (None, [MPI]),
    "unic_mpi_last_error": (c_char_p, []),
}
