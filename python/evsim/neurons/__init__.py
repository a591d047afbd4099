"""Neuron models: those that evsim ships, and your own (:func:`from_source`)."""

from .._lib.modules import only_public
from .base import NeuronModel
from .coupled import MultiCompartmentLIF, ResonateAndFire
from .leaky import LI, LIF, IAFDelta, LIFDelta
from .linear import CurrentAdaptation, Linear, LinearModel, ThresholdAdaptation
from .named import ALIF, AdLIF, LIFAlpha, LIFDoubleExponential
from .rectified import LinearLeakIF, SteppedIF
from .synapses import Alpha, Delta, DoubleExponential, Exponential, Synapse, SynapseSum
from .user import UserNeuronModel, from_source

__all__ = [
    "ALIF",
    "LI",
    "LIF",
    "MODELS",
    "AdLIF",
    "Alpha",
    "CurrentAdaptation",
    "Delta",
    "DoubleExponential",
    "Exponential",
    "IAFDelta",
    "LIFAlpha",
    "LIFDelta",
    "LIFDoubleExponential",
    "Linear",
    "LinearLeakIF",
    "LinearModel",
    "MultiCompartmentLIF",
    "NeuronModel",
    "ResonateAndFire",
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
        Linear,
        LinearLeakIF,
        SteppedIF,
    )
}
"""All models by name, as network files name them."""

__dir__ = only_public(__all__)
