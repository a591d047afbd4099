"""Spike response neurons of one layer with time constants of their own."""

import copy
import dataclasses
import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from agreement import Tally, assert_agreement, per_neuron
from machines import DTYPES, Machine, assert_batches_are_as_alone, one_thread
from srm_cases import (
    SrmCase,
    beside_another,
    corner_case,
    dipping_case,
    grazing_case,
    one,
    random_case,
    spread,
)

import evsim
from evsim.errors import (
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    ShapeMismatchError,
    UnsupportedError,
)

dtypes = pytest.mark.parametrize("dtype", DTYPES)
DISTANCES = [sign * 10.0**-k for k in range(1, 16, 2) for sign in (1, -1)]
N = 9
NEURON = evsim.SRMAlpha(
    tau_syn=np.array([1.0, 2.0, 4.0, 8.0, 8.0, 8.0 * (1 + 1e-12), 20.0, 50.0, 50.0]),
    tau_refractory=np.array([2.0, 2.0 * (1 - 1e-9), 1.0, 0.5, 8.0, 8.0, 100.0, 1.0, 5.0]),
    threshold=np.linspace(0.6, 1.4, N),
    refractory_scale=np.linspace(0.0, 3.0, N),
)


def case(seed=1, n=80):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 100.0, n))
    times[10:13] = times[10]
    weights = rng.uniform(-0.5, 1.2, (N, 5)).astype(np.float32).astype(float)
    return SrmCase(NEURON, weights, rng.integers(0, 5, n), times, 130.0)


def alone(neuron, n):
    values = {name: value[n] if np.ndim(value) else value for name, value in neuron.to_plain().items()}
    return type(neuron).from_plain(values)


# Against 50 digits


@dtypes
@pytest.mark.parametrize("seed", range(4))
def test_random_neurons_are_exact(dtype, seed):
    rng = np.random.default_rng([1, seed])
    assert_agreement(spread(random_case(rng), rng).check(Machine(dtype)), spikes=0)


@dtypes
@pytest.mark.parametrize("kind", [grazing_case, corner_case, dipping_case])
def test_maxima_and_minima_that_barely_reach_the_threshold(dtype, kind):
    rng, tally = np.random.default_rng(2), Tally()
    for distance in DISTANCES:
        barely = kind(rng, distance)
        tally += beside_another(barely).check(Machine(dtype)) if barely else Tally()
    assert_agreement(tally, spikes=20)


@dtypes
def test_bursts_and_long_silences(dtype):
    events = [(0.001 * k, 0.4 * (-1.0 if k % 5 == 4 else 1.0)) for k in range(40)]
    events += [(500.0 + 1e-9 * k, 0.3) for k in range(30)] + [(5e4, 40.0), (5e4, -1.0), (9e4, 1.0)]
    neuron = evsim.SRMAlpha(tau_syn=10.0, tau_refractory=2.0)
    assert_agreement(beside_another(one(neuron, events, 1e5)).check(Machine(dtype)), spikes=40)


@pytest.mark.nightly
@dtypes
@pytest.mark.parametrize("part", range(4))
def test_campaign(part, dtype, capsys):
    tally, rng = Tally(), np.random.default_rng([5, part])
    for trial in range(100):
        tally += spread(random_case(rng), rng).check(Machine(dtype))
        distance = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-15.5, -1))
        grazing = grazing_case(rng, distance)
        tally += beside_another(grazing).check(Machine(dtype)) if grazing else Tally()
        tally += beside_another((dipping_case if trial % 2 else corner_case)(rng, distance)).check(Machine(dtype))
    with capsys.disabled():
        print(f"\nSRMAlpha, each its own, part {part}, {dtype}: {tally}")
    assert_agreement(tally, spikes=1000)


def test_the_check_notices_neurons_with_the_time_constants_of_their_neighbours():
    """Negative control."""
    rng = np.random.default_rng(3)
    right = spread(random_case(rng), rng)
    wrong = dataclasses.replace(right.neuron, tau_syn=np.roll(right.neuron.tau_syn, 1))
    machine = Machine("float64")
    assert right.check(machine, dataclasses.replace(right, neuron=wrong).infer(machine)).faults


