"""Several processes that train as one: MPI's, by mpi4py, or whatever sums up and gathers."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Any, Callable, Dict, Iterator, Optional, Union

import numpy as np

from . import _arguments as arguments
from . import _lib
from ._callback import Hold, guarded, keep
from ._errors import ArgumentError, FileError
from ._handle import Owner

SONAME = "libunicode-mpi.so.0"
_TYPES = {_lib.COMM_FLOAT32: np.float32, _lib.COMM_FLOAT64: np.float64, _lib.COMM_INT64: np.int64}
_mpi: Any = None            # libunicode-mpi, once it is asked for


class Ranks:
    """The ranks of a training, of which this process is one.

        ranks = libunicode.Ranks(MPI.COMM_WORLD, timeout=60)                # mpi4py's
        data = libunicode.Dataset("train.npz", batch=32, seed=0, part=ranks.rank, parts=ranks.size)
        trainer = libunicode.Trainer(config, comm=ranks)

    All ranks make the same calls of their trainers, in the same order, from the thread that made this.
    """

    def __init__(self, comm: Any, *, timeout: float = 0, check_steps: int = 0) -> None:
        """All ranks call it.

        comm         an intracommunicator of mpi4py, which is copied: through libunicode-mpi, which must be of the MPI
                     that mpi4py is of. Or an object with `rank`, `size`, `sum(array)`, which replaces what is in the
                     array by the sum over all ranks, the same bits at each, and `gather(part, all)`, which writes
                     every rank's uint8 `part` to its row of `all` [size, len(part)].
        timeout      MPI: seconds after which a rank that waits for the others fails; 0: 600.
        check_steps  after so many steps, and before the first, ranks compare their states; 0: 100, -1: the first alone.
                     The same at all ranks.

        Raises ImportError (no libunicode-mpi), ArgumentError, FileError (MPI's), StateError (MPI is finalised).
        """
        self.calls_back = False         # whether C calls Python for it
        check = arguments.integer("check_steps", check_steps, -1, 2**31 - 1)
        join = self._join if hasattr(comm, "py2f") else self._wrap
        join(comm, arguments.number("timeout", timeout), check)
        self.rank: int = self.struct.rank
        self.size: int = self.struct.size

    # ---- MPI ----

    def _join(self, comm: Any, timeout: float, check_steps: int) -> None:
        from . import _mpi_declarations as declared
        mpi, pointer = _library(), declared.MPI()
        mpi.unic_mpi_create(ctypes.byref(pointer), ctypes.byref(_lib.sized(
            declared.MpiOptions, timeout=timeout, check_steps=check_steps, communicator=comm.py2f())))
        self._owner = Owner(pointer, mpi.unic_mpi_free)
        self.struct = mpi.unic_mpi_comm(pointer).contents
        self._words: Callable[[], str] = lambda: mpi.unic_mpi_last_error().decode(errors="replace")

    # ---- an object of the caller's ----

    def _wrap(self, comm: Any, timeout: float, check_steps: int) -> None:
        missing = [name for name in ("rank", "size", "sum", "gather") if not hasattr(comm, name)]
        if missing:
            raise ArgumentError(f"comm has no {', '.join(missing)}; a communicator of mpi4py, or an object with rank, "
                                "size, sum and gather is expected")
        if timeout:
            raise ArgumentError(f"timeout is {timeout}, but how long {type(comm).__name__} waits is its own affair")
        kinds = dict((name, kind) for name, kind, *_ in _lib.Comm._fields_)

        def failed(error: BaseException, *_given: Any) -> int:
            keep(error)
            return FileError.status

        def add(data: int, count: int, kind: int, request: Any, _user: Any) -> int:
            with _copied(data, count, _TYPES[kind]) as own:
                comm.sum(own)
            return 0

        def gather(data: int, count: int, everything: int, _user: Any) -> int:
            with _copied(data, count, np.uint8) as own, _copied(everything, count * size, np.uint8) as rows:
                comm.gather(own, rows.reshape(size, count))
            return 0

        size = arguments.integer("comm.size", comm.size, 1, 2**31 - 1)
        self._words = lambda: ""
        self.struct = _lib.sized(
            _lib.Comm, rank=arguments.integer("comm.rank", comm.rank, 0, size - 1), size=size, check_steps=check_steps,
            sum_start=kinds["sum_start"](guarded(add, failed)),
            sum_wait=kinds["sum_wait"](guarded(lambda _request, _user: 0, failed)),
            gather=kinds["gather"](guarded(gather, failed)))
        self.calls_back = True

    # ---- what a trainer asks ----

    @contextlib.contextmanager
    def watch(self) -> Iterator[None]:
        """Around a call: what went wrong between the ranks is raised as it was, or with MPI's words."""
        with Hold() if self.calls_back else contextlib.nullcontext():
            try:
                yield
            except FileError as error:
                words = self._words() if "comm->" in str(error) else ""
                if not words:
                    raise
                raise FileError(f"{error}: {words}") from None

    def total(self, count: int) -> int:
        """The sum of a number over all ranks, which all ask for."""
        own, every = np.array([count], np.int64), np.empty(self.size, np.int64)
        with self.watch():
            status = self.struct.gather(own.ctypes.data, own.nbytes, every.ctypes.data, self.struct.user)
            if status:
                raise FileError(f"rank {self.rank} of {self.size}: comm->gather returned {status}")
        return int(every.sum())

    def __reduce__(self) -> Any:
        raise TypeError("ranks cannot be pickled or copied; make others of the same communicator")

    def __repr__(self) -> str:
        return f"<libunicode.Ranks: rank {self.rank} of {self.size}>"


Communicator = Union[Ranks, Any]


def of(comm: Optional[Communicator]) -> Optional[Ranks]:
    """What is given to a trainer."""
    return comm if comm is None or isinstance(comm, Ranks) else Ranks(comm)


@contextlib.contextmanager
def _copied(address: int, count: int, kind: Any) -> Iterator[Any]:
    """An array of what C has there, and back what becomes of it: the caller may keep the array, C's memory goes."""
    memory = np.frombuffer((ctypes.c_char * (count * np.dtype(kind).itemsize)).from_address(address), kind)
    own = memory.copy()
    yield own
    memory[:] = own


def _library() -> Any:
    """libunicode-mpi, of the same MPI as mpi4py: two in one process would not know of each other."""
    global _mpi
    if _mpi is None:
        import mpi4py.MPI
        from . import _mpi_declarations as declared
        mpi = _lib.beside(SONAME, "mpicc is installed")
        _lib.declare(mpi, declared.SIGNATURES, "unic_mpi_last_error")
        versions: Dict[str, Any] = {
            name: ctypes.cast(library.MPI_Get_library_version, ctypes.c_void_p).value
            for name, library in (("mpi4py", ctypes.CDLL(mpi4py.MPI.__file__)), ("libunicode-mpi", mpi))}
        if len(set(versions.values())) > 1:
            raise ImportError("mpi4py and libunicode-mpi are of different MPIs; make MPICC=... builds libunicode-mpi for "
                              f"another: {mpi4py.MPI.Get_library_version().splitlines()[0]} expected")
        _mpi = mpi
    return _mpi
