#!/usr/bin/env python3
"""Each program, with each of its calls of the system on the user's files failing in turn.

strace makes the calls fail. A program that is hit ends with status 1 and a sentence that gives the reason, and leaves no
half file, no temporary one, and an old output as it was; or, where the call was not needed, it does all of its work.
Interrupted calls must be made again. FAULTS=all tries every call; otherwise a part of them is tried.
"""
import collections
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import wave

import numpy as np

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
BIN = BUILD / "bin"
MEDIA = (BUILD / "libunicode-media.so").exists()
ALL = os.environ.get("FAULTS") == "all"
CLIPS, T = 24, 4
CONFIG = """
code.dim = 8
code.count = 6
encoder.layers = 1
encoder.heads = 2
encoder.ff = 8
club.width = 8
club.layers = 2
club.steps = 1
train.batch = 8
train.length = 4
train.epochs = 1
"""
# Errors by call; those of READING may be met where a file is only looked at, and not be needed.
ERRORS = {"openat": ["EIO", "EMFILE", "ENOSPC"], "read": ["EIO"], "pread64": ["EIO"], "write": ["ENOSPC", "EIO"],
          "pwrite64": ["ENOSPC", "EIO"], "fsync": ["EIO"], "close": ["EIO"], "rename": ["EIO", "ENOSPC"], "lseek": ["EIO"],
          "mkdir": ["EIO", "ENOSPC"], "link": ["EIO"]}
