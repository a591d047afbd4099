"""Neurons that go by clocks of their own: delays by synapse, and synapses one by one.

Against populations whose neurons share every gap, which another engine runs; against a heap of arrivals; and against
themselves, cut anywhere and by any number of threads.
"""

import copy
import math
import pickle

import numpy as np
import pytest
from machines import on_cpu
from oracle import event_queue
from spike_hash import neurons

import evsim
from evsim import errors

N_INPUTS, N, END = 7, 37, 90.0
MODELS = {
    **neurons(),
    "alpha": evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0, threshold=0.4),
    "alif": evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=100.0, jump=0.2, threshold=0.3),
    "two taus": evsim.LIF(tau_mem=np.linspace(8.0, 30.0, N), tau_syn=5.0, threshold=0.3),
    "circuit of three, two taus": evsim.LIFAlpha(tau_mem=np.linspace(8.0, 30.0, N), tau_syn=5.0, threshold=0.4),
    "srm": evsim.SRMAlpha(tau_syn=8.0, tau_refractory=3.0, threshold=0.4),
    "compartments": evsim.MultiCompartmentLIF(
        tau_mem=[20.0, 10.0], tau_syn=5.0, coupling=[[0.0, 0.3], [0.2, 0.0]], threshold=0.4
    ),
}


def is_stepped(name):
    return name.startswith("stepped")


def train(seed, n_inputs=N_INPUTS, n_spikes=150, whole=False):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, END - 15.0, n_spikes))
    return evsim.SpikeArray(rng.integers(0, n_inputs, n_spikes), np.floor(times) if whole else times)


def weights(seed, shape=(N, N_INPUTS), low=-0.5):
    return np.random.default_rng(seed).uniform(low, 1.0, shape)


def delays(seed, shape, whole=False):
    values = np.random.default_rng(seed).uniform(0.2, 6.0, shape)
    return np.ceil(values) if whole else values


def feed_forward(machine, name, delay, **options):
    net = machine.network(**options)
    port = 0 if name == "compartments" else None
    net.add_layer(evsim.Dense(N_INPUTS, N, weights=weights(1)), MODELS[name], delay=delay, port=port)
    return net


def scattered(net):
    """The network with a synapse of no weight, so that its neurons go by clocks of their own."""
    net.connect(net.inputs[0], net[0], evsim.Sparse(N_INPUTS, N, [0], [0], weights=0.0), port=net[0].projection.port)
    return net


def assert_same(found, expected):
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.times, expected.times)


def by_neuron(spikes, n=N):
    return [spikes.times[spikes.indices == k] for k in range(n)]


