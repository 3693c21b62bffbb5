#!/usr/bin/env python3
"""Files as people have them, given to the programs: classes by their names, texts, pairs, and whose clip it is."""
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import unittest

import numpy as np

BIN = pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "bin"
NAMES = ["Ankle boot", "Bag", "Coat", "Dress"]
T, CLIPS = 4, 120
DIMS = {"image": (5, 5, 4), "speech": (6,)}
CONFIG = "preset = small\ncode.dim = 16\ncode.count = 16\nencoder.layers = 1\nencoder.heads = 2\nencoder.ff = 16\n" \
         f"club.width = 8\ntrain.batch = 20\ntrain.length = {T}\ntrain.epochs = 20\n"


def run(program, *args, status=0, limit=None):
    """`limit`: the most memory of the process, in bytes."""
    cap = (lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))) if limit else None
    done = subprocess.run([BIN / program, *map(str, args)], text=True, capture_output=True, timeout=120,
                          preexec_fn=cap)
    assert done.returncode == status, (program, args, done.returncode, done.stdout, done.stderr)
    return done


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        rng = np.random.default_rng(0)
        cls.label = np.arange(CLIPS) % len(NAMES)
        cls.data = {}
        for name, dims in DIMS.items():
            means = rng.normal(size=(len(NAMES), *dims))
            cls.data[name] = (means[cls.label][:, None] + 0.1 * rng.normal(size=(CLIPS, T, *dims))).astype("f4")
            (cls.dir / name).mkdir()
            for i, clip in enumerate(cls.data[name]):
                np.save(cls.dir / name / f"c{i}.npy", clip)
        (cls.dir / "c.ini").write_text(CONFIG)
        np.savez(cls.dir / "all.npz", label=cls.label, **cls.data)
        cls.trained = run("unic-train", "--config", cls.dir / "c.ini", "--data", cls.dir / "all.npz", "--out",
                          cls.dir / "m.npz", "--threads", 1)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def table(self, name, clips, names=NAMES, end="\n"):
        """A table of those clips whose class is not None."""
        rows = [f"c{i}, {names[self.label[i]]}" for i in clips if names[self.label[i]] is not None]
        (self.dir / name).write_text(end.join(["video_id, category", *rows, ""]), newline="")
        return self.dir / name

    def evaluate(self, train, test, *more, status=0):
        done = run("unic-eval", "--model", self.dir / "m.npz", "--epochs", 60, "--threads", 1, "--train", train,
                   "--test", test, "--seed", 1, *more, status=status)
        return dict(line.split("\t") for line in done.stdout.splitlines()), done.stderr

    # ---- classes by their names ----

    def test_classes_are_matched_by_name(self):
        train, test = range(0, 80), range(80, CLIPS)
        same, said = self.evaluate(self.table("a.csv", train), self.table("b.csv", test))
        self.assertGreater(float(same["image>image"]), 0.9)
        self.assertEqual(said, "")
        # the first class is not there, so that every number is another class's
        less, said = self.evaluate(self.dir / "a.csv", self.table("b.csv", test, [None, *NAMES[1:]]))
        self.assertGreater(float(less["image>image"]), 0.9)
        self.assertIn('in common; only --train has: "Ankle boot"', said)
        # and the other way round: what no head has learnt is not counted
        more, said = self.evaluate(self.table("b.csv", train, [None, *NAMES[1:]]), self.table("a.csv", test))
        self.assertGreater(float(more["image>image"]), 0.9)
        self.assertIn('only --test has, and so not counted: "Ankle boot"', said)
        # both have classes of their own
        other, said = self.evaluate(self.table("a.csv", train, [None, *NAMES[1:]]),
                                    self.table("b.csv", test, [*NAMES[:3], None], end="\r"))
        self.assertGreater(float(other["image>image"]), 0.9)
        self.assertIn("2 in common", said)
        self.assertIn('not counted: "Ankle boot"; only --train has: "Dress"', said)

    def test_no_class_in_common(self):
        a, b = self.table("a.csv", range(80)), self.table("b.csv", range(80, CLIPS), ["w", "x", "y", "z"])
        _, said = self.evaluate(a, b, status=1)
        self.assertIn("no class of", said)
        self.assertIn('"w", "x", "y", "z"; and there: "Ankle boot", "Bag", "Coat", "Dress". --class-map', said)
        (self.dir / "map.txt").write_bytes(b"\xef\xbb\xbfw = Ankle boot\rx = Bag\r\ny = Coat\rz = Dress")
        mapped, said = self.evaluate(a, b, "--class-map", self.dir / "map.txt")
        self.assertGreater(float(mapped["image>image"]), 0.9)

    def test_a_class_without_a_label_to_train_on_is_not_counted(self):
        """Whether the classes are a table's names, of which both splits have all, or numbers."""
        rows = [f"c{i},{NAMES[self.label[i]]},{'test' if i >= 80 or self.label[i] == 2 else 'train'}" for i in range(CLIPS)]
        (self.dir / "splits.csv").write_text("\n".join(["video_id,category,split", *rows, ""]))
        _, said = self.evaluate(self.dir / "splits.csv:train", self.dir / "splits.csv:test")
        self.assertEqual(said, f'unic-eval: classes of {self.dir}/splits.csv:test that no label of {self.dir}/splits.csv:train is of, '
                               'and so not counted: "Coat"\n')
        label = self.label.astype("i4")
        for name, taken in (("some", label != 2), ("rest", label == 2)):
            np.savez(self.dir / f"{name}.npz", label=label[taken], **{key: array[taken] for key, array in self.data.items()})
        counted, said = self.evaluate(self.dir / "some.npz", self.dir / "all.npz")
        self.assertIn("is of, and so not counted: 2\n", said)
        known, _ = self.evaluate(self.dir / "some.npz", self.dir / "some.npz")
        for pair in ("image>speech", "speech>image"):
            self.assertEqual(counted[pair], known[pair])
        _, said = self.evaluate(self.dir / "some.npz", self.dir / "rest.npz", status=1)
        self.assertIn(f"no label of {self.dir}/rest.npz is of a class that a label of {self.dir}/some.npz is of: 2\n", said)

    def test_outputs_of_tables_keep_the_names(self):
        """unic-encode of two tables whose classes have other numbers: a model of its vectors is tested by their names."""
        names = {"a": NAMES, "b": [None, *NAMES[1:]]}
        for name, clips in (("a", range(80)), ("b", range(80, CLIPS))):
            run("unic-encode", "--model", self.dir / "m.npz", "--modality", "image", "--vectors", "--out",
                self.dir / f"{name}.npz", self.table(f"{name}.csv", clips, names[name]))
            with np.load(self.dir / f"{name}.npz") as z:
                kinds = bytes(z["label.names"]).split(b"\0")[:-1]
                self.assertEqual(kinds, [kind.encode() for kind in names[name] if kind])
                self.assertEqual([kinds[c].decode() for c in z["label"]],
                                 [NAMES[self.label[i]] for i in clips if names[name][self.label[i]]])
        (self.dir / "again.ini").write_text(CONFIG + "modalities = quantized semantic\n")
        run("unic-train", "--config", self.dir / "again.ini", "--data", self.dir / "a.npz", "--out", self.dir / "again.npz")
        done = run("unic-eval", "--model", self.dir / "again.npz", "--train", self.dir / "a.npz", "--test",
                   self.dir / "b.npz", "--epochs", 60)
        self.assertIn('a.npz and ' + str(self.dir / "b.npz") + ' have 3 in common; only --train has: "Ankle boot"', done.stderr)
        scores = dict(line.split("\t") for line in done.stdout.splitlines())
        self.assertGreater(float(scores["quantized>quantized"]), 0.9)

    def test_odd_labels_are_refused_with_a_map_too(self):
        (self.dir / "same.txt").write_text("".join(f"{i} = {i}\n" for i in range(len(NAMES))))
        label = self.label.astype("i4")
        label[3] = -2
        np.savez(self.dir / "odd.npz", label=label, **self.data)
        for more in ((), ("--class-map", self.dir / "same.txt")):
            _, said = self.evaluate(self.dir / "all.npz", self.dir / "odd.npz", *more, status=1)
            self.assertEqual(said, f"unic-eval: {self.dir}/odd.npz: label has a -2 in clip 3, -1 or the number of a class expected\n")
        for value in (2, -2):
            steps = np.zeros((CLIPS, T, len(NAMES)), "i4")
            steps[np.arange(CLIPS), :, self.label] = 1
            np.savez(self.dir / "all_steps.npz", **{f"{key}.step_labels": steps for key in self.data}, **self.data)
            steps[5, 1, 2] = value
            np.savez(self.dir / "odd.npz", **{f"{key}.step_labels": steps for key in self.data}, **self.data)
            _, said = self.evaluate(self.dir / "all_steps.npz", self.dir / "odd.npz", "--task", "localise", "--class-map",
                                    self.dir / "same.txt", status=1)
            self.assertIn(f".step_labels has a {value} in clip 5, step 1, class 2, -1, 0 or 1 expected", said)

    def test_nothing_to_test_on_is_no_score(self):
        a, b = self.table("a.csv", range(80)), self.table("b.csv", range(80, CLIPS), [""] * 4)
        _, said = self.evaluate(a, b, status=1)
        self.assertIn("b.csv has no label that is not -1", said)
        _, said = self.evaluate(b, a, status=1)
        self.assertIn("b.csv has no label that is not -1", said)
        # classes are there, and none of the split's is one that the map names
        b = self.write("b.csv", b"video_id,category,split\nc80,Ankle boot,test\nc81,Bag,train\n")
        _, said = self.evaluate(a, str(b) + ":test", "--class-map", self.write("map.txt", b"Bag = Bag\n"), status=1)
        self.assertIn('b.csv:test: no clip of "image" has a label of a class of', said)
        self.assertIn("nothing to test on", said)
        b = self.write("b.csv", b"video_id,event_labels\nc80,Bag\n")
        _, said = self.evaluate(a, b, status=1)
        self.assertIn("b.csv: label has rank 2, expected [N]", said)

    def test_a_table_without_an_event(self):
        """Its steps are of "no event", as those of other tables."""
        head = "video_id,category,onset,offset,event_labels\n"
        lines = [f'c{i},{NAMES[self.label[i]]},1,3,{NAMES[self.label[i]]}' for i in range(CLIPS)]
        events = self.write("a.csv", (head + "\n".join(lines[:80])).encode())
        for end, none in ("", b""), (":test", b"c81,Bag,0,2,Bag,train\n"):
            text = head.replace("\n", ",split\n") if end else head
            rest = self.write("b.csv", text.encode() + none + "".join(
                f"c{i},{NAMES[self.label[i]]},,,{',test' if end else ''}\n" for i in range(90, CLIPS)).encode())
            with self.subTest(split=end):
                scores, said = self.evaluate(events, f"{rest}{end}", "--task", "localise")
                self.assertRegex(said, "classes are matched by their names: .* in common" if not end else "in common")
                self.assertNotIn("names", said.replace("by their names", ""))
                self.assertGreater(float(scores["image>image"]), 0.1)
                _, said = self.evaluate(events, f"{rest}{end}", "--task", "localise", "--background", "no event", status=1)
                self.assertIn(f'b.csv{end}: no step of "image" that counts is of a class other than the background '
                              '"no event": there is nothing to be found', said)
        alone = self.write("b.csv", (head + "\n".join(f"c{i},{NAMES[self.label[i]]},,," for i in range(90, CLIPS))).encode())
        _, said = self.evaluate(alone, alone, "--task", "localise", status=1)
        self.assertIn('b.csv: every step of "image" that has a label is of class "no event": a head has nothing to tell apart',
                      said)
        _, said = self.evaluate(alone, events, "--task", "localise", status=1)
        self.assertIn("has its name among those of", said)
        # heads to which "no event" is as unknown as the test's events are to others
        events = self.write("a.csv", b"video_id,event_labels\nc0,Bag\nc1,Coat\n")
        _, said = self.evaluate(events, alone, "--task", "localise", status=1)
        self.assertRegex(said, 'no label of .*b.csv is of a class that a label of .*a.csv is of: "no event"')

    def test_nothing_to_retrieve_is_no_score(self):
        retrieve = ("unic-eval", "--model", self.dir / "m.npz", "--task", "retrieve", "--relevant", "classes", "--test")
        run(*retrieve, self.table("a.csv", range(20)))
        done = run(*retrieve, self.table("a.csv", range(20), [""] * 4), status=1)
        self.assertRegex(done.stderr, 'a.csv: no clip of "[a-z]+" has one of its class of "[a-z]+" to be found')

    def test_the_largest_label_is_no_bomb(self):
        label = self.label.copy()
        for task, key, shape, largest in (("classify", "label", (), 10**6), ("classify", "label", (), 2**31 - 1),
                                          ("localise", "image.step_labels", (T,), 10**5)):
            label[7] = largest
            steps = np.broadcast_to(label.reshape(-1, *[1] * len(shape)), (CLIPS, *shape))
            np.savez(self.dir / "far.npz", image=self.data["image"], **{key: steps})
            done = run("unic-eval", "--task", task, "--model", self.dir / "m.npz", "--train", self.dir / "far.npz",
                       "--test", self.dir / "far.npz", status=1, limit=1 << 30)
            self.assertRegex(done.stderr, f"far.npz: its largest label is {largest}, but it has only [0-9]+ labels")
        # with names there may be so many, and the caller's limit holds
        np.savez(self.dir / "far.npz", image=self.data["image"], label=self.label)
        names = self.write("many.txt", b"\n".join(b"n%d" % i for i in range(100000)))
        far = ("unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "far.npz", "--test",
               self.dir / "far.npz", "--classes", names, "--epochs", 1, "--memory-limit", "100M")
        self.assertRegex(run(*far, status=1, limit=1 << 30).stderr,
                         "a head for 100000 classes takes [0-9]+ bytes for each, at most 104857600 in all")

    def test_names_of_classes_are_different(self):
        names = self.write("names.txt", b"Bag\nCoat\nDress\nCoat\n")
        _, said = self.evaluate(self.dir / "all.npz", self.dir / "all.npz", "--classes", names, status=1)
        self.assertIn('names.txt: two classes, 1 and 3, are called "Coat"', said)
        events = self.write("e.csv", b"video_id,event_labels\nc0,Bag\nc1,no event\n")
        _, said = self.evaluate(events, events, "--task", "localise", status=1)
        self.assertIn('e.csv: a class of its events is called "no event", which is the name of the steps without events: leave these '
                      'events out of the table; the line of a clip without any has none, nor onset and offset', said)
        twice = self.write("names.txt", b"Bag\nno event\nno event\n")
        _, said = self.evaluate(self.dir / "all.npz", self.dir / "all.npz", "--classes", twice, status=1)
        self.assertIn('names.txt: two classes, 1 and 2, are called "no event"', said)

    def test_results_are_saved_though_nobody_reads_them(self):
        path = self.dir / "unread.json"
        with open("/dev/full", "w") as full:
            done = subprocess.run([BIN / "unic-eval", "--model", self.dir / "m.npz", "--train", self.dir / "all.npz", "--test",
                                   self.dir / "all.npz", "--epochs", "1", "--json", path], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("image>image", json.loads(path.read_text())["results"])

    def test_any_name_is_json(self):
        names = [b"caf\xe9", "caf\u00e9 \U0001f415".encode(), b"\xed\xa0\x80", b"\xc0\xaf\x1b \"\\\xff"]
        rows = [b"c%d,%s" % (i, b'"%s"' % names[i % 4].replace(b'"', b'""')) for i in range(40)]
        table = self.write("odd.csv", b"\n".join([b"video_id,category", *rows]))
        out = self.dir / "odd.json"
        run("unic-eval", "--model", self.dir / "m.npz", "--epochs", 2, "--train", table, "--test", table, "--json", out)
        classes = json.loads(out.read_bytes())["class_names"]
        self.assertEqual(classes, [names[1].decode(), *(name.decode("latin-1") for name in (names[0], names[3], names[2]))])

    def test_names_and_numbers(self):
        a = self.table("a.csv", range(80))
        scores, said = self.evaluate(a, self.dir / "all.npz")
        self.assertIn('warning: the 4 classes of', said)
        self.assertIn('numbered alike, 0 is "Ankle boot"', said)
        self.assertGreater(float(scores["image>image"]), 0.9)
        (self.dir / "names.txt").write_text("\n".join(reversed(NAMES)))
        _, said = self.evaluate(a, a, "--classes", self.dir / "names.txt", status=1)
        self.assertIn('names.txt calls class 0 "Dress", but in', said)
        # a list for the file that has none: by name again
        scores, said = self.evaluate(self.dir / "all.npz", self.table("b.csv", range(80, CLIPS), [None, *NAMES[1:]]),
                                     "--classes", self.write("names.txt", b"\xef\xbb\xbf" + "\r".join(NAMES).encode()))
        self.assertGreater(float(scores["image>image"]), 0.9)

    def test_numbers_are_matched_as_names(self):
        """A table's class "k" and the number k of arrays are one class, whatever else there is."""
        numbers = ["2", "10", "0", "7"]
        label = np.array([int(numbers[c]) for c in self.label])
        np.savez(self.dir / "numbers.npz", label=label, **self.data)
        table = self.table("n.csv", range(80), numbers)
        for train, test in ((table, self.dir / "numbers.npz"), (self.dir / "numbers.npz", table)):
            scores, said = self.evaluate(train, test)
            self.assertNotIn("numbered alike", said)
            self.assertNotIn("only --", said)
            self.assertGreater(float(scores["image>image"]), 0.9)
        # numbers that have no name are told of and not counted
        np.savez(self.dir / "more.npz", label=np.where(label == 10, 2**31 - 1, label), **self.data)
        scores, said = self.evaluate(table, self.dir / "more.npz")
        self.assertIn('3 in common; only --test has, and so not counted: "2147483647"; only --train has: "10"', said)
        self.assertGreater(float(scores["image>image"]), 0.9)
        few = self.table("few.csv", range(80), ["2", None, "0", "99"])
        scores, said = self.evaluate(self.dir / "numbers.npz", few)
        self.assertIn('2 in common; only --test has, and so not counted: "99"; only --train has: "7", "10"', said)
        self.assertGreater(float(scores["image>image"]), 0.9)
        none = self.table("none.csv", range(80), ["1", "3", "4", "5"])
        _, said = self.evaluate(none, self.dir / "numbers.npz", status=1)
        self.assertIn('no class of', said)
        self.assertIn('and there: "1", "3", "4", "5". --class-map says', said)

    def test_events_are_matched_by_name(self):
        def table(name, clips, names):
            rows = [f"c{i}\t0\t2\t{names[self.label[i]]}" for i in clips if names[self.label[i]]]
            (self.dir / name).write_text("\n".join(["filename\tonset\toffset\tevent_labels", *rows]))
            return self.dir / name
        a, b = table("a.tsv", range(80), NAMES), table("b.tsv", range(80, CLIPS), [None, *NAMES[1:]])
        done = run("unic-eval", "--task", "localise", "--model", self.dir / "m.npz", "--epochs", 60, "--train", a,
                   "--test", b, "--background", "no event")
        self.assertIn('only --train has: "Ankle boot"', done.stderr)

    # ---- texts ----

    def write(self, name, data):
        (self.dir / name).write_bytes(data)
        return self.dir / name

    def test_texts_of_every_kind(self):
        text = (CONFIG + "train.epochs = 1\n").replace("train.epochs = 20\n", "").encode()
        for i, config in enumerate((b"\xef\xbb\xbf" + text, text.replace(b"\n", b"\r"), text.replace(b"\n", b"\r\n"),
                                    text[:-1])):
            run("unic-train", "--config", self.write("t.ini", config), "--data", self.dir / "all.npz", "--out",
                self.dir / "t.npz")
        for config, says in ((text.decode().encode("utf-16"), "UTF-16"), (b"x\0", "byte 0x00")):
            done = run("unic-train", "--config", self.write("t.ini", config), "--data", self.dir / "all.npz", "--out",
                       self.dir / "t.npz", status=1)
            self.assertIn("t.ini", done.stderr)
            self.assertIn(says, done.stderr)

    def test_suffixes_of_tables(self):
        for name, says in (("T.CSV", "label: 1 classes"), ("T.TSV", "label: 1 classes"), ("t.txt", "label: 1 classes"),
                           ("T.CSV:x", "label: 1 classes")):
            self.write(name.split(":")[0], b"video_id,category,split\nc0,Bag,x\n")
            self.assertIn(says, run("unic-inspect", self.dir / name).stdout)
        done = run("unic-inspect", self.write("t.txt", b"These are notes.\n"), status=1)
        self.assertIn("names the columns; there is: These are notes.", done.stderr)

    def test_pipes_are_not_waited_for(self):
        pipe = self.dir / "pipe"
        os.mkfifo(pipe)
        data, model, here = self.dir / "all.npz", self.dir / "m.npz", self.dir / "t.npz"
        labels = ("unic-eval", "--model", model, "--train", data, "--test", data)
        for command in (("unic-train", "--config", pipe, "--data", data, "--out", here),
                        ("unic-train", "--config", self.dir / "c.ini", "--data", pipe, "--out", here),
                        ("unic-train", "--config", pipe, "--from", "x.pt", "--data", data, "--out", here),
                        (*labels, "--classes", pipe), (*labels, "--class-map", pipe), ("unic-inspect", pipe)):
            self.assertIn("a regular file was expected", run(*command, status=1).stderr)

    def test_a_table_is_no_bomb(self):
        for lines in (100, 3000):
            rows = [f"c0,0,65536,e{i}" for i in range(lines)]
            (self.dir / "bomb.csv").write_text("\n".join(["video_id,onset,offset,event_labels", *rows]))
            done = run("unic-inspect", self.dir / "bomb.csv", "--threads", 1, limit=1 << 30)
            self.assertIn(f"{lines + 1} classes", done.stdout)
        rows = [f"c{i},e{i * 5000 + k}" for i in range(CLIPS) for k in range(5000)]
        (self.dir / "bomb.csv").write_text("\n".join(["video_id,event_labels", *rows]))
        done = run("unic-inspect", self.dir / "bomb.csv", "--threads", 1, limit=1 << 30)
        self.assertIn("image.step_labels: [120,4,600001] are more labels than are read at once", done.stderr)
        self.assertIn("268435456 expected at most (more with a larger --memory-limit", done.stderr)

    def test_labels_keep_to_the_memory_limit(self):
        """[60,4,2001] labels of 4 bytes are 1.9 MB: less than the files' own contents may take."""
        rows = [f"c{i},e{i * 40 + k}" for i in range(50) for k in range(40)]
        (self.dir / "wide.csv").write_text("\n".join(["video_id,event_labels", *rows]))
        command = ("unic-inspect", self.dir / "wide.csv", "--threads", 1, "--memory-limit")
        refused = run(*command, "1M")
        self.assertRegex(refused.stderr, r"image.step_labels: \[50,4,2001\] are more labels than are read at once, 262144 "
                                         r"expected at most \(by --memory-limit")
        self.assertNotIn("more labels", run(*command, "8M").stderr)

    # ---- what there is ----

    def test_names_of_files_steer_no_terminal(self):
        names = ["a\x1b[2Jb", "two\nlines", "c\u009b1md", "caf\u00e9"]
        rows = "".join(f'c{i},"{name}"\n' for i, name in enumerate(names))
        (self.dir / "control.csv").write_text("video_id,category\n" + rows, encoding="utf-8")
        shown = run("unic-inspect", self.dir / "control.csv").stdout
        for name in ("a?[2Jb", "two?lines", "c?1md", "caf\u00e9"):
            self.assertIn(f" {name}\n", shown)
        self.assertEqual([c for c in shown if ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160], [])

    def test_training_says_what_it_trains_on(self):
        said = self.trained.stderr
        self.assertIn(f"all.npz: {CLIPS} clips of up to {T} steps\n", said)
        self.assertRegex(said, rf"(?m)^image \+ speech +{CLIPS} +100\.0 %$")
        self.assertIn("4 classes, 0 clips without one\n", said)

    def test_unpaired_clips_are_refused(self):
        for name, suffix in (("image", "rgb"), ("speech", "vggish")):
            (self.dir / "apart" / name).mkdir(parents=True)
            for i in range(20):
                np.save(self.dir / f"apart/{name}/c{i}_{suffix}.npy", self.data[name][i])
        arguments = ("--config", self.dir / "c.ini", "--out", self.dir / "u.npz", "--set", "train.epochs=1", "--data")
        said = run("unic-train", *arguments, self.dir / "apart", status=1).stderr
        self.assertIn("none of its 40 clips has two modalities (image 20, speech 20)", said)
        self.assertIn("image/c0_rgb.npy and", said)
        self.assertIn("speech/c0_vggish.npy", said)
        self.assertFalse((self.dir / "u.npz").exists())
        np.savez(self.dir / "empty.npz", **self.data, **{"speech.lengths": np.zeros(CLIPS, int)})
        said = run("unic-train", *arguments, self.dir / "empty.npz", status=1).stderr
        self.assertIn(f'none of its {CLIPS} clips has a step of "speech" (image {CLIPS}, speech 0)', said)
        said = run("unic-train", *arguments, self.dir / "all.npz", "--valid", self.dir / "apart", status=1).stderr
        self.assertIn("apart: none of its 40 clips has two modalities", said)
        half = np.where(np.arange(CLIPS) % 2, T, 0)
        np.savez(self.dir / "half.npz", **self.data, **{"speech.lengths": half})
        said = run("unic-train", *arguments, self.dir / "half.npz").stderr
        self.assertRegex(said, rf"(?m)^image \+ speech +{CLIPS // 2} +50\.0 %$")

    # ---- whose clip it is ----

    def test_the_clip_is_named(self):
        bad = self.data["speech"].copy()
        bad[97, 2, 1] = np.inf
        path, clip = self.dir / "bad.npz", self.dir / "speech/c97.npy"
        np.savez(path, **{**self.data, "speech": bad})
        whole = clip.read_bytes()
        np.save(clip, bad[97])
        table = self.table("named.csv", range(CLIPS))
        model = ("--model", self.dir / "m.npz")
        try:
            for data, name in ((path, f"clip 97 of {path}"), (table, "speech/c97.npy")):
                said = f'modality "speech": {name} holds NaN or Inf'
                for command in (
                        ("unic-train", "--config", self.dir / "c.ini", "--data", data, "--out", self.dir / "t.npz"),
                        ("unic-encode", *model, "--modality", "speech", "--out", self.dir / "e.npz", data),
                        ("unic-eval", *model, "--train", data, "--test", data),
                        ("unic-retrieve", *model, "--gallery", data, "--gallery-modality", "speech", "--query", data,
                         "--query-modality", "image"),
                        ("unic-inspect", self.dir / "m.npz", "--data", data)):
                    self.assertIn(name + " holds NaN or Inf", run(*command, status=1).stderr, said)
                self.assertIn("speech: NaN or Inf first in clip 97 (", run("unic-inspect", data).stdout)
        finally:
            clip.write_bytes(whole)


if __name__ == "__main__":
    unittest.main()
