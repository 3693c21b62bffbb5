#!/usr/bin/env python3
"""What a program writes is nothing that it reads, and nothing twice; a closed pipe or a full file ends no run without a word."""
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np

BIN = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "bin"
CONFIG = """
code.dim = 16
code.count = 12
encoder.layers = 1
encoder.heads = 2
encoder.ff = 16
club.width = 8
club.layers = 2
club.steps = 2
train.batch = 8
train.length = 4
train.epochs = 1
"""
STEPS = 3  # 24 clips


class Outputs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        rng = np.random.default_rng(0)
        arrays = {"touch": rng.normal(size=(24, 4, 6)).astype("f4"), "sound": rng.normal(size=(24, 4, 10)).astype("f4")}
        (cls.dir / "c.ini").write_text(CONFIG)
        np.savez(cls.dir / "d.npz", label=np.arange(24) % 2, **arrays)
        np.savez(cls.dir / "d.run.npz", **arrays)
        (cls.dir / "same").symlink_to(".")
        os.link(cls.dir / "d.npz", cls.dir / "linked.npz")
        for name, array in arrays.items():
            (cls.dir / "clips" / name).mkdir(parents=True)
            (cls.dir / "flat").mkdir(exist_ok=True)
            np.save(cls.dir / "flat" / f"{name}.npy", array)
            for i, clip in enumerate(array):
                np.save(cls.dir / "clips" / name / f"c{i}.npy", clip)
        (cls.dir / "clips/t.csv").write_text("id,category,split\n" + "".join(f"c{i},{'ab'[i % 2]},train\n" for i in range(24)))
        (cls.dir / "map.txt").write_text("0 = 0\n1 = 1\n")
        (cls.dir / "names.txt").write_text("zero\none\n")
        cls.run_program("unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "m.npz", "--keep", "2", "--save-every", "2")
        cls.run_program("unic-retrieve", "--model", "m.npz", "--gallery", "d.npz", "--gallery-modality", "sound", "--save", "i.npz")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def run_program(cls, program, *words, status=0, **keywords):
        threads = ["--threads", "1"] if program not in ("unic-convert", "unic-media") else []
        keywords = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **keywords}
        done = subprocess.run([BIN / program, *words, *threads], cwd=cls.dir, text=True, timeout=300, **keywords)
        assert done.returncode == status, (program, words, done.returncode, done.stderr)
        return done

    def bytes_of_all(self):
        return {path: path.read_bytes() for path in sorted(self.dir.rglob("*")) if path.is_file()}

    def refuses(self, text, program, *words):
        before = self.bytes_of_all()
        done = self.run_program(program, *words, status=1)
        self.assertEqual(done.stderr.splitlines()[-1], f"{program}: {text}")
        self.assertEqual(self.bytes_of_all(), before)

    def test_training_writes_nothing_that_it_reads(self):
        for out in ("d.npz", "same/d.npz", "linked.npz", "c.ini"):
            self.refuses(f"--out {out} is an input", "unic-train", "--config", "c.ini", "--data", "d.npz", "--out", out)
            self.refuses(f"--log {out} is an input", "unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "n.npz", "--log", out)
        shutil.copy(self.dir / "c.ini", self.dir / "n.npz.lock")
        for config, out in (("n.npz.lock", "n.npz"), ("same/n.npz.lock", "n")):
            self.refuses("--out's lock n.npz.lock is an input", "unic-train", "--config", config, "--data", "d.npz", "--out", out)
        self.refuses("cannot lock n.npz.lock: it is there and is no lock, which is an empty file",
                     "unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "n.npz")
        (self.dir / "n.npz.lock").unlink()
        self.refuses("--out d.npz is an input", "unic-train", "--config", "c.ini", "--data", "flat", "--valid", "d.npz", "--out", "d.npz")
        self.refuses("--out's run d.run.npz is an input", "unic-train", "--config", "c.ini", "--data", "d.run.npz", "--out", "d")
        self.refuses("--out m.npz is an input", "unic-train", "--from", "m.npz", "--data", "d.npz", "--out", "m.npz")
        self.refuses("--out's run m.run.npz is an input", "unic-train", "--from", "m.run.npz", "--data", "d.npz", "--out", "m.npz")
        self.refuses("--from m.step-2.npz has the name of a checkpoint of m.npz, and a run replaces these; name another --out",
                     "unic-train", "--from", "m.step-2.npz", "--data", "d.npz", "--out", "m.npz")
        shutil.copy(self.dir / "d.npz", self.dir / "m.step-7.npz")
        for option in ("--data", "--valid"):
            words = ["--data", "d.npz"] if option == "--valid" else []
            self.refuses(f"{option} m.step-7.npz has the name of a checkpoint of m.npz, and a run replaces these; name another --out",
                         "unic-train", "--config", "c.ini", *words, option, "m.step-7.npz", "--out", "m.npz")

    def test_a_run_removes_nothing_but_checkpoints(self):
        """Whatever has the name of one."""
        data = (self.dir / "d.npz").read_bytes()
        for name in ("own.step-1.npz", "own.step-900.npz", "own.step-4.txt"):
            (self.dir / name).write_bytes(data)
        shutil.copy(self.dir / "m.npz", self.dir / "own.step-3.npz")
        self.run_program("unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "own.npz")
        self.assertEqual(sorted(path.name for path in self.dir.glob("own.step-*")),
                         ["own.step-1.npz", "own.step-4.txt", "own.step-900.npz"])
        for name in ("own.step-1.npz", "own.step-900.npz"):
            self.assertEqual((self.dir / name).read_bytes(), data)
        for path in self.dir.glob("own.*"):
            path.unlink()

    def test_a_run_keeps_no_checkpoint_in_the_place_of_a_file(self):
        for end, of in ((".npz", "2"), (".run.npz", "4")):  # without a model beside it
            (self.dir / f"own.step-{of}{end}").write_text("notes")
        other = self.dir / "own.step-6.npz"
        for begin in (lambda: other.mkdir(), lambda: other.symlink_to("nowhere")):
            begin()
            done = self.run_program("unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "own.npz", "--keep", "9",
                                    "--save-every", "1", "train.epochs=3")
            for name in ("own.step-2.npz", "own.step-4.run.npz", "own.step-6.npz"):
                self.assertIn(f"unic-train: warning: cannot keep the checkpoint of step {name[9]}: ./{name} is there and is no "
                              "checkpoint\n", done.stderr)
            self.assertEqual(sorted(path.name for path in self.dir.glob("own.step-*")),
                             sorted(["own.step-2.npz", "own.step-4.run.npz", "own.step-6.npz",
                                     *(f"own.step-{step}{end}" for step in (1, 3, 5, 7, 8) for end in (".npz", ".run.npz"))]))
            for name in ("own.step-2.npz", "own.step-4.run.npz"):
                self.assertEqual((self.dir / name).read_text(), "notes")
            other.rmdir() if other.is_dir() else other.unlink()
        for name in ("own.step-2.run.npz", "own.step-4.run.npz"):  # a kill between a pair's two leaves the run
            shutil.copy(self.dir / "own.run.npz", self.dir / name)
        (self.dir / "own.step-2.npz").unlink()
        self.run_program("unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "own.npz")
        self.assertEqual(sorted(path.name for path in self.dir.glob("own.*")), ["own.npz", "own.run.npz"])
        for path in self.dir.glob("own.*"):
            path.unlink()

    def test_training_writes_no_file_twice(self):
        train = "unic-train", "--config", "c.ini", "--data", "d.npz", "--out"
        for log, what in (("n.npz", "--out"), ("same/n.npz", "--out"), ("n.run.npz", "--out's run"), ("./n.run.npz", "--out's run"),
                          ("n.npz.lock", "--out's lock"), ("same/n.npz.lock", "--out's lock")):
            self.refuses(f"--log and {what} are both {log}", *train, "n.npz", "--log", log)
        for log, out in (("n.step-2.npz", "n.npz"), ("same/n.step-2.run.npz", "./n.npz"), ("m.step-2.npz", "m.npz")):
            for keep in ((), ("--keep", "2")):
                self.refuses(f"--log {log} has the name of a checkpoint of {out}, and a run replaces these; name another --log",
                             *train, out, "--log", log, *keep)
        self.refuses('cannot write m.run.npz: ".run.npz" ends the name of a run\'s file; name its model', *train, "m.run.npz")
        self.refuses('cannot write m.run.npz: ".run.npz" ends the name of a run\'s file; name its model', *train, "m.run.npz", "--resume")

    def test_members_of_folders_and_tables_are_inputs(self):
        encode = "unic-encode", "--model", "m.npz", "--modality", "sound", "--out"
        for name in ("T.Csv", "T.TSV", "t.txt"):
            shutil.copy(self.dir / "clips/t.csv", self.dir / "clips" / name)
        for out, data in (("flat/sound.npy", "flat"), ("same/flat/touch.npy", "flat"), ("clips/sound/c3.npy", "clips"),
                          ("clips/sound/c3.npy", "clips/t.csv"), ("clips/t.csv", "clips/t.csv:train"),
                          ("clips/sound/c3.npy", "clips/T.Csv"), ("clips/sound/c3.npy", "clips/T.TSV:train"),
                          ("clips/T.TSV", "clips/T.TSV:train"), ("clips/sound/c3.npy", "clips/t.txt:train")):
            self.refuses(f"--out {out} is an input", *encode, out, data)
        self.refuses("--log flat/sound.npy is an input", "unic-train", "--config", "c.ini", "--data", "flat", "--out", "n.npz",
                     "--log", "flat/sound.npy")
        self.run_program(*encode, "flat/new.npz", "flat")
        self.run_program(*encode, "flat/new.npz", "flat")  # what was written there is no input
        (self.dir / "flat/new.npz").unlink()

    def test_other_programs(self):
        self.refuses("--out m.npz is an input", "unic-encode", "--model", "m.npz", "--modality", "sound", "--out", "m.npz", "d.npz")
        evaluate = ("unic-eval", "--model", "m.npz", "--train", "d.npz", "--test", "d.npz", "--epochs", "1", "--classes", "names.txt",
                    "--test-classes", "names.txt", "--class-map", "map.txt", "--json")
        for path in ("map.txt", "names.txt", "same/m.npz", "linked.npz"):
            self.refuses(f"--json {path} is an input", *evaluate, path)
        self.refuses("--json and --logits are both r.out", "unic-eval", "--model", "m.npz", "--train", "d.npz", "--test", "d.npz",
                     "--task", "segment", "--json", "r.out", "--logits", "r.out")
        retrieve = ("unic-retrieve", "--model", "m.npz", "--query", "d.npz", "--query-modality", "touch", "--gallery", "d.npz",
                    "--gallery-modality", "sound", "--save", "new.npz", "--json")
        self.refuses("--json and --save are both same/new.npz", *retrieve, "same/new.npz")
        for path in ("m.npz", "same/m.npz"):
            self.refuses(f"OUT {path} is an input", "unic-convert", "m.npz", path, "--weights", "f16")
        (self.dir / "texts.tsv").write_text("id\ttext\na\thello world\nb\tgood day\n")
        extract = "unic-extract", "--kind", "ngrams"
        self.refuses("--fit and --save are both e.npz", *extract, "--fit", "e.npz", "--save", "e.npz", "texts.tsv")
        for option in ("--fit", "--save"):
            self.refuses(f"{option} texts.tsv is an input", *extract, option, "texts.tsv", "texts.tsv")
        self.run_program(*extract, "--fit", "e.npz", "texts.tsv")
        self.refuses("--fit e.npz is an input", "unic-extract", "--extractor", "e.npz", "--fit", "e.npz", "texts.tsv")

    def test_a_folder_of_other_files_is_not_taken_for_one_of_outputs(self):
        (self.dir / "shards").mkdir()
        (self.dir / "elsewhere").mkdir()
        os.link(self.dir / "d.npz", self.dir / "shards/d.npz")
        (self.dir / "elsewhere/d.npz").write_text("something else")
        for folder in ("shards", "elsewhere"):
            self.refuses(f"{folder}/d.npz is there, but unic-encode did not write it: {folder} has no encode.ini; name another "
                         "--out-dir", "unic-encode", "--model", "m.npz", "--modality", "sound", "--out-dir", folder, "shards")

    def test_the_output_of_another_file_of_that_name_is_not_taken_for_this_ones(self):
        encode = "unic-encode", "--model", "m.npz", "--modality", "sound", "--out-dir", "by-name"
        for folder in ("i1", "i2"):
            (self.dir / folder).mkdir()
            shutil.copy(self.dir / "d.npz", self.dir / folder / "d.npz")
        self.run_program(*encode, "i1/d.npz")
        self.refuses("by-name/d.npz was made of i1/d.npz, and would be that of i2/d.npz too: name another --out-dir, or remove it",
                     *encode, "i2/d.npz")

    def test_one_run_and_one_log_at_a_time(self):
        out, log = self.dir / "one.npz", self.dir / "one.log"
        first = subprocess.Popen([BIN / "unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "one.npz", "--log", "one.log",
                                  "--set", "train.epochs=100000", "--threads", "1"], cwd=self.dir, stderr=subprocess.PIPE, text=True)
        try:
            while not first.stderr.readline().startswith("epoch"):
                pass
            train = "unic-train", "--config", "c.ini", "--data", "d.npz", "--out"
            done = self.run_program(*train, "one", status=1)  # its run would be one.run.npz too
            self.assertEqual(done.stderr, f"unic-train: one is being written by another run, process {first.pid}\n")
            size = log.stat().st_size
            for path in ("one.log", "same/one.log"):
                done = self.run_program(*train, "n.npz", "--log", path, status=1)
                self.assertEqual(done.stderr.splitlines()[-1], f"unic-train: {path} is being written by another run")
            self.assertGreaterEqual(log.stat().st_size, size)
        finally:
            first.kill()
            first.communicate()
        self.run_program(*train, "one", "--log", "one.log")
        self.assertEqual(len(log.read_text().splitlines()), STEPS)
        self.assertTrue(out.with_name("one").exists())

    def test_a_log_behind_a_link_and_what_is_no_log(self):
        (self.dir / "link.log").symlink_to("real.log")
        train = "unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "logged.npz"
        self.run_program(*train, "--log", "link.log")
        self.run_program(*train, "--log", "link.log", "--resume", "train.epochs=2")
        self.assertTrue((self.dir / "link.log").is_symlink())
        self.assertEqual(len((self.dir / "real.log").read_text().splitlines()), 2 * STEPS)
        for text in ("a letter\n", "{}\n", CONFIG):
            (self.dir / "letter.txt").write_text(text)
            done = self.run_program(*train, "--log", "letter.txt", "--resume", "train.epochs=3", status=1)
            self.assertEqual(done.stderr.splitlines()[-1],
                             'unic-train: letter.txt is no log of a run: its first line does not begin with {"step":')
            self.assertEqual((self.dir / "letter.txt").read_text(), text)
        for text in ("", '{"st', '{"step":1,"epoch":1,"figures":{}}\n{"ste'):  # what a kill leaves
            (self.dir / "cut.log").write_text(text)
            self.run_program(*train, "--log", "cut.log", "--resume", "train.epochs=2")
            self.assertEqual((self.dir / "cut.log").read_text(), text[:text.rfind("\n") + 1])

    def test_what_killed_processes_left_is_removed(self):
        """Of the outputs' files alone: a folder of features may have others, of processes of another machine."""
        ended = subprocess.Popen(["true"])
        ended.wait()
        (self.dir / "left.tsv").write_text("id\ttext\na\thello world\n")
        (self.dir / "features").mkdir()
        convert, gallery = ("unic-convert", "m.npz"), ("--gallery", "d.npz", "--gallery-modality", "sound")
        for words, out, files in (
                (("unic-encode", "--model", "m.npz", "--modality", "sound", "d.npz", "--out"), "l.npz", ["l.npz"]),
                (("unic-eval", "--model", "m.npz", "--train", "d.npz", "--test", "d.npz", "--epochs", "1", "--json"), "l.json", ["l.json"]),
                (("unic-retrieve", "--model", "m.npz", *gallery, "--save"), "l.npz", ["l.npz"]),
                (convert, "l.npz", ["l.npz"]), (convert, "l.safetensors", ["l.safetensors"]),
                (("unic-extract", "--kind", "ngrams", "left.tsv", "--fit"), "l.npz", ["l.npz"]),
                (("unic-extract", "--kind", "ngrams", "left.tsv", "--out"), "features", ["features/a.npy"])):
            left = [self.dir / f"{file}.tmp-{ended.pid}-{i}" for file in files for i in (0, 17)]
            stay = [self.dir / f"{files[0]}{end}" for end in (f".tmp-{os.getpid()}-0", f".tmp-{ended.pid}", f".tmp-{ended.pid}-x", ".tmp-x-1")]
            stay += [self.dir / f"{files[0]}{end}.tmp-{ended.pid}-3" for end in ("x", ".tmp-1-2", ".npy")]
            for path in left + stay:
                path.write_text("half")
            self.run_program(*words, out)
            self.assertEqual([path.name for path in left if path.exists()], [], words)
            self.assertEqual([path.name for path in stay if not path.exists()], [], words)
            for path in stay:
                path.unlink()

    def test_a_file_that_may_not_grow(self):
        def least(size):
            return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        for size in (0, 1000, 20000):
            for words in (("unic-train", "--config", "c.ini", "--data", "d.npz", "--out", "f.npz"),
                          ("unic-encode", "--model", "m.npz", "--modality", "sound", "--vectors", "--out", "f.npz", *["d.npz"] * 20),
                          ("unic-convert", "m.npz", "f.npz"), ("unic-convert", "m.npz", "f.safetensors"),
                          ("unic-train", "--data", "d.npz", "--out", "m.npz", "--resume", "train.epochs=2")):
                before = self.bytes_of_all()
                with tempfile.TemporaryDirectory() as apart:  # what it counts would be cut short, too (make coverage)
                    done = self.run_program(*words, status=1, preexec_fn=least(size), env={**os.environ, "GCOV_PREFIX": apart})
                self.assertIn("File too large", done.stderr, words)
                self.assertEqual(self.bytes_of_all(), before, words)

    def test_a_pipe_that_nobody_reads_any_more(self):
        def closed():
            reads, writes = os.pipe()
            os.close(reads)
            return writes
        os.mkfifo(self.dir / "log")
        reader = subprocess.Popen(["sh", "-c", "head -c 10 log"], cwd=self.dir, stdout=subprocess.DEVNULL)
        train = "unic-train", "--config", "c.ini", "--data", "d.npz", "--set", "train.epochs=50", "--out"
        done = self.run_program(*train, "piped.npz", "--log", "log", status=1)
        reader.wait()
        self.assertIn("cannot write log: Broken pipe", done.stderr)
        self.assertIn("saved in piped.npz", done.stderr)
        for stream, status in (("stderr", 0), ("stdout", 1)):
            end = closed()
            done = self.run_program("unic-train", "--config", "c.ini", "--data", "d.npz", "--out", f"{stream}.npz", status=status,
                                    **{stream: end})
            os.close(end)
            self.assertTrue((self.dir / f"{stream}.run.npz").exists())
            if stream == "stdout":
                self.assertIn("cannot write to standard output: Broken pipe", done.stderr)

    def test_no_file_becomes_a_stream_that_is_closed(self):
        """Messages and tables are lost then, and in no file."""
        train = f"{BIN}/unic-train --config c.ini --data d.npz --valid d.npz --out s.npz --log s.jsonl --keep 2 --threads 1"
        self.run_program(*train.split()[:-2])
        want = {path: path.read_bytes() for path in self.dir.glob("s.*")}
        self.assertEqual(len(want), 3)
        for streams in (0, 1, 2), (1, 2), (0, 2), (2,), (0, 1), (1,), (0,):
            for path in want:
                path.unlink()
            closed = " ".join(f"{stream}>&-" for stream in streams)
            done = subprocess.run(["sh", "-c", f"exec {train} {closed}"], cwd=self.dir, capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 1 in streams, (streams, done.stderr))
            self.assertEqual({path: path.read_bytes() for path in self.dir.glob("s.*")}, want, streams)
            if streams == (1,):
                self.assertIn("unic-train: cannot write to standard output: Bad file descriptor\n", done.stderr)
        made = {}
        for closed in "", "0>&- 1>&- 2>&-":
            words = f"{BIN}/unic-encode --model m.npz --modality sound --out e.npz --threads 1 d.npz"
            subprocess.run(["sh", "-c", f"exec {words} {closed}"], cwd=self.dir, capture_output=True, timeout=300)
            made[closed] = (self.dir / "e.npz").read_bytes()
            (self.dir / "e.npz").unlink()
        self.assertEqual(*made.values())
        for path in want:
            path.unlink()


if __name__ == "__main__":
    if not BIN.joinpath("unic-train").exists():
        sys.exit(f"{BIN}: the programs are not built")
    unittest.main()
