"""Cycles without a delay: spikes that arrive at the instant of sending, and make others fire at it.

Against a heap of arrivals for neurons with currents, and against a simulation in rounds for those whose potential
jumps, where everything may happen at one instant: to the bit on grids of times.
"""

import math

import numpy as np
import pytest
from machines import on_cpu
from oracle import event_queue, instants

import evsim
from evsim import errors

END = 60.0


def delays_of(rng, kind, shape, some):
    """Delays [target][source]: none, some of the inputs, some of the synapses, or one for all."""
    if kind == "none":
        return np.zeros(shape)
    if kind == "inputs":
        return np.tile(rng.choice([0.0, 1.0], shape[1]) * some(shape[1]), (shape[0], 1))
    if kind == "synapses":
        return rng.choice([0.0, 1.0], shape) * some(shape)
    return np.tile(some(1), shape)


def connect(rng, net, source, target, weights, delays, kind):
    """Dense or, for some, sparse; returns the weights with NaN where there is no synapse."""
    n_to, n_from = weights.shape
    there = rng.random(weights.shape) < 0.7
    if rng.random() < 0.5 or not there.any():
        own = delays if kind == "synapses" else delays[0]
        net.connect(source, target, evsim.Dense(n_from, n_to, weights=weights), delay=np.ascontiguousarray(own))
        return weights
    post, pre = np.nonzero(there)
    synapses = evsim.Sparse(n_from, n_to, sources=pre, targets=post, weights=weights[there])
    net.connect(source, target, synapses, delay=delays[there])
    return np.where(there, weights, math.nan)


KINDS = ["none", "inputs", "synapses", "one"]


@on_cpu
@pytest.mark.parametrize("seed", range(12))
def test_currents_against_a_heap_of_arrivals(machine, seed):
    rng = np.random.default_rng([5, seed])
    names = ["a", "b", "c"]
    sizes = {"in": 3, **dict(zip(names, rng.integers(1, 5, 3).tolist(), strict=True))}
    net = machine.network()
    net.add_input(3, name="in")
    facts = {
        name: {
            "tau_mem": rng.uniform(10.0, 30.0),
            "tau_syn": rng.uniform(3.0, 9.0),
            "threshold": 0.5,
            "refractory": float(rng.choice([0.0, 0.5, 3.0])),
        }
        for name in names
    }
    for name in names:
        net.add_population(sizes[name], evsim.LIF(**facts[name], reset=0.0), name=name)
    edges = []
    for source in ("in", *names):
        for target in names:
            if source != "in" and rng.random() < 0.25:
                continue
            shape = (sizes[target], sizes[source])
            kind = rng.choice(KINDS)
            delays = delays_of(rng, kind, shape, lambda n: rng.uniform(0.3, 4.0, n))
            weights = rng.uniform(0.2 if source == "in" else -1.2, 1.2, shape).astype(machine.dtype).astype(float)
            weights = connect(rng, net, source, target, weights, delays, kind)
            edges.append((source, target, weights.tolist(), delays.tolist()))
    times = np.sort(rng.uniform(0.0, 50.0, 40))
    indices = rng.integers(0, 3, 40)
    out = net.infer(evsim.SpikeArray(indices, times), until=END, outputs=names)
    populations = {name: [event_queue.Lif(**facts[name]) for _ in range(sizes[name])] for name in names}
    inputs = {"in": list(zip(times.tolist(), indices.tolist(), strict=True))}
    expected = event_queue.simulate(populations, edges, inputs, END)
    assert sum(map(len, expected.values())) > 10
    for name in names:
        for n in range(sizes[name]):
            right = [time for time, index in expected[name] if index == n]
            found = out[name].times[out[name].indices == n]
            assert len(found) == len(right)
            np.testing.assert_allclose(found, right, rtol=0.0, atol=1e-9 if machine.dtype == "float64" else 2e-2)


