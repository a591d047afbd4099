"""LinearLeakIF and SteppedIF against exact fractions, in both engines; pooling and its way back."""

import numpy as np
import pytest
from agreement import per_neuron
from images import connection_of, random_geometry
from machines import on_cpu, one_of_equals
from oracle.conv import Window, pooled, unpooled
from oracle.stepped import linear_leak, stepped

import evsim

DTYPES = ("float32", "float64")
dtypes = pytest.mark.parametrize("dtype", DTYPES)


def dyadic(rng, low, high, size):
    """Numbers that sums and differences of a few leave exact in float32."""
    return rng.integers(low * 64, high * 64, size) / 64


def networks(rng, neuron, machine):
    """A dense layer and, where there are any, a convolution, and their matrices."""
    matrix = dyadic(rng, -1, 1.5, (12, 20))
    dense = machine.network()
    dense.add_layer(evsim.Dense(20, 12, weights=matrix), neuron)
    yield dense, matrix
    geometry = random_geometry(rng)
    kernel = dyadic(rng, -1, 1.5, geometry.weight_shape)
    conv = machine.network()
    if machine.device == "cuda":
        with pytest.raises(evsim.errors.InvalidArgumentError, match="run on the CPU"):
            conv.add_layer(connection_of(geometry, kernel), neuron)
        return
    conv.add_layer(connection_of(geometry, kernel), neuron)
    yield conv, geometry.matrix(kernel)[0]


def infer(net, indices, times, machine):
    """Spikes of a dense layer from enough copies for all threads to start, of a convolution from a few."""
    return one_of_equals(net.infer([(indices, times)] * machine.copies(len(times) * 12)))


def stepped_input(rng, n_inputs, n_steps=120, n=150):
    return rng.integers(0, n_inputs, n), np.sort(rng.integers(0, n_steps, n)).astype(float)


@pytest.mark.parametrize("fire_once", [False, True])
@pytest.mark.parametrize("reset", [0.0, 0.25, "subtract"])
def test_linear_leak_spikes_are_those_of_exact_fractions(machine, fire_once, reset):
    rng = np.random.default_rng([30, fire_once, len(str(reset))])
    spikes = 0
    for leak in (0.0, 1 / 64, 0.25):
        neuron = evsim.LinearLeakIF(leak=leak, threshold=1.5, reset=reset, fire_once=fire_once, v_init=0.5)
        for net, matrix in networks(rng, neuron, machine):
            indices, times = stepped_input(rng, matrix.shape[1])
            times /= 4
            found = per_neuron(infer(net, indices, times, machine), len(matrix))
            for n, row in enumerate(matrix):
                expected = linear_leak(
                    times,
                    row[indices],
                    leak=leak,
                    threshold=1.5,
                    reset=None if reset == "subtract" else reset,
                    fire_once=fire_once,
                    v_init=0.5,
                )
                assert found[n].tolist() == expected
                spikes += len(expected)
    assert spikes > 20


@pytest.mark.parametrize("fire_once", [False, True])
@pytest.mark.parametrize("mode", ["subtractive", "multiplicative"])
def test_stepped_spikes_are_those_of_every_single_step(machine, fire_once, mode):
    rng = np.random.default_rng([31, fire_once, len(mode)])
    spikes = 0
    for leak in (0.0, 1 / 64, 0.75, 1.5):
        neuron = evsim.SteppedIF(leak=leak, leak_mode=mode, threshold=1.5, fire_once=fire_once, v_init=1.0)
        for net, matrix in networks(rng, neuron, machine):
            indices, times = stepped_input(rng, matrix.shape[1])
            found = per_neuron(infer(net, indices, times, machine), len(matrix))
            for n, row in enumerate(matrix):
                expected = stepped(
                    times,
                    row[indices],
                    leak=leak,
                    threshold=1.5,
                    multiplicative=mode == "multiplicative",
                    fire_once=fire_once,
                    v_init=1.0,
                    steps=130,
                )
                assert found[n].tolist() == expected
                spikes += len(expected)
    assert spikes > 20


def test_the_oracles_tell_the_two_neurons_apart():
    """Negative control: another leak, another clamp or another order of arrivals is noticed."""
    rng = np.random.default_rng(32)
    indices, times = stepped_input(rng, 20)
    weights = dyadic(rng, -1, 1.5, 20)[indices]
    right = linear_leak(times, weights, leak=0.25, threshold=1.5)
    assert right != linear_leak(times, weights, leak=0.125, threshold=1.5)
    assert right != stepped(times, weights, leak=0.25, threshold=1.5, steps=130)
    split = linear_leak(times + np.arange(len(times)) * 2.0**-30, weights, leak=0.25, threshold=1.5)
    assert [round(t) for t in split] != right
    assert stepped(times, weights, leak=0.25, threshold=1.5, steps=130) != stepped(
        times, weights, leak=0.25, threshold=1.5, multiplicative=True, steps=130
    )


