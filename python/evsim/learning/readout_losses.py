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
class ReadoutCrossEntropy(Loss):
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

    layer: str
    at: At = "maximum"
    scale: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_readout(self.at, self.scale, self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        scores = scaled_potentials(self, tape)
        per_sample, derivatives = cross_entropy(scores, as_classes(targets, scores.shape))
        return _value(self.layer, self.at, self.scale, self.reduction, per_sample, derivatives, scores)


@dataclass(frozen=True)
class ReadoutError(Loss):
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

    layer: str
    at: At = "mean"
    scale: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        _require_readout(self.at, self.scale, self.reduction)

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        found = scaled_potentials(self, tape)
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
        return _value(self.layer, self.at, self.scale, self.reduction, per_sample, error, None)


def _require_readout(at: At, scale: float, reduction: Reduction) -> None:
    as_positive(scale, "scale")
    require_reduction(reduction)
    if not isinstance(at, str):
        as_number(at, "at")
    elif at not in ("maximum", "mean"):
        raise InvalidArgumentError(f"at must be 'maximum', 'mean' or a time, got {at!r}")


def scaled_potentials(loss: ReadoutCrossEntropy | ReadoutError, tape: Tape) -> Floats:
    """Return what a loss sees of a readout, shape (n_samples, n_neurons)."""
    if isinstance(loss.at, str):
        return tape.remembered(loss.layer, loss.at) * loss.scale
    found: Floats = tape.potentials(loss.layer, [loss.at])[:, 0] * loss.scale
    return found


def _value(
    layer: str, at: At, scale: float, reduction: Reduction, per_sample: Floats, by_scaled: Floats, scores: Floats | None
) -> LossValue:
    """Losses of samples and their derivatives by scaled potentials, as those by what was looked at."""
    of_all = scale_of(reduction, len(per_sample))
    value, derivatives = float(per_sample.sum() * of_all), by_scaled * (scale * of_all)
    if at == "mean":
        return LossValue(value, per_sample, means={layer: derivatives}, scores=scores)
    if at == "maximum":
        return LossValue(value, per_sample, maxima={layer: derivatives}, scores=scores)
    n = derivatives.shape[1]
    neurons, times = np.arange(n, dtype=np.int32), np.full(n, float(at))
    seeds = [(neurons, times, row) for row in derivatives]
    return LossValue(value, per_sample, potentials={layer: seeds}, scores=scores)


__dir__ = only_public(__all__)
