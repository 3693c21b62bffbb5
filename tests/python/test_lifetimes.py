"""Who lives how long: every order of freeing, closing while others work, memory, forked processes."""

from __future__ import annotations

import gc
import itertools
import os
import threading
import weakref
from pathlib import Path
from typing import Any, Dict

import libunicode
import numpy as np
import pytest
from helpers import N, T, Fixture, config, raises


def test_every_order(f: Fixture) -> None:
    """A model, what is made from it, and arrays of both go in every order; what is left works."""
    x = f.x["speech"]
    codes = f.model().encode("speech", x)
    vectors = f.model().codebook().lookup(codes)

    def make() -> Dict[str, Any]:
        made: Dict[str, Any] = {"model": f.model()}
        made["encoder"] = made["model"].encoder("speech", N, T)
        made["codebook"] = made["model"].codebook()
        made["embedding"] = made["codebook"].embedding
        return made

    def works(name: str, thing: Any) -> bool:
        if name == "embedding":
            return np.array_equal(thing[codes], vectors)
        if name == "codebook":
            return np.array_equal(thing.lookup(codes), vectors)
        return np.array_equal(thing.encode(x) if name == "encoder" else thing.encode("speech", x), codes)

    for order in itertools.permutations(("model", "encoder", "codebook", "embedding")):
        for close in (True, False):
            made = make()
            owners = {name: weakref.ref(made[name]._owner) for name in ("model", "encoder", "codebook")}
            for victim in order:
                if close and victim in owners:
                    made[victim].close()
                    made[victim].close()
                del made[victim]
                held = victim == "codebook" and "embedding" in made         # by the array
                assert victim not in owners or held == (owners[victim]() is not None), (order, close, victim)
                assert all(works(name, thing) for name, thing in made.items()), (order, close, victim)
            assert all(owner() is None for owner in owners.values())


def test_closed(f: Fixture) -> None:
    u = libunicode
    with f.model() as model, model.encoder("image", N, T) as encoder:
        assert not model.closed and not encoder.closed
    assert model.closed and encoder.closed and "closed" in repr(model) and "closed" in repr(encoder)
    raises(u.StateError, "the encoder is closed", lambda: encoder.encode(f.x["image"]))
    raises(u.StateError, "the encoder is closed", encoder.__enter__)
    for use in (lambda: model.modalities, lambda: model.code_count, lambda: model.code_dim,
                lambda: model.config, model.embedding, lambda: model.feature_dims("image"), model.codebook,
                model.parameters, lambda: model.encoder("image", 1, 1), model.__enter__):
        raises(u.StateError, "the model is closed", use)
    with f.model() as model, model.codebook() as codebook, libunicode.Head(codebook, 3) as head:
        pass
    raises(u.StateError, "the codebook is closed", lambda: codebook.code_count)
    raises(u.StateError, "the codebook is closed", lambda: u.Head(codebook, 3))
    raises(u.StateError, "the head is closed", lambda: head.predict(np.zeros((1, 1), int)))
    with libunicode.Config() as settings:
        pass
    raises(u.StateError, "the config is closed", lambda: u.Trainer(settings))
    with config() as settings, libunicode.Trainer(settings) as trainer:
        pass
    raises(u.StateError, "the trainer is closed", lambda: trainer.step(f.arrays))
    with libunicode.Dataset(f.data) as data:
        pass
    raises(u.StateError, "the dataset is closed", data.next)
    for thing in (codebook, head, settings, trainer, data):
        assert "closed" in repr(thing)


