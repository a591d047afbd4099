"""STDP of SpikeSEG encoders, layer by layer."""

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
