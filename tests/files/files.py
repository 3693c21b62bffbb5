#!/usr/bin/env python3
"""One small file of each kind that the library writes or reads, for each release: they load for ever.

  files.py write VERSION    makes tests/files/VERSION with the library as it is (docs/contributing.md)

`read` says what a folder's files give: codes, vectors, scores. Its answer at the time of the release
stands beside the files in expected.json, and test_files.py compares.
"""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any, Dict

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
BUILD = ROOT / os.environ.get("BUILD", "build")
os.environ.setdefault("LIBUNICODE", str(BUILD / "libunicode.so"))
sys.path.insert(0, str(ROOT / "bindings/python"))
import libunicode as lu  # noqa: E402

CONFIG = """\
preset = small
modalities = image sound text
image.kind = grid
image.dims = 5 5 2
image.squeeze = 2
sound.kind = vector
sound.dims = 6
text.kind = token
text.dims = 5
text.recurrent_layers = 1
code.dim = 8
code.count = 6
encoder.heads = 2
encoder.layers = 1
encoder.ff = 8
club.width = 4
club.layers = 2
train.batch = 6
train.seed = 5
"""
RUN = """\
preset = small
modalities = sound tone
sound.kind = vector
sound.dims = 6
tone.kind = vector
tone.dims = 3
code.dim = 4
code.count = 4
encoder.heads = 1
encoder.layers = 1
encoder.ff = 4
club.width = 4
club.layers = 2
train.batch = 6
"""
CLASSES = ("bell", "dog")


def features() -> Dict[str, np.ndarray]:
    """12 clips of 4 steps, of two classes, which every modality tells apart."""
    rng = np.random.default_rng(1)
    label = np.arange(12) % 2
    clips = {"label": label.astype("i4"), "sound.lengths": np.where(np.arange(12) % 5 == 4, 3, 4).astype("i4")}
    for name, dims in (("image", (5, 5, 2)), ("sound", (6,)), ("text", (5,)), ("tone", (3,))):
        mean = rng.normal(size=(2, 1, *dims))
        clips[name] = (mean[label] + 0.3 * rng.normal(size=(12, 4, *dims))).astype("f4")
    return clips


