"""Random cases, and whether evsim agrees with the oracle on them."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import oracle
from machines import Machine, one_of_equals

import evsim

UNIT = {"float64": oracle.UNIT64, "float32": oracle.UNIT32}
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
"""Promised error of spike times, in membrane time constants, where the crossing is well-conditioned."""


@dataclass
class Tally:
    """What was compared."""

    trials: int = 0
    spikes: int = 0
    well_conditioned: int = 0
    cut_short: int = 0
    worst: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.trials + other.trials,
            self.spikes + other.spikes,
            self.well_conditioned + other.well_conditioned,
            self.cut_short + other.cut_short,
            max(self.worst, other.worst),
            self.faults + other.faults,
        )

    def __str__(self) -> str:
        return (
            f"{self.trials} neuron-trials, {self.spikes} spikes, {self.well_conditioned} of them well-conditioned "
            f"(largest error {self.worst:.2g} of the tolerance); rounding decides in {self.cut_short} trials"
        )


def compare(found: Any, expected: oracle.Trajectory, tau: float, dtype: str) -> Tally:
    """Whether the spike times `found` of one neuron are those of the oracle.

    As many spikes, each at most `TOLERANCE` * tau away. The exception is a spike whose time is not that well
    defined: where the potential reaches the threshold with slope V', an error dV of the potential moves the crossing
    by dV / V' (near a maximum by sqrt(2 dV / |V''|)). The oracle adds up the rounding errors that the usual
    arithmetic of that dtype makes at least in the worst case, over all steps and all spikes before, and the spike has
    to lie within what follows from them. Nothing is compared from the moment on, if there is one, where these
    rounding errors decide whether there is a spike at all.

    Times are float64 numbers, so all of them may be off by their own last digit.
    """
    tolerance = TOLERANCE[dtype] * tau
    tally = Tally(trials=1, cut_short=int(expected.certain_until != np.inf))
    if tally.cut_short:
        found = found[: len(expected.spikes)]
    if len(found) != len(expected.spikes):
        times = [float(s.time) for s in expected.spikes]
        tally.faults.append(f"{len(found)} spikes in place of {len(times)}: {np.asarray(found)} for {times}")
        return tally
    for time, spike in zip(found, expected.spikes, strict=True):
        error = float(abs(oracle.MP.mpf(float(time)) - spike.time))
        digit = 2 * float(np.spacing(abs(time)))
        tally.spikes += 1
        if spike.uncertainty <= tolerance:
            tally.well_conditioned += 1
            tally.worst = max(tally.worst, (error - digit) / tolerance)
        if error > max(tolerance, spike.uncertainty) + digit:
            tally.faults.append(
                f"spike at {time!r} in place of {float(spike.time)!r}, off by {error / tau:.3g} tau "
                f"(uncertainty {spike.uncertainty / tau:.3g} tau)"
            )
    return tally


def per_neuron(spikes: evsim.SpikeArray, n_neurons: int) -> list[Any]:
    """Spike times of every neuron."""
    order = np.argsort(spikes.indices, kind="stable")
    bounds = np.searchsorted(spikes.indices[order], np.arange(n_neurons + 1))
    times = spikes.times[order]
    return [times[a:b] for a, b in pairwise(bounds)]


@lru_cache(maxsize=8)
def membrane(tau_mem: float, tau_syn: float) -> oracle.Membrane:
    """One for all neurons of a layer, because it remembers its steps."""
    return oracle.Membrane(tau_mem, tau_syn)


@dataclass
class Case:
    """One layer and its input."""

    neuron: evsim.NeuronModel
    weights: Any
    indices: Any
    times: Any
    until: float | None

    def __post_init__(self) -> None:
        self.indices, self.times = np.asarray(self.indices, int), np.asarray(self.times, float)

    def network(self, machine: Machine) -> evsim.SpikingNetwork:
        net = machine.network()
        n_neurons, n_inputs = self.weights.shape
        net.add_layer(evsim.Dense(n_inputs, n_neurons, weights=self.weights), self.neuron)
        return net

    @property
    def work(self) -> int:
        """Of one call, in neurons that input spikes reach."""
        return len(self.times) * len(self.weights)

    def infer(self, machine: Machine, *, cuts: Sequence[float] = (), record: Sequence[evsim.Probe] = ()) -> list[Any]:
        """Spike times of every neuron, from a call for each piece between `cuts`.

        The batch has as many copies of the case as start all threads of the machine, in pieces of equal length.
        """
        net, pieces = self.network(machine), []
        copies = machine.copies(self.work // (1 + len(cuts)))
        begin = -np.inf
        for end in (*cuts, None):
            inside = (self.times >= begin) & (self.times < (np.inf if end is None else end))
            start = self.start if begin == -np.inf else None
            found = net.infer(
                [(self.indices[inside], self.times[inside])] * copies,
                until=self.until if end is None else end,
                start=start,
                reset=start is not None,
                record=record,
            )
            pieces.append(per_neuron(one_of_equals(found), len(self.weights)))
            begin = end
        return [np.concatenate(times) for times in zip(*pieces, strict=True)]

    def rounded_weights(self, dtype: str) -> Any:
        return self.weights.astype(dtype).astype(np.float64)

    @property
    def start(self) -> float:
        return min([0.0, *self.times[:1]]) if self.until is None else min([0.0, self.until, *self.times[:1]])

    def parameter(self, name: str, n: int) -> float:
        value = getattr(self.neuron, name)
        return float(value[n]) if isinstance(value, np.ndarray) else float(value)

    def expected(self, n: int, dtype: str) -> oracle.Trajectory:
        """What neuron `n` does, by the oracle; asked once for all machines."""
        return _answer(pickle.dumps(self), n, dtype)

    def by_the_oracle(self, n: int, dtype: str) -> oracle.Trajectory:
        neuron: Any = self.neuron
        row = self.rounded_weights(dtype)[n][self.indices]
        common = {
            "threshold": self.parameter("threshold", n),
            "v_rest": self.parameter("v_rest", n),
            "reset": None if isinstance(neuron.reset, str) else self.parameter("reset", n),
            "refractory": neuron.refractory,
            "v_init": self.parameter("v_init", n),
        }
        run = {"start": self.start, "until": self.until, "unit": UNIT[dtype]}
        if isinstance(neuron, evsim.LIF):
            p = oracle.LifParameters(**common, bias=self.parameter("bias", n), i_init=self.parameter("i_init", n))
            own = membrane(self.parameter("tau_mem", n), self.parameter("tau_syn", n))
            return oracle.lif(own, p, self.times, row, **run)
        leaky = isinstance(neuron, evsim.LIFDelta)
        q = oracle.DeltaParameters(
            **common,
            tau_mem=self.parameter("tau_mem", n) if leaky else None,
            bias=self.parameter("bias", n) if leaky else 0.0,
        )
        return oracle.delta(q, self.times, row, **run)

    @property
    def tau(self) -> float:
        """Membrane time constant; the longest one, where they differ."""
        return float(np.max(getattr(self.neuron, "tau_mem", 1.0)))

    def _tau_of(self, n: int) -> float:
        return self.parameter("tau_mem", n) if hasattr(self.neuron, "tau_mem") else 1.0

    def check(self, machine: Machine, found: list[Any] | None = None) -> Tally:
        """Compare every neuron."""
        found = self.infer(machine) if found is None else found
        tally = Tally()
        for n, times in enumerate(found):
            one = compare(times, self.expected(n, machine.dtype), self._tau_of(n), machine.dtype)
            one.faults = [f"neuron {n} of {self.neuron} on {machine}: {fault}" for fault in one.faults]
            tally += one
        return tally


def assert_agreement(tally: Tally, *, spikes: int = 1) -> None:
    assert not tally.faults, f"{len(tally.faults)} disagreements, such as {tally.faults[0]}"
    assert tally.spikes >= spikes, f"nothing was tested: {tally}"


def single(tau_mem: float, tau_syn: float, events: Any, *, until: float | None = None, **parameters: Any) -> Case:
    """One LIF neuron whose input arrives as (time, weight)."""
    neuron = evsim.LIF(tau_mem=tau_mem, tau_syn=tau_syn, **parameters)
    times, weights = np.array(events, dtype=float).reshape(-1, 2).T
    order = np.argsort(times, kind="stable")
    return Case(neuron, weights[order][None, :], np.arange(len(times)), times[order], until)


@lru_cache(maxsize=16)
def _unpacked(case: bytes) -> Case:
    return pickle.loads(case)  # type: ignore[no-any-return]


@lru_cache(maxsize=4096)
def _answer(case: bytes, n: int, dtype: str) -> oracle.Trajectory:
    return _unpacked(case).by_the_oracle(n, dtype)


RATIOS = (2.0, 1.0, 1 + 1e-3, 1 - 1e-3, 1 + 1e-9, 1 - 1e-9, 0.1, 0.5, 1.7, 4.0, 10.0, 100.0)
"""tau_mem / tau_syn."""


def random_times(rng: np.random.Generator, n: int, tau: float) -> Any:
    """Spike trains of several kinds: even, in bursts, with simultaneous spikes, with long and with tiny gaps."""
    gaps = rng.exponential(tau * 10 ** rng.uniform(-1.3, 0.3), n)
    kind = rng.random(n)
    gaps[kind < 0.1] = 0.0
    gaps[(kind > 0.1) & (kind < 0.15)] *= 1e-6
    gaps[kind > 0.97] *= 100
    return rng.uniform(-tau, tau) + np.cumsum(gaps)


def peak(ratio: float) -> float:
    """Height of the potential that one input of weight 1 causes."""
    return 1 / np.e if abs(ratio - 1) < 1e-6 else ratio ** (-ratio / (ratio - 1))


def random_reset(rng: np.random.Generator, threshold: Any, v_rest: Any) -> Any:
    kind = rng.random()
    if kind < 0.5:
        return "subtract"
    return threshold - rng.uniform(0.2, 2.0, np.shape(threshold)) * (threshold - v_rest)


def random_lif(
    rng: np.random.Generator,
    *,
    n_neurons: int = 48,
    n_events: int = 20,
    ratio: float | None = None,
    drive: bool | None = None,
) -> Case:
    """A layer of LIF neurons with different weights, thresholds and resets; `drive` puts rest above the threshold."""
    ratio = ratio if ratio is not None else rng.choice(RATIOS)
    tau_mem = 10 ** rng.uniform(-2, 2)
    tau_syn = tau_mem / ratio
    v_rest = rng.choice([0.0, -65.0, 0.25])
    height = rng.uniform(0.5, 2.0, n_neurons) * rng.choice([1.0, 15.0] if v_rest else [1.0, 1e-3, 1e3])
    threshold = v_rest + height
    drive = bool(rng.random() < 0.25) if drive is None else drive
    bias = height * (rng.uniform(1.0, 1.5, n_neurons) if drive else rng.choice([0.0, 0.3, -0.4]))
    n_inputs = n_events + 3
    strength = height[:, None] / peak(ratio) * 10 ** rng.uniform(-0.7, 0.3)
    weights = strength * rng.uniform(-0.5, 1.0, (n_neurons, n_inputs))
    weights[rng.random((n_neurons, n_inputs)) < 0.01] *= 20
    weights[rng.random((n_neurons, n_inputs)) < 0.05] *= 1e-6
    weights[rng.random((n_neurons, n_inputs)) < 0.05] = 0.0
    times = random_times(rng, n_events, min(tau_mem, 5 * tau_syn))
    neuron = evsim.LIF(
        tau_mem=tau_mem,
        tau_syn=tau_syn,
        threshold=threshold if rng.random() < 0.7 else threshold.max(),
        v_rest=v_rest,
        bias=bias,
        reset=random_reset(rng, threshold, v_rest),
        refractory=rng.choice([0.0, 0.3, 2.0]) * min(tau_mem, tau_syn),
        v_init=v_rest + height * rng.uniform(-1, 0.95, n_neurons) if rng.random() < 0.3 else None,
        i_init=strength[:, 0] * rng.uniform(-1, 2, n_neurons) if rng.random() < 0.3 else 0.0,
    )
    until = times[-1] + rng.uniform(0, 3) * tau_mem if drive or rng.random() < 0.3 else None
    if drive and times[-1] - times[0] > 50 * tau_mem:
        until = times[0] + 20 * tau_mem
    return Case(neuron, weights, rng.integers(0, n_inputs, n_events), times, until)


def random_delta(
    rng: np.random.Generator, *, n_neurons: int = 48, n_events: int = 40, leak: bool | None = None
) -> Case:
    """A layer of LIFDelta or IAFDelta neurons."""
    leak = bool(rng.random() < 0.6) if leak is None else leak
    tau_mem = 10 ** rng.uniform(-2, 2) if leak else 1.0
    v_rest = rng.choice([0.0, -65.0, 0.25])
    height = rng.uniform(0.5, 2.0, n_neurons) * rng.choice([1.0, 15.0])
    threshold = v_rest + height
    n_inputs = n_events + 3
    weights = height[:, None] * rng.uniform(-0.5, 1.0, (n_neurons, n_inputs)) * 10 ** rng.uniform(-0.5, 0.3)
    weights[rng.random((n_neurons, n_inputs)) < 0.05] *= 8
    weights[rng.random((n_neurons, n_inputs)) < 0.05] = 0.0
    times = random_times(rng, n_events, tau_mem)
    common: dict[str, Any] = {
        "threshold": threshold,
        "v_rest": v_rest,
        "reset": random_reset(rng, threshold, v_rest),
        "refractory": rng.choice([0.0, 0.1, 1.0]) * tau_mem,
        "v_init": v_rest + height * rng.uniform(-1, 0.95, n_neurons) if rng.random() < 0.3 else None,
    }
    drive = leak and rng.random() < 0.3
    if leak:
        bias = height * (rng.uniform(1.01, 1.5, n_neurons) if drive else rng.choice([0.0, 0.3, -0.4]))
        neuron: evsim.NeuronModel = evsim.LIFDelta(tau_mem=tau_mem, bias=bias, **common)
    else:
        neuron = evsim.IAFDelta(**common)
    until = times[-1] + rng.uniform(0, 3) * tau_mem if drive or rng.random() < 0.3 else None
    if drive and times[-1] - times[0] > 50 * tau_mem:
        until = times[0] + 20 * tau_mem
    return Case(neuron, weights, rng.integers(0, n_inputs, n_events), times, until)


MODELS = {
    "LIF, ratio 2": evsim.LIF(tau_mem=4.0, tau_syn=2.0),
    "LIF, ratio 1": evsim.LIF(tau_mem=4.0, tau_syn=4.0, bias=0.3),
    "LIF, other ratio": evsim.LIF(tau_mem=4.0, tau_syn=1.5, v_rest=-0.25, reset=-0.5, v_init=0.5, i_init=0.75),
    "LIF, driven": evsim.LIF(tau_mem=4.0, tau_syn=2.0, bias=1.2),
    "LIFDelta": evsim.LIFDelta(tau_mem=4.0, v_init=0.75),
    "LIFDelta, driven": evsim.LIFDelta(tau_mem=4.0, bias=1.1, reset=-0.5),
    "IAFDelta": evsim.IAFDelta(threshold=1.5, v_init=0.5),
}
"""Every shipped model that fires at exact times."""
END = 16.0


def case_of(name: str, refractory: float, seed: int = 0, n: int = 36) -> Case:
    """One of the MODELS: always the same layer; input on a dyadic grid, some of it simultaneous.

    All but its first ten neurons get no input. They make a few copies of it enough work for two threads.
    """
    neuron: Any = replace(MODELS[name], refractory=refractory)
    scale = 2.5 if isinstance(neuron, evsim.LIF) else 0.8
    weights = np.zeros((80, 8))
    weights[:10] = scale * np.random.default_rng(3).uniform(-0.4, 1.0, (10, 8))
    rng = np.random.default_rng([seed, n])
    times = np.sort(rng.integers(0, int(END * 1024), n)) / 1024
    times[n // 2 : n // 2 + 2] = times[n // 2 : n // 2 + 1]
    return Case(neuron, weights, rng.integers(0, 8, n), times, END)


def random_readout(rng: np.random.Generator, ratio: float, n_neurons: int = 12, n_events: int = 15) -> Case:
    """A layer of readouts, arrivals some of which come together, and a while after the last one."""
    tau_mem = 10 ** rng.uniform(-1, 1)
    neuron = evsim.LI(
        tau_mem=tau_mem,
        tau_syn=tau_mem / ratio,
        v_rest=rng.uniform(-2, 2, n_neurons),
        bias=rng.uniform(-2, 2, n_neurons),
        v_init=rng.uniform(-2, 2, n_neurons),
        i_init=rng.uniform(-2, 2, n_neurons),
    )
    times = np.cumsum(rng.exponential(tau_mem / 2, n_events) * (rng.random(n_events) > 0.2))
    weights = rng.uniform(-1, 1, (n_neurons, n_events)) / peak(ratio) * 2
    return Case(neuron, weights, np.arange(n_events), times, times[-1] + rng.uniform(0, 5) * tau_mem)
