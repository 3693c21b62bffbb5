"""Training: numpy only, on files, resumed, refused, watched, from threads."""

from __future__ import annotations

import itertools
import sys
import threading
import types

import libunicode as lu
import numpy as np
import pytest
from helpers import DIMS, KINDS, L, N, ROOT, SETTINGS, T, Fixture, config, in_threads, raises


def paired(clips: int, seed: int = 0) -> dict:
    """Clips that show one of five classes in both modalities, as the demo's do; "label" is which."""
    rng, classes = np.random.default_rng(seed), np.random.default_rng(99)
    image, speech = classes.standard_normal((5, T, 5, 5, 8)), classes.standard_normal((5, T, 12))
    label = rng.integers(0, 5, clips)
    return {"image": (image[label] + 0.1 * rng.standard_normal((clips, T, 5, 5, 8))).astype(np.float32),
            "speech": (speech[label] + 0.1 * rng.standard_normal((clips, T, 12))).astype(np.float32), "label": label}


def test_numpy_loop() -> None:
    """A loop of one's own over arrays: the objective falls, and both modalities meet in the codes."""
    data = paired(64)
    trainer = lu.Trainer(config(**{"train.batch": 16, "train.lr": 0.003}))
    assert trainer.figures[0] == "total" and {"cpc", "perplexity.image"} <= set(trainer.figures)
    totals, rng = [], np.random.default_rng(0)
    for _ in range(40):
        order = rng.permutation(64)
        for i in range(0, 64, 16):
            report = trainer.step({name: x[order[i:i + 16]] for name, x in data.items()})    # "label" is passed over
            assert list(report) == list(trainer.figures) and np.isfinite(list(report.values())).all()
            totals.append(report["total"])
    assert trainer.step_count == len(totals) == 160 and np.mean(totals[-10:]) < 0.7 * np.mean(totals[:10]), totals
    model, held_out = trainer.model(), paired(40, seed=1)
    head = lu.Head(model, classes=5)
    head.fit(model.encode("speech", data["speech"]), data["label"])
    for name in DIMS:                                   # trained on speech, chance is 0.2
        right = head.predict(model.encode(name, held_out[name])).argmax(-1) == held_out["label"]
        assert right.mean() > 0.5, f"{name}: {right.mean()}"


def test_demo_data() -> None:
    """A few steps on the demo's own clips, where they were built."""
    path = ROOT / "build/demo/data/train.npz"
    if not path.exists():
        pytest.skip("build/demo/data is not there (make demo builds it)")
    data = lu.Dataset(path, modalities=["image", "speech"], batch=16, seed=0)
    trainer = lu.Trainer(lu.Config(preset="small", modalities=data, **{"train.batch": 16}))
    history = trainer.fit(data, steps=12)
    assert history["total"][-3:].mean() < history["total"][:3].mean()
    assert trainer.model().encode("speech", data.next()["speech"]).shape == (16, 10)


def test_fit_is_a_loop_of_steps(f: Fixture) -> None:
    """fit() on a file, on arrays, and a loop over the file: the same batches give the same numbers."""
    by_hand = lu.Trainer(config())
    by_hand.total_step_count = 4
    data = lu.Dataset(f.data, batch=10, seed=0)
    wanted = [by_hand.step(batch) for _ in range(2) for batch in data]
    fitted = lu.Trainer(config())
    history = fitted.fit(lu.Dataset(f.data, batch=10, seed=0))                  # train.epochs = 2
    assert fitted.step_count == fitted.total_step_count == 4 and history["step"].tolist() == [1, 2, 3, 4]
    for name in fitted.figures:
        assert history[name].tolist() == [report[name] for report in wanted], name
    assert np.array_equal(fitted.model().embedding(), by_hand.model().embedding())

    batches = [lu.Batch({name: x[i:i + 10] for name, x in f.arrays.items()}) for i in (0, 10)]
    zeroed = {name: np.where((np.arange(T) < f.lengths[name][:, None]).reshape(N, T, *(1,) * len(DIMS[name])), x, 0)
              for name, x in f.x.items()}
    runs = [lu.Trainer(config()).fit(what, epochs=2)["total"] for what in (
        lu.Dataset(f.data, batch=10), lu.Arrays(f.arrays, batch=10), batches,
        lu.Arrays({**f.arrays, **zeroed}, batch=10))]
    assert all(np.array_equal(run, runs[0]) for run in runs) and len(runs[0]) == 4
    assert len(lu.Trainer(config()).fit(f.arrays)["step"]) == 4                 # by train.batch, train.epochs
    assert len(lu.Trainer(config()).fit(itertools.repeat(batches[0]), steps=3)["step"]) == 3
    raises(lu.ArgumentError, "total_step_count", lambda: setattr(fitted, "total_step_count", 2**63))


