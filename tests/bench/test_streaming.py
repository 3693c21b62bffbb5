#!/usr/bin/env python3
"""When `make check-streaming` fails, which itself is too long for `make check`."""
import unittest

from streaming import verdict

MB = 1e6


class Verdict(unittest.TestCase):
    def test_the_speed_of_memory_or_of_the_disk_is_enough(self):
        self.assertEqual(verdict(0.95, 15 * MB, 1000 * MB, 1.3, 140 * MB), [])   # the model is the limit
        self.assertEqual(verdict(0.30, 92 * MB, 100 * MB, 1.0, 140 * MB), [])    # the disk is

    def test_less_than_both_is_not(self):
        wrong = verdict(0.89, 15 * MB, 1000 * MB, 1.3, 140 * MB)
        self.assertEqual(len(wrong), 1)
        self.assertIn("89 % of the speed in memory, and 2 % of the disk's rate", wrong[0])

    def test_memory_is_limited(self):
        self.assertIn("held 1000 MB", verdict(1.0, 15 * MB, 1000 * MB, 1.0, 1e9)[0])

    def test_what_was_not_read_was_not_tried(self):
        self.assertIn("50 % of the clips came from the disk", verdict(1.0, 15 * MB, 1000 * MB, 0.5, 140 * MB)[0])

    def test_everything_wrong_is_told(self):
        self.assertEqual(len(verdict(0.5, 15 * MB, 1000 * MB, 0.5, 2e9)), 3)


if __name__ == "__main__":
    unittest.main()
