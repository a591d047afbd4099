"""Convolutional layers against the matrix that they are."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from agreement import TOLERANCE, Tally, assert_agreement, per_neuron
from images import ConvCase, connection_of, random_events, random_geometry
from machines import DTYPES, Machine, on_cpu
from oracle.conv import Geometry

import evsim

dtypes = pytest.mark.parametrize("dtype", DTYPES)


def spread(rng, geometry, low, high):
    """A parameter: one value, one per channel, or one per neuron."""
    kind = rng.integers(3)
    if kind == 0:
        return rng.uniform(low, high)
    size = geometry.out_channels if kind == 1 else int(np.prod(geometry.out_shape))
    return rng.uniform(low, high, size)


def random_neuron(rng, geometry, model):
    tau = 10 ** rng.uniform(-1, 1)
    parameters = {"refractory": rng.choice([0.0, 0.3]) * tau}
    size = {"size": int(np.prod(geometry.out_shape))} if rng.random() < 0.5 else {"size": geometry.out_channels}
    parameters["threshold"] = rng.uniform(0.6, 1.4, **size)
    if rng.random() < 0.5:
        parameters["reset"] = rng.uniform(-1, 0.4, **size)
    if model == "LIF":
        parameters["tau_syn"] = tau / rng.choice([0.5, 1.0, 2.0, 5.0])
    if model != "IAFDelta":
        parameters["tau_mem"] = tau
        parameters["bias"] = rng.choice([0.0, 0.3, 1.6])
    return getattr(evsim, model)(**parameters), tau


def random_case(rng, model, *, n_events=40, largest=4, transposed=None):
    geometry = random_geometry(rng, largest=largest, transposed=transposed)
    neuron, tau = random_neuron(rng, geometry, model)
    height = 4.0 if model == "LIF" else 1.0
    kernel = height * rng.uniform(-0.4, 1.0, geometry.weight_shape)
    indices, times = random_events(rng, geometry, n_events, tau / 8)
    return ConvCase.make(neuron, geometry, kernel, indices, times, float(times[-1] + rng.uniform(0, 2) * tau))


@on_cpu
@pytest.mark.parametrize("model", ["LIF", "LIFDelta", "IAFDelta"])
def test_spike_times_are_exact_for_every_geometry(machine, model):
    rng = np.random.default_rng([20, DTYPES.index(machine.dtype), len(model)])
    tally = sum((random_case(rng, model, transposed=k % 3 == 0).check(machine) for k in range(6)), Tally())
    assert_agreement(tally, spikes=50)


@pytest.mark.nightly
@pytest.mark.parametrize("part", range(4))
def test_campaign_of_convolutions(part, capsys):
    for dtype in DTYPES:
        rng = np.random.default_rng([21, part, DTYPES.index(dtype)])
        tally = Tally()
        for k in range(500):
            tally += random_case(rng, ("LIF", "LIFDelta", "IAFDelta")[k % 3], n_events=60, largest=6).check(
                Machine(dtype)
            )
        with capsys.disabled():
            print(f"\npart {part}, {dtype}: {tally}")
        assert_agreement(tally, spikes=10_000)
        assert tally.cut_short < 0.1 * tally.trials


def test_the_check_notices_a_weight_in_the_wrong_place():
    """Negative control: neighbouring kernel positions exchanged, channels exchanged, times late."""
    rng = np.random.default_rng(22)
    geometry = Geometry(in_shape=(2, 5, 5), out_channels=3, kernel=(3, 3), padding=(1, 1))
    kernel = rng.uniform(0.0, 1.0, geometry.weight_shape)
    indices, times = random_events(rng, geometry, 60, 0.2)
    case = ConvCase.make(evsim.LIFDelta(tau_mem=2.0), geometry, kernel, indices, times, None)
    found = case.infer(Machine("float64"))
    assert_agreement(case.check(Machine("float64"), found), spikes=50)
    for changed in (kernel[..., ::-1], kernel[::-1], kernel[:, ::-1], kernel.swapaxes(2, 3)):
        other = ConvCase.make(case.neuron, geometry, changed, indices, times, None)
        assert case.check(Machine("float64"), other.infer(Machine("float64"))).faults
    assert case.check(Machine("float64"), [t + 3 * TOLERANCE["float64"] for t in found]).faults


@on_cpu
@pytest.mark.parametrize("above", [1e-3, 1e-6, -1e-6, -1e-3])
def test_near_grazing_crossings_are_decided_as_in_a_dense_layer(machine, above):
    """One input just strong enough, or just not; found only when the pixel is touched again, or at the end."""
    if machine.dtype == "float32" and abs(above) < 1e-5:
        above *= 10
    peak = 0.25  # of w (x - x^2)
    geometry = Geometry(in_shape=(1, 3, 3), out_channels=5, kernel=(3, 3), padding=(1, 1))
    kernel = np.full(geometry.weight_shape, (1 + above) / peak)
    neuron = evsim.LIF(tau_mem=2.0, tau_syn=1.0)
    for times in ([0.0], [0.0, 50.0]):
        case = ConvCase.make(neuron, geometry, kernel, [4] * len(times), times, None)
        found = case.infer(machine)
        assert {len(t) for t in found} == {len(times) if above > 0 else 0}
        assert_agreement(case.check(machine, found), spikes=0)


@dtypes
def test_lazy_layers_equal_dense_layers_with_the_same_matrix(dtype):
    """Larger ones, where the oracle would take minutes; the two engines round at different events."""
    rng = np.random.default_rng([23, DTYPES.index(dtype)])
    compared = 0
    for model in ("LIF", "LIFDelta", "IAFDelta"):
        geometry = random_geometry(rng, largest=12)
        neuron, tau = random_neuron(rng, geometry, model)
        kernel = rng.uniform(-0.4, 1.0, geometry.weight_shape) * (3.0 if model == "LIF" else 1.0)
        indices, times = random_events(rng, geometry, 1500, tau / 60)
        until = float(times[-1]) + tau
        net = evsim.SpikingNetwork(dtype=dtype)
        net.add_layer(connection_of(geometry, kernel), neuron)
        matrix = geometry.matrix(kernel)[0]
        per_channel = {
            name: np.repeat(value, len(matrix) // len(value))
            for name in ("threshold", "reset", "v_init")
            if isinstance(value := getattr(neuron, name), np.ndarray) and len(value) == geometry.out_channels
        }
        dense = evsim.SpikingNetwork(dtype=dtype)
        dense.add_layer(evsim.Dense(*matrix.shape[::-1], weights=matrix), replace(neuron, **per_channel))
        found, expected = (per_neuron(n.infer(indices, times, until=until), len(matrix)) for n in (net, dense))
        same = [len(a) == len(b) for a, b in zip(found, expected, strict=True)]
        assert np.mean(same) > (0.99 if dtype == "float64" else 0.9)
        for a, b, equal in zip(found, expected, same, strict=True):
            if equal and len(a):
                compared += len(a)
                if dtype == "float64":
                    np.testing.assert_allclose(a, b, atol=1e-8 * tau, rtol=0)
    assert compared > 300


def example(seed=0, *, dtype="float32", neuron=None, **options):
    rng = np.random.default_rng(seed)
    net = evsim.SpikingNetwork(dtype=dtype, seed=seed)
    first = evsim.LIF(tau_mem=20.0, tau_syn=5.0, refractory=1.0) if neuron is None else neuron
    net.add_conv_layer(6, 5, first, in_shape=(2, 14, 12), padding=2)
    net[0].weights *= 4
    net.add_pool_layer(2)
    net.add_conv_layer(8, 3, evsim.LIFDelta(tau_mem=10.0, bias=0.2), groups=2)
    net.add_layer(evsim.Dense(net[2].n_neurons, 4), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
    indices, times = rng.integers(0, 2 * 14 * 12, 3000), np.sort(rng.uniform(0, 60, 3000))
    times[::7] = np.round(times[::7])
    order = np.argsort(times, kind="stable")
    return net, indices[order], times[order]


@dtypes
def test_pieces_equal_the_whole_to_the_last_bit(dtype):
    net, indices, times = example(dtype=dtype)
    whole = net.infer(indices, times, until=80.0)
    layers = [layer.post_spikes for layer in net]
    causes = net[1].causes
    assert len(layers[0]) > 500
    assert len(layers[2]) > 100
    assert len(whole) > 20
    cuts = [0.0, 7.0, 7.0, 7.5, 20.0, 33.25, 70.0, 80.0]
    parts = [[] for _ in net]
    pieces, begin = [], 0
    for k, cut in enumerate(cuts):
        end = int(np.searchsorted(times, cut, side="left" if k % 2 else "right"))
        end = max(begin, end) if k < len(cuts) - 1 else len(times)
        net.infer(indices[begin:end], times[begin:end], until=cut, reset=k == 0)
        for part, layer in zip(parts, net, strict=True):
            part.append(layer.post_spikes)
        pieces.append(net[1].causes)
        begin = end
    for part, expected in zip(parts, layers, strict=True):
        found = evsim.SpikeArray(np.concatenate([p.indices for p in part]), np.concatenate([p.times for p in part]))
        assert found == expected
    assert np.array_equal(np.concatenate(pieces), causes)


@dtypes
def test_batches_and_threads_change_no_bit(dtype):
    net, indices, times = example(dtype=dtype)
    before = evsim.num_threads()
    try:
        evsim.set_num_threads(1)
        one = net.infer(indices, times, until=70.0)
        hidden = net[0].post_spikes
        for threads in (2, 3, 5):
            evsim.set_num_threads(threads)
            assert net.infer(indices, times, until=70.0) == one
            assert net[0].post_spikes == hidden
        batch = net.infer([(indices, times), (indices[:10], times[:10]), (indices, times)], until=70.0)
        assert batch[0] == batch[2] == one
        assert net[0].post_spikes[2] == hidden
    finally:
        evsim.set_num_threads(before)


def test_potentials_are_exact_wherever_they_are_recorded():
    """Against a dense layer with the same matrix, and without changing what the layer fires."""
    rng = np.random.default_rng(24)
    geometry = Geometry(in_shape=(2, 5, 4), out_channels=3, kernel=(3, 2), padding=(1, 0))
    kernel = rng.uniform(-0.3, 1.0, geometry.weight_shape)
    indices, times = random_events(rng, geometry, 200, 0.05)
    matrix = geometry.matrix(kernel)[0]
    for neuron in (evsim.LIF(tau_mem=2.0, tau_syn=1.0, bias=0.2), evsim.LI(tau_mem=2.0, tau_syn=0.7, v_init=-0.5)):
        conv, dense = evsim.SpikingNetwork(dtype="float64"), evsim.SpikingNetwork(dtype="float64")
        layer = conv.add_layer(connection_of(geometry, kernel), neuron)
        other = dense.add_layer(evsim.Dense(matrix.shape[1], len(matrix), weights=matrix), neuron)
        at = np.sort(rng.uniform(times[0], times[-1] + 2, 40))
        probes = [evsim.Probe(0, times=at, variable=v) for v in ("v", "i")]
        others = [evsim.Probe(0, times=at, variable=v) for v in ("v", "i")]
        until = float(times[-1] + 3)
        recorded = conv.infer(indices, times, until=until, record=probes)
        dense.infer(indices, times, until=until, record=others)
        for probe, expected in zip(probes, others, strict=True):
            np.testing.assert_allclose(probe.values, expected.values, atol=1e-9)
        assert conv.infer(indices, times, until=until) == recorded
        if not neuron.spikes:
            np.testing.assert_allclose(layer.maximum, other.maximum, atol=1e-11)
            np.testing.assert_allclose(layer.maximum_time, other.maximum_time, atol=1e-4)
            np.testing.assert_allclose(layer.mean, other.mean, atol=1e-11)
        else:
            assert len(recorded) > 20


def test_an_own_neuron_model_works_in_a_convolution(tmp_path):
    model = evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"), compile_path=tmp_path)
    rng = np.random.default_rng(25)
    geometry = Geometry(in_shape=(1, 6, 6), out_channels=4, kernel=(3, 3))
    kernel = rng.uniform(0, 1, geometry.weight_shape)
    indices, times = random_events(rng, geometry, 300, 0.05)
    matrix = geometry.matrix(kernel)[0]
    neuron = model(tau_mem=2.0, tau_adapt=3.0, jump=0.3)
    conv, dense = evsim.SpikingNetwork(tmp_path, dtype="float64"), evsim.SpikingNetwork(tmp_path, dtype="float64")
    conv.add_layer(connection_of(geometry, kernel), neuron)
    dense.add_layer(evsim.Dense(matrix.shape[1], len(matrix), weights=matrix), neuron)
    found, expected = (net.infer(indices, times) for net in (conv, dense))
    assert len(found) > 50
    assert np.array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times, expected.times, atol=1e-9)


def test_neurons_that_nobody_reaches_fire_by_themselves():
    neuron = evsim.LIF(tau_mem=4.0, tau_syn=1.0, bias=1.25)
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_conv_layer(3, 2, neuron, in_shape=(1, 4, 4), weights=np.zeros((3, 1, 2, 2)))
    found = per_neuron(net.infer([], [], until=30.0), 27)
    period = 4.0 * np.log(5.0)
    for times in found:
        np.testing.assert_allclose(times, period * np.arange(1, len(times) + 1), rtol=1e-13)
    with pytest.raises(evsim.errors.InvalidArgumentError, match="neuron 0 may fire for ever"):
        net.infer([0], [0.0])
    charged = evsim.SpikingNetwork(dtype="float64")
    start = np.zeros(27)
    start[13] = 8.0
    charged.add_conv_layer(
        3, 2, evsim.LIF(tau_mem=4.0, tau_syn=2.0, i_init=start), in_shape=(1, 4, 4), weights=np.zeros((3, 1, 2, 2))
    )
    assert set(charged.infer([], []).indices.tolist()) == {13}


@dtypes
def test_copies_go_on_where_a_stream_stopped(dtype, tmp_path):
    net, indices, times = example(dtype=dtype)
    whole = net.infer(indices, times, until=80.0)
    half = int(np.searchsorted(times, 30.0))
    first = net.infer(indices[:half], times[:half], until=30.0)
    copies = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    for one in (net, *copies):
        rest = one.infer(indices[half:], times[half:], until=80.0, reset=False)
        assert np.array_equal(np.concatenate([first.times, rest.times]), whole.times)
    net.save(tmp_path / "net.safetensors")
    loaded = evsim.load(tmp_path / "net.safetensors")
    assert loaded.infer(indices, times, until=80.0) == whole
    assert repr(loaded) == repr(net)
    assert [layer.shape for layer in loaded] == [layer.shape for layer in net]


def test_weights_are_those_of_pytorch_and_can_be_written():
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_conv_layer(2, (3, 2), evsim.IAFDelta(), in_shape=(4, 5, 6), groups=2)
    up = net.add_layer(evsim.ConvTranspose2d(6, 3, groups=2), evsim.IAFDelta())
    assert (layer.weights.shape, up.weights.shape) == ((2, 2, 3, 2), (2, 3, 3, 3))
    layer.weights = np.zeros((2, 2, 3, 2))
    layer.weights[1, 0, 2, 1] = 1.5
    # Input (2, y, x) reaches neuron (1, y - 2, x - 1).
    out = net.infer([evsim.index_of(2, 3, 4, layer.in_shape)], [1.0])
    assert layer.post_spikes.indices.tolist() == [evsim.index_of(1, 1, 3, layer.shape)]
    assert out.shape == up.shape
    with pytest.raises(evsim.errors.ShapeMismatchError, match="out_channels"):
        layer.weights = np.zeros((2, 4, 3, 2))


def test_index_helpers_are_inverse_and_check_their_range():
    shape = (3, 5, 7)
    everything = np.arange(105)
    assert np.array_equal(evsim.index_of(*evsim.coordinates_of(everything, shape), shape), everything)
    assert evsim.coordinates_of(104, shape) == (2, 4, 6)
    for bad in ((3, 0, 0), (0, 5, 0), (0, 0, -1)):
        with pytest.raises(evsim.errors.IndexOutOfRangeError):
            evsim.index_of(*bad, shape)
    with pytest.raises(evsim.errors.IndexOutOfRangeError, match="0 to 104, got 105"):
        evsim.coordinates_of([3, 105], shape)
    with pytest.raises(evsim.errors.DTypeError):
        evsim.index_of(0.5, 0, 0, shape)
    with pytest.raises(evsim.errors.ShapeMismatchError):
        evsim.coordinates_of(0, (5, 7))


def test_mistakes_have_names():
    errors = evsim.errors
    net = evsim.SpikingNetwork()
    neuron = evsim.LIF(tau_mem=2.0, tau_syn=1.0)
    with pytest.raises(errors.InvalidArgumentError, match="in_shape"):
        net.add_conv_layer(4, 3, neuron)
    with pytest.raises(errors.ShapeMismatchError, match="does not fit"):
        net.add_conv_layer(4, 5, neuron, in_shape=(1, 4, 4))
    with pytest.raises(errors.InvalidArgumentError, match="groups"):
        net.add_conv_layer(4, 3, neuron, in_shape=(3, 8, 8), groups=2)
    with pytest.raises(errors.InvalidArgumentError, match="stride"):
        net.add_conv_layer(4, 3, neuron, in_shape=(3, 8, 8), stride=0)
    with pytest.raises(errors.ShapeMismatchError, match="weights"):
        net.add_conv_layer(4, 3, neuron, in_shape=(3, 8, 8), weights=np.zeros((4, 1, 3, 3)))
    with pytest.raises(errors.ShapeMismatchError, match="threshold"):
        net.add_conv_layer(4, 3, evsim.IAFDelta(threshold=[1.0, 2.0]), in_shape=(3, 8, 8))
    with pytest.raises(errors.DTypeError, match="needs a neuron"):
        net.add_layer(evsim.Conv2d(4, 3, in_shape=(1, 8, 8)))
    with pytest.raises(errors.InvalidArgumentError, match="without neurons"):
        net.add_pool_layer(2, neuron=neuron, in_shape=(1, 8, 8))
    with pytest.raises(errors.InvalidArgumentError, match="Pool2d has no weights that learn"):
        net.add_layer(evsim.Pool2d(2, mode="sum", in_shape=(1, 8, 8)), neuron, kernel=evsim.rules.pair_stdp())
    assert len(net) == 0
    layer = net.add_conv_layer(4, 3, neuron, in_shape=(1, 8, 8))
    with pytest.raises(errors.ShapeMismatchError, match="the layer before has the shape"):
        net.add_conv_layer(4, 3, neuron, in_shape=(4, 6, 5))
    with pytest.raises(errors.ShapeMismatchError):
        net.add_layer(evsim.Dense(3, 3), neuron)
    with pytest.raises(errors.NoSuchParameterError):
        layer.causes  # noqa: B018
    with pytest.raises(errors.IndexOutOfRangeError):
        net.infer([64], [0.0])
    layer.weights[...] = np.nan
    with pytest.raises(errors.NonFiniteError, match="no longer finite"):
        net.infer([27], [0.0])


def test_a_neuron_that_fires_without_end_at_one_instant_is_an_error():
    net = evsim.SpikingNetwork(max_spikes_per_instant=50)
    net.add_conv_layer(2, 1, evsim.IAFDelta(threshold=1e-3), in_shape=(1, 3, 3), weights=np.ones((2, 1, 1, 1)))
    with pytest.raises(evsim.errors.RunawaySpikingError, match=r"neuron 4 fired more than 50 times at t = 2"):
        net.infer([4], [2.0])
    assert net.time is None
