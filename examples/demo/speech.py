"""Spoken class names: the speakers, the synthesis, and the features of one second of sound.

Two engines speak. espeak-ng has one voice per (accent, variant); the *variant* is what makes a
speaker, so the splits share no variant. flite is a different synthesiser altogether and serves
only as the "other engine", in the test and, with a voice and pitches of its own, in validation.

Neither complains: asked for an unknown voice, or one in the wrong case, they speak another and
exit with 0. So nothing here trusts the exit status: `check_speakers` and `check_distinct`
compare what was actually said.
"""

import hashlib
import itertools
import shutil
import subprocess
from typing import NamedTuple

import numpy as np
from scipy import fft, signal

WORDS = ["t-shirt", "trouser", "pullover", "dress", "coat",
         "sandal", "shirt", "sneaker", "bag", "ankle boot"]

# The speakers of each split, disjoint. Relatives stay together: aunty is f4 but for its pitch,
# steph2 and steph3 are steph, iven2 is iven, and klatt, klatt6, caleb and adam are one voice.
SPEAKERS = {
    "train": """m1 m2 m3 m4 m5 m6 f1 f2 f3 Andy Annie Alex Alicia Andrea david Denis Diogo Gene2
                Hugo Jacky Lee Marco Mario pablo Storm travis victor zac shelby sandro anika
                robert edward iven rob max""".split(),
    "valid": """antonio benjamin boris ed gustave klatt3 marcelo michel norbert paul steph
                Tweaky""".split(),
    "test": """m7 m8 f4 f5 Michael Mike linda quincy pedro grandpa grandma belinda""".split(),
    "other": "kal16 awb rms slt".split(),
    "other-valid": ["kal"],          # of telephone bandwidth, where kal16 has all of it
}
# Held-out accents as well: New York is heard in validation only, Scotland and the Caribbean in
# test only. Plain "en-gb" is absent because it ignores every variant.
ACCENTS = {
    "train": ["en", "en-us", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd"],
    "valid": ["en", "en-us", "en-gb-x-rp", "en-us-nyc"],
    "test": ["en", "en-us", "en-gb-scotland", "en-029"],
}
DRAWS = 4                            # (accent, speed, pitch) per train speaker
SPEEDS = range(140, 211, 5)          # words per minute
PITCHES = range(25, 76, 5)           # espeak-ng's 0..99 scale
STRETCHES = ["0.9", "1.0", "1.15"]   # flite's duration
OTHER_PITCHES = ["80", "105", "130", "160"]          # Hz, of other-valid; the test's voices keep theirs

RATE = 16000      # every engine is brought to one rate: power must not depend on it
RMS = 0.1         # of a trimmed utterance
MAX_OFFSET = 0.25          # s, silence before the word
SNR_DB = (5, 25)
WINDOW, HOP, FRAMES = 400, 160, 96       # 25 ms, 10 ms
MELS, MEL_RANGE, TIME_BINS = 16, (80, 7600), 8
DIM = MELS * TIME_BINS
FLOOR = 5e-4      # added to the power: 10 dB below the quietest white noise


class Utterance(NamedTuple):
    split: str
    label: int
    speaker: str
    command: tuple


# ---------------------------------------------------------------------------------------------
# who says what

def plan_utterances(rng):
    """Every utterance of the benchmark: each speaker's draws x the ten words."""
    plan = []
    for split in ("train", "valid", "test"):
        for variant in SPEAKERS[split]:
            # distinct (speed, pitch) pairs: two accents may say a word alike
            pairs = list(itertools.product(SPEEDS, PITCHES))
            picks = rng.choice(len(pairs), DRAWS, replace=False)
            accents = ACCENTS[split]
            if split == "train":
                accents = rng.choice(accents, DRAWS)
            for accent, pick in zip(accents, picks):
                plan += [Utterance(split, label, variant,
                                   espeak(accent, variant, *pairs[pick], word))
                         for label, word in enumerate(WORDS)]
    for voice, stretch in itertools.product(SPEAKERS["other"], STRETCHES):
        plan += [Utterance("other", label, voice, flite(voice, stretch, word))
                 for label, word in enumerate(WORDS)]
    for voice, stretch, pitch in itertools.product(SPEAKERS["other-valid"], STRETCHES, OTHER_PITCHES):
        plan += [Utterance("other-valid", label, voice, flite(voice, stretch, word, pitch))
                 for label, word in enumerate(WORDS)]
    return plan


def espeak(accent, variant, speed, pitch, text):
    voice = f"{accent}+{variant}" if variant else accent
    return ("espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "--stdout", text)


def flite(voice, stretch, text, pitch=None):
    own = ("--setf", f"int_f0_target_mean={pitch}") if pitch else ()
    return ("flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", *own,
            "-t", text, "-o", "/dev/fd/1")


# ---------------------------------------------------------------------------------------------
# synthesis

def speak(command):
    """Run a synthesiser; its (rate, int16 samples)."""
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    wav = run.stdout
    # Both write the plain 44-byte header; espeak-ng cannot know the sizes in it when it writes
    # to a pipe and leaves them huge, so the data end where the pipe ends.
    if run.returncode or len(wav) < 2044 or wav[:4] != b"RIFF" or wav[36:40] != b"data":
        said = run.stderr.decode(errors="replace").strip()[:200]
        raise RuntimeError(f"'{' '.join(command)}' did not speak: status {run.returncode}, "
                           f"{len(wav)} bytes; {said}")
    rate = int.from_bytes(wav[24:28], "little")
    return rate, np.frombuffer(wav[44:len(wav) // 2 * 2], "<i2")


def synthesise(command):
    """One utterance: (sha256 of the raw samples, waveform at RATE, trimmed, RMS normalised)."""
    rate, samples = speak(command)
    x = samples.astype(np.float32) / 32768
    if rate != RATE:
        common = np.gcd(rate, RATE)
        x = signal.resample_poly(x, RATE // common, rate // common).astype(np.float32)
    loud = np.flatnonzero(np.abs(x) > 0.02 * np.abs(x).max())
    x = x[loud[0]:loud[-1] + 1][:RATE]       # the longest are cut at one second
    x *= RMS / np.sqrt(np.mean(x ** 2))
    return hashlib.sha256(samples.tobytes()).hexdigest(), x


# ---------------------------------------------------------------------------------------------
# is everybody who they claim to be?

def check_installed():
    for program in ("espeak-ng", "flite"):
        if not shutil.which(program):
            raise RuntimeError(f"the synthesiser {program} is missing: apt install {program}")


def check_speakers(pool):
    """Every variant and accent exists: none sounds like another or like a fallback voice."""
    test = (170, 50, "ankle boot, pullover")
    said = {f"flite {voice}": flite(voice, "1.0", test[-1])
            for voice in SPEAKERS["other"] + ["no-such-voice"]}     # which is kal, other-valid's
    for split in ACCENTS:
        said |= {f"en+{name}": espeak("en", name, *test) for name in SPEAKERS[split]}
        for accent in ACCENTS[split]:         # what it falls back to, and what it must not be
            said[accent] = espeak(accent, "", *test)
            said[f"{accent}+m3"] = espeak(accent, "m3", *test)
    refuse_equal(said, [digest for digest, _ in pool.map(synthesise, said.values())])


def check_distinct(plan, digests):
    """No two utterances of the whole set are the same sound."""
    refuse_equal([" ".join(u.command) for u in plan], digests)


def refuse_equal(names, digests):
    seen = {}
    for name, digest in zip(names, digests):
        if digest in seen:
            raise RuntimeError(f"'{name}' sounds exactly like '{seen[digest]}': an accent or a "
                               "variant is unknown, and the engine fell back silently")
        seen[digest] = name


# ---------------------------------------------------------------------------------------------
# features

def render(steps, rng):
    """One second of noisy sound per step -> raw features [len(steps), DIM]."""
    return log_mel(sound(steps, rng))


def sound(steps, rng):
    """One second of noisy sound per step: [len(steps), RATE].

    A step is a list of waveforms: none is background (noise alone), two are two people talking
    at once. Every call draws new offsets and new noise, so no step is ever heard twice.
    """
    seconds = noise(len(steps), rng)
    for row, waves in zip(seconds, steps):
        for wave in waves:
            room = min(int(MAX_OFFSET * RATE), RATE - len(wave))
            start = rng.integers(0, room + 1)
            row[start:start + len(wave)] += wave
    return seconds


def noise(n, rng):
    """n seconds of 1/f^a noise, a in U(0, 2), at an SNR in U(5, 25) dB below an utterance."""
    f = np.maximum(np.arange(RATE // 2 + 1, dtype=np.float32), 50)          # 1 Hz bins
    slope = rng.uniform(0, 2, (n, 1)).astype(np.float32)
    spectrum = rng.standard_normal((n, len(f), 2), dtype=np.float32).view(np.complex64)[..., 0]
    spectrum *= f ** (-slope / 2)
    spectrum[:, 0] = 0
    x = fft.irfft(spectrum, RATE)
    level = RMS * 10 ** (-rng.uniform(*SNR_DB, (n, 1)) / 20)
    return x * (level / x.std(axis=1, keepdims=True)).astype(np.float32)


def mel_filters():
    """[WINDOW/2+1, MELS] triangles, equally spaced in mel, each of unit area."""
    low, high = (1127 * np.log1p(hz / 700) for hz in MEL_RANGE)
    edges = 700 * np.expm1(np.linspace(low, high, MELS + 2) / 1127)
    f = np.arange(WINDOW // 2 + 1)[:, None] * (RATE / WINDOW)
    left, mid, right = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (f - left) / (mid - left), (right - f) / (right - mid)
    triangles = np.maximum(0, np.minimum(rise, fall))
    return (triangles / triangles.sum(axis=0)).astype(np.float32)


FILTERS = mel_filters()
HANN = np.hanning(WINDOW).astype(np.float32)


def log_mel(x):
    """[n, RATE] -> [n, DIM]: log mel power, averaged over TIME_BINS parts of the second."""
    frames = np.lib.stride_tricks.sliding_window_view(x, WINDOW, axis=1)[:, ::HOP][:, :FRAMES]
    spectrum = fft.rfft(frames * HANN)                                   # [n, FRAMES, bins]
    power = spectrum.real ** 2 + spectrum.imag ** 2
    mel = np.log(power @ FILTERS + np.float32(FLOOR))
    return mel.reshape(len(x), TIME_BINS, -1, MELS).mean(axis=2).reshape(len(x), DIM)
