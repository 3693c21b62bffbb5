#!/usr/bin/env python3
"""unic-train over MPI (make check-mpi), with each MPI that is installed: 1, 2 and 4 ranks learn the same; what ends one
rank ends all of them with its message, in time; a run resumes with another number of ranks."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import kills
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
TRAIN = BUILD / "bin/unic-train"
PYTHON = shutil.which("/usr/bin/python3") or sys.executable   # the former has the system's packages: python3-mpi4py
# Each with what it asks of who runs more ranks than cores, or as root.
OPTIONS = {"openmpi": ["--oversubscribe", "--allow-run-as-root"], "mpich": []}
CLIPS, STEPS, TIMEOUT = 44, 6, kills.TIMEOUT
CONFIG = """\
preset = small
code.dim = 16
code.count = 16
encoder.ff = 32
train.batch = 16
train.length = 6
train.epochs = 3
train.drop_last = off
reset.steps = 2
"""


def processes():
    """The number, the parent and the program of each."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            rest = (folder / "stat").read_text().rpartition(")")[2].split()
            program = (folder / "cmdline").read_bytes().split(b"\0")[0].decode()
        except OSError:
            continue
        yield int(folder.name), int(rest[1]), pathlib.Path(program).name


class Ranks(unittest.TestCase):
    mpi: str = ""

    @classmethod
    def setUpClass(cls):
        if not cls.mpi:
            raise unittest.SkipTest("of each MPI")
        if not TRAIN.exists():
            raise unittest.SkipTest("unic-train is not built")
        cls.compiler, cls.start = (shutil.which(f"{program}.{cls.mpi}") for program in ("mpicc", "mpirun"))
        if not cls.compiler or not cls.start:
            print(f"skipped: ranks over {cls.mpi}, whose mpicc and mpirun are not installed")
            raise unittest.SkipTest(f"mpicc.{cls.mpi} and mpirun.{cls.mpi} are not installed")
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.build_library()
        cls.write_data()

    @classmethod
    def build_library(cls):
        """libunicode-mpi for this MPI, which is found before the one of the build."""
        name = "libunicode-mpi.so.0"
        subprocess.run([cls.compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", "-fPIC", "-shared", f"-I{ROOT}/include",
                        f"-Wl,-soname,{name}", "-o", cls.folder / name, *sorted((ROOT / "lib/mpi").glob("*.c"))], check=True)

    @classmethod
    def write_data(cls):
        rng = np.random.default_rng(0)
        label = rng.integers(0, 5, CLIPS)
        arrays = {name: (rng.normal(size=(5, dims))[label][:, None] + 0.5 * rng.normal(size=(CLIPS, STEPS, dims))).astype("f4")
                  for name, dims in (("sight", 12), ("sound", 10))}
        lengths = {f"{name}.lengths": rng.integers(0, STEPS + 1, CLIPS).astype("i4") for name in arrays}
        np.savez(cls.folder / "data.npz", **arrays, **lengths)
        spoilt = dict(arrays, **lengths)
        spoilt["sight"] = arrays["sight"].copy()
        spoilt["sight"][:, 0] = np.nan
        np.savez(cls.folder / "spoilt.npz", **spoilt)
        (cls.folder / "config.ini").write_text(CONFIG)

    def command(self, ranks, out, *more, data="data.npz"):
        return [self.start, *OPTIONS[self.mpi], "-n", str(ranks), TRAIN, "--mpi", "--timeout", str(TIMEOUT), "--threads", "1",
                "--data", data, "--out", f"{out}.npz", *(() if "--resume" in more else ("--config", "config.ini")), *more]

    def environment(self):
        return {**os.environ, "LD_LIBRARY_PATH": f"{self.folder}:{os.environ.get('LD_LIBRARY_PATH', '')}"}

    def begin(self, *arguments, **data):
        return subprocess.Popen(self.command(*arguments, **data), cwd=self.folder, env=self.environment(), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, process, seconds=60):
        self.addCleanup(process.kill)
        out, err = process.communicate(timeout=seconds)
        return process.returncode, out + err

    def train(self, *arguments, **data):
        status, text = self.end(self.begin(*arguments, **data))
        self.assertEqual(status, 0, text)
        return text

    def figures(self, log):
        """Of each step, and the validation's."""
        lines = [json.loads(line) for line in (self.folder / f"{log}.jsonl").read_text().splitlines()]
        return [list(line.get("figures", line.get("valid")).values()) for line in lines]

    def ranks_of(self, process, count):
        """The processes of unic-train that a mpirun has started, once they are all there."""
        for _ in range(200):
            rows = list(processes())
            family, grown = {process.pid}, True
            while grown:
                more = {pid for pid, parent, _ in rows if parent in family} - family
                family, grown = family | more, bool(more)
            found = sorted(pid for pid, _, name in rows if pid in family and name == "unic-train")
            if len(found) == count:
                return found
            time.sleep(0.05)
        self.fail(f"{count} ranks were expected, {len(found)} are there")

    def wait_for_step(self, log):
        path = self.folder / f"{log}.jsonl"
        for _ in range(400):
            if path.exists() and path.read_text().count("\n") >= 3:
                return
            time.sleep(0.05)
        self.fail("no step was taken")

    def test_any_number_learns_the_same(self):
        for ranks in (1, 2, 4):
            text = self.train(ranks, f"of{ranks}", "--log", f"of{ranks}.jsonl", "--valid", "data.npz")
            self.assertEqual(text.count("written: "), 1, text)   # one rank prints
            self.assertEqual(text.count("epoch 3/3"), 1, text)
            self.assertEqual(text.count("--mpi: one rank alone"), ranks == 1, text)
        want = self.figures("of1")
        self.assertEqual(len(want), 3 * 3 + 3)
        for ranks in (2, 4):
            np.testing.assert_allclose(self.figures(f"of{ranks}"), want, rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(self.figures(f"of{ranks}")[0], want[0], rtol=1e-5, atol=1e-5)

    def test_an_mpirun_of_another_mpi_is_told(self):
        """Its processes do not find each other, and each is the first of one."""
        other = next(name for name in OPTIONS if name != self.mpi)
        start = shutil.which(f"mpirun.{other}")
        if not start:
            self.skipTest(f"mpirun.{other} is not installed")
        command = self.command(2, "other")
        command[:1 + len(OPTIONS[self.mpi])] = [start, *OPTIONS[other]]
        process = subprocess.Popen(command, cwd=self.folder, env=self.environment(), text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        _, text = self.end(process)
        self.assertEqual(text.count("--mpi: one rank alone (where mpirun started more, it is of another MPI"), 2, text)

    def test_a_run_resumes_with_another_number(self):
        self.train(4, "first", "--set", "train.epochs=2")
        self.train(2, "first", "--resume", "--set", "train.epochs=3", "--log", "second.jsonl")
        self.train(1, "whole", "--log", "whole.jsonl")
        np.testing.assert_allclose(self.figures("second"), self.figures("whole")[6:], rtol=1e-3, atol=1e-3)

    def test_a_rank_that_is_killed_ends_all_and_the_run_resumes(self):
        kills.kill_and_resume(self, 2, seed=3)      # make kills-mpi has 20, at other moments each time

    def test_ranks_that_are_killed_before_the_first_save_begin_again(self):
        with np.load(self.folder / "data.npz") as data:      # an epoch of 3,000 steps, after which it would be saved
            np.savez(self.folder / "long.npz", **{name: np.repeat(array, 1000, axis=0) for name, array in data.items()})
        process = self.begin(2, "early", "--log", "early.jsonl", data="long.npz")
        ranks = self.ranks_of(process, 2)
        self.wait_for_step("early")
        kills.kill(ranks)
        self.assertNotEqual(self.end(process)[0], 0)
        self.assertFalse((self.folder / "early.run.npz").exists())
        status, text = self.end(self.begin(2, "early", "--resume"))
        self.assertNotEqual(status, 0)
        self.assertIn("nothing is saved of a run early.npz: there is no early.run.npz. A run that was ended before its first save "
                      "begins again, without --resume", text)
        self.assertIn("written: early.npz", self.train(2, "early"))

    def test_a_rank_that_hangs_ends_all_after_the_timeout(self):
        process = self.begin(2, "hung", "--log", "hung.jsonl", "--set", "train.epochs=100000")
        ranks = self.ranks_of(process, 2)
        self.wait_for_step("hung")
        os.kill(ranks[1], signal.SIGSTOP)
        self.addCleanup(lambda: self.resume(ranks[1]))
        begun = time.monotonic()
        while process.poll() is None and time.monotonic() < begun + TIMEOUT + 3:
            time.sleep(0.1)
        self.resume(ranks[1])   # to be ended by its mpirun
        status, text = self.end(process, 20)
        self.assertNotEqual(status, 0)
        self.assertRegex(text, r"rank \d of 2 has waited 4 seconds for the others, the timeout")

    @staticmethod
    def resume(pid):
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def test_a_rank_that_fails_says_why_and_ends_all(self):
        status, text = self.end(self.begin(3, "failed", data="spoilt.npz"))
        self.assertNotEqual(status, 0)
        self.assertRegex(text, r"clip \d+.*NaN|NaN.*clip")
        status, text = self.end(self.begin(2, "missing", data="missing.npz"))
        self.assertNotEqual(status, 0)
        self.assertIn("missing.npz", text)
        status, text = self.end(self.begin(17, "many", "--set", "train.batch=16"))
        self.assertNotEqual(status, 0)
        self.assertIn("train.batch = 16, the clips of all ranks, is less than their number, 17", re.sub(r"\s+", " ", text))

    def test_a_validation_clip_that_cannot_be_read_stops_all(self):
        with np.load(self.folder / "data.npz") as data:
            for name in ("sight", "sound"):
                (self.folder / "clips" / name).mkdir(parents=True, exist_ok=True)
                for i in range(CLIPS):
                    np.save(self.folder / f"clips/{name}/{i:02}.npy", data[name][i])
        process = self.begin(2, "valid", "--valid", "clips", "--log", "valid.jsonl", "--set", "train.epochs=100000")
        self.wait_for_step("valid")
        (self.folder / "clips/sound/12.npy").unlink()      # of each batch of 16 the second rank has the last 8
        status, text = self.end(process)
        self.assertNotEqual(status, 0)
        self.assertRegex(text, r"unic-train: rank 1: unic_dataset_next: clips/sound/12.npy: cannot open")
        self.assertRegex(text, r"stopped at step \d+ of 300000, saved in valid.npz")
        self.assertNotRegex(text, "rank 1 of 2 failed|MPI_ERR|MPI Error|truncated")     # no other calls met each other
        self.assertTrue((self.folder / "valid.run.npz").exists())

    def test_a_log_that_ends_stops_all(self):
        """The first rank alone writes, while the others validate already: it saves the run and ends them."""
        os.mkfifo(self.folder / "pipe.jsonl")
        process = self.begin(2, "piped", "--valid", "data.npz", "--log", "pipe.jsonl", "--set", "train.epochs=100000",
                             "train.batch=44")             # an epoch in one step
        with open(self.folder / "pipe.jsonl") as log:
            for _ in range(6):                              # the next is a step's, behind which the others validate
                log.readline()
        status, text = self.end(process)
        self.assertNotEqual(status, 0)
        self.assertRegex(text, r"unic-train: cannot write pipe.jsonl")
        self.assertRegex(text, r"stopped at step \d+ of 100000, saved in piped.npz")
        self.assertNotRegex(text, "of 2 failed|MPI_ERR|MPI Error|truncated|waited")
        self.assertTrue((self.folder / "piped.run.npz").exists())

    # ---- Python ----

    def python(self, ranks, *arguments):
        """`arguments` to /usr/bin/python3 of as many ranks, where mpi4py is of this MPI."""
        version = subprocess.run([PYTHON, "-c", "from mpi4py import MPI; print(MPI.Get_library_version())"],
                                 capture_output=True, text=True)
        if version.returncode or {"openmpi": "Open MPI", "mpich": "MPICH"}[self.mpi] not in version.stdout:
            self.skipTest("mpi4py of this MPI is not installed")
        environment = {**self.environment(), "LIBUNICODE": str(BUILD / "libunicode.so"),
                       "PYTHONPATH": str(ROOT / "bindings/python")}
        process = subprocess.Popen([self.start, *OPTIONS[self.mpi], "-n", str(ranks), PYTHON, "-m", "mpi4py", *arguments],
                                   cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        return self.end(process)

    def test_python_learns_the_same_and_resumes(self):
        example = ROOT / "examples/mpi/train.py"
        settings = [line.replace(" = ", "=") for line in CONFIG.splitlines() if not line.startswith("preset")]
        totals = {}
        for ranks in (1, 2, 3):
            status, text = self.python(ranks, example, "data.npz", f"python{ranks}.npz", *settings)
            self.assertEqual(status, 0, text)
            self.assertEqual(text.count("total "), 1, text)
            totals[ranks] = float(re.search(r"step 9/9: total (\S+)", text)[1])
        for ranks in (2, 3):
            self.assertAlmostEqual(totals[ranks], totals[1], delta=2e-3 * abs(totals[1]))
        status, text = self.python(3, example, "data.npz", "python2.npz", "train.epochs=4")
        self.assertEqual(status, 0, text)
        self.assertIn("step 12/12", text)

    def test_there_is_no_communicator_before_mpi_is_initialised(self):
        text = f"import ctypes; mpi = ctypes.CDLL('{self.folder}/libunicode-mpi.so.0'); options = (ctypes.c_int64 * 7)(56); " \
               "options[2] = 5 << 32; mpi.unic_mpi_last_error.restype = ctypes.c_char_p; " \
               "status = mpi.unic_mpi_create(ctypes.byref(ctypes.c_void_p()), options); print(status, mpi.unic_mpi_last_error())"
        done = subprocess.run([PYTHON, "-c", text], env=self.environment(), capture_output=True, text=True)
        self.assertIn("unic_mpi_create: options->communicator is 5, but MPI is not initialised", done.stdout + done.stderr)

    def test_python_tells_what_is_wrong(self):
        status, text = self.python(2, ROOT / "tests/mpi/odd_ranks.py", self.folder / "data.npz")
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count("all as expected"), 2, text)


class OpenMpi(Ranks):
    mpi = "openmpi"


class Mpich(Ranks):
    mpi = "mpich"


if __name__ == "__main__":
    unittest.main()
