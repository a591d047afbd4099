"""Non-linear neurons in every kind of layer, call and file."""

import dataclasses
import math
import pickle

import numpy as np
import pytest
from machines import DTYPES, Machine

import evsim
from evsim.errors import (
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    ShapeMismatchError,
)

N = 5
CURRENT = {
    "Izhikevich": (evsim.Izhikevich(bias=8.0, tau_syn=5.0, d=[8.0, 6.0, 4.0, 2.0, 0.5]), 3.0),
    "AdEx": (evsim.AdEx.preset("regular_bursting", bias=[180.0, 200.0, 210.0, 250.0, 300.0]), 80.0),
    "ExpLIF": (evsim.ExpLIF(bias=14.0, tau_mem=[5.0, 10.0, 15.0, 20.0, 30.0]), 5.0),
    "QIF": (evsim.QIF(bias=[1.0, 2.0, 3.0, 4.0, 5.0]), 5.0),
    "COBALIF": (evsim.COBALIF(bias=80.0, tau_inh=[2.0, 5.0, 10.0, 20.0, 40.0]), 3.0),
}
JUMPS = {
    f"{name}-jumps": (dataclasses.replace(neuron, tau_syn=None), 2.0)
    for name, (neuron, _) in CURRENT.items()
    if name != "COBALIF"
}
HELD = {
    f"{name}-held": (dataclasses.replace(neuron, refractory=2.5), weight)
    for name, (neuron, weight) in (CURRENT | JUMPS).items()
    if name not in ("AdEx-jumps", "QIF-jumps")
}
EXAMPLES = CURRENT | JUMPS | HELD
models = pytest.mark.parametrize("model", EXAMPLES)


def network(model, machine=None, n_inputs=4):
    """A layer of N neurons, with weights that float32 holds."""
    neuron, weight = EXAMPLES[model]
    weights = np.random.default_rng(1).normal(weight / 2, weight, (N, n_inputs)).astype(np.float32)
    net = (machine or Machine("float64")).network()
    net.add_layer(evsim.Dense(n_inputs, N, weights=weights), neuron)
    return net


def inputs(seed=2, n=80, until=100.0):
    rng = np.random.default_rng(seed)
    return evsim.SpikeArray(rng.integers(0, 4, n), np.sort(np.round(rng.uniform(0.0, until, n), 1)))


@models
def test_float32_weights_give_the_spikes_of_float64(model):
    wide, narrow = (network(model, Machine(dtype)).infer(inputs(), until=120.0) for dtype in DTYPES)
    assert len(wide) > 10
    assert wide == narrow


@models
def test_a_stream_may_be_cut_anywhere(model):
    whole, net = network(model).infer(inputs(), until=120.0), network(model)
    rng, given = np.random.default_rng(3), inputs()
    # At any time, at inputs, at spikes, and where nothing has happened in between.
    near = whole.times[[1, 4, 5, 6]] - [1e-12, 1e-9, 1e-6, 1e-3]  # within upswings
    near = [*near, *(whole.times[[2, 7]] + 2.5), whole.times[8] + 1.0]  # at releases and in between
    cuts = [*rng.uniform(0, 120, 8), *given.times[[7, 30]], *whole.times[[0, 3, -1]], *near, 119.0, 119.5, 120.0]
    cuts = np.unique(cuts)
    pieces, start = [], 0.0
    for k, cut in enumerate(cuts):
        now = (given.times >= start) & (given.times < cut)
        piece = evsim.SpikeArray(given.indices[now], given.times[now])
        pieces.append(net.infer(piece, until=float(cut), reset=k == 0))
        start = cut
    assert np.concatenate([piece.times for piece in pieces]).tolist() == whole.times.tolist()
    assert np.concatenate([piece.indices for piece in pieces]).tolist() == whole.indices.tolist()


