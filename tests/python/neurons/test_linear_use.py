"""Linear neurons in every place that a neuron has: ports, convolutions, pieces, threads, probes, files, rules."""

import copy
import dataclasses
import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from agreement import per_neuron
from linear_cases import LinearCase, spread
from machines import DTYPES, Machine, assert_batches_are_as_alone

import evsim
from evsim.neurons import Alpha, CurrentAdaptation, Delta, Exponential, Linear, ThresholdAdaptation

dtypes = pytest.mark.parametrize("dtype", DTYPES)
CLOSE = {"float32": 2e-4, "float64": 1e-10}
N = 9


def parts(**options):
    """Every kind of part."""
    return Linear(
        synapses={"exc": Alpha(2.0), "inh": Exponential(10.0), "jump": Delta()},
        tau_mem=20.0,
        adaptation=[ThresholdAdaptation(50.0, 0.1), CurrentAdaptation(30.0, np.linspace(0.0, 0.2, N), 2.0)],
        **{
            "threshold": np.linspace(0.8, 1.4, N),
            "bias": np.linspace(-0.2, 0.2, N),
            "reset": np.linspace(-0.3, 0.3, N),
            "v_init": np.linspace(-0.3, 0.3, N),
            "refractory": 1.0,
            **options,
        },
    )


def case(neuron, seed=1, n=80):
    rng = np.random.default_rng(seed)
    strength = np.array([6.0, -2.0, 0.6]).reshape(3, 1, 1)
    times = np.sort(rng.uniform(0.0, 100.0, n))
    times[10:13] = times[10]
    weights = strength * rng.uniform(0.0, 1.0, (3, N, 5))
    return LinearCase(neuron, weights, rng.integers(0, 5, n), times, rng.integers(0, 3, n), 130.0)


VARIANTS = {
    "all": parts(),
    "input lost": parts(refractory_input="lost", refractory=3.0),
    "never held": parts(refractory=0.0),
    "subtract": parts(reset="subtract", refractory=0.5),
    "each its own": spread(parts(), N, np.random.default_rng(4)),
    "each its own, never held": spread(parts(refractory=0.0), N, np.random.default_rng(5)),
}
variants = pytest.mark.parametrize("variant", VARIANTS)


@dtypes
@pytest.mark.parametrize("refractory", [0.0, 2.0])
@pytest.mark.parametrize("reset", ["subtract", -0.2])
def test_exponential_is_lif_and_delta_is_lif_delta(dtype, refractory, reset):
    rng = np.random.default_rng(2)
    common = {"tau_mem": 20.0, "refractory": refractory, "reset": reset, "bias": 0.2, "threshold": 0.7, "v_rest": 0.1}
    pairs = [
        (Linear(synapses=Exponential(5.0), **common), evsim.LIF(tau_syn=5.0, **common), 6.0),
        (Linear(synapses=Delta(), **common), evsim.LIFDelta(**common), 1.5),
    ]
    times, indices = np.sort(rng.uniform(0.0, 200.0, 150)), rng.integers(0, 6, 150)
    for mine, theirs, strength in pairs:
        weights = strength * rng.uniform(-0.3, 1.0, (7, 6))
        found, expected = (
            one_layer(neuron, weights, dtype).infer(indices, times, until=220.0) for neuron in (mine, theirs)
        )
        assert len(expected) > 50
        for a, b in zip(per_neuron(found, 7), per_neuron(expected, 7), strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=CLOSE[dtype])


def one_layer(neuron, weights, dtype, **options):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(weights.shape[1], weights.shape[0], weights=weights), neuron, **options)
    return net


