#!/usr/bin/env python3
"""Build the demo's data: Fashion-MNIST images and their spoken names, aligned in time."""

import os

# One BLAS thread per process: the worker processes are the parallelism, and a fixed thread
# count keeps the arrays identical whatever --workers is. Must come before numpy is imported.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import shutil
import signal
import sys
import time
import zipfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

try:
    import numpy as np

    import images
    import speech
    import text
    from files import Progress, new_file, write_array, write_json
except ModuleNotFoundError as error:
    if error.name not in ("numpy", "scipy"):
        raise
    sys.exit(f"build_data.py: Python has no {error.name}: apt install python3-{error.name}")

RECIPE = "1"               # raise it whenever the arrays change: it invalidates cached data
TEXT_RECIPE = "1"          # the same, of the text alone
T = 10                     # steps (seconds) per clip
CLASSES = len(speech.WORDS)
BACKGROUND = CLASSES
SPANS = range(3, T + 1)              # an aligned event's length
UNALIGNED_SPANS = range(3, 7)
UNALIGNED_EVENTS = (1, 2, 3)         # per clip and modality
CHUNK = 25                           # clips made by one task; other sizes, other arrays


class Split(NamedTuple):
    clips: int
    images: str            # pool of images
    speakers: str          # key of speech.SPEAKERS
    aligned: bool = True


SPLITS = {
    "train": Split(2000, "train", "train"),
    "heads": Split(1500, "heads", "train"),
    "valid": Split(1000, "valid", "valid"),
    "test": Split(1500, "test", "test"),
    "other": Split(1000, "test", "other"),
    "unaligned-heads": Split(1500, "heads", "train", aligned=False),
    "unaligned-test": Split(1500, "test", "test", aligned=False),
    "other-valid": Split(1000, "valid", "other-valid"),        # a place here is a seed: new ones come last
    "unaligned-valid": Split(1000, "valid", "valid", aligned=False),
}
TEXT_SPLITS = ("train", "heads", "valid", "test")
EVENT_SHARE = np.mean(SPANS) / T     # of the steps of an aligned clip
POOL_IMAGES = 20000                  # in each of train, heads, valid

HELP = """\
Writes into DIR, one file a split, each an uncompressed npz:

  train            2000 clips  to pre-train on (the labels are there, pre-training ignores them)
  heads            1500        to train heads: other images, the same speakers in new noise
  valid            1000        to tune on: other images, other speakers
  test             1500        to report: test images, held-out speakers and accents
  other            1000        test images, another speech engine (flite)
  unaligned-heads  1500        1-3 events per modality, which need not agree and may overlap:
  unaligned-test   1500        for localisation, step by step
  other-valid      1000        to tune on: validation images, flite with a voice and pitches
  unaligned-valid  1000        of their own; and unaligned events of images and speakers of valid
  meta.json                    class names, speakers, normalisation, counts

A clip is 10 steps of one second. During an event (3-10 steps, the same in both modalities)
every step shows a fresh image of a garment and speaks its name, by a fresh voice; the other
steps are background: smooth textures and noise. Arrays of N clips:

  image                [N,10,7,7,64] float16   image features   (images.py)
  speech               [N,10,128]    float32   speech features  (speech.py)
  label                [N]           int32     class of the event
  image.step_labels    [N,10]        int32     class of each step, 10 = background
  speech.step_labels   [N,10]        int32

The unaligned files have no label, and step_labels [N,10,10] uint8: the classes of each step.
Where two events overlap, the step is a double exposure of two garments, or two voices at once.

With --text DIR2, the clips of train, heads, valid and test are written again into DIR2, with a
third modality: a token a step, during the event a sentence about the garment (text.py).

  text                 [N,10,64]     float32   features of a token
  text.step_labels     [N,10]        int32
"""
EPILOG = """\
Needs the Debian packages dataset-fashion-mnist, espeak-ng, flite, python3-numpy, python3-scipy.
The same seed gives the same bytes on the same machine, whatever --workers is. A second run
finds the data and returns at once; an interrupted run leaves no half-written file behind.

  build_data.py --out build/demo/data            build, or find it built
  build_data.py --out build/demo/data --probe    and see how much a linear probe gets out of it
"""


