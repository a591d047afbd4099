"""Networks on the GPU do what they do on the CPU: to the last bit in emulation, else within the promised error."""

import copy
import math
import pickle
import re
import sys

import gpu
import numpy as np
import pytest
from agreement import TOLERANCE, Case, Tally, per_neuron, random_delta, random_lif
from rules import EVSPIKESIM, STDP

import evsim
from evsim.errors import DeviceError, KernelCompileError, MissingDependencyError

DTYPES = ("float32", "float64")
dtypes = pytest.mark.parametrize("dtype", DTYPES)
NEURONS = {
    "lif": lambda: evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.7),
    "lif_any_ratio": lambda: evsim.LIF(tau_mem=20.0, tau_syn=4.0, threshold=0.5, reset=-0.2, bias=0.1),
    "lif_refractory": lambda: evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.7, refractory=1.5),
    "lif_delta": lambda: evsim.LIFDelta(tau_mem=20.0, threshold=1.5),
    "lif_delta_refractory": lambda: evsim.LIFDelta(tau_mem=20.0, threshold=1.5, refractory=1.5),
    "iaf_delta": lambda: evsim.IAFDelta(threshold=1.5, reset=-0.5),
    "iaf_delta_refractory": lambda: evsim.IAFDelta(threshold=1.5, refractory=1.5),
    "adaptive_lif": lambda: evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))(
        tau_mem=20.0, tau_adapt=100.0, jump=0.4
    ),
}


