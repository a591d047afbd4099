"""Random non-linear neurons through random intervals, against the oracle: no spike missed, made up or out of place.

Every trial is a neuron of its own in one layer: random parameters, a random state at time 0 and, by one input at that
time, a random current. It is watched for a few spikes. Half of them graze: their peak is put next to where the
potential has its first maximum.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from oracle.nonlinear_lanes import first_maxima, simulate

import evsim

Array = Any
MODELS = ("Izhikevich", "AdEx", "ExpLIF", "QIF", "COBALIF", "ExpLIF with a moving peak")
SPIKES = 3
BOUND = 1e-9  #: of errors, in time constants
DOUBT = 1e-10  #: beyond it the oracle has to be more exact


@dataclass
class Trials:
    """`n` neurons of one class, the weight of each one's input, and until when they are watched."""

    neuron: Any
    weights: Array
    until: float
    time_constant: Array


def log_uniform(rng: np.random.Generator, low: float, high: float, n: int) -> Array:
    return np.exp(rng.uniform(np.log(low), np.log(high), n))


def upswing(rng: np.random.Generator, v_t: Any, delta_t: Array) -> Array:
    """Peaks as far up an exponential as the oracle's steps can be told apart in time."""
    return v_t + delta_t * rng.uniform(5.0, 20.0, len(delta_t))


def izhikevich(rng: np.random.Generator, n: int) -> Trials:
    names = rng.choice(evsim.Izhikevich.PRESETS, n)
    presets = [evsim.Izhikevich.preset(name) for name in names]
    values = {f: np.array([getattr(p, f) for p in presets]) for f in ("a", "b", "c", "d", "linear", "constant")}
    for name in ("a", "b", "d"):
        values[name] = values[name] * rng.uniform(0.8, 1.25, n)
    v = rng.uniform(-75.0, -50.0, n)
    neuron = evsim.Izhikevich(
        **values, bias=rng.normal(5.0, 8.0, n), v_init=v, u_init=values["b"] * v + rng.normal(0, 3, n),
        tau_syn=log_uniform(rng, 0.5, 50.0, n),
    )  # fmt: skip
    return Trials(neuron, rng.normal(0.0, 20.0, n), 60.0, np.ones(n))


def adex(rng: np.random.Generator, n: int) -> Trials:
    names = rng.choice(evsim.AdEx.PRESETS, n)
    presets = [evsim.AdEx.preset(name) for name in names]
    fields = ("capacitance", "g_leak", "v_rest", "v_t", "delta_t", "a", "tau_w", "b", "v_reset")
    values = {f: np.array([getattr(p, f) for p in presets]) for f in fields}
    for name in ("capacitance", "g_leak", "delta_t", "tau_w", "a", "b"):
        values[name] = values[name] * rng.uniform(0.7, 1.4, n)
    neuron = evsim.AdEx(
        **values, bias=rng.normal(200.0, 200.0, n), v_init=rng.uniform(-75.0, -48.0, n),
        w_init=rng.normal(50.0, 100.0, n), tau_syn=log_uniform(rng, 0.5, 50.0, n),
    )  # fmt: skip
    neuron = dataclasses.replace(neuron, v_peak=upswing(rng, neuron.v_t, neuron.delta_t))
    return Trials(neuron, rng.normal(0.0, 400.0, n), 100.0, values["capacitance"] / values["g_leak"])


def exp_lif(rng: np.random.Generator, n: int) -> Trials:
    tau = log_uniform(rng, 2.0, 50.0, n)
    neuron = evsim.ExpLIF(
        tau_mem=tau, tau_syn=tau * log_uniform(rng, 0.05, 20.0, n), delta_t=log_uniform(rng, 0.2, 5.0, n),
        bias=rng.normal(8.0, 6.0, n), v_init=rng.uniform(-70.0, -49.0, n), v_reset=rng.uniform(-70.0, -52.0, n),
    )  # fmt: skip
    neuron = dataclasses.replace(neuron, v_peak=upswing(rng, neuron.v_t, neuron.delta_t))
    return Trials(neuron, rng.normal(10.0, 20.0, n), 150.0, tau)


def moving_peak(rng: np.random.Generator, n: int) -> Trials:
    trials = exp_lif(rng, n)
    neuron = trials.neuron
    peak = neuron.v_t + neuron.delta_t * rng.uniform(-2.0, 6.0, n)
    jump = neuron.delta_t * rng.uniform(0.0, 5.0, n)
    neuron = dataclasses.replace(
        neuron,
        v_peak=peak,
        v_init=np.minimum(neuron.v_init, peak - 1.0),
        v_reset=np.minimum(neuron.v_reset, peak - neuron.delta_t),
        peak_jump=jump,
        tau_peak=trials.time_constant * log_uniform(rng, 0.1, 10.0, n),
    )
    return dataclasses.replace(trials, neuron=neuron, weights=trials.weights + 10.0)


