"""Spikes on the GPU."""

from __future__ import annotations

from typing import Any

from ...spikes import SpikeArray
from .device import cupy


class DeviceSpikeArray:
    """Output spikes of one sample, sorted by (time, index), in the memory of the GPU.

    Attributes
    ----------
    indices : cupy.ndarray of int32, shape (n,)
        Which neurons fired: a view without a copy, as are the times. Other libraries take both through DLPack.
    times : cupy.ndarray of float64, shape (n,)
        When, in the network's unit.
    """

    __slots__ = ("indices", "times")

    def __init__(self, indices: Any, times: Any) -> None:
        self.indices = indices
        self.times = times

    def __len__(self) -> int:
        return int(self.times.shape[0])

    @property
    def n_spikes(self) -> int:
        """Number of spikes."""
        return len(self)

    def is_empty(self) -> bool:
        """Whether there are no spikes."""
        return len(self) == 0

    def to_host(self) -> SpikeArray:
        """Return a copy in the memory of the host."""
        xp = cupy()
        return SpikeArray(xp.asnumpy(self.indices), xp.asnumpy(self.times))

    def __repr__(self) -> str:
        return f"DeviceSpikeArray({len(self)} spikes)"
