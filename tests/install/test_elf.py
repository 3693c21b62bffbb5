#!/usr/bin/env python3
"""What stands in the built files: hardening, what they need, and nothing of the place where they were built."""
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")
VERSION = re.search(r"^VERSION +:= (\S+)", (ROOT / "Makefile").read_text(), re.M).group(1)
LIBRARY = BUILD / f"libunicode.so.{VERSION}"
MEDIA = BUILD / f"libunicode-media.so.{VERSION}"      # where FFmpeg's libraries are
MPI = BUILD / f"libunicode-mpi.so.{VERSION}"          # where mpicc is
LIBRARIES = [LIBRARY] + [MEDIA] * MEDIA.exists() + [MPI] * MPI.exists()
ARCHIVE = BUILD / "libunicode.a"
PROGRAMS = [BUILD / "bin" / p.stem for p in sorted((ROOT / "examples/programs").glob("unic-*.c"))]
HARDENED = os.environ.get("HARDEN", "yes") != "no"
# What the library may need: the vendors' libraries, C's, and the compiler's own.
NEEDED = re.compile(r"lib(c|m|z|pthread|gcc_s|[gi]?omp|mvec|dnnl|openblas|blas|cblas|blis)(-\w+)?\.so\.[\d.]+"
                    r"|lib(omp|blas|openblas)\S*\.so\S*|ld-linux\S*")

FFMPEG = re.compile(r"lib(avformat|avcodec|avutil|swscale|swresample)\.so\.\d+")      # of libunicode-media alone


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, str(path)], check=True, capture_output=True, text=True).stdout


def dynamic(path, tag):
    """The values of a tag of the dynamic section."""
    return re.findall(rf"\({tag}\) +(?:Shared library: |Library (?:run|r)path: |Flags: )?\[?(.*?)\]?$",
                      readelf(path, "-d"), re.M)


def segments(path):
    """(type, flags) of each segment."""
    return re.findall(r"^  (\w+) +0x\S+ 0x\S+ 0x\S+ 0x\S+ 0x\S+ ([R ][W ][E ])", readelf(path, "-l"), re.M)


def imports(path):
    """The names that a file takes from other libraries, without their versions."""
    return set(re.findall(r" UND (\w+)", readelf(path, "--dyn-syms")))


@unittest.skipUnless(HARDENED, "built with HARDEN=no")
class Hardening(unittest.TestCase):
    def test_relocations_are_read_only_and_bound_at_the_start(self):
        for path in [*LIBRARIES, *PROGRAMS]:
            self.assertIn("GNU_RELRO", dict(segments(path)), path)
            self.assertRegex(readelf(path, "-d"), r"BIND_NOW|Flags:.*\bNOW\b", path)

    def test_no_segment_is_writable_and_executable(self):
        for path in [*LIBRARIES, *PROGRAMS]:
            found = segments(path)
            self.assertGreater(len(found), 5)
            self.assertIn("GNU_STACK", dict(found), path)
            for name, flags in found:
                self.assertFalse("W" in flags and "E" in flags, f"{path}: {name} is {flags}")
            self.assertEqual(dynamic(path, "TEXTREL"), [], path)

    def test_programs_may_stand_anywhere(self):
        for path in PROGRAMS:
            self.assertRegex(readelf(path, "-h"), r"Type: +DYN", path)
            self.assertRegex(readelf(path, "-d"), r"Flags:.*\bPIE\b", path)

    def test_the_stack_is_protected(self):
        for path in [*LIBRARIES, *PROGRAMS]:
            self.assertIn("__stack_chk_fail", imports(path), path)

    @unittest.skipIf("-O0" in os.environ.get("OPT", ""), "built without optimisation")
    def test_calls_of_the_c_library_are_checked(self):
        for path in [*LIBRARIES, *PROGRAMS]:
            self.assertTrue([name for name in imports(path) if re.fullmatch(r"__\w+_chk", name)], path)

    # The linker writes it only where the C library's start files have it too, so the archive is asked,
    # whose one object has what all objects have.
    @unittest.skipUnless(platform.machine() == "x86_64", "another processor")
    def test_every_object_marks_where_jumps_may_go(self):
        self.assertRegex(readelf(ARCHIVE, "-n"), r"x86 feature: IBT, SHSTK")


