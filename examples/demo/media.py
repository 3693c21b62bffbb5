#!/usr/bin/env python3
"""The demo from files: its clips as sounds, pictures and texts, made into features, trained on and scored by the programs."""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import struct
import subprocess
import sys
import time
import types
import wave
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import build_data  # first: it sets the number of threads that numpy starts
import numpy as np
import run
import speech

SPLITS = ("train", "heads", "test")
LABELS = ("label", "image.step_labels", "speech.step_labels")
# The demo's features of the same kinds: patches by default; 16 bands in 8 parts of a second. modality: kind, kinds of files
EXTRACTORS = {"image": (("--kind", "patches"), ".png .mp4"),
              "speech": (("--kind", "logmel", "--set", "bands=16", "parts=8"), ".wav .mp4"),
              "text": (("--kind", "ngrams"), ".txt")}
PHOTOGRAPHS = 4000       # that patches are fitted on, as many as `make demo` takes
RECIPE = "2"             # raise it whenever the files or their features change

HELP = """\
Writes the clips of `make demo`, the same pictures, voices, noise and sentences, as files into
BUILD/demo-media/clips/<split>: <clip>.png, ten pictures shown a second each (an animated PNG),
<clip>.wav and <clip>.txt; and 4000 photographs of the training pictures, clips/photographs. With
--films, where the program ffmpeg is, the test clips are films
<clip>.mp4 instead, H.264 with AAC. From there on programs do all of it: unic-extract (patches, fitted
on the photographs; logmel and ngrams, normalised over the training clips), unic-train and unic-eval.
"""


# ---------------------------------------------------------------------------------------------
# files

def chunk(kind: bytes, body: bytes) -> bytes:
    """A part of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def write_apng(path: Path, frames: np.ndarray) -> None:
    """Grey frames uint8 [n,H,W], a second each."""
    n, height, width = frames.shape
    parts, number = [], 0
    for i, frame in enumerate(frames):
        parts.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, 0, 0, 1, 1, 0, 0)))
        number += 1
        data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in frame))
        if i == 0:
            parts.append(chunk(b"IDAT", data))
        else:
            parts.append(chunk(b"fdAT", struct.pack(">I", number) + data))
            number += 1
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
                     chunk(b"acTL", struct.pack(">II", n, 1)) + b"".join(parts) + chunk(b"IEND", b""))


def write_wav(path: Path, samples: np.ndarray) -> None:
    """Float samples, 16 bits of them."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, speech.RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1, 32767 / 32768) * 32768).round().astype("<i2").tobytes())


def film(stem: Path) -> None:
    """The clip's pictures with its sound as one film, in the place of the two."""
    png, wav = stem.with_suffix(".png"), stem.with_suffix(".wav")
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", png, "-i", wav, "-map", "0:v", "-map", "1:a", "-r", "5", "-c:v",
                    "libx264", "-preset", "veryfast", "-crf", "12", "-pix_fmt", "yuv420p", "-threads", "1", "-c:a", "aac",
                    "-b:a", "128k", "-t", "10", stem.with_suffix(".mp4")], check=True)
    png.unlink()
    wav.unlink()


def write_split(name: str, stock: build_data.Stock, args: argparse.Namespace, folder: Path) -> None:
    """All files of a split, and its labels beside the features that will be."""
    script, tasks = build_data.split_tasks(name, stock, args.seed)
    folder.mkdir(parents=True)
    progress = build_data.Progress(f"{name}, files", len(script.image), "clips")
    sentences = build_data.split_sentences(name, script.arrays["image.step_labels"], args.seed)
    stems = (folder / f"{i:04d}" for i in range(len(script.image)))
    with build_data.forked_pool(args.workers, stock) as pool:
        for pictures, seconds in pool.map(build_data.clip_media, tasks):
            pictures = (255 * pictures).round().astype(np.uint8).reshape(len(seconds), build_data.T, *pictures.shape[1:])
            for frames, sound, stem in zip(pictures, seconds, stems):
                write_apng(stem.with_suffix(".png"), frames)
                write_wav(stem.with_suffix(".wav"), sound.ravel())
                stem.with_suffix(".txt").write_text(" ".join(sentences[int(stem.name)]) + "\n")
            progress.step(len(seconds))
    if args.films and name == "test":
        with ThreadPoolExecutor(args.workers) as threads:
            list(threads.map(film, sorted(path.with_suffix("") for path in folder.glob("*.png"))))
    features = folder.parent.parent / "data" / name
    features.mkdir(parents=True)
    for label in LABELS:
        np.save(features / f"{label}.npy", script.arrays[label])
    np.save(features / "text.step_labels.npy", script.arrays["image.step_labels"])


