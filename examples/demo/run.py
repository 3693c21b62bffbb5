#!/usr/bin/env python3
"""The demo: pre-train on clips of several modalities, then use what is learnt on one on another."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

try:
    import numpy as np

    import report
    from report import TITLES
except ModuleNotFoundError as error:
    if error.name not in ("numpy", "matplotlib"):
        raise
    sys.exit(f"run.py: Python has no {error.name}: apt install python3-{error.name}")

HERE = Path(__file__).resolve().parent
TASKS = ("classify", "localise")

HELP = """\
For each seed a baseline and Uni-Code are pre-trained on the same clips with the same budget, and
Uni-Code once more without its CLUB term; and what is recommended (preset = recommended), which
trains for 20 epochs instead of 12. On each model's codes heads are trained, on those of one
modality, and tested on held-out images and speakers, in every modality. Writes into BUILD/demo:

  data/         the clips (build_data.py)
  models/       the models, their logs (.jsonl) and evaluations (.classify.json, .localise.json)
  results.json  the scores of each run, fractions of 1
  figures.png   training curves, who uses which code, what is taken for what (report.py)

A model that is there already, of the same config, data, library and seed, is not trained again.

The clips have images and speech; with --avt text as well, and everything is under
BUILD/demo-avt. The text is added to the clips of BUILD/demo/data, which are made first.
"""


class Kind(NamedTuple):
    """The demo with two modalities, or with three."""

    folder: str                        # under the build tree
    config: Path
    text: bool


AV = Kind("demo", HERE / "unicode.ini", False)
AVT = Kind("demo-avt", HERE / "unicode-avt.ini", True)


class Method(NamedTuple):
    """A way to pre-train: what is set over the config."""

    settings: tuple[str, ...]          # key=value
    list_name: str                     # where results.json has its runs


class Run(NamedTuple):
    """A trained model and what it came to; `scores` is its entry in results.json."""

    scores: dict[str, Any]
    peak_mb: float


def settings_of(name: str) -> tuple[str, ...]:
    """The lines `key = value` of a file, as --set takes them."""
    lines = (line.partition("#")[0] for line in (HERE / name).read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line.strip())
    return tuple(f"{key.strip()}={value.strip()}" for key, _, value in pairs)


METHODS = {
    "baseline": Method(settings_of("baseline.ini"), "runs"),
    "unicode": Method((), "runs"),
    "unicode-no-club": Method(settings_of("no-club.ini"), "no_club_runs"),
    "recommended": Method(("preset=recommended",), "recommended_runs"),
}


def say(text: str) -> None:
    """A line on stderr, where the programs' progress is too."""
    print(f"demo: {text}", file=sys.stderr, flush=True)


# ---------------------------------------------------------------------------------------------
# the steps

