"""The spike response neuron in every place that a neuron has: convolutions, pieces, threads, probes, files, rules."""

import copy
import dataclasses
import itertools
import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from agreement import per_neuron
from machines import DTYPES, Machine, assert_batches_are_as_alone
from srm_cases import SrmCase

import evsim
from evsim.errors import (
    DTypeError,
    InvalidArgumentError,
    NonFiniteError,
    ShapeMismatchError,
)

dtypes = pytest.mark.parametrize("dtype", DTYPES)
N = 9
NEURON = evsim.SRMAlpha(
    tau_syn=8.0,
    tau_refractory=2.0,
    threshold=np.linspace(0.6, 1.4, N),
    refractory_scale=np.linspace(0.0, 3.0, N),
)


def case(seed=1, n=80):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, 100.0, n))
    times[10:13] = times[10]
    weights = rng.uniform(-0.5, 1.2, (N, 5)).astype(np.float32).astype(float)
    return SrmCase(NEURON, weights, rng.integers(0, 5, n), times, 130.0)


def test_float32_weights_give_the_spikes_of_float64():
    wide, narrow = (case().network(Machine(dtype)).infer(case().indices, case().times) for dtype in DTYPES)
    assert len(wide) > 50
    assert wide == narrow


@dtypes
def test_neurons_beside_each_other_are_exact(dtype):
    one = case(n=40)
    tally = dataclasses.replace(one, until=float(one.times[-1])).check(Machine(dtype))
    assert not tally.faults, tally.faults[0]
    assert tally.spikes > 20


@dtypes
def test_pieces_copies_pickles_and_files_give_the_same_bits(dtype, tmp_path):
    """Cut also where neurons are above their threshold, just after a spike."""
    one = case()
    net = one.network(Machine(dtype))
    whole = net.infer(one.indices, one.times, start=0.0, until=one.until)
    spikes = whole.times
    cuts = [0.0, spikes[3], np.nextafter(spikes[9], 200.0), spikes[12] + 1e-9, spikes[20] + 0.3, one.times[40], 77.7]
    cuts = [*sorted(cuts), one.until]
    net.save(tmp_path / "net.safetensors")
    again = evsim.load(tmp_path / "net.safetensors")
    assert again.infer(one.indices, one.times, start=0.0, until=one.until) == whole
    pieces = []
    for k, (begin, end) in enumerate(itertools.pairwise(map(float, cuts))):
        inside = (one.times >= begin) & (one.times < end)
        start = 0.0 if k == 0 else None
        pieces.append(net.infer(one.indices[inside], one.times[inside], start=start, until=end, reset=k == 0))
        net = pickle.loads(pickle.dumps(net)) if k % 2 else copy.deepcopy(net)
    np.testing.assert_array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    np.testing.assert_array_equal(np.concatenate([piece.indices for piece in pieces]), whole.indices)


@dtypes
def test_events_that_bring_nothing_change_nothing(dtype):
    """Weights of 0 cut the gaps, also those in which a neuron waits to fall below its threshold."""
    one, rng = case(), np.random.default_rng(3)
    plain = one.infer(Machine(dtype))
    near = np.concatenate(plain)[::7]
    near = near + 1e-3 * rng.uniform(0.0, 1.0, len(near))
    extra = np.sort(np.concatenate([rng.uniform(0.0, 130.0, 300), near]))
    order = np.argsort(np.concatenate([one.times, extra]), kind="stable")
    cut = SrmCase(
        NEURON,
        np.concatenate([one.weights, np.zeros((N, 1))], axis=1),
        np.concatenate([one.indices, np.full(len(extra), 5)])[order],
        np.concatenate([one.times, extra])[order],
        one.until,
    )
    for a, b in zip(cut.infer(Machine(dtype)), plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-11)


@dtypes
def test_an_input_at_the_instant_of_a_spike_that_makes_it_rise_gives_no_second_spike(dtype):
    """The potential turns upwards at its threshold: it has not fallen below."""
    neuron = evsim.SRMAlpha(tau_syn=10.0, tau_refractory=2.0, refractory_scale=2.0)
    for weight in (4.0, 8.0, 14.0):
        net = evsim.SpikingNetwork(dtype=dtype)
        net.add_layer(evsim.Dense(2, 1, weights=[[weight, 100.0]]), neuron)
        first = net.infer([0], [0.0]).times[0]
        # The second of these is the spike's own time to the last digit; the others are before it.
        for time in (first, np.nextafter(first, 0.0), first - 1e-14):
            found = net.infer([0, 1], [0.0, time], until=first + 0.5)
            assert len(found) == 1, found.times
            assert abs(found.times[0] - first) < 1e-13


