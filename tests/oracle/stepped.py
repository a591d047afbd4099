"""The neurons that never go below 0, as their definitions say: event by event, or step by step, in exact fractions."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction


def _grouped(times: Iterable[float], weights: Iterable[float]) -> dict[float, Fraction]:
    sums: dict[float, Fraction] = {}
    for time, weight in zip(times, weights, strict=True):
        sums[float(time)] = sums.get(float(time), Fraction(0)) + Fraction(float(weight))
    return sums


def linear_leak(
    times: Iterable[float],
    weights: Iterable[float],
    *,
    leak: float,
    threshold: float,
    reset: float | None = 0.0,
    fire_once: bool = False,
    v_init: float = 0.0,
    start: float = 0.0,
) -> list[float]:
    """Spike times; `reset` is None for subtraction of the threshold."""
    v, last, fired = Fraction(v_init), Fraction(start), []
    for time, weight in sorted(_grouped(times, weights).items()):
        v = max(Fraction(0), v - Fraction(leak) * (Fraction(time) - last))
        v = max(Fraction(0), v + weight)
        last = Fraction(time)
        while v >= Fraction(threshold) and not (fire_once and fired):
            fired.append(time)
            v = v - Fraction(threshold) if reset is None else Fraction(reset)
    return fired


def stepped(
    times: Iterable[float],
    weights: Iterable[float],
    *,
    leak: float,
    threshold: float,
    multiplicative: bool = False,
    fire_once: bool = False,
    v_init: float = 0.0,
    steps: int,
) -> list[float]:
    """Spike times of all steps from 0 to `steps` - 1, none of which is left out."""
    arriving = _grouped(times, weights)
    beta = 1 - Fraction(leak) / Fraction(threshold) if multiplicative else Fraction(1)
    v, fired = Fraction(v_init), []
    for step in range(steps):
        v = beta * v + arriving.get(float(step), Fraction(0)) - (0 if multiplicative else Fraction(leak))
        v = max(Fraction(0), v)
        if v >= Fraction(threshold) and not (fire_once and fired):
            fired.append(float(step))
            v = Fraction(0)
    return fired
