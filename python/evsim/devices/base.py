"""Where a network runs: what does it there, and how arrays get there and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

from .. import _core
from ..kernels import NeuronType, Source
from ..spikes import SpikeArray


@dataclass(frozen=True)
class KernelSource:
    """What the code of a population is made of."""

    neuron: NeuronType
    callbacks: Source | None
    dtype: str
    compile_path: str | PathLike[str] | None


@dataclass(frozen=True)
class Backend:
    """What a device has to offer to :class:`SpikingNetwork`, its populations and its projections."""

    network: Callable[[int], _core.Network]
    """Made of max_spikes_per_instant; with the methods of ``_core.Network``."""
    population: Callable[..., _core.Population]
    """Made of a KernelSource and the arguments of ``_core.Population``; with its methods."""
    dense: Callable[..., _core.Projection]
    """Made of a population and the arguments of ``_core.Projection.dense``; with the methods of a projection."""
    wrap: Callable[[Any], Any]
    """The spikes of one sample as users see them."""
    spike_arrays: tuple[type[SpikeArray], ...]
    """What may be given as spikes."""
    spikes_of: Callable[[Any], Any]
    """One of them as the network takes it."""
    as_indices: Callable[[Any], Any]
    as_times: Callable[[Any], Any]
    to_device: Callable[[Any], Any]
    to_host: Callable[[Any], Any]
