"""Losses of numbers of spikes; what stands in place of their derivatives is told at :class:`SpikeCountError`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._lib.arrays import as_float, as_number, as_positive
from .._lib.modules import only_public
from ..errors import InvalidArgumentError, ShapeMismatchError
from .looks import Triple
from .loss_values import LossValue
from .losses import (
    ALWAYS,
    Floats,
    Loss,
    Reduction,
    Span,
    as_classes,
    cross_entropy,
    highest,
    require_not_negative,
    require_reduction,
    scale_of,
)
from .tape import Tape

__all__ = ["FiringRate", "SpikeCountCrossEntropy", "SpikeCountError"]


@dataclass(frozen=True)
class FiringRate(Loss):
    r"""Keeps the mean number of spikes of every neuron between two bounds.

    .. math:: L = \frac{s}{2} \sum_n \max(0, low - \nu_n)^2 + \max(0, \nu_n - high)^2

    with :math:`\nu_n` the number of spikes of neuron n in the run of one sample, averaged over the batch.

    Parameters
    ----------
    layer : str
    low, high : float
        0 <= low <= high. `low` 1 and no `high` wakes silent neurons and leaves all others alone.
    strength : float
        s.

    Notes
    -----
    The number of spikes has no derivative; what stands in its place is told at :class:`SpikeCountError`.
    """

    layer: str
    low: float = 0.0
    high: float = math.inf
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= as_number(self.low, "low") <= as_float(self.high, "high"):
            raise InvalidArgumentError(f"needs 0 <= low <= high, got {self.low} and {self.high}")
        require_not_negative(self.strength, "strength")

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives. `targets` are not looked at."""
        counts = _counts(tape, self.layer, ALWAYS)
        mean = counts.mean(axis=0)
        too_few, too_many = np.maximum(0.0, self.low - mean), np.maximum(0.0, mean - self.high)
        value = 0.5 * self.strength * float(np.sum(too_few**2 + too_many**2))
        by_counts = np.broadcast_to(self.strength * (too_many - too_few) / len(counts), counts.shape)
        seeds = _by_potentials(tape, self.layer, counts, by_counts, ALWAYS)
        return LossValue(value, np.full(len(counts), value), potentials={self.layer: seeds})


@dataclass(frozen=True)
class SpikeCountError(Loss):
    r"""Squared error of numbers of spikes: :math:`\frac{1}{2} \sum_k (N_k - \hat N_k)^2`.

    Parameters
    ----------
    layer : str
        Whose spikes are counted, :math:`N_k` of neuron k.
    right, wrong : float, optional
        How often the neuron of the right class and all others are to fire; targets are then classes. Without them,
        targets are numbers of spikes.
    between : pair of float, optional
        Count from the first of these times on and before the second; the whole run by default.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    A number of spikes jumps, and its exact derivative is 0 almost everywhere. Here the derivative by the potential just
    before each spike that counts is defined to be :math:`N_k - \hat N_k`, that by the number of spikes: potentials are
    raised at the spikes of neurons that fire too little, and lowered at those of neurons that fire too much. Where one
    does not fire at all and is to, its potential is raised where that is highest, for which the sample runs once more.
    What potentials make of weights, delays and times is exact. So do mlGeNN's regularisers (Nowotny et al. 2025,
    Neuromorph. Comput. Eng. 5, "Loss shaping"); targets such as 15 and 3: Shrestha & Orchard 2018, "SLAYER", and
    Bacho & Chu 2022, "Exact error backpropagation through spikes for precise training of spiking neural networks".
    Neurons that fire because an input moves the potential itself (LIFDelta) are not lowered: just before such a spike
    is before that input.

    Targets: classes, shape (n_samples,), with `right`; else numbers of spikes, shape (n_samples, n_neurons) or
    (n_neurons,), NaN where a neuron may fire as it likes. Scores, where targets are classes, are the numbers of spikes.

    Examples
    --------
    >>> import evsim
    >>> from evsim.learning import SpikeCountError, record
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(
    ...     evsim.Dense(1, 2, weights=[[12.0], [5.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out"
    ... )
    >>> tape = record(net, [evsim.SpikeArray([0], [1.0])], until=50.0)
    >>> loss = SpikeCountError("out", right=3, wrong=0)(tape, [0])
    >>> loss.scores, loss.value
    (array([[2., 0.]]), 0.5)
    >>> loss.backward(tape).weights["out"].round(4)
    array([[-0.2435],
           [ 0.    ]])
    """

    layer: str
    right: float | None = None
    wrong: float | None = None
    between: Span | None = None
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        if (self.right is None) != (self.wrong is None):
            raise InvalidArgumentError("right and wrong numbers of spikes are given together")
        if self.right is not None and not 0.0 <= as_number(self.wrong, "wrong") < as_number(self.right, "right"):
            raise InvalidArgumentError(f"needs 0 <= wrong < right, got {self.wrong} and {self.right}")
        _require_span(self.between)
        require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        span = ALWAYS if self.between is None else self.between
        counts = _counts(tape, self.layer, span)
        wanted = self._wanted(targets, counts)
        error = np.where(np.isnan(wanted), 0.0, counts - wanted)
        per_sample = 0.5 * np.sum(error**2, axis=1)
        scale = scale_of(self.reduction, len(counts))
        seeds = _by_potentials(tape, self.layer, counts, error * scale, span)
        value = float(per_sample.sum() * scale)
        scores = None if self.right is None else counts
        return LossValue(value, per_sample, potentials={self.layer: seeds}, scores=scores)

    def _wanted(self, targets: Any, counts: Floats) -> Floats:
        if self.right is not None and self.wrong is not None:
            wanted = np.full(counts.shape, float(self.wrong))
            wanted[np.arange(len(counts)), as_classes(targets, counts.shape)] = self.right
            return wanted
        try:
            return np.broadcast_to(np.asarray(targets, np.float64), counts.shape)
        except (TypeError, ValueError):
            raise ShapeMismatchError(
                f"targets are numbers of spikes of shape {counts.shape}, got {np.shape(targets)}; for classes give "
                "right= and wrong="
            ) from None