def random_jumps(seed, dtype, **options):
    """A network of neurons whose potential jumps, what it consists of for the oracle, and a train."""
    rng = np.random.default_rng([6, seed])
    on_grid = dtype == "float32" or rng.random() < 0.6
    names = list("abcd"[: rng.integers(1, 5)])
    sizes = {"in": 3, **{name: int(rng.integers(1, 7)) for name in names}}
    net = evsim.SpikingNetwork(dtype=dtype, max_spikes_per_instant=50, **options)
    net.add_input(3, name="in")
    facts = {}
    for name in names:
        tau = None if on_grid else float(rng.uniform(5.0, 30.0))
        reset = [None, 0.0][rng.integers(2)]
        refractory = float(rng.choice([0.0, 0.5, 1.25, 3.0]))
        facts[name] = {"tau": tau, "reset": reset, "refractory": refractory}
        common = {"threshold": 1.0, "reset": "subtract" if reset is None else reset, "refractory": refractory}
        model = evsim.IAFDelta(**common) if tau is None else evsim.LIFDelta(tau_mem=tau, **common)
        net.add_population(sizes[name], model, name=name)
    edges = []
    for source in ("in", *names):
        for target in names:
            if source != "in" and rng.random() < 0.4:
                continue
            shape = (sizes[target], sizes[source])
            kind = rng.choice(KINDS)
            some = (lambda n: rng.integers(1, 12, n) * 0.25) if on_grid else (lambda n: rng.uniform(0.2, 4.0, n))
            delays = delays_of(rng, kind, shape, some)
            low = 2 if source == "in" else -8
            weights = rng.integers(low, 9, shape) / 8.0 if on_grid else rng.uniform(low / 8.0, 1.1, shape)
            own = delays if kind == "synapses" else np.ascontiguousarray(delays[0])
            net.connect(source, target, evsim.Dense(*shape[::-1], weights=weights), delay=own)
            edges.append((source, target, weights.tolist(), delays.tolist()))
    times = np.sort(rng.integers(0, 200, 40) * 0.25 if on_grid else rng.uniform(0.0, 50.0, 40))
    train = evsim.SpikeArray(rng.integers(0, 3, 40), times)
    populations = {name: [instants.Delta(**facts[name]) for _ in range(sizes[name])] for name in names}
    inputs = {"in": list(zip(train.times.tolist(), train.indices.tolist(), strict=True))}
    return net, train, lambda: instants.simulate(populations, edges, inputs, END, most=50)


@on_cpu
@pytest.mark.parametrize("first", range(0, 60, 12))
def test_jumps_against_a_simulation_in_rounds(machine, first):
    n_spikes = n_runaway = 0
    for seed in range(first, first + 12):
        net, train, oracle = random_jumps(seed, machine.dtype)
        try:
            expected = oracle()
        except instants.DoubtfulError:
            assert seed == 35
            continue
        if expected is None:
            n_runaway += 1
            with pytest.raises(errors.RunawaySpikingError, match="max_spikes_per_instant"):
                net.infer(train, until=END)
            assert net.time is None
            continue
        out = net.infer(train, until=END, outputs=list(expected))
        for name, spikes in expected.items():
            right = np.array(spikes).reshape(-1, 2)
            n_spikes += len(right)
            np.testing.assert_array_equal(out[name].indices, right[:, 1])
            tolerance = 0.0 if np.all(train.times % 0.25 == 0.0) else 1e-9
            np.testing.assert_allclose(out[name].times, right[:, 0], rtol=0.0, atol=tolerance)
    assert n_spikes > 500
    assert n_runaway < 6


