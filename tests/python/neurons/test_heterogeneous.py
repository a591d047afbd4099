"""Time constants that differ between the neurons of a layer."""

import dataclasses
import pickle
import sys

import gpu
import numpy as np
import pytest
from agreement import RATIOS, Case, Tally, per_neuron, random_delta, random_lif, random_times
from machines import DTYPES, Machine

import evsim
from evsim.errors import InvalidArgumentError, NonFiniteError, ShapeMismatchError

dtypes = pytest.mark.parametrize("dtype", DTYPES)
NEAR = (1 + 1e-15, 1 - 1e-15, 1 + 1e-12, 1 - 1e-6)
"""Ratios of time constants at which a difference of two exponentials has lost its digits."""

TAU_MEM = np.array([5.0, 10.0, 20.0, 20.0, 40.0])
TAU_SYN = np.array([5.0, 5.0, 2.0, 20.0 * (1 - 1e-9), 90.0])
MODELS = {
    "lif": lambda **taus: evsim.LIF(threshold=0.4, **taus),
    "lif_refractory": lambda **taus: evsim.LIF(threshold=0.4, refractory=3.0, **taus),
    "lif_delta": lambda tau_mem, tau_syn: evsim.LIFDelta(tau_mem=tau_mem, threshold=0.6),
    "lif_delta_refractory": lambda tau_mem, tau_syn: evsim.LIFDelta(tau_mem=tau_mem, threshold=0.6, refractory=3.0),
    "li": lambda **taus: evsim.LI(bias=0.1, **taus),
}
models = pytest.mark.parametrize("model", MODELS)


def mixed(rng, case):
    """The same case with time constants of every ratio side by side."""
    n = len(case.weights)
    tau_mem = case.tau * 10 ** rng.uniform(-0.5, 0.5, n)
    taus = {"tau_mem": tau_mem}
    if isinstance(case.neuron, evsim.LIF):
        taus["tau_syn"] = tau_mem / rng.choice(RATIOS + NEAR, n)
    return dataclasses.replace(case, neuron=dataclasses.replace(case.neuron, **taus))


def agreement(seed, machine, n_lif, n_delta):
    rng = np.random.default_rng(seed)
    tally = Tally()
    for _ in range(n_lif):
        tally += mixed(rng, random_lif(rng)).check(machine)
    for _ in range(n_delta):
        tally += mixed(rng, random_delta(rng, leak=True)).check(machine)
    assert not tally.faults, f"{len(tally.faults)} disagreements, such as {tally.faults[0]}"
    return tally


def test_spike_times_are_exact(machine):
    tally = agreement([1, DTYPES.index(machine.dtype)], machine, 8, 4)
    assert tally.spikes > 2000
    assert tally.well_conditioned > 0.5 * tally.spikes


@pytest.mark.nightly
@dtypes
@pytest.mark.parametrize("part", range(4))
def test_campaign(part, dtype, capsys):
    tally = agreement([2, part, DTYPES.index(dtype)], Machine(dtype), 90, 40)
    with capsys.disabled():
        print(f"\nheterogeneous, part {part}, {dtype}: {tally}")
    assert tally.trials == 130 * 48
    assert tally.cut_short < (0.002 if dtype == "float64" else 0.06) * tally.trials


def test_the_check_notices_neurons_with_the_time_constants_of_their_neighbours():
    """Negative control."""
    rng = np.random.default_rng(3)
    case = mixed(rng, random_lif(rng))
    shifted = dataclasses.replace(case.neuron, tau_mem=np.roll(case.neuron.tau_mem, 1))
    assert case.check(Machine("float64"), dataclasses.replace(case, neuron=shifted).infer(Machine("float64"))).faults


# Against layers of one neuron each, which share their gap with nobody


def inputs(seed=4, n_inputs=12, n=150):
    rng = np.random.default_rng(seed)
    times = random_times(rng, n, 5.0)
    return rng.integers(0, n_inputs, n), np.sort(times - times[0])


def weights():
    return np.random.default_rng(5).uniform(-0.4, 0.9, (len(TAU_MEM), 12))


def together(model, dtype, **options):
    net = evsim.SpikingNetwork(dtype=dtype, **options)
    net.add_layer(evsim.Dense(12, len(TAU_MEM), weights=weights()), MODELS[model](tau_mem=TAU_MEM, tau_syn=TAU_SYN))
    return net


def alone(model, dtype, n):
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = MODELS[model](tau_mem=TAU_MEM[n], tau_syn=TAU_SYN[n])
    net.add_layer(evsim.Dense(12, 1, weights=weights()[n : n + 1]), neuron)
    return net


