#!/usr/bin/env python3
"""unic-train ended by SIGKILL, at random and at aimed moments, and resumed: the run ends in the same bytes.

N=100 (or `make kills N=100`) says how many kills; without it there are a few, for `make check`. A preloaded shim
(preload/kill_at.c) ends the program before or after its n-th rename, fsync, write, link, unlink or open; the others
come by the clock. SEED chooses the moments.
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
TRAIN, SHIM = BUILD / "bin/unic-train", BUILD / "tests/kill_at.so"
KILLS, SEED = int(os.environ.get("N", 6)), int(os.environ.get("SEED", 0))
EPOCHS, CLIPS, BATCH = 3, 48, 8
STEPS = EPOCHS * CLIPS // BATCH
CONFIG = f"""
code.dim = 16
code.count = 12
encoder.layers = 1
encoder.heads = 2
encoder.ff = 16
club.width = 8
club.layers = 2
club.steps = 2
train.batch = {BATCH}
train.length = 4
train.epochs = {EPOCHS}
train.schedule = cosine
"""


class Run:
    """One --out with its log, and how often it was begun."""

    def __init__(self, folder, name):
        self.folder = folder / name
        self.folder.mkdir()
        self.out, self.log = self.folder / "m.npz", self.folder / "log.jsonl"
        self.data = folder

    def command(self, *more):
        return [TRAIN, "--config", self.data / "config.ini", "--data", self.data / "train.npz", "--valid",
                self.data / "valid.npz", "--out", self.out, "--log", self.log, "--threads", "1", "--keep", "2",
                "--save-every", "4", *more]

    def start(self, *more, **environment):
        environment = {**os.environ, "GOMP_SPINCOUNT": "1000", **environment}
        return subprocess.Popen(list(map(str, self.command(*more))), env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def resume_or_begin(self, **environment):
        """What a user does: go on, or begin anew where the run was ended before its first save."""
        there = (self.folder / "m.run.npz").exists()
        return self.start(*(["--resume"] if there else []), **environment)

    def finish(self):
        process = self.resume_or_begin()
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, (process.returncode, out, err)
        return out, err

    def files(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


def shim(kind, n, when):
    return {"LD_PRELOAD": str(SHIM), "KILL_AT": f"{kind}:{n}:{when}"}


def count_calls(folder):
    """How often a whole run calls each function, and how long it takes."""
    run = Run(folder, "counted")
    begun = time.monotonic()
    process = run.start(LD_PRELOAD=str(SHIM), KILL_COUNT=str(folder / "calls"))
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    lines = (folder / "calls").read_text().split()
    return dict(zip(lines[::2], map(int, lines[1::2]))), time.monotonic() - begun


def moments(calls, rng):
    """Without end: every rename and link in turn, before and after, and between them anything at random."""
    aimed = [(kind, n, when) for kind in ("rename", "link") for n in range(1, calls[kind] + 1)
             for when in ("before", "after")]
    rng.shuffle(aimed)
    while True:
        for moment in aimed:
            yield moment
            kind = rng.choice([kind for kind in calls if calls[kind]] + ["time"])
            yield (kind, rng.randint(1, max(calls.get(kind, 1), 1)), rng.choice(["before", "after"]))


def kill_once(run, moment, seconds, rng):
    """Whether the run was ended by the kill; it may be done before the moment comes."""
    kind, n, when = moment
    process = run.resume_or_begin(**({} if kind == "time" else shim(kind, n, when)))
    if kind == "time":
        time.sleep(rng.uniform(0, seconds))
        process.kill()
    out, err = process.communicate(timeout=300)
    assert process.returncode in (0, -signal.SIGKILL), (moment, process.returncode, out, err)
    return process.returncode != 0


def check_end(run, straight, moments_hit):
    files, want = run.files(), straight.files()
    assert files.keys() == want.keys(), (moments_hit, sorted(files), sorted(want))
    for name in want:
        assert files[name] == want[name], f"{name} is another than that of the run without a kill: {moments_hit}"


def check_lock(folder):
    """A second run is refused while the first one lives, and only so long."""
    run = Run(folder, "locked")
    first = run.start()
    deadline = time.monotonic() + 60
    while not (run.log.exists() and run.log.read_text().count("\n") > 2):
        assert time.monotonic() < deadline and first.poll() is None
    os.kill(first.pid, signal.SIGSTOP)  # it stays in the midst of the run
    os.waitid(os.P_PID, first.pid, os.WSTOPPED)  # and is so soon, but not at once
    before = run.files()
    for more in ([], ["--resume"]):
        second = run.start(*more)
        _, err = second.communicate(timeout=300)
        assert second.returncode == 1 and err == (f"unic-train: {run.out} is being written by another run, "
                                                  f"process {first.pid}\n"), err
    assert run.files() == before
    first.kill()
    first.communicate()
    assert (run.folder / "m.npz.lock").exists()  # stale, and nobody's
    run.finish()
    return run


def check_before_the_first_save(folder, straight):
    """Killed when nothing is saved yet: --resume says so and changes nothing, and the same command begins again."""
    run = Run(folder, "early")
    first = run.start(**shim("rename", 1, "before"))
    first.communicate(timeout=300)
    assert first.returncode == -signal.SIGKILL and not (run.folder / "m.run.npz").exists()
    before = run.files()
    second = run.start("--resume")
    _, err = second.communicate(timeout=300)
    assert second.returncode == 1 and err == (
        f"unic-train: cannot resume: nothing is saved of a run {run.out}: there is no {run.folder}/m.run.npz. A run that was "
        "ended before its first save begins again, without --resume\n"), err
    assert run.log.name in before and run.files()[run.log.name] == before[run.log.name]
    run.finish()
    check_end(run, straight, "before the first save")


def main():
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data = np.random.default_rng(0)
        for file, clips in (("train", CLIPS), ("valid", 6)):
            np.savez(folder / f"{file}.npz", light=data.normal(size=(clips, 4, 5, 6, 3)).astype("f4"),
                     sound=data.normal(size=(clips, 4, 10)).astype("f4"))
        (folder / "config.ini").write_text(CONFIG)
        calls, seconds = count_calls(folder)
        straight = Run(folder, "straight")
        straight.finish()
        check_end(check_lock(folder), straight, "the lock")
        check_before_the_first_save(folder, straight)
        kills = runs = idle = 0
        of_kind = {}
        source = moments(calls, rng)
        while kills < KILLS:
            run, hit = Run(folder, f"run{runs}"), []
            for _ in range(rng.randint(1, 3)):  # a resumed run may be ended too
                moment = next(source)
                if kills + len(hit) < KILLS and kill_once(run, moment, seconds, rng):
                    hit.append(moment)
                    of_kind[moment[0]] = of_kind.get(moment[0], 0) + 1
                else:
                    idle += 1
            run.finish()
            check_end(run, straight, hit)
            kills, runs = kills + len(hit), runs + 1
        print(f"{kills} kills of {runs} runs of {STEPS} steps, each resumed: every file byte-identical "
              f"({', '.join(f'{n} at {kind}' for kind, n in sorted(of_kind.items()))}; {idle} moments were never "
              "reached)")


if __name__ == "__main__":
    if not TRAIN.exists() or not SHIM.exists():
        sys.exit(f"{TRAIN} or {SHIM}: not built")
    main()
