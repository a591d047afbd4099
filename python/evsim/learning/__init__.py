"""Learning with exact gradients."""

from __future__ import annotations

from .._lib.modules import only_public
from .losses import FiringRate, FirstSpikeError, Loss, LossValue, ReadoutCrossEntropy, TimeToFirstSpike, VanRossum
from .optimizers import SGD, Adam, AdamW, DelayBounds, NAdam, Optimizer
from .tape import Gradients, Tape, record

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "DelayBounds",
    "FiringRate",
    "FirstSpikeError",
    "Gradients",
    "Loss",
    "LossValue",
    "NAdam",
    "Optimizer",
    "ReadoutCrossEntropy",
    "Tape",
    "TimeToFirstSpike",
    "VanRossum",
    "record",
]

__dir__ = only_public(__all__)
