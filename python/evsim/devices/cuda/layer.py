"""A layer on the GPU: weights, parameters, and what the last call left."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ... import _core
from ...errors import InvalidArgumentError, ShapeMismatchError, UnsupportedError
from ..base import KernelSource
from .device import Kernels, blocks_for, memory_errors
from .program import dense_program
from .samples import Batch
from .spikes import DeviceSpikeArray


@dataclass
class State:
    """What the neurons carry from one call to the next, [sample][variable][neuron], as of the last input event."""

    values: Any
    memory: Any
    last_events: Any
    """Per sample: time of the last event, or of the start."""
    neuron_traces: Any
    synaptic_traces: Any
    """[sample][input][trace][neuron]; as of the last touch."""
    last_outputs: Any
    """[sample][neuron]; -infinity before the first spike."""
    last_arrivals: Any
    """[sample][input]; likewise."""
    releases: Any
    """[sample][neuron][2], of models that hold: until when, and what rounding has taken from it."""

    def writable(self) -> State:
        """Return a state with traces that may be changed; the rest is replaced anyway."""
        names = ("neuron_traces", "synaptic_traces", "last_outputs")
        return replace(self, **{name: getattr(self, name).copy() for name in names})

    def of_sample(self, s: int) -> list[Any]:
        """Return everything of one sample, in the order of the fields."""
        return [getattr(self, item.name)[s] for item in fields(self)]


@dataclass
class Output:
    """What a call leaves in a layer."""

    spikes: Batch
    state: State
    in_flight: Batch
    """Spikes that have been sent to the layer and not yet arrived."""
    final_memory: Any
    """At the end of the simulated time."""
    rates: list[float]
    """Of the traces."""
    batch: bool


class Layer:
    """A population and the one dense projection that leads to it, with the methods of both in ``_core``."""

    def __init__(
        self,
        source: KernelSource,
        compiled: _core.Kernel,
        n_neurons: int,
        image: None,
        shared: list[float],
        per_neuron: list[list[float]],
    ) -> None:
        # Those of the core check the parameters and know the rule's time constants.
        self._population = _core.Population(compiled, n_neurons, image, shared, per_neuron)
        self._projection: _core.Projection | None = None
        self.endless_neuron = self._population.endless_neuron
        self.has_rule = compiled.has_rule
        if self.has_rule and compiled.delivers:
            raise UnsupportedError("kernels with on_delivery run on the CPU: SpikingNetwork(device='cpu') takes them")
        self.learns = self.has_rule and compiled.writes_weights
        self.mean_of_batch = False
        self.n_inputs, self.n_neurons, self.port = 0, n_neurons, 0
        self.by_input: Any = None
        self._delays = np.zeros(1)
        self.n_neuron_traces = compiled.n_neuron_traces if self.has_rule else 0
        self.n_synaptic_traces = compiled.n_synaptic_traces if self.has_rule else 0
        self._program = functools.partial(
            dense_program, source.neuron, source.callbacks, source.dtype, source.compile_path
        )
        self.kernels = Kernels(self._program())
        self.output_: Output | None = None
        self.next_traces: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None
        self.room = 1024  # for output spikes; grows with what comes
        with memory_errors(f"a population of {n_neurons} neurons"):
            self._prepare(np.dtype(source.dtype), shared, per_neuron)

    def connect(
        self,
        n_inputs: int,
        rule: _core.Kernel | None,
        rule_parameters: list[float],
        tau_syn: float,
        tau_mem: float,
        mean: bool,
        port: int,
    ) -> Layer:
        """Give the population its projection, with weights of 0."""
        if self._projection is not None:
            raise UnsupportedError("on the GPU a population takes one projection; use device='cpu' for several")
        settings = (rule_parameters, tau_syn, tau_mem, mean)
        self._projection = _core.Projection.dense(self._population, 1, rule, *settings, port)
        self.port = port
        self.mean_of_batch = mean
        self.n_inputs = n_inputs
        with memory_errors(f"a layer of {n_inputs} inputs to {self.n_neurons} neurons"):
            self.by_input = self.kernels.xp.zeros((n_inputs, self.n_neurons), self.by_input.dtype)
        return self

    @property
    def _rule(self) -> _core.Projection:
        if self._projection is None:
            raise InvalidArgumentError("the population has no projection")
        return self._projection

    def _prepare(self, dtype: np.dtype[Any], shared: list[float], per_neuron: list[list[float]]) -> None:
        xp = self.kernels.xp
        sizes = xp.zeros(11, np.int32)
        self.kernels.launch("evsim_describe", 1, sizes)
        n_state, n_hot, n_memory, *of_launch = (int(size) for size in xp.asnumpy(sizes))
        self.gap_bytes, self.exact_gap_bytes, self.spikes, self.visits_synapses, self.holds = of_launch[:5]
        state_bytes, model_bytes, self.start_memory = of_launch[5:]
        state = np.dtype(f"f{state_bytes}")
        n = self.n_neurons
        spread = np.stack([np.broadcast_to(np.asarray(values, np.float64), n) for values in per_neuron], axis=1)
        self.shared, self.neurons = xp.asarray(np.asarray(shared, np.float64)), xp.asarray(np.ascontiguousarray(spread))
        if model_bytes:
            model = xp.empty(model_bytes, np.uint8)
            self.kernels.launch("evsim_build", 1, self.shared, model)
            self._parameters, self.shared = self.shared, model  # a model may point to its parameters
        self.hot = xp.empty((n_hot, n), state)
        self.initial_values, self.initial_memory = xp.empty((n_state, n), state), xp.empty((n_memory, n), np.float64)
        endless = xp.zeros(n, np.int8)  # judged by the core
        self.kernels.launch(
            *("evsim_prepare", blocks_for(n), self.shared, self.neurons, np.int32(n)),
            *(self.hot, self.initial_values, self.initial_memory, endless),
        )
        self.by_input = xp.zeros((self.n_inputs, n), dtype)

    def recorder(self) -> Kernels:
        """Return what records state variables; compiled when that is first asked for."""
        return Kernels(self._program(file="record.cu"))

    @property
    def weights(self) -> Any:
        """Weights, shape (n_neurons, n_inputs): a view."""
        return self.by_input.T

    def delays(self) -> npt.NDArray[np.float64]:
        """Return how long spikes travel: one value, or one for each input; a copy."""
        values: npt.NDArray[np.float64] = self._delays.copy()
        return values

    @property
    def delays_by_synapse(self) -> bool:
        """Whether every synapse has a delay of its own: never, there."""
        return False

    def set_delays(self, values: npt.NDArray[np.float64], by_synapse: bool) -> None:
        """Take other delays for the spikes that are sent from the next call on. Raises UnsupportedError by synapse."""
        if by_synapse:
            raise UnsupportedError("delays by synapse run on the CPU: SpikingNetwork(device='cpu') takes them")
        self._delays = np.array(values, np.float64)

    # What the last call left

    def output(self) -> tuple[list[DeviceSpikeArray], bool]:
        """Spikes per sample, and whether they are a batch."""
        if self.output_ is None:
            return [], False
        spikes = self.output_.spikes
        return [DeviceSpikeArray(*spikes.sample(s)) for s in range(spikes.n_samples)], self.output_.batch

    def remembered(self, name: str) -> tuple[Any, bool]:
        """Values of shape (n_samples, n_neurons)."""
        k = ("maximum", "maximum_time", "mean").index(name)
        if self.output_ is None:
            return np.empty((0, self.n_neurons)), False
        return self.output_.final_memory[:, k], self.output_.batch

    # Kernels with callbacks

    def rule_parameters(self) -> list[float]:
        """Return the values that the next call uses."""
        return self._rule.rule_parameters()

    def set_rule_parameters(self, values: Sequence[float]) -> None:
        """Take other values, from the next call on."""
        self._rule.set_rule_parameters(values)

    def time_constants(self) -> list[float]:
        """Of the neuron traces, then of the synaptic ones."""
        return self._rule.time_constants() if self.has_rule else []

    def set_next_traces(self, neuron: npt.NDArray[np.float64], synaptic: npt.NDArray[np.float64]) -> None:
        """Begin the next call with these traces; an empty part begins as it would have."""
        earlier = self.next_traces or (np.empty(0), np.empty(0))
        self.next_traces = (neuron if neuron.size else earlier[0], synaptic if synaptic.size else earlier[1])

    def waiting_traces(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return what the next call begins with, empty parts where it begins as it would."""
        return self.next_traces or (np.empty(0), np.empty(0))

    def traces(self, synaptic: bool) -> tuple[Any, int]:
        """Traces of all samples in a row, and the number of samples; 0 if they are one set for all."""
        xp = self.kernels.xp
        if self.next_traces and self.next_traces[synaptic].size:
            return xp.asarray(self.next_traces[synaptic]), 0
        if self.output_ is None:
            shape = (self.n_inputs, self.n_synaptic_traces) if synaptic else (self.n_neuron_traces,)
            return xp.zeros((self.n_neurons, *shape)), 0
        state, output = self.output_.state, self.output_
        found = self.synaptic_traces(state, output.rates) if synaptic else state.neuron_traces.swapaxes(1, 2)
        return found.ravel(), output.spikes.n_samples if output.batch else 0

    def synaptic_traces(self, state: State, rates: list[float]) -> Any:
        """As of each neuron's last event, [sample][neuron][input][trace]."""
        xp = self.kernels.xp
        arrivals, outputs = state.last_arrivals[:, :, None], state.last_outputs[:, None, :]
        since = xp.maximum(arrivals, outputs) if self.visits_synapses else arrivals
        last = xp.maximum(state.last_events[:, None, None], outputs)
        duration = xp.where(xp.isfinite(since), last - since, 0.0)
        factors = [xp.exp(-duration * rate) for rate in rates[self.n_neuron_traces :]]
        traces = state.synaptic_traces.astype(np.float64)
        for k, factor in enumerate(factors):
            traces[:, :, k] *= factor
        return traces.transpose(0, 3, 1, 2)

    # States

    def initial_state(self, starts: npt.NDArray[np.float64]) -> State:
        """Return the state of so many samples at the beginning."""
        xp, n, n_samples = self.kernels.xp, self.n_neurons, len(starts)
        dtype, inputs = self.by_input.dtype, self.n_inputs if self.has_rule else 0
        memory = xp.repeat(self.initial_memory[None], n_samples, axis=0)
        if self.start_memory >= 0:
            memory[:, self.start_memory] = xp.asarray(starts)[:, None]
        return State(
            values=xp.repeat(self.initial_values[None], n_samples, axis=0),
            memory=memory,
            last_events=xp.asarray(starts),
            neuron_traces=xp.zeros((n_samples, self.n_neuron_traces, n), dtype),
            synaptic_traces=xp.zeros((n_samples, inputs, self.n_synaptic_traces, n), dtype),
            last_outputs=xp.full((n_samples, n if self.has_rule else 0), -np.inf),
            last_arrivals=xp.full((n_samples, inputs), -np.inf),
            releases=xp.repeat(xp.asarray(self._free_releases())[None], n_samples, axis=0),
        )

    def _free_releases(self) -> npt.NDArray[np.float64]:
        """Clocks of neurons that nothing holds."""
        releases = np.zeros((self.n_neurons if self.holds else 0, 2))
        releases[:, 0] = -np.inf
        return releases

    def with_next_traces(self, state: State) -> State:
        """Return `state` with the traces that were given for the next call."""
        if self.next_traces is None:
            return state
        xp, (neuron, synaptic) = self.kernels.xp, self.next_traces
        n_samples, n, dtype = len(state.last_events), self.n_neurons, self.by_input.dtype
        if neuron.size:
            given = xp.asarray(neuron.reshape(n, -1).T.astype(dtype))
            state = replace(state, neuron_traces=xp.repeat(given[None], n_samples, axis=0))
        if synaptic.size:
            given = xp.asarray(synaptic.reshape(n, self.n_inputs, -1).transpose(1, 2, 0).astype(dtype))
            arrivals = xp.repeat(state.last_events[:, None], self.n_inputs, axis=1)
            traces = xp.repeat(given[None], n_samples, axis=0)
            state = replace(state, synaptic_traces=traces, last_arrivals=arrivals)
        return state

    def pack(self, state: State, rates: list[float], s: int) -> dict[str, Any]:
        """Return a sample's state by name, as ``_core.Network.snapshot`` does."""
        xp = self.kernels.xp
        values, memory, last_event, neuron, _, outputs, _, releases = (xp.asnumpy(part) for part in state.of_sample(s))
        packed: dict[str, Any] = {
            "values": np.ascontiguousarray(values).reshape(-1).view(np.uint8),
            "memory": memory.ravel(),
            "last_event": float(last_event),
            "releases": releases.ravel(),
        }
        if self.has_rule:
            one = State(*(part[None] for part in state.of_sample(s)))
            packed["neuron_traces"] = neuron.T.astype(np.float64).ravel()
            packed["synaptic_traces"] = xp.asnumpy(self.synaptic_traces(one, rates)).ravel()
            packed["post_times"] = outputs
        return packed

    def unpack(self, packed: Sequence[dict[str, Any]]) -> State:
        """Return the state that was packed, one mapping per sample."""
        xp = self.kernels.xp
        state = self.initial_state(np.array([one["last_event"] for one in packed], np.float64))
        n_samples, n, dtype = len(packed), self.n_neurons, self.by_input.dtype
        n_inputs = state.last_arrivals.shape[1]
        nothing = np.empty(0)

        def stacked(name: str, shape: tuple[int, ...], kind: Any = np.float64) -> npt.NDArray[Any]:
            parts = [np.asarray(one.get(name, nothing)).view(kind) for one in packed]
            try:
                return np.stack(parts).reshape(shape) if parts else np.zeros(shape, kind)
            except ValueError as error:
                raise ShapeMismatchError(f"a state does not fit a layer of {n} neurons: {error}") from None

        neuron = stacked("neuron_traces", (n_samples, n, self.n_neuron_traces))
        synaptic = stacked("synaptic_traces", (n_samples, n, n_inputs, self.n_synaptic_traces))
        arrays = (
            stacked("values", state.values.shape, self.initial_values.dtype),
            stacked("memory", state.memory.shape),
            xp.asnumpy(state.last_events),
            neuron.swapaxes(1, 2).astype(dtype),
            synaptic.transpose(0, 2, 3, 1).astype(dtype),
            stacked("post_times", state.last_outputs.shape),
            np.repeat(xp.asnumpy(state.last_events)[:, None], n_inputs, axis=1),
            stacked("releases", state.releases.shape),
        )
        return State(*(xp.asarray(np.ascontiguousarray(array)) for array in arrays))

    def observable(self, name: str) -> int:
        """Return the position of a variable that can be recorded."""
        return self._population.observable(name)
