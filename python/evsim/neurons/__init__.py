"""Neuron models: those that evsim ships, and your own (:func:`from_source`)."""

from .._lib.modules import only_public
from .adaptive import AdEx
from .base import NeuronModel
from .izhikevich import Izhikevich
from .leaky import LI, LIF, IAFDelta, LIFDelta
from .nonlinear import COBALIF, QIF, CurrentSteps, ExpLIF
from .rectified import LinearLeakIF, SteppedIF
from .user import UserNeuronModel, from_source

__all__ = [
    "COBALIF",
    "LI",
    "LIF",
    "MODELS",
    "QIF",
    "AdEx",
    "CurrentSteps",
    "ExpLIF",
    "IAFDelta",
    "Izhikevich",
    "LIFDelta",
    "LinearLeakIF",
    "NeuronModel",
    "SteppedIF",
    "UserNeuronModel",
    "from_source",
]

MODELS: dict[str, type[NeuronModel]] = {
    model.__name__: model
    for model in (LIF, LIFDelta, IAFDelta, LI, LinearLeakIF, SteppedIF, ExpLIF, AdEx, QIF, Izhikevich, COBALIF)
}
"""All models by name, as network files name them."""

__dir__ = only_public(__all__)
