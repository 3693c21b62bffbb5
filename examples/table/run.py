#!/usr/bin/env python3
"""The table: every row of the paper's comparisons that the trainer can express, side by side."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Iterator, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "demo"))

try:
    import page
    import rows
    from files import write_json
    from rows import DEMO, Row
except ModuleNotFoundError as error:
    if error.name not in ("numpy", "matplotlib"):
        raise
    sys.exit(f"run.py: Python has no {error.name}: apt install python3-{error.name}")

HELP = """\
Pre-trains a model for each row and seed, trains heads on its codes of one modality and tests
them, untouched, on the other; as many rows at a time as there are cores, each on one thread.
What is finished is not run again: a stopped table goes on where it was. Writes into
BUILD/table/DATA:

  runs/         the models' logs, and ROW-SEED.json, the scores of each run
  results.json  all scores, their means and deviations, and every row's settings
  table.md      the table
  codes.png     the scores by the size of the codebook

Rows are listed in rows.py; a row is named by itself or with its group (--rows ablations).
"""


class DataSet(NamedTuple):
    """Clips to pre-train on and to test with."""

    folder: str                        # under the build tree
    config: Path
    builder: Path                      # writes them into --out DIR
    settings: tuple[str, ...] = ()     # over the config


DATA = {
    "easy": DataSet("demo/data", DEMO / "unicode.ini", DEMO / "build_data.py"),
    "hard": DataSet("table/hard/data", DEMO / "unicode.ini", HERE / "hard_data.py",
                    ("image.kind=vector", "image.dims=3136")),
}


class Score(NamedTuple):
    """What unic-eval is asked: a key of a run's scores, and the files that heads are trained and tested on."""

    key: str
    task: str
    train: str
    test: str
    options: tuple[str, ...] = ()


SOFT = ("--soft", "8")
BEST = ("--threshold", "best")
SCORES = (
    Score("acc", "classify", "heads", "test"),
    Score("soft", "classify", "heads", "test", SOFT),
    Score("loc", "localise", "heads", "test"),
    Score("other", "classify", "heads", "other"),
    Score("unaligned", "localise", "unaligned-heads", "unaligned-test"),
    Score("best", "localise", "unaligned-heads", "unaligned-test", BEST),
)
VALID_SCORES = (
    Score("acc", "classify", "heads", "valid"),
    Score("soft", "classify", "heads", "valid", SOFT),
    Score("loc", "localise", "heads", "valid"),
    Score("other", "classify", "heads", "other-valid"),
    Score("unaligned", "localise", "unaligned-heads", "unaligned-valid"),
    Score("best", "localise", "unaligned-heads", "unaligned-valid", BEST),
)


def say(text: str) -> None:
    """A line on stderr."""
    print(f"table: {text}", file=sys.stderr, flush=True)


class Job(NamedTuple):
    """A row with a seed."""

    row: Row
    seed: int

    @property
    def name(self) -> str:
        """Its files' name."""
        return f"{self.row.name}-{self.seed}"


