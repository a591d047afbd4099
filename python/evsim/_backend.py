"""Where a network runs: what does it there, and how arrays get there and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from typing import Any

from . import _core
from ._arrays import as_indices, as_times
from .errors import InvalidArgumentError
from .kernels import NeuronType, Source
from .spikes import SpikeArray


@dataclass(frozen=True)
class LayerSource:
    """What the code of a layer is made of."""

    neuron: NeuronType
    callbacks: Source | None
    dtype: str
    compile_path: str | PathLike[str] | None


@dataclass(frozen=True)
class Backend:
    """What a device has to offer to :class:`SpikingNetwork` and :class:`Layer`."""

    network: Callable[[int], _core.Network]
    """Made of max_spikes_per_instant; with the methods of ``_core.Network``."""
    layer: Callable[..., _core.DenseLayer]
    """Made of a LayerSource and the arguments of ``_core.DenseLayer``; with its methods."""
    wrap: Callable[[Any], Any]
    """The spikes of one sample as users see them."""
    spike_arrays: tuple[type[SpikeArray], ...]
    """What may be given as spikes."""
    as_indices: Callable[[Any], Any]
    as_times: Callable[[Any], Any]
    to_device: Callable[[Any], Any]
    to_host: Callable[[Any], Any]


def _same(values: Any) -> Any:
    return values


CPU = Backend(
    network=_core.Network,
    layer=lambda source, *arguments: _core.DenseLayer(*arguments),
    wrap=SpikeArray._wrap,
    spike_arrays=(SpikeArray,),
    as_indices=as_indices,
    as_times=as_times,
    to_device=_same,
    to_host=_same,
)


def find_backend(device: str) -> Backend:
    """Return the backend of a device."""
    if device == "cpu":
        return CPU
    if device == "cuda":
        from .cuda import backend

        return backend()
    raise InvalidArgumentError(f"device must be 'cpu' or 'cuda', got {device!r}")
