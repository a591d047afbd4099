"""LIF and IAF neurons with delta synapse: v jumps by the weight, and decays to rest plus bias (LIF) or stays (IAF)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .membrane import roundings
from .trajectory import MP, UNIT64, Certain, Segment, Trajectory, arrivals


@dataclass(frozen=True, kw_only=True)
class DeltaParameters:
    """Of one neuron. `tau_mem` is None without leak, `reset` is None for subtraction of threshold - v_rest."""

    tau_mem: float | None
    threshold: float = 1.0
    v_rest: float = 0.0
    bias: float = 0.0
    reset: float | None = None
    refractory: float = 0.0
    v_init: float | None = None


def delta(
    p: DeltaParameters,
    times: Any,
    weights: Any,
    *,
    start: float = 0.0,
    until: float | None = None,
    unit: float = UNIT64,
) -> Trajectory:
    """Simulate one neuron from `start` to `until`, or for ever."""
    run = _Run(p, MP.mpf(start), unit)
    for time, arriving in arrivals(times, weights):
        if until is not None and time > until:
            break
        run.advance(time)
        run.receive(arriving)
    run.advance(MP.inf if until is None else MP.mpf(until))
    run.out.spikes = [s for s in run.out.spikes if (until is None or s.time < until) and s.time < run.out.certain_until]
    return run.out


class _Run:
    """V itself here, not its distance from rest: IAF neurons with few-digit numbers are exact."""

    def __init__(self, p: DeltaParameters, t: Any, unit: float) -> None:
        self.p, self.t, self.unit = p, t, unit
        self.v = MP.mpf(p.v_rest if p.v_init is None else p.v_init)
        self.rest = MP.mpf(p.v_rest) + MP.mpf(p.bias)
        self.threshold = MP.mpf(p.threshold)
        self.free_from, self.dt = t, 0.0
        parameters = (p.threshold, p.v_rest, p.bias, p.reset or 0.0, p.v_init or 0.0)
        few_digits = p.tau_mem is None and all(float(x) * 1024 == int(x * 1024) and abs(x) < 4096 for x in parameters)
        self.coarse = 0.0 if few_digits else roundings(unit) * unit * sum(abs(x) for x in parameters)
        self.dv = self.coarse
        self.out = Trajectory()
        self._mark()

    def receive(self, weights: list[float]) -> None:
        """Arrivals of one instant together, then the threshold. While refractory, input is lost."""
        if self.t >= self.free_from:
            for w in weights:
                exact = self.dv == 0.0 and w * 1024 == int(w * 1024) and abs(w) < 4096
                self.v += MP.mpf(w)
                if not exact:
                    self.dv += self.unit * (abs(w) + 2 * abs(float(self.v - self.rest)))
            self._mark()
            self._fire_while_above()
        elif abs(float(self.t - self.free_from)) <= self.dt:
            self._doubt()

    def advance(self, to: Any) -> None:
        """Move to time `to`, where V is not looked at yet: what arrives then comes first."""
        while True:
            if self.t < self.free_from:
                if self.free_from > to:
                    self.t = to
                    return
                near = self.dt > 0 and abs(float(self.free_from - to)) <= self.dt
                self.t = self.free_from
                if near:
                    self._doubt()
                self._mark()
            if self.t >= to:
                return
            self._fire_while_above()
            if self.t < self.free_from:
                continue
            if self.p.tau_mem is None:
                if to != MP.inf:
                    self.t = to
                return
            crossing = self._drift_time()
            if crossing is None or self.t + crossing > to:
                self._decay(to - self.t)
                if crossing is not None and to != MP.inf and self.t != MP.inf and self._near():
                    self._doubt()
                return
            self._decay(crossing)
            slope = float((self.rest - self.v) / MP.mpf(self.p.tau_mem))
            dt = (self.dv + self.coarse) / slope + roundings(self.unit) * self.unit * self.p.tau_mem
            self._fire(dt)

    def _drift_time(self) -> Any:
        """Time to reach the threshold from below by decay to `rest`, or None."""
        if self.rest <= self.threshold:
            return None
        return MP.mpf(self.p.tau_mem) * MP.log((self.rest - self.v) / (self.rest - self.threshold))

    def _decay(self, length: Any) -> None:
        if length == MP.inf:
            return
        x = length / MP.mpf(self.p.tau_mem)
        factor = MP.exp(-x)
        distance = self.v - self.rest
        self.v = self.rest + distance * factor
        self.dv = (self.dv + roundings(self.unit) * self.unit * (1 + float(x)) * abs(float(distance))) * float(factor)
        self.t += length

    def _near(self) -> bool:
        return abs(float(self.v - self.threshold)) <= self.dv + self.coarse and self.dv + self.coarse > 0

    def _fire_while_above(self) -> None:
        while self.t >= self.free_from:
            if self._near():
                self._doubt()
            if self.v < self.threshold:
                return
            # A jump past the threshold fires at the moment of the input itself; at a release, of the release.
            self._fire(self.dt)

    def _fire(self, dt: float) -> None:
        self.out.spikes.append(Certain(self.t, dt))
        if self.p.reset is None:
            self.v -= self.threshold - MP.mpf(self.p.v_rest)
            self.dv += self.coarse + (self.unit * abs(float(self.v - self.rest)) if self.dv else 0.0)
        else:
            self.v, self.dv = MP.mpf(self.p.reset), self.coarse
        drift = abs(float(self.v - self.rest)) / self.p.tau_mem if self.p.tau_mem else 0.0
        self.dv += drift * dt
        self.free_from = self.t + MP.mpf(self.p.refractory)
        self.dt = dt
        if self.p.refractory > 0:
            dyadic = dt == 0 and self.p.refractory * 1024 == int(self.p.refractory * 1024)
            self.dt += 0.0 if dyadic else 64 * self.unit * self.p.refractory + 4 * UNIT64 * abs(float(self.t))
        self._mark()

    def _doubt(self) -> None:
        if self.out.certain_until > self.t:
            self.out.certain_until = self.t - MP.mpf(self.p.tau_mem or 1.0) * 1e-6

    def _mark(self) -> None:
        t, v, dv, held = self.t, self.v, self.dv, self.free_from > self.t
        self.out.segments.append(Segment(t, lambda elapsed: self._value(v, dv, held, elapsed)))

    def _value(self, v: Any, dv: float, held: bool, elapsed: Any) -> tuple[Any, Any, float, float]:
        if held or self.p.tau_mem is None:
            return v, MP.zero, dv, 0.0
        x = elapsed / MP.mpf(self.p.tau_mem)
        factor = MP.exp(-x)
        distance = v - self.rest
        spread = (dv + roundings(self.unit) * self.unit * (1 + float(x)) * abs(float(distance))) * float(factor)
        return self.rest + distance * factor, MP.zero, spread + self.coarse, 0.0
