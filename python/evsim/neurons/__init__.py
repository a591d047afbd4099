"""Neuron models: those that evsim ships, and your own (:func:`from_source`)."""

from .._lib.modules import only_public
from .models import LI, LIF, MODELS, IAFDelta, LIFDelta, LinearLeakIF, NeuronModel, SteppedIF
from .user import UserNeuronModel, from_source

__all__ = [
    "LI",
    "LIF",
    "MODELS",
    "IAFDelta",
    "LIFDelta",
    "LinearLeakIF",
    "NeuronModel",
    "SteppedIF",
    "UserNeuronModel",
    "from_source",
]


__dir__ = only_public(__all__)
