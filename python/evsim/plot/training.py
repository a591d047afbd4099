"""How training went: learning curves, confusion matrices, delays before and after."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import fields
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_array, as_size
from .._lib.modules import only_public
from ..errors import DTypeError, FileFormatError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from ..layer import Layer
from ..learning import Epoch
from ..projection import Projection
from .common import COLORS, INK, matplotlib, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_matrix", "delays", "learning_curves"]

_MOST_CLASSES = 4096
_MOST_NUMBERS = 20
"""Classes up to which every cell of a confusion matrix has room for its number."""


def learning_curves(
    epochs: Sequence[Epoch] | str | PathLike[str], *, axes: Sequence[Axes] | None = None
) -> tuple[Axes, ...]:
    """Draw loss and accuracy over epochs, with a mark at the best epoch of the validation.

    Parameters
    ----------
    epochs : sequence of Epoch, or path
        What :meth:`Trainer.fit <evsim.learning.Trainer.fit>` returns, or the CSV file that it wrote with ``log=``.
    axes : sequence of matplotlib.axes.Axes, optional
        One for the loss and one for the accuracy, which is left out where the loss has no scores; a new figure by
        default.

    Returns
    -------
    tuple of matplotlib.axes.Axes

    Raises
    ------
    InvalidArgumentError, DTypeError
        There are no epochs, or what are none, or too few axes.
    FileFormatError
        The file is no such log.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot
    >>> from evsim.learning import Epoch
    >>> from matplotlib.figure import Figure
    >>> epochs = [Epoch(1, 0.9, 0.5, 0.95, 0.48, 0.01), Epoch(2, 0.4, 0.8, 0.5, 0.75, 0.01)]
    >>> loss, accuracy = evsim.plot.learning_curves(epochs, axes=Figure().subplots(1, 2))
    >>> [line.get_label() for line in accuracy.lines]
    ['training', 'validation', 'best: 75.0 %']
    """
    rows = _read(epochs) if isinstance(epochs, (str, PathLike)) else list(epochs)
    if not all(isinstance(one, Epoch) for one in rows):
        raise DTypeError("epochs are what Trainer.fit returns, or the path of its log")
    if not rows:
        raise InvalidArgumentError("there are no epochs to draw")
    classifies = not np.all(np.isnan([[one.accuracy, one.validation_accuracy] for one in rows]))
    n = 2 if classifies else 1
    if axes is None:
        axes = matplotlib("pyplot").subplots(1, n, layout="constrained", figsize=(3.6 * n, 2.8), squeeze=False)[1][0]
    shown = tuple(np.ravel(np.asarray(axes, object)))[:n]
    if len(shown) < n:
        raise InvalidArgumentError(f"there are {n} curves to draw, got {len(shown)} axes")
    numbers = [one.number for one in rows]
    for ax, name, factor in zip(shown, ("loss", "accuracy"), (1.0, 100.0), strict=False):
        curves = (name, "training", COLORS[0]), (f"validation_{name}", "validation", COLORS[1])
        marker = "o" if len(rows) < 3 else None
        for key, label, color in curves:
            values = factor * np.array([getattr(one, key) for one in rows])
            if not np.all(np.isnan(values)):
                ax.plot(numbers, values, color=color, label=label, linewidth=1.4, marker=marker, markersize=4)
        _mark_best(ax, rows, name, factor)
        ax.set(xlabel="epoch", ylabel=f"{name} (%)" if name == "accuracy" else name)
        ax.xaxis.set_major_locator(matplotlib("ticker").MaxNLocator(integer=True))
        if ax.get_legend_handles_labels()[0]:
            ax.legend(frameon=False)
    return shown


def _mark_best(ax: Axes, rows: list[Epoch], name: str, factor: float) -> None:
    """Of the epoch whose weights a network ends with: the best accuracy of the validation, or its least loss."""
    accuracy = np.array([one.validation_accuracy for one in rows])
    goodness = -np.array([one.validation_loss for one in rows]) if np.all(np.isnan(accuracy)) else accuracy
    if not np.all(np.isnan(goodness)):
        best = rows[int(np.nanargmax(goodness))]
        value = factor * getattr(best, f"validation_{name}")
        label = f"best: {value:.1f} %" if name == "accuracy" else f"best: {value:.3g}"
        ax.plot([best.number], [value], "o", color=INK, markersize=5, markerfacecolor="none", label=label)


def _read(path: str | PathLike[str]) -> list[Epoch]:
    names = [item.name for item in fields(Epoch)]
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [Epoch(int(row["number"]), *(float(row[name]) for name in names[1:])) for row in rows]
    except (KeyError, TypeError, ValueError, csv.Error):
        raise FileFormatError(f"{path} is no log of a training: it needs the columns {', '.join(names)}") from None


def confusion_matrix(
    labels: npt.ArrayLike,
    predictions: npt.ArrayLike,
    *,
    names: Sequence[Any] | npt.NDArray[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often each class was taken for which: numbers of samples, coloured by their share of the true class.

    Parameters
    ----------
    labels, predictions : array_like of int, shape (n_samples,)
        True classes, and those that were found, as :meth:`Trainer.predict <evsim.learning.Trainer.predict>` returns
        them; from 0 on.
    names : sequence, optional
        Of the classes; their numbers by default.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ShapeMismatchError
        There are not as many labels as predictions, none at all, or fewer names than classes.
    DTypeError, InvalidArgumentError
        Classes that are no integers, below 0, or above 4095.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> ax = evsim.plot.confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.texts], ax.get_title()
    (['1', '1', '2'], '75.0 % right')
    """
    truth, found = _classes(labels, "labels"), _classes(predictions, "predictions")
    if truth.shape != found.shape or not len(truth):
        raise ShapeMismatchError(f"needs a prediction for each of some labels, got {len(truth)} and {len(found)}")
    n = int(max(truth.max(), found.max())) + 1
    if names is not None and len(names) < n:
        raise ShapeMismatchError(f"there are {n} classes, got {len(names)} names")
    n = n if names is None else len(names)
    counts = np.zeros((n, n), np.int64)
    np.add.at(counts, (truth, found), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = new_axes(ax)
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, interpolation="nearest")
    if n <= _MOST_NUMBERS:
        axes.set(xticks=range(n), yticks=range(n))
        if names is not None:
            words = [str(name) for name in names]
            axes.set_xticks(range(n), words, rotation=45 if max(map(len, words)) > 3 else 0)
            axes.set_yticks(range(n), words)
        for row, column in zip(*np.nonzero(counts), strict=True):
            color = "white" if shares[row, column] > 0.5 else INK
            text = str(counts[row, column])
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9 if n <= 10 else 6)
    axes.figure.colorbar(image, ax=axes, label="share of the true class")
    right = 100.0 * np.trace(counts) / len(truth)
    axes.set(xlabel="predicted class", ylabel="true class", title=f"{right:.1f} % right")
    return axes


