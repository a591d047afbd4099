"""Recorded potentials and readouts, and whether evsim agrees with the oracle on them."""

from __future__ import annotations

from typing import Any

import oracle
from agreement import UNIT, Case, membrane
from machines import Machine, one_of_equals

import evsim


def check_probes(case: Case, machine: Machine, times: Any, n_neurons: int | None = None) -> int:
    """v and i of all or the first neurons at every time, within what rounding explains; not at a spike, where v jumps.

    Returns how many values were compared.
    """
    variables = ("v", "i") if isinstance(case.neuron, (evsim.LIF, evsim.LI)) else ("v",)
    probes = [evsim.Probe(0, times=times, variable=name) for name in variables]
    case.infer(machine, record=probes)
    values = [one_of_equals(probe.values) for probe in probes]
    compared = 0
    for n in range(n_neurons or len(case.weights)):
        readout = isinstance(case.neuron, evsim.LI)
        trajectory = expected_readout(case, n, machine.dtype)[0] if readout else case.expected(n, machine.dtype)
        for k, t in enumerate(times):
            if t >= trajectory.certain_until or any(abs(s.time - t) < 1e-4 * case.tau for s in trajectory.spikes):
                continue
            exact = trajectory.at(t)
            for m, name in enumerate(variables):
                error = float(abs(oracle.MP.mpf(values[m][k, n]) - exact[m]))
                assert error <= exact[m + 2] + 1e-300, f"{name} of neuron {n} at {t} is off by {error} on {machine}"
                compared += 1
    return compared


def expected_readout(case: Case, n: int, dtype: str) -> tuple[oracle.Trajectory, Any]:
    """Trajectory and maximum of neuron `n`, by the oracle."""
    neuron: Any = case.neuron
    p = oracle.ReadoutParameters(**{name: case.parameter(name, n) for name in ("v_rest", "bias", "v_init", "i_init")})
    row = case.rounded_weights(dtype)[n][case.indices]
    own = membrane(neuron.tau_mem, neuron.tau_syn)
    return oracle.readout(own, p, case.times, row, start=case.start, until=case.until, unit=UNIT[dtype])
