"""Random linear neurons and their input, and whether evsim agrees with the oracle on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from agreement import UNIT, Tally, compare, per_neuron, random_times
from machines import Machine
from oracle.linear import linear

import evsim
from evsim.neurons import (
    Alpha,
    CurrentAdaptation,
    Delta,
    DoubleExponential,
    Exponential,
    Linear,
    Synapse,
    SynapseSum,
    ThresholdAdaptation,
)

NEAR = (1.0, 1 + 1e-15, 1 - 1e-12, 1 + 1e-9, 1 - 1e-6, 1 + 1e-3, 0.1, 0.5, 2.0, 5.0)
"""Ratios of time constants."""


@dataclass
class LinearCase:
    """One layer, fed through a projection for each of its ports, and its input."""

    neuron: Linear
    weights: Any
    """Shape (ports, neurons, inputs)."""
    indices: Any
    times: Any
    ports: Any
    until: float

    def network(self, machine: Machine) -> evsim.SpikingNetwork:
        net = machine.network()
        n_ports, n_neurons, n_inputs = self.weights.shape
        net.add_population(n_neurons, self.neuron, name="cells")
        for port in range(n_ports):
            net.add_input(n_inputs, name=f"in{port}")
            dense = evsim.Dense(n_inputs, n_neurons, weights=self.weights[port])
            net.connect(f"in{port}", "cells", dense, port=port)
        return net

    def inputs(self, begin: float = -np.inf, end: float = np.inf) -> dict[str, Any]:
        inside = (self.times >= begin) & (self.times < end)
        chosen = [inside & (self.ports == port) for port in range(len(self.weights))]
        return {f"in{port}": (self.indices[own], self.times[own]) for port, own in enumerate(chosen)}

    def infer(self, machine: Machine, **options: Any) -> list[Any]:
        found = self.network(machine).infer(self.inputs(), start=0.0, until=self.until, **options)
        return per_neuron(found, self.weights.shape[1])

    def check(self, machine: Machine, found: list[Any] | None = None) -> Tally:
        found = self.infer(machine) if found is None else found
        tally = Tally()
        rounded = self.weights.astype(machine.dtype).astype(float)
        for n, times in enumerate(found):
            row, own = rounded[self.ports, n, self.indices], alone(self.neuron, n)
            tau = 1.0 if own.tau_mem is None else own.tau_mem
            expected = linear(own, n, self.times, row, self.ports, until=self.until, unit=UNIT[machine.dtype])
            one = compare(times, expected, tau, machine.dtype)
            one.faults = [f"neuron {n} of {self.neuron} on {machine}: {fault}" for fault in one.faults]
            tally += one
        return tally


def each_part(neuron: Linear, change: Callable[[Any], Any]) -> Linear:
    """The same neuron with other time constants and couplings."""

    def synapse(one: Synapse) -> Synapse:
        parts = [
            (factor, type(part)(*(change(getattr(part, f.name)) for f in fields(part)))) for factor, part in one.terms()
        ]
        return parts[0][1] if len(parts) == 1 and parts[0][0] == 1.0 else SynapseSum(tuple(parts))

    def adaptation(part: Any) -> Any:
        names = [f.name for f in fields(part) if f.name != "jump"]
        return replace(part, **{name: change(getattr(part, name)) for name in names})

    return neuron.replace(
        synapses={name: synapse(one) for name, one in neuron.synapses},
        tau_mem=None if neuron.tau_mem is None else change(neuron.tau_mem),
        adaptation=[adaptation(part) for part in neuron.adaptation],
    )


def alone(neuron: Linear, n: int) -> Linear:
    """The same with the time constants of neuron n only."""
    return each_part(neuron, lambda value: float(value[n]) if np.ndim(value) else value)


def spread(neuron: Linear, n_neurons: int, rng: np.random.Generator) -> Linear:
    """The same with time constants and couplings of each neuron's own: some nearly equal, some far apart."""

    def change(value: Any) -> Any:
        factors = np.where(
            rng.random(n_neurons) < 0.5, 10 ** rng.uniform(-0.5, 0.5, n_neurons), rng.choice(NEAR, n_neurons)
        )
        return value * factors

    return each_part(neuron, change)


