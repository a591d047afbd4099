"""Networks of neurons whose synapses share weights that learn, by a heap of arrivals in plain float64.

A projection is a list of pairs (source, target) with the number of the weight that joins them. Everything goes in the
order of time. At one instant first all arrivals, by projection, source and target, and each changes its weight before
the next is felt; then those neurons that are at their threshold, by population and index, one spike after the other;
and then what these have sent without a delay, and so on. Traces of neurons and synapses decay at every event of their
neuron.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from .callbacks import Context, Rule, decay


@dataclass(kw_only=True)
class Jumps:
    """tau v' = -v; what arrives is added to v, and who is at the threshold fires at once."""

    tau: float
    threshold: float
    t: float = 0.0
    v: float = 0.0
    spikes: list[float] = field(default_factory=list)

    def receive(self, weight: float) -> None:
        self.v += weight

    def advance(self, until: float) -> float | None:
        if self.v >= self.threshold:
            self.v -= self.threshold
            self.spikes.append(self.t)
            return self.t
        self.v *= math.exp(-(until - self.t) / self.tau)
        self.t = until
        return None


@dataclass
class Shared:
    """A projection; pair k leads from sources[k] to targets[k] with weights[taps[k]], in the order of both."""

    source: str
    target: str
    sources: Sequence[int]
    targets: Sequence[int]
    taps: Sequence[int]
    weights: list[float]
    delays: Sequence[float]
    """Of each source."""
    rule: Rule | None = None
    heard: dict[int, float] = field(default_factory=dict)
    neuron_traces: dict[int, list[float]] = field(default_factory=dict)
    synaptic_traces: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.from_source: dict[int, list[int]] = {}
        self.to_target: dict[int, list[int]] = {}
        for k, (source, target) in enumerate(zip(self.sources, self.targets, strict=True)):
            self.from_source.setdefault(source, []).append(k)
            self.to_target.setdefault(target, []).append(k)
        for pairs in self.from_source.values():
            pairs.sort(key=lambda k: self.targets[k])
        for pairs in self.to_target.values():
            pairs.sort(key=lambda k: self.sources[k])
        if self.rule:
            self.synaptic_traces = [[0.0] * len(self.rule.synaptic_tau) for _ in self.taps]

    def _hear(self, n: int, time: float) -> list[float]:
        assert self.rule
        own = self.neuron_traces.setdefault(n, [0.0] * len(self.rule.neuron_tau))
        elapsed = time - self.heard.get(n, 0.0)
        decay(own, self.rule.neuron_tau, elapsed)
        for k in self.to_target.get(n, []):
            decay(self.synaptic_traces[k], self.rule.synaptic_tau, elapsed)
        self.heard[n] = time
        return own

    def arrive(self, k: int, time: float, member: Any) -> None:
        n, tap = self.targets[k], self.taps[k]
        deliver = getattr(self.rule, "deliver", None)
        brought = deliver(self.weights[tap], k, time) if deliver else self.weights[tap]
        if hasattr(member, "receive"):
            member.receive(brought)
        else:
            member.i += brought
        if self.rule:
            own, context = self._hear(n, time), Context(time, n, self.sources[k])
            self.weights[tap] = self.rule.on_pre_synapse(self.weights[tap], own, self.synaptic_traces[k], context)
            self.rule.on_pre_neuron(brought, own, context)

    def fire(self, n: int, time: float) -> None:
        if not self.rule:
            return
        own = self._hear(n, time)
        self.rule.on_post_neuron(own, Context(time, n, -1))
        for k in self.to_target.get(n, []):
            tap, context = self.taps[k], Context(time, n, self.sources[k])
            self.weights[tap] = self.rule.on_post_synapse(self.weights[tap], own, self.synaptic_traces[k], context)


def simulate(
    populations: dict[str, list[Any]],
    edges: Sequence[Shared],
    inputs: dict[str, Iterable[tuple[float, int]]],
    until: float,
) -> dict[str, list[tuple[float, int]]]:
    """Return the spikes of each population; neurons and edges change."""
    arrivals: list[tuple[float, int, int]] = []
    names = list(populations)
    next_spikes: dict[tuple[int, int], float] = {}

    def send(source: str, time: float, index: int) -> None:
        for e, edge in enumerate(edges):
            if edge.source == source:
                heapq.heappush(arrivals, (time + edge.delays[index], e, index))

    def look_at(p: int, n: int) -> None:
        found = deepcopy(populations[names[p]][n]).advance(until)
        next_spikes.pop((p, n), None)
        if found is not None:
            next_spikes[p, n] = found

    for name, spikes in inputs.items():
        for time, index in spikes:
            send(name, time, index)
    for p, name in enumerate(names):
        for n in range(len(populations[name])):
            look_at(p, n)
    while True:
        horizon = min(arrivals[0][0] if arrivals else until, until)
        if next_spikes and min(next_spikes.values()) <= horizon and min(next_spikes.values()) < until:
            time, (p, n) = min((time, place) for place, time in next_spikes.items())
            populations[names[p]][n].advance(until)
            for edge in edges:
                if edge.target == names[p]:
                    edge.fire(n, time)
            send(names[p], time, n)
            look_at(p, n)
            continue
        if horizon >= until:
            break
        while arrivals and arrivals[0][0] == horizon:
            _, e, index = heapq.heappop(arrivals)
            p = names.index(edges[e].target)
            for k in edges[e].from_source.get(index, []):
                member = populations[names[p]][edges[e].targets[k]]
                if member.t < horizon:
                    member.advance(horizon)
                edges[e].arrive(k, horizon, member)
                look_at(p, edges[e].targets[k])
    return {
        name: sorted((time, n) for n, one in enumerate(members) for time in one.spikes)
        for name, members in populations.items()
    }