@on_cpu
@pytest.mark.parametrize("name", [name for name in MODELS if not name.startswith("li ")])
def test_neurons_by_clocks_of_their_own_do_what_those_do_that_share_their_gaps(machine, name):
    by_input = delays(2, N_INPUTS, is_stepped(name))
    spikes = train(3, whole=is_stepped(name))
    times, variable = np.linspace(0.0, END, 60), "v_soma" if name == "compartments" else "v"
    shared, own = (evsim.Probe(0, times, variable=variable) for _ in range(2))
    expected = feed_forward(machine, name, by_input).infer(spikes, until=END, record=shared)
    found = scattered(feed_forward(machine, name, by_input)).infer(spikes, until=END, record=own)
    assert len(expected) > 30
    if machine.dtype == "float64":
        for one, other in zip(by_neuron(found), by_neuron(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-9)
        np.testing.assert_allclose(own.values, shared.values, rtol=1e-7, atol=1e-7)
        return
    assert len(found) == pytest.approx(len(expected), abs=3 + len(expected) // 500)
    for one, other in zip(by_neuron(found), by_neuron(expected), strict=True):
        np.testing.assert_allclose(one[:3], other[:3], rtol=0.0, atol=1e-2)


@on_cpu
@pytest.mark.parametrize("name", [name for name in MODELS if name.startswith("li ")])
def test_readouts_remember_the_same(machine, name):
    by_input, spikes = delays(2, N_INPUTS), train(3)
    nets = [feed_forward(machine, name, by_input), scattered(feed_forward(machine, name, by_input))]
    layers = []
    for net in nets:
        net.infer(spikes, until=END)
        layers.append(net[0])
    for what in ("maximum", "maximum_time", "mean"):
        tolerance = 1e-9 if machine.dtype == "float64" else 2e-3
        np.testing.assert_allclose(
            getattr(layers[1], what), getattr(layers[0], what), rtol=tolerance, atol=tolerance, err_msg=what
        )


def loop(machine, name, **options):
    """A population that feeds itself by sparse synapses with delays of their own."""
    net, whole = machine.network(**options), is_stepped(name)
    net.add_layer(evsim.Dense(N_INPUTS, N, weights=weights(1)), MODELS[name], name="a", delay=1.0)
    back = evsim.Sparse.random(N, N, 0.3, seed=5, weights=-0.3)
    net.connect("a", "a", back, delay=delays(6, back.n_synapses, whole) + 0.5 * (not whole))
    return net


@on_cpu
@pytest.mark.parametrize(
    "name",
    [
        "lif fast refractory 1.5",
        "lif fast driven",
        "lif_delta driven",
        "alpha",
        "alif",
        "adex tau_syn 5.0 refractory 1.5",
        "two taus",
        "circuit of three, two taus",
    ],
)
def test_pieces_are_the_whole(machine, name):
    spikes, rng = train(4), np.random.default_rng(5)
    whole = loop(machine, name).infer(spikes, until=END)
    assert len(whole) > 30
    net, parts, begin = loop(machine, name), [], -math.inf
    for end in [*np.sort(rng.uniform(0.0, END, 12)), END]:
        piece = (spikes.times > begin) & (spikes.times <= end)
        parts.append(net.infer(spikes.indices[piece], spikes.times[piece], until=end, reset=begin == -math.inf))
        net = rng.choice([copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), lambda net: net])(net)
        begin = end
    indices, times = (np.concatenate([getattr(part, key) for part in parts]) for key in ("indices", "times"))
    np.testing.assert_array_equal(indices, whole.indices)
    if name in ("alpha", "alif", "circuit of three, two taus"):  # their way to a crossing depends on its gap
        np.testing.assert_allclose(times, whole.times, rtol=1e-12 if machine.dtype == "float64" else 1e-3)
    else:
        np.testing.assert_array_equal(times, whole.times)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["lif fast refractory 1.5", "lif_delta driven", "alpha"])
def test_threads_and_batches_change_no_bit(dtype, name):
    def network():
        net = evsim.SpikingNetwork(dtype=dtype)
        net.add_layer(evsim.Sparse.random(50, 700, 0.5, seed=1, weights=0.2), MODELS[name], name="a", delay=0.5)
        back = evsim.Sparse.random(700, 700, 0.2, seed=2, weights=-0.02)
        net.connect("a", "a", back, delay=np.random.default_rng(3).uniform(1.0, 4.0, back.n_synapses))
        return net

    samples = [train(seed, 50, 3000) for seed in range(3)]
    before = evsim.num_threads()
    try:
        evsim.set_num_threads(1)
        expected = [network().infer(sample, until=END) for sample in samples]
        assert sum(map(len, expected)) > 1000
        for threads in (2, 3, 8):
            evsim.set_num_threads(threads)
            for found, one in zip(network().infer(samples, until=END), expected, strict=True):
                assert_same(found, one)
    finally:
        evsim.set_num_threads(before)


