#!/usr/bin/env python3
"""Real files through the programs: every sound and picture of Debian's tuxpaint-stamps-default, and files of many
formats that the program ffmpeg makes. Prints the table of docs/media-decoding.md; status 1 if a row is not as expected.

    make check-real-media        needs ffmpeg and tuxpaint-stamps-default; half a minute
"""
from __future__ import annotations

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import Iterable, NamedTuple

import numpy as np

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
STAMPS = pathlib.Path("/usr/share/tuxpaint/stamps")
SECONDS = 3
FILM = ("-f", "lavfi", "-i", f"testsrc=s=320x240:r=25:d={SECONDS}")
TONE = ("-f", "lavfi", "-i", f"sine=440:d={SECONDS}:r=44100")
# What a film and a sound are made of. The shortest sound among the stamps lasts 0.18 s.
LOGMEL = ("--kind", "logmel")
SHORT = ("--kind", "logmel", "--set", "framing=vggish", "frames=10")


class Row(NamedTuple):
    """What went in, and what is expected of it: steps, or words of the message."""

    name: str
    modality: str
    expected: int | str


class Program:
    """unic-extract, and what it wrote."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder, self.number = folder, 0

    def run(self, extractor: Iterable[str], paths: Iterable[pathlib.Path], *more: str) -> tuple[dict[str, np.ndarray], str]:
        """The features by clip, and what was said."""
        self.number += 1
        out = self.folder / f"features-{self.number}"
        done = subprocess.run([BUILD / "bin/unic-extract", *extractor, *more, "--out", out, *sorted(paths)], capture_output=True,
                              text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"unic-extract ended with {done.returncode}: {done.stderr}")
        return {path.stem: np.load(path) for path in out.glob("*.npy")}, done.stderr


def ffmpeg(path: pathlib.Path, *arguments: str) -> pathlib.Path:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments, path], check=True)
    return path


def films(folder: pathlib.Path) -> Iterable[tuple[pathlib.Path, str]]:
    """Films with sound, by container."""
    codecs = {"mp4": ("libx264", "aac"), "mov": ("libx264", "aac"), "mkv": ("libx265", "flac"), "webm": ("libvpx-vp9", "libopus"),
              "avi": ("mpeg4", "libmp3lame"), "mpg": ("mpeg2video", "mp2"), "ts": ("libx264", "aac"), "ogv": ("libtheora", "libvorbis")}
    for kind, (video, sound) in codecs.items():
        quiet = ("-x265-params", "log-level=none") if video == "libx265" else ()
        yield ffmpeg(folder / f"film-{kind}.{kind}", *FILM, *TONE, "-pix_fmt", "yuv420p", "-c:v", video, *quiet, "-c:a", sound), \
            f"{kind} ({video}, {sound})"


def sounds(folder: pathlib.Path) -> Iterable[tuple[pathlib.Path, str]]:
    """Sounds: formats, sizes of samples, rates, channels."""
    for kind in ("mp3", "flac", "ogg", "opus", "m4a", "aiff"):
        yield ffmpeg(folder / f"sound-{kind}.{kind}", *TONE), kind
    for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"):
        yield ffmpeg(folder / f"{codec}.wav", *TONE, "-c:a", codec), f"wav, {codec}"
    for rate in (8000, 11025, 22050, 48000, 96000):
        yield ffmpeg(folder / f"rate-{rate}.wav", *TONE, "-ar", str(rate)), f"wav, {rate} Hz"
    for channels, name in ((1, "mono"), (2, "stereo"), (3, "2.1"), (6, "5.1")):
        yield ffmpeg(folder / f"channels-{channels}.wav", *TONE, "-ac", str(channels)), f"wav, {name}"


def odd(folder: pathlib.Path) -> Iterable[tuple[pathlib.Path, Row]]:
    """What goes wrong in practice."""
    mute = ffmpeg(folder / "mute.mp4", *FILM, "-pix_fmt", "yuv420p")
    yield mute, Row("a film without sound", "sound", "it has no sound")
    yield mute, Row("the same", "frames", SECONDS)
    yield ffmpeg(folder / "blip.wav", *TONE, "-t", "0.5"), Row("a sound shorter than a patch", "sound", "its sound lasts 0.5 s")
    yield ffmpeg(folder / "none.wav", *TONE, "-t", "0"), Row("0 samples", "sound", "none.wav")
    yield ffmpeg(folder / "none.mkv", *FILM, "-t", "0", "-pix_fmt", "yuv420p"), Row("0 frames", "frames", "none.mkv")
    film = ffmpeg(folder / "whole.mp4", *FILM, *TONE, "-pix_fmt", "yuv420p")
    for kind in ("mp4", "mkv", "wav", "ogg"):
        whole = ffmpeg(folder / f"long.{kind}", *(FILM if kind in ("mp4", "mkv") else ()), *TONE,
                       *(("-pix_fmt", "yuv420p") if kind in ("mp4", "mkv") else ()))
        cut = folder / f"cut.{kind}"
        cut.write_bytes(whole.read_bytes()[:2 * whole.stat().st_size // 3])
        yield cut, Row(f"{kind} without its last third", "sound", "cut.mp4" if kind == "mp4" else -1)
    text = folder / "text.mp4"
    text.write_text("no film\n" * 100)
    yield text, Row("a text called .mp4", "frames", "no film, sound or picture")
    misnamed = folder / "film.txt"
    shutil.copy(film, misnamed)
    yield misnamed, Row("a film called .txt", "frames", SECONDS)
    yield ffmpeg(folder / "upright.mp4", "-f", "lavfi", "-i", f"testsrc=s=240x426:r=25:d={SECONDS}", "-pix_fmt", "yuv420p"), \
        Row("an upright film", "frames", SECONDS)
    yield ffmpeg(folder / "varied.mkv", *FILM, "-vf", "select='not(mod(n,3))+not(mod(n,7))'", "-vsync", "vfr", "-pix_fmt", "yuv420p"), \
        Row("a variable frame rate", "frames", SECONDS)
    for name, pixels in (("grey", "gray"), ("alpha", "rgba"), ("16 bits", "rgb48be"), ("palette", "pal8")):
        path = folder / f"{name.split()[0]}.png"
        yield ffmpeg(path, *FILM, "-frames:v", "1", "-pix_fmt", pixels), Row(f"png, {name}", "frames", 1)
    for kind in ("jpg", "webp", "bmp", "tiff", "gif"):
        yield ffmpeg(folder / f"picture-{kind}.{kind}", *FILM, "-frames:v", "1"), Row(kind, "frames", 1)


class Table:
    """The rows of the page, and whether all of them are as expected."""

    def __init__(self) -> None:
        self.good = True
        print("| files | number | features of sound | features of frames |\n|---|---|---|---|")

    def row(self, name: str, number: int, sound: str, frames: str, good: bool) -> None:
        print(f"| {name} | {number} | {sound} | {frames} |" + ("" if good else "   <-- not as expected"), flush=True)
        self.good &= good


def shape_of(features: dict[str, np.ndarray]) -> tuple[str, bool]:
    """"[2..5,96,64]", and whether all are finite and of one shape but for their steps."""
    steps = sorted(len(array) for array in features.values())
    rest = {array.shape[1:] for array in features.values()}
    good = len(rest) == 1 and all(np.isfinite(array).all() for array in features.values()) and bool(steps) and steps[0] > 0
    if not good:
        return f"steps {steps[:3]}, dims {rest}", False
    span = f"{steps[0]}" if steps[0] == steps[-1] else f"{steps[0]}..{steps[-1]}"
    return f"[{span},{','.join(map(str, *rest))}]", True


def stamps(table: Table, program: Program, patches: tuple[str, ...]) -> None:
    """All sounds and pictures, called by their whole paths: names repeat."""
    for kind, extractor, sound in ((".ogg", SHORT, True), (".png", patches, False)):
        folder = program.folder / kind
        folder.mkdir()
        paths = sorted(STAMPS.rglob(f"*{kind}"))
        for path in paths:
            (folder / "__".join(path.relative_to(STAMPS).parts)).symlink_to(path)
        features, said = program.run(extractor, folder.iterdir(), "--skip-damaged")
        text, good = shape_of(features)
        missing = len(paths) - len(features)
        text += f", {missing} without" if missing else ""
        print(said, end="", file=sys.stderr)
        table.row(f"tuxpaint-stamps-default, {kind}", len(paths), text if sound else "-", "-" if sound else text, good and not missing)


def formats(table: Table, program: Program, patches: tuple[str, ...]) -> None:
    folder = program.folder / "formats"
    folder.mkdir()
    for path, name in films(folder):
        (sound, _), (frames, _) = program.run(LOGMEL, [path]), program.run(patches, [path])
        (heard, fine), (seen, clear) = shape_of(sound), shape_of(frames)
        right = {len(array) for array in [*sound.values(), *frames.values()]} == {SECONDS}
        table.row(name, 1, heard, seen, fine and clear and right)
    for path, name in sounds(folder):
        features, _ = program.run(LOGMEL, [path])
        text, good = shape_of(features)
        table.row(name, 1, text, "-", good and {len(array) for array in features.values()} == {SECONDS})
    for path, row in odd(folder):
        sound = row.modality == "sound"
        features, said = program.run(LOGMEL if sound else patches, [path])
        if isinstance(row.expected, str):
            good = not features and row.expected in said
            lines = said.splitlines() or ["nothing was said"]
            text = "refused: " + re.sub(r"^unic-extract: |\S+/(?=\w+\.\w+: )", "", lines[0])
        else:
            text, good = shape_of(features)
            good = good and row.expected in (-1, len(next(iter(features.values()))))
        table.row(row.name, 1, text if sound else "-", "-" if sound else text, good)


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    missing = [name for name, there in (("ffmpeg", shutil.which("ffmpeg")), ("tuxpaint-stamps-default", STAMPS.is_dir()),
                                        ("libunicode-media", (BUILD / "libunicode-media.so").exists())) if not there]
    if missing:
        print(f"real_media.py needs {', '.join(missing)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        program = Program(pathlib.Path(name).resolve())
        fitted = program.folder / "patches.npz"
        some = sorted(STAMPS.rglob("*.png"))[::16]
        subprocess.run([BUILD / "bin/unic-extract", "--kind", "patches", "--fit", fitted, *some], check=True, stdout=subprocess.DEVNULL)
        patches = ("--extractor", str(fitted))
        table = Table()
        stamps(table, program, patches)
        formats(table, program, patches)
    return 0 if table.good else 1


if __name__ == "__main__":
    sys.exit(main())