class Table:
    """One run of this program: where things are, and what was asked for."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.kind = DATA[args.data]
        self.build, self.programs = args.build, args.build / "bin"
        self.clips = args.clips or args.build / self.kind.folder
        self.out = args.build / "table" / (args.data + ("-tune" if args.tune else ""))
        self.runs = self.out / "runs"
        self.scores = VALID_SCORES if args.tune else SCORES
        self.settings = tuple(args.set)
        self.data_name, self.workers = args.data, args.jobs
        self.jobs = [Job(row, seed) for seed in args.seeds for row in rows.chosen(args.rows)]
        self.running: set[subprocess.Popen[bytes]] = set()
        self.lock, self.stopped = threading.Lock(), False

    # ---- one job ----

    @contextlib.contextmanager
    def process(self, command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """A program at work, of which stop() knows."""
        with open(log, "ab") as file:
            with self.lock:
                if self.stopped:
                    raise InterruptedError
                started = subprocess.Popen(command, stdout=file, stderr=file)
                self.running.add(started)
            try:
                yield started
            finally:
                with self.lock:
                    self.running.discard(started)

    def call(self, program: str, *arguments: Any, log: Path) -> None:
        """Run a program to its end; what it says goes into the log."""
        command = [str(self.programs / program), *map(str, arguments), "--threads", "1"]
        with self.process(command, log) as started:
            status = started.wait()
        if self.stopped:
            raise InterruptedError
        if status:
            last = log.read_text(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(f"{program} failed with status {status}: {' '.join(last)}\n  the command was "
                               + " ".join(command))

    def config(self, job: Job) -> str:
        """What unic-train is given."""
        settings = [*self.kind.settings, *job.row.settings, *self.settings, f"train.seed={job.seed}"]
        return rows.config_text(self.kind.config, settings)

    def stamp(self, job: Job) -> str:
        """A hash of what the job's scores depend on, but for the library: results.json names its hash."""
        meta = json.loads((self.clips / "meta.json").read_text())
        parts = [meta["stamp"], self.config(job), [list(score) for score in self.scores]]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def finished(self, job: Job) -> dict[str, Any] | None:
        """The job's scores, if it was run before."""
        try:
            done = json.loads((self.runs / f"{job.name}.json").read_text())
            return done if done["stamp"] == self.stamp(job) else None
        except (OSError, ValueError, KeyError):
            return None

    def run(self, job: Job) -> dict[str, Any]:
        """Train and evaluate; the scores, which are written too."""
        path = self.runs / job.name
        config, model, log = (path.with_suffix(s) for s in (".ini", ".npz", ".log"))
        config.write_text(self.config(job))
        log.unlink(missing_ok=True)
        begin = time.monotonic()
        self.call("unic-train", "--config", config, "--data", self.clips / "train.npz", "--out", model,
                  "--log", path.with_suffix(".jsonl"), log=log)
        scores: dict[str, Any] = {"train_s": round(time.monotonic() - begin, 1)}
        for score in self.scores:
            if (self.clips / f"{score.test}.npz").exists():
                scores |= self.evaluate(job, model, score, log)
        scores["total_s"] = round(time.monotonic() - begin, 1)
        for suffix in (".npz", ".run.npz", ".npz.lock"):       # they are large; a seed makes them again
            path.with_suffix(suffix).unlink(missing_ok=True)
        done = {"stamp": self.stamp(job), "library": self.library(), "row": job.row.name, "seed": job.seed, **scores}
        write_json(self.runs / f"{job.name}.json", done)
        return done

    def evaluate(self, job: Job, model: Path, score: Score, log: Path) -> dict[str, Any]:
        """Heads on the model's codes."""
        found = self.runs / f"{job.name}.{score.key}.eval"
        self.call("unic-eval", "--model", model, "--task", score.task, "--seed", job.seed,
                  "--train", self.clips / f"{score.train}.npz", "--test", self.clips / f"{score.test}.npz",
                  "--json", found, *score.options, log=log)
        result = json.loads(found.read_text())
        found.unlink()
        named: dict[str, Any] = {score.key: {d: round(s, 4) for d, s in result["results"].items()}}
        if score.key == "acc":
            named |= {"shared": round(result["shared_codes"], 4), "perplexity": round(result["perplexity"], 2)}
        return named

    def library(self) -> str:
        """The first digits of the hash of the library that the programs use."""
        return hashlib.sha256((self.build / "libunicode.so").read_bytes()).hexdigest()[:12]

    # ---- all ----

    def build_data(self) -> None:
        """The clips, or find them built."""
        subprocess.run([sys.executable, str(self.kind.builder), "--out", str(self.clips)], check=True)

    def stop(self) -> None:
        """End the programs that are at work; no more are begun."""
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.terminate()

    def main(self) -> None:
        """All of it."""
        if not (self.clips / "meta.json").exists():
            self.build_data()
        self.runs.mkdir(parents=True, exist_ok=True)
        done = {job: scores for job in self.jobs if (scores := self.finished(job))}
        left = [job for job in self.jobs if job not in done]
        say(f"{len(self.jobs)} runs, {len(done)} of them found finished; {min(self.workers, len(left))} at a time")
        pool = ThreadPoolExecutor(self.workers)
        try:
            for job, scores in self.work_off(pool, left):
                done[job] = scores
                self.write(done)
        finally:
            self.stop()
            pool.shutdown(cancel_futures=True)
        self.write(done)
        print((self.out / "table.md").read_text())

    def work_off(self, pool: ThreadPoolExecutor, left: list[Job]) -> Iterator[tuple[Job, dict[str, Any]]]:
        """The jobs' scores as they come in, with a line for each that says how long the rest will take."""
        begin = time.monotonic()
        waiting = {pool.submit(self.run, job): job for job in left}
        count = len(waiting)
        while waiting:
            ready, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ready:
                job = waiting.pop(future)
                scores = future.result()
                yield job, scores
                finished = count - len(waiting)
                rest = (time.monotonic() - begin) / finished * len(waiting)
                say(f"{finished}/{count}  {job.row.title}, seed {job.seed}: {page.in_short(scores)}; "
                    f"{scores['total_s']:.0f} s" + (f", {duration(rest)} left" if waiting else ""))

    def write(self, done: dict[Job, dict[str, Any]]) -> None:
        """results.json, the table and the curve, of what is finished so far."""
        results: dict[str, Any] = {"data": self.data_name, "rows": {}}
        for row in dict.fromkeys(job.row for job in self.jobs):
            its = [{k: v for k, v in scores.items() if k not in ("stamp", "row")}
                   for job, scores in done.items() if job.row == row]
            if its:
                results["rows"][row.name] = {"settings": [*row.settings, *self.settings], "runs": its,
                                             **summary(its), "paper": row.paper}
        libraries = {run["library"] for row in results["rows"].values() for run in row["runs"]}
        if len(libraries) > 1:
            results["note"] = f"the runs are of {len(libraries)} builds of the library"
        write_json(self.out / "results.json", results)
        page.write(self.out, results)


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means and deviations of the runs' numbers, {"acc": {"image>speech": ..}, "shared": .., ..}."""
    def of(values: list[Any], measure: Any) -> Any:
        if isinstance(values[0], dict):
            return {key: of([value[key] for value in values], measure) for key in values[0]}
        return round(measure(values), 4)

    keys = [key for key, value in runs[0].items() if key not in ("seed", "library")]
    return {name: {key: of([run[key] for run in runs], measure) for key in keys}
            for name, measure in (("mean", statistics.mean),
                                  ("deviation", lambda v: statistics.stdev(v) if len(v) > 1 else 0.0))}


