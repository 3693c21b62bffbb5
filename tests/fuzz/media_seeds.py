#!/usr/bin/env python3
"""Writes the seeds of the fuzz target "media": the smallest files of many formats that the program ffmpeg makes, each behind
the bytes that decide how it is read (tests/fuzz/targets/media.c). They are committed: run it again only to add some.

media_seeds.py [FOLDER]
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LARGEST = 1 << 13
FILM = "-f lavfi -i testsrc=s=16x16:r=5:d=0.6"
QUICK = "-f lavfi -i testsrc=s=16x16:r=25:d=0.12"
SOUND = "-f lavfi -i sine=f=440:r=8000:d=0.25"
SHORT = "-f lavfi -i sine=f=440:r=8000:d=0.02"
EXACT = "-fflags +bitexact -flags:v +bitexact -flags:a +bitexact -map_metadata -1 -threads 1"

# File: what ffmpeg is told. Of a film with sound both are in the file.
FILES = {
    "mpeg4-aac.mp4": f"{FILM} {SOUND} -c:v mpeg4 -c:a aac -b:a 16k",
    "h264.mp4": f"{FILM} -c:v libx264 -x264-params threads=1 -pix_fmt yuv420p",
    "fragments.mp4": f"{FILM} {SOUND} -c:v mpeg4 -c:a aac -b:a 16k -movflags frag_keyframe+empty_moov",
    "adpcm.mov": f"{FILM} {SOUND} -c:v mpeg4 -c:a adpcm_ima_qt",
    "h265-flac.mkv": f"{FILM} {SOUND} -c:v libx265 -x265-params log-level=none -c:a flac",
    "vp9-opus.webm": f"{FILM} {SOUND} -c:v libvpx-vp9 -c:a libopus",
    "alpha.webm": f"{FILM} -c:v libvpx -auto-alt-ref 0 -pix_fmt yuva420p",
    "mpeg4-pcm.avi": f"{FILM} {SHORT} -c:v mpeg4 -c:a pcm_u8 -reserve_index_space 64",
    "mpeg2.mpg": f"{QUICK} -c:v mpeg2video -muxrate 100k",
    "mpeg2-mp2.ts": f"{QUICK} {SHORT} -c:v mpeg2video -c:a mp2 -ar 16000",
    "theora.ogv": f"{FILM} -c:v libtheora",
    "flv1.flv": f"{FILM} {SHORT} -c:v flv1 -c:a pcm_u8 -ar 11025",
    "ffv1.nut": f"{FILM} -pix_fmt gray -c:v ffv1",
    "plain.y4m": f"{QUICK} -pix_fmt yuv420p",
    "moving.gif": FILM, "moving.apng": f"{FILM} -plays 0",
    "picture.png": f"{FILM} -frames:v 1 -pix_fmt rgba", "picture.jpg": f"{FILM} -frames:v 1",
    "picture.bmp": f"{FILM} -frames:v 1", "picture.tiff": f"{FILM} -frames:v 1", "picture.webp": f"{FILM} -frames:v 1",
    "bits8.wav": f"{SHORT} -c:a pcm_u8", "bits16.wav": f"{SHORT} -c:a pcm_s16le", "bits24.wav": f"{SHORT} -c:a pcm_s24le",
    "float.wav": f"{SHORT} -c:a pcm_f32le", "six.wav": f"{SHORT} -ac 6 -c:a pcm_s16le", "law.au": f"{SHORT} -c:a pcm_mulaw",
    "sound.mp3": SOUND, "flac.ogg": f"{SOUND} -c:a flac", "vorbis.ogg": f"{SOUND} -c:a libvorbis", "sound.opus": SOUND,
    "sound.aiff": SHORT, "sound.caf": f"{SHORT} -c:a pcm_s16be", "sound.ac3": f"{SOUND} -ar 32000 -b:a 32k", "sound.m4a": SOUND,
}
# Others, as they are.
TEXTS = {
    "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    "list.ffconcat": b"ffconcat version 1.0\nfile '/etc/hostname'\n",
    "text.srt": b"1\n00:00:00,000 --> 00:00:01,000\na word\n",
}


def head(number: int) -> bytes:
    """Limits, the way in, rate and block, size, and the order of what is read: all of them among 40 files."""
    flags = 0b110010 if number % 5 else 0b001101
    how = (0, 1, 2, 3)[number % 4] | 8 * (number % 7)
    order = sum(op << 6 * i for i, op in enumerate(((1, 0, 3, 5, 4), (3, 1, 2, 0, 5), (5, 13, 1, 25, 0))[number % 3]))
    return bytes((flags, how, number % 16, 0x37 + 16 * (number % 9))) + order.to_bytes(4, "little")


def main() -> None:
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "seeds/media"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as room:
        for number, (name, told) in enumerate(FILES.items()):
            path = pathlib.Path(room) / name
            subprocess.run(["ffmpeg", "-v", "error", "-y", *told.split(), *EXACT.split(), str(path)], check=True)
            data = head(number) + path.read_bytes()
            if len(data) > LARGEST:
                sys.exit(f"{name} has {len(data)} bytes")
            (folder / name).write_bytes(data)
    for number, (name, text) in enumerate(TEXTS.items()):
        (folder / name).write_bytes(head(number) + text)


main()
