"""libunicode.media without a file: what is refused before one is opened. tests/media has the rest."""
import io
import wave

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


def test_what_a_file_object_raises():
    """It comes out of the call that reads, damaged parts passed over or not."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2_000_000))

    class Breaks(io.BytesIO):
        broken = False

        def readinto(self, to):
            if self.broken:
                raise ConnectionError("the store is gone")
            return super().readinto(to)

    for skip in (False, True):
        file = Breaks(sound.getvalue())
        clip = Media(file, skip_damaged=skip)
        file.broken = True
        with pytest.raises(ConnectionError, match="the store is gone"):
            clip.sound()
    for size in ((5, 6, 7), (5,)):
        with pytest.raises(libunicode.ArgumentError, match="height, width. expected"):
            clip.frame_at(0, size)
    with pytest.raises(libunicode.ArgumentError, match="width is -3"):
        clip.frames([], (20, -3))
    with pytest.raises(TypeError, match="at is 'x'"):
        clip.frame_at("x", (5, 6))