class Contents(unittest.TestCase):
    def test_what_is_needed(self):
        for path in [*LIBRARIES, *PROGRAMS]:
            for name in dynamic(path, "NEEDED"):
                own = path != LIBRARY and name == "libunicode.so.0"
                own |= path == MEDIA and bool(FFMPEG.fullmatch(name))
                own |= path == MPI and bool(re.fullmatch(r"lib(mpi|mpich|open-pal|open-rte)\.so\.\d+", name))
                self.assertTrue(own or NEEDED.fullmatch(name), f"{path} needs {name}")

    def test_libraries_are_searched_beside_the_programs_alone(self):
        if not os.environ.get("EXTRA_LDFLAGS") and not os.environ.get("LDFLAGS"):
            for path in LIBRARIES:
                self.assertEqual(dynamic(path, "RUNPATH") + dynamic(path, "RPATH"), [])
            for path in PROGRAMS:
                for folder in dynamic(path, "RUNPATH")[0].split(":"):
                    self.assertTrue(folder.startswith("$ORIGIN"), f"{path}: {folder}")

    def test_nothing_tells_where_it_was_built(self):
        for path in [*LIBRARIES, ARCHIVE, *PROGRAMS]:
            self.assertNotIn(bytes(ROOT) + b"/", path.read_bytes(), path)

    def test_an_archive_has_no_times_and_no_users(self):
        listed = subprocess.run(["ar", "tvO", str(ARCHIVE)], check=True, capture_output=True, text=True).stdout
        self.assertRegex(listed, r"^rw-r--r-- 0/0 +\d+ Jan +1 \d\d:\d\d 1970 libunicode\.o 0x\w+\n$")

    @unittest.skipUnless(shutil.which("gcc"), "no gcc")
    def test_an_archive_of_link_time_optimised_objects_has_machine_code_and_public_names(self):
        """Of some files; all would take a minute."""
        builds = [("gcc", "-flto"), ("gcc", "-flto -ffat-lto-objects")] + ([("clang", "-flto")] if shutil.which("clang") else [])
        for compiler, flags in builds:
            with tempfile.TemporaryDirectory() as folder:
                objects = " ".join(f"{folder}/obj/lib/base/{name}.o" for name in ("error", "text", "printable"))
                done = subprocess.run(["make", "-s", f"CC={compiler}", "HARDEN=no", "OPT=-O0", f"CFLAGS={flags}", f"BUILD={folder}",
                                       f"LIB_OBJ={objects}", f"{folder}/libunicode.a"], cwd=ROOT, capture_output=True, text=True,
                                      env={**os.environ, "MAKEFLAGS": ""})
                self.assertEqual(done.returncode, 0, done.stderr)
                archive = pathlib.Path(folder) / "libunicode.a"
                self.assertNotIn(".gnu.lto", readelf(archive, "-S"), flags)
                names = subprocess.run(["nm", "--defined-only", "-g", str(archive)], capture_output=True, text=True).stdout
                self.assertIn(" T unic_last_error\n", names)
                self.assertNotIn("unic__", names)

    def test_a_source_gives_the_same_bytes_in_another_directory(self):
        """Of one file; `make reproducible` compares everything."""
        made = []
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a", "another/and/longer"):
                copy = pathlib.Path(folder) / name
                copy.mkdir(parents=True)
                for part in ("Makefile", "lib", "include"):
                    source = ROOT / part
                    (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / part)
                subprocess.run(["make", "-s", "BUILD=build", "build/obj/lib/base/error.o"], cwd=copy, check=True,
                               capture_output=True, env={**os.environ, "CCACHE_DISABLE": "1", "MAKEFLAGS": ""})
                made.append((copy / "build/obj/lib/base/error.o").read_bytes())
        self.assertEqual(made[0], made[1])


if __name__ == "__main__":
    unittest.main()
