"""tau_mem v' = -v + i, tau_syn i' = -i in 50 digits. v is measured from rest plus bias."""

from __future__ import annotations

import math
from typing import Any

from .trajectory import MP, UNIT32


def roundings(unit: float) -> float:
    """How many rounding errors `unit` a step v, i -> v(t), i(t) may make per term.

    One each for a factor, a product and a sum; and in float64 more for the factor, an exponential good to two last
    digits (4) whose argument is rounded itself. In float32 the exponentials may be taken in float64.
    """
    return 3.0 if unit == UNIT32 else 8.0


class Membrane:
    """The two exponentials of one pair of time constants."""

    def __init__(self, tau_mem: float, tau_syn: float) -> None:
        self.tau_mem, self.tau_syn = MP.mpf(tau_mem), MP.mpf(tau_syn)
        self.equal = tau_mem == tau_syn
        self.mixing = MP.mpf(0) if self.equal else self.tau_syn / (self.tau_mem - self.tau_syn)
        self._known: dict[Any, tuple[Any, Any, Any]] = {}

    def factors(self, elapsed: Any) -> tuple[Any, Any, Any]:
        """(m, c, s) with v(t) = v m + i c and i(t) = i s."""
        slow = MP.exp(-elapsed / self.tau_mem)
        if self.equal:
            return slow, elapsed / self.tau_mem * slow, slow
        fast = MP.exp(-elapsed / self.tau_syn)
        return slow, self.mixing * (slow - fast), fast

    def step(self, elapsed: Any) -> tuple[Any, Any, Any]:
        """The same, remembered: neurons of one layer share their gaps."""
        if elapsed not in self._known:
            self._known[elapsed] = self.factors(elapsed)
        return self._known[elapsed]

    def flow(self, v: Any, i: Any, elapsed: Any) -> tuple[Any, Any]:
        m, c, s = self.factors(elapsed)
        return v * m + i * c, i * s

    def spread(self, v: float, i: float, dv: float, di: float, elapsed: float, unit: float) -> tuple[float, float]:
        """Uncertainties of v and i after `elapsed`, from those before and the roundings of one step.

        A step may be computed as v m or as v + v (m - 1): one loses digits of the rate of decay over short steps, the
        other, by the term with 1 - m, digits of what is left after long ones.
        """
        m, c, s = (float(f) for f in self.step(elapsed))
        x, y = float(elapsed / self.tau_mem), float(elapsed / self.tau_syn)
        k = roundings(unit) * unit
        rounding_v = k * ((1 + x) * m + (1 - m)) * abs(v) + k * (1 + x + y) * abs(i) * c
        rounding_i = k * ((1 + y) * s + (1 - s)) * abs(i)
        return dv * m + di * c + rounding_v, di * s + rounding_i

    def extremum(self, v: Any, i: Any) -> Any:
        """Time of the only zero of v'; call it only where v' changes sign."""
        if self.equal:
            return self.tau_mem * (i - v) / i
        c = i * self.mixing
        return MP.log(self.tau_mem * c / (self.tau_syn * (v + c))) / (1 / self.tau_syn - 1 / self.tau_mem)

    def monotone_pieces(self, v: Any, i: Any, length: Any) -> list[tuple[Any, Any, Any, Any]]:
        """[0, length] cut where v' changes sign, at most once: (from, to, v at from, v at to).

        tau_mem v' = i - v, and v' is again a sum of two exponentials, which has at most one zero.
        """
        m, c, s = self.step(length)
        v_end, i_end = v * m + i * c, i * s
        if (i - v) * (i_end - v_end) >= 0:
            return [(MP.zero, length, v, v_end)]
        turn = self.extremum(v, i)
        v_turn = self.flow(v, i, turn)[0]
        return [(MP.zero, turn, v, v_turn), (turn, length, v_turn, v_end)]

    def crossing(self, v: Any, i: Any, threshold: Any, low: Any, high: Any) -> Any:
        """The time at which v, which increases from `low` to `high`, reaches the threshold.

        A guess in float64 by bisection, polished by Newton's method in 50 digits. It counts only if v is below the
        threshold 1e-22 tau before it and not below 1e-22 tau after it; else plain bisection in 50 digits.
        """
        t = self._guess(float(v), float(i), float(threshold), float(low), float(high))
        for _ in range(3):
            at_t, i_t = self.flow(v, i, t)
            if i_t - at_t <= 0:
                break
            t = min(max(t + (threshold - at_t) * self.tau_mem / (i_t - at_t), low), high)
        margin = self.tau_mem * MP.mpf("1e-22")
        before, after = max(t - margin, low), min(t + margin, high)
        if self.flow(v, i, before)[0] <= threshold <= self.flow(v, i, after)[0]:
            return t
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if self.flow(v, i, middle)[0] < threshold else (low, middle)
        return high

    def _guess(self, v: float, i: float, threshold: float, low: float, high: float) -> Any:
        p, q = 1 / float(self.tau_mem), 1 / float(self.tau_syn)
        for _ in range(60):
            t = (low + high) / 2
            z = (q - p) * t
            share = -math.expm1(-z) / z if abs(z) > 1e-300 and z > -700 else 1.0
            value = v * math.exp(-p * t) + i * p * t * math.exp(-p * t) * share
            low, high = (t, high) if value < threshold else (low, t)
        return MP.mpf(high)
