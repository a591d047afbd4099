"""Many non-linear neurons side by side by the method of oracle.nonlinear: Dormand and Prince's of order 8 at 1e-12.

Each lane is a neuron with its own time and step (Hairer, Nørsett & Wanner 1993, section II.5). Crossings and maxima are
found by steps that end there, which are better than an interpolant. Shares nothing with evsim but names of parameters.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.integrate import DOP853

from oracle.nonlinear import EQUATIONS, NEAR, Equations, with_moving_peak

Array = Any
TIGHT = 1e-12
FIRST_STEP = 1e-3


@dataclass
class Trajectories:
    """What neurons do; absent spikes are NaN."""

    spikes: Array
    errors: Array  #: of a spike's time by one of 1 of v just before it
    intervals: Array
    undecided: Array

    @property
    def counts(self) -> Array:
        return np.sum(~np.isnan(self.spikes), axis=1)


def _parameters(neuron: Any, n: int) -> dict[str, Array]:
    values = {f.name: getattr(neuron, f.name) for f in dataclasses.fields(neuron)}
    if not np.any(values.get("peak_jump", 0.0)):
        values["tau_peak"] = None  # the peak stays where it is
    return {name: np.broadcast_to(np.asarray(v, float), n).copy() for name, v in values.items() if v is not None}


class _Lanes:
    """The neurons that still go on."""

    def __init__(self, model: str, parameters: dict[str, Array], index: Array, tight: float) -> None:
        self.model, self.parameters, self.index, self.tight = model, parameters, index, tight
        values = SimpleNamespace(**parameters)
        self.eq: Equations = EQUATIONS[model](values)
        if "tau_peak" in parameters:
            self.eq = with_moving_peak(self.eq, values)

    def take(self, which: Array) -> _Lanes:
        return _Lanes(self.model, {k: v[which] for k, v in self.parameters.items()}, self.index[which], self.tight)

    def slope(self, x: Array, held: Array) -> Array:
        dx = np.array(self.eq.slope(0.0, list(x)))
        dx[0] = np.where(held, -dx[-1] if self.eq.lifted else 0.0, dx[0])
        return dx

    def step(self, x: Array, h: Array, held: Array, first: Array | None = None) -> tuple[Array, Array, Array, Array]:
        """One step: the state after it, its error in units of what is allowed, the slope before it and after it."""
        k = np.empty((DOP853.n_stages + 1, *x.shape))
        k[0] = self.slope(x, held) if first is None else first
        for stage in range(1, DOP853.n_stages):
            k[stage] = self.slope(x + h * np.tensordot(DOP853.A[stage, :stage], k[:stage], 1), held)
        y = x + h * np.tensordot(DOP853.B, k[:-1], 1)
        k[-1] = self.slope(y, held)
        allowed = self.tight * (self.eq.scale + np.maximum(np.abs(x), np.abs(y)))
        fifth, third = (np.sum((np.tensordot(e, k, 1) / allowed) ** 2, axis=0) for e in (DOP853.E5, DOP853.E3))
        error = h * fifth / np.sqrt(np.maximum((fifth + 0.01 * third) * len(x), 1e-300))
        return y, np.where(np.isfinite(error), error, 1e9), k[0], k[-1]


def _maximum(lanes: _Lanes, x: Array, h: Array, first: Array) -> tuple[Array, Array]:
    """When v stops to rise within a step, and v then. The time to 1e-9 of the step is enough for all digits of v."""
    low, high, free = np.zeros_like(h), h, np.zeros(len(h), bool)
    for _ in range(30):
        middle = 0.5 * (low + high)
        rises = lanes.step(x, middle, free, first)[3][0] > 0.0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return low, lanes.step(x, low, free, first)[0][0]


def _crossing(lanes: _Lanes, x: Array, h: Array, first: Array) -> tuple[Array, Array, Array]:
    """When v comes to the peak within a step at whose end it is above, the state then, and its slope.

    By Newton's method, kept in by bisection.
    """
    free, low, high, s = np.zeros(len(h), bool), np.zeros_like(h), h, h
    for _ in range(60):
        y, _, _, after = lanes.step(x, s, free, first)
        missing = lanes.eq.peak - y[0]
        low, high = np.where(missing > 0.0, s, low), np.where(missing > 0.0, high, s)
        with np.errstate(divide="ignore", invalid="ignore"):
            better = s + missing / after[0]
        better = np.where((better >= low) & (better <= high), better, 0.5 * (low + high))
        close = np.abs(missing) <= 4e-16 * (np.abs(lanes.eq.peak) + lanes.eq.scale)
        if np.all(close | (np.abs(better - s) <= 1e-14 * (1.0 + s))):
            break
        s = np.where(close, s, better)
    return s, y, after


def _start(neuron: Any, weights: Array, tight: float = TIGHT) -> tuple[_Lanes, Array, Array, Array]:
    """All lanes, and their states, times and first steps."""
    n = len(weights)
    lanes = _Lanes(type(neuron).__name__, _parameters(neuron, n), np.arange(n), tight)
    initial = [np.broadcast_to(value, n) for value in lanes.eq.initial]
    return lanes, np.array(lanes.eq.receive(initial, np.asarray(weights))), np.zeros(n), np.full(n, FIRST_STEP)


def _next_step(tried: Array, error: Array) -> Array:
    """How long a step may be after one with this error."""
    factor = np.clip(0.9 * np.maximum(error, 1e-12) ** -0.125, 0.2, 8.0)
    return tried * np.where(error <= 1.0, factor, np.minimum(factor, 1.0))


def simulate(neuron: Any, weights: Array, until: float, most_spikes: int, tight: float = TIGHT) -> Trajectories:
    """Return the spikes of neurons from time 0, at which each gets an input of its own weight."""
    lanes, x, t, h = _start(neuron, weights, tight)
    n, release = len(t), np.zeros(len(t))
    out = Trajectories(
        np.full((n, most_spikes), np.nan), np.full((n, most_spikes), np.nan), np.zeros(n, int), np.zeros(n, bool)
    )
    while len(t):
        with np.errstate(over="ignore", invalid="ignore"):
            x, t, h, release, done = _advance(lanes, x, t, h, release, until, out)
        if done.any():
            lanes, x, t, h, release = lanes.take(~done), x[:, ~done], t[~done], h[~done], release[~done]
    return out


def _advance(
    lanes: _Lanes, x: Array, t: Array, h: Array, release: Array, until: float, out: Trajectories
) -> tuple[Array, Array, Array, Array, Array]:
    """One step of every lane; what it comes to, and which have ended."""
    held = t < release
    horizon = np.where(held, np.minimum(release, until), until)
    wanted = np.minimum(h, lanes.eq.max_step)
    last = t + wanted >= horizon
    tried = np.where(last, horizon - t, wanted)
    y, error, before, after = lanes.step(x, tried, held)
    good = error <= 1.0
    proposed = _next_step(tried, error)
    h = np.where(good & last, np.maximum(h, proposed), proposed)
    new_t = np.where(good, np.where(last, horizon, t + tried), t)
    new_x = np.where(good, y, x)
    h = np.where(good & last & held, FIRST_STEP, h)
    above = good & ~held & (y[0] >= lanes.eq.peak)
    # A maximum inside the step lies below the steeper of the tangents at its ends; twice that, to be sure.
    highest = np.maximum(x[0], y[0]) + 2.0 * tried * np.maximum(np.abs(before[0]), np.abs(after[0]))
    turns = good & ~held & ~above & (before[0] > 0.0) & (after[0] < 0.0) & (highest > lanes.eq.peak)
    if turns.any():
        which = np.flatnonzero(turns)
        some = lanes.take(which)
        top, value = _maximum(some, x[:, which], tried[which], before[:, which])
        out.undecided[some.index] |= np.abs(value - some.eq.peak) < NEAR * some.eq.scale
        above[which] = value > some.eq.peak
        tried[which] = np.where(above[which], top, tried[which])
    ended = good & (new_t >= until) & ~above
    out.intervals[lanes.index[ended & ~held]] += 1
    if above.any():
        ended |= _fire(lanes, np.flatnonzero(above), x, tried, before, (new_x, new_t, h, release, t), until, out)
    return new_x, new_t, h, release, ended | out.undecided[lanes.index]


def _fire(
    lanes: _Lanes, which: Array, x: Array, tried: Array, before: Array, state: Any, until: float, out: Trajectories
) -> Array:
    """Spikes of some lanes within their steps, after which they go on from there; which of all have ended by that."""
    (new_x, new_t, h, release, t), some = state, lanes.take(which)
    s, there, slope = _crossing(some, x[:, which], tried[which], before[:, which])
    time = t[which] + s
    place = np.sum(~np.isnan(out.spikes[some.index]), axis=1)
    out.spikes[some.index, place] = time
    out.errors[some.index, place] = 1.0 / np.maximum(np.abs(slope[0]), 1e-300)
    out.intervals[some.index] += 1
    out.undecided[some.index] |= np.abs(time - until) < NEAR
    new_x[:, which] = np.array([np.broadcast_to(v, len(which)) for v in some.eq.fire(list(there))])
    new_t[which], h[which] = time, FIRST_STEP
    release[which] = time + some.parameters["refractory"]
    ended = np.zeros(len(t), bool)
    ended[which] = (place + 1 == out.spikes.shape[1]) | (time >= until)
    return ended


def first_maxima(neuron: Any, weights: Array, until: float, far: float = 60.0) -> Array:
    """Return the first maximum of each potential after an input at time 0, without spikes; NaN where it has none.

    None if it rises beyond `far`, or so fast that steps end.
    """
    lanes, x, t, h = _start(neuron, weights)
    out = np.full(len(t), np.nan)
    while len(t):
        free = np.zeros(len(t), bool)
        tried = np.minimum(np.minimum(h, lanes.eq.max_step), until - t)
        with np.errstate(over="ignore", invalid="ignore"):
            y, error, before, after = lanes.step(x, tried, free)
        good = error <= 1.0
        turns = good & (before[0] > 0.0) & (after[0] < 0.0)
        if turns.any():
            some = lanes.take(turns)
            out[some.index] = _maximum(some, x[:, turns], tried[turns], before[:, turns])[1]
        x, t, h = np.where(good, y, x), np.where(good, t + tried, t), _next_step(tried, error)
        goes_on = ~turns & (t < until) & (x[0] < far) & (h > 1e-13)
        lanes, x, t, h = lanes.take(goes_on), x[:, goes_on], t[goes_on], h[goes_on]
    return out