@dtypes
def test_batches_and_threads_give_the_same_bits(dtype):
    rng = np.random.default_rng(6)
    net = evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.SRMAlpha(tau_syn=8.0, tau_refractory=2.0)
    net.add_layer(evsim.Dense(5, 64, weights=rng.uniform(-0.5, 1.2, (64, 5))), neuron)
    spikes = evsim.SpikeArray(rng.integers(0, 5, 300), np.sort(rng.uniform(0.0, 200.0, 300)))
    assert len(net.infer(spikes, until=220.0)) > 500
    assert_batches_are_as_alone(net, spikes, 220.0, 300 * 64)


@dtypes
def test_probes_record_the_potential_and_its_parts(dtype):
    """Against the sums that define them; between spikes, and across them."""
    one, at = case(n=30), np.linspace(0.5, 120.0, 101)
    names = ("v", "psp", "refractory")
    probes = [evsim.Probe(0, at, variable=name, neurons=range(N)) for name in names]
    spikes = one.infer(Machine(dtype), record=probes)

    def alpha(x):
        return np.where(x > 0, x * np.exp(1 - np.maximum(x, 0)), 0.0)

    depth = NEURON.refractory_scale * NEURON.threshold
    psp = np.einsum("te,ne->tn", alpha((at[:, None] - one.times) / 8.0), one.weights[:, one.indices])
    after = np.stack([-d * alpha((at[:, None] - s) / 2.0).sum(axis=1) for d, s in zip(depth, spikes, strict=True)], 1)
    for probe, expected in zip(probes, (psp + after, psp, after), strict=True):
        np.testing.assert_allclose(probe.values, expected, rtol=0, atol=1e-9)
    with pytest.raises(evsim.errors.EvsimError, match="psp"):
        one.infer(Machine(dtype), record=[evsim.Probe(0, at, variable="w")])


@dtypes
@pytest.mark.parametrize("per", ["layer", "channel"])
def test_convolutions_are_the_matrices_they_are(dtype, per):
    rng = np.random.default_rng(7)
    kernels = rng.uniform(-0.5, 1.5, (3, 2, 1, 1)).astype(dtype)
    threshold = np.array([0.8, 1.0, 1.2]) if per == "channel" else 0.9
    net, dense = evsim.SpikingNetwork(dtype=dtype), evsim.SpikingNetwork(dtype=dtype)
    neuron = evsim.SRMAlpha(tau_syn=8.0, tau_refractory=2.0, threshold=threshold)
    net.add_layer(evsim.Conv2d(3, 1, in_shape=(2, 5, 4), weights=kernels), neuron)
    matrix = np.einsum("ocyx,pq->opcq", kernels, np.eye(20)).reshape(60, 40)
    spread = np.repeat(threshold, 20) if per == "channel" else threshold
    dense.add_layer(evsim.Dense(40, 60, weights=matrix), dataclasses.replace(neuron, threshold=spread))
    spikes = evsim.SpikeArray(rng.integers(0, 40, 300), np.sort(rng.uniform(0.0, 100.0, 300)))
    found, expected = net.infer(spikes, until=120.0), dense.infer(spikes, until=120.0)
    assert len(expected) > 100
    for a, b in zip(per_neuron(found, 60), per_neuron(expected, 60), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("name", "dtype"), [("pair_stdp", "float32"), ("simplified_stdp", "float64")])
