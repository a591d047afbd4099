"""QIF with constant input, which evsim solves in closed form, against quadrature and against its own series."""

import math

import numpy as np
import pytest

import evsim

mpmath = pytest.importorskip("mpmath")


def spikes_of(neuron, times=(0.0,), weights=(0.0,), until=1e4):
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(len(times), 1, weights=[list(weights)]), neuron)
    return net.infer(np.arange(len(times)), list(times), until=until).times


def membrane(square, peak, start):
    """x' = x^2 - square, a spike at `peak`; reset far below."""
    return evsim.QIF(
        tau_syn=None, tau_mem=1.0, gain=1.0, v_rest=-0.5, v_c=0.5, bias=0.25 - square, v_peak=peak, v_init=start,
        v_reset=min(start, peak) - 1.0,
    )  # fmt: skip


def rise_by_quadrature(square, start, peak):
    """In variables that keep what a double says of the parameters; the integrand is steep near a fixed point."""
    mpmath.mp.dps = 40
    bias = mpmath.mpf(0.25 - square)
    slope = lambda x: (x - 0.5) * (x + 0.5) + bias  # noqa: E731
    low, high = mpmath.mpf(start), mpmath.mpf(peak)
    narrow = [side * abs(square) ** 0.5 * 2.0**k for k in range(-2, 20) for side in (-1, 1)]
    between = sorted({float(p) for p in [*np.linspace(start, peak, 65), *narrow] if start < p < peak})
    points = [low, *map(mpmath.mpf, between), high]
    near = [low + (points[1] - low) * mpmath.mpf(2) ** -k for k in range(60, 0, -1)]
    return mpmath.quad(lambda x: 1 / slope(x), [low, *near, *points[1:]])


CASES = [
    *[(square, start, 30.0) for square in (-4.0, -0.3, -1e-3) for start in (-20.0, -0.1, 0.0, 2.0)],
    *[(square, start, 30.0) for square in (4.0, 0.3, 1e-3) for start in (2.5, 2.1, 20.0)],
    (4.0, 2.0 + 1e-9, 30.0), (4.0, 2.0 + 1e-13, 30.0), (0.0, 1e-3, 5.0), (0.0, 2.0, 5.0), (0.0, -3.0, -0.5),
    (1e-15, 0.5, 5.0), (-1e-15, 0.5, 5.0), (4.0, -20.0, -3.0), (4.0, -20.0, -2.0 - 1e-9), (-1e-6, -3.0, 1e4),
]  # fmt: skip


@pytest.mark.parametrize(("square", "start", "peak"), CASES)
def test_the_time_to_the_peak(square, start, peak):
    expected = float(rise_by_quadrature(square, start, peak))
    found = spikes_of(membrane(square, peak, start), until=expected + 1.0)
    assert len(found) >= 1
    # What an ulp of a double in the potential is worth in time, where the way begins or ends near a fixed point.
    slopes = [abs((x - 0.5) * (x + 0.5) + 0.25 - square) for x in (start, peak)]
    ulp = sum(4e-16 * max(1.0, abs(x)) / slope for x, slope in zip((start, peak), slopes, strict=True))
    assert found[0] == pytest.approx(expected, rel=1e-13, abs=ulp)


@pytest.mark.parametrize(
    ("square", "start", "peak"),
    [
        (4.0, 1.9, 30.0),
        (4.0, 2.0, 30.0),
        (4.0, 2.0 - 2e-16, 30.0),
        (4.0, 2.0 - 1e-12, 30.0),
        (4.0, -20.0, -1.9),
        (4.0, -1.0, 30.0),
    ],
)
def test_what_tends_to_a_fixed_point_never_fires(square, start, peak):
    assert len(spikes_of(membrane(square, peak, start), until=20.0)) == 0
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[0.0]]), membrane(square, peak, start))
    probe = evsim.Probe(0, times=[100.0])
    net.infer([0, 0], [3.0, 60.0], until=100.0, record=probe)
    assert probe.values[0, 0] == pytest.approx(2.0 if start == 2.0 else -2.0, rel=1e-14)


def random_neurons(seed, n=300):
    rng = np.random.default_rng(seed)
    return evsim.QIF(
        tau_syn=None, tau_mem=rng.uniform(2.0, 30.0, n), gain=rng.uniform(0.02, 0.2, n), bias=rng.normal(3.0, 4.0, n),
        v_init=rng.uniform(-80.0, -40.0, n), v_reset=rng.uniform(-90.0, -40.0, n), v_peak=rng.uniform(-39.0, 40.0, n),
    )  # fmt: skip


def test_the_series_say_the_same():
    """A current too weak to matter makes evsim take its series."""
    neuron = random_neurons(1)
    n = len(neuron.bias)
    solved, series = evsim.SpikingNetwork(dtype="float64"), evsim.SpikingNetwork(dtype="float64")
    solved.add_layer(evsim.Dense(1, n, weights=np.zeros((n, 1))), neuron)
    weak = evsim.QIF(**{**vars(neuron), "tau_syn": 1e3, "tolerance": 1e-13})
    series.add_layer(evsim.Dense(1, n, weights=np.full((n, 1), 1e-300)), weak)
    found, expected = (net.infer([0], [0.0], until=60.0) for net in (solved, series))
    assert len(expected) > 200
    assert found.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(found.times, expected.times, rtol=0.0, atol=1e-8)


def test_events_that_bring_nothing_change_nothing_but_rounding():
    neuron = random_neurons(2)
    n = len(neuron.bias)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, n, weights=np.zeros((n, 1))), neuron)
    whole = net.infer([0], [0.0], until=60.0)
    times = np.sort(np.random.default_rng(3).uniform(0.0, 60.0, 200))
    parts = net.infer([0] * 200, times, until=60.0)
    assert len(whole) > 200
    assert parts.indices.tolist() == whole.indices.tolist()
    np.testing.assert_allclose(parts.times, whole.times, rtol=0.0, atol=1e-8)


def test_a_step_of_current_is_constant_input():
    bias = spikes_of(evsim.QIF(bias=6.0, tau_syn=None), until=300.0)
    step = spikes_of(evsim.QIF(tau_syn=math.inf), (0.0,), (6.0,), until=300.0)
    assert len(bias) > 2
    np.testing.assert_allclose(step, bias, rtol=1e-14)


def test_potentials_at_any_time_up_to_the_spike():
    """Against the tangent itself, past its pole."""
    neuron = membrane(-1.0, 1e3, -1e3)
    at = np.linspace(1e-3, 3.1395, 50)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[0.0]]), neuron)
    probe = evsim.Probe(0, times=at)
    spikes = net.infer([], [], until=3.14, record=probe)
    assert spikes.times[0] == pytest.approx(2 * math.atan(1e3), rel=1e-13)
    np.testing.assert_allclose(probe.values[:, 0], np.tan(at - math.atan(1e3)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("v", [-1e3, -1e8, -1e150])
def test_the_way_back_from_far_away(v):
    """x' = x^2 - 4 from minus infinity is -2 coth 2 t."""
    at = np.array([1e-2, 0.1, 1.0, 50.0])
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[0.0]]), membrane(4.0, 30.0, v))
    probe = evsim.Probe(0, times=at)
    net.infer([], [], until=60.0, record=probe)
    start = math.atanh(2.0 / -v) / 2.0
    np.testing.assert_allclose(probe.values[:, 0], -2.0 / np.tanh(2.0 * (at + start)), rtol=1e-12)