@dtypes
def test_a_factor_of_a_delta_synapse_is_that_of_its_weights(dtype):
    weights = np.random.default_rng(3).uniform(0.0, 1.0, (4, 5))
    inputs = (np.arange(40) % 5, np.arange(40) * 1.5)
    twice = one_layer(Linear(synapses=2.0 * Delta(), tau_mem=20.0), weights, dtype).infer(*inputs)
    plain = one_layer(Linear(synapses=Delta(), tau_mem=20.0), 2.0 * weights, dtype).infer(*inputs)
    np.testing.assert_array_equal(twice.indices, plain.indices)
    np.testing.assert_allclose(twice.times, plain.times, rtol=0, atol=CLOSE[dtype])


@variants
@dtypes
def test_ports_by_number_and_by_name_are_the_same(variant, dtype):
    one = case(VARIANTS[variant])
    net = Machine(dtype).network()
    net.add_population(N, one.neuron, name="cells")
    for port, name in enumerate(("exc", "inh", "jump")):
        net.add_input(5, name=f"in{port}")
        net.connect(f"in{port}", "cells", evsim.Dense(5, N, weights=one.weights[port]), port=name)
    by_name = net.infer(one.inputs(), start=0.0, until=one.until)
    assert len(by_name) > 30
    for a, b in zip(per_neuron(by_name, N), one.infer(Machine(dtype)), strict=True):
        np.testing.assert_array_equal(a, b)


@variants
@dtypes
def test_parts_beside_each_other_are_exact(variant, dtype):
    one = case(VARIANTS[variant], n=25)
    few = dataclasses.replace(one, until=float(one.times[-1]))
    tally = few.check(Machine(dtype))
    assert not tally.faults, tally.faults[0]
    assert tally.spikes > 4


