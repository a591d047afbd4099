"""Statistics of spike trains: rates, regularity, correlations and spectra.

Every function takes a :class:`evsim.SpikeArray`, or indices and times, in any order of time. Of neurons that never
fired nothing is known from the spikes: `n_neurons` says how many there are, as a :attr:`~evsim.SpikeArray.shape` does;
without either, the largest index + 1 counts. `start` and `stop` are the window that is looked at, ``start <= time <
stop``; spikes outside do not count. Times, and what is made of them, are in the network's unit.
"""

from .._lib.modules import only_public
from .binned import fano_factor, population_rate, rates
from .correlation import Correlations, correlations, cross_correlogram
from .spectra import power_spectrum
from .variability import cv, cv2, intervals, local_variation

__all__ = [
    "Correlations",
    "correlations",
    "cross_correlogram",
    "cv",
    "cv2",
    "fano_factor",
    "intervals",
    "local_variation",
    "population_rate",
    "power_spectrum",
    "rates",
]

__dir__ = only_public(__all__)
