"""Losses in continuous time: functions of spike times and potentials, each with its derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .._lib.modules import only_public
from ..errors import InvalidArgumentError, ShapeMismatchError
from ..spikes import SpikeArray
from .looks import Triple
from .loss_values import LossValue
from .tape import Tape

__all__ = ["FiringRate", "FirstSpikeError", "Loss", "ReadoutCrossEntropy", "TimeToFirstSpike", "VanRossum"]

Floats = npt.NDArray[np.float64]
Reduction = Literal["mean", "sum"]


class Loss:
    """Base class of losses: ``loss(tape, targets)`` returns a :class:`LossValue`.

    Any function that does so is a loss.
    """

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        raise NotImplementedError


@dataclass(frozen=True)
class TimeToFirstSpike(Loss):
    r"""Cross-entropy of the times of first spikes: the neuron that fires first names the class.

    .. math:: L = -\log \frac{e^{-t_y / \tau_0}}{\sum_k e^{-t_k / \tau_0}} + \alpha (e^{t_y / \tau_1} - 1)

    Parameters
    ----------
    layer : str
        Whose first spikes :math:`t_k` count. A neuron that does not fire is taken to do so at `until` of the run.
    tau : float
        :math:`\tau_0`.
    early : float
        :math:`\alpha`: pulls the right class's spike forwards.
    early_tau : float, optional
        :math:`\tau_1`; `tau` by default.
    revive : float
        Where the neuron of the right class is silent no derivative says how to wake it: its potential at `until` is
        raised instead, as if the loss fell with it at this rate, times one minus the probability of the class. 0: not
        done. (A phantom spike, whose time would be moved, in the terms of Wunderlich & Pehle's code.)
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    Goeltz et al. 2021, Nat. Mach. Intell. 3, eq. 3; Wunderlich & Pehle 2021, Sci. Rep. 11:12829, eq. 6. Targets: one
    class per sample, shape (n_samples,).

    Examples
    --------
    >>> import evsim
    >>> from evsim.learning import TimeToFirstSpike, record
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(
    ...     evsim.Dense(1, 2, weights=[[12.0], [9.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out"
    ... )
    >>> tape = record(net, [evsim.SpikeArray([0], [1.0])], until=50.0)
    >>> loss = TimeToFirstSpike("out", tau=2.0)(tape, [0])
    >>> round(loss.value, 4), loss.scores.argmax(axis=1)
    (0.4448, array([0]))
    >>> loss.backward(tape).weights["out"].round(4)
    array([[-0.0442],
           [ 0.1103]])
    """

    layer: str
    tau: float = 1.0
    early: float = 0.0
    early_tau: float | None = None
    revive: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_positive(self.tau, "tau")
        if self.early_tau is not None:
            _require_positive(self.early_tau, "early_tau")
        _require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        times, places = tape.first_spikes(self.layer)
        classes = _classes(targets, times.shape)
        end = _end(tape)
        fired = np.isfinite(times)
        ends = np.where(fired, times, end)
        rows = np.arange(len(classes))
        scores = -ends / self.tau
        probability = _softmax(scores)
        per_sample = -np.log(np.maximum(probability[rows, classes], 1e-300))
        by_times = -probability / self.tau
        by_times[rows, classes] += 1.0 / self.tau
        if self.early:
            tau = self.tau if self.early_tau is None else self.early_tau
            late = np.exp(ends[rows, classes] / tau)
            per_sample = per_sample + self.early * (late - 1.0)
            by_times[rows, classes] += self.early / tau * late
        scale = _scale(self.reduction, len(classes))
        by_times *= scale
        spikes = np.zeros(sum(map(len, tape.trains(self.layer))))
        spikes[places[fired]] = by_times[fired]
        potentials: dict[str, list[Triple]] = {}
        silent = ~fired[rows, classes]
        if self.revive and np.any(silent):
            strength = -self.revive * scale * (1.0 - probability[rows, classes])
            potentials[self.layer] = [
                (classes[s : s + 1].astype(np.int32), np.array([end]), strength[s : s + 1]) if silent[s] else _NOTHING
                for s in rows
            ]
        return LossValue(float(per_sample.sum() * scale), per_sample, {self.layer: spikes}, potentials, scores=scores)


@dataclass(frozen=True)
class FirstSpikeError(Loss):
    r"""Squared error of the times of first spikes: :math:`\frac{1}{2} \sum_k (t_k - \hat t_k)^2`.

    Parameters
    ----------
    layer : str
    revive : float
        As of :class:`TimeToFirstSpike`, for silent neurons that have a target.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    Targets: times, shape (n_samples, n_neurons) or (n_neurons,); NaN where a neuron has none. A silent neuron is taken
    to fire at `until`.
    """

    layer: str
    revive: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        times, places = tape.first_spikes(self.layer)
        try:
            wanted = np.broadcast_to(np.asarray(targets, np.float64), times.shape)
        except (TypeError, ValueError):
            raise ShapeMismatchError(f"targets are times of shape {times.shape}, got {np.shape(targets)}") from None
        meant, fired = ~np.isnan(wanted), np.isfinite(times)
        end = _end(tape) if np.any(meant & ~fired) else 0.0
        error = np.where(meant, np.where(fired, times, end) - np.where(meant, wanted, 0.0), 0.0)
        per_sample = 0.5 * np.sum(error**2, axis=1)
        scale = _scale(self.reduction, len(times))
        spikes, potentials = np.zeros(sum(map(len, tape.trains(self.layer)))), []
        spikes[places[meant & fired]] = error[meant & fired] * scale
        for s in range(len(times)):
            silent = np.flatnonzero(meant[s] & ~fired[s]).astype(np.int32)
            potentials.append((silent, np.full(len(silent), end), np.full(len(silent), -self.revive * scale)))
        return LossValue(float(per_sample.sum() * scale), per_sample, {self.layer: spikes}, {self.layer: potentials})


@dataclass(frozen=True)
class VanRossum(Loss):
    r"""Distance of spike trains from target trains, each filtered by an exponential.

    .. math:: L = \frac{1}{\tau} \int_0^\infty (f(t) - \hat f(t))^2 dt, \qquad f(t) = \sum_{t_k < t} e^{-(t - t_k)/\tau}

    summed over neurons; in closed form, so no step of time.

    Parameters
    ----------
    layer : str
    tau : float
        How far apart spikes still feel each other; > 0.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    van Rossum 2001, Neural Comput. 13, eq. 2.2; its value between two trains is that of
    :math:`\frac{1}{2} \sum_{ij} (\pm) e^{-|t_i - t_j|/\tau}`. Targets: a SpikeArray for each sample. Cost: the square
    of the number of spikes of a neuron.

    Examples
    --------
    >>> import evsim
    >>> from evsim.learning import VanRossum, record
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[9.0]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="out")
    >>> tape = record(net, [evsim.SpikeArray([0], [1.0])])
    >>> loss = VanRossum("out", tau=2.0)(tape, [evsim.SpikeArray([0], [5.0])])
    >>> round(loss.value, 4), [row.round(4) for row in loss.spikes["out"]]
    (0.2819, [array([-0.3591])])
    """

    layer: str
    tau: float
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_positive(self.tau, "tau")
        _require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        trains = tape.trains(self.layer)
        wanted = [targets] if isinstance(targets, SpikeArray) else list(targets)
        if len(wanted) != len(trains):
            raise ShapeMismatchError(f"one target train for each of {len(trains)} samples, got {len(wanted)}")
        scale = _scale(self.reduction, len(trains))
        per_sample, spikes = np.zeros(len(trains)), []
        for s, (train, target) in enumerate(zip(trains, wanted, strict=True)):
            row = np.zeros(len(train))
            for neuron in np.union1d(train.indices, target.indices):
                mine = np.flatnonzero(train.indices == neuron)
                there = target.times[target.indices == neuron]
                value, slope = self._of_neuron(train.times[mine], there)
                per_sample[s] += value
                row[mine] = slope * scale
            spikes.append(row)
        return LossValue(float(per_sample.sum() * scale), per_sample, {self.layer: spikes})

    def _of_neuron(self, mine: Floats, there: Floats) -> tuple[float, Floats]:
        def near(a: Floats, b: Floats) -> tuple[Floats, Floats]:
            apart = a[:, None] - b
            values = np.exp(-np.abs(apart) / self.tau)
            return values, -np.sign(apart) * values / self.tau

        own, by_own = near(mine, mine)
        across, by_across = near(mine, there)
        target, _ = near(there, there)
        value = 0.5 * own.sum() - across.sum() + 0.5 * target.sum()
        return float(value), by_own.sum(axis=1) - by_across.sum(axis=1)


@dataclass(frozen=True)
class ReadoutCrossEntropy(Loss):
    r"""Cross-entropy of the potentials of a readout: :math:`-\log (e^{V_y} / \sum_k e^{V_k})`.

    Parameters
    ----------
    layer : str
        Of :class:`~evsim.LI` neurons.
    at : "maximum", "mean"
        The highest potential of every neuron, or its mean over time, which needs ``until=``; both exact.
    scale : float
        By which potentials are multiplied first.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    Wunderlich & Pehle 2021, Sci. Rep. 11:12829, eq. 8. Targets: one class per sample.
    """

    layer: str
    at: Literal["maximum", "mean"] = "maximum"
    scale: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_positive(self.scale, "scale")
        _require_reduction(self.reduction)
        if self.at not in ("maximum", "mean"):
            raise InvalidArgumentError(f"at must be 'maximum' or 'mean', got {self.at!r}")

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        potentials = tape.remembered(self.layer, self.at)
        classes = _classes(targets, potentials.shape)
        rows = np.arange(len(classes))
        scores = potentials * self.scale
        probability = _softmax(scores)
        per_sample = -np.log(np.maximum(probability[rows, classes], 1e-300))
        reduction = _scale(self.reduction, len(classes))
        derivatives = probability.copy()
        derivatives[rows, classes] -= 1.0
        derivatives *= self.scale * reduction
        value = float(per_sample.sum() * reduction)
        if self.at == "mean":
            return LossValue(value, per_sample, means={self.layer: derivatives}, scores=scores)
        return LossValue(value, per_sample, maxima={self.layer: derivatives}, scores=scores)


@dataclass(frozen=True)
class FiringRate(Loss):
    r"""Keeps the mean number of spikes of every neuron between two bounds.

    .. math:: L = \frac{s}{2} \sum_n \max(0, low - \nu_n)^2 + \max(0, \nu_n - high)^2

    with :math:`\nu_n` the number of spikes of neuron n in the run of one sample, averaged over the batch.

    Parameters
    ----------
    layer : str
    low, high : float
        0 <= low <= high.
    strength : float
        s.

    Notes
    -----
    The number of spikes jumps, and its exact derivative is 0 almost everywhere. In its place the derivative by the
    potential just before each spike is taken to be that of the loss by :math:`\nu_n`, over the number of samples, as in
    mlGeNN's EventProp (Nowotny et al. 2025, Neuromorph. Comput. Eng. 5, "Loss shaping"); where a neuron stays silent in
    a sample and fires too little, that by its potential at `until`, so that it wakes up. Neurons that fire because an
    input moves the potential itself (LIFDelta) are not lowered: just before such a spike is before that input.
    """

    layer: str
    low: float = 0.0
    high: float = math.inf
    strength: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.low <= self.high:
            raise InvalidArgumentError(f"needs 0 <= low <= high, got {self.low} and {self.high}")

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives. `targets` are not looked at."""
        trains = tape.trains(self.layer)
        n, n_samples = tape.n_neurons(self.layer), len(trains)
        counts = np.array([np.bincount(train.indices, minlength=n) for train in trains], np.float64)
        mean = counts.mean(axis=0)
        too_few, too_many = np.maximum(0.0, self.low - mean), np.maximum(0.0, mean - self.high)
        value = 0.5 * self.strength * float(np.sum(too_few**2 + too_many**2))
        by_count = self.strength * (too_many - too_few) / n_samples
        seeds = []
        for s, train in enumerate(trains):
            chosen = by_count[train.indices] != 0.0
            neurons, times = train.indices[chosen], np.nextafter(train.times[chosen], -np.inf)
            silent = np.flatnonzero((counts[s] == 0.0) & (too_few > 0.0)).astype(np.int32)
            ends = np.full(len(silent), _end(tape) if len(silent) else 0.0)
            neurons = np.concatenate([neurons, silent])
            seeds.append((neurons, np.concatenate([times, ends]), by_count[neurons]))
        return LossValue(value, np.full(n_samples, value), potentials={self.layer: seeds})


UserLoss = Callable[[Tape, Any], LossValue]

_NOTHING: Triple = (np.empty(0, np.int32), np.empty(0), np.empty(0))


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    out: Floats = powers / powers.sum(axis=1, keepdims=True)
    return out


def _classes(targets: Any, shape: Sequence[int]) -> npt.NDArray[np.intp]:
    classes = np.asarray(targets)
    if classes.dtype.kind not in "iu" or classes.shape != (shape[0],):
        raise ShapeMismatchError(
            f"targets are one class for each of {shape[0]} samples, as integers; got shape {classes.shape} of "
            f"{classes.dtype}"
        )
    if np.any(classes < 0) or np.any(classes >= shape[1]):
        raise InvalidArgumentError(f"classes are from 0 to {shape[1] - 1}, got {classes.min()} to {classes.max()}")
    return classes.astype(np.intp)


def _end(tape: Tape) -> float:
    if not math.isfinite(tape.until):
        raise InvalidArgumentError("the loss asks what happens by the end of the run; give record(..., until=...)")
    return tape.until


def _scale(reduction: Reduction, n_samples: int) -> float:
    return 1.0 / n_samples if reduction == "mean" else 1.0


def _require_positive(value: float, name: str) -> None:
    if not 0.0 < value < math.inf:
        raise InvalidArgumentError(f"{name} must be above 0 and finite, got {value}")


def _require_reduction(value: str) -> None:
    if value not in ("mean", "sum"):
        raise InvalidArgumentError(f"reduction must be 'mean' or 'sum', got {value!r}")


__dir__ = only_public(__all__)