def high_water(pid: int) -> float:
    """A running process's own peak in MB; getrusage's would begin with that of its parent."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in status.splitlines()
                 if line.startswith("VmHWM:")), 0.0)


class Demo:
    """One run of this program: where things are and what was asked for."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.kind = AVT if args.avt else AV
        self.programs = args.build / "bin"
        self.clips = args.data or args.build / AV.folder / "data"
        self.data = args.build / AVT.folder / "data" if args.avt else self.clips
        self.out = args.build / self.kind.folder / ("tune" if args.tune else "")
        self.models = self.out / "models"
        self.test = self.data / ("valid.npz" if args.tune else "test.npz")
        self.seeds, self.settings = args.seeds, tuple(args.set)
        self.methods = {name: METHODS[name] for name in args.methods}
        self.threads = ["--threads", str(args.threads)] if args.threads else []

    def call(self, *command: Any, output: Path | None = None) -> tuple[float, float]:
        """Run a command to its end, its stdout into a file; its seconds and its peak in MB."""
        begin = time.monotonic()
        with open(output or os.devnull, "w") as stdout:
            process = subprocess.Popen(list(map(str, command)), stdout=stdout)
            try:
                peak = 0.0
                while not (done := os.waitpid(process.pid, os.WNOHANG))[0]:
                    peak = max(peak, high_water(process.pid))
                    time.sleep(0.05)
            except BaseException:                # Ctrl-C, SIGTERM: let it save and clean up
                process.terminate()
                process.wait()
                raise
        process.returncode = os.waitstatus_to_exitcode(done[1])
        if process.returncode:
            raise RuntimeError(f"{Path(command[0]).name} failed with status "
                               f"{process.returncode}; the command was\n  "
                               + " ".join(map(str, command)))
        return time.monotonic() - begin, peak

    def meta(self) -> dict[str, Any]:
        """What build_data.py says about the clips."""
        return json.loads((self.data / "meta.json").read_text())

    def stamp(self, settings: list[str]) -> str:
        """A hash of everything that a model depends on."""
        library = (self.programs.parent / "libunicode.so").read_bytes()
        parts = [self.meta()["stamp"], self.kind.config.read_text(), settings, self.threads,
                 hashlib.sha256(library).hexdigest()]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def train(self, method: str, seed: int, start: Path | None = None) -> dict[str, Any]:
        """Pre-train a model, or find it trained: {"stamp", "train_s", "peak_mb"}.

        start: a model whose encoders and codebook it begins with.
        """
        path = self.models / f"{method}-{seed}"
        model, log, record = (path.with_suffix(s) for s in (".npz", ".jsonl", ".json"))
        settings = [*self.methods[method].settings, *self.settings, f"train.seed={seed}"]
        origin = [hashlib.sha256(start.read_bytes()).hexdigest()] if start else []
        stamp = self.stamp(settings + origin)
        title = f"{TITLES.get(method, method)}, seed {seed}"
        try:
            done = json.loads(record.read_text())
            if done["stamp"] == stamp and model.exists() and log.exists():
                say(f"{title}: trained before, in {done['train_s']} s")
                return done
        except (OSError, ValueError, KeyError):
            pass
        record.unlink(missing_ok=True)
        say(f"{title}: training")
        seconds, peak = self.call(
            self.programs / "unic-train", "--config", self.kind.config,
            "--data", self.data / "train.npz", "--out", model, "--log", log, *self.threads,
            *(["--from", start] if start else []),
            "--set", *settings, output=path.with_suffix(".txt"))
        done = {"stamp": stamp, "train_s": round(seconds, 1), "peak_mb": round(peak)}
        record.write_text(json.dumps(done) + "\n")
        say(f"{title}: trained in {seconds:.1f} s, at most {peak:.0f} MB of memory")
        return done

    def evaluate(self, method: str, seed: int, task: str) -> dict[str, Any]:
        """Heads on the model's codes: the object that unic-eval writes."""
        model = self.models / f"{method}-{seed}.npz"
        path = model.with_suffix(f".{task}.json")
        self.call(self.programs / "unic-eval", "--model", model, "--task", task, "--seed", seed,
                  "--train", self.data / "heads.npz", "--test", self.test, "--json", path,
                  *self.threads)
        return json.loads(path.read_text())

    def run(self, method: str, seed: int) -> Run:
        """Train and evaluate."""
        trained = self.train(method, seed)
        classified, localised = (self.evaluate(method, seed, task) for task in TASKS)
        scores = {"method": method, "seed": seed,
                  "acc": rounded(classified["results"]), "loc": rounded(localised["results"]),
                  "shared_codes": round(classified["shared_codes"], 4),
                  "perplexity": round(classified["perplexity"], 2),
                  "train_s": trained["train_s"]}
        return Run(scores, trained["peak_mb"])

    def build_data(self) -> None:
        """The clips, or find them built; and a place for the models."""
        self.models.mkdir(parents=True, exist_ok=True)
        self.call(sys.executable, HERE / "build_data.py", "--out", self.clips,
                  *(["--text", self.data] if self.kind.text else []))
        say(f"the clips are in {self.data}")

    def main(self) -> None:
        """All of it."""
        begin = time.monotonic()
        self.build_data()
        runs: dict[str, list[Run]] = {method: [] for method in self.methods}
        for seed in self.seeds:
            for method in self.methods:
                runs[method].append(self.run(method, seed))
        self.write_results(runs)
        figures = report.draw(self.out, self.data, self.seeds[0], self.methods)
        print_table(runs, floors(self.test, self.meta()["background"]), self.test.stem)
        print(f"\n{self.out / 'results.json'}, {figures}: "
              f"all done in {time.monotonic() - begin:.0f} s")

    def write_results(self, runs: dict[str, list[Run]]) -> None:
        """results.json, whole or not at all."""
        results: dict[str, Any] = {"seeds": self.seeds}
        for name, method in self.methods.items():
            results.setdefault(method.list_name, []).extend(run.scores for run in runs[name])
        part = self.out / "results.json.part"
        part.write_text(json.dumps(results, indent=1) + "\n")
        part.replace(self.out / "results.json")


