#!/usr/bin/env python3
"""Each program, with each of its allocations failing in turn: its own, and those of the library in it.

tests/faults/preload/fail_alloc.c makes them fail, once or from there on. A program that is hit ends with status 1 and
"out of memory" in its last line, and leaves no half file, no temporary one, and an old output as it was; or, where it can do
without, it does all of its work. FAULTS=all tries every allocation; otherwise a part of them is tried.
"""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import test_program_faults as faults  # noqa: E402

SHIM = faults.BUILD / "tests/fail_alloc.so"
MOST = {"program": None, "library": 150} if faults.ALL else {"program": 6, "library": 2}  # of a command, evenly


class Command(faults.Command):
    """`before`: it goes on from the run in from/; `folders` are outputs as well; `whole`: each of its own allocations is always tried."""

    def __init__(self, *words, before=False, folders=(), whole=False, **keywords):
        super().__init__(*words, **keywords)
        self.before, self.folders, self.whole = before, folders, whole

    def run(self, folder, **more):
        for output in self.outputs:
            (folder / output).write_bytes(b"old")
        return subprocess.run([faults.BIN / self.name, *self.arguments], cwd=folder, env={**faults.ENVIRONMENT, **more}, timeout=300,
                              text=True, capture_output=True)


def make_files(folder):
    faults.make_files(folder)
    rng = np.random.default_rng(2)
    for modality, dims in (("light", (5, 5, 2)), ("sound", (5,))):
        (folder / "clips" / modality).mkdir(parents=True)
        for clip in range(8):
            np.save(folder / "clips" / modality / f"clip{clip}.npy", rng.standard_normal((faults.T, *dims)).astype("f4"))
    (folder / "clips/clips.csv").write_text("id,category,onset,offset\n" + "".join(
        f"clip{clip},{'abc'[clip % 3]},{clip % 2},{clip % 2 + 2}\n" for clip in range(8)))
    os.mkdir(folder / "from")


def commands():
    tables = ["--model", "m.npz", "--threads", 1]
    yield from (Command(c.name, c.arguments, outputs=c.outputs, folders=("t-codes", "t-text", "t-mel"), whole="--out-dir" in c.arguments) for c in faults.commands())
    yield Command("unic-train", ["--config", "c.ini", "--data", "clips", "--out", "t.npz", "--log", "t.jsonl", "--threads", 1,
                                 "--resume", "--keep", 3, "train.epochs=2"], before=True, whole=True)
    yield Command("unic-encode", [*tables, "--modality", "sound", "--out", "codes.npz", "--vectors", "clips/clips.csv"], outputs=["codes.npz"])
    yield Command("unic-eval", [*tables, "--train", "clips/clips.csv", "--test", "clips/clips.csv", "--epochs", 1, "--json", "e.json"],
                  outputs=["e.json"])
    yield Command("unic-inspect", ["m.npz", "--data", "clips/clips.csv", "--threads", 1])


def clean(folder, command):
    for path in folder.glob("t[.-]*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if command.before:
        for path in (folder / "from").iterdir():
            shutil.copy(path, folder / path.name)


def written(folder, command):
    """What the command is there to write, by name."""
    paths = [folder / name for name in command.outputs]
    paths += [path for path in folder.glob("t.*") if path.suffix in (".npz", ".jsonl")]
    paths += [path for name in command.folders if (folder / name).exists() for path in (folder / name).iterdir()
              if path.name != "sources.tsv"]          # which has the times of files
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def try_one(folder, command, kind, n, how, plain, before):
    what = f"{command.name} {' '.join(command.arguments)}: allocation {n} of the {kind}, {how}"
    clean(folder, command)
    done = command.run(folder, LD_PRELOAD=str(SHIM), FAIL_ALLOC=f"{kind}:{n}:{how}")
    now = written(folder, command)
    assert not faults.leftovers(folder), (what, faults.leftovers(folder))
    if done.returncode == 0:
        differ = [name for name in plain if now.get(name) != plain[name]]
        kept = all(".step-" in name for name in differ) and "emory" in done.stderr       # what cannot be kept does not stop a run
        assert not differ or kept, f"{what}: status 0, but {differ} differ: {done.stderr}"
        assert timeless(command, done.stdout) == plain.stdout, f"{what}: prints {done.stdout}, not {plain.stdout}"
        return
    last = (done.stderr.splitlines() or [""])[-1]
    assert done.returncode == 1, (what, done.returncode, done.stderr)
    assert "emory" in done.stderr and last.startswith(command.name + ": "), (what, done.stderr)
    for name, data in now.items():
        allowed = [plain.get(name), before.get(name)] + ([b"old"] if name in command.outputs else [])
        log = name.endswith(".jsonl") and data.startswith(before.get(name, b""))
        earlier = name.startswith("t.") and command.name == "unic-train"      # saved at an earlier step
        assert data in allowed or log or earlier, f"{what}: {name} is neither old nor whole"


def timeless(command, text):
    """Of programs whose results are in files: without how long it took, and how much memory."""
    return re.sub(r"[\d.:]+| +", " ", text) if command.name in ("unic-train", "unic-encode", "unic-extract") else text


class Plain(dict):
    stdout = ""


def counts(base, folder, command):
    clean(folder, command)
    before = {path.name: path.read_bytes() for path in folder.glob("t.*")}
    done = command.run(folder, LD_PRELOAD=str(SHIM), FAIL_COUNT=str(base / "count"))
    assert done.returncode == 0, (command.name, command.arguments, done.stderr)
    plain = Plain(written(folder, command))
    plain.stdout = timeless(command, done.stdout)
    return dict(zip(("program", "library"), map(int, (base / "count").read_text().split()))), plain, before


def main():
    if not SHIM.exists():
        print("skipped: the C library has no malloc to stand before")
        return 0
    results = collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        base = pathlib.Path(name).resolve()
        folder = base / "work"
        folder.mkdir()
        make_files(folder)
        for out, data in (("m.npz", "d.npz"), ("from/t.npz", "clips")):
            log = ["--log", "from/t.jsonl"] if data == "clips" else []
            trained = Command("unic-train", ["--config", "c.ini", "--data", data, "--out", out, *log, "--threads", 1]).run(folder)
            assert trained.returncode == 0, trained.stderr
        for command in commands():
            made, plain, before = counts(base, folder, command)
            for kind, most in MOST.items():
                tried = range(1, made[kind] + 1)
                if most and made[kind] > most and not (command.whole and kind == "program"):
                    tried = [int(n) for n in np.unique(np.linspace(1, made[kind], most).round())]
                for i, n in enumerate(tried):
                    for how in ("once", "on") if faults.ALL else (("once", "on")[i % 2],):
                        try_one(folder, command, kind, n, how, plain, before)
                        results[command.name] += 1
    faults.tell(results, "allocations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
