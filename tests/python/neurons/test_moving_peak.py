"""A peak that every spike raises and that comes back, against an integrator of its own."""

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pytest
from machines import DTYPES, Machine

pytest.importorskip("scipy")

from oracle.nonlinear import simulate

import evsim
from evsim.errors import InvalidArgumentError, NoSuchParameterError, ShapeMismatchError

UNTIL = 220.0
EXAMPLES = {
    "far above": (evsim.ExpLIF(bias=14.0, v_peak=-30.0, peak_jump=4.0, tau_peak=40.0), 10.0),
    "near v_t": (evsim.ExpLIF(bias=12.0, v_peak=-50.5, peak_jump=3.0, tau_peak=20.0), 12.0),
    "below v_t": (evsim.ExpLIF(bias=11.0, v_peak=-56.0, v_reset=-63.0, peak_jump=2.5, tau_peak=30.0), 10.0),
    "sinks": (evsim.ExpLIF(bias=9.0, v_peak=-46.0, v_reset=-62.0, peak_jump=-1.5, tau_peak=15.0), 14.0),
    "fast": (evsim.ExpLIF(bias=13.0, v_peak=-51.0, peak_jump=20.0, tau_peak=3.0), 10.0),
    "jumps": (evsim.ExpLIF(bias=12.0, v_peak=-49.0, tau_syn=None, peak_jump=3.0, tau_peak=20.0), 3.0),
    "AdEx": (evsim.AdEx.preset("adaptation", bias=500.0, v_peak=-45.0, peak_jump=4.0, tau_peak=60.0), 200.0),
    "AdEx, bursts": (evsim.AdEx.preset("regular_bursting", bias=210.0, v_peak=-44.0, peak_jump=0.7), 200.0),
}
examples = pytest.mark.parametrize("name", EXAMPLES)


def spikes_of(neuron, times, weights, dtype="float64", **options):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(len(times), 1, weights=[weights]), neuron)
    return net.infer(np.arange(len(times)), times, start=0.0, until=UNTIL, **options).times


def random_input(seed, weight, n=60):
    """Times, some of them equal, and weights that float32 holds."""
    rng = np.random.default_rng(seed)
    times = np.sort(np.round(rng.uniform(0.0, 200.0, n), 1))
    return times, rng.normal(0.3 * weight, weight, n).astype(np.float32)


@examples
@pytest.mark.parametrize("refractory", [0.0, 2.5])
def test_spikes_are_those_of_the_oracle(name, refractory):
    neuron, weight = EXAMPLES[name]
    neuron = dataclasses.replace(neuron, refractory=refractory)
    times, weights = random_input(31, weight)
    expected = simulate(neuron, times, weights.astype(float), UNTIL)
    assert len(expected.spikes) > 3
    assert not expected.undecided
    for dtype in DTYPES:
        found = spikes_of(neuron, times, weights, dtype)
        assert len(found) == len(expected.spikes)
        np.testing.assert_allclose(found, expected.spikes, rtol=0.0, atol=1e-6)
    fixed = spikes_of(dataclasses.replace(neuron, peak_jump=0.0), times, weights)
    # Negative control: far above, the peak cuts off what nothing stops.
    assert len(fixed) != len(found) or np.abs(fixed - found).max() > (1e-5 if name == "far above" else 1e-2)


@examples
def test_a_stream_cut_anywhere_has_the_same_spikes(name):
    neuron, weight = EXAMPLES[name]
    neuron = dataclasses.replace(neuron, refractory=0.5)
    times, weights = random_input(32, weight)
    whole = spikes_of(neuron, times, weights)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(60, 1, weights=[weights]), neuron)
    pieces = []
    cuts = [0.0, *sorted([13.37, whole[1], whole[1] + 0.2, times[30], 150.0]), UNTIL]
    for k, (begin, end) in enumerate(itertools.pairwise(cuts)):
        inside = np.flatnonzero((begin <= times) & (times < end))
        start = 0.0 if k == 0 else None
        pieces.append(net.infer(inside, times[inside], start=start, until=end, reset=k == 0).times)
        net = pickle.loads(pickle.dumps(net)) if k % 2 else copy.deepcopy(net)
    np.testing.assert_allclose(np.concatenate(pieces), whole, rtol=0, atol=1e-9)


