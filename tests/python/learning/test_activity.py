"""Networks start alive: what weights make of potentials, and what is said of layers that are not."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import evsim
from evsim import errors
from evsim.initializers import FluctuationInitializer, NormalInitializer
from evsim.learning import check_activity, tune_activity

LIF = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
NEURONS = {
    "LIF": LIF,
    "equal time constants": evsim.LIF(tau_mem=10.0, tau_syn=10.0),
    "biased": evsim.LIF(tau_mem=15.0, tau_syn=4.0, threshold=2.0, v_rest=-1.0, bias=0.5),
    "LIFDelta": evsim.LIFDelta(tau_mem=20.0),
    "LIFAlpha": evsim.LIFAlpha(tau_mem=20.0, tau_syn=7.0),
    "ALIF": evsim.ALIF(tau_mem=12.0, tau_syn=3.0, tau_adaptation=60.0, jump=0.35),
}


def poisson(n_samples, n_inputs, rate, until, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.poisson(rate * n_inputs * until, n_samples)
    return [evsim.SpikeArray(rng.integers(0, n_inputs, n), np.sort(rng.uniform(0.0, until, n))) for n in numbers]


def deep(depth, scale=1.0, n_inputs=100, width=100, seed=1, rate=0.02):
    """Layers one after the other, each for the rate that the one before is expected to have."""
    net, n = evsim.SpikingNetwork(seed=seed), n_inputs
    for k in range(depth):
        one = FluctuationInitializer(LIF, rate)
        weights = scale * one((width, n), np.random.default_rng(seed + k))
        net.add_layer(evsim.Dense(n, width, weights=weights), LIF, name=f"layer {k}")
        n, rate = width, one.output_rate
    return net


def unit_response(neuron, n=200_001, until=400.0):
    """What a spike of weight 1 does to a potential, by a probe."""
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[1e-3]]), neuron)
    times = np.linspace(0.0, until, n)
    probes = [evsim.Probe(0, times) for _ in range(2)]
    net.infer([0], [0.0], until=until, record=probes[0])
    net.infer([], [], start=0.0, until=until, record=probes[1])
    return times, (probes[0].values[:, 0] - probes[1].values[:, 0]) / 1e-3


def integral(values, times):
    return np.sum(0.5 * (values[1:] + values[:-1]) * np.diff(times))


@pytest.mark.parametrize("name", NEURONS)
def test_moments_are_those_of_the_measured_response(name):
    """Mean and deviation of the weights, by Campbell's theorem with integrals of a recorded response."""
    neuron = NEURONS[name]
    start = neuron.v_rest + neuron.bias if name == "biased" else 0.0
    at_rest = evsim.LIF(tau_mem=15.0, tau_syn=4.0, threshold=2.0, v_rest=-1.0, bias=0.5, v_init=start)
    times, response = unit_response(at_rest if name == "biased" else neuron)
    area, energy = integral(response, times), integral(response**2, times)
    gap, n, rate = (2.5 if name == "biased" else 1.0), 400, 0.02
    given = FluctuationInitializer(neuron, rate, xi=1.5, mean=0.2)((300, n), np.random.default_rng(1))
    mean = 0.2 * gap / (n * rate * area)
    square = (0.8 * gap / 1.5) ** 2 / (n * rate * energy)
    assert np.mean(given) == pytest.approx(mean, abs=4.0 * math.sqrt(square / given.size))
    assert np.mean(given**2) == pytest.approx(square, rel=4.0 * math.sqrt(2.0 / given.size))


def test_a_readout_fluctuates_as_was_asked_for():
    neuron = evsim.LI(tau_mem=20.0, tau_syn=5.0)
    rate, n, until = 0.02, 400, 2000.0
    net = evsim.SpikingNetwork(seed=2)
    net.add_layer(evsim.Dense(n, 300, FluctuationInitializer(neuron, rate, xi=2.0, mean=0.0)), neuron)
    probe = evsim.Probe(0, np.arange(100.0, until, 2.0))
    net.infer(poisson(1, n, rate, until, 3)[0], until=until, record=probe)
    assert np.mean(np.std(probe.values, axis=0)) == pytest.approx(0.5, rel=0.1)


def test_the_output_rate_is_how_often_a_free_potential_crosses():
    """Upward crossings of 1 by readouts, which nothing resets, counted on a fine grid."""
    rate, n, until = 0.02, 400, 2000.0
    one = FluctuationInitializer(LIF, rate, xi=1.3)
    neuron = evsim.LI(tau_mem=20.0, tau_syn=5.0)
    weights = one((300, n), np.random.default_rng(5))
    weights -= weights.mean(axis=1, keepdims=True)  # the theory's neurons have one mean
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(n, 300, weights=weights), neuron)
    probe = evsim.Probe(0, np.arange(100.0, until, 0.25))
    net.infer(poisson(1, n, rate, until, 6)[0], until=until, record=probe)
    above = probe.values > 1.0
    crossings = np.sum(above[1:] & ~above[:-1]) / (300 * (until - 100.0))
    assert crossings == pytest.approx(one.output_rate, rel=0.15)


