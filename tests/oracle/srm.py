"""The spike response neuron of alpha kernels, in 50-digit arithmetic.

The potential as the documentation of `evsim.SRMAlpha` defines it, as a sum over all arrivals and spikes. Between two of
them it is u(t) = e^(-t/s) (p + q t) + e^(-t/r) (a + b t), whose extrema are found by differentiating until one root is
left that can be written down (Rolle): none can be missed, and between two of them u is monotone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .trajectory import MP, UNIT64, Certain, Trajectory, arrivals

ROUNDINGS = 32
"""Rounding errors of the potential that are allowed, in units of the last place of what it is a sum of."""


def alpha(x: Any) -> Any:
    return x * MP.exp(1 - x)


def root(f: Callable[[Any], Any], low: Any, high: Any) -> Any:
    """The root of a monotone f between `low` and `high` (bisection and regula falsi in turn)."""
    f_low, f_high = f(low), f(high)
    width = (high - low) * MP.mpf(10) ** -45
    for k in range(1000):
        if high - low <= width or not f_low or not f_high:
            break
        middle = (low + high) / 2 if k % 3 == 0 else (low * f_high - high * f_low) / (f_high - f_low)
        value = f(middle)
        if (value > 0) == (f_low > 0):
            low, f_low = middle, value
            f_high = f_high / 2 if k % 3 == 2 else f_high
        else:
            high, f_high = middle, value
            f_low = f_low / 2 if k % 3 == 2 else f_low
    return high if f_low else low


def roots(f: Callable[[Any], Any], between: list[Any]) -> list[Any]:
    """All roots of f, which is monotone between these."""
    found = []
    for low, high in pairwise(between):
        if (f(low) > 0) != (f(high) > 0):
            found.append(root(f, low, high))
    return found


class Arc:
    """The potential from one arrival or spike to the next."""

    def __init__(self, p: Any, q: Any, a: Any, b: Any, s: Any, r: Any) -> None:
        self.p, self.q, self.a, self.b, self.s, self.r = p, q, a, b, s, r

    def u(self, t: Any) -> Any:
        return MP.exp(-t / self.s) * (self.p + self.q * t) + MP.exp(-t / self.r) * (self.a + self.b * t)

    def slope(self, t: Any) -> Any:
        first = MP.exp(-t / self.s) * (self.q - (self.p + self.q * t) / self.s)
        return first + MP.exp(-t / self.r) * (self.b - (self.a + self.b * t) / self.r)

    def bend(self) -> float:
        """Above |u''|."""
        first = (abs(self.p) / self.s + 2 * abs(self.q)) / self.s
        return float(first + (abs(self.a) / self.r + 2 * abs(self.b)) / self.r)

    def size(self) -> float:
        return float(abs(self.p) + abs(self.q) * self.s + abs(self.a) + abs(self.b) * self.r)

    def steepness(self) -> float:
        return float(abs(self.p) / self.s + abs(self.q) + abs(self.a) / self.r + abs(self.b))

    def extrema(self, length: Any) -> list[Any]:
        """Where u' = 0 up to `length`: e^(t/s) u' = A + B t + e^(-k t) (C + D t)."""
        k = 1 / self.r - 1 / self.s
        aa, bb = self.q - self.p / self.s, -self.q / self.s
        cc, dd = self.b - self.a / self.r, -self.b / self.r
        ends = [MP.zero, length]
        if k == 0:
            return roots(lambda t: aa + cc + (bb + dd) * t, ends)
        inflection = (2 * dd - k * cc) / (k * dd) if dd else -MP.one
        if 0 < inflection < length:
            ends.insert(1, inflection)
        ends[1:-1] = roots(lambda t: bb + MP.exp(-k * t) * (dd - k * cc - k * dd * t), ends)
        return roots(lambda t: aa + bb * t + MP.exp(-k * t) * (cc + dd * t), ends)


class Response:
    """One neuron and what has happened to it."""

    def __init__(self, tau_syn: float, tau_refractory: float, threshold: float, scale: float) -> None:
        self.s, self.r, self.theta, self.scale = map(MP.mpf, (tau_syn, tau_refractory, threshold, scale))
        self.inputs: list[tuple[Any, Any]] = []
        self.fired: list[Certain] = []
        self.t = MP.zero
        self.armed = True
        self.out = Trajectory()

    def arc(self) -> Arc:
        """The potential from now on."""
        p = q = a = b = MP.zero
        for time, weight in self.inputs:
            x = (self.t - time) / self.s
            p, q = p + weight * alpha(x), q + weight * MP.exp(1 - x) / self.s
        for spike in self.fired:
            x = (self.t - spike.time) / self.r
            depth = self.scale * self.theta
            a, b = a - depth * alpha(x), b - depth * MP.exp(1 - x) / self.r
        return Arc(p, q, a, b, self.s, self.r)

    def margin(self, arc: Arc, t: Any) -> float:
        """By what u may be wrong a time t after now."""
        now = float(abs(self.t)) + float(t)
        out = ROUNDINGS * UNIT64 * (arc.size() + float(self.theta) + now * arc.steepness())
        for spike in self.fired:
            x = float((self.t + t - spike.time) / self.r)
            steep = abs(1 - x) * math.exp(1 - x) if x < 700 else 0.0
            out += float(self.scale * self.theta / self.r) * (steep + 1e-3 * math.exp(-min(x, 700))) * spike.uncertainty
        return out

    def doubt(self) -> None:
        self.out.certain_until = min(self.out.certain_until, self.t)

    def receive(self, weights: list[float], slope_before: Any) -> None:
        self.inputs.extend((self.t, MP.mpf(w)) for w in weights)
        arc = self.arc()
        if abs(float(arc.u(MP.zero) - self.theta)) <= self.margin(arc, 0.0) and slope_before * arc.slope(MP.zero) <= 0:
            self.doubt()

    def advance(self, to: Any) -> Any:
        """Up to `to`; returns the slope there."""
        while True:
            arc, length = self.arc(), to - self.t
            if length <= 0:
                return arc.slope(MP.zero)
            crossing = self.crossing(arc, length)
            if crossing is None:
                self.t = to
                return arc.slope(length)
            self.fire(arc, crossing)

    def crossing(self, arc: Arc, length: Any) -> Any:
        def above(t: Any) -> Any:
            return arc.u(t) - self.theta

        ends = [MP.zero, *arc.extrema(length), length]
        low, f_low = ends[0], above(ends[0])
        for k, high in enumerate(ends[1:], 1):
            f_high = above(high)
            extremum, decides = k < len(ends) - 1, self.armed == (f_high > f_low)
            if extremum and decides and abs(float(f_high)) <= self.margin(arc, high):
                self.doubt()
            if self.armed and f_low < 0 <= f_high:
                return root(above, low, high)
            if not self.armed and f_high < min(f_low, 0):
                self.armed = True
            low, f_low = high, f_high
        return None

    def fire(self, arc: Arc, elapsed: Any) -> None:
        up, bend, margin = float(arc.slope(elapsed)), arc.bend(), self.margin(arc, elapsed)
        room = up * up - 2 * bend * margin
        self.t += elapsed
        if not room > 0:
            self.doubt()
            dt = math.inf
        else:
            dt = 2 * margin / (up + math.sqrt(room)) + 8 * UNIT64 * float(abs(self.t))
        if not dt <= 1e-3 * float(min(self.s, self.r)):
            self.doubt()
            dt = float(self.s)
        self.fired.append(Certain(self.t, dt))
        self.out.spikes.append(self.fired[-1])
        self.armed = False
        after = self.arc()
        slope = float(after.slope(MP.zero))
        if slope * slope <= 2 * after.bend() * self.margin(after, 0.0):
            self.doubt()


def srm_alpha(
    tau_syn: float,
    tau_refractory: float,
    threshold: float,
    scale: float,
    times: Any,
    weights: Any,
    *,
    until: float,
) -> Trajectory:
    """Simulate one neuron from time 0 to `until`."""
    one = Response(tau_syn, tau_refractory, threshold, scale)
    for time, together in arrivals(times, weights):
        if time > until:
            break
        one.receive(together, one.advance(time))
        if one.out.certain_until < one.t:
            break
    else:
        one.advance(MP.mpf(until))
    one.out.spikes = [s for s in one.out.spikes if s.time < until and s.time < one.out.certain_until]
    return one.out


__all__ = ["Arc", "Response", "alpha", "root", "srm_alpha"]
