"""Networks of neurons with delta synapses whose spikes may arrive at the very instant of sending, in plain float64.

v jumps by what arrives and decays towards 0, or stays where tau is None; who comes to the threshold fires at once.
Populations that reach each other without a delay go through an instant in rounds: all that arrives in a round is added
up before anybody fires, and what is sent in it arrives in the next. Others take everything that arrives at once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


class DoubtfulError(Exception):
    """An arrival lies so near to a release that rounding decides which comes first."""


@dataclass(kw_only=True)
class Delta:
    tau: float | None = None
    threshold: float = 1.0
    reset: float | None = None
    refractory: float = 0.0
    v: float = 0.0
    t: float = 0.0
    free: float = -math.inf
    spikes: list[float] = field(default_factory=list)

    def receive(self, time: float, weight: float) -> Iterator[None]:
        """Take what arrives in a round; yields once for each time that makes the neuron fire."""
        if 0.0 < abs(time - self.free) < 1e-9:
            raise DoubtfulError
        if time < self.free:
            return
        if self.tau is not None:
            self.v *= math.exp(-(time - max(self.t, self.free)) / self.tau)
        self.t = time
        self.v += weight
        while self.v >= self.threshold and time >= self.free:
            self.v = self.v - self.threshold if self.reset is None else self.reset
            self.free = time + self.refractory
            self.spikes.append(time)
            yield


@dataclass(kw_only=True)
class Cell:
    """Of pooling: passes a spike on at the instant at which one comes, once in that instant or, if `first`, at all."""

    first: bool = False
    spikes: list[float] = field(default_factory=list)
    v: float = 0.0
    threshold: float = 1.0
    refractory: float = 0.0

    def receive(self, time: float, weight: float) -> Iterator[None]:
        if weight > 0.0 and (not self.spikes or (not self.first and self.spikes[-1] < time)):
            self.spikes.append(time)
            yield


def steps_of(names: Sequence[str], edges: Iterable[tuple[str, str, Any, Any]]) -> list[list[str]]:
    """Return those who reach each other without a delay together, and each step after all that lead to it so."""
    reach = {name: {name} for name in names}
    for source, target, _, delays in edges:
        if source in reach and min(min(row) for row in delays) == 0.0:
            reach[source].add(target)
    for middle in names:
        for one in names:
            if middle in reach[one]:
                reach[one] |= reach[middle]
    left, steps = list(names), []
    while left:
        first = next(one for one in left if all(one in reach[by] <= reach[one] or one not in reach[by] for by in left))
        steps.append([one for one in left if one in reach[first] and first in reach[one]])
        left = [one for one in left if one not in steps[-1]]
    return steps


def simulate(
    populations: dict[str, list[Any]],
    edges: Sequence[tuple[str, str, Any, Any]],
    inputs: dict[str, Iterable[tuple[float, int]]],
    until: float,
    most: int = 1000,
) -> dict[str, list[tuple[float, int]]] | None:
    """Return the spikes of each population, or None if a neuron fires more than `most` times in an instant.

    Edges: source, target, weights and delays [target][source].
    """
    fan_out: dict[str, list[tuple[str, Any, Any]]] = defaultdict(list)
    for source, target, weights, delays in edges:
        fan_out[source].append((target, weights, delays))
    to_come: dict[float, dict[tuple[str, int], float]] = {}

    def send(source: str, index: int, time: float, now: dict[tuple[str, int], float] | None) -> None:
        for target, weights, delays in fan_out[source]:
            for n in range(len(populations[target])):
                delay = delays[n][index]
                into = now if now is not None and delay == 0.0 else to_come.setdefault(time + delay, {})
                into[target, n] = into.get((target, n), 0.0) + weights[n][index]

    for name, spikes in inputs.items():
        for time, index in spikes:
            send(name, index, time, None)
    steps = steps_of(list(populations), edges)
    while to_come and min(to_come) < until:
        time = min(to_come)
        arriving = to_come.pop(time)
        fired: dict[tuple[str, int], int] = defaultdict(int)
        for step in steps:
            while any(name in step for name, _ in arriving):
                sent = {place: weight for place, weight in arriving.items() if place[0] not in step}
                for (name, n), weight in arriving.items():
                    if name not in step:
                        continue
                    one = populations[name][n]
                    for _ in one.receive(time, weight):
                        send(name, n, time, sent)
                        fired[name, n] += 1
                        if fired[name, n] > most:
                            return None
                    if one.v >= one.threshold and one.refractory > 0.0:
                        to_come.setdefault(one.free, {}).setdefault((name, n), 0.0)
                arriving = sent
    return {
        name: sorted((time, n) for n, one in enumerate(members) for time in one.spikes)
        for name, members in populations.items()
    }
