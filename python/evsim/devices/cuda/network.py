"""Layers in a row on the GPU, with the methods of ``_core.Network`` that they need."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import _core
from ..._lib.call_lock import CallLock
from ...errors import NonFiniteError, ShapeMismatchError, UnsupportedError
from .delays import arrivals, no_spikes, pack, unpack
from .device import cupy, memory_errors
from .engine import Limits, Run, run_layer
from .layer import Layer, Output, State
from .recording import Request, record
from .samples import Batch, batch_of, delivered
from .spikes import DeviceSpikeArray


class Network:
    """An input and layers in a row."""

    def __init__(self, max_spikes_per_instant: int) -> None:
        _core.Network(max_spikes_per_instant)  # checks it
        self._max_spikes_per_instant = max_spikes_per_instant
        self._nodes: list[Layer | int] = []  # a number is the size of an input
        self._labels: list[str] = []  # of the layers
        self._fed: set[int] = set()  # nodes that a projection leads to
        self._time: float | None = None
        self._lock = CallLock("network")

    @property
    def _layers(self) -> list[Layer]:
        return [node for node in self._nodes if isinstance(node, Layer)]

    def add_input(self, size: int) -> int:
        """Add the input."""
        if self._nodes:
            raise UnsupportedError("on the GPU a network has one input; use device='cpu' for several")
        self._nodes.append(size)
        return 0

    def add_population(self, layer: Layer, label: str) -> int:
        """Append a layer."""
        with self._lock:
            self._labels.append(label or f"layer {len(self._labels)}")
            self._nodes.append(layer)
            self._time = None
            return len(self._nodes) - 1

    def connect(self, source: int, target: int, projection: Layer) -> None:
        """Let a layer take the spikes of the one before it."""
        if target != source + 1:
            raise UnsupportedError("on the GPU a network is a chain; use device='cpu' for other graphs")
        before = self._nodes[source]
        gives = before.n_neurons if isinstance(before, Layer) else before
        if projection.n_inputs != gives:
            label = self._labels[target - 1]
            raise ShapeMismatchError(f"{label} takes {projection.n_inputs} inputs, but its source gives {gives}")
        self._fed.add(target)

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
        samples: Sequence[Sequence[tuple[Any, Any]]],
        until: float,
        start: float | None,
        reset: bool,
        batch: bool,
        outputs: Sequence[int],
        record: Sequence[tuple[int, int, list[int], list[float]]],
    ) -> tuple[list[list[DeviceSpikeArray]], list[Any]]:
        """Run the samples through all layers. After an error nothing has changed."""
        with self._lock, memory_errors("infer"):
            layers = self._layers
            self._check_chain()
            xp = cupy()
            inputs = batch_of(xp, [sample[0] for sample in samples], layers[0].n_inputs if layers else 0)
            carried = layers[0].output_.spikes.n_samples if layers and layers[0].output_ else 0
            nodes = [
                (label, layer.n_neurons, layer.endless_neuron)
                for label, layer in zip(self._labels, layers, strict=True)
            ]
            first = inputs.first_times(xp, math.inf).tolist()
            requests = [(node - 1, observable, neurons, times) for node, observable, neurons, times in record]
            fresh, since, starts = _core.plan_call(nodes, self._time, carried, first, until, start, reset, requests)
            probes = [Request(*request).checked(layers[request[0]]) for request in requests]
            limits = Limits(since, until, self._max_spikes_per_instant)
            sent = delivered(xp, inputs, until)
            runs, in_flight, recorded = self._run(sent, np.array(starts), limits, probes, not fresh)
            self._commit(runs, in_flight, batch, until)
            spikes = [runs[node - 1].spikes for node in outputs]
            return [[DeviceSpikeArray(*one.sample(s)) for s in range(one.n_samples)] for one in spikes], recorded

    def _check_chain(self) -> None:
        for node, label in zip(
            range(len(self._nodes) - len(self._labels), len(self._nodes)), self._labels, strict=True
        ):
            if node not in self._fed:
                raise UnsupportedError(
                    f"on the GPU every population takes a projection, and {label} has none; use device='cpu'"
                )

    def _run(
        self, inputs: Batch, starts: Any, limits: Limits, probes: list[Request], goes_on: bool
    ) -> tuple[list[Run], list[Batch], list[Any]]:
        xp, runs, in_flight = cupy(), list[Run](), list[Batch]()
        recorded: list[Any] = [None] * len(probes)
        for k, (layer, label) in enumerate(zip(self._layers, self._labels, strict=True)):
            last = layer.output_ if goes_on else None
            before = last.state if last else layer.initial_state(starts)
            waiting = last.in_flight if last else no_spikes(xp, len(starts))
            inputs, later = arrivals(xp, waiting, inputs, layer.delays(), limits.until)
            in_flight.append(later)
            before = layer.with_next_traces(before)
            runs.append(run_layer(layer, inputs, before, limits, label))
            for p, probe in enumerate(probes):
                if probe.layer == k:
                    recorded[p] = record(layer, inputs, before, limits, probe, label)
            inputs = runs[-1].spikes
        return runs, in_flight, recorded

    def _commit(self, runs: list[Run], in_flight: list[Batch], batch: bool, until: float) -> None:
        learned = [
            _learned(layer, run, label) for layer, run, label in zip(self._layers, runs, self._labels, strict=True)
        ]
        for layer, run, later, weights in zip(self._layers, runs, in_flight, learned, strict=True):
            if weights is not None:
                layer.by_input[...] = weights
            layer.output_ = Output(run.spikes, run.state, later, run.final_memory, run.rates, batch)
            layer.next_traces = None
        self._time = until

    # Copies

    def snapshot(self) -> dict[str, Any]:
        """What a stream carries, as ``_core.Network`` gives it."""
        with self._lock:
            xp, outputs = cupy(), [layer.output_ for layer in self._layers]
            states: list[list[dict[str, Any]]] = [[] for node in self._nodes if not isinstance(node, Layer)]
            for layer, output in zip(self._layers, outputs, strict=True):
                states.append(_packed(xp, layer, output) if output else [])
            return {"time": self._time, "batch": any(o.batch for o in outputs if o), "states": states}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Go on where a snapshot was taken."""
        states = snapshot["states"]
        with self._lock, memory_errors("a network"):
            xp, outputs = cupy(), []
            layers = self._layers
            for layer, packed in zip(layers, states[len(states) - len(layers) :], strict=True):
                state: State = layer.unpack(packed)
                nothing, in_flight = no_spikes(xp, len(packed)), unpack(xp, packed, layer.n_inputs, snapshot["time"])
                rates = [1.0 / tau for tau in layer.time_constants()]
                batch = bool(snapshot["batch"])
                memory = state.memory
                if snapshot["time"] is not None and packed and not layer.spikes:
                    now = Limits(snapshot["time"], snapshot["time"], self._max_spikes_per_instant)
                    memory = run_layer(layer, nothing, state, now, "a readout").final_memory
                outputs.append(Output(nothing, state, in_flight, memory, rates, batch) if packed else None)
            for layer, output in zip(layers, outputs, strict=True):
                layer.output_ = output
            self._time = snapshot["time"]


def _packed(xp: Any, layer: Layer, output: Output) -> list[dict[str, Any]]:
    """Return what each sample carries."""
    samples = range(output.spikes.n_samples)
    return [layer.pack(output.state, output.rates, s) | pack(xp, output.in_flight, s) for s in samples]


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
