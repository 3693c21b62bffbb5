"""Pictures of training and of what it came to; needs matplotlib.

    from libunicode import plot
    plot.curves(history)
    plot.usage({"image": image_codes, "speech": speech_codes}, model.code_count)

Every function draws into `ax`, or into a new figure, and returns the axes: ax.figure.savefig("x.png").
"""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from . import _arguments as arguments
from ._exchange import array_of

__all__ = ["confusion", "curves", "transfer", "usage"]

_FIGURES = ("club_fit", "grad_norm", "perplexity", "agreement", "revived", "learning_rate")     # that are no losses


def curves(history: Mapping[str, npt.ArrayLike], terms: Optional[Sequence[str]] = None, smooth: int = 1,
           ax: Optional[Axes] = None) -> Axes:
    """Figures over the steps of Trainer.fit(): those named (prefixes count: "perplexity"), or the total and its terms.

    smooth  steps that each point is the mean of.
    """
    axes = _axes(ax)
    steps = array_of("step", history["step"])
    wanted = [name for name in history if name != "step" and (
        name.split(".")[0] not in _FIGURES if terms is None else any(_belongs(name, term) for term in terms))]
    if not wanted:
        raise ValueError(f"none of {', '.join(terms or ())} is in the history")
    width = max(1, min(smooth, len(steps)))
    window = np.ones(width) / width
    for name in wanted:
        axes.plot(steps[width - 1:], np.convolve(array_of(name, history[name]), window, "valid"), label=name)
    axes.set_xlabel("step")
    axes.legend(fontsize="small")
    return axes


def usage(codes: Mapping[str, npt.ArrayLike], count: int, ax: Optional[Axes] = None) -> Axes:
    """How often each modality selects each of `count` codes (-1 is left out), as shares, the most used first.

    The codes stand in the order of all modalities together, so a code is at one place for each of them.
    """
    axes = _axes(ax)
    shares = {name: _shares(arguments.whole(name, given), count) for name, given in codes.items()}
    order = np.argsort(-np.sum(list(shares.values()), axis=0), kind="stable")
    for name, share in shares.items():
        used = int(np.count_nonzero(share))
        axes.step(np.arange(count), share[order], where="mid", label=f"{name}: {used} of {count} in use")
    axes.set_xlabel("code, the most used first")
    axes.set_ylabel("share of steps")
    axes.legend(fontsize="small")
    return axes


def transfer(scores: npt.ArrayLike, modalities: Sequence[str], ax: Optional[Axes] = None) -> Axes:
    """Scores of heads in 0..1, trained on the row's modality and tested on the column's."""
    axes = _matrix(array_of("scores", scores).astype(float), modalities, _axes(ax), "{:.1%}", 1.0)
    axes.set_xlabel("tested on")
    axes.set_ylabel("trained on")
    return axes


def confusion(labels: npt.ArrayLike, predicted: npt.ArrayLike, names: Optional[Sequence[str]] = None,
              ax: Optional[Axes] = None) -> Axes:
    """How often each class (row) was predicted as each (column); labels of -1 are left out.

    predicted  classes, of the labels' shape: head.predict(codes).argmax(-1).
    """
    true, got = arguments.whole("labels", labels), arguments.whole("predicted", predicted)
    if true.shape != got.shape:
        raise ValueError(f"labels have the shape {true.shape}, the predicted classes {got.shape}")
    true, got = true[true >= 0], got[true >= 0]
    size = len(names) if names is not None else int(max(true.max(initial=0), got.max(initial=0))) + 1
    for name, given in (("labels", true), ("predicted", got)):
        beyond = given[(given < 0) | (given >= size)]
        if beyond.size:
            raise ValueError(f"{name} hold {beyond[0]}, which is none of the classes 0..{size - 1}")
    counts = np.zeros((size, size), int)
    np.add.at(counts, (true, got), 1)
    axes = _matrix(counts, names if names is not None else [str(i) for i in range(size)], _axes(ax), "{:d}",
                   max(1, counts.max(initial=0)))
    axes.set_xlabel("predicted")
    axes.set_ylabel("class")
    return axes


def _axes(ax: Optional[Axes]) -> Axes:
    return plt.subplots(constrained_layout=True)[1] if ax is None else ax


def _belongs(name: str, term: str) -> bool:
    return name == term or name.startswith(term + ".")


def _shares(codes: npt.NDArray[np.int32], count: int) -> npt.NDArray[np.float64]:
    counts = np.bincount(codes[codes >= 0], minlength=count)
    if len(counts) > count:
        raise ValueError(f"code {len(counts) - 1} is not in -1..{count - 1}")
    return counts / max(1, counts.sum())


def _matrix(values: npt.NDArray[np.float64], names: Sequence[str], axes: Axes, form: str, most: float) -> Axes:
    if values.shape != (len(names), len(names)):
        raise ValueError(f"a matrix {values.shape} for {len(names)} names")
    axes.imshow(values, cmap="Blues", vmin=0, vmax=most)
    ticks = np.arange(len(names))
    axes.set_xticks(ticks)
    axes.set_xticklabels(names, rotation=45, ha="right")
    axes.set_yticks(ticks)
    axes.set_yticklabels(names)
    for (row, column), value in np.ndenumerate(values):
        axes.text(column, row, form.format(value), ha="center", va="center", fontsize="small",
                  color="white" if value > most / 2 else "black")
    return axes