@on_cpu
@pytest.mark.parametrize("name", ["lif fast refractory 1.5", "lif_delta driven", "alpha"])
def test_equal_delays_of_all_synapses_of_an_input_are_the_delay_of_that_input(machine, name):
    by_input, spikes = delays(2, N_INPUTS), train(3)
    each = np.tile(by_input, (N, 1))
    expected = scattered(feed_forward(machine, name, by_input)).infer(spikes, until=END)
    assert_same(
        feed_forward(machine, name, each).infer(spikes, until=END),
        feed_forward(machine, name, by_input).infer(spikes, until=END),
    )
    each[0, 0] = np.nextafter(each[0, 0], 10.0)  # so that they are delays of synapses
    found = feed_forward(machine, name, each).infer(spikes, until=END)
    of_others = expected.indices > 0
    np.testing.assert_array_equal(found.indices[found.indices > 0], expected.indices[of_others])
    np.testing.assert_array_equal(found.times[found.indices > 0], expected.times[of_others])


@on_cpu
@pytest.mark.parametrize("seed", range(10))
def test_random_graphs_against_a_heap_of_arrivals(machine, seed):
    rng = np.random.default_rng([19, seed])
    names = ["a", "b", "c"]
    sizes = {"in": 3, **{name: int(rng.integers(1, 6)) for name in names}}
    net, edges, populations = machine.network(), [], {}
    net.add_input(3, name="in")
    for name in names:
        neuron = {
            "tau_mem": rng.uniform(10.0, 30.0),
            "tau_syn": rng.uniform(3.0, 9.0),
            "threshold": 0.5,
            "refractory": float(rng.choice([0.0, 0.5, 3.0])),
        }
        net.add_population(sizes[name], evsim.LIF(**neuron, reset=0.0), name=name)
        populations[name] = [event_queue.Lif(**neuron) for _ in range(sizes[name])]
    for source in sizes:
        for target in names:
            if source != "in" and rng.random() < 0.25:
                continue
            shape = sizes[target], sizes[source]
            w = rng.uniform(0.2 if source == "in" else -1.2, 1.4, shape).astype(machine.dtype).astype(float)
            forwards = source == "in" or names.index(source) < names.index(target)
            d = rng.uniform(0.0 if forwards else 0.3, 4.0, shape)
            if rng.random() < 0.3:
                d[:] = d[0]
                net.connect(source, target, evsim.Dense(*shape[::-1], weights=w), delay=d[0])
            elif rng.random() < 0.5:
                net.connect(source, target, evsim.Dense(*shape[::-1], weights=w), delay=d)
            else:
                targets, sources = np.nonzero(rng.random(shape) < 0.8)
                order = rng.permutation(len(targets))
                targets, sources = targets[order], sources[order]
                sparse = evsim.Sparse(*shape[::-1], sources, targets, weights=w[targets, sources])
                net.connect(source, target, sparse, delay=d[targets, sources])
                w[~np.isin(np.arange(w.size).reshape(shape), targets * shape[1] + sources)] = math.nan
            edges.append((source, target, w.tolist(), d.tolist()))
    spikes = train([10, seed], 3, 40)
    out = net.infer({"in": spikes}, until=60.0, outputs=names)
    inputs = {"in": list(zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True))}
    expected = event_queue.simulate(populations, edges, inputs, 60.0)
    assert sum(map(len, expected.values())) > 10
    for name in names:
        for n, found in enumerate(by_neuron(out[name], sizes[name])):
            times = [time for time, index in expected[name] if index == n]
            if machine.dtype == "float32":  # up to where rounding may tell
                found, times = found[:3], times[:3]
            assert len(found) == len(times)
            np.testing.assert_allclose(found, times, atol=1e-9 if machine.dtype == "float64" else 2e-2, rtol=0.0)