def test_resume(f: Fixture) -> None:
    """A run that was stopped, saved and resumed takes the steps it would have taken."""
    whole, path = lu.Trainer(config()), f.folder / "run.npz"
    history = whole.fit(lu.Arrays(f.arrays, batch=4, seed=1), steps=9)
    part = lu.Trainer(config())
    first = part.fit(lu.Arrays(f.arrays, batch=4, seed=1), steps=9, progress=lambda step, steps, report: step < 3)
    assert part.step_count == 3 == len(first["step"])
    part.save(path)
    part.close()
    resumed = lu.Trainer.resume(path)
    assert resumed.step_count == 3 and resumed.total_step_count == 9
    assert resumed.config == lu.Trainer.resume(path).config
    rest = resumed.fit(lu.Arrays(f.arrays, batch=4, seed=1))
    assert rest["step"].tolist() == [4, 5, 6, 7, 8, 9]
    assert np.concatenate([first["total"], rest["total"]]).tolist() == history["total"].tolist()
    assert np.array_equal(resumed.model().embedding(), whole.model().embedding())
    assert len(resumed.fit(lu.Arrays(f.arrays, batch=4), steps=9)["step"]) == 0      # nothing is left to do
    other = lu.Trainer.resume(path, {"train.lr": 0.5, "train.freeze": "codebook"})
    assert other.config["train.lr"] == 0.5 and other.config["train.freeze"] == "codebook"
    batches = [lu.Batch({name: x[i:i + 5] for name, x in f.arrays.items()}) for i in (0, 5, 10)]
    straight = lu.Trainer(config()).fit(batches, steps=8)["total"]
    for stop in (1, 3, 5):                                              # batches go on where the run stood, too
        part = lu.Trainer(config())
        begun = part.fit(batches, steps=8, progress=lambda step, steps, report: step < stop)["total"]
        rest = part.fit(batches, steps=8)["total"]
        assert np.concatenate([begun, rest]).tolist() == straight.tolist(), stop
    raises(lu.ArgumentError, "no more batches", lambda: part.fit([], steps=10))
    raises(lu.ArgumentError, "no more batches", lambda: part.fit(iter(batches), steps=20))
    for epochs, steps in ((3, 15), (1, 5), (2, 10)):    # as many as were asked for, of 5 batches each
        declared = lu.Trainer(config())
        declared.fit(lu.Arrays(f.arrays, batch=4, seed=1), epochs=2, progress=lambda step, steps, report: step < 5)
        declared.save(path)
        longer = lu.Trainer.resume(path, {"train.epochs": epochs})
        assert longer.total_step_count == steps and longer.step_count == 5
        longer.fit(lu.Arrays(f.arrays, batch=4, seed=1))
        assert longer.step_count == max(steps, 5), (epochs, longer.step_count)
    raises(lu.ConfigError, "which cannot become 13", lambda: lu.Trainer.resume(path, "code.count = 13"))
    raises(lu.NotFoundError, "nowhere", lambda: lu.Trainer.resume(f.folder / "nowhere.npz"))
    raises(lu.FormatError, "data", lambda: lu.Trainer.resume(_damaged(f)))


def test_start_from(f: Fixture) -> None:
    """A run that begins with a model: what is frozen stays, the rest learns."""
    first = lu.Trainer(config())
    first.fit(f.arrays, steps=3)
    model, parts = first.model(), "codebook image.encoder"
    tuned = lu.Trainer(config(**{"train.freeze": parts}), start_from=model)
    assert np.array_equal(tuned.model().embedding(), model.embedding())
    tuned.fit(f.arrays, steps=3)
    before, after = model.parameters(), tuned.model().parameters()
    assert np.array_equal(tuned.model().embedding(), model.embedding())
    assert all(np.array_equal(before[name], after[name]) == name.startswith("image.") for name in before)
    raises(lu.StateError, "has taken 3 steps", lambda: tuned.start_from(model))
    raises(lu.MismatchError, "but the model", lambda: lu.Trainer(config(**{"code.count": 9}), start_from=model))
    raises(lu.ConfigError, "did you mean codebook", lambda: lu.Trainer(config(**{"train.freeze": "codebok"})))


