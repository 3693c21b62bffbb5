"""C objects: who owns them, who may use them at a time, numpy arrays that look into their memory."""

from __future__ import annotations

import functools
import io
import threading
import weakref
from typing import Any, Callable, ContextManager, List, Optional, Sequence, Tuple, Type, TypeVar

import numpy as np
import numpy.typing as npt

from ._callback import Hold
from ._errors import FileError, FormatError, StateError

_Self = TypeVar("_Self", bound="Handle")


class Owner:
    """A C object that is freed when nothing refers to it: no Python object, no call under way, no view.

    Its __del__ is C's function: in one in Python Ctrl-C would be lost, for Python drops what a __del__ raises.
    """

    __slots__ = ("pointer", "__del__", "__weakref__")

    def __init__(self, pointer: Any, free: Callable[[Any], None]) -> None:
        self.pointer, self.__del__ = pointer, functools.partial(free, pointer)

    def __reduce__(self) -> Any:
        raise TypeError("an object that looks into C memory cannot be pickled or copied; copy its arrays")


class Turn:
    """A `with` block in which a lock is held: it gives the C pointer, and keeps what the pointer needs.

    Its __exit__ is the lock's, which is C: before the first line of one in Python Ctrl-C may come, and the lock
    would stay locked. `lock` None: there is nothing to wait for.
    """

    __slots__ = ("_lock", "_take", "_ready", "__exit__")

    def __init__(self, lock: Any, take: Callable[[], Tuple[Any, Any]], ready: Optional[Callable[[], None]] = None) -> None:
        """take() gives what is kept and the pointer; `ready` waits, once it has the lock, for what else there is."""
        self._lock, self._take, self._ready = lock, take, ready
        self.__exit__ = functools.partial(_nothing if lock is None else lock.__exit__)

    def __enter__(self) -> Any:
        try:
            if self._lock is not None:
                self._lock.acquire()
            if self._ready is not None:
                self._ready()
            self.__exit__.kept, pointer = self._take()
            return pointer
        except BaseException:
            self.leave()
            raise

    def leave(self) -> None:
        """As if it had not been entered."""
        if self._lock is not None and self._lock._is_owned():
            self._lock.release()


def _nothing(*_: Any) -> None:
    pass


class _Calling:
    """A turn in which C may call Python: what signals' handlers raise, and what file objects did, comes out of it."""

    def __init__(self, turn: Turn, files: Sequence[Any]) -> None:
        self._turn, self._files, self._hold = turn, files, Hold()

    def __enter__(self) -> Any:
        try:
            pointer = self._turn.__enter__()
            self._hold.__enter__()
            return pointer
        except BaseException:
            self._turn.leave()
            raise

    def __exit__(self, kind: Any, error: Optional[BaseException], traceback: Any) -> None:
        self._turn.__exit__(kind, error, traceback)         # signals are held, so nothing comes between
        if isinstance(error, (FileError, FormatError)):
            for file in self._files:
                raised, file.error = file.error, None
                self._hold.error = self._hold.error or raised
        self._hold.__exit__(kind, error, traceback)


