"""STDP of SpikeSEG encoders, layer by layer."""

from ..._lib.modules import only_public
from .homeostasis import Homeostasis
from .stdp import GuetigSTDP, RewardSTDP, SimplifiedSTDP, convergence
from .stopping import LayerHistory, Stopping
from .trainer import STDPTrainer

__all__ = [
    "GuetigSTDP",
    "Homeostasis",
    "LayerHistory",
    "RewardSTDP",
    "STDPTrainer",
    "SimplifiedSTDP",
    "Stopping",
    "convergence",
]


__dir__ = only_public(__all__)
