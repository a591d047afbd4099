"""One layer over all samples of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import NonFiniteError, RunawaySpikingError
from .device import blocks_for
from .layer import Layer, State
from .samples import Batch, number

_NOBODY = 2**64 - 1


@dataclass
class Limits:
    """What is simulated: spikes from `since` on, up to `until`."""

    since: float
    until: float
    max_spikes_per_instant: int


@dataclass
class Run:
    """What a layer made of its input. Nothing of the layer itself has changed."""

    spikes: Batch
    state: State
    final_memory: Any
    weights: Any
    """[sample][input][neuron], of a layer that learns."""
    rates: list[float]


@dataclass
class Arrivals:
    """When spikes arrive at every input of a layer with callbacks."""

    previous: Any
    """Per event: the arrival before it at the same input, or -infinity."""
    offsets: Any
    events: Any
    """Events by sample and input: those of input i of sample s begin at offsets[s * n_inputs + i]."""
    last: Any
    """[sample][input], after all events."""


def run_layer(layer: Layer, inputs: Batch, state: State, limits: Limits, name: str) -> Run:
    """Run a layer; raises RunawaySpikingError or NonFiniteError."""
    xp, n_samples, n = layer.kernels.xp, inputs.n_samples, layer.n_neurons
    rates = [1.0 / tau for tau in layer.time_constants()]
    arrivals = _arrivals(layer, inputs, state)
    offsets = xp.asarray(inputs.offsets)
    gaps, exact_gaps = gap_factors(layer, inputs, offsets, state, limits.until)
    parameters = layer.rule_parameters() if rates or layer.learns or layer.has_rule else []
    rule = [xp.asarray(np.asarray(values or [0.0], np.float64)) for values in (parameters, rates)]
    failure_times = xp.empty(n_samples * n, np.float64)
    while True:
        after = state.writable()
        after.values, after.memory = xp.empty_like(state.values), xp.empty_like(state.memory)
        after.releases = xp.empty_like(state.releases)
        after.last_events, after.last_arrivals = _last_events(xp, inputs, state), arrivals.last
        final_memory = xp.empty_like(state.memory)
        weights = xp.repeat(layer.by_input[None], n_samples, axis=0) if layer.learns else layer.by_input
        found = [xp.empty(layer.room, dtype) for dtype in (np.int32, np.int32, np.float64)]
        status = xp.asarray(np.array([0, _NOBODY, _NOBODY], np.uint64))
        blocks = blocks_for(n)
        layer.kernels.launch(
            *("evsim_dense", n_samples * blocks, layer.shared, layer.neurons, layer.hot),
            *(np.int32(n), np.int32(layer.n_inputs), np.int32(layer.port), np.int32(n_samples), np.int32(blocks)),
            *(weights, np.int64(layer.n_inputs * n if layer.learns else 0)),
            *(offsets, inputs.indices, inputs.times, gaps, exact_gaps, state.last_events),
            *(np.float64(limits.since), np.float64(limits.until), np.int32(limits.max_spikes_per_instant)),
            *(*found, np.uint64(layer.room), status, failure_times),
            *(state.values, after.values, state.memory, after.memory, final_memory, state.releases, after.releases),
            *(*rule, after.neuron_traces, after.synaptic_traces, after.last_outputs),
            *(state.last_arrivals, arrivals.previous, arrivals.offsets, arrivals.events),
        )
        n_spikes, runaway, not_finite = (int(value) for value in xp.asnumpy(status))
        if runaway != _NOBODY:
            time = number(xp.asnumpy(failure_times[runaway : runaway + 1])[0])
            raise RunawaySpikingError(
                f"{name}: neuron {runaway % n} fired more than {limits.max_spikes_per_instant} times at t = {time}; "
                "its input is too strong for its threshold (see max_spikes_per_instant)"
            )
        if not_finite != _NOBODY:
            raise NonFiniteError(
                f"{name}: the state of neuron {not_finite % n} is no longer finite; "
                "look for NaN, infinite or huge values in the weights"
            )
        if n_spikes <= layer.room:
            spikes = _sorted(xp, [array[:n_spikes] for array in found], n_samples)
            return Run(spikes, after, final_memory, weights if layer.learns else None, rates)
        layer.room = n_spikes + n_spikes // 4


def gap_factors(layer: Layer, inputs: Batch, offsets: Any, state: State, until: float) -> tuple[Any, Any]:
    """What all neurons share of the gap before each event, and of the one after each sample's last event."""
    xp, n_samples = layer.kernels.xp, inputs.n_samples
    n_gaps = len(inputs.times) + n_samples
    gaps = xp.empty(n_gaps * layer.gap_bytes, np.uint8)
    exact_gaps = xp.empty(n_gaps * layer.exact_gap_bytes, np.uint8)
    blocks = blocks_for(int(np.diff(inputs.offsets).max(initial=0)) + 1)
    layer.kernels.launch(
        *("evsim_gaps", n_samples * blocks, layer.shared, offsets, inputs.times, state.last_events),
        *(np.float64(until), np.int32(n_samples), np.int32(blocks), gaps, exact_gaps),
    )
    return gaps, exact_gaps


def _last_events(xp: Any, inputs: Batch, state: State) -> Any:
    some = np.flatnonzero(np.diff(inputs.offsets))
    last = state.last_events.copy()
    if len(some):
        last[xp.asarray(some)] = inputs.times[xp.asarray(inputs.offsets[some + 1] - 1)]
    return last


def _arrivals(layer: Layer, inputs: Batch, state: State) -> Arrivals:
    xp = layer.kernels.xp
    if not layer.has_rule or not len(inputs.times):
        nothing = xp.zeros(inputs.n_samples * layer.n_inputs + 1 if layer.has_rule else 1, np.int64)
        return Arrivals(xp.empty(1, np.float64), nothing, nothing, state.last_arrivals)
    key = inputs.sample_numbers(xp) * layer.n_inputs + inputs.indices
    events = xp.lexsort(key[None])
    key, times = key[events], inputs.times[events]
    offsets = xp.searchsorted(key, xp.arange(inputs.n_samples * layer.n_inputs + 1))
    before = state.last_arrivals.ravel()
    previous = before[key]
    again = xp.flatnonzero(key[1:] == key[:-1]) + 1
    previous[again] = times[again - 1]
    of_event = xp.empty_like(previous)
    of_event[events] = previous
    arrived = offsets[1:] > offsets[:-1]
    last = xp.where(arrived, times[xp.maximum(offsets[1:] - 1, 0)], before).reshape(state.last_arrivals.shape)
    return Arrivals(of_event, offsets.astype(np.int64), events.astype(np.int64), last)


def _sorted(xp: Any, found: list[Any], n_samples: int) -> Batch:
    """Spikes by sample, time and neuron."""
    samples, neurons, times = found
    if not len(times):
        return Batch(neurons, times, np.zeros(n_samples + 1, np.int64))
    keys = [neurons.astype(np.float64), times, *([samples.astype(np.float64)] if n_samples > 1 else [])]
    order = xp.lexsort(xp.stack(keys))
    if n_samples > 1:
        offsets = xp.asnumpy(xp.searchsorted(samples[order], xp.arange(n_samples + 1))).astype(np.int64)
    else:
        offsets = np.array([0, len(times)])
    return Batch(neurons[order], times[order], offsets)
