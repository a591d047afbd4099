"""BRUNEL, a driven network of 5000 neurons and 2.5 million synapses, spike by spike.

After model A of Brunel 2000, J. Comput. Neurosci. 8. Neurons fire only when something arrives, so a spike is where it
should be to the last digits or somewhere else altogether. The oracle says how near to the threshold potentials have
come: as long as that is more than rounding can move them by, no difference is excused.
"""

import itertools
import math
from dataclasses import replace
from functools import cache

import numpy as np
import oracle
import pytest
from oracle.brunel import Network, Parameters

import evsim

N, N_EXC, C_EXC, C_INH = 5000, 4000, 400, 100
JUMP, INHIBITION, DELAY = 0.2, 5.0, 1.5
RATE = 10.0
"""Arrivals from outside at a neuron per ms: twice what takes it to the threshold in the mean."""
PARAMETERS = Parameters(tau_mem=20.0, threshold=20.0, reset=0.0, refractory=2.0)
SHORT = 20.0
TOLERANCE = 1e-9
ROUNDING = 4 * oracle.UNIT64 * PARAMETERS.threshold * PARAMETERS.tau_mem * 200
"""What roundings of potentials add up to: four for an arrival (time, factor, product, sum), of which there are less
than 200 a ms in the mean over a membrane time constant, after which they are forgotten."""


@cache
def synapses():
    """Sources and targets."""
    excitation = evsim.Sparse.fixed_in_degree(N_EXC, N, C_EXC, seed=1)
    inhibition = evsim.Sparse.fixed_in_degree(N - N_EXC, N, C_INH, seed=2)
    sources = np.concatenate([excitation.sources, N_EXC + inhibition.sources])
    return sources, np.concatenate([excitation.targets, inhibition.targets])


@cache
def delays():
    return np.random.default_rng(3).uniform(1.5, 3.0, len(synapses()[0]))


def first_potentials(seed=5):
    return np.random.default_rng(seed).uniform(PARAMETERS.reset, PARAMETERS.threshold, N)


def drive(weight, seed=4):
    return evsim.PoissonDrive(rate=RATE, weight=weight, seed=seed)


def network(dtype, delay=DELAY, *, inhibition=INHIBITION, seed=4):
    p = PARAMETERS
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.LIFDelta(
        tau_mem=p.tau_mem, threshold=p.threshold, reset=p.reset, refractory=p.refractory, v_init=first_potentials()
    )
    net.add_population(N, neuron, name="cells")
    sources, targets = synapses()
    weights = np.where(sources < N_EXC, JUMP, -inhibition * JUMP)
    net.connect("cells", "cells", evsim.Sparse(N, N, sources, targets, weights=weights), delay=delay)
    net.add_drive("cells", drive(JUMP, seed))
    return net


def by_evsim(until, delay=DELAY):
    spikes = network("float64", delay).infer(until=until)
    return list(zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True))


