#!/usr/bin/env python3
"""What docs/media-decoding.md and docs/media-codes.md show of films is run, on films that the program ffmpeg makes. (The other
pages' code is run by tests/docs, which needs neither.)"""
import os
import re
import shutil
import subprocess
import sys
import unittest

from program_help import BUILD, DECODES, ROOT, Program

if not DECODES or not shutil.which("ffmpeg"):
    print("skipped: tests/media/test_pages.py: no libunicode-media, or no ffmpeg to make films with")
    sys.exit(0)

FILMS = 33          # one more than a batch of preset = small


def block(page, heading):
    """The first block of code below a heading."""
    return re.search(rf"^## {heading}\n.*?^```text\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.S | re.M).group(1)


class Pages(Program):
    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "PATH": f"{BUILD / 'bin'}:{os.environ['PATH']}", "LD_LIBRARY_PATH": str(BUILD),
                            "PYTHONPATH": str(ROOT / "bindings/python"), "LIBUNICODE": str(BUILD / "libunicode.so"),
                            "OMP_WAIT_POLICY": "passive"}

    def film(self, name, seconds, number=0):
        (self.dir / name).parent.mkdir(exist_ok=True)
        self.shell(f"ffmpeg -v error -f lavfi -i testsrc=s=64x48:r=10:d={seconds}:n={number % 3} -f lavfi -i "
                   f"sine=frequency={200 * (1 + number % 3)}:duration={seconds} -c:v mpeg4 -c:a aac {name}")

    def shell(self, commands):
        done = subprocess.run(["sh", "-e", "-c", commands], cwd=self.dir, env=self.environment, capture_output=True, text=True,
                              timeout=300)
        self.assertEqual(done.returncode, 0, f"{commands}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_decoding(self):
        self.film("clip.mp4", 4)
        (self.dir / "page.py").write_text(block("media-decoding.md", "Sound and frames in Python"))
        self.shell(f"{sys.executable} page.py")
        statements = "".join(f"    {line}\n" for line in block("media-decoding.md", "The same in C").splitlines())
        (self.dir / "page.c").write_text("#include <stdio.h>\n\n#include <unicode/unic_media.h>\n\nint main(void)\n{\n"
                                         f"{statements}}}\n")
        self.shell(f"cc -std=c11 -Wall -Wextra -I{ROOT / 'include'} page.c -o page -L{BUILD} -lunicode-media")
        self.assertEqual(self.shell("./page 2>&1"), "")
        self.shell(block("media-decoding.md", "The program"))
        self.assertEqual(self.load("frames.npy").shape, (64, 224, 224, 3))

    def test_from_a_film_to_codes(self):
        for i in range(FILMS):
            self.film(f"clips/dog-{i}.mp4", 3, i)
        self.film("new.mp4", 3)
        said = self.shell(block("media-codes.md", "In five minutes"))
        for modality in ("audio", "video"):
            self.assertRegex(said, rf"(?m)^new.mp4\t{modality}\t\d+ \d+ \d+$")


if __name__ == "__main__":
    unittest.main()
