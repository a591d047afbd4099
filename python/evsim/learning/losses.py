"""Losses in continuous time, functions of spike times and potentials with their derivatives: what they share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from .._lib.arrays import as_number
from .._lib.modules import only_public
from ..errors import InvalidArgumentError, ShapeMismatchError
from .looks import NOTHING, Triple
from .loss_values import LossValue
from .tape import Tape

__all__ = ["Loss"]

Floats: TypeAlias = npt.NDArray[np.float64]
Reduction: TypeAlias = Literal["mean", "sum"]
Span: TypeAlias = tuple[float, float]
ALWAYS: Span = (-math.inf, math.inf)
_N_TIMES = 32
UserLoss: TypeAlias = Callable[[Tape, Any], LossValue]


class Loss:
    """Base class of losses: ``loss(tape, targets)`` returns a :class:`LossValue`.

    Any function that does so is a loss.
    """

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        raise NotImplementedError


def cross_entropy(scores: Floats, classes: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Return minus the logarithm of the probability of each row's class, and its derivatives by the scores.

    Probabilities are powers of e over their sum. No power is taken of what is above 0, and no logarithm of what is
    below 1: both are exact however far scores lie apart.
    """
    rows, below = np.arange(len(scores)), scores - scores.max(axis=1, keepdims=True)
    powers = np.exp(below)
    sums = powers.sum(axis=1, keepdims=True)
    per_sample: Floats = np.log(sums[:, 0]) - below[rows, classes]
    by_scores: Floats = powers / sums
    by_scores[rows, classes] -= 1.0
    return per_sample, by_scores


def as_classes(targets: Any, shape: Sequence[int]) -> npt.NDArray[np.intp]:
    """Return classes, one for each row of scores. Raises ShapeMismatchError, InvalidArgumentError."""
    classes = np.asarray(targets)
    if classes.dtype.kind not in "iu" or classes.shape != (shape[0],):
        raise ShapeMismatchError(
            f"targets are one class for each of {shape[0]} samples, as integers; got shape {classes.shape} of "
            f"{classes.dtype}"
        )
    if np.any(classes < 0) or np.any(classes >= shape[1]):
        raise InvalidArgumentError(f"classes are from 0 to {shape[1] - 1}, got {classes.min()} to {classes.max()}")
    return classes.astype(np.intp)


def end_of(tape: Tape) -> float:
    """Return the end of a run. Raises InvalidArgumentError where it has none."""
    if not math.isfinite(tape.until):
        raise InvalidArgumentError("the loss asks what happens by the end of the run; give record(..., until=...)")
    return tape.until


def highest(tape: Tape, layer: str, silent: npt.NDArray[np.bool_], span: Span = ALWAYS) -> list[Triple]:
    """Return where potentials of silent neurons, shape (n_samples, n_neurons), are highest; derivatives of 1.

    At a maximum it changes nothing if all that arrives comes later, so that raising the potential asks for weights and
    not for late input. Among 32 times of the span within the run, for which the samples run once more. Raises
    InvalidArgumentError where the run has no end, or the span lies outside.
    """
    rows = np.flatnonzero(silent.any(axis=1))
    if not len(rows):
        return [NOTHING] * len(silent)
    first, last = max(span[0], tape.starts[rows].max()), min(span[1], end_of(tape))
    if not first < last:
        raise InvalidArgumentError(
            f"spikes between {span[0]} and {span[1]} are none of a run that ends at {tape.until}"
        )
    grid = np.linspace(first, last, _N_TIMES)
    neurons = np.flatnonzero(silent.any(axis=0)).astype(np.int32)
    potentials = tape.potentials(layer, grid, rows, neurons)
    times = _peaks(grid, potentials)
    out = [NOTHING] * len(silent)
    for row, at in zip(rows, times, strict=True):
        chosen = silent[row, neurons]
        out[row] = neurons[chosen], at[chosen], np.ones(np.count_nonzero(chosen))
    return out


def _peaks(grid: Floats, potentials: Floats) -> Floats:
    """Times of the highest of potentials at even times, shape (n_samples, n_times, n_neurons); by parabolas between."""
    highest = potentials.argmax(axis=1)
    middle = np.clip(highest, 1, len(grid) - 2)
    before, at, after = (np.take_along_axis(potentials, middle[:, None] + k, axis=1)[:, 0] for k in (-1, 0, 1))
    bend = before - 2.0 * at + after
    shift = 0.5 * (before - after) / np.where(bend < 0.0, bend, -np.inf)
    inside = highest == middle
    found: Floats = grid[highest] + np.where(inside, shift, 0.0) * (grid[1] - grid[0])
    return found


def scale_of(reduction: Reduction, n_samples: int) -> float:
    """Return what the loss of each sample is multiplied by."""
    return 1.0 / n_samples if reduction == "mean" else 1.0


def require_not_negative(value: float, name: str) -> None:
    """Raise InvalidArgumentError, NonFiniteError or DTypeError unless a value is a finite number of at least 0."""
    if as_number(value, name) < 0.0:
        raise InvalidArgumentError(f"{name} must not be negative, got {value}")


def require_reduction(value: str) -> None:
    """Raise InvalidArgumentError for what is no reduction."""
    if not isinstance(value, str) or value not in ("mean", "sum"):
        raise InvalidArgumentError(f"reduction must be 'mean' or 'sum', got {value!r}")


__dir__ = only_public(__all__)
