"""Clocks run in double, whatever type the state has: float32 may round a potential, never a refractory period."""

import pickle

import numpy as np
import pytest

import evsim

DTYPES = ("float32", "float64")
dtypes = pytest.mark.parametrize("dtype", DTYPES)

# Dyadic weights and thresholds: sums without rounding, so that only the clock could make a difference.
NEURONS = {
    "IAFDelta": lambda refractory: evsim.IAFDelta(threshold=1.0, reset=0.0, refractory=refractory),
    "IAFDelta, subtract": lambda refractory: evsim.IAFDelta(threshold=1.0, refractory=refractory),
}
neurons = pytest.mark.parametrize("name", list(NEURONS))


def dense(neuron, dtype, weights, device=None):
    net = evsim.SpikingNetwork(dtype=dtype, **({} if device is None else {"device": device}))
    net.add_layer(evsim.Dense(weights.shape[1], len(weights), weights=weights), neuron)
    return net


def conv(neuron, dtype, weights):
    """The same layer as a convolution of one pixel."""
    net = evsim.SpikingNetwork(dtype=dtype)
    n_neurons, n_inputs = weights.shape
    layer = evsim.Conv2d(n_neurons, 1, in_shape=(n_inputs, 1, 1), weights=weights[:, :, None, None])
    net.add_layer(layer, neuron)
    return net


engines = pytest.mark.parametrize("network", [dense, conv], ids=["dense", "conv"])


def spikes_of(net, indices, times, **options):
    out = net.infer(indices, times, **options)
    return out.indices.tolist(), out.times.tolist()


@engines
@dtypes
def test_an_input_of_weight_zero_does_not_move_the_release(dtype, network):
    net = network(evsim.IAFDelta(threshold=1, reset=0, refractory=0.3), dtype, np.array([[2.0, 0.0]]))
    assert net.infer([0, 1, 0], [0.0, 0.1, 0.3]).times.tolist() == [0.0, 0.3]
    assert net.infer([0, 0], [0.0, 0.3]).times.tolist() == [0.0, 0.3]


@engines
@neurons
@pytest.mark.parametrize("steps", [1, 3, 7, 20])
def test_on_a_decimal_grid_both_types_fire_at_the_same_times(name, steps, network):
    """Arrivals at whole steps of 0.1 ms, released at whole steps: every release meets arrivals."""
    rng = np.random.default_rng(steps)
    weights = rng.integers(-2, 7, (9, 6)) / 8.0
    ticks = np.sort(rng.integers(0, 4000, 3000))
    indices, times = rng.integers(0, 6, 3000), ticks * 0.1
    neuron = NEURONS[name](steps * 0.1)
    found = {dtype: spikes_of(network(neuron, dtype, weights), indices, times) for dtype in DTYPES}
    assert found["float32"] == found["float64"]
    assert len(found["float64"][0]) > 100
    # In whole steps nothing is rounded at all.
    exact = network(NEURONS[name](float(steps)), "float64", weights).infer(indices, ticks.astype(float))
    assert found["float64"][0] == exact.indices.tolist()
    assert np.rint(np.array(found["float64"][1]) * 10).tolist() == exact.times.tolist()


@engines
@dtypes
@neurons
def test_inputs_of_weight_zero_anywhere_change_nothing(name, dtype, network):
    rng = np.random.default_rng(5)
    weights = np.hstack([rng.integers(-2, 7, (9, 6)) / 8.0, np.zeros((9, 1))])
    times = np.sort(rng.uniform(0, 200, 1500)).round(1)
    indices = rng.integers(0, 6, 1500)
    net = network(NEURONS[name](0.7), dtype, weights)
    plain = spikes_of(net, indices, times)
    silent = np.concatenate([rng.uniform(0, 200, 4000), (times[::3] + 0.7).round(1)])
    if name == "IAFDelta":
        silent = np.append(silent, np.nextafter(times[::5] + 0.7, 0))
    every = np.concatenate([times, silent])
    order = np.argsort(every, kind="stable")
    found = spikes_of(net, np.concatenate([indices, np.full(len(silent), 6)])[order], every[order])
    assert found[0] == plain[0]
    if name == "IAFDelta":
        assert found[1] == plain[1]
    else:  # what is left above the threshold fires with an arrival that counts as at the release
        assert np.allclose(found[1], plain[1], rtol=1e-14, atol=0)