@dtypes
@models
def test_a_neuron_in_a_layer_does_what_it_does_alone(model, dtype):
    close = {"rtol": 0, "atol": 1e-4 if dtype == "float32" else 1e-11}
    indices, times = inputs()
    until = times[-1] + 30.0
    at = np.linspace(0.0, until, 50)
    net = together(model, dtype)
    probe = evsim.Probe(0, at)
    found = per_neuron(net.infer(indices, times, until=until, record=[probe]), len(TAU_MEM))
    for n in range(len(TAU_MEM)):
        one, own = alone(model, dtype, n), evsim.Probe(0, at)
        out = one.infer(indices, times, until=until, record=[own])
        np.testing.assert_allclose(found[n], out.times, **close)
        apart = np.abs(at[:, None] - out.times).min(axis=1, initial=np.inf) > 1e-3  # from every reset
        np.testing.assert_allclose(probe.values[apart, n], own.values[apart, 0], **close)
        if model == "li":
            np.testing.assert_allclose(net[0].maximum[n], one[0].maximum[0], **close)
            np.testing.assert_allclose(net[0].mean[n], one[0].mean[0], **close)


@dtypes
@models
def test_pieces_batches_threads_and_pickles_give_the_same_bits(model, dtype):
    indices, times = inputs()
    until = times[-1] + 30.0
    net = together(model, dtype)
    whole = net.infer(indices, times, until=until)
    assert model == "li" or len(whole) > 20
    cut = times[len(times) // 3]
    before = times < cut
    first = net.infer(indices[before], times[before], until=cut)
    net = pickle.loads(pickle.dumps(net))
    second = net.infer(indices[~before], times[~before], until=until, reset=False)
    np.testing.assert_array_equal(np.concatenate([first.times, second.times]), whole.times)
    np.testing.assert_array_equal(np.concatenate([first.indices, second.indices]), whole.indices)
    spikes = evsim.SpikeArray(indices, times)
    threads = evsim.num_threads()
    evsim.set_num_threads(2)
    try:
        assert all(one == whole for one in net.infer([spikes] * 3, until=until))
    finally:
        evsim.set_num_threads(threads)


@dtypes
@models
def test_files_keep_them(model, dtype, tmp_path):
    net = together(model, dtype)
    net.save(tmp_path / "net.safetensors")
    again = evsim.load(tmp_path / "net.safetensors")
    np.testing.assert_array_equal(again[0].tau, TAU_MEM)
    assert again[0].neuron == net[0].neuron
    assert again.infer(*inputs()) == net.infer(*inputs())


@dtypes
@models
def test_the_gpu_takes_them(model, dtype, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", gpu.CUPY)
    indices, times = inputs(n=60)
    cpu, cuda = together(model, dtype), together(model, dtype, device="cuda")
    expected = cpu.infer(indices, times, until=times[-1] + 30.0)
    found = cuda.infer(indices, times, until=times[-1] + 30.0).to_host()
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times, expected.times, rtol=0, atol=0 if gpu.REAL is None else 1e-3)


@dtypes
@models
@pytest.mark.parametrize("per", ["channel", "neuron"])
@pytest.mark.parametrize("channels", [3, 19])
def test_convolutions_take_them(model, dtype, per, channels):
    """Against a dense layer of the same weights."""
    rng = np.random.default_rng(6)
    shape = (2, 6, 5)
    conv = evsim.Conv2d(channels, 3, in_shape=shape, padding=1, weights=rng.uniform(-0.4, 0.9, (channels, 2, 3, 3)))
    n_inputs, n_pixels = 60, 30
    n = channels if per == "channel" else channels * n_pixels
    taus = {"tau_mem": rng.uniform(5.0, 40.0, n), "tau_syn": rng.uniform(2.0, 40.0, n)}
    net = evsim.SpikingNetwork(dtype=dtype)
    layer = net.add_layer(conv, MODELS[model](**taus))
    dense = evsim.SpikingNetwork(dtype=dtype)
    if per == "channel":
        taus = {name: np.repeat(values, n_pixels) for name, values in taus.items()}
    matrix = unrolled(np.asarray(layer.weights), shape)
    other = dense.add_layer(evsim.Dense(n_inputs, channels * n_pixels, weights=matrix), MODELS[model](**taus))
    spikes = evsim.SpikeArray(rng.integers(0, n_inputs, 80), np.sort(rng.uniform(0.0, 60.0, 80)))
    found, expected = net.infer(spikes, until=80.0), dense.infer(spikes, until=80.0)
    close = {"rtol": 0, "atol": 1e-3 if dtype == "float32" else 1e-10}
    if model == "li":
        np.testing.assert_allclose(layer.maximum, other.maximum, **close)
        np.testing.assert_allclose(layer.mean, other.mean, **close)
        return
    assert len(expected) > 100
    size = channels * n_pixels
    for mine, theirs in zip(per_neuron(found, size), per_neuron(expected, size), strict=True):
        np.testing.assert_allclose(mine, theirs, **close)


def unrolled(kernels, shape):
    """Weights of a convolution with padding 1 and stride 1 as a matrix, (neuron, input)."""
    n_out, n_in, size, _ = kernels.shape
    _, height, width = shape
    out = np.zeros((n_out, height, width, n_in, height, width))
    for y in range(height):
        for x in range(width):
            for dy in range(size):
                for dx in range(size):
                    row, column = y + dy - 1, x + dx - 1
                    if 0 <= row < height and 0 <= column < width:
                        out[:, y, x, :, row, column] = kernels[:, :, dy, dx]
    return out.reshape(n_out * height * width, -1)


# Equal values


@dtypes
@models
def test_equal_values_are_one_value(model, dtype):
    neuron = MODELS[model](tau_mem=np.full(5, 20.0), tau_syn=[4.0] * 5)
    plain = MODELS[model](tau_mem=20.0, tau_syn=4.0)
    assert neuron.kernel_name == plain.kernel_name
    found, expected = (evsim.SpikingNetwork(dtype=dtype) for _ in range(2))
    for net, one in ((found, neuron), (expected, plain)):
        net.add_layer(evsim.Dense(12, 5, weights=weights()), one)
    assert found.infer(*inputs()) == expected.infer(*inputs())


# Kernels with callbacks


def test_a_rule_works_with_them():
    rule = evsim.rules.pair_stdp(a_plus=0.1)
    net = evsim.SpikingNetwork()
    neuron = evsim.LIF(tau_mem=TAU_MEM, tau_syn=TAU_SYN, threshold=0.4)
    layer = net.add_layer(evsim.Dense(12, len(TAU_MEM), weights=weights()), neuron, kernel=rule)
    before = np.array(layer.weights)
    out = net.infer(*inputs())
    assert out.times[0] == together("lif", "float32").infer(*inputs()).times[0]
    assert not np.array_equal(layer.weights, before)


CODE = """
#include <evsim/callbacks.h>
auto neuron_traces_tau(double tau_syn, double tau_mem) { return evsim::time_constants(tau_mem); }
void on_post_neuron(evsim::real* traces) { traces[0] += 1; }
"""


def test_a_trace_that_takes_the_neurons_time_constant_needs_one_for_all():
    net = evsim.SpikingNetwork()
    neuron = evsim.LIF(tau_mem=TAU_MEM, tau_syn=5.0)
    with pytest.raises(InvalidArgumentError, match="one for all of them"):
        net.add_layer(evsim.Dense(12, len(TAU_MEM)), neuron, kernel=CODE)
    net.add_layer(evsim.Dense(12, 5), evsim.LIF(tau_mem=[20.0] * 5, tau_syn=TAU_SYN), kernel=CODE)


# Values that are refused, and values at the ends of what there is


@pytest.mark.parametrize("value", [[10.0, 0.0], [10.0, -1.0], -0.0])
def test_all_must_be_positive(value):
    with pytest.raises(InvalidArgumentError, match="tau_mem must be positive"):
        evsim.LIF(tau_mem=value, tau_syn=5.0)
    with pytest.raises(InvalidArgumentError, match="tau_syn must be positive"):
        evsim.LI(tau_mem=5.0, tau_syn=value)


def test_all_must_be_finite():
    with pytest.raises(NonFiniteError, match="tau_mem must be finite"):
        evsim.LIFDelta(tau_mem=[1.0, np.inf])


@pytest.mark.parametrize("taus", [[10.0, 20.0], [10.0, 10.0]])
def test_lengths_must_fit(taus):
    with pytest.raises(ShapeMismatchError, match="one length"):
        evsim.LIF(tau_mem=taus, tau_syn=[1.0, 2.0, 3.0])
    net = evsim.SpikingNetwork()
    for neuron in (
        evsim.LIF(tau_mem=taus, tau_syn=5.0),
        evsim.LIFDelta(tau_mem=taus),
        evsim.LI(tau_mem=1, tau_syn=taus),
    ):
        with pytest.raises(ShapeMismatchError, match=r"one value or one per neuron \(3\), got 2"):
            net.add_layer(evsim.Dense(4, 3), neuron)
        with pytest.raises(ShapeMismatchError, match=r"per channel \(3\), got 2"):
            net.add_layer(evsim.Conv2d(3, 2, in_shape=(1, 4, 4)), neuron)
    assert len(net) == 0


@dtypes
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e30, 1e300])
def test_any_magnitude_gives_numbers(dtype, scale):
    neuron = evsim.LIF(tau_mem=np.array([1.0, 2.0, 1.0]) * scale, tau_syn=np.array([1.0, 1e-5, 1 + 1e-9]) * scale)
    case = Case(neuron, np.full((3, 2), 3.0), np.array([0, 1, 0]), np.array([0.0, 1.0, 1e10]), 1e20)
    net = case.network(Machine(dtype))
    probe = evsim.Probe(0, [0.5, 1e15], variable="v")
    net.infer(case.indices, case.times, until=case.until, record=[probe])
    assert np.isfinite(probe.values).all()
