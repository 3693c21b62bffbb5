#!/usr/bin/env python3
"""What a packager and an application meet: a staged install, what is built on it with pkg-config's flags, uninstall."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
# Whether libunicode-media was built: it needs FFmpeg's libraries.
MEDIA = (BUILD / "libunicode-media.so").exists()
# Whether libunicode-mpi was: it needs mpicc.
MPI = (BUILD / "libunicode-mpi.so").exists()
HEADERS = sorted(p.name for p in (ROOT / "include/unicode").glob("unic*.h*")
                 if (MEDIA or p.name != "unic_media.h") and (MPI or p.name != "unic_mpi.h"))
PROGRAMS = sorted(p.stem for p in (ROOT / "examples/programs").glob("unic-*.c"))
# What a reader wants at hand, in the folders in which the pages name each other.
DOCUMENTS = sorted({"LICENSE", "README.md", "CHANGELOG.md", "lib/README.md"} | {
    str(p.relative_to(ROOT)) for pattern in ("docs/*.md", "docs/*.svg", "docs/*.png", "examples/api/*.*", "examples/api/*/*")
    for p in ROOT.glob(pattern) if p.is_file() and p.suffix != ".pyc"})
VERSION = re.search(r"^VERSION +:= (\S+)", (ROOT / "Makefile").read_text(), re.M).group(1)


def run(*command, status=0, **environment):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=ROOT,
                          env={**os.environ, **environment})
    assert done.returncode == status, f"{command} exits {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def make(*goals):
    run("make", "--no-print-directory", f"BUILD={BUILD}", *goals)


def tree(folder):
    """Every file and link, with what a link points to."""
    return {str(p.relative_to(folder)): os.readlink(p) if p.is_symlink() else p.read_bytes()
            for p in folder.rglob("*") if p.is_symlink() or p.is_file()}


class Staged(unittest.TestCase):
    """As a packager does it: PREFIX is where it will be, DESTDIR where it is put now."""

    LIBDIR = "/usr/lib/some-linux-gnu"

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.dest = pathlib.Path(self.folder.name)
        self.settings = [f"DESTDIR={self.dest}", "PREFIX=/usr", f"LIBDIR={self.LIBDIR}"]

    def tearDown(self):
        self.folder.cleanup()

    def test_what_is_installed(self):
        make("install", *self.settings)
        lib = self.LIBDIR[1:]
        wanted = {f"usr/include/unicode/{name}" for name in HEADERS}
        wanted |= {f"usr/bin/{name}" for name in PROGRAMS}
        wanted |= {f"usr/share/man/man1/{name}.1" for name in PROGRAMS}
        wanted |= {f"{lib}/{name}" for name in ("libunicode.a", "libunicode.so", "libunicode.so.0",
                                                f"libunicode.so.{VERSION}", "pkgconfig/unicode.pc",
                                                "cmake/unicode/unicode-config.cmake",
                                                "cmake/unicode/unicode-config-version.cmake")}
        if MEDIA:
            wanted |= {f"{lib}/{name}" for name in ("libunicode-media.so", "libunicode-media.so.0",
                                                    f"libunicode-media.so.{VERSION}", "pkgconfig/unicode-media.pc")}
        if MPI:
            wanted |= {f"{lib}/{name}" for name in ("libunicode-mpi.so", "libunicode-mpi.so.0",
                                                    f"libunicode-mpi.so.{VERSION}", "pkgconfig/unicode-mpi.pc")}
        wanted |= {f"usr/share/doc/libunicode/{name}" for name in DOCUMENTS}
        found = tree(self.dest)
        self.assertEqual(set(found), wanted)
        self.assertEqual(found[f"{lib}/libunicode.so"], "libunicode.so.0")
        self.assertEqual(found[f"{lib}/libunicode.so.0"], f"libunicode.so.{VERSION}")
        for name, data in found.items():
            path = self.dest / name
            if not path.is_symlink():
                runs = name.startswith("usr/bin/") or name.endswith(f".so.{VERSION}")
                self.assertEqual(path.stat().st_mode & 0o777, 0o755 if runs else 0o644, name)
            if name.endswith((".h", ".hpp", ".pc", ".cmake", ".1", ".md")):
                self.assertNotIn(bytes(self.dest), data, f"{name} has the staging folder in it")
            if name.endswith((".pc", ".cmake")):
                self.assertNotRegex(data.decode(), r"@[A-Z]+@", f"{name} has what is not filled in")

    def test_links_of_the_installed_pages_lead_somewhere(self):
        make("install", *self.settings, "DOCDIR=/usr/share/doc/another")
        folder = self.dest / "usr/share/doc/another"
        pages = [folder / name for name in DOCUMENTS if name.endswith(".md")]
        self.assertGreater(len(pages), 20)
        for page in pages:
            text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.S | re.M)
            for link in re.findall(r"\]\(([^)#\s]+)", text):
                if not re.match(r"\w+:", link):
                    self.assertTrue((page.parent / link).exists(), f"{page.name}: {link}")

    def test_uninstall_removes_that_and_no_more(self):
        others = {"usr/include/unicode/uchar.h": "ICU's", "usr/include/unicode/unistr.h": "ICU's",
                  f"{self.LIBDIR[1:]}/libicuuc.so.72": "ICU's", f"{self.LIBDIR[1:]}/libunicode.so.9": "another's",
                  f"{self.LIBDIR[1:]}/pkgconfig/icu-uc.pc": "ICU's", "usr/bin/unic": "another's",
                  "usr/share/man/man1/unic.1": "another's", "usr/share/doc/libunicode/docs/mine.md": "another's",
                  f"{self.LIBDIR[1:]}/cmake/icu/icu-config.cmake": "ICU's"}
        for name, text in others.items():
            (self.dest / name).parent.mkdir(parents=True, exist_ok=True)
            (self.dest / name).write_text(text)
        before = tree(self.dest)
        make("install", *self.settings)
        self.assertGreater(len(tree(self.dest)), len(before) + 20)
        make("uninstall", *self.settings)
        self.assertEqual(tree(self.dest), before)
        for folder, stays in ((f"{self.LIBDIR[1:]}/cmake", True), (f"{self.LIBDIR[1:]}/cmake/unicode", False),
                              ("usr/share/doc/libunicode/docs", True), ("usr/share/doc/libunicode/examples", False),
                              ("usr/share/doc/libunicode/lib", False), ("usr/include/unicode", True)):
            self.assertEqual((self.dest / folder).exists(), stays, folder)

    @unittest.skipUnless(shutil.which("pkg-config"), "no pkg-config")
    def test_the_flags_say_where_it_will_be(self):
        make("install", *self.settings)
        path = str(self.dest / self.LIBDIR[1:] / "pkgconfig")
        flags = run("pkg-config", "--cflags", "--libs", "unicode", PKG_CONFIG_PATH=path,
                    PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1", PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
        self.assertEqual(flags.split(), ["-I/usr/include", f"-L{self.LIBDIR}", "-lunicode"])
        self.assertEqual(run("pkg-config", "--modversion", "unicode", PKG_CONFIG_PATH=path).strip(), VERSION)


class Names(unittest.TestCase):
    """What folders may be called, and what make says of others; nothing is made or removed."""

    def make(self, *settings, goal="uninstall"):
        return subprocess.run(["make", "-n", "--no-print-directory", "HARDEN=no", f"BUILD={BUILD}", goal, *settings], cwd=ROOT, text=True,
                              capture_output=True, env={**os.environ, "MAKEFLAGS": ""})

    def test_what_would_be_taken_otherwise_is_refused(self):
        for setting, what in (("PREFIX=/opt/a b", "a folder without blanks"), ("DESTDIR=/tmp/a b", "a folder without blanks"),
                              ("BUILD=a b", "a folder without blanks"), ("PREFIX=/opt/R&D", "a folder without &"),
                              ("DESTDIR=/tmp/a;b", "a folder without ;"), ("PREFIX=/opt/a|b", "a folder without |"),
                              ("PREFIX=/opt/$$b", "a folder without $"), ("LIBDIR=/usr/a,b", "a folder without ,"),
                              ("PREFIX=here", "an absolute path"), ("LIBDIR=lib64", "an absolute path"),
                              ("PREFIX=~/here", "an absolute path"), ("MANDIR=man", "an absolute path"),
                              ("LIBDIR=", "an absolute path"), ("BUILD=", "a folder expected"), ("BUILD=a:b", "a folder without :"),
                              ("BUILD=/a%b", "a folder without %")):
            done = self.make(setting)
            name, value = setting.replace("$$", "$").split("=")
            self.assertEqual((done.returncode, done.stdout), (2, ""), setting)
            self.assertIn(f'*** {name} = "{value}": {what}', done.stderr)
        done = self.make("prefix=/usr")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("*** prefix=/usr is not read: its name here is in capitals, as PREFIX", done.stderr)

    def test_what_is_taken(self):
        for settings, wanted in ((["DESTDIR=/build/x-0.1~rc1+b@2=3,4:5%/é", "PREFIX=/usr"],
                                  "/build/x-0.1~rc1+b@2=3,4:5%/é/usr/include/unicode/unic.h"),
                                 (["DESTDIR=stage", "PREFIX="], "stage/include/unicode/unic.h"),
                                 (["PREFIX=/usr", "INCLUDEDIR=${prefix}/inc"], "/usr/inc/unicode/unic.h")):
            done = self.make(*settings)
            self.assertEqual((done.returncode, done.stderr), (0, ""), settings)
            self.assertEqual(done.stdout.split()[2], wanted)

    def test_silent_and_verbose(self):
        for settings, says, shows in (([], True, False), (["V=0"], True, False), (["V=1"], True, True), (["-s"], False, False)):
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(["make", "HARDEN=no", f"BUILD={folder}", f"{folder}/obj/lib/base/error.o", *settings],
                                      cwd=ROOT, text=True, capture_output=True, env={**os.environ, "MAKEFLAGS": ""})
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("  CC    lib/base/error.c\n" in done.stdout, says, settings)
            self.assertEqual("-std=c11" in done.stdout, shows, settings)

    def test_the_sources_may_stand_anywhere(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "my sources é"
            copy.mkdir()
            for part in ("Makefile", "lib", "include", "pkgconfig"):
                (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, copy / part)
            subprocess.run(["make", "-s", "HARDEN=no", "BUILD=build", "build/obj/lib/base/error.o", "build/unicode.pc"],
                           cwd=copy, check=True, capture_output=True, env={**os.environ, "MAKEFLAGS": ""})
            self.assertNotIn("my sources".encode(), (copy / "build/obj/lib/base/error.o").read_bytes())


@unittest.skipUnless(shutil.which("pkg-config"), "no pkg-config")
class Prefix(unittest.TestCase):
    """As a user does it: a prefix of their own, and applications built on it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.prefix = cls.dir / "prefix"
        make("install", f"PREFIX={cls.prefix}")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def flags(self, *options, prefix=None):
        path = f"{prefix or self.prefix}/lib/pkgconfig"
        return run("pkg-config", "--cflags", "--libs", *options, "unicode", PKG_CONFIG_PATH=path).split()

    def build(self, source, flags):
        out = self.dir / "consumer"
        compiler = ["c++", "-std=c++17"] if source.suffix == ".cc" else ["cc", "-std=c11"]
        run(*compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", out, source, *flags)
        return out

    def check(self, flags, **environment):
        c = self.build(HERE / "consumer/consumer.c", flags)
        self.assertEqual(run(c, **environment), "0 1\n")
        needed = run("readelf", "-d", c)
        if shutil.which("c++"):
            cc = self.build(HERE / "consumer/consumer.cc", flags)
            said = run(cc, **environment)
            self.assertIn("1 step; consumer:1: ema.decay = 1.2 is out of range", said)
        return "libunicode.so" in needed

    def test_shared(self):
        self.assertNotIn("-lz", self.flags())
        self.assertTrue(self.check(self.flags(), LD_LIBRARY_PATH=str(self.prefix / "lib")))

    def test_what_readme_says(self):
        """Its program and its command, with a prefix that no dynamic linker knows."""
        page = (ROOT / "README.md").read_text()
        (self.dir / "encode.c").write_text(re.search(r"<!-- file: encode.c -->\n```c\n(.*?)^```", page, re.S | re.M).group(1))
        command = re.search(r"^```sh\n(cc encode\.c .*?)\./encode\n```", page, re.S | re.M).group(1)
        done = subprocess.run(
            ["sh", "-e", "-c", f"{command}./encode"], cwd=self.dir, text=True, capture_output=True,
            env={**{name: text for name, text in os.environ.items() if name != "LD_LIBRARY_PATH"},
                 "PKG_CONFIG_PATH": f"{self.prefix}/lib/pkgconfig"})
        self.assertEqual((done.returncode, done.stdout), (1, ""))    # there is no model.npz, as the library says
        self.assertIn("unic_model_open: model.npz", done.stderr)
        self.assertIn(f"[{self.prefix}/lib]", run("readelf", "-d", self.dir / "encode"))

    def test_static(self):
        static = self.dir / "static"  # the same without the shared library, which a linker would take first
        shutil.copytree(self.prefix, static, symlinks=True)
        for path in (static / "lib").glob("libunicode.so*"):
            path.unlink()
        flags = self.flags("--static", "--define-prefix", prefix=static)
        self.assertIn(f"-I{static}/include", flags)
        self.assertFalse(self.check(flags, LD_LIBRARY_PATH="/nowhere"))

    def test_an_application_may_have_names_like_the_internal_ones(self):
        source = self.dir / "names.c"
        source.write_text("#include <unicode/unic.h>\nint unic__fail(void);\n"
                          "int unic__fail(void)\n{\n    return 0;\n}\n"
                          "int main(void)\n{\n    return unic__fail() + (unic_get_threads() != 1);\n}\n")
        flags = [flag.replace("-lunicode", "-l:libunicode.a") for flag in self.flags("--static")]
        run(self.build(source, flags))

    def test_programs_find_their_library(self):
        for name in PROGRAMS:
            said = run(self.prefix / "bin" / name, "--version")
            self.assertEqual(said, f"{name} (libunicode) {VERSION}\n")
        os.rename(self.prefix, self.dir / "moved")
        try:
            run(self.dir / "moved/bin" / PROGRAMS[0], "--version")
        finally:
            os.rename(self.dir / "moved", self.prefix)

    def test_manual_pages(self):
        for name in PROGRAMS:
            page = (self.prefix / f"share/man/man1/{name}.1").read_text()
            self.assertTrue(page.startswith(f".TH {name.upper()} ".replace("-", "\\-")), page[:80])
            said = run(self.prefix / "bin" / name, "--help")
            options = re.findall(r"^  (--[\w-]+)", said, re.M)
            self.assertGreaterEqual(len(options), 2)
            for option in options:
                self.assertIn(f".B {option}".replace("-", "\\-"), page)
            for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", '"EXIT STATUS"'):
                self.assertEqual(page.count(f".SH {section}\n"), 1, f"{name}: {section}")
            if shutil.which("groff"):
                done = subprocess.run(["groff", "-man", "-ww", "-Tascii"], input=page, text=True, capture_output=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""), name)


if __name__ == "__main__":
    unittest.main()