def duration(seconds: float) -> str:
    """"3 min", "2 h 5 min"."""
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


# ---------------------------------------------------------------------------------------------
# the command

def seed_list(text: str) -> list[int]:
    """"0 1 2" or "0,1,2"."""
    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise argparse.ArgumentTypeError(f"\"{text}\" is no list of different whole numbers, as \"0 1 2\"")
    return [int(word) for word in words]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py", description=f"{__doc__}\n\n{HELP}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR",
                        help="the build tree, with bin/unic-train (%(default)s)")
    parser.add_argument("--data", choices=DATA, default="easy", help="the clips (%(default)s)")
    parser.add_argument("--rows", default="", metavar="\"ROW ...\"", help="only these rows or groups (all)")
    parser.add_argument("--seeds", type=seed_list, default=[0, 1, 2], metavar="\"0 1 2\"",
                        help="a run of each row for each of them (0 1 2)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
                        help="runs at a time (%(default)s, as many as there are cores)")
    parser.add_argument("--clips", type=Path, metavar="DIR", help="where the clips are, or will be "
                        "(BUILD/demo/data, BUILD/table/hard/data)")
    parser.add_argument("--config", metavar="ROW", help="print the config of this row, for unic-train, and no more")
    developers = parser.add_argument_group("for developers")
    developers.add_argument("--tune", action="store_true",
                            help="test on the validation clips; writes into BUILD/table/DATA-tune")
    developers.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE",
                            help="set over every row's config")
    args = parser.parse_args()
    args.rows = args.rows.replace(",", " ").split()
    try:
        rows.chosen([*args.rows, *([args.config] if args.config else [])])
    except ValueError as error:
        parser.error(str(error))
    if args.jobs < 1:
        parser.error("--jobs must be at least 1")
    return args


def main() -> None:
    args = parse_arguments()
    if args.config:
        (row,) = rows.chosen([args.config])
        kind = DATA[args.data]
        sys.stdout.write(rows.config_text(kind.config, [*kind.settings, *row.settings]))
        return
    for program in ("unic-train", "unic-eval"):
        if not (args.build / "bin" / program).exists():
            sys.exit(f"run.py: there is no {args.build / 'bin' / program}: run make first")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        Table(args).main()
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"run.py: {error}")
    except KeyboardInterrupt:
        print("run.py: interrupted; what is finished will be found next time", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