def _damaged(f: Fixture) -> object:
    (f.folder / "damaged-data.run.npz").write_bytes((f.folder / "run.run.npz").read_bytes()[:4000])
    return f.folder / "damaged-data.npz"


def test_progress(f: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback sees every step and may evaluate, save and stop; True shows tqdm's bar, or nothing."""
    seen, trainer = [], lu.Trainer(config())

    def watch(step: int, steps: int, report: dict) -> None:
        seen.append((step, steps, report["total"], trainer.step_count, trainer.evaluate(f.arrays)["total"]))
        trainer.save(f.folder / "watched.npz")

    history = trainer.fit(f.arrays, steps=3, progress=watch)
    assert [line[:4] for line in seen] == [(i, 3, history["total"][i - 1], i) for i in (1, 2, 3)]
    raises(ZeroDivisionError, "", lambda: trainer.fit(f.arrays, steps=9, progress=lambda *_: 1 / 0))
    assert trainer.step_count == 4                                   # the step was taken; the trainer goes on
    assert len(trainer.fit(f.arrays, steps=5)["step"]) == 1

    bars = []

    class Bar:
        def __init__(self, **how: object) -> None:
            self.how, self.done, self.text, self.closed = how, 0, "", False
            bars.append(self)

        def update(self, n: int) -> None:
            self.done += n

        def set_postfix_str(self, text: str, refresh: bool) -> None:
            self.text = text

        def close(self) -> None:
            self.closed = True

    module = types.ModuleType("tqdm")
    module.tqdm = Bar  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tqdm", module)
    trainer.fit(f.arrays, steps=7, progress=True)
    assert bars[0].how == {"total": 7, "initial": 5, "unit": "step"} and bars[0].closed
    assert bars[0].done == 2 and bars[0].text.startswith("total ")
    monkeypatch.setitem(sys.modules, "tqdm", None)              # not installed
    trainer.fit(f.arrays, steps=8, progress=True)
    assert trainer.step_count == 8 and len(bars) == 1


def test_evaluate(f: Fixture) -> None:
    """Means over the clips of an epoch; nothing is changed by it."""
    trainer = lu.Trainer(config())
    trainer.fit(f.arrays, steps=2)
    batches = [{name: x[part] for name, x in f.arrays.items()} for part in (slice(0, 8), slice(8, 16), slice(16, N))]
    single = [trainer.evaluate(lu.Batch(batch)) for batch in batches]
    wanted = np.average([report["total"] for report in single], weights=[8, 8, 4])
    for data in (lu.Dataset(f.data, batch=8), lu.Arrays(f.arrays, batch=8), map(lu.Batch, batches)):
        assert abs(trainer.evaluate(data)["total"] - wanted) < 1e-9 * abs(wanted)
    assert trainer.step_count == 2 and trainer.evaluate(lu.Batch(batches[0])) == single[0]
    raises(lu.ArgumentError, "no batches", lambda: trainer.evaluate([]))


def test_refused(f: Fixture) -> None:
    """What is refused leaves the trainer as it was."""
    trainer, good = lu.Trainer(config()), {name: x[:10] for name, x in f.arrays.items()}
    twin = lu.Trainer(config())
    for error, text, batch in (
            (lu.DataError, "NaN", {**good, "speech": np.full((10, T, 12), np.nan), "speech.lengths": np.full(10, T)}),
            (lu.ShapeError, "speech", {**good, "speech": np.zeros((10, T, 13))}),
            (lu.DataError, "7", {**good, "speech.lengths": np.full(10, T + 1)}),
            (lu.ArgumentError, "zero byte", {"a\0": good["speech"]})):
        raises(error, text, lambda: trainer.step(batch))
    with pytest.raises(lu.Error, match="20"):
        trainer.step(f.arrays)                                  # more clips than train.batch
    with pytest.raises(lu.Error, match="speech"):
        trainer.step({"image": good["image"]})
    huge = {**good, "speech": np.full((10, T, 12), 1e30), "speech.lengths": np.full(10, T)}
    with pytest.raises(lu.NumericError):
        trainer.step(huge)
    assert trainer.step_count == 0 and trainer.step(good) == twin.step(good)
    raises(lu.ConfigError, "modalities", lambda: lu.Trainer(lu.Config()))
    raises(TypeError, "config is 'preset = small' (str)", lambda: lu.Trainer("preset = small"))
    raises(lu.ArgumentError, "steps is not given", lambda: trainer.fit(itertools.repeat(lu.Batch(good))))
    raises(lu.ArgumentError, "2 of 3 steps are left", lambda: lu.Trainer(config()).fit(iter([lu.Batch(good)]), steps=3))
    raises(lu.ArgumentError, "no more batches", lambda: trainer.fit([], steps=3))
    raises(lu.ArgumentError, "steps is -1", lambda: trainer.fit([], steps=-1))


def test_draws(f: Fixture) -> None:
    """A step replayed with given draws; what C would read beyond is refused."""
    def trainer() -> lu.Trainer:
        return lu.Trainer(config(behaviour="compat", **{"encoder.dropout": 0}))

    batch, order = {name: x[:10] for name, x in f.x.items()}, np.random.default_rng(1).permutation(10)
    permutation = {name: order for name in DIMS}
    one, two, other = (trainer().step(batch, lu.Draws(cpc_step=step, club_permutation=permutation))
                       for step in (2, 2, 3))
    assert one == two and one["cpc"] != other["cpc"]
    assert trainer().step(batch, lu.Draws(revival_source=np.zeros(L, int)))["total"] == trainer().step(batch)["total"]
    for error, text, draws in (
            (lu.ShapeError, "(10,) expected", lu.Draws(club_permutation={**permutation, "image": order[:9]})),
            (lu.ShapeError, f"({L},) expected", lu.Draws(revival_source=order)),
            (lu.DataError, "cpc_step = 6", lu.Draws(cpc_step=T)),
            (lu.DataError, "10", lu.Draws(club_permutation={**permutation, "speech": order + 1}))):
        raises(error, text, lambda: trainer().step(batch, draws))


def test_checkpoint() -> None:
    """The training of a CMG checkpoint goes on: the first step's losses are those of its trace."""
    sample = ROOT.parent / "shared/cmg-sample"
    if not sample.is_dir():
        pytest.skip("../shared/cmg-sample is not there")
    trainer = lu.Trainer.from_checkpoint(sample / "DCID-model-0.pt", {"encoder.heads": 4, "encoder.dropout": 0})
    with np.load(sample / "trace.npz") as trace:
        draws = lu.Draws(int(trace["train/0/draw/cpc_t"]), {name: trace[f"train/0/draw/club_perm_{name}"].astype(int)
                                                            for name in ("audio", "video")})
        report = trainer.step({name: trace[f"input/{name}"] for name in ("audio", "video")}, draws)
        wanted = float(trace["train/0/loss/total"])
    assert abs(report["total"] - wanted) < 1e-4 * abs(wanted), (report, wanted)


def test_threads(f: Fixture) -> None:
    """The interpreter goes on while C computes; trainers side by side are as alone; one is used in turns."""
    data = {name: x[:10] for name, x in f.arrays.items()}

    def train() -> list:
        trainer = lu.Trainer(config())
        return [trainer.step(data)["total"] for _ in range(10)]

    alone, results = train(), {}
    in_threads(lambda i: results.update({i: train()}))
    assert all(results[i] == alone for i in range(4))

    shared, losses = lu.Trainer(config()), []
    in_threads(lambda i: losses.extend(shared.step(data)["total"] for _ in range(5)))
    assert shared.step_count == 20 and sorted(losses)[-1] == max(alone) and set(alone) <= set(losses)

    ticks, done = [0], threading.Event()
    larger = lu.Trainer(config(**{"encoder.ff": 16384, "train.batch": N}))

    def tick() -> None:
        while not done.is_set():
            ticks[0] += 1
            done.wait(1e-4)

    ticker = threading.Thread(target=tick)
    ticker.start()
    before = ticks[0]
    larger.step(f.arrays)
    during = ticks[0] - before
    done.set()
    ticker.join()
    assert during > 50, f"another thread had {during} turns in a step of some hundred ms"


def test_own_callback(f: Fixture) -> None:
    """The log's function is called in the middle of a call: it must not use the object that is at work."""
    errors, folder = [], f.folder / "cut"
    folder.mkdir()
    np.savez(folder / "x.npz", **f.x)
    data = lu.Dataset(folder / "x.npz", batch=N, length=2)
    lu.set_log(lambda warning, line: errors.append(pytest.raises(lu.StateError, data.next).value))
    try:
        assert data.next() is not None
    finally:
        lu.set_log(None)
    assert errors and "is in use" in str(errors[0])


def test_batches_of_damaged_clips_alone(f: Fixture) -> None:
    """With on_damage="skip" such a batch gives way to the next one of its epoch; a run that is resumed does the same."""
    folder, clips = f.folder / "halves", 12
    for name, x in f.x.items():
        (folder / name).mkdir(parents=True)
        for i in range(clips):
            np.save(folder / name / f"{i:02}.npy", x[i] if i % 3 else x[i] * np.nan)
    data = lu.Dataset(folder, batch=2, seed=1, on_damage="skip", length=T)
    config = lu.Config(modalities=KINDS, **{**SETTINGS, "train.batch": 2})
    damaged = [not any(batch.lengths(name).any() for name in batch.modalities) for _ in range(4) for batch in data]
    assert any(damaged), damaged
    straight = lu.Trainer(config, threads=1)
    history = straight.fit(data, epochs=4)
    assert len(history["total"]) == len(damaged) and np.isfinite(history["total"]).all()
    for stop in (1, damaged.index(True), damaged.index(True) + 1, 10):
        trainer = lu.Trainer(config, threads=1)
        trainer.total_step_count = len(damaged)
        trainer.fit(data, epochs=4, progress=lambda step, steps, report: step < stop)
        trainer.fit(data, epochs=4)
        assert np.array_equal(trainer.model().embedding(), straight.model().embedding())
    figures = straight.evaluate(lu.Dataset(folder, batch=1, on_damage="skip", length=T))
    whole = lu.Arrays({name: x[[i for i in range(clips) if i % 3]] for name, x in f.x.items()}, batch=1)
    assert figures == straight.evaluate(whole)
    for path in folder.rglob("*.npy"):
        np.save(path, np.load(path) * np.nan)
    nothing = lu.Dataset(folder, batch=2, on_damage="skip", length=T)
    raises(lu.DataError, "none of the data's clips can be used", lambda: lu.Trainer(config).fit(nothing, epochs=1))
    raises(lu.ArgumentError, "none of their clips can be used", lambda: straight.evaluate(nothing))


def test_a_modality_whose_clips_are_all_damaged(f: Fixture) -> None:
    folder, names = f.folder / "one_damaged", list(f.x)
    config = lu.Config(modalities=KINDS, **{**SETTINGS, "train.batch": 2})

    def data(good):                                     # of clip i and modality m
        for m, (name, x) in enumerate(f.x.items()):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for i in range(6):
                np.save(folder / name / f"{i}.npy", x[i] if good(i, m) else x[i] * np.nan)
        return lu.Dataset(folder, batch=2, on_damage="skip", length=T)

    for epochs in (1, 3):
        raises(lu.DataError, f"'{names[-1]}' is damaged in all clips of an epoch",
               lambda: lu.Trainer(config).fit(data(lambda i, m: m < len(names) - 1), epochs=epochs))
        raises(lu.DataError, "no clip of an epoch has two modalities that are not damaged",
               lambda: lu.Trainer(config).fit(data(lambda i, m: i % len(names) == m), epochs=epochs))
    lu.Trainer(config).fit(data(lambda i, m: i == 3 or m == 0), epochs=2)


def test_validating_on_the_same_data(f: Fixture) -> None:
    """Each step takes its own batch, wherever an evaluation left the data."""
    def figures(make, validates):
        data, trainer = make(), lu.Trainer(config())
        return trainer.fit(data, epochs=2, progress=(lambda *_: trainer.evaluate(data) and None) if validates else None)

    for make in (lambda: lu.Dataset(f.data, batch=7, seed=3), lambda: lu.Arrays(f.arrays, batch=7, seed=3)):
        alone, validated = figures(make, False), figures(make, True)
        assert len(alone["step"]) == 6 and all(np.array_equal(alone[name], validated[name]) for name in alone)
