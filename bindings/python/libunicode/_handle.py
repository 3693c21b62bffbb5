"""C objects: who owns them, who may use them at a time, numpy arrays that look into their memory."""

from __future__ import annotations

import contextlib
import io
import threading
from typing import Any, Callable, Iterator, Optional, Tuple, Type, TypeVar

import numpy as np
import numpy.typing as npt

from ._errors import StateError

_Self = TypeVar("_Self", bound="Handle")


class Owner:
    """A C object that is freed when nothing refers to it: no Python object, no call under way, no view."""

    __slots__ = ("pointer", "_free", "__weakref__")

    def __init__(self, pointer: Any, free: Callable[[Any], None]) -> None:
        self.pointer, self._free = pointer, free

    def __del__(self) -> None:
        self._free(self.pointer)

    def __reduce__(self) -> Any:
        raise TypeError("an object that looks into C memory cannot be pickled or copied; copy its arrays")


class Handle:
    """A C object's Python object: let go by close(), at the end of a `with` block, or when unreachable.

    Threads that use it take turns, while C computes as well; other Python threads run meanwhile.
    """

    _kind = "object"
    _instead = "make another one"       # of what cannot be pickled or copied

    def __init__(self, pointer: Any, free: Callable[[Any], None]) -> None:
        self._owner: Optional[Owner] = Owner(pointer, free)
        self._lock = threading.RLock()
        self._busy = False

    def _owned(self) -> Owner:
        owner = self._owner
        if owner is None:
            raise StateError(f"the {self._kind} is closed")
        return owner

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        """The C pointer, which no other thread uses meanwhile."""
        with self._lock:
            if self._busy:
                raise StateError(f"the {self._kind} is in use: a callback must not call what called it")
            owner = self._owned()
            self._busy = True
            try:
                yield owner.pointer
            finally:
                self._busy = False

    def __reduce__(self) -> Any:
        raise TypeError(f"a {self._kind} cannot be pickled or copied; {self._instead}")

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
    """A C object that any number of threads read at a time, and that one alone changes."""

    def __init__(self, pointer: Any, free: Callable[[Any], None]) -> None:
        super().__init__(pointer, free)
        self._changed = threading.Condition()
        self._readers = 0
        self._writing = False

    @contextlib.contextmanager
    def _read(self) -> Iterator[Any]:
        """The C pointer, which nobody changes meanwhile."""
        owner = self._owned()
        with self._changed:
            self._changed.wait_for(lambda: not self._writing)
            self._readers += 1
        try:
            yield owner.pointer
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextlib.contextmanager
    def _use(self) -> Iterator[Any]:
        """The C pointer, to change what it points to."""
        owner = self._owned()
        with self._changed:
            self._changed.wait_for(lambda: not self._writing and not self._readers)
            self._writing = True
        try:
            yield owner.pointer
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()


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
