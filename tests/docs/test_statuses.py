#!/usr/bin/env python3
"""The comment of every exported function lists the statuses that the function returns.

What a function returns is known from three places: the checks that its own body makes (lib/api), a call that writes or
opens a file, and docs/messages.md, which has the calls that gave each message in the tests. A comment lists the statuses
after "@return"; "as unic_x()" and "the same as unic_x()" take over what that function's comment lists.
"""
import collections
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/abi"))
import headers

STATUS = re.compile(r"UNIC_E_[A-Z]+")
# What a function's body has, and the statuses that follow from it.
CHECKS = {r"UNIC__(REQUIRE|TAKE|REQUIRE_SIZE)\(": {"UNIC_E_ARG"},
          r"UNIC__HOLD(_SHARED)?\(": {"UNIC_E_STATE"},
          r"UNIC__TO_FILE\(": {"UNIC_E_IO", "UNIC_E_NOTFOUND", "UNIC_E_NOMEM"},
          r"unic__opening_file\(": {"UNIC_E_IO", "UNIC_E_NOTFOUND", "UNIC_E_NOMEM", "UNIC_E_CANCELLED"},
          r"unic__stack_prepare\(": {"UNIC_E_NOMEM"}}
# Where the comment says that a function of the caller's, or an earlier call, decides.
DECIDED = re.compile(r"(read_at\(\)( of [^.;]*)?|functions) returned|status of the first call that failed")
SAME = re.compile(r"\bas (unic_\w+\(\)(?: and unic_\w+\(\))*)")


def bodies():
    """The text of each exported function of lib/api."""
    found = {}
    for path in sorted((ROOT / "lib/api").glob("*.c")):
        for match in re.finditer(r"^unic_status (unic_\w+)\(.*?^\}", path.read_text(), re.M | re.S):
            found[match.group(1)] = match.group()
    return found


def noted():
    """Of each call the statuses that it had in the tests, as docs/messages.md tells."""
    found, status = collections.defaultdict(set), None
    for line in (ROOT / "docs/messages.md").read_text().splitlines():
        heading = re.match(r"## `(UNIC_E_\w+)`", line)
        status = heading.group(1) if heading else status
        if line.startswith("- `"):
            also = re.search(r"\(also (`unic_.*)\)$", line)
            for call in re.findall(r"- `(unic_\w+):", line) + re.findall(r"`(unic_\w+)`", also.group(1) if also else ""):
                found[call].add(status)
    return found


class Statuses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.comments, cls.files = {}, {}
        for header in headers.read().headers:
            text = (headers.INCLUDE / header.name).read_text()
            for d in header.declarations:
                if d.kind == "function" and d.result.base == "unic_status":
                    cls.comments[d.name] = " ".join(d.comment.split())
                    cls.files[d.name] = re.search(r"/\*\*\s+\* @file.*?\*/", text, re.S).group()

    def listed(self, name, seen=()):
        comment = self.comments[name]
        found = set(STATUS.findall(comment))
        if "as all of this file" in comment:
            found |= set(STATUS.findall(self.files[name]))
        for other in re.findall(r"unic_\w+", " ".join(SAME.findall(comment))):
            if other in self.comments and other not in (name, *seen):
                found |= self.listed(other, (name, *seen))
        return found

    def test_every_comment_says_what_is_returned(self):
        self.assertGreater(len(self.comments), 100)
        for name, comment in self.comments.items():
            with self.subTest(name):
                self.assertTrue("@return" in comment or SAME.search(comment), "no @return")

    def test_what_the_body_checks_is_listed(self):
        texts = bodies()
        for name in self.comments:
            for pattern, statuses in CHECKS.items():
                if re.search(pattern, texts.get(name, "")):
                    with self.subTest(name):
                        self.assertEqual(statuses - self.listed(name), set(), "not in its comment")

    def test_what_the_tests_met_is_listed(self):
        calls = noted()
        self.assertGreater(len(calls), 50)
        for name in self.comments:
            if not DECIDED.search(self.comments[name]):
                with self.subTest(name):
                    self.assertEqual(calls[name] - self.listed(name), set(), "not in its comment")


if __name__ == "__main__":
    unittest.main()
