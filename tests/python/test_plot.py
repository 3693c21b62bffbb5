"""Pictures: what is drawn is what was given; matplotlib is imported only for them."""

from __future__ import annotations

import subprocess
import sys

import libunicode as lu
import numpy as np
import pytest
from helpers import L, PACKAGE, Fixture, config, raises

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed() -> object:
    yield
    lu.plot.plt.close("all")


def test_import() -> None:
    code = ("import sys, libunicode; assert 'matplotlib' not in sys.modules\n"
            "assert libunicode.plot.curves and 'matplotlib' in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True, env={**_environment(), "PYTHONPATH": str(PACKAGE.parent)})
    raises(AttributeError, "plots", lambda: lu.plots)


def _environment() -> dict:
    import os
    return {**os.environ, "MPLBACKEND": "Agg"}


def test_curves(f: Fixture) -> None:
    history = lu.Trainer(config()).fit(f.arrays, steps=6)
    axes = lu.plot.curves(history)
    drawn = {line.get_label(): line.get_ydata().tolist() for line in axes.lines}
    assert drawn["total"] == history["total"].tolist() and "reconstruction.image" in drawn
    figures = ("club_fit", "perplexity", "grad_norm", "agreement", "revived", "learning_rate")
    assert not any(name.startswith(figures) for name in drawn)
    axes = lu.plot.curves(history, terms=["perplexity"], smooth=2)
    assert [line.get_label() for line in axes.lines] == ["perplexity.image", "perplexity.speech"]
    wanted = (history["perplexity.image"][1:] + history["perplexity.image"][:-1]) / 2
    assert np.allclose(axes.lines[0].get_ydata(), wanted) and axes.lines[0].get_xdata().tolist() == [2, 3, 4, 5, 6]
    raises(ValueError, "perplexities", lambda: lu.plot.curves(history, terms=["perplexities"]))


def test_usage(f: Fixture) -> None:
    model = f.model()
    codes = {name: model.encode(name, f.x[name], f.lengths[name]) for name in model.modalities}
    axes = lu.plot.usage(codes, model.code_count)
    shares = {name: np.bincount(given[given >= 0], minlength=L) / (given >= 0).sum() for name, given in codes.items()}
    order = np.argsort(-(shares["image"] + shares["speech"]), kind="stable")
    for line, name in zip(axes.lines, codes):
        assert np.allclose(line.get_ydata(), shares[name][order]) and line.get_label().startswith(f"{name}: ")
    raises(ValueError, "-1..3", lambda: lu.plot.usage({"a": np.array([4])}, 4))


def test_matrices(f: Fixture) -> None:
    figure, both = lu.plot.plt.subplots(1, 2)
    axes = lu.plot.transfer([[0.9, 0.5], [0.25, 1.0]], ["image", "speech"], ax=both[0])
    assert axes is both[0] and [text.get_text() for text in axes.texts] == ["90.0%", "50.0%", "25.0%", "100.0%"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["image", "speech"]
    axes = lu.plot.confusion([0, 1, 1, 2, -1], [0, 1, 0, 2, 0], ax=both[1])
    assert [int(text.get_text()) for text in axes.texts] == [1, 0, 0, 1, 1, 0, 0, 0, 1]
    figure.savefig(f.folder / "matrices.png")
    assert (f.folder / "matrices.png").stat().st_size > 5000
    raises(ValueError, "(2, 2)", lambda: lu.plot.transfer(np.eye(2), ["image"]))
    raises(ValueError, "(3,)", lambda: lu.plot.confusion([0, 1], [0, 1, 2]))
    raises(ValueError, "predicted hold -1, which is none of the classes 0..2", lambda: lu.plot.confusion([0, 1, 2], [-1, 1, 2]))
    raises(ValueError, "predicted hold 5", lambda: lu.plot.confusion([0, 1], [5, 1], names=["a", "b"]))
    raises(lu.DataError, "labels are float64", lambda: lu.plot.confusion([0.0, 1.0], [0, 1]))
    raises(lu.DataError, "masked values", lambda: lu.plot.transfer(np.ma.array(np.eye(2), mask=np.eye(2)), ["a", "b"]))