def qif(rng: np.random.Generator, n: int) -> Trials:
    tau = log_uniform(rng, 2.0, 50.0, n)
    neuron = evsim.QIF(
        tau_mem=tau, tau_syn=tau * log_uniform(rng, 0.05, 20.0, n), bias=rng.normal(3.0, 3.0, n),
        v_init=rng.uniform(-70.0, -49.0, n), v_reset=rng.uniform(-70.0, -52.0, n),
        gain=log_uniform(rng, 0.02, 0.2, n),
    )  # fmt: skip
    return Trials(neuron, rng.normal(3.0, 10.0, n), 150.0, tau)


def coba_lif(rng: np.random.Generator, n: int) -> Trials:
    capacitance, g_leak = log_uniform(rng, 50.0, 500.0, n), log_uniform(rng, 5.0, 30.0, n)
    neuron = evsim.COBALIF(
        capacitance=capacitance, g_leak=g_leak, tau_exc=log_uniform(rng, 0.5, 30.0, n),
        tau_inh=log_uniform(rng, 0.5, 30.0, n), bias=g_leak * rng.normal(0.0, 6.0, n),
        v_init=rng.uniform(-80.0, -50.5, n), v_reset=rng.uniform(-80.0, -51.0, n),
    )  # fmt: skip
    return Trials(neuron, g_leak * rng.normal(0.3, 0.6, n), 100.0, capacitance / g_leak)


RANDOM = {
    "Izhikevich": izhikevich,
    "AdEx": adex,
    "ExpLIF": exp_lif,
    "QIF": qif,
    "COBALIF": coba_lif,
    "ExpLIF with a moving peak": moving_peak,
}
PEAKS = {"COBALIF": "threshold"}


def one(neuron: Any, k: int) -> Any:
    """The k-th neuron of a layer, by itself."""
    values = {f.name: getattr(neuron, f.name) for f in dataclasses.fields(neuron)}
    return dataclasses.replace(neuron, **{n: float(v[k]) for n, v in values.items() if isinstance(v, np.ndarray)})


def some(trials: Trials, which: Array) -> Trials:
    """Some of the neurons."""
    values = {f.name: getattr(trials.neuron, f.name) for f in dataclasses.fields(trials.neuron)}
    chosen = {name: value[which] for name, value in values.items() if isinstance(value, np.ndarray)}
    neuron = dataclasses.replace(trials.neuron, **chosen)
    return Trials(neuron, trials.weights[which], trials.until, trials.time_constant[which])


def grazing(rng: np.random.Generator, trials: Trials) -> Trials:
    """The same with peaks close to the first maximum of the potential, where it has one above reset and beginning.

    Well above: a neuron whose reset is just below its peak fires a million times in a unit of time. So does one whose
    spikes excite it (d < 0), under a low peak.
    """
    name = PEAKS.get(type(trials.neuron).__name__, "v_peak")
    n = len(trials.weights)
    peaks = np.array(np.broadcast_to(getattr(trials.neuron, name), n), dtype=np.float64)
    top = first_maxima(trials.neuron, trials.weights, trials.until)
    least = np.maximum(trials.neuron.v_init, _reset(trials.neuron))
    beside = rng.choice((-1.0, 1.0), n) * log_uniform(rng, 1e-8, 1e-2, n)
    tame = (top > least + 0.1) & (getattr(trials.neuron, "d", np.zeros(n)) >= 0.0)
    peaks = np.where(tame, top + beside, peaks)
    return dataclasses.replace(trials, neuron=dataclasses.replace(trials.neuron, **{name: peaks}))


def _reset(neuron: Any) -> Any:
    return neuron.c if hasattr(neuron, "c") else neuron.v_reset


@dataclass
class Tally:
    """What has been compared."""

    neurons: int = 0
    intervals: int = 0
    spikes: int = 0
    undecided: int = 0  #: the oracle cannot tell whether there is a spike
    sensitive: int = 0  #: spikes in doubt that an error of 1 mV moves by more than a million time constants
    missed: int = 0  #: neurons with fewer spikes than the oracle says, and that are
    invented: int = 0  #: neurons with more
    worst: float = 0.0  #: error of the others, in time constants, divided by how sensitive they are
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.neurons} neurons, {self.intervals} intervals, {self.spikes} spikes, {self.sensitive} of them very "
            f"sensitive, {self.undecided} neurons undecided, {self.missed} missed, {self.invented} invented, "
            f"{len(self.faults)} faults, largest error {self.worst:.2g}"
        )


