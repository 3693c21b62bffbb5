#!/usr/bin/env python3
"""What is written from the headers: a header that is not understood is an error, and what is stale is noticed.

Shown on copies of the headers in which one thing is another.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import headers

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = ["lib/libunicode.map", "bindings/python/libunicode/_declarations.py", "tests/abi/layouts.h", "docs/api.md"]
BESIDE = ["lib/libunicode-media.map", "lib/libunicode-mpi.map", "bindings/python/libunicode/_media_declarations.py",
          "bindings/python/libunicode/_mpi_declarations.py", "tests/media/layouts.h"]
SIZE = r"(UNIC_API size_t unic_batch_clip_count\(const unic_batch \*batch\);)"


class Copy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        for name in ("include/unicode", "bindings/python/libunicode"):
            shutil.copytree(ROOT / name, self.root / name)
        for name in (*FILES, *BESIDE, "tests/abi/check_layout.c"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)

    def patch(self, name, before, after):
        path = self.root / name
        text = path.read_text()
        self.assertEqual(len(re.findall(before, text)), 1, f"{name} was expected to have {before!r} once")
        path.write_text(re.sub(before, after, text))

    def generate(self, command, status=0):
        done = subprocess.run([sys.executable, ROOT / "tests/abi/generate.py", command, "--root", self.root],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def refused(self, before, after, why, name="unic_array.h"):
        """A patched header is refused, for the reason and at the place given."""
        self.patch(f"include/unicode/{name}", before, after)
        for command in ("check", "write"):
            self.assertRegex(self.generate(command, status=1), why)
        shutil.copy(ROOT / "include/unicode" / name, self.root / "include/unicode" / name)


class Stale(Copy):
    def test_an_unchanged_tree_passes(self):
        self.assertIn("9 files as the headers say", self.generate("check"))

    def test_each_file_that_is_edited_is_noticed_and_mended(self):
        for name in FILES:
            text = (self.root / name).read_text()
            (self.root / name).write_text(text.replace("unic_array", "unic_heap"))
            self.assertIn(f"not what the headers say: {name}; run make generate", self.generate("check", status=1))
            self.assertEqual(self.generate("write").splitlines()[0], f"generate: written: {name}")
            self.assertEqual((self.root / name).read_text(), text)

    def test_a_new_function_is_everywhere(self):
        new = (r"\1\n\n/** The largest | batch. Since 0.2. */\n"
               r"UNIC_API unic_status unic_batch_largest(const unic_batch *const *batches, size_t n,\n"
               r"                                        unic_log_fn fn, const char *name, double *out);")
        self.patch("include/unicode/unic_array.h", SIZE, new)
        self.assertIn(", ".join(name for name in FILES if "layouts" not in name), self.generate("check", status=1))
        self.generate("write")
        symbols, python, page = ((self.root / name).read_text() for name in FILES if "layouts" not in name)
        self.assertTrue(symbols.endswith("UNIC_0.2 {\nglobal:\n    unic_batch_largest;\n} UNIC_0.1;\n"), symbols)
        self.assertIn('"unic_batch_largest": (Status, [POINTER(BATCH), c_size_t, LOG_FN, c_char_p, c_void_p]),\n',
                      python)
        self.assertIn("| `unic_batch_largest` | The largest \\| batch. |\n", page)
        self.assertRegex(page, r"does not use: `unic_batch_largest`, ")
        subprocess.run([sys.executable, self.root / FILES[1]], check=True)

    def test_a_struct_has_its_place_and_its_sizes(self):
        self.patch("include/unicode/unic_array.h", r"(    int64_t reserved\[4\];)",
                   r"    uint8_t kind[3]; void (*call)(int n);\n\1")
        self.assertIn("the sizes of unic_array end with 152, but it has 168 bytes", self.generate("write", status=1))
        table = self.root / "tests/abi/check_layout.c"
        table.write_text(table.read_text().replace("{152}", "{152, 168}"))
        self.generate("write")
        layouts, python = ((self.root / name).read_text() for name in (FILES[2], FILES[1]))
        self.assertIn("AT(unic_array, kind, 120);\nAT(unic_array, call, 128);\n"
                      "AT(unic_array, reserved, 136);\n", layouts)
        self.assertIn("c_uint8 * 3", python)
        table.write_text(re.sub(r'    \{"unic_draws".*\n', "", table.read_text()))
        self.assertIn("gives unic_draws to no function", self.generate("check", status=1))

    def test_the_markers_of_the_page(self):
        self.patch("docs/api.md", "<!-- end of what is written -->", "")
        self.assertIn("docs/api.md does not have the lines", self.generate("write", status=1))


NEW = r"\1\n/** X. Since 0.1. */\nUNIC_API int "


class Strict(Copy):
    def test_declarations_that_are_not_known(self):
        for after, why in (
                (r"\1\nint unic_other(void);", r"unic_array\.h:\d+: 'int' where UNIC_API, typedef or enum is expected"),
                (NEW + r"unic_x(unsigned long n);", r"'unsigned' where a type"),
                (NEW + r"unic_x(int n[4]);", r"no array"),
                (NEW + r"unic_x(int);", r"'\)' where a name is expected"),
                (NEW + r"unic_x(int n, ...);", r":\d+: unknown text: '\.\.\.\);"),
                (NEW + r"unic_x(int64_t_ n);", r"unic_x: n has a type.*: int64_t_"),
                (NEW + r"unic_x(unic_batch b);", r"unic_x: b has a .*: unic_batch"),
                (NEW + r"unic_x(unic_index *i);", r"unic_x: i has a .*: unic_index"),
                (NEW + r"other(int n);", r"other does not begin with unic_"),
                (r"\1\n/** X. Since 0.1. */\n\1", r"unic_batch_clip_count is declared in unic_array\.h too"),
                (r"\1\n/** X. */\nUNIC_API int unic_x(int n);", r"the comment of unic_x does not say \"Since"),
                (r"\1\nUNIC_API int unic_x(int n);", r"the comment of unic_x does not say \"Since"),
                (r"\1\ntypedef struct unic_x unic_x;", r"unic_x has no comment"),
                (r"\1\n/** X. */\ntypedef union unic_x { int n; } unic_x;", r"'unic_x' where '\(' is expected"),
                (r"\1\n#define UNIC_X (1 << 3)", r":\d+: unknown line: #define UNIC_X \(1 << 3\)"),
                (r"\1\n#define UNIC_X seven", r":\d+: UNIC_X is seven, not an integer"),
                (r"\1\n#include <stdio.h>", r":\d+: unknown line: #include <stdio\.h>"),
                (r"\1\n#pragma once", r":\d+: unknown line: #pragma once"),
                (r"\1\n}", r":\d+: '}' where UNIC_API")):
            with self.subTest(after):
                self.refused(SIZE, after, why)

    def test_structs_and_enums_that_are_not_known(self):
        for before, after, why in (
                (r"    size_t struct_size;  .*\n    const void", "    const void",
                 "where size_t struct_size, the first member of unic_array, is expected"),
                (r"int32_t dtype;", "unic_dtype dtype;", r"unic_array\.dtype is an enum"),
                (r"int32_t dtype;", "int32_t dtype : 4;", r":\d+: unknown text: ': 4;"),
                (r"int32_t dtype;", "int32_t dtype, rank;", r"',' where ';' is expected"),
                (r"int64_t dims\[UNIC_MAX_RANK\]", "int64_t dims[MANY]", r"unic_array\.dims has MANY elements"),
                (r"UNIC_U8 = 9", "UNIC_U8", r"'}' where a written value of UNIC_U8 is expected"),
                (r"UNIC_I64 = 4", "UNIC_I64 = UNIC_I32", r"'UNIC_I32' where the value of UNIC_I64"),
                (r"#define UNICODE_UNIC_ARRAY_H\n", "", r":1: the header is not within one include guard")):
            with self.subTest(after):
                self.refused(before, after, why)

    def test_comments_do_not_declare(self):
        self.patch("include/unicode/unic_array.h", SIZE, r"\1\n/* UNIC_API int unic_x(int n); */\n/* enum { A }; */")
        self.generate("check")

    def test_first_sentences(self):
        for comment, sentence in (("One. Two.", "One."), ("One of 0.5 kinds.\nTwo.", "One of 0.5 kinds."),
                                  ("An equation:\n\n    a = b. c\n\nMore.", "An equation."),
                                  ("An equation:\n  a = b\nMore.", "An equation."), ("One\ntwo. @return 3", "One two."),
                                  ("One\n@return 3", "One.")):
            self.assertEqual(headers.first_sentence(comment), sentence)


if __name__ == "__main__":
    unittest.main()
