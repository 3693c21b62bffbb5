"""Data to train on, batch by batch: files, or arrays in memory."""

from __future__ import annotations

import _thread
import atexit
import ctypes
import os
import sys
import weakref
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _callback
from . import _io
from . import _lib
from ._arguments import Codes, Readable
from ._batch import Batch, LentBatch, modalities_of
from ._errors import ArgumentError, FormatError, NotFoundError, ShapeError, StateError
from ._exchange import array_of
from ._handle import Handle, Owner
from ._lib import lib
from ._progress import Teller, Told

_ON_DAMAGE = {"fail": _lib.DAMAGE_FAILS, "skip": _lib.DAMAGE_SKIPS}


class Dataset(Handle):
    """Feature files opened for streaming, read ahead by a thread of their own (docs/data.md has the formats).

        for batch in libunicode.Dataset("train.npz", batch=32, seed=0):      # one epoch
            report = trainer.step(batch)

    Each `for` begins an epoch, shuffled anew. A batch is lent until the next one is asked for: its arrays look
    into the dataset's memory, and batch.copy() keeps them. Memory is bounded by the batches, not by the files.
    A process forked from this one must open its own.
    """

    _kind = "dataset"
    _instead = "open another one of the same paths"

    def __init__(self, paths: Union[Readable, Sequence[Readable]], *, modalities: Sequence[str] = (),
                 batch: int = 32, seed: Optional[int] = None, drop_last: bool = False, prefetch: int = 2,
                 on_damage: str = "fail", length: int = 0, split: Optional[str] = None,
                 repeat_last: Sequence[str] = (), memory_limit: int = 0, progress: Optional[Told] = None,
                 part: int = 0, parts: int = 1) -> None:
        """Open files and folders; their clips are counted through them.

        paths        of files and folders; or file objects, or contents of files, each an npz (docs/python.md).
        modalities   names to read; none: every one there is.
        batch        clips a batch.
        seed         of the shuffle; None: the files' order.
        drop_last    leave out a last batch that is not whole.
        prefetch     batches read ahead, 0..1024; 0: and no thread.
        on_damage    of a damaged clip in a file of its own: "fail", or "skip": the clip lacks the modality.
        length       T of the batches, longer clips are cut; 0: that of the longest.
        split        of a table's clips those of this one.
        repeat_last  modalities whose clips that are too short repeat their last step up to T.
        memory_limit bytes that what is in the files may take at a time, batches included; 0: no limit.
        progress     while it is opened called as f(what, done, total), of "files" and of "clips" that are opened
                     one by one; something true stops it: CancelledError.
        part, parts  this part, from 0, of so many of each batch, as the ranks of a training take them: the clips
                     part x B .. (part + 1) x B - 1 of it with B = batch / parts rounded up, which may be none.

        Raises FileError, FormatError, NotFoundError, ShapeError, DataError, ArgumentError.
        """
        arguments.choice("on_damage", on_damage, _ON_DAMAGE)
        several: Any = [paths] if _io.is_one(paths) else arguments.several("paths", paths)
        contents = [one for one in several if _io.is_contents(one)]
        if contents and len(contents) < len(several):
            raise TypeError("paths and contents of files cannot be in one dataset")
        names = [] if contents else [arguments.path(one) for one in several]  # type: ignore[arg-type]
        read, read_count = arguments.texts("modalities", modalities)
        repeat, repeat_count = arguments.texts("repeat_last", repeat_last)
        teller = Teller(progress, stoppable=True)
        options = _lib.sized(
            _lib.DatasetOptions, modalities=read, modality_count=read_count,
            batch=arguments.integer("batch", batch, 0), shuffle=seed is not None,
            seed=arguments.integer("seed", 0 if seed is None else seed, 0, 2**64 - 1), drop_last=bool(drop_last),
            prefetch=arguments.integer("prefetch", prefetch, 0, 2**31 - 1), on_damage=_ON_DAMAGE[on_damage],
            length=arguments.integer("length", length, 0),
            split=None if split is None else arguments.text("split", split),
            repeat_last=repeat, repeat_last_count=repeat_count, progress=teller.pointer,
            memory_limit=arguments.integer("memory_limit", memory_limit, 0),
            part=arguments.integer("part", part, 0, 2**31 - 1), parts=arguments.integer("parts", parts, 1, 2**31 - 1))
        self.part, self.parts = part, parts
        self.skips = on_damage == "skip"
        pointer = _lib.DATASET()
        with teller.watch():
            if contents:
                with _io.opened(*contents) as sources:
                    self._reads(_io.readers_of(sources))
                    lib.unic_dataset_open_sources(
                        ctypes.byref(pointer), (ctypes.POINTER(_lib.Source) * len(sources))(
                            *map(ctypes.pointer, sources)), len(sources), ctypes.byref(options))
            else:
                lib.unic_dataset_open(ctypes.byref(pointer), (ctypes.c_char_p * len(names))(*names), len(names),
                                      ctypes.byref(options))
            self._process = os.getpid()
            super().__init__(pointer, _free_reading if self._files else lib.unic_dataset_free)
            _owners.append(weakref.ref(self._owner, _owners.remove))
            if self._files:
                _reading.append(weakref.ref(self, _reading.remove))
        self._turn = 0           # grows whenever the batch that was lent goes
        self._begun = False      # whether an epoch is under way
        self._epoch = 0
        self._names = self.modalities

    def _owned(self) -> Owner:
        if os.getpid() != self._process:
            raise StateError("the dataset is of the process that opened it; a forked one must open its own")
        return super()._owned()

    @property
    def modalities(self) -> Tuple[str, ...]:
        """The modalities that are read, in the order named or of the paths."""
        with self._use() as dataset:
            names = [lib.unic_dataset_modality_name(dataset, i) for i in range(lib.unic_dataset_modality_count(dataset))]
        try:
            return tuple(name.decode() for name in names)
        except UnicodeDecodeError as error:
            raise FormatError(f"the modality {error.object!r} has a name that is not UTF-8: rename its array or directory, "
                              "or name those that are meant (modalities=)") from None

    def feature_dims(self, modality: str) -> Tuple[int, ...]:
        """The dims of one step of a modality's features, as (7, 7, 64) or (128,)."""
        with self._use() as dataset:
            return arguments.dims_of(lib.unic_dataset_feature_dims, dataset, arguments.text("modality", modality))

    @property
    def clip_count(self) -> int:
        """N, the clips of all paths."""
        with self._use() as dataset:
            return lib.unic_dataset_clip_count(dataset)

    @property
    def length(self) -> int:
        """T of the batches."""
        with self._use() as dataset:
            return lib.unic_dataset_length(dataset)

    def __len__(self) -> int:
        """Batches in an epoch."""
        with self._use() as dataset:
            return lib.unic_dataset_batch_count(dataset)

    def next(self) -> Optional[Batch]:
        """The next batch of the epoch; None at its end: the call after that begins the next one."""
        pointer = _lib.BATCH()
        with self._use() as dataset:
            self._turn += 1
            lib.unic_dataset_next(ctypes.byref(pointer), dataset)
            self._begun = bool(pointer)
            self._epoch += not self._begun
            return LentBatch(self, pointer, self._turn, self._names) if self._begun else None

    def seek(self, epoch: int, batch: int = 0) -> None:
        """Go to a batch of an epoch, both counted from 0; the order is that of an uninterrupted run."""
        with self._use() as dataset:
            self._turn += 1
            lib.unic_dataset_seek(dataset, arguments.integer("epoch", epoch, 0, 2**64 - 1),
                                  arguments.integer("batch", batch, 0, 2**64 - 1))
            self._epoch, self._begun = epoch, batch > 0

    def __iter__(self) -> Iterator[Batch]:
        """One epoch's batches from its beginning; an epoch that is under way is left. StateError if something else,
        such as another loop, takes a batch meanwhile.
        """
        if self._begun:
            self.seek(self._epoch + 1)
        yield from _epoch_of(self)

    def labels(self, name: str = "label") -> Codes:
        """Labels in the files' order, whatever the shuffle: "label" [N] or [N,C], or "<modality>.step_labels"
        [N,T] or [N,T,C], int32; -1 where only other files have steps.
        """
        with self._use() as dataset:
            shape = arguments.dims_of(
                lambda rank, dims: lib.unic_dataset_labels(rank, dataset, arguments.text("name", name), dims, None))
            labels = np.empty(shape, np.int32)
            arguments.dims_of(
                lambda rank, dims: lib.unic_dataset_labels(rank, dataset, arguments.text("name", name), dims,
                                                           labels.ctypes.data))
            return labels

    def classes(self, name: str = "label") -> Tuple[str, ...]:
        """The names of the labels' classes in their order, where a table gives names; else none.

        Those of step labels are one less than their channels, whose last one is "no event". A byte that is no UTF-8
        stands as \\xe9.
        """
        with self._use() as dataset:
            labels = arguments.text("name", name)
            return tuple(lib.unic_dataset_class_name(dataset, labels, i).decode(errors="backslashreplace")
                         for i in range(lib.unic_dataset_class_count(dataset, labels)))

    def paired_count(self, modality: str, other: str) -> int:
        """How many clips have both modalities; of one and the same, how many have it."""
        clips = ctypes.c_size_t()
        with self._use() as dataset:
            lib.unic_dataset_paired_count(ctypes.byref(clips), dataset, arguments.text("modality", modality),
                                          arguments.text("other", other))
        return clips.value

    def has(self, modality: str, clip: int) -> bool:
        """Whether a clip, counted in the files' order, has the modality; ArgumentError if there is no such clip."""
        with self._use() as dataset:
            return bool(lib.unic_dataset_has(dataset, arguments.text("modality", modality),
                                             arguments.integer("clip", clip, 0, lib.unic_dataset_clip_count(dataset) - 1)))

    def clip_name(self, modality: str, clip: int) -> str:
        """What messages call a clip: its file, or its number in the file it is in."""
        text = ctypes.create_string_buffer(1024)
        with self._use() as dataset:
            lib.unic_dataset_clip_name(dataset, arguments.text("modality", modality),
                                       arguments.integer("clip", clip, 0), text, len(text))
        return os.fsdecode(text.value)

    def __repr__(self) -> str:
        if self.closed:
            return "<libunicode.Dataset, closed>"
        return f"<libunicode.Dataset: {self.clip_count} clips of {', '.join(self.modalities)} in {len(self)} batches>"


