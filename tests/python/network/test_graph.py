"""Networks of any shape without cycles: several inputs, several projections, skips, names.

A population that takes several projections must fire as if their weights stood in one matrix and their spikes in one
train, to the last bit; that is how these tests know what is right.
"""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import evsim

NEURONS = {
    "lif": evsim.LIF(tau_mem=20.0, tau_syn=7.0, threshold=0.6),
    "lif_refractory": evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.6, refractory=2.0),
    "lif_delta": evsim.LIFDelta(tau_mem=15.0, threshold=0.8),
    "iaf_delta": evsim.IAFDelta(threshold=0.9),
    "li": evsim.LI(tau_mem=20.0, tau_syn=5.0),
}
DTYPES = ("float32", "float64")


def train(rng, n_inputs, n_spikes, grid=None):
    """A sorted spike train; on a grid many spikes share their times."""
    times = np.sort(rng.uniform(0.0, 60.0, n_spikes))
    if grid:
        times = np.round(times / grid) * grid
    return evsim.SpikeArray(rng.integers(0, n_inputs, n_spikes), times)


def merged(trains, offsets):
    """One train of several, ties in the order in which they are given."""
    times = np.concatenate([one.times for one in trains])
    indices = np.concatenate([one.indices + offset for one, offset in zip(trains, offsets, strict=True)])
    order = np.argsort(times, kind="stable")
    return indices[order], times[order]


def same(a, b):
    return np.array_equal(a.indices, b.indices) and np.array_equal(a.times, b.times)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("model", NEURONS)
@pytest.mark.parametrize("grid", [None, 2.0])
def test_several_dense_projections_are_one_matrix(model, dtype, grid):
    rng = np.random.default_rng([list(NEURONS).index(model), DTYPES.index(dtype), grid is None])
    sizes = (3, 5, 2)
    weights = rng.normal(0.3, 0.5, (9, sum(sizes)))
    several, one = evsim.SpikingNetwork(dtype=dtype), evsim.SpikingNetwork(dtype=dtype)
    population = several.add_population(9, NEURONS[model])
    offsets = np.cumsum((0, *sizes))
    for k, size in enumerate(sizes):
        source = several.add_input(size, name=f"in{k}")
        several.connect(source, population, evsim.Dense(size, 9, weights=weights[:, offsets[k] : offsets[k + 1]]))
    layer = one.add_layer(evsim.Dense(sum(sizes), 9, weights=weights), NEURONS[model])
    trains = [train(rng, size, 40, grid) for size in sizes]
    probes = [evsim.Probe(0, np.linspace(0.0, 70.0, 15)) for _ in range(2)]
    found = several.infer({f"in{k}": one_train for k, one_train in enumerate(trains)}, until=80.0, record=probes[0])
    expected = one.infer(*merged(trains, offsets[:3]), until=80.0, record=probes[1])
    assert same(found, expected)
    assert np.array_equal(probes[0].values, probes[1].values)
    if model == "li":
        assert np.array_equal(population.maximum, layer.maximum)
    else:
        assert len(expected) > 10


@pytest.mark.parametrize("dtype", DTYPES)
def test_several_convolutions_add_up(dtype):
    """Two kernels on the same image are their sum where both see the same spikes; float64 agrees to rounding."""
    rng = np.random.default_rng(3)
    shape, neuron = (2, 6, 7), evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.4)
    first, second = rng.normal(0.1, 0.4, (2, 3, 2, 3, 3))
    several, one = evsim.SpikingNetwork(dtype=dtype), evsim.SpikingNetwork(dtype=dtype)
    source = several.add_input(shape, name="image")
    layer = several.add_layer(evsim.Conv2d(3, 3, padding=1, weights=first), neuron, source=source)
    several.connect(source, layer, evsim.Conv2d(3, 3, padding=1, weights=second))
    one.add_layer(evsim.Conv2d(3, 3, padding=1, weights=first + second, in_shape=shape), neuron)
    spikes = train(rng, 84, 150)
    found, expected = several.infer(spikes), one.infer(spikes)
    assert len(expected) > 50
    assert np.array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times, expected.times, rtol=1e-4 if dtype == "float32" else 1e-11)