@on_cpu
def test_a_neuron_at_its_threshold_when_it_is_released_waits_for_what_arrives_then(machine):
    """Everything on a grid: a reset that leaves it at the threshold, and an input at the release."""
    neuron = evsim.LIFDelta(tau_mem=10.0, threshold=1.0, reset="subtract", refractory=0.5)
    probe = evsim.Probe("a", [2.6])
    net = machine.network()
    net.add_layer(evsim.Sparse(3, 1, [0, 1, 2], [0, 0, 0], weights=[2.0, 0.0, 0.75]), neuron, name="a")
    spikes = net.infer([0, 1, 2], [2.0, 2.2, 2.5], until=5.0, record=probe)
    np.testing.assert_array_equal(spikes.times, [2.0, 2.5])
    np.testing.assert_array_equal(probe.values.ravel(), [0.75])


@on_cpu
@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("kind", ["delta", "lif"])
def test_networks_on_a_grid_of_times_agree_with_those_that_share_their_gaps(machine, kind, seed):
    """Spikes, arrivals and releases fall together all the time."""
    rng = np.random.default_rng([29, seed])
    n, n_inputs, refractory = int(rng.integers(1, 12)), int(rng.integers(1, 6)), float(rng.choice([0.0, 0.5, 1.0, 1.5]))
    if kind == "delta":
        reset = "subtract" if rng.random() < 0.5 else 0.0
        bias = float(rng.choice([0.0, 1.3]))
        neuron = evsim.LIFDelta(tau_mem=10.0, threshold=1.0, reset=reset, refractory=refractory, bias=bias)
    else:
        neuron = evsim.LIF(tau_mem=10.0, tau_syn=4.0, threshold=0.3, refractory=refractory)
    w = np.round(rng.uniform(-1.0, 1.5, (n, n_inputs)) * 4) / 4
    back = np.round(rng.uniform(-1.0, 1.0, (n, n)) * 4) / 8 * (rng.random((n, n)) < 0.4)
    ahead, behind = (np.round(rng.uniform(low, 3.0, k) * 2) / 2 for low, k in ((0.0, n_inputs), (0.5, n)))
    spikes = evsim.SpikeArray(rng.integers(0, n_inputs, 40), np.sort(np.round(rng.uniform(0.0, 20.0, 40) * 2) / 2))
    found = []
    for sparse in (False, True):
        net = machine.network()
        net.add_layer(evsim.Dense(n_inputs, n, weights=w), neuron, name="a", delay=ahead)
        net.connect("a", "a", evsim.Dense(n, n, weights=back), delay=behind)
        if sparse:
            net.connect(net.inputs[0], "a", evsim.Sparse(n_inputs, n, [0], [0], weights=0.0))
        found.append(by_neuron(net.infer(spikes, until=25.0), n))
    for one, other in zip(*found, strict=True):
        if machine.dtype == "float32":
            one, other = one[:3], other[:3]
        assert len(one) == len(other)
        np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-9 if machine.dtype == "float64" else 1e-3)


@on_cpu
@pytest.mark.parametrize("name", ["lif fast refractory 0.0", "lif_delta reset 0.1 refractory 1.5", "alpha"])
def test_what_is_not_connected_hears_nothing(machine, name):
    """Sparse synapses are a dense matrix with zeros, and no synapse at all leaves a neuron alone."""
    full = weights(1) * (np.random.default_rng(8).random((N, N_INPUTS)) < 0.5)
    full[3] = 0.0
    targets, sources = np.nonzero(full)
    dense, sparse, spikes = machine.network(), machine.network(), train(3)
    dense.add_layer(evsim.Dense(N_INPUTS, N, weights=full), MODELS[name], delay=0.7)
    connection = evsim.Sparse(N_INPUTS, N, sources, targets, weights=full[targets, sources])
    sparse.add_layer(connection, MODELS[name], delay=0.7)
    expected, found = (by_neuron(net.infer(spikes, until=END)) for net in (dense, sparse))
    assert sum(map(len, expected)) > 100
    assert not len(found[3])
    for one, other in zip(found, expected, strict=True):
        if machine.dtype == "float32":
            one, other = one[:3], other[:3]
        np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-9 if machine.dtype == "float64" else 1e-2)


