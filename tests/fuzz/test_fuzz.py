#!/usr/bin/env python3
"""The fuzz targets are complete: every exported function is called by the target "api" (those of libunicode-media by "media"),
every parser's kept inputs belong to a target, and what is committed stays small."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/fuzz"
# Exported functions that the target "api" does not call, each with the reason.
NOT_CALLED = {}
MOST_BYTES = 200_000


class Fuzz(unittest.TestCase):
    def exported(self):
        return set(re.findall(r"^ +(unic_\w+);", (ROOT / "lib/libunicode.map").read_text(), re.M))

    def called(self):
        text = "".join(path.read_text() for path in sorted((HERE / "targets").glob("api*.c")))
        listed = set(re.findall(r"API_CALL\((unic_\w+)\)", text))
        for name in listed:
            freed = name.endswith("_free") and f"API_FREE(a, {name[len('unic_'):-len('_free')]})" in text
            self.assertTrue(freed or re.search(rf"(?<!call_)(?<!API_CALL\()\b{name}\b", text), f"{name} is not called")
        return listed

    def test_every_exported_function_is_called(self):
        missing = self.exported() - self.called() - set(NOT_CALLED)
        self.assertEqual(missing, set(), "add them to tests/fuzz/targets/api_*.c, or to NOT_CALLED with a reason")
        self.assertEqual(set(NOT_CALLED) - self.exported(), set(), "no longer exported")
        self.assertEqual(self.called() - self.exported(), set(), "not exported")

    def test_every_function_of_media_is_called(self):
        exported = re.findall(r"^ +(unic_\w+);", (ROOT / "lib/libunicode-media.map").read_text(), re.M)
        text = (HERE / "targets/media.c").read_text()
        self.assertGreater(len(exported), 10)
        self.assertEqual([name for name in exported if not re.search(rf"\b{name}\(", text)], [])

    def test_every_reason_is_one(self):
        for name, reason in NOT_CALLED.items():
            self.assertGreater(len(reason.split()), 3, name)

    def test_kept_inputs_belong_to_targets(self):
        targets = set(re.findall(r"X\((\w+)\)", (HERE / "targets/targets.h").read_text()))
        for kind in ("crashes", "seeds"):
            for path in (HERE / kind).iterdir():
                self.assertIn(path.name, targets)
                self.assertTrue(any(path.iterdir()), f"{path} is empty")

    def test_what_is_committed_is_small(self):
        size = sum(path.stat().st_size for kind in ("crashes", "seeds", "dictionaries")
                   for path in (HERE / kind).rglob("*") if path.is_file())
        self.assertLess(size, MOST_BYTES)

    def test_dictionaries_exist(self):
        text = (HERE / "fuzz.py").read_text()
        for name in set(re.findall(r'"\w+": "(\w+)"', text.split("DICTIONARIES = ")[1].split("}")[0])) - {"config"}:
            self.assertTrue((HERE / "dictionaries" / f"{name}.dict").is_file(), name)


unittest.main()
