"""Networks for latency codes: layers of LIF neurons one after the other, and a readout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .._lib.modules import only_public
from ..connections import Dense
from ..initializers import NormalInitializer
from ..network import SpikingNetwork
from ..neurons import LI, LIF

__all__: list[str] = []

_DRIVE, _VARIETY = 0.95, 0.8
"""Mean and standard deviation, over neurons, of what all arrivals would add up to if they peaked together, in
thresholds. Found on validation splits of scikit-learn's digits: neurons that differ more learn faster and better."""


def feedforward(sizes: Sequence[int], n_active: float, neuron: LIF, *, readout: bool, seed: int) -> SpikingNetwork:
    r"""Return layers "hidden 1", "hidden 2", ... and "out".

    Parameters
    ----------
    sizes : sequence of int
        Of the inputs, of each layer of LIF neurons, and of the last layer.
    n_active : float
        Inputs that fire in a sample, in the mean.
    neuron : LIF
        Of all layers; a readout has its time constants.
    readout : bool
        Whether the last layer is one of LI neurons, whose weights begin around 0, or fires like the others.
    seed : int

    Notes
    -----
    A weight w moves the potential by at most :math:`w r^{-r / (r - 1)}`, with :math:`r = \tau_m / \tau_s`: the peak of
    a difference of two exponentials. Weights are such that all inputs together bring half of the neurons to their
    threshold; those of a last layer that fires, all of them.
    """
    net = SpikingNetwork(seed=seed)
    tau_mem, tau_syn, threshold = (float(np.max(one)) for one in (neuron.tau_mem, neuron.tau_syn, neuron.threshold))
    peak = _peak(tau_mem, tau_syn)
    for number, (n_before, n) in enumerate(pairwise(sizes[:-1]), start=1):
        n_spikes = n_active if number == 1 else n_before
        mean, spread = _DRIVE / (peak * n_spikes), _VARIETY / (peak * math.sqrt(n_spikes))
        weights = NormalInitializer(threshold * mean, threshold * spread)
        net.add_layer(Dense(n_before, n, weights), neuron, name=f"hidden {number}")
    n_before, n = sizes[-2:]
    if readout:
        reader = LI(tau_mem=neuron.tau_mem, tau_syn=neuron.tau_syn)
        net.add_layer(
            Dense(n_before, n, NormalInitializer(0.0, 0.3 / (peak * math.sqrt(n_before)))), reader, name="out"
        )
    else:
        mean = 2.0 * threshold / (peak * (n_before if len(sizes) > 2 else n_active))
        net.add_layer(Dense(n_before, n, NormalInitializer(mean, 0.5 * mean)), neuron, name="out")
    return net


def _peak(tau_mem: float, tau_syn: float) -> float:
    """Highest potential that an arrival of weight 1 brings about."""
    if math.isclose(tau_mem, tau_syn, rel_tol=1e-6):
        return math.exp(-1.0)
    ratio = tau_mem / tau_syn
    return math.exp(-ratio / (ratio - 1.0) * math.log(ratio))


__dir__ = only_public(__all__)
