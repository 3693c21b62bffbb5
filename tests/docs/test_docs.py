#!/usr/bin/env python3
"""README.md and the pages of docs/ as a reader takes them: what they show is written to files, compiled and run.

Each page has a folder of its own, in which its blocks are taken in their order:
  <!-- file: NAME --> before a block  the block is written to NAME
  c, cpp, csv, ini                    need that line; C and C++ are compiled by the page's own commands
  python                              is run; in a fresh process, so it has its imports
  sh                                  is run, with the programs, pkg-config and the library at hand
  text                                is not to be run
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN, RUN, SHOWN = {"c", "cpp", "csv", "ini"}, {"python", "sh"}, {"text"}
BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n)?^```(\w*)\n(.*?)^```$", re.S | re.M)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def blocks(page):
    """Of each block its file's name or None, its language, its text."""
    return [match.groups() for match in BLOCK.finditer(page.read_text())]


def make_clips(path, clips, seed, dims):
    """Clips of three classes, each with a pattern in every modality."""
    rng, patterns = np.random.default_rng(seed), np.random.default_rng(7)
    label = np.arange(clips) % 3
    arrays = {name: patterns.normal(size=(3, 1, *shape))[label] + 0.5 * rng.normal(size=(clips, 10, *shape))
              for name, shape in dims.items()}
    np.savez(path, label=label, **{name: array.astype("f4") for name, array in arrays.items()})


def headings(page):
    """The anchors of a page's headings, as the usual renderers make them."""
    titles = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.temporary.name)
        cls.start = cls.dir / "start"
        cls.start.mkdir()
        cls.environment = {
            **os.environ, "PATH": f"{BUILD / 'bin'}:{os.environ['PATH']}", "LD_LIBRARY_PATH": str(BUILD),
            "PKG_CONFIG_PATH": str(cls.dir), "PYTHONPATH": str(ROOT / "bindings/python"),
            "LIBUNICODE": str(BUILD / "libunicode.so"), "MPLBACKEND": "agg", "OMP_WAIT_POLICY": "passive"}
        (cls.dir / "unicode.pc").write_text(
            f"libdir={BUILD}\nName: unicode\nDescription: the build tree\nVersion: 0\nLibs: -L{BUILD} -lunicode\n"
            f"Cflags: -I{ROOT / 'include'}\n")
        cls.fill(cls.start)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def fill(cls, folder):
        """What the pages take for granted: data files, a model, a CMG checkpoint."""
        dims = {"image": (7, 7, 64), "speech": (128,)}
        for seed, name in enumerate(("train", "clips", "labelled", "held-out")):
            make_clips(folder / f"{name}.npz", 48, seed, dims)
        cmg = ROOT / "tests/cmg/fixtures"
        shutil.copy(cmg / "avt.pt", folder / "DCID-model-4.pt")
        np.savez(folder / "audio.npz", audio=np.load(cmg / "expected.npz")["avt/audio/input"])
        for name, target in (("build", BUILD), ("examples", ROOT / "examples")):
            (folder / name).symlink_to(target)
        (folder / "start.ini").write_text("preset = small\ntrain.epochs = 2\n")
        cls.run_in(folder, [BUILD / "bin/unic-train", "--config", "start.ini", "--data", "train.npz", "--out",
                            "model.npz", "--threads", "1"])

    @classmethod
    def run_in(cls, folder, command):
        done = subprocess.run(command, cwd=folder, env=cls.environment, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def run_page(self, page):
        folder = self.dir / page.stem
        shutil.copytree(self.start, folder, symlinks=True)
        ran = 0
        for name, language, text in blocks(page):
            if name:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
            if language in RUN:
                command = ["sh", "-e", "-c", text] if language == "sh" else [sys.executable, "-c", text]
                self.run_in(folder, command)
                ran += 1
        return folder, ran

    def test_every_block_says_what_it_is(self):
        for page in PAGES:
            self.assertEqual(page.read_text().count("\n```"), 2 * len(blocks(page)), f"{page.name}: a fence is open")
            for name, language, text in blocks(page):
                self.assertIn(language, WRITTEN | RUN | SHOWN, f"{page.name}: {text[:60]!r}")
                self.assertTrue(name or language not in WRITTEN, f"{page.name}: no file's name: {text[:60]!r}")

    def test_cpp_includes_what_it_names(self):
        """Some compilers' <string> brings the integer types, others' does not."""
        for page in PAGES:
            for name, language, text in blocks(page):
                if language == "cpp" and re.search(r"\bu?int\d+_t\b", text):
                    self.assertIn("#include <cstdint>", text, f"{page.name}: {name}")

    def test_the_pages_code_runs(self):
        """Every page on its own; two at a time."""
        pages = [page for page in PAGES if any(language in RUN for _, language, _ in blocks(page))]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for page, future in [(page, pool.submit(self.run_page, page)) for page in pages]:
                with self.subTest(page.name):
                    folder, ran = future.result()
                    self.assertGreater(ran, 0)
                    for source in [*folder.glob("*.c"), *folder.glob("*.cc")]:
                        self.assertTrue(source.with_suffix("").exists(), f"{source.name} was not compiled")
        self.assertLessEqual({"README.md", "c.md", "cpp.md", "python.md", "train.md"}, {page.name for page in pages})

    def test_what_readme_promises(self):
        """From an npz of two modalities to codes in Python in under twenty lines."""
        python = [text for _, language, text in blocks(ROOT / "README.md") if language == "python"]
        self.assertEqual(len(python), 1)
        self.assertLess(len(python[0].splitlines()), 20)
        script = blocks(ROOT / "docs/train.md")[0]
        self.assertEqual(script[1], "python")
        self.assertLess(len(script[2].splitlines()), 20)

    def test_links_lead_somewhere(self):
        # What the worked examples of docs/contributing.md add.
        patched = {name for patch in (ROOT / "tests/recipes").glob("*.patch")
                   for name in re.findall(r"^\+\+\+ b/(\S+)", patch.read_text(), re.M)}
        for page in PAGES:
            text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M)
            for link in LINK.findall(text):
                if re.match(r"\w+:", link):
                    continue
                path, _, anchor = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                self.assertTrue(target.exists(), f"{page.name}: {link}")
                if anchor:
                    self.assertIn(anchor, headings(target), f"{page.name}: {link}")
            for name in re.findall(r"`((?:docs|examples|include|lib|tests|bindings)/[\w./-]*)`", text):
                place = any((root / name).exists() for root in (ROOT, ROOT / "lib")) or name in patched
                self.assertTrue(place, f"{page.name} names {name}")

    def test_every_option_is_on_a_page(self):
        pages = "".join(page.read_text() for page in PAGES)
        for program in sorted((BUILD / "bin").glob("unic-*")):
            said = self.run_in(self.dir, [program, "--help"])
            options = set(re.findall(r"^  (--[\w-]+)", said, re.M)) - {"--help", "--version"}
            self.assertGreater(len(options), 2, program.name)
            missing = {option for option in options if not re.search(rf"{option}\b", pages)}
            self.assertEqual(missing, set(), f"{program.name}: in --help alone")

    def test_the_index_has_every_page(self):
        listed = set(LINK.findall((ROOT / "docs/README.md").read_text()))
        self.assertEqual({page.name for page in PAGES[1:]} - listed - {"README.md"}, set())


if __name__ == "__main__":
    unittest.main()