@on_cpu
def test_cut_anywhere_and_in_batches(machine):
    compared = 0
    for seed in range(25):
        net, train, oracle = random_jumps(seed, machine.dtype)
        if oracle() is None:
            continue
        names = [population.name for population in net]
        whole = net.infer(train, until=END, outputs=names)
        batch = net.infer([train, train[:20], train], until=END, outputs=names)
        short = net.infer(train[:20], until=END, outputs=names)
        for name in names:
            assert batch[name][0] == batch[name][2] == whole[name]
            assert batch[name][1] == short[name]
        net.reset()
        pieces = {name: [] for name in names}
        for end in (1.0, 7.25, 7.25, 20.1, 33.5, END):
            start = net.time if net.time is not None else -1.0
            part = train.time_slice(start, end if end < END else None)
            now = net.infer(part, until=end, reset=False, outputs=names)
            for name in names:
                pieces[name].append(now[name])
        for name in names:
            times = np.concatenate([piece.times for piece in pieces[name]])
            np.testing.assert_array_equal(times, whole[name].times)
            indices = np.concatenate([piece.indices for piece in pieces[name]])
            np.testing.assert_array_equal(indices, whole[name].indices)
            compared += len(times)
    assert compared > 2000


@on_cpu
def test_probes_of_a_batch(machine):
    """Each sample goes by instants of its own, and so do its probes."""
    rng = np.random.default_rng(12)
    net = machine.network()
    cells = evsim.LIFDelta(tau_mem=20.0, threshold=1.0, reset=0.0)
    net.add_layer(evsim.Dense(3, 4, weights=rng.uniform(0.2, 0.9, (4, 3))), cells, name="a")
    net.add_layer(evsim.Dense(4, 2, weights=rng.uniform(0.2, 0.9, (2, 4))), cells, name="b")
    net.connect("b", "a", evsim.Dense(2, 4, weights=-rng.uniform(0.1, 0.4, (4, 2))))
    net.connect("a", "a", evsim.Dense(4, 4, weights=rng.uniform(-0.4, 0.2, (4, 4))), delay=3.0)
    trains = [evsim.SpikeArray(rng.integers(0, 3, n), np.sort(rng.uniform(0.0, END, n))) for n in (40, 3, 0, 120)]
    times = np.concatenate([np.linspace(0.0, END, 61), trains[0].times[:5]])
    times.sort()

    def probes():
        return [evsim.Probe("a", times=times), evsim.Probe("b", neurons=[1], times=times[::7])]

    together = probes()
    net.infer(trains, until=END, record=together)
    for s, train in enumerate(trains):
        alone = probes()
        net.infer(train, until=END, record=alone)
        for one, all_samples in zip(alone, together, strict=True):
            np.testing.assert_array_equal(all_samples.values[s], one.values)


def test_two_neurons_that_excite_each_other():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 2, weights=[[1.0], [0.0]]), evsim.IAFDelta(threshold=1.0, refractory=2.0), name="pair")
    net.connect("pair", "pair", evsim.Dense(2, 2, weights=[[0.0, 1.0], [1.0, 0.0]]))
    out = net.infer([0, 0, 0], [3.0, 4.0, 5.0], until=10.0)
    assert list(out) == [(0, 3.0), (1, 3.0), (0, 5.0), (1, 5.0)]


def test_without_a_refractory_period_they_never_stop():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 2, weights=[[1.0], [0.0]]), evsim.IAFDelta(threshold=1.0), name="pair")
    net.connect("pair", "pair", evsim.Dense(2, 2, weights=[[0.0, 1.0], [1.0, 0.0]]))
    with pytest.raises(
        errors.RunawaySpikingError, match=r"layer 'pair': neuron \d fired more than 1000 times at t = 3"
    ):
        net.infer([0], [3.0], until=10.0)
    assert net.time is None
    assert len(net.infer([], [], until=10.0)) == 0


@pytest.mark.parametrize("n", [2, 3000])
def test_a_chain_falls_over_at_one_instant(n):
    net = evsim.SpikingNetwork(dtype="float32")
    first = np.zeros((n, 1))
    first[0] = 1.0
    net.add_layer(evsim.Dense(1, n, weights=first), evsim.IAFDelta(threshold=1.0), name="chain")
    rows = np.arange(n - 1)
    net.connect("chain", "chain", evsim.Sparse(n, n, sources=rows, targets=rows + 1, weights=np.ones(n - 1)))
    out = net.infer([0, 0], [1.5, 2.5], until=5.0)
    np.testing.assert_array_equal(out.indices, np.tile(np.arange(n), 2))
    np.testing.assert_array_equal(out.times, np.repeat([1.5, 2.5], n))