# ---------------------------------------------------------------------------------------------
# what happens in each clip

class Deck:
    """Deals the members of a class in random order, each once before any comes again."""

    def __init__(self, labels, members, rng):
        self.rng = rng
        self.members = [members[labels[members] == c] for c in range(CLASSES)]
        self.hands = [[] for _ in range(CLASSES)]

    def deal(self, label):
        if not self.hands[label]:
            self.hands[label] = list(self.rng.permutation(self.members[label]))
        return self.hands[label].pop()


class Script(NamedTuple):
    """What one split shows and says: at each step a list of numbers, empty = background."""
    image: list                  # [N][T] -> image numbers
    speech: list                 # [N][T] -> utterance numbers
    arrays: dict                 # label and step_labels, as written to the file


def write_script(split, image_deck, speech_deck, rng):
    if split.aligned:
        return aligned_script(split.clips, image_deck, speech_deck, rng)
    events = [unaligned_events(split.clips, rng) for _ in range(2)]
    return Script(cast(events[0], image_deck), cast(events[1], speech_deck),
                  {"image.step_labels": multi_hot(events[0]),
                   "speech.step_labels": multi_hot(events[1])})


def aligned_script(n, image_deck, speech_deck, rng):
    label = rng.permutation(np.arange(n) % CLASSES).astype(np.int32)      # an even histogram
    span = rng.choice(SPANS, n)
    start = rng.integers(0, T - span + 1)
    events = [[(c, s, s + k)] for c, s, k in zip(label, start, span)]
    step = np.arange(T)
    inside = (step >= start[:, None]) & (step < (start + span)[:, None])
    steps = np.where(inside, label[:, None], BACKGROUND).astype(np.int32)
    return Script(cast(events, image_deck), cast(events, speech_deck),
                  {"label": label, "image.step_labels": steps, "speech.step_labels": steps})


def unaligned_events(n, rng):
    """Per clip 1-3 (class, start, end) of different classes; they overlap, but never all three:
    two names said at once can still be told apart, three cannot."""
    clips = []
    while len(clips) < n:
        k = rng.choice(UNALIGNED_EVENTS)
        span = rng.choice(UNALIGNED_SPANS, k)
        start = rng.integers(0, T - span + 1)
        crowd = sum((np.arange(T) >= s) & (np.arange(T) < s + d) for s, d in zip(start, span))
        if crowd.max() <= 2:
            clips.append(list(zip(rng.permutation(CLASSES)[:k], start, start + span)))
    return clips


def cast(events, deck):
    """Give every step of every event its own image or utterance."""
    return [[[deck.deal(c) for c, start, end in clip if start <= t < end] for t in range(T)]
            for clip in events]


def multi_hot(events):
    labels = np.zeros((len(events), T, CLASSES), np.uint8)
    for row, clip in zip(labels, events):
        for c, start, end in clip:
            row[start:end, c] = 1
    return labels


# ---------------------------------------------------------------------------------------------
# making the clips, in worker processes

class Stock(NamedTuple):
    """What clips are made of."""
    pixels: np.ndarray           # uint8 [70000, 28, 28]: all of Fashion-MNIST
    image_labels: np.ndarray     # [70000]
    image_pools: dict            # pool -> numbers of its images
    plan: list                   # speech.Utterance
    waves: list                  # the waveform of each
    extractor: images.Extractor

    def decks(self, split, rng):
        """The images and the utterances that a split may use."""
        said = np.array([u.label for u in self.plan])
        own = np.flatnonzero([u.split == split.speakers for u in self.plan])
        return (Deck(self.image_labels, self.image_pools[split.images], rng),
                Deck(said, own, rng))


STOCK = None        # in a worker: the Stock it inherited when it was forked


def start_worker(stock):
    global STOCK
    STOCK = stock
    signal.signal(signal.SIGINT, signal.SIG_IGN)         # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextlib.contextmanager