# Against layers of one neuron each, which share their gap with nobody


@one_thread
def test_as_in_layers_of_one_neuron_each(machine):
    whole = case()
    together = whole.infer(machine)
    assert sum(map(len, together)) > 100
    for n in range(N):
        own = dataclasses.replace(whole, neuron=alone(NEURON, n), weights=whole.weights[n : n + 1])
        (expected,) = own.infer(machine)
        np.testing.assert_allclose(together[n], expected, rtol=0, atol=1e-11)


@dtypes
def test_probes_record_what_they_record_of_one_neuron(dtype):
    whole, at = case(n=30), np.linspace(0.5, 120.0, 101)
    names = ("v", "psp", "refractory")
    probes = [evsim.Probe(0, at, variable=name) for name in names]
    whole.infer(Machine(dtype), record=probes)
    for n in range(N):
        own = dataclasses.replace(whole, neuron=alone(NEURON, n), weights=whole.weights[n : n + 1])
        expected = [evsim.Probe(0, at, variable=name) for name in names]
        own.infer(Machine(dtype), record=expected)
        for probe, other in zip(probes, expected, strict=True):
            np.testing.assert_allclose(probe.values[:, n], other.values[:, 0], rtol=0, atol=1e-9)


@dtypes
@pytest.mark.parametrize("per", ["channel", "neuron"])
def test_convolutions_are_the_matrices_they_are(dtype, per):
    rng = np.random.default_rng(7)
    n = 3 if per == "channel" else 60
    kernels = rng.uniform(-0.5, 1.5, (3, 2, 1, 1)).astype(dtype)
    taus = {"tau_syn": rng.uniform(2.0, 20.0, n), "tau_refractory": rng.uniform(0.5, 5.0, n)}
    net, dense = evsim.SpikingNetwork(dtype=dtype), evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Conv2d(3, 1, in_shape=(2, 5, 4), weights=kernels), evsim.SRMAlpha(**taus))
    matrix = np.einsum("ocyx,pq->opcq", kernels, np.eye(20)).reshape(60, 40)
    each = {name: np.repeat(tau, 60 // n) for name, tau in taus.items()}
    dense.add_layer(evsim.Dense(40, 60, weights=matrix), evsim.SRMAlpha(**each))
    spikes = evsim.SpikeArray(rng.integers(0, 40, 300), np.sort(rng.uniform(0.0, 100.0, 300)))
    found, expected = net.infer(spikes, until=120.0), dense.infer(spikes, until=120.0)
    assert len(expected) > 100
    for a, b in zip(per_neuron(found, 60), per_neuron(expected, 60), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


# The same bits whatever the way of calling


@dtypes
def test_pieces_copies_pickles_and_files_give_the_same_bits(dtype, tmp_path):
    whole_case = case()
    net = whole_case.network(Machine(dtype))
    whole = net.infer(whole_case.indices, whole_case.times, start=0.0, until=whole_case.until)
    net.save(tmp_path / "net.safetensors")
    again = evsim.load(tmp_path / "net.safetensors")
    assert again[0].neuron == NEURON
    assert again.infer(whole_case.indices, whole_case.times, start=0.0, until=whole_case.until) == whole
    near = [np.nextafter(time, side) for time in whole.times[5::31] for side in (0.0, 200.0)]
    cuts = np.unique([0.0, *whole.times[3::17], *near, *np.linspace(1.0, 129.0, 50), whole_case.until])
    pieces = []
    for k, (begin, end) in enumerate(itertools.pairwise(map(float, cuts))):
        inside = (whole_case.times >= begin) & (whole_case.times < end)
        here = whole_case.indices[inside], whole_case.times[inside]
        pieces.append(net.infer(*here, start=0.0 if k == 0 else None, until=end, reset=k == 0))
        net = pickle.loads(pickle.dumps(net)) if k % 2 else copy.deepcopy(net)
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    np.testing.assert_array_equal(np.concatenate([piece.indices for piece in pieces]), whole.indices)


@dtypes
def test_batches_and_threads_give_the_same_bits(dtype):
    rng = np.random.default_rng(6)
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.SRMAlpha(tau_syn=rng.uniform(4.0, 12.0, 64), tau_refractory=rng.uniform(1.0, 3.0, 64))
    net.add_layer(evsim.Dense(5, 64, weights=rng.uniform(-0.5, 1.2, (64, 5))), neuron)
    spikes = evsim.SpikeArray(rng.integers(0, 5, 300), np.sort(rng.uniform(0.0, 200.0, 300)))
    assert len(net.infer(spikes, until=220.0)) > 500
    assert_batches_are_as_alone(net, spikes, 220.0, 300 * 64)


@dtypes
def test_equal_values_are_one_value(dtype):
    weights = case().weights
    plain = evsim.SRMAlpha(tau_syn=8.0, tau_refractory=2.0)
    equal = evsim.SRMAlpha(tau_syn=np.full(N, 8.0), tau_refractory=[2.0] * N)
    assert equal.kernel_name == plain.kernel_name == "srm_alpha"
    assert NEURON.kernel_name == "srm_alpha_heterogeneous"
    found, expected = (dataclasses.replace(case(), neuron=neuron, weights=weights) for neuron in (equal, plain))
    for a, b in zip(found.infer(Machine(dtype)), expected.infer(Machine(dtype)), strict=True):
        np.testing.assert_array_equal(a, b)
    on_grid = evsim.SRMAlpha(tau_syn=[8.0] * N, tau_refractory=2.0, grid=1.0)
    assert on_grid.kernel_settings() == evsim.SRMAlpha(tau_syn=8.0, tau_refractory=2.0, grid=1.0).kernel_settings()


SET = """
import sys
sys.path[:0] = [{tests!r}, {here!r}]
from machines import Machine
from test_srm_heterogeneous import case
for times in case().infer(Machine("float32")):
    print(*[repr(float(t)) for t in times])
"""


@pytest.mark.parametrize("chosen", ["baseline", "avx2"])
def test_instruction_sets_agree(chosen):
    here = os.path.dirname(os.path.abspath(__file__))
    code = SET.format(tests=os.path.dirname(os.path.dirname(here)), here=here)
    text = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "EVSIM_SIMD": chosen}, capture_output=True, text=True
    )
    if text.returncode and "EVSIM_SIMD" in text.stderr:
        pytest.skip("no such machine")
    assert text.returncode == 0, text.stderr
    found = [[float(t) for t in line.split()] for line in text.stdout.split("\n")[:-1]]
    for a, b in zip(found, case().infer(Machine("float32")), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


# Rules


@pytest.mark.parametrize(("name", "dtype"), [("pair_stdp", "float32"), ("simplified_stdp", "float64")])
def test_rules_learn_on_them(dtype, name):
    whole = case()
    net = evsim.SpikingNetwork(dtype=dtype)
    layer = net.add_layer(evsim.Dense(5, N, weights=whole.weights), NEURON, kernel=getattr(evsim.rules, name)())
    before = np.array(layer.weights)
    found = net.infer(whole.indices, whole.times, start=0.0, until=whole.until)
    still = whole.network(Machine(dtype)).infer(whole.indices, whole.times, start=0.0, until=whole.until)
    assert found.times[0] == still.times[0]
    assert np.isfinite(np.asarray(layer.weights)).all()
    assert not np.array_equal(layer.weights, before)


CODE = """
#include <evsim/callbacks.h>
auto neuron_traces_tau(double tau_syn, double) { return evsim::time_constants(tau_syn); }
void on_post_neuron(evsim::real* traces) { traces[0] += 1; }
"""


def test_a_trace_that_takes_the_neurons_time_constant_needs_one_for_all():
    net = evsim.SpikingNetwork()
    with pytest.raises(InvalidArgumentError, match="one for all of them"):
        net.add_layer(evsim.Dense(2, 2), evsim.SRMAlpha(tau_syn=[1.0, 2.0], tau_refractory=1.0), kernel=CODE)
    net.add_layer(evsim.Dense(2, 2), evsim.SRMAlpha(tau_syn=[1.0, 1.0], tau_refractory=1.0), kernel=CODE)


# As parameters, and mistakes


def test_they_are_kept_compared_and_copied():
    same = type(NEURON).from_plain(NEURON.to_plain())
    assert same == NEURON == pickle.loads(pickle.dumps(NEURON)) == copy.deepcopy(NEURON)
    assert hash(same) == hash(NEURON)
    assert not NEURON.tau_syn.flags.writeable
    assert dataclasses.replace(NEURON, tau_syn=np.roll(NEURON.tau_syn, 1)) != NEURON
    assert "tau_syn=array([" in repr(NEURON)


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"tau_syn": [1.0, 0.0]}, InvalidArgumentError, "tau_syn must be positive, got 0"),
        ({"tau_refractory": [1.0, -1.0]}, InvalidArgumentError, "tau_refractory must be positive, got -1"),
        ({"tau_syn": [1.0, np.nan]}, NonFiniteError, "tau_syn must be finite"),
        ({"tau_syn": [[1.0, 2.0]]}, ShapeMismatchError, "tau_syn must be a number or have shape"),
        ({"tau_syn": [[1.0], [1.0, 2.0]]}, ShapeMismatchError, "tau_syn must be a number or an array of shape"),
        ({"tau_syn": ["a", "b"]}, DTypeError, "tau_syn must be a number or an array of numbers"),
        ({"tau_syn": []}, ShapeMismatchError, "tau_syn must .* above 0"),
        ({"tau_syn": [1.0, 1e-19]}, InvalidArgumentError, "tau_syn is out of range"),
        ({"tau_syn": [1.0, 1e7], "tau_refractory": 1e-7}, InvalidArgumentError, "too far apart"),
        ({"tau_syn": [1.0, 2.0], "tau_refractory": [1.0, 2.0, 3.0]}, ShapeMismatchError, "one length"),
        ({"tau_syn": [1.0, 2.0], "threshold": [1.0, 2.0, 3.0]}, ShapeMismatchError, "one length"),
        ({"tau_syn": [1.0, 2.0], "grid": 0.1}, UnsupportedError, "with grid=0.1 .* make a layer for each"),
        ({"tau_refractory": [1.0, 2.0], "grid": 0.1}, UnsupportedError, "or leave out grid"),
        ({"threshold": [], "grid": 1.0}, ShapeMismatchError, "threshold must .* above 0"),
    ],
    ids=str,
)
def test_mistakes_have_names(values, error, words):
    with pytest.raises(error, match=words):
        evsim.SRMAlpha(**{"tau_syn": 1.0, "tau_refractory": 1.0, **values})


