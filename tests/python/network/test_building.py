"""Building a network: layers, initializers, seeds, models, weights."""

import gc

import numpy as np
import pytest
from small_networks import recording, small_network, train

import evsim
from evsim import errors

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def test_fc_layers_take_evspikesims_arguments():
    net = evsim.SpikingNetwork()
    initializer = evsim.initializers.ConstantInitializer(0.5)
    layer = net.add_fc_layer(
        n_inputs=4, n_neurons=3, tau_s=0.5, threshold=0.25, initializer=initializer, buffer_size=16
    )
    assert (layer.n_inputs, layer.n_neurons) == (4, 3)
    assert (layer.tau_s, layer.tau, layer.threshold) == (0.5, 1.0, 0.25)
    assert np.all(layer.weights == 0.5)
    assert net.add_fc_layer(3, 2, 0.5, 0.25, initializer).n_neurons == 2


@pytest.mark.parametrize("size", [1, 2, 64])
def test_no_spike_is_lost_whatever_the_buffer_size(size):
    net = evsim.SpikingNetwork()
    net.add_fc_layer(1, 1, 1.0, 0.01, evsim.initializers.ConstantInitializer(50.0), buffer_size=size)
    assert len(net.infer([0], [0.0])) > 2000


def test_layers_are_a_sequence():
    net = small_network()
    first, second = net
    assert len(net) == 2
    assert net[0] is first
    assert net[-1] is net[1] is second is net.output_layer
    assert list(net) == [first, second]
    assert net.n_inputs == 5


@pytest.mark.parametrize("index", [2, 5, -3, 10**6])
def test_layers_that_do_not_exist_are_errors(index):
    with pytest.raises(errors.IndexOutOfRangeError, match=rf"no layer {index}; the network has 2"):
        small_network()[index]


def test_seeds_make_weights_repeatable():
    def weights(seed):
        return np.array(evsim.SpikingNetwork(seed=seed).add_layer(evsim.Dense(6, 4), evsim.IAFDelta()).weights)

    assert np.array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))
    evsim.random.set_seed(5)
    one = weights(None)
    evsim.random.set_seed(5)
    assert np.array_equal(weights(None), one)


@pytest.mark.parametrize(
    ("initializer", "low", "high"),
    [
        (evsim.initializers.UniformInitializer(-0.5, 2.0), -0.5, 2.0),
        (evsim.initializers.ConstantInitializer(3.0), 3.0, 3.0),
        (evsim.initializers.NormalInitializer(5.0, 0.1), 3.0, 7.0),
        (lambda shape, rng: rng.integers(1, 3, shape), 1, 2),
    ],
)
def test_initializers_fill_the_whole_matrix(initializer, low, high):
    weights = evsim.SpikingNetwork(seed=0).add_layer(evsim.Dense(50, 40, initializer), evsim.IAFDelta()).weights
    assert weights.shape == (40, 50)
    assert low <= weights.min() <= weights.max() <= high


@dtypes
def test_repr_of_a_network_names_sizes_models_and_dtype(dtype):
    assert repr(small_network(dtype)) == f"SpikingNetwork(5 -> 8 LIF -> 3 LIFDelta, {dtype})"
    assert repr(evsim.SpikingNetwork(dtype=dtype)) == f"SpikingNetwork(empty, {dtype})"


def test_models_are_values():
    assert evsim.LIF(tau_mem=2, tau_syn=1) == evsim.LIF(tau_mem=2.0, tau_syn=1.0)
    assert hash(evsim.LIF(tau_mem=2, tau_syn=1)) == hash(evsim.LIF(tau_mem=2.0, tau_syn=1.0))
    assert evsim.LIF(tau_mem=2.0, tau_syn=1.0) != evsim.LIF(tau_mem=2.0, tau_syn=1.0, bias=0.5)
    assert evsim.IAFDelta(threshold=[1.0, 2.0]) == evsim.IAFDelta(threshold=np.array([1.0, 2.0]))
    assert evsim.IAFDelta() != evsim.LIFDelta(tau_mem=1.0)
    with pytest.raises(AttributeError):
        evsim.IAFDelta().threshold = 2.0


def test_parameters_are_copied_from_the_caller():
    thresholds = np.array([1.0, 2.0])
    neuron = evsim.IAFDelta(threshold=thresholds)
    thresholds[:] = -5.0
    assert neuron.threshold.tolist() == [1.0, 2.0]


@dtypes
@pytest.mark.parametrize("n_neurons", [1, 3, 16, 33, 130])
def test_weights_are_a_view_that_writes_through(dtype, n_neurons):
    net = evsim.SpikingNetwork(dtype=dtype)
    layer = net.add_layer(evsim.Dense(4, n_neurons, weights=np.zeros((n_neurons, 4))), evsim.IAFDelta())
    weights = layer.weights
    assert weights.shape == (n_neurons, 4)
    assert weights.dtype == dtype
    assert np.shares_memory(weights, layer.weights)
    assert net.infer([2], [1.0]).is_empty()
    weights[n_neurons - 1, 2] = 1.5
    assert layer.weights[n_neurons - 1, 2] == 1.5
    assert train(net.infer([2], [1.0])) == ([n_neurons - 1], [1.0])
    assert net.infer([1], [1.0]).is_empty()


def test_weights_can_be_assigned():
    layer = small_network()[0]
    view, new = layer.weights, np.arange(40).reshape(8, 5)
    layer.weights = new
    assert np.array_equal(view, new)
    layer.weights = new.T.copy().T
    assert np.array_equal(view, new)


def test_views_outlive_their_network():
    net = small_network()
    net.infer(*recording())
    weights, spikes, layer = net[0].weights, net[0].post_spikes, net[0]
    expected, seen = np.array(weights), train(spikes)
    times = spikes.times
    del net, spikes
    gc.collect()
    assert np.array_equal(weights, expected)
    assert times.tolist() == seen[1]
    assert layer.n_neurons == 8
    del layer
    gc.collect()
    weights[0, 0] = 7.0
    assert weights[0, 0] == 7.0
