"""Small networks that fire, their input, and everything one can see of them."""

import numpy as np

import evsim

LIF = {"tau_mem": 2.0, "tau_syn": 1.0}
GOOD = ([0, 1, 2, 3], [0.0, 0.5, 0.5, 2.0])
"""Input of :func:`two_layers`."""


def two_layers():
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(4, 6, weights=np.full((6, 4), 3.0)), evsim.LIF(**LIF))
    net.add_layer(evsim.Dense(6, 2, weights=np.full((2, 6), 1.5)), evsim.LIF(**LIF))
    return net


def state(net):
    """Everything one can see of a network."""
    return (
        repr(net),
        net.time,
        [np.array(layer.weights).tolist() for layer in net],
        [layer.neuron for layer in net],
        [(layer.post_spikes.indices.tolist(), layer.post_spikes.times.tolist()) for layer in net],
    )


def small_network(dtype="float32", **neuron):
    """Two layers with per-neuron parameters; fires on `recording`."""
    rng = np.random.default_rng(0)
    net = evsim.SpikingNetwork(dtype=dtype)
    first = evsim.LIF(tau_mem=4.0, tau_syn=2.0, threshold=np.linspace(0.5, 1.0, 8), **neuron)
    net.add_layer(evsim.Dense(5, 8, weights=rng.uniform(-1, 4, (8, 5))), first)
    second = evsim.LIFDelta(tau_mem=4.0, reset=np.array([0.0, -0.5, 0.25]), refractory=0.25)
    net.add_layer(evsim.Dense(8, 3, weights=rng.uniform(-0.2, 0.6, (3, 8))), second)
    return net


def recording(n=40, seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, n), np.sort(rng.uniform(0, 10, n))


def train(spikes):
    return spikes.indices.tolist(), spikes.times.tolist()


def outputs(net, *arguments, **options):
    net.infer(*arguments, **options)
    return [train(layer.post_spikes) for layer in net]
