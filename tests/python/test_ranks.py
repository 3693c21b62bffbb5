"""Trainers of several ranks, which are threads here, by an object of the caller's."""

from __future__ import annotations

import pickle
import threading
from typing import Any, Callable, Dict, List, Type

import libunicode as lu
import numpy as np
import numpy.typing as npt
from helpers import Fixture, config, in_threads, raises

STEPS = 3


class World:
    """What the threads bring to a call; they meet before they look at it and after it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.brought: List[Any] = [None] * size
        self.barrier = threading.Barrier(size)


class Thread:
    """One rank."""

    def __init__(self, world: World, rank: int) -> None:
        self.world, self.rank, self.size = world, rank, world.size

    def _meet(self, mine: npt.NDArray[Any], use: Callable[[List[Any]], None]) -> None:
        self.world.brought[self.rank] = mine.copy()
        self.world.barrier.wait(20)
        use(self.world.brought)
        self.world.barrier.wait(20)

    def sum(self, array: npt.NDArray[Any]) -> None:
        def add(brought: List[Any]) -> None:
            array[:] = np.sum(brought, 0, dtype=array.dtype)
        self._meet(array, add)

    def gather(self, part: npt.NDArray[np.uint8], everything: npt.NDArray[np.uint8]) -> None:
        def join(brought: List[Any]) -> None:
            everything[:] = brought
        self._meet(part, join)


def learn(f: Fixture, size: int, data: Callable[[int], Any]) -> List[Dict[str, Any]]:
    """What each rank's trainer reports of an epoch, and then of an evaluation."""
    world, got = World(size), [{} for _ in range(size)]     # type: List[Dict[str, Any]]

    def rank(r: int) -> None:
        trainer = lu.Trainer(config(), comm=Thread(world, r) if size > 1 else None)
        own = data(r)
        got[r] = {**trainer.fit(own, epochs=1), "evaluated": trainer.evaluate(own)}

    in_threads(rank, size)
    return got


def test_threads_learn_as_one(f: Fixture) -> None:
    """Of files, of arrays in memory, and of arrays that the trainer cuts into batches itself."""
    kinds: List[Callable[[int, int], Any]] = [
        lambda r, n: lu.Dataset(f.data, batch=10, seed=0, part=r, parts=n),
        lambda r, n: lu.Arrays(f.arrays, batch=10, seed=0, part=r, parts=n),
        lambda r, n: f.arrays]
    for kind in kinds:
        want = learn(f, 1, lambda r: kind(r, 1))[0]
        for size in (2, 3):
            for got in learn(f, size, lambda r: kind(r, size)):
                np.testing.assert_allclose(got["total"], want["total"], rtol=1e-4)
                np.testing.assert_allclose(got["evaluated"]["total"], want["evaluated"]["total"], rtol=1e-3)


def test_parts_of_a_last_batch(f: Fixture) -> None:
    """20 clips in batches of 16: the last has four, which are one part's; the other's is empty."""
    for kind in (lambda r: lu.Dataset(f.data, batch=16, part=r, parts=2),
                 lambda r: lu.Arrays(f.arrays, batch=16, part=r, parts=2)):
        assert [[batch.clip_count for batch in kind(r)] for r in (0, 1)] == [[8, 4], [8, 0]]
        world, trainers = World(2), [None, None]            # type: Any, List[Any]

        def rank(r: int) -> None:
            trainers[r] = lu.Trainer(config(**{"train.batch": 16, "train.drop_last": "off"}), comm=Thread(world, r))
            trainers[r].fit(kind(r), epochs=1)

        in_threads(rank, 2)
        assert [t.step_count for t in trainers] == [2, 2]


def test_a_run_goes_on_with_ranks(f: Fixture) -> None:
    """save() of one process, resume() of two."""
    alone = lu.Trainer(config())
    alone.fit(lu.Arrays(f.arrays, batch=10, seed=0), steps=2)
    alone.save(f.folder / "ranks.npz")
    world, steps = World(2), [0, 0]

    def rank(r: int) -> None:
        trainer = lu.Trainer.resume(f.folder / "ranks.npz", comm=Thread(world, r))
        trainer.fit(lu.Arrays(f.arrays, batch=10, seed=0, part=r, parts=2), steps=4)
        steps[r] = trainer.step_count

    in_threads(rank, 2)
    assert steps == [4, 4]


class Broken(Thread):
    """Its sums fail."""

    def sum(self, array: npt.NDArray[Any]) -> None:
        raise ConnectionError("the cable is out")


def test_what_ranks_are_refused(f: Fixture) -> None:
    trainer = lu.Trainer(config(), comm=Thread(World(1), 0))
    raises(lu.ArgumentError, "part=0, parts=1 expected",
           lambda: trainer.fit(lu.Arrays(f.arrays, batch=10, part=1, parts=2)))
    raises(lu.ArgumentError, "comm has no size, sum, gather", lambda: lu.Ranks(type("Odd", (), {"rank": 0})()))
    raises(lu.ArgumentError, "how long Thread waits is its own affair", lambda: lu.Ranks(Thread(World(1), 0), timeout=5))
    raises(lu.ArgumentError, "comm.rank is 2, but must be in 0..1", lambda: lu.Trainer(config(), comm=Thread(World(2), 2)))
    raises(TypeError, "ranks cannot be pickled", lambda: pickle.dumps(lu.Ranks(Thread(World(1), 0))))
    for kind in (lambda part, parts: lu.Dataset(f.data, part=part, parts=parts),
                 lambda part, parts: lu.Arrays(f.arrays, part=part, parts=parts)):
        raises(lu.ArgumentError, "part", lambda: kind(2, 2))
        raises(lu.ArgumentError, "parts is 0", lambda: kind(0, 0))
    assert repr(lu.Ranks(Thread(World(3), 1))) == "<libunicode.Ranks: rank 1 of 3>"


def test_what_an_object_raises_comes_out(f: Fixture) -> None:
    world: World = World(2)
    errors: Dict[int, Type[BaseException]] = {}

    def rank(r: int) -> None:
        trainer = lu.Trainer(config(), comm=(Broken if r else Thread)(world, r))
        try:
            trainer.step(lu.Arrays(f.arrays, batch=10, part=r, parts=2).next())     # type: ignore[arg-type]
        except (ConnectionError, threading.BrokenBarrierError) as error:
            errors[r] = type(error)
            world.barrier.abort()

    in_threads(rank, 2)
    assert errors == {0: threading.BrokenBarrierError, 1: ConnectionError}
