"""Class maps: labels translated, texts and files that are refused."""

from __future__ import annotations

import libunicode as lu
import numpy as np
from helpers import Fixture, in_threads, raises

TEXT = """# theirs = ours
PlayingCello = playing cello
Cello=playing cello         # the same
Écrire = writing
"""
THEIRS, OURS = ["Archery", "PlayingCello", "Cello", "Écrire"], ["writing", "running", "playing cello"]


def kinds() -> lu.ClassMap:
    return lu.ClassMap(TEXT, THEIRS, OURS)


def test_classes() -> None:
    made = kinds()
    assert [made.get(c) for c in range(-1, 5)] == [-1, -1, 2, 2, 0, -1]
    translated = made.classes([[0, 1, 2], [3, -1, 1]])
    assert translated.tolist() == [[-1, 2, 2], [0, -1, 2]] and translated.dtype == np.int32
    assert made.classes(np.empty((0, 3), int)).shape == (0, 3) and made.classes(1) == 2
    assert repr(made) == "<libunicode.ClassMap: 4 classes of theirs to 3 of ours>"
    numbered = lu.ClassMap("0 = 5\n3 = 1\n", 4, np.int64(6))
    assert numbered.classes([0, 1, 2, 3]).tolist() == [5, -1, -1, 1]


def test_steps() -> None:
    made = kinds()
    rows = np.array([[0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, -1, 1, 0]])
    wanted = [[0, 0, 1], [0, 0, 0], [-1, -1, -1], [1, 0, 0], [-1, -1, -1]]
    assert made.steps(rows).tolist() == wanted and made.steps(rows[0]).tolist() == wanted[0]
    assert made.steps(rows[None]).shape == (1, 5, 3) and made.steps(rows[:0]).shape == (0, 3)


def test_files(f: Fixture) -> None:
    path = f.folder / "theirs.txt"
    path.write_text(TEXT, encoding="utf-8")
    assert lu.ClassMap.load(path, THEIRS, OURS).classes(range(4)).tolist() == kinds().classes(range(4)).tolist()
    path.write_text("Cello = playing chello\n")
    raises(lu.NotFoundError, "theirs.txt:1: ", lambda: lu.ClassMap.load(path, THEIRS, OURS))
    raises(lu.NotFoundError, "nowhere.txt", lambda: lu.ClassMap.load(f.folder / "nowhere.txt", THEIRS, OURS))


def test_refused() -> None:
    made = kinds()
    for error, text, call in (
            (lu.NotFoundError, "playing cello", lambda: lu.ClassMap("Cello = playing chello", THEIRS, OURS)),
            (lu.NotFoundError, "Violin", lambda: lu.ClassMap("\nViolin = writing", THEIRS, OURS)),
            (lu.FormatError, "2: ", lambda: lu.ClassMap("Cello = writing\nCello = writing\n", THEIRS, OURS)),
            (lu.FormatError, "1: ", lambda: lu.ClassMap("Cello", THEIRS, OURS)),
            (lu.FormatError, "", lambda: lu.ClassMap("Cello\0 = writing", THEIRS, OURS)),
            (lu.ArgumentError, "zero byte", lambda: lu.ClassMap(TEXT, ["a\0b"], OURS)),
            (lu.ArgumentError, "theirs is 0", lambda: lu.ClassMap("", 0, OURS)),
            (lu.ArgumentError, "our", lambda: lu.ClassMap("", THEIRS, [])),
            (lu.ArgumentError, "", lambda: lu.ClassMap("", ["a", "a"], OURS)),
            (TypeError, "several names", lambda: lu.ClassMap("", "Cello", OURS)),
            (lu.DataError, "label 4", lambda: made.classes([4])),
            (lu.DataError, "label -2", lambda: made.classes([-2])),
            (lu.DataError, "integers", lambda: made.classes([0.5])),
            (lu.DataError, "label 2", lambda: made.steps([[0, 0, 0, 2]])),
            (lu.ShapeError, "(..., 4) expected", lambda: made.steps([[0, 0, 0]])),
            (lu.ShapeError, "(..., 4) expected", lambda: made.steps(1)),
            (lu.ArgumentError, "theirs is", lambda: made.get(2**31))):
        raises(error, text, call)
    with made:
        pass
    raises(lu.StateError, "the class map is closed", lambda: made.classes([0]))
    assert "closed" in repr(made)


def test_threads() -> None:
    made, labels = kinds(), np.arange(1000) % 4
    wanted = made.classes(labels)

    def work(_: int) -> None:
        assert all(np.array_equal(made.classes(labels), wanted) for _ in range(100))

    in_threads(work)
