"""Networks of LIF neurons with delays by a heap of arrivals, one neuron at a time, in plain float64.

tau_mem v' = -v + i, tau_syn i' = -i, v held at reset for a while after a spike. Between arrivals the potential has one
peak, from a closed form; a crossing before it is found by bisection.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Lif:
    tau_mem: float
    tau_syn: float
    threshold: float
    reset: float = 0.0
    refractory: float = 0.0
    t: float = 0.0
    v: float = 0.0
    i: float = 0.0
    free: float = -math.inf
    spikes: list[float] = field(default_factory=list)

    def _after(self, d: float) -> tuple[float, float]:
        s = math.exp(-d / self.tau_syn)
        m = math.exp(-d / self.tau_mem)
        scale = self.tau_syn / (self.tau_mem - self.tau_syn)
        return self.v * m + self.i * scale * (m - s), self.i * s

    def advance(self, until: float) -> float | None:
        """Move to `until`, or to a spike before it, whose time is returned."""
        if self.t < self.free:
            end = min(self.free, until)
            self.i *= math.exp(-(end - self.t) / self.tau_syn)
            self.t = end
            if end == until:
                return None
        d = until - self.t
        time = self._crossing(d)
        if time is None:
            self.v, self.i = self._after(d)
            self.t = until
            return None
        _, self.i = self._after(time)
        self.t += time
        self.v, self.free = self.reset, self.t + self.refractory
        self.spikes.append(self.t)
        return self.t

    def _crossing(self, d: float) -> float | None:
        if self.v >= self.threshold:
            return 0.0
        peak = self._peak()
        end = d if peak is None else min(peak, d)
        if self._after(end)[0] < self.threshold:
            return None
        low, high = 0.0, end
        for _ in range(200):
            middle = 0.5 * (low + high)
            if self._after(middle)[0] < self.threshold:
                low = middle
            else:
                high = middle
        return high if high < d else None

    def _peak(self) -> float | None:
        """Where v' = 0: a e^(-t / tau_syn) = b e^(-t / tau_mem)."""
        scale = self.tau_syn / (self.tau_mem - self.tau_syn)
        a, b = self.i * scale / self.tau_syn, (self.v + self.i * scale) / self.tau_mem
        if a == 0.0 or b / a <= 0.0:
            return 0.0 if self.i <= self.v else None
        rate = 1.0 / self.tau_syn - 1.0 / self.tau_mem
        time = math.log(a / b) / rate
        return time if time > 0.0 else (0.0 if self.i <= self.v else None)


def simulate(
    populations: dict[str, list[Lif]],
    edges: Iterable[tuple[str, str, Any, Sequence[Any]]],
    inputs: dict[str, Iterable[tuple[float, int]]],
    until: float,
) -> dict[str, list[tuple[float, int]]]:
    """Return the spikes of each population.

    Edges: source, target, weights [target][source], and a delay of each source or, likewise, [target][source]. A weight
    of NaN is no synapse.
    """
    fan_out: dict[str, list[tuple[str, Any, Sequence[Any]]]] = {}
    for source, target, weights, delays in edges:
        fan_out.setdefault(source, []).append((target, weights, delays))
    arrivals: list[tuple[float, int, str, int, float]] = []
    number = itertools.count()

    def send(source: str, time: float, index: int) -> None:
        for target, weights, delays in fan_out.get(source, ()):
            for n in range(len(populations[target])):
                if math.isnan(weights[n][index]):
                    continue
                delay = delays[n][index] if isinstance(delays[0], list) else delays[index]
                heapq.heappush(arrivals, (time + delay, next(number), target, n, weights[n][index]))

    for name, spikes in inputs.items():
        for time, index in spikes:
            send(name, time, index)
    neurons = [(name, n, one) for name, members in populations.items() for n, one in enumerate(members)]
    while True:
        # The earliest thing that can happen: an arrival, or a spike before it.
        horizon = min(arrivals[0][0] if arrivals else until, until)
        first: tuple[float, str, int] | None = None
        for name, n, one in neurons:
            trial = Lif(**{**one.__dict__, "spikes": []})
            time = trial.advance(horizon)
            if time is not None and (first is None or time < first[0]):
                first = (time, name, n)
        if first is not None:
            time, name, n = first
            populations[name][n].advance(horizon)
            send(name, time, n)
            continue
        for _, _, one in neurons:
            one.advance(horizon)
        if horizon >= until:
            break
        while arrivals and arrivals[0][0] == horizon:
            _, _, target, n, weight = heapq.heappop(arrivals)
            populations[target][n].i += weight
    return {
        name: sorted((time, n) for n, one in enumerate(members) for time in one.spikes if time < until)
        for name, members in populations.items()
    }