INTERRUPTED = {"openat", "pread64", "pwrite64", "fsync"}
TRACED = ",".join(ERRORS)
TEXT = {"EIO": "Input/output error", "ENOSPC": "No space left on device", "EMFILE": "Too many open files"}
ENVIRONMENT = {**os.environ, "GOMP_SPINCOUNT": "0", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C"}
LINE = re.compile(r"^(\d+) +(\w+)\((.*)")
AT_HERE = re.compile(r"AT_FDCWD<[^>]*>")     # newer straces name the directory, of the loader's calls too


class Command:
    """One call of a program: the files that it writes are named."""

    def __init__(self, name, arguments, outputs=()):
        self.name, self.arguments, self.outputs = name, list(map(str, arguments)), outputs

    def run(self, folder, *strace):
        for output in self.outputs:
            (folder / output).write_bytes(b"old")
        return subprocess.run([*strace, BIN / self.name, *self.arguments], cwd=folder, env=ENVIRONMENT, timeout=300,
                              text=True, capture_output=True)


def make_files(folder):
    rng = np.random.default_rng(1)
    np.savez(folder / "d.npz", light=rng.standard_normal((CLIPS, T, 5, 5, 2)).astype(np.float32),
             sound=rng.standard_normal((CLIPS, T, 5)).astype(np.float32), label=np.arange(CLIPS, dtype=np.int32) % 3)
    (folder / "c.ini").write_text(CONFIG)
    (folder / "names.txt").write_text("a\nb\nc\n")
    (folder / "words.tsv").write_text("id\ttext\na\ta dog barks\nb\tone car passes by\n")
    with wave.open(str(folder / "s.wav"), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
        out.writeframes(rng.integers(-9000, 9000, 32000).astype("<i2").tobytes())


def commands():
    data = ["--model", "m.npz"]
    return [
        Command("unic-train", ["--config", "c.ini", "--data", "d.npz", "--valid", "d.npz", "--out", "t.npz", "--log",
                               "t.jsonl", "--threads", 1]),
        Command("unic-encode", [*data, "--modality", "sound", "--out", "codes.npz", "--threads", 1, "d.npz"], ["codes.npz"]),
        Command("unic-encode", [*data, "--modality", "sound", "--out-dir", "t-codes", "--threads", 1, "d.npz"]),
        Command("unic-eval", [*data, "--train", "d.npz", "--test", "d.npz", "--epochs", 1, "--json", "e.json", "--classes",
                              "names.txt", "--threads", 1], ["e.json"]),
        Command("unic-inspect", ["m.npz", "--data", "d.npz", "--threads", 1]),
        Command("unic-retrieve", [*data, "--query", "d.npz", "--query-modality", "sound", "--gallery", "d.npz",
                                  "--gallery-modality", "light", "--save", "i.npz", "--json", "r.json", "--threads", 1],
                ["i.npz", "r.json"]),
        Command("unic-convert", ["m.npz", "x.safetensors"], ["x.safetensors"]),
        Command("unic-convert", ["m.npz", "x.npz"], ["x.npz"]),
        Command("unic-extract", ["--kind", "ngrams", "--fit", "t-words.npz", "--out", "t-text", "words.tsv", "--threads", 1]),
        *([Command("unic-extract", ["--kind", "logmel", "--set", "bands=8", "parts=8", "--out", "t-mel", "s.wav", "--threads", 1]),
           Command("unic-media", ["s.wav", "--sound", "s.npy"], ["s.npy"])] if MEDIA else []),
    ]


def calls_on_files(folder, command):
    """[(call, its number in its thread, the file)] of the calls on files in `folder`, and what the command wrote."""
    log = folder.parent / "trace"
    done = command.run(folder, "strace", "-f", "-y", "-s", "0", "-e", f"trace={TRACED}", "-o", log)
    assert done.returncode == 0, (command.name, done.returncode, done.stderr)
    seen, calls, others = collections.Counter(), [], set()
    for line in log.read_text(errors="replace").splitlines():
        match = LINE.match(line)
        if not match:
            continue
        thread, call, rest = match.groups()
        rest = AT_HERE.sub("AT_FDCWD", rest)
        seen[thread, call] += 1
        if str(folder) in rest or (call == "openat" and 'AT_FDCWD' in rest and not rest.split('"')[1:2] == [] and
                                   not rest.split('"')[1].startswith("/")) or (call == "rename" and '"/' not in rest):
            calls.append((call, seen[thread, call], rest))
        else:
            others.add((call, seen[thread, call]))
    # strace counts in each thread: the loader's call of that number, in the first one, would fail too
    calls = [call for call in calls if call[:2] not in others]
    return calls, {name: (folder / name).read_bytes() for name in command.outputs}, done


def chosen(calls):
    """[(call, its number, the file, the errors)]: of each kind the first and the last call, the errors in turn; and a signal
    while each file is opened, which is done in several places."""
    if ALL:
        return [(*call, ERRORS[call[0]] + (["EINTR"] if call[0] in INTERRUPTED else [])) for call in calls]
    kinds = collections.defaultdict(list)
    for call in calls:
        kinds[call[0]].append(call)
    some = []
    for kind, its in kinds.items():
        some.append((*its[0], [ERRORS[kind][0]] + (["EINTR"] if kind in INTERRUPTED else [])))
        if len(its) > 1:
            some.append((*its[-1], [ERRORS[kind][-1]]))
    opened = {re.sub(r"\d+", "", call[2].split(",")[1]): call for call in reversed(kinds["openat"])}
    return some + [(*call, ["EINTR"]) for call in opened.values() if call != kinds["openat"][0]]


def leftovers(folder):
    return [path.name for path in folder.rglob("*") if ".tmp-" in path.name or ".claim" in path.name]


def check_failed(what, folder, command, done, error, plain):
    """Status 1 with the reason; or, if the call was not needed, all of the work."""
    said = done.stderr
    if done.returncode == 0:
        for name, want in plain.items():
            assert (folder / name).read_bytes() == want, f"{what}: {name} is not what it is without the failure"
        return False
    assert done.returncode == 1, (what, done.returncode, said)
    assert said.splitlines() and said.splitlines()[-1].startswith(command.name + ": "), (what, said)
    assert TEXT[error] in said, (what, said)
    for name, want in plain.items():
        assert (folder / name).read_bytes() in (b"old", want), f"{what}: {name} is neither old nor whole"
    return True


def is_written(call, rest):
    return call in ("pwrite64", "fsync", "rename") or (call in ("write", "close") and ".tmp-" in rest)


def try_command(base, command, results):
    folder = base / "work"
    calls, plain, _ = calls_on_files(folder, command)
    assert any(call == "openat" for call, _, _ in calls), (command.name, "the trace shows no files")
    for call, number, rest, errors in chosen(calls):
        for error in errors:
            for path in folder.glob("t*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            what = f"{command.name}: {call} no. {number} ({rest[:80]}): {error}"
            when = f"{number}" if error != "EINTR" else f"{number}..{number + 1}"
            done = command.run(folder, "strace", "-f", "-qq", "-e", f"trace={call}", "-o", os.devnull, "-e",
                               f"inject={call}:error={error}:when={when}")
            if error == "EINTR":
                assert done.returncode == 0, (what, done.stderr)
                failed = False
            else:
                failed = check_failed(what, folder, command, done, error, plain)
                lost = is_written(call, rest) and not failed and "(dir)" not in rest
                folder_only = call == "fsync" and re.search("/(work|t-codes)>", rest)  # a warning: the file is in its place
                assert not lost or folder_only, f"{what}: not told"
            assert not leftovers(folder), (what, leftovers(folder))
            results[command.name] += 1


def can_trace():
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], capture_output=True).returncode == 0


def tell(results, what):
    for program, count in results.items():
        print(f"{program}: {count} failing {what}")
    print(f"{len(results)} programs, {sum(results.values())} failing {what}")


def main():
    if not can_trace():
        print("skipped: strace is not there, or may not trace")
        return 0
    results = collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        base = pathlib.Path(name).resolve()
        folder = base / "work"
        folder.mkdir()
        make_files(folder)
        trained = Command("unic-train", ["--config", "c.ini", "--data", "d.npz", "--out", "m.npz", "--threads", 1]).run(folder)
        assert trained.returncode == 0, trained.stderr
        for command in commands():
            try_command(base, command, results)
    tell(results, "calls of the system")
    return 0


if __name__ == "__main__":
    sys.exit(main())