@pytest.mark.parametrize(("taus", "grid"), [([1.0, 1.0], None), ([1.0, 2.0], None), ([1.0, 1.0], 1.0)])
def test_one_value_for_each_neuron_of_the_layer(taus, grid):
    neuron, net = evsim.SRMAlpha(tau_syn=taus, tau_refractory=1.0, grid=grid), evsim.SpikingNetwork()
    with pytest.raises(ShapeMismatchError, match=r"tau_syn must be one value or one per neuron \(3\), got 2"):
        net.add_layer(evsim.Dense(2, 3), neuron)
    with pytest.raises(ShapeMismatchError, match=r"or one per channel \(3\), got 2"):
        net.add_layer(evsim.Conv2d(3, 2, in_shape=(1, 4, 4)), neuron)
    assert len(net) == 0


@dtypes
@pytest.mark.parametrize("weight", [1e-30, 1e10, 1e30, -1e30])
@pytest.mark.parametrize("tau", [1e-6, 1e9])
def test_hostile_sizes_end(dtype, weight, tau):
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.SRMAlpha(tau_syn=tau * np.array([1.0, 1e3]), tau_refractory=tau * np.array([2.0, 1e-6]))
    net.add_layer(evsim.Dense(1, 2, weights=[[weight]] * 2), neuron)
    out = net.infer([0, 0, 0], [0.0, 1.0, 1e6], until=1e9)
    assert len(out) == 0 or weight > 1.0
    assert np.all(np.isfinite(out.times))
