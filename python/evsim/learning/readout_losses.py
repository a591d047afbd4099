"""Losses of the potentials of readouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from .._lib.arrays import as_array, as_number, as_positive
from .._lib.modules import only_public
from ..errors import DTypeError, InvalidArgumentError, NonFiniteError, ShapeMismatchError
from .loss_values import LossValue
from .losses import Floats, Loss, Reduction, as_classes, cross_entropy, require_reduction, scale_of
from .tape import Tape

__all__ = ["ReadoutCrossEntropy", "ReadoutError"]

At: TypeAlias = Literal["maximum", "mean"] | float


@dataclass(frozen=True)
class ReadoutLoss(Loss):
    """Losses of scaled potentials: subclasses turn those into losses of samples, and their derivatives."""

    layer: str
    at: At = "maximum"
    scale: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        as_positive(self.scale, "scale")
        require_reduction(self.reduction)
        if not isinstance(self.at, str):
            as_number(self.at, "at")
        elif self.at not in ("maximum", "mean"):
            raise InvalidArgumentError(f"at must be 'maximum', 'mean' or a time, got {self.at!r}")

    def scaled_potentials(self, tape: Tape) -> Floats:
        """Return what the loss sees, shape (n_samples, n_neurons)."""
        if isinstance(self.at, str):
            return tape.remembered(self.layer, self.at) * self.scale
        found: Floats = tape.potentials(self.layer, [self.at])[:, 0] * self.scale
        return found

    def _value(self, per_sample: Floats, by_scaled: Floats, scores: Floats | None) -> LossValue:
        """Losses of samples and their derivatives by scaled potentials, as those by what was looked at."""
        of_all = scale_of(self.reduction, len(per_sample))
        value, derivatives = float(per_sample.sum() * of_all), by_scaled * (self.scale * of_all)
        if self.at == "mean":
            return LossValue(value, per_sample, means={self.layer: derivatives}, scores=scores)
        if self.at == "maximum":
            return LossValue(value, per_sample, maxima={self.layer: derivatives}, scores=scores)
        n = derivatives.shape[1]
        neurons, times = np.arange(n, dtype=np.int32), np.full(n, float(self.at))
        seeds = [(neurons, times, row) for row in derivatives]
        return LossValue(value, per_sample, potentials={self.layer: seeds}, scores=scores)


@dataclass(frozen=True)
class ReadoutCrossEntropy(ReadoutLoss):
    r"""Cross-entropy of the potentials of a readout: :math:`-\log (e^{s V_y} / \sum_k e^{s V_k})`.

    Parameters
    ----------
    layer : str
        Of :class:`~evsim.LI` neurons.
    at : "maximum", "mean" or float
        The highest potential of every neuron; its mean over time, which needs ``until=``; or that at a time, for which
        the network runs once more. All exact.
    scale : float
        s, by which potentials are multiplied first.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    Wunderlich & Pehle 2021, Sci. Rep. 11:12829, eq. 8. Targets: one class per sample.
    """

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        scores = self.scaled_potentials(tape)
        per_sample, derivatives = cross_entropy(scores, as_classes(targets, scores.shape))
        return self._value(per_sample, derivatives, scores)


@dataclass(frozen=True)
class ReadoutError(ReadoutLoss):
    r"""Squared error of the potentials of a readout: :math:`\frac{1}{2} \sum_k (s V_k - y_k)^2`.

    Parameters
    ----------
    layer : str
        Of :class:`~evsim.LI` neurons.
    at : "mean", "maximum" or float
        As of :class:`ReadoutCrossEntropy`.
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

    at: At = "mean"

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        found = self.scaled_potentials(tape)
        wanted = as_array(targets, "targets")
        if wanted.dtype.kind not in "iuf":
            raise DTypeError(f"targets are numbers of shape {found.shape}, got {wanted.dtype}")
        if wanted.shape == (len(found),) and found.shape[1] == 1:
            wanted = wanted[:, None]
        if wanted.shape != found.shape:
            raise ShapeMismatchError(f"targets are numbers of shape {found.shape}, got {wanted.shape}")
        if not np.all(np.isfinite(wanted)):
            raise NonFiniteError("targets must be finite")
        error = found - wanted
        per_sample = 0.5 * np.sum(error**2, axis=1)
        return self._value(per_sample, error, None)


__dir__ = only_public(__all__)
