"""Learning with exact gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lib.modules import only_public
from .activity import Activity, check_activity, tune_activity
from .count_losses import FiringRate, SpikeCountCrossEntropy, SpikeCountError
from .delays import DelayBounds, round_delays
from .first_spike_losses import FirstSpikeError, TimeToFirstSpike
from .gradients import Gradients
from .latency_codes import LatencyCode
from .loss_values import LossValue
from .losses import Loss
from .optimizers import SGD, Adam, AdamW, NAdam, Optimizer
from .readout_losses import ReadoutCrossEntropy, ReadoutError
from .schedules import CosineDecay, ExponentialDecay
from .tape import Tape, record
from .train_losses import VanRossum
from .trainer import Epoch, Trainer

if TYPE_CHECKING:
    from .estimators import SpikingClassifier, SpikingRegressor

__all__ = [
    "SGD",
    "Activity",
    "Adam",
    "AdamW",
    "CosineDecay",
    "DelayBounds",
    "Epoch",
    "ExponentialDecay",
    "FiringRate",
    "FirstSpikeError",
    "Gradients",
    "LatencyCode",
    "Loss",
    "LossValue",
    "NAdam",
    "Optimizer",
    "ReadoutCrossEntropy",
    "ReadoutError",
    "SpikeCountCrossEntropy",
    "SpikeCountError",
    "SpikingClassifier",
    "SpikingRegressor",
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


def __getattr__(name: str) -> Any:
    """Import what needs scikit-learn when it is first asked for."""
    if name in ("SpikingClassifier", "SpikingRegressor"):
        from . import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
