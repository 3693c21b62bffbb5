#!/usr/bin/env python3
"""unic-train when something goes wrong: what has been learned is on disk, the rest is said in a sentence."""
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import unittest
import zipfile

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
train.epochs = 3
"""
EPOCH, STEPS = 5, 15  # 40 clips


def features(clips=40):
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=(clips, 4, dim)).astype("f4") for name, dim in (("touch", 6), ("sound", 10))}


class Train(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.folder.name)
        (self.dir / "c.ini").write_text(CONFIG)
        np.savez(self.dir / "good.npz", **features())

    def tearDown(self):
        self.folder.cleanup()

    def train(self, *more, out="m.npz", data="good.npz", status=0, through=(), **keywords):
        command = [*through, BIN / "unic-train", "--config", self.dir / "c.ini", "--data", self.dir / data, "--out", self.dir / out,
                   "--threads", "1", *more]
        done = subprocess.run(list(map(str, command)), text=True, capture_output=True, timeout=300, **keywords)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def straight(self, *more, data="good.npz"):
        """The model and the run of a training run without incident."""
        self.train(*more, out="straight.npz", data=data)
        return [(self.dir / f"straight{end}").read_bytes() for end in (".npz", ".run.npz")]

    def files(self, out="m"):
        return [(self.dir / f"{out}{end}").read_bytes() for end in (".npz", ".run.npz")]

    def names(self):
        return sorted(path.name for path in self.dir.iterdir())

    # ---- between the run and the model ----

    def test_resuming_makes_the_model_of_the_run(self):
        want = self.straight()
        self.train()
        (self.dir / "m.npz").unlink()
        done = self.train("--resume")
        self.assertIn("m.npz was not there: made from", done.stderr)
        self.assertIn(f"nothing to do: {self.dir}/m.npz has taken all {STEPS} steps", done.stderr)
        self.assertEqual(self.files(), want)
        self.train("--set", "train.epochs=1", out="old.npz")
        (self.dir / "m.npz").write_bytes((self.dir / "old.npz").read_bytes())  # of an epoch before
        self.train("--resume")
        self.assertEqual(self.files(), want)

    def test_the_model_is_made_though_training_goes_on(self):
        self.stop_after_an_epoch("m.npz")
        (self.dir / "m.npz").unlink()
        self.assertIn("m.npz was not there: made from", self.train("--resume").stderr)
        self.assertEqual(self.files(), self.straight())

    # ---- errors in the midst of an epoch ----

    def test_a_clip_that_is_no_number_stops_the_run_and_loses_nothing(self):
        bad = features()
        order = np.random.default_rng(0)
        where = int(order.integers(40))
        bad["sound"][where, 2, 3] = np.nan
        np.savez(self.dir / "bad.npz", **bad)
        done = self.train(data="bad.npz", status=1)
        self.assertRegex(done.stderr, rf"clip {where}\b.* holds NaN or Inf in step \d, dim \d\n")
        stopped = re.search(rf"stopped at step (\d+) of {STEPS}, saved in \S+m.npz; .* --resume continues\n", done.stderr)
        if stopped:  # not in the first batch
            self.assertLess(int(stopped[1]), EPOCH)
            again = self.train("--resume", data="bad.npz", status=1)  # the clip is still there
            self.assertIn(f"stopped at step {stopped[1]} of {STEPS}", again.stderr)
            (self.dir / "bad.npz").write_bytes((self.dir / "good.npz").read_bytes())
            self.train("--resume", data="bad.npz")
            self.assertEqual(self.files(), self.straight())
        else:
            self.assertNotIn("m.npz", self.names())

    def test_a_bad_clip_late_in_the_run(self):
        """Each place once: the last steps of the last epoch come to every clip."""
        for where in range(0, 40, 13):
            bad = features()
            bad["touch"][where, 0, 0] = np.inf
            np.savez(self.dir / "bad.npz", **bad)
            self.stop_after_an_epoch(f"m{where}.npz")
            done = self.train("--resume", out=f"m{where}.npz", data="bad.npz", status=1)
            self.assertRegex(done.stderr, rf"clip {where}\b.* holds NaN or Inf in step \d, dim \d\n")
            self.assertRegex(done.stderr, r"stopped at step [5-9] of 15, saved in")
            self.train("--resume", out=f"m{where}.npz")
            self.assertEqual(self.files(f"m{where}"), self.straight())

    def test_bad_clips_are_skipped_if_told(self):
        bad, gone = features(), features()
        for clip, modality, value in ((3, "sound", np.nan), (17, "touch", np.inf), (17, "sound", -np.inf)):
            bad[modality][clip, 1, 1] = value
            gone.setdefault(f"{modality}.lengths", np.full(40, 4, "i4"))[clip] = 0
        np.savez(self.dir / "bad.npz", **bad)
        np.savez(self.dir / "gone.npz", **gone)
        done = self.train("--skip-damaged", data="bad.npz")
        for clip, modality in ((3, "sound"), (17, "touch"), (17, "sound")):
            self.assertRegex(done.stderr, rf'warning: skipped: modality "{modality}": .*clip {clip}\b.* holds NaN or Inf in step \d, dim \d\n')
        self.assertEqual(self.files(), self.straight(data="gone.npz"))

    def test_a_modality_whose_clips_are_all_damaged(self):
        """The files say that the clips are there: what is in them is known when they are read."""
        some, none = features(), features()
        some["touch"][::2] = np.nan
        some["sound"][1::2] = np.nan
        none["touch"][:, 0, 0] = np.nan
        for data, says in ((some, "no clip of an epoch has two modalities that are not damaged"),
                           (none, '"touch" is damaged in all clips of an epoch')):
            np.savez(self.dir / "bad.npz", **data)
            done = self.train("--skip-damaged", data="bad.npz", status=1)
            self.assertIn(f"unic-train: {self.dir / 'bad.npz'}: {says}: ", done.stderr)
            done = self.train("--skip-damaged", "--resume", data="bad.npz", status=1)
            self.assertIn(says, done.stderr)
        # one clip is enough
        none["touch"][7] = 1
        np.savez(self.dir / "bad.npz", **none)
        self.train("--skip-damaged", data="bad.npz")

    def test_batches_of_damaged_clips_alone(self):
        half, steps = features(), 60  # batches of two
        for modality in half:
            half[modality][np.random.default_rng(2).permutation(40)[:20], 2, 3] = np.nan
        np.savez(self.dir / "half.npz", **half)
        more = ("--skip-damaged", "--set", "train.batch=2")
        done = self.train(*more, "--log", self.dir / "log", "--valid", self.dir / "half.npz", out="halves.npz", data="half.npz")
        taken = re.findall(r"step (\d+): all clips of its batch are damaged, it takes those of another\n", done.stderr)
        self.assertGreater(len(taken), 5)
        lines = [json.loads(line) for line in (self.dir / "log").read_text().splitlines()]
        self.assertEqual([line["step"] for line in lines if "figures" in line], list(range(1, steps + 1)))
        for line in lines:
            self.assertGreater(line.get("figures", line.get("valid"))["reconstruction.sound"], 0)
        straight = self.straight(*more, data="half.npz")
        os.mkfifo(self.dir / "pipe")
        for first in (1, 2, int(taken[2]) - 1, int(taken[2]), int(taken[2]) + 1):  # a log that is read no further ends a run
            for path in self.dir.glob("m.*"):
                path.unlink()
            reader = subprocess.Popen(["sh", "-c", f"head -n {first} pipe"], cwd=self.dir, stdout=subprocess.DEVNULL)
            done = self.train(*more, "--log", self.dir / "pipe", data="half.npz", status=1)
            reader.wait()
            self.assertIn(" saved in ", done.stderr)
            self.train(*more, "--resume", data="half.npz")
            self.assertEqual(self.files(), straight)
        for modality in half:
            half[modality][:] = np.inf
        np.savez(self.dir / "none.npz", **half)
        for words, data in (((), "none.npz"), (("--valid", self.dir / "none.npz"), "good.npz")):
            done = self.train(*more, *words, data=data, status=1)
            self.assertRegex(done.stderr, r"unic-train: none of the (40 )?clips of .*none.npz can be used\n")

    def test_other_data_is_asked_about(self):
        self.train()
        self.assertNotIn("is that the data", self.train("--resume", "--set", "train.epochs=9").stderr)
        np.savez(self.dir / "part.npz", **{name: array[:25] for name, array in features().items()})
        done = self.train("--resume", "--set", "train.epochs=12", data="part.npz")
        self.assertRegex(done.stderr, r"warning: an epoch of this run had \d+ steps, and of .*part.npz it has \d+: is that the data "
                                      r"that it was trained on\?\n")

    def test_a_log_stays_with_its_run(self):
        """A new run that ends before its first save leaves the model, the run and the log of the one before."""
        log = self.dir / "log.jsonl"
        os.symlink(log, self.dir / "link.jsonl")
        self.train("--log", log)
        before = log.read_bytes(), self.files()
        spoilt = features()
        for array in spoilt.values():
            array[:, 2, 3] = np.nan
        np.savez(self.dir / "spoilt.npz", **spoilt)
        for name in ("log.jsonl", "link.jsonl"):
            self.assertIn("NaN", self.train("--log", self.dir / name, data="spoilt.npz", status=1).stderr)
            self.assertEqual((log.read_bytes(), self.files()), before)
        self.train("--log", self.dir / "link.jsonl")
        self.assertEqual((log.read_bytes(), self.files()), before)
        self.assertTrue((self.dir / "link.jsonl").is_symlink())
        self.assertEqual([name for name in self.names() if ".tmp-" in name], [])

    def test_the_log_of_another_run_is_not_cut(self):
        """A run cannot have taken more than an epoch since it was saved."""
        log, other = self.dir / "log.jsonl", self.dir / "other.jsonl"
        self.train("--log", log)
        whole = log.read_bytes()
        self.train("--set", "train.epochs=1", "--log", other, out="other.npz")
        more = "--resume", "--set", "train.epochs=3", "--log", log
        done = self.train(*more, out="other.npz", status=1)
        self.assertRegex(done.stderr, rf"log.jsonl goes on to step {STEPS}, but this run was saved at step {EPOCH} and would have saved "
                                      rf"again by step {2 * EPOCH}: it is the log of another run, or of a later state of this one; "
                                      "name another --log\n$")
        self.assertEqual(log.read_bytes(), whole)
        self.assertEqual([name for name in self.names() if ".tmp-" in name], [])
        for lines in (2 * EPOCH, EPOCH):                                        # what a kill before the next save leaves
            log.write_bytes(b"".join(whole.splitlines(True)[:lines]))
            for name in self.names():
                if name.startswith("other.") and name.endswith(".npz"):
                    (self.dir / name.replace("other", f"o{lines}")).write_bytes((self.dir / name).read_bytes())
            self.assertNotIn("is it the log of this run", self.train(*more, out=f"o{lines}.npz").stderr)
            self.assertEqual(log.read_bytes(), whole)
        for name in ("other.npz", "other.run.npz"):           # a log that was begun only behind the step that was saved
            (self.dir / name.replace("other", "late")).write_bytes((self.dir / name).read_bytes())
        log.write_bytes(b"".join(whole.splitlines(True)[EPOCH:EPOCH + 2]))
        self.assertNotIn("is it the log of this run", self.train(*more, out="late.npz").stderr)
        self.assertEqual(log.read_bytes(), b"".join(whole.splitlines(True)[EPOCH:]))
        log.write_bytes(b"".join(whole.splitlines(True)[:2]))
        self.assertIn(f"log.jsonl ends at step 2, and the run goes on from step {EPOCH}: is it the log of this run?\n",
                      self.train(*more, out="other.npz").stderr)

    def test_a_line_that_a_full_disk_cut_short(self):
        log = self.dir / "log.jsonl"
        self.train("--log", log)
        whole = log.read_bytes()
        for short, says in ((20, rf"log\.jsonl: the line of step {EPOCH} was cut short, as on a full disk, and is dropped\n"),
                            (len(whole.splitlines(True)[EPOCH - 1]) + 20, rf"log\.jsonl ends at step {EPOCH - 2}, and the run goes on")):
            self.train("--set", "train.epochs=1", "--log", log)
            log.write_bytes(log.read_bytes()[:-short])
            done = self.train("--resume", "--set", "train.epochs=3", "--log", log)
            self.assertRegex(done.stderr, says)
            self.assertEqual(done.stderr.count("is it the log of this run"), short != 20)
            lines = whole.splitlines(True)
            self.assertEqual(log.read_bytes(), b"".join(lines[:EPOCH - (1 if short == 20 else 2)] + lines[EPOCH:]))

    def test_labels_that_cannot_be_read_are_told(self):
        for label, says in ((np.arange(40) + 0.5, 'labels.npz: member "label.npy": element 0 is 0.5, a whole number expected'),
                            (np.arange(39), '"label" is [39], [40] expected')):
            np.savez(self.dir / "labels.npz", label=label, **features())
            said = self.train("--set", "train.epochs=1", data="labels.npz").stderr
            self.assertRegex(said, r"unic-train: warning: labels are not used: .*" + re.escape(says))
            self.assertNotIn("classes", said)
        np.savez(self.dir / "labels.npz", label=np.arange(40) % 3 * 10**9 // 2 - 1, **features())
        self.assertIn("2 classes, 14 clips without one\n", self.train("--set", "train.epochs=1", data="labels.npz").stderr)

    def test_a_full_disk_under_the_log_does_not_take_the_run(self):
        done = self.train("--log", "/dev/full", status=1)
        self.assertIn("cannot write /dev/full: No space left on device\n", done.stderr)
        self.assertIn(f"stopped at step 1 of {STEPS}, saved in", done.stderr)
        self.train("--resume")
        self.assertEqual(self.files(), self.straight())

    def stop_after_an_epoch(self, out):
        """By clips to validate on that are none."""
        bad = features(6)
        bad["sound"][5] = np.nan
        np.savez(self.dir / "valid.npz", **bad)
        return self.train("--valid", self.dir / "valid.npz", out=out, status=1)

    def test_validation_that_fails_does_not_take_the_epoch(self):
        done = self.stop_after_an_epoch("m.npz")
        self.assertIn("holds NaN or Inf", done.stderr)
        self.assertIn(f"stopped at step {EPOCH} of {STEPS}, saved in", done.stderr)
        self.train("--resume")
        self.assertEqual(self.files(), self.straight())

    def test_the_file_of_dims_that_do_not_fit_is_named(self):
        wide = {name: np.concatenate([x, x], -1) if name == "sound" else x for name, x in features().items()}
        np.savez(self.dir / "wide.npz", **wide)
        says = r'wide.npz: unic_trainer_{}: modality "sound": features are \[.*\]: dim [0-9] is [0-9]+, but sound.dims makes it '
        self.assertRegex(self.train("--valid", self.dir / "wide.npz", status=1).stderr, says.format("evaluate"))
        self.train(out="base.npz")
        done = subprocess.run([BIN / "unic-train", "--from", self.dir / "base.npz", "--data", self.dir / "wide.npz", "--out",
                               self.dir / "n.npz", "--threads", "1"], text=True, capture_output=True, timeout=300)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, says.format("step"))

    def test_nothing_is_written_before_the_first_step(self):
        bad = features()
        bad["sound"][:] = np.nan
        np.savez(self.dir / "bad.npz", **bad)
        self.assertNotIn("stopped at", self.train(data="bad.npz", status=1).stderr)
        self.assertEqual(self.names(), ["bad.npz", "c.ini", "good.npz"])

    def test_each_epoch_tells_how_codes_change(self):
        moved, use = r"    codes: \d+ % of the codebook moved", r"\d+ codes in use, \d+ % of the frequent ones shared, \d+ % "
        alone = self.train().stderr
        self.assertEqual(len(re.findall(moved + "\n", alone)), STEPS // EPOCH - 1)         # since the epoch before
        np.savez(self.dir / "valid.npz", **features(6))
        valid = self.train("--valid", self.dir / "valid.npz").stderr
        self.assertEqual(len(re.findall(moved + r", \d+ % of the steps got another code; " + use, valid)), STEPS // EPOCH - 1)
        self.assertEqual(len(re.findall("    codes: " + use, valid)), 1)
        self.assertEqual(self.files(), self.straight())                           # to look changes nothing

    # ---- runs that diverge without a NaN ----

    def test_a_club_that_falls_without_end_is_told(self):
        """Noise at a high learning rate: what falls is finite, so that no single step tells."""
        rng = np.random.default_rng(0)
        np.savez(self.dir / "noise.npz", v=rng.normal(size=(64, 10, 5, 5, 8)).astype("f4"),
                 a=rng.normal(size=(64, 10, 16)).astype("f4"))
        wild = ["--set", "train.lr=0.01", "train.length=10", "train.batch=16", "code.count=32", "encoder.ff=32",
                "club.width=16", "club.layers=4", "club.steps=5", "train.epochs=20"]
        told = r"step \d+.*: club\.v is -\S+ and has outweighed all other terms for 10 steps"
        done = self.train(*wild, data="noise.npz")
        self.assertEqual(len(re.findall(told, done.stderr)), 1)
        self.assertIn("warning: step", done.stderr)
        done = self.train(*wild, "train.guard=stop", data="noise.npz", status=1)
        self.assertEqual(len(re.findall(told, done.stderr)), 1)
        self.assertIn("stopped at step", done.stderr)
        done = self.train(*wild, "train.guard=lower", data="noise.npz")
        lowered = re.findall(told + r": it falls without end; the weight of club\.v is lowered from (\S+) to (\S+)", done.stderr)
        self.assertEqual(lowered[0], ("1", "0.1"))
        again = self.train("--resume", *wild, "train.guard=lower", "train.epochs=21", data="noise.npz")
        self.assertRegex(again.stderr, r"the run goes on with club\.v at \S+ of its weight, lowered before")
        done = self.train(*wild, "train.guard=off", data="noise.npz")
        self.assertNotIn("outweighed", done.stderr)
        done = self.train(*wild, "train.lr=0.0004", data="noise.npz")  # as the page advises
        self.assertNotIn("outweighed", done.stderr)

    # ---- checkpoints ----

    def kept(self, out="m"):
        return [name for name in self.names() if name.startswith(f"{out}.step-")]

    def test_the_last_checkpoints_are_kept(self):
        self.train("--keep", "3", "--save-every", "2")
        self.assertEqual(self.kept(), [f"m.step-{step}{end}" for step in (12, 14) for end in (".npz", ".run.npz")])
        self.assertEqual(self.files(), self.straight())
        self.train("--set", "train.epochs=2", out="two.npz", data="good.npz")
        inspected = subprocess.run([BIN / "unic-inspect", self.dir / "m.step-14.npz"], capture_output=True)
        self.assertEqual(inspected.returncode, 0)
        self.train("--resume", out="m.step-12.npz")  # a pair as any other
        self.assertEqual(self.files("m.step-12"), self.files())

    def test_keep_says_how_many_there_are(self):
        self.train("--keep", "4", "--save-every", "1")
        self.assertEqual(len(self.kept()), 6)
        self.train("--resume")  # says nothing of it
        self.assertEqual(len(self.kept()), 6)
        self.train("--resume", "--keep", "2")
        self.assertEqual(self.kept(), ["m.step-14.npz", "m.step-14.run.npz"])
        self.train("--resume", "--keep", "1")
        self.assertEqual(self.kept(), [])

    def test_a_new_run_replaces_the_checkpoints_of_the_old_one(self):
        self.train("--keep", "3")
        (self.dir / "m.step-extra.npz").write_bytes(b"not a checkpoint's name")
        self.train("--set", "train.seed=2")
        self.assertEqual(self.kept(), ["m.step-extra.npz"])

    def test_a_new_run_that_cannot_be_saved_leaves_the_old_one(self):
        self.train("--keep", "3")
        before = {name: (self.dir / name).read_bytes() for name in self.names()}
        self.assertEqual(len(self.kept()), 4)
        with tempfile.TemporaryDirectory() as apart:  # what it counts would be cut short, too (make coverage)
            done = self.train("--keep", "3", "--set", "train.seed=2", status=1, env={**os.environ, "GCOV_PREFIX": apart},
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
        self.assertIn("File too large", done.stderr)
        self.assertEqual({name: (self.dir / name).read_bytes() for name in self.names()}, before)

    def test_a_save_that_fails_says_what_is_whole(self):
        want = self.straight()
        self.train("--keep", "3", "--set", "train.epochs=2")
        before = self.files()
        most = len(before[0]) + 1000  # a model, but no run
        with tempfile.TemporaryDirectory() as apart:  # as above
            done = self.train("--keep", "3", "--resume", status=1, env={**os.environ, "GCOV_PREFIX": apart},
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
        self.assertRegex(done.stderr, rf"File too large\nunic-train: the last checkpoint, of step {2 * EPOCH}, is whole; the same "
                                      "command with --resume continues from it\n$")
        self.assertEqual(self.files()[1], before[1])
        self.train("--keep", "3", "--resume")
        self.assertEqual(self.files(), want)

    def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(self):
        for damaged in (["m.run.npz"], ["m.run.npz", "m.step-14.run.npz"], ["m.run.npz", "m.step-14.run.npz"]):
            self.train("--keep", "3", "--save-every", "2")
            want = self.files()
            for name in damaged:
                path = self.dir / name
                content = bytearray(path.read_bytes())
                content[len(content) // 2] ^= 0xFF
                path.write_bytes(content if name != damaged[-1] else content[: len(content) // 3])
            done = self.train("--resume", "--keep", "3", "--save-every", "2")
            for name in damaged:
                self.assertRegex(done.stderr, rf"warning: .*{re.escape(name)}")
            step = 14 if len(damaged) == 1 else 12
            self.assertIn(f"going on from {self.dir}/m.step-{step}.npz, step {step}\n", done.stderr)
            self.assertEqual(self.files(), want)
            self.assertEqual(self.kept(), [f"m.step-{s}{end}" for s in (12, 14) for end in (".npz", ".run.npz")])

    def test_a_newest_checkpoint_that_the_disk_does_not_give_is_not_passed_over(self):
        """It may be there again later: the user is told of the one before."""
        if subprocess.run("strace -qq -o /dev/null true", shell=True, capture_output=True).returncode:
            print("skipped: strace is not there, or may not trace")
            return
        self.train("--keep", "2")
        run, before = (self.dir / "m.run.npz").read_bytes(), self.files()
        done = self.train("--resume", status=1, through=["strace", "-f", "-qq", "-o", os.devnull, "-P", self.dir / "m.run.npz",
                                                         "-e", "inject=pread64:error=EIO"])
        self.assertRegex(done.stderr, rf"cannot resume: .*m.run.npz: .*Input/output error\. If it stays so: the checkpoint before is "
                                      rf"kept, and goes on with --resume --out {self.dir}/m.step-10.npz\n")
        self.assertEqual(self.files(), before)
        self.train("--resume", out="m.step-10.npz")
        self.assertEqual(self.files("m.step-10")[1], run)

    def test_without_a_checkpoint_that_can_be_read_resuming_fails(self):
        done = self.train("--resume", status=1)
        self.assertEqual(done.stderr, f"unic-train: cannot resume: nothing is saved of a run {self.dir}/m.npz: there is no "
                                      f"{self.dir}/m.run.npz. A run that was ended before its first save begins again, without "
                                      "--resume\n")
        self.train("--keep", "2", "--set", "train.epochs=2")
        for name in ("m.run.npz", "m.step-5.run.npz"):
            (self.dir / name).write_bytes(b"PK")
        before = self.files()
        done = self.train("--resume", status=1)
        self.assertIn("cannot resume: none of the checkpoints of", done.stderr)
        self.assertEqual(self.files(), before)

    def test_a_damaged_run_of_other_settings_is_not_continued(self):
        self.train("--keep", "2")
        (self.dir / "m.run.npz").write_bytes(b"PK")
        before = self.files()
        done = self.train("--resume", "--set", "code.count=13", status=1)
        self.assertIn("the run has code.count = 12, which cannot become 13", done.stderr)
        self.assertEqual(self.files(), before)

    # ---- other settings, other beginnings ----

    def test_settings_change_where_they_may(self):
        self.train("--set", "train.epochs=1")
        done = self.train("--resume", "--set", "train.lr=0.5", "train.epochs=2", "train.freeze=codebook touch")
        for said in ("train.lr = 0.5; it was 0.0004", "train.epochs = 2; it was 1", "train.freeze = codebook touch; it was none"):
            self.assertIn(f"the run goes on with {said}", done.stderr)
        before = self.files()
        for setting, says in (("train.batch=9", "the run has train.batch = 8, which cannot become 9"),
                              ("encoder.heads=4", "the run has encoder.heads = 2, which cannot become 4"),
                              ("train.seed=3", "the run has train.seed = 0, which cannot become 3"),
                              ("train.freeze=tuoch", "did you mean touch?")):
            self.assertIn(says, self.train("--resume", "--set", setting, status=1).stderr)
        self.assertEqual(self.files(), before)

    def test_settings_are_saved_where_no_step_is_left(self):
        self.train("--set", "train.epochs=2")
        done = self.train("--resume", "--set", "train.epochs=1", "train.freeze=codebook")
        self.assertIn("nothing to do", done.stderr)
        for name in ("m.npz", "m.run.npz"):
            text = bytes(np.load(self.dir / name)["config.txt"]).decode()
            self.assertIn("train.epochs = 1\n", text, name)
            self.assertIn("train.freeze = codebook\n", text, name)
        done = self.train("--resume", "--set", "train.epochs=3", "train.freeze=none")
        self.assertNotIn("is that the data", done.stderr)  # its epochs have as many steps as they had
        self.assertEqual(self.files(), self.straight())

    def test_an_epoch_that_another_process_began(self):
        """The means are those of the steps that this one took, and say so."""
        self.train("--keep", "9", "--save-every", "2", "--log", self.dir / "log")
        lines = map(json.loads, (self.dir / "log").read_text().splitlines())
        steps = {line["step"]: line["figures"]["total"] for line in lines}
        for at, first in ((2, 3), (7, 8), (5, 0)):
            done = self.train("--resume", "--keep", "99", out=f"m.step-{at}.npz")
            epoch = at // EPOCH + 1
            last = epoch * EPOCH
            part = f" (mean of its last {last - at} of {EPOCH} steps)" if first else ""
            found = re.search(rf"(?m)^epoch {epoch}/3  step {last}(.*?)  total (\S+)  ", done.stderr)
            self.assertEqual(found[1], part)
            self.assertAlmostEqual(float(found[2]), np.mean([steps[i] for i in range(at + 1, last + 1)]), delta=2e-3)
            begin = f"{epoch}, from step {first}" if first else f"{epoch}"
            self.assertRegex(done.stdout, rf"(?m)^mean of epoch +{begin} +3$")
            self.assertNotIn("mean of its last", done.stderr.split(f"step {last}", 1)[1].split("\n", 1)[1])

    def test_a_warm_up_longer_than_the_run_is_told(self):
        done = self.train("--set", "train.warmup=30", "train.schedule=linear", "train.epochs=1")
        self.assertEqual(done.stderr.count("warning: train.warmup = 30 takes up all 5 steps of the run: the learning rate rises to "
                                           "6.66667e-05, train.lr is 0.0004, and train.schedule = linear has no effect"), 1)

    def test_a_run_begins_with_a_model(self):
        self.train(out="first.npz")
        first = np.load(self.dir / "first.npz")
        frozen = "train.freeze=codebook touch.encoder sound.encoder"
        done = self.train("--from", self.dir / "first.npz", "--set", frozen, "train.epochs=1")
        self.assertIn("from the model: the codebook, and the encoders of touch, sound\n", done.stderr)
        tuned = np.load(self.dir / "m.npz")
        for name in first.files:
            if name != "config.txt":
                np.testing.assert_array_equal(first[name], tuned[name], name)
        self.train("--resume", "--set", "train.freeze=none", "train.epochs=2")
        self.assertFalse(np.array_equal(np.load(self.dir / "m.npz")["codebook.embedding"], first["codebook.embedding"]))

    def test_a_new_modality_beside_those_of_a_model(self):
        self.train(out="first.npz")
        np.savez(self.dir / "three.npz", taste=features()["touch"][:, :, :3], **features())
        done = self.train("--from", self.dir / "first.npz", "--set", "train.epochs=1", data="three.npz")
        self.assertIn("from the model: the codebook, and the encoders of", done.stderr)
        self.assertIn("; new: taste\n", done.stderr)
        done = self.train("--from", self.dir / "first.npz", "--set", "code.dim=8", status=1)
        self.assertIn("the run has code.dim = 8, but the model 16", done.stderr)
        done = self.train("--from", self.dir / "c.ini", status=1)
        self.assertIn("c.ini", done.stderr)

    def test_saving_by_the_clock(self):
        self.train("--save-every", "1h", "--keep", "9", "--set", "train.epochs=2")
        self.assertEqual(self.kept(), ["m.step-5.npz", "m.step-5.run.npz"])
        for text in ("0", "x", "10x", "-1", "1.5", "10mm", "99999999999999999999", "m"):
            done = self.train("--save-every", text, status=2)
            self.assertIn(f'--save-every is "{text}", but must be a number of steps', done.stderr)

    # ---- what a file may ask for ----

    def run_program(self, program, *arguments, status):
        done = subprocess.run([BIN / program, *map(str, arguments)], text=True, capture_output=True, timeout=300)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def test_every_program_takes_a_limit_for_what_a_file_may_ask(self):
        self.train("--set", "train.epochs=1")
        model, data, out = self.dir / "m.npz", self.dir / "good.npz", self.dir / "out.npz"
        for program, *arguments in [
            ("unic-train", "--config", self.dir / "c.ini", "--data", data, "--out", self.dir / "new.npz"),
            ("unic-train", "--resume", "--data", data, "--out", model),
            ("unic-encode", "--model", model, "--modality", "sound", "--out", out, data),
            ("unic-eval", "--model", model, "--train", data, "--test", data),
            ("unic-retrieve", "--model", model, "--gallery", data, "--gallery-modality", "sound", "--query", data,
             "--query-modality", "touch"),
            ("unic-inspect", model),
            ("unic-convert", model, self.dir / "out.safetensors"),
        ]:
            with self.subTest(program=program):
                said = self.run_program(program, *arguments, "--memory-limit", "20K", status=1)
                self.assertRegex(said, r"\.npz asks for .* the limit is 20\.5 kB")
                for text in ("0", "2.5G", "2g", "1T", "99999999999G", "K"):
                    said = self.run_program(program, *arguments, "--memory-limit", text, status=2)
                    self.assertIn(f'--memory-limit is "{text}", but must be a number of bytes', said)
        self.train("--resume", "--memory-limit", "100M")
        for setting in ("encoder.ff=65536", "train.length=4096", "code.count=65536"):
            done = self.train("--set", setting, "--memory-limit", "8M", out="new.npz", status=1)
            self.assertRegex(done.stderr, r"unic-train: unic_trainer_create: the config asks for .*, the limit is 8.4 MB\n$")
            self.assertFalse((self.dir / "new.npz").exists())

    def test_a_run_file_that_asks_for_gigabytes(self):
        """Its config does, not its members: refused by their shapes, or by the limit before it is taken."""
        self.train("--set", "train.epochs=1")
        text = np.load(self.dir / "m.run.npz")["config.txt"].decode()
        for old, new, says in [("encoder.ff = 16", "encoder.ff = 65536", "expected [65536,16]"),
                               ("train.batch = 8", "train.batch = 4096", "asks for")]:
            self.assertIn(old, text)
            with zipfile.ZipFile(self.dir / "m.run.npz") as whole, zipfile.ZipFile(self.dir / "greedy.run.npz", "w") as greedy:
                for name in whole.namelist():
                    greedy.writestr(name, whole.read(name).replace(old.encode(), new.encode()))
            command = [BIN / "unic-train", "--resume", "--data", self.dir / "good.npz", "--out", self.dir / "greedy.npz",
                       "--memory-limit", "100M"]
            limit = lambda: resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29))
            done = subprocess.run(list(map(str, command)), text=True, capture_output=True, timeout=60, preexec_fn=limit)
            self.assertEqual(done.returncode, 1)
            self.assertIn(says, done.stderr)

    # ---- what others leave and do ----

    def test_what_dead_processes_left_is_cleared(self):
        dead = subprocess.Popen(["true"])
        dead.wait()
        left = [f"m.npz.tmp-{dead.pid}-0", f"m.run.npz.tmp-{dead.pid}-12", f"log.jsonl.tmp-{dead.pid}-3"]
        stay = [f"m.npz.tmp-{os.getpid()}-0", "m.npz.tmp-x-1", f"m.npz.tmp-{dead.pid}", f"m.npz.tmp-{dead.pid}-1x",
                f"other.npz.tmp-{dead.pid}-0", f"m.npz.tmp-0-{dead.pid}"]
        for name in left + stay:
            (self.dir / name).touch()
        self.train("--log", self.dir / "log.jsonl")
        self.assertEqual([name for name in self.names() if ".tmp-" in name], sorted(stay))

    def test_one_run_at_a_time(self):
        first = subprocess.Popen([BIN / "unic-train", "--config", self.dir / "c.ini", "--data", self.dir / "good.npz", "--out",
                                  self.dir / "m.npz", "--set", "train.epochs=100000", "--threads", "1"], stderr=subprocess.PIPE)
        first.stderr.readline()  # an epoch is done
        os.symlink(self.dir, self.dir / "again")
        for out in ("m.npz", "again/m.npz"):
            done = self.train(out=out, status=1)
            self.assertEqual(done.stderr, f"unic-train: {self.dir / out} is being written by another run, process {first.pid}\n")
        self.train(out="other.npz", status=0)
        first.send_signal(signal.SIGKILL)
        first.communicate()
        self.assertIn("m.npz.lock", self.names())
        self.train("--resume", "--set", "train.epochs=1")
        self.assertNotIn("m.npz.lock", self.names())


if __name__ == "__main__":
    if not BIN.joinpath("unic-train").exists():
        sys.exit(f"{BIN}: the programs are not built")
    unittest.main()
