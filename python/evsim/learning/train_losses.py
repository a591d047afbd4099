"""Losses of whole spike trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._lib.arrays import as_positive
from .._lib.modules import only_public
from ..errors import ShapeMismatchError
from ..spikes import SpikeArray
from .loss_values import LossValue
from .losses import Floats, Loss, Reduction, require_reduction, scale_of
from .tape import Tape

__all__ = ["VanRossum"]


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
        as_positive(self.tau, "tau")
        require_reduction(self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        trains = tape.trains(self.layer)
        wanted = [targets] if isinstance(targets, SpikeArray) else list(targets)
        if len(wanted) != len(trains):
            raise ShapeMismatchError(f"one target train for each of {len(trains)} samples, got {len(wanted)}")
        scale = scale_of(self.reduction, len(trains))
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


__dir__ = only_public(__all__)
