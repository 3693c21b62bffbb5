#!/usr/bin/env python3
"""Build what the tasks need beside the demo's clips (build_data.py)."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import signal
import sys
import time
import zipfile
from pathlib import Path
from typing import Any, NamedTuple, Sequence

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "demo"))

import build_data  # noqa: E402  first: it tells BLAS of the worker processes' one thread
import ads  # noqa: E402
import images  # noqa: E402
import scenes  # noqa: E402
import text  # noqa: E402

import numpy as np  # noqa: E402
from scipy import ndimage  # noqa: E402

from build_data import BACKGROUND, T, Deck  # noqa: E402
from files import Progress, new_file, write_array, write_json  # noqa: E402
from speech import WORDS  # noqa: E402

RECIPE = "1"                         # raise it whenever the arrays change
CLASS_MAP = HERE / "theirs.txt"
UNALIGNED = ("unaligned-heads", "unaligned-test")
SCENES = {"scenes-train": (2400, "heads"), "scenes-test": (500, "test")}    # and their images
FILES = (*UNALIGNED, "theirs", *SCENES)

BLUR, CONTRAST, GRAIN = 0.7, 0.8, 0.05       # of their camera; it mirrors, too

Event = tuple[int, int, int]         # class, first step, the step behind its last

HELP = """\
Reads the demo's clips with text (DIR/*.npz) and without, and writes, each an npz:

  unaligned-heads  1500 clips  the demo's, and a third modality, whose events are its own:
  unaligned-test   1500        where two sentences overlap, a step is the mean of two tokens
  theirs           700         another data set: other synthesiser, worse camera, small ads;
                               seven of the classes under other names (theirs.txt)
  scenes-train     2400        canvases of 64 x 64 with two to four garments (scenes.py), of
  scenes-test      500         images of the heads' and the test's pool
  ours.txt, theirs.txt         names of the classes, as unic-eval takes them
  meta.json                    names, what it was made from, the sentences of the test clips

  clips      image [N,10,7,7,64] float16, speech [N,10,128] and text [N,10,64] float32;
             label [N], MODALITY.step_labels [N,10], of unaligned clips [N,10,10] of 0 and 1
  scenes     frames uint8 [N,64,64]; owner int8 [N,64,64], the class that a pixel belongs to
             or -1; classes int32 [N,4] of the garments, -1 behind the last. Tests ask for the
             first of them
"""


class Source(NamedTuple):
    """The demo's clips and what they were made of."""

    clips: Path                      # image and speech
    text: Path                       # the same with text
    seed: int
    pixels: np.ndarray               # uint8 [70000,28,28]
    labels: np.ndarray               # [70000]
    pools: dict[str, np.ndarray]     # numbers of the images of each pool

    def rng(self, name: str) -> np.random.Generator:
        """The random numbers of one file."""
        return np.random.default_rng([self.seed, 7, FILES.index(name)])

    def deck(self, pool: str, rng: np.random.Generator) -> Deck:
        """Deals the numbers of a pool's images, class by class."""
        return Deck(self.labels, self.pools[pool], rng)


# ---------------------------------------------------------------------------------------------
# sentences

def written(source: Source, split: str) -> list[list[str]]:
    """The tokens of the demo's clips, written again as build_data.py did."""
    rng = np.random.default_rng([source.seed, 6, list(build_data.SPLITS).index(split)])
    with np.load(source.text / f"{split}.npz") as file:
        steps = file["text.step_labels"]
    return text.write(steps, BACKGROUND, text.kit_of(split), rng)


def test_sentences(source: Source) -> list[str]:
    """What each test clip says about its garment, for the picture."""
    with np.load(source.text / "test.npz") as file:
        inside = file["text.step_labels"] != BACKGROUND
    return [" ".join(np.array(tokens)[steps])
            for tokens, steps in zip(written(source, "test"), inside)]


