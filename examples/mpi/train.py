#!/usr/bin/env python3
"""Training by several processes as one, with mpi4py:

    mpirun -n 2 python3 -m mpi4py examples/mpi/train.py train.npz model.npz [key=value ...]

"-m mpi4py" ends all ranks where one of them raises what nobody catches. The run goes on where model.npz stood, with any
number of ranks.
"""
import os
import sys

from mpi4py import MPI

import libunicode as lu


def main(path, out, *settings):
    given = dict(setting.split("=", 1) for setting in settings)
    ranks = lu.Ranks(MPI.COMM_WORLD, timeout=60)
    if os.path.exists(out):
        trainer = lu.Trainer.resume(out, given, comm=ranks)
    else:
        trainer = lu.Trainer(lu.Config(preset="small", modalities=lu.Dataset(path), **given), comm=ranks)
    config = trainer.config
    data = lu.Dataset(path, batch=config["train.batch"], seed=config["train.seed"], drop_last=config["train.drop_last"],
                      length=config["train.length"], part=ranks.rank, parts=ranks.size)

    def after(step, steps, report):
        if ranks.rank == 0 and (step % 50 == 0 or step == steps):       # one rank writes for all
            print(f"step {step}/{steps}: total {report['total']:.4f}", flush=True)
            trainer.save(out)

    trainer.fit(data, progress=after, epochs=config["train.epochs"])


if __name__ == "__main__":
    main(*sys.argv[1:])
