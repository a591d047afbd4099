"""LIF neuron with exponential current synapse."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .membrane import Membrane, roundings
from .trajectory import MP, UNIT64, Certain, Segment, Trajectory, arrivals


@dataclass(frozen=True, kw_only=True)
class LifParameters:
    """Of one neuron. `reset` is None for subtraction: as V is the threshold at a spike, that is a reset to v_rest."""

    threshold: float = 1.0
    v_rest: float = 0.0
    bias: float = 0.0
    reset: float | None = None
    refractory: float = 0.0
    v_init: float | None = None
    i_init: float = 0.0


def lif(
    membrane: Membrane,
    p: LifParameters,
    times: Any,
    weights: Any,
    *,
    start: float = 0.0,
    until: float | None = None,
    unit: float = UNIT64,
) -> Trajectory:
    """Simulate one neuron from `start` to `until`, or for ever."""
    rest = MP.mpf(p.v_rest) + MP.mpf(p.bias)
    run = _Run(
        membrane,
        threshold=MP.mpf(p.threshold) - rest,
        reset=MP.mpf(p.v_rest if p.reset is None else p.reset) - rest,
        refractory=MP.mpf(p.refractory),
        offset=rest,
        magnitude=abs(p.threshold) + abs(p.v_rest) + abs(p.bias) + abs(p.reset or 0.0),
        unit=unit,
        t=MP.mpf(start),
        v=MP.mpf(p.v_rest if p.v_init is None else p.v_init) - rest,
        i=MP.mpf(p.i_init),
    )
    for time, arriving in arrivals(times, weights):
        if until is not None and time > until:
            break
        run.advance(time)
        run.receive(arriving)
    if until is None:
        run.advance_for_ever()
    else:
        run.advance(MP.mpf(until))
        run.out.spikes = [s for s in run.out.spikes if s.time < until]
    run.out.spikes = [s for s in run.out.spikes if s.time < run.out.certain_until]
    return run.out


class _Run:
    def __init__(
        self,
        membrane: Membrane,
        *,
        threshold: Any,
        reset: Any,
        refractory: Any,
        offset: Any,
        magnitude: float,
        unit: float,
        t: Any,
        v: Any,
        i: Any,
    ) -> None:
        self.membrane, self.threshold, self.reset, self.refractory = membrane, threshold, reset, refractory
        self.offset, self.unit = offset, unit
        self.t, self.v, self.i = t, v, i
        self.free_from = t  # end of the refractory period
        # Potentials are differences of the parameters; that of a reset may be kept in the coarser precision.
        self.coarse = roundings(UNIT64) * UNIT64 * magnitude + 2 * unit * abs(float(reset))
        self.dv, self.di = self.coarse + unit * abs(float(v)), unit * abs(float(i))
        self.dt = 0.0  # uncertainty of the last spike, as long as the neuron is refractory
        self.out = Trajectory()
        self._mark()

    def receive(self, weights: list[float]) -> None:
        touching = self._touching
        for w in weights:
            self.di += self.unit * (abs(float(self.i)) + abs(w))
            self.i += MP.mpf(w)
        self._touching = False
        # v touched the threshold on its way up just now. Going on upwards it fires at once, before or after this
        # input; turned downwards by the input, it may or may not have fired.
        if touching and self.i - self.threshold <= self.di + self.dv and self.out.certain_until > self.t:
            self.out.certain_until = self.t - self.membrane.tau_mem * 1e-6
        self._mark()

    def advance_for_ever(self) -> None:
        """At an up-crossing v' >= 0, so i >= v = threshold, and i only decays: there is a last possible moment."""
        assert self.threshold > 0, "a neuron that fires for ever needs until="
        self.advance(max(self.t, self.free_from))
        if self.i > self.threshold * MP.mpf("0.999"):
            limit = self.membrane.tau_syn * (MP.log(self.i / self.threshold) + MP.mpf("0.01"))
            self.advance(self.t + limit)

    _touching = False

    def advance(self, to: Any) -> None:
        """Move to time `to` through all crossings on the way; one at exactly `to` counts."""
        self._touching = False
        while True:
            self._hold(to)
            if self.t >= to:
                return
            length = to - self.t
            crossed = False
            for low, high, v_low, v_high in self.membrane.monotone_pieces(self.v, self.i, length):
                top, at_top = (v_high, high) if v_high > v_low else (v_low, low)
                dv = self._uncertainty(at_top)[0]
                near = abs(float(top - self.threshold)) <= dv
                if near and at_top != length and self.out.certain_until > self.t:
                    # An extremum, or a value right after a reset, that is the threshold to the last digits.
                    self.out.certain_until = self.t
                self._touching |= near and at_top == length
                if v_low < self.threshold <= v_high:
                    self._fire(self.membrane.crossing(self.v, self.i, self.threshold, low, high))
                    crossed = True
                    break
            if not crossed:
                self._flow(length)
                return

    def _hold(self, to: Any) -> None:
        if self.t >= self.free_from or self.t >= to:
            return
        stop = min(to, self.free_from)
        length = stop - self.t
        s = self.membrane.step(length)[2]
        self.di = self.membrane.spread(0.0, float(self.i), 0.0, self.di, length, self.unit)[1]
        self.i *= s
        self.t = stop
        self.dt += 4 * self.unit * float(self.refractory + length)
        if stop == self.free_from:
            # Released earlier or later by dt, v is higher or lower by v' dt.
            self.dv = self.coarse + abs(float((self.i - self.v) / self.membrane.tau_mem)) * self.dt
            self._mark()

    def _uncertainty(self, length: Any) -> tuple[float, float]:
        dv, di = self.membrane.spread(float(self.v), float(self.i), self.dv, self.di, length, self.unit)
        return dv + self.coarse, di

    def _flow(self, length: Any) -> None:
        dv, di = self.membrane.spread(float(self.v), float(self.i), self.dv, self.di, length, self.unit)
        m, c, s = self.membrane.step(length)
        self.v, self.i = self.v * m + self.i * c, self.i * s
        self.dv, self.di = dv, di
        self.t += length

    def _fire(self, elapsed: Any) -> None:
        dv, di = self._uncertainty(elapsed)
        self.v, self.i = self.membrane.flow(self.v, self.i, elapsed)
        self.t += elapsed
        tau_mem, tau_syn = float(self.membrane.tau_mem), float(self.membrane.tau_syn)
        slope = float(self.i - self.v) / tau_mem
        bend = abs(-float(self.i) / tau_syn - slope) / tau_mem
        # Where the potential is higher or lower by dv: slope dt - bend dt^2 / 2 = dv.
        room = slope * slope - 2 * bend * dv
        dt = 2 * dv / (slope + math.sqrt(room)) if room > 0 else 2 * math.sqrt(2 * dv / bend)
        dt += roundings(UNIT64) * UNIT64 * float(elapsed)
        if dt > 1e-3 * tau_mem and self.out.certain_until > self.t:
            self.out.certain_until = self.t
        self.out.spikes.append(Certain(self.t, dt))
        self.v, self.di, self.dt = self.reset, di, dt
        self.free_from = self.t + self.refractory
        self.dv = self.coarse + abs(float(self.i - self.v)) / tau_mem * dt
        self._mark()

    def _mark(self) -> None:
        t, v, i, dv, di = self.t, self.v, self.i, self.dv, self.di
        held = self.free_from > t
        self.out.segments.append(Segment(t, lambda elapsed: self._value(v, i, dv, di, held, elapsed)))

    def _value(self, v: Any, i: Any, dv: float, di: float, held: bool, elapsed: Any) -> tuple[Any, Any, float, float]:
        later_v, later_i = self.membrane.flow(v, i, elapsed)
        dv, di = self.membrane.spread(float(v), float(i), dv, di, elapsed, self.unit)
        if held:
            return v + self.offset, later_i, self.coarse, di
        return later_v + self.offset, later_i, dv + self.coarse, di
