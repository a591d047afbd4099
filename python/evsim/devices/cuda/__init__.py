"""Networks on an NVIDIA GPU, through CuPy: ``SpikingNetwork(device="cuda")``.

The mathematics is that of the headers in ``kernels/evsim``, which the CPU uses as well; ``kernels/cuda`` holds the
event loop. It is compiled for the GPU at hand when a layer is added, and kept in CuPy's cache. Importing this module
needs neither CuPy nor a GPU; making a network does.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, cast

from ...spikes import SpikeArray
from ..base import Backend
from .device import cupy
from .layer import Layer
from .network import Network
from .samples import as_indices, as_times
from .spikes import DeviceSpikeArray

__all__ = ["DeviceSpikeArray", "backend"]


def backend() -> Backend:
    """Return what runs networks on the GPU.

    Raises
    ------
    MissingDependencyError
        CuPy is not installed.
    DeviceError
        There is no GPU, or its driver is missing or too old.
    """
    xp = cupy()

    def to_host(values: Any) -> Any:
        return xp.asnumpy(values) if isinstance(values, xp.ndarray) else values

    return Backend(
        network=cast(Any, Network),
        population=cast(Any, Layer),
        dense=cast(Any, Layer.connect),
        wrap=lambda spikes: spikes,
        spike_arrays=(SpikeArray, cast(Any, DeviceSpikeArray)),
        spikes_of=attrgetter("indices", "times"),
        as_indices=as_indices,
        as_times=as_times,
        to_device=xp.asarray,
        to_host=to_host,
    )
