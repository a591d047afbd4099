"""Inhibitory and short-term plasticity, against sums over spikes and the formulas of their papers."""

import math

import numpy as np
import pytest

import evsim
from evsim import errors


def connection(kind, weights):
    weights = np.asarray(weights)
    return evsim.Dense(*weights.shape[::-1], weights=weights) if kind == "dense" else evsim.Sparse.from_matrix(weights)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_inhibition_changes_by_the_sum_over_pairs(kind, sign):
    rng = np.random.default_rng(1)
    rate, target, tau = 0.01, 0.02, 15.0
    net = evsim.SpikingNetwork(dtype="float64")
    rule = evsim.rules.vogels_stdp(rate=rate, target=target, tau=tau, sign=sign)
    # Input 0 makes the neuron fire, and has no limit that matters; the others, too weak to do so, learn.
    layer = net.add_layer(connection(kind, [[sign * 50.0] + [sign * 0.5] * 4]), neuron(sign), kernel=rule)
    pre = [np.sort(rng.uniform(0.0, 200.0, 12)) for _ in range(4)]
    driven = np.sort(rng.uniform(0.0, 200.0, 15))
    trains = [driven if sign > 0 else np.empty(0), *pre]
    spikes = evsim.SpikeArray(np.repeat(np.arange(5), [len(t) for t in trains]), np.concatenate(trains))
    spikes.sort()
    post = net.infer(spikes, until=300.0).times
    assert len(post) > 10
    for k, times in enumerate(pre, 1):
        change = sum(math.exp(-abs(s - t) / tau) for s in times for t in post) - 2.0 * target * tau * len(times)
        found = layer.weights[0, k] if kind == "dense" else layer.weights[k]
        assert found == pytest.approx(sign * (0.5 + rate * change), abs=1e-12)


def neuron(sign):
    """One that fires: by its first input, or, where all inputs inhibit, by itself."""
    if sign > 0:
        return evsim.LIFDelta(tau_mem=5.0, threshold=20.0, reset=0.0)
    return evsim.LIFDelta(tau_mem=20.0, threshold=10.0, reset=0.0, bias=15.0)


def rates(target, learn):
    """Of eight neurons under noise, whose inhibition learns, in pieces of time."""
    net = evsim.SpikingNetwork(seed=3)
    cell = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=10.0, reset=0.0)
    cells, source = net.add_population(8, cell, name="cells"), net.add_input(300, name="in")
    synapses = evsim.Sparse.fixed_in_degree(300, 8, 200, seed=1, weights=-0.3)
    rule = evsim.rules.vogels_stdp(rate=0.05 if learn else 0.0, target=target)
    net.connect(source, cells, synapses, delay=1.0, kernel=rule)
    net.add_drive("cells", evsim.PoissonDrive(rate=1.0, weight=2.6, seed=2))
    rng = np.random.default_rng(0)
    found = []
    for begin in np.arange(0.0, 40_000.0, 10_000.0):
        n = rng.poisson(300 * 0.01 * 10_000.0)
        times = np.sort(rng.uniform(begin, begin + 10_000.0, n))
        spikes = net.infer(rng.integers(0, 300, n), times, until=begin + 10_000.0, reset=begin == 0.0)
        found.append(np.bincount(spikes.indices, minlength=8) / 10_000.0)
    return np.array(found)


def test_inhibition_brings_every_neuron_to_its_rate():
    for target in (0.005, 0.015):
        found = rates(target, learn=True)[2:].mean(axis=0)
        assert found.mean() == pytest.approx(target, rel=0.1)
        np.testing.assert_allclose(found, target, rtol=0.3)
    assert np.all(rates(0.005, learn=False) > 0.01)


@pytest.mark.parametrize("kind", ["dense", "sparse"])
@pytest.mark.parametrize(
    ("use", "rec", "fac"), [(0.5, 100.0, 0.0), (0.1, 60.0, 300.0), (0.3, 0.0, 80.0), (1.0, 50.0, 9.0)]
)
def test_what_arrives_is_weight_times_u_times_x(kind, use, rec, fac):
    """Each arrival alone: the potential just after it, less what is left of the one before."""
    rng = np.random.default_rng(4)
    times = np.cumsum(rng.uniform(2.0, 60.0, 20))
    net = evsim.SpikingNetwork(dtype="float64")
    rule = evsim.rules.tsodyks_markram(utilization=use, tau_rec=rec, tau_fac=fac)
    neuron = evsim.LIFDelta(tau_mem=7.0, threshold=1e3)
    layer = net.add_layer(connection(kind, [[2.0]]), neuron, kernel=rule)
    probe = evsim.Probe(0, times=times)
    net.infer([0] * len(times), times, record=probe)
    v = probe.values[:, 0]
    found = v - np.append(0.0, v[:-1] * np.exp(-np.diff(times) / 7.0))
    u, x, expected = use, 1.0, [2.0 * use]
    for gap in np.diff(times):
        x = 1.0 + (x - x * u - 1.0) * (math.exp(-gap / rec) if rec else 0.0)
        u = use + u * (1.0 - use) * (math.exp(-gap / fac) if fac else 0.0)
        expected.append(2.0 * u * x)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-12)
    assert np.all(layer.weights == 2.0)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: evsim.rules.vogels_stdp(sign=0.5), errors.InvalidArgumentError),
        (lambda: evsim.rules.vogels_stdp(rate=-1.0), errors.InvalidArgumentError),
        (lambda: evsim.rules.vogels_stdp(tau=0.0), errors.InvalidArgumentError),
        (lambda: evsim.rules.vogels_stdp(tau=math.inf), errors.NonFiniteError),
        (lambda: evsim.rules.vogels_stdp(target=-0.1), errors.InvalidArgumentError),
        (lambda: evsim.rules.vogels_stdp(w_max=0.0), errors.InvalidArgumentError),
        (lambda: evsim.rules.tsodyks_markram(utilization=1.1), errors.InvalidArgumentError),
        (lambda: evsim.rules.tsodyks_markram(tau_rec=-1.0), errors.InvalidArgumentError),
        (lambda: evsim.rules.tsodyks_markram(tau_fac=math.nan), errors.NonFiniteError),
        (lambda: evsim.rules.tsodyks_markram(tau_rec="long"), errors.DTypeError),
    ],
)
def test_values_outside_their_domain(make, error):
    with pytest.raises(error):
        make()
