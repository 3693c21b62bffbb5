#!/usr/bin/env python3
"""Training on more data than memory holds: speed against data in memory and against the disk, and peak memory.

    make check-streaming GB=12                              # beside 12 GB of disk, some minutes; docs/scale.md has figures

Synthetic clips of the demo's dims (image [T,7,7,64], speech [T,128], T = 10: 131 kB a clip) are written once, as npz shards
or, with FORMAT=npy, as directories of .npy arrays. Two processes train the same model with one thread: one on the shards in
random order, one on a single shard that stays in memory. They take turns, so that whatever else the machine does slows both.
Meanwhile the shards' pages are dropped from memory (posix_fadvise), and the kernel's count of bytes that came from the disk
says how much of what was read was really read. Training has to go at 90 % of the speed of memory or of the disk, whichever is
less; the disk's is that of random clips, 32 at a time. Fails if it does not, if the process ever held 1 GB, or if less than
90 % of the clips' bytes came from the disk, since then nothing was tried.
"""
import argparse
import json
import mmap
import os
import pathlib
import random
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

T, IMAGE, SPEECH, BATCH, SHARD = 10, (7, 7, 64), (128,), 32, 1024
CLIP_BYTES = 4 * T * (int(np.prod(IMAGE)) + SPEECH[0])


# ---- the data ----

def make(folder, gigabytes, form):
    """Paths of the shards; those that are there are kept."""
    count = max(2, round(gigabytes * 1e9 / (SHARD * CLIP_BYTES)))
    folder.mkdir(parents=True, exist_ok=True)
    paths, base = [], None
    for i in range(count):
        path = folder / (f"part-{i:05}.npz" if form == "npz" else f"part-{i:05}")
        paths.append(path)
        if path.exists():
            continue
        if base is None:
            rng = np.random.default_rng(0)
            base = {"image": rng.standard_normal((SHARD, T, *IMAGE), "f4"), "speech": rng.standard_normal((SHARD, T, *SPEECH), "f4")}
        arrays = {name: np.roll(array, i, axis=0) * np.float32(1 + 0.001 * i) for name, array in base.items()}
        part = path.with_name("unfinished.npz" if form == "npz" else "unfinished")
        if form == "npz":
            np.savez(part, **arrays)
        else:
            part.mkdir(exist_ok=True)
            for name, array in arrays.items():
                np.save(part / f"{name}.npy", array)
        part.rename(path)
    return paths


def files_of(paths):
    return [file for path in paths for file in ([path] if path.is_file() else sorted(path.iterdir()))]


def drop(files):
    """Drops the files' pages from memory; written ones first to the disk."""
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        os.fdatasync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


class Dropping:
    """Drops the pages again and again, so that hardly any is read from memory."""

    def __init__(self, files, every=1.0):
        self.files, self.every, self.done = files, every, threading.Event()

    def __enter__(self):
        drop(self.files)
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.done.wait(self.every):
            drop(self.files)

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


# ---- a process that trains, or reads ----

def status(key):
    return int(next(line for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith(key)).split()[1]) * 1024


def from_disk():
    return int(next(line for line in pathlib.Path("/proc/self/io").read_text().splitlines() if line.startswith("read_bytes")).split()[1])


def child(paths):
    """Commands "train STEPS" and "read BATCHES" on stdin, an answer a line on stdout."""
    import libunicode as lu
    lu.set_threads(1)
    data = lu.Dataset([str(path) for path in paths], batch=BATCH, seed=0, drop_last=True)
    trainer = lu.Trainer(lu.Config(preset="small", modalities=data))
    batches, clips = iter(()), 0
    for line in sys.stdin:
        command, count = line.split()
        begun, spent, read, clips = time.perf_counter(), time.process_time(), from_disk(), 0
        for _ in range(int(count)):
            batch = next(batches, None)
            if batch is None:
                batches = iter(data)
                batch = next(batches)
            clips += BATCH
            if command == "train":
                trainer.step(batch)
        print(json.dumps({"seconds": time.perf_counter() - begun, "processor": time.process_time() - spent, "clips": clips,
                          "disk": from_disk() - read, "peak": status("VmHWM")}), flush=True)


