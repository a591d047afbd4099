"""SRMAlpha on a grid against SLAYER's definition, in every bin."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from machines import DTYPES, Machine
from oracle.srm_grid import kernel, slayer_layer

import evsim
from evsim.errors import InvalidArgumentError, UnsupportedError

dtypes = pytest.mark.parametrize("dtype", DTYPES)
BINS = 300
SETTINGS = [
    {"tau_syn": 10.0, "tau_refractory": 1.0, "threshold": 10.0, "refractory_scale": 2.0},
    {"tau_syn": 1.0, "tau_refractory": 1.0, "threshold": 10.0, "refractory_scale": 2.0},
    {"tau_syn": 5.0, "tau_refractory": 8.0, "threshold": 3.0, "refractory_scale": 0.5},
    {"tau_syn": 16.0, "tau_refractory": 0.3, "threshold": 1.0, "refractory_scale": 1.0},
    {"tau_syn": 0.5, "tau_refractory": 0.4, "threshold": 1.0, "refractory_scale": 1.0},
    {"tau_syn": 3.0, "tau_refractory": 2.0, "threshold": 2.0, "refractory_scale": 0.0},
]
N, INPUTS = 7, 11


def case(settings, seed, dtype, step):
    rng = np.random.default_rng(seed)
    weights = settings["threshold"] * rng.uniform(-0.4, 0.8, (N, INPUTS))
    weights = weights.astype(dtype).astype(float)
    counts = rng.poisson(0.02, (INPUTS, BINS))
    counts[:, 120:250] = 0  # a silence
    counts[:3, 40:44] += 2
    inputs, bins = np.nonzero(counts)
    repeats = counts[inputs, bins]
    inputs, bins = np.repeat(inputs, repeats), np.repeat(bins, repeats)
    order = np.argsort(bins, kind="stable")
    return weights, counts, inputs[order], bins[order] * step


def network(settings, weights, dtype, step, **options):
    taus = {name: settings[name] * step for name in ("tau_syn", "tau_refractory")}
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(INPUTS, N, weights=weights), evsim.SRMAlpha(**{**settings, **taus}, grid=step, **options))
    return net


@dtypes
@pytest.mark.parametrize("cutoff", [0.01, 1e-4])
@pytest.mark.parametrize("step", [1.0, 0.1, 1 / 3])
@pytest.mark.parametrize("which", range(len(SETTINGS)))
def test_every_bin(which, step, cutoff, dtype):
    settings = SETTINGS[which]
    weights, counts, indices, times = case(settings, which, dtype, step)
    threshold = settings["threshold"] * np.linspace(0.8, 1.5, N)
    scale = settings["refractory_scale"] * np.linspace(0.8, 1.2, N)
    spikes, potentials = slayer_layer(
        weights,
        counts,
        step=step,
        tau_syn=settings["tau_syn"] * step,
        tau_refractory=settings["tau_refractory"] * step,
        threshold=threshold,
        scale=scale,
        refractory_cutoff=cutoff,
    )
    own = {**settings, "threshold": threshold, "refractory_scale": scale}
    net = network(own, weights, dtype, step, refractory_cutoff=cutoff)
    probe = evsim.Probe(0, times=(np.arange(BINS) + 0.25) * step, neurons=range(N))
    out = net.infer(indices, times, start=0.0, until=BINS * step, record=probe)
    found = np.zeros((N, BINS + 1), int)  # 99.99999999999999 in place of 300 / 3 lies before `until`
    np.add.at(found, (out.indices, np.rint(out.times / step).astype(int)), 1)
    assert spikes.sum() > 10
    np.testing.assert_array_equal(found[:, :BINS], spikes)
    np.testing.assert_allclose(out.times, np.rint(out.times / step) * step, rtol=1e-14)
    np.testing.assert_allclose(probe.values.T, potentials, rtol=0, atol=1e-12 * np.abs(potentials).max())


@dtypes
@pytest.mark.parametrize("taus", [(16.8, 1.0), (100.0, 5.0), (5.0, 60.0), (134.0, 90.0)])
def test_every_bin_of_long_kernels(taus, dtype):
    """More than 128 steps of one kernel, of the other, or of both, up to 1024."""
    n_bins, n_inputs, rng = 2600, 6, np.random.default_rng(40)
    counts = rng.poisson(0.01, (n_inputs, n_bins))
    counts[:, 900:2300] = 0
    weights = rng.uniform(-0.2, 0.8, (3, n_inputs)).astype(dtype).astype(float)
    settings = {"threshold": np.array([1.0, 1.3, 2.0]), "refractory_scale": np.array([0.5, 1.0, 0.2])}
    spikes, potentials = slayer_layer(
        weights,
        counts,
        step=1.0,
        tau_syn=taus[0],
        tau_refractory=taus[1],
        threshold=settings["threshold"],
        scale=settings["refractory_scale"],
        refractory_cutoff=0.01,
    )
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.SRMAlpha(tau_syn=taus[0], tau_refractory=taus[1], grid=1.0, **settings)
    layer = net.add_layer(evsim.Dense(n_inputs, 3, weights=weights), neuron)
    assert neuron.kernel_name == "srm_alpha_grid_long"
    inputs, bins = np.nonzero(counts)
    repeats = counts[inputs, bins]
    order = np.argsort(np.repeat(bins, repeats), kind="stable")
    probe = evsim.Probe(0, times=np.arange(n_bins) + 0.25, neurons=range(3))
    given = np.repeat(inputs, repeats)[order], np.repeat(bins, repeats)[order].astype(float)
    out = net.infer(*given, start=0.0, until=n_bins, record=probe)
    found = np.zeros((3, n_bins), int)
    np.add.at(found, (out.indices, out.times.astype(int)), 1)
    assert spikes.sum() > 5
    np.testing.assert_array_equal(found, spikes)
    np.testing.assert_allclose(probe.values.T, potentials, rtol=0, atol=1e-12 * np.abs(potentials).max())
    pieces, done = [], 0
    for end in (1.0, 700.0, 701.0, 1500.0, n_bins):
        last = np.searchsorted(given[1], end)
        start = 0.0 if done == 0 and end == 1.0 else None
        piece = given[0][done:last], given[1][done:last]
        pieces.append(net.infer(*piece, start=start, until=end, reset=start is not None))
        net, done = pickle.loads(pickle.dumps(net)), last
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), out.times)
    assert layer.n_neurons == 3


def test_the_shorter_kernel_is_taken_where_it_is_long_enough():
    def kernel_of(**values):
        return evsim.SRMAlpha(**{"tau_syn": 1.0, "tau_refractory": 1.0, "grid": 1.0, **values}).kernel_name

    assert len(kernel(16.7, 1.0, 1.0, 0.01, 1000)) == 128
    assert kernel_of(tau_syn=16.7) == kernel_of(tau_refractory=10.0) == "srm_alpha_grid"
    assert kernel_of(tau_syn=17.0) == kernel_of(tau_refractory=17.0) == "srm_alpha_grid_long"
    assert kernel_of(tau_refractory=12.0, threshold=[1.0, 1000.0]) == "srm_alpha_grid_long"


def test_spikes_in_bins_one_after_another():
    net = network({**SETTINGS[3], "refractory_scale": 0.01}, np.full((N, INPUTS), 3.0), "float64", 1.0)
    (first, *others) = net.infer([0], [0.0]).times[::N]
    assert first == 3.0  # 3 (t / 16) e^(1 - t / 16) >= 1
    np.testing.assert_array_equal(others[:5], first + 1 + np.arange(5))


def test_lengths_of_the_kernels_are_those_that_the_specification_names():
    assert len(kernel(10.0, 1.0, 1.0, 0.01, 1000)) == 77
    np.testing.assert_allclose(kernel(1.0, -20.0, 1.0, 0.01, 1000)[:4], [0, -20, -14.7, -8.1], atol=0.05)


@dtypes
@pytest.mark.parametrize("step", [1.0, 0.1])
def test_a_stream_cut_anywhere_copies_and_files(step, dtype, tmp_path):
    settings = SETTINGS[2]
    weights, _, indices, times = case(settings, 9, dtype, step)
    net = network(settings, weights, dtype, step)
    whole = net.infer(indices, times, start=0.0, until=BINS * step)
    assert len(whole) > 20
    cuts = [0, 1, 2, round(whole.times[5] / step), 43, 120, 130, BINS]
    net.save(tmp_path / "net.safetensors")
    assert evsim.load(tmp_path / "net.safetensors").infer(indices, times, start=0.0, until=BINS * step) == whole
    pieces = []
    for k, (begin, end) in enumerate(itertools.pairwise(cuts)):
        inside = (times > (begin - 0.5) * step) & (times < (end - 0.5) * step)
        start = 0.0 if k == 0 else None
        pieces.append(net.infer(indices[inside], times[inside], start=start, until=end * step, reset=k == 0))
        net = pickle.loads(pickle.dumps(net)) if k % 2 else copy.deepcopy(net)
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    np.testing.assert_array_equal(np.concatenate([piece.indices for piece in pieces]), whole.indices)


@dtypes
def test_two_layers_and_a_convolution(dtype):
    """The second layer hears spikes on the grid, from neurons that were last touched at different times."""
    rng = np.random.default_rng(4)
    step, taus = 0.1, {"tau_syn": 0.5, "tau_refractory": 0.2}
    kernels, dense = rng.uniform(0.0, 1.0, (2, 1, 2, 2)), rng.uniform(0.0, 0.6, (3, 18))
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Conv2d(2, 2, in_shape=(1, 4, 4), weights=kernels), evsim.SRMAlpha(**taus, grid=step), name="a")
    net.add_layer(evsim.Dense(18, 3, weights=dense), evsim.SRMAlpha(**taus, grid=step), name="b")
    bins = np.sort(rng.integers(0, 80, 120))
    spikes = evsim.SpikeArray(rng.integers(0, 16, 120), bins * step)
    out = net.infer(spikes, start=0.0, until=100 * step, outputs=["a", "b"])
    matrix = np.zeros((18, 16))
    for c, y, x, i, j in itertools.product(range(2), range(3), range(3), range(2), range(2)):
        matrix[c * 9 + y * 3 + x, (y + i) * 4 + x + j] = kernels.astype(dtype)[c, 0, i, j]
    counts = np.zeros((16, 100))
    np.add.at(counts, (spikes.indices, bins), 1)
    for name, weights in (("a", matrix), ("b", dense.astype(dtype).astype(float))):
        n = len(weights)
        counts, _ = slayer_layer(weights, counts, step=step, **taus, threshold=np.ones(n), scale=np.full(n, 2.0))
        found = np.zeros((n, 100), int)
        np.add.at(found, (out[name].indices, np.rint(out[name].times / step).astype(int)), 1)
        assert counts.sum() > 20
        np.testing.assert_array_equal(found, counts)


@dtypes
def test_batches_and_threads_give_the_same_bits(dtype):
    rng = np.random.default_rng(6)
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.SRMAlpha(tau_syn=5.0, tau_refractory=2.0, grid=1.0)
    net.add_layer(evsim.Dense(5, 64, weights=rng.uniform(-0.2, 0.6, (64, 5))), neuron)
    spikes = evsim.SpikeArray(rng.integers(0, 5, 100), np.sort(rng.integers(0, 100, 100)).astype(float))
    alone = net.infer(spikes, until=150.0)
    assert len(alone) > 100
    with Machine(dtype, threads=2).in_use():
        assert all(found == alone for found in net.infer([spikes] * 130, until=150.0))


@pytest.mark.parametrize("time", [0.5, 2.25, 1e-9, -0.5])
@pytest.mark.parametrize("name", ["until", "start"])
def test_time_is_not_cut_within_a_step(name, time):
    others = {"start": -3.0} if name == "until" else {"until": 9.0}
    for step in (1.0, 0.1):
        net = network(SETTINGS[0], np.ones((N, INPUTS)), "float32", step)
        with pytest.raises(InvalidArgumentError, match=f"{name} must be a multiple of {step}"):
            net.infer([], [], **{name: time * step}, **others)
        assert net.time is None
        net.infer([0], [0.0], until=3 * step)  # 0.30000000000000004


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"tau_syn": 136.0}, "tau_syn = 136.0 makes a kernel of more than 1024 steps of 1.0"),
        ({"tau_syn": 80.0, "grid": 0.5}, "steps of 0.5"),
        ({"tau_refractory": 104.0, "threshold": 10.0}, "tau_refractory = 104.0"),
        ({"tau_refractory": 104.0, "threshold": [1.0, 1000.0]}, "tau_refractory"),
        ({"tau_syn": 1e9}, "tau_syn"),
    ],
    ids=str,
)
def test_kernels_that_are_too_long_are_refused(values, words):
    with pytest.raises(UnsupportedError, match=words):
        evsim.SRMAlpha(**{"tau_syn": 1.0, "tau_refractory": 1.0, "grid": 1.0, **values})
