"""Random spike response neurons and their input, and whether evsim agrees with the oracle on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from agreement import Tally, compare, per_neuron, random_times
from linear_cases import NEAR
from machines import Machine
from oracle.srm import Response, root, srm_alpha
from oracle.trajectory import MP

import evsim


@dataclass
class SrmCase:
    """One layer and its input."""

    neuron: evsim.SRMAlpha
    weights: Any
    """Shape (neurons, inputs)."""
    indices: Any
    times: Any
    until: float

    def network(self, machine: Machine) -> evsim.SpikingNetwork:
        net = machine.network()
        n_neurons, n_inputs = self.weights.shape
        net.add_layer(evsim.Dense(n_inputs, n_neurons, weights=self.weights), self.neuron)
        return net

    def infer(self, machine: Machine, **options: Any) -> list[Any]:
        found = self.network(machine).infer(self.indices, self.times, start=0.0, until=self.until, **options)
        return per_neuron(found, len(self.weights))

    def of(self, name: str, n: int) -> float:
        values = np.ravel(getattr(self.neuron, name))
        return float(values[n if len(values) > 1 else 0])

    def check(self, machine: Machine, found: list[Any] | None = None) -> Tally:
        """Spike times of both types are those of float64: so is the state."""
        found = self.infer(machine) if found is None else found
        tally = Tally()
        rounded = self.weights.astype(machine.dtype).astype(float)
        for n, times in enumerate(found):
            settings = [self.of(name, n) for name in ("tau_syn", "tau_refractory", "threshold")]
            expected = srm_alpha(
                *settings,
                self.of("refractory_scale", n),
                self.times,
                rounded[n, self.indices],
                until=self.until,
            )
            one = compare(times, expected, min(settings[:2]), "float64")
            one.faults = [f"neuron {n} of {self.neuron} on {machine}: {fault}" for fault in one.faults]
            tally += one
        return tally


def one(neuron: evsim.SRMAlpha, events: Any, until: float) -> SrmCase:
    """One neuron whose input arrives as (time, weight)."""
    rows = np.array(events, dtype=float).reshape(-1, 2)
    return SrmCase(neuron, rows[:, 1][None, :], np.arange(len(rows)), rows[:, 0], until)


def random_case(rng: np.random.Generator, *, n_neurons: int = 4, n_events: int = 15) -> SrmCase:
    tau = float(10 ** rng.uniform(-1, 1.5))
    times = random_times(rng, n_events, tau)
    times = np.minimum(times - times[0], 400 * tau)
    n_inputs = n_events + 1
    weights = rng.uniform(-0.5, 1.0, (n_neurons, n_inputs)) * 10 ** rng.uniform(0.0, 0.8, (n_neurons, 1))
    weights[rng.random(weights.shape) < 0.05] *= 8
    threshold = rng.uniform(0.5, 1.5, n_neurons)
    neuron = evsim.SRMAlpha(
        tau_syn=tau,
        tau_refractory=float(tau * rng.choice((*NEAR, 0.1, 0.1, 0.1))),
        threshold=threshold,
        refractory_scale=rng.uniform(0.0, 3.0, n_neurons) * rng.choice([0.1, 1.0, 1.0]),
    )
    return SrmCase(neuron, weights, rng.integers(0, n_inputs, n_events), times, float(times[-1] + 8 * tau))


def spread(case: SrmCase, rng: np.random.Generator) -> SrmCase:
    """The same with time constants of each neuron's own, some of them nearly equal."""
    n = len(case.weights)
    tau = case.neuron.tau_syn * 10 ** rng.uniform(-0.3, 0.3, n)
    ratios = rng.choice((*NEAR, 0.1, 0.1, 0.1), n)
    return replace(case, neuron=replace(case.neuron, tau_syn=tau, tau_refractory=tau * ratios))


def beside_another(case: SrmCase) -> SrmCase:
    """The one neuron of a case, and a second one of other time constants."""
    one = case.neuron
    both = replace(one, tau_syn=one.tau_syn * np.array([1.0, 1.3]), tau_refractory=one.tau_refractory)
    return replace(case, neuron=both, weights=np.repeat(case.weights, 2, axis=0))


