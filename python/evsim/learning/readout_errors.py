"""Squared errors of readouts: numbers as potentials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .._lib.modules import only_public
from ..errors import InvalidArgumentError, NonFiniteError, ShapeMismatchError
from .loss_values import LossValue
from .losses import Loss
from .tape import Tape

__all__ = ["ReadoutError"]


@dataclass(frozen=True)
class ReadoutError(Loss):
    r"""Squared error of the potentials of a readout: :math:`\frac{1}{2} \sum_k (s V_k - y_k)^2`.

    Parameters
    ----------
    layer : str
        Of :class:`~evsim.LI` neurons.
    at : "mean", "maximum"
        The mean potential of every neuron over time, which needs ``until=``, or its highest; both exact.
    scale : float
        s, by which potentials are multiplied first.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    Targets: numbers, shape (n_samples, n_neurons), or (n_samples,) for one neuron.

    Examples
    --------
    >>> import evsim
    >>> from evsim.learning import ReadoutError, record
    >>> net = evsim.SpikingNetwork(dtype="float64")
    >>> layer = net.add_layer(evsim.Dense(1, 1, weights=[[8.0]]), evsim.LI(tau_mem=20.0, tau_syn=5.0), name="out")
    >>> tape = record(net, [evsim.SpikeArray([0], [0.0])], until=40.0)
    >>> loss = ReadoutError("out")(tape, [1.0])
    >>> round(loss.value, 4), loss.backward(tape).weights["out"].round(4)
    (0.0163, array([[-0.0185]]))
    """

    layer: str
    at: Literal["mean", "maximum"] = "mean"
    scale: float = 1.0
    reduction: Literal["mean", "sum"] = "mean"

    def __post_init__(self) -> None:
        if self.at not in ("mean", "maximum"):
            raise InvalidArgumentError(f"at must be 'mean' or 'maximum', got {self.at!r}")
        if self.reduction not in ("mean", "sum"):
            raise InvalidArgumentError(f"reduction must be 'mean' or 'sum', got {self.reduction!r}")
        if not 0.0 < self.scale < np.inf:
            raise InvalidArgumentError(f"scale must be above 0 and finite, got {self.scale}")

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        potentials = tape.remembered(self.layer, self.at)
        wanted = np.asarray(targets, np.float64)
        if wanted.shape == (len(potentials),) and potentials.shape[1] == 1:
            wanted = wanted[:, None]
        if wanted.shape != potentials.shape:
            raise ShapeMismatchError(f"targets are numbers of shape {potentials.shape}, got {wanted.shape}")
        if not np.all(np.isfinite(wanted)):
            raise NonFiniteError("targets must be finite")
        error = self.scale * potentials - wanted
        per_sample = 0.5 * np.sum(error**2, axis=1)
        reduction = 1.0 / len(error) if self.reduction == "mean" else 1.0
        of_kind = {self.layer: error * (self.scale * reduction)}
        value = float(per_sample.sum() * reduction)
        if self.at == "mean":
            return LossValue(value, per_sample, means=of_kind)
        return LossValue(value, per_sample, maxima=of_kind)


__dir__ = only_public(__all__)
