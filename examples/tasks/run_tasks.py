#!/usr/bin/env python3
"""What people do with codes: classify, localise, cross data sets, segment, retrieve."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "demo"))

try:
    from run import AV, Demo, seed_list

    import evaluate
    import figures
    import tables
except ModuleNotFoundError as error:
    if error.name not in ("numpy", "matplotlib", "libunicode"):
        raise
    sys.exit("run_tasks.py: Python has no libunicode: PYTHONPATH=bindings/python"
             if error.name == "libunicode" else
             f"run_tasks.py: Python has no {error.name}: apt install python3-{error.name}")

HELP = """\
The demo's models (run.py) of two and of three modalities, the baseline and Uni-Code, are found
trained or are trained now. On the codes of each, everything is trained with one modality and
used, untouched, with another: heads that classify clips and localise events, on our clips and
on another data set's; a segmenter that finds the garment which speech or text names, beside
segmenters without any query and with a modality's own features. Retrieval needs no training. Writes into BUILD/tasks:

  data/         the clips and scenes (build_task_data.py)
  results.json  every score of every run, and how far Uni-Code is ahead
  figures.png   masks side by side, and bars for each task (figures.py)

docs/tasks-demo.md tells what the tables mean.
"""


def say(text: str) -> None:
    """A line on stderr, where the demo's are too."""
    print(f"tasks: {text}", file=sys.stderr, flush=True)


class Tasks:
    """One run of this program."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.seeds = args.seeds
        self.out = args.build / "tasks"
        self.demos = [Demo(argparse.Namespace(
            build=args.build, avt=avt, data=None, tune=False, seeds=args.seeds, set=[],
            methods=list(tables.METHODS), threads=None)) for avt in (False, True)]
        self.seen: dict[str, dict[str, evaluate.Asked]] = {}     # what the picture shows

    def build_data(self) -> None:
        """The demo's clips, and those of the tasks."""
        clips, text = (demo.data for demo in self.demos)
        for script, options in (
                (HERE.parent / "demo" / "build_data.py", ("--out", clips, "--text", text)),
                (HERE / "build_task_data.py",
                 ("--out", self.out / "data", "--clips", clips, "--text", text))):
            self.demos[0].call(sys.executable, script, *options)

    def evaluate(self, demo: Demo, method: str, seed: int) -> dict[str, Any]:
        """All the tasks of one model: its entry in results.json."""
        title = f"{tables.TITLES[method]}, seed {seed}"
        coded = evaluate.Coded(demo.models / f"{method}-{seed}.npz")
        files = evaluate.Files(demo.data, self.out / "data")
        scores: dict[str, Any] = {"method": method, "seed": seed,
                                  "modalities": list(coded.modalities)}
        say(f"{title}, {len(coded.modalities)} modalities: heads")
        scores["classify"] = evaluate.classify(coded, files, seed)
        scores["localise"] = evaluate.localise(coded, files, seed)
        if demo.kind is AV:
            return scores
        scores["cross_localise"] = evaluate.cross_localise(coded, files, seed)
        scores["cross_classify"] = evaluate.cross_classify(coded, files, seed)
        scores["retrieve"] = evaluate.retrieve(coded, files, "mean")
        scores["retrieve_histogram"] = evaluate.retrieve(coded, files, "histogram")
        scores["segment"], asked = evaluate.segment(
            coded, files, seed, lambda text: say(f"{title}, segmenter {text}"))
        if seed == self.seeds[0]:
            self.seen[method] = asked
        return scores

    def main(self) -> None:
        """All of it."""
        begin = time.monotonic()
        self.build_data()
        runs = []
        for seed in self.seeds:
            for demo in self.demos:
                demo.models.mkdir(parents=True, exist_ok=True)
                for method in tables.METHODS:
                    demo.train(method, seed)
                    runs.append(self.evaluate(demo, method, seed))
        files = evaluate.Files(self.demos[1].data, self.out / "data")
        references = [evaluate.references(files, seed, lambda text: say(f"segmenter {text}")) for seed in self.seeds]
        floors, ahead = evaluate.floors(files), tables.leads(runs)
        self.write_results(runs, references, floors, ahead)
        picture = figures.draw(self.out, files, runs, floors, self.seen)
        for table in tables.TABLES:
            tables.print_table(table, runs, floors)
            if table.number == 4:
                tables.print_references(table, references)
        tables.print_leads(ahead, len(self.seeds))
        print(f"\n{self.out / 'results.json'}, {picture}: "
              f"all done in {time.monotonic() - begin:.0f} s")

    def write_results(self, runs: list[dict[str, Any]], references: list[evaluate.Scores],
                      floors: dict[str, dict[str, float]], ahead: list[tables.Lead]) -> None:
        """results.json, whole or not at all."""
        leads = [{"table": lead.table, "task": lead.column.task, "metric": lead.column.metric,
                  "direction": lead.direction, "margin": lead.margin, "spread": lead.spread,
                  "holds": lead.holds} for lead in ahead]
        results = {"seeds": self.seeds, "runs": runs, "references": references, "floors": floors, "leads": leads}
        part = self.out / "results.json.part"
        part.write_text(json.dumps(rounded(results), indent=1) + "\n")
        part.replace(self.out / "results.json")


def rounded(value: Any) -> Any:
    """Scores with no more digits than there are clips to tell apart."""
    if isinstance(value, dict):
        return {name: rounded(its) for name, its in value.items()}
    if isinstance(value, list):
        return [rounded(its) for its in value]
    return round(value, 4) if isinstance(value, float) else value


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_tasks.py", description=f"{__doc__}\n\n{HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR",
                        help="the build tree, with bin/unic-train (%(default)s)")
    parser.add_argument("--seeds", type=seed_list, default=[0], metavar="\"0 1 2\"",
                        help="a model of each kind, heads and segmenters for each of them (0)")
    args = parser.parse_args()
    if not (args.build / "bin" / "unic-train").exists():
        parser.error(f"there is no {args.build / 'bin' / 'unic-train'}: run make first")
    return args


def main() -> None:
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        Tasks(args).main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"run_tasks.py: {error}")
    except KeyboardInterrupt:
        print("run_tasks.py: interrupted; models that are trained will be found next time",
              file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