def forked_pool(workers, stock):
    """Worker processes that share stock; on an error, whatever is left to do is dropped."""
    fork = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, fork, start_worker, (stock,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def clip_chunk(task):
    """Features of a few clips: image float16 [n,T,7,7,64], speech raw float32 [n,T,128]."""
    pictures, seconds = clip_media(task)
    image = STOCK.extractor(pictures).astype(np.float16)
    sound = np.stack([speech.log_mel(clip) for clip in seconds])
    return image.reshape(-1, T, *image.shape[1:]), sound


def clip_media(task):
    """A few clips as they are seen and heard: [n*T,28,28] in 0..1, and for each clip [T,RATE].

    The random numbers belong to the chunk, not to the worker, so that the number of workers and
    their order do not matter.
    """
    seed, shown, said = task
    rng = np.random.default_rng(seed)
    shown = [step for clip in shown for step in clip]
    said = [step for clip in said for step in clip]

    pictures = images.textures(len(shown), rng)
    for picture, step in zip(pictures, shown):
        if step:          # two garments: a double exposure, as two voices are a sum of sounds
            picture[:] = np.mean([images.as_float(STOCK.pixels[i]) for i in step], axis=0)
    said = [[STOCK.waves[i] for i in step] for step in said]
    return pictures, [speech.sound(said[clip:clip + T], rng)
                      for clip in range(0, len(said), T)]      # clip by clip: it fits the cache


def split_tasks(name, stock, seed):
    """What happens in each clip of a split, and the tasks of clip_chunk() or clip_media()."""
    number = list(SPLITS).index(name)
    rng = np.random.default_rng([seed, 4, number])
    script = write_script(SPLITS[name], *stock.decks(SPLITS[name], rng), rng)
    return script, [((seed, 5, number, i), script.image[i:i + CHUNK], script.speech[i:i + CHUNK])
                    for i in range(0, SPLITS[name].clips, CHUNK)]


# ---------------------------------------------------------------------------------------------
# the stages

def record_speech(seed, workers):
    """Synthesise every utterance; the plan and its waveforms."""
    plan = speech.plan_utterances(np.random.default_rng([seed, 1]))
    progress = Progress("speech", len(plan), "utterances")
    digests, waves = [], []
    with ThreadPoolExecutor(workers) as pool:           # threads: the work is in subprocesses
        try:
            speech.check_speakers(pool)
            for digest, wave in pool.map(speech.synthesise, [u.command for u in plan]):
                digests.append(digest)
                waves.append(wave)
                progress.step(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    speech.check_distinct(plan, digests)
    return plan, waves


def divide_images(fashion, seed):
    """All 70000 images, their labels, and the numbers of those in each pool."""
    sets = images.load(fashion)
    (train, train_labels), (test, test_labels) = sets["train"], sets["test"]
    order = np.random.default_rng([seed, 2]).permutation(len(train))
    pools = {name: order[i * POOL_IMAGES:(i + 1) * POOL_IMAGES]
             for i, name in enumerate(("train", "heads", "valid"))}
    pools["test"] = len(train) + np.arange(len(test))
    return np.concatenate([train, test]), np.concatenate([train_labels, test_labels]), pools


def fit_extractor(pixels, seed):
    """The image features, learnt from the pre-training images."""
    progress = Progress("image features", images.FIT_PATCHES, "patches")
    extractor = images.fit(pixels, EVENT_SHARE, np.random.default_rng([seed, 3]))
    progress.step(images.FIT_PATCHES)
    return extractor


def build_split(name, stock, args, speech_norm):
    """Make the clips of one split and write its file: (speech normalisation, summary)."""
    split = SPLITS[name]
    script, tasks = split_tasks(name, stock, args.seed)
    progress = Progress(name, split.clips, "clips")
    sounds, moments = [], Moments()

    def image_blocks(pool):
        for image, sound in pool.map(clip_chunk, tasks):
            sounds.append(sound)
            moments.add(image)
            yield image
            progress.step(len(image))

    path = args.out / f"{name}.npz"
    with new_file(path) as file, zipfile.ZipFile(file, "w") as npz:
        shape = (split.clips, T, images.CELLS, images.CELLS, images.CHANNELS)
        with forked_pool(args.workers, stock) as pool:
            write_array(npz, "image", shape, np.float16, image_blocks(pool))
        raw = np.concatenate(sounds)
        if speech_norm is None:                        # z-score over the pre-training clips
            speech_norm = raw.mean(axis=(0, 1)), raw.std(axis=(0, 1))
        sound = (raw - speech_norm[0]) / speech_norm[1]
        summary = check_arrays(name, split, moments, sound, script.arrays)
        for key, array in {"speech": sound, **script.arrays}.items():
            write_array(npz, key, array.shape, array.dtype, [array])
    return speech_norm, summary | {"bytes": path.stat().st_size}


# ---------------------------------------------------------------------------------------------
# the third modality

def add_text(args):
    """Copies of the clips in args.text, each with its sentence."""
    begin = time.monotonic()
    args.text.mkdir(parents=True, exist_ok=True)
    (args.text / "meta.json").unlink(missing_ok=True)        # from here on it is not built
    norm, summaries = None, {}
    for name in TEXT_SPLITS:                                 # train first: it sets norm
        norm, summaries[name] = add_text_to(name, args, norm)
    meta = json.loads((args.out / "meta.json").read_text())
    for name in TEXT_SPLITS:
        summaries[name] = meta["splits"][name] | summaries[name]
    meta |= {"stamp": text_stamp(args), "text_recipe": TEXT_RECIPE, "splits": summaries}
    meta["modalities"]["text"] = [text.DIM]
    meta["normalisation"]["text"] = "z-score per dimension over all steps of train"
    write_json(args.text / "meta.json", meta)
    print(f"data: text added in {args.text} in {time.monotonic() - begin:.0f} s")


def split_sentences(name, steps, seed):
    """The tokens of a split's clips, whose steps [N,T] are of these classes."""
    rng = np.random.default_rng([seed, 6, list(SPLITS).index(name)])
    return text.write(steps, BACKGROUND, text.kit_of(SPLITS[name].speakers), rng)


def add_text_to(name, args, norm):
    """One split's file with text: (text normalisation, summary)."""
    source, path = args.out / f"{name}.npz", args.text / f"{name}.npz"
    progress = Progress(f"{name}, text", SPLITS[name].clips, "clips")
    with np.load(source) as file:
        steps = file["image.step_labels"]
    clips = split_sentences(name, steps, args.seed)
    raw = text.embed(clips)
    if norm is None:                                   # z-score over the pre-training clips
        norm = raw.mean(axis=(0, 1)), raw.std(axis=(0, 1))
    arrays = {"text": (raw - norm[0]) / norm[1], "text.step_labels": steps}
    with new_file(path) as file:
        with open(source, "rb") as original:
            shutil.copyfileobj(original, file)
        with zipfile.ZipFile(file, "a") as npz:
            for key, array in arrays.items():
                write_array(npz, key, array.shape, array.dtype, [array])
    progress.step(len(clips))
    words = {word for clip in clips for word in clip}
    return norm, {"text.words": len(words), "text.samples": [" ".join(clip) for clip in clips[:5]],
                  "bytes": path.stat().st_size}


# ---------------------------------------------------------------------------------------------
# is what was built what was meant?

class Moments:
    """Mean and standard deviation per channel of blocks that pass by."""

    def __init__(self):
        self.count, self.sum, self.squares = 0, 0, 0

    def add(self, image):
        x = image.reshape(-1, image.shape[-1]).astype(np.float32)
        self.count += len(x)
        self.sum = self.sum + x.sum(axis=0, dtype=float)
        self.squares = self.squares + np.einsum("ij,ij->j", x, x, dtype=float)

    def mean_and_std(self):
        mean = self.sum / self.count
        return mean, np.sqrt(self.squares / self.count - mean ** 2)


def check_arrays(name, split, moments, sound, arrays):
    """Refuse impossible data; summarise the rest for meta.json."""
    summary = {"clips": split.clips}
    flat = sound.reshape(-1, speech.DIM)
    for modality, (mean, std) in (("image", moments.mean_and_std()),
                                  ("speech", (flat.mean(axis=0), flat.std(axis=0)))):
        # exact for the speech of train; the other splits are not what the z-score was fitted to
        slack = 0.1 if name == "train" else 1
        # "not <" rather than ">": NaN must fail too
        if not (np.abs(mean).max() < slack and np.abs(np.log(std)).max() < slack):
            raise RuntimeError(f"{name}: the {modality} features have means up to "
                               f"{np.abs(mean).max():.3g} and deviations of {std.min():.3g} to "
                               f"{std.max():.3g}, far from 0 and 1")
        summary[f"{modality}.mean"] = [round(float(f(mean)), 3) for f in (np.min, np.max)]
        summary[f"{modality}.std"] = [round(float(f(std)), 3) for f in (np.min, np.max)]
    steps = arrays["image.step_labels"]
    if split.aligned:
        spans = (steps != BACKGROUND).sum(axis=1)
        counts = np.bincount(arrays["label"], minlength=CLASSES)
        if np.ptp(counts) > 1 or spans.min() < SPANS[0] or spans.max() > SPANS[-1]:
            raise RuntimeError(f"{name}: clips per class {counts}, should be equal; spans "
                               f"{spans.min()}-{spans.max()}, should be {SPANS[0]}-{SPANS[-1]}")
        summary["clips_per_class"] = counts.tolist()
        summary["background"] = round(float((steps == BACKGROUND).mean()), 3)
    else:
        for modality in ("image", "speech"):
            holds = arrays[f"{modality}.step_labels"].sum(axis=2)
            summary[f"{modality}.background"] = round(float((holds == 0).mean()), 3)
            summary[f"{modality}.overlap"] = round(float((holds > 1).mean()), 3)
    return summary


def probe(out, modality, names):
    """How many event steps a linear classifier of single steps gets right, per split."""
    def steps(name):
        with np.load(out / f"{name}.npz") as file:
            x, y = file[modality], file[f"{modality}.step_labels"]
        if modality == "image":                                     # pooled over the grid
            x = np.stack([clip.astype(np.float32).mean(axis=(1, 2)) for clip in x])
        x, y = x[y != BACKGROUND], y[y != BACKGROUND]
        return np.hstack([x, np.ones((len(x), 1))]), y

    weights = logistic_regression(*steps("train"))
    scores = []
    for name in names:
        x, y = steps(name)
        scores.append(f"{name} {100 * np.mean((x @ weights).argmax(axis=1) == y):.1f} %")
    print(f"probe: {modality:6} train -> {', '.join(scores)}")


def logistic_regression(x, y, penalty=1e-5):
    from scipy.optimize import minimize              # slow to load, and only the probe needs it
    target = np.eye(CLASSES)[y]

    def loss(flat):
        w = flat.reshape(-1, CLASSES)
        score = x @ w
        score -= score.max(axis=1, keepdims=True)
        log_p = score - np.log(np.exp(score).sum(axis=1, keepdims=True))
        gradient = x.T @ (np.exp(log_p) - target) / len(x) + 2 * penalty * w
        return -(log_p * target).sum() / len(x) + penalty * (w ** 2).sum(), gradient.ravel()

    start = np.zeros(x.shape[1] * CLASSES)
    fit = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    return fit.x.reshape(-1, CLASSES)


# ---------------------------------------------------------------------------------------------
# the command

def stamp(args):
    parts = json.dumps([RECIPE, args.seed, str(args.fashion)])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def text_stamp(args):
    return hashlib.sha256(f"{stamp(args)} text {TEXT_RECIPE}".encode()).hexdigest()[:16]


def is_built(out, wanted, names):
    """Has this command already built all of it? meta.json is written last, removed first."""
    try:
        meta = json.loads((out / "meta.json").read_text())
        return meta["stamp"] == wanted and all(
            (out / f"{name}.npz").stat().st_size == meta["splits"][name]["bytes"]
            for name in names)
    except (OSError, ValueError, KeyError):
        return False


def build(args):
    begin = time.monotonic()
    speech.check_installed()
    pixels, image_labels, pools = divide_images(args.fashion, args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "meta.json").unlink(missing_ok=True)         # from here on it is not built
    plan, waves = record_speech(args.seed, args.workers)
    extractor = fit_extractor(pixels[pools["train"]], args.seed)
    stock = Stock(pixels, image_labels, pools, plan, waves, extractor)

    speech_norm, summaries = None, {}
    for name in SPLITS:                                      # train first: it sets speech_norm
        speech_norm, summaries[name] = build_split(name, stock, args, speech_norm)
    write_meta(args, stock, summaries)
    print(f"data: built in {args.out} in {time.monotonic() - begin:.0f} s")


def write_meta(args, stock, summaries):
    for name, split in SPLITS.items():
        summaries[name] |= {"images": split.images, "speakers": speech.SPEAKERS[split.speakers],
                            "utterances": sum(u.split == split.speakers for u in stock.plan)}
    length = [len(wave) / speech.RATE for wave in stock.waves]
    meta = {
        "stamp": stamp(args), "recipe": RECIPE, "seed": args.seed,
        "classes": speech.WORDS, "background": BACKGROUND,
        "steps": T, "step_seconds": 1,
        "modalities": {"image": [images.CELLS, images.CELLS, images.CHANNELS],
                       "speech": [speech.DIM]},
        "normalisation": {
            "image": f"z-score per channel, fitted on {images.NORM_IMAGES} pre-training images "
                     f"and as many textures, {EVENT_SHARE:.2f} : {1 - EVENT_SHARE:.2f}",
            "speech": "z-score per dimension over all steps of train"},
        "utterance_seconds": {"mean": round(float(np.mean(length)), 3),
                              "min": round(min(length), 3), "max": round(max(length), 3)},
        "accents": speech.ACCENTS,
        "splits": summaries,
    }
    write_json(args.out / "meta.json", meta)


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="build_data.py", description=f"{__doc__}\n\n{HELP}", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/demo/data"), metavar="DIR",
                        help="where to write (%(default)s)")
    parser.add_argument("--text", type=Path, metavar="DIR2",
                        help="add the text modality: the clips with text go here")
    parser.add_argument("--seed", type=int, default=1,
                        help="of every random draw (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, metavar="N",
                        help="processes at work at a time (%(default)s)")
    parser.add_argument("--fashion", type=Path, metavar="DIR",
                        default=Path("/usr/share/datasets/fashion-mnist"),
                        help="the Fashion-MNIST idx.gz files (%(default)s)")
    parser.add_argument("--force", action="store_true",
                        help="build even if it is built already")
    parser.add_argument("--probe", action="store_true",
                        help="then print what a linear probe of the features achieves")
    args = parser.parse_args()
    if args.workers < 1 or args.seed < 0:
        parser.error("--workers must be at least 1 and --seed at least 0")
    if args.text and args.text.resolve() == args.out.resolve():
        parser.error("--text needs another folder than --out: its files have the same names")
    return args


def main():
    args = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))          # so that clean-up runs
    try:
        if not args.force and is_built(args.out, stamp(args), SPLITS):
            print(f"data: cached in {args.out}")
        else:
            build(args)
        if args.text and not args.force and is_built(args.text, text_stamp(args), TEXT_SPLITS):
            print(f"data: cached in {args.text}")
        elif args.text:
            add_text(args)
        if args.probe:
            probe(args.out, "image", ("heads", "valid", "test"))
            probe(args.out, "speech", ("heads", "valid", "other-valid", "test", "other"))
        if args.probe and args.text:
            probe(args.text, "text", ("heads", "valid", "test"))
    except (RuntimeError, OSError) as error:
        sys.exit(f"{Progress.end_line}build_data.py: {error}")
    except KeyboardInterrupt:
        print(f"{Progress.end_line}build_data.py: interrupted; nothing half-written is left",
              file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
