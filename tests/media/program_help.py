"""What the tests of the programs that read media share: small files, made without ffmpeg, and a way to run."""
from __future__ import annotations

import os
import pathlib
import struct
import subprocess
import tempfile
import unittest
import wave
import zlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
DECODES = (BUILD / "libunicode-media.so").exists()


def write_wav(path: pathlib.Path, seconds: float, rate: int = 16000, seed: int = 0, tone: float = 0) -> pathlib.Path:
    """Noise, or a tone in a little noise."""
    noise = np.random.default_rng(seed).integers(-9000, 9000, int(seconds * rate))
    if tone:
        noise = noise // 30 + 8000 * np.sin(2 * np.pi * tone * np.arange(len(noise)) / rate)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(noise.astype("<i2").tobytes())
    return path


def write_png(path: pathlib.Path, seed: int = 0, side: int = 56) -> pathlib.Path:
    """Blocks in random shades."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side // 4, side // 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return path


class Program(unittest.TestCase):
    """A folder of its own for each test, in which programs run."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def run_it(self, *arguments: object, status: int = 0, program: str = "unic-extract") -> str:
        done = subprocess.run([BUILD / "bin" / program, *map(str, arguments)], capture_output=True, text=True, cwd=self.dir,
                              timeout=300)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def load(self, name: str) -> np.ndarray:
        return np.load(self.dir / name)

    def left(self) -> list[str]:
        return [path.name for path in self.dir.rglob("*.tmp-*")]
