"""Networks of LIF neurons whose synapses learn, by a heap of arrivals, in float64; all traces decay at every event.

Neurons are those of `event_queue`, rules those of `callbacks`: a rule sees what arrives at a neuron by its projection,
after the delay, and the neuron's spikes. Delays are above 0, so arrivals of a time come after spikes of that time.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from .callbacks import Context, Rule, decay
from .event_queue import Lif


class Vogels(Rule):
    """|w| += rate (y - alpha) at an input, rate x at an output (Vogels et al. 2011), for weights below 0."""

    def __init__(self, *, rate: float, target: float, tau: float) -> None:
        self.rate, self.alpha = rate, 2.0 * target * tau
        self.neuron_tau, self.synaptic_tau = [tau], [tau]

    def on_pre_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        synaptic[0] += 1.0
        return -max(0.0, -weight + self.rate * (neuron[0] - self.alpha))

    def on_post_neuron(self, neuron: list[float], context: Context) -> None:
        neuron[0] += 1.0

    def on_post_synapse(self, weight: float, neuron: list[float], synaptic: list[float], context: Context) -> float:
        return -max(0.0, -weight + self.rate * synaptic[0])


class TsodyksMarkram(Rule):
    """u and x of a synapse from its last arrival to the next, as NEST's tsodyks2_synapse has them."""

    def __init__(self, *, utilization: float, tau_rec: float, tau_fac: float) -> None:
        self.utilization, self.tau_rec, self.tau_fac = utilization, tau_rec, tau_fac
        self.last: dict[Any, tuple[float, float, float]] = {}

    def deliver(self, weight: float, synapse: Any, time: float) -> float:
        u, x = self.utilization, 1.0
        if synapse in self.last:
            before, u, x = self.last[synapse]
            x = 1.0 + (x - x * u - 1.0) * math.exp(-(time - before) / self.tau_rec)
            u = self.utilization + u * (1.0 - self.utilization) * math.exp(-(time - before) / self.tau_fac)
        self.last[synapse] = (time, u, x)
        return weight * u * x


@dataclass
class Edge:
    """A projection: synapse k leads from sources[k] to targets[k]."""

    source: str
    target: str
    sources: Sequence[int]
    targets: Sequence[int]
    weights: list[float]
    delays: Sequence[float]
    rule: Rule | None = None
    heard: list[float] = field(default_factory=list)
    neuron_traces: list[list[float]] = field(default_factory=list)
    synaptic_traces: list[list[float]] = field(default_factory=list)

    def begin(self, n_neurons: int, start: float) -> None:
        if self.rule:
            self.heard = [start] * n_neurons
            self.neuron_traces = [[0.0] * len(self.rule.neuron_tau) for _ in range(n_neurons)]
            self.synaptic_traces = [[0.0] * len(self.rule.synaptic_tau) for _ in self.weights]

    def _hear(self, n: int, time: float) -> None:
        assert self.rule
        elapsed = time - self.heard[n]
        decay(self.neuron_traces[n], self.rule.neuron_tau, elapsed)
        for k, target in enumerate(self.targets):
            if target == n:
                decay(self.synaptic_traces[k], self.rule.synaptic_tau, elapsed)
        self.heard[n] = time

    def arrive(self, k: int, time: float) -> float:
        """Return what synapse k brings, which is integrated before the rule hears of it."""
        deliver = getattr(self.rule, "deliver", None)
        return deliver(self.weights[k], k, time) if deliver else self.weights[k]

    def after_arrival(self, k: int, time: float, brought: float) -> None:
        if self.rule:
            n = self.targets[k]
            self._hear(n, time)
            own, context = self.neuron_traces[n], Context(time, n, self.sources[k])
            self.weights[k] = self.rule.on_pre_synapse(self.weights[k], own, self.synaptic_traces[k], context)
            self.rule.on_pre_neuron(brought, own, context)

    def fire(self, n: int, time: float) -> None:
        if self.rule:
            self._hear(n, time)
            own = self.neuron_traces[n]
            self.rule.on_post_neuron(own, Context(time, n, -1))
            for k, target in enumerate(self.targets):
                if target == n:
                    context = Context(time, n, self.sources[k])
                    self.weights[k] = self.rule.on_post_synapse(self.weights[k], own, self.synaptic_traces[k], context)


def simulate(
    populations: dict[str, list[Lif]],
    edges: Sequence[Edge],
    inputs: dict[str, Iterable[tuple[float, int]]],
    until: float,
) -> dict[str, list[tuple[float, int]]]:
    """Return the spikes of each population; neurons and edges change."""
    arrivals: list[tuple[float, int, int, int]] = []
    number = itertools.count()
    for edge in edges:
        edge.begin(len(populations[edge.target]), 0.0)

    def send(source: str, time: float, index: int) -> None:
        for e, edge in enumerate(edges):
            if edge.source == source:
                for k, sender in enumerate(edge.sources):
                    if sender == index:
                        heapq.heappush(arrivals, (time + edge.delays[k], next(number), e, k))

    for name, spikes in inputs.items():
        for time, index in spikes:
            send(name, time, index)
    while True:
        horizon = min(arrivals[0][0] if arrivals else until, until)
        first: tuple[float, str, int] | None = None
        for name, members in populations.items():
            for n, one in enumerate(members):
                found = deepcopy(one).advance(horizon)
                if found is not None and (first is None or found < first[0]):
                    first = (found, name, n)
        if first is not None:
            time, name, n = first
            populations[name][n].advance(horizon)
            for edge in edges:
                if edge.target == name:
                    edge.fire(n, time)
            send(name, time, n)
            continue
        for members in populations.values():
            for one in members:
                one.advance(horizon)
        if horizon >= until:
            break
        while arrivals and arrivals[0][0] == horizon:
            _, _, e, k = heapq.heappop(arrivals)
            brought = edges[e].arrive(k, horizon)
            populations[edges[e].target][edges[e].targets[k]].i += brought
            edges[e].after_arrival(k, horizon, brought)
    return {
        name: sorted((time, n) for n, one in enumerate(members) for time in one.spikes)
        for name, members in populations.items()
    }
