"""Recording of state variables on the GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import (
    InvalidArgumentError,
    RunawaySpikingError,
)
from .device import blocks_for
from .engine import Limits, gap_factors
from .layer import Layer, State
from .samples import Batch


@dataclass
class Request:
    """A variable of chosen neurons at chosen times."""

    layer: int
    observable: int
    neurons: list[int]
    times: list[float]

    def checked(self, layer: Layer) -> Request:
        """Return the request, or raise where the GPU cannot do it; the rest is in the plan of the call."""
        if layer.learns:
            raise InvalidArgumentError(
                f"record: layer {self.layer} has a kernel that writes weights; on the GPU such a layer cannot be "
                "recorded (record it with device='cpu')"
            )
        return self


def record(layer: Layer, inputs: Batch, state: State, limits: Limits, request: Request, name: str) -> Any:
    """Values of shape (n_samples, n_times, n_neurons), from a second run of the recorded neurons."""
    xp, n_samples = layer.kernels.xp, inputs.n_samples
    shape = (n_samples, len(request.times), len(request.neurons))
    out = xp.zeros(shape, np.float64)
    status = xp.asarray(np.array([0, 2**64 - 1, 0], np.uint64))
    failure_times = xp.empty(n_samples * layer.n_neurons, np.float64)
    blocks = blocks_for(len(request.neurons))
    offsets = xp.asarray(inputs.offsets)
    gaps, exact_gaps = gap_factors(layer, inputs, offsets, state, limits.until)
    layer.recorder().launch(
        *("evsim_record", n_samples * blocks if request.times else 0, layer.shared, layer.neurons, layer.hot),
        *(np.int32(layer.n_neurons), np.int32(layer.port), np.int32(n_samples), np.int32(blocks), layer.by_input),
        *(offsets, inputs.indices, inputs.times, gaps, exact_gaps, state.last_events, state.values, state.releases),
        *(np.int32(limits.max_spikes_per_instant), status, failure_times),
        *(xp.asarray(np.asarray(request.neurons, np.int32)), np.int32(len(request.neurons))),
        *(xp.asarray(np.asarray(request.times, np.float64)), np.int32(len(request.times))),
        *(np.int32(request.observable), out),
    )
    runaway = int(xp.asnumpy(status)[1])
    if runaway != 2**64 - 1:
        raise RunawaySpikingError(f"{name}: neuron {runaway % layer.n_neurons} fires without end while it is recorded")
    return xp.asnumpy(out)
