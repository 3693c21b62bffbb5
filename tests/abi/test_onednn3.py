#!/usr/bin/env python3
"""What uses oneDNN compiles as the API of oneDNN 3 asks, whichever version is installed: against a stand-in header."""
import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STAND_IN = ROOT / "tests/abi/onednn3"
KERNEL = ROOT / "lib/kernel"
VERSIONS, SHARED = (KERNEL / "dnnl_versions.h").read_text(), (KERNEL / "dnnl_primitive.h").read_text()
TEXTS = {}
for path in sorted(KERNEL.glob("dnnl_*.c")):  # all but dnnl_none.c use oneDNN
    glue = path.read_text()
    whole = SHARED.replace('#include "kernel/dnnl_versions.h"\n', VERSIONS)
    TEXTS[path.stem] = glue.replace('#include "kernel/dnnl_primitive.h"\n', whole)
del TEXTS["dnnl_none"]
TEXT = TEXTS["dnnl_softmax"]
COMMAND = ["-std=c11", "-fsyntax-only", "-fopenmp", "-Wall", "-Wextra", "-Wconversion", "-Wcast-qual", "-Wundef",
           "-Werror", "-Wno-unused-function", "-Ilib",  # a file does not use all of the headers, which are put into it
           "-Iinclude", "-x", "c"]


def check(compiler, text, *include):
    return subprocess.run([compiler, *COMMAND, *(f"-I{folder}" for folder in include), "-"], input=text, text=True,
                          capture_output=True, cwd=ROOT)


class OneDnn3(unittest.TestCase):
    def test_the_glue_compiles(self):
        self.assertEqual([*TEXTS], ["dnnl_conv", "dnnl_matmul", "dnnl_primitive", "dnnl_softmax"])
        for compiler in filter(shutil.which, ("gcc", "clang")):
            for name, text in TEXTS.items():
                self.assertIn("DNNL_VERSION_MAJOR >= 3", text)
                done = check(compiler, text, STAND_IN)
                self.assertEqual(done.returncode, 0, name + done.stderr)

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