def test_a_population_made_first_takes_convolutions():
    rng = np.random.default_rng(4)
    weights = rng.normal(0.1, 0.4, (3, 2, 3, 3))
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=np.linspace(0.3, 0.6, 3 * 6 * 7))
    made, layered = evsim.SpikingNetwork(), evsim.SpikingNetwork()
    image = made.add_input((2, 6, 7))
    population = made.add_population((3, 6, 7), neuron, name="conv")
    made.connect(image, population, evsim.Conv2d(3, 3, padding=1, weights=weights))
    layered.add_layer(evsim.Conv2d(3, 3, padding=1, weights=weights, in_shape=(2, 6, 7)), neuron)
    spikes = train(rng, 84, 150)
    assert same(made.infer(spikes), layered.infer(spikes))
    assert population.shape == (3, 6, 7)


def diamond(dtype="float32", seed=7, threads=None):
    """An input to two layers, and both to a third one, which the input reaches as well."""
    net = evsim.SpikingNetwork(dtype=dtype, seed=seed)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=8.0, threshold=0.15)
    source = net.add_input(6, name="source")
    left = net.add_layer(evsim.Dense(6, 20), neuron, source=source, name="left")
    net.add_layer(evsim.Dense(6, 15), neuron, source="source", name="right")
    last = net.add_layer(evsim.Dense(20, 4), neuron, source=left, name="last")
    net.connect("right", last, evsim.Dense(15, 4))
    net.connect(source, "last", evsim.Dense(6, 4))
    return net


def test_a_skip_connection_carries_the_same_spikes():
    net = diamond("float64")
    spikes = train(np.random.default_rng(1), 6, 80)
    out = net.infer(spikes, outputs=["left", "right", "last"])
    alone = evsim.SpikingNetwork(dtype="float64")
    weights = np.hstack([p.weights for p in net.projections if p.target is net["last"]])
    alone.add_layer(evsim.Dense(41, 4, weights=weights), net["last"].neuron)
    assert same(out["last"], alone.infer(*merged([out["left"], out["right"], spikes], (0, 20, 35))))
    assert len(out["last"]) > 20


@pytest.mark.parametrize("dtype", DTYPES)
def test_cuts_batches_and_threads_change_no_bit(dtype):
    rng = np.random.default_rng(5)
    net, spikes = diamond(dtype), train(rng, 6, 100, grid=0.5)
    whole = net.infer(spikes, until=90.0)
    for threads in (1, 2):
        evsim.set_num_threads(threads)
        batch = diamond(dtype).infer([spikes, train(rng, 6, 5), spikes], until=90.0)
        assert same(batch[0], whole)
        assert same(batch[2], whole)
    cut = diamond(dtype)
    pieces = []
    for k, until in enumerate((10.0, 10.0, 33.5, 90.0)):
        since = (0.0, 10.0, 10.0, 33.5)[k]
        inside = (spikes.times > since) & (spikes.times <= until) if k else spikes.times <= until
        pieces.append(cut.infer(spikes.indices[inside], spikes.times[inside], until=until, reset=False))
    assert np.array_equal(np.concatenate([piece.times for piece in pieces]), whole.times)
    assert np.array_equal(np.concatenate([piece.indices for piece in pieces]), whole.indices)


@pytest.mark.parametrize("keep", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_go_on_in_the_middle_of_a_stream(keep):
    spikes = train(np.random.default_rng(6), 6, 100)
    net = diamond()
    early = spikes.times <= 30.0
    net.infer(spikes.indices[early], spikes.times[early], until=30.0)
    other = keep(net)
    late = ~early
    assert same(
        other.infer(spikes.indices[late], spikes.times[late], reset=False),
        net.infer(spikes.indices[late], spikes.times[late], reset=False),
    )
    assert [p.name for p in other.populations] == ["left", "right", "last"]
    assert repr(other.projections) == repr(net.projections)


def test_files_keep_graphs(tmp_path):
    net, path = diamond("float64"), tmp_path / "net.safetensors"
    net.add_population(3, evsim.LIF(tau_mem=5.0, tau_syn=2.0, bias=np.array([0.0, 0.5, 2.0])), name="clock")
    net.connect("clock", "last", evsim.Dense(3, 4))
    net.save(path)
    other = evsim.load(path)
    spikes = train(np.random.default_rng(8), 6, 80)
    expected = net.infer(spikes, until=80.0, outputs=["last", "clock"])
    found = other.infer(spikes, until=80.0, outputs=["last", "clock"])
    assert all(same(found[name], expected[name]) for name in expected)
    assert len(expected["clock"]) > 5


def test_inputs_are_named_or_left_out():
    net = evsim.SpikingNetwork(seed=1)
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.1)
    left, right = net.add_input(2, name="left"), net.add_input(3)
    layer = net.add_layer(evsim.Dense(2, 4), neuron, source=left)
    net.connect(right, layer, evsim.Dense(3, 4))
    assert right.name == "input 1"
    spikes = evsim.SpikeArray([0, 1, 0], [1.0, 2.0, 3.0])
    only = net.infer({"left": spikes})
    assert same(only, net.infer({left: spikes, "input 1": ([], [])}))
    batch = net.infer({"left": [spikes, spikes], right: [([2], [5.0]), ([], [])]})
    assert same(batch[1], only)
    assert not same(batch[0], only)
    assert net({"left": spikes}).times.tolist() == only.times.tolist()


