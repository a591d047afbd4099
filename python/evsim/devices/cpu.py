"""Networks on the processors of this machine."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from .. import _core
from .._lib.arrays import as_indices, as_times
from ..spikes import SpikeArray
from .base import Backend


def _same(values: Any) -> Any:
    return values


CPU = Backend(
    network=_core.Network,
    population=lambda source, *arguments: _core.Population(*arguments),
    dense=_core.Projection.dense,
    wrap=SpikeArray._wrap,
    spike_arrays=(SpikeArray,),
    spikes_of=attrgetter("_core"),
    as_indices=as_indices,
    as_times=as_times,
    to_device=_same,
    to_host=_same,
)