@pytest.mark.parametrize("depth", range(1, 7))
def test_deep_networks_start_alive(depth):
    samples = poisson(30, 100, 0.02, 50.0, seed=depth)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = check_activity(deep(depth), samples, until=50.0)
    assert list(found) == [f"layer {k}" for k in range(depth)]
    for one in found.values():
        assert one.silent < 0.5
        assert one.saturated < 0.5


def test_weights_a_tenth_as_large_are_told():
    samples = poisson(30, 100, 0.02, 50.0, seed=1)
    with pytest.warns(errors.ActivityWarning) as told:
        found = check_activity(deep(3, scale=0.1), samples, until=50.0)
    messages = [str(one.message) for one in told]
    assert len(messages) == 3
    assert "layer 'layer 0' is silent: 100 % of its neurons fire in no sample; it needs larger weights" in messages[0]
    assert "as does its source 'layer 1': begin with that" in messages[2]
    assert all(one.silent == 1.0 for one in found.values())
    assert told[0].filename == __file__


def test_weights_ten_times_as_large_are_told():
    samples = poisson(10, 100, 0.02, 50.0, seed=1)
    with pytest.warns(errors.ActivityWarning, match="is saturated") as told:
        check_activity(deep(2, scale=10.0), samples, until=50.0, tolerated=0.4)
    assert "it needs smaller weights" in str(told[0].message)


def test_counts_are_those_of_a_run():
    samples = poisson(7, 100, 0.02, 50.0, seed=4)
    net = deep(2)
    found = check_activity(net, samples, until=50.0, most=2.0)
    trains = net.infer(samples, until=50.0)
    counts = np.mean([np.bincount(train.indices, minlength=100) for train in trains], axis=0)
    np.testing.assert_allclose(found["layer 1"].spikes, counts, rtol=1e-14)
    assert found["layer 1"].silent == np.mean(counts == 0.0)
    assert found["layer 1"].saturated == np.mean(counts > 2.0)


def test_layers_are_tuned_to_what_was_asked_for():
    samples = poisson(20, 100, 0.02, 50.0, seed=2)
    net = deep(4, scale=0.2)
    factors = tune_activity(net, samples, until=50.0, spikes=0.8)
    assert list(factors) == [f"layer {k}" for k in range(4)]
    for one in check_activity(net, samples, until=50.0).values():
        assert one.spikes.mean() == pytest.approx(0.8, rel=0.1)
    np.testing.assert_allclose(
        net.populations[0].weights, deep(4, scale=0.2)[0].weights * factors["layer 0"], rtol=1e-6
    )


def test_a_layer_that_nothing_wakes_ends_with_finite_weights():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(2, 2, weights=[[-1.0, -1.0], [-1.0, -2.0]]), LIF, name="inhibited")
    factors = tune_activity(net, [evsim.SpikeArray([0, 1], [1.0, 2.0])], until=20.0)
    assert 1e-3 < factors["inhibited"] < 1e3


def test_fan_in_is_that_of_the_shape():
    dense = FluctuationInitializer(LIF, 0.1)((50, 75), np.random.default_rng(1))
    kernels = FluctuationInitializer(LIF, 0.1)((50, 3, 5, 5), np.random.default_rng(1))
    np.testing.assert_allclose(kernels.reshape(50, 75), dense)
    sparse = FluctuationInitializer(LIF, 0.1, fan_in=75)((3750,), np.random.default_rng(1))
    np.testing.assert_allclose(sparse, dense.ravel())
    with pytest.raises(errors.ShapeMismatchError, match="give fan_in"):
        FluctuationInitializer(LIF, 0.1)((100,), np.random.default_rng(1))


def test_each_neuron_has_weights_for_its_own_parameters():
    thresholds = np.array([1.0, 4.0])
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=thresholds)
    weights = FluctuationInitializer(neuron, 0.1)((2, 1000), np.random.default_rng(1))
    assert weights[1].std() / weights[0].std() == pytest.approx(4.0, rel=0.1)
    with pytest.raises(errors.ShapeMismatchError, match="2 neurons"):
        FluctuationInitializer(neuron, 0.1)((3, 10), np.random.default_rng(1))


