"""Replay of user callbacks on given spikes: eager decay of every trace at every event, as EvSpikeSim does it.

One dense layer, neuron by neuron, in plain float64 numbers. The spike times of the neurons are given. What happens at

- an input spike: all traces decay, the weight is integrated, on_pre_synapse of that synapse, on_pre_neuron with the
  weight that was integrated, whatever on_pre_synapse has made of it;
- an output spike: all traces decay, on_post_neuron, on_post_synapse of every synapse from input 0 on, reset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np

from .membrane import Membrane
from .trajectory import MP

Ties = Literal["output first", "input first"]


@dataclass(frozen=True)
class Context:
    """What a callback may ask for. `input` is -1 in on_post_neuron; v and i are nan without a membrane."""

    time: float
    neuron: int
    input: int
    v: float = math.nan
    i: float = math.nan


class Rule:
    """A rule that does nothing. Time constants are one per trace, math.inf for no decay; lists change in place."""

    neuron_tau: Sequence[float] = ()
    synaptic_tau: Sequence[float] = ()

    def on_pre_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        return weight

    def on_pre_neuron(self, weight: float, neuron: list[float], context: Context) -> None:
        pass

    def on_post_neuron(self, neuron: list[float], context: Context) -> None:
        pass

    def on_post_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        return weight


class LifPotential:
    """tau_mem v' = -v + i, tau_syn i' = -i in 50 digits; input adds to i, a reset takes the threshold from v."""

    def __init__(self, tau_mem: float, tau_syn: float, threshold: float = 1.0) -> None:
        self.membrane, self.threshold = Membrane(tau_mem, tau_syn), MP.mpf(threshold)

    def flow(self, v: Any, i: Any, elapsed: Any) -> tuple[Any, Any]:
        m, c, s = self.membrane.step(elapsed)
        return v * m + i * c, i * s

    def receive(self, v: Any, i: Any, weight: float) -> tuple[Any, Any]:
        return v, i + MP.mpf(weight)

    def reset(self, v: Any, i: Any) -> tuple[Any, Any]:
        return v - self.threshold, i


@dataclass
class Neuron:
    """All that one neuron remembers, as of `time`: its last event, or its start."""

    time: float
    weights: list[float]
    neuron_traces: list[float]
    synaptic_traces: list[list[float]]
    v: Any = MP.zero
    i: Any = MP.zero


class Call(NamedTuple):
    """One callback, with its arguments before it ran. No weight in on_post_neuron; synaptic traces only of synapses."""

    name: str
    input: int
    time: float
    weight: float | None
    neuron_traces: tuple[float, ...]
    synaptic_traces: tuple[float, ...]


class Event(NamedTuple):
    """An input spike, or an output spike (input -1), and (v, i) right before and right after it."""

    time: float
    input: int
    weight: float | None
    before: tuple[Any, Any]
    after: tuple[Any, Any]


@dataclass
class Replay:
    """What became of the neurons, each as of its own last event; `calls` and `events` have one list per neuron."""

    neurons: list[Neuron]
    calls: list[list[Call]] = field(default_factory=list)
    events: list[list[Event]] = field(default_factory=list)

    @property
    def weights(self) -> Any:
        return np.array([n.weights for n in self.neurons])

    @property
    def neuron_traces(self) -> Any:
        return np.array([n.neuron_traces for n in self.neurons])

    @property
    def synaptic_traces(self) -> Any:
        return np.array([n.synaptic_traces for n in self.neurons])


def begin(
    rule: Any,
    weights: Any,
    *,
    start: float = 0.0,
    neuron_traces: Any = None,
    synaptic_traces: Any = None,
    v: float = 0.0,
    i: float = 0.0,
) -> list[Neuron]:
    """Neurons at time `start`, with traces 0 or as given: (neurons, traces) and (neurons, inputs, traces)."""
    weights = np.asarray(weights, dtype=np.float64)
    own = np.zeros((len(weights), len(rule.neuron_tau)))
    synaptic = np.zeros((*weights.shape, len(rule.synaptic_tau)))
    own[:] = 0.0 if neuron_traces is None else neuron_traces
    synaptic[:] = 0.0 if synaptic_traces is None else synaptic_traces
    return [
        Neuron(float(start), w.tolist(), x.tolist(), s.tolist(), MP.mpf(v), MP.mpf(i))
        for w, x, s in zip(weights, own, synaptic, strict=True)
    ]


def replay(
    rule: Any,
    neurons: list[Neuron],
    indices: Any,
    times: Any,
    outputs: Sequence[Any],
    *,
    membrane: Any = None,
    ties: Ties = "output first",
    context_after_reset: bool = False,
) -> Replay:
    """Run the callbacks of `rule` over the input spikes (indices, times) and the output times of every neuron.

    `neurons` come from `begin`, or are those of the replay of the piece before; they are left as they are.

    Times alone do not say which came first of an input and an output of the same time. With a current synapse an
    input does not move v at once, so a crossing then is due to earlier input: "output first". With a delta synapse
    the input itself makes v cross: "input first", which is after all inputs of that time.

    With a `membrane` (`LifPotential`, or what has its three methods) contexts have v and i: after integration at an
    input, before the reset at an output, or after it with `context_after_reset`. `events` has both.
    """
    out = Replay(deepcopy(neurons))
    for n, (neuron, own) in enumerate(zip(out.neurons, outputs, strict=True)):
        run = _Run(rule, n, neuron, membrane, context_after_reset)
        for time, source in merged(indices, times, own, ties):
            run.advance(time)
            run.fire() if source == -1 else run.receive(source)
        out.calls.append(run.calls)
        out.events.append(run.events)
    return out


def merged(indices: Any, times: Any, own: Any, ties: Ties) -> list[tuple[float, int]]:
    """Events of one neuron as (time, input), its own spikes as (time, -1); equal times in the given order."""
    inputs = [(float(t), int(i)) for i, t in zip(indices, times, strict=True)]
    outputs = [(float(t), -1) for t in own]
    order = {"output first": outputs + inputs, "input first": inputs + outputs}
    return sorted(order[ties], key=lambda event: event[0])


def decay(traces: list[float], taus: Sequence[float], elapsed: float) -> None:
    for k, tau in enumerate(taus):
        traces[k] *= math.exp(-elapsed / tau)


class _Run:
    """One neuron."""

    def __init__(self, rule: Any, index: int, state: Neuron, membrane: Any, context_after_reset: bool) -> None:
        self.rule, self.index, self.state, self.membrane = rule, index, state, membrane
        self.context_after_reset = context_after_reset
        self.calls, self.events = list[Call](), list[Event]()

    def advance(self, time: float) -> None:
        s = self.state
        elapsed = time - s.time
        if not 0 <= elapsed < math.inf:
            raise ValueError(f"neuron {self.index}: event at {time} after {s.time}")
        decay(s.neuron_traces, self.rule.neuron_tau, elapsed)
        for traces in s.synaptic_traces:
            decay(traces, self.rule.synaptic_tau, elapsed)
        if self.membrane is not None:
            s.v, s.i = self.membrane.flow(s.v, s.i, MP.mpf(time) - MP.mpf(s.time))
        s.time = time

    def receive(self, source: int) -> None:
        s = self.state
        weight, before = s.weights[source], (s.v, s.i)
        if self.membrane is not None:
            s.v, s.i = self.membrane.receive(s.v, s.i, weight)
        self.events.append(Event(s.time, source, weight, before, (s.v, s.i)))
        self._synapse("on_pre_synapse", source, (s.v, s.i))
        self._log("on_pre_neuron", source, weight, ())
        self.rule.on_pre_neuron(weight, s.neuron_traces, self._context(source, (s.v, s.i)))

    def fire(self) -> None:
        s = self.state
        before = (s.v, s.i)
        after = before if self.membrane is None else self.membrane.reset(*before)
        seen = after if self.context_after_reset else before
        self.events.append(Event(s.time, -1, None, before, after))
        self._log("on_post_neuron", -1, None, ())
        self.rule.on_post_neuron(s.neuron_traces, self._context(-1, seen))
        for source in range(len(s.weights)):
            self._synapse("on_post_synapse", source, seen)
        s.v, s.i = after

    def _synapse(self, name: str, source: int, seen: tuple[Any, Any]) -> None:
        s = self.state
        weight, traces = s.weights[source], s.synaptic_traces[source]
        self._log(name, source, weight, tuple(traces))
        context = self._context(source, seen)
        s.weights[source] = float(getattr(self.rule, name)(weight, s.neuron_traces, traces, context))

    def _log(self, name: str, source: int, weight: float | None, synaptic: tuple[float, ...]) -> None:
        self.calls.append(Call(name, source, self.state.time, weight, tuple(self.state.neuron_traces), synaptic))

    def _context(self, source: int, seen: tuple[Any, Any]) -> Context:
        v, i = (math.nan, math.nan) if self.membrane is None else seen
        return Context(self.state.time, self.index, source, float(v), float(i))
