#!/usr/bin/env python3
"""Pre-train on TRAIN.npz, validate on VALID.npz after each epoch, and draw what came of it: PICTURE.png.

    train_and_plot.py TRAIN.npz VALID.npz MODEL.npz PICTURE.png

With a label [N] in both files, heads trained on each modality's codes are tested on every other's. Needs
matplotlib; PYTHONPATH has bindings/python, unless the binding is installed.
"""
import sys

import matplotlib
import numpy as np

import libunicode as lu

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402  (behind the choice of where to draw)


def transfer(model, train, valid):
    """The accuracy of heads trained on the row's modality and tested on the column's, and of the last its classes."""
    scores = np.zeros((len(model.modalities),) * 2)
    codes = {name: model.encode(name, valid[name]) for name in model.modalities}
    for i, taught in enumerate(model.modalities):
        head = lu.Head(model, classes=int(train["label"].max()) + 1)
        head.fit(model.encode(taught, train[taught]), train["label"])
        for j, tested in enumerate(model.modalities):
            predicted = head.predict(codes[tested]).argmax(-1)
            scores[i, j] = np.mean(predicted == valid["label"])
    return scores, codes


def main(train_path, valid_path, model_path, picture):
    data = lu.Dataset(train_path, batch=32, seed=0, drop_last=True)
    valid = lu.Dataset(valid_path, batch=32)
    config = lu.Config(preset="small", modalities=data, **{"train.length": max(data.length, valid.length)})
    trainer = lu.Trainer(config)

    def progress(step, steps, _report):
        if step % len(data) == 0:
            print(f"step {step} of {steps}: total {trainer.evaluate(valid)['total']:.3f} on {valid_path}")

    history = trainer.fit(data, progress=progress)
    trainer.save(model_path)

    model = trainer.model()
    with np.load(train_path) as train, np.load(valid_path) as held_out:
        scores, codes = transfer(model, train, held_out)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15, 4.5), constrained_layout=True)
    lu.plot.curves(history, ax=left)
    lu.plot.usage(codes, model.code_count, ax=middle)
    lu.plot.transfer(scores, model.modalities, ax=right)
    figure.savefig(picture)
    print(f"{model_path} and {picture} are written; transfer {scores.min():.1%} to {scores.max():.1%}")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
