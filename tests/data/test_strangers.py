#!/usr/bin/env python3
"""Feature files as other people's programs leave them: what numpy reads is read, and nothing in silence else."""
import gzip
import io
import os
import pathlib
import pickle
import resource
import struct
import sys
import tempfile
import unittest
import warnings
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ["LIBUNICODE"] = str((ROOT / os.environ.get("BUILD", "build")).resolve() / "libunicode.so")
sys.path.insert(0, str(ROOT / "bindings/python"))
import libunicode as lu  # noqa: E402 (the lines above say which)

AUDIO, VIDEO = np.ones((8, 10, 6), "f4"), np.ones((8, 10, 7), "f4")
# The class's module is another one from Python 3.13 on.
PATH_CLASS = f"{pathlib.PurePosixPath.__module__}.PurePosixPath"
X = np.arange(12, dtype="<f4").reshape(3, 4)
FOREIGN = {
    "strings": np.array(["dog"] * 8), "bytes": np.array([b"dog"] * 8), "objects": np.array([{"a": 1}, None], object),
    "ragged": np.array([np.ones(2), np.ones(3)], object), "dates": np.array(["2024-01-01"] * 8, "M8[D]"),
    "spans": np.zeros(8, "m8[25us]"), "record": np.zeros(8, [("a", "f4"), ("b]", "i4", (2, 3))]),
    "complex": np.ones((8, 10, 3), "c8"), "long double": np.ones((8, 10, 3), "g"), "void": np.zeros(3, "V5"),
}