def rounded(results: dict[str, float]) -> dict[str, float]:
    """Scores with as many digits as there are clips to tell apart."""
    return {direction: round(score, 4) for direction, score in results.items()}


# ---------------------------------------------------------------------------------------------
# the table

def floors(test: Path, background: int) -> tuple[float, float]:
    """Chance in classification, and what calling every step background scores."""
    with np.load(test) as data:
        classes = np.bincount(data["label"])
        steps = data["speech.step_labels"]
    return classes.max() / classes.sum(), np.mean(steps == background)


def cell(values: list[float], scale: float = 1.0, digits: int = 1) -> str:
    """Mean, and with several seeds the standard deviation."""
    values = [scale * value for value in values]
    text = f"{statistics.mean(values):.{digits}f}"
    return text + (f" +-{statistics.stdev(values):.{digits}f}" if len(values) > 1 else "")


def print_table(runs: dict[str, list[Run]], floor: tuple[float, float], split: str) -> None:
    """A column a method, a row a figure."""
    chance, background = (f"{100 * f:.1f}" for f in floor)
    scores = {method: [run.scores for run in its] for method, its in runs.items()}

    def row(name: str, cells: list[str], last: str = "") -> None:
        line = f"{name:24}" + "".join(f"{text:>15}" for text in cells) + f"{last:>16}"
        print(line.rstrip())

    def rows(title: str, key: str, floor_name: str, floor_text: str) -> None:
        row(title, [""] * len(runs), floor_name)
        for direction in next(iter(scores.values()))[0][key]:
            row("  " + direction.replace(">", " > "),
                [cell([s[key][direction] for s in its], 100) for its in scores.values()],
                floor_text)

    print(f"\nHeads trained on one modality > tested on another, on {split} clips; in %\n")
    row("", [TITLES[method] for method in runs])
    rows("clips classified", "acc", "chance", chance)
    rows("steps localised", "loc", "all background", background)
    row("codes that are shared", [cell([s["shared_codes"] for s in its], 100)
                                  for its in scores.values()])
    row("perplexity", [cell([s["perplexity"] for s in its], 1, 0) for its in scores.values()])
    row("training, s", [cell([s["train_s"] for s in its], 1, 0) for its in scores.values()])
    row("peak memory, MB", [f"{max(run.peak_mb for run in its):.0f}" for its in runs.values()])


# ---------------------------------------------------------------------------------------------
# the command

def seed_list(text: str) -> list[int]:
    """"0 1 2" or "0,1,2"."""
    words = text.replace(",", " ").split()
    if not words or not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise argparse.ArgumentTypeError(f"\"{text}\" is no list of different whole numbers, "
                                         "as \"0 1 2\"")
    return [int(word) for word in words]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run.py", description=f"{__doc__}\n\n{HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR",
                        help="the build tree, with bin/unic-train (%(default)s)")
    parser.add_argument("--seeds", type=seed_list, default=[0], metavar="\"0 1 2\"",
                        help="a run of each method for each of them (0)")
    parser.add_argument("--avt", action="store_true", help="with text as a third modality")
    parser.add_argument("--data", type=Path, metavar="DIR",
                        help="where the image-speech clips are, or will be (BUILD/demo/data)")
    parser.add_argument("--threads", type=int, metavar="N", help="(as many as there are cores)")
    developers = parser.add_argument_group("for developers")
    developers.add_argument("--tune", action="store_true",
                            help="test on the validation clips; writes into tune/ beside models/")
    developers.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS),
                            metavar="METHOD",
                            help=f"with --tune: only these of {', '.join(METHODS)}")
    developers.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE",
                            help="with --tune: set over every method's config")
    args = parser.parse_args()
    if not args.tune and (args.set or args.methods != list(METHODS)):
        parser.error("--methods and --set need --tune: settings are chosen on validation clips")
    for program in ("unic-train", "unic-eval"):
        if not (args.build / "bin" / program).exists():
            parser.error(f"there is no {args.build / 'bin' / program}: run make first")
    return args


def main() -> None:
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        Demo(args).main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"run.py: {error}")
    except KeyboardInterrupt:
        print("run.py: interrupted; what is finished will be found next time", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
