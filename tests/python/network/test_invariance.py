"""What must not depend on when time starts, how a recording is cut, who else is simulated, or on how many threads."""

import dataclasses
import json
import os
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from machines import on_host, one_thread
from places import ROOT

import evsim

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])

MODELS = {
    "LIF": evsim.LIF(tau_mem=4.0, tau_syn=2.0),
    "LIF, other ratio": evsim.LIF(tau_mem=4.0, tau_syn=1.5, v_rest=-0.25, reset=-0.5, v_init=0.5, i_init=0.75),
    "LIF, refractory": evsim.LIF(tau_mem=4.0, tau_syn=4.0, refractory=0.7),
    "LIF, driven": evsim.LIF(tau_mem=4.0, tau_syn=2.0, bias=1.2, refractory=0.3),
    "LIF, slow current": evsim.LIF(tau_mem=1.0, tau_syn=8.0, threshold=4.0, bias=4.4),
    "LIFDelta": evsim.LIFDelta(tau_mem=4.0),
    "LIFDelta, driven": evsim.LIFDelta(tau_mem=4.0, bias=1.1, refractory=0.4, reset=-0.5),
    "IAFDelta": evsim.IAFDelta(threshold=1.5),
    "IAFDelta, refractory": evsim.IAFDelta(threshold=0.75, refractory=0.6),
}
models = pytest.mark.parametrize("neuron", MODELS.values(), ids=MODELS.keys())

END = 16.0


def weights(neuron, shape, seed=0):
    """Strong enough to make the model fire."""
    scale = 4.0 if isinstance(neuron, evsim.LIF) else 1.0
    return scale * np.random.default_rng(seed).uniform(-0.4, 1.0, shape)


def network(neuron, where="float32", *, n_inputs=12, n_neurons=33, layers=1, seed=0):
    """On a machine, or with a type on the CPU."""
    net = evsim.SpikingNetwork(dtype=where) if isinstance(where, str) else where.network()
    for k in range(layers):
        shape = (n_neurons, n_inputs if k == 0 else n_neurons)
        values = weights(neuron, shape, seed + k) / (1 if k == 0 else 8)
        net.add_layer(evsim.Dense(shape[1], shape[0], weights=values), neuron)
    return net


