"""A plugin of pytest: notes what the Python binding itself raises, for docs/messages.md (`make messages`)."""

from __future__ import annotations

import atexit
import json
import os
import pathlib
import sys
from typing import Any, Set, Tuple

_noted: Set[Tuple[int, str]] = set()


def pytest_collection_finish() -> None:
    """The tests have imported the binding."""
    import libunicode
    package = str(pathlib.Path(libunicode.__file__).parent)

    def __init__(self: Any, *given: Any) -> None:
        BaseException.__init__(self, *given)
        frame = sys._getframe(1)
        by = frame.f_code.co_filename
        if by.startswith(package) and not by.endswith("_errors.py"):        # that makes those of the library
            _noted.add((type(self).status, str(given[0])))

    libunicode.Error.__init__ = __init__        # type: ignore[method-assign]


@atexit.register
def _write() -> None:
    if not os.environ.get("UNIC_MESSAGES") or not _noted:
        return
    path = pathlib.Path(os.environ["UNIC_MESSAGES"] + ".python")
    before = {(status, message) for status, message in json.loads(path.read_text())} if path.exists() else set()
    path.write_text(json.dumps(sorted(before | _noted)))        # of several runs
