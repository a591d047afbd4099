"""Convolutions and pooling on cycles without a delay, against the matrices that they are and a simulation in rounds."""

import copy

import numpy as np
import pytest
from oracle import instants, shared_weights, stdp
from oracle.conv import Geometry, Window

import evsim
from evsim import errors

END = 50.0


def grid(rng, shape):
    return rng.integers(-4, 9, shape) / 8.0


class Mixed:
    """Images and rows that reach each other, some of them without a delay; all weights and times lie on grids."""

    def __init__(self, seed):
        rng = np.random.default_rng([21, seed])
        height, width = map(int, rng.integers(2, 5, 2))
        self.shapes = {"in": (1, height, width), "row": (int(rng.integers(1, 5)), 1, 1)}
        for name in ("a", "b"):
            self.shapes[name] = (int(rng.integers(1, 3)), height, width)
        self.pool = [None, "or", "first"][rng.integers(3)]
        self.refractory = {name: float(rng.choice([0.0, 0.5, 1.25])) for name in ("row", "a", "b")}
        self.reset = {name: [None, 0.0][rng.integers(2)] for name in ("row", "a", "b")}
        self.edges = []
        for source in ("in", "a", "b", "row"):
            for target in ("a", "b", "row"):
                if (source == "in" and target == "row") or (source != "in" and rng.random() < 0.2):
                    continue
                delay = rng.choice([0.0, 0.0, 1.0]) * rng.integers(1, 9) * 0.25
                if "row" in (source, target):
                    sizes = [int(np.prod(self.shapes[name])) for name in (target, source)]
                    self.edges.append((source, target, None, grid(rng, sizes), delay))
                    continue
                geometry = Geometry(
                    in_shape=self.shapes[source], out_channels=self.shapes[target][0], kernel=(3, 3), padding=(1, 1)
                )
                weights = grid(rng, geometry.weight_shape) + (source == "in") * 0.25
                self.edges.append((source, target, geometry, weights, delay))
        n = 60
        times = np.sort(rng.integers(0, 180, n) * 0.25)
        self.train = evsim.SpikeArray(rng.integers(0, height * width, n), times)

    def model(self, name):
        reset = "subtract" if self.reset[name] is None else self.reset[name]
        return evsim.IAFDelta(threshold=1.0, reset=reset, refractory=self.refractory[name])

    def network(self, *, expanded=False):
        """`expanded`: each convolution as the sparse matrix that it is."""
        net = evsim.SpikingNetwork(dtype="float64", max_spikes_per_instant=40)
        net.add_input(self.shapes["in"], name="in")
        for name in ("a", "b", "row"):
            net.add_population(int(np.prod(self.shapes[name])), self.model(name), name=name)
        for source, target, geometry, weights, delay in self.edges:
            if geometry is None:
                connection = evsim.Dense(*weights.shape[::-1], weights=weights)
            elif expanded:
                matrix, there = geometry.matrix(weights)
                post, pre = np.nonzero(there)
                connection = evsim.Sparse(*matrix.shape[::-1], pre, post, matrix[post, pre])
            else:
                connection = evsim.Conv2d(
                    geometry.out_channels, 3, padding=1, in_shape=geometry.in_shape, weights=weights
                )
            net.connect(source, target, connection, delay=delay)
        return net

    def expected(self):
        populations = {
            name: [
                instants.Delta(reset=self.reset[name], refractory=self.refractory[name])
                for _ in range(int(np.prod(self.shapes[name])))
            ]
            for name in ("a", "b", "row")
        }
        edges = []
        for source, target, geometry, weights, delay in self.edges:
            matrix = weights if geometry is None else geometry.matrix(weights)[0]
            edges.append((source, target, matrix.tolist(), np.full(matrix.shape, delay).tolist()))
        inputs = {"in": list(zip(self.train.times.tolist(), self.train.indices.tolist(), strict=True))}
        return instants.simulate(populations, edges, inputs, END, most=40)


def pairs(spikes):
    return list(zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True))


