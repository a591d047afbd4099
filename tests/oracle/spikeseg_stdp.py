"""What SpikeSEG's layers learn from one sample, as plain loops over winners and taps.

First spikes are steps, -1 where a neuron never fired. Weights are (C_out, C_in, k, k), padding is k // 2, stride 1.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Winner(NamedTuple):
    """A neuron that learns: its map, place and first spike."""

    map: int
    y: int
    x: int
    step: int


def winners(first: Array, before: Array | None = None, *, radius: int = 0, limit: int | None = None) -> list[Winner]:
    """The neurons of a layer (C, H, W) that learn, at most one per map and one per place.

    A map is represented by its earliest spike, of several in one step by that with the highest potential `before` the
    reset (None: whatever it was), of equal ones by the row-major first. Representatives that are no more than `radius`
    rows and columns from an earlier one do not learn; the potential and then the lower map decide between equals. At
    most `limit` learn, the earliest.
    """
    n_maps, height, width = first.shape
    ranked = []
    for m in range(n_maps):
        spikes = []
        for y in range(height):
            for x in range(width):
                if first[m, y, x] >= 0:
                    lead = 0.0 if before is None else -float(before[m, y, x])
                    spikes.append((int(first[m, y, x]), lead, m, y, x))
        if spikes:
            ranked.append(min(spikes))
    chosen: list[Winner] = []
    for step, _, m, y, x in sorted(ranked):
        if not any(abs(c.y - y) <= radius and abs(c.x - x) <= radius for c in chosen):
            chosen.append(Winner(m, y, x, step))
    return chosen[:limit]


def inputs_of(winner: Winner, pre_first: Array, kernel: int) -> Array:
    """First spikes (C_in, k, k) in the receptive field of a winner; -2 is padding."""
    channels, height, width = pre_first.shape
    out = np.full((channels, kernel, kernel), -2, np.int64)
    for c, dy, dx in np.ndindex(*out.shape):
        y, x = winner.y + dy - kernel // 2, winner.x + dx - kernel // 2
        if 0 <= y < height and 0 <= x < width:
            out[c, dy, dx] = pre_first[c, y, x]
    return out


def simplified(
    weight: Array,
    pre_first: Array,
    winning: list[Winner],
    a_plus: float,
    a_minus: float,
    *,
    multiplicative: bool = True,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Array:
    """Weights after one sample by the simplified rule (Kheradpisheh et al. 2018, eq. 5).

    An input that fired no later than the winner gains a_plus w (1 - w), every other one, also one that never fired
    and padding, loses a_minus w (1 - w); the additive rule has no factor w (1 - w). Weights stay in the bounds, from
    which the two factors count.
    """
    out = weight.astype(np.float64)
    low, high = bounds
    for winner in winning:
        before = inputs_of(winner, pre_first, weight.shape[2])
        for c, dy, dx in np.ndindex(*before.shape):
            w = float(weight[winner.map, c, dy, dx])
            factor = (w - low) * (high - w) if multiplicative else 1.0
            change = a_plus * factor if 0 <= before[c, dy, dx] <= winner.step else -a_minus * factor
            out[winner.map, c, dy, dx] = min(high, max(low, w + change))
    return out


def pair(
    weight: Array,
    pre_first: Array,
    winning: list[Winner],
    *,
    rate: float = 0.01,
    alpha: float = 1.0,
    mu_plus: float = 0.0,
    mu_minus: float = 0.0,
    tau_plus: float = 20.0,
    tau_minus: float = 20.0,
) -> Array:
    """Weights after one sample by pairs of first spikes (Gütig et al. 2003, eqs. 1 to 3).

    With d = t_post - t_pre a pair with d >= 0 adds rate (1 - w)^mu_plus exp(-d / tau_plus), one with d < 0 takes away
    rate alpha w^mu_minus exp(-|d| / tau_minus). Inputs that never fired, and padding, are no pairs.
    """
    out = weight.astype(np.float64)
    for winner in winning:
        before = inputs_of(winner, pre_first, weight.shape[2])
        for c, dy, dx in np.ndindex(*before.shape):
            if before[c, dy, dx] < 0:
                continue
            w = float(weight[winner.map, c, dy, dx])
            d = winner.step - int(before[c, dy, dx])
            if d >= 0:
                change = rate * (1 - w) ** mu_plus * math.exp(-d / tau_plus)
            else:
                change = -rate * alpha * w**mu_minus * math.exp(d / tau_minus)
            out[winner.map, c, dy, dx] = min(1.0, max(0.0, w + change))
    return out


def convergence(weight: Array) -> float:
    """Mean of w (1 - w): 0 where every weight has reached a bound."""
    flat = [float(w) for w in weight.ravel()]
    return math.fsum(w * (1 - w) for w in flat) / len(flat)


def adapted_thresholds(
    thresholds: Array,
    counted: Array,
    *,
    step: float = 0.02,
    cap: float = 10.0,
    rest: float = 0.1,
    tau: float = 500.0,
) -> Array:
    """Thresholds of the maps after one sample: those of maps that count rise up to a cap, then all relax to rest."""
    out = []
    for threshold, active in zip(thresholds.tolist(), counted.tolist(), strict=True):
        raised = min(cap, threshold + step) if active else threshold
        out.append(rest + (raised - rest) * math.exp(-1 / tau))
    return np.array(out)
