"""Any linear neuron from parts, in 50-digit arithmetic.

The equations as the documentation of `evsim.neurons.Linear`, of its synapses and adaptations states them, in the
variables that it names, with one more that is always 1 and carries rest and bias. A crossing is looked for at samples
far closer than the fastest rate; wherever the parabola through three of them comes near the threshold, in 50 digits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .trajectory import MP, UNIT32, UNIT64, Certain, Trajectory, arrivals

SAMPLES = 512
TERMS = 30


def double_exponential_gain(rise: Any, decay: Any) -> Any:
    """Gain of the second stage with which the peak is 1: I = gain r d / (d - r) (e^(-t/d) - e^(-t/r))."""
    if rise == decay:
        return MP.e / rise
    peak = MP.log(decay / rise) * rise * decay / (decay - rise)
    return (decay - rise) / (rise * decay * (MP.exp(-peak / decay) - MP.exp(-peak / rise)))


class Equations:
    """x' = A x of one neuron; `parts` is the evsim.neurons.Linear whose parameters are read, `n` which neuron."""

    def __init__(self, parts: Any, n: int) -> None:
        self.parts, self.n = parts, n
        self.names: list[str] = []
        self.rates: dict[tuple[int, int], Any] = {}
        currents, self.ports = [], []
        for _, synapse in parts.synapses:
            jumps: list[tuple[int, Any]] = []
            for factor, one in synapse.terms():
                kind = type(one).__name__
                if kind == "Delta":
                    jumps.append((-1, MP.mpf(factor)))
                    continue
                rise, decay = (one.tau, one.tau) if hasattr(one, "tau") else (one.tau_rise, one.tau_decay)
                rise, decay = MP.mpf(rise), MP.mpf(decay)
                if kind == "Exponential":
                    currents.append(self._new("i", decay))
                    jumps.append((currents[-1], MP.mpf(factor)))
                else:
                    first = self._new("rise", rise)
                    currents.append(self._new("i", decay))
                    self.rates[currents[-1], first] = double_exponential_gain(rise, decay)
                    jumps.append((first, MP.mpf(factor)))
            self.ports.append(jumps)
        tau = None if parts.tau_mem is None else MP.mpf(parts.tau_mem)
        v = self.v = self._new("v", tau)
        self.ports = [[(v if k < 0 else k, f) for k, f in jumps] for jumps in self.ports]
        rate = MP.one if tau is None else 1 / tau
        for k in currents:
            self.rates[v, k] = rate
        self.h, self.w = [], []
        for kind, own in (("ThresholdAdaptation", self.h), ("CurrentAdaptation", self.w)):
            for part in parts.adaptation:
                if type(part).__name__ == kind:
                    own.append((self._new(kind[0], MP.mpf(part.tau)), self.of(part.jump), part))
        self.one = self._new("one", None)
        self.rest = self.of(parts.v_rest)
        drive = self.of(parts.bias) + (0 if tau is None else self.rest)
        self.rates[v, self.one] = rate * drive
        for k, _, part in self.w:
            self.rates[v, k] = -rate
            self.rates[k, v] = MP.mpf(part.coupling) / MP.mpf(part.tau)
            self.rates[k, self.one] = -self.rest * MP.mpf(part.coupling) / MP.mpf(part.tau)
        self.size = len(self.names)
        self.readout = [MP.one if k == v else MP.zero for k in range(self.size)]
        for k, _, _ in self.h:
            self.readout[k] = -MP.one
        self.threshold = self.of(parts.threshold)
        self.reset = None if isinstance(parts.reset, str) else self.of(parts.reset)

    def of(self, value: Any) -> Any:
        values = np.ravel(value)
        return MP.mpf(float(values[self.n if len(values) > 1 else 0]))

    def _new(self, name: str, tau: Any) -> int:
        k = len(self.names)
        self.names.append(name)
        if tau is not None:
            self.rates[k, k] = -1 / tau
        return k

    def start(self) -> list[Any]:
        x = [MP.zero] * self.size
        x[self.v], x[self.one] = self.of(self.parts.v_init), MP.one
        return x


