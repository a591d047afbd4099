"""Banks of leaky integrators: their potentials in closed form, and how they lie."""

import dataclasses

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.receptive_fields import temporal_receptive_field

LI = evsim.LI(tau_mem=5.0, tau_syn=2.0)
LIF = evsim.LIF(tau_mem=5.0, tau_syn=2.0, threshold=0.05)


def answer(t, tau_mem, tau_syn):
    """Potential at time t after one spike of weight 1 at time 0."""
    return tau_syn / (tau_mem - tau_syn) * (np.exp(-t / tau_mem) - np.exp(-t / tau_syn))


def test_every_scale_answers_with_its_own_time_constant():
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(*temporal_receptive_field((2, 3, 4), LI, 5, ratio=2.0))
    assert layer.shape == (10, 3, 4)
    times = np.linspace(1.0, 60.0, 50)
    channel, y, x = 1, 2, 1
    probe = evsim.Probe(0, times)
    net.infer([evsim.index_of(channel, y, x, shape=(2, 3, 4))], [1.0], until=61.0, record=probe)
    potentials = probe.values.reshape(50, 2, 5, 3, 4)
    for k in range(5):
        expected = answer(times - 1.0, 5.0 * 2.0**k, 2.0)
        np.testing.assert_allclose(potentials[:, channel, k, y, x], expected, rtol=1e-12, atol=1e-15)
    potentials[:, channel, :, y, x] = 0.0
    assert not potentials.any()


def test_the_default_ratio_doubles_every_second_scale():
    _, neuron = temporal_receptive_field(1, LIF)
    np.testing.assert_allclose(neuron.tau_mem, 5.0 * np.array([1.0, 2**0.5, 2.0, 2**1.5]), rtol=1e-15)
    assert dataclasses.replace(neuron, tau_mem=5.0) == LIF


def test_a_steady_input_gives_every_scale_the_same_potential():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(*temporal_receptive_field(1, LI, 4, weights=0.5))
    probe = evsim.Probe(0, np.arange(2000.0, 2001.0, 0.01))
    net.infer(np.zeros(40_010, int), np.arange(40_010) * 0.05, until=2001.0, record=probe)
    np.testing.assert_allclose(probe.values.mean(axis=0), 0.5 * 2.0 / 0.05, rtol=0.03)


def test_delta_synapses_with_weights_by_scale():
    taus = 5.0 * 2.0 ** np.arange(3)
    silent = evsim.LIFDelta(tau_mem=5.0, threshold=9.0)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(*temporal_receptive_field(2, silent, 3, ratio=2.0, weights=1.0 / taus))
    probe = evsim.Probe(0, [3.0])
    net.infer([1], [1.0], until=4.0, record=probe)
    potentials = probe.values.reshape(3, 2)
    np.testing.assert_allclose(potentials[:, 1], np.exp(-2.0 / taus) / taus, rtol=1e-12)
    assert not potentials[:, 0].any()


def test_spikes_of_a_bank_are_those_of_its_neurons_alone():
    rng = np.random.default_rng(0)
    inputs = evsim.SpikeArray(rng.integers(0, 3, 200), np.sort(rng.uniform(0.0, 100.0, 200)))
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(*temporal_receptive_field(3, LIF, 4))
    found = net.infer(inputs)
    assert len(found) > 100
    for k, tau in enumerate(5.0 * np.sqrt(2.0) ** np.arange(4)):
        alone = evsim.SpikingNetwork(dtype="float64")
        alone.add_layer(evsim.Dense(3, 3, weights=np.eye(3)), dataclasses.replace(LIF, tau_mem=tau))
        expected = alone.infer(inputs)
        mine = found[found.indices // 3 == k]
        assert (mine.indices % 3).tolist() == expected.indices.tolist()
        np.testing.assert_allclose(mine.times, expected.times, rtol=1e-12)


def test_a_bank_follows_a_bank_in_space():
    bank = evsim.receptive_fields.spatial_bank([(1.0, angle, 1.5, 0, 0, 1, 0) for angle in (0.0, 90.0)], 5)
    net = evsim.SpikingNetwork(seed=1)
    space = evsim.Conv2d(2, 5, in_shape=(2, 12, 12), weights=np.stack([-bank, bank], axis=1))
    edges = net.add_layer(space, evsim.LIFDelta(tau_mem=10.0, threshold=0.3))
    time = net.add_layer(*temporal_receptive_field(edges.shape, LIF, 3))
    assert time.shape == (6, 8, 8)
    rng = np.random.default_rng(1)
    assert len(net.infer(rng.integers(0, 288, 3000), np.sort(rng.uniform(0.0, 50.0, 3000)))) > 50


@pytest.mark.parametrize(
    ("arguments", "options", "error", "name"),
    [
        ((0, LI), {}, errors.InvalidArgumentError, "in_shape"),
        (((2, 3), LI), {}, errors.ShapeMismatchError, "in_shape"),
        (((2, 3, 0), LI), {}, errors.InvalidArgumentError, "in_shape"),
        (((2.0, 3, 3), LI), {}, errors.DTypeError, "in_shape"),
        (("234", LI), {}, errors.DTypeError, "in_shape"),
        ((2, LI, 0), {}, errors.InvalidArgumentError, "n_scales"),
        ((2, LI, 2**31 - 1), {}, errors.MemoryLimitError, "channels"),
        (((2**31 - 1, 1, 1), LI), {}, errors.MemoryLimitError, "channels"),
        ((2, LI, 2.0), {}, errors.DTypeError, "n_scales"),
        ((2, LI), {"ratio": 0.0}, errors.InvalidArgumentError, "ratio"),
        ((2, LI, 2000), {"ratio": 2.0}, errors.EvsimError, "tau_mem"),
        ((2, LI, 2000), {"ratio": 0.5}, errors.EvsimError, "tau_mem"),
        ((2, LI), {"weights": [1.0, 2.0]}, errors.ShapeMismatchError, "weights"),
        ((2, LI), {"weights": np.nan}, errors.NonFiniteError, "weights"),
        ((2, evsim.LI), {}, errors.DTypeError, "neuron model"),
        ((2, 5.0), {}, errors.DTypeError, "neuron model"),
        ((2, evsim.IAFDelta()), {}, errors.InvalidArgumentError, "IAFDelta has no"),
        ((2, evsim.LI(tau_mem=[1.0, 2.0], tau_syn=1.0)), {}, errors.ShapeMismatchError, "one number"),
    ],
)
def test_parameters_outside_their_domain_are_refused(arguments, options, error, name):
    with pytest.raises(error, match=name):
        temporal_receptive_field(*arguments, **options)
