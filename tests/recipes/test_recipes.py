#!/usr/bin/env python3
"""The recipes of docs/contributing.md: each worked example is a patch of this folder. All are applied, one after the
other, to a copy of the sources; the copy is built, the examples' tests run, and the files that each touches counted.

    test_recipes.py            what `make check` runs
    test_recipes.py --stat     what each recipe touches, as docs/contributing.md shows it
"""
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
HERE = pathlib.Path(__file__).resolve().parent
# In the order of the page; the most files, beside tests and docs, that a recipe may touch.
RECIPES = {"function": 3, "operator": 4, "term": 4, "task": 6, "kind": 5}
COPIED = ["Makefile", "lib", "include", "tests", "examples", "pkgconfig", "docs", "bindings"]


def touched(recipe):
    """The files of a recipe: those of the library, and its tests."""
    names = re.findall(r"^\+\+\+ b/(\S+)", (HERE / f"{recipe}.patch").read_text(), re.M)
    return [n for n in names if not n.startswith("tests/")], [n for n in names if n.startswith("tests/")]


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


class Recipes(unittest.TestCase):
    def test_each_touches_few_files(self):
        for recipe, most in RECIPES.items():
            sources, tests = touched(recipe)
            self.assertLessEqual(len(sources), most, f"{recipe}: {sources}")
            self.assertTrue(tests, f"{recipe} has no test")

    def test_each_is_on_the_page(self):
        page = (ROOT / "docs/contributing.md").read_text()
        for recipe in RECIPES:
            self.assertIn(f"`tests/recipes/{recipe}.patch`", page)
            for name in touched(recipe)[0] + touched(recipe)[1]:
                self.assertIn(f"`{name}`", page, f"{recipe} touches a file that its recipe does not name")

    def test_all_build_and_pass(self):
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            copy = pathlib.Path(folder)
            for name in COPIED:
                source = ROOT / name
                (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
            # What is built already need not be built again: modification times are kept.
            shutil.copytree(BUILD / "obj", copy / "build/obj", ignore=shutil.ignore_patterns("tests", "examples"))
            for recipe in RECIPES:
                run("patch", "-p1", "--no-backup-if-mismatch", "-i", HERE / f"{recipe}.patch", cwd=copy)
            programs = [re.sub(r"^tests/(.*)\.c$", r"build/tests/\1", name)
                        for recipe in RECIPES for name in touched(recipe)[1]]
            make = ["make", f"-j{os.cpu_count()}", "BUILD=build"]
            run(*make, "generate", "layers", cwd=copy)
            run(sys.executable, "tests/cpp/test_header.py", "Complete", cwd=copy)
            run(*make, *programs, cwd=copy)
            for program in programs:
                os.environ["CK_FORK"] = "no"
                self.assertIn("100%", run(copy / program, cwd=copy))


if __name__ == "__main__":
    if sys.argv[1:] == ["--stat"]:
        for name in RECIPES:
            print(f"{name}:")
            print(run("git", "apply", "--stat", HERE / f"{name}.patch", cwd=ROOT))
    else:
        unittest.main()
