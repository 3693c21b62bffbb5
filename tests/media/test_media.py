#!/usr/bin/env python3
"""libunicode-media on real files, which the program ffmpeg makes here: sound, frames, their times, what is damaged."""
import ctypes
import io
import os
import pathlib
import re
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import zlib

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("BUILD", "build")).resolve()
if not (BUILD / "libunicode-media.so").exists() or not shutil.which("ffmpeg"):
    print("skipped: tests/media/test_media.py: no libunicode-media, or no ffmpeg to make files with")
    sys.exit(0)
os.environ["LIBUNICODE"] = str(BUILD / "libunicode.so")
sys.path.insert(0, str(ROOT / "bindings/python"))

import libunicode  # noqa: E402 (the lines above say which)
from libunicode.media import Media  # noqa: E402

FOLDER = tempfile.TemporaryDirectory()
DIR = pathlib.Path(FOLDER.name)
SIZE = (24, 32)
ENCODERS = subprocess.run(["ffmpeg", "-hide_banner", "-encoders"], capture_output=True, text=True).stdout
# A frame's number as its colour: grey 4 n + 20, which survives every codec to within a few.
NUMBERED = "color=black:s=64x48:r={rate}:d={seconds},geq=lum='4*N+20':cb=128:cr=128"
LIMITED = {"-pix_fmt": "yuv420p"}


def ffmpeg(name, *arguments):
    path = DIR / name
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments), "-fflags", "+bitexact", path], check=True)
    return path


def film(name, *arguments, seconds=2, rate=20, sound=True):
    source = ["-f", "lavfi", "-i", NUMBERED.format(rate=rate, seconds=seconds)]
    tone = ["-f", "lavfi", "-i", f"sine=500:d={seconds}:r=44100"] if sound else []
    return ffmpeg(name, *source, *tone, "-pix_fmt", "yuv420p", *arguments)


def sine(name, *arguments, frequency=500, seconds=2, rate=44100):
    return ffmpeg(name, "-f", "lavfi", "-i", f"aevalsrc=0.5*sin(2*PI*{frequency}*t):d={seconds}:s={rate}", *arguments)


def tone_of(samples, rate):
    """The frequency and the amplitude of a sine, without its ends."""
    x = samples[rate // 10:-rate // 10].astype(float)
    spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x))))
    return spectrum.argmax() * rate / len(x), np.sqrt(2 * np.mean(x * x))


def times_of(path):
    """What ffprobe says of the frames' times, from the file's start on."""
    def said(entries):
        out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", entries, "-of", "csv=p=0",
                              path], capture_output=True, text=True).stdout
        return np.array([float(line.strip(",").replace("N/A", "nan")) for line in out.split()])

    return said("frame=best_effort_timestamp_time") - np.fmax(0, said("format=start_time")[0])


def number_of(frame):
    """The number that a frame's colour codes: the matrix of limited range gives (Y - 16) 255 / 219."""
    return round((frame.mean() * 219 / 255 + 16 - 20) / 4)


