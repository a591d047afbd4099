"""A recurrent network of LIF neurons whose potentials jump, by a heap of arrivals, in plain float64.

tau_mem v' = -v between arrivals, each of which adds its weight. A neuron fires at an arrival that takes it to the
threshold; it is then held at reset for a while, and what arrives is lost. Arrivals from one neuron and another at the
same time, as are those of neurons that fired by the same arrival, count together.

So spikes are at the times of arrivals, which are sums of those of the drive and of delays: rounding of potentials does
not move them. It can only make a spike come or go, where a potential is as near to the threshold as rounding is large.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Potentials above rest."""

    tau_mem: float
    threshold: float
    reset: float
    refractory: float


class Spike(NamedTuple):
    time: float
    neuron: int


Group = tuple[float, Sequence[int]]
"""A delay and the neurons that a spike reaches by it, again for each further synapse."""


@dataclass
class Network:
    """`groups` and `weights` are those of each neuron that fires, `v` those above rest at the time 0."""

    parameters: Parameters
    groups: Sequence[Sequence[Group]]
    weights: Sequence[float]
    v: list[float]
    nearest: float = math.inf
    """How near to the threshold an arrival has left a potential, on either side."""
    spikes: list[Spike] = field(default_factory=list)
    queue: list[tuple[float, int, int]] = field(default_factory=list)
    """Time of arrival, neuron that fired, and the number of its group."""

    def __post_init__(self) -> None:
        self.since = [0.0] * len(self.v)  # of which time v is; the future while a neuron is held

    def run(self, drive: Iterable[tuple[float, int]], weight: float, until: float) -> list[Spike]:
        """Return all spikes before `until`, by time. `drive` has times, ascending, and neurons."""
        for time, n in drive:
            self._deliver(min(time, until))
            if time >= until:
                break
            self._receive(n, time, weight)
        self._deliver(until)
        return self.spikes

    def _deliver(self, until: float) -> None:
        """All arrivals of spikes before `until`, and of the spikes that they cause."""
        while self.queue and self.queue[0][0] < until:
            time = self.queue[0][0]
            together: dict[int, float] = {}
            while self.queue and self.queue[0][0] == time:
                _, source, group = heapq.heappop(self.queue)
                weight = self.weights[source]
                for n in self.groups[source][group][1]:
                    together[n] = together.get(n, 0.0) + weight
            for n, weight in together.items():
                self._receive(n, time, weight)

    def _receive(self, n: int, time: float, weight: float) -> None:
        p, since = self.parameters, self.since[n]
        if time < since:
            return
        v = self.v[n] * math.exp((since - time) / p.tau_mem) + weight
        self.nearest = min(self.nearest, abs(v - p.threshold))
        if v < p.threshold:
            self.v[n], self.since[n] = v, time
            return
        self.v[n], self.since[n] = p.reset, time + p.refractory
        self.spikes.append(Spike(time, n))
        for k, (delay, _) in enumerate(self.groups[n]):
            heapq.heappush(self.queue, (time + delay, n, k))