def test_populations_fire_without_any_input():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_population(2, evsim.LIF(tau_mem=10.0, tau_syn=5.0, bias=np.array([2.0, 4.0])))
    spikes = net.infer(until=20.0)
    assert spikes.times[spikes.indices == 0][0] == pytest.approx(10.0 * np.log(2.0), rel=1e-14)
    assert spikes.times[spikes.indices == 1][0] == pytest.approx(10.0 * np.log(4.0 / 3.0), rel=1e-14)


def test_a_population_learns_by_the_kernel_of_its_projection(tmp_path):
    def learner():
        net = evsim.SpikingNetwork(dtype="float64")
        source = net.add_input(3)
        population = net.add_population(2, evsim.LIF(tau_mem=20.0, tau_syn=5.0), name="learner")
        weights = [[9.0, 2.0, 0.5], [0.5, 9.0, 2.0]]
        net.connect(source, population, evsim.Dense(3, 2, weights=weights), kernel=evsim.rules.pair_stdp(w_max=20.0))
        return net

    net, layered = learner(), evsim.SpikingNetwork(dtype="float64")
    layered.add_layer(
        evsim.Dense(3, 2, weights=net.projections[0].weights),
        net["learner"].neuron,
        kernel=evsim.rules.pair_stdp(w_max=20.0),
    )
    spikes = [0, 1, 2, 0, 1], [0.0, 3.0, 7.0, 20.0, 31.0]
    assert same(net.infer(*spikes), layered.infer(*spikes))
    assert np.array_equal(net.projections[0].weights, layered[0].weights)
    assert not np.array_equal(net.projections[0].weights, learner().projections[0].weights)
    copied = pickle.loads(pickle.dumps(net))
    assert copied.projections[0].kernel_parameters == net.projections[0].kernel_parameters
    net.save(tmp_path / "net")
    with pytest.raises(evsim.errors.InvalidArgumentError, match="learner was saved with the kernel"):
        evsim.load(tmp_path / "net")
    for key in (0, "learner"):
        again = evsim.load(tmp_path / "net", kernels={key: evsim.rules.pair_stdp()})
        assert again.projections[0].kernel_parameters == net.projections[0].kernel_parameters