@dataclass(frozen=True)
class SpikeCountCrossEntropy(Loss):
    r"""Cross-entropy of numbers of spikes: :math:`-\log (e^{s N_y} / \sum_k e^{s N_k})`.

    Parameters
    ----------
    layer : str
        Whose spikes are counted.
    scale : float
        s.
    between : pair of float, optional
        Count from the first of these times on and before the second; the whole run by default.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    What stands in place of the derivative by a number of spikes is told at :class:`SpikeCountError`; here that of the
    loss is s times the probability of a class, less 1 for the right one. Nothing says how often the right neuron is to
    fire: :class:`FiringRate` can bound that. Targets: one class per sample. Scores are the numbers of spikes.
    """

    layer: str
    scale: float = 1.0
    between: Span | None = None
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        as_positive(self.scale, "scale")
        _require_span(self.between)
        require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        span = ALWAYS if self.between is None else self.between
        counts = _counts(tape, self.layer, span)
        per_sample, by_counts = cross_entropy(self.scale * counts, as_classes(targets, counts.shape))
        reduction = scale_of(self.reduction, len(counts))
        seeds = _by_potentials(tape, self.layer, counts, by_counts * self.scale * reduction, span)
        value = float(per_sample.sum() * reduction)
        return LossValue(value, per_sample, potentials={self.layer: seeds}, scores=counts)


def _counts(tape: Tape, layer: str, span: Span) -> Floats:
    """Numbers of spikes, shape (n_samples, n_neurons)."""
    indices, times, samples = tape.in_a_row(layer)
    counted = (times >= span[0]) & (times < span[1])
    counts = np.zeros((len(tape), tape.n_neurons(layer)))
    np.add.at(counts, (samples[counted], indices[counted]), 1.0)
    return counts


def _by_potentials(tape: Tape, layer: str, counts: Floats, by_counts: Floats, span: Span) -> list[Triple]:
    """From derivatives by numbers of spikes to those by potentials: just before spikes, or at the height of silence."""
    indices, times, samples = tape.in_a_row(layer)
    chosen = (times >= span[0]) & (times < span[1]) & (by_counts[samples, indices] != 0.0)
    looks = highest(tape, layer, (counts == 0.0) & (by_counts < 0.0), span)
    of = samples[chosen]
    cuts = np.cumsum(np.bincount(of, minlength=len(tape)))[:-1]
    parts = (np.split(row[chosen], cuts) for row in (indices, np.nextafter(times, -np.inf)))
    seeds = []
    for neurons, at, (silent, highs, _), by_count in zip(*parts, looks, by_counts, strict=True):
        all_of_them = np.concatenate([neurons, silent])
        seeds.append((all_of_them, np.concatenate([at, highs]), by_count[all_of_them]))
    return seeds


def _require_span(between: Span | None) -> None:
    if between is None:
        return
    pair = list(between) if isinstance(between, (tuple, list, np.ndarray)) else []
    if len(pair) != 2 or not as_float(pair[0], "between[0]") < as_float(pair[1], "between[1]"):
        raise InvalidArgumentError(f"between must be a pair of times that grow, got {between!r}")


__dir__ = only_public(__all__)