@models
def test_batches_and_threads_change_nothing(model):
    samples = [inputs(seed) for seed in range(4)]
    alone = [network(model).infer(sample, until=120.0) for sample in samples]
    before = evsim.num_threads()
    try:
        evsim.set_num_threads(2)
        together = network(model).infer(samples * 30, until=120.0)
    finally:
        evsim.set_num_threads(before)
    assert together[:4] == alone
    assert together[-4:] == alone


@models
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_neurons", [1, 3, 9, 17])
def test_neurons_are_independent_of_their_layer(model, dtype, n_neurons):
    """Whatever the width of vectors and tiles, and in a convolution of one pixel per neuron too."""
    neuron, weight = EXAMPLES[model]
    values = {f.name: getattr(neuron, f.name) for f in dataclasses.fields(neuron)}
    first = dataclasses.replace(neuron, **{k: float(v[0]) for k, v in values.items() if isinstance(v, np.ndarray)})
    rng = np.random.default_rng(4)
    weights = rng.normal(weight / 2, weight, (n_neurons, 4)).astype(np.float32)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(4, n_neurons, weights=weights), first)
    together = net.infer(inputs(), until=120.0)
    conv = evsim.SpikingNetwork(dtype=dtype)
    conv.add_layer(evsim.Conv2d(n_neurons, 1, in_shape=(4, 1, 1), weights=weights[:, :, None, None]), first)
    assert conv.infer(inputs(), until=120.0) == together
    for k in range(n_neurons):
        one = evsim.SpikingNetwork(dtype=dtype)
        one.add_layer(evsim.Dense(4, 1, weights=weights[k : k + 1]), first)
        assert one.infer(inputs(), until=120.0).times.tolist() == together.times[together.indices == k].tolist()


@models
@pytest.mark.parametrize("dtype", DTYPES)
def test_images(model, dtype):
    """A pixel is integrated over the gaps of its own inputs."""
    neuron, weight = EXAMPLES[model]
    values = {f.name: getattr(neuron, f.name) for f in dataclasses.fields(neuron)}
    first = dataclasses.replace(neuron, **{k: float(v[0]) for k, v in values.items() if isinstance(v, np.ndarray)})
    rng = np.random.default_rng(5)
    shape, n = (1, 4, 5), 150
    kernel = rng.normal(weight, weight, (3, 1, 2, 2)).astype(np.float32)
    given = evsim.SpikeArray(rng.integers(0, 20, n), np.sort(np.round(rng.uniform(0, 80, n), 1)))
    conv = evsim.Conv2d(3, 2, in_shape=shape, weights=kernel)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(conv, first)
    dense = np.zeros((36, 20), np.float32)
    for c, y, x, i, j in np.ndindex(3, 3, 4, 2, 2):
        dense[(c * 3 + y) * 4 + x, (y + i) * 5 + x + j] = kernel[c, 0, i, j]
    same = evsim.SpikingNetwork(dtype=dtype)
    same.add_layer(evsim.Dense(20, 36, weights=dense), first)
    found, expected = net.infer(given, until=90.0), same.infer(given, until=90.0)
    assert len(found) > 36
    assert found.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(found.times, expected.times, rtol=0.0, atol=1e-6)


@models
def test_probes_see_the_potential_rise_to_every_spike(model):
    net = network(model)
    spikes = net.infer(inputs(), until=120.0)
    free = ~np.isin(spikes.times, inputs().times)  # an input that jumps over the peak leaves no rise to be seen
    spikes = evsim.SpikeArray(spikes.indices[free], spikes.times[free])
    neuron = EXAMPLES[model][0]
    peak = neuron.threshold if "COBALIF" in model else neuron.v_peak
    times = np.sort(np.concatenate([spikes.times - 1e-9, spikes.times, spikes.times + 1e-9]))
    probe = evsim.Probe(0, times=times)
    net.infer(inputs(), until=120.0, record=probe)
    reset = neuron.c if hasattr(neuron, "c") else neuron.v_reset
    for index, time in zip(spikes.indices, spikes.times, strict=True):
        before, after = np.interp([time - 1e-9, time + 1e-9], times, probe.values[:, index])
        assert before > after
        assert before == pytest.approx(peak, abs=15.0)  # an upswing is steep
        assert after == pytest.approx(reset, abs=1e-5)


