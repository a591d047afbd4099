"""Populations that convolutions reach beside dense and sparse projections and drives, against the matrices they are."""

import copy

import numpy as np
import pytest
from oracle import shared_weights, stdp
from oracle.conv import Geometry
from oracle.event_queue import Lif

import evsim
from evsim import errors

SHAPE, N, N_ROW, END = (2, 4, 3), 24, 7, 60.0
FORWARD = Geometry(in_shape=(1, 4, 3), out_channels=2, kernel=(3, 3), padding=(1, 1))
NEURON = {"tau_mem": 20.0, "tau_syn": 5.0, "threshold": 0.6, "refractory": 1.0}
PAIR = {"a_plus": 0.01, "a_minus": 0.012, "tau_plus": 17.0, "tau_minus": 34.0}


def parts(seed):
    rng = np.random.default_rng([31, seed])
    weights = {
        "forward": rng.uniform(0.1, 0.7, FORWARD.weight_shape),
        "up": rng.uniform(0.0, 0.3, (N_ROW, N)),
        "down": rng.uniform(-0.3, 0.4, (N, N_ROW)),
    }
    times = np.sort(np.round(rng.uniform(0.0, END - 5.0, 200), 1))
    return weights, rng.integers(0, 12, 200), times, rng.uniform(0.5, 3.0, N_ROW)


def network(seed, *, expanded=False, rules=(None, None), order=("forward", "down"), drive=None, dtype="float64"):
    """in -> image <-> row; `expanded`: the convolution as a sparse matrix; `rules`: of the way in and the way down."""
    weights, _, _, delays = parts(seed)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_input((1, 4, 3), name="in")
    net.add_population(SHAPE if order[0] == "forward" else N, evsim.LIF(**NEURON, reset=0.0), name="image")
    net.add_population(N_ROW, evsim.LIF(**NEURON, reset=0.0), name="row")
    made = {}
    for name in (*order, "up"):
        if name == "forward":
            matrix, there = FORWARD.matrix(weights["forward"])
            post, pre = np.nonzero(there)
            sparse = evsim.Sparse(12, N, pre, post, matrix[post, pre])
            conv = evsim.Conv2d(2, 3, padding=1, in_shape=(1, 4, 3), weights=weights["forward"])
            made[name] = net.connect("in", "image", sparse if expanded else conv, kernel=rules[0])
        elif name == "down":
            down = evsim.Sparse.from_matrix(weights["down"])
            made[name] = net.connect("row", "image", down, delay=delays, kernel=rules[1])
        else:
            made[name] = net.connect("image", "row", evsim.Dense(N, N_ROW, weights=weights["up"]))
    if drive:
        net.add_drive("image", drive)
    return net, made


def assert_alike(one, other):
    for name in one:
        assert len(one[name]) > 5
        np.testing.assert_array_equal(one[name].indices, other[name].indices)
        np.testing.assert_allclose(one[name].times, other[name].times, rtol=0.0, atol=1e-9)