def write_files(args: argparse.Namespace, out: Path) -> None:
    """The clips as files, or find them written."""
    stamp, record = [RECIPE, build_data.stamp(args), args.films], out / "clips.json"
    if record.exists() and json.loads(record.read_text()) == stamp:
        run.say(f"the files are in {out / 'clips'}")
        return
    for folder in ("clips", "data", "models"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for modality in EXTRACTORS:
        (out / f"{modality}.npz").unlink(missing_ok=True)
    record.unlink(missing_ok=True)
    speech.check_installed()
    pixels, labels, pools = build_data.divide_images(args.fashion, args.seed)
    plan, waves = build_data.record_speech(args.seed, args.workers)
    stock = build_data.Stock(pixels, labels, pools, plan, waves, None)
    photographs = out / "clips/photographs"
    photographs.mkdir(parents=True)
    for number in pools["train"][:PHOTOGRAPHS]:
        write_apng(photographs / f"{number}.png", pixels[number][None])
    for name in SPLITS:
        write_split(name, stock, args, out / "clips" / name)
    record.write_text(json.dumps(stamp) + "\n")


# ---------------------------------------------------------------------------------------------
# the programs

class Programs:
    """What `make demo` calls, on folders of features."""

    def __init__(self, args: argparse.Namespace, out: Path) -> None:
        self.bin, self.out, self.seed = args.build / "bin", out, args.seeds[0]
        self.call = types.MethodType(run.Demo.call, self)

    def files(self, name: str, modality: str) -> list[Path]:
        kinds = EXTRACTORS[modality][1].split()
        return sorted(path for path in (self.out / "clips" / name).iterdir() if path.suffix in kinds)

    def extract(self, name: str, modality: str) -> None:
        """The features of a split in a modality."""
        files = self.files(name, modality)
        seconds, peak = self.call(self.bin / "unic-extract", "--extractor", self.out / f"{modality}.npz", "--out",
                                  self.out / "data" / name / modality, *files)
        run.say(f"{name}, {modality}: {len(files)} files in {seconds:.1f} s, at most {peak:.0f} MB of memory")

    def extract_all(self) -> None:
        """Of all splits. Extractors learn once: that of pictures from the photographs, the others from the training clips."""
        for modality, (kind, _) in EXTRACTORS.items():
            extractor = self.out / f"{modality}.npz"
            if not extractor.exists():
                self.call(self.bin / "unic-extract", *kind, "--fit", extractor,
                          *self.files("photographs" if modality == "image" else "train", modality))
        for name in SPLITS:
            for modality in EXTRACTORS:
                self.extract(name, modality)

    def score(self, config: str) -> dict[str, dict[str, float]]:
        """Train with one of the demo's configs and evaluate: {task: {direction: score}}."""
        model = self.out / "models" / Path(config).with_suffix(".npz").name
        model.parent.mkdir(exist_ok=True)
        data = self.out / "data"
        begin = time.monotonic()
        self.call(self.bin / "unic-train", "--config", run.HERE / config, "--data", data / "train", "--out", model,
                  "--log", model.with_suffix(".jsonl"), "--set", f"train.seed={self.seed}")
        run.say(f"{config}: trained in {time.monotonic() - begin:.0f} s")
        scores = {}
        for task in run.TASKS:
            path = model.with_suffix(f".{task}.json")
            self.call(self.bin / "unic-eval", "--model", model, "--task", task, "--seed", self.seed, "--train", data / "heads",
                      "--test", data / "test", "--json", path)
            scores[task] = json.loads(path.read_text())["results"]
        return scores


def of_features(build: Path, folder: str, seed: int) -> dict[str, dict[str, float]]:
    """What `make demo` and `make demo-avt` got, where they have been run."""
    try:
        runs = json.loads((build / folder / "results.json").read_text())["runs"]
    except (OSError, ValueError, KeyError):
        return {}
    mine = [r for r in runs if r["method"] == "unicode" and r["seed"] == seed]
    return {"classify": mine[0]["acc"], "localise": mine[0]["loc"]} if mine else {}


def print_scores(title: str, scores: dict[str, dict[str, float]], others: dict[str, dict[str, float]]) -> None:
    """A row a direction."""
    print(f"\n{title}: heads trained on one modality > tested on another; in %\n")
    print(f"{'':24}{'from files':>12}{'as arrays':>12}")
    for task, results in scores.items():
        print({"classify": "clips classified", "localise": "steps localised"}[task])
        for direction, score in results.items():
            other = others.get(task, {}).get(direction)
            print(f"  {direction.replace('>', ' > '):22}{100 * score:12.1f}" + (f"{100 * other:12.1f}" if other else ""))


def main() -> None:
    parser = argparse.ArgumentParser(prog="media.py", description=f"{__doc__}\n\n{HELP}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), metavar="DIR", help="the build tree (%(default)s)")
    parser.add_argument("--seeds", type=run.seed_list, default=[0], metavar="N", help="of the training: the first is taken (0)")
    parser.add_argument("--films", action="store_true", help="test clips as .mp4 (needs the program ffmpeg)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes that write files (%(default)s)")
    parser.add_argument("--fashion", type=Path, metavar="DIR", default=Path("/usr/share/datasets/fashion-mnist"),
                        help="the Fashion-MNIST idx.gz files (%(default)s)")
    args = parser.parse_args()
    args.seed = 1                                          # of the clips, as in `make demo`
    if args.films and not shutil.which("ffmpeg"):
        parser.error("--films needs the program ffmpeg, which is not there")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    out = args.build / "demo-media"
    out.mkdir(parents=True, exist_ok=True)
    try:
        write_files(args, out)
        programs = Programs(args, out)
        programs.extract_all()
        results = {}
        for title, config, folder in (("Two modalities", "unicode.ini", "demo"), ("Three", "unicode-avt.ini", "demo-avt")):
            results[config] = programs.score(config)
            print_scores(title, results[config], of_features(args.build, folder, programs.seed))
        (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        print(f"\n{out / 'results.json'}")
    except (RuntimeError, OSError) as error:
        sys.exit(f"media.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