class Writer:
    """Text features, normalised as the demo's are."""

    def __init__(self, source: Source) -> None:
        with np.load(source.text / "train.npz") as file:
            wanted = file["text"]
        raw = text.embed(written(source, "train"))
        self.mean, self.std = raw.mean(axis=(0, 1)), raw.std(axis=(0, 1))
        if not np.allclose((raw - self.mean) / self.std, wanted, atol=1e-4):
            raise RuntimeError(f"{source.text / 'train.npz'} holds another text than text.py "
                               "writes: build it again with build_data.py --force")

    def __call__(self, clips: Sequence[Sequence[Event]], kit: text.Kit,
                 rng: np.random.Generator) -> np.ndarray:
        """float32 [N,T,DIM]: a step is the mean of its tokens, one for each event it is in."""
        steps = [step for events in clips for step in spoken_at_once(events, kit, rng)]
        vectors = text.embed([[token for step in steps for token in step]])[0]
        counts = np.array([len(step) for step in steps])
        sums = np.add.reduceat(vectors, np.cumsum(counts) - counts, axis=0)
        raw = (sums / counts[:, None]).reshape(len(clips), T, text.DIM)
        return ((raw - self.mean) / self.std).astype(np.float32)


def spoken_at_once(events: Sequence[Event], kit: text.Kit,
                   rng: np.random.Generator) -> list[list[str]]:
    """The tokens of each of a clip's steps: of its events' sentences, or a background word."""
    steps: list[list[str]] = [[] for _ in range(T)]
    for label, start, end in events:
        for step, token in zip(steps[start:end], text.sentence(label, end - start, kit, rng)):
            step.append(token)
    for step in steps:
        if not step:
            step.append(text.pick(kit.neutral, kit.own_neutral, text.NEW_WORDS, rng))
    return [[text.misspelt(token, rng) for token in step] for step in steps]


def events_of(steps: np.ndarray) -> list[Event]:
    """The runs of equal classes in the step labels [T] of a clip."""
    edges = np.flatnonzero(np.diff(steps, prepend=-1, append=-1))
    return [(int(steps[a]), int(a), int(b)) for a, b in zip(edges, edges[1:])
            if steps[a] != BACKGROUND]


# ---------------------------------------------------------------------------------------------
# the files

def write_npz(path: Path, arrays: dict[str, np.ndarray], copied: Path | None = None) -> None:
    """The arrays, behind those of another npz if there is one to be copied."""
    with new_file(path) as file:
        if copied:
            with open(copied, "rb") as original:
                shutil.copyfileobj(original, file)
        with zipfile.ZipFile(file, "a" if copied else "w") as npz:
            for name, array in arrays.items():
                write_array(npz, name, array.shape, array.dtype, [array])


def build_unaligned(name: str, source: Source, writer: Writer, out: Path) -> None:
    """Text for clips whose events in each modality are its own."""
    split, rng = build_data.SPLITS[name], source.rng(name)
    events = build_data.unaligned_events(split.clips, rng)
    write_npz(out / f"{name}.npz",
              {"text": writer(events, text.kit_of(split.speakers), rng),
               "text.step_labels": build_data.multi_hot(events)}, source.clips / f"{name}.npz")


