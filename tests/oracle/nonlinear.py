"""Non-linear neurons by scipy's Dormand-Prince method of order 8 at 1e-12, and, to be found out, by Euler's.

Shares nothing with evsim but the names of parameters. The equations take one neuron or, in arrays, many: see
nonlinear_lanes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

State = list[float]


def _exp(x: Any) -> Any:
    """The exponential of something that a stage of a step may have driven too far."""
    return np.exp(np.minimum(x, 600.0)) if isinstance(x, np.ndarray) else math.exp(min(x, 600.0))


@dataclass(frozen=True)
class Equations:
    """One neuron: slope, what a spike and an input do, and where it fires."""

    slope: Callable[[float, State], list[float]]
    fire: Callable[[State], State]
    receive: Callable[[State, float], State]
    initial: State
    peak: float
    scale: float  #: of the potential
    max_step: float = math.inf  #: beyond which the method overlooks what a sharp upswing begins with
    lifted: bool = False  #: whether the first variable is the potential minus the last one, by which the peak is raised


def _input(p: Any) -> tuple[Callable[[State, float], State], float]:
    """Input into the last variable, or into the first if there is no synapse; and the rate of decay of the last."""
    if p.tau_syn is None:
        return lambda x, w: [x[0] + w, *x[1:]], 0.0
    return lambda x, w: [*x[:-1], x[-1] + w], 1.0 / p.tau_syn


def izhikevich(p: Any) -> Equations:
    receive, rate = _input(p)

    def slope(_: float, x: State) -> list[float]:
        v, u, i = x
        dv = p.square * v * v + p.linear * v + p.constant - u + i + p.bias
        return [dv, p.a * (p.b * (v - p.v_u) - p.u_leak * u), -rate * i]

    initial = [p.v_init, p.u_init, 0.0]
    return Equations(slope, lambda x: [p.c, x[1] + p.d, x[2]], receive, initial, p.v_peak, 1.0)


def adex(p: Any) -> Equations:
    receive, rate = _input(p)

    def slope(_: float, x: State) -> list[float]:
        v, w, i = x
        upswing = p.g_leak * p.delta_t * _exp((v - p.v_t) / p.delta_t)
        dv = (-p.g_leak * (v - p.v_rest) + upswing - w + i + p.bias) / p.capacitance
        return [dv, (p.a * (v - p.v_rest) - w) / p.tau_w, -rate * i]

    initial = [p.v_init, p.w_init, 0.0]
    step = 0.2 * p.delta_t * p.capacitance / p.g_leak
    return Equations(slope, lambda x: [p.v_reset, x[1] + p.b, x[2]], receive, initial, p.v_peak, p.delta_t, step)


def exp_lif(p: Any) -> Equations:
    receive, rate = _input(p)

    def slope(_: float, x: State) -> list[float]:
        v, i = x
        upswing = p.delta_t * _exp((v - p.v_t) / p.delta_t)
        return [(p.v_rest - v + upswing + i + p.bias) / p.tau_mem, -rate * i]

    step = 0.2 * p.delta_t * p.tau_mem
    return Equations(slope, lambda x: [p.v_reset, x[1]], receive, [p.v_init, 0.0], p.v_peak, p.delta_t, step)


def qif(p: Any) -> Equations:
    receive, rate = _input(p)

    def slope(_: float, x: State) -> list[float]:
        v, i = x
        return [(p.gain * (v - p.v_rest) * (v - p.v_c) + i + p.bias) / p.tau_mem, -rate * i]

    return Equations(slope, lambda x: [p.v_reset, x[1]], receive, [p.v_init, 0.0], p.v_peak, 1.0 / p.gain)


def coba_lif(p: Any) -> Equations:
    def slope(_: float, x: State) -> list[float]:
        v, ge, gi = x
        current = p.g_leak * (p.v_rest - v) + ge * (p.e_exc - v) + gi * (p.e_inh - v) + p.bias
        return [current / p.capacitance, -ge / p.tau_exc, -gi / p.tau_inh]

    def receive(x: State, w: float) -> State:
        return [x[0], x[1] + np.maximum(w, 0.0), x[2] + np.maximum(-w, 0.0)]

    scale = p.threshold - p.v_reset
    return Equations(slope, lambda x: [p.v_reset, *x[1:]], receive, [p.v_init, 0.0, 0.0], p.threshold, scale)


EQUATIONS = {"Izhikevich": izhikevich, "AdEx": adex, "ExpLIF": exp_lif, "QIF": qif, "COBALIF": coba_lif}


def equations_of(neuron: Any) -> Equations:
    """Return the equations of an evsim neuron with one value for each parameter."""
    equations = EQUATIONS[type(neuron).__name__](neuron)
    return with_moving_peak(equations, neuron) if getattr(neuron, "peak_jump", 0.0) else equations


def with_moving_peak(eq: Equations, p: Any) -> Equations:
    """Return the same with a peak that spikes raise and that comes back."""

    def membrane(x: State) -> State:
        return [x[0] + x[-1], *x[1:-1]]

    def relative(y: State, h: float) -> State:
        return [y[0] - h, *y[1:], h]

    def slope(t: float, x: State) -> list[float]:
        return relative(eq.slope(t, membrane(x)), -x[-1] / p.tau_peak)

    return Equations(
        slope,
        lambda x: relative(eq.fire(membrane(x)), x[-1] + p.peak_jump),
        lambda x, w: relative(eq.receive(membrane(x), w), x[-1]),
        relative(eq.initial, 0.0),
        eq.peak,
        eq.scale,
        eq.max_step,
        lifted=True,
    )


@dataclass
class Trajectory:
    """What a neuron does: spikes, and how well each is determined."""

    spikes: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)  #: of the spike's time by one of 1 of v just before it
    intervals: int = 0
    undecided: bool = False  #: a potential has come too near to the peak, or a spike to an input, for this method


NEAR = 1e-9


def _first_crossing(eq: Equations, x: State, gap: float, out: Trajectory) -> tuple[float, State]:
    """Return the time (infinite if none) and the state at the first crossing, or at the end of the gap."""
    if x[0] >= eq.peak:
        return 0.0, x

    def rises(_: float, y: State) -> float:
        return float(y[0] - eq.peak)

    def extremum(t: float, y: State) -> float:
        return eq.slope(t, y)[0]

    rises.direction, rises.terminal = 1.0, True  # type: ignore[attr-defined]
    extremum.direction = -1.0  # type: ignore[attr-defined]
    tight = 1e-12
    solved = solve_ivp(
        eq.slope,
        (0.0, gap),
        x,
        "DOP853",
        rtol=tight,
        atol=tight * eq.scale,
        events=(rises, extremum),
        dense_output=True,
        max_step=eq.max_step,
    )
    if solved.status < 0:
        raise ArithmeticError(f"the oracle fails: {solved.message}")
    before = 0.0
    for top, y in zip(solved.t_events[1], solved.y_events[1], strict=True):
        if abs(y[0] - eq.peak) < NEAR * eq.scale:
            out.undecided = True
        if y[0] > eq.peak:  # up and down within one step
            time = brentq(lambda t: float(solved.sol(t)[0] - eq.peak), before, top, xtol=1e-14)
            return time, list(solved.sol(time))
        before = top
    if solved.t_events[0].size:
        return _polished(eq, x, float(solved.t_events[0][0]), list(solved.y_events[0][0]))
    return math.inf, list(solved.y[:, -1])


def _polished(eq: Equations, x: State, time: float, found: State) -> tuple[float, State]:
    """A crossing found on the interpolant, which tells the time of a slow one less well than the method itself."""
    if not time > 0.0:
        return time, found
    there = solve_ivp(eq.slope, (0.0, time), x, "DOP853", rtol=1e-12, atol=1e-12 * eq.scale, max_step=eq.max_step)
    y = there.y[:, -1]
    slope = eq.slope(time, list(y))
    step = (eq.peak - y[0]) / slope[0] if slope[0] > 0.0 else math.inf
    if not abs(step) < 1e-5 or abs(step) > 0.1 * time:
        return time, found
    return time + step, [value + step * rate for value, rate in zip(y, slope, strict=True)]


def _held(eq: Equations, x: State, duration: float) -> State:
    """Everything but the potential goes on."""

    def slope(t: float, y: State) -> list[float]:
        rates = eq.slope(t, y)
        return [-rates[-1] if eq.lifted else 0.0, *rates[1:]]

    if not duration > 0.0:
        return x
    solved = solve_ivp(slope, (0.0, duration), x, "DOP853", rtol=1e-12, atol=1e-12 * eq.scale)
    return [*solved.y[:, -1]]


def simulate(neuron: Any, times: Any, weights: Any, until: float, most_spikes: int = 400) -> Trajectory:
    """Return the spikes of one neuron from time 0, with an input of some weight at each of some ascending times."""
    eq, out = equations_of(neuron), Trajectory()
    deaf = getattr(neuron, "tau_syn", 1.0) is None  # a potential that is held does not jump
    x, now, release = list(eq.initial), 0.0, 0.0
    for time, weight in [*zip(times, weights, strict=True), (until, 0.0)]:
        out.undecided |= 0.0 < abs(release - time) < NEAR
        while now < time:
            if now < release:
                held_until = min(release, time)
                x, now = _held(eq, x, held_until - now), held_until
                continue
            crossing, x = _first_crossing(eq, x, time - now, out)
            out.intervals += 1
            if crossing == math.inf:
                now = time
                break
            now += crossing
            if abs(now - time) < NEAR:
                out.undecided = True
            out.spikes.append(now)
            out.errors.append(1.0 / max(abs(eq.slope(0.0, x)[0]), 1e-300))
            x, release = eq.fire(x), now + neuron.refractory
            if out.undecided or len(out.spikes) >= most_spikes:
                return out
        if not (deaf and time < release):
            x = eq.receive(x, float(weight))
        if out.undecided:
            break
    return out


def euler(neuron: Any, times: Any, weights: Any, until: float, dt: float = 0.01) -> list[float]:
    """Return the spikes by Euler's method on a grid."""
    eq, spikes = equations_of(neuron), []
    x, inputs, n = list(eq.initial), list(zip(times, weights, strict=True)), 0
    for step in range(round(until / dt)):
        while n < len(inputs) and inputs[n][0] <= step * dt:
            x = eq.receive(x, float(inputs[n][1]))
            n += 1
        if x[0] >= eq.peak:
            spikes.append(step * dt)
            x = eq.fire(x)
        x = [float(value + dt * slope) for value, slope in zip(x, eq.slope(0.0, x), strict=True)]
    return spikes