class Sound(unittest.TestCase):
    def check(self, path, rate=16000, amplitude=0.5, within=0.02, seconds=2, frequency=500):
        with Media(path) as media:
            self.assertTrue(media.has_sound)
            samples = media.sound(rate)
        self.assertLess(abs(len(samples) / rate - seconds), 0.1 if path.suffix == ".wma" else 0.08, path.name)
        found, level = tone_of(samples, rate)
        self.assertLess(abs(found - frequency), 2, path.name)
        self.assertLess(abs(level - amplitude), within * amplitude, path.name)

    def test_every_depth_of_wav(self):
        for codec in ("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"):
            self.check(sine(f"{codec}.wav", "-c:a", codec))

    def test_every_rate_from_and_to(self):
        for rate in (8000, 11025, 16000, 22050, 44100, 48000, 96000):
            path = sine(f"r{rate}.wav", rate=rate)
            for to in (8000, 16000, 44100):
                self.check(path, rate=to, within=0.005)

    def test_no_resampling_changes_no_sample(self):
        path = sine("exact.wav", "-c:a", "pcm_s16le", rate=16000)
        stored = np.frombuffer(path.read_bytes()[-2 * 32000:], "<i2") / 32768
        np.testing.assert_array_equal(Media(path).sound(), stored.astype(np.float32))

    def test_channels_are_averaged(self):
        for channels in (1, 2, 3, 4, 6, 8):
            # channel c is a constant c + 1 tenths of full scale
            path = ffmpeg(f"c{channels}.wav", "-f", "lavfi", "-i",
                          "aevalsrc=" + "|".join(f"{(c + 1) / 10}" for c in range(channels)) + ":d=0.5:s=16000",
                          "-c:a", "pcm_f32le")
            samples = Media(path).sound()
            np.testing.assert_allclose(samples, np.mean([(c + 1) / 10 for c in range(channels)]), atol=1e-6)

    def test_containers(self):
        for name, encoder, *arguments in (
                ("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.ogg", "libvorbis"), ("a.opus", "libopus"),
                ("a.m4a", " aac"), ("a.aiff", "pcm_s16be"), ("a.mka", "flac"), ("a.ac3", " ac3"), ("a.wma", "wmav2")):
            if encoder in ENCODERS:
                self.check(sine(name, *arguments), within=0.1)

    def test_5_1_of_a_film(self):
        path = ffmpeg("six.mp4", "-f", "lavfi", "-i", "aevalsrc=" + "|".join(["0.5*sin(1000*PI*t)"] * 6) +
                      ":d=2:s=48000:c=5.1", "-b:a", "512k")
        with Media(path) as media:
            self.assertEqual(media.streams[0].channels, 6)
            found, level = tone_of(media.sound(16000), 16000)
        self.assertLess(abs(found - 500), 2)
        self.assertLess(abs(level - 5 / 12), 0.05)       # the sixth channel is for low frequencies

    def test_blocks_are_the_whole(self):
        path = sine("blocks.mp3")
        with Media(path) as media:
            whole = media.sound(16000)
            for block in (1, 7, 1000, 10**6):
                short = whole[:20000] if block == 1 else whole
                parts = []
                for part in media.sound_blocks(16000, block):
                    parts.append(part)
                    if block == 1 and len(parts) == len(short):
                        break
                np.testing.assert_array_equal(np.concatenate(parts), short)

    def test_rate_and_channels_change_inside(self):
        """Two files in one, as radio streams are: the second has another rate and two channels."""
        for name, encoder, *more in (("a.mp3", "libmp3lame", "-write_xing", 0, "-id3v2_version", 0), ("a.ogg", "libvorbis")):
            if encoder not in ENCODERS:
                continue
            parts = [sine(f"{n}{name}", "-c:a", encoder, "-ac", n, *more, rate=rate).read_bytes()
                     for n, rate in ((1, 44100), (2, 48000))]
            samples = Media(b"".join(parts)).sound(16000)
            self.assertLess(abs(len(samples) / 16000 - 4), 0.2, name)
            for part, level in ((samples[:32000], 0.5), (samples[-32000:], 0.5 / 2**0.5)):
                found, amplitude = tone_of(part, 16000)
                self.assertLess(abs(found - 500), 2)
                self.assertLess(abs(amplitude - level), 0.1 * level)

    def test_late_sound_keeps_its_time(self):
        path = ffmpeg("late.mkv", "-f", "lavfi", "-i", NUMBERED.format(rate=20, seconds=3), "-itsoffset", "1", "-f", "lavfi",
                      "-i", "aevalsrc=0.5:d=1:s=16000", "-c:a", "pcm_s16le")
        samples = Media(path).sound(16000)
        self.assertEqual(len(samples), 32000)
        self.assertTrue((samples[:15990] == 0).all() and (samples[16010:] > 0.49).all())

    def test_a_stream_of_transport_begins_at_0(self):
        if "mpeg2video" in ENCODERS:
            path = film("t.ts", "-c:v", "mpeg2video", "-c:a", "mp2")
            with Media(path) as media:
                self.assertLess(abs(media.frame_times()[0]), 0.1)
                self.assertLess(abs(len(media.sound(16000)) / 16000 - 2), 0.1)

    def test_stamps_that_run_over(self):
        """Transport streams count to 2^33 and begin anew: what begins shortly before is all there, from time 0 on."""
        if "mpeg2video" not in ENCODERS:
            return
        plain = film("plain.ts", "-c:v", "mpeg2video", "-q:v", 2, "-g", 5, "-c:a", "mp2")
        over = 2**33 / 90000
        for name, before in (("o.ts", 0.6), ("o.ts", 1.9), ("o.mpg", 0.6), ("o.mpg", 1.9)):
            delay = 1.4 if name == "o.ts" else 0
            path = ffmpeg(name, "-i", plain, "-c", "copy", "-output_ts_offset", over - delay - before)
            with Media(path) as media, Media(plain) as wanted:
                np.testing.assert_allclose(media.frame_times(), wanted.frame_times(), atol=0.051)   # a .mpg does not say all
                self.assertEqual([number_of(media.frame_at(t, SIZE)[1]) for t in (1.99, 0.08, 1.08)], [39, 1, 21 if name == "o.ts" else 20], (name, before))
                self.assertLess(abs(len(media.sound(16000)) - len(wanted.sound(16000))), 400, (name, before))

    def test_no_sound(self):
        with Media(film("silent.mp4", sound=False)) as media:
            self.assertFalse(media.has_sound)
            with self.assertRaisesRegex(libunicode.NotFoundError, "silent.mp4: it has no sound"):
                media.sound(16000)
            self.assertEqual(len(media.frame_times()), 40)

    def test_a_cover_picture_is_no_film(self):
        picture = ffmpeg("cover.png", "-f", "lavfi", "-i", "testsrc=s=64x64:d=1", "-frames:v", 1)
        path = ffmpeg("cover.mp3", "-i", sine("plain.wav"), "-i", picture, "-map", "0:a", "-map", "1:v", "-c:v", "copy",
                      "-disposition:v", "attached_pic", "-metadata", "title=A name")
        with Media(path) as media:
            self.assertFalse(media.has_frames)
            self.assertEqual(media.tags["title"], "A name")
            with self.assertRaisesRegex(libunicode.NotFoundError, "no frames"):
                media.frame_at(0, SIZE)


