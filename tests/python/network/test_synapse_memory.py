"""What synapses cost in memory, and what networks keep of the connections that they are made with."""

import copy
import gc
import pickle
import tracemalloc

import numpy as np
import pytest

import evsim
from evsim import Sparse
from evsim.errors import NoSuchParameterError

N, DEGREE = 2000, 200
N_SYNAPSES = N * DEGREE
LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=1.0)
DELAYS = {"one": 1.5, "by input": np.linspace(1.0, 2.0, N), "by synapse": np.linspace(1.0, 2.0, N_SYNAPSES)}


def ends(order):
    """Sources and targets of a fixed in-degree, `sorted` or `shuffled`."""
    rng = np.random.default_rng(1)
    sources, targets = rng.integers(0, N, N_SYNAPSES), np.repeat(np.arange(N), DEGREE)
    by = np.lexsort((targets, sources)) if order == "sorted" else rng.permutation(N_SYNAPSES)
    return sources[by].astype(np.int32), targets[by].astype(np.int32)


def made(connection, **options):
    net = evsim.SpikingNetwork(seed=1)
    net.add_population(N, LIF, name="a")
    return net, net.connect("a", "a", connection(), **options)


def by_rule(**options):
    return lambda: Sparse.fixed_in_degree(N, N, DEGREE, seed=1, inhibitory=0.2, **options)


def from_arrays(order, dtype):
    given, weights = ends(order), np.linspace(-1.0, 1.0, N_SYNAPSES, dtype=dtype)
    return lambda: Sparse(N, N, *given, weights=weights)


CONNECTIONS = {
    "rule": lambda: by_rule(weights=0.1),
    "rule with an initialiser": by_rule,
    "sorted arrays": lambda: from_arrays("sorted", np.float32),
    "shuffled arrays": lambda: from_arrays("shuffled", np.float32),
    "shuffled arrays of float64": lambda: from_arrays("shuffled", np.float64),
}


@pytest.mark.parametrize("delays", DELAYS)
@pytest.mark.parametrize("kind", CONNECTIONS)
@pytest.mark.parametrize("learns", [False, True])
def test_a_synapse_takes_ten_bytes_or_eighteen_with_a_delay_of_its_own_and_eight_more_for_a_rule(kind, delays, learns):
    connection, kernel = CONNECTIONS[kind](), evsim.rules.pair_stdp() if learns else None
    made(connection, delay=1.0, kernel=kernel)  # what is loaded and compiled once
    gc.collect()
    tracemalloc.start()  # NumPy tells it of its arrays; the core counts its own
    try:
        before, _ = tracemalloc.get_traced_memory()
        _, projection = made(connection, delay=DELAYS[delays], kernel=kernel)
        gc.collect()
        in_arrays = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    most = (18 if delays == "by synapse" else 10) + 8 * learns
    assert N_SYNAPSES * (8 + 8 * (delays == "by synapse") + 8 * learns) <= projection._core.synapse_bytes
    assert in_arrays + projection._core.synapse_bytes <= most * N_SYNAPSES


def test_a_convolution_that_learns_counts_its_pairs():
    """8 bytes for each pair of an input and a neuron, and 12 by neuron."""

    def of(kernel):
        net = evsim.SpikingNetwork()
        net.add_input((1, 30, 30), name="in")
        return net.add_layer(
            evsim.Conv2d(2, kernel_size=3, padding=1), LIF, kernel=kernel
        ).projection._core.synapse_bytes

    n_pairs = 2 * (3 * 30 - 2) ** 2
    assert of(None) < 1000
    assert 20 * n_pairs <= of(evsim.rules.pair_stdp()) <= 20 * n_pairs + 4 * (2 * 900 + 900 + 100) + 1000


def test_networks_share_the_synapses_of_a_connection():
    connection = Sparse.fixed_in_degree(50, 50, 9, seed=1, weights=0.1)
    given = Sparse(50, 50, connection.sources[::-1], connection.targets[::-1], weights=np.arange(450.0))
    nets = [evsim.SpikingNetwork(seed=1) for _ in range(2)]
    for net in nets:
        net.add_population(50, LIF, name="a")
        net.connect("a", "a", connection, delay=1.0)
        net.connect("a", "a", given, delay=1.0)
    for drawn, listed in (net.projections for net in nets):
        assert drawn.connection is connection
        assert np.shares_memory(drawn.connection.targets, connection.targets)
        assert np.shares_memory(listed.connection.targets, given.targets)
        for name in ("sources", "targets"):
            np.testing.assert_array_equal(getattr(listed.connection, name), getattr(given, name))
        np.testing.assert_array_equal(listed.weights, given.weights)
    nets[0].projections[0].weights[:] = 7.0
    assert np.all(nets[1].projections[0].weights == np.float32(0.1))


def test_targets_outlive_the_network_and_the_connection():
    targets = made(lambda: Sparse.fixed_in_degree(N, N, 2, seed=1))[1].connection.targets
    gc.collect()
    assert np.all(np.bincount(targets) == 2)
    with pytest.raises(ValueError, match="read-only"):
        targets[0] = 1


def given_in_another_order(**options):
    net = evsim.SpikingNetwork(seed=1)
    net.add_population(3, LIF, name="a")
    given = Sparse(3, 3, [2, 0, 2, 0], [0, 1, 2, 0], weights=[1, 2, 3, 4])
    return net, given, net.connect("a", "a", given, **options)


def test_a_network_keeps_neither_the_first_weights_nor_the_order_in_which_they_came():
    net, given, projection = given_in_another_order(delay=[1.0, 2.0, 3.0, 4.0])
    assert given.order.tolist() == [3, 1, 0, 2]
    assert projection.weights.tolist() == given.weights.tolist() == [4.0, 2.0, 1.0, 3.0]
    assert projection.delays.tolist() == [4.0, 2.0, 1.0, 3.0]
    assert projection.connection.sources.tolist() == [0, 0, 2, 2]
    assert projection.connection.targets.tolist() == [0, 1, 0, 2]
    for ask in (
        lambda: projection.connection.order,
        lambda: projection.connection.weights,
        lambda: projection.connection.sorted_like_synapses([1, 2, 3, 4]),
        lambda: net.connect("a", "a", projection.connection),  # weights that it would have to make up
        lambda: net.connect("a", "a", projection.connection.bare(), delay=[1.0, 2.0, 3.0, 4.0]),
    ):
        with pytest.raises(NoSuchParameterError, match="does not keep"):
            ask()


@pytest.mark.parametrize("again", [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy])
def test_copies_have_the_same_synapses_in_the_same_order(again):
    net, given, projection = given_in_another_order(delay=[1.0, 2.0, 3.0, 4.0])
    projection.weights[:] = [9.0, 8.0, 7.0, 6.0]
    (found,) = again(net).projections
    for name in ("sources", "targets"):
        np.testing.assert_array_equal(getattr(found.connection, name), getattr(given, name))
    assert found.weights.tolist() == [9.0, 8.0, 7.0, 6.0]
    assert found.delays.tolist() == projection.delays.tolist()


def test_a_rule_that_has_not_drawn_is_pickled_as_a_rule():
    connection = Sparse.fixed_in_degree(10**6, 10**6, 1000, seed=1, weights=0.5, inhibitory=0.5)
    assert len(pickle.dumps(connection)) < 2 * 10**6  # which inputs inhibit


def test_delays_by_input_of_a_connection_in_another_order_are_by_input():
    _, _, projection = given_in_another_order(delay=[1.0, 2.0, 3.0])
    assert projection.delays.tolist() == [1.0, 2.0, 3.0]