def _epoch_of(data: Union[Dataset, "Arrays"]) -> Iterator[Batch]:
    """The batches from where the data are to the epoch's end, as long as nothing else moves them."""
    turn = data._turn
    while True:
        if data._turn != turn:
            raise StateError("the data were moved while this loop goes through them: something else took a batch of them or "
                             "called seek(); each loop needs data of its own")
        batch = data.next()
        turn = data._turn
        if batch is None:
            return
        yield batch


_owners: List[Any] = []         # weakly: of all datasets
_reading: List[Any] = []        # weakly: the datasets that read file objects


def _forget() -> None:
    """In a forked child datasets are not freed: the threads that this would wait for are not there."""
    for reference in list(_owners):
        owner = reference()
        if owner is not None:
            owner.__del__ = bool


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@atexit.register
def _stop_reading() -> None:
    """Threads that call Python have to end before it does."""
    for reference in list(_reading):
        dataset = reference()
        if dataset is not None:
            dataset.close()


def _free_reading(pointer: Any, free: Any = lib.unic_dataset_free, inside: Any = _callback.inside,
                  start: Any = _thread.start_new_thread, ends: Any = sys.is_finalizing) -> None:
    """unic_dataset_free of one that reads file objects. Where C called Python, maybe in its own thread, another one
    waits for that thread; when Python ends nobody does, for it is let run no more.
    """
    if inside():
        start(free, (pointer,))
    elif not ends():
        free(pointer)


