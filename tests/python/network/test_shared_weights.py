"""Rules on convolutions: synapses that share a weight learn it together, against a heap of arrivals in float64."""

import contextlib
import copy

import numpy as np
import pytest
from oracle import plastic_network, shared_weights, stdp
from oracle.conv import Geometry
from oracle.event_queue import Lif

import evsim

END = 60.0
NEURON = {"tau_mem": 20.0, "tau_syn": 5.0, "threshold": 0.6, "refractory": 1.0}
PAIR = {"a_plus": 0.02, "a_minus": 0.021, "tau_plus": 17.0, "tau_minus": 34.0}
TRIPLET = {"a2_plus": 1e-3, "a3_plus": 0.01, "a2_minus": 0.012, "a3_minus": 1e-3}
TRIPLET |= {"tau_plus": 16.8, "tau_x": 101.0, "tau_minus": 33.7, "tau_y": 114.0}
GUETIG = {"rate": 0.05, "alpha": 1.1, "tau_plus": 17.0, "tau_minus": 34.0}
SHORT = {"utilization": 0.4, "tau_rec": 60.0, "tau_fac": 40.0}


class Guetig(stdp.Pair):
    """Steps that depend on the weight, which stays from 0 to 1: who changes it first matters."""

    def __init__(self, *, rate, alpha, tau_plus, tau_minus):
        super().__init__(a_plus=rate, a_minus=rate * alpha, tau_plus=tau_plus, tau_minus=tau_minus)

    def on_pre_synapse(self, weight, neuron, synaptic, context):
        synaptic[0] += 1.0
        weight = min(max(weight, 0.0), 1.0)
        return max(0.0, weight - self.a_minus * weight * neuron[0])

    def on_post_synapse(self, weight, neuron, synaptic, context):
        weight = min(max(weight, 0.0), 1.0)
        return min(1.0, weight + self.a_plus * (1.0 - weight) * synaptic[0])


RULES = {
    "pair": (lambda **o: evsim.rules.pair_stdp(**PAIR, **o), lambda: stdp.Pair(**PAIR)),
    "triplet": (lambda **o: evsim.rules.triplet_stdp(**TRIPLET, **o), lambda: stdp.Triplet(**TRIPLET)),
    "guetig": (lambda **o: evsim.rules.guetig_stdp(**GUETIG, **o), lambda: Guetig(**GUETIG)),
    "short-term": (
        lambda **o: evsim.rules.tsodyks_markram(**SHORT, **o),
        lambda: plastic_network.TsodyksMarkram(**SHORT),
    ),
    "none": (lambda **o: None, lambda: None),
}


def random_geometry(rng):
    while True:
        groups = int(rng.choice([1, 1, 2]))
        geometry = Geometry(
            in_shape=(groups * int(rng.integers(1, 3)), *map(int, rng.integers(3, 7, 2))),
            out_channels=groups * int(rng.integers(1, 3)),
            kernel=tuple(map(int, rng.integers(1, 4, 2))),
            stride=tuple(map(int, rng.integers(1, 3, 2))),
            padding=tuple(map(int, rng.integers(0, 3, 2))),
            dilation=tuple(map(int, rng.integers(1, 3, 2))),
            groups=groups,
            transposed=bool(rng.random() < 0.3),
        )
        if min(geometry.out_shape) > 0 and np.prod(geometry.out_shape) < 130:
            return geometry


def connection_of(geometry, weights=None):
    kind = evsim.ConvTranspose2d if geometry.transposed else evsim.Conv2d
    names = ("in_shape", "stride", "padding", "dilation", "groups")
    options = {name: getattr(geometry, name) for name in names}
    return kind(geometry.out_channels, geometry.kernel, weights=weights, **options)


def shared(geometry, source, target, weights, delays, rule):
    """The same for the oracle."""
    taps, reached = geometry.matrix(np.arange(weights.size).reshape(weights.shape))
    targets, sources = map(list, np.nonzero(reached))
    numbers = [int(taps[n, i]) for n, i in zip(targets, sources, strict=True)]
    ends = [int(i) for i in sources], [int(n) for n in targets]
    return shared_weights.Shared(source, target, *ends, numbers, weights.ravel().tolist(), list(delays), rule)


