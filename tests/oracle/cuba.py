"""A recurrent network of LIF neurons with two exponential currents by a heap of events, in plain float64.

tau_mem y' = -y + e + i, tau_exc e' = -e, tau_inh i' = -i, with y the potential above rest, e >= 0 and i <= 0; a spike
at the threshold, after which y is held at reset for a while. Every spike reaches its targets after one delay.

Between events y is a sum of exponentials. All its zeros above the threshold come from those of a derivative that has
one term fewer, and so on down to one term, which has none; between zeros of the derivative it is monotone, and
bisection finds the only one there, to neighbouring floats. Nothing is looked at on a grid, and nothing is missed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Terms = list[tuple[float, float]]
"""(c, r) of each c exp(-r t), by ascending r."""


class Spike(NamedTuple):
    time: float
    neuron: int
    slope: float
    """y' at the threshold: an error of the potential moves the spike by that error over the slope."""


def value(terms: Terms, t: float) -> float:
    return math.fsum(c * math.exp(-r * t) for c, r in terms)


def zeros(terms: Terms) -> list[float]:
    """All t > 0 where the sum of the terms changes its sign, ascending."""
    terms = [(c, r) for c, r in terms if c != 0.0]
    if len(terms) < 2:
        return []
    slowest = terms[0][1]
    scaled = [(c, r - slowest) for c, r in terms]  # has the same zeros, and a derivative without its first term
    found = []
    low = 0.0
    for high in [*zeros([(-r * c, r) for c, r in scaled[1:]]), math.inf]:
        if high == math.inf:
            high = _beyond(scaled, low)
        if (value(scaled, low) < 0.0) != (value(scaled, high) < 0.0):
            found.append(_bisected(scaled, low, high))
        low = high
    return found


def _beyond(terms: Terms, low: float) -> float:
    """Where all but the first term, which is constant, are too small to change the sign any more."""
    high = low + 1.0
    while sum(abs(c) * math.exp(-r * high) for c, r in terms[1:]) > 0.5 * abs(terms[0][0]):
        high *= 2.0
    return high


def _bisected(terms: Terms, low: float, high: float) -> float:
    below = value(terms, low) < 0.0
    while low < (middle := 0.5 * (low + high)) < high:
        if (value(terms, middle) < 0.0) == below:
            low = middle
        else:
            high = middle
    return high


@dataclass(kw_only=True)
class Parameters:
    """Potentials above rest."""

    tau_mem: float
    tau_exc: float
    tau_inh: float
    threshold: float
    reset: float
    refractory: float
    delay: float


@dataclass
class Neuron:
    y: float
    e: float = 0.0
    i: float = 0.0
    t: float = 0.0
    held_until: float = -math.inf
    plan: int = 0
    """Number of what is foreseen for it; what was foreseen under another number no longer holds."""

    def terms(self, p: Parameters) -> Terms:
        """y from `t` on."""
        e = self.e * p.tau_exc / (p.tau_exc - p.tau_mem)
        i = self.i * p.tau_inh / (p.tau_inh - p.tau_mem)
        return [(self.y - e - i, 1.0 / p.tau_mem), (i, 1.0 / p.tau_inh), (e, 1.0 / p.tau_exc)]

    def advance(self, p: Parameters, t: float) -> None:
        d = t - self.t
        if self.held_until < t:
            assert self.held_until <= self.t, "the end of a hold is an event"
            self.y = value(self.terms(p), d)
        self.e *= math.exp(-d / p.tau_exc)
        self.i *= math.exp(-d / p.tau_inh)
        self.t = t

    def not_before(self, p: Parameters) -> float:
        """A time before which it cannot fire: when it would if excitation did not decay and there were no inhibition.

        That potential is never the smaller one, by comparison of the two differential equations.
        """
        if self.e <= p.threshold:
            return math.inf
        return self.t + p.tau_mem * math.log((self.e - self.y) / (self.e - p.threshold))

    def crossing(self, p: Parameters) -> float:
        """When it fires unless something arrives before."""
        if self.y >= p.threshold:
            return self.t
        found = zeros(sorted([(-p.threshold, 0.0), *self.terms(p)], key=lambda term: term[1]))
        return self.t + found[0] if found else math.inf


ARRIVAL, RELEASE, LOOK, FIRE = range(4)


@dataclass
class Network:
    """`targets` has those of each neuron; neurons from `n_excitatory` on inhibit. Weights as they are added."""

    parameters: Parameters
    targets: Sequence[Sequence[int]]
    n_excitatory: int
    weights: tuple[float, float]
    neurons: list[Neuron]
    spikes: list[Spike] = field(default_factory=list)
    events: list[tuple[float, int, int, int]] = field(default_factory=list)
    """Time, kind, neuron, and the plan that it is part of."""

    def run(self, until: float) -> list[Spike]:
        """Return all spikes before `until`, by time."""
        assert self.weights[0] >= 0.0 >= self.weights[1], "the bound of the next spike takes signs for granted"
        for n in range(len(self.neurons)):
            self._foresee(n)
        while self.events and self.events[0][0] < until:
            time, kind, n, plan = heapq.heappop(self.events)
            if kind == ARRIVAL:
                for target in self.targets[n]:
                    self._receive(target, time, n < self.n_excitatory)
            elif plan == self.neurons[n].plan:
                self._act(n, time, kind)
        return self.spikes

    def _push(self, time: float, kind: int, n: int) -> None:
        heapq.heappush(self.events, (time, kind, n, self.neurons[n].plan))

    def _foresee(self, n: int) -> None:
        self.neurons[n].plan += 1
        self._push(self.neurons[n].not_before(self.parameters), LOOK, n)

    def _receive(self, n: int, time: float, excites: bool) -> None:
        neuron = self.neurons[n]
        neuron.advance(self.parameters, time)
        if excites:
            neuron.e += self.weights[0]
        else:
            neuron.i += self.weights[1]
        if neuron.held_until <= time:
            self._foresee(n)

    def _act(self, n: int, time: float, kind: int) -> None:
        neuron, p = self.neurons[n], self.parameters
        if kind == LOOK:
            self._push(neuron.crossing(p), FIRE, n)
        elif kind == RELEASE:
            neuron.advance(p, time)
            self._foresee(n)
        else:
            neuron.advance(p, time)
            self.spikes.append(Spike(time, n, (neuron.e + neuron.i - neuron.y) / p.tau_mem))
            neuron.y, neuron.held_until = p.reset, time + p.refractory
            neuron.plan += 1
            self._push(neuron.held_until, RELEASE, n)
            heapq.heappush(self.events, (time + p.delay, ARRIVAL, n, -1))