@pytest.mark.parametrize("order", [("forward", "down"), ("down", "forward")])
@pytest.mark.parametrize("drive", [None, evsim.PoissonDrive(rate=0.2, weight=0.3, seed=5)])
def test_feedback_to_an_image(order, drive):
    _, indices, times, _ = parts(0)
    outs, learned = [], []
    for expanded in (False, True):
        rules = (None, evsim.rules.pair_stdp(**PAIR))
        net, made = network(0, expanded=expanded, rules=rules, order=order, drive=drive)
        outs.append(net.infer({"in": (indices, times)}, until=END, outputs=["image", "row"]))
        learned.append(made["down"].weights.copy())
    assert_alike(*outs)
    np.testing.assert_allclose(*learned, rtol=0.0, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_rules_side_by_side_learn_as_a_heap_of_arrivals_says(seed):
    """Shared weights of a convolution, and those of single synapses."""
    weights, indices, times, delays = parts(seed)
    rules = evsim.rules.pair_stdp(**PAIR), evsim.rules.pair_stdp(**PAIR)
    net, made = network(seed, rules=rules)
    out = net.infer({"in": (indices, times)}, until=END, outputs=["image", "row"])
    taps, there = FORWARD.matrix(np.arange(weights["forward"].size).reshape(FORWARD.weight_shape))
    edges = []
    for name, source, target in (("forward", "in", "image"), ("down", "row", "image"), ("up", "image", "row")):
        matrix = taps if name == "forward" else np.arange(weights[name].size).reshape(weights[name].shape)
        reached = there if name == "forward" else np.ones(matrix.shape, bool)
        post, pre = map(list, np.nonzero(reached))
        numbers = [int(matrix[n, i]) for n, i in zip(post, pre, strict=True)]
        ends = [int(i) for i in pre], [int(n) for n in post]
        own = delays.tolist() if name == "down" else [0.0] * matrix.shape[1]
        rule = None if name == "up" else stdp.Pair(**PAIR)
        edges.append(shared_weights.Shared(source, target, *ends, numbers, weights[name].ravel().tolist(), own, rule))
    populations = {"image": [Lif(**NEURON) for _ in range(N)], "row": [Lif(**NEURON) for _ in range(N_ROW)]}
    inputs = {"in": list(zip(times.tolist(), indices.tolist(), strict=True))}
    expected = shared_weights.simulate(populations, edges, inputs, END)
    for name, spikes in expected.items():
        assert len(spikes) > 20
        assert out[name].indices.tolist() == [n for _, n in spikes]
        np.testing.assert_allclose(out[name].times, [t for t, _ in spikes], rtol=0.0, atol=1e-7)
    np.testing.assert_allclose(made["forward"].weights.ravel(), edges[0].weights, rtol=0.0, atol=1e-8)
    down = made["down"].connection.to_matrix(made["down"].weights).toarray()
    np.testing.assert_allclose(down.ravel(), edges[1].weights, rtol=0.0, atol=1e-8)


@pytest.mark.parametrize("rule", [None, evsim.rules.pair_stdp(**PAIR)])
@pytest.mark.parametrize("drive", [None, evsim.PoissonDrive(rate=0.2, weight=0.3, seed=5)])
def test_pieces_and_copies_leave_no_trace(rule, drive):
    _, indices, times, _ = parts(1)
    whole, made = network(1, rules=(rule, rule), drive=drive)
    expected = whole.infer({"in": (indices, times)}, until=END, outputs=["image", "row"])
    pieces, found = network(1, rules=(rule, rule), drive=drive)[0], {"image": [], "row": []}
    cuts = [7.3, float(times[60]), 31.0, 31.5, float(times[150]), END]
    for begin, end in zip([-np.inf, *cuts], cuts, strict=False):
        here = (times >= begin) & (times < end)
        given = {"in": (indices[here], times[here])}
        out = pieces.infer(given, until=end, reset=begin == -np.inf, outputs=["image", "row"])
        for name, spikes in found.items():
            spikes.append(out[name])
        pieces = copy.deepcopy(pieces)
    for name, spikes in found.items():
        assert len(expected[name]) > 10
        np.testing.assert_array_equal(np.concatenate([part.times for part in spikes]), expected[name].times)
        np.testing.assert_array_equal(np.concatenate([part.indices for part in spikes]), expected[name].indices)
    for one, other in zip(pieces.projections, whole.projections, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
    assert made["forward"].weights.shape == FORWARD.weight_shape


def test_shapes_that_contradict_each_other():
    net, _ = network(0)
    with pytest.raises(errors.ShapeMismatchError, match=r"gives \(3, 4, 2\), but image lies as \(2, 4, 3\)"):
        net.connect("in", "image", evsim.Conv2d(3, (1, 2), in_shape=(1, 4, 3)))
    assert len(net.projections) == 3