def recording(seed=0, n=60, n_inputs=12, step=2.0**-10, end=END):
    """Input on a dyadic grid, some of it simultaneous: sums and differences of such times are exact."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, int(end / step), n)) * step
    times[n // 2 : n // 2 + 3] = times[n // 2 : n // 2 + 1]
    return rng.integers(0, n_inputs, n), times


def train(spikes):
    spikes = on_host(spikes)
    return spikes.indices.tolist(), spikes.times.tolist()


# Shifts


@one_thread
@models
@pytest.mark.parametrize("shift", [4e6, -4e6, 2.0**30, -END])
def test_shifting_all_inputs_shifts_all_outputs(machine, neuron, shift):
    """4e6 is 10^6 membrane time constants. Output times are rounded to their last digit, and nothing else changes."""
    net = network(neuron, machine)
    indices, times = recording()
    plain = on_host(net.infer(indices, times, start=0.0, until=END))
    shifted = on_host(net.infer(indices, times + shift, start=shift, until=END + shift))
    assert len(plain) > 50
    order = np.lexsort((np.arange(len(plain)), plain.indices))
    other = np.lexsort((np.arange(len(shifted)), shifted.indices))
    assert shifted.indices[other].tolist() == plain.indices[order].tolist()
    digit = np.spacing(abs(shift) + END)
    assert np.all(np.abs(shifted.times[other] - shift - plain.times[order]) <= digit)


@one_thread
@models
def test_shifting_changes_no_bit_of_the_state(machine, neuron):
    """The potential is recorded at the same distance from the shifted input."""
    net = network(neuron, machine)
    indices, times = recording(1)
    grid = np.arange(0, int(END)) + 0.5
    probe, moved = evsim.Probe(0, times=grid), evsim.Probe(0, times=grid + 2.0**22)
    net.infer(indices, times, start=0.0, until=END, record=probe)
    net.infer(indices, times + 2.0**22, start=2.0**22, until=END + 2.0**22, record=moved)
    assert np.array_equal(probe.values, moved.values)


@dtypes
@models
@pytest.mark.parametrize("exponent", [-20, 7])
def test_another_unit_of_time_changes_no_bit(dtype, neuron, exponent):
    """Powers of two only change the exponents of all numbers."""
    unit = 2.0**exponent
    names = [name for name in ("tau_mem", "tau_syn", "refractory") if hasattr(neuron, name)]
    scaled = dataclasses.replace(neuron, **{name: getattr(neuron, name) * unit for name in names})
    indices, times = recording()
    plain = network(neuron, dtype).infer(indices, times, until=END)
    other = network(scaled, dtype).infer(indices, times * unit, until=END * unit)
    assert other.indices.tolist() == plain.indices.tolist()
    assert (other.times / unit).tolist() == plain.times.tolist()


@dtypes
@models
@pytest.mark.parametrize("exponent", [-30, 20])
def test_another_unit_of_potential_changes_no_bit(dtype, neuron, exponent):
    unit = 2.0**exponent
    names = ("threshold", "v_rest", "bias", "v_init", "i_init", "reset")
    values = {name: getattr(neuron, name) for name in names if hasattr(neuron, name)}
    scaled = {name: value * unit for name, value in values.items() if not isinstance(value, str)}
    net, other = network(neuron, dtype), network(dataclasses.replace(neuron, **scaled), dtype)
    other[0].weights[...] = net[0].weights * unit
    indices, times = recording()
    assert train(other.infer(indices, times, until=END)) == train(net.infer(indices, times, until=END))


# Pieces of a recording


def in_pieces(net, indices, times, cuts, end):
    """Output of all layers, fed piece by piece."""
    outputs = [[] for _ in net]
    first = 0
    for k, cut in enumerate([*sorted(cuts), end]):
        last = np.searchsorted(times, cut, side="left") if cut < end else len(times)
        net.infer(indices[first:last], times[first:last], until=cut, start=0.0 if k == 0 else None, reset=k == 0)
        for layer, collected in zip(net, outputs, strict=True):
            collected.append(train(layer.post_spikes))
        first = last
    return [tuple(list(chain.from_iterable(part)) for part in zip(*pieces, strict=True)) for pieces in outputs]


@one_thread
@models
@pytest.mark.parametrize("layers", [1, 3])
def test_a_recording_in_pieces_equals_the_whole(machine, neuron, layers):
    """To the last bit; cuts at random times, at inputs, at spikes, twice at one time, and with empty pieces."""
    net = network(neuron, machine, layers=layers)
    for seed in range(6 if machine.device == "cpu" else 2):
        indices, times = recording(seed)
        whole_output = net.infer(indices, times, start=0.0, until=END)
        whole = [train(layer.post_spikes) for layer in net]
        assert len(whole_output) > 0
        rng = np.random.default_rng(seed)
        cuts = [*rng.uniform(0, END, 5), *rng.choice(times, 4), times[30], 0.0]
        cuts += [float(t) for t in rng.choice(whole[-1][1], 3)] + [cuts[0], cuts[5]]
        assert in_pieces(net, indices, times, cuts, END) == whole


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(sorted(MODELS)),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 2**20),
    n=st.integers(0, 40),
    cuts=st.lists(st.floats(0, END), max_size=6),
)
def test_any_recording_in_any_pieces_equals_the_whole(name, dtype, seed, n, cuts):
    net = network(MODELS[name], dtype, n_neurons=9, layers=2)
    indices, times = recording(seed, n=n)
    net.infer(indices, times, start=0.0, until=END)
    whole = [train(layer.post_spikes) for layer in net]
    assert in_pieces(net, indices, times, cuts, END) == whole


@one_thread
@models
def test_a_stream_may_be_cut_between_simultaneous_inputs(machine, neuron):
    """With until = their time the first ones are delivered, the rest follow with the next piece."""
    net = network(neuron, machine, layers=2)
    indices, times = recording(2)
    same = np.flatnonzero(np.diff(times) == 0)[0] + 1
    net.infer(indices, times, start=0.0, until=END)
    whole = [train(layer.post_spikes) for layer in net]
    parts = []
    for piece, until in ((slice(0, same), times[same]), (slice(same, None), END)):
        net.infer(indices[piece], times[piece], start=0.0 if not parts else None, until=until, reset=not parts)
        parts.append([train(layer.post_spikes) for layer in net])
    joined = [tuple(a + b for a, b in zip(first, second, strict=True)) for first, second in zip(*parts, strict=True)]
    assert joined == whole


@one_thread
def test_the_last_piece_may_run_until_nothing_more_happens(machine):
    net = network(MODELS["LIF"], machine)
    indices, times = recording(3)
    whole = train(net.infer(indices, times, start=0.0))
    first = train(net.infer(indices[:30], times[:30], start=0.0, until=times[30]))
    second = train(net.infer(indices[30:], times[30:], reset=False))
    assert (first[0] + second[0], first[1] + second[1]) == whole


@one_thread
def test_recorded_values_and_maxima_do_not_depend_on_the_pieces(machine):
    net = machine.network()
    neuron = evsim.LI(tau_mem=4.0, tau_syn=1.0, v_init=0.1, bias=0.2)
    layer = net.add_layer(evsim.Dense(12, 5, weights=weights(neuron, (5, 12))), neuron)
    indices, times = recording(4)
    grid = np.linspace(0.1, END - 0.1, 40)
    whole = evsim.Probe(0, times=grid)
    net.infer(indices, times, start=0.0, until=END, record=whole)
    maximum, maximum_time, mean = map(on_host, (layer.maximum, layer.maximum_time, layer.mean))
    values, first = [], 0
    for k, cut in enumerate([3.0, 7.3, 7.3, times[40], END]):
        begin = [0.0, 3.0, 7.3, 7.3, times[40]][k]
        last = np.searchsorted(times, cut, side="left") if cut < END else len(times)
        probe = evsim.Probe(0, times=grid[(grid >= begin) & (grid < cut)])
        piece = (indices[first:last], times[first:last])
        net.infer(*piece, until=cut, start=0.0 if k == 0 else None, reset=k == 0, record=probe)
        values.append(probe.values)
        first = last
    assert np.array_equal(np.concatenate(values), whole.values)
    assert np.array_equal(on_host(layer.maximum), maximum)
    assert np.array_equal(on_host(layer.maximum_time), maximum_time)
    assert np.array_equal(on_host(layer.mean), mean)


@one_thread
@models
def test_recording_changes_nothing(machine, neuron):
    net = network(neuron, machine)
    indices, times = recording(5)
    plain = train(net.infer(indices, times, until=END))
    probes = [evsim.Probe(0, times=np.sort(np.concatenate([np.linspace(0, END, 77), times])))] * 2
    assert train(net.infer(indices, times, until=END, record=probes)) == plain


# Batches, threads, company


@one_thread
@models
def test_a_batch_equals_its_samples_one_by_one(machine, neuron):
    net = network(neuron, machine, layers=2)
    samples = [recording(seed, n=n) for seed, n in enumerate([60, 0, 1, 45, 200])]
    batch = net.infer(samples, start=0.0, until=END)
    hidden = [train(spikes) for spikes in net[0].post_spikes]
    for k, (indices, times) in enumerate(samples):
        assert train(batch[k]) == train(net.infer(indices, times, start=0.0, until=END))
        assert hidden[k] == train(net[0].post_spikes)


@one_thread
def test_a_batch_may_be_a_stream(machine):
    net = network(MODELS["LIF, refractory"], machine)
    samples = [recording(seed) for seed in range(3)]
    whole = [train(s) for s in net.infer(samples, start=0.0, until=END)]
    first = net.infer([(i[t < 8], t[t < 8]) for i, t in samples], start=0.0, until=8.0)
    second = net.infer([(i[t >= 8], t[t >= 8]) for i, t in samples], until=END, reset=False)
    joined = [tuple(x + y for x, y in zip(train(a), train(b), strict=True)) for a, b in zip(first, second, strict=True)]
    assert joined == whole


@pytest.fixture
def threads():
    before = evsim.num_threads()
    yield evsim.set_num_threads
    evsim.set_num_threads(before)


@dtypes
@models
def test_the_number_of_threads_changes_no_bit(dtype, neuron, threads):
    """The workload is large enough for evsim to start them."""
    net = network(neuron, dtype, n_neurons=500, layers=2)
    net[0].weights[...] *= 0.05 if getattr(neuron, "tau_syn", 0) < 8 else 0.005
    net[1].weights[...] *= 0.02
    indices, times = recording(6, n=6000)
    samples = [recording(7, n=4000), (indices, times), recording(8, n=300)]
    seen = []
    for n in (1, 2, 3, 5):
        threads(n)
        single = train(net.infer(indices, times, until=END))
        batch = [train(spikes) for spikes in net.infer(samples, until=END)]
        seen.append((single, batch))
    assert len(seen[0][0][0]) > 1000
    assert all(other == seen[0] for other in seen[1:])


@one_thread
@models
def test_neurons_do_not_depend_on_the_width_of_their_layer(machine, neuron):
    """Widths on both sides of the tiles and vectors that the engine may use."""
    indices, times = recording(9)
    values = weights(neuron, (200, 12), seed=3)

    def spikes(width):
        net = machine.network()
        net.add_layer(evsim.Dense(12, width, weights=values[:width]), neuron)
        return on_host(net.infer(indices, times, until=END))

    widest = spikes(200)
    for width in (1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 128, 129, 199):
        keep = widest.indices < width
        assert train(spikes(width)) == (widest.indices[keep].tolist(), widest.times[keep].tolist())


@one_thread
@models
def test_silent_neighbours_change_no_bit(machine, neuron):
    indices, times = recording(10)
    values = np.zeros((70, 12))
    place = np.array([0, 5, 13, 31, 32, 47, 64, 69])
    values[place] = weights(neuron, (8, 12), seed=4)
    alone, among = machine.network(), machine.network()
    alone.add_layer(evsim.Dense(12, 8, weights=values[place]), neuron)
    among.add_layer(evsim.Dense(12, 70, weights=values), neuron)
    few, many = (on_host(net.infer(indices, times, until=END)) for net in (alone, among))
    keep = np.isin(many.indices, place)
    assert (place[few.indices].tolist(), few.times.tolist()) == (
        many.indices[keep].tolist(),
        many.times[keep].tolist(),
    )


@one_thread
@models
def test_inputs_beyond_the_end_and_repeated_calls_change_nothing(machine, neuron):
    net = network(neuron, machine)
    indices, times = recording(11)
    half = times <= 8.0
    part = train(net.infer(indices[half], times[half], until=8.0))
    assert train(net.infer(indices, times, until=8.0)) == part
    assert train(net.infer(indices, times, until=8.0)) == part


@one_thread
def test_output_is_sorted_by_time_and_index(machine):
    net = network(evsim.IAFDelta(), machine, n_neurons=100)
    net[0].weights[...] = 0.5
    spikes = on_host(net.infer(*recording(12)))
    order = np.lexsort((spikes.indices, spikes.times))
    assert len(spikes) > 1000
    assert order.tolist() == list(range(len(spikes)))


# Instruction sets

ISA_SCRIPT = """
import json, sys
import numpy as np
from agreement import Tally, random_delta, random_lif
from machines import Machine
rng = np.random.default_rng(3)
out, tally = [], Tally()
for k in range(8):
    case = random_lif(rng, n_neurons=19) if k % 4 else random_delta(rng, n_neurons=19)
    for dtype in ("float32", "float64"):
        found = case.infer(Machine(dtype))
        tally += case.check(Machine(dtype), found)
        if dtype == "float64":
            out.append([(t / case.tau).tolist() for t in found])