@pytest.fixture(autouse=True)
def device(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", gpu.CUPY)
    return gpu.CUPY


def spikes(seed, n_inputs=20, n=120, end=150.0):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, end, n))
    times[n // 3] = times[n // 3 - 1]  # two at one instant
    return rng.integers(0, n_inputs, n).astype(np.int32), times


def networks(dtype="float32", neurons=("lif",), sizes=(20, 37), **options):
    """The same network on CPU and GPU."""
    nets = []
    for where in ("cpu", "cuda"):
        net = evsim.SpikingNetwork(dtype=dtype, seed=3, device=where, **options)
        for name, n_inputs, n_neurons in zip(neurons, sizes, sizes[1:], strict=False):
            net.add_layer(evsim.Dense(n_inputs, n_neurons), NEURONS[name]())
        nets.append(net)
    return nets


def host(values):
    return gpu.CUPY.asnumpy(values) if isinstance(values, gpu.CUPY.ndarray) else np.asarray(values)


def as_list(spikes):
    return spikes if isinstance(spikes, list) else [spikes]


def assert_same_spikes(found, expected, dtype, tau=20.0):
    for f, e in zip(as_list(found), as_list(expected), strict=True):
        on_host = f.to_host()
        assert len(f) == len(e)
        assert on_host.is_sorted
        if gpu.REAL is None:
            assert on_host == e
            continue
        for mine, other in zip(per_neuron(on_host, 4096), per_neuron(e, 4096), strict=True):
            np.testing.assert_allclose(mine, other, rtol=0, atol=10 * TOLERANCE[dtype] * tau)


def assert_close(found, expected, dtype):
    tolerance = 0 if gpu.REAL is None else {"float32": 1e-4, "float64": 1e-11}[dtype]
    np.testing.assert_allclose(host(found), host(expected), rtol=tolerance, atol=tolerance)


# Spikes


@dtypes
@pytest.mark.parametrize("neuron", NEURONS)
def test_every_model_fires_as_on_the_cpu(neuron, dtype):
    cpu, cuda = networks(dtype, (neuron,), (20, 150))
    expected = cpu.infer(*spikes(1))
    assert len(expected) > 100
    assert_same_spikes(cuda.infer(*spikes(1)), expected, dtype)


@dtypes
def test_random_layers_fire_as_on_the_cpu_and_as_the_oracle_says(dtype):
    rng = np.random.default_rng(8)
    tally = Tally()
    for k in range(16):
        case = random_lif(rng, n_neurons=6) if k % 2 else random_delta(rng, n_neurons=6)
        expected = case.network(dtype).infer(case.indices, case.times, until=case.until)
        net = evsim.SpikingNetwork(dtype=dtype, device="cuda")
        n_neurons, n_inputs = case.weights.shape
        net.add_layer(evsim.Dense(n_inputs, n_neurons, weights=case.weights), case.neuron)
        found = net.infer(case.indices, case.times, until=case.until)
        if gpu.REAL is None:
            assert found.to_host() == expected
        if k < 4 or gpu.REAL:
            tally += Case.check(case, dtype, per_neuron(found.to_host(), n_neurons))
    assert not tally.faults, tally.faults[0]


@dtypes
def test_refractory_periods_run_on_the_clock_of_the_cpu(dtype):
    """On a decimal grid, in pieces that end at releases: every rounding of a time matters."""
    rng = np.random.default_rng(3)
    times, indices = np.sort(rng.integers(0, 800, 600)) * 0.1, rng.integers(0, 6, 600)
    weights = rng.integers(-2, 9, (9, 6)) / 8.0
    for neuron in (evsim.IAFDelta(refractory=0.3), evsim.LIFDelta(tau_mem=5.0, reset=0.0, refractory=0.7)):
        found = []
        for device in ("cpu", "cuda"):
            net = evsim.SpikingNetwork(dtype=dtype, device=device)
            net.add_layer(evsim.Dense(6, 9, weights=weights), neuron)
            pieces = [net.infer(indices, times, until=90.0)]
            for k, (first, last) in enumerate([(-1.0, 20.3), (20.3, 20.6), (20.6, 90.0)]):
                inside = (times >= first) & (times < last)
                pieces.append(net.infer(indices[inside], times[inside], until=last, reset=k == 0))
            found.append(pieces)
        assert_same_spikes(found[1], found[0], dtype)
        assert np.concatenate([p.times for p in found[0][1:]]).tolist() == found[0][0].times.tolist()


@pytest.mark.parametrize("size", [1, 127, 128, 129, 300])
def test_any_number_of_neurons_and_samples(size):
    cpu, cuda = networks(sizes=(20, size))
    batch = [spikes(s, n=n) for s, n in enumerate([50, 3, 120])] + [([], [])]
    expected = cpu.infer(batch)
    found = cuda.infer(batch)
    assert_same_spikes(found, expected, "float32")
    assert np.array_equal(cuda[0].n_spikes, cpu[0].n_spikes)
    assert_same_spikes(cuda[0].post_spikes, expected, "float32")


def test_layers_in_a_row_and_readouts():
    cpu, cuda = networks("float64", ("lif_any_ratio", "lif_refractory"), (20, 40, 12))
    for net in (cpu, cuda):
        net.add_layer(evsim.Dense(12, 3), evsim.LI(tau_mem=20.0, tau_syn=5.0, v_init=[0.0, 1.0, -1.0], bias=0.2))
    batch = [spikes(1), spikes(2, n=40), ([], [])]
    for options in ({}, {"until": 70.0}, {"until": 120.0, "start": -5.0}):
        assert [len(s) for s in cuda.infer(batch, **options)] == [len(s) for s in cpu.infer(batch, **options)]
        for k in (0, 1):
            assert_same_spikes(cuda[k].post_spikes, cpu[k].post_spikes, "float64")
        assert_close(cuda[2].maximum, cpu[2].maximum, "float64")
        assert_close(cuda[2].maximum_time, cpu[2].maximum_time, "float64")
    cuda.infer(*spikes(1))
    cpu.infer(*spikes(1))
    assert cuda[2].maximum.shape == (3,)
    assert_close(cuda[2].maximum, cpu[2].maximum, "float64")


def test_output_buffers_grow_until_every_spike_has_a_place():
    cpu, cuda = networks(neurons=("lif", "lif"), sizes=(20, 40, 30))
    for layer in cuda:
        layer._core.room = 1
    assert_same_spikes(cuda.infer(*spikes(5)), cpu.infer(*spikes(5)), "float32")
    assert all(layer._core.room >= layer.n_spikes.sum() for layer in cuda)


@pytest.mark.parametrize("neuron", ["lif", "lif_refractory", "lif_delta", "adaptive_lif"])
def test_a_stream_in_pieces_equals_the_whole(neuron):
    cpu, cuda = networks("float64", (neuron, "lif"), (20, 30, 5))
    (indices, times), (others, other_times) = spikes(1), spikes(2, n=30)
    whole = cpu.infer([(indices, times), (others, other_times)], until=160.0)
    pieces = [[], []]
    ends = [20.0, times[40], np.nextafter(times[60], 0), 130.0, 160.0]
    for k, (begin, end) in enumerate(zip([0.0, *ends], ends, strict=False)):
        now = []
        for i, t in ((indices, times), (others, other_times)):
            chosen = (begin <= t) & (t < end) if end < 160.0 else begin <= t
            now.append((i[chosen], t[chosen]))
        for s, out in enumerate(cuda.infer(now, until=end, reset=k == 0)):
            pieces[s].append(out.to_host())
        if k == 2:
            cuda = pickle.loads(pickle.dumps(cuda))
    for piece, expected in zip(pieces, whole, strict=True):
        joined = evsim.SpikeArray(np.concatenate([p.indices for p in piece]), np.concatenate([p.times for p in piece]))
        if gpu.REAL is None:
            assert joined == expected
        assert len(joined) == len(expected)


def test_drive_fires_without_input_and_needs_an_end():
    neuron = evsim.LIF(tau_mem=10.0, tau_syn=3.0, bias=[0.5, 1.5, 2.0], v_init=-0.3)
    nets = [evsim.SpikingNetwork(seed=1, device=where) for where in ("cpu", "cuda")]
    for net in nets:
        net.add_layer(evsim.Dense(2, 3), neuron)
    cpu, cuda = nets
    assert_same_spikes(cuda.infer([], [], until=80.0), cpu.infer([], [], until=80.0), "float32")
    assert_same_spikes(cuda.infer([0], [-3.0], until=9.0), cpu.infer([0], [-3.0], until=9.0), "float32")
    message = errors(nets, lambda net: net.infer([], []))
    assert "neuron 1 fires for ever" in message


def test_input_may_lie_on_the_device_or_be_an_output(device):
    cpu, cuda = networks(neurons=("lif", "lif"), sizes=(20, 20, 20))
    indices, times = spikes(4)
    expected = cpu.infer(indices, times)
    first = cuda.infer(device.asarray(indices.astype(np.int64)), device.asarray(times))
    assert isinstance(first.times, device.ndarray)
    assert (first.indices.dtype, first.times.dtype) == (np.int32, np.float64)
    assert_same_spikes(first, expected, "float32")
    assert_same_spikes(cuda.infer(evsim.SpikeArray(indices, times)), expected, "float32")
    again = cuda.infer([first, first.to_host()])
    assert_same_spikes(again, cpu.infer([expected, expected]), "float32")
    assert repr(first) == f"DeviceSpikeArray({len(expected)} spikes)"
    assert first.n_spikes == len(expected)
    assert not first.is_empty()


# Recording


@pytest.mark.parametrize("neuron", ["lif", "lif_refractory", "iaf_delta"])
def test_probes_record_what_they_record_on_the_cpu(neuron):
    nets = networks("float64", (neuron, "lif"), (20, 12, 5))
    values = []
    for net in nets:
        probes = [
            evsim.Probe(0, np.linspace(-1.0, 160.0, 300), neurons=[3, 0, 11]),
            evsim.Probe(1, np.linspace(0.0, 160.0, 50), variable="i"),
        ]
        net.infer([spikes(1), spikes(2, n=7)], record=probes, until=200.0)
        values.append([probe.values for probe in probes])
    for found, expected in zip(*values, strict=True):
        assert found.shape == expected.shape
        assert_close(found, expected, "float64")


# Callbacks


def plastic(dtype, source=STDP, n_neurons=9, neuron="lif", **kernel):
    nets = []
    for where in ("cpu", "cuda"):
        net = evsim.SpikingNetwork(dtype=dtype, seed=5, device=where)
        net.add_layer(evsim.Dense(20, n_neurons), NEURONS[neuron](), kernel=evsim.Kernel(source, **kernel))
        nets.append(net)
    return nets


def assert_same_learning(cuda, cpu, dtype):
    assert_same_spikes(cuda[0].post_spikes, cpu[0].post_spikes, dtype)
    assert_close(cuda[0].weights, cpu[0].weights, dtype)
    assert_close(cuda[0].neuron_traces, cpu[0].neuron_traces, dtype)
    np.testing.assert_allclose(
        host(cuda[0].synaptic_traces), cpu[0].synaptic_traces, rtol=1e-4 if gpu.REAL else 1e-6, atol=1e-6
    )


@dtypes
@pytest.mark.parametrize("update", ["sum", "mean"])
def test_callbacks_learn_what_they_learn_on_the_cpu(dtype, update):
    cpu, cuda = plastic(dtype, batch_update=update, parameters={"a_plus": 0.03})
    before = host(cuda[0].weights).copy()
    for batch in (spikes(1), [spikes(1), spikes(2), spikes(3, n=20), ([], [])]):
        for net in (cpu, cuda):
            net.infer(*batch) if isinstance(batch, tuple) else net.infer(batch)
        assert_same_learning(cuda, cpu, dtype)
    assert not np.array_equal(host(cuda[0].weights), before)
    for net in (cpu, cuda):
        net[0].kernel_parameters = {"a_minus": 0.5}
        net[0].neuron_traces = 0.25
        net[0].synaptic_traces = np.arange(9 * 20 * 3).reshape(9, 20, 3) / 100
        net.infer(*spikes(6))
    assert cuda[0].kernel_parameters == cpu[0].kernel_parameters
    assert_same_learning(cuda, cpu, dtype)


OTHER_RULES = ("pair", "reward", "voltage", "simplified", "guetig", "diehl_cook", "mozafari", "eligibility")


@pytest.mark.parametrize(
    "rule",
    ["triplet_stdp", *(pytest.param(f"{r}_stdp", marks=pytest.mark.nightly) for r in OTHER_RULES)],
)
def test_shipped_rules_learn_what_they_learn_on_the_cpu(rule):
    cpu, cuda = plastic("float32", evsim.kernels.shipped(f"{rule}.cpp"))
    before = host(cuda[0].weights).copy()
    for net in (cpu, cuda):
        net.infer([spikes(1), spikes(2)])
    assert_same_learning(cuda, cpu, "float32")
    waits = rule in ("reward_stdp", "mozafari_stdp", "eligibility_stdp")
    assert waits == np.array_equal(host(cuda[0].weights), before)


def test_rewards_and_dopamine_change_weights_as_on_the_cpu():
    cpu, cuda = plastic("float64", evsim.kernels.shipped("eligibility_stdp.cpp"))
    indices, times = spikes(1)
    for net in (cpu, cuda):
        early = times < 70.0
        net.infer(indices[early], times[early], until=70.0)
        evsim.rules.deliver_dopamine(net, 1e-4)
        net.infer(indices[~early], times[~early], until=160.0, reset=False)
        evsim.rules.apply_reward(net[0], 0.5, 0.01)
        evsim.rules.deliver_dopamine(net, 0.0)
        net[0].weights = np.abs(host(net[0].weights))
        evsim.rules.normalize_weights(net[0], 3.0)
    assert_same_learning(cuda, cpu, "float64")


def test_synaptic_traces_decay_through_output_spikes_that_do_not_touch_them():
    source = """
    #include <evsim/callbacks.h>
    auto synaptic_traces_tau() { return evsim::time_constants(30.0); }
    void on_pre_synapse(evsim::real, const evsim::real*, evsim::real* traces) { traces[0] += 1; }
    """
    net = evsim.SpikingNetwork(dtype="float64", device="cuda")
    layer = net.add_layer(evsim.Dense(2, 1, weights=[[0.0, 9.0]]), NEURONS["lif"](), kernel=evsim.Kernel(source))
    assert len(net.infer([0, 1, 0], [0.0, 1.0, 30.0])) > 3
    assert float(layer.synaptic_traces[0, 0, 0]) == pytest.approx(1 + math.exp(-1), abs=1e-12)


def test_callbacks_in_a_stream_equal_those_on_the_cpu():
    cpu, cuda = plastic("float64")
    indices, times = spikes(1)
    for k, (begin, end) in enumerate([(0.0, 40.0), (40.0, 41.0), (41.0, 160.0)]):
        now = (begin <= times) & (times < end)
        for net in (cpu, cuda):
            net.infer(indices[now], times[now], until=end, reset=k == 0)
        assert_same_learning(cuda, cpu, "float64")
        cuda, cpu = copy.deepcopy(cuda), copy.deepcopy(cpu)
        assert_close(cuda[0].neuron_traces, cpu[0].neuron_traces, "float64")


def test_sources_written_for_evspikesim_run():
    cpu, cuda = plastic("float32", EVSPIKESIM)
    for net in (cpu, cuda):
        net.infer([spikes(1), spikes(2)])
    assert_same_learning(cuda, cpu, "float32")


def test_weights_that_are_not_finite_are_not_learned():
    source = """
    #include <evsim/callbacks.h>
    void on_pre_synapse(evsim::real& weight, const evsim::real*, evsim::real*, const evsim::Context& context) {
        if (context.input == 2) weight = INFINITY;
    }
    """
    nets = plastic("float32", source)
    before = host(nets[1][0].weights).copy()
    few = [[1, 2], [1.0, 1.1]]
    assert "made weights that are not finite" in errors(nets, lambda net: net.infer(*few))
    assert np.array_equal(host(nets[1][0].weights), before)
    assert nets[1].time is None


def test_a_layer_that_learns_is_not_recorded_on_the_gpu():
    _, cuda = plastic("float32")
    with pytest.raises(evsim.errors.InvalidArgumentError, match="writes weights"):
        cuda.infer(*spikes(1), record=evsim.Probe(0, [1.0]))


def test_a_source_that_does_not_compile_names_the_line(monkeypatch):
    net = evsim.SpikingNetwork(device="cuda")
    compiled = plastic("float32")[0][0].projection._compiled
    monkeypatch.setattr(
        "evsim.nodes.compile_kernel", lambda *_: compiled
    )  # or else the host's compiler complains first
    source = "#include <evsim/callbacks.h>\n\nvoid on_post_neuron(evsim::real* t) { no_such_thing(); }\n"
    with pytest.raises(KernelCompileError, match=r"source string[:(]3"):
        net.add_layer(evsim.Dense(2, 2), NEURONS["lif"](), kernel=evsim.Kernel(source))


# Errors


def errors(nets, call):
    """The message, which has to be the same on CPU and GPU."""
    messages = []
    for net in nets:
        with pytest.raises(evsim.EvsimError) as caught:
            call(net)
        messages.append((type(caught.value), str(caught.value)))
    assert messages[0] == messages[1]
    return messages[0][1]


WRONG = {
    "index 20": ([0, 20], [1.0, 1.0]),
    "index -1": (np.array([-1], np.int32), [1.0]),
    "finite": ([0, 0], [1.0, math.inf]),
    "same length": ([0, 0], [1.0]),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("batch", [False, True])
def test_wrong_input_raises_the_errors_of_the_cpu(wrong, batch):
    nets = networks()
    for net in nets:
        net.infer(*spikes(1))
    count = nets[1][0].n_spikes.sum()
    message = errors(nets, lambda net: net.infer([([0], [1.0]), WRONG[wrong]]) if batch else net.infer(*WRONG[wrong]))
    assert wrong in message
    assert nets[1][0].n_spikes.sum() == count


def test_wrong_times_and_streams_raise_the_errors_of_the_cpu():
    nets = networks()
    errors(nets, lambda net: net.infer([0], [1.0], until=math.nan))
    errors(nets, lambda net: net.infer([0], [1.0], until=-math.inf))
    errors(nets, lambda net: net.infer([0], [1.0], start=2.0))
    errors(nets, lambda net: net.infer([], [], start=2.0, until=1.0))
    errors(nets, lambda net: net.infer([], [], start=math.inf))
    for net in nets:
        net.infer([0], [1.0], until=5.0)
    errors(nets, lambda net: net.infer([0], [4.0], reset=False))
    errors(nets, lambda net: net.infer([0], [6.0], reset=False, start=5.0))
    errors(nets, lambda net: net.infer([([], []), ([], [])], reset=False, until=6.0))
    errors(nets, lambda net: net.infer([], [], reset=False, until=4.0))
    errors(nets, lambda net: net.infer([0], [6.0], record=evsim.Probe(0, [1.0], variable="u")))
    errors(nets, lambda net: net.infer([0], [6.0], record=evsim.Probe(0, [1.0], neurons=[37])))
    errors(nets, lambda net: net.infer([0], [6.0], record=evsim.Probe(0, [2.0, 1.0])))
    errors([evsim.SpikingNetwork(), evsim.SpikingNetwork(device="cuda")], lambda net: net.infer([0], [1.0]))


def test_states_that_are_not_finite_and_runaways_raise_and_change_nothing():
    nets = networks(neurons=("lif", "lif_delta"), sizes=(20, 6, 4), max_spikes_per_instant=50)
    for net in nets:
        net.infer(*spikes(1))
    count = nets[1][0].n_spikes.sum()
    for net in nets:
        net[1].weights[2, :] = 1e6
    assert "neuron 2 fired more than 50 times" in errors(nets, lambda net: net.infer(*spikes(1)))
    for net in nets:
        net[1].weights[2, :] = np.nan
    assert "layer 1: the state of neuron 2 is no longer finite" in errors(nets, lambda net: net.infer(*spikes(1)))
    assert nets[1][0].n_spikes.sum() == count


# The rest


def test_weights_are_a_view_and_take_arrays_from_both_sides(device):
    _, cuda = networks()
    layer = cuda[0]
    values = np.random.default_rng(0).normal(size=(37, 20)).astype(np.float32)
    layer.weights = values
    assert isinstance(layer.weights, device.ndarray)
    assert np.array_equal(host(layer.weights), values)
    layer.weights = device.asarray(2 * values)
    assert np.array_equal(host(layer.weights), 2 * values)
    layer.weights[3, 4] = 7.0
    assert float(layer.weights[3, 4]) == 7.0
    with pytest.raises(evsim.errors.ShapeMismatchError):
        layer.weights = values.T


def test_a_network_can_be_saved_and_goes_on_on_the_cpu(tmp_path):
    pytest.importorskip("safetensors")
    _, cuda = networks(neurons=("lif", "lif_refractory"), sizes=(20, 30, 5))
    cuda.save(tmp_path / "net.safetensors")
    cpu = evsim.load(tmp_path / "net.safetensors")
    assert_same_spikes(cuda.infer(*spikes(1)), cpu.infer(*spikes(1)), "float32")


def test_results_before_the_first_call_and_of_no_samples_are_empty():
    cpu, cuda = networks()
    assert cuda.infer([]) == cpu.infer([]) == []
    cuda.reset()
    cpu.reset()
    assert cuda[0].n_spikes.sum() == cpu[0].n_spikes.sum() == 0
    assert len(cuda[0].post_spikes) == 0
    cuda.infer(*spikes(1))
    cuda.reset()
    assert cuda[0].n_spikes.sum() == 0
    assert cuda.time is None


def test_without_cupy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(MissingDependencyError, match=re.escape("python -m pip install 'evsim[cuda]'")):
        evsim.SpikingNetwork(device="cuda")


@pytest.mark.parametrize("count", [0, RuntimeError("cudaErrorInsufficientDriver: driver too old")])
def test_without_a_gpu_the_error_says_so(monkeypatch, count):
    def get_device_count():
        if isinstance(count, Exception):
            raise count
        return count

    monkeypatch.setattr(gpu.CUPY.cuda.runtime, "getDeviceCount", get_device_count)
    with pytest.raises(DeviceError, match=r"needs an NVIDIA GPU.*(driver too old|finds none)"):
        evsim.SpikingNetwork(device="cuda")


def test_a_full_gpu_raises_a_memory_error(monkeypatch, device):
    _, cuda = networks()

    def full(*_arguments):
        raise device.cuda.memory.OutOfMemoryError()

    monkeypatch.setattr(cuda[0]._core.kernels, "launch", full)
    with pytest.raises(evsim.errors.MemoryLimitError, match="memory of the GPU is full"):
        cuda.infer(*spikes(1))


@pytest.mark.skipif(gpu.REAL is not None, reason="checks the emulation, and a real GPU is here")
def test_the_emulation_notices_arguments_of_the_wrong_size():
    _, cuda = networks()
    launch = cuda[0]._core.kernels.launch
    with pytest.raises(AssertionError, match="argument 0 of 1"):
        launch("evsim_describe", 1, np.int32(1))


@pytest.mark.skipif(gpu.REAL is None, reason="there is no GPU here")
def test_arrays_go_to_other_libraries_without_a_copy():
    _, cuda = networks()
    times = cuda.infer(*spikes(1)).times
    assert gpu.CUPY.from_dlpack(times).data.ptr == times.data.ptr