def their_names() -> dict[str, str]:
    """Their classes and what they are in ours, as the class map says."""
    lines = [line.partition("=") for line in CLASS_MAP.read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    return {theirs.strip(): ours.strip() for theirs, _, ours in lines}


def degrade(pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[n,28,28] in 0..1 as their camera sees them: mirrored, blurred, pale, grainy."""
    blurred = ndimage.gaussian_filter(pictures[:, :, ::-1], (0, BLUR, BLUR))
    grain = GRAIN * rng.standard_normal(pictures.shape, dtype=np.float32)
    return np.clip(CONTRAST * blurred + grain, 0, 1).astype(np.float32)


def their_images(steps: np.ndarray, source: Source, rng: np.random.Generator) -> np.ndarray:
    """float16 [N,T,7,7,64]: a fresh test image at each step of an event, else a texture."""
    extractor = build_data.fit_extractor(source.pixels[source.pools["train"]], source.seed)
    deck = source.deck("test", rng)
    progress = Progress("theirs", len(steps), "clips")
    features = []
    for clip in steps:
        pictures = images.textures(T, rng)
        for t in np.flatnonzero(clip != BACKGROUND):
            pictures[t] = images.as_float(source.pixels[deck.deal(clip[t])])
        features.append(extractor(degrade(pictures, rng)).astype(np.float16))
        progress.step(1)
    return np.stack(features)


def build_theirs(source: Source, writer: Writer, out: Path) -> None:
    """The other data set: the clips of the other synthesiser, shown and told anew."""
    rng = source.rng("theirs")
    ours = [*WORDS, "background"]
    sold = [ours.index(name) for name in their_names().values()]
    with np.load(source.clips / "other.npz") as file:
        keep = np.isin(file["label"], sold)
        label, steps, sound = (file[name][keep] for name in
                               ("label", "speech.step_labels", "speech"))
    number = np.full(len(ours), -1, np.int32)
    number[sold] = np.arange(len(sold))
    arrays = {"image": their_images(steps, source, rng), "speech": sound,
              "text": writer([events_of(clip) for clip in steps], ads.kit(), rng),
              "label": number[label]}
    for modality in ("image", "speech", "text"):
        arrays[f"{modality}.step_labels"] = number[steps]
    write_npz(out / "theirs.npz", arrays)


def build_scenes(name: str, source: Source, out: Path) -> None:
    """Canvases of one split."""
    (count, pool), rng = SCENES[name], source.rng(name)
    progress = Progress(name, count, "scenes")
    made = scenes.compose(count, source.deck(pool, rng).deal, source.pixels, rng)
    write_npz(out / f"{name}.npz", made._asdict())
    progress.step(count)


# ---------------------------------------------------------------------------------------------
# the command

def stamp_of(args: argparse.Namespace) -> str:
    """A hash of what the files depend on."""
    demo = json.loads((args.text / "meta.json").read_text())["stamp"]
    parts = json.dumps([RECIPE, demo, CLASS_MAP.read_text()])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def is_built(out: Path, stamp: str) -> bool:
    """meta.json is written last and removed first."""
    try:
        meta = json.loads((out / "meta.json").read_text())
        return meta["stamp"] == stamp and all(
            (out / f"{name}.npz").stat().st_size == meta["bytes"][name] for name in FILES)
    except (OSError, ValueError, KeyError):
        return False


def build(args: argparse.Namespace, stamp: str) -> None:
    begin = time.monotonic()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "meta.json").unlink(missing_ok=True)
    seed = json.loads((args.clips / "meta.json").read_text())["seed"]
    source = Source(args.clips, args.text, seed, *build_data.divide_images(args.fashion, seed))
    writer = Writer(source)
    for name in UNALIGNED:
        build_unaligned(name, source, writer, args.out)
    build_theirs(source, writer, args.out)
    for name in SCENES:
        build_scenes(name, source, args.out)
    names = {"ours": [*WORDS, "background"], "theirs": list(their_names())}
    for name, lines in names.items():
        (args.out / f"{name}.txt").write_text("\n".join(lines) + "\n")
    meta: dict[str, Any] = {
        "stamp": stamp, "recipe": RECIPE, "seed": seed,
        "classes": names["ours"], "background": BACKGROUND, "their_classes": names["theirs"],
        "sentences": test_sentences(source),
        "bytes": {name: (args.out / f"{name}.npz").stat().st_size for name in FILES}}
    write_json(args.out / "meta.json", meta)
    print(f"data: built in {args.out} in {time.monotonic() - begin:.0f} s")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="build_task_data.py", description=f"{__doc__}\n\n{HELP}",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    for option, folder, what in (
            ("--out", "tasks", "where to write"),
            ("--clips", "demo", "the demo's clips of image and speech"),
            ("--text", "demo-avt", "the demo's clips with text")):
        parser.add_argument(option, type=Path, default=Path("build") / folder / "data",
                            metavar="DIR", help=f"{what} (%(default)s)")
    parser.add_argument("--fashion", type=Path, metavar="DIR",
                        default=Path("/usr/share/datasets/fashion-mnist"),
                        help="the Fashion-MNIST idx.gz files (%(default)s)")
    return parser.parse_args()


def main() -> None:
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))          # so that clean-up runs
    try:
        stamp = stamp_of(args)
        if is_built(args.out, stamp):
            print(f"data: cached in {args.out}")
        else:
            build(args, stamp)
    except (RuntimeError, OSError) as error:
        sys.exit(f"{Progress.end_line}build_task_data.py: {error}")
    except KeyboardInterrupt:
        print(f"{Progress.end_line}build_task_data.py: interrupted; nothing half-written is "
              "left", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
