"""Copies, pickles and files of networks."""

import copy
import pickle

import numpy as np
import pytest
from small_networks import outputs, recording, small_network, train

import evsim

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@dtypes
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_pickles_and_deep_copies_go_on_in_the_middle_of_a_stream(dtype, duplicate):
    net = small_network(dtype, refractory=0.3)
    indices, times = recording()
    half = times < 5.0
    net.infer(indices[half], times[half], until=5.0)
    twin = duplicate(net)
    assert repr(twin) == repr(net)
    assert twin.time == 5.0
    assert [layer.neuron for layer in twin] == [layer.neuron for layer in net]
    rest = (indices[~half], times[~half])
    expected = outputs(net, *rest, reset=False)
    assert outputs(twin, *rest, reset=False) == expected
    twin[0].weights[...] = 0.0
    assert outputs(net, indices, times)[0][0] != []
    assert outputs(twin, indices, times)[0][0] == []


def test_copies_of_batches_go_on_too():
    net = small_network()
    samples = [recording(seed=k) for k in range(3)]
    net.infer([(i[t < 5], t[t < 5]) for i, t in samples], until=5.0)
    twin = pickle.loads(pickle.dumps(net))
    rest = [(i[t >= 5], t[t >= 5]) for i, t in samples]
    one, two = net.infer(rest, reset=False), twin.infer(rest, reset=False)
    assert [train(s) for s in one] == [train(s) for s in two]


def test_copies_of_seeded_networks_draw_the_same_weights():
    net = evsim.SpikingNetwork(seed=3)
    net.add_layer(evsim.Dense(3, 4), evsim.IAFDelta())
    twin = copy.deepcopy(net)
    added = [n.add_layer(evsim.Dense(4, 2), evsim.IAFDelta()).weights for n in (net, twin)]
    assert np.array_equal(*added)


@dtypes
def test_files_keep_weights_parameters_and_dtype(dtype, tmp_path):
    net = small_network(dtype, bias=0.25, v_rest=-0.125, refractory=0.5, i_init=np.arange(8) / 8)
    net.add_layer(evsim.Dense(3, 2), evsim.LI(tau_mem=2.0, tau_syn=1.0, v_init=[0.5, 0.25]))
    path = tmp_path / "net.safetensors"
    net.save(path)
    other = evsim.load(path)
    assert repr(other) == repr(net)
    assert [layer.neuron for layer in other] == [layer.neuron for layer in net]
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(net, other, strict=True))
    assert outputs(other, *recording()) == outputs(net, *recording())
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_files_of_empty_networks_can_be_read(tmp_path):
    evsim.save(evsim.SpikingNetwork(dtype="float64"), tmp_path / "empty")
    assert repr(evsim.load(tmp_path / "empty")) == "SpikingNetwork(empty, float64)"