@pytest.mark.parametrize("grid", [None, 1.0])
def test_rules_learn_on_them(dtype, name, grid):
    rng = np.random.default_rng(9)
    weights = rng.uniform(0.1, 0.9, (6, 5))
    neuron = evsim.SRMAlpha(tau_syn=8.0, tau_refractory=2.0, grid=grid)
    nets = [evsim.SpikingNetwork(dtype=dtype) for _ in range(2)]
    for net, rule in zip(nets, (getattr(evsim.rules, name)(), None), strict=True):
        net.add_layer(evsim.Dense(5, 6, weights=weights), neuron, kernel=rule)
    spikes = evsim.SpikeArray(rng.integers(0, 5, 120), np.sort(rng.integers(0, 100, 120)).astype(float))
    first, still = (net.infer(spikes, until=120.0) for net in nets)
    assert first.times[0] == still.times[0]
    assert len(first) > 5
    assert np.isfinite(np.asarray(nets[0][0].weights)).all()
    assert not np.array_equal(np.asarray(nets[0][0].weights), np.asarray(nets[1][0].weights))


SET = """
import sys
sys.path[:0] = [{tests!r}, {here!r}]
from machines import Machine
from test_srm_use import case
for times in case().infer(Machine({dtype!r})):
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
    for a, b in zip(found, case().infer(Machine(dtype)), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def test_models_compare_hash_and_go_through_plain_values():
    for neuron in (NEURON, evsim.SRMAlpha(tau_syn=8.0, tau_refractory=2.0, grid=0.5, refractory_cutoff=1e-4)):
        same = pickle.loads(pickle.dumps(neuron))
        assert same == neuron
        assert hash(same) == hash(neuron)
        assert evsim.SRMAlpha.from_plain(neuron.to_plain()) == neuron
        assert dataclasses.replace(neuron, tau_syn=7.0) != neuron


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"tau_syn": 0.0}, InvalidArgumentError, "tau_syn must be positive"),
        ({"tau_refractory": -1.0}, InvalidArgumentError, "tau_refractory must be positive"),
        ({"tau_syn": math.nan}, NonFiniteError, "tau_syn"),
        ({"tau_syn": [1.0, "2.0"]}, DTypeError, "tau_syn"),
        ({"tau_syn": "1"}, DTypeError, "tau_syn"),
        ({"tau_syn": 1e-19, "tau_refractory": 1e-19}, InvalidArgumentError, "tau_syn is out of range"),
        ({"tau_syn": 1e7, "tau_refractory": 1e-7}, InvalidArgumentError, "too far apart"),
        ({"threshold": 0.0}, InvalidArgumentError, "threshold must be positive"),
        ({"threshold": [1.0, -1.0]}, InvalidArgumentError, "threshold must be positive"),
        ({"threshold": math.inf}, NonFiniteError, "threshold"),
        ({"threshold": "a"}, DTypeError, "threshold"),
        ({"refractory_scale": -0.1}, InvalidArgumentError, "refractory_scale must not be negative"),
        ({"refractory_scale": math.nan}, NonFiniteError, "refractory_scale"),
        ({"threshold": [1.0, 2.0], "refractory_scale": [1.0] * 3}, ShapeMismatchError, "one length"),
        ({"grid": 0.0}, InvalidArgumentError, "grid must be positive"),
        ({"grid": True}, DTypeError, "grid"),
        ({"grid": 1.0, "refractory_cutoff": 0.0}, InvalidArgumentError, "refractory_cutoff must be positive"),
        ({"refractory_cutoff": 1e-4}, InvalidArgumentError, "refractory_cutoff needs a grid"),
    ],
    ids=str,
)
def test_mistakes_have_names(values, error, words):
    with pytest.raises(error, match=words):
        evsim.SRMAlpha(**{"tau_syn": 1.0, "tau_refractory": 1.0, **values})


def test_sizes_and_ports():
    net = evsim.SpikingNetwork()
    with pytest.raises(ShapeMismatchError, match="threshold"):
        net.add_layer(evsim.Dense(2, 4), NEURON)
    with pytest.raises(InvalidArgumentError, match="SRMAlpha has one port"):
        net.add_layer(evsim.Dense(2, N), NEURON, port=1)


@dtypes
@pytest.mark.parametrize("weight", [1e-30, 1e10, 1e30, -1e30])
@pytest.mark.parametrize("tau", [1e-6, 1e9])
def test_hostile_sizes_end(dtype, weight, tau):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(1, 1, weights=[[weight]]), evsim.SRMAlpha(tau_syn=tau, tau_refractory=2.0 * tau))
    out = net.infer([0, 0, 0], [0.0, 1.0, 1e6], until=1e9)
    assert len(out) == 0 or weight > 1.0
    assert np.all(np.isfinite(out.times))
