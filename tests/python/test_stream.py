"""Streams: against windows encoded by hand, in turns on one encoder, refused, closed."""

from __future__ import annotations

import copy

import libunicode
import numpy as np
from helpers import D, DIMS, T, Fixture, in_threads, raises, same


def test_against_windows(f: Fixture) -> None:
    for name, dims in DIMS.items():
        x = f.x[name][:3].reshape(3 * T, *dims)
        encoder = f.model().encoder(name, 2, T)
        for window, lag in ((1, 0), (T, 0), (4, 2), (T, T - 1)):
            stream = libunicode.Stream(encoder, window, lag, window + lag + 1)
            for clip in range(2):
                parts, done = [], 0
                for first in range(0, len(x), 2):
                    stream.push(x[first:first + 2].astype(np.float64) if first % 4 else x[first:first + 2])
                    parts.append(stream.pull(vectors=True))
                stream.finish()
                parts += [stream.pull(1, vectors=True), stream.pull(vectors=True)]
                for first, codes, *_ in parts:
                    assert first == done and codes.dtype == np.int32
                    done += len(codes)
                assert done == len(x) and stream.ready_count == 0
                for t, got in enumerate(zip(*(np.concatenate([part[i] for part in parts]) for i in (1, 2, 3)))):
                    end = min(t + lag, len(x) - 1) + 1
                    start = max(0, end - window)
                    wanted = encoder.encode(x[None, start:end], vectors=True)
                    assert all(np.array_equal(a, b[0, t - start]) for a, b in zip(got, wanted)), (name, window, lag, t)
                stream.reset()
    assert parts[0][2].shape == (0, D)


def test_the_whole_clip(f: Fixture) -> None:
    x, encoder = f.x["speech"][0], f.model().encoder("speech", 1, T)
    stream = libunicode.Stream(encoder, lag=T - 1)
    stream.push(x)
    stream.finish()
    assert same(stream.pull(), (0, encoder.encode(x[None])[0]))
    assert (stream.modality, stream.window, stream.lag, stream.backlog) == ("speech", T, T - 1, 2 * T - 1)
    assert repr(stream) == f"<libunicode.Stream 'speech', {T - 1} steps behind, windows of {T}>"


def test_refused(f: Fixture) -> None:
    u, x, encoder = libunicode, f.x["speech"][0], f.model().encoder("speech", 1, T)
    raises(u.ArgumentError, "window is 0", lambda: u.Stream(encoder, 0))
    raises(u.ArgumentError, "the encoder's max_length", lambda: u.Stream(encoder, T + 1))
    raises(u.ArgumentError, "options->lag = 3 is not below", lambda: u.Stream(encoder, 3, 3))
    raises(u.ArgumentError, "backlog = 1", lambda: u.Stream(encoder, 3, 1, 1))
    stream = u.Stream(encoder, 3, 1)
    raises(u.ShapeError, "[n,...] with the dims of a step", lambda: stream.push(x[:, :5]))
    raises(u.DataError, "step 1, dim 0", lambda: stream.push(np.where(np.arange(2)[:, None] == 1, np.nan, x[:2])))
    raises(u.StateError, "backlog = 4", lambda: stream.push(x[:5]))
    raises(u.ArgumentError, "max_count is -1", lambda: stream.pull(-1))
    raises(TypeError, "make another one", lambda: copy.copy(stream))
    stream.push(x[:3])
    stream.finish()
    raises(u.StateError, "finished", lambda: stream.push(x[:1]))
    encoder.close()
    assert len(stream.pull()[1]) == 3                   # it keeps what it needs
    raises(u.StateError, "the encoder is closed", lambda: u.Stream(encoder))
    stream.close()
    raises(u.StateError, "the stream is closed", stream.pull)
    assert "closed" in repr(stream)


def test_streams_of_one_encoder_in_threads(f: Fixture) -> None:
    encoder, x = f.model().encoder("image", 1, T), f.x["image"]

    def work(i: int) -> None:
        stream, wanted = libunicode.Stream(encoder, 3, 1), f.model().encoder("image", 1, T)
        for _ in range(20):
            codes = []
            for step in x[i]:
                stream.push(step[None])
                codes += stream.pull()[1].tolist()
            assert codes == [wanted.encode(x[i:i + 1, max(0, t - 1):t + 2])[0, min(t, 1)] for t in range(T - 1)]
            stream.reset()

    in_threads(work)
