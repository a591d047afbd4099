"""Leaky integrator: no threshold; its value at a time, and its maximum over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .membrane import Membrane, roundings
from .trajectory import MP, UNIT64, Segment, Trajectory, arrivals


@dataclass(frozen=True, kw_only=True)
class ReadoutParameters:
    """Of one neuron."""

    v_rest: float = 0.0
    bias: float = 0.0
    v_init: float | None = None
    i_init: float = 0.0


@dataclass(frozen=True)
class Maximum:
    """Highest value, when it was reached first, and how far rounding may move the value."""

    value: Any
    time: Any
    uncertainty: float


def readout(
    membrane: Membrane,
    p: ReadoutParameters,
    times: Any,
    weights: Any,
    *,
    start: float = 0.0,
    until: float,
    unit: float = UNIT64,
) -> tuple[Trajectory, Maximum]:
    """Simulate one neuron from `start` to `until`."""
    rest = MP.mpf(p.v_rest) + MP.mpf(p.bias)
    t, v, i = MP.mpf(start), MP.mpf(p.v_rest if p.v_init is None else p.v_init) - rest, MP.mpf(p.i_init)
    coarse = roundings(unit) * unit * (abs(p.v_rest) + abs(p.bias) + abs(p.v_init or 0.0))
    dv, di = coarse, unit * abs(float(i))
    out = Trajectory()

    def mark() -> None:
        at_v, at_i, at_dv, at_di = v, i, dv, di

        def value(elapsed: Any) -> tuple[Any, Any, float, float]:
            later_v, later_i = membrane.flow(at_v, at_i, elapsed)
            spread_v, spread_i = membrane.spread(float(at_v), float(at_i), at_dv, at_di, elapsed, unit)
            return later_v + rest, later_i, spread_v + coarse, spread_i

        out.segments.append(Segment(t, value))

    best = Maximum(v + rest, t, coarse)
    mark()
    for time, arriving in [*arrivals(times, weights), (MP.mpf(until), [])]:
        if time > until:
            break
        length = time - t
        for _, high, _, v_high in membrane.monotone_pieces(v, i, length):
            if v_high + rest > best.value:
                spread = membrane.spread(float(v), float(i), dv, di, high, unit)[0]
                best = Maximum(v_high + rest, t + high, spread + coarse)
        dv, di = membrane.spread(float(v), float(i), dv, di, length, unit)
        v, i = membrane.flow(v, i, length)
        t = time
        for w in arriving:
            di += unit * (abs(float(i)) + abs(w))
            i += MP.mpf(w)
        mark()
    return out, best


def mean_of_readout(
    tau_mem: float,
    tau_syn: float,
    p: ReadoutParameters,
    times: Any,
    weights: Any,
    *,
    start: float = 0.0,
    until: float,
) -> Any:
    """Mean potential of one neuron from `start` to `until`: the integral of every response by itself."""
    mem, syn, rest = MP.mpf(tau_mem), MP.mpf(tau_syn), MP.mpf(p.v_rest) + MP.mpf(p.bias)
    duration = MP.mpf(until) - MP.mpf(start)

    def of_potential(length: Any) -> Any:
        return mem * (1 - MP.exp(-length / mem))

    def of_current(length: Any) -> Any:
        if mem == syn:
            return mem * (1 - MP.exp(-length / mem)) - length * MP.exp(-length / mem)
        return syn / (mem - syn) * (of_potential(length) - syn * (1 - MP.exp(-length / syn)))

    integral = (MP.mpf(p.v_rest if p.v_init is None else p.v_init) - rest) * of_potential(duration)
    integral += MP.mpf(p.i_init) * of_current(duration)
    for time, weight in zip(times, weights, strict=True):
        if time <= until:
            integral += MP.mpf(float(weight)) * of_current(MP.mpf(until) - MP.mpf(float(time)))
    return rest + integral / duration
