#!/usr/bin/env python3
"""The files of every release load, and give what they gave then (tests/files/files.py)."""
import json
import unittest
import zipfile

import numpy as np

import files

RELEASES = sorted(p for p in files.HERE.iterdir() if (p / "expected.json").exists())
# Codes, numbers of things, names and settings are the same. Other machines round otherwise: float32
# through a small network, relative to the largest of the array or of the figure.
TOLERANCE = {"run": 1e-3}
USUAL = 1e-5


class Released(unittest.TestCase):
    def compare(self, wanted, found, at, tolerance):
        if isinstance(wanted, dict):
            for key in wanted:              # what a later version adds, a file of today says nothing of
                self.assertIn(key, found, at)
                self.compare(wanted[key], found[key], f"{at} {key}", tolerance)
        elif isinstance(wanted, (list, float)) and np.asarray(wanted).dtype.kind == "f":
            wanted, found = np.array(wanted), np.array(found)
            self.assertEqual(wanted.shape, found.shape, at)
            self.assertLessEqual(abs(wanted - found).max(), tolerance * max(abs(wanted).max(), 0.1), at)
        else:
            self.assertEqual(wanted, found, at)

    def test_they_give_what_they_gave(self):
        self.assertIn("0.1.0", [folder.name for folder in RELEASES])
        for folder in RELEASES:
            wanted = json.loads((folder / "expected.json").read_text())
            found = files.plain(files.read(folder))
            for kind in wanted:
                with self.subTest(release=folder.name, kind=kind):
                    self.compare(wanted[kind], found[kind], kind, TOLERANCE.get(kind, USUAL))

    def test_what_is_saved_again_has_all_of_it(self):
        """Nothing of a file is lost by loading it. A later version may write more: keys of a config, members."""
        for folder in RELEASES:
            for name, load in (("model", files.lu.Model), ("head", files.lu.Head.load), ("index", files.lu.Index.load),
                               ("retriever", files.lu.Retriever.load), ("segmenter", files.lu.Segmenter.load)):
                again = files.BUILD / f"again-{name}.npz"
                load(folder / f"{name}.npz").save(again)
                with zipfile.ZipFile(folder / f"{name}.npz") as old, zipfile.ZipFile(again) as new:
                    for member in old.namelist():
                        with self.subTest(release=folder.name, file=name, member=member):
                            was, now = old.read(member), new.read(member)
                            if member == "config.txt":
                                self.assertEqual(set(was.splitlines()) - set(now.splitlines()), set())
                            else:
                                self.assertEqual(was, now)
                again.unlink()


if __name__ == "__main__":
    unittest.main()
