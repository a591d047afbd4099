"""Layers in a row on the GPU, with the methods of ``_core.Network``."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import _core
from ...errors import (
    EmptyNetworkError,
    InvalidArgumentError,
    NonFiniteError,
    ShapeMismatchError,
    StreamError,
)
from .device import cupy, memory_errors
from .engine import Limits, Run, run_layer
from .layer import Layer, Output, State
from .recording import Request, record
from .samples import Batch, batch_of, delivered, number
from .spikes import DeviceSpikeArray


class Network:
    """Layers in a row."""

    def __init__(self, max_spikes_per_instant: int) -> None:
        _core.Network(max_spikes_per_instant)  # checks it
        self._max_spikes_per_instant = max_spikes_per_instant
        self._layers: list[Layer] = []
        self._time: float | None = None
        self._lock = threading.Lock()

    def add(self, layer: Layer) -> None:
        """Append a layer."""
        with self._lock:
            self._layers.append(layer)
            self._time = None

    @property
    def time(self) -> float | None:
        """Time up to which the last call simulated."""
        return self._time

    def reset(self) -> None:
        """Forget spikes and state, keep weights."""
        with self._lock:
            self._time = None
            for layer in self._layers:
                layer.output_ = None

    def infer(
        self,
        samples: Sequence[tuple[Any, Any]],
        until: float,
        start: float | None,
        reset: bool,
        batch: bool,
        requests: Sequence[tuple[int, str, list[int], list[float]]],
    ) -> tuple[list[DeviceSpikeArray], list[Any]]:
        """Run the samples through all layers. After an error nothing has changed."""
        with self._lock, memory_errors("infer"):
            if not self._layers:
                raise EmptyNetworkError("the network has no layers; add one with add_fc_layer or add_layer")
            goes_on = not reset and self._time is not None
            begin = self._time if goes_on else -math.inf if start is None else start
            assert begin is not None
            inputs = self._checked(samples, until, start, goes_on, begin)
            probes = [Request(*request).checked(self._layers[request[0]], begin, until) for request in requests]
            starts = self._starts(inputs, until, start, probes)
            limits = Limits(begin if goes_on else -math.inf, until, self._max_spikes_per_instant)
            runs, recorded = self._run(inputs, starts, limits, probes, goes_on)
            self._commit(runs, batch, until)
            spikes = runs[-1].spikes
            return [DeviceSpikeArray(*spikes.sample(s)) for s in range(spikes.n_samples)], recorded

    def _run(
        self, inputs: Batch, starts: Any, limits: Limits, probes: list[Request], goes_on: bool
    ) -> tuple[list[Run], list[Any]]:
        runs: list[Run] = []
        recorded: list[Any] = [None] * len(probes)
        for k, layer in enumerate(self._layers):
            before = layer.output_.state if goes_on and layer.output_ else layer.initial_state(starts)
            before = layer.with_next_traces(before)
            runs.append(run_layer(layer, inputs, before, limits, f"layer {k}"))
            for p, probe in enumerate(probes):
                if probe.layer == k:
                    recorded[p] = record(layer, inputs, before, limits, probe, f"layer {k}")
            inputs = runs[-1].spikes
        return runs, recorded

    def _checked(
        self, samples: Sequence[tuple[Any, Any]], until: float, start: float | None, goes_on: bool, begin: float
    ) -> Batch:
        if math.isnan(until):
            raise NonFiniteError("until must be a number, got nan")
        if start is not None and not math.isfinite(start):
            raise NonFiniteError(f"start must be finite, got {number(start)}")
        xp = cupy()
        inputs = batch_of(xp, samples, self._layers[0].n_inputs)
        first = inputs.first_times(xp, until)
        for s in np.flatnonzero(first < begin):
            name = "input" if len(samples) == 1 else f"input {s}"
            if not goes_on:
                raise StreamError(
                    f"{name}: the first spike, at {number(first[s])}, lies before start = {number(begin)}"
                )
            hint = "; give until= to every call of a stream but the last" if math.isinf(begin) else ""
            raise StreamError(
                f"{name}: the first spike, at {number(first[s])}, lies before the time already simulated, "
                f"{number(begin)}{hint}"
            )
        if until == -math.inf:
            raise NonFiniteError("until must not be -inf")
        if start is not None and goes_on:
            raise InvalidArgumentError(
                "start is for the beginning of a stream; reset=False goes on where the last call stopped"
            )
        if until < begin:
            raise InvalidArgumentError(f"until = {number(until)} lies before the beginning, {number(begin)}")
        self._check_stream(len(samples), until, goes_on)
        return delivered(xp, inputs, until)

    def _check_stream(self, n_samples: int, until: float, goes_on: bool) -> None:
        output = self._layers[0].output_
        carried = output.spikes.n_samples if output else 0
        if goes_on and carried != n_samples:
            raise ShapeMismatchError(
                f"reset=False goes on with the {carried} samples of the last call, got {n_samples}"
            )
        for k, layer in enumerate(self._layers):
            if math.isinf(until) and layer.endless_neuron is not None:
                raise InvalidArgumentError(
                    f"layer {k}: neuron {layer.endless_neuron} fires for ever without input (its threshold lies below "
                    "v_rest + bias); give until="
                )

    @staticmethod
    def _starts(inputs: Batch, until: float, start: float | None, probes: list[Request]) -> Any:
        """Where simulated time begins: where the caller says, else at 0, or earlier if anything is."""
        if start is not None:
            return np.full(inputs.n_samples, start)
        earliest = min([0.0, until, *(probe.times[0] for probe in probes if probe.times)])
        return np.minimum(inputs.first_times(cupy(), earliest), earliest)

    def _commit(self, runs: list[Run], batch: bool, until: float) -> None:
        learned = [
            _learned(layer, run, f"layer {k}") for k, (layer, run) in enumerate(zip(self._layers, runs, strict=True))
        ]
        for layer, run, weights in zip(self._layers, runs, learned, strict=True):
            if weights is not None:
                layer.by_input[...] = weights
            layer.output_ = Output(run.spikes, run.state, run.final_memory, run.rates, batch)
            layer.next_traces = None
        self._time = until

    # Copies

    def snapshot(self) -> tuple[float | None, bool, list[list[tuple[Any, ...]]]]:
        """What a stream carries, as ``_core.Network`` gives it."""
        with self._lock:
            outputs = [(layer, layer.output_) for layer in self._layers]
            states = [
                [layer.pack(output.state, output.rates, s) for s in range(output.spikes.n_samples)] if output else []
                for layer, output in outputs
            ]
            return self._time, any(output.batch for _, output in outputs if output), states

    def restore(self, snapshot: tuple[float | None, bool, list[list[tuple[Any, ...]]]]) -> None:
        """Go on where a snapshot was taken."""
        time, batch, states = snapshot
        with self._lock, memory_errors("a network"):
            xp, outputs = cupy(), []
            for layer, packed in zip(self._layers, states, strict=True):
                state: State = layer.unpack(packed)
                nothing = Batch(xp.empty(0, np.int32), xp.empty(0), np.zeros(len(packed) + 1, np.int64))
                rates = [1.0 / tau for tau in layer.time_constants()]
                outputs.append(Output(nothing, state, state.memory, rates, batch) if packed else None)
            for layer, output in zip(self._layers, outputs, strict=True):
                layer.output_ = output
            self._time = time


def _learned(layer: Layer, run: Run, name: str) -> Any:
    """Return the new weights of a layer that learns: its samples' changes, each from the same beginning."""
    if run.weights is None or not len(run.weights):
        return None
    xp, weights = layer.kernels.xp, run.weights[0]
    if len(run.weights) > 1:
        before = layer.by_input.astype(np.float64)
        change = xp.zeros_like(before)
        for own in run.weights:
            change += own.astype(np.float64) - before
        share = 1.0 / len(run.weights) if layer.mean_of_batch else 1.0
        weights = (before + share * change).astype(layer.by_input.dtype)
    if not bool(xp.isfinite(weights).all()):
        raise NonFiniteError(f"{name}: the kernel made weights that are not finite; all are left as they were")
    return weights