def test_what_cannot_be_initialised():
    for make, error, match in (
        (lambda: FluctuationInitializer(evsim.IAFDelta(), 0.1), errors.UnsupportedError, "forgets no input"),
        (lambda: FluctuationInitializer(evsim.QIF(), 0.1), errors.UnsupportedError, "not linear"),
        (lambda: FluctuationInitializer(LIF, 0.0), errors.InvalidArgumentError, "rate"),
        (lambda: FluctuationInitializer(LIF, 0.1, xi=-1.0), errors.InvalidArgumentError, "xi"),
        (lambda: FluctuationInitializer(LIF, 0.1, mean=1.0), errors.InvalidArgumentError, "mean"),
        (lambda: FluctuationInitializer(LIF, 0.1, fan_in=0), errors.InvalidArgumentError, "fan_in"),
        (
            lambda: FluctuationInitializer(evsim.LIF(tau_mem=20.0, tau_syn=5.0, bias=2.0), 0.1),
            errors.InvalidArgumentError,
            "fires without input",
        ),
        (
            lambda: FluctuationInitializer(LIF, 1e-4, xi=10.0, mean=0.9)((1, 1), np.random.default_rng(1)),
            errors.InvalidArgumentError,
            "lower xi or mean",
        ),
        (
            lambda: FluctuationInitializer(evsim.LIFDelta(tau_mem=20.0), 0.1).output_rate,
            errors.UnsupportedError,
            "jump",
        ),
    ):
        with pytest.raises(error, match=match):
            make()


@pytest.mark.parametrize("port", ["x", -1, 1, True, np.nan, [0], 0.0], ids=str)
def test_ports_that_there_are_not(port):
    with pytest.raises(errors.EvsimError, match="port"):
        FluctuationInitializer(LIF, 0.1, port=port)


@pytest.mark.parametrize("neuron", [None, [1], {}, "LIF", evsim.LIF, np.ones(2)], ids=str)
def test_what_is_no_neuron(neuron):
    with pytest.raises(errors.DTypeError, match="neuron"):
        FluctuationInitializer(neuron, 0.1)


def test_weights_are_never_infinite():
    for options in ({"rate": 1e-320}, {"rate": 0.1, "xi": 1e-320}):
        with pytest.raises(errors.InvalidArgumentError, match="no weights"):
            FluctuationInitializer(LIF, **options)((2, 3), np.random.default_rng(1))


@pytest.mark.parametrize("samples", [{"input 0": []}, evsim.SpikeArray([0], [1.0]), None, 3, {}], ids=str)
def test_samples_are_a_sequence(samples):
    for check in (check_activity, tune_activity):
        with pytest.raises(errors.DTypeError, match="samples"):
            check(deep(1), samples, until=50.0)


def test_weights_are_as_they_were_where_tuning_ends_in_an_error(monkeypatch):
    net = deep(1, scale=0.01)
    before, infer, runs = np.array(net[0].weights), net.infer, []

    def third_time_unlucky(*arguments, **options):
        runs.append(np.array(net[0].weights))
        if len(runs) == 3:
            raise KeyboardInterrupt
        return infer(*arguments, **options)

    monkeypatch.setattr(evsim.SpikingNetwork, "infer", lambda self, *a, **o: third_time_unlucky(*a, **o))
    with pytest.raises(KeyboardInterrupt):
        tune_activity(net, poisson(2, 100, 0.02, 50.0, seed=1), until=50.0)
    assert not np.array_equal(runs[-1], before)
    np.testing.assert_array_equal(net[0].weights, before)


def test_wrong_options_of_the_checks():
    net = deep(1)
    with pytest.raises(errors.ShapeMismatchError, match="at least one sample"):
        check_activity(net, [], until=50.0)
    samples = poisson(1, 100, 0.02, 50.0, seed=1)
    for options in ({"until": 0.0}, {"until": 50.0, "tolerated": 2.0}, {"until": 50.0, "most": 0.0}):
        with pytest.raises(errors.InvalidArgumentError):
            check_activity(net, samples, **options)
    for options in ({"spikes": 0.0}, {"tolerance": 1.0}):
        with pytest.raises(errors.InvalidArgumentError):
            tune_activity(net, samples, until=50.0, **options)


def test_untuned_weights_are_what_the_initializer_replaces():
    """The default weights, which know nothing of inputs and time constants, saturate or silence deep layers."""
    samples = poisson(20, 100, 0.02, 50.0, seed=3)
    net = evsim.SpikingNetwork(seed=1)
    for k in range(4):
        net.add_layer(evsim.Dense(100, 100, NormalInitializer(0.0, 0.05)), LIF, name=f"layer {k}")
    with pytest.warns(errors.ActivityWarning, match="silent"):
        check_activity(net, samples, until=50.0)