@pytest.mark.parametrize("first", range(0, 60, 12))
def test_convolutions_against_a_simulation_in_rounds(first):
    n_spikes = n_runaway = n_instants = 0
    for seed in range(first, first + 12):
        case = Mixed(seed)
        expected = case.expected()
        net = case.network()
        n_instants += any(source in ("a", "b") and delay == 0.0 for source, _, _, _, delay in case.edges)
        if expected is None:
            n_runaway += 1
            with pytest.raises(errors.RunawaySpikingError, match="max_spikes_per_instant"):
                net.infer(case.train, until=END)
            assert net.time is None
            continue
        out = net.infer(case.train, until=END, outputs=["a", "b", "row"])
        same = case.network(expanded=True).infer(case.train, until=END, outputs=["a", "b", "row"])
        for name, spikes in expected.items():
            assert pairs(out[name]) == spikes == pairs(same[name])
            n_spikes += len(spikes)
    assert n_spikes > 300
    assert n_instants > 6
    assert n_runaway > 0


def test_the_simulation_in_rounds_tells_a_wrong_delay():
    case = Mixed(3)
    k = next(k for k, edge in enumerate(case.edges) if edge[0] in ("a", "b") and edge[4] == 0.0)
    expected = case.expected()
    case.edges[k] = (*case.edges[k][:4], 0.25)
    out = case.network().infer(case.train, until=END, outputs=["a", "b", "row"])
    assert any(pairs(out[name]) != spikes for name, spikes in expected.items())


@pytest.mark.parametrize("seed", range(8))
def test_pieces_and_copies_leave_no_trace(seed):
    case = next(case for case in map(Mixed, range(seed * 10, seed * 10 + 10)) if case.expected() is not None)
    expected = case.expected()
    rng = np.random.default_rng(seed)
    cuts = [*np.sort(np.concatenate([rng.choice(case.train.times, 3), rng.uniform(0.0, END, 2)])), END]
    net = case.network()
    found = {name: [] for name in expected}
    for begin, end in zip([-np.inf, *cuts], cuts, strict=False):
        here = (case.train.times >= begin) & (case.train.times < end)
        part = case.train.indices[here], case.train.times[here]
        out = net.infer(*part, until=end, reset=begin == -np.inf, outputs=list(expected))
        for name, spikes in found.items():
            spikes += pairs(out[name])
        net = copy.deepcopy(net)
    assert found == expected