class Strangers(unittest.TestCase):
    def setUp(self):
        self.held = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.held.name)

    def tearDown(self):
        self.held.cleanup()

    def log_of(self, *paths):
        lines = []
        lu.set_log(lambda warning, line: lines.append(line))
        try:
            self.opened = lu.Dataset(*paths)
        finally:
            lu.set_log(None)
        return "\n".join(lines)

    def clips(self, folder, **modalities):
        """Folders <modality>/ of clips of these names."""
        for name, clips in modalities.items():
            (self.dir / folder / name).mkdir(parents=True)
            for clip in clips:
                np.save(self.dir / folder / name / f"{clip}.npy", np.ones((6, 3), "f4"))
        return self.dir / folder

    # ---- what is another thing than it looks like ----

    def test_clips_whose_names_look_the_same(self):
        folder = self.clips("near", audio=["caf\u00e9", "dog_1", "x"], video=["cafe\u0301", "Dog 1", "x"])
        self.assertIn(f"{folder}: 2 clips have the name of another but for case", self.log_of(folder))
        self.assertEqual(self.opened.clip_count, 5)
        # A modality that has both tells them apart.
        folder = self.clips("apart", audio=["dog_1", "dog-1", "x"], video=["dog_1", "x"])
        self.assertEqual(self.log_of(folder), "")
        folder = self.clips("table", audio=["caf\u00e9"])
        (folder / "clips.csv").write_text("video_id,category\ncafe\u0301,a\n", encoding="utf-8")
        with self.assertRaisesRegex(lu.NotFoundError, 'has no .npy or .zip file.*; ".*/audio/caf\u00e9" is another name'):
            lu.Dataset(folder / "clips.csv")

    def test_labels_in_the_order_of_files(self):
        clips = ["a", "a-1", "b"]
        folder = self.clips("order", audio=clips)
        self.assertEqual(self.log_of(folder), "")
        np.save(folder / "label.npy", np.arange(3))
        self.assertIn('the names without .npy, in which "a" comes before "a-1"', self.log_of(folder))
        self.assertEqual(sorted(p.stem for p in (folder / "audio").iterdir()), clips)
        folder = self.clips("same", audio=["a", "a1", "ab", "a\u00e9", "b"])
        np.save(folder / "label.npy", np.arange(5))
        self.assertEqual(self.log_of(folder), "")

    def test_step_labels_of_other_steps(self):
        folder = self.clips("steps", audio=["a", "b"])
        np.save(folder / "audio.step_labels.npy", np.zeros((2, 6), int))
        self.assertEqual(self.log_of(folder), "")
        np.save(folder / "audio.step_labels.npy", np.zeros((2, 12), int))
        self.assertIn('"audio.step_labels" has labels of 12 steps, but the longest clip has 6', self.log_of(folder))

    def test_names_of_classes_in_another_order(self):
        names = [np.frombuffer(text, "u1") for text in (b"bird\0dog\0", b"dog\0bird\0")]
        for i, x in enumerate(names):
            np.savez(self.dir / f"{i}.npz", audio=AUDIO, label=np.arange(8) % 2, **{"label.names": x})
        self.assertEqual(self.log_of(self.dir / "0.npz"), "")
        self.assertIn('"dog" is 0 in the file, where "bird" is 0 now', self.log_of(self.dir / "1.npz"))
        self.assertEqual(self.opened.labels("label").tolist(), [1, 0] * 4)

    def test_arrays_and_files_that_are_passed_over(self):
        path = self.dir / "members.npz"
        buffer = io.BytesIO()
        np.save(buffer, VIDEO)
        with zipfile.ZipFile(path, "w") as z:
            for name in ("audio.npy", "video", "text.NPY", "v.2"):
                z.writestr(name, buffer.getvalue())
            z.writestr("notes", "a text of some words")
            z.writestr("empty", "")
        log = self.log_of(path)
        for name in ("video", "text.NPY", "v.2"):
            self.assertIn(f'member "{name}" is not read: the name of an array ends in .npy', log)
        self.assertEqual(log.count("\n"), 2, log)
        folder = self.clips("beside", audio=["a"])
        for name in ("audio.h5", "clips.csv", "video.h5", "text.npz"):
            (folder / name).write_bytes(b"")
        self.assertIn('2 files beside the directories of clips, the first "text.npz", may hold features',
                      self.log_of(folder))
        (folder / "clips.csv").write_text("video_id\na\n")
        self.assertEqual(self.log_of(folder / "clips.csv"), "")

    # ---- members beside the features ----

    def save(self, name, **arrays):
        """As an npz file, and as a folder of arrays."""
        np.savez(self.dir / f"{name}.npz", **arrays)
        folder = self.dir / name
        folder.mkdir()
        for key, x in arrays.items():
            np.save(folder / f"{key}.npy", x)
        return self.dir / f"{name}.npz", folder

    def test_members_that_are_no_numbers(self):
        for name, x in FOREIGN.items():
            lines = []
            lu.set_log(lambda warning, line: lines.append((warning, line)))
            for path in self.save(name, audio=AUDIO, video=VIDEO, extra=x):
                self.assertEqual(lu.Dataset(path, batch=2).modalities, ("audio", "video"), (name, path))
                self.assertTrue(any("extra" in line and not warning for warning, line in lines), lines)
                with self.assertRaisesRegex(lu.FormatError, "extra.*(has the type|holds|has a structured type)"):
                    lu.Dataset(path, batch=2, modalities=["audio", "extra"])
            lu.set_log(None)
        for path in self.save("alone", audio=FOREIGN["ragged"]):
            with self.assertRaisesRegex(lu.FormatError, "holds Python objects"):
                lu.Dataset(path)

    def test_members_packed_as_no_npz_is(self):
        """bzip2, LZMA and encryption, as archivers offer them: only the member itself cannot be read."""
        def npy(x):
            buffer = io.BytesIO()
            np.save(buffer, x)
            return buffer.getvalue()

        for name, packing in (("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA), ("encrypted", None)):
            for other in ("notes.txt", "extra.npy", "video.npy"):
                path = self.dir / f"{name}-{other}.npz"
                with zipfile.ZipFile(path, "w") as z:
                    z.writestr("audio.npy", npy(AUDIO))
                    z.writestr("video.npy", npy(VIDEO)) if other != "video.npy" else None
                    z.writestr(other, npy(VIDEO), zipfile.ZIP_STORED if packing is None else packing)
                if packing is None:  # the flag alone: zipfile cannot encrypt
                    data = bytearray(path.read_bytes())
                    for mark, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
                        data[data.rindex(mark) + flags] |= 1
                    path.write_bytes(data)
                lines = []
                lu.set_log(lambda warning, line: lines.append(line))
                modalities = ("audio",) if other == "video.npy" else ("audio", "video")
                self.assertEqual(lu.Dataset(path, batch=2).modalities, modalities, path)
                if other != "notes.txt":
                    why = "is encrypted" if packing is None else f"is packed by method {int(packing)}"
                    self.assertTrue(any(other in line and why in line for line in lines), lines)
                    with self.assertRaisesRegex(lu.FormatError, f"{other}.*{why}"):
                        lu.Dataset(path, batch=2, modalities=["audio", other[:-4]])
                lu.set_log(None)

    def test_many_members_that_are_no_arrays(self):
        """They cost no more than their number: each was once compared with all others for a name like its own."""
        path = self.dir / "many.npz"
        np.savez(path, audio=AUDIO, video=VIDEO)
        with zipfile.ZipFile(path, "a") as z:
            for i in range(20000):
                z.writestr(f"{i}/README", b"")
            for i in range(20000):
                z.writestr(f"README{i}", b"")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        self.assertEqual(lu.Dataset(path, batch=2).modalities, ("audio", "video"))
        with self.assertRaisesRegex(lu.FormatError, "no config.txt in it"):
            lu.Model(path)
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_utime - before, 10)

    def test_more_arrays_than_files_may_be_open(self):
        """Looking at a folder's arrays keeps none of them open."""
        few = self.dir / "few"
        few.mkdir()
        for i in range(300):
            np.save(few / f"{'a' * (i % 3)}{i}.npy", np.ones((4, 6)))              # clips that have no folder of their own
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        try:
            with self.assertRaisesRegex(lu.ShapeError, r"few: modality \".*\" is \[4,6\], \[N,T,...\] expected"):
                lu.Dataset(few)
            np.save(few / "audio.npy", AUDIO)
            np.save(few / "video.npy", VIDEO)
            with lu.Dataset(few, batch=8) as dataset:
                self.assertEqual(dataset.modalities, ("audio", "video"))
                np.testing.assert_array_equal(dataset.next()["video"], VIDEO)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    def test_an_array_that_is_another_one_by_now(self):
        for i, now in enumerate((AUDIO[:4], np.asfortranarray(AUDIO[:4]))):
            (self.dir / f"{i}").mkdir()
            np.save(self.dir / f"{i}/audio.npy", AUDIO)
            dataset = lu.Dataset(self.dir / f"{i}", batch=8, prefetch=0)
            np.save(self.dir / f"{i}/audio.npy", now)
            with self.assertRaisesRegex(lu.FileError, "audio.npy: has changed since it was opened"):
                dataset.next()

    def test_a_damaged_member_is_not_passed_over(self):
        """Only an array that is what it says may be left out."""
        for cut, damage in ((9, b""), (0, b"\x93NUMPY\x09"), (40, b"{'descr': '<f9'")):
            file = io.BytesIO()
            np.save(file, AUDIO)
            data = file.getvalue()
            with zipfile.ZipFile(self.dir / "d.npz", "w") as z:
                z.writestr("audio.npy", data[:cut] + damage if cut else damage + data[len(damage):])
                file = io.BytesIO()
                np.save(file, VIDEO)
                z.writestr("video.npy", file.getvalue())
            with self.assertRaisesRegex(lu.FormatError, "d.npz: member \"audio.npy\""):
                lu.Dataset(self.dir / "d.npz")

    def test_arrays_in_memory(self):
        config = lu.Config(preset="small", modalities={"audio": ("vector", 6), "video": ("vector", 7)},
                           **{"train.batch": 4, "train.length": 10})
        trainer = lu.Trainer(config)
        extras = {"speaker": np.arange(8), "names": np.array(["a"] * 8), "objects": FOREIGN["objects"],
                  "mask": np.ones((8, 10), bool), "complex": np.ones((8, 10, 2), complex)}
        for name, x in extras.items():
            data = {name: x, "audio": AUDIO, "video": VIDEO}
            self.assertEqual(lu.Arrays(data, batch=2).modalities, ("audio", "video"), name)
            self.assertEqual(lu.Batch(data).modalities, ("audio", "video"), name)
        trainer.fit({"audio": AUDIO, "video": VIDEO, **extras}, steps=1)
        self.assertEqual(lu.Batch({"a": AUDIO[..., 0], "b": VIDEO[..., 0]}).modalities, ("a", "b"))
        self.assertEqual(lu.Batch({"a": AUDIO[..., 0], "a.lengths": [1] * 8, "b": VIDEO}).modalities, ("a", "b"))
        with self.assertRaisesRegex(lu.DataError, "names are <U1, but must be real numbers"):
            lu.Batch({"names": extras["names"]})

    # ---- headers ----

    def clip(self, name, data, suffix=".npy"):
        """One clip [T,D] in a folder of a modality; what the library reads, or why it does not."""
        folder = self.dir / name
        (folder / "m").mkdir(parents=True)
        (folder / "m" / f"a{suffix}").write_bytes(data)
        try:
            with lu.Dataset(folder, batch=1) as dataset:
                return dataset.next()["m"][0]
        except lu.Error as error:
            return str(error)

    def npy(self, header, version=1, x=X):
        prefix = struct.pack("<H" if version == 1 else "<I", len(header))
        return b"\x93NUMPY" + bytes([version, 0]) + prefix + header + x.tobytes()

    def test_what_is_called_npy(self):
        archive, pickled = io.BytesIO(), pickle.dumps(X)
        np.savez(archive, x=X)
        for name, contents, says in (("npz", archive.getvalue(), "is a zip file, an array of numpy.save"), ("pkl", pickled, "is a pickle"),
                                     ("gz", gzip.compress(X.tobytes()), "is a compressed file"),
                                     ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "a pointer of Git LFS"),
                                     ("text", b"1.0 2.0 3.0 4.0\n" * 3, "does not start with"),
                                     ("empty", b"", "it has 0 bytes")):
            self.assertRegex(self.clip(name, contents), f"/m/a.npy: .*{says}")

    def test_headers(self):
        """numpy is the judge: what it reads is read as it does, and what it does not is refused."""
        order = [b"'descr': %s", b"'fortran_order': False", b"'shape': (3, 4)"]
        descrs = ["<f4", "=f4", "f4", "|f4", "<f", "=f", "|f", "f", "float32", "single", "f04", "Float32", "<float32",
                  "f3", "f4 "]
        headers = {d: b"{" + b", ".join(order) % repr(d).encode() + b", }" for d in descrs}
        plain = headers["<f4"]
        headers |= {
            "json": plain.replace(b"'", b'"'), "no blanks": plain.replace(b" ", b""),
            "tabs": plain.replace(b" ", b"\t"), "crlf": plain + b"  \r\n", "no end of line": plain,
            "lines": plain.replace(b", ", b",\r\n ", 2), "form feed": plain + b"\f\n",
            "no trailing comma": plain.replace(b", }", b"}"), "blanks": plain.replace(b"(3, 4)", b" ( 3 ,4 , ) "),
            "last first": b"{" + b", ".join(order[::-1]) % b"'<f4'" + b"}",
            "python 2": plain.replace(b"(3, 4)", b"(3L, 4L)"),
            "unicode": plain.replace(b"{'", b"{u'").replace(b", '", b", u'").replace(b": '", b": u'"),
            "capital u": plain.replace(b"{'", b"{U'"), "hex": plain.replace(b"(3, 4)", b"(0x3, 0X4)"),
            "list": plain.replace(b"(3, 4)", b"[3, 4]"), "number": plain.replace(b"False", b"0"),
            "json false": plain.replace(b"False", b"false"), "bytes": plain.replace(b": '", b": b'"),
            "rest": plain + b" {}", "one more": plain.replace(b", }", b", 'more': 1}"),
            "one less": plain.replace(b"'fortran_order': False, ", b""),
            "NUL": plain + b"\0\n", "structured": plain.replace(b"'<f4'", b"[('a', '<f4')]"),
        }
        for i, (name, header) in enumerate(headers.items()):
            for version in (1, 2) if name == "python 2" else (1, 2, 3):     # 3 came after Python 2
                data = self.npy(header, version)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        want = np.load(io.BytesIO(data))
                    except Exception:
                        want = None
                if want is not None and want.dtype.kind != "f":
                    want = None
                got = self.clip(f"{version}-{i}", data)
                if want is None:
                    self.assertIsInstance(got, str, name)
                    self.assertIn("m/a.npy: ", got)
                else:
                    self.assertIsInstance(got, np.ndarray, (name, got))
                    self.assertEqual(got.tolist(), want.tolist(), name)

    def test_every_name_of_a_type(self):
        names = ("e f d b h i l q p P B H I L Q ? half single double float byte short int long intc intp longlong "
                 "ubyte ushort uintc uint ulong uintp ulonglong bool b1 i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 int8 uint8 int16 uint16 "
                 "int32 uint32 int64 uint64").split()
        for i, name in enumerate(names):
            for order in ("", "<", ">", "=", "|"):
                try:
                    dtype = np.dtype(order + name)
                except TypeError:
                    continue
                x = (np.arange(12) % 2).reshape(3, 4).astype(dtype)
                header = b"{'descr': '%s', 'fortran_order': False, 'shape': (3, 4)}\n" % (order + name).encode()
                got = self.clip(f"{i}{order}", self.npy(header, x=x))
                self.assertIsInstance(got, np.ndarray, (order + name, got))
                self.assertEqual(got.tolist(), x.tolist(), order + name)

    # ---- zip files of clips ----

    def zip(self, members):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
            for name, data in members.items():
                z.writestr(name, data)
        return file.getvalue()

    def assertReads(self, name, members, x=X):
        got = self.clip(name, self.zip(members), ".zip")
        self.assertIsInstance(got, np.ndarray, (name, got))
        self.assertEqual(got.tolist(), x.tolist(), name)

    def assertRefused(self, name, members, text):
        got = self.clip(name, self.zip(members), ".zip")
        self.assertIsInstance(got, str, name)
        self.assertIn(text, got)

    def test_litter_in_zips(self):
        clip = {"a.pkl": pickle.dumps(X)}
        litter = {".DS_Store": b"x", "__MACOSX/._a.pkl": b"\0\5\x16\7", "__MACOSX/feat/._a.pkl": b"x", "feat/": b"",
                  "Thumbs.db": b"x", "desktop.ini": b"x", "feat/.DS_Store": b"x", "._a.pkl": b"x", "readme.txt": b"x",
                  "__MACOSX/": b""}
        header = b"{'descr': 'f4', 'fortran_order': False, 'shape': (3, 4)}\n"
        for i, (name, data) in enumerate(litter.items()):
            self.assertReads(f"before{i}", {name: data, **clip})
            self.assertReads(f"behind{i}", {**clip, name: data})
        self.assertReads("all", {**litter, "feat/a.pkl": clip["a.pkl"]})
        self.assertReads("unnamed", {".DS_Store": b"x", "a": clip["a.pkl"]})
        self.assertReads("npy", {"readme.txt": b"x", "a.npy": self.npy(header)})
        self.assertRefused("two", {"a.pkl": clip["a.pkl"], "b.pkl": clip["a.pkl"]}, "has 2 members, \"a.pkl\" the first")
        self.assertRefused("none", {".DS_Store": b"x"}, "has 0 members")
        self.assertRefused("texts", {"a": b"x", "b": b"x"}, "has 2 members")

    def test_litter_in_folders(self):
        folder = self.dir / "f"
        for modality in ("audio", "__MACOSX", "video"):
            (folder / modality).mkdir(parents=True)
        for modality, x in (("audio", AUDIO[0]), ("video", VIDEO[0])):
            np.save(folder / modality / "a.npy", x)
            (folder / modality / "._a.npy").write_bytes(b"\0\5\x16\7")
            (folder / modality / ".DS_Store").write_bytes(b"x")
            (folder / modality / "Thumbs.db").write_bytes(b"x")
        (folder / "__MACOSX" / "._audio.npy").write_bytes(b"\0\5\x16\7")
        with lu.Dataset(folder, batch=1) as dataset:
            self.assertEqual((dataset.modalities, dataset.clip_count), (("audio", "video"), 1))

    def test_names_that_are_not_utf_8(self):
        """A modality of such a name is refused with it, unless others are asked for; clips may be called so."""
        folder = os.fsencode(self.dir / "f")
        for modality in (b"audio", b"au\xff"):
            os.makedirs(os.path.join(folder, modality))
            np.save(os.fsdecode(os.path.join(folder, modality, b"\xe9.npy")), AUDIO[0])
        npz = self.dir / "n.npz"
        np.savez(npz, audio=AUDIO, cafX=AUDIO)
        npz.write_bytes(npz.read_bytes().replace(b"cafX", b"caf\x82"))
        for path, name in ((folder, r"b'au\xff'"), (npz, r"b'caf\x82'")):
            with self.assertRaises(lu.FormatError) as caught:
                lu.Dataset(path)
            self.assertIn(f"the modality {name} has a name that is not UTF-8: rename its array or directory, or name", str(caught.exception))
            with lu.Dataset(path, modalities=["audio"], batch=1) as dataset:
                self.assertEqual(dataset.modalities, ("audio",))
                np.testing.assert_array_equal(next(iter(dataset))["audio"][0], AUDIO[0])

    def test_python_2(self):
        """cPickle's opcodes, in its own protocols."""
        def two(x):
            raw, code = x.tobytes(), x.dtype.str[1:].encode()
            shape = b"".join(b"K" + bytes([s]) for s in x.shape)
            return (b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01"
                    + shape + b"\x86cnumpy\ndtype\nq\x04U\x02" + code + b"K\x00K\x01\x87Rq\x05(K\x03U\x01"
                    + x.dtype.str[:1].encode() + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
                    + struct.pack("<I", len(raw)) + raw + b"tb.")

        def zero(x):
            raw = repr(x.tobytes())[1:]
            text = ("cnumpy.core.multiarray\n_reconstruct\np1\n(cnumpy\nndarray\np2\n(I0\ntS'b'\ntRp3\n(I1\n(L%dL\nI%d\nt"
                    "cnumpy\ndtype\np4\n(S'%s'\nI0\nI1\ntRp5\n(I3\nS'%s'\nNNNI-1\nI-1\nI0\ntbI00\nS%s\ntb.")
            return (text % (*x.shape, x.dtype.str[1:], x.dtype.str[0], raw)).encode("latin1")

        every_byte, quotes = np.arange(256, dtype="u1").reshape(64, 4), np.array([[34, 39, 92, 10]], "u1")
        for i, x in enumerate((X, X.astype(">f8"), X.astype("<i2"), every_byte, quotes)):
            for name, data in (("two", two(x)), ("zero", zero(x))):
                self.assertEqual(pickle.loads(data, encoding="latin1").tolist(), x.tolist())
                self.assertReads(f"{name}{i}", {"a.pkl": data}, x)

    def test_pickles_of_other_things(self):
        mapped = np.memmap(self.dir / "mapped", "f4", "w+", shape=(3, 4))
        mapped[:] = X
        others = {"numpy.ma.core._mareconstruct": np.ma.array(X), PATH_CLASS: pathlib.PurePosixPath("x")}
        others = {f"an object of {name}": value for name, value in others.items()}
        others |= {"a dict": {"x": X}, "a list": X.tolist()}
        for protocol in range(6):
            self.assertReads(f"mapped{protocol}", {"a.pkl": pickle.dumps(mapped, protocol)})
            self.assertReads(f"line{protocol}", {"a.pkl": pickle.dumps(X, protocol) + b"\n"})
            for i, (name, value) in enumerate(others.items()):
                self.assertRefused(f"{i}of{protocol}", {"a.pkl": pickle.dumps(value, protocol)}, f"is {name}")


if __name__ == "__main__":
    unittest.main()