@cache
def arrivals(until):
    """Times and neurons of the drive's arrivals: as a drive at neurons that every one makes fire."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_population(N, evsim.IAFDelta(threshold=1.0, reset=0.0), name="clicks")
    net.add_drive("clicks", drive(1.0))
    spikes = net.infer(until=until)
    assert abs(len(spikes) - RATE * N * until) < 5 * math.sqrt(RATE * N * until)
    return spikes.times, spikes.indices


def groups(delay):
    """Of each neuron, its targets by their delay."""
    sources, targets = synapses()
    delay = np.broadcast_to(delay, sources.shape)
    order = np.lexsort((delay, sources))
    ordered = zip(sources[order].tolist(), delay[order].tolist(), targets[order].tolist(), strict=True)
    found = [[] for _ in range(N)]
    for (source, late), same in itertools.groupby(ordered, key=lambda synapse: synapse[:2]):
        found[source].append((late, [target for _, _, target in same]))
    return found


def by_the_oracle(until, delay=DELAY, **changes):
    """The spikes, and how near to the threshold potentials came."""
    weights = [JUMP] * N_EXC + [-INHIBITION * JUMP] * (N - N_EXC)
    net = Network(replace(PARAMETERS, **changes), groups(delay), weights, first_potentials().tolist())
    times, neurons = arrivals(until)
    spikes = net.run(zip(times.tolist(), neurons.tolist(), strict=True), JUMP, until)
    return spikes, net.nearest


@cache
def expected(until):
    return by_the_oracle(until)


def on_a_grid(until, step):
    """What simulators in steps do: exact decay, spikes and arrivals at steps."""
    p = PARAMETERS
    sources, targets = synapses()
    order = np.argsort(sources, kind="stable")
    fan_out = np.split(targets[order], np.searchsorted(sources[order], np.arange(1, N)))
    times, neurons = arrivals(until)
    n_steps = round(until / step)
    outside = np.zeros((n_steps + 1, N))
    np.add.at(outside, (np.ceil(times / step).astype(int), neurons), JUMP)
    v, free, spikes = first_potentials(), np.full(N, -np.inf), []
    sent = [np.empty(0, int)] * round(DELAY / step)
    for k in range(1, n_steps):
        jumps = outside[k]
        for n in sent.pop(0):
            np.add.at(jumps, fan_out[n], JUMP if n < N_EXC else -INHIBITION * JUMP)
        v = np.where(free <= k * step + 1e-9, v * math.exp(-step / p.tau_mem) + jumps, p.reset)
        fired = np.flatnonzero(v >= p.threshold)
        v[fired], free[fired] = p.reset, k * step + p.refractory
        spikes += [(k * step, int(n)) for n in fired]
        sent.append(fired)
    return spikes


def disagreements(found, wanted):
    """Times from which on a neuron does not fire as it should: one of each such neuron, ascending.

    Spikes of a neuron belong together by their order.
    """
    trains, first = [([], []) for _ in range(N)], []
    for which, spikes in enumerate((found, wanted)):
        for time, n in spikes:
            trains[n][which].append(time)
    for one, other in trains:
        wrong = [min(a, b) for a, b in zip(one, other, strict=False) if abs(a - b) > TOLERANCE]
        common = min(len(one), len(other))
        first += (wrong + one[common:] + other[common:])[:1]
    return sorted(first)


def check(found, wanted):
    wrong = disagreements(found, wanted)
    assert not wrong, f"{len(wrong)} of {N} neurons go wrong, the first at {wrong[0]} ms; {len(wanted)} spikes expected"


def test_every_spike_is_exact():
    """20 ms, in which neurons fire again after arrivals were lost while they were held."""
    wanted, nearest = expected(SHORT)
    assert nearest > ROUNDING
    check(by_evsim(SHORT), wanted)
    assert len(wanted) > len({spike.neuron for spike in wanted}) + 100 > 3000


@pytest.mark.nightly
@pytest.mark.parametrize("by_synapse", [False, True], ids=["one delay", "delays by synapse"])
def test_every_spike_of_longer_runs_is_exact(by_synapse):
    until, delay = (SHORT, delays()) if by_synapse else (100.0, DELAY)
    wanted, nearest = by_the_oracle(until, delay)
    assert nearest > ROUNDING
    check(by_evsim(until, delay), wanted)


def test_a_simulator_in_steps_fails_the_check():
    wanted, _ = expected(SHORT)
    found = on_a_grid(SHORT, 0.1)
    assert abs(len(found) / len(wanted) - 1) < 0.05, "it is the same network"
    with pytest.raises(AssertionError, match="neurons go wrong"):
        check(found, wanted)


CHANGES = {"delay": DELAY * (1 + 1e-6), "tau_mem": PARAMETERS.tau_mem * (1 + 1e-4), "refractory": 2.001}


@pytest.mark.parametrize("changed", CHANGES)
def test_a_parameter_that_is_a_little_off_fails_the_check(changed):
    found, _ = by_the_oracle(SHORT, **{changed: CHANGES[changed]})
    with pytest.raises(AssertionError, match="neurons go wrong"):
        check(found, expected(SHORT)[0])


def statistics(spikes, n_windows=10, width=300.0):
    """Mean rate, mean CV, and spread of the population's rate in bins of 1 ms over its mean, with standard errors.

    The errors are those of windows that are longer than the network remembers; the first 100 ms are left out. Short
    windows make a CV too low, of all networks by as much.
    """
    rows = []
    for k in range(n_windows):
        start, stop = 100.0 + k * width, 100.0 + (k + 1) * width
        window = {"start": start, "stop": stop, "n_neurons": N}
        times = spikes.times[(spikes.times >= start) & (spikes.times < stop)]
        counts = np.histogram(times, round(width), (start, stop))[0]
        cvs = evsim.analysis.cv(spikes, **window)
        rows.append((evsim.analysis.rates(spikes, **window).mean(), np.nanmean(cvs), counts.std() / counts.mean()))
    return [(np.mean(column), np.std(column, ddof=1) / math.sqrt(n_windows)) for column in zip(*rows, strict=True)]


def deviations(one, other):
    """Differences, in standard errors."""
    return [abs(a - b) / math.hypot(s, t) for (a, s), (b, t) in zip(one, other, strict=True)]


@pytest.mark.nightly
def test_populations_of_float32_and_float64_are_alike():
    """Of two runs with other arrivals, which have nothing in common but the network.

    A network whose inhibition is a hundredth weaker is told apart.
    """
    until = 3100.0
    wide = statistics(network("float64").infer(until=until))
    narrow = statistics(network("float32", seed=6).infer(until=until))
    other = statistics(network("float32", inhibition=0.99 * INHIBITION, seed=7).infer(until=until))
    assert max(deviations(wide, narrow)) < 4 < max(deviations(wide, other))
