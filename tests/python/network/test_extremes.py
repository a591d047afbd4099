"""Bursts, silence, drive and numbers of any size against the 50-digit oracle."""

import math

import numpy as np
import pytest
from agreement import RATIOS, Case, assert_agreement, peak, single
from machines import one_thread

import evsim

ratios = pytest.mark.parametrize("ratio", RATIOS)


@one_thread
@ratios
def test_bursts_between_two_inputs_are_complete(machine, ratio):
    case = single(3.0, 3.0 / ratio, [(0.0, 60.0 / peak(ratio)), (2.0, 1.0), (5.0, 1.0)])
    assert_agreement(case.check(machine), spikes=10)


@one_thread
@ratios
def test_spikes_after_the_last_input_are_found(machine, ratio):
    case = single(3.0, 3.0 / ratio, [(0.0, 1.02 / peak(ratio))])
    assert case.infer(machine)[0][0] > 0.0
    assert_agreement(case.check(machine))


@one_thread
@ratios
@pytest.mark.parametrize("gap", [1e2, 1e4, 1e9])
def test_long_silence_between_inputs_leaves_nothing_behind(machine, ratio, gap):
    tau = 3.0
    weight = 1.5 / peak(ratio)
    case = single(tau, tau / ratio, [(0.0, weight), (gap * tau, weight), (2 * gap * tau, weight)])
    assert_agreement(case.check(machine), spikes=3)


@one_thread
@ratios
@pytest.mark.parametrize("scale", [1e-20, 1e-6, 1e6, 1e20])
def test_weights_and_thresholds_of_any_size(machine, ratio, scale):
    rng = np.random.default_rng(8)
    times = np.sort(rng.uniform(0, 6, 12))
    weights = scale * rng.uniform(-0.4, 1.0, (8, 12)) / peak(ratio)
    case = Case(evsim.LIF(tau_mem=3.0, tau_syn=3.0 / ratio, threshold=scale), weights, np.arange(12), times, None)
    assert_agreement(case.check(machine), spikes=3)


@one_thread
def test_huge_weights_among_tiny_ones(machine):
    rng = np.random.default_rng(9)
    weights = rng.choice([1e-12, -1e-12, 1.5, 500.0, -800.0], (6, 20))
    case = Case(evsim.LIF(tau_mem=2.0, tau_syn=1.0), weights, np.arange(20), np.sort(rng.uniform(0, 20, 20)), None)
    assert_agreement(case.check(machine), spikes=100)


@one_thread
@pytest.mark.parametrize("tau", [1e-9, 1e-3, 1e3, 1e9])
def test_time_constants_of_any_size(machine, tau):
    rng = np.random.default_rng(10)
    times = np.sort(rng.uniform(0, 3 * tau, 12))
    case = Case(evsim.LIF(tau_mem=tau, tau_syn=tau / 3), rng.uniform(-3, 9, (16, 12)), np.arange(12), times, None)
    assert_agreement(case.check(machine), spikes=16)


@one_thread
def test_times_far_from_zero_cost_no_digits(machine):
    rng = np.random.default_rng(11)
    times = 3e6 + np.sort(rng.uniform(0, 10, 20))
    case = Case(evsim.LIF(tau_mem=3.0, tau_syn=1.0), rng.uniform(-1, 5, (16, 20)), np.arange(20), times, None)
    assert_agreement(case.check(machine), spikes=16)


@one_thread
def test_constant_drive_fires_without_input(machine):
    """V = drive (1 - e^{-t/tau}): the intervals are tau ln(drive / (drive - 1))."""
    case = Case(evsim.LIF(tau_mem=4.0, tau_syn=1.0, bias=1.25), np.zeros((1, 1)), [], [], 60.0)
    found = case.infer(machine)[0]
    period = 4.0 * math.log(1.25 / 0.25)
    np.testing.assert_allclose(found, period * np.arange(1, len(found) + 1), rtol=1e-14)
    assert len(found) == int(60.0 / period)


def test_evspikesims_neuron_is_the_lif_with_tau_twice_tau_s():
    """u(t) = sum w (e^{-t/tau} - e^{-t/tau_s}) - threshold sum e^{-(t - t_spike)/tau}, tau = 2 tau_s."""
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_fc_layer(1, 1, tau_s=0.5, threshold=0.4)
    layer.weights[...] = 3.0
    times = net.infer([0], [0.0]).times

    def potential(t):
        rise = 3.0 * (np.exp(-t) - np.exp(-t / 0.5))
        return rise - 0.4 * sum(np.exp(-(t - s)) for s in times if s < t)

    # Its own formula, evaluated at the spikes.
    assert len(times) > 1
    np.testing.assert_allclose([potential(t) for t in times], 0.4, rtol=1e-12)