def write(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    clips = features()
    np.savez(folder / "clips.npz", **clips)
    (folder / "config.ini").write_text(CONFIG)
    trainer = lu.Trainer(lu.Config.load(folder / "config.ini"))
    trainer.fit(lu.Dataset(folder / "clips.npz", batch=6, seed=3), steps=60)
    model = trainer.model()
    model.save(folder / "model.npz")
    small = lu.Trainer(lu.Config.parse(RUN))    # of fewer parameters: a run has each three times
    small.fit(lu.Dataset(folder / "clips.npz", modalities=("sound", "tone"), batch=6, seed=3), steps=12)
    small.save(folder / "small.npz")            # and small.run.npz
    (folder / "small.npz").unlink()
    subprocess.run([BUILD / "bin/unic-encode", "--model", folder / "model.npz", "--modality", "sound", "--out",
                    folder / "codes.npz", folder / "clips.npz"], check=True, capture_output=True)
    codes, _, z = model.encode("sound", clips["sound"], clips["sound.lengths"], vectors=True)
    head = lu.Head(model, len(CLASSES), hidden=8, epochs=40, learning_rate=0.05)
    head.fit(codes, clips["label"])
    head.save(folder / "head.npz")
    index = lu.Index(model.code_dim, "cosine", model)
    index.add(lu.pool_mean(z, codes), ids=np.arange(100, 112))
    index.save(folder / "index.npz")
    retriever = lu.Retriever(model, 5, hidden=8, dim=4, epochs=10, seed=2)
    retriever.fit(codes, clips["text"].mean(1))
    retriever.save(folder / "retriever.npz")
    segmenter = lu.Segmenter(model, image_channels=1, height=16, width=16, level_count=1, level_channels=[4],
                             channels=4, inner=4, output_channels=[4, 4], batch=4, seed=4)
    frames = pictures()
    for _ in range(3):
        segmenter.step(frames, codes[:4], (frames[..., 0] > 0).astype("f4"))
    segmenter.save(folder / "segmenter.npz")
    tables(folder / "tables", clips["sound"])
    margin(model, z[codes >= 0])


def pictures() -> np.ndarray:
    """4 clips of 4 grey frames of 16 x 16."""
    y, x = np.mgrid[0:16, 0:16] / 16
    return np.stack([np.stack([np.sin(3 * x + clip) * np.cos(5 * y + step) for step in range(4)])
                     for clip in range(4)])[..., None].astype("f4")


def tables(folder: pathlib.Path, sound: np.ndarray) -> None:
    (folder / "sound").mkdir(parents=True)
    for i in range(3):
        np.save(folder / f"sound/clip{i}.npy", sound[i])
    (folder / "classes.csv").write_text("video_id,category,split\nclip0,bell,train\nclip1,dog,test\nclip2,bell,train\n")
    (folder / "events.csv").write_text(
        'video_id,onset,offset,event_labels\nclip0,"0,2","2,4","bell,dog"\nclip2,1,3,dog\n')


def margin(model: lu.Model, z: np.ndarray) -> None:
    """Codes must not hang on the last bits of a sum: the second nearest is well behind the nearest."""
    d = np.sort(((z[:, None] - model.embedding()) ** 2).sum(-1), axis=1)
    assert ((d[:, 1] - d[:, 0]) / d[:, 1]).min() > 1e-3, "take another seed: a code is nearly a tie"


def read(folder: pathlib.Path) -> Dict[str, Any]:
    """What the files of a release give with the library as it is."""
    clips = np.load(folder / "clips.npz")
    config = lu.Config.load(folder / "config.ini")
    model = lu.Model(folder / "model.npz")
    codes, _, z = model.encode("sound", clips["sound"], clips["sound.lengths"], vectors=True)
    stored = np.load(folder / "codes.npz")
    head, index = lu.Head.load(folder / "head.npz"), lu.Index.load(folder / "index.npz")
    retriever, segmenter = lu.Retriever.load(folder / "retriever.npz"), lu.Segmenter.load(folder / "segmenter.npz")
    found = index.search(lu.pool_mean(z, codes)[:3], k=2)
    return {
        "config": {key: config[key] for key in config.keys()},
        "model": {"modalities": model.modalities, "fingerprint": model.codebook().fingerprint,
                  "embedding": model.embedding(),
                  "codes": {name: model.encode(name, clips[name]) for name in model.modalities},
                  "codes with lengths": codes, "vectors": z[:2]},
        "codes": {"codes": stored["codes"], "fingerprint": int(stored["fingerprint"])},
        "run": run(folder),
        "head": {"per": head.per, "multi": head.multi, "fingerprint": head.fingerprint, "logits": head.predict(codes)},
        "index": {"size": len(index), "metric": index.metric, "ids": found.ids, "scores": found.scores},
        "retriever": {"queries": retriever.queries(codes)[:3], "items": retriever.items(clips["text"].mean(1))[:3]},
        "segmenter": {"settings": segmenter.settings._asdict(),
                      "logits": segmenter.predict(pictures(), codes[:4])[0, 0, ::5, ::5]},
        "tables": {name: table(folder / "tables" / name) for name in ("classes.csv", "events.csv")},
    }


def run(folder: pathlib.Path) -> Dict[str, Any]:
    """A run goes on: its next step's figures."""
    trainer = lu.Trainer.resume(folder / "small.npz")
    batch = next(iter(lu.Dataset(folder / "clips.npz", modalities=("sound", "tone"), batch=6)))
    before = trainer.step_count
    report = trainer.step(batch)
    return {"steps": before, "figures": {name: report[name] for name in trainer.figures}}


def table(path: pathlib.Path) -> Dict[str, Any]:
    data = lu.Dataset(path, batch=4)
    given = {"clips": [pathlib.Path(data.clip_name("sound", i)).name for i in range(data.clip_count)],
             "classes": data.classes(), "label": data.labels()}
    if path.name.startswith("events"):
        given["steps"] = data.labels("sound.step_labels")
    return given


def plain(value: Any) -> Any:
    """As JSON keeps it: lists, numbers with 8 digits."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "write":
        sys.exit(__doc__)
    write(HERE / sys.argv[2])
    with open(HERE / sys.argv[2] / "expected.json", "w", encoding="utf-8") as out:
        json.dump(plain(read(HERE / sys.argv[2])), out, indent=1)
        out.write("\n")
