"""Learning with exact gradients."""

from __future__ import annotations

from .._lib.modules import only_public
from .activity import Activity, check_activity, tune_activity
from .delays import DelayBounds
from .gradients import Gradients
from .loss_values import LossValue
from .losses import FiringRate, FirstSpikeError, Loss, ReadoutCrossEntropy, TimeToFirstSpike, VanRossum
from .optimizers import SGD, Adam, AdamW, NAdam, Optimizer
from .tape import Tape, record
from .trainer import Epoch, Trainer

__all__ = [
    "SGD",
    "Activity",
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
    "check_activity",
    "record",
    "tune_activity",
]

__dir__ = only_public(__all__)