class Arrays:
    """Arrays in memory, cut into batches as a Dataset is; named as Batch names them.

    Batches in the arrays' order look into them without a copy; shuffled ones are copies. The order that a seed gives
    is not that of a Dataset of the same seed. What belongs to no batch (labels) is left alone. Threads need one each.
    """

    def __init__(self, arrays: Mapping[str, npt.ArrayLike], *, batch: int = 32, seed: Optional[int] = None,
                 drop_last: bool = False, part: int = 0, parts: int = 1) -> None:
        """As Dataset's; seed None: the arrays' order."""
        self._modalities = modalities_of(arguments.instance("arrays", arrays, Mapping))
        wanted = [name for name in arrays if name in self._modalities or name.endswith(".lengths")]
        self._arrays: Dict[str, npt.NDArray[Any]] = {name: array_of(name, arrays[name]) for name in wanted}
        sizes = {name: len(x) if x.ndim else 0 for name, x in self._arrays.items()}
        if not self._modalities or len(set(sizes.values())) > 1:
            raise ShapeError(f"the arrays have clips {sizes}, but must be of the same clips" if sizes
                             else "there are no arrays")
        self.clip_count: int = sizes[self._modalities[0]]
        for name in self._arrays:
            if name not in self._modalities:
                self._arrays[name] = arguments.lengths(name, self._arrays[name], self.clip_count)
        self._batch = arguments.integer("batch", batch, 1)
        self.parts = arguments.integer("parts", parts, 1)
        self.part = arguments.integer("part", part, 0, parts - 1)
        self._batches = self.clip_count // self._batch if drop_last else -(-self.clip_count // self._batch)
        if not self._batches:
            raise ArgumentError(f"{self.clip_count} clips are less than one batch of {batch}")
        self._seed = None if seed is None else arguments.integer("seed", seed, 0, 2**64 - 1)
        self._turn = 0           # grows whenever the place changes
        self.seek(0)

    @property
    def modalities(self) -> Tuple[str, ...]:
        """The modalities' names."""
        return self._modalities

    def paired_count(self, modality: str, other: str) -> int:
        """How many clips have both modalities; of one and the same, how many have it."""
        def there(name: str) -> npt.NDArray[Any]:
            if name not in self._modalities:
                raise NotFoundError(f"no modality {name!r}, there are {', '.join(self._modalities)}")
            valid = self._arrays.get(name + ".lengths")
            return np.ones(self.clip_count, bool) if valid is None else valid > 0

        return int((there(modality) & there(other)).sum())

    def feature_dims(self, modality: str) -> Tuple[int, ...]:
        """The dims of one step of a modality's features."""
        if modality not in self._modalities:
            raise NotFoundError(f"no modality {modality!r}, there are {', '.join(self._modalities)}")
        return self._arrays[modality].shape[2:]

    def __len__(self) -> int:
        """Batches in an epoch."""
        return self._batches

    def next(self) -> Optional[Batch]:
        """The next batch of the epoch; None at its end: the call after that begins the next one."""
        self._turn += 1
        if self._at == self._batches:
            self.seek(self._epoch + 1)
            return None
        each = -(-self._batch // self.parts)
        first, end = self._at * self._batch + self.part * each, min((self._at + 1) * self._batch, self.clip_count)
        part = slice(min(first, end), min(first + each, end))
        chosen: Any = part if self._order is None else self._order[part]
        self._at += 1
        if part.start == part.stop:
            return Batch({})
        return Batch({name: x[chosen] for name, x in self._arrays.items()}, np.arange(self.clip_count)[chosen])

    def seek(self, epoch: int, batch: int = 0) -> None:
        """Go to a batch of an epoch, both counted from 0; the order is that of an uninterrupted run."""
        self._turn += 1
        self._epoch = arguments.integer("epoch", epoch, 0)
        self._at = arguments.integer("batch", batch, 0, self._batches)
        self._order = (None if self._seed is None
                       else np.random.default_rng([self._seed, self._epoch]).permutation(self.clip_count))

    def __iter__(self) -> Iterator[Batch]:
        """One epoch's batches from its beginning, as a Dataset's."""
        if self._at:
            self.seek(self._epoch + 1)
        yield from _epoch_of(self)

    def __repr__(self) -> str:
        return f"<libunicode.Arrays: {self.clip_count} clips of {', '.join(self._modalities)} in {len(self)} batches>"