@pytest.mark.parametrize(
    ("model", "names"),
    [("Izhikevich", "viu"), ("AdEx", "viw"), ("ExpLIF", "vi"), ("QIF", "vi"), ("COBALIF", ("v", "g_exc", "g_inh"))],
)
def test_every_variable_can_be_recorded(model, names):
    times = np.linspace(0.0, 100.0, 41)
    probes = [evsim.Probe(0, times=times, variable=name) for name in names]
    network(model).infer(inputs(), until=120.0, record=probes)
    for probe in probes:
        assert np.all(np.isfinite(probe.values))
        assert np.ptp(probe.values) > 0
    with pytest.raises(InvalidArgumentError, match="has no variable 'z'; it has: v"):
        network(model).infer(inputs(), until=120.0, record=evsim.Probe(0, times=times, variable="z"))


@models
def test_pickles_files_and_copies(model, tmp_path):
    net = network(model)
    expected = net.infer(inputs(), until=120.0)
    neuron = EXAMPLES[model][0]
    assert pickle.loads(pickle.dumps(neuron)) == neuron
    assert dataclasses.replace(neuron) == neuron
    assert eval(repr(neuron), {"array": np.array, **vars(evsim)}) == neuron
    net.save(tmp_path / "net.safetensors")
    again = evsim.load(tmp_path / "net.safetensors")
    assert again[0].neuron == neuron
    assert again.infer(inputs(), until=120.0) == expected
    assert pickle.loads(pickle.dumps(net)).infer(inputs(), until=120.0) == expected


def test_an_infinite_time_constant_is_kept(tmp_path):
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 1, weights=[[10.0]]), evsim.Izhikevich(tau_syn=math.inf))
    bias = evsim.SpikingNetwork(dtype="float64")
    bias.add_layer(evsim.Dense(1, 1, weights=[[0.0]]), evsim.Izhikevich(bias=10.0, v_init=-70.0, u_init=-14.0))
    found = net.infer([0], [0.0], until=200.0)
    assert found.times == pytest.approx(bias.infer([0], [0.0], until=200.0).times, abs=1e-6)
    net.save(tmp_path / "net.safetensors")
    assert evsim.load(tmp_path / "net.safetensors").infer([0], [0.0], until=200.0) == found


@pytest.mark.parametrize(
    ("model", "dtype"),
    [
        *(("Izhikevich", "float32"), ("AdEx-jumps", "float64"), ("COBALIF", "float32")),
        *(("AdEx-held", "float64"), ("ExpLIF-jumps-held", "float32")),
    ],
)
def test_on_the_gpu(model, dtype):
    machine = Machine(dtype, "cuda")
    with machine.in_use():
        found = network(model, machine).infer(inputs(), until=120.0)
    expected = network(model, Machine(dtype)).infer(inputs(), until=120.0)
    assert np.asarray(found.indices).tolist() == expected.indices.tolist()
    np.testing.assert_allclose(np.asarray(found.times), expected.times, rtol=0.0, atol=1e-9)


def test_a_rule_learns_from_their_spikes():
    """Weights after a call by a rule whose result can be counted: one per output spike, for every input."""
    source = """
#include <evsim/callbacks.h>
void on_post_synapse(evsim::real& w, const evsim::real*, const evsim::real*) { w += 1; }
"""
    try:
        evsim.jit.find_compiler()
    except evsim.errors.CompilerNotFoundError as error:
        pytest.skip(str(error))
    for dtype in DTYPES:
        net = evsim.SpikingNetwork(dtype=dtype)
        layer = net.add_layer(evsim.Dense(1, 3), evsim.Izhikevich(bias=[5.0, 10.0, 15.0]), kernel=evsim.Kernel(source))
        before = layer.weights.copy()
        spikes = net.infer([0], [0.0], until=200.0)
        counts = np.bincount(spikes.indices, minlength=3)
        assert counts.min() > 0
        np.testing.assert_allclose(layer.weights[:, 0] - before[:, 0], counts, atol=1e-5)