class Handle:
    """A C object's Python object: let go by close(), at the end of a `with` block, or when unreachable.

    Threads that use it take turns, while C computes as well; other Python threads run meanwhile.
    """

    _kind = "object"
    _instead = "make another one"       # of what cannot be pickled or copied
    _calls_back = False                 # whether C may call Python in any call, as to read a file object
    _files: Sequence[Any] = ()          # the file objects that it reads, as _io.Reader

    def __init__(self, pointer: Any, free: Callable[[Any], None]) -> None:
        self._owner: Optional[Owner] = Owner(pointer, free)
        self._lock: Any = threading.RLock()

    def _reads(self, files: Sequence[Any]) -> None:
        """C reads these file objects in later calls."""
        self._files, self._calls_back = files, bool(files)

    def _owned(self) -> Owner:
        owner = self._owner
        if owner is None:
            raise StateError(f"the {self._kind} is closed")
        return owner

    def _taken(self) -> Tuple[Owner, Any]:
        owner = self._owned()
        return owner, owner.pointer

    def _in_use(self) -> StateError:
        return StateError(f"the {self._kind} is in use: a callback must not call what called it")

    def _use(self, pointer: Optional[Callable[[], Any]] = None) -> ContextManager[Any]:
        """The C pointer, which no other thread uses meanwhile; or what `pointer` gives, of something that is in it."""
        if self._lock._is_owned():
            raise self._in_use()
        turn = Turn(self._lock, self._taken if pointer is None else lambda: (self._owned(), pointer()))
        return _Calling(turn, self._files) if self._calls_back else turn

    def __reduce__(self) -> Any:
        raise TypeError(f"the {self._kind} cannot be pickled or copied; {self._instead}")

    def close(self) -> None:
        """Let the C object go; using it afterwards raises StateError. May be called again.

        It is freed at once, or when the last call in another thread and the last array that looks into its
        memory are done with it.
        """
        self._owner = None

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._owner is None

    def __enter__(self: _Self) -> _Self:
        self._owned()
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class SharedHandle(Handle):
    """A C object that any number of threads read at a time, and that one alone changes.

    A thread that reads holds a lock of its own. One that writes holds `_lock`, and has waited for each reader's once;
    readers that come meanwhile see `_writing`, and wait for it. So the writer comes before readers that come later.
    """

    def __init__(self, pointer: Any, free: Callable[[Any], None]) -> None:
        super().__init__(pointer, free)
        self._own = threading.local()
        self._locks: List[Any] = []     # of readers, weakly: they go with their threads
        self._writing = False           # true while one writes or waits to; after it until the next reader comes

    def _own_lock(self) -> Any:
        """This thread's lock."""
        lock = getattr(self._own, "lock", None)
        if lock is None:
            lock = self._own.lock = threading.RLock()
            self._locks.append(weakref.ref(lock, self._locks.remove))
        return lock

    def _read(self) -> ContextManager[Any]:
        """The C pointer, which nobody changes meanwhile."""
        if self._lock._is_owned():
            raise self._in_use()
        lock = self._own_lock()
        if lock._is_owned():            # a callback of a call that reads
            return Turn(None, self._taken)
        return Turn(lock, self._taken, functools.partial(self._let_write, lock))

    def _let_write(self, own: Any) -> None:
        while self._writing:
            own.release()
            with self._lock:
                self._writing = False
            own.acquire()

    def _use(self, pointer: Optional[Callable[[], Any]] = None) -> ContextManager[Any]:
        """The C pointer, to change what it points to."""
        if self._lock._is_owned() or self._own_lock()._is_owned():
            raise self._in_use()
        return Turn(self._lock, self._taken, self._wait_for_readers)

    def _wait_for_readers(self) -> None:
        self._writing = True
        for reference in list(self._locks):
            lock = reference()
            if lock is not None:
                with lock:
                    pass


class Saved(Handle):
    """A handle whose file holds all of it: pickle, copy and joblib write and read one in memory."""

    def save(self, path: Any) -> None:
        """Write the file."""
        raise NotImplementedError

    @classmethod
    def _open(cls, data: memoryview) -> Any:
        """What save() wrote, again."""
        return cls.load(data)           # type: ignore[attr-defined]

    def __reduce__(self) -> Any:
        file = io.BytesIO()
        self.save(file)
        return _restore, (type(self), file.getvalue())


def _restore(cls: Type[Saved], data: bytes) -> Any:
    return cls._open(memoryview(data))


class _Memory:
    """What numpy asks for to look into an owner's memory, read-only; the array keeps it, and it the owner."""

    def __init__(self, owner: Owner, address: int, shape: Tuple[int, ...], dtype: Any) -> None:
        self._owner = owner
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": np.dtype(dtype).str,
                                    "data": (address, True)}


def view(owner: Owner, address: int, shape: Tuple[int, ...], dtype: Any = np.float32) -> npt.NDArray[Any]:
    """A read-only array over memory of `owner`, which lives as long as the array."""
    return np.asarray(_Memory(owner, address, shape, dtype))
