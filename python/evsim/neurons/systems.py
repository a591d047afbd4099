"""Neurons as linear systems, whatever kernel simulates them."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np

from .._lib.modules import only_public
from ..errors import UnsupportedError
from .base import NeuronModel
from .circuit import LinearSystem
from .leaky import LI, LIF, IAFDelta, LIFDelta
from .linear import Linear, LinearModel
from .synapses import Delta, Exponential, Synapse

__all__: list[str] = []


@functools.lru_cache(maxsize=256)  # neurons never change
def linear_system(neuron: NeuronModel) -> LinearSystem:
    """Return the matrices of a neuron. Raises UnsupportedError for one that is not linear."""
    if isinstance(neuron, LinearModel):
        return neuron.system()
    if isinstance(neuron, (LIF, LI)):
        system = _membrane(neuron, Exponential(neuron.tau_syn), neuron.tau_mem)
        current, v = system.names.index("i"), system.names.index("v")
        i_init, v_init = np.asarray(neuron.i_init), np.asarray(neuron.v_init)
        initial = np.zeros((max(i_init.size, v_init.size), system.size))
        initial[:, current], initial[:, v] = i_init, v_init
        return replace(system, initial=initial)
    if isinstance(neuron, LIFDelta):
        return _membrane(neuron, Delta(), neuron.tau_mem)
    if isinstance(neuron, IAFDelta):
        return _membrane(neuron, Delta(), None)
    raise UnsupportedError(
        f"{type(neuron).__name__} neurons are not linear, so there are no exact gradients of them; linear are LIF, "
        "LIFDelta, IAFDelta, LI, and Linear and its kin (LIFAlpha, LIFDoubleExponential, ALIF, AdLIF, ...)"
    )


def _membrane(neuron: Any, synapse: Synapse, tau_mem: Any) -> LinearSystem:
    values = {name: getattr(neuron, name) for name in ("v_rest", "bias", "refractory") if hasattr(neuron, name)}
    if isinstance(neuron, LI):  # it has no threshold: one that is never asked for
        return Linear(synapses=synapse, tau_mem=tau_mem, threshold=np.max(neuron.v_rest) + 1.0, **values).system()
    values |= {"threshold": neuron.threshold, "reset": neuron.reset, "v_init": neuron.v_init}
    return Linear(synapses=synapse, tau_mem=tau_mem, **values).system()


def port_number(neuron: Any, port: int | str | None) -> int:
    """Return the number of a port among those of :attr:`LinearSystem.arrivals`."""
    names = getattr(neuron, "port_names", ("",))
    return int(names.index(port)) if isinstance(port, str) else int(port or 0)


__dir__ = only_public(__all__)