# Parameters


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: evsim.ExpLIF(tau_mem=0.0), InvalidArgumentError, "tau_mem must be positive"),
        (lambda: evsim.ExpLIF(delta_t=[1.0, -1.0]), InvalidArgumentError, "delta_t must be positive"),
        (lambda: evsim.ExpLIF(tau_syn=0.0), InvalidArgumentError, "tau_syn must be positive, or None"),
        (lambda: evsim.ExpLIF(v_reset=1.0), InvalidArgumentError, "v_peak must lie above v_reset"),
        (lambda: evsim.ExpLIF(bias=math.nan), NonFiniteError, "bias must be finite"),
        (lambda: evsim.ExpLIF(bias=[1.0, 2.0], v_t=[1.0] * 3), ShapeMismatchError, "one length"),
        (lambda: evsim.QIF(v_c=-70.0), InvalidArgumentError, "v_c must lie above v_rest"),
        (lambda: evsim.QIF(gain=-1.0), InvalidArgumentError, "gain must be positive"),
        (lambda: evsim.AdEx(capacitance=-1.0), InvalidArgumentError, "capacitance must be positive"),
        (lambda: evsim.AdEx(tau_w=0.0), InvalidArgumentError, "tau_w must be positive"),
        (lambda: evsim.AdEx(a="fast"), DTypeError, "a must be a number"),
        (lambda: evsim.Izhikevich(c=40.0), InvalidArgumentError, "v_peak must lie above c"),
        (lambda: evsim.Izhikevich(square=0.0), InvalidArgumentError, "square must be positive"),
        (lambda: evsim.Izhikevich(u_leak=0.0), InvalidArgumentError, "give u_init"),
        (lambda: evsim.COBALIF(v_reset=-40.0), InvalidArgumentError, "threshold must lie above v_reset"),
        (lambda: evsim.COBALIF(v_init=-50.0), InvalidArgumentError, "threshold must lie above v_init"),
        (lambda: evsim.COBALIF(tau_exc=[1.0, 0.0]), InvalidArgumentError, "tau_exc must be positive"),
        (lambda: evsim.QIF(tolerance=0.0), InvalidArgumentError, "tolerance must lie between 1e-14 and 1e-3"),
        (lambda: evsim.QIF(tolerance=[1e-9]), DTypeError, "tolerance"),
        (lambda: evsim.Izhikevich.preset("shy"), InvalidArgumentError, "no preset 'shy'; there are: tonic_spiking"),
        (lambda: evsim.AdEx.current("shy"), InvalidArgumentError, "no preset 'shy'; there are: tonic_spiking"),
    ],
)
def test_bad_parameters(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_parameters_of_the_wrong_length_are_refused_by_the_layer():
    net = evsim.SpikingNetwork()
    with pytest.raises(ShapeMismatchError):
        net.add_layer(evsim.Dense(1, 3), evsim.QIF(tau_mem=[1.0, 2.0]))


def test_izhikevich_begins_at_rest():
    neuron = evsim.Izhikevich(b=[0.2, 0.25, 0.2], bias=[0.0, 0.0, 30.0])
    assert neuron.v_init[0] == pytest.approx(-70.0)
    v, u = neuron.v_init[:2], neuron.u_init[:2]
    np.testing.assert_allclose(0.04 * v * v + 5 * v + 140 - u, 0.0, atol=1e-9)
    assert neuron.v_init[2] == -65.0  # with so much current there is no rest


# The behaviours


def preset_spikes(model, name):
    neuron = model.preset(name, tau_syn=math.inf)
    current = model.current(name)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(len(current.times), 1, weights=[current.steps]), neuron)
    return net.infer(np.arange(len(current.times)), current.times, until=current.duration).times