def _classes(values: npt.ArrayLike, name: str) -> npt.NDArray[np.intp]:
    classes = as_array(values, name, "one class for each sample")
    if classes.ndim != 1 or (classes.size and classes.dtype.kind not in "iu"):
        raise DTypeError(f"{name} are one class for each sample, as integers; got {classes.dtype} of {classes.shape}")
    if np.any(classes < 0) or np.any(classes >= _MOST_CLASSES):
        raise InvalidArgumentError(
            f"{name} are classes from 0 to {_MOST_CLASSES - 1}, got {classes.min()} to {classes.max()}"
        )
    return classes.astype(np.intp)


def delays(
    values: Any,
    *,
    before: Any = None,
    matrix: bool = False,
    ax: Axes | None = None,
    n_bins: int = 30,
    time_unit: str | None = None,
) -> Axes:
    """Draw how delays are distributed, or the delay of every synapse as a colour.

    Parameters
    ----------
    values : Layer, Projection or array_like
        Whose delays, of any shape.
    before : likewise, optional
        What they were before learning, in the same shape: drawn too, or with `matrix` taken away, so that red are
        delays that grew.
    matrix : bool
        Draw colours, one for each neuron and input: needs delays of shape (n_neurons, n_inputs).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    n_bins : int
        Of the distribution.
    time_unit : str, optional
        Named on the axis.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ShapeMismatchError
        `before` has another shape, or the delays do not make a matrix.
    InvalidArgumentError, DTypeError, NonFiniteError
        `n_bins` is no positive integer, or delays are no finite numbers.
    MissingDependencyError
        Without matplotlib.

    Examples
    --------
    >>> import evsim.plot
    >>> from matplotlib.figure import Figure
    >>> ax = evsim.plot.delays([[1.0, 2.5], [0.5, 4.0]], before=[[1.0, 1.0], [1.0, 1.0]], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.legend_.get_texts()]
    ['before', 'after']
    """
    now, old = _delays(values), None if before is None else _delays(before)
    if old is not None and old.shape != now.shape:
        raise ShapeMismatchError(f"delays before and after must have one shape, got {old.shape} and {now.shape}")
    as_size(n_bins, "n_bins")
    if matrix and (now.ndim != 2 or not now.size):
        raise ShapeMismatchError(f"a matrix of delays has shape (n_neurons, n_inputs), got {now.shape}")
    axes = new_axes(ax)
    if matrix:
        shown = now if old is None else now - old
        limit = float(np.abs(shown).max()) or 1.0
        options: dict[str, Any] = (
            {"cmap": "viridis", "vmin": 0.0} if old is None else {"cmap": "RdBu_r", "vmin": -limit}
        )
        image = axes.imshow(shown, vmax=limit, interpolation="nearest", aspect="auto", **options)
        name = "delay" if old is None else "change of the delay"
        axes.figure.colorbar(image, ax=axes, label=name if time_unit is None else f"{name} ({time_unit})")
        axes.set(xlabel="input", ylabel="neuron")
        return axes
    every = now if old is None else np.concatenate([now.ravel(), old.ravel()])
    edges = np.histogram_bin_edges(every, n_bins).tolist()
    if old is not None:
        axes.hist(old.ravel(), edges, color="#BBBBBB", label="before")
    style: dict[str, Any] = {"histtype": "step", "linewidth": 1.4} if old is not None else {}
    axes.hist(now.ravel(), edges, color=COLORS[0], label="after", **style)
    axes.set(xlabel="delay" if time_unit is None else f"delay ({time_unit})", ylabel="number of delays")
    if old is not None:
        axes.legend(frameon=False)
    return axes


def _delays(given: Any) -> npt.NDArray[np.float64]:
    values = given.delays if isinstance(given, (Layer, Projection)) else given
    numbers = as_array(values, "delays", "of one shape")
    if numbers.dtype.kind not in "iuf":
        raise DTypeError(f"delays must be numbers, got {numbers.dtype}")
    if not np.all(np.isfinite(numbers)):
        raise NonFiniteError("delays must be finite")
    return np.atleast_1d(numbers.astype(np.float64))


__dir__ = only_public(__all__)