def test_the_peak_is_the_sum_of_what_spikes_have_left():
    neuron, weight = EXAMPLES["near v_t"]
    times, weights = random_input(33, weight)
    at = np.linspace(0.05, UNTIL - 0.05, 300)
    peak, v = (evsim.Probe(0, times=at, variable=name) for name in ("peak", "v"))
    spikes = spikes_of(neuron, times, weights, record=[peak, v])
    since = at[:, None] - spikes
    expected = -50.5 + 3.0 * np.where(since >= 0, np.exp(-np.maximum(since, 0.0) / 20.0), 0.0).sum(axis=1)
    np.testing.assert_allclose(peak.values[:, 0], expected, atol=1e-7)
    assert np.all(v.values < peak.values)


def test_a_peak_that_comes_down_on_a_potential_at_rest():
    """Rest is above the peak: from the second spike on, the peak decides alone."""
    membrane = {"tau_mem": 1e-3, "v_rest": -60.0, "v_t": -40.0, "v_init": -63.0, "v_reset": -63.0}
    neuron = evsim.ExpLIF(**membrane, v_peak=-62.0, peak_jump=8.0, tau_peak=10.0)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[0.0]]), neuron)
    times = net.infer([], [], start=0.0, until=60.0).times
    rest = -60.0 + 2.0 * np.exp(-10.0)  # but for the last digits
    heights = 8.0
    for spike, following in itertools.pairwise(times[:4]):
        np.testing.assert_allclose(following - spike, 10.0 * np.log(heights / (rest + 62.0)), rtol=1e-3)
        heights = heights * np.exp(-(following - spike) / 10.0) + 8.0


def test_each_neuron_has_its_own_also_none():
    neuron = evsim.ExpLIF(bias=13.0, v_peak=-49.0, peak_jump=[0.0, 1.0, 5.0], tau_peak=[20.0, 5.0, 30.0])
    times, weights = random_input(34, 10.0)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(60, 3, weights=[weights] * 3), neuron)
    out = net.infer(np.arange(60), times, start=0.0, until=UNTIL)
    for n in range(3):
        one = dataclasses.replace(neuron, peak_jump=neuron.peak_jump[n], tau_peak=neuron.tau_peak[n])
        np.testing.assert_allclose(out.times[out.indices == n], spikes_of(one, times, weights), rtol=0, atol=1e-7)


@pytest.mark.parametrize("threads", [2, 3])
def test_any_number_of_threads_gives_the_same_bits(threads):
    neuron, _ = EXAMPLES["AdEx"]
    rng = np.random.default_rng(35)
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(20, 50, weights=rng.normal(60.0, 100.0, (50, 20))), neuron)
    batch = [(rng.integers(0, 20, 40), np.sort(rng.uniform(0.0, 60.0, 40))) for _ in range(6)]
    found = []
    for n in (1, threads):
        with Machine("float32", threads=n).in_use():
            found.append(net.infer(batch, start=0.0, until=80.0))
    assert sum(len(one) for one in found[0]) > 100
    assert found[0] == found[1]


def test_files_keep_it(tmp_path):
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(1, 2), evsim.AdEx(peak_jump=[1.0, 2.0], tau_peak=7.0))
    net.save(tmp_path / "net.safetensors")
    assert evsim.load(tmp_path / "net.safetensors")[0].neuron == net[0].neuron


def test_a_peak_that_stays_costs_nothing():
    for neuron in (evsim.ExpLIF(), evsim.AdEx(), evsim.ExpLIF(peak_jump=[0.0, 0.0], tau_peak=3.0)):
        assert neuron.kernel_name in ("exp_lif", "adex")
        net = evsim.SpikingNetwork()
        net.add_layer(evsim.Dense(1, 2), neuron)
        with pytest.raises(NoSuchParameterError, match="no peak that moves"):
            net.infer([], [], until=1.0, record=evsim.Probe(0, times=[0.5], variable="peak"))


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"tau_peak": 0.0}, InvalidArgumentError, "tau_peak must be positive"),
        ({"peak_jump": [1.0, 2.0], "tau_peak": [1.0, 2.0, 3.0]}, ShapeMismatchError, "one length"),
        ({"peak_jump": np.nan}, evsim.errors.NonFiniteError, "peak_jump must be finite"),
    ],
)
def test_mistakes_are_named(values, error, words):
    for model in (evsim.ExpLIF, evsim.AdEx):
        with pytest.raises(error, match=words):
            model(**values)