def between(spikes, begin, end):
    return int(np.sum((spikes >= begin) & (spikes < end)))


# name: for stretches of time, how many spikes at least and at most
BEHAVIOUR = {
    "tonic_spiking": [(0, 10, 0, 0), (10, 100, 4, 9)],
    "phasic_spiking": [(0, 20, 0, 0), (20, 200, 1, 1)],
    "tonic_bursting": [(0, 22, 0, 0), (22, 220, 20, 80)],
    "phasic_bursting": [(0, 20, 0, 0), (20, 90, 4, 12), (90, 200, 0, 0)],
    "mixed_mode": [(16, 30, 3, 3), (30, 160, 4, 6)],
    "spike_frequency_adaptation": [(8, 22, 4, 6), (22, 85, 2, 3)],
    "class_1_excitable": [(0, 60, 0, 0), (60, 180, 3, 6), (180, 300, 6, 12)],
    "class_2_excitable": [(0, 90, 0, 0), (90, 300, 12, 25)],
    "spike_latency": [(0, 14, 0, 0), (14, 100, 1, 1)],
    "subthreshold_oscillation": [(0, 200, 1, 1)],
    "resonator": [(0, 280, 0, 0), (320, 400, 1, 1)],
    "integrator": [(0, 14, 0, 0), (14, 30, 1, 1), (30, 100, 0, 0)],
    "rebound_spike": [(0, 25, 0, 0), (25, 200, 1, 1)],
    "rebound_burst": [(0, 25, 0, 0), (25, 130, 8, 20), (130, 200, 0, 0)],
    "threshold_variability": [(0, 80, 0, 0), (80, 100, 1, 1)],
    "bistability": [(0, 37, 0, 0), (37, 212, 4, 8), (212, 300, 0, 0)],
    "depolarizing_after_potential": [(0, 9, 0, 0), (9, 50, 1, 1)],
    "accommodation": [(0, 300, 0, 0), (300, 400, 1, 1)],
    "inhibition_induced_spiking": [(0, 50, 0, 0), (50, 250, 2, 6), (270, 350, 0, 0)],
    "inhibition_induced_bursting": [(0, 50, 0, 0), (50, 250, 10, 20), (270, 350, 0, 0)],
}


@pytest.mark.parametrize("name", evsim.Izhikevich.PRESETS)
def test_the_behaviours_of_izhikevich(name):
    spikes = preset_spikes(evsim.Izhikevich, name)
    for begin, end, least, most in BEHAVIOUR[name]:
        assert least <= between(spikes, begin, end) <= most, (begin, end, spikes)


def test_there_are_twenty_behaviours():
    assert len(evsim.Izhikevich.PRESETS) == len(BEHAVIOUR) == 20


def test_the_patterns_of_adex():
    """What their names say of the intervals between spikes."""
    intervals = {name: np.diff(preset_spikes(evsim.AdEx, name)) for name in evsim.AdEx.PRESETS}
    assert len(intervals) == 8
    assert np.ptp(intervals["tonic_spiking"][5:]) < 0.02 * np.mean(intervals["tonic_spiking"])
    assert intervals["adaptation"][-1] > 3 * intervals["adaptation"][0]
    assert intervals["initial_burst"][0] < 0.3 * intervals["initial_burst"][3]
    assert intervals["delayed_accelerating"][-1] < 0.6 * intervals["delayed_accelerating"][0]
    for name in ("regular_bursting", "delayed_regular_bursting"):
        assert intervals[name].max() > 8 * intervals[name].min()
    assert preset_spikes(evsim.AdEx, "delayed_regular_bursting")[0] > 50.0
    assert len(intervals["transient_spiking"]) < 3
    irregular = intervals["irregular_spiking"]
    assert np.std(irregular) > 0.3 * np.mean(irregular)
    assert len(np.unique(irregular.round(2))) > 0.9 * len(irregular)
