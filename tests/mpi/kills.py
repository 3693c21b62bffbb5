#!/usr/bin/env python3
"""Kills one of four ranks at a random moment, again and again (make kills-mpi): the others end in time and with a message, and
the checkpoint goes on with two ranks. Every second kill or so is of all ranks at once, as of a machine that loses its power."""
import argparse
import contextlib
import os
import random
import signal
import sys
import time

import numpy as np

TIMEOUT = 4      # seconds, of the ranks for each other


def steps_of(case, name):
    with np.load(case.folder / f"{name}.run.npz") as run:
        return int(run["counters"][0])


def kill_once(case, name, dice):
    """Goes on with the run `name`, or begins it; returns how long the ranks took to end, and where the run stood."""
    run = case.folder / f"{name}.run.npz"
    begun = steps_of(case, name) if run.exists() else 0
    more = ("--resume", "--set", "train.epochs=100000") if begun else ("--set", "train.epochs=100000")
    process = case.begin(4, name, "--save-every", "1", *more)
    ranks = case.ranks_of(process, 4)
    for _ in range(2000):                       # a first checkpoint of its own
        if run.exists() and steps_of(case, name) > begun:
            break
        case.assertIsNone(process.poll(), "the run ended before it was killed")
        time.sleep(0.02)
    else:
        case.fail("no step was saved")
    time.sleep(dice.uniform(0, 2))
    victims = ranks if dice.random() < 0.5 else [dice.choice(ranks)]
    at = time.monotonic()
    kill(victims)
    status, text = case.end(process, TIMEOUT + 20)
    took = time.monotonic() - at
    case.assertNotEqual(status, 0)
    case.assertLess(took, TIMEOUT + 5)
    case.assertRegex(text, r"(?i)signal|KILLED|timeout")
    return len(victims), took, steps_of(case, name)


def kill(ranks):
    """By the system; mpirun may have ended a rank itself as soon as another one was gone."""
    for rank in ranks:
        with contextlib.suppress(ProcessLookupError):
            os.kill(rank, signal.SIGKILL)


def kill_and_resume(case, times, seed=None, tell=lambda line: None):
    """Every time: four ranks are killed, two go on to the end of an epoch, which is saved."""
    dice = random.Random(seed)
    for i in range(times):
        killed, took, stood = kill_once(case, "kills", dice)
        end = stood // 3 + 1                    # epochs of three batches
        text = case.train(2, "kills", "--resume", "--set", f"train.epochs={end}")
        case.assertIn("written: kills.npz", text)
        case.assertEqual(steps_of(case, "kills"), 3 * end)
        tell(f"{i + 1}/{times}: {killed} of 4 ranks killed after step {stood}, the end after {took:.1f} s; 2 ranks went on to "
             f"step {3 * end}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="of the moments; else other ones each time")
    args = parser.parse_args()
    import test_mpi     # which has this module's kills among its tests
    ran = 0

    def work(case):
        nonlocal ran
        kill_and_resume(case, args.times, args.seed, lambda line: print(f"{case.mpi} {line}", flush=True))
        ran += 1

    suite = test_mpi.unittest.TestSuite()
    for kind in (test_mpi.OpenMpi, test_mpi.Mpich):
        kind.work = work
        suite.addTest(kind("work"))
    result = test_mpi.unittest.TextTestRunner(verbosity=0).run(suite)
    sys.exit(not (result.wasSuccessful() and ran))


if __name__ == "__main__":
    main()
