#!/usr/bin/env python3
"""The programs as a user meets them: messages, statuses, files, interruption and resumption."""
import fcntl
import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

import numpy as np

BIN = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "bin"
T, CLASSES, BACKGROUND = 4, 3, 3
DIMS = {"light": (5, 6, 3), "sound": (10,)}
CONFIG = """
code.dim = 16
code.count = 12        # few, so that every one is used
encoder.layers = 1
encoder.heads = 2
encoder.ff = 16
encoder.dropout = 0.1
club.width = 8
club.layers = 2
club.steps = 2
train.batch = 8
train.length = 4
train.epochs = 3
train.lr = 0.01
train.schedule = cosine
"""
MODALITIES = """
modalities = light sound
light.kind = grid
light.dims = 5 6 3
sound.kind = vector
sound.dims = 10
"""


def run(program, *args, status=0, **keywords):
    done = subprocess.run([BIN / program, *map(str, args)], text=True, capture_output=True, timeout=300, **keywords)
    assert done.returncode == status, (program, args, done.returncode, done.stdout, done.stderr)
    return done


def make_data(path, clips, seed, lengths=None, **arrays):
    """Clips whose class shows in both modalities from step 1 on; step 0 is background. `lengths` are the sound's."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(7)
    label = rng.integers(0, CLASSES, clips).astype(np.int32)
    steps = np.repeat(label[:, None], T, 1)
    steps[:, 0] = BACKGROUND
    lengths = rng.integers(2, T + 1, clips).astype(np.int32) if lengths is None else lengths
    data = {"label": label, "sound.lengths": lengths}
    for name, dims in DIMS.items():
        prototypes = 2 * basis.standard_normal((CLASSES + 1, *dims))
        data[name] = (prototypes[steps] + 0.3 * rng.standard_normal((clips, T, *dims))).astype(np.float32)
        data[f"{name}.step_labels"] = steps
    data["sound"][np.arange(T)[None] >= lengths[:, None]] = np.nan  # padding is not looked at
    data.update(arrays)
    np.savez(path, **{key: value for key, value in data.items() if value is not None})
    return data


# Shells start background jobs with SIGINT ignored, which programs inherit; handled here, it is not.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Programs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.train_data = make_data(cls.dir / "train.npz", 51, 1)
        cls.test_data = make_data(cls.dir / "test.npz", 30, 2)
        cls.config = cls.dir / "config.ini"
        cls.config.write_text(CONFIG + MODALITIES)
        cls.model = cls.dir / "model.npz"
        cls.log = cls.dir / "log.jsonl"
        cls.trained = cls.train("model.npz", "--log", cls.log, "--valid", cls.dir / "test.npz")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def train_arguments(cls, out, *more):
        return ["--config", cls.config, "--data", cls.dir / "train.npz", "--out", cls.dir / out, "--threads", 1, *more]

    @classmethod
    def train(cls, out, *more, status=0):
        return run("unic-train", *cls.train_arguments(out, *more), status=status)

    def check_no_leftovers(self):
        names = [p.name for p in self.dir.iterdir() if not re.fullmatch(r"[\w-]+(\.run)?\.(npz|ini|jsonl|json)", p.name)]
        self.assertEqual(names, [])

    # ---- the command line ----

    def test_help_teaches(self):
        for program, words in {
            "unic-train": ["--resume", "MODEL.run.npz", "Example", "[N,T,...]", "the number of cores"],
            "unic-encode": ["--vectors", "codes ", "-1", "Example", "[64]"],
            "unic-eval": ["--task", "micro F1", "shared codes", "Example", "[classify]"],
            "unic-inspect": ["--config", "Example"],
        }.items():
            done = run(program, "--help")
            self.assertEqual(done.stderr, "")
            self.assertTrue(done.stdout.startswith(f"{program}: "))
            for word in [f"Usage: {program} ", "--threads N", "Exit status", *words]:
                self.assertIn(word, done.stdout)
            self.assertLessEqual(max(map(len, done.stdout.splitlines())), 88, program)
            self.assertRegex(run(program, "--version").stdout, r"\(libunicode\) \d+\.\d+\.\d+\n")

    def test_wrong_usage_exits_with_2_and_one_sentence(self):
        needed = ["--config", "c", "--data", "d", "--out", "o"]
        for program, args, words in [
            ("unic-train", [], "--data FILE is missing"),
            ("unic-train", ["--data", "d", "--out", "o"], "--config FILE is missing"),
            ("unic-train", ["--confg", "c"], "unknown option --confg; did you mean --config?"),
            ("unic-train", ["--res"], "unknown option --res; did you mean --resume?"),
            ("unic-train", ["--frobnicate"], "unknown option --frobnicate ("),
            ("unic-train", ["-o", "x"], "unknown option -o"),
            ("unic-train", [*needed, "--out", "p"], "--out is given twice"),
            ("unic-train", [*needed, "--resume", "--resume"], "--resume is given twice"),
            ("unic-train", ["--config"], "--config needs a value: FILE"),
            ("unic-train", ["--config", "--data", "d"], "--config needs a value (FILE), but --data follows it"),
            ("unic-train", ["--config="], "--config is empty"),
            ("unic-train", ["--resume=yes"], "--resume takes no value"),
            ("unic-train", [*needed, "--threads", "0"], '--threads is "0", but must be a whole number in 1..256'),
            ("unic-train", [*needed, "--threads", "2x"], '--threads is "2x"'),
            ("unic-train", [*needed, "--threads", "-1"], '--threads is "-1"'),
            ("unic-train", [*needed, "data.npz"], '"data.npz" is neither an option nor KEY=VALUE'),
            ("unic-encode", ["--model", "m", "--modality", "x", "--out", "o"], "there is no INPUT"),
            ("unic-encode", ["--model", "m", "--out", "o", "i"], "--modality NAME is missing"),
            ("unic-encode", ["--model", "m", "--modality", "x", "--out", "o", "--out-dir", "d", "i"], "--out and --out-dir are given"),
            ("unic-encode", ["--model", "m", "--out-dir", "d", "i"], "--modality NAME is missing"),
            ("unic-encode", ["--batch", "99999999999999999999"], "--batch is"),
            ("unic-eval", ["--model", "m", "--train", "a", "--test", "b", "--task", "guess"], "classify, localise"),
            ("unic-eval", ["--model", "m", "extra"], 'what is "extra" for?'),
            ("unic-inspect", [], "expected one FILE, not 0"),
            ("unic-inspect", ["a", "b"], "expected one FILE, not 2"),
        ]:
            with self.subTest(program=program, args=args):
                done = run(program, *args, status=2)
                self.assertIn(words, done.stderr)
                self.assertTrue(done.stderr.startswith(f"{program}: "))
                self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 1))

    def test_failures_exit_with_1_and_the_librarys_message(self):
        broken = self.dir / "broken.npz"
        broken.write_bytes(self.model.read_bytes()[:-100])
        test, out = self.dir / "test.npz", self.dir / "never.npz"
        bad = self.dir / "bad.ini"
        bad.write_text("code.dim = 16\nema.decay = 1.2\n")
        encode = ["--modality", "sound", "--out", out]
        train = ["--data", test, "--out", out, "--config"]
        for program, args, words in [
            ("unic-train", [*train, self.dir / "none.ini"], ["none.ini", "No such file"]),
            ("unic-train", [*train, bad], ["bad.ini:2: ema.decay = 1.2 is out of range"]),
            ("unic-train", [*train, self.config, "--set", "train.lrr=1"], ["--set: ", "train.lr"]),
            ("unic-train", [*train, self.config, "--set", "train.length=3"], ["4 steps", "--set train.length=4"]),
            ("unic-train", [*train, self.config, "--set", "modalities=light smell"], ["smell"]),
            ("unic-train", [*train, self.config, "--set", "train.batch=4000"], ["30"]),
            ("unic-train", ["--data", test, "--config", self.config, "--out", "/dev/null"], ["no regular file"]),
            ("unic-train", ["--data", test, "--config", self.config, "--out", "/dev/stdout"], ["symbolic link"]),
            ("unic-train", ["--data", test, "--config", self.config, "--out", self.dir / "no/dir/m.npz"], ["No such file"]),
            ("unic-encode", ["--model", self.dir / "none.npz", *encode, test], ["none.npz", "No such file"]),
            ("unic-encode", ["--model", broken, *encode, test], ["broken.npz"]),
            ("unic-encode", ["--model", test, *encode, test], ["test.npz"]),
            ("unic-encode", ["--model", self.model, "--modality", "smell", "--out", out, test], ["smell"]),
            ("unic-encode", ["--model", self.model, "--modality", "sound", "--out", test, test], ["is an input"]),
            ("unic-eval", ["--model", self.model, "--train", test, "--test", broken], ["broken.npz"]),
            ("unic-inspect", [broken], ["broken.npz"]),
            ("unic-inspect", [self.config], ["config.ini"]),
            ("unic-inspect", [test, "--config"], ["test.npz"]),
        ]:
            with self.subTest(program=program, args=args):
                done = run(program, *args, status=1)
                self.assertTrue(done.stderr.startswith(f"{program}: "), done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                for word in words:
                    self.assertIn(word, done.stderr)
        broken.unlink()
        self.assertFalse(out.exists())
        self.check_no_leftovers()

    def test_full_disk_is_a_failure(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BIN / "unic-inspect", self.model], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write to standard output", done.stderr)
        self.assertIn("/dev/full", self.train("full.npz", "--log", "/dev/full", status=1).stderr)

    # ---- unic-train ----

    def test_training_reports_and_writes(self):
        done = self.trained
        self.assertNotIn("\r", done.stderr)  # no terminal, no bar
        self.assertRegex(done.stderr, r"(?m)^epoch 1/3  step 6  total \S+  reconstruction .*  cpc .*steps/s\)$")
        self.assertEqual(done.stderr.count(f"on {self.dir / 'test.npz'}: total"), 3)
        self.assertRegex(done.stdout, r"(?m)^mean of epoch +1 +3$")
        self.assertRegex(done.stdout, r"(?m)^reconstruction\.light +[\d.]+ +[\d.]+$")
        self.assertRegex(done.stdout, r"(?m)^18 steps in 0:\d\d \([\d.]+ steps/s\), at most \d+ MB of memory$")
        self.assertIn(f"written: {self.model}", done.stdout)
        self.assertTrue((self.dir / "model.run.npz").exists())

    def test_log_has_each_step_once(self):
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        steps = [line for line in lines if "figures" in line]
        valid = [line for line in lines if "valid" in line]
        self.assertEqual([line["step"] for line in steps], list(range(1, 19)))
        self.assertEqual([line["epoch"] for line in steps], [1] * 6 + [2] * 6 + [3] * 6)
        self.assertEqual([(line["step"], line["epoch"]) for line in valid], [(6, 1), (12, 2), (18, 3)])
        for line in lines:
            terms = line.get("figures") or line["valid"]
            self.assertTrue(all(isinstance(value, (int, float)) for value in terms.values()))
            self.assertIn("total", terms)

    def test_table_has_the_means_of_the_epochs(self):
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        table = dict(re.findall(r"(?m)^(\S+) +(\S+) +\S+$", self.trained.stdout))
        for term in ("total", "reconstruction.light", "cpc"):
            mean = np.mean([line["figures"][term] for line in lines if "figures" in line and line["epoch"] == 1])
            self.assertAlmostEqual(float(table[term]) / mean, 1, 4)
            last = np.mean([line["figures"][term] for line in lines if "figures" in line and line["epoch"] == 3])
            self.assertRegex(self.trained.stdout, rf"(?m)^{re.escape(term)} +\S+ +{re.escape(format(last, '.5g'))}$")

    def test_validation_weighs_clips_not_batches(self):
        """Six clips, and the same ones twice, in batches of 8 and 4; light has no padding: its mean is over clips."""
        values = {}
        for name, clips in {"six": [*range(6)], "twice": [*range(6), *range(6)]}.items():
            np.savez(self.dir / f"{name}.npz", **{key: value[clips] for key, value in self.test_data.items()})
            log = self.dir / f"{name}.jsonl"
            self.train(f"{name}-model.npz", "--valid", self.dir / f"{name}.npz", "--log", log, "--set", "train.epochs=1")
            values[name] = json.loads(log.read_text().splitlines()[-1])["valid"]["reconstruction.light"]
        self.assertAlmostEqual(values["twice"] / values["six"], 1, 5)

    def test_settings_from_the_data_and_the_command_line(self):
        """Modalities, kinds and dims left out are the file's; --set comes last, in both its forms."""
        plain = self.dir / "plain.ini"
        plain.write_text(CONFIG.replace("train.lr = 0.01", "train.lr = 0.7"))
        run("unic-train", "--config", plain, "--data", self.dir / "train.npz", "--out", self.dir / "plain.npz",
            "--threads", 1, "--set", "train.lr=0.5", "train.lr=0.01", "--set=train.epochs=3")
        given, found = (self.settings(self.dir / name) for name in ("model.npz", "plain.npz"))
        self.assertEqual(given, found)
        self.assertEqual(self.model.read_bytes(), (self.dir / "plain.npz").read_bytes())

    def settings(self, model):
        return run("unic-inspect", model, "--config").stdout

    def test_a_models_config_trains_the_same_model(self):
        again = self.dir / "again.ini"
        again.write_text(self.settings(self.model))
        run("unic-train", "--config", again, "--data", self.dir / "train.npz", "--out", self.dir / "again.npz", "--threads", 1)
        self.assertEqual(self.model.read_bytes(), (self.dir / "again.npz").read_bytes())

    def interrupt(self, out, log, number, more):
        """Starts a training run and sends a signal in its midst; returns the process."""
        process = subprocess.Popen([BIN / "unic-train", *map(str, self.train_arguments(out, "--log", log, *more))],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 120
        while (log.read_text().count("\n") if log.exists() else 0) < 9 and time.monotonic() < deadline:
            time.sleep(0.001)
        process.send_signal(number)
        process.out, process.err = process.communicate(timeout=120)
        return process

    def test_interrupted_and_resumed_is_as_if_nothing_happened(self):
        more = ["--valid", self.dir / "test.npz", "--set", "train.epochs=100"]
        straight, log = self.dir / "straight.npz", self.dir / "straight.jsonl"
        self.train("straight.npz", "--log", log, *more)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGXCPU):
            with self.subTest(signal=number):
                part = self.dir / f"part-{number}.jsonl"
                process = self.interrupt(f"part-{number}.npz", part, number, more)
                self.assertEqual(process.returncode, 128 + number, process.err)
                match = re.search(r"stopped at step (\d+) of 600, saved in \S+; the same command with --resume", process.err)
                self.assertIsNotNone(match, process.err)
                step = int(match[1])
                self.assertEqual(json.loads(part.read_text().splitlines()[-1])["step"], step)
                with open(part, "a") as lost:  # as a crash leaves it: steps after the save, a torn line
                    lost.write(f'{{"step":{step + 1},"epoch":1,"figures":{{"total":0}}}}\n{{"step":{step},"ep')
                self.train(f"part-{number}.npz", "--log", part, "--resume", *more)
                self.assertEqual(part.read_text(), log.read_text())
                self.assertEqual((self.dir / f"part-{number}.npz").read_bytes(), straight.read_bytes())
                self.assertEqual((self.dir / f"part-{number}.run.npz").read_bytes(),
                                 (self.dir / "straight.run.npz").read_bytes())
        self.check_no_leftovers()

    def test_a_soft_limit_of_cpu_time_saves(self):
        """Behind it the system sends SIGXCPU every second, also while the run is saved."""
        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))

        done = subprocess.run([BIN / "unic-train", *map(str, self.train_arguments("limit.npz", "--set", "train.epochs=100000"))],
                              capture_output=True, text=True, preexec_fn=limit, timeout=120)
        self.assertEqual(done.returncode, 128 + signal.SIGXCPU, done.stderr)
        self.assertRegex(done.stderr, r"stopped at step \d+ of 600000, saved in \S+limit.npz; the same command with --resume")
        run("unic-inspect", self.dir / "limit.npz")
        self.check_no_leftovers()

    def test_resuming_with_other_settings(self):
        data = ["--data", self.dir / "train.npz", "--threads", 1, "--resume", "--out"]
        self.assertIn("cannot resume", run("unic-train", *data, self.dir / "none.npz", status=1).stderr)
        self.train("longer.npz")
        changed = run("unic-train", *data, self.dir / "longer.npz", "--set", "train.batch=5", status=1).stderr
        self.assertIn("which cannot become 5; a run keeps its settings", changed)
        self.assertIn("nothing to do", run("unic-train", *data, self.dir / "longer.npz").stderr)
        done = run("unic-train", *data, self.dir / "longer.npz", "--set", "train.epochs=4")
        self.assertRegex(done.stderr, r"(?m)^epoch 4/4  step 24")
        self.assertIn("6 steps in", done.stdout)

    # ---- the progress bar ----

    def on_a_terminal(self, columns, program, *args, send=None, kind="xterm"):
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(BIN / program, [program, *map(str, args)], {**os.environ, "TERM": kind})
        seen = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # Linux: the other end was closed
                break
            if not part:
                break
            seen += part
            if send and b"ETA" in seen:
                os.write(terminal, send)
                send = None
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        return status, seen.decode()

    def test_progress_bar_fits_and_goes_away(self):
        for columns, words in ((120, ["18/18", "steps/s", "ETA", "total", "recon", "cpc", "match", "club"]),
                               (80, ["18/18", "steps/s", "ETA", "total", "recon", "cpc"]), (50, ["18/18", "ETA"]), (30, ["18/18"])):
            status, seen = self.on_a_terminal(columns, "unic-train", *self.train_arguments("bar.npz"))
            self.assertEqual(status, 0, seen)
            bars = re.findall(r"\r( *\d+% \|[=> ]*\|[^\r\n]*?)\x1b\[K", seen)
            self.assertGreater(len(bars), 1)
            self.assertLess(max(map(len, bars)), columns)
            for word in words:
                self.assertIn(word, bars[-1])
            self.assertTrue(bars[-1].startswith("100%"))
            self.assertLess(seen.rindex("% |"), seen.rindex("\r\x1b[K"))  # wiped

    def test_a_terminal_that_knows_no_escapes_gets_lines(self):
        status, seen = self.on_a_terminal(80, "unic-train", *self.train_arguments("dumb.npz"), kind="dumb")
        self.assertEqual(status, 0, seen)
        self.assertNotIn("\x1b", seen)
        self.assertNotIn("ETA", seen)
        self.assertRegex(seen, r"(?m)^epoch \d+/\d+  step 18")

    def test_names_of_files_do_not_steer_a_terminal(self):
        for name, shown in (("a\x1b[31mb.npz", "a?[31mb.npz"), ("a\nunic-train: b.npz", "a?unic-train: b.npz"),
                            ("\x7f\x9b\r\t.npz", "?????.npz"), ("\u202eznp.\u2066b\ufeff.npz", "???znp.???b???.npz"),
                            ("\u0645\u06cc\u200c\u062e.npz", "\u0645\u06cc\u200c\u062e.npz"), ("Märchen 猫.npz", "Märchen 猫.npz")):
            path = self.dir / name
            shutil.copy(self.dir / "test.npz", path)
            said = run("unic-inspect", path, "--config", status=1).stderr
            self.assertIn(f"/{shown}", said)
            self.assertEqual(said.count("\n"), 1, said)
            self.assertNotRegex(said, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")
            said = run("unic-encode", "--model", self.model, "--modality", "sound", "--out", path, path, status=1).stderr
            self.assertEqual(said, f"unic-encode: --out {self.dir}/{shown} is an input\n")
            said = run("unic-encode", f"--{name}", status=2).stderr      # as of a pattern of the shell
            self.assertEqual(said, f"unic-encode: unknown option --{shown} (unic-encode --help explains)\n")

    def test_a_dynamic_linker_that_is_called_by_name(self):
        """ld.so PROGRAM ..: what /proc calls the program is ld.so then."""
        found = re.search(r"program interpreter: (/.*?)\]", subprocess.run(["readelf", "-lW", str(BIN / "unic-inspect")],
                                                                          capture_output=True, text=True).stdout)
        environment = {name: text for name, text in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
        for command in (["unic-inspect", self.model], ["unic-train", *self.train_arguments("linker.npz")],
                        ["unic-encode", "--model", self.model, "--modality", "sound", "--out", self.dir / "linked.npz",
                         self.dir / "test.npz"]):
            done = subprocess.run([found[1], str(BIN / command[0]), *map(str, command[1:])], capture_output=True, text=True,
                                  env=environment)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_ctrl_c_on_a_terminal(self):
        status, seen = self.on_a_terminal(80, "unic-train", *self.train_arguments("ctrl-c.npz", "--set", "train.epochs=2000"),
                                          send=b"\x03")
        self.assertEqual(status, 130, seen)
        # Behind the bar that is taken away, or behind the line of an epoch that ends just then.
        self.assertRegex(seen, r"(\r\x1b\[K|steps/s\)\r\n)unic-train: stopped at step \d+ of 12000, saved in")

    # ---- unic-encode ----

    def encode(self, modality, out, *more):
        run("unic-encode", "--model", self.model, "--modality", modality, "--out", self.dir / out, *more)
        with np.load(self.dir / out, allow_pickle=False) as z:
            return {key: z[key] for key in z.files}

    def test_codes(self):
        for modality in DIMS:
            got = self.encode(modality, "codes.npz", self.dir / "test.npz")
            self.assertEqual(sorted(got), ["codes", "fingerprint", "label", "lengths"])
            codes = got["codes"]
            self.assertEqual((codes.shape, codes.dtype), ((30, T), np.dtype("int32")))
            lengths = self.test_data.get(f"{modality}.lengths", np.full(30, T))
            there = np.arange(T)[None] < lengths[:, None]
            self.assertTrue((codes[~there] == -1).all())
            self.assertTrue(((codes[there] >= 0) & (codes[there] < 12)).all())
            np.testing.assert_array_equal(got["label"], self.test_data["label"])
            np.testing.assert_array_equal(got["lengths"], lengths)
            self.assertIn(f"{int(got['fingerprint']):016x}", run("unic-inspect", self.model).stdout)

    def test_vectors(self):
        got = self.encode("sound", "vectors.npz", "--vectors", self.dir / "test.npz")
        codes, quantized, semantic = got["codes"], got["quantized"], got["semantic"]
        self.assertEqual((quantized.shape, quantized.dtype), ((30, T, 16), np.dtype("float32")))
        self.assertEqual((semantic.shape, semantic.dtype), ((30, T, 16), np.dtype("float32")))
        self.assertFalse(quantized[codes == -1].any() or semantic[codes == -1].any())
        book = {code: quantized[codes == code][0] for code in np.unique(codes[codes >= 0])}
        self.assertGreater(len(book), 1)
        for n, t in np.argwhere(codes >= 0):  # each step has the nearest of the codes in use
            np.testing.assert_array_equal(quantized[n, t], book[codes[n, t]])
            distances = {code: ((semantic[n, t] - e) ** 2).sum() for code, e in book.items()}
            self.assertLessEqual(distances[codes[n, t]], min(distances.values()) * (1 + 1e-5))

    def test_several_inputs_and_batches(self):
        test, train = self.dir / "test.npz", self.dir / "train.npz"
        one = self.encode("light", "one.npz", test)
        other = self.encode("light", "other.npz", "--data", train)
        for more in ([test, train], ["--data", test, train], ["--batch", 7, "--data", test, "--data", train]):
            both = self.encode("light", "both.npz", *more)
            for key in ("codes", "label", "lengths"):
                np.testing.assert_array_equal(both[key], np.concatenate([one[key], other[key]]))

    def test_input_without_labels(self):
        make_data(self.dir / "bare.npz", 5, 3, label=None)
        self.assertNotIn("label", self.encode("light", "barecodes.npz", self.dir / "bare.npz"))

    def test_encoding_leaves_nothing_half_written(self):
        """Features that are not finite are met in the second batch: no output, and the old one stays."""
        data = make_data(self.dir / "nan.npz", 20, 4)
        data["light"][15, 0] = np.inf
        np.savez(self.dir / "nan.npz", **data)
        kept = self.dir / "kept.npz"
        kept.write_bytes(b"old")
        done = run("unic-encode", "--model", self.model, "--modality", "light", "--out", kept, "--batch", 8,
                   self.dir / "nan.npz", status=1)
        self.assertIn("light", done.stderr)
        self.assertEqual(kept.read_bytes(), b"old")
        self.check_no_leftovers()

    # ---- unic-eval ----

    def evaluate(self, *more, train="train.npz", test="test.npz"):
        result = self.dir / "result.json"
        done = run("unic-eval", "--model", self.model, "--train", self.dir / train, "--test", self.dir / test,
                   "--json", result, *more)
        return json.loads(result.read_text()), done.stdout

    def test_classify(self):
        result, printed = self.evaluate("--seed", 3)
        self.assertEqual((result["task"], result["metric"], result["seed"]), ("classify", "accuracy", 3))
        self.assertEqual(list(result["results"]), ["light>light", "light>sound", "sound>light", "sound>sound"])
        self.assertGreater(result["results"]["light>light"], 0.6)
        for direction, value in result["results"].items():
            confusion = np.array(result["confusion"][direction])
            np.testing.assert_array_equal(confusion.sum(1), np.bincount(self.test_data["label"], minlength=CLASSES))
            self.assertAlmostEqual(value, confusion.trace() / confusion.sum(), 6)
            self.assertIn(f"{direction}\t{value:.4f}\n", printed)
        self.assertEqual(result, self.evaluate("--seed", 3)[0])

    def test_usage_and_shared_codes(self):
        """On the test clips, and on clips most of which lack the sound: light has most uses of every code."""
        rare = np.where(np.arange(30) < 4, T, 0).astype(np.int32)
        make_data(self.dir / "rare.npz", 30, 2, rare)
        self.check_usage("test.npz")
        result = self.check_usage("rare.npz")
        self.assertLess(result["shared_codes"], 1)
        self.assertEqual(np.sum(result["confusion"]["light>sound"]), 4)

    def check_usage(self, test):
        result, printed = self.evaluate(test=test)
        usage = np.array([result["usage"][modality] for modality in DIMS])
        for row, modality in zip(usage, DIMS):
            codes = self.encode(modality, "usage.npz", self.dir / test)["codes"]
            np.testing.assert_array_equal(row, np.bincount(codes[codes >= 0], minlength=12))
        total = usage.sum(0)
        often = total >= 5
        share = usage[:, often] / total[often]
        expected = np.mean(((share >= 0.2) & (share <= 0.8)).all(0))
        self.assertAlmostEqual(result["shared_codes"], expected, 6)
        p = total[total > 0] / total.sum()
        self.assertAlmostEqual(result["perplexity"], np.exp(-(p * np.log(p)).sum()), 5)
        self.assertIn(f"shared codes\t{expected:.4f} of {often.sum()} used at least 5 times\n", printed)
        self.assertEqual(result["codes_used_by_none"], (total == 0).sum())
        self.assertEqual(result["codes_used_by_all"], (usage > 0).all(0).sum())
        self.assertIn(f"same code\t{result['agreement']:.4f} of ", printed)
        return result

    def test_table(self):
        result, printed = self.evaluate("--table")
        rows = {row.split()[0]: row.split()[1:] for row in printed.splitlines() if row.startswith(("light ", "sound "))}
        for a in DIMS:
            self.assertEqual(rows[a], [f"{100 * result['results'][f'{a}>{b}']:.1f}" for b in DIMS])

    def test_localise(self):
        result, _ = self.evaluate("--task", "localise")
        self.assertEqual((result["task"], result["metric"], result["classes"]), ("localise", "accuracy", 4))
        self.assertGreater(result["results"]["light>light"], 0.6)
        valid = int(self.test_data["sound.lengths"].sum())
        self.assertEqual(np.sum(result["confusion"]["light>sound"]), valid)
        self.assertEqual(np.sum(result["confusion"]["sound>light"]), 30 * T)

    def test_localise_many_labels(self):
        for name, data in (("train", self.train_data), ("test", self.test_data)):
            hot = {f"{m}.step_labels": np.eye(4, dtype=np.uint8)[data[f"{m}.step_labels"]] for m in DIMS}
            make_data(self.dir / f"multi{name}.npz", len(data["label"]), 1 if name == "train" else 2, **hot)
        result, _ = self.evaluate("--task", "localise", train="multitrain.npz", test="multitest.npz")
        self.assertEqual((result["metric"], result["classes"]), ("micro_f1", 4))
        self.assertNotIn("confusion", result)
        self.assertGreater(result["results"]["light>light"], 0.6)
        done = run("unic-eval", "--model", self.model, "--train", self.dir / "train.npz", "--test",
                   self.dir / "multitest.npz", "--task", "localise", status=1)
        self.assertIn("are [N,T], one class a step, but those of", done.stderr)

    def test_files_with_one_modality_each(self):
        make_data(self.dir / "seen.npz", 40, 5, **{"sound": None, "sound.lengths": None})
        make_data(self.dir / "heard.npz", 40, 6, light=None)
        result, _ = self.evaluate(train="seen.npz", test="heard.npz")
        self.assertEqual(list(result["results"]), ["light>sound"])

    def test_labels_are_needed(self):
        make_data(self.dir / "unlabelled.npz", 9, 7, label=None)
        done = run("unic-eval", "--model", self.model, "--train", self.dir / "unlabelled.npz", "--test",
                   self.dir / "test.npz", status=1)
        self.assertIn("label", done.stderr)

    # ---- unic-inspect ----

    def test_inspect_model(self):
        seen = run("unic-inspect", self.model, "--data", self.dir / "test.npz").stdout
        for pattern in (r"light +grid +5 6 3", r"sound +vector +10", r"codebook: 12 codes of 16 dims, fingerprint [0-9a-f]{16}",
                        r"(?m)^  code\.dim = 16$", r"(?m)^  train\.schedule = cosine$"):
            self.assertRegex(seen, pattern)
        self.assertNotIn("ema.decay", seen)  # a default
        result, _ = self.evaluate()
        for modality in DIMS:
            counts = np.array(result["usage"][modality])
            used = (counts > 0).sum()
            self.assertRegex(seen, rf"(?m)^{modality} +{counts.sum()} +{used} +{12 - used} +[\d.]+$")
            self.assertRegex(seen, rf"(?m)^  {modality} +\|[ .:=+*#%@-]{{12}}\|$")

    def test_inspect_tells_of_odd_labels(self):
        x, path = {"sound": np.ones((6, 4, 3), "f4")}, self.dir / "odd.npz"
        label, steps, many = np.arange(6), np.zeros((6, 4), int), np.zeros((6, 4, 2), int)
        steps[4, 1], many[3, 2, 1] = -7, 2
        for labels, says in (({"label": label[:, None]}, "label has a 2 in clip 2, 0 or 1 for each class, which its last dim is, expected"),
                             ({"label": label - 3}, "label has a -3 in clip 0, -1 or the number of a class expected"),
                             ({"sound.step_labels": steps}, "sound.step_labels has a -7 in clip 4, -1 or the number of a class expected"),
                             ({"sound.step_labels": many}, "sound.step_labels has a 2 in clip 3, 0 or 1 for each class")):
            np.savez(path, **x, **labels)
            self.assertIn(f"unic-inspect: warning: {says}", run("unic-inspect", path).stderr)
        for kind, last in (("u1", 255), ("u2", 65535)):
            np.savez(path, **x, label=np.where(label < 4, label, -1).astype(kind))
            self.assertEqual(run("unic-inspect", path).stderr, f"unic-inspect: warning: label has a {last}, the largest of all, in 2 places: "
                             "a class like any other here; a label that does not count is -1\n")
        for labels in (label, label - 1, label + 250, np.eye(6, dtype=int), -np.eye(6, dtype=int)):
            np.savez(path, **x, label=labels)
            self.assertEqual(run("unic-inspect", path).stderr, "")

    def test_inspect_tells_what_training_did_not_count(self):
        """Of codes that gradients train, and of pairs of two levels, EMA counts say nothing; they looked as if all were in use."""
        said = "perplexity of the EMA counts +"
        self.assertRegex(run("unic-inspect", self.model).stdout, said + r"[\d.]+\n")
        for objective, expected in (("codis", said + "not known: gradients train the codes; --data counts the uses\n"),
                                    ("hdcid", said + "not known: counted for each level alone; --data counts the uses\n")):
            self.train("uncounted.npz", "--set", f"objective={objective}", "codis.queue=4", "train.epochs=1")
            self.assertRegex(run("unic-inspect", self.dir / "uncounted.npz").stdout, expected)
        self.assertRegex(run("unic-inspect", self.dir / "uncounted.npz").stdout,
                         r"light +\d+ of 144 pairs had both codes selected in the last 100 steps of training\n")

    def test_inspect_data(self):
        seen = run("unic-inspect", self.dir / "test.npz").stdout
        lengths = self.test_data["sound.lengths"]
        self.assertIn("30 clips of up to 4 steps", seen)
        self.assertRegex(seen, rf"(?m)^light +5 6 3 +120 +4\.\.4 +0 +\S+ +\S+ +0$")
        self.assertRegex(seen, rf"(?m)^sound +10 +{lengths.sum()} +{lengths.min()}\.\.4 +0 +\S+ +\S+ +0$")
        for c, n in enumerate(np.bincount(self.test_data["label"])):
            self.assertRegex(seen.split("light.step_labels")[0], rf"(?m)^ +{c} +{n} #+$")
        self.assertRegex(seen, r"light\.step_labels: 4 classes")

    def test_texts_of_files_that_say_no_size(self):
        """/proc has files of 0 bytes in which there is a text: it was taken for an empty one."""
        refused = run("unic-train", "--config", "/proc/version", "--data", self.dir / "train.npz", "--out", self.dir / "proc.npz", status=1)
        self.assertRegex(refused.stderr, "/proc/version:1: ")
        self.assertFalse(self.dir.joinpath("proc.npz").exists())

    def test_more_modalities_than_a_model_has(self):
        for n in (8, 9, 600):
            np.savez(self.dir / "many.npz", **{f"m{i:03}": np.ones((3, 1, 1), "u1") for i in range(n)})
            began = time.monotonic()
            seen = run("unic-inspect", self.dir / "many.npz", "--memory-limit", "50M").stdout
            self.assertEqual("m006 + m007" in seen, n == 8)
            self.assertEqual(f"pairs of {n} modalities are not listed: a model has at most 8" in seen, n > 8)
            if n == 8:
                continue
            self.dir.joinpath("empty.ini").write_text("train.batch = 2\n")
            refused = run("unic-train", "--config", self.dir / "empty.ini", "--data", self.dir / "many.npz", "--out", self.dir / "many-out.npz",
                          status=1).stderr
            self.assertRegex(refused, rf"many.npz: has {n} modalities, at most 8 can be trained on: name those that are meant")
            self.assertNotIn(" + ", refused)
            self.assertLess(time.monotonic() - began, 20)


if __name__ == "__main__":
    if not BIN.joinpath("unic-train").exists():
        sys.exit(f"{BIN}: the programs are not built")
    unittest.main()