def test_lent_batches(f: Fixture) -> None:
    """A dataset's batch is there until the dataset goes on; arrays of it are never freed under their user."""
    data = libunicode.Dataset(f.data, batch=8)
    first = data.next()
    x, kept = first["speech"], first.copy()
    assert np.array_equal(x, first["speech"]) and np.shares_memory(x, first["speech"]) and not x.flags.writeable
    valid = np.arange(T) < f.lengths["speech"][:8, None]
    assert np.array_equal(x[valid], f.x["speech"][:8][valid]) and not x[~valid].any()
    assert np.array_equal(first.lengths("image"), f.lengths["image"][:8])
    raises(libunicode.NotFoundError, "smell", lambda: first["smell"])
    second = data.next()
    for use in (lambda: first["speech"], lambda: first.lengths("image"), first.copy, lambda: first.clip_count,
                lambda: libunicode.Trainer(config()).step(first)):
        raises(libunicode.StateError, "no longer there", use)
    assert "no longer there" in repr(first) and "8 clips of image, speech" in repr(second)
    data.seek(0)
    raises(libunicode.StateError, "no longer there", lambda: second["speech"])
    batches = list(data)
    raises(libunicode.StateError, "no longer there", lambda: batches[0]["speech"])

    last = data.next()
    x, owner = last["speech"], weakref.ref(data._owner)
    data.close()
    raises(libunicode.StateError, "the dataset is closed", lambda: last["speech"])
    assert owner() is not None and np.isfinite(x).all()         # the array holds the memory
    del x
    gc.collect()
    assert owner() is None
    assert np.array_equal(kept["speech"][valid], f.x["speech"][:8][valid])


def test_batches_outlive_their_names(f: Fixture) -> None:
    """A batch keeps the arrays that it refers to, and an iterator its dataset."""
    batch = libunicode.Batch({name: x.copy() for name, x in f.arrays.items()})
    gc.collect()
    noise = [np.full_like(f.x["speech"], np.nan) for _ in range(4)]      # where freed arrays would be
    report = libunicode.Trainer(config(**{"train.batch": N})).step(batch)
    assert np.isfinite(list(report.values())).all() and noise
    taken = sum(batch["speech"].shape[0] for batch in iter(libunicode.Dataset(f.data, batch=3)))
    assert taken == N


def test_trainer_lets_go(f: Fixture) -> None:
    """A trainer copies its config, a model taken from it is its own."""
    settings = config()
    trainer = libunicode.Trainer(settings)
    settings.close()
    trainer.step({name: x[:10] for name, x in f.arrays.items()})
    model = trainer.model()
    codes = model.encode("image", f.x["image"])
    trainer.step({name: x[10:] for name, x in f.arrays.items()})
    assert np.array_equal(model.encode("image", f.x["image"]), codes)
    trainer.close()
    assert np.array_equal(model.encode("image", f.x["image"]), codes)


def test_closing_under_work(f: Fixture) -> None:
    """close() while another thread's call is under way: that one ends well, the next one is refused."""
    for make in (lambda: f.model().encoder("image", N, T), f.model):
        thing, begun, ends = make(), threading.Event(), []

        def work() -> None:
            try:
                while True:
                    thing.encode(*(() if isinstance(thing, libunicode.Encoder) else ("image",)), f.x["image"])
                    begun.set()
            except libunicode.StateError as error:
                ends.append(str(error))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        begun.wait()
        thing.close()
        for thread in threads:
            thread.join()
        assert len(ends) == 3 and all("is closed" in text for text in ends), ends


def test_fork(f: Fixture) -> None:
    """A forked child neither uses nor waits for a dataset's thread, and ends."""
    data = libunicode.Dataset(f.data, batch=4)
    data.next()
    child = os.fork()
    if child == 0:
        try:
            raises(libunicode.StateError, "forked", data.next)
            del data
            gc.collect()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert data.next() is not None


def test_memory(f: Fixture) -> None:
    """What is forgotten is freed: the process does not grow."""
    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc/self/statm to ask for the memory in use")

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def many(times: int) -> None:
        for _ in range(times):
            model = f.model()
            model.encoder("image", N, T).encode(f.x["image"], vectors=True)
            for _ in range(10):
                model.embedding()
            libunicode.Batch(f.arrays)
            libunicode.Dataset(f.data, batch=N).next()["image"]
            libunicode.Head(model, 3)
            libunicode.Index(20, codes_of=model).add(np.ones((500, 20)))
            libunicode.ClassMap("0 = 0", 5000, 5000)
            libunicode.Retriever(model, 20)
            libunicode.Segmenter(model, height=16, width=16, level_count=1)

    many(50)
    before = resident()
    many(200)            # a lost model, encoder, dataset or ten codebooks are 40 kB at the very least
    assert resident() - before < 4e6, f"grew by {(resident() - before) / 1e6:.1f} MB"
