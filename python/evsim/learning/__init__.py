"""Learning with exact gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._lib.modules import only_public
from .delays import DelayBounds
from .gradients import Gradients
from .latency_codes import LatencyCode
from .loss_values import LossValue
from .losses import FiringRate, FirstSpikeError, Loss, ReadoutCrossEntropy, TimeToFirstSpike, VanRossum
from .optimizers import SGD, Adam, AdamW, NAdam, Optimizer
from .readout_errors import ReadoutError
from .tape import Tape, record
from .trainer import Epoch, Trainer

if TYPE_CHECKING:
    from .estimators import SpikingClassifier, SpikingRegressor

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "DelayBounds",
    "Epoch",
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
    "SpikingClassifier",
    "SpikingRegressor",
    "Tape",
    "TimeToFirstSpike",
    "Trainer",
    "VanRossum",
    "record",
]

__dir__ = only_public(__all__)


def __getattr__(name: str) -> Any:
    """Import what needs scikit-learn when it is first asked for."""
    if name in ("SpikingClassifier", "SpikingRegressor"):
        from . import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
