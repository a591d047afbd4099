"""Event-driven simulation of spiking neural networks with exact spike times.

>>> import evsim
>>> net = evsim.SpikingNetwork(seed=1)
>>> layer = net.add_layer(evsim.Dense(3, 2, weights=[[8, 0, 0], [0, 8, 8]]), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
>>> net.infer([0, 1, 2], [1.0, 2.0, 2.5])
SpikeArray(4 spikes, indices 0 to 1, times 3.764... to 10.563...)
"""

from typing import TYPE_CHECKING

from ._lib.modules import lazily, only_public

if TYPE_CHECKING:
    from . import (
        datasets,
        encoders,
        errors,
        events,
        initializers,
        io,
        kernels,
        neurons,
        plot,
        random,
        receptive_fields,
        rules,
        spikeseg,
    )
    from ._core import __version__
    from .connections import Conv2d, ConvTranspose2d, Dense, Pool2d, Unpool2d, coordinates_of, index_of
    from .errors import EvsimError
    from .events import EventArray, filters
    from .kernels import Kernel
    from .layer import Layer
    from .network import SpikingNetwork
    from .neurons import LI, LIF, IAFDelta, LIFDelta, LinearLeakIF, NeuronModel, SteppedIF
    from .nodes import Input, Population
    from .probe import Probe
    from .projection import Projection
    from .spikes import Spike, SpikeArray
    from .storage import load, save
    from .threads import num_threads, set_num_threads
else:
    # Each name is imported when it is first asked for, so that `evsim --help` need not wait for NumPy.
    __getattr__ = lazily(
        __name__,
        {
            "_core": ("__version__",),
            "connections": ("Conv2d", "ConvTranspose2d", "Dense", "Pool2d", "Unpool2d", "coordinates_of", "index_of"),
            "errors": ("EvsimError",),
            "events": ("EventArray", "filters"),
            "kernels": ("Kernel",),
            "layer": ("Layer",),
            "network": ("SpikingNetwork",),
            "neurons": ("LI", "LIF", "IAFDelta", "LIFDelta", "LinearLeakIF", "NeuronModel", "SteppedIF"),
            "nodes": ("Input", "Population"),
            "probe": ("Probe",),
            "projection": ("Projection",),
            "spikes": ("Spike", "SpikeArray"),
            "storage": ("load", "save"),
            "threads": ("num_threads", "set_num_threads"),
        },
    )

__all__ = [
    "LI",
    "LIF",
    "Conv2d",
    "ConvTranspose2d",
    "Dense",
    "EventArray",
    "EvsimError",
    "IAFDelta",
    "Input",
    "Kernel",
    "LIFDelta",
    "Layer",
    "LinearLeakIF",
    "NeuronModel",
    "Pool2d",
    "Population",
    "Probe",
    "Projection",
    "Spike",
    "SpikeArray",
    "SpikingNetwork",
    "SteppedIF",
    "Unpool2d",
    "__version__",
    "coordinates_of",
    "datasets",
    "encoders",
    "errors",
    "events",
    "filters",
    "index_of",
    "initializers",
    "io",
    "kernels",
    "load",
    "neurons",
    "num_threads",
    "plot",
    "random",
    "receptive_fields",
    "rules",
    "save",
    "set_num_threads",
    "spikeseg",
]


__dir__ = only_public(__all__)