@on_cpu
def test_two_ports_and_two_kinds_of_connection_meet_in_one_population(machine):
    neuron = evsim.neurons.Linear(
        synapses={"excitation": evsim.neurons.Alpha(3.0), "inhibition": evsim.neurons.Exponential(8.0)},
        tau_mem=20.0,
        threshold=0.4,
    )
    ways = {"dense": [], "scatter": []}
    for way, nets in ways.items():
        net = machine.network()
        net.add_input(N_INPUTS, name="in")
        net.add_population(N, neuron, name="a")
        for port, low, high in (("excitation", 0.0, 1.0), ("inhibition", -0.4, 0.0)):
            w = np.random.default_rng(7).uniform(low, high, (N, N_INPUTS))
            d = delays(2, N_INPUTS)
            if way == "scatter" and port == "inhibition":
                targets, sources = np.nonzero(w)
                w = evsim.Sparse(N_INPUTS, N, sources, targets, weights=w[targets, sources])
                net.connect("in", "a", w, port=port, delay=d)
            else:
                net.connect("in", "a", evsim.Dense(N_INPUTS, N, weights=w), port=port, delay=d)
        nets.append(by_neuron(net.infer(train(3), until=END)))
    (expected,), (found,) = ways.values()
    assert sum(map(len, expected)) > 100
    for one, other in zip(found, expected, strict=True):
        if machine.dtype == "float32":
            one, other = one[:2], other[:2]
        np.testing.assert_allclose(one, other, rtol=0.0, atol=1e-9 if machine.dtype == "float64" else 1e-2)


def test_a_spike_of_a_neuron_counts_as_a_touch_wherever_a_window_ends():
    """The same spikes to the bit in windows of any length: neurons that fire without input are not begun anew."""
    ends = []
    for window in (0.25, 1.0, 50.0):
        net = evsim.SpikingNetwork(dtype="float32")
        net.add_layer(evsim.Sparse.one_to_one(5, weights=1.0), evsim.LIF(tau_mem=10.0, tau_syn=5.0, bias=1.3), name="a")
        net.add_population(1, evsim.LIF(tau_mem=10.0, tau_syn=5.0), name="clock")
        net.connect("a", "clock", evsim.Sparse(5, 1, [0], [0], weights=0.0), delay=window)
        net.connect("clock", "a", evsim.Sparse(1, 5, [0], [0], weights=0.0), delay=window)
        ends.append(net.infer([0, 1, 2], [1.0, 5.0, 9.5], until=3000.0, outputs=["a"])["a"])
    assert len(ends[0]) > 500
    for other in ends[1:]:
        assert_same(other, ends[0])


def test_delays_by_synapse_are_read_and_written():
    net = evsim.SpikingNetwork(dtype="float64")
    layer = net.add_layer(evsim.Dense(2, 3, weights=np.ones((3, 2))), evsim.LIF(tau_mem=20.0, tau_syn=5.0), delay=1.0)
    each = np.array([[1.0, 2.0], [3.0, 0.5], [0.25, 4.0]])
    layer.delays = each
    np.testing.assert_array_equal(layer.delays, each)
    assert "delay=0.25 to 4" in repr(layer)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again[0].delays, each)
    layer.delays = 2.0
    assert layer.delays == 2.0
    connection = evsim.Sparse(2, 3, sources=[1, 0, 1], targets=[2, 1, 0], weights=[1.0, 2.0, 3.0])
    layer = net.add_layer(evsim.Sparse.one_to_one(3, weights=1.0), evsim.LIF(tau_mem=20.0, tau_syn=5.0))
    other = evsim.SpikingNetwork(dtype="float64")
    layer = other.add_layer(connection, evsim.LIF(tau_mem=20.0, tau_syn=5.0), delay=[0.1, 0.2, 0.3])
    np.testing.assert_array_equal(layer.connection.sources, [0, 1, 1])
    np.testing.assert_array_equal(layer.connection.targets, [1, 0, 2])
    np.testing.assert_array_equal(layer.weights, [2.0, 3.0, 1.0])
    np.testing.assert_array_equal(layer.delays, [0.2, 0.3, 0.1])
    again = pickle.loads(pickle.dumps(other))
    np.testing.assert_array_equal(again[0].delays, layer.delays)
    np.testing.assert_array_equal(again[0].weights, layer.weights)
    np.testing.assert_array_equal(again[0].connection.targets, layer.connection.targets)