class Flow:
    """e^(A t) of sparse A, by scaling and squaring; what it once squared it remembers."""

    def __init__(self, rates: dict[tuple[int, int], Any], size: int) -> None:
        self.rates, self.size = {at: rate for at, rate in rates.items() if rate != 0}, size
        self.norm = max((sum(abs(r) for (i, _), r in self.rates.items() if i == k) for k in range(size)), default=0)
        self.dt = 1 / (10 * MP.mpf(self.norm or 1))
        bound = np.zeros((size, size))
        for (i, j), rate in self.rates.items():
            bound[i, j] = float(rate) if i == j else abs(float(rate))
        self.majorant = bound
        self._known: dict[Any, Any] = {}

    def slope(self, x: list[Any]) -> list[Any]:
        out = [MP.zero] * self.size
        for (i, j), rate in self.rates.items():
            out[i] += rate * x[j]
        return out

    def series(self, x: list[Any]) -> list[list[Any]]:
        """x(t) = sum of series[k] t^k, for t up to a few dt."""
        out = [x]
        for k in range(1, TERMS):
            out.append([value / k for value in self.slope(out[-1])])
        return out

    def after(self, x: list[Any], t: Any) -> list[Any]:
        steps = int(t / self.dt)
        x = at(self.series(x), t - steps * self.dt)
        for power in range(steps.bit_length()):
            if steps >> power & 1:
                p = self._propagator(self.dt * 2**power)
                x = [MP.fdot((a, b) for a, b in zip(row, x, strict=True) if a) for row in p]
        return x

    def _propagator(self, t: Any) -> list[list[Any]]:
        if t not in self._known:
            if t > self.dt:
                half = self._propagator(t / 2)
                columns = list(zip(*half, strict=True))
                p = [[MP.fdot((a, b) for a, b in zip(r, c, strict=True) if a and b) for c in columns] for r in half]
            else:
                units = [[MP.one if i == j else MP.zero for i in range(self.size)] for j in range(self.size)]
                images = [at(self.series(x), t) for x in units]
                p = [list(row) for row in zip(*images, strict=True)]
            self._known[t] = p
        return self._known[t]

    def bound(self, t: Any) -> Any:
        """Elementwise above |e^(A s)| for s around t, in double."""
        return _bound(self.majorant.tobytes(), self.size, float(t))

    @lru_cache(maxsize=1)  # noqa: B019
    def samples(self, readout: tuple[float, ...]) -> Any:
        """readout e^(A dt k), one row for every k."""
        step = np.array([[float(v) for v in row] for row in self._propagator(self.dt)])
        rows = [np.array(readout)]
        for _ in range(SAMPLES):
            rows.append(rows[-1] @ step)
        return np.array(rows)


@lru_cache(maxsize=4096)
def _bound(data: bytes, size: int, t: float) -> Any:
    a = np.frombuffer(data).reshape(size, size)
    squarings = max(0, int(np.ceil(np.log2(max(1e-300, np.abs(a).sum() * t)))) + 1)
    step, out, term = a * (t / 2**squarings), np.eye(size), np.eye(size)
    for k in range(1, 18):
        term = term @ step / k
        out = out + term
    half = out
    for _ in range(squarings):
        half, out = out, out @ out
    return np.maximum(out, half) if squarings else out


def _horner(falling: list[Any], t: Any) -> Any:
    value = MP.zero
    for coefficient in falling:
        value = value * t + coefficient
    return value


def at(series: list[list[Any]], t: Any) -> list[Any]:
    powers = [MP.one]
    for _ in series[1:]:
        powers.append(powers[-1] * t)
    return [MP.fdot(zip((term[i] for term in series), powers, strict=True)) for i in range(len(series[0]))]


def linear(
    parts: Any,
    n: int,
    times: Any,
    weights: Any,
    ports: Any = None,
    *,
    start: float = 0.0,
    until: float,
    unit: float = UNIT64,
) -> Trajectory:
    """Simulate neuron `n` of `parts` from `start` to `until`; an input has a time, a weight and a port."""
    run = _Run(Equations(parts, n), MP.mpf(start), unit)
    inputs = list(zip(weights, [0] * len(times) if ports is None else ports, strict=True))
    for time, which in arrivals(times, range(len(times))):
        if time > until:
            break
        run.advance(time)
        run.receive([inputs[int(k)] for k in which])
    run.advance(MP.mpf(until))
    run.out.spikes = [s for s in run.out.spikes if s.time < until and s.time < run.out.certain_until]
    return run.out


