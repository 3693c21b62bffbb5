#!/usr/bin/env python3
"""unic-encode --out-dir: many outputs by several processes, which are killed, held up and started again.

N says how many kills (20 without it), SEED chooses their moments. A preloaded shim (tests/kills) ends a process before or
after its n-th rename, open, write, fsync or unlink; other kills come by the clock.
"""
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
ENCODE, TRAIN, SHIM = BUILD / "bin/unic-encode", BUILD / "bin/unic-train", BUILD / "tests/kill_at.so"
KILLS, SEED = int(os.environ.get("N", 20)), int(os.environ.get("SEED", 0))
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
SHARDS, CLIPS, T = 9, 30, 4


def shard(seed, clips=CLIPS, **more):
    rng = np.random.default_rng(seed)
    return {"light": rng.normal(size=(clips, T, 5, 6, 3)).astype("f4"), "sound": rng.normal(size=(clips, T, 10)).astype("f4"),
            "label": rng.integers(0, 3, clips).astype("i4"), **more}


class Many(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        (cls.dir / "c.ini").write_text(CONFIG)
        (cls.dir / "shards/deep").mkdir(parents=True)
        for i in range(SHARDS):
            lengths = np.random.default_rng(i).integers(1, T + 1, CLIPS).astype("i4")
            np.savez(cls.dir / "shards" / ("deep" if i % 3 == 0 else ".") / f"p{i}.npz", **shard(i, **{"sound.lengths": lengths}))
        np.savez(cls.dir / "train.npz", **shard(99))
        done = subprocess.run([TRAIN, "--config", "c.ini", "--data", "train.npz", "--out", "m.npz", "--threads", "1"],
                              cwd=cls.dir, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        cls.straight = cls.encode("straight", "shards")
        cls.want = cls.files("straight")
        assert len(cls.want) == SHARDS + 1, cls.want.keys()

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def start(cls, out, *inputs, more=(), **environment):
        command = [ENCODE, "--model", "m.npz", "--modality", "sound", "--vectors", "--threads", "1", "--batch", "8", "--out-dir",
                   out, *more, *inputs]
        return subprocess.Popen(list(map(str, command)), cwd=cls.dir, env={**os.environ, **environment}, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @classmethod
    def encode(cls, out, *inputs, status=0, more=()):
        process = cls.start(out, *inputs, more=more)
        said = process.communicate(timeout=300)
        assert process.returncode == status, (process.returncode, said)
        return said

    @classmethod
    def files(cls, out):
        """But for sources.tsv, whose lines are in the order in which outputs came."""
        return {str(path.relative_to(cls.dir / out)): path.read_bytes() for path in (cls.dir / out).rglob("*")
                if path.is_file() and path.name != "sources.tsv"}

    @classmethod
    def sources(cls, out):
        return [line.split("\t") for line in (cls.dir / out / "sources.tsv").read_text().splitlines()]

    def check(self, out, why=""):
        files = self.files(out)
        self.assertEqual(sorted(files), sorted(self.want), why)
        for name, bytes_of in self.want.items():
            self.assertEqual(files[name], bytes_of, (name, why))

    @staticmethod
    def row(said, name):
        return int(re.search(rf"^{name} +(\d+)", said[0], re.M).group(1))

    def claim_of_the_dead(self, out):
        """A process is ended while it makes p1.npz; returns its claim."""
        process = self.start(out, "shards", LD_PRELOAD=str(SHIM), KILL_AT="rename:2:before")  # encode.ini's is the first
        process.communicate(timeout=300)
        self.assertEqual(process.returncode, -signal.SIGKILL)
        claims = list((self.dir / out).rglob("*.claim"))
        self.assertEqual(len(claims), 1)
        self.assertEqual(len(list((self.dir / out).rglob("*.tmp-*"))), 1)
        return claims[0]

    def test_each_output_is_that_of_its_input_alone(self):
        for i in range(SHARDS):
            name = f"deep/p{i}.npz" if i % 3 == 0 else f"p{i}.npz"
            done = subprocess.run([ENCODE, "--model", "m.npz", "--modality", "sound", "--vectors", "--threads", "1", "--out", "one.npz",
                                   f"shards/{name}"], cwd=self.dir, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual((self.dir / "one.npz").read_bytes(), self.want[name])
        self.assertEqual([self.row(self.straight, name) for name in ("encoded here", "there, or by others", "failed", "left")],
                         [SHARDS, 0, 0, 0])
        steps = sum(int(np.load(path)["sound.lengths"].sum()) for path in (self.dir / "shards").rglob("*.npz"))
        self.assertRegex(self.straight[0], rf"encoded here +{SHARDS} +{SHARDS * CLIPS} +{steps} +[0-9.]+\n")
        self.assertRegex(self.straight[1], r"npz: \d+ of 9 outputs are there, \d+ clips/s, ETA \d+:\d\d\n")

    def test_what_is_there_is_passed_over(self):
        self.encode("half", "shards/p1.npz", "shards/p2.npz")
        before = {path: path.stat().st_mtime_ns for path in (self.dir / "half").glob("*.npz")}
        said = self.encode("half", "shards/")
        self.assertEqual([self.row(said, name) for name in ("encoded here", "there, or by others")], [SHARDS - 2, 2])
        self.assertEqual({path: path.stat().st_mtime_ns for path in before}, before)
        self.check("half")

    def test_what_cannot_be_read_is_not_passed_over(self):
        """Links to nothing, pipes, capitals, and a directory whose files cannot be looked at."""
        folder = self.dir / "odd"
        shutil.copytree(self.dir / "shards", folder)
        (folder / "p1.npz").rename(folder / "p1.NPZ")
        (folder / "away.npz").symlink_to("/nowhere/away.npz")
        os.mkfifo(folder / "pipe.npz")
        said = self.encode("odd out", "odd", status=1)
        self.assertEqual([self.row(said, name) for name in ("encoded here", "failed")], [SHARDS, 2])
        self.assertIn("odd/away.npz: is a symbolic link to what is not there", said[1])
        self.assertIn("odd/pipe.npz: is a pipe or device, a regular file was expected", said[1])
        self.assertEqual((self.dir / "odd out/p1.NPZ.npz").read_bytes(), self.want["p1.npz"])
        for path in (folder / "away.npz", folder / "pipe.npz"):
            path.unlink()
        (folder / "part2").symlink_to("/nowhere/part2")      # it may have been a directory
        said = self.encode("odd out", "odd", status=1)
        self.assertIn("cannot read odd/part2, a symbolic link: No such file or directory", said[1])
        (folder / "part2").unlink()
        (folder / "README.md").symlink_to("../away/README.md")      # no input would be called so
        said = self.encode("odd out", "odd")
        self.assertEqual([self.row(said, name) for name in ("there, or by others", "failed")], [SHARDS, 0])
        self.assertIn("warning: odd/README.md, a symbolic link is passed over: No such file or directory", said[1])
        if os.geteuid():      # root may look at everything
            (folder / "deep").chmod(0o600)
            try:
                said = self.encode("locked out", "odd", status=1)
            finally:
                (folder / "deep").chmod(0o700)
            self.assertEqual([self.row(said, name) for name in ("encoded here", "failed")], [SHARDS - 3, 3])
            self.assertRegex(said[1], "deep/p[0-9].npz: cannot open: Permission denied")

    def two_inputs(self, name):
        """Two files of one name, and some of others."""
        for folder, seed in (("i1", 1), ("i2", 2)):
            (self.dir / name / folder).mkdir(parents=True)
            np.savez(self.dir / name / folder / "x.npz", **shard(seed))
        np.savez(self.dir / name / "i2/y.npz", **shard(3))
        return f"{name}/i1", f"{name}/i2", f"{name}/od"

    def test_the_output_of_another_file_is_not_taken_for_this_ones(self):
        one, two, out = self.two_inputs("names")
        self.encode(out, f"{one}/x.npz")
        about = (self.dir / one / "x.npz").stat()
        self.assertEqual(self.sources(out), [["x.npz", str(about.st_size), f"{about.st_mtime_ns // 10**9}.{about.st_mtime_ns % 10**9:09}",
                                              f"{one}/x.npz"]])
        before = self.files(out)
        for inputs in ((f"{two}/x.npz",), (two,), (f"{two}/y.npz", f"{two}/x.npz")):
            said = self.encode(out, *inputs, status=1)
            self.assertEqual(said[1], f"unic-encode: {out}/x.npz was made of {one}/x.npz, and would be that of {two}/x.npz too: name another "
                                      "--out-dir, or remove it\n")
            self.assertEqual(self.files(out), before)
        said = self.encode(out, f"./{one}/x.npz", f"{two}/y.npz")
        self.assertEqual([self.row(said, name) for name in ("encoded here", "there, or by others")], [1, 1])
        (self.dir / out / "x.npz").unlink()
        said = self.encode(out, two)
        self.assertEqual([self.row(said, name) for name in ("encoded here", "there, or by others")], [1, 1])
        self.assertIn(f"x.npz was made of {two}/x.npz, ", self.encode(out, one, status=1)[1])
        (self.dir / out / "sources.tsv").unlink()  # as outputs of an earlier version
        self.assertEqual(self.row(self.encode(out, one), "there, or by others"), 1)

    def test_outputs_whose_inputs_have_changed_are_told(self):
        one, two, out = self.two_inputs("later")
        self.encode(out, two)
        before = self.files(out)
        for count, name in enumerate(("y.npz", "x.npz"), 1):
            np.savez(self.dir / two / name, **shard(7, clips=5))
            os.utime(self.dir / two / name, (10**9, 10**9))
            said = self.encode(out, two)
            self.assertEqual(self.row(said, "there, or by others"), 2)
            text = (f"{out}/y.npz is of an input that has changed since: remove it to have it made anew",
                    f"2 outputs are of inputs that have changed since, {out}/x.npz the first: remove them to have them made anew")[count - 1]
            self.assertTrue(said[1].endswith(f"unic-encode: warning: {text}\n"), said)
            self.assertEqual(self.files(out), before)
        for name in ("x.npz", "y.npz"):
            (self.dir / out / name).unlink()
        for made in (2, 0):
            said = self.encode(out, two)
            self.assertEqual((self.row(said, "encoded here"), "changed" in said[1]), (made, False))
        self.assertEqual(np.load(self.dir / out / "x.npz")["codes"].shape, (5, T))

    def test_tables_and_directories_have_sources_too(self):
        for name in ("t1", "t2"):
            for i in range(4):
                (self.dir / name / "d/sound").mkdir(parents=True, exist_ok=True)
                np.save(self.dir / name / f"d/sound/c{i}.npy", np.random.default_rng(i).normal(size=(T, 10)).astype("f4"))
            (self.dir / name / "d/t.csv").write_text("id,category,split\n" + "".join(f"c{i},a,train\n" for i in range(3 + (name == "t2"))))
        self.encode("td", "t1/d", "t1/d/t.csv:train")
        self.assertEqual([line[0::3] for line in self.sources("td")], [["d.npz", "t1/d"], ["t.csv:train.npz", "t1/d/t.csv:train"]])
        self.assertEqual(self.sources("td")[0][1], "0")
        for path, out in (("d", "d"), ("d/t.csv:train", "t.csv:train")):
            self.assertEqual(self.row(self.encode("td", f"t1/{path}"), "there, or by others"), 1)
            self.assertIn(f"td/{out}.npz was made of t1/{path}, ", self.encode("td", f"t2/{path}", status=1)[1])

    def test_several_processes_make_each_output_once(self):
        processes = [self.start("shared", "shards") for _ in range(4)]
        said = [process.communicate(timeout=300) for process in processes]
        self.assertEqual([process.returncode for process in processes], [0] * 4, said)
        self.assertEqual(sum(self.row(one, "encoded here") for one in said), SHARDS, said)
        self.check("shared")
        want = sorted([name, f"shards/{name}"] for name in self.want if name.endswith(".npz"))
        self.assertEqual(sorted(line[0::3] for line in self.sources("shared")), want)

    def test_killed_at_random_moments(self):
        rng, kills, rounds, of_kind = random.Random(SEED), 0, 0, {}
        while kills < KILLS:
            out, processes, hit = f"round{rounds}", [], []
            for _ in range(3):
                kind = rng.choice(["rename", "open", "write", "fsync", "unlink", "time", None])
                moment = (kind, rng.randint(1, {"open": 60, "write": 30}.get(kind, 8)), rng.choice(["before", "after"]))
                shim = {"LD_PRELOAD": str(SHIM), "KILL_AT": ":".join(map(str, moment))} if kind not in ("time", None) else {}
                processes.append((moment, self.start(out, "shards", **shim)))
            for moment, process in processes:
                if moment[0] == "time":
                    time.sleep(rng.uniform(0, 0.15))
                    process.kill()
            for moment, process in processes:
                said = process.communicate(timeout=300)
                self.assertIn(process.returncode, (0, -signal.SIGKILL), (moment, said))
                if process.returncode:
                    hit.append(moment)
                    of_kind[moment[0]] = of_kind.get(moment[0], 0) + 1
            self.encode(out, "shards", more=("--claim-timeout", 20))
            self.check(out, hit)
            kills, rounds = kills + len(hit), rounds + 1
        print(f"{kills} kills in {rounds} rounds of three processes ({', '.join(f'{n} at {k}' for k, n in sorted(of_kind.items()))}): "
              f"every output there once, byte-identical to one process's")

    def test_a_claim_of_a_process_that_ended_is_taken_over_at_once(self):
        self.claim_of_the_dead("dead")
        begun = time.monotonic()
        self.encode("dead", "shards", more=("--claim-timeout", 1000000))
        self.assertLess(time.monotonic() - begun, 60)
        self.check("dead")

    def test_a_claim_of_another_machine_is_taken_over_after_the_timeout(self):
        claim = self.claim_of_the_dead("far")
        claim.write_text(claim.read_text().replace("host ", "host far-"))
        process = self.start("far", "shards", more=("--claim-timeout", 2))
        until = time.monotonic() + 4
        while time.monotonic() < until:  # the other one lives
            os.utime(claim)
            time.sleep(0.1)
        self.assertIsNone(process.poll())
        self.assertEqual(len(self.files("far")), SHARDS + 1 + 1, "all but one output, its claim, the temporary file, encode.ini")
        said = process.communicate(timeout=300)
        self.assertEqual((process.returncode, self.row(said, "encoded here")), (0, SHARDS), said)
        self.check("far")

    def test_a_claim_of_a_process_that_lives_is_kept(self):
        claim = self.claim_of_the_dead("near")
        stat = pathlib.Path(f"/proc/{os.getpid()}/stat").read_text().rsplit(")", 1)[1].split()
        text = re.sub(r"process \d+ started \d+", f"process {os.getpid()} started {stat[19]}", claim.read_text())
        claim.write_text(text)
        process = self.start("near", "shards")
        time.sleep(3)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=300)
        self.assertEqual((process.returncode, self.row(said, "left")), (128 + signal.SIGTERM, 1), said)
        self.assertEqual(claim.read_text(), text)
        claim.write_text(text.replace(f"started {stat[19]}", f"started {int(stat[19]) + 1}"))  # another process of that number
        self.encode("near", "shards")
        (tmp,) = (self.dir / "near").rglob("*.tmp-*")  # of the process that was overwritten in the claim
        tmp.unlink()
        self.check("near")

    def test_a_claim_without_a_name_is_soon_taken_over(self):
        (self.dir / "bare").mkdir()
        (self.dir / "bare/p1.npz.claim").touch()
        self.encode("bare", "shards", more=("--claim-timeout", 1))
        self.check("bare")

    def test_inputs_that_fail(self):
        bad = self.dir / "bad"
        bad.mkdir()
        whole = (self.dir / "shards/p1.npz").read_bytes()
        (bad / "a.npz").write_bytes(whole[: len(whole) // 2])
        (bad / "b.npz").write_bytes(whole)
        data = shard(5)
        data["sound"][7, 1] = np.nan
        np.savez(bad / "c.npz", **data)
        said = self.encode("out-bad", "bad", "none.npz", status=1)
        self.assertEqual([self.row(said, name) for name in ("encoded here", "failed", "left")], [1, 3, 0])
        for name in ("bad/a.npz", "bad/c.npz", "none.npz"):
            self.assertIn(f"unic-encode: {name}: no output was made of it\n", said[1])
        self.assertRegex(said[1], r"unic-encode: .*c\.npz.*(NaN|finite)")
        self.assertEqual(sorted(self.files("out-bad")), ["b.npz", "encode.ini"])
        said = self.encode("out-bad", "bad", more=("--skip-damaged",))
        self.assertEqual([self.row(said, name) for name in ("encoded here", "there, or by others", "passed over")], [1, 1, 1])
        self.assertEqual(np.load(self.dir / "out-bad/c.npz")["lengths"].tolist(), [T] * 7 + [0] + [T] * (CLIPS - 8))

    def test_refused(self):
        self.encode("first", "shards/p1.npz")
        done = subprocess.run([ENCODE, "--model", "m.npz", "--modality", "light", "--out-dir", "first", "shards"], cwd=self.dir,
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr),
                         (1, 'unic-encode: first/encode.ini: its outputs were made with "modality = sound", and these would be with '
                             '"modality = light": name another --out-dir\n'))
        (self.dir / "other").mkdir(exist_ok=True)
        np.savez(self.dir / "other/p1.npz", **shard(3))
        self.assertIn("shards/p1.npz and other/p1.npz would both be written to", self.encode("first", "shards", "other", status=1)[1])
        (self.dir / "mixed").mkdir()
        for name in ("a.npz", "b.wav"):
            (self.dir / "mixed" / name).touch()
        self.assertIn("mixed has 1 npz files and 1 films, sounds, pictures or texts", self.encode("first", "mixed", status=1)[1])
        (self.dir / "file").touch()
        self.assertIn("cannot make the directory file/x", self.encode("file/x", "shards", status=1)[1])
        (self.dir / "link").mkdir()
        (self.dir / "link/p1.npz").symlink_to("nowhere/p1.npz")
        self.assertIn("p1.npz: ", self.encode("link", "shards/p1.npz", status=1)[1])
        self.assertEqual([path.name for path in (self.dir / "link").glob("*.claim")], [])

    def test_directories_of_arrays_are_one_input(self):
        for name, array in shard(4).items():
            (self.dir / "arrays/x").mkdir(parents=True, exist_ok=True)
            np.save(self.dir / f"arrays/x/{name}.npy", array)
        (self.dir / "arrays/x/README.txt").write_text("about it")
        self.encode("of-arrays", "arrays/x/")
        self.assertEqual(sorted(self.files("of-arrays")), ["encode.ini", "x.npz"])
        self.assertEqual(np.load(self.dir / "of-arrays/x.npz")["codes"].shape, (CLIPS, T))

    def test_outputs_among_the_inputs_are_not_inputs(self):
        within = self.dir / "within"
        within.mkdir()
        np.savez(within / "a.npz", **shard(1))
        for made in (1, 0):
            said = self.encode("within/codes", "within")
            self.assertEqual(self.row(said, "encoded here"), made)
        self.assertEqual(sorted(self.files("within")), ["a.npz", "codes/a.npz", "codes/encode.ini"])


if __name__ == "__main__":
    if not ENCODE.exists() or not SHIM.exists():
        sys.exit(f"{ENCODE} or {SHIM}: not built")
    unittest.main()
