"""Slow, obviously right references for the neuron models, in 50-digit arithmetic (mpmath).

They share no code and no numerical method with evsim. Besides what happens, each one says how well-posed it is:
how far a computation in finite precision that makes the usual rounding errors may be away from it, and from
when on it may see something else altogether (a potential that touches the threshold to the last digits).
"""

from .delta import DeltaParameters, delta
from .lif import LifParameters, lif
from .membrane import Membrane
from .readout import Maximum, ReadoutParameters, mean_of_readout, readout
from .trajectory import MP, UNIT32, UNIT64, Certain, Trajectory, arrivals

__all__ = [
    "MP",
    "UNIT32",
    "UNIT64",
    "Certain",
    "DeltaParameters",
    "LifParameters",
    "Maximum",
    "Membrane",
    "ReadoutParameters",
    "Trajectory",
    "arrivals",
    "delta",
    "lif",
    "mean_of_readout",
    "readout",
]
