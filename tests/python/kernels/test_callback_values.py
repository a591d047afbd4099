"""User callbacks against the plain-Python replay of oracle.callbacks: values, order and arguments."""

from math import inf

import numpy as np
import pytest
from agreement import per_neuron
from callback_kernels import (
    DTYPE,
    EVERYTHING,
    PRE_ONLY,
    RECORDER,
    TAU_MEM,
    TAU_SYN,
    TOLERANCE,
    Everything,
    Recorder,
    close,
    events,
    network,
    strengths,
)
from oracle.callbacks import LifPotential, begin, replay

import evsim

# Against the oracle


SIZES = [(1, 1), (3, 7), (17, 50), (64, 5), (65, 13), (100, 20), (130, 9)]


def assert_agrees_with_the_oracle(n_neurons, n_inputs, dtype, seed):
    """Learn with the rule that uses everything; return the number of output spikes.

    The terms of a trace are of the size of its largest value; every one of up to a few hundred rounds once or twice.

    In float32 the potential that callbacks see adds its own rounding, of some 1e-6, and the weights feed back through
    rates below 0.01: 1e-5 holds where float32 is right. The oracle gets evsim's output spikes, so that no spike time
    of evsim's is compared here.
    """
    weights = strengths(seed, n_neurons, n_inputs).astype(dtype).astype(float)
    indices, times = events(seed, n_inputs)
    net = network(evsim.Kernel(EVERYTHING), weights, dtype)
    outputs = per_neuron(net.infer(indices, times), n_neurons)
    checked = sorted({0, 1, 2, 3, n_neurons // 2, n_neurons - 2, n_neurons - 1} & set(range(n_neurons)))
    expected = replay(
        Everything(checked),
        begin(Everything(checked), weights[checked]),
        indices,
        times,
        [outputs[n] for n in checked],
        membrane=LifPotential(TAU_MEM, TAU_SYN),
        context_after_reset=True,
    )
    tolerance = TOLERANCE[dtype] * (3 if dtype == "float32" else 1)
    close(net[0].neuron_traces[checked], expected.neuron_traces, tolerance)
    close(net[0].synaptic_traces[checked], expected.synaptic_traces, tolerance)
    close(net[0].weights[checked].ravel(), expected.weights.ravel(), tolerance)
    return sum(map(len, outputs))


@DTYPE
@pytest.mark.parametrize(("n_neurons", "n_inputs"), SIZES)
def test_traces_and_weights_are_those_of_the_oracle(n_neurons, n_inputs, dtype):
    n_spikes = assert_agrees_with_the_oracle(n_neurons, n_inputs, dtype, n_neurons)
    assert n_spikes > 1 or n_neurons == 1


@pytest.mark.nightly
@DTYPE
def test_traces_and_weights_are_those_of_the_oracle_in_many_networks(dtype):
    rng = np.random.default_rng(7)
    n_spikes = 0
    for seed in range(1000, 1150):
        n_spikes += assert_agrees_with_the_oracle(int(rng.integers(1, 140)), int(rng.integers(1, 60)), dtype, seed)
    assert n_spikes > 100_000
    print(f"{dtype}: 150 networks, {n_spikes} output spikes")


@pytest.mark.parametrize("weight", [1.0, 6.0])
def test_synaptic_traces_of_a_rule_without_on_post_synapse_decay_from_their_last_arrival(weight):
    """Closed form; a few dozen terms of size 1."""
    indices, times = [0, 1, 1, 0, 2, 1], np.array([0.0, 2.0, 9.0, 15.0, 15.0, 31.0])
    net = network(evsim.Kernel(PRE_ONLY), np.full((3, 3), weight))
    outputs = per_neuron(net.infer(indices, times), 3)
    assert len(outputs[0]) > 0
    end = max(times[-1], outputs[0][-1])
    arrivals = [times[np.array(indices) == k] for k in range(3)]
    expected = [
        [np.exp(-(end - t) / 9).sum(), np.exp(-(t[:, None] - t) / 9)[np.tri(len(t)) > 0].sum()] for t in arrivals
    ]
    for n in range(3):
        np.testing.assert_allclose(net[0].synaptic_traces[n], expected, rtol=1e-12)


@pytest.mark.parametrize("n_neurons", [5, 66])
def test_assigned_traces_decay_from_the_beginning(n_neurons):
    weights = strengths(0, n_neurons, 4)
    indices, times = events(9, 4, n=20, end=60.0)
    rng = np.random.default_rng(1)
    own, synaptic = rng.normal(size=(n_neurons, 2)), rng.normal(size=(n_neurons, 4, 3))
    net = network(evsim.Kernel(EVERYTHING), weights)
    net[0].neuron_traces = own
    net[0].synaptic_traces = synaptic
    outputs = per_neuron(net.infer(indices, times, start=-3.0), n_neurons)
    checked = [0, 3, 4]
    rule = Everything(checked)
    first = begin(rule, weights[checked], start=-3.0, neuron_traces=own[checked], synaptic_traces=synaptic[checked])
    potential = LifPotential(TAU_MEM, TAU_SYN)
    own_outputs = [outputs[n] for n in checked]
    expected = replay(rule, first, indices, times, own_outputs, membrane=potential, context_after_reset=True)
    close(net[0].neuron_traces[checked], expected.neuron_traces, 1e-11)
    close(net[0].synaptic_traces[checked], expected.synaptic_traces, 1e-11)


# Order and arguments


@pytest.fixture(scope="module")
def recorded():
    """A run of the recorder in evsim and in the oracle."""
    weights = np.round(strengths(4, 6, 5) * 1024) / 1024
    indices, times = events(4, 5, n=50)
    net = network(evsim.Kernel(RECORDER), weights)
    outputs = per_neuron(net.infer(indices, times), 6)
    assert sum(map(len, outputs)) > 20
    potential = LifPotential(TAU_MEM, TAU_SYN)
    run = replay(
        Recorder(), begin(Recorder(), weights), indices, times, outputs, membrane=potential, context_after_reset=True
    )
    return net[0], run


@pytest.mark.parametrize(("trace", "what"), list(enumerate(["calls", "time", "neuron", "weight", "input"])))
def test_neuron_callbacks_come_in_order_with_their_arguments(recorded, trace, what):
    """Whole numbers and copies: equal to the last bit."""
    layer, expected = recorded
    np.testing.assert_array_equal(layer.neuron_traces[..., trace], expected.neuron_traces[..., trace])


@pytest.mark.parametrize(
    ("trace", "what"), list(enumerate(["calls", "neuron traces", "time", "weight", "input", "neuron"]))
)
def test_synapse_callbacks_come_in_order_with_their_arguments(recorded, trace, what):
    layer, expected = recorded
    np.testing.assert_array_equal(layer.synaptic_traces[..., trace], expected.synaptic_traces[..., trace])


def test_callbacks_see_the_potential_and_the_current(recorded):
    """Some fifty steps of the membrane, each rounding currents of up to 40: 1e-11 covers them."""
    layer, expected = recorded
    np.testing.assert_allclose(layer.neuron_traces[..., 5:], expected.neuron_traces[..., 5:], atol=1e-11)
    np.testing.assert_allclose(layer.synaptic_traces[..., 6:], expected.synaptic_traces[..., 6:], atol=1e-11)


def test_weights_taken_by_reference_are_written(recorded):
    layer, expected = recorded
    np.testing.assert_array_equal(layer.weights, expected.weights)


def test_a_rule_without_traces_writes_every_weight_at_every_spike():
    """Steps of 2^-10 from dyadic weights: exact. Inputs that never spike are written too."""
    weights = np.round(strengths(17, 35, 9) * 1024) / 1024
    indices, times = events(17, 8)
    net = network(
        """
        #include <evsim/callbacks.h>
        void on_post_synapse(evsim::real& weight, const evsim::real*, evsim::real*) { weight -= 1.0 / 1024; }
        """,
        weights,
    )
    fired = np.bincount(net.infer(indices, times).indices, minlength=35)
    assert fired.max() > 5
    np.testing.assert_array_equal(net[0].weights, weights - fired[:, None] / 1024)
    assert net[0].synaptic_traces.shape == (35, 9, 0)


def test_time_constants_come_from_the_neurons_and_the_parameters():
    layer = network(evsim.Kernel(EVERYTHING, parameters={"tau_fast": 3.5}), [[1.0]])[0]
    assert layer.projection._core.time_constants() == pytest.approx([TAU_MEM, 31.0, 3.5, inf, TAU_SYN + TAU_MEM])