def random_synapse(rng: np.random.Generator, tau: float, room: int, *, delta: bool) -> tuple[Synapse, int]:
    """A synapse and its number of variables."""
    own = float(tau * rng.choice(NEAR))
    kind = rng.random()
    if delta and kind < 0.25:
        return Delta(), 0
    if room >= 2 and kind < 0.5:
        return Alpha(own), 2
    if room >= 2 and kind < 0.7:
        return DoubleExponential(own, float(own * rng.choice(NEAR))), 2
    if room >= 3 and kind < 0.8:
        return Exponential(own) * 0.7 + 0.3 * Alpha(float(own * rng.choice(NEAR))), 3
    return Exponential(own), 1


def random_parts(rng: np.random.Generator, n_neurons: int, **options: Any) -> Linear:
    tau = float(10 ** rng.uniform(0, 1.3))
    leaky = bool(rng.random() < 0.85)
    room = 7 if leaky else 6
    synapses, used = [], 0
    for _ in range(int(rng.integers(1, 4))):
        if used < room:
            one, taken = random_synapse(rng, tau, room - used, delta=True)
            synapses.append(one)
            used += taken
    adaptation: list[Any] = []
    while used < room and rng.random() < 0.45:
        own = float(tau * rng.choice((*NEAR, 10.0)))
        jump = rng.uniform(0.0, 0.5, n_neurons) if rng.random() < 0.5 else float(rng.uniform(0.0, 0.5))
        coupling = float(rng.choice([0.0, 0.4, 3.0, 30.0]))
        adaptation.append(
            ThresholdAdaptation(own, jump) if rng.random() < 0.5 else CurrentAdaptation(own, jump, coupling)
        )
        used += 1
    rest = float(rng.choice([0.0, 0.25]))
    threshold = rest + rng.uniform(0.5, 2.0, n_neurons)
    values = {
        "threshold": threshold,
        "v_rest": rest,
        "bias": rng.uniform(-0.3, 1.3, n_neurons) * (rng.random() < 0.4) if leaky else float(rng.choice([0.0, 0.02])),
        "reset": "subtract" if rng.random() < 0.5 else threshold - rng.uniform(0.3, 1.5, n_neurons),
        "refractory": float(rng.choice([0.0, 0.0, 0.2, 1.5])) * tau * 0.3,
        "refractory_input": str(rng.choice(["kept", "lost"])),
        "v_init": rest + rng.uniform(-1.0, 0.4, n_neurons) if rng.random() < 0.3 else None,
    }
    return Linear(synapses=synapses, tau_mem=tau if leaky else None, adaptation=adaptation, **{**values, **options})


def random_case(rng: np.random.Generator, *, n_neurons: int = 6, n_events: int = 20, **options: Any) -> LinearCase:
    neuron = random_parts(rng, n_neurons, **options)
    n_ports, tau = len(neuron.synapses), float(np.min(neuron.tau_mem or 5.0))
    n_inputs = n_events + 1
    strength = np.array(
        [1.0 if isinstance(one, Delta) else 8.0 if neuron.tau_mem else 0.5 for _, one in neuron.synapses]
    )
    weights = strength[:, None, None] * rng.uniform(-0.4, 1.0, (n_ports, n_neurons, n_inputs))
    weights[rng.random(weights.shape) < 0.05] *= 5
    times = random_times(rng, n_events, tau)
    times = times - times[0]
    indices, ports = rng.integers(0, n_inputs, n_events), rng.integers(0, n_ports, n_events)
    return LinearCase(neuron, weights, indices, times, ports, float(times[-1] + 5 * tau))
