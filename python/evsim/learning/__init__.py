"""Learning with exact gradients."""

from __future__ import annotations

from .._lib.modules import only_public
from .delays import DelayBounds
from .gradients import Gradients
from .loss_values import LossValue
from .losses import FiringRate, FirstSpikeError, Loss, ReadoutCrossEntropy, TimeToFirstSpike, VanRossum
from .optimizers import SGD, Adam, AdamW, NAdam, Optimizer
from .tape import Tape, record
from .trainer import Epoch, Trainer

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "DelayBounds",
    "Epoch",
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
    "Trainer",
    "VanRossum",
    "record",
]

__dir__ = only_public(__all__)
