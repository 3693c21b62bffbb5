"""libunicode.media without a file: what is refused before one is opened. tests/media has the rest."""
import pytest

import libunicode

try:
    from libunicode.media import Media
except ImportError:
    pytest.skip("libunicode-media is not built", allow_module_level=True)


def test_refused_settings(tmp_path):
    with pytest.raises(libunicode.ArgumentError, match="alpha is 'grey', 'white', 'black' or 'ignored' expected"):
        Media(tmp_path / "none.mp4", alpha="grey")
    with pytest.raises(libunicode.NotFoundError, match="none.mp4: No such file"):
        Media(tmp_path / "none.mp4")