@dtypes
def test_potentials_of_the_new_neurons_are_as_defined(dtype):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(2, 1, weights=[[1.0, -2.0]]), evsim.LinearLeakIF(leak=0.25, threshold=4.0))
    at = [0.0, 1.0, 2.0, 3.0, 5.0, 9.0]
    probe = evsim.Probe(0, times=at)
    net.infer([0, 0, 1, 0], [1.0, 1.0, 3.0, 5.0], until=10.0, record=probe)
    assert probe.values[:, 0].tolist() == [0.0, 2.0, 1.75, 0.0, 1.0, 0.0]
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), evsim.SteppedIF(leak=0.25, threshold=1.5))
    probe = evsim.Probe(0, times=[0.0, 1.0, 2.0, 2.5, 4.0, 5.0, 6.0])
    spikes = net.infer([0, 0, 0, 0], [1, 4, 5, 5], until=10.0, record=probe)
    assert probe.values[:, 0].tolist() == [0.0, 0.75, 0.5, 0.5, 0.75 + 0.25, 0.0, 0.0]
    assert spikes.times.tolist() == [5.0]


@on_cpu
@pytest.mark.parametrize("model", ["LinearLeakIF", "SteppedIF"])
def test_pieces_of_steps_equal_the_whole(machine, model):
    rng, total = np.random.default_rng(33), 0
    neuron = getattr(evsim, model)(leak=0.125, threshold=1.5)
    for net, matrix in (pair for _ in range(3) for pair in networks(rng, neuron, machine)):
        indices, times = stepped_input(rng, matrix.shape[1])
        whole = net.infer(indices, times, until=130.0)
        found, begin = [], 0
        for k, cut in enumerate((0.0, 17.0, 18.0, 60.0, 130.0)):
            end = int(np.searchsorted(times, cut, side="left" if k % 2 else "right"))
            found.append(net.infer(indices[begin:end], times[begin:end], until=cut, reset=k == 0))
            begin = end
        assert np.array_equal(np.concatenate([part.times for part in found]), whole.times)
        assert np.array_equal(np.concatenate([part.indices for part in found]), whole.indices)
        total += len(whole)
    assert total > 100


def test_mistakes_in_parameters_have_names():
    errors = evsim.errors
    for wrong in (
        {"leak": -1.0},
        {"leak": 0.1, "threshold": 0.0},
        {"leak": 0.1, "reset": 1.0},
        {"leak": 0.1, "reset": -0.5},
        {"leak": 0.1, "reset": "add"},
        {"leak": 0.1, "v_init": -1.0},
    ):
        with pytest.raises(errors.InvalidArgumentError):
            evsim.LinearLeakIF(**wrong)
    for wrong in (
        {"leak": 2.0},
        {"leak": -0.1},
        {"leak_mode": "linear"},
        {"leak_mode": "multiplicative", "threshold": [1.0, 2.0]},
    ):
        with pytest.raises(errors.InvalidArgumentError):
            evsim.SteppedIF(**wrong)
    with pytest.raises(errors.DTypeError):
        evsim.SteppedIF(fire_once="yes")
    with pytest.raises(errors.NonFiniteError):
        evsim.LinearLeakIF(leak=np.nan)


# Pooling