def infer(trials: Trials, **options: Any) -> list[Array]:
    """The first spikes of every neuron."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, len(trials.weights), weights=trials.weights[:, np.newaxis]), trials.neuron)
    spikes = net.infer([0], [0.0], until=trials.until, **options)
    return [spikes.times[spikes.indices == k] for k in range(len(trials.weights))]


def compare(trials: Trials, found: list[Array], tally: Tally) -> Tally:
    """Add to a tally what the oracle says of each neuron's first spikes."""
    expected = simulate(trials.neuron, trials.weights, trials.until, SPIKES)
    times = np.full((len(found), SPIKES), np.nan)
    for row, spikes in zip(times, found, strict=True):
        row[: len(spikes[:SPIKES])] = spikes[:SPIKES]
    same = np.all(np.isnan(times) == np.isnan(expected.spikes), axis=1)
    tau = trials.time_constant[:, np.newaxis]
    sensitivity = np.maximum(1.0, np.fmax.accumulate(expected.errors, axis=1) / tau)
    errors = np.nan_to_num(np.abs(times - expected.spikes) / tau) / sensitivity
    good = same & ~expected.undecided & np.all(errors <= DOUBT, axis=1)
    tally.neurons += len(found)
    tally.intervals += int(expected.intervals.sum())
    tally.undecided += int(expected.undecided.sum())
    tally.spikes += int(expected.counts[good].sum())
    tally.worst = max(tally.worst, float(errors[good].max(initial=0.0)))
    doubtful = np.flatnonzero(~good & ~expected.undecided)
    if len(doubtful):
        _judge(some(trials, doubtful), times[doubtful], tally)
    return tally


def _judge(trials: Trials, times: Array, tally: Tally) -> None:
    """Those that disagree, perhaps, with a hundredth of the oracle's own errors.

    And with a little less or more of the potential at the beginning, to know what that does to their spikes.
    """
    nudge, neuron, tau = 1e-8, trials.neuron, trials.time_constant[:, np.newaxis]
    below, best, above = (
        simulate(dataclasses.replace(neuron, v_init=neuron.v_init + d), trials.weights, trials.until, SPIKES, 1e-14)
        for d in (-nudge, 0.0, nudge)
    )
    expected, near = best.spikes, (below.spikes, above.spikes)
    moved = np.max([np.nan_to_num(np.abs(other - expected), nan=np.inf) for other in near], axis=0)
    sensitivity = np.maximum(1.0, np.fmax.accumulate(best.errors, axis=1) / tau)
    sensitivity = np.maximum(sensitivity, moved / nudge / tau)
    for k, (spikes, wanted) in enumerate(zip(times, expected, strict=True)):
        who = f"{one(neuron, k)}, weight {trials.weights[k]}"
        if best.undecided[k]:
            tally.undecided += 1
            continue
        n, n_wanted = (int(np.sum(~np.isnan(row))) for row in (spikes, wanted))
        if n != n_wanted:
            if any(np.sum(~np.isnan(other[k])) != n_wanted for other in near):
                tally.undecided += 1
                continue
            tally.missed += n < n_wanted
            tally.invented += n > n_wanted
            tally.faults.append(f"{who}: {spikes} instead of {wanted}")
            continue
        for j in range(n):
            tally.spikes += 1
            error = abs(spikes[j] - wanted[j]) / tau[k, 0] / sensitivity[k, j]
            if sensitivity[k, j] > 1e6:
                tally.sensitive += 1
                continue
            tally.worst = max(tally.worst, float(error))
            if error > BOUND:
                tally.faults.append(f"{who}: spike {j} at {spikes[j]!r} instead of {wanted[j]!r}")


def campaign(seed: Any, model: str, n: int, refractory: float = 0.0, tally: Tally | None = None) -> Tally:
    """Compare n neurons, half of them grazing, and add them to a tally."""
    rng, tally = np.random.default_rng(seed), tally or Tally()
    for prepare in (lambda trials: trials, lambda trials: grazing(rng, trials)):
        trials = prepare(RANDOM[model](rng, n // 2))
        trials = dataclasses.replace(trials, neuron=dataclasses.replace(trials.neuron, refractory=refractory))
        compare(trials, infer(trials), tally)
    return tally


def long_campaign(seed: list[int], model: str, intervals: int, refractory: float = 0.0) -> Tally:
    """As many neurons as it takes to come to so many intervals."""
    tally = Tally()
    while tally.intervals < intervals:
        campaign([*seed, tally.neurons], model, min(4000, 100 + (intervals - tally.intervals) // 2), refractory, tally)
    return tally