@on_cpu
def test_the_winner_takes_all(machine):
    """Who comes first to the threshold silences the others before they fire."""
    rng = np.random.default_rng(4)
    net = machine.network()
    n = 12
    drive = rng.permutation(np.linspace(1.5, 2.5, n))
    net.add_population(n, evsim.LIFDelta(tau_mem=20.0, threshold=1.0, bias=drive, reset=0.0), name="cells")
    net.connect("cells", "cells", evsim.Dense(n, n, weights=-1.5 * (1.0 - np.eye(n))))
    out = net.infer(until=200.0)
    assert set(out.indices.tolist()) == {int(np.argmax(drive))}
    period = 20.0 * math.log(drive.max() / (drive.max() - 1.0))
    np.testing.assert_allclose(out.times, period * np.arange(1, len(out) + 1), rtol=1e-5)
    assert len(out) == int(200.0 / period)


def test_what_inhibits_at_once_comes_after_those_who_fire_together():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 3, weights=[[1.0], [1.0], [0.75]]), evsim.IAFDelta(threshold=1.0), name="cells")
    net.connect("cells", "cells", evsim.Dense(3, 3, weights=-0.5 * (1.0 - np.eye(3))))
    probe = evsim.Probe("cells", times=[2.0, 2.5])
    out = net.infer([0], [2.0], until=3.0, record=probe)
    assert list(out) == [(0, 2.0), (1, 2.0)]
    np.testing.assert_array_equal(probe.values[1], [-0.5, -0.5, -0.25])


@on_cpu
@pytest.mark.parametrize(
    "model",
    [
        evsim.LIF(tau_mem=20.0, tau_syn=7.0, threshold=0.5, refractory=2.0),
        evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0, threshold=0.5),
        evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=100.0, jump=0.2, threshold=0.4),
        evsim.Izhikevich.preset("tonic_spiking", tau_syn=5.0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_loop_does_what_its_own_spikes_from_outside_do(machine, model):
    rng = np.random.default_rng(8)
    n, times = 5, np.linspace(0.0, END, 200)
    strength = 25.0 if isinstance(model, evsim.Izhikevich) else 1.0
    forwards = strength * rng.uniform(-0.3, 1.0, (n, 3))
    back = strength * rng.uniform(-1.0, 0.6, (n, n))
    # What a neuron sends itself comes at its very crossing from outside, or an ulp before: it must not undo it.
    np.fill_diagonal(back, np.abs(np.diag(back)))
    train = evsim.SpikeArray(rng.integers(0, 3, 60), np.sort(rng.uniform(0.0, 50.0, 60)))
    net = machine.network()
    net.add_layer(evsim.Dense(3, n, weights=forwards), model, name="a")
    net.connect("a", "a", evsim.Dense(n, n, weights=back))
    probe, again = (evsim.Probe("a", times=times) for _ in range(2))
    found = net.infer(train, until=END, record=probe)
    assert len(found) > 10
    opened = machine.network()
    opened.add_input(3, name="in")
    opened.add_input(n, name="back")
    opened.add_population(n, model, name="a")
    opened.connect("in", "a", evsim.Dense(3, n, weights=forwards))
    post, pre = (places.ravel() for places in np.indices((n, n)))
    opened.connect("back", "a", evsim.Sparse(n, n, sources=pre, targets=post, weights=back.ravel()))
    expected = opened.infer({"in": train, "back": found}, until=END, record=again)
    np.testing.assert_array_equal(found.indices, expected.indices)
    # A current that begins at the very crossing may move it by the rounding of the potential over its slope.
    tolerance = 1e-9 if machine.dtype == "float64" else 2e-3
    np.testing.assert_allclose(found.times, expected.times, rtol=0.0, atol=tolerance)
    np.testing.assert_allclose(probe.values, again.values, rtol=0.0, atol=strength * 50 * tolerance)


@on_cpu
def test_drives_and_threads(machine):
    net = machine.network()
    n = 40
    net.add_population(n, evsim.LIFDelta(tau_mem=20.0, threshold=1.0, reset=0.0, refractory=1.0), name="cells")
    net.connect("cells", "cells", evsim.Dense(n, n, weights=-0.05 * (1.0 - np.eye(n))))
    net.add_drive("cells", evsim.PoissonDrive(0.8, 0.2, seed=3))
    out = net.infer(until=100.0)
    assert len(out) > 100
    net.reset()
    again = [net.infer(until=end, reset=False) for end in (13.0, 50.0, 100.0)]
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in again]), out.times)
    # The same by arrivals that somebody else has drawn.
    far = machine.network()
    far.add_population(n, evsim.LIFDelta(tau_mem=20.0, threshold=1.0, reset=0.0, refractory=1.0), name="cells")
    far.connect("cells", "cells", evsim.Dense(n, n, weights=-0.05 * (1.0 - np.eye(n))), delay=1e-3)
    far.add_drive("cells", evsim.PoissonDrive(0.8, 0.2, seed=3))
    late = far.infer(until=100.0)
    assert abs(len(late) - len(out)) < 0.05 * len(out)


