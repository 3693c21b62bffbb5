#!/usr/bin/env python3
"""unic-extract as a user meets it: what it writes, how it goes on, what it refuses. No program ffmpeg is needed."""
import csv
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

import numpy as np
from program_help import BUILD, DECODES, ROOT, Program, write_png, write_wav

os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path[:0] = [str(ROOT / "bindings/python"), str(ROOT / "tests/extract")]

import libunicode as lu  # noqa: E402 (the lines above say which)
from test_bert import echo  # noqa: E402

if DECODES:
    from libunicode.media import Media
else:
    print("skipped: tests/media/test_extract_program.py: no libunicode-media, texts alone are tried")


class Texts(Program):
    def test_one_a_file_and_tables(self):
        (self.dir / "b.txt").write_text("a photo of\ntwo red shoes\n")
        (self.dir / "more.tsv").write_text("\ufefftext\tvideo_id\r\nRed shoes\tc.mp4\r\n\r\nÉté à la mer\td_1.x\r\n")
        said = self.run_it("--kind", "ngrams", "--set", "dim=8", "longest=4", "--out", "deep/f/text", "b.txt", "more.tsv")
        self.assertRegex(said, r"made +3 +12\n")
        words = lu.Extractor("ngrams", dim=8, longest=4)
        for name, text in (("b", "a photo of two red shoes"), ("c", "Red shoes"), ("d_1", "Été à la mer")):
            np.testing.assert_array_equal(self.load(f"deep/f/text/{name}.npy"), words.extract(text))
        kept = (self.dir / "deep/f/text/extract.ini").read_text()
        self.assertEqual(kept, "# How unic-extract made the features of this folder.\n" + words.settings +
                         f"fingerprint = {words.fingerprint:016x}\n")
        said = self.run_it("deep/f", program="unic-inspect")
        self.assertRegex(said, r"(?s)3 clips of up to 6 steps.*text +8 +12 +2\.\.6")

    def test_ids_of_tables_keep_their_dots(self):
        (self.dir / "t.tsv").write_text("id\ttext\nvid_20.5_22\tone\nvid_20.7_22\ttwo\nP01_01.MP4\tthree\nP01_01.mp4_3\tfour\n")
        self.run_it("--kind", "ngrams", "--out", "f", "t.tsv")
        self.assertEqual(sorted(path.name for path in (self.dir / "f").glob("*.npy")),
                         ["P01_01.mp4_3.npy", "P01_01.npy", "vid_20.5_22.npy", "vid_20.7_22.npy"])

    def test_quoted_texts_of_tables(self):
        """As pandas and csv.writer write them; what only begins with a quote is a text as it is."""
        texts = ['A dog says "hi"', '"Hello" she said', "a\ttab", '""', " blanks ", "plain", 'the "last']
        words = lu.Extractor("ngrams")

        def check(folder, want):
            for i, text in enumerate(want):
                np.testing.assert_array_equal(self.load(f"{folder}/{i}.npy"), words.extract(text), f"{folder}: {text}")

        for folder, quoting, rows in (("some", csv.QUOTE_MINIMAL, texts), ("all", csv.QUOTE_ALL, texts)):
            with (self.dir / f"{folder}.tsv").open("w", newline="") as file:
                csv.writer(file, delimiter="\t", quoting=quoting).writerows([("id", "text"), *enumerate(rows)])
            self.run_it("--kind", "ngrams", "--out", folder, f"{folder}.tsv")
            check(folder, rows)
        raw = ['"A dog" says', '"A dog"" says', '"A dog', 'a "dog"']
        (self.dir / "raw.tsv").write_text("text\tid\n" + "".join(f"{text}\t{i}\n" for i, text in enumerate(raw)))
        self.run_it("--kind", "ngrams", "--out", "raw", "raw.tsv")
        check("raw", raw)
        (self.dir / "blanks.tsv").write_text(' "id" \t "text" \n"0.txt" \t "one ""two""" \n')
        self.run_it("--kind", "ngrams", "--out", "blanks", "blanks.tsv")
        check("blanks", ['one "two"'])
        for name, text, line in (("first", 'text\tid\n"one\ntwo"\tx\n', 2), ("last", 'id\ttext\nw\tone\nx\t"one\n\ntwo"\n', 5)):
            (self.dir / f"{name}.tsv").write_text(text)
            begun = 2 if name == "first" else 3
            self.assertIn(f"{name}.tsv:{line}: has 1 columns, 2 expected: the quoted field of line {begun} does not end in its line",
                          self.run_it("--kind", "ngrams", "--out", "f", f"{name}.tsv", status=1))

    def test_suffixes_in_capitals(self):
        for name in ("a.TSV", "b.Tsv"):
            (self.dir / name).write_text(f"id\ttext\n{name[0]}1\tone\n{name[0]}2\ttwo\n")
        (self.dir / "c.TXT").write_text("id three\n")
        self.run_it("--kind", "ngrams", "--out", "f", "a.TSV", "b.Tsv", "c.TXT")
        self.assertEqual(sorted(path.stem for path in (self.dir / "f").glob("*.npy")), ["a1", "a2", "b1", "b2", "c"])

    def test_a_limit_on_memory(self):
        """Of a text the features are far larger than its file: both keep to --memory-limit."""
        words = "word " * 20000
        (self.dir / "a.txt").write_text(words)
        (self.dir / "a.tsv").write_text(f"id\ttext\na\t{words}\n")
        for name in ("a.txt", "a.tsv"):
            for limit in ("1M", "5119999"):
                said = self.run_it("--kind", "ngrams", "--out", "f", "--memory-limit", limit, name, status=1)
                self.assertRegex(said, r": the features of its 20000 words, 64 numbers each, are more than --memory-limit\n")
            said = self.run_it("--kind", "ngrams", "--out", "f", "--memory-limit", "50K", name, status=1)
            self.assertIn(f"a text of at most {50 * 1024} bytes was expected", said)
            self.assertFalse((self.dir / "f/a.npy").exists())
            self.run_it("--kind", "ngrams", "--out", "f", "--memory-limit", "5120000", name)
            (self.dir / "f/a.npy").unlink()

    def test_it_goes_on(self):
        """What is there, and not older than its file, is left as it is."""
        for name in ("a", "b"):
            (self.dir / f"{name}.txt").write_text("one two")
        self.run_it("--kind", "ngrams", "--out", "f", "a.txt")
        made = self.dir / "f/a.npy"
        before = made.stat().st_ino
        self.assertRegex(self.run_it("--kind", "ngrams", "--out", "f", "a.txt", "b.txt"),
                         r"(?s)made +1 +2\n.*made before +1 ")
        self.assertEqual(made.stat().st_ino, before)
        (self.dir / "a.txt").write_text("one two three")
        os.utime(self.dir / "a.txt", (time.time() + 10, time.time() + 10))
        self.assertRegex(self.run_it("--kind", "ngrams", "--out", "f", "a.txt", "b.txt"), r"made +1 +3\n")
        self.assertEqual(len(np.load(made)), 3)

    def make(self, *files, status=0, more=()):
        return self.run_it("--kind", "ngrams", *more, "--out", "f/text", *files, status=status)

    def write(self, name, text, when=None):
        (self.dir / name).parent.mkdir(exist_ok=True)
        (self.dir / name).write_text(text)
        if when:
            os.utime(self.dir / name, (when, when))

    def test_features_of_another_file_are_not_taken_for_these(self):
        self.write("a/1.txt", "one two")
        self.write("b/1.txt", "three", when=10 ** 9)
        self.write("b/2.txt", "four")
        self.make("a/1.txt")
        before = self.load("f/text/1.npy")
        said = self.make("b/2.txt", "b/1.txt", status=1)
        self.assertEqual(said, "unic-extract: f/text/1.npy was made of a/1.txt, and would be written over with b/1.txt: name another "
                               "--out, or remove it\n")
        self.assertFalse((self.dir / "f/text/2.npy").exists())
        np.testing.assert_array_equal(self.load("f/text/1.npy"), before)
        self.assertRegex(self.make(".//a/1.txt"), "made before +1 ")
        shutil.copytree(self.dir / "a", self.dir / "moved")            # with its times
        self.assertRegex(self.make("moved/1.txt"), "made before +1 ")
        (self.dir / "f/text/1.npy").unlink()
        self.assertRegex(self.make("b/1.txt"), "made +1 +1\n")
        self.assertIn("1.npy was made of b/1.txt,", self.make("a/1.txt", status=1))
        said = self.run_it("f", program="unic-inspect")
        self.assertRegex(said, r"1 clips of up to 1 steps")

    def test_an_older_file_in_its_place_is_made_anew(self):
        self.write("1.txt", "one two")
        self.make("1.txt")
        for place in ("1.txt", "./1.txt"):
            self.write("1.txt", "one two three" + place, when=10 ** 9)
            self.assertRegex(self.make(place), "made +1 +3\n")
            self.assertRegex(self.make(place), "made before +1 ")
        (self.dir / "f/text/sources.tsv").unlink()                       # features of an earlier version
        self.assertRegex(self.make("1.txt"), "made before +1 ")
        self.write("1.txt", "one", when=time.time() + 10)
        self.assertRegex(self.make("1.txt"), "made +1 +1\n")

    def test_a_text_of_another_table_is_not_taken_for_this(self):
        self.write("a.tsv", "id\ttext\nx\tone two\ny\tthree\n")
        self.write("b.tsv", "id\ttext\nz\tfour\nx\tfive\n")
        self.make("a.tsv")
        said = self.make("b.tsv", status=1)
        self.assertIn("f/text/x.npy was made of a.tsv, and would be written over with b.tsv: ", said)
        self.assertFalse((self.dir / "f/text/z.npy").exists())
        self.write("a.tsv", "id\ttext\nx\tone two\ny\tthree four\nz\tfive\n", when=time.time() + 10)
        self.assertRegex(self.make("a.tsv"), r"(?s)made +2 +3\n.*made before +1 ")    # the row that is as it was is left
        self.assertEqual(len(self.load("f/text/y.npy")), 2)

    def test_lines_of_sources_that_are_damaged(self):
        """They are passed over; the last one of an array counts; names may hold anything."""
        odd = "a\tb\\c\n%.txt"
        self.write("a.txt", "one two")
        self.write(odd, "three")
        self.make("a.txt", odd)
        sources = self.dir / "f/text/sources.tsv"
        a, other = sources.read_bytes().splitlines(keepends=True)
        size, when = a.split(b"\t")[1:3]
        self.assertEqual(a, b"a.npy\t7\t%s\ta.txt\n" % when)
        self.assertRegex(other, rb"^a\\09b\\5cc\\0a%\.npy\t5\t\d+\.\d{9}\ta\\09b\\5cc\\0a%\.txt\n$")
        self.assertRegex(self.make("a.txt", odd), "made before +2 ")
        self.write(odd, "three four", when=10 ** 9)
        self.assertRegex(self.make(odd), "made +1 +2\n")
        stale = b"a.npy\t3\t5.000000000\tz/a.txt\n"
        for damaged in (b"a.npy\t3\t5.000000000\tz/a.txt\t\n", b"a.npy\t3x\t5.0\tz\n", b"a.npy\t\t5.0\tz\n", b"a.npy\t3\t\tz\n",
                        b"a.npy\t-3\t5.0\tz\n", b"a.npy\t99999999999999999999\t5.0\tz\n", b"a.npy\t3\t5.0\tz\0\n", b"\0" * 9 + stale,
                        b"\t\t\t\n\n\r\n", b"a.npy\t3\t5.0\tz\x1b[2J\n", b"a.npy\t3\t5.000000000\tz/a.tx"):
            sources.write_bytes(stale + a + damaged)
            self.assertRegex(self.make("a.txt"), "made before +1 ", damaged)
        self.write("b.txt", "four")
        self.make("b.txt")                                                # behind a line that was cut off
        self.assertRegex(sources.read_bytes(), rb"\tz/a\.tx\t\nb\.npy\t4\t\d+\.\d{9}\tb\.txt\n$")
        self.assertRegex(self.make("a.txt", "b.txt"), "made before +2 ")
        sources.write_bytes(a + stale)
        self.assertIn("f/text/a.npy was made of z/a.txt, ", self.make("a.txt", status=1))

    def test_sources_that_cannot_be_read_or_written(self):
        self.write("a.txt", "one two")
        self.write("b.txt", "three")
        self.make("a.txt")
        sources = self.dir / "f/text/sources.tsv"
        for size, limit in ((200, 100), (1 << 30, 1 << 29)):
            os.truncate(sources, size)
            said = self.make("b.txt", more=("--memory-limit", limit), status=1)
            self.assertIn(f"f/text/sources.tsv is no list of sources: a text of at most {limit} bytes was expected", said)
        sources.write_bytes(b"\n" * 200)
        said = self.make("b.txt", more=("--memory-limit", 5000), status=1)
        self.assertIn("f/text/sources.tsv: its 200 lines would take more than 5000 bytes of memory", said)
        sources.unlink()
        sources.mkdir()
        self.assertIn("f/text/sources.tsv is no list of sources: ", self.make("b.txt", status=1))
        sources.rmdir()
        sources.symlink_to("none/none")
        (self.dir / "f/text/a.npy").unlink()
        said = self.make("a.txt", "b.txt")
        self.assertEqual(said.count("unic-extract: warning: cannot write f/text/sources.tsv: No such file or directory; outputs without "
                                    "a line there are not compared with their inputs\n"), 1)
        self.assertRegex(said, "made +2 +3\n")

    def test_extractors_are_not_mixed(self):
        (self.dir / "a.txt").write_text("one two")
        (self.dir / "b.txt").write_text("one two")
        self.run_it("--kind", "ngrams", "--out", "f", "a.txt")
        said = self.run_it("--kind", "ngrams", "--set", "dim=8", "--out", "f", "b.txt", status=1)
        self.assertRegex(said, r"f has features of another extractor, kind=ngrams dim=64 .* these would be of kind=ngrams dim=8 ")
        (self.dir / "f/extract.ini").unlink()
        self.assertIn("f has features already, and no extract.ini", self.run_it("--kind", "ngrams", "--out", "f", "b.txt", status=1))
        (self.dir / "f/extract.ini").write_text("kind = ngrams\n")
        self.assertIn("has no fingerprint", self.run_it("--kind", "ngrams", "--out", "f", "b.txt", status=1))
        self.assertEqual(sorted(path.name for path in (self.dir / "f").iterdir()), ["a.npy", "extract.ini", "sources.tsv"])

    def test_extractors_that_begin_together_are_not_mixed(self):
        """Of two extractors one has the folder; of two processes of one, both."""
        for i in range(20):
            (self.dir / f"{i}.txt").write_text("one two")
        files = [f"{i}.txt" for i in range(20)]
        for turn, dims in enumerate([(8, 16)] * 8 + [(8, 8)] * 4):
            both = [subprocess.Popen([BUILD / "bin/unic-extract", "--kind", "ngrams", "--set", f"dim={dim}", "--out", f"f{turn}", *files],
                                     cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for dim in dims]
            said = [one.communicate(timeout=60)[1] for one in both]
            status = [one.returncode for one in both]
            self.assertEqual(sorted(status), [0, int(dims[0] != dims[1])], said)
            made = {self.load(path.relative_to(self.dir)).shape for path in (self.dir / f"f{turn}").glob("*.npy")}
            self.assertEqual(made, {(2, dims[status.index(0)])})
            if 1 in status:
                self.assertIn("has features of another extractor", said[status.index(1)])
            self.assertEqual([path.name for path in (self.dir / f"f{turn}").iterdir() if ".tmp-" in path.name], [])

    def test_what_is_bad(self):
        (self.dir / "good.txt").write_text("one")
        (self.dir / "empty.txt").write_text(" \n\t")
        (self.dir / "latin.txt").write_bytes(b"caf\xe9")
        for name, why in (("empty.txt", "there is no word in it"), ("latin.txt", "UTF-8"), ("none.txt", "No such file")):
            said = self.run_it("--kind", "ngrams", "--out", "f", name, "good.txt", status=1)
            self.assertIn(why, said)
            self.assertIn("stopped after 0 of 2 clips; the same command goes on from there, with --skip-damaged past such files", said)
            self.assertFalse((self.dir / "f/good.npy").exists())
        said = self.run_it("--kind", "ngrams", "--out", "f", "--skip-damaged", "empty.txt", "latin.txt", "good.txt")
        self.assertRegex(said, r"(?s)made +1 +1\n.*bad, passed over +2 ")
        said = self.run_it("--kind", "ngrams", "--out", "g", "--skip-damaged", "empty.txt", "latin.txt", status=1)
        self.assertIn("nothing came of any of the 2 clips", said)
        self.assertEqual(self.left(), [])

    def test_memory_is_that_of_the_program(self):
        """Not of a large process that starts it."""
        (self.dir / "a.txt").write_text("one two")
        large = np.ones(300 << 17)
        said = self.run_it("--kind", "ngrams", "--out", "f", "a.txt")
        self.assertLess(int(said.split("at most ")[1].split(" MB")[0]), large.nbytes / 2e6)

    def test_a_folder_is_no_file(self):
        (self.dir / "texts").mkdir()
        (self.dir / "texts/a.txt").write_text("one")
        for more in (("--out", "f"), ("--fit", "p.npz")):
            said = self.run_it("--kind", "ngrams", *more, "texts", status=1)
            self.assertEqual(said, "unic-extract: texts is a folder: name the files that are in it\n")
        self.assertFalse((self.dir / "f").exists())

    def test_a_pretrained_network(self):
        """Weights and lists of words of its own; --save keeps all of it in one file."""
        vocabulary = ["[UNK]", "[CLS]", "[SEP]", "red", "shoe", "##s", "."]
        echo(self.dir / "w.safetensors", vocabulary)
        (self.dir / "v.txt").write_text("\n".join(vocabulary) + "\n")
        (self.dir / "k.txt").write_text("red\n")
        (self.dir / "a.txt").write_text("Red shoes.")
        network = ("--kind", "bert", "--set", "heads=4", "--weights", "w.safetensors", "--vocabulary", "v.txt")
        want = lu.Extractor("bert", heads=4).load_weights(self.dir / "w.safetensors").load_words(self.dir / "v.txt")
        self.run_it(*network, "--save", "e.npz", "--out", "f", "a.txt")
        np.testing.assert_array_equal(self.load("f/a.npy"), want.extract("Red shoes."))
        self.assertEqual(lu.Extractor.load(self.dir / "e.npz").fingerprint, want.fingerprint)
        self.run_it("--extractor", "e.npz", "--out", "f", "a.txt")
        said = self.run_it(*network, "--keep", "k.txt", "--out", "f", "a.txt", status=1)
        self.assertIn("f has features of another extractor", said)
        self.run_it(*network, "--keep", "k.txt", "--out", "g", "a.txt")
        self.assertEqual(len(self.load("g/a.npy")), 1)
        self.assertIn("until", self.run_it("--kind", "bert", "--out", "h", "a.txt", status=1))
        self.assertIn("none.pth", self.run_it("--kind", "bert", "--weights", "none.pth", "--out", "h", "a.txt", status=1))
        self.run_it("--extractor", "e.npz", "--keep", "k.txt", "--out", "h", "a.txt", status=2)

    def test_weights_are_converted(self):
        """unic-convert --kind: the file that --save would write."""
        vocabulary = ["[UNK]", "[CLS]", "[SEP]", "red", "shoe", "##s", "."]
        echo(self.dir / "w.safetensors", vocabulary)
        (self.dir / "v.txt").write_text("\n".join(vocabulary) + "\n")
        (self.dir / "a.txt").write_text("Red shoes.")
        self.run_it("--kind", "bert", "--set", "heads=4", "--weights", "w.safetensors", "--vocabulary", "v.txt",
                    "--save", "saved.npz", "--out", "f", "a.txt")
        convert = ("--kind", "bert", "--set", "heads=4", "--vocabulary", "v.txt", "w.safetensors")
        said = self.run_it(*convert, "made.npz", program="unic-convert")
        self.assertIn("written: made.npz", said)
        self.assertEqual((self.dir / "made.npz").read_bytes(), (self.dir / "saved.npz").read_bytes())
        for arguments in ((*convert, "made.safetensors"), (*convert, "made.npz", "--weights", "f16"),
                          ("--keep", "v.txt", "w.safetensors", "made.npz"), (*convert, "--list")):
            self.run_it(*arguments, program="unic-convert", status=2)
        said = self.run_it("--kind", "vgg19", "w.safetensors", "no.npz", program="unic-convert", status=1)
        self.assertIn("features.0.weight", said)
        self.assertFalse((self.dir / "no.npz").exists())

    def test_what_is_refused(self):
        (self.dir / "a.txt").write_text("one")
        (self.dir / "x").mkdir()
        (self.dir / "x/a.md").write_text("two")
        (self.dir / "bare.tsv").write_text("a\tone two\n")
        for name, text in (("short", "id\ttext\nx\n"), ("long", "id\ttext\nx\tone\nx\ttwo\tthree\n"),
                           ("none", "id\ttext\n\n \t\n"), ("twice", "text\tid\tText\nx\ty\tz\n"),
                           ("names", "video_id\tfilename\ttext\nx\ty\tz\n"), ("nul", "id\ttext\nx\ty\0\n"),
                           ("unnamed", "id\ttext\n\tone\n")):
            (self.dir / f"{name}.tsv").write_text(text)
        others = [f"table.{suffix}" for suffix in ("csv", "CSV", "tab", "Tab", "json", "jsonl", "JSONL", "ndjson")]
        for name in others:
            (self.dir / name).write_text("id,text\nx,one\n")
        for arguments, why in (
                (["--kind", "ngrams", "--out", "f", "a.txt", "x/a.md"], "two clips are called a (a.txt, x/a.md)"),
                (["--kind", "ngrams", "--out", "f", "bare.tsv"], "its first line must name"),
                (["--kind", "ngrams", "--out", "f", "short.tsv"], "short.tsv:2: has 1 columns, 2 expected"),
                (["--kind", "ngrams", "--out", "f", "long.tsv"], "long.tsv:3: has 3 columns, 2 expected"),
                (["--kind", "ngrams", "--out", "f", "none.tsv"], "none.tsv: names no clip"),
                (["--kind", "ngrams", "--out", "f", "twice.tsv"], 'has two columns "text" and "Text"'),
                (["--kind", "ngrams", "--out", "f", "names.tsv"], 'has two columns "video_id" and "filename"'),
                (["--kind", "ngrams", "--out", "f", "nul.tsv"], "nul.tsv is no table: it has a NUL byte at byte 11"),
                (["--kind", "ngrams", "--out", "f", "unnamed.tsv"], 'unnamed.tsv: "" is no name for a clip'),
                *((["--kind", "ngrams", "--out", "f", name], f"{name}: a table of texts is a .tsv") for name in others),
                (["--kind", "ngram", "--out", "f", "a.txt"], "did you mean ngrams?"),
                (["--kind", "ngrams", "--set", "dims=3", "--out", "f", "a.txt"], "did you mean dim?"),
                (["--kind", "ngrams", "--out", "a.txt/f", "a.txt"], "cannot make the folder"),
                (["--kind", "ngrams", "--fit", "e.npz", "a.txt"], "features of 1 steps do not vary"),
                (["--kind", "bert", "--fit", "e.npz", "a.txt"], "has no vocabulary until"),
                (["--extractor", "a.txt", "--out", "f", "a.txt"], "a.txt")):
            self.assertIn(why, self.run_it(*arguments, status=1))
        for arguments in ([], ["a.txt"], ["--kind", "ngrams", "a.txt"], ["--kind", "ngrams", "--out", "f"],
                          ["--kind", "ngrams", "--extractor", "e", "--out", "f", "a.txt"],
                          ["--extractor", "e", "--set", "dim=3", "--out", "f", "a.txt"]):
            self.run_it(*arguments, status=2)
        self.assertEqual(self.left(), [])


@unittest.skipUnless(DECODES, "no libunicode-media")
class Films(Program):
    def test_sound_in_parts_is_the_sound_as_a_whole(self):
        """Steps that overlap, that leave gaps, and both of other rates than the file's."""
        path = write_wav(self.dir / "long.wav", 41.3)
        for i, settings in enumerate(({}, {"framing": "vggish"}, {"bands": 16, "parts": 8},
                                      {"rate": 8000, "high": 3500, "framing": "vggish", "hop": 2.5, "window": 60})):
            sets = [f"{key}={value}" for key, value in settings.items()]
            self.run_it("--kind", "logmel", *(["--set", *sets] if sets else []), "--out", f"f{i}", path)
            extractor = lu.Extractor("logmel", **settings)
            with Media(path) as media:
                whole = extractor.extract(media.sound(int(extractor.rate)))
            self.assertGreater(len(whole), 33)
            np.testing.assert_array_equal(self.load(f"f{i}/long.npy"), whole)

    def test_pictures(self):
        pictures = [write_png(self.dir / f"{i}.png", i) for i in range(12)]
        said = self.run_it("--kind", "patches", "--set", "channels=16", "--fit", "p.npz", "--out", "f", *pictures)
        self.assertIn("written: p.npz: fitted on 12 frames of 12 files\n", said)
        frames = []
        for picture in pictures:
            with Media(picture) as media:
                frames.append(media.frame_at(0, (28, 28))[1])
        extractor = lu.Extractor("patches", channels=16).fit(np.stack(frames))
        self.assertEqual(lu.Extractor.load(self.dir / "p.npz").fingerprint, extractor.fingerprint)
        self.run_it("--extractor", "p.npz", "--out", "g", *pictures[:2])
        for i in range(2):
            want = extractor.extract(frames[i][None])
            np.testing.assert_array_equal(self.load(f"f/{i}.npy"), want)
            np.testing.assert_array_equal(self.load(f"g/{i}.npy"), want)
        self.assertIn("until it is fitted", self.run_it("--kind", "patches", "--out", "h", pictures[0], status=1))
        said = self.run_it("--kind", "patches", "--fit", "0.png", pictures[0], status=1)
        self.assertIn("--fit 0.png is an input", said)

    def test_other_kinds_are_normalised(self):
        """Over the steps of all files, of sounds and of a table's texts; applied to others from the file."""
        wavs = [write_wav(self.dir / f"{i}.wav", 2 + i, seed=i, tone=300 * (i + 1)) for i in range(4)]
        sounds = ("--kind", "logmel", "bands=4", "parts=2")
        self.run_it(*sounds, "--out", "plain", *wavs)
        said = self.run_it(*sounds, "--fit", "e.npz", "--out", "f", *wavs[:3])
        self.assertIn("written: e.npz: normalised over 9 steps of 3 files\n", said)
        self.run_it("--extractor", "e.npz", "--out", "f", *wavs)
        plain = np.concatenate([self.load(f"plain/{i}.npy") for i in range(3)]).astype(np.float64)
        extractor = lu.Extractor("logmel", bands=4, parts=2).normalise(plain)
        self.assertEqual(lu.Extractor.load(self.dir / "e.npz").fingerprint, extractor.fingerprint)
        deviation = plain.std(axis=0)
        for i in range(4):
            want = (self.load(f"plain/{i}.npy") - plain.mean(axis=0)) / np.maximum(deviation, deviation.mean() / 10)
            np.testing.assert_allclose(self.load(f"f/{i}.npy"), want, atol=1e-5)
        self.assertIn("f has features of another extractor", self.run_it(*sounds, "--out", "f", *wavs, status=1))
        (self.dir / "x").mkdir()
        for folder, text in ((".", "id\ttext\na\tone two\nb\tthree\n"), ("x", "id\ttext\na\tfour\n")):
            (self.dir / folder / "t.tsv").write_text(text)
        said = self.run_it("--kind", "ngrams", "dim=3", "--fit", "n.npz", "t.tsv", "x/t.tsv")    # no array of them is written
        self.assertIn("normalised over 4 steps of 2 files", said)
        words = lu.Extractor("ngrams", dim=3)
        words.normalise(words.extract("one two three four"))
        self.assertEqual(lu.Extractor.load(self.dir / "n.npz").fingerprint, words.fingerprint)

    def small_vgg19(self, channels=(2,) * 16):
        """A file of weights of a network with so many channels."""
        wide, weights, rng = 3, {}, np.random.default_rng(6)
        for number, out in zip((0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34), channels):
            weights[f"features.{number}.weight"] = rng.standard_normal((out, wide, 3, 3), np.float32) * np.sqrt(2 / (9 * wide))
            weights[f"features.{number}.bias"] = np.zeros(out, np.float32)
            wide = out
        np.savez(self.dir / "w.npz", **weights)
        return self.dir / "w.npz"

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_frames_by_their_number(self):
        """As AVE's script chooses them: second s has the frames int(s k + i k / rate), k = floor(frames / seconds)."""
        weights, film = self.small_vgg19([64] * 2 + [128] * 2 + [256] * 4 + [512] * 8), self.dir / "film.mkv"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=30000/1001:d=3", "-frames:v", "89", "-c:v",
                        "ffv1", film], check=True)
        settings = {"side": 32, "rate": 4}
        for times in ("index", "time"):
            sets = [f"{key}={value}" for key, value in {**settings, "times": times}.items()]
            self.run_it("--kind", "vgg19", "--set", *sets, "--weights", weights, "--out", times, film)
            with Media(film) as media:
                begins, k = media.frame_times(), 89 // 3
                numbers = [s * k + i * k // 4 for s in range(3) for i in range(4)]
                at = begins[numbers] if times == "index" else np.arange(12) / 4
                frames = media.frames(at, (32, 32))
            want = lu.Extractor("vgg19", times=times, **settings).load_weights(weights).extract(frames)
            np.testing.assert_array_equal(self.load(f"{times}/film.npy"), want)
        self.assertFalse(np.array_equal(self.load("index/film.npy"), self.load("time/film.npy")))

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_frames_by_their_number_beside_their_seconds(self):
        """A varying rate, and one frame for several seconds, of which the script would take the first for all."""
        network = ("--kind", "vgg19", "--set", "side=32", "rate=2", "--weights", self.small_vgg19())
        for name, chosen, beside in (("vary.mkv", "if(lt(t\\,4)\\,not(mod(n\\,10))\\,1)", "3"), ("slides.mkv", "not(mod(n\\,40))", "5.5")):
            self.make(name, "-f", "lavfi", "-i", f"testsrc=s=64x48:r=20:d=8,select={chosen}", "-vsync", "vfr", "-c:v", "ffv1")
            said = self.run_it(*network, "--out", "f", name)
            self.assertRegex(said, rf"{name}: its frames by their number are up to {beside}\S* s beside their seconds, as its frame rate "
                                   r"varies or is below 1: times = time takes them by their time\n")
            said = self.run_it(*network[:4], "times=time", *network[4:], "--out", "g", name)
            self.assertNotIn("by their number", said)

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_a_film_that_was_cut_off(self):
        """It still says how long it was: what stands for the rest is told."""
        weights, film, cut = self.small_vgg19(), self.dir / "film.mkv", self.dir / "cut.mkv"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=4", "-c:v", "ffv1", "-g", "1", film],
                       check=True)
        data = film.read_bytes()
        cut.write_bytes(data[:len(data) // 3])
        for times in ("index", "time"):
            network = ("--kind", "vgg19", "--set", "side=32", "rate=2", f"times={times}", "--weights", weights)
            self.assertNotIn("cut off", self.run_it(*network, "--out", times, film))
            said = self.run_it(*network, "--out", times, cut)
            self.assertRegex(said, r"cut.mkv: its last frame begins at 1\.\d+ s, and stands for the time up to 4 s, which the file says it "
                                   r"lasts: was it cut off\?\n")
        # pictures that stand for seconds are no fault
        slides = self.dir / "slides.mkv"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=64x48:r=0.4:d=10", "-c:v", "ffv1", slides], check=True)
        self.assertNotIn("cut off", self.run_it(*network, "--out", "time", slides))

    def make(self, name, *arguments):
        subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments), self.dir / name], check=True)
        return name

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_a_film_that_begins_late(self):
        """It has steps up to its end, as its sound has, and it is told what stands for the time before."""
        film = self.make("f.mkv", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=3", "-c:v", "mpeg4")
        self.run_it("--kind", "patches", "--set", "channels=8", "--fit", "p.npz", film)
        for name in ("late.mp4", "late.ts", "late.mkv"):
            self.make(name, "-itsoffset", 2, "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=3", "-f", "lavfi", "-i", "sine=r=16000:d=5",
                      "-map", "0:v", "-map", "1:a", "-vsync", "passthrough", "-c:v", "mpeg4", "-c:a", "mp2" if name == "late.ts" else "aac")
            said = self.run_it("--extractor", "p.npz", "--out", f"v{name}", name)
            self.assertRegex(said, name + r": its first frame begins at 2\S* s, and stands for the time before it\n")
            self.run_it("--kind", "logmel", "--out", f"a{name}", name)
            steps, late = self.load(f"v{name}/late.npy"), self.load(f"a{name}/late.npy")
            self.assertEqual((len(steps), len(late)), (5, 5), name)
            with Media(self.dir / name) as media:
                want = lu.Extractor.load(self.dir / "p.npz").extract(media.frames(np.arange(5), (28, 28)))
            np.testing.assert_array_equal(steps, want)
        self.assertNotIn("begins at", self.run_it("--extractor", "p.npz", "--out", "v", film))

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_a_film_that_goes_on(self):
        """Behind what its file says: two films put behind one another, of which the first says how long."""
        parts = [self.make(name, "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=3", "-c:v", "mpeg2video", "-q:v", 2) for name in
                 ("a.mpg", "b.mpg")]
        (self.dir / "c.mpg").write_bytes(b"".join((self.dir / part).read_bytes() for part in parts))
        self.assertNotIn("goes on", self.run_it("--kind", "patches", "--set", "channels=8", "--fit", "p.npz", parts[0]))
        weights = self.small_vgg19()
        for extractor in (("--extractor", "p.npz"), ("--kind", "vgg19", "--set", "side=32", "rate=2", "--weights", weights),
                          ("--kind", "vgg19", "--set", "side=32", "rate=2", "times=time", "--weights", weights)):
            said = self.run_it(*extractor, "--out", f"f{len(extractor)}", "c.mpg")
            self.assertRegex(said, r"c.mpg: it goes on at \d\S* s, behind the end that the file says: no features are made of what is "
                                   r"behind [23] s\n")
        raw = self.make("raw.m1v", "-f", "lavfi", "-i", "testsrc=s=64x48:r=25:d=4", "-c:v", "mpeg1video", "-b:v", "1M", "-maxrate", "1M",
                        "-bufsize", "400k")
        said = self.run_it("--extractor", "p.npz", "--out", "r", raw)           # which does not say how long it is
        self.assertNotIn("raw.m1v:", said)
        self.assertEqual(len(self.load("r/raw.npy")), 4)

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_sound_with_gaps_is_told(self):
        for name, gap in (("gap.mkv", "between(t,1,3)"), ("early.mkv", "gt(t,3)"), ("whole.mkv", "0")):
            self.make(name, "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=5", "-f", "lavfi", "-i", "sine=r=16000:d=5", "-af",
                      f"aselect='not({gap})'", "-c:v", "mpeg4", "-c:a", "pcm_s16le")
            said = self.run_it("--kind", "logmel", "--out", "f", name)
            self.assertEqual(len(self.load(f"f/{name[:-4]}.npy")), 5 if gap == "0" else 3)
            told = rf"{name}: its sound lasts (2\.9|3\.0)\d* s of the 5\S* s that the file says: it ends early, or has gaps, behind " \
                   "which steps come too early\n"
            (self.assertNotRegex if gap == "0" else self.assertRegex)(said, told)

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_one_of_several_streams_is_told(self):
        """Two languages and two views; FFmpeg reads the default ones. A cover picture is no view."""
        inputs = [part for tone in (300, 900) for part in ("-f", "lavfi", "-i", f"sine={tone}:r=16000:d=2")]
        inputs += [part for side in (32, 48) for part in ("-f", "lavfi", "-i", f"testsrc=s={side}x{side}:r=10:d=2")]
        maps = [part for i in range(4) for part in ("-map", i)]
        self.make("two.mkv", *inputs, *maps, "-c:v", "ffv1", "-c:a", "pcm_s16le", "-disposition:a:0", 0, "-disposition:a:1", "default")
        self.assertIn("two.mkv: it has 2 streams of sound, number 2 is read\n", self.run_it("--kind", "logmel", "--out", "f", "two.mkv"))
        self.assertRegex(self.run_it("--kind", "patches", "--set", "channels=4", "--fit", "p.npz", "two.mkv"),
                         r"two.mkv: it has 2 streams of frames, number [12] is read\n")
        self.make("cover.png", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", 1)
        self.make("one.mp4", *inputs[:4], *inputs[8:], "-i", self.dir / "cover.png", "-map", 0, "-map", 2, "-map", 3, "-c:v:0", "mpeg4",
                  "-c:v:1", "copy", "-disposition:v:1", "attached_pic")
        for extractor in (("--extractor", "p.npz"), ("--kind", "logmel")):
            self.assertNotIn("streams", self.run_it(*extractor, "--out", f"g{extractor[1]}", "one.mp4"))

    def test_where_sound_holds_nan(self):
        """The number of the sample is that of a part: where the part begins is told with it."""
        samples = np.random.default_rng(0).standard_normal(40 * 16000).astype("<f4")
        samples[30 * 16000 + 7] = np.nan
        body = samples.tobytes()
        (self.dir / "n.wav").write_bytes(b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVEfmt " + struct.pack(
            "<IHHIIHH", 16, 3, 1, 16000, 64000, 4, 32) + b"data" + struct.pack("<I", len(body)) + body)
        said = self.run_it("--kind", "logmel", "--out", "f", "n.wav", status=1)
        sample = int(re.search(r"holds NaN or Inf in sample (\d+)\n", said)[1])
        begins = int(re.search(r"n.wav: that part of its sound begins at sample (\d+)\n", said)[1])
        self.assertEqual(sample + begins, 30 * 16000 + 7)

    def test_nothing_comes_of_a_file(self):
        write_wav(self.dir / "short.wav", 0.9)
        write_wav(self.dir / "empty.wav", 0)
        write_png(self.dir / "picture.png")
        (self.dir / "words.mp4").write_text("no film")
        data = write_wav(self.dir / "whole.wav", 3).read_bytes()
        (self.dir / "head.wav").write_bytes(data[:30])
        for name, why in (("short.wav", "its sound lasts 0.9 s, and the first step takes 0.975 s"), ("empty.wav", "empty.wav: "),
                          ("picture.png", "it has no sound"), ("words.mp4", "words.mp4: no film, sound or picture"),
                          ("head.wav", "head.wav: "), ("none.wav", "No such file")):
            self.assertIn(why, self.run_it("--kind", "logmel", "--out", "f", name, status=1))
        self.assertIn("it has no", self.run_it("--kind", "patches", "--fit", "p.npz", "whole.wav", status=1))
        said = self.run_it("empty.wav", "--sound", "none.npy", program="unic-media")
        self.assertIn("warning: empty.wav has sound, but no samples of it", said)
        self.assertEqual(np.load(self.dir / "none.npy").shape, (0,))
        self.assertNotIn("warning", self.run_it("whole.wav", "--sound", "some.npy", program="unic-media"))
        said = self.run_it("--kind", "logmel", "--skip-damaged", "--out", "f", "short.wav", "words.mp4", "whole.wav")
        self.assertRegex(said, r"(?s)made +1 +3\n.*bad, passed over +2 ")
        self.assertEqual(sorted(path.name for path in (self.dir / "f").iterdir()), ["extract.ini", "sources.tsv", "whole.npy"])

    def test_a_picture_beyond_the_limit_is_told(self):
        """A picture is held few times, a film's frames 20: of one limit, a picture may be larger."""
        write_png(self.dir / "large.png", side=1000)
        pictures = [write_png(self.dir / f"{i}.png", i, 224) for i in range(3)]
        self.run_it("--kind", "patches", "--fit", "p.npz", *pictures)
        for more in ((), ("--skip-damaged",)):
            said = self.run_it("--extractor", "p.npz", "--out", f"f{len(more)}", "--memory-limit", "30M", *more, "large.png", "0.png", status=not more)
            self.assertIn("large.png: its frames have 1000 x 1000 pixels, but options.max_pixels allows 393216 "
                          "(--memory-limit allows 31457280 bytes)", said)
        said = self.run_it("large.png", "--memory-limit", "30M", program="unic-media", status=1)
        self.assertIn("its frames have 1000 x 1000 pixels", said)
        self.run_it("--extractor", "p.npz", "--out", "g", "--memory-limit", "40M", "large.png")
        self.assertIn("1000 x 1000, a picture", self.run_it("large.png", "--memory-limit", "40M", program="unic-media"))

    def test_stopped_it_leaves_nothing_half_written(self):
        path = write_wav(self.dir / "long.wav", 1500)
        process = subprocess.Popen([BUILD / "bin/unic-extract", "--kind", "logmel", "--out", "f", path], cwd=self.dir,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2000):
            if self.left() or process.poll() is not None:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        if process.returncode != 0:         # else it was quicker
            self.assertEqual(process.returncode, 130, said)
            self.assertIn("stopped after 0 of 1 clips", said)
            self.assertEqual([path.name for path in (self.dir / "f").iterdir()], ["extract.ini"])

    @unittest.skipUnless(shutil.which("ffmpeg"), "no ffmpeg to make a film with")
    def test_a_long_film_streams(self):
        """10 minutes: sound and frames under 300 MB."""
        path = self.dir / "long.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=s=320x180:r=5:d=600", "-f", "lavfi", "-i",
                        "sine=300:d=600:r=44100", "-c:v", "mpeg4", "-shortest", path], check=True)
        self.run_it("--kind", "patches", "--fit", "p.npz", path)
        for arguments in (["--kind", "logmel"], ["--extractor", "p.npz"]):
            said = self.run_it(*arguments, "--out", arguments[-1] + ".f", path)
            self.assertLess(int(said.split("at most ")[1].split(" MB")[0]), 300)
            self.assertEqual(len(self.load(arguments[-1] + ".f/long.npy")), 600)


def is_installed():
    """Asked of another process: this one may have loaded the build's."""
    return not subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL('libunicode-media.so.0')"],
                              capture_output=True).returncode


@unittest.skipIf(is_installed(), "libunicode-media is installed in the system too")
class WithoutTheLibrary(Program):
    def test_films_are_refused_and_texts_are_not(self):
        """The program beside nothing but the core."""
        (self.dir / "bin").mkdir()
        for source, name in ((BUILD / "bin/unic-extract", "bin/unic-extract"), (BUILD / "libunicode.so.0", "libunicode.so.0")):
            shutil.copy(source, self.dir / name)
        (self.dir / "a.txt").write_text("one two")
        write_wav(self.dir / "a.wav", 2)

        def alone(kind, name, status):
            done = subprocess.run([self.dir / "bin/unic-extract", "--kind", kind, "--out", kind, name], capture_output=True, text=True,
                                  cwd=self.dir, timeout=300)
            self.assertEqual(done.returncode, status, done.stderr)
            return done.stderr

        alone("ngrams", "a.txt", 0)
        self.assertIn("decoded by libunicode-media, which cannot be loaded: libunicode-media.so.0", alone("logmel", "a.wav", 1))


if __name__ == "__main__":
    unittest.main()