print(json.dumps({"spikes": out, "faults": tally.faults[:3], "well_conditioned": tally.well_conditioned}))
"""


@pytest.fixture(scope="module")
def supported():
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    wide = [name for name, flag in (("avx2", "avx2"), ("avx512", "avx512dq")) if flag in flags]
    return ["baseline", *wide]


def run(script, **environment):
    paths = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, **environment}
    return subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=300)


def test_every_instruction_set_is_exact_and_all_agree(supported):
    results = []
    for isa in supported:
        done = run(ISA_SCRIPT, EVSIM_SIMD=isa)
        assert done.returncode == 0, done.stderr
        results.append(json.loads(done.stdout))
        assert results[-1]["faults"] == [], isa
        assert results[-1]["well_conditioned"] > 100
    for other in results[1:]:
        for one_case, other_case in zip(results[0]["spikes"], other["spikes"], strict=True):
            for one, two in zip(one_case, other_case, strict=True):
                assert len(one) == len(two)
                # In units of tau_mem; bursts may be ill-conditioned, which the exactness check has taken into account.
                np.testing.assert_allclose(two, one, rtol=1e-12, atol=1e-10)
        apart = np.concatenate(
            [
                np.subtract(two, one) / np.maximum(1, np.abs(one))
                for a, b in zip(results[0]["spikes"], other["spikes"], strict=True)
                for one, two in zip(a, b, strict=True)
            ]
        )
        assert np.quantile(np.abs(apart), 0.95) < 1e-12


def test_an_unknown_instruction_set_is_an_error():
    done = run("import evsim; n = evsim.SpikingNetwork(); n.add_fc_layer(1, 1, 1.0, 1.0)", EVSIM_SIMD="mmx")
    assert done.returncode != 0
    assert "EVSIM_SIMD is 'mmx'" in done.stderr