class Child:
    def __init__(self, paths):
        command = [sys.executable, __file__, "--child", *map(str, paths)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command, count):
        self.process.stdin.write(f"{command} {count}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.stdin.close()
        self.process.wait()


# ---- the disk alone ----

def disk_rates(files, seconds=3.0):
    """Bytes a second, past the page cache: large pieces in order, and a clip's image at random, one and 32 at a time."""
    size = -(-4 * T * int(np.prod(IMAGE)) // 4096) * 4096
    opened = [os.open(file, os.O_RDONLY | os.O_DIRECT) for file in files]
    ends = [os.fstat(file).st_size // 4096 for file in opened]
    pool = threading.local()

    def read(piece, file, at):
        if getattr(pool, "size", 0) != piece:
            pool.room, pool.size = mmap.mmap(-1, piece), piece
        return os.preadv(file, [pool.room], at)

    def in_order():
        done, begun = 0, time.perf_counter()
        for file, end in zip(opened, ends):
            for at in range(0, end * 4096, 1 << 22):
                done += read(1 << 22, file, at)
                if time.perf_counter() - begun > seconds:
                    return done / (time.perf_counter() - begun)
        return done / (time.perf_counter() - begun)

    def at_random(threads):
        rng, begun, done = random.Random(threads), time.perf_counter(), 0
        with ThreadPoolExecutor(threads) as executor:
            while time.perf_counter() - begun < seconds:
                places = [rng.randrange(len(opened)) for _ in range(4 * threads)]
                done += sum(executor.map(lambda k: read(size, opened[k], 4096 * random.randrange(max(1, ends[k] - size // 4096))), places))
        return done / (time.perf_counter() - begun)

    rates = {"in order": in_order(), "at random": at_random(1), "at random, 32 at a time": at_random(32)}
    for file in opened:
        os.close(file)
    return rates


# ---- both sides ----

def compare(paths, rounds, steps):
    files = files_of(paths)
    stream, memory = Child(paths), Child(paths[:1])
    begun = time.perf_counter()
    with Dropping(files[len(files) // len(paths):]):
        first = stream.ask("read", -(-8 * len(paths) // BATCH))      # touches nearly every shard
        print(f"opening, and the first touch of all shards, which checks an npz's CRCs: {time.perf_counter() - begun:.1f} s, "
              f"{first['disk'] / 1e6:.0f} MB from the disk")
        stream.ask("train", 2)
        memory.ask("read", SHARD // BATCH)
        memory.ask("train", 2)
        results = {"train": [], "read": []}
        for command, count in (("train", steps), ("read", 8 * steps)):
            for _ in range(rounds):
                results[command].append((stream.ask(command, count), memory.ask(command, count)))
    stream.end(), memory.end()
    return results


def verdict(ratio, rate, disk, fetched, peak):
    """What is wrong: `ratio` to the speed in memory; bytes a second, of training and of the disk; the part of the clips' bytes
    that came from it; the most bytes that the process held."""
    wrong = []
    if ratio < 0.9 and rate < 0.9 * disk:
        wrong.append(f"training has {100 * ratio:.0f} % of the speed in memory, and {100 * rate / disk:.0f} % of the disk's rate: "
                     "90 % of one of them is expected")
    if peak >= 1e9:
        wrong.append(f"the process that streams held {peak / 1e6:.0f} MB, less than 1 GB is expected")
    if fetched < 0.9:
        wrong.append(f"{100 * fetched:.0f} % of the clips came from the disk: with data in memory nothing is tried")
    return wrong


def report(results, rates):
    names = {"train": "training", "read": "reading alone"}
    peak = 0
    print(f"{'':14} {'streamed':>20} {'in memory':>20} {'wall':>6} {'proc.':>6}  from the disk")
    for command, pairs in results.items():
        speed = [[one["clips"] / one["seconds"] for one in side] for side in zip(*pairs)]
        ratio = statistics.median(a / b for a, b in zip(*speed))
        work = statistics.median(b["processor"] / a["processor"] for a, b in pairs)
        peak = max([peak] + [a["peak"] for a, _ in pairs])
        disk = sum(a["disk"] for a, _ in pairs) / sum(a["clips"] * CLIP_BYTES for a, _ in pairs)
        cells = [f"{statistics.median(s):7.0f} clips/s {statistics.median(s) * CLIP_BYTES / 1e6:5.0f} MB/s" for s in speed]
        print(f"{names[command]:14} {cells[0]:>24} {cells[1]:>24} {ratio:6.3f} {work:6.3f}  {100 * disk:.0f} %")
        if command == "train":
            trained = ratio, statistics.median(speed[0]) * CLIP_BYTES, rates["at random, 32 at a time"], disk
    print("the disk, past the cache: " + ", ".join(f"{rate / 1e6:.0f} MB/s {name}" for name, rate in rates.items()))
    print(f"peak of the process that streams: {peak / 1e6:.0f} MB")
    wrong = verdict(*trained, peak)
    print("\n".join(wrong) or "ok")
    return not wrong


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--gb", type=float, default=3.0, help="size of the data [3]")
    arguments.add_argument("--format", choices=["npz", "npy"], default="npz")
    arguments.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("build/streaming"))
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--steps", type=int, default=20, help="of each side in a round [20]")
    arguments.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    a = arguments.parse_args()
    if a.child:
        return child(a.child) or 0
    paths = make(a.folder / a.format, a.gb, a.format)
    print(f"{len(paths)} shards of {SHARD} clips, {len(paths) * SHARD * CLIP_BYTES / 1e9:.1f} GB")
    files = files_of(paths)
    drop(files)
    rates = disk_rates(files)
    return 0 if report(compare(paths, a.rounds, a.steps), rates) else 1


if __name__ == "__main__":
    sys.exit(main())