@variants
@dtypes
def test_pieces_copies_pickles_and_files_give_the_same_bits(variant, dtype, tmp_path):
    one = case(VARIANTS[variant])
    net = one.network(Machine(dtype))
    whole = net.infer(one.inputs(), start=0.0, until=one.until)
    cuts = [0.0, float(one.times[20]), float(whole.times[len(whole) // 2]), 77.7, one.until]
    pieces = []
    for k, (begin, end) in enumerate(itertools.pairwise(cuts)):
        last = end == one.until
        inside = one.inputs(begin, np.inf if last else end)
        pieces.append(net.infer(inside, start=0.0 if k == 0 else None, until=end, reset=k == 0))
        if k == 0:
            net = pickle.loads(pickle.dumps(net))
        elif k == 1:
            net = copy.deepcopy(net)
        elif k == 2:
            net.save(tmp_path / "net.safetensors")
            again = evsim.load(tmp_path / "net.safetensors")
            assert again["cells"].neuron == one.neuron
            assert again.infer(one.inputs(), start=0.0, until=one.until) == whole
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    np.testing.assert_array_equal(np.concatenate([piece.indices for piece in pieces]), whole.indices)


@dtypes
def test_batches_and_threads_give_the_same_bits(dtype):
    weights = np.random.default_rng(5).uniform(-1.0, 4.0, (64, 5))
    neuron = Linear(synapses=Alpha(2.0), tau_mem=20.0, adaptation=ThresholdAdaptation(50.0, 0.1), refractory=1.0)
    net = one_layer(neuron, weights, dtype)
    rng = np.random.default_rng(6)
    spikes = evsim.SpikeArray(rng.integers(0, 5, 300), np.sort(rng.uniform(0.0, 200.0, 300)))
    assert_batches_are_as_alone(net, spikes, 220.0, 300 * 64)


@dtypes
def test_every_variable_can_be_recorded(dtype):
    """Each against its closed form, after one spike of every port."""
    neuron = Linear(
        synapses={"a": Alpha(2.0), "e": Exponential(10.0)},
        tau_mem=20.0,
        v_rest=0.3,
        threshold=0.9,
        adaptation=[ThresholdAdaptation(50.0, 0.1), CurrentAdaptation(30.0, 0.2)],
    )
    assert neuron.variables == ("rise_a", "i_a", "i_e", "v", "h", "w")
    one = LinearCase(neuron, np.array([[[3.0]], [[12.0]]]), np.zeros(2, int), np.zeros(2), np.arange(2), 60.0)
    at = np.linspace(0.5, 50.0, 23)
    probes = {name: evsim.Probe("cells", at, variable=name) for name in neuron.variables}
    (spikes,) = one.infer(Machine(dtype), record=[*probes.values()])
    since = at[:, None] - spikes
    after = [np.where(since >= 0, np.exp(-np.maximum(since, 0) / tau), 0.0).sum(axis=1) for tau in (50.0, 30.0)]
    expected = {
        "rise_a": 3.0 * np.exp(-at / 2.0),
        "i_a": 3.0 * at / 2.0 * np.exp(1 - at / 2.0),
        "i_e": 12.0 * np.exp(-at / 10.0),
        "h": 0.1 * after[0],
        "w": 0.2 * after[1],
    }
    assert len(spikes) > 3
    for name, values in expected.items():
        np.testing.assert_allclose(
            probes[name].values[:, 0], values, rtol=0, atol=1e-5 if dtype == "float32" else 1e-12
        )
    v = probes["v"].values[:, 0]
    assert np.all((v < 0.9 + expected["h"] + 1e-6) & (v >= 0.0))


@dtypes
def test_refractory_period_0_is_none(dtype):
    plain = case(dataclasses.replace(VARIANTS["never held"], refractory=0.0))
    tiny = case(dataclasses.replace(VARIANTS["never held"], refractory=1e-12, refractory_input="kept"))
    for a, b in zip(plain.infer(Machine(dtype)), tiny.infer(Machine(dtype)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=50 * CLOSE[dtype])


@dtypes
@pytest.mark.parametrize("refractory", [0.0, 1.5])
@pytest.mark.parametrize("per", ["layer", "channel"])
def test_convolutions_are_the_matrices_they_are(dtype, refractory, per):
    rng = np.random.default_rng(7)
    channels, shape = 3, (2, 5, 4)
    kernels = rng.uniform(-0.5, 2.5, (channels, 2, 1, 1))
    threshold = np.array([0.8, 1.0, 1.2]) if per == "channel" else 0.9

    def neuron(value):
        return Linear(
            synapses={"a": Alpha(2.0), "b": Delta()},
            tau_mem=20.0,
            threshold=value,
            refractory=refractory,
            adaptation=[CurrentAdaptation(30.0, 0.1, 3.0)],
        )

    net, dense = evsim.SpikingNetwork(dtype=dtype), evsim.SpikingNetwork(dtype=dtype)
    conv = evsim.Conv2d(channels, 1, in_shape=shape, weights=kernels)
    net.add_layer(conv, neuron(threshold), port="a")
    matrix = np.einsum("ocyx,pq->opcq", kernels, np.eye(20)).reshape(60, 40)
    spread = np.repeat(threshold, 20) if per == "channel" else threshold
    dense.add_layer(evsim.Dense(40, 60, weights=matrix), neuron(spread), port="a")
    spikes = evsim.SpikeArray(rng.integers(0, 40, 300), np.sort(rng.uniform(0.0, 100.0, 300)))
    found, expected = net.infer(spikes, until=120.0), dense.infer(spikes, until=120.0)
    assert len(expected) > 30
    for a, b in zip(per_neuron(found, 60), per_neuron(expected, 60), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=10 * CLOSE[dtype])


@dtypes
def test_skip_connections_reach_another_port(dtype):
    """Of two layers, the second hears the first and, inhibited, the input itself."""
    rng = np.random.default_rng(8)
    one, two, skip = rng.uniform(0.0, 4.0, (4, 3)), rng.uniform(0.0, 6.0, (2, 4)), rng.uniform(-1.0, 0.0, (2, 3))
    neuron = Linear(synapses=[Exponential(3.0), Alpha(5.0)], tau_mem=10.0, threshold=0.5)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_input(3, name="in")
    net.add_population(4, neuron, name="hidden")
    net.add_population(2, neuron, name="out")
    net.connect("in", "hidden", evsim.Dense(3, 4, weights=one), port=0)
    net.connect("hidden", "out", evsim.Dense(4, 2, weights=two), port=0)
    net.connect("in", "out", evsim.Dense(3, 2, weights=skip), port=1)
    indices, times = rng.integers(0, 3, 20), np.sort(rng.uniform(0.0, 50.0, 20))
    out = net.infer({"in": (indices, times)}, start=0.0, until=60.0, outputs=["hidden", "out"])
    hidden = out["hidden"]
    all_times = np.concatenate([hidden.times, times])
    order = np.argsort(all_times, kind="stable")
    weights = np.zeros((2, 2, 7))
    weights[0, :, :4], weights[1, :, 4:] = two, skip
    alone = LinearCase(
        neuron,
        weights,
        np.concatenate([hidden.indices, indices + 4])[order],
        all_times[order],
        np.concatenate([np.zeros(len(hidden), int), np.ones(20, int)])[order],
        60.0,
    )
    assert len(out["out"]) > 3
    tally = alone.check(Machine(dtype), per_neuron(out["out"], 2))
    assert not tally.faults, tally.faults[0]


@pytest.mark.parametrize(("name", "dtype"), [("pair_stdp", "float32"), ("simplified_stdp", "float64")])
def test_rules_learn_on_them(dtype, name):
    rng = np.random.default_rng(9)
    weights = rng.uniform(0.1, 0.9, (6, 5))
    neuron = Linear(synapses=2.0 * Exponential(5.0) + 2.0 * Exponential(10.0), tau_mem=20.0, threshold=0.4)
    net = one_layer(neuron, weights, dtype, kernel=getattr(evsim.rules, name)())
    spikes = evsim.SpikeArray(rng.integers(0, 5, 120), np.sort(rng.uniform(0.0, 100.0, 120)))
    first = net.infer(spikes, until=120.0)
    still = one_layer(neuron, weights, dtype).infer(spikes, until=120.0)
    assert first.times[0] == still.times[0]
    assert len(first) > 5
    assert np.isfinite(np.asarray(net[0].weights)).all()
    assert not np.array_equal(np.asarray(net[0].weights), weights.astype(dtype))


SET = """
import sys
sys.path[:0] = [{tests!r}]
sys.path[:0] = [{here!r}]
import numpy as np
from machines import Machine
from test_linear_use import VARIANTS, case
for name, neuron in VARIANTS.items():
    for times in case(neuron).infer(Machine({dtype!r})):
        print(*[repr(float(t)) for t in times])
"""


@dtypes
@pytest.mark.parametrize("chosen", ["baseline", "avx2"])
def test_instruction_sets_agree(dtype, chosen):
    here = os.path.dirname(os.path.abspath(__file__))
    code = SET.format(tests=os.path.dirname(os.path.dirname(here)), here=here, dtype=dtype)
    text = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "EVSIM_SIMD": chosen}, capture_output=True, text=True
    )
    if text.returncode and "EVSIM_SIMD" in text.stderr:
        pytest.skip("no such machine")
    assert text.returncode == 0, text.stderr
    found = [[float(t) for t in line.split()] for line in text.stdout.split("\n")[:-1]]
    expected = [times for neuron in VARIANTS.values() for times in case(neuron).infer(Machine(dtype))]
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=10 * CLOSE[dtype])


def test_models_compare_hash_and_go_through_plain_values():
    for neuron in VARIANTS.values():
        same = pickle.loads(pickle.dumps(neuron))
        assert same == neuron
        assert hash(same) == hash(neuron)
        assert copy.deepcopy(neuron) == neuron
        assert Linear.from_plain(neuron.to_plain()) == neuron
        assert neuron.replace(tau_mem=21.0) != neuron