@lru_cache(maxsize=64)
def _flow(rates: tuple[tuple[tuple[int, int], Any], ...], size: int) -> Flow:
    return Flow(dict(rates), size)


class _Run:
    def __init__(self, e: Equations, t: Any, unit: float) -> None:
        self.e, self.t, self.unit, self.x, self.out = e, t, unit, e.start(), Trajectory()
        self.free = _flow(tuple(e.rates.items()), e.size)
        self.held = _flow(tuple((k, r) for k, r in e.rates.items() if k[0] != e.v), e.size)
        self.free_from, self.dt = t, 0.0
        self.lost = e.parts.refractory_input == "lost"
        self.scale = abs(float(e.threshold)) + abs(float(e.rest)) + abs(float(e.of(e.parts.bias)))
        self.coarse = 8 * UNIT64 * self.scale
        self.d = 2 * unit * self._sizes() + self.coarse * self._of_v()
        self.chunk = self.free.dt * SAMPLES

    def _of_v(self) -> Any:
        return np.arange(self.e.size) == self.e.v

    def _sizes(self) -> Any:
        """Magnitudes whose last digits may be wrong: of x, V from rest, and for sums in what one is kept by another."""
        x = np.abs(np.array([float(v) for v in self.x]))
        e = self.e
        x[e.v] = abs(float(self.x[e.v] - e.rest)) + abs(float(e.of(e.parts.bias)))
        x[e.one] = 0.0 if e.parts.tau_mem is not None else 1.0
        for jumps in e.ports:
            (lead, factor), *others = jumps
            for k, own in others:
                x[k] += abs(float(own / factor)) * x[lead]
        return x

    def distance(self) -> Any:
        return MP.fdot(self.e.readout, self.x) - self.e.threshold

    def margin(self) -> float:
        c = np.abs([float(v) for v in self.e.readout])
        return float(c @ self.d) + self.coarse + 4 * UNIT64 * float(c @ self._sizes())

    def receive(self, which: list[tuple[float, int]]) -> None:
        held = self.t < self.free_from
        for weight, port in which:
            if held and self.lost:
                continue
            for k, factor in self.e.ports[port]:
                if held and k == self.e.v:
                    continue
                self.x[k] += factor * MP.mpf(float(weight))
                self.d[k] += 2 * self.unit * (abs(float(factor) * weight) + self._sizes()[k])
        if not held:
            self._fire_while_above()

    def advance(self, to: Any) -> None:
        while self.t < to:
            if self.t < self.free_from:
                end = min(to, self.free_from)
                self._move(self.held, end - self.t, end)
                if end == self.free_from:
                    self.d = self.d + self._jump_of_slope(self.held, self.free, self.x, self.x) * self.dt
                    self._fire_while_above()
                continue
            length = to - self.t
            found, looked = self._search(min(length, self.chunk))
            if found is not None:
                self._move(self.free, found, self.t + found)
                self._fire()
                self._fire_while_above()
            else:
                self._move(self.free, looked, to if looked == length else self.t + looked)

    def _move(self, flow: Flow, length: Any, end: Any) -> None:
        bound, sizes = flow.bound(length), self._sizes()
        self.d = bound @ self.d + 8 * UNIT64 * (bound @ sizes)
        if flow is self.held:
            self.d[self.e.v] -= 8 * UNIT64 * sizes[self.e.v]
        self.x, self.t = flow.after(self.x, length), end
        change = np.abs(bound - np.eye(self.e.size)) @ sizes
        self.d = self.d + 3 * self.unit * (self._sizes() + change)

    def _search(self, length: Any) -> tuple[Any, Any]:
        """First crossing up to `length`, if any, and how far was looked."""
        flow = self.free
        rows = flow.samples(tuple(float(v) for v in self.e.readout))
        count = min(SAMPLES, int(MP.ceil(length / flow.dt)))
        f = rows[: count + 1] @ np.array([float(v) for v in self.x]) - float(self.e.threshold)
        bend = np.abs(np.diff(f, 2)).max(initial=0.0) if count > 1 else abs(float(f[-1] - f[0])) + abs(f[0])
        noise = 1e-9 * (np.abs(rows[: count + 1]) @ np.abs([float(v) for v in self.x])).max() + 1e-9 * self.scale
        for k in np.flatnonzero(np.maximum(f[:-1], f[1:]) + bend + noise >= 0):
            begin = flow.dt * int(k)
            found = self._look(begin, min(flow.dt, length - begin))
            if found is not None:
                return begin + found, length
        return None, length

    def _look(self, begin: Any, length: Any) -> Any:
        if length <= 0:
            return None
        x = self.free.after(self.x, begin) if begin else self.x
        f = [MP.fdot(self.e.readout, term) for term in self.free.series(x)][::-1]
        f[-1] -= self.e.threshold
        slope = [a * (len(f) - 1 - k) for k, a in enumerate(f[:-1])]

        def bisect(p: list[Any], low: Any, high: Any) -> Any:
            rises = _horner(p, low) < 0
            for _ in range(110):
                middle = (low + high) / 2
                low, high = (middle, high) if (_horner(p, middle) < 0) == rises else (low, middle)
            return high

        top = length
        if _horner(slope, MP.zero) > 0 > _horner(slope, length):
            top = bisect(slope, MP.zero, length)
            value = _horner(f, top)
            if abs(float(value)) <= self._margin_after(begin + top):
                self._doubt()
        if f[-1] >= 0 and begin == 0:
            return None
        return bisect(f, MP.zero, top) if _horner(f, top) >= 0 else None

    def _margin_after(self, elapsed: Any) -> float:
        bound, c = self.free.bound(elapsed), np.abs([float(v) for v in self.e.readout])
        return float(c @ (bound @ (self.d + 8 * UNIT64 * self._sizes()))) + self.coarse

    def _doubt(self) -> None:
        self.out.certain_until = min(self.out.certain_until, self.t)

    def _fire_while_above(self) -> None:
        while True:
            distance = self.distance()
            if abs(float(distance)) <= self.margin():
                self._doubt()
            if distance < 0 or self.t < self.free_from or len(self.out.spikes) > 5000:
                return
            self.dt = 0.0
            self._reset()

    def _fire(self) -> None:
        slope = self.free.slope(self.x)
        up = float(MP.fdot(self.e.readout, slope))
        bend = abs(float(MP.fdot(self.e.readout, self.free.slope(slope))))
        margin = self.margin()
        room = up * up - 2 * bend * margin
        dt = (
            2 * margin / (up + np.sqrt(room)) if room > 0 and up > 0 else np.sqrt(2 * margin / bend) if bend else np.inf
        )
        tau = 1.0 if self.e.parts.tau_mem is None else self.e.parts.tau_mem
        if not dt <= 1e-3 * tau:
            self._doubt()
        self.dt = float(dt) + 8 * UNIT64 * abs(float(self.t))
        self._reset()

    def _reset(self) -> None:
        e, before = self.e, list(self.x)
        self.out.spikes.append(Certain(self.t, self.dt))
        refractory = MP.mpf(e.parts.refractory)
        total = sum((self.x[k] for k, _, _ in e.h), MP.zero)
        if e.reset is None:
            self.x[e.v] -= e.threshold + total - e.rest
            self.d[e.v] += sum(self.d[k] for k, _, _ in e.h) + self.coarse
            delta = any(k == e.v for jumps in e.ports for k, _ in jumps)
            if self.dt and not delta:
                self.x[e.v] = e.rest
                self.d[e.v] = self.coarse
        else:
            self.x[e.v], self.d[e.v] = e.reset, self.coarse + self.unit * abs(float(e.reset - e.rest))
        for k, jump, _ in e.h + e.w:
            self.x[k] += jump
            self.d[k] += 2 * self.unit * abs(float(jump))
        self.free_from = self.t + refractory if refractory else self.t
        after = self.held if refractory else self.free
        self.d = self.d + self._jump_of_slope(self.free, after, before, self.x, reset=True) * self.dt

    def _jump_of_slope(self, before: Flow, after: Flow, x: list[Any], y: list[Any], *, reset: bool = False) -> Any:
        first, second = before.slope(x), after.slope(y)
        if reset and not (self.e.reset is None and any(k == self.e.v for jumps in self.e.ports for k, _ in jumps)):
            first[self.e.v] = MP.zero
        return np.array([abs(float(a - b)) for a, b in zip(first, second, strict=True)])


__all__ = ["UNIT32", "UNIT64", "Equations", "linear"]