class Case:
    """A convolution behind an input, in some cases with a second one and a loop with a delay."""

    def __init__(self, seed, rule, *, loop=False, jumps=False):
        rng = np.random.default_rng([seed, loop, jumps])
        self.rule, self.jumps = rule, jumps
        if loop:
            channels, height, width = int(rng.integers(1, 3)), *map(int, rng.integers(3, 6, 2))
            shape = (channels, height, width)
            forward = Geometry(in_shape=(1, height, width), out_channels=channels, kernel=(3, 3), padding=(1, 1))
            back = Geometry(in_shape=shape, out_channels=channels, kernel=(3, 3), padding=(1, 1))
            self.geometries = [("in", forward), ("cells", back)]
        else:
            self.geometries = [("in", random_geometry(rng))]
        forward = self.geometries[0][1]
        high = 0.9 if jumps else 4.0 if rule == "short-term" else 1.5
        self.weights = [rng.uniform(0.1, high / (1 + k), g.weight_shape) for k, (_, g) in enumerate(self.geometries)]
        n_in = int(np.prod(forward.in_shape))
        self.delays = [rng.choice([np.zeros(n_in), rng.uniform(0.0, 4.0, n_in)])]
        if loop:
            self.delays.append(rng.uniform(0.5, 3.0, int(np.prod(forward.out_shape))))
        n = int(rng.integers(150, 300))
        times = np.sort(rng.choice(np.round(rng.uniform(0.0, END - 5.0, n // 2), 3), n))  # some at one time
        self.train = evsim.SpikeArray(rng.integers(0, n_in, n), times)
        self.train.sort()

    def network(self, dtype="float64", rule=None, **options):
        net = evsim.SpikingNetwork(dtype=dtype)
        forward = self.geometries[0][1]
        net.add_input(forward.in_shape, name="in")
        model = evsim.LIFDelta(tau_mem=20.0) if self.jumps else evsim.LIF(**NEURON, reset=0.0)
        net.add_population(forward.out_shape, model, name="cells")
        for (source, geometry), weights, delays in zip(self.geometries, self.weights, self.delays, strict=True):
            kernel = RULES[rule or self.rule][0](**options)
            net.connect(source, "cells", connection_of(geometry, weights), delay=delays, kernel=kernel)
        return net

    def expected(self, train=None, end=END):
        train = self.train if train is None else train
        size = int(np.prod(self.geometries[0][1].out_shape))
        members = [shared_weights.Jumps(tau=20.0, threshold=1.0) if self.jumps else Lif(**NEURON) for _ in range(size)]
        edges = [
            shared(geometry, source, "cells", weights, delays, RULES[self.rule][1]())
            for (source, geometry), weights, delays in zip(self.geometries, self.weights, self.delays, strict=True)
        ]
        inputs = {"in": list(zip(train.times.tolist(), train.indices.tolist(), strict=True))}
        return shared_weights.simulate({"cells": members}, edges, inputs, end)["cells"], edges


def assert_spikes(found, expected, atol=1e-7):
    assert found.indices.tolist() == [n for _, n in expected]
    np.testing.assert_allclose(found.times, [t for t, _ in expected], rtol=0.0, atol=atol)


def assert_learned(net, edges, atol=1e-8):
    for projection, edge in zip(net.projections, edges, strict=True):
        np.testing.assert_allclose(projection.weights.ravel(), edge.weights, rtol=0.0, atol=atol)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("rule", RULES)
def test_a_convolution_learns_as_a_heap_of_arrivals_says(seed, rule):
    case = Case(seed, rule)
    expected, edges = case.expected()
    net = case.network()
    found = net.infer(case.train, until=END)
    assert len(expected) > 9
    assert_spikes(found, expected)
    assert_learned(net, edges)
    moved = np.max(np.abs(net.projections[0].weights - case.weights[0]))
    assert moved > 1e-3 if rule in ("pair", "triplet", "guetig") else moved == 0.0


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rule", ["pair", "guetig", "short-term"])
def test_a_convolution_that_feeds_itself_after_a_delay_learns(seed, rule):
    case = Case(seed, rule, loop=True)
    expected, edges = case.expected()
    net = case.network()
    assert_spikes(net.infer(case.train, until=END), expected)
    assert len(expected) > 40
    assert_learned(net, edges)


@pytest.mark.parametrize("seed", range(4))
def test_neurons_that_fire_with_an_arrival_learn_after_all_that_arrive_with_it(seed):
    case = Case(seed, "guetig", jumps=True)
    expected, edges = case.expected()
    net = case.network()
    assert_spikes(net.infer(case.train, until=END), expected)
    assert len(expected) > 20
    assert_learned(net, edges)


def test_the_heap_tells_a_wrong_rule():
    case = Case(0, "pair")
    _, edges = case.expected()
    net = case.network(rule="triplet")
    net.infer(case.train, until=END)
    assert np.max(np.abs(net.projections[0].weights.ravel() - edges[0].weights)) > 1e-3


def test_what_a_neuron_learns_others_feel_at_once():
    """Two pixels and one weight, which the spike of the first lifts to the threshold of the second."""
    neuron = evsim.LIFDelta(tau_mem=20.0, threshold=[1.0, 1.5])
    net = evsim.SpikingNetwork(dtype="float64")
    rule = evsim.rules.pair_stdp(a_plus=0.5, a_minus=0.0)
    net.add_layer(evsim.Conv2d(1, 1, in_shape=(1, 1, 2), weights=[[[[1.0]]]]), neuron, kernel=rule)
    found = net.infer([0, 1], [1.0, 1.0 + 1e-9], until=1.5)
    assert found.indices.tolist() == [0, 1]
    np.testing.assert_allclose(net[0].weights, 2.0)
    net[0].weights = [[[[1.0]]]]
    assert net.infer([0, 1], [1.0, 1.0], until=1.5).indices.tolist() == [0]  # both arrive before anybody fires


@pytest.mark.parametrize("loop", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", ["pair", "guetig", "short-term"])
def test_pieces_threads_and_probes_leave_no_trace(rule, dtype, loop):
    case = Case(7, rule, loop=loop)
    train = case.train
    whole = case.network(dtype)
    rng = np.random.default_rng(3)
    looks = np.sort(np.concatenate([rng.choice(train.times, 4), rng.uniform(0.0, END, 4)]))
    probe = evsim.Probe("cells", looks, [0, 3])
    expected = whole.infer(train, until=END, record=probe)
    cuts = [*np.sort(np.concatenate([rng.choice(train.times, 3), rng.uniform(0.0, END, 3)])), END]
    pieces, found, values = case.network(dtype), [], []
    for begin, end in zip([-np.inf, *cuts], cuts, strict=False):
        here = (train.times >= begin) & (train.times < end)
        look = evsim.Probe("cells", looks[(looks >= begin) & (looks < end)], [0, 3])
        part = train.indices[here], train.times[here]
        found.append(pieces.infer(*part, until=end, reset=begin == -np.inf, record=[look] if begin > 20.0 else []))
        if begin > 20.0:
            values.append(look.values)
        pieces = copy.deepcopy(pieces)
    np.testing.assert_array_equal(np.concatenate([part.times for part in found]), expected.times)
    np.testing.assert_array_equal(np.concatenate([part.indices for part in found]), expected.indices)
    values = np.concatenate(values)
    if rule != "short-term":  # which does not write weights, so that neurons need not go in the order of time
        np.testing.assert_array_equal(values, probe.values[len(looks) - len(values) :])
    for one, other in zip(pieces.projections, whole.projections, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.synaptic_traces, other.synaptic_traces)
        np.testing.assert_array_equal(one.neuron_traces, other.neuron_traces)


@pytest.mark.parametrize("update", ["sum", "mean"])
def test_samples_learn_apart_and_come_together(update):
    case = Case(2, "guetig")
    rng = np.random.default_rng(9)
    trains = [case.train, case.train[rng.random(len(case.train)) < 0.6], case.train[:40]]
    net = case.network(batch_update=update)
    found = net.infer(trains, until=END)
    changes = []
    for train, spikes in zip(trains, found, strict=True):
        expected, edges = case.expected(train)
        assert_spikes(spikes, expected)
        changes.append(np.array(edges[0].weights) - case.weights[0].ravel())
    total = np.sum(changes, axis=0) if update == "sum" else np.mean(changes, axis=0)
    learned = net.projections[0].weights.ravel() - case.weights[0].ravel()
    np.testing.assert_allclose(learned, total, rtol=0.0, atol=1e-8)
    with evsim_threads(2):
        again = case.network(batch_update=update)
        again.infer(trains, until=END)
    np.testing.assert_array_equal(again.projections[0].weights, net.projections[0].weights)


@contextlib.contextmanager
def evsim_threads(n):
    before = evsim.num_threads()
    evsim.set_num_threads(n)
    try:
        yield
    finally:
        evsim.set_num_threads(before)
