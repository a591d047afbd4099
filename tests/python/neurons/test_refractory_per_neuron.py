"""Refractory periods that differ between the neurons of a layer."""

import pickle
from itertools import product

import numpy as np
import pytest
from agreement import per_neuron, random_times
from machines import DTYPES, Machine

import evsim
from evsim.errors import InvalidArgumentError, NonFiniteError, ShapeMismatchError
from evsim.neurons import Exponential, Linear

PERIODS = np.array([0.0, 0.5, 2.0, 2.0 + 1e-12, 7.0])
TAU = np.array([5.0, 10.0, 10.0, 20.0, 40.0])

NEURONS = {
    "LIF": evsim.LIF(tau_mem=10.0, tau_syn=5.0, threshold=0.3, refractory=PERIODS),
    "LIF, time constants": evsim.LIF(tau_mem=TAU, tau_syn=5.0, threshold=0.3, refractory=PERIODS),
    "LIFDelta": evsim.LIFDelta(tau_mem=10.0, threshold=0.5, refractory=PERIODS),
    "LIFDelta, time constants": evsim.LIFDelta(tau_mem=TAU, threshold=0.5, refractory=PERIODS),
    "IAFDelta": evsim.IAFDelta(threshold=0.5, refractory=PERIODS),
    "LIFAlpha": evsim.LIFAlpha(tau_mem=10.0, tau_syn=2.0, threshold=0.3, refractory=PERIODS),
    "input lost": evsim.LIFAlpha(tau_mem=10.0, tau_syn=2.0, threshold=0.3, refractory=PERIODS, refractory_input="lost"),
    "parts, time constants": Linear(synapses=Exponential(5.0), tau_mem=TAU, threshold=0.3, refractory=PERIODS),
    "MultiCompartmentLIF": evsim.MultiCompartmentLIF(
        tau_mem=[10.0, 20.0], coupling=[[0.0, 0.5], [0.5, 0.0]], tau_syn=5.0, threshold=0.2, refractory=PERIODS
    ),
    "ExpLIF": evsim.ExpLIF(tau_mem=10.0, tau_syn=5.0, refractory=PERIODS),
    "Izhikevich": evsim.Izhikevich.preset("tonic_bursting", bias=10.0, tau_syn=5.0, refractory=PERIODS),
}
SCALE = {"ExpLIF": 60.0, "Izhikevich": 6.0}


def one_of(neuron, n):
    plain = neuron.to_plain().items()
    own = {name: value[n] if isinstance(value, np.ndarray) and value.shape == (5,) else value for name, value in plain}
    return type(neuron).from_plain(own)


def inputs(name):
    rng = np.random.default_rng(4)
    times = np.sort(random_times(rng, 120, 1.0))
    return rng.integers(0, 8, 120), times - times[0], SCALE.get(name, 1.0) * rng.uniform(-0.3, 1.0, (5, 8))


def spikes(neuron, weights, indices, times, machine):
    net = machine.network()
    port = 0 if isinstance(neuron, evsim.MultiCompartmentLIF) else None
    net.add_layer(evsim.Dense(8, len(weights), weights=weights), neuron, port=port)
    return net.infer(indices, times, until=times[-1] + 20.0)


