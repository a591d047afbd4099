"""Losses of the potentials of readouts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .._lib.modules import only_public
from ..errors import InvalidArgumentError
from .loss_values import LossValue
from .losses import Loss, Reduction, as_classes, require_positive, require_reduction, scale_of, softmax
from .tape import Tape

__all__ = ["ReadoutCrossEntropy"]


@dataclass(frozen=True)
class ReadoutCrossEntropy(Loss):
    r"""Cross-entropy of the potentials of a readout: :math:`-\log (e^{V_y} / \sum_k e^{V_k})`.

    Parameters
    ----------
    layer : str
        Of :class:`~evsim.LI` neurons.
    at : "maximum", "mean" or float
        The highest potential of every neuron; its mean over time, which needs ``until=``; or that at a time, for which
        the network runs once more. All exact.
    scale : float
        By which potentials are multiplied first.
    reduction : "mean" or "sum"
        Over samples.

    Notes
    -----
    Wunderlich & Pehle 2021, Sci. Rep. 11:12829, eq. 8. Targets: one class per sample.
    """

    layer: str
    at: Literal["maximum", "mean"] | float = "maximum"
    scale: float = 1.0
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        require_positive(self.scale, "scale")
        require_reduction(self.reduction)
        if self.at not in ("maximum", "mean") and (isinstance(self.at, str) or not math.isfinite(self.at)):
            raise InvalidArgumentError(f"at must be 'maximum', 'mean' or a time, got {self.at!r}")

    def __call__(self, tape: Tape, targets: Any = None) -> LossValue:
        """Return the loss of a run and its derivatives."""
        if isinstance(self.at, str):
            potentials = tape.remembered(self.layer, self.at)
        else:
            potentials = tape.potentials(self.layer, [self.at])[:, 0]
        classes = as_classes(targets, potentials.shape)
        rows = np.arange(len(classes))
        scores = potentials * self.scale
        probability = softmax(scores)
        per_sample = -np.log(np.maximum(probability[rows, classes], 1e-300))
        reduction = scale_of(self.reduction, len(classes))
        derivatives = probability.copy()
        derivatives[rows, classes] -= 1.0
        derivatives *= self.scale * reduction
        value = float(per_sample.sum() * reduction)
        if self.at == "mean":
            return LossValue(value, per_sample, means={self.layer: derivatives}, scores=scores)
        if self.at == "maximum":
            return LossValue(value, per_sample, maxima={self.layer: derivatives}, scores=scores)
        neurons, times = np.arange(potentials.shape[1], dtype=np.int32), np.full(potentials.shape[1], float(self.at))
        seeds = [(neurons, times, row) for row in derivatives]
        return LossValue(value, per_sample, potentials={self.layer: seeds}, scores=scores)


__dir__ = only_public(__all__)
