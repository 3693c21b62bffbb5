"""Pre-training on paired, unlabelled batches."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import Any, ContextManager, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _config
from . import _io
from . import _lib
from . import _ranks
from ._arguments import Readable, StrPath, Writable
from ._batch import Batch
from ._config import Config
from ._dataset import Arrays, Dataset
from ._errors import ArgumentError, DataError, ShapeError
from ._handle import Saved
from ._lib import lib
from ._model import Model
from ._progress import Progress, Report, Teller, Told, meter

History = Dict[str, npt.NDArray[Any]]
Data = Union[Dataset, Arrays, Mapping[str, npt.ArrayLike], Iterable[Batch]]


class Draws(NamedTuple):
    """The random draws of one step, for a replay; None: the trainer's own."""

    cpc_step: Optional[int] = None                                  # CPC's t, from 0
    club_permutation: Optional[Mapping[str, npt.ArrayLike]] = None  # [B] for each modality (compat)
    revival_source: Optional[npt.ArrayLike] = None                  # [L] rows of all encoder outputs, in order


class Trainer(Saved):
    """A training run: Uni-Code's objective, its optimisers and its place in the run.

        trainer = libunicode.Trainer(config)
        history = trainer.fit(libunicode.Dataset("train.npz", batch=32, seed=0), epochs=12, progress=True)
        trainer.save("model.npz")

    Threads that share a trainer take turns.
    """

    _kind = "trainer"

    @classmethod
    def _open(cls, data: memoryview) -> "Trainer":
        return cls.resume(data)

    def __init__(self, config: Config, *, start_from: Optional[Model] = None, threads: int = 0,
                 memory_limit: int = 0, progress: Optional[Told] = None, comm: Optional[_ranks.Communicator] = None) -> None:
        """A trainer at step 0, for batches of up to `train.batch` clips of up to `train.length` steps.

        start_from  a model whose encoders and codebook it begins with, for the modalities that both have.
        threads     that it computes with; 0: the process's number.
        memory_limit  bytes that the config may make it take; 0: no limit.
        progress    of each step and evaluation, called as f("operations", done, total); something true stops it:
                    CancelledError, nothing is changed. (fit() has its own, called after each step.)
        comm        the ranks that train as one: Ranks, or what Ranks takes (docs/python.md). Every rank is given its
                    part of each batch, and calls step(), evaluate() and fit() together with the others.
        """
        arguments.instance("config", config, Config)
        pointer, teller, ranks = _lib.TRAINER(), Teller(progress), _ranks.of(comm)
        with config._use() as handle, _watching(ranks):
            lib.unic_trainer_create(ctypes.byref(pointer), handle, _options(threads, teller=teller, ranks=ranks, limit=memory_limit))
        self._set_up(pointer, teller, ranks)
        if start_from is not None:
            self.start_from(start_from)

    @classmethod
    def resume(cls, path: Readable, settings: Union[None, str, Mapping[str, Any]] = None, *, threads: int = 0,
               memory_limit: int = 0, progress: Optional[Told] = None,
               comm: Optional[_ranks.Communicator] = None) -> "Trainer":
        """Continue a run that save(path) wrote: bit by bit, with the same threads on the same machine.

        path          of the model; or a file object or its contents, of the run's state (OUT.run.npz).
        settings      that the run goes on with, {"train.lr": 1e-4, "train.freeze": "codebook"}; docs/train.md lists
                      those that may change. With another train.epochs total_step_count changes in proportion.
        memory_limit  bytes that what is in the file may take, the trainer included; 0: no limit.
        progress      called as f("bytes", done, total) while the file is read, and then as a trainer's; something true
                      stops it: CancelledError.
        comm          as a trainer's; how many ranks the run had before does not matter.
        """
        pointer, teller, own = _lib.TRAINER(), Teller(progress, stoppable=True), Teller(progress)
        ranks = _ranks.of(comm)
        options = _options(threads, settings, own, ranks)
        with teller.watch(), _watching(ranks):
            _io.load(pointer, path, lambda out, name, limit: lib.unic_trainer_resume(out, name, options, limit),
                     lambda out, source, limit: lib.unic_trainer_resume_source(out, source, options, limit),
                     arguments.limit(memory_limit, progress=teller.pointer))
            return cls._of(pointer, own, ranks)

    @classmethod
    def from_checkpoint(cls, path: StrPath, settings: Union[None, str, Mapping[str, Any]] = None, *,
                        threads: int = 0, memory_limit: int = 0, progress: Optional[Told] = None) -> "Trainer":
        """Continue the training of a CMG checkpoint (.pt); `settings` as Model's, the rest as resume()'s."""
        pointer, teller, own = _lib.TRAINER(), Teller(progress, stoppable=True), Teller(progress)
        with teller.watch():
            lib.unic_trainer_import(ctypes.byref(pointer), arguments.path(path), _config.lines(settings),
                                    _options(threads, teller=own), arguments.limit(memory_limit, progress=teller.pointer))
            return cls._of(pointer, own)

    @classmethod
    def _of(cls, pointer: Any, teller: Optional[Teller] = None, ranks: Optional[_ranks.Ranks] = None) -> "Trainer":
        self = cls.__new__(cls)
        self._set_up(pointer, teller, ranks)
        return self

    def _set_up(self, pointer: Any, teller: Optional[Teller] = None, ranks: Optional[_ranks.Ranks] = None) -> None:
        super().__init__(pointer, lib.unic_trainer_free)
        self._ranks, self._calls_back = ranks, bool(ranks and ranks.calls_back)
        self._teller = teller or Teller(None)
        self._figures = tuple(lib.unic_trainer_figure_name(pointer, i).decode()
                            for i in range(lib.unic_trainer_figure_count(pointer)))

    @property
    def figures(self) -> Tuple[str, ...]:
        """What a step reports: "total", the terms of the objective, and other figures ("perplexity.image", ...)."""
        return self._figures

    @property
    def config(self) -> Config:
        """The run's config, a copy."""
        with self._use() as trainer:
            return Config.parse(lib.unic_trainer_config(trainer).decode())

    @property
    def step_count(self) -> int:
        """Steps taken so far."""
        with self._use() as trainer:
            return lib.unic_trainer_step_count(trainer)

    @property
    def total_step_count(self) -> int:
        """The steps of the whole run, for the learning rate's schedule; 0: not declared. fit() sets them."""
        with self._use() as trainer:
            return lib.unic_trainer_total_step_count(trainer)

    @total_step_count.setter
    def total_step_count(self, step_count: int) -> None:
        with self._use() as trainer:
            lib.unic_trainer_set_total_step_count(
                trainer, arguments.integer("total_step_count", step_count, 0, 2**63 - 1))

    def start_from(self, model: Model) -> None:
        """Begin with a model's encoders and codebook: fine-tuning, or a new modality beside old ones.

        For the modalities that both have, at step 0; all else keeps its drawn weights. The config's `train.freeze`
        says what shall not learn on.
        """
        with arguments.instance("model", model, Model)._use() as source, self._use() as trainer:
            lib.unic_trainer_start_from(trainer, source)

    def step(self, batch: Union[Batch, Mapping[str, npt.ArrayLike]], draws: Optional[Draws] = None) -> Report:
        """One training step; returns every figure by its name. With NumericError the trainer is as it was before.

        batch  a Batch, or arrays by name as Batch takes them; with several ranks this rank's part.
        draws  the step's random draws; None: the trainer's own.
        """
        paired = batch if isinstance(batch, Batch) else Batch(batch)
        own, _kept = (None, None) if draws is None else self._draws(draws, paired.clip_count)
        figures = np.empty(len(self._figures))
        with paired._use() as pointer, self._use() as trainer, self._teller.watch(), _watching(self._ranks):
            lib.unic_trainer_step(trainer, pointer, own, figures.ctypes.data)
        return dict(zip(self._figures, figures.tolist()))

    def _draws(self, draws: Draws, clips: int) -> Tuple[Any, List[Any]]:
        """A unic_draws and what it points to; C reads [B] and [L] numbers."""
        config = self.config
        given = arguments.instance("draws", draws, Draws).club_permutation
        missing = [name for name in config.modalities if given is not None and name not in given]
        if missing:
            raise ArgumentError(f"club_permutation has none of {', '.join(missing)}; one for each modality expected")
        permutations = None if given is None else [_exactly(f"club_permutation of {name}", given[name], clips)
                                                   for name in config.modalities]
        step = None if draws.cpc_step is None else arguments.whole("cpc_step", [draws.cpc_step])
        sources = (None if draws.revival_source is None else
                   _exactly("revival_source", draws.revival_source, config["code.count"]))
        own = _lib.sized(_lib.Draws, cpc_step=arguments.address(step),
                         club_permutation=permutations and arguments.addresses(permutations),
                         revival_source=arguments.address(sources))
        return ctypes.byref(own), [step, permutations, sources]

    def fit(self, data: Data, *, steps: Optional[int] = None, epochs: Optional[int] = None,
            progress: Union[None, bool, Progress] = None) -> History:
        """Train until the run has `steps` steps; a run that was resumed goes on where it stood in the data.

        data      a Dataset, Arrays, arrays by name (cut into batches as the config says), or batches to go
                  through again and again. Batches of which there is no len() begin with the first of them, also
                  where the run stood elsewhere.
        steps     of the whole run, those before this call included; None: `epochs` times the data's batches.
        epochs    passes over the data in the whole run; None: as many as were declared (total_step_count), or `train.epochs`.
        progress  True: a bar, where tqdm is installed. A function: called after each step with (step, steps,
                  report); it may validate, on the same data too, and save, and ends the training by returning False.

        Returns every figure's values, one for each step that was taken, and "step", from 1. Raises DataError for
        data that cannot tie modalities together: one that no clip has, or no clip with two of them.
        """
        source = self._arrays(data) if isinstance(data, Mapping) else _batches_of(data)
        if isinstance(source, (Dataset, Arrays)):
            self._check_parts(source)
            _check_pairs(source)
        first, total = self.step_count, self._total(source, steps, epochs)
        self.total_step_count = total
        values = np.empty((len(self._figures), max(total - first, 0)))
        taken = 0
        show = meter(progress, first, total)
        try:
            for batch in self._batches(source, first, values.shape[1]):
                report = self.step(batch)
                values[:, taken] = list(report.values())
                taken += 1
                if show(first + taken, total, report) is False:
                    break
        finally:
            show.close()
        return {"step": np.arange(first + 1, first + taken + 1), **dict(zip(self._figures, values[:, :taken]))}

    def _arrays(self, data: Mapping[str, npt.ArrayLike], shuffle: bool = True) -> Arrays:
        config = self.config
        ranks = self._ranks
        return Arrays(data, batch=config["train.batch"],
                      seed=config["train.seed"] if shuffle else None,
                      drop_last=shuffle and config["train.drop_last"],
                      part=ranks.rank if ranks else 0, parts=ranks.size if ranks else 1)

    def _check_parts(self, data: Union[Dataset, Arrays]) -> None:
        """Ranks that were given the same clips would learn from some of them alone, and twice."""
        rank, size = (self._ranks.rank, self._ranks.size) if self._ranks else (0, 1)
        if (data.part, data.parts) != (rank, size):
            raise ArgumentError(f"the data have part {data.part} of {data.parts} of each batch, but this is rank {rank} "
                                f"of {size}: part={rank}, parts={size} expected")

    def _total(self, data: Any, steps: Optional[int], epochs: Optional[int]) -> int:
        if steps is not None:
            return arguments.integer("steps", steps, 0)
        if epochs is None and self.total_step_count:
            return self.total_step_count
        if not hasattr(data, "__len__"):
            raise ArgumentError("steps is not given, and how many batches an epoch of the data has is not known")
        passes = self.config["train.epochs"] if epochs is None else epochs
        return arguments.integer("epochs", passes, 0) * len(data)

    def _has_step(self, batch: Batch) -> bool:
        """Whether any rank's part of the batch has a clip with a step; all ranks ask."""
        own = any(batch.lengths(name).any() for name in batch.modalities) if batch.clip_count else False
        return self._ranks.total(int(own)) > 0 if self._ranks else own

    def _usable(self, data: Union[Dataset, Arrays], step: int) -> Batch:
        """A step's batch; of damaged clips alone, the next one of its epoch that has others, as unic-train takes it."""
        begin = step - step % len(data)
        data.seek(begin // len(data), step % len(data))
        for i in range(len(data)):
            if i:
                data.seek(begin // len(data), (step + i) % len(data))
            lent = data.next()
            if lent is not None and self._has_step(lent):
                return lent
        raise DataError("none of the data's clips can be used")

    def _check_seen(self, names: Sequence[str], seen: npt.NDArray[np.bool_]) -> None:
        """Damage is found when clips are read: after an epoch it is known what they had. All ranks ask."""
        had = [self._ranks.total(int(one)) > 0 if self._ranks else bool(one) for one in seen]
        for name, one in zip(names, had):
            if not one:
                raise DataError(f"{name!r} is damaged in all clips of an epoch: nothing could be learnt of it")
        if len(names) > 1 and not had[-1]:
            raise DataError("no clip of an epoch has two modalities that are not damaged: nothing ties them together")

    def _placed(self, data: Union[Dataset, Arrays], first: int, count: int) -> Iterator[Batch]:
        """The batches of `count` steps from step `first` on, also if something else moves the data between them."""
        turn = None
        skips, names = isinstance(data, Dataset) and data.skips, data.modalities
        seen = np.zeros(len(names) + 1, bool)           # of each modality a clip, and a clip with two
        for step in range(first, first + count):
            if data._turn != turn:
                data.seek(step // len(data), step % len(data))
            lent = data.next() or data.next()           # None at an epoch's end
            assert lent is not None
            turn = data._turn
            if skips and not self._has_step(lent):
                lent, turn = self._usable(data, step), None
            if skips:
                has = np.array([lent.lengths(name) > 0 for name in names])
                seen |= np.append(has.any(1), (has.sum(0) > 1).any())
            yield lent
            if skips and step + 1 - first == len(data):
                self._check_seen(names, seen)

    def _batches(self, data: Any, first: int, count: int) -> Iterator[Batch]:
        """The batches of `count` steps from step `first` on, epoch after epoch."""
        if isinstance(data, (Dataset, Arrays)):
            yield from self._placed(data, first, count)
            return
        left, behind = count, first % (len(data) or 1) if hasattr(data, "__len__") else 0
        while left:
            before = left + behind
            for batch in data:
                if behind:
                    behind -= 1
                    continue
                left -= 1
                yield batch
                if not left:
                    return
            if left + behind == before:
                raise ArgumentError(f"the data has no more batches, but {left} of {count} steps are left")

    def evaluate(self, data: Union[Batch, Data]) -> Report:
        """The figures without dropout and without a change of state: of a batch, or their means over the clips of
        an epoch of data; a batch in which no clip has a modality counts with 0 in its figures. Of several ranks each
        brings its part, and all get the figures of the whole.
        """
        if isinstance(data, (Dataset, Arrays)):
            self._check_parts(data)
        if isinstance(data, Batch):
            batches: Iterable[Batch] = [data]
        else:
            batches = self._arrays(data, shuffle=False) if isinstance(data, Mapping) else _batches_of(data)
        sums, figures, clips = np.zeros(len(self._figures)), np.empty(len(self._figures)), 0
        for batch in batches:
            if isinstance(data, Dataset) and data.skips and not self._has_step(batch):
                continue
            batch = batch if isinstance(batch, Batch) else Batch(batch)
            with batch._use() as pointer, self._use() as trainer, self._teller.watch(), _watching(self._ranks):
                lib.unic_trainer_evaluate(trainer, pointer, figures.ctypes.data)
            whole = self._ranks.total(batch.clip_count) if self._ranks else batch.clip_count
            sums += figures * whole
            clips += whole
        if not clips:
            raise ArgumentError("the data has no batches, or none of their clips can be used")
        return dict(zip(self._figures, (sums / clips).tolist()))

    def __reduce__(self) -> Any:
        if self._ranks:
            raise TypeError("a trainer of several ranks cannot be pickled or copied; save() it, and Trainer.resume(path, "
                            "comm=...) at all ranks")
        return super().__reduce__()

    def save(self, path: Writable) -> None:
        """Write the run: the model to `path`, and beside it what resume(path) needs (OUT.npz, OUT.run.npz).

        To a file object, only the latter: model().save() writes the model.
        """
        with self._use() as trainer:
            _io.save(trainer, path, lib.unic_trainer_save, lib.unic_trainer_save_sink)

    def model(self) -> Model:
        """The model as it is now: a copy, independent of further training."""
        pointer = _lib.MODEL()
        with self._use() as trainer:
            lib.unic_trainer_model(ctypes.byref(pointer), trainer)
        return Model._of(pointer, "of a trainer")

    def __repr__(self) -> str:
        if self.closed:
            return "<libunicode.Trainer, closed>"
        return f"<libunicode.Trainer: {', '.join(self.config.modalities)}; {self.step_count} steps taken>"


def _watching(ranks: Optional[_ranks.Ranks]) -> ContextManager[Any]:
    return ranks.watch() if ranks else contextlib.nullcontext()


def _batches_of(data: Any) -> Any:
    """Data to go through."""
    if isinstance(data, (str, bytes, os.PathLike)) or not hasattr(data, "__iter__"):
        raise arguments.wrong("data", data, "a Dataset, Arrays, arrays by name, or batches")
    return data


def _exactly(name: str, given: npt.ArrayLike, count: int) -> npt.NDArray[np.int32]:
    numbers = arguments.whole(name, given)
    if numbers.shape != (count,):
        raise ShapeError(f"{name} has the shape {numbers.shape}, ({count},) expected")
    return numbers


def _check_pairs(data: Union[Dataset, Arrays]) -> None:
    """Refuse data of which training would learn nothing, with what there is."""
    names = data.modalities
    counts = {name: data.paired_count(name, name) for name in names}
    there = ", ".join(f"{name} {count}" for name, count in counts.items())
    for name, count in counts.items():
        if not count:
            raise DataError(f"none of {data.clip_count} clips has a step of {name!r} ({there})")
    if len(names) > 1 and not any(data.paired_count(a, b) for i, a in enumerate(names) for b in names[:i]):
        raise DataError(f"none of {data.clip_count} clips has two modalities ({there}): nothing ties them together; "
                        "the files of one clip must have one name in every directory")


def _options(threads: int, settings: Union[None, str, Mapping[str, Any]] = None,
             teller: Optional[Teller] = None, ranks: Optional[_ranks.Ranks] = None, limit: int = 0) -> Any:
    return ctypes.byref(_lib.sized(_lib.TrainerOptions, threads=arguments.threads(threads),
                                   settings=_config.lines(settings), progress=(teller or Teller(None)).pointer,
                                   comm=ctypes.pointer(ranks.struct) if ranks else None,
                                   memory_limit=arguments.integer("memory_limit", limit, 0)))
