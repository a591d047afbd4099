"""Networks on the GPU do what they do on the CPU: to the last bit in emulation, else within the promised error."""

import pickle

import gpu
import numpy as np
import pytest
from cpu_and_gpu import NEURONS, assert_close, assert_same_spikes, errors, networks, spikes
from machines import DTYPES, on_host

import evsim

dtypes = pytest.mark.parametrize("dtype", DTYPES)


@dtypes
@pytest.mark.parametrize("neuron", NEURONS)
def test_every_model_fires_as_on_the_cpu(neuron, dtype):
    cpu, cuda = networks(dtype, (neuron,), (20, 150))
    expected = cpu.infer(*spikes(1))
    assert len(expected) > 100
    assert_same_spikes(cuda.infer(*spikes(1)), expected, dtype)


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
        assert_close(cuda[2].mean, cpu[2].mean, "float64")
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
    assert "neuron 1 may fire for ever" in message


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


def test_weights_are_a_view_and_take_arrays_from_both_sides(device):
    _, cuda = networks()
    layer = cuda[0]
    values = np.random.default_rng(0).normal(size=(37, 20)).astype(np.float32)
    layer.weights = values
    assert isinstance(layer.weights, device.ndarray)
    assert np.array_equal(on_host(layer.weights), values)
    layer.weights = device.asarray(2 * values)
    assert np.array_equal(on_host(layer.weights), 2 * values)
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
