"""Neuron models: those that evsim ships, and your own (:func:`from_source`)."""

from .._lib.modules import only_public
from .adaptive import AdEx
from .base import NeuronModel
from .coupled import MultiCompartmentLIF, ResonateAndFire
from .izhikevich import Izhikevich
from .leaky import LI, LIF, IAFDelta, LIFDelta
from .linear import CurrentAdaptation, Linear, LinearModel, ThresholdAdaptation
from .loihi import Loihi
from .named import ALIF, AdLIF, LIFAlpha, LIFDoubleExponential
from .nonlinear import COBALIF, QIF, CurrentSteps, ExpLIF
from .rectified import LinearLeakIF, SteppedIF
from .srm import SRMAlpha
from .synapses import Alpha, Delta, DoubleExponential, Exponential, Synapse, SynapseSum
from .user import UserNeuronModel, from_source

__all__ = [
    "ALIF",
    "COBALIF",
    "LI",
    "LIF",
    "MODELS",
    "QIF",
    "AdEx",
    "AdLIF",
    "Alpha",
    "CurrentAdaptation",
    "CurrentSteps",
    "Delta",
    "DoubleExponential",
    "ExpLIF",
    "Exponential",
    "IAFDelta",
    "Izhikevich",
    "LIFAlpha",
    "LIFDelta",
    "LIFDoubleExponential",
    "Linear",
    "LinearLeakIF",
    "LinearModel",
    "Loihi",
    "MultiCompartmentLIF",
    "NeuronModel",
    "ResonateAndFire",
    "SRMAlpha",
    "SteppedIF",
    "Synapse",
    "SynapseSum",
    "ThresholdAdaptation",
    "UserNeuronModel",
    "from_source",
]

MODELS: dict[str, type[NeuronModel]] = {
    model.__name__: model
    for model in (
        LIF,
        LIFDelta,
        LIFAlpha,
        LIFDoubleExponential,
        IAFDelta,
        LI,
        ALIF,
        AdLIF,
        MultiCompartmentLIF,
        ResonateAndFire,
        SRMAlpha,
        Linear,
        LinearLeakIF,
        SteppedIF,
        ExpLIF,
        AdEx,
        QIF,
        Izhikevich,
        COBALIF,
        Loihi,
    )
}
"""All models by name, as network files name them."""

__dir__ = only_public(__all__)