class Pooled:
    """cells -> pooling -> code -> cells without a delay: a loop of convolutions and pooling."""

    def __init__(self, seed, mode):
        rng = np.random.default_rng([22, seed])
        self.mode, self.channels = mode, int(rng.integers(1, 3))
        size = 4
        self.window = Window(in_shape=(self.channels, size, size), kernel=(2, 2), stride=(2, 2))
        self.forward = Geometry(in_shape=(1, size, size), out_channels=self.channels, kernel=(3, 3), padding=(1, 1))
        self.up = Geometry(
            in_shape=(self.channels, 2, 2), out_channels=self.channels, kernel=(2, 2), stride=(2, 2), transposed=True
        )
        self.weights = [grid(rng, self.forward.weight_shape) + 0.25, grid(rng, self.up.weight_shape)]
        self.delay = float(rng.choice([0.0, 0.0, 0.75]))
        n = 60
        self.train = evsim.SpikeArray(rng.integers(0, size * size, n), np.sort(rng.integers(0, 180, n) * 0.25))

    def network(self):
        net = evsim.SpikingNetwork(dtype="float64", max_spikes_per_instant=40)
        net.add_input(self.forward.in_shape, name="in")
        neuron = evsim.IAFDelta(threshold=1.0, refractory=0.5)
        forward = evsim.Conv2d(self.channels, 3, padding=1, in_shape=(1, 4, 4), weights=self.weights[0])
        net.add_layer(forward, neuron, name="cells")
        net.add_layer(evsim.Pool2d(2, mode=self.mode), name="pool")
        up = evsim.ConvTranspose2d(self.channels, 2, stride=2, weights=self.weights[1])
        net.connect("pool", "cells", up, delay=self.delay)
        return net

    def expected(self):
        n = int(np.prod(self.forward.out_shape))
        pool = np.zeros((n // 4, n))
        for cell, inside in self.window.cells:
            pool[cell, inside] = 1.0
        populations = {
            "cells": [instants.Delta(refractory=0.5) for _ in range(n)],
            "pool": [instants.Cell(first=self.mode == "first") for _ in range(n // 4)],
        }
        edges = [
            (source, target, matrix.tolist(), np.full(matrix.shape, delay).tolist())
            for source, target, matrix, delay in (
                ("in", "cells", self.forward.matrix(self.weights[0])[0], 0.0),
                ("cells", "pool", pool, 0.0),
                ("pool", "cells", self.up.matrix(self.weights[1])[0], self.delay),
            )
        ]
        inputs = {"in": list(zip(self.train.times.tolist(), self.train.indices.tolist(), strict=True))}
        return instants.simulate(populations, edges, inputs, END, most=40)


@pytest.mark.parametrize("mode", ["or", "first"])
@pytest.mark.parametrize("seed", range(8))
def test_pooling_passes_on_within_an_instant(seed, mode):
    case = Pooled(seed, mode)
    expected = case.expected()
    net = case.network()
    out = net.infer(case.train, until=END, outputs=["cells", "pool"])
    assert len(expected["cells"]) > 20
    for name, spikes in expected.items():
        assert pairs(out[name]) == spikes
    causes = net["pool"].causes
    own = {(t, i) for t, i in expected["cells"]}
    windows = dict(case.window.cells)
    for (time, cell), cause in zip(expected["pool"], causes, strict=True):
        assert (time, cause) in own
        assert cause in windows[cell]
    pieces = case.network()
    found = {"cells": [], "pool": []}
    cuts = [*case.train.times[[10, 30, 31, 50]], END]
    for begin, end in zip([-np.inf, *cuts], cuts, strict=False):
        here = (case.train.times >= begin) & (case.train.times < end)
        part = case.train.indices[here], case.train.times[here]
        out = pieces.infer(*part, until=end, reset=begin == -np.inf, outputs=["cells", "pool"])
        for name, spikes in found.items():
            spikes += pairs(out[name])
        pieces = copy.deepcopy(pieces)
    assert found == expected


def test_samples_of_a_batch_go_at_their_own_instants():
    cases = [Pooled(seed, "or") for seed in range(3)]
    net = cases[0].network()
    out = net.infer([case.train for case in cases], until=END, outputs=["cells"])["cells"]
    for case, spikes in zip(cases, out, strict=True):
        case.weights, case.delay, case.channels = cases[0].weights, cases[0].delay, cases[0].channels
        case.forward, case.up, case.window = cases[0].forward, cases[0].up, cases[0].window
        assert pairs(spikes) == case.expected()["cells"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_delay_that_goes_to_none_and_comes_back_in_a_stream(channels):
    """Neurons leave the clocks of their pixels when they have to, and keep clocks of their own."""
    rng = np.random.default_rng(8)
    shape = (channels, 4, 4)
    weights = rng.uniform(0.2, 0.6, (channels, 1, 3, 3)), rng.uniform(-0.6, 0.2, (channels, channels, 3, 3))
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.4, refractory=1.0)
    indices, times = rng.integers(0, 16, 200), np.sort(rng.uniform(0.0, 60.0, 200))
    nets = []
    for expanded in (False, True):
        net = evsim.SpikingNetwork(dtype="float64")
        net.add_input((1, 4, 4), name="in")
        net.add_population(shape, neuron, name="cells")
        for source, values in zip(("in", "cells"), weights, strict=True):
            geometry = Geometry(in_shape=(values.shape[1], 4, 4), out_channels=channels, kernel=(3, 3), padding=(1, 1))
            matrix, there = geometry.matrix(values)
            post, pre = np.nonzero(there)
            sparse = evsim.Sparse(*matrix.shape[::-1], pre, post, matrix[post, pre])
            conv = evsim.Conv2d(channels, 3, padding=1, in_shape=geometry.in_shape, weights=values)
            net.connect(source, "cells", sparse if expanded else conv, delay=0.0 if source == "in" else 2.0)
        found = []
        for begin, end, delay in ((0.0, 20.0, 2.0), (20.0, 40.0, 0.0), (40.0, 60.0, 3.0)):
            net.projections[1].delays = delay
            here = (times >= begin) & (times < end)
            found.append(net.infer(indices[here], times[here], until=end, reset=begin == 0.0))
            net = copy.deepcopy(net)
        nets.append(found)
    for one, other in zip(*nets, strict=True):
        assert len(one) > 10
        np.testing.assert_array_equal(one.indices, other.indices)
        np.testing.assert_allclose(one.times, other.times, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_a_rule_on_a_convolution_that_feeds_itself_without_a_delay(seed):
    rng = np.random.default_rng([24, seed])
    forward = Geometry(in_shape=(1, 3, 4), out_channels=2, kernel=(3, 3), padding=(1, 1))
    back = Geometry(in_shape=(2, 3, 4), out_channels=2, kernel=(3, 3), padding=(1, 1))
    weights = [rng.uniform(0.2, 0.7, forward.weight_shape), rng.uniform(-0.4, 0.15, back.weight_shape)]
    pair = {"a_plus": 0.01, "a_minus": 0.012, "tau_plus": 17.0, "tau_minus": 34.0}
    indices, times = rng.integers(0, 12, 120), np.sort(np.round(rng.uniform(0.0, 40.0, 120), 1))
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_input(forward.in_shape, name="in")
    net.add_population((2, 3, 4), evsim.LIFDelta(tau_mem=20.0), name="cells")
    edges = []
    for source, geometry, values in (("in", forward, weights[0]), ("cells", back, weights[1])):
        conv = evsim.Conv2d(2, 3, padding=1, in_shape=geometry.in_shape, weights=values)
        net.connect(source, "cells", conv, kernel=evsim.rules.pair_stdp(**pair))
        taps, there = geometry.matrix(np.arange(values.size).reshape(values.shape))
        post, pre = map(list, np.nonzero(there))
        numbers = [int(taps[n, i]) for n, i in zip(post, pre, strict=True)]
        ends = [int(i) for i in pre], [int(n) for n in post]
        no_delay = [0.0] * int(np.prod(geometry.in_shape))
        flat = values.ravel().tolist()
        edges.append(shared_weights.Shared(source, "cells", *ends, numbers, flat, no_delay, stdp.Pair(**pair)))
    members = [shared_weights.Jumps(tau=20.0, threshold=1.0) for _ in range(24)]
    inputs = {"in": list(zip(times.tolist(), indices.tolist(), strict=True))}
    expected = shared_weights.simulate({"cells": members}, edges, inputs, END)["cells"]
    found = net.infer(indices, times, until=END)
    assert len(expected) > 30
    assert found.indices.tolist() == [n for _, n in expected]
    np.testing.assert_allclose(found.times, [t for t, _ in expected], rtol=0.0, atol=1e-12)
    for projection, edge in zip(net.projections, edges, strict=True):
        np.testing.assert_allclose(projection.weights.ravel(), edge.weights, rtol=0.0, atol=1e-10)


def test_what_cannot_lie_on_a_cycle():
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Conv2d(1, 3, in_shape=(1, 4, 4), padding=1), evsim.IAFDelta(), name="conv")
    pool = net.add_layer(evsim.Pool2d(1), name="pool")
    net.add_layer(evsim.Unpool2d(pool), name="back")
    with pytest.raises(errors.UnsupportedError, match="gives spikes of a pooling layer back"):
        net.connect("back", "conv", evsim.Conv2d(1, 3, in_shape=(1, 4, 4), padding=1))
    assert len(net.projections) == 1