def random_window(rng):
    kernel = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
    return Window(
        in_shape=(int(rng.integers(1, 4)), int(rng.integers(3, 8)), int(rng.integers(3, 8))),
        kernel=kernel,
        stride=(int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        padding=(int(rng.integers(0, kernel[0] // 2 + 1)), int(rng.integers(0, kernel[1] // 2 + 1))),
    )


def pool_of(window, mode, **options):
    return evsim.Pool2d(window.kernel, window.stride, mode, padding=window.padding, in_shape=window.in_shape, **options)


@pytest.mark.parametrize("mode", ["or", "first"])
def test_pooled_spikes_and_their_causes_are_those_of_every_single_window(mode):
    """Windows beside, over and apart from each other; many spikes at one time."""
    rng = np.random.default_rng([34, len(mode)])
    total = 0
    for _ in range(25):
        window = random_window(rng)
        n = int(np.prod(window.in_shape))
        indices, times = rng.integers(0, n, 80), np.sort(rng.integers(0, 25, 80)).astype(float)
        net = evsim.SpikingNetwork()
        layer = net.add_layer(pool_of(window, mode))
        assert layer.n_neurons == len(window.cells)
        spikes = net.infer(indices, times)
        expected = pooled(window, indices, times, first=mode == "first")
        assert list(zip(spikes.times, spikes.indices, layer.causes, strict=True)) == expected
        assert spikes.shape == layer.shape
        total += len(expected)
    assert total > 300


def test_pooling_by_sums_is_a_convolution_with_one_weight():
    rng = np.random.default_rng(35)
    window = random_window(rng)
    indices, times = rng.integers(0, int(np.prod(window.in_shape)), 200), np.sort(rng.uniform(0, 50, 200))
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.LIFDelta(tau_mem=20.0, threshold=1.0)
    layer = net.add_layer(pool_of(window, "sum", weight=0.4), neuron)
    matrix = np.zeros((layer.n_neurons, layer.n_inputs))
    for cell, inside in window.cells:
        matrix[cell, inside] = 0.4
    dense = evsim.SpikingNetwork(dtype="float64")
    dense.add_layer(evsim.Dense(*matrix.shape[::-1], weights=matrix), neuron)
    found, expected = net.infer(indices, times), dense.infer(indices, times)
    assert found == expected
    assert len(found) > 10
    assert (layer.weights == 0.4).all()
    with pytest.raises(ValueError, match="read-only"):
        layer.weights[...] = 1.0
    with pytest.raises(evsim.errors.InvalidArgumentError, match="fixed"):
        layer.weights = np.ones(layer.weights.shape)


@pytest.mark.parametrize("mode", ["or", "first"])
def test_unpooled_spikes_go_where_the_last_pooled_spike_came_from(mode):
    """The spikes between are delayed, thinned out and merged by neurons."""
    rng = np.random.default_rng([36, len(mode)])
    returned = 0
    for _ in range(10):
        window = random_window(rng)
        net = evsim.SpikingNetwork(dtype="float64")
        pool = net.add_layer(pool_of(window, mode))
        between = net.add_layer(
            evsim.Conv2d(pool.shape[0], 3, padding=1, initializer=evsim.initializers.Uniform(0, 2)),
            evsim.LIF(tau_mem=4.0, tau_syn=2.0),
        )
        back = net.add_unpool_layer(pool)
        assert (back.in_shape, back.shape) == (pool.shape, window.in_shape)
        n = int(np.prod(window.in_shape))
        indices, times = rng.integers(0, n, 120), np.sort(rng.integers(0, 60, 120) / 2)
        spikes = net.infer(indices, times)
        expected = unpooled(
            pooled(window, indices, times, first=mode == "first"),
            between.post_spikes.indices,
            between.post_spikes.times,
        )
        assert list(zip(spikes.times, spikes.indices, strict=True)) == expected
        returned += len(expected)
    assert returned > 50


def test_pieces_of_pooling_equal_the_whole_and_ties_at_a_cut_stay_one():
    rng = np.random.default_rng(37)
    for mode in ("or", "first"):
        net = evsim.SpikingNetwork()
        pool = net.add_layer(evsim.Pool2d(2, mode=mode, in_shape=(2, 6, 6)))
        net.add_unpool_layer(pool)
        indices, times = rng.integers(0, 72, 200), np.sort(rng.integers(0, 20, 200)).astype(float)
        whole = net.infer(indices, times, until=25.0)
        causes = pool.causes
        found, kept = [], []
        cuts = [(40, times[40]), (90, times[90]), (90, times[90]), (200, 25.0)]
        begin = 0
        for k, (end, until) in enumerate(cuts):
            found.append(net.infer(indices[begin:end], times[begin:end], until=float(until), reset=k == 0))
            kept.append(pool.causes)
            begin = end
            net = pickled(net)
            pool = net[0]
        assert np.array_equal(np.concatenate(kept), causes)
        assert np.array_equal(np.concatenate([part.indices for part in found]), whole.indices)
        assert np.array_equal(np.concatenate([part.times for part in found]), whole.times)


def pickled(net):
    import pickle

    return pickle.loads(pickle.dumps(net))


def test_mistakes_in_pooling_have_names(tmp_path):
    errors = evsim.errors
    net = evsim.SpikingNetwork()
    with pytest.raises(errors.InvalidArgumentError, match="mode"):
        net.add_pool_layer(2, mode="max", in_shape=(1, 4, 4))
    with pytest.raises(errors.InvalidArgumentError, match="padding"):
        net.add_pool_layer(2, padding=2, in_shape=(1, 4, 4))
    with pytest.raises(errors.ShapeMismatchError, match="does not fit"):
        net.add_pool_layer(5, in_shape=(1, 4, 4))
    with pytest.raises(errors.DTypeError, match="needs a neuron"):
        net.add_pool_layer(2, mode="sum", in_shape=(1, 4, 4))
    pool = net.add_pool_layer(2, in_shape=(1, 4, 4))
    with pytest.raises(errors.InvalidArgumentError, match="same network"):
        evsim.SpikingNetwork().add_unpool_layer(pool)
    with pytest.raises(errors.NoSuchParameterError, match="weights"):
        pool.weights  # noqa: B018
    with pytest.raises(errors.InvalidArgumentError, match="no neurons"):
        net.infer([0], [0.0], record=evsim.Probe(0, times=[0.0]))
    with pytest.raises(errors.DTypeError, match="pool"):
        evsim.Unpool2d(3)
    net.add_unpool_layer(pool)
    path = tmp_path / "net.safetensors"
    net.save(path)
    assert repr(evsim.load(path)) == repr(net) == "SpikingNetwork(1x4x4 -> 1x2x2 Pool2d -> 1x4x4 Unpool2d, float32)"
