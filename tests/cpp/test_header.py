#!/usr/bin/env python3
"""unic.hpp: every class works as the C interface does, with both compilers and standards and without a leak; and it leaves out
nothing that the C interface has."""
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
INCLUDE = ROOT / "include/unicode"
sys.path.insert(0, str(ROOT / "tests/abi"))

import headers  # noqa: E402 (the line above says which)

# A class or a function of unic.hpp calls every function of the C interface but these: each with its reason.
NOT_IN_CPP = {
    "unic_source_memory": "unic::source of memory reads it with a function of its own",
    "unic_set_allocator": "takes two C functions, once, before anything else: check(unic_set_allocator(&a)) says it all",
}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wold-style-cast", "-Werror"]
COMPILERS = [name for name in ("g++", "clang++") if shutil.which(name)]


def run(*command, **environment):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "OMP_WAIT_POLICY": "passive", **environment})
    assert done.returncode == 0, f"{command} exits {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def code(path):
    """Without comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.S)


class Complete(unittest.TestCase):
    def setUp(self):
        self.functions = {function.name for function in headers.read().all("function")}
        self.used = set(re.findall(r"\bunic_\w+", "".join(code(path) for path in INCLUDE.glob("*.hpp"))))

    def test_every_function_is_called(self):
        missing = sorted(self.functions - self.used - set(NOT_IN_CPP))
        self.assertEqual(missing, [], "add them to include/unicode/unic_*.hpp and to tests/cpp/every_class.cc, or with a "
                                      "reason to NOT_IN_CPP of this file")

    def test_the_reasons_are_not_stale(self):
        self.assertEqual([name for name in NOT_IN_CPP if name not in self.functions or name in self.used], [])

    def test_every_handle_has_a_class(self):
        text = "".join(code(path) for path in INCLUDE.glob("*.hpp"))
        frees = sorted(name for name in self.functions if name.endswith("_free"))
        self.assertGreater(len(frees), 10)
        for name in frees:
            self.assertRegex(text, rf"handle<{name[:-5]},\s*{name}>")

    def test_no_macros(self):
        for path in INCLUDE.glob("*.hpp"):
            self.assertEqual(re.findall(r"#\s*define (\w+)", path.read_text()),
                             [f"UNICODE_{path.stem.upper()}_HPP"], path.name)


@unittest.skipUnless(COMPILERS, "no C++ compiler")
class Works(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.temporary.name)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def try_it(self, compiler, standard, *options, **environment):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
        run(compiler, f"-std={standard}", *WARNINGS, *options, f"-I{ROOT}/include", "-o", folder / "every_class",
            ROOT / "tests/cpp/every_class.cc", f"-L{BUILD}", "-lunicode", f"-Wl,-rpath,{BUILD}")
        self.assertEqual(run(folder / "every_class", folder, **environment), "every class\n")

    def test_every_class_with_every_compiler(self):
        for compiler, standard in itertools.product(COMPILERS, ("c++17", "c++20")):
            with self.subTest(f"{compiler} {standard}"):
                self.try_it(compiler, standard)

    def test_under_the_sanitizers(self):
        self.try_it(COMPILERS[0], "c++17", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined",
                    ASAN_OPTIONS="detect_leaks=1")

    def test_each_header_stands_alone(self):
        for name in sorted(path.name for path in INCLUDE.glob("*.hpp")):
            source = self.dir / "alone.cc"
            source.write_text(f"#include <unicode/{name}>\n#include <unicode/{name}>\nint nothing;\n")
            run(COMPILERS[0], "-std=c++17", *WARNINGS, f"-I{ROOT}/include", "-fsyntax-only", source)

    def test_an_older_standard_is_told(self):
        (self.dir / "old.cc").write_text("#include <unicode/unic.hpp>\n")
        for compiler, standard in itertools.product(COMPILERS, ("c++11", "c++14")):
            done = subprocess.run([compiler, f"-std={standard}", f"-I{ROOT}/include", "-fsyntax-only", self.dir / "old.cc"],
                                  capture_output=True, text=True)
            self.assertNotEqual(done.returncode, 0)
            first = next(line for line in done.stderr.splitlines() if "error" in line)
            self.assertIn("unic.hpp is C++17 (-std=c++17); unic.h is for older standards too", first)

    def test_two_files_of_one_program_may_include_it(self):
        for name, text in (("one", "void two(); int main() { two(); }"), ("two", "void two(); void two() {}")):
            (self.dir / f"{name}.cc").write_text(f"#include <unicode/unic.hpp>\n{text}\n")
        run(COMPILERS[0], "-std=c++17", f"-I{ROOT}/include", "-o", self.dir / "program", self.dir / "one.cc",
            self.dir / "two.cc", f"-L{BUILD}", "-lunicode")


if __name__ == "__main__":
    if "clang++" not in COMPILERS:
        print("skipped: unic.hpp with clang++, which is not installed")
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
