#!/usr/bin/env python3
"""`make abi` notices what it must: shown on copies of the library in which one thing of the interface is another.

Also what else is promised of the built files: their size, and what an application sees of the static archive.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import headers as public

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
LIBRARY = BUILD / "libunicode.so"
INCLUDE = ROOT / "include/unicode"
MAP = ROOT / "lib/libunicode.map"
SIZE_LIMIT = 3 << 20
# Recompiled in a copy: of the functions that take arrays.
SOURCE = "lib/api/array.c"


def run(*command, status=0):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == status, f"{command} exits {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def exported(library, *options):
    return {line.split()[-1].split("@")[0] for line in run("nm", *options, "--defined-only", library).splitlines()
            if len(line.split()) == 3 and line.split()[1] != "A"}


class Built(unittest.TestCase):
    def test_the_shared_object_is_small(self):
        with tempfile.TemporaryDirectory() as folder:
            stripped = pathlib.Path(folder) / "stripped.so"
            run("strip", "-o", stripped, LIBRARY)
            self.assertLess(stripped.stat().st_size, SIZE_LIMIT)

    def test_the_archive_shows_what_the_shared_object_shows(self):
        wanted = exported(LIBRARY, "-D")
        self.assertGreater(len(wanted), 60)
        self.assertEqual(exported(BUILD / "libunicode.a", "-g"), wanted)

    def test_the_archive_of_the_unit_tests_has_the_internals(self):
        if not (BUILD / "libunicode-internal.a").exists():
            self.skipTest("no unit test was built")
        self.assertIn("unic__fail", exported(BUILD / "libunicode-internal.a", "-g"))


@unittest.skipUnless(shutil.which("abidiff"), "libabigail (abidiff) is not installed")
class Patched(unittest.TestCase):
    """The committed interface has its own target; here each copy is compared with the library as it was built."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.abi("write", LIBRARY)
        sources = [p.relative_to(ROOT).with_suffix(".o") for p in sorted(ROOT.glob("lib/*/*.c"))
                   if p.parent.name not in public.BESIDE.values()]
        objects = {BUILD / "obj" / p for p in sources if (BUILD / "obj" / p).exists()}
        if BUILD / "obj/lib/kernel/dnnl_glue.o" in objects:
            objects.discard(BUILD / "obj/lib/kernel/dnnl_none.o")
        cls.objects = sorted(objects - {BUILD / "obj" / pathlib.Path(SOURCE).with_suffix(".o")})

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def abi(cls, command, library, headers=INCLUDE, status=0):
        return run(sys.executable, "tests/abi/abi.py", command, library, "--headers", headers, "--baseline", cls.dir,
                   status=status)

    def compile(self, source, include):
        out = self.dir / "patched.o"
        run("cc", "-std=c11", "-g", "-O1", "-fPIC", "-fvisibility=hidden", "-D_XOPEN_SOURCE=700", "-Ilib",
            f"-I{include.parent}", "-c", "-o", out, source)
        return out

    def relink(self, *objects, symbols=None):
        """A copy of the library; whatever it calls outside is left open, since it is never run."""
        out, script = self.dir / "libunicode.so", self.dir / "patched.map"
        script.write_text(symbols or MAP.read_text())
        run("cc", "-shared", "-Wl,-soname,libunicode.so.0", f"-Wl,--version-script={script}", "-o", out, *self.objects,
            *objects)
        return out

    def headers(self, name=None, before=None, after=None):
        include = self.dir / "include/unicode"
        shutil.rmtree(include, ignore_errors=True)
        shutil.copytree(INCLUDE, include)
        if name:
            text = (include / name).read_text()
            self.assertEqual(len(re.findall(before, text)), 1, f"{name} was expected to have {before!r} once")
            (include / name).write_text(re.sub(before, after, text))
        return include

    def change(self, *patch):
        """What is said of a library whose header is patched so."""
        include = self.headers(*patch)
        return self.abi("check", self.relink(self.compile(SOURCE, include)), include, status=1)

    def test_an_unchanged_copy_passes(self):
        include = self.headers()
        self.assertIn("is the committed one", self.abi("check", self.relink(self.compile(SOURCE, include)), include))

    def test_a_new_symbol(self):
        source = self.dir / "novelty.c"
        source.write_text("#include <unicode/unic_status.h>\nUNIC_API int unic_novelty(void);\n"
                          "int unic_novelty(void)\n{\n    return 1;\n}\n")
        novelty = self.compile(source, INCLUDE).rename(self.dir / "novelty.o")
        symbols = MAP.read_text().replace("global:\n", "global:\n    unic_novelty;\n")
        library = self.relink(novelty, self.compile(SOURCE, INCLUDE), symbols=symbols)
        said = self.abi("check", library, status=1)
        self.assertIn("1 Added function", said)
        self.assertIn("unic_novelty", said)

    def test_a_symbol_gone(self):
        symbols = MAP.read_text().replace("    unic_batch_clip_count;\n", "")
        said = self.abi("check", self.relink(self.compile(SOURCE, INCLUDE), symbols=symbols), status=1)
        self.assertIn("1 Removed function", said)
        self.assertIn("unic_batch_clip_count", said)

    def test_another_value_of_an_enumerator(self):
        said = self.change("unic_array.h", r"UNIC_U64 = 5", "UNIC_U64 = 99")
        self.assertIn("'unic_dtype::UNIC_U64' from value '5' to '99'", said)
        self.assertIn("constant gone: UNIC_U64 = 5\nconstant new: UNIC_U64 = 99\n", said)

    def test_a_new_enumerator(self):
        self.assertIn("'unic_dtype::UNIC_U16' value '99'",
                      self.change("unic_array.h", r"UNIC_U64 = 5", "UNIC_U64 = 5, UNIC_U16 = 99"))

    def test_another_value_that_no_signature_has(self):
        include = self.headers("unic_head.h", r"UNIC_HEAD_STEP = 2", "UNIC_HEAD_STEP = 4")
        self.assertIn("constant new: UNIC_HEAD_STEP = 4\n", self.abi("check", LIBRARY, include, status=1))
        include = self.headers("unic_array.h", r"UNIC_MAX_RANK 6", "UNIC_MAX_RANK 7")
        self.assertIn("constant new: UNIC_MAX_RANK = 7\n", self.abi("check", LIBRARY, include, status=1))

    def test_an_enumerator_without_a_value(self):
        include = self.headers("unic_head.h", r"UNIC_HEAD_STEP = 2", "UNIC_HEAD_STEP")
        self.assertIn("a written value of UNIC_HEAD_STEP is expected", self.abi("check", LIBRARY, include, status=1))

    def test_another_layout_of_a_struct(self):
        said = self.change("unic_array.h", r"int64_t reserved\[4\];", "int64_t offset; int64_t reserved[3];")
        self.assertIn("int64_t offset", said)
        said = self.change("unic_array.h", r"int64_t reserved\[4\];", "int64_t reserved[5];")
        self.assertIn("type size changed from 1216 to 1280", said)

    def test_another_signature(self):
        include = self.headers("unic_array.h", r"(unic_batch_clip_count\(const unic_batch \*batch)\)", r"\1, int how)")
        source = self.dir / "array.c"
        text = (ROOT / SOURCE).read_text()
        source.write_text(re.sub(r"(unic_batch_clip_count\(const unic_batch \*batch)\)", r"\1, int how)", text))
        said = self.abi("check", self.relink(self.compile(source, include)), include, status=1)
        self.assertIn("parameter 2 of type 'int' was added", said)

    def test_a_library_without_debug_information(self):
        stripped = self.dir / "stripped.so"
        run("strip", "-o", stripped, LIBRARY)
        self.assertIn("no debug information", self.abi("check", stripped, status=1))


if __name__ == "__main__":
    unittest.main()