@on_cpu
def test_a_rule_beside_a_loop_learns_what_it_learns_from_the_same_spikes(machine):
    rng = np.random.default_rng(11)
    n, n_inputs = 6, 8
    back = rng.uniform(-0.6, 0.4, (n, n))
    first = rng.uniform(0.1, 1.0, (n, n_inputs))
    train = evsim.SpikeArray(rng.integers(0, n_inputs, 150), np.sort(rng.uniform(0.0, 50.0, 150)))
    model = evsim.LIF(tau_mem=20.0, tau_syn=7.0, threshold=0.5, refractory=1.0)
    net = machine.network()
    net.add_input(n_inputs, name="in")
    net.add_population(n, model, name="a")
    learner = net.connect("in", "a", evsim.Dense(n_inputs, n, weights=first), kernel=evsim.rules.pair_stdp())
    net.connect("a", "a", evsim.Dense(n, n, weights=back))
    found = net.infer(train, until=END)
    assert len(found) > 20
    opened = machine.network()
    opened.add_input(n_inputs, name="in")
    opened.add_input(n, name="back")
    opened.add_population(n, model, name="a")
    again = opened.connect("in", "a", evsim.Dense(n_inputs, n, weights=first), kernel=evsim.rules.pair_stdp())
    opened.connect("back", "a", evsim.Dense(n, n, weights=back))
    expected = opened.infer({"in": train, "back": found}, until=END)
    np.testing.assert_array_equal(found.indices, expected.indices)
    tolerance = 1e-9 if machine.dtype == "float64" else 1e-4
    assert np.abs(learner.weights - first).max() > 1e-2
    np.testing.assert_allclose(learner.weights, again.weights, rtol=0.0, atol=tolerance)


def test_a_synapse_within_a_loop_hears_the_spike_that_it_brings():
    """Neuron 0 makes neuron 1 fire at the same instant: the synapse is heard first, then the neuron fires."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 2, weights=[[1.0], [0.0]]), evsim.IAFDelta(threshold=1.0, refractory=1.0), name="pair")
    rule = evsim.rules.pair_stdp(a_plus=0.25, a_minus=0.5)
    synapse = evsim.Sparse(2, 2, sources=[0], targets=[1], weights=[1.0])
    learner = net.connect("pair", "pair", synapse, kernel=rule)
    assert list(net.infer([0], [2.0], until=5.0)) == [(0, 2.0), (1, 2.0)]
    np.testing.assert_array_equal(learner.weights, [1.25])
