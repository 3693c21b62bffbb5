#!/usr/bin/env python3
"""The oneDNN glue compiles as the API of oneDNN 3 asks, whichever version is installed: against a stand-in header."""
import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "tests/abi/onednn3"
GLUE, VERSIONS = (ROOT / "lib/kernel/dnnl_glue.c").read_text(), (ROOT / "lib/kernel/dnnl_versions.h").read_text()
TEXT = GLUE.replace('#include "kernel/dnnl_versions.h"\n', VERSIONS)
COMMAND = ["-std=c11", "-fsyntax-only", "-fopenmp", "-Wall", "-Wextra", "-Wconversion", "-Wcast-qual", "-Wundef",
           "-Werror", "-Ilib", "-Iinclude", "-x", "c"]


def check(compiler, text, *include):
    return subprocess.run([compiler, *COMMAND, *(f"-I{folder}" for folder in include), "-"], input=text, text=True,
                          capture_output=True, cwd=ROOT)


class OneDnn3(unittest.TestCase):
    def test_the_glue_compiles(self):
        self.assertNotEqual(TEXT, GLUE)
        for compiler in filter(shutil.which, ("gcc", "clang")):
            done = check(compiler, TEXT, STAND_IN)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_only_version_2_has_does_not(self):
        old = re.sub(r"DNNL_VERSION_MAJOR >= 3", "0", TEXT)
        self.assertNotEqual(old, TEXT)
        self.assertNotEqual(check("cc", old, STAND_IN).returncode, 0)
        call = "dnnl_softmax_accurate, ref(x), ref(x), 1, attr"
        swapped = TEXT.replace(call, call.replace("ref(x), ref(x)", "ref(x)"))
        self.assertNotEqual(swapped, TEXT)
        self.assertNotEqual(check("cc", swapped, STAND_IN).returncode, 0)


if __name__ == "__main__":
    unittest.main()
