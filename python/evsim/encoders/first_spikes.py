"""From spike trains to first spikes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

import numpy as np

from ..errors import DTypeError
from ..spikes import SpikeArray


@overload
def spike_latency(spikes: SpikeArray) -> SpikeArray: ...
@overload
def spike_latency(spikes: Iterable[SpikeArray]) -> list[SpikeArray]: ...
def spike_latency(spikes: SpikeArray | Iterable[SpikeArray]) -> SpikeArray | list[SpikeArray]:
    """Keep the first spike of each index and drop the others.

    Parameters
    ----------
    spikes : SpikeArray, or sequence of SpikeArray
        One sample or a batch; need not be sorted.

    Returns
    -------
    SpikeArray, or list of SpikeArray for a batch
        Sorted by time; at one time in the order that they had. ``shape`` stays.

    Raises
    ------
    DTypeError
        Something that is no SpikeArray.

    Notes
    -----
    Norse's ``SpikeLatencyEncoder``. O(n log n) in the number of spikes.

    Examples
    --------
    >>> import evsim
    >>> trains = evsim.SpikeArray([1, 0, 1, 1, 0], [0.5, 1.0, 1.5, 2.0, 3.0])
    >>> first = evsim.encoders.spike_latency(trains)
    >>> first.indices, first.times
    (array([1, 0], dtype=int32), array([0.5, 1. ]))
    """
    if isinstance(spikes, SpikeArray):
        return _first(spikes)
    try:
        batch = list(spikes)
    except TypeError:
        raise DTypeError(f"spikes must be a SpikeArray or a sequence of them, got {spikes!r}") from None
    for k, sample in enumerate(batch):
        if not isinstance(sample, SpikeArray):
            raise DTypeError(f"spikes[{k}] must be a SpikeArray, got {sample!r}")
    return [_first(sample) for sample in batch]


def _first(spikes: SpikeArray) -> SpikeArray:
    ordered = spikes
    if not spikes.is_sorted:
        ordered = spikes.copy()
        ordered.sort()
    positions = np.unique(ordered.indices, return_index=True)[1]
    return ordered[np.sort(positions)]