def test_files_keep_synapses(tmp_path):
    net = evsim.SpikingNetwork(dtype="float32", seed=1)
    connection = evsim.Sparse.random(20, 30, 0.3, seed=2)
    net.add_layer(connection, evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.1), name="a")
    back = evsim.Sparse.fixed_in_degree(30, 30, 4, seed=3, weights=-0.1)
    net.connect("a", "a", back, delay=delays(1, back.n_synapses))
    spikes = train(3, 20)
    expected = net.infer(spikes, until=END)
    assert len(expected) > 50
    evsim.save(net, tmp_path / "net.evsim")
    assert_same(evsim.load(tmp_path / "net.evsim").infer(spikes, until=END), expected)


@pytest.mark.parametrize(
    ("delay", "error", "said"),
    [
        (np.ones((3, 2)), errors.ShapeMismatchError, "one for each synapse"),
        (np.full((2, 3), -1.0), errors.InvalidArgumentError, "must not be negative"),
        (np.full((2, 3), math.nan), errors.NonFiniteError, "must be finite"),
    ],
)
def test_wrong_delays(delay, error, said):
    net = evsim.SpikingNetwork()
    with pytest.raises(error, match=said):
        net.add_layer(evsim.Dense(3, 2), evsim.LIF(tau_mem=20.0, tau_syn=5.0), delay=delay)


def test_what_is_missing_says_so():
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=5.0)
    net = evsim.SpikingNetwork()
    with pytest.raises(errors.InvalidArgumentError, match="Pool2d has no weights that learn"):
        net.add_layer(evsim.Pool2d(2, mode="sum", in_shape=(1, 4, 4)), neuron, kernel=evsim.rules.pair_stdp())
    with pytest.raises(errors.ShapeMismatchError, match="one for each of 25 inputs"):
        net.add_layer(evsim.Conv2d(1, 3, in_shape=(1, 5, 5)), neuron, delay=np.ones((9, 25)))
    layer = net.add_layer(evsim.Dense(3, 2), neuron, delay=[[1, 2, 3], [4, 5, 6]])
    net.infer([0], [0.0], until=2.0)
    layer.delays = 1.0
    with pytest.raises(errors.UnsupportedError, match="middle of a stream"):
        net.infer([0], [2.5], until=4.0, reset=False)
    net.reset()
    net.infer([0], [2.5], until=4.0)


def test_a_damaged_state_is_refused():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(3, 2), evsim.LIF(tau_mem=20.0, tau_syn=5.0), delay=[[1, 2, 3], [4, 5, 6]])
    net.infer([0, 1], [0.0, 1.0], until=2.0)
    for name, value, error in (
        ("travelling_indices", np.array([0, 3], np.int32), errors.IndexOutOfRangeError),
        ("travelling_times", np.array([0.0, 3.0]), errors.InvalidArgumentError),
        ("travelling_times", np.array([0.0, math.nan]), errors.NonFiniteError),
        ("travelling_projections", np.array([0, 1], np.int32), errors.IndexOutOfRangeError),
        ("last_touch", np.zeros(3), errors.ShapeMismatchError),
        ("last_touch", np.array([0.0, math.inf]), errors.NonFiniteError),
    ):
        description = net.to_description(state=True)
        (state,) = description.state["states"]["layer 0"]
        assert name in state
        state[name] = value
        with pytest.raises(error):
            evsim.SpikingNetwork.from_description(description)
