"""Losses of the times of first spikes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._lib.arrays import as_positive
from .._lib.modules import only_public
from ..errors import ShapeMismatchError
from .looks import Triple
from .loss_values import LossValue
from .losses import (
    Loss,
    Reduction,
    as_classes,
    cross_entropy,
    end_of,
    highest,
    require_not_negative,
    require_reduction,
    scale_of,
)
from .tape import Tape

__all__ = ["FirstSpikeError", "TimeToFirstSpike"]


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
        Where the neuron of the right class is silent no derivative says how to wake it: its potential where that is
        highest is raised instead, as if the loss fell with it at this rate, times one minus the probability of the
        class. 0: not done; else samples with such neurons run once more. (In place of a phantom spike at the end of the
        run, as in Wunderlich & Pehle's code: there the way up is also to let inputs come later.)
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
    revive: float = 10.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        as_positive(self.tau, "tau")
        require_not_negative(self.early, "early")
        if self.early_tau is not None:
            as_positive(self.early_tau, "early_tau")
        require_not_negative(self.revive, "revive")
        require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        times, places = tape.first_spikes(self.layer)
        classes = as_classes(targets, times.shape)
        end = end_of(tape)
        fired = np.isfinite(times)
        ends = np.where(fired, times, end)
        rows = np.arange(len(classes))
        scores = -ends / self.tau
        per_sample, by_scores = cross_entropy(scores, classes)
        by_times = by_scores / -self.tau
        if self.early:
            tau = self.tau if self.early_tau is None else self.early_tau
            late = np.exp(ends[rows, classes] / tau)
            per_sample = per_sample + self.early * (late - 1.0)
            by_times[rows, classes] += self.early / tau * late
        scale = scale_of(self.reduction, len(classes))
        by_times *= scale
        spikes = np.zeros(sum(map(len, tape.trains(self.layer))))
        spikes[places[fired]] = by_times[fired]
        silent = ~fired & (np.arange(times.shape[1]) == classes[:, None])
        potentials: dict[str, list[Triple]] = {}
        if self.revive and np.any(silent):
            strength = self.revive * scale * by_scores[rows, classes]  # the probability less 1
            looks = highest(tape, self.layer, silent)
            potentials[self.layer] = [(n, t, d * k) for (n, t, d), k in zip(looks, strength, strict=True)]
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
    revive: float = 10.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        require_not_negative(self.revive, "revive")
        require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        times, places = tape.first_spikes(self.layer)
        try:
            wanted = np.broadcast_to(np.asarray(targets, np.float64), times.shape)
        except (TypeError, ValueError):
            raise ShapeMismatchError(f"targets are times of shape {times.shape}, got {np.shape(targets)}") from None
        meant, fired = ~np.isnan(wanted), np.isfinite(times)
        end = end_of(tape) if np.any(meant & ~fired) else 0.0
        error = np.where(meant, np.where(fired, times, end) - np.where(meant, wanted, 0.0), 0.0)
        per_sample = 0.5 * np.sum(error**2, axis=1)
        scale = scale_of(self.reduction, len(times))
        spikes = np.zeros(sum(map(len, tape.trains(self.layer))))
        spikes[places[meant & fired]] = error[meant & fired] * scale
        potentials: dict[str, list[Triple]] = {}
        if self.revive and np.any(meant & ~fired):
            looks = highest(tape, self.layer, meant & ~fired)
            potentials[self.layer] = [(n, t, -self.revive * scale * d) for n, t, d in looks]
        return LossValue(float(per_sample.sum() * scale), per_sample, {self.layer: spikes}, potentials)


__dir__ = only_public(__all__)
