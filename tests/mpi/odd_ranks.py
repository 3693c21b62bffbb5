"""What ranks of mpi4py are refused, and told; run by test_mpi.py with two of them."""
import sys
import time

from mpi4py import MPI

import libunicode as lu


def raises(error, words, call):
    try:
        call()
    except error as caught:
        assert words in str(caught), caught
    else:
        raise AssertionError(f"nothing was raised, {words!r} expected")


def main(path):
    world = MPI.COMM_WORLD
    raises(lu.ArgumentError, "the null communicator", lambda: lu.Ranks(MPI.COMM_NULL))
    raises(lu.ArgumentError, "timeout is -1", lambda: lu.Ranks(world, timeout=-1))
    own = world.Split(world.rank)                           # each is a communicator of its own
    between = own.Create_intercomm(0, world, 1 - world.rank)
    raises(lu.ArgumentError, "is between two groups", lambda: lu.Ranks(between))
    alone = lu.Ranks(own)
    assert (alone.rank, alone.size) == (0, 1), alone
    turned = lu.Ranks(world.Split(0, -world.rank))
    assert turned.rank == world.size - 1 - world.rank and turned.size == 2, turned
    assert turned.total(world.rank + 5) == 11

    ranks = lu.Ranks(world, timeout=1)
    config = lu.Config(preset="small", modalities=lu.Dataset(path), **{"train.batch": 16, "train.length": 6})
    trainer = lu.Trainer(config, comm=ranks)
    whole = lu.Dataset(path, batch=16, length=6)
    raises(lu.ArgumentError, f"part={ranks.rank}, parts=2 expected", lambda: trainer.fit(whole, epochs=1))
    own = lu.Dataset(path, batch=16, length=6, part=ranks.rank, parts=2)
    trainer.fit(own, epochs=1)
    figures = trainer.evaluate(own)
    assert world.allgather(figures["total"]) == [figures["total"]] * 2
    if ranks.rank == 0:                                     # the other one is elsewhere
        raises(lu.FileError, "has waited 1 seconds for the others, the timeout", lambda: trainer.step(own.next()))
    else:
        time.sleep(2)
    print("all as expected", flush=True)
    sys.stdout.flush()
    MPI.COMM_WORLD.Barrier()


if __name__ == "__main__":
    main(sys.argv[1])