def _silent(case: SrmCase, n: int) -> list[tuple[Any, Any, bool]]:
    """(time, potential, is a maximum) of the extrema of neuron `n` with a threshold out of reach."""
    cell = Response(case.neuron.tau_syn, case.neuron.tau_refractory, 1e9, 0.0)
    found = []
    events = [(time, case.weights[n, i]) for time, i in zip(case.times, case.indices, strict=True)]
    for k, (time, weight) in enumerate(events):
        cell.t = MP.mpf(float(time))
        cell.receive([float(weight)], MP.one)
        end = events[k + 1][0] if k + 1 < len(events) else case.until
        arc, length = cell.arc(), MP.mpf(float(end)) - cell.t
        found += [(cell.t + t, arc.u(t), arc.slope(t * (1 - MP.mpf(10) ** -12)) > 0) for t in arc.extrema(length)]
    return found


def grazing_case(rng: np.random.Generator, distance: float) -> SrmCase | None:
    """One neuron, and a threshold at a maximum that is the first to come so high, times 1 + distance."""
    case = random_case(rng, n_neurons=1)
    best, records = MP.zero, []
    for _, u, top in _silent(case, 0):
        if top and u > best:
            best = u
            records.append(u)
    if not records:
        return None
    case.neuron = evsim.SRMAlpha(
        tau_syn=case.neuron.tau_syn,
        tau_refractory=case.neuron.tau_refractory,
        threshold=float(records[rng.integers(len(records))] * (1 + MP.mpf(distance))),
        refractory_scale=case.of("refractory_scale", 0),
    )
    return case


def corner_case(rng: np.random.Generator, distance: float) -> SrmCase:
    """One neuron that fires, falls to threshold * (1 + distance) and is then made to rise again by an input."""
    s = float(10 ** rng.uniform(0, 1))
    cell = Response(s, s, 1.0, 0.0)
    weights, second = rng.uniform(3, 8, 2), float(rng.uniform(1.5, 5.0) * s)
    cell.receive([float(weights[0])], MP.one)
    threshold = float(cell.arc().u(MP.mpf(second)) / (1 + MP.mpf(distance)))
    neuron = evsim.SRMAlpha(tau_syn=s, tau_refractory=s, threshold=threshold, refractory_scale=0.0)
    return one(neuron, [(0.0, weights[0]), (second, weights[1])], second + 10 * s)


def dipping_case(rng: np.random.Generator, distance: float) -> SrmCase:
    """One neuron that fires and whose refractory kernel takes it to threshold * (1 + distance), and no lower.

    After a steep rise the potential goes on upwards; an inhibitory input makes the synaptic part level off while the
    refractory part, whose depth is found by bisection, passes its lowest.
    """
    while True:
        s = float(10 ** rng.uniform(0, 1))
        r, first = float(s * rng.choice([0.1, 0.2])), float(rng.uniform(3, 10))
        cell = Response(s, r, 1.0, 0.0)
        cell.receive([first], MP.one)
        arc = cell.arc()
        crossing = root(lambda t: arc.u(t) - 1, MP.zero, MP.mpf(s))  # noqa: B023
        second = float(crossing) + r * float(rng.uniform(0.27, 0.33))
        event = (second, float(-arc.slope(MP.mpf(second)) * s / MP.e))
        steepest = float(arc.slope(crossing) * r / MP.e)

        def lowest(scale: float) -> Any:
            one_more = Response(s, r, 1.0, scale)  # noqa: B023
            one_more.receive([first], MP.one)  # noqa: B023
            one_more.fire(one_more.arc(), crossing)  # noqa: B023
            one_more.t = MP.mpf(event[0])  # noqa: B023
            one_more.receive([event[1]], MP.one)  # noqa: B023
            later = one_more.arc()
            return min((later.u(t) for t in later.extrema(MP.mpf(3 * r))), default=MP.inf)  # noqa: B023

        low, high, wanted = 0.5 * steepest, 0.99 * steepest, 1 + MP.mpf(distance)
        if not lowest(low) > wanted > lowest(high):
            continue
        while high - low > 2 * np.spacing(low):
            middle = (low + high) / 2
            low, high = (middle, high) if lowest(middle) > wanted else (low, middle)
        neuron = evsim.SRMAlpha(tau_syn=s, tau_refractory=r, threshold=1.0, refractory_scale=low)
        return one(neuron, [(0.0, first), event], 8 * s)
