#!/usr/bin/env python3
"""docs/messages.md has the messages of lib/, and is told to be old where it is."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tempfile
import unittest
from typing import List

import messages
from messages import Format, Note, Page

SOURCE = r'''
/* unic__fail(UNIC_E_ARG, "a comment") */
#define UNIC__NAME "x.npz"
unic_status f(int n)
{
    if (n < 0)
        return unic__fail(UNIC_E_ARG, "%s: n is %d, "
                          "0 or more expected", __func__, n);
    if (n > (2, 3))
        return unic__fail(n == 7 ? status : UNIC_OK, "no \"" UNIC__NAME "\" in it (%5.1f %%)", ')', n);
    return unic__fail(UNIC_E_IO, "%s", other);
}
'''
KNOWN = [Format('%s: n is %d, 0 or more expected', "lib/api", "UNIC_E_ARG"),
         Format('no "x.npz" in it (%5.1f %%)', "lib/api", ""),
         Format(messages.NO_MEMORY, "lib/base", "UNIC_E_NOMEM")]
SEEN = [Note("UNIC_E_ARG", KNOWN[0].text, "unic_a: n is -1, 0 or more expected"),
        Note("UNIC_E_ARG", KNOWN[0].text, "unic_longer: n is -1, 0 or more expected"),
        Note("UNIC_E_ARG", KNOWN[0].text, "n: n is -1, 0 or more expected"),
        Note("UNIC_E_NOMEM", messages.NO_MEMORY, "out of memory (12 bytes for codes)")]


class Messages(unittest.TestCase):
    def said(self, known: List[Format], text: str) -> str:
        return "\n".join(messages.differences(known, Page.read(text)))

    def test_the_page_is_that_of_the_sources(self) -> None:
        done = subprocess.run([sys.executable, messages.__file__, "check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_sources(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "lib/api/f.c")
            path.parent.mkdir(parents=True)
            path.write_text(SOURCE)
            self.assertEqual(messages.formats(pathlib.Path(folder)), KNOWN)

    def test_patterns(self) -> None:
        fits = messages.pattern("%s: %zu of %lld%% at %.3g is `%c` (%-4s)").fullmatch
        self.assertTrue(fits("call: model.npz: 3 of -4% at 1.5e-07 is `x` (ab  )"))
        self.assertFalse(fits("model.npz: x of -4% at 1.5e-07 is `x` (ab  )"))

    def test_page(self) -> None:
        text = messages.page(SEEN, KNOWN, Page())
        self.assertIn("- `unic_a: n is -1, 0 or more expected` (also `unic_longer`)\n", text)
        self.assertIn("- `... out of memory (12 bytes for codes)`\n", text)
        self.assertIn("1 of 3 formats; each wants a test.\n\n- `no \"x.npz\" in it (%5.1f %%)` in `lib/api`\n", text)
        self.assertEqual(self.said(KNOWN, text), "")
        for call, shown, other in (("unic_longer", "unic_longer", "unic_a"), ("... n", "unic_a", "unic_longer")):
            before = text.replace("`unic_a: n is -1", f"`{call}: n is -1")
            self.assertIn(f"- `{shown}: n is -1, 0 or more expected` (also `{other}`)",
                          messages.page(SEEN, KNOWN, Page.read(before)))

    def test_a_part_of_the_tests(self) -> None:
        text = messages.page(SEEN, KNOWN, Page())
        more = Note("UNIC_E_SHAPE", KNOWN[1].text, 'no "x.npz" in it (  1.5 %)')
        longer = messages.page([more], KNOWN, Page.read(text), part=True)
        self.assertEqual(longer, messages.page([*SEEN, more], KNOWN, Page()))
        self.assertNotIn("unic_a", messages.page([more], KNOWN, Page.read(text)))

    def test_what_makes_a_page_old(self) -> None:
        text = messages.page(SEEN, KNOWN, Page())
        new = Format("%s: m is %d", "lib/api", "UNIC_E_ARG")
        self.assertEqual(self.said([*KNOWN, new], text), "lib/api: not on the page: %s: m is %d")
        other = [new, *KNOWN[1:]]
        self.assertIn("lib/api: no format makes this UNIC_E_ARG: unic_a: n is -1", self.said(other, text))
        self.assertIn("lib/api: no format makes", self.said([KNOWN[0]._replace(status="UNIC_E_IO"), *KNOWN[1:]], text))
        self.assertEqual(self.said([KNOWN[0], KNOWN[2]], text), 'lib/api: gone: no "x.npz" in it (%5.1f %%)')
        line = "1 of 3 formats; each wants a test.\n"
        for wrong in (2 * line, line.replace("3", "2"), ""):
            self.assertIn("not provoked: the page says", self.said(KNOWN, text.replace(line, wrong)))

    def test_folders_of_the_tests_are_left_out(self) -> None:
        for given, left in (("unic_a: /tmp/io.1/x.npz: not in 1/2 or a/b", "unic_a: x.npz: not in 1/2 or a/b"),
                            ("build/tests/file/small.123.x.npz: ends", "x.npz: ends"),
                            ("unic_a: /proc/self/fd/4: is `x`", "unic_a: a-file: is 'x'"),
                            ("no data/0, <name>/data.pkl", "no data/0, <name>/data.pkl")):
            self.assertEqual(messages.plain(given), left)


if __name__ == "__main__":
    unittest.main()
