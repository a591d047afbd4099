"""More plasticity rules of one synapse, each read off the spike times themselves: no traces, no callbacks.

`pre` are the spike times of the input, `post` those of its neuron, `weight` is the first weight. `ties` says which
comes first of an input and an output at the same time. What weights are kept within holds from the first event on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

Ties = Literal["output first", "input first"]
Times = Sequence[float]


def in_order(pre: Times, post: Times, ties: Ties) -> list[tuple[str, int]]:
    """Events of the synapse as ("pre", k) and ("post", k)."""
    rank = {"pre": int(ties == "output first"), "post": int(ties == "input first")}
    events = [(t, rank["pre"], "pre", k) for k, t in enumerate(pre)]
    events += [(t, rank["post"], "post", k) for k, t in enumerate(post)]
    return [(side, k) for _, _, side, k in sorted(events)]


def clipped(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def simplified(
    weight: float,
    pre: Times,
    post: Times,
    *,
    a_plus: float,
    a_minus: float,
    multiplicative: bool = True,
    w_min: float = 0.0,
    w_max: float = 1.0,
    ties: Ties = "input first",
) -> float:
    """Kheradpisheh et al. 2018: +a_plus w (1 - w) if the input has fired by then, else -a_minus w (1 - w)."""
    for t in post:
        weight = clipped(weight, w_min, w_max)
        fired = any(s < t or (s == t and ties == "input first") for s in pre)
        scale = (weight - w_min) * (w_max - weight) if multiplicative else 1.0
        weight = clipped(weight + (a_plus if fired else -a_minus) * scale, w_min, w_max)
    return weight


def guetig(
    weight: float,
    pre: Times,
    post: Times,
    *,
    rate: float,
    alpha: float,
    mu_plus: float,
    mu_minus: float,
    tau_plus: float,
    tau_minus: float,
    w_max: float = 1.0,
    ties: Ties = "input first",
) -> float:
    """Gütig et al. 2003, all pairs; those that end with the same spike see the same weight."""
    past: dict[str, list[float]] = {"pre": [], "post": []}
    for side, k in in_order(pre, post, ties):
        x = clipped(weight / w_max, 0.0, 1.0)
        if side == "pre":
            t, kernel = pre[k], sum(math.exp(-(pre[k] - s) / tau_minus) for s in past["post"])
            x -= rate * alpha * x**mu_minus * kernel
        else:
            t, kernel = post[k], sum(math.exp(-(post[k] - s) / tau_plus) for s in past["pre"])
            x += rate * (1.0 - x) ** mu_plus * kernel
        past[side].append(t)
        weight = clipped(x, 0.0, 1.0) * w_max
    return weight


def diehl_cook(
    weight: float,
    pre: Times,
    post: Times,
    *,
    a_plus: float,
    a_minus: float,
    tau_plus: float,
    tau_minus: float,
    tau_y: float,
    w_min: float = 0.0,
    w_max: float = 1.0,
    ties: Ties = "input first",
) -> float:
    """Diehl & Cook 2015: each spike sees only the latest one of the other side, and of its own."""
    last_pre, last_post = -math.inf, -math.inf
    for side, k in in_order(pre, post, ties):
        if side == "pre":
            weight -= a_minus * math.exp(-(pre[k] - last_post) / tau_minus)
            last_pre = pre[k]
        else:
            weight += a_plus * math.exp(-(post[k] - last_pre) / tau_plus) * math.exp(-(post[k] - last_post) / tau_y)
            last_post = post[k]
        weight = clipped(weight, w_min, w_max)
    return weight


def by_order(pre: Times, post: Times, *, plus: float, minus: float, ties: Ties = "input first") -> float:
    """Mozafari et al. 2018, one reward or punishment: `plus` for each output when the input has fired, else `minus`."""
    change = 0.0
    for t in post:
        change += plus if any(s < t or (s == t and ties == "input first") for s in pre) else minus
    return change


def dopamine_gain(
    pre: Times,
    post: Times,
    deliveries: Sequence[tuple[float, float]],
    end: float,
    *,
    a_plus: float,
    a_minus: float,
    tau_plus: float,
    tau_minus: float,
    tau_c: float,
    tau_d: float,
    ties: Ties = "input first",
) -> float:
    """Integral of c d up to `end` (Izhikevich 2007): a double sum over the jumps of c and those of d.

    A jump a of c at s and a jump b of d at t are both there from u = max(s, t) on, where their product is
    a b exp(-(u - s) / tau_c - (u - t) / tau_d); from there it decays with 1 / tau = 1 / tau_c + 1 / tau_d.
    """
    jumps = []
    past: dict[str, list[float]] = {"pre": [], "post": []}
    for side, k in in_order(pre, post, ties):
        if side == "pre":
            jumps.append((pre[k], -a_minus * sum(math.exp(-(pre[k] - s) / tau_minus) for s in past["post"])))
            past["pre"].append(pre[k])
        else:
            jumps.append((post[k], a_plus * sum(math.exp(-(post[k] - s) / tau_plus) for s in past["pre"])))
            past["post"].append(post[k])
    tau = 1.0 / (1.0 / tau_c + 1.0 / tau_d)
    total = 0.0
    for s, a in jumps:
        for t, b in deliveries:
            u = max(s, t)
            if u < end:
                product = a * b * math.exp(-(u - s) / tau_c - (u - t) / tau_d)
                total += product * tau * (1.0 - math.exp(-(end - u) / tau))
    return total


def every_synapse(
    formula: Callable[[float, Times, Times, int], float],
    weights: Any,
    indices: Any,
    times: Any,
    outputs: Sequence[Any],
) -> Any:
    """formula(first weight, pre, post, neuron) of every synapse, shape (neurons, inputs)."""
    weights = np.asarray(weights, dtype=np.float64)
    trains: list[list[float]] = [[] for _ in range(weights.shape[1])]
    for index, time in zip(indices, times, strict=True):
        trains[int(index)].append(float(time))
    return np.array(
        [
            [formula(float(w), pre, [float(t) for t in own], n) for w, pre in zip(row, trains, strict=True)]
            for n, (row, own) in enumerate(zip(weights, outputs, strict=True))
        ]
    )