@engines
@dtypes
@pytest.mark.parametrize("make", [*NEURONS.values(), lambda r: evsim.LIF(tau_mem=9.0, tau_syn=4.0, refractory=r)])
def test_cuts_anywhere_change_nothing(make, dtype, network):
    """Also at releases and just beside them, and through a pickle."""
    rng = np.random.default_rng(6)
    weights = rng.integers(-2, 7, (9, 6)) / 8.0
    times = np.sort(rng.uniform(0, 40, 300)).round(1)
    indices = rng.integers(0, 6, 300)
    net = network(make(0.7), dtype, weights)
    whole = net.infer(indices, times, until=50.0)
    assert len(whole) > 50
    releases = whole.times[::7] + 0.7
    cuts = np.unique([*rng.uniform(0, 40, 20), *releases, *np.nextafter(releases, 0), *times[::20], 50.0])
    pieces, first = [], -1.0
    for k, cut in enumerate(cuts):
        inside = (times >= first) & (times < cut)
        pieces.append(net.infer(indices[inside], times[inside], until=cut, reset=k == 0))
        net, first = pickle.loads(pickle.dumps(net)), cut
    assert np.concatenate([piece.times for piece in pieces]).tolist() == whole.times.tolist()
    assert np.concatenate([piece.indices for piece in pieces]).tolist() == whole.indices.tolist()


@dtypes
def test_a_neuron_on_constant_drive_keeps_its_pace_far_from_time_zero(dtype):
    """Period 0.7 + ln 2 over thousands of spikes: the clock loses nothing to the rounding of absolute times."""
    net = dense(evsim.LIF(tau_mem=1.0, tau_syn=1.0, bias=2.0, refractory=0.7), dtype, np.zeros((1, 1)))
    start = 2.0**30
    times = net.infer([], [], start=start, until=start + 5000.0).times - start
    assert len(times) > 3000
    expected = np.log(2.0) + (0.7 + np.log(2.0)) * np.arange(len(times))
    assert np.abs(times - expected).max() <= np.spacing(start + 5000.0) + 1e-11 * 5000


@dtypes
def test_probes_see_a_held_membrane_as_long_as_it_is_held(dtype):
    net = dense(evsim.LIFDelta(tau_mem=10.0, reset=0.0, refractory=0.3, bias=0.5), dtype, np.array([[2.0, 0.0]]))
    for network in (net, conv(net[0].neuron, dtype, np.array([[2.0, 0.0]]))):
        probe = evsim.Probe(0, [0.05, 0.15, 0.25, 0.3, 0.4])
        network.infer([0, 1, 1], [0.0, 0.1, 0.2], until=1.0, record=probe)
        drift = 0.5 * -np.expm1(-0.1 / 10.0)
        assert np.allclose(probe.values[:, 0], [0.0, 0.0, 0.0, 0.0, drift], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("damage", ["fewer", "more", "nan"])
def test_a_state_with_damaged_clocks_is_refused(damage):
    net = dense(evsim.IAFDelta(refractory=0.5), "float32", np.array([[1.0]]))
    net.infer([0], [0.0], until=1.0)
    snapshot = net._core.snapshot()
    ((state,),) = [states for states in snapshot["states"] if states]
    clocks = {"fewer": [], "more": [0.0] * 4, "nan": [np.nan, 0.0]}[damage]
    error = evsim.errors.NonFiniteError if damage == "nan" else evsim.errors.ShapeMismatchError
    with pytest.raises(error):
        net._core.restore({**snapshot, "states": [[], [{**state, "releases": np.array(clocks)}]]})
    assert net.infer([0], [1.0], reset=False).times.tolist() == [1.0]