class Frames(unittest.TestCase):
    CODECS = (("n.mp4", "libx264", []), ("n.mov", "libx264", ["-bf", "3", "-g", "12"]), ("n.mkv", "libx264", ["-g", "300"]),
              ("n.webm", "libvpx-vp9", ["-b:v", "500k"]), ("n8.webm", "libvpx", ["-b:v", "500k"]),
              ("n.avi", "mpeg4", ["-q:v", "2"]), ("nb.avi", "mpeg4", ["-bf", "2", "-q:v", "2"]), ("n.gif", " gif", ["-pix_fmt", "gray"]),
              ("n5.mp4", "libx265", ["-x265-params", "log-level=none"]), ("n.mpg", "mpeg1video", ["-q:v", "2"]),
              ("m.avi", "mjpeg", []), ("n.nut", "ffv1", []))

    def test_every_codec_in_any_order(self):
        """40 frames of 20 a second; each found by its time, in three orders."""
        order = np.random.default_rng(0).permutation(40)
        for name, encoder, settings in self.CODECS:
            if encoder not in ENCODERS:
                continue
            rate = 25 if name.endswith("mpg") else 20
            sound = not name.endswith((".gif", ".mpg")) and encoder != "ffv1"
            path = film(name, "-c:v", encoder.strip(), *settings, sound=sound, rate=rate, seconds=40 / rate)
            with Media(path) as media:
                times = media.frame_times()
                self.assertEqual(len(times), 40, name)
                said = times_of(path)
                known = ~np.isnan(said)
                self.assertGreater(known.sum(), 38, name)
                np.testing.assert_allclose(times[known], said[known], atol=2e-6, err_msg=name)
                if not name.endswith(("avi", "mpg")):       # ffmpeg leaves gaps in these
                    np.testing.assert_allclose(times - times[0], np.arange(40) / rate, atol=1.1e-3, err_msg=name)
                for numbers in (range(40), range(39, -1, -1), order):
                    for n in numbers:
                        begins, frame = media.frame_at(times[n], SIZE)
                        self.assertEqual((begins, number_of(frame)), (times[n], n), name)
                begins, frame = media.frame_at(times[7] + 0.6 / rate, SIZE)     # between two
                self.assertEqual((begins, number_of(frame)), (times[7], 7), name)
                self.assertEqual(media.frame_at(-5, SIZE)[0], times[0])
                self.assertEqual(media.frame_at(1e6, SIZE)[0], times[-1])

    def test_far_seeks_are_exact(self):
        """A long film with few key frames: seeking and reading on give the same frames."""
        path = ffmpeg("long.mp4", "-f", "lavfi", "-i", "testsrc=s=64x48:r=10:d=120", "-c:v", "libx264", "-g", 150, "-bf", 3,
                      "-pix_fmt", "yuv420p")
        wanted = [float(t) for t in np.random.default_rng(1).uniform(0, 120, 12)]
        with Media(path) as media, Media(path) as other:
            in_order = {t: media.frame_at(t, SIZE) for t in sorted(wanted)}
            for t in wanted:
                begins, frame = other.frame_at(t, SIZE)
                self.assertAlmostEqual(begins, np.floor(t * 10 + 1e-5) / 10, 5)
                self.assertEqual(begins, in_order[t][0])
                np.testing.assert_array_equal(frame, in_order[t][1])

    def test_seeks_in_a_picture_that_moves(self):
        """Its frames are changes of the one before, though FFmpeg calls many of them whole."""
        path = ffmpeg("moves.png", "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=10", "-c:v", "apng", "-f", "apng")
        with Media(path) as in_order:
            times = in_order.frame_times()
            frames = in_order.frames(times, SIZE)
        self.assertEqual(len(frames), 250)
        for n in range(203, 250, 2):
            with Media(path) as media:
                begins, frame = media.frame_at(times[n], SIZE)
                self.assertEqual(begins, times[n])
                np.testing.assert_array_equal(frame, frames[n], str(n))

    def test_variable_frame_rate(self):
        chosen = [0, 1, 2, 5, 6, 11, 17, 18, 30, 39]
        select = "+".join(f"eq(n\\,{n})" for n in chosen)
        for name in ("v.mkv", "v.mp4"):
            path = film(name, "-vf", f"select={select}", "-vsync", "vfr", "-c:v", "libx264", "-bf", "2", sound=False)
            with Media(path) as media:
                times = media.frame_times()
                np.testing.assert_allclose(times, np.array(chosen) / 20, atol=1e-6)
                for at in np.arange(0, 2, 0.05):
                    begins, frame = media.frame_at(at, SIZE)
                    shown = max(n for n in chosen if n / 20 <= at + 1e-6)
                    self.assertEqual(number_of(frame), shown, (name, at))
                    self.assertAlmostEqual(begins, shown / 20)

    def test_times_that_go_back(self):
        """A frame whose time lies before the one before it comes together with it: times ascend, each is found once."""
        whole = film("forth.mkv", "-c:v", "mjpeg", sound=False, seconds=1).read_bytes()
        self.assertEqual(whole.count(b"\x81\x01\x5e"), 1)          # frame 7: track 1, 350 ms
        with Media(whole.replace(b"\x81\x01\x5e", b"\x81\x00\xaf")) as media:
            times = media.frame_times()
            np.testing.assert_allclose(times, [n / 20 if n != 7 else 6 / 20 for n in range(20)], atol=1e-3)
            for n in (6, 7, 8, 3, 19):
                self.assertEqual(number_of(media.frame_at(times[n], SIZE)[1]), 7 if n == 6 else n)

    def test_one_time_that_is_wrong(self):
        """By more than a second, before and behind its place: the frames around it keep theirs."""
        whole = film("wrong.mkv", "-c:v", "mjpeg", sound=False, seconds=2.5).read_bytes()
        right = np.arange(50) / 20
        for number, early in ((42, True), (42, False), (49, True), (49, False), (21, False)):
            stamps = [at for at in range(len(whole)) if whole[at:at + 2] == b"@\xf2" and whole[at + 2] == 0x81]    # track 1
            self.assertEqual(len(stamps), 50)
            moved = bytearray(whole)
            moved[stamps[number] + 3:stamps[number] + 5] = struct.pack(">h", -1650 if early else 2700)
            with Media(bytes(moved)) as media:
                times = media.frame_times()
                np.testing.assert_allclose(times[:number], right[:number], atol=1e-3)
                if early:
                    np.testing.assert_allclose(times[number + 1:], right[number + 1:], atol=1e-3)
                    self.assertLess(abs(times[number] - right[number]), 0.051)
                else:
                    self.assertGreater(times[number], 2.6)
                    self.assertLess(np.ptp(times[number:]), 1e-3)

    def test_times_that_begin_anew(self):
        """Two films put behind one another, the second of which begins at 0 again: its frames come behind the first's."""
        if "mpeg2video" not in ENCODERS:
            return
        first, second = (film(f"p{seconds}.mpg", "-c:v", "mpeg2video", "-q:v", 2, sound=False, seconds=seconds) for seconds in (2, 2.5))
        for parts, numbers in (((first, second), [*range(40), *range(50)]), ((second, first), [*range(50), *range(40)]),
                               ((first, first, first), [*range(40)] * 3)):
            with Media(b"".join(part.read_bytes() for part in parts)) as media:
                times = media.frame_times()
                np.testing.assert_allclose(times, np.arange(len(numbers)) / 20, atol=0.051)
                alone = [n for n in range(len(times)) if (np.abs(times - times[n]) < 1e-4).sum() == 1]
                self.assertGreater(len(alone), 0.9 * len(times))            # a .mpg does not say all times: FFmpeg fills in
                self.assertEqual([number_of(media.frame_at(times[n], SIZE)[1]) for n in alone], [numbers[n] for n in alone])
                self.assertEqual(number_of(media.frame_at(times[3], SIZE)[1]), 3)

    def test_no_duration_is_guessed(self):
        """A raw stream whose header says a rate of bits that it does not have."""
        path = film("raw.m1v", "-c:v", "mpeg1video", "-b:v", "1M", "-maxrate", "1M", "-bufsize", "400k", "-r", 25, sound=False)
        with Media(path) as media:
            self.assertEqual((media.seconds, media.streams[0].seconds, len(media.frame_times())), (0, 0, 50))

    def corners(self, path, size=(40, 60)):
        with Media(path) as media:
            frame = media.frame_at(0, size)[1].astype(int)
            names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w"}
            h, w = size
            places = ((h // 4, w // 4), (h // 4, 3 * w // 4), (3 * h // 4, w // 4), (3 * h // 4, 3 * w // 4))
            return "".join(names.get(tuple(frame[y, x] // 128), "?") for y, x in places), media.streams

    def quarters(self, name, *arguments):
        """Red and green above blue and white."""
        colours = [part for c in ("red", "lime", "blue", "white")
                   for part in ("-f", "lavfi", "-i", f"color={c}:s=48x32:r=10:d=1")]
        return ffmpeg(name, *colours, "-filter_complex", "[0][1]hstack[a];[2][3]hstack[b];[a][b]vstack", *arguments)

    def test_rotation_tags(self):
        """What is shown is what ffmpeg shows, which turns by the tag; its sign differs between ffmpeg's versions."""
        plain = self.quarters("q.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p")
        self.assertEqual(self.corners(plain)[0], "rgbw")
        turned = {"brwg": 90, "wbgr": 180, "gwrb": 270}
        for tag in (90, 180, 270):
            path = DIR / f"q{tag}.mp4"
            code = subprocess.run(["ffmpeg", "-v", "error", "-y", "-display_rotation", str(tag), "-i", plain, "-c", "copy", path],
                                  capture_output=True).returncode
            if code:                                        # ffmpeg 5: the older way, clockwise
                ffmpeg(path.name, "-i", plain, "-c", "copy", "-metadata:s:v", f"rotate={tag}")
            found, (stream,) = self.corners(path)
            self.assertEqual(found, self.corners(ffmpeg("turned.png", "-i", path, "-frames:v", 1))[0])
            self.assertEqual(stream.rotation, turned.pop(found))
            self.assertEqual((stream.width, stream.height), (96, 64) if tag == 180 else (64, 96))

    def test_pictures(self):
        png = self.quarters("q.png", "-frames:v", "1")
        for name, more in (("q.png", []), ("q.jpg", ["-q:v", "2"]), ("q.webp", []), ("q.bmp", []), ("q.tiff", [])):
            if name == "q.webp" and "libwebp" not in ENCODERS:
                continue
            path = png if name == "q.png" else ffmpeg(name, "-i", png, *more)
            found, (stream,) = self.corners(path)
            self.assertEqual((found, stream.still), ("rgbw", True), name)
            with Media(path) as media:
                self.assertEqual((media.seconds, media.has_sound, list(media.frame_times())), (0, False, [0]))
                np.testing.assert_array_equal(media.frame_at(0, SIZE)[1], media.frame_at(100, SIZE)[1])

    def test_exif_orientation(self):
        plain = self.quarters("e.jpg", "-frames:v", "1", "-q:v", "2").read_bytes()
        for tag, shown in enumerate(("rgbw", "grwb", "wbgr", "bwrg", "rbgw", "brwg", "wgbr", "gwrb"), 1):
            entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, tag, 0, 0])
            exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + entry + bytes(4)
            data = plain[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + plain[2:]
            self.assertEqual(self.corners(data)[0], shown, tag)

    def test_pixels_of_a_picture(self):
        """The size kept, PNG gives its own pixels: RGB, grey, with alpha, a palette, 16 bits."""
        for form in ("rgb24", "gray", "rgba", "pal8", "rgb48be", "ya8"):
            path = ffmpeg(f"{form}.png", "-f", "lavfi", "-i", "testsrc=s=61x47", "-frames:v", "1", "-pix_fmt", form)
            raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                                 capture_output=True, check=True).stdout
            wanted = np.frombuffer(raw, np.uint8).reshape(47, 61, 3).astype(int)
            with Media(path, alpha="ignored") as media:
                frame = media.frame_at(0, (47, 61))[1]
            self.assertLessEqual(np.abs(frame - wanted).max(), 1, form)
            if form in ("gray", "ya8"):
                self.assertTrue((frame == frame[..., :1]).all())

    def test_a_picture_has_one_frame(self):
        """Phones put a map of brightness, a second picture, behind a picture."""
        for suffix, encoder in (("jpg", "mjpeg"), ("png", "png")):
            large, small = (ffmpeg(f"{side}.{suffix}", "-f", "lavfi", "-i", f"testsrc2=s={side}x{side}", "-frames:v", 1)
                            for side in (400, 40))
            with Media(large.read_bytes() + small.read_bytes()) as media:
                self.assertEqual(list(media.frame_times()), [0], encoder)
                for at in (0, 1, 100, 0.04):
                    np.testing.assert_array_equal(media.frame_at(at, SIZE)[1], Media(large).frame_at(0, SIZE)[1])

    def test_scaling_sees_every_pixel(self):
        """Colours of neighbours, and shades of pixels of one bit, come together as their mean."""
        stripes = "geq=r='255*mod(X,2)':g='255*mod(X,2)':b='255-255*mod(X,2)'"
        for form in ("rgb24", "rgba", "rgb48be", "gbrp"):
            name = "stripes.webp" if form == "gbrp" and "libwebp" in ENCODERS else f"stripes{form}.png"
            path = ffmpeg(name, "-f", "lavfi", "-i", f"color=black:s=96x64,format=gbrp,{stripes}", "-frames:v", 1,
                          *(["-lossless", 1] if name.endswith("webp") else ["-pix_fmt", form if form != "gbrp" else "rgb24"]))
            frame = Media(path).frame_at(0, (16, 24))[1].astype(int)
            self.assertLessEqual(np.abs(frame[:, 2:-2] - 127.5).max(), 2, form)
        for form in ("monob", "monow"):
            path = ffmpeg(f"{form}.{'png' if form == 'monob' else 'pbm'}", "-f", "lavfi", "-i",
                          "color=black:s=96x64,format=gray,geq=lum='255*eq(mod(X,4),0)'", "-frames:v", 1, "-sws_flags", "neighbor",
                          "-sws_dither", "none", "-pix_fmt", form)
            for alpha in ("white", "ignored"):
                frame = Media(path, alpha=alpha).frame_at(0, (16, 12))[1].astype(int)
                self.assertLessEqual(np.abs(frame[:, 2:-2] - 255 / 4).max(), 4, (form, alpha))

    def test_alpha(self):
        """A black bar of alpha 0, 85, 170 and 255 on white, on black, and with alpha ignored; scaling mixes nothing in."""
        path = ffmpeg("bar.png", "-f", "lavfi", "-i", "color=red:s=64x48,format=rgba,"
                      "geq=r=200*gt(X\\,15):g=100*gt(X\\,15):b=0:a='85*floor(X/16)'", "-frames:v", 1)
        colour, bars = np.array([200, 100, 0]), np.array([0, 1, 2, 3])[:, None] / 3
        for alpha, wanted in (("white", colour * bars + 255 * (1 - bars)), ("black", colour * bars),
                              ("ignored", colour * (bars > 0))):
            with Media(path, alpha=alpha) as media:
                whole, small = media.frame_at(0, (48, 64))[1], media.frame_at(0, (3, 4))[1]
            np.testing.assert_allclose(whole[20, 8::16], wanted, atol=1, err_msg=alpha)
            if alpha == "white":
                self.assertGreater(small[1, 0].min(), 235)      # nothing of what lies under it
        with self.assertRaisesRegex(libunicode.ArgumentError, "alpha is 'grey'"):
            Media(path, alpha="grey")

    def test_colours_by_matrix_and_range(self):
        """The same colour under each matrix and range that a film may say."""
        for matrix in ("bt709", "smpte170m"):
            for span in ("tv", "pc"):
                path = ffmpeg(f"{matrix}{span}.mkv", "-f", "lavfi", "-i", "color=0xC86432:s=64x48:r=10:d=0.5", "-vf",
                              f"scale=out_color_matrix={matrix}:out_range={span}", "-c:v", "ffv1", "-pix_fmt", "yuv444p",
                              "-colorspace", matrix, "-color_range", span)
                frame = Media(path).frame_at(0, SIZE)[1]
                self.assertLessEqual(np.abs(frame.reshape(-1, 3) - np.array([0xC8, 0x64, 0x32])).max(), 3, (matrix, span))
        for form, matrix in (("yuv444p", "ycgco"), ("yuv420p10le", "ictcp"), ("yuva444p", "smpte2085")):
            path = ffmpeg(f"{matrix}.mkv", "-f", "lavfi", "-i", f"color=0xC86432:s=64x48:r=10:d=0.2,format={form}", "-c:v", "ffv1",
                          "-colorspace", matrix)
            with self.assertRaisesRegex(libunicode.FormatError, f"{matrix}.mkv: its colours are {matrix}, which FFmpeg does not convert "
                                                                "to RGB; expected BT.601, BT.709, BT.2020 or RGB"):
                Media(path).frame_at(0, SIZE)
        for form, most in (("gray", 255), ("gray10le", 1023)):
            for span, low, high in (("tv", 16, 235), ("pc", 0, 255)):
                path = ffmpeg(f"{form}{span}.mkv", "-f", "lavfi", "-i", f"color=black:s=64x48:r=10:d=0.2,format={form},geq=lum='X*{most}/63'",
                              "-pix_fmt", form, "-c:v", "ffv1", "-color_range", span)
                wanted = np.clip((np.arange(64) * 255 / 63 - low) * 255 / (high - low), 0, 255)
                with Media(path) as media:
                    whole, half = (media.frame_at(0, size)[1].astype(int) for size in ((48, 64), (24, 32)))
                self.assertLessEqual(np.abs(whole[10, :, 1] - wanted).max(), 2, (form, span))
                self.assertLessEqual(np.abs(half[5, 4:-4, 1] - wanted.reshape(32, 2).mean(1)[4:-4]).max(), 3, (form, span))

    def test_a_range_that_changes_inside(self):
        """Full range, then limited: each frame is converted by what it says itself, in whatever order they are read."""
        if "libx264" not in ENCODERS:
            return
        parts = {span: ffmpeg(f"{span}.h264", "-f", "lavfi", "-i", "color=black:s=64x48:r=10:d=1,format=yuv420p,geq=lum=60:cb=128:cr=128",
                              "-c:v", "libx264", "-qp", 0, "-bf", 0, "-color_range", span, "-color_primaries", "bt709").read_bytes() for span in ("pc", "tv")}
        shade = {"pc": 60, "tv": round((60 - 16) * 255 / 219)}
        for order in (("pc", "tv"), ("tv", "pc"), ("pc", "tv", "pc")):
            with Media(b"".join(parts[span] for span in order)) as media:
                times = media.frame_times()
                self.assertEqual(len(times), 10 * len(order))
                for n in (*range(len(times)), 0, len(times) - 1, 3):
                    found = media.frame_at(times[n], SIZE)[1].mean()
                    self.assertLessEqual(abs(found - shade[order[n // 10]]), 1, (order, n))

    def test_odd_sizes(self):
        path = ffmpeg("odd.png", "-f", "lavfi", "-i", "testsrc2=s=33x57", "-frames:v", "1")
        with Media(path) as media:
            for size in ((1, 1), (1, 16384), (16384, 1), (7, 5), (224, 224), (997, 3)):
                self.assertEqual(media.frame_at(0, size)[1].shape, (*size, 3))
            for size in ((16385, 2), (2, 16385), (16384, 16384)):
                with self.assertRaises(libunicode.ArgumentError):
                    media.frame_at(0, size)
            with self.assertRaisesRegex(libunicode.ArgumentError, "not finite"):
                media.frame_at(float("nan"), SIZE)

    def test_sound_and_frames_at_the_same_time(self):
        with Media(film("both.mp4", "-c:v", "libx264")) as media:
            alone, times = media.sound(16000), media.frame_times()
            parts = []
            for n, part in enumerate(media.sound_blocks(16000, 800)):
                parts.append(part)
                if n < 40:
                    self.assertEqual(number_of(media.frame_at(times[n], SIZE)[1]), n)
            np.testing.assert_array_equal(np.concatenate(parts), alone)


class Files(unittest.TestCase):
    def test_memory_and_file_objects(self):
        path = film("m.mp4", "-c:v", "libx264")
        with Media(path) as media:
            sound, frame = media.sound(16000), media.frame_at(1, SIZE)[1]
        for given in (path.read_bytes(), bytearray(path.read_bytes()), open(path, "rb"), io.BytesIO(path.read_bytes())):
            with Media(given) as media:
                np.testing.assert_array_equal(media.sound(16000), sound)
                np.testing.assert_array_equal(media.frame_at(1, SIZE)[1], frame)
            if hasattr(given, "close"):
                given.close()

    def test_what_is_no_media(self):
        (DIR / "text.mp4").write_text("This is no film.\n" * 200)
        (DIR / "empty.mp4").write_bytes(b"")
        (DIR / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(100000))
        (DIR / "srt.mp4").write_text("1\n00:00:00,000 --> 00:00:02,000\nwords\n\n" * 50)
        for name in ("text.mp4", "empty.mp4", "noise.mp4", "srt.mp4"):
            with self.assertRaisesRegex(libunicode.FormatError, f"{name}: "):
                Media(DIR / name).sound()
        with self.assertRaisesRegex(libunicode.NotFoundError, "none.mp4: No such file"):
            Media(DIR / "none.mp4")
        for path in (DIR, "/dev/null"):
            with self.assertRaisesRegex(libunicode.FileError, "regular file"):
                Media(path)

    def test_a_file_opens_no_other(self):
        """Playlists, and lists of files, that name one that is there."""
        sine("secret.wav")
        shutil.copy(DIR / "secret.wav", DIR / "secret.mp4")  # a name that FFmpeg would open for a list
        manifest = ('<?xml version="1.0"?><MPD type="static" mediaPresentationDuration="PT2S">'
                    '<Period><AdaptationSet contentType="audio"><Representation id="1">'
                    f'<BaseURL>file://{DIR}/secret.%s</BaseURL></Representation></AdaptationSet></Period></MPD>')
        for name, text in (("list.txt", f"ffconcat version 1.0\nfile {DIR}/secret.wav\n"),
                           ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n"
                                         f"file://{DIR}/secret.wav\n#EXT-X-ENDLIST\n"),
                           ("list.mpd", manifest % "wav"), ("films.mpd", manifest % "mp4")):
            (DIR / name).write_text(text)
            trace = DIR / "trace"
            if shutil.which("strace"):
                code = ("import sys; sys.path.insert(0, 'bindings/python'); from libunicode.media import Media\n"
                        f"try: Media({str(DIR / name)!r}).sound()\nexcept Exception as e: print(type(e).__name__)")
                out = subprocess.run(["strace", "-f", "-e", "trace=open,openat,connect,socket", "-o", trace, sys.executable, "-c",
                                      code], capture_output=True, text=True, cwd=ROOT)
                if out.returncode == 0:
                    self.assertEqual(out.stdout, "FormatError\n", name)
                    self.assertNotIn("/secret.", trace.read_text())
            with self.assertRaises(libunicode.FormatError):
                Media(DIR / name).sound()

    def test_no_frames_no_samples(self):
        path = ffmpeg("none.wav", "-f", "lavfi", "-i", "sine=d=1", "-t", "0")
        try:
            self.assertEqual(len(Media(path).sound(16000)), 0)
        except libunicode.FormatError as error:
            self.assertIn("none.wav: ", str(error))
        path = film("none.mkv", "-t", "0", sound=False)
        with self.assertRaisesRegex(libunicode.Error, "none.mkv: "):
            Media(path).frame_at(0, SIZE)

    def test_cut_off_at_every_twentieth(self):
        """Everything either works or says what is wrong; under skip_damaged what is there is given."""
        for name, *arguments in (("cut.mp4", "-c:v", "libx264"), ("cut.webm", "-c:v", "libvpx"), ("cut.avi", "-c:v", "mpeg4"),
                                 ("cut.mkv", "-c:v", "libx264"), ("cut.wav",), ("cut.mp3",), ("cut.ogg",), ("cut.flac",)):
            data = (film(name, *arguments) if arguments else sine(name)).read_bytes()
            lasted = []
            for part in range(1, 20):
                for skip in (False, True):
                    try:
                        with Media(data[:len(data) * part // 20] + b"\0", skip_damaged=skip) as media:
                            if media.has_sound:
                                lasted.append(len(media.sound(16000)) / 16000)
                            if media.has_frames:
                                media.frame_at(1, SIZE)
                                media.frame_times()
                    except libunicode.Error as error:
                        self.assertRegex(str(error), "^(unic_media_\\w+: )?memory: .")
            self.assertLess(max(lasted, default=0), 2.2, name)
            if not name.endswith("mp4"):
                self.assertGreater(max(lasted), 0.8, name)

    def test_damage_is_told_or_counted(self):
        data = bytearray(film("hurt.mkv", "-c:v", "libx264", "-g", "10", sound=False).read_bytes())
        where = np.random.default_rng(3).integers(len(data) // 2, len(data), 12)
        for i in where:
            data[i] ^= 0x55
        with self.assertRaisesRegex(libunicode.FormatError, r"memory: video is damaged behind [-\d.]+ s: .+"):
            Media(data).frame_times()
        with Media(data, skip_damaged=True) as media:
            self.assertGreater(len(media.frame_times()), 10)
            self.assertGreater(media.damaged_count, 0)

    def test_limits(self):
        path = film("limits.mp4", "-c:v", "libx264")
        with self.assertRaisesRegex(libunicode.OutOfMemoryError, "limits.mp4: it lasts 2 s, .*max_seconds allows 1 s"):
            Media(path, max_seconds=1)
        with self.assertRaisesRegex(libunicode.OutOfMemoryError, "limits.mp4: its frames have 64 x 48 pixels, .* allows 3071"):
            Media(path, max_pixels=64 * 48 - 1)
        Media(path, max_pixels=64 * 48).frame_at(0, SIZE)
        for settings in ({"threads": 65}, {"max_pixels": 2**31}, {"max_seconds": -1.0}, {"max_seconds": float("nan")}):
            with self.assertRaisesRegex(libunicode.ArgumentError, "options." + next(iter(settings))):
                Media(path, **settings)

    def test_a_picture_that_claims_to_be_huge(self):
        """Refused before its pixels are allocated."""
        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

        def claims(width, height):
            return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)) +
                    chunk(b"IDAT", zlib.compress(bytes(10000))) + chunk(b"IEND", b""))

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for width, height in ((30000, 30000), (9000, 9000)):  # too large for FFmpeg; for this library
            for skip_damaged in (False, True):
                for threads in (1, 4):
                    with self.assertRaisesRegex(libunicode.OutOfMemoryError,
                                                f"memory: its frames have {width} x {height} pixels, but options.max_pixels allows 67108864"):
                        Media(claims(width, height), skip_damaged=skip_damaged, threads=threads)
        small = film("jpegs.mkv", "-c:v", "mjpeg", sound=False).read_bytes()
        size = small.rindex(b"\xff\xc0\x00\x11\x08") + 5                 # of the last frame
        with Media(small[:size] + struct.pack(">HH", 90, 120) + small[size + 4:], max_pixels=5000, skip_damaged=True) as several:
            with self.assertRaisesRegex(libunicode.OutOfMemoryError, "memory: its frames have 120 x 90 pixels"):
                several.frame_times()
        with Media(claims(50, 50) + claims(9000, 9000), skip_damaged=True) as picture:  # what stands behind a picture is not read
            self.assertEqual(len(picture.frame_times()), 1)
        with self.assertRaisesRegex(libunicode.FormatError, "memory: "):
            Media(claims(0, 50)).frame_times()
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 100 << 10)

    def test_a_file_object_that_fails(self):
        class Failing(io.BytesIO):
            left = 3

            def readinto(self, buffer):
                self.left -= 1
                if self.left < 0:
                    raise ValueError("no more")
                return super().readinto(buffer)

        data = sine("failing.wav", seconds=20).read_bytes()
        with self.assertRaises((ValueError, libunicode.FileError)):
            Media(Failing(data)).sound(16000)

    def test_nothing_is_printed(self):
        data = DIR / "hurt.mp4"
        data.write_bytes(film("whole.mp4", "-c:v", "libx264").read_bytes()[:3000])
        code = ("import sys; sys.path.insert(0, 'bindings/python'); from libunicode.media import Media\n"
                f"try: Media({str(data)!r})\nexcept Exception as e: print(e)")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        self.assertEqual(done.stderr, "")
        self.assertIn("moov atom not found", done.stdout)

    def program(self, *arguments, status=0):
        done = subprocess.run([BUILD / "bin/unic-media", *map(str, arguments)], capture_output=True, text=True, cwd=DIR)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_the_program(self):
        path = film("program.mp4", "-c:v", "libx264")
        said = self.program(path)
        self.assertRegex(said, r"(?s)mp4.*, 0:02\n.*frames +h264 +2.000 +64 x 48, 20 a second.*sound +aac .*44100 Hz, 1 channel")
        self.assertIn("written: s.npy: ", self.program(path, "--sound", "s.npy", "--rate", 8000))
        self.program(path, "--frames", "f.npy", "--width", 32, "--height", 24)
        self.program(path, "--frames", "f5.npy", "--fps", 5)
        live = ffmpeg("live.mkv", "-i", path, "-c", "copy", "-f", "matroska", "-live", 1)
        with Media(live) as media:                                      # which does not say how long it is
            self.assertEqual(media.seconds, 0)
            self.assertIn("written: l.npy: 10 frames", self.program(live, "--frames", "l.npy", "--fps", 5))
            np.testing.assert_array_equal(np.load(DIR / "l.npy"), media.frames(np.arange(10) / 5, (224, 224)))
        short = film("short.mkv", "-t", 1, "-map", "0:v", "-map", "1:a", "-c:v", "libx264")
        long = ffmpeg("longer.mkv", "-i", short, "-i", sine("longer.wav", seconds=5), "-map", "0:v", "-map", "1:a", "-c:v", "copy")
        self.assertRegex(self.program(long, "--frames", "l.npy", "--fps", 2),
                         r"longer.mkv: its last frame begins at 0\.9\d* s, and stands for the time up to 4.5 s\n")
        with Media(path) as media:
            np.testing.assert_array_equal(np.load(DIR / "s.npy"), media.sound(8000))
            np.testing.assert_array_equal(np.load(DIR / "f.npy"), media.frames(media.frame_times(), SIZE))
            np.testing.assert_array_equal(np.load(DIR / "f5.npy"), media.frames(np.arange(10) / 5, (224, 224)))
        self.program(DIR / "program.mp4", "--sound", "program.mp4", status=1)       # it would overwrite what it reads
        (DIR / "words.mp4").write_text("no film")
        self.assertIn("unic-media: words.mp4: no film", self.program("words.mp4", "--sound", "none.npy", status=1))
        self.assertIn("it has no sound", self.program(film("mute.mp4", sound=False), "--sound", "none.npy", status=1))
        self.assertEqual(list(DIR.glob("*none.npy*")), [])
        self.assertIn("expected one FILE", self.program(status=2))
        self.assertIn("--fps", self.program("--help"))

    def test_the_programs_limit_bounds_ffmpeg(self):
        """A fragment of some kB that claims 80 million packets of no bytes: FFmpeg would list them in 2.6 GB."""
        path = sine("claims.mp4", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof", seconds=1)
        self.program(path, "--memory-limit", "50M", "--sound", "whole.npy")
        data = bytearray(path.read_bytes())
        at = data.index(b"trun") + 4                     # flags: only where the data begins; then the count
        data[at:at + 8] = struct.pack(">II", 1, 80_000_000)
        path.write_bytes(data)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        said = self.program(path, "--memory-limit", "50M", status=1)
        self.assertIn("claims.mp4: no film, sound or picture was recognised: out of memory (--memory-limit allows "
                      "52428800 bytes)", said)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, max(before, 200 << 10))

    def test_threads(self):
        path = film("threads.mp4", "-c:v", "libx264")
        with Media(path) as media:
            before = len(os.listdir("/proc/self/task"))
            sound, times = media.sound(16000), media.frame_times()
            self.assertEqual(len(os.listdir("/proc/self/task")), before)     # no thread but this one
        with Media(path, threads=3) as media:
            np.testing.assert_array_equal(media.frame_times(), times)
        failures = []

        def work():
            with Media(path) as media:
                if not np.array_equal(media.sound(16000), sound) or number_of(media.frame_at(times[9], SIZE)[1]) != 9:
                    failures.append(threading.get_ident())

        workers = [threading.Thread(target=work) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        self.assertEqual(failures, [])

    def test_a_long_film_streams(self):
        """10 minutes: sound in blocks, a frame a second; its sound alone is 38 MB of float32."""
        path = ffmpeg("long10.mp4", "-f", "lavfi", "-i", "testsrc=s=640x360:r=10:d=600", "-f", "lavfi", "-i",
                      "sine=300:d=600:r=44100", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-shortest")
        code = ("import sys, resource; sys.path.insert(0, 'bindings/python'); from libunicode.media import Media\n"
                f"m = Media({str(path)!r}); n = 0\n"
                "base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
                "for s, block in enumerate(m.sound_blocks(16000, 16000)):\n"
                "    n += len(block); m.frame_at(s, (224, 224))\n"
                "print(n, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)")
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
        count, grown = map(int, done.stdout.split())
        self.assertLess(abs(count - 600 * 16000), 8000)
        self.assertLess(grown, 100 << 10)

    def test_the_core_does_not_need_it(self):
        needed = subprocess.run(["readelf", "-d", BUILD / "libunicode.so"], capture_output=True, text=True).stdout
        self.assertNotIn("libav", needed)

    def test_it_exports_what_its_header_declares(self):
        """And uses nothing of the core, nor what a library must leave to the application."""
        names = subprocess.run(["nm", "-D", BUILD / "libunicode-media.so"], capture_output=True, text=True, check=True).stdout
        listed = re.findall(r"^    (unic_\w+);", (ROOT / "lib/libunicode-media.map").read_text(), re.M)
        self.assertEqual(sorted(re.findall(r" T (\w+)@@", names)), listed)
        taken = set(re.findall(r" U (\w+)", names))
        self.assertFalse({name for name in taken if name.startswith("unic_")})
        if b"__gcov_init" in (BUILD / "libunicode-media.so").read_bytes():
            self.skipTest("a build that counts what runs takes more from the system")
        self.assertFalse(taken & {"abort", "exit", "printf", "puts", "stderr", "stdout", "getenv", "signal", "rand"})

    def test_messages_belong_to_threads(self):
        library = ctypes.CDLL(str(BUILD / "libunicode-media.so"))
        library.unic_media_last_error.restype = ctypes.c_char_p
        said = []
        with self.assertRaises(libunicode.NotFoundError):
            Media(DIR / "none.mp4")
        other = threading.Thread(target=lambda: said.append(library.unic_media_last_error()))
        other.start()
        other.join()
        self.assertEqual(said, [b""])
        self.assertIn(b"none.mp4", library.unic_media_last_error())


if __name__ == "__main__":
    unittest.main()
