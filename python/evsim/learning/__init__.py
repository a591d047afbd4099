"""Learning with exact gradients."""

from __future__ import annotations

from .._lib.modules import only_public
from .activity import Activity, check_activity, tune_activity
from .count_losses import FiringRate, SpikeCountCrossEntropy, SpikeCountError
from .delays import DelayBounds, round_delays
from .first_spike_losses import FirstSpikeError, TimeToFirstSpike
from .gradients import Gradients
from .loss_values import LossValue
from .losses import Loss
from .optimizers import SGD, Adam, AdamW, NAdam, Optimizer
from .readout_losses import ReadoutCrossEntropy
from .tape import Tape, record
from .train_losses import VanRossum
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
    "SpikeCountCrossEntropy",
    "SpikeCountError",
    "Tape",
    "TimeToFirstSpike",
    "Trainer",
    "VanRossum",
    "check_activity",
    "record",
    "round_delays",
    "tune_activity",
]

__dir__ = only_public(__all__)