class TestMistakes:
    @pytest.mark.parametrize("port", [1, -1, "exc", 0.5, True])
    def test_ports_that_there_are_not(self, port):
        with pytest.raises(evsim.errors.InvalidArgumentError, match="port"):
            diamond().connect("source", "last", evsim.Dense(6, 4), port=port)

    def test_names(self):
        net = diamond()
        with pytest.raises(evsim.errors.InvalidArgumentError, match="already"):
            net.add_input(3, name="left")
        with pytest.raises(evsim.errors.DTypeError, match="name"):
            net.add_population(3, evsim.IAFDelta(), name=7)
        with pytest.raises(evsim.errors.IndexOutOfRangeError, match="'source', 'left'"):
            net.connect("nobody", "last", evsim.Dense(6, 4))
        assert len(net) == 3

    def test_nodes_of_another_network(self):
        net, other = diamond(), diamond()
        with pytest.raises(evsim.errors.InvalidArgumentError, match="another network"):
            net.connect(other["left"], "last", evsim.Dense(20, 4))
        with pytest.raises(evsim.errors.InvalidArgumentError, match="another network"):
            net.infer(*spike_pair(), outputs=[other["left"]])

    @pytest.mark.parametrize("connection", [evsim.Dense(7, 4), evsim.Dense(6, 5)])
    def test_sizes(self, connection):
        with pytest.raises(evsim.errors.ShapeMismatchError):
            diamond().connect("source", "last", connection)

    def test_inputs_and_relays_take_no_projection(self):
        net = evsim.SpikingNetwork()
        pool = net.add_layer(evsim.Pool2d(2, in_shape=(1, 4, 4)))
        with pytest.raises(evsim.errors.InvalidArgumentError, match="no neurons"):
            net.connect(pool, pool, evsim.Dense(4, 4))
        with pytest.raises(evsim.errors.InvalidArgumentError, match="no neurons"):
            net.connect(pool, net.inputs[0], evsim.Dense(4, 16))

    def test_convolutions_of_another_shape_into_one_population(self):
        net = evsim.SpikingNetwork()
        net.add_layer(evsim.Conv2d(1, 3, in_shape=(1, 4, 4)), evsim.IAFDelta())
        with pytest.raises(evsim.errors.ShapeMismatchError, match="reaches 8 neurons"):
            net.connect("input 0", "layer 0", evsim.Conv2d(2, 3, in_shape=(1, 4, 4)))
        with pytest.raises(evsim.errors.ShapeMismatchError, match="lies as"):
            net.connect("input 0", "layer 0", evsim.Conv2d(4, 4, in_shape=(1, 4, 4)))

    @pytest.mark.parametrize(
        ("given", "error"),
        [
            ({"nobody": ([0], [1.0])}, evsim.errors.IndexOutOfRangeError),
            ({"source": ([9], [1.0])}, evsim.errors.IndexOutOfRangeError),
            ({"source": evsim.SpikeArray([0, 0], [2.0, 1.0])}, evsim.errors.UnsortedSpikesError),
            ({"source": 3}, evsim.errors.DTypeError),
            ({3: ([0], [1.0])}, evsim.errors.IndexOutOfRangeError),
        ],
    )
    def test_mappings(self, given, error):
        with pytest.raises(error):
            diamond().infer(given)

    def test_several_inputs_need_a_mapping(self):
        net = evsim.SpikingNetwork()
        net.add_input(2)
        net.add_input(3)
        net.add_population(2, evsim.IAFDelta())
        with pytest.raises(evsim.errors.InvalidArgumentError, match="'input 0', 'input 1'"):
            net.infer([0], [1.0])
        with pytest.raises(evsim.errors.ShapeMismatchError, match="same number of samples"):
            net.infer({"input 0": [([0], [1.0])] * 2, "input 1": [([0], [1.0])] * 3})
        with pytest.raises(evsim.errors.ShapeMismatchError, match="same number of samples"):
            net.infer({"input 0": [([0], [1.0])], "input 1": ([0], [1.0])})

    @pytest.mark.parametrize("outputs", ["last", 3, [7], ["source"]])
    def test_outputs(self, outputs):
        with pytest.raises(evsim.errors.EvsimError):
            diamond().infer(*spike_pair(), outputs=outputs)


def spike_pair():
    return [0, 3, 5, 2, 1], [1.0, 2.0, 2.0, 7.5, 9.0]


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_random_graphs_are_their_populations_one_by_one(seed):
    """Every population by itself, fed what its sources gave, fires what it fires in the graph."""
    rng = np.random.default_rng(seed)
    dtype = DTYPES[seed % 2]
    net = evsim.SpikingNetwork(dtype=dtype, seed=seed)
    nodes = [net.add_input(int(rng.integers(1, 5)), name=f"in{k}") for k in range(rng.integers(1, 4))]
    inputs = {
        node.name: train(rng, node.n_neurons, int(rng.integers(0, 60)), rng.choice([None, 1.0])) for node in nodes
    }
    models = list(NEURONS.values())[:4]
    for _ in range(rng.integers(1, 6)):
        size = int(rng.integers(1, 12))
        population = net.add_population(size, models[rng.integers(4)])
        for source in rng.permutation(len(nodes))[: rng.integers(0, 4)]:
            weights = rng.normal(0.4, 0.6, (size, nodes[source].n_neurons))
            net.connect(nodes[source], population, evsim.Dense(*weights.shape[::-1], weights=weights))
        nodes.append(population)
    out = inputs | net.infer(inputs, until=70.0, outputs=list(net.populations))
    for population in net.populations:
        feeding = [p for p in net.projections if p.target is population]
        alone = evsim.SpikingNetwork(dtype=dtype)
        if feeding:
            offsets = np.cumsum([0, *(p.n_inputs for p in feeding)])
            weights = np.hstack([p.weights for p in feeding])
            alone.add_layer(evsim.Dense(*weights.shape[::-1], weights=weights), population.neuron)
            given_spikes = merged([out[p.source.name] for p in feeding], offsets[:-1])
        else:
            alone.add_population(population.n_neurons, population.neuron)
            given_spikes = (None,)
        assert same(alone.infer(*given_spikes, until=70.0), out[population.name])
