#!/usr/bin/env python3
"""find_package(unicode) of an installed library, and the examples of CMake and meson, as an application meets them."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from test_install import BUILD, HERE, ROOT, VERSION, make, run

EXAMPLES = ROOT / "examples/api"
PROJECT = """cmake_minimum_required(VERSION 3.16)
project(consumer LANGUAGES C CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(unicode 0.1 REQUIRED)
find_package(unicode 0.1 REQUIRED) # twice, as when two libraries of a project ask for it
foreach(kind unicode static)
  foreach(suffix c cc)
    add_executable(${kind}-${suffix} consumer.${suffix})
    target_link_libraries(${kind}-${suffix} PRIVATE unicode::${kind})
    target_compile_options(${kind}-${suffix} PRIVATE -Wall -Wextra -Wpedantic -Werror)
  endforeach()
endforeach()
"""
# What is asked for, whether it is found, and what is then said.
ASKED = [("", True), ("0.1", True), (VERSION, True), (f"{VERSION} EXACT", True), ("0.0.9", True), ("0.1...0.9", True),
         (f"0.0...<{VERSION}", False), (f"0.0...{VERSION}", True), ("0.1.1", False), ("0.2", False), ("1", False),
         ("0.0.9 EXACT", False), ("COMPONENTS unicode static", True), ("COMPONENTS uc", False),
         ("OPTIONAL_COMPONENTS uc", True)]


@unittest.skipUnless(shutil.which("cmake") and shutil.which("c++"), "no cmake, or no C++ compiler")
class CMake(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.temporary.name)
        cls.prefix = cls.dir / "prefix"
        # Debian's compilers have a folder of their own below lib/, which CMake looks into, too.
        cls.lib = pathlib.Path("lib") / run("cc", "-print-multiarch").strip()
        make("install", f"PREFIX={cls.prefix}", f"LIBDIR={cls.prefix / cls.lib}")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def project(self, text):
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
        (folder / "CMakeLists.txt").write_text(text)
        for name in ("consumer.c", "consumer.cc"):
            shutil.copy(HERE / "consumer" / name, folder)
        return folder

    def configure(self, source, *settings, prefix=None):
        build = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
        run("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix or self.prefix}",
            "-DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF", "-DCMAKE_FIND_USE_PACKAGE_REGISTRY=OFF",
            *settings, CC="", CXX="")
        return build

    def found(self, asked, prefix=None, before=""):
        """Of each request whether it is found, from one run of CMake."""
        text = "cmake_minimum_required(VERSION 3.19)\nproject(asks LANGUAGES C)\n" + before
        for what in asked:
            text += (f"find_package(unicode {what} QUIET)\n"
                     "file(APPEND ${CMAKE_BINARY_DIR}/said \"${unicode_FOUND}: ${unicode_NOT_FOUND_MESSAGE}\\n\")\n"
                     "unset(unicode_DIR CACHE)\nunset(unicode_NOT_FOUND_MESSAGE)\n")
        said = (self.configure(self.project(text), prefix=prefix) / "said").read_text().splitlines()
        return [(line.split(": ", 1)[0] in ("1", "TRUE"), line.split(": ", 1)[1]) for line in said]

    def check(self, prefix):
        build = self.configure(self.project(PROJECT), prefix=prefix)
        run("cmake", "--build", build)
        for kind in ("unicode", "static"):
            self.assertEqual(run(build / f"{kind}-c"), "0 1\n")
            self.assertIn("1 step; consumer:1: ema.decay = 1.2", run(build / f"{kind}-cc"))
            self.assertEqual("libunicode.so" in run("readelf", "-d", build / f"{kind}-c"), kind == "unicode")

    def test_both_targets_also_when_the_prefix_has_moved(self):
        moved = self.dir / "moved"
        os.rename(self.prefix, moved)
        try:
            self.check(moved)
        finally:
            os.rename(moved, self.prefix)

    def test_no_path_is_written_in(self):
        for path in (self.prefix / self.lib / "cmake/unicode").iterdir():
            self.assertNotIn(str(self.prefix), path.read_text())

    def test_versions_and_components(self):
        asked = [(what, wanted) for what, wanted in ASKED]
        for (what, wanted), (found, said) in zip(asked, self.found([what for what, _ in asked])):
            self.assertEqual(found, wanted, f"{what}: {said}")
            if "uc" in what and not wanted:
                self.assertRegex(said, f"unicode::uc is not installed in /.*{self.lib}$")

    def test_what_is_missing_is_said(self):
        part = self.dir / "part"
        shutil.copytree(self.prefix, part, symlinks=True)
        for path in (part / self.lib).glob("libunicode.so*"):
            path.unlink()
        self.assertEqual([found for found, _ in self.found(["", "COMPONENTS static", "COMPONENTS unicode"], part)],
                         [True, True, False])
        (part / self.lib / "libunicode.a").unlink()
        (found, said), = self.found([""], part)
        self.assertFalse(found)
        self.assertIn(f"neither libunicode.so.{VERSION} nor libunicode.a is in {part}", said)

    def test_another_library_of_that_name_is_noticed(self):
        other = ("add_library(unicode::unicode INTERFACE IMPORTED)\n"
                 "target_include_directories(unicode::unicode INTERFACE /usr/include)\n")
        (found, said), = self.found([""], before=other)
        self.assertFalse(found)
        self.assertIn("already is another library, with /usr/include", said)

    def quantizer(self, program):
        """It starts from k-means, and follows: so do the numbers that it prints."""
        said = run(program)
        self.assertIn("distortion", said)
        self.assertIn("perplexity", said)

    def test_the_example(self):
        build = self.configure(EXAMPLES / "cmake")
        run("cmake", "--build", build)
        self.quantizer(build / "quantizer")

    def test_the_example_from_source(self):
        """With the objects that are there: a full build is the Makefile's own affair."""
        build = self.configure(EXAMPLES / "cmake-from-source", f"-DLIBUNICODE_BUILD={(ROOT / BUILD).resolve()}",
                               f"-DLIBUNICODE_SETTINGS=CC={os.environ.get('CC', 'cc')}")
        environment = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
        done = subprocess.run(["cmake", "--build", str(build)], capture_output=True, text=True, env=environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue((build / "libunicode/include/unicode/unic.h").exists())
        self.quantizer(build / "quantizer")
        self.assertIn(f"{build}/libunicode/lib", run("readelf", "-d", build / "quantizer"))


@unittest.skipUnless(shutil.which("meson") and shutil.which("ninja") and shutil.which("pkg-config"),
                     "no meson, ninja or pkg-config")
class Meson(unittest.TestCase):
    def test_the_example(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            make("install", f"PREFIX={folder}/prefix")
            run("meson", "setup", folder / "build", EXAMPLES / "meson", "--pkg-config-path",
                folder / "prefix/lib/pkgconfig", CC="cc")
            run("meson", "compile", "-C", folder / "build")
            self.assertIn("perplexity", run(folder / "build/quantizer"))


if __name__ == "__main__":
    for program, what in (("cmake", "find_package and its examples"), ("meson", "the example of meson")):
        if not shutil.which(program):
            print(f"skipped: {what}: {program} is not installed")
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
