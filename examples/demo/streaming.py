#!/usr/bin/env python3
"""What streaming costs on the demo's clips, and what a model trained for it (encoder.context) gives back."""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

try:
    import numpy as np

    import libunicode
    from run import Demo, Method, seed_list
except ModuleNotFoundError as error:
    if error.name not in ("numpy", "matplotlib", "libunicode"):
        raise
    sys.exit("streaming.py: Python has no libunicode: PYTHONPATH=bindings/python"
             if error.name == "libunicode" else
             f"streaming.py: Python has no {error.name}: apt install python3-{error.name}")

HELP = """\
For each seed Uni-Code is pre-trained as in `make demo`, and once more with each other context. For
each model, heads of clips and of steps are made offline, of the codes of whole clips: of images,
and of speech. They are then given the codes of held-out speakers' clips: encoded whole, and
streamed, a number of steps behind. Last, the full model learns for a few more epochs to be causal,
with its codebook kept as it is, and the heads are those of the full model. Writes
BUILD/demo/streaming.json; the models, which are trained only if they are not there yet, are in
BUILD/demo/models.
"""
HEADS = ("image", "speech")            # whose codes heads are made of
TESTED = "speech"


class Context(NamedTuple):
    """A model of the table, and how far behind its codes are streamed."""

    value: str                         # of encoder.context
    method: str                        # the model's name in BUILD/demo/models
    lags: tuple[int, ...]
    more: tuple[str, ...] = ()         # settings of a model that begins with the full one

    @property
    def title(self) -> str:
        return f"{self.value}, from full" if self.more else self.value


FULL = Context("full", "unicode", (0, 1, 3, 5))
CONTEXTS = (FULL, Context("causal", "unicode-causal", (0,)),
            Context("chunk:3", "unicode-chunk3", (0, 1, 2)),
            Context("causal", "unicode-tuned", (0,), ("train.freeze=codebook", "train.epochs=6")))


def load(path: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels of clips, labels of steps of one modality."""
    with np.load(path) as data:
        return data[name], data["label"], data[f"{name}.step_labels"]


def streamed(model: libunicode.Model, x: np.ndarray, lag: int) -> np.ndarray:
    """The codes [N,T] of clips [N,T,...] that are pushed step by step."""
    clips, length = x.shape[:2]
    stream = libunicode.Stream(model.encoder(TESTED, 1, length), length, lag)
    codes = np.empty((clips, length), np.int32)
    for i in range(clips):
        for step in x[i]:
            stream.push(step[None])
            first, some = stream.pull()
            codes[i, first:first + len(some)] = some
        stream.finish()
        first, some = stream.pull()
        codes[i, first:] = some
        stream.reset()
    return codes


class Heads:
    """The heads of one model, made of the codes of whole clips."""

    def __init__(self, model: libunicode.Model, path: Path, seed: int) -> None:
        self.heads: dict[tuple[str, str], libunicode.Head] = {}
        for name in HEADS:
            x, clips, steps = load(path, name)
            codes = model.encode(name, x)
            for per, labels in (("clip", clips), ("step", steps)):
                head = libunicode.Head(model, int(labels.max()) + 1, per, seed=seed)
                head.fit(codes, labels)
                self.heads[name, per] = head

    def score(self, codes: np.ndarray, clips: np.ndarray, steps: np.ndarray) -> dict[str, float]:
        """Shares that are right: of steps and clips, for heads of either modality."""
        truth = {"clip": clips, "step": steps}
        return {f"{name}>{per}": float(np.mean(head.predict(codes).argmax(-1) == truth[per]))
                for (name, per), head in self.heads.items()}


def measure(demo: Demo, context: Context, seed: int) -> list[dict[str, Any]]:
    """The rows of one model: whole clips, then each lag."""
    model, full = (libunicode.Model(demo.models / f"{its.method}-{seed}.npz")
                   for its in (context, FULL))
    assert model.config["encoder.context"] == context.value
    heads = Heads(full if context.more else model, demo.data / "heads.npz", seed)
    x, clips, steps = load(demo.test, TESTED)
    whole = model.encode(TESTED, x)
    rows = [("whole clip", whole)] + [(f"lag {lag}", streamed(model, x, lag))
                                      for lag in context.lags]
    return [{"context": context.title, "seed": seed, "codes": name,
             "equal": float(np.mean(codes == whole)), **heads.score(codes, clips, steps)}
            for name, codes in rows]


def print_table(rows: list[dict[str, Any]], seeds: list[int]) -> None:
    """Means over the seeds, in lines of Markdown."""
    columns = [key for key in rows[0] if key not in ("context", "seed", "codes")]
    print(f"\nSpeech of held-out speakers, heads of whole clips' codes; seeds {seeds}\n")
    print("| encoder.context | codes | " + " | ".join(columns) + " |")
    print("|---" * (2 + len(columns)) + "|")
    for context, codes in dict.fromkeys((row["context"], row["codes"]) for row in rows):
        mine = [row for row in rows if (row["context"], row["codes"]) == (context, codes)]
        cells = [f"{statistics.mean(row[key] for row in mine):.3f}" for key in columns]
        print(f"| {context} | {codes} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="streaming.py", description=f"{__doc__}\n\n{HELP}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR",
                        help="the build tree, with bin/unic-train (%(default)s)")
    parser.add_argument("--seeds", type=seed_list, default=[0], metavar="\"0 1 2\"",
                        help="models of each context for each of them (0)")
    parser.add_argument("--data", type=Path, metavar="DIR",
                        help="where the clips are, or will be (BUILD/demo/data)")
    parser.add_argument("--threads", type=int, metavar="N", help="(as many as there are cores)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if args.threads:
        libunicode.set_threads(args.threads)
    demo = Demo(argparse.Namespace(**vars(args), avt=False, tune=False, set=[],
                                   methods=["unicode"]))
    demo.methods |= {its.method: Method((f"encoder.context={its.value}", *its.more), "runs")
                     for its in CONTEXTS[1:]}
    try:
        demo.build_data()
        rows = []
        for seed in args.seeds:
            full = demo.models / f"{FULL.method}-{seed}.npz"
            for context in CONTEXTS:
                demo.train(context.method, seed, full if context.more else None)
                rows += measure(demo, context, seed)
    except (RuntimeError, OSError) as error:
        sys.exit(f"streaming.py: {error}")
    (demo.out / "streaming.json").write_text(json.dumps(rows, indent=1) + "\n")
    print_table(rows, args.seeds)


if __name__ == "__main__":
    main()