@pytest.mark.parametrize(
    ("name", "where"),
    [*product(NEURONS, map(Machine, DTYPES)), *((name, Machine("float64", "cuda")) for name in ("LIF", "LIFAlpha"))],
    ids=str,
)
def test_as_in_layers_of_one_neuron_each(name, where):
    neuron, (indices, times, weights) = NEURONS[name], inputs(name)
    with where.in_use():
        together = per_neuron(spikes(neuron, weights, indices, times, where), 5)
        for n in range(5):
            expected = spikes(one_of(neuron, n), weights[n : n + 1], indices, times, where).times
            assert len(expected) > 2
            atol = 2e-4 if where.dtype == "float32" else 1e-9
            np.testing.assert_allclose(together[n], expected, rtol=0, atol=atol)
    assert np.all(np.diff(together[4]) >= 7.0 - 1e-9)
    assert len(together[4]) < len(together[1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_maps_of_a_convolution_have_periods_of_their_own(dtype):
    rng = np.random.default_rng(6)
    weights, times = rng.uniform(0.0, 1.0, (3, 1, 2, 2)), np.sort(rng.uniform(0.0, 60.0, 150))
    indices = rng.integers(0, 25, 150)

    def found(weights, periods):
        net = evsim.SpikingNetwork(dtype=dtype)
        neuron = evsim.LIFDelta(tau_mem=10.0, threshold=0.5, refractory=periods)
        net.add_layer(evsim.Conv2d(len(weights), 2, in_shape=(1, 5, 5), weights=weights), neuron)
        return net.infer(indices, times)

    together = found(weights, [0.0, 1.0, 6.0])
    for k, period in enumerate([0.0, 1.0, 6.0]):
        own = found(weights[k : k + 1], period)
        of_map = together[(together.indices >= 16 * k) & (together.indices < 16 * (k + 1))]
        assert len(own) > 20
        np.testing.assert_array_equal(of_map.indices - 16 * k, own.indices)
        np.testing.assert_allclose(of_map.times, own.times, rtol=0, atol=1e-9)


def test_pieces_of_a_stream_keep_every_neurons_clock():
    indices, times, weights = inputs("LIF")
    whole = spikes(NEURONS["LIF"], weights, indices, times, Machine("float32"))
    net = evsim.SpikingNetwork(dtype="float32")
    net.add_layer(evsim.Dense(8, 5, weights=weights), NEURONS["LIF"])
    recording, end = evsim.SpikeArray(indices, times), times[-1] + 20.0
    parts = [
        net.infer(recording.time_slice(start, start + 3.0), until=min(start + 3.0, end), reset=False).times
        for start in np.arange(0.0, end, 3.0)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole.times)


def test_the_potential_is_held_for_each_neurons_period():
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.LIF(tau_mem=10.0, tau_syn=1e3, refractory=[1.0, 3.0])
    net.add_layer(evsim.Dense(1, 2, weights=[[3.0]] * 2), neuron)
    first = net.infer([0], [0.0], until=5.0).times[0]
    for n, period in enumerate((1.0, 3.0)):
        probe = evsim.Probe(0, neurons=[n], times=first + period * np.array([0.01, 0.99, 1.1]))
        net.infer([0], [0.0], until=first + 4.0, record=probe)
        held, still, free = np.ravel(probe.values)
        assert held == still == 0.0
        assert free > 0.01


def test_arrays_of_zeros_hold_nobody():
    assert evsim.LIF(tau_mem=10.0, tau_syn=5.0, refractory=np.zeros(3)).kernel_name == "lif"


def test_they_are_kept_compared_and_copied():
    for neuron in NEURONS.values():
        assert pickle.loads(pickle.dumps(neuron)) == neuron
        assert hash(type(neuron).from_plain(neuron.to_plain())) == hash(neuron)
        assert one_of(neuron, 4) != neuron


@pytest.mark.parametrize("model", [evsim.LIF, evsim.LIFAlpha, evsim.ExpLIF])
@pytest.mark.parametrize(
    ("periods", "error", "words"),
    [
        ([1.0, -1.0], InvalidArgumentError, "refractory must not be negative"),
        ([1.0, np.inf], NonFiniteError, "refractory must be finite"),
        ([[1.0, 2.0]], ShapeMismatchError, "refractory must be a number or have shape"),
    ],
)
def test_what_is_no_period(model, periods, error, words):
    with pytest.raises(error, match=words):
        model(tau_mem=10.0, tau_syn=5.0, refractory=periods)


@pytest.mark.parametrize("model", [evsim.LIF, evsim.LIFAlpha, evsim.ExpLIF])
def test_one_period_for_each_neuron_of_the_layer(model):
    with pytest.raises(ShapeMismatchError, match="got 2"):
        evsim.SpikingNetwork().add_layer(evsim.Dense(2, 3), model(tau_mem=10.0, tau_syn=5.0, refractory=[1.0, 2.0]))
    with pytest.raises(ShapeMismatchError, match="one length"):
        model(tau_mem=10.0, tau_syn=5.0, v_rest=[0.0, 0.1, 0.2], refractory=[1.0, 2.0])
