"""Delays of projections: one for all spikes, or one for each input.

A network with delays must do what one without does with spikes that have been moved by them, to the last bit.
"""

import copy
import math
import pickle

import numpy as np
import pytest
from machines import Machine, on_cpu, on_host, one_thread
from oracle.lif import LifParameters, lif
from oracle.membrane import Membrane

import evsim
from evsim import errors

N_INPUTS, N_NEURONS, END = 6, 9, 80.0
NEURONS = {
    "lif": evsim.LIF(tau_mem=20.0, tau_syn=7.0, threshold=0.6),
    "refractory": evsim.LIF(tau_mem=20.0, tau_syn=10.0, threshold=0.6, refractory=2.0),
    "delta": evsim.LIFDelta(tau_mem=15.0, threshold=0.8),
    "alpha": evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0, threshold=0.6),
    "adex": evsim.AdEx(tau_syn=5.0),
}
ON_GPU = ("lif", "refractory")
ONE, EACH = 1.7, np.array([0.0, 3.25, 0.4, 11.0, 3.25, 0.05])
DELAYS = {"one": ONE, "each": EACH, "of nothing": np.zeros(N_INPUTS)}


def train(seed, n_inputs=N_INPUTS, n_spikes=120, grid=None):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, END, n_spikes))
    if grid:
        times = np.round(times / grid) * grid
    return evsim.SpikeArray(rng.integers(0, n_inputs, n_spikes), times)


def moved(spikes, delays):
    """The spikes as they arrive: by time, together ones by index; or as they were given if nothing delays them."""
    if not np.any(delays):
        return spikes
    times = spikes.times + np.broadcast_to(delays, N_INPUTS)[spikes.indices]
    order = np.lexsort((spikes.indices, times))
    return evsim.SpikeArray(spikes.indices[order], times[order])


def weights(seed, shape=(N_NEURONS, N_INPUTS), scale=1.0):
    return np.random.default_rng(seed).uniform(-0.3, 1.0, shape) * scale


def strength(model):
    return 400.0 if model == "adex" else 1.0


def network(machine, model, delay=None, **options):
    net = machine.network(**options)
    connection = evsim.Dense(N_INPUTS, N_NEURONS, weights=weights(3, scale=strength(model)))
    net.add_layer(connection, NEURONS[model], delay=delay)
    return net


def host(spikes):
    spikes = on_host(spikes)
    return np.asarray(spikes.indices), np.asarray(spikes.times)


def assert_same(found, expected):
    for one, other in zip(host(found), host(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("model", ON_GPU)
def test_spikes_arrive_later(machine, model, delay):
    check_that_spikes_arrive_later(machine, model, delay)


@on_cpu
@pytest.mark.parametrize("delay", DELAYS)
@pytest.mark.parametrize("model", sorted(set(NEURONS) - set(ON_GPU)))
def test_spikes_arrive_later_at_every_model(machine, model, delay):
    check_that_spikes_arrive_later(machine, model, delay)


def check_that_spikes_arrive_later(machine, model, delay):
    spikes = train(1, grid=0.25)
    found = network(machine, model, DELAYS[delay]).infer(spikes, until=100.0)
    arriving = moved(spikes, DELAYS[delay])
    assert_same(found, network(machine, model).infer(arriving, until=100.0))
    assert len(host(found)[0]) > 20


def test_a_delay_rounded_to_a_tenth_is_noticed(machine):
    """Negative control."""
    spikes, delays = train(1), EACH + 1.0 / 3.0
    exact = network(machine, "lif", delays).infer(spikes, until=100.0)
    rounded = network(machine, "lif", np.round(delays, 1)).infer(spikes, until=100.0)
    assert not np.array_equal(host(exact)[1], host(rounded)[1])


def test_equal_delays_are_one(machine):
    spikes = train(2, grid=0.5)
    one = network(machine, "lif", ONE).infer(spikes, until=100.0)
    assert_same(network(machine, "lif", np.full(N_INPUTS, ONE)).infer(spikes, until=100.0), one)
    by_synapse = np.full((N_NEURONS, N_INPUTS), ONE)
    assert_same(network(machine, "lif", by_synapse).infer(spikes, until=100.0), one)


@pytest.mark.parametrize("delay", ["one", "each"])
@pytest.mark.parametrize("model", ON_GPU)
def test_pieces_are_the_whole(machine, model, delay):
    spikes = train(4, grid=0.25)
    whole = host(network(machine, model, DELAYS[delay]).infer(spikes, until=100.0))
    rng = np.random.default_rng(5)
    # Also where spikes are sent and where they arrive.
    cuts = [*rng.uniform(0.0, 95.0, 8), spikes.times[20], spikes.times[40], moved(spikes, DELAYS[delay]).times[60]]
    net, found, begin = network(machine, model, DELAYS[delay]), [], -math.inf
    for end in [*np.sort(cuts), 100.0]:
        piece = (spikes.times > begin) & (spikes.times <= end)
        part = net.infer(spikes.indices[piece], spikes.times[piece], until=end, reset=begin == -math.inf)
        found.append(host(part))
        begin = end
        net = rng.choice([copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), lambda net: net])(net)
    np.testing.assert_array_equal(np.concatenate([part[0] for part in found]), whole[0])
    np.testing.assert_array_equal(np.concatenate([part[1] for part in found]), whole[1])


def test_what_is_on_its_way_arrives_after_the_last_input(machine):
    net = network(machine, "lif", 50.0)
    spikes = evsim.SpikeArray([0, 1, 2, 3, 4, 5] * 3, np.arange(18.0))
    first = net.infer(spikes, until=20.0)
    rest = net.infer([], [], until=90.0, reset=False)
    assert len(host(first)[0]) == 0
    assert_same(rest, network(machine, "lif", 50.0).infer(spikes, until=90.0))
    assert len(host(rest)[0]) > 0
    net.infer(spikes, until=20.0)
    assert len(host(net.infer([], [], until=90.0))[0]) == 0, "a new beginning forgets what is on its way"


def test_without_an_end_everything_arrives(machine):
    spikes = train(6)
    found = network(machine, "lif", EACH).infer(spikes)
    assert_same(found, network(machine, "lif").infer(moved(spikes, EACH)))


def test_batches(machine):
    samples = [train(7), evsim.SpikeArray(), train(8, n_spikes=30), train(9)]
    net = network(machine, "lif", EACH)
    early = [s.times <= 40.0 for s in samples]
    halves = [
        [(s.indices[part], s.times[part]) for s, part in zip(samples, parts, strict=True)]
        for parts in (early, [~part for part in early])
    ]
    first, second = net.infer(halves[0], until=40.0), net.infer(halves[1], until=100.0, reset=False)
    for k, sample in enumerate(samples):
        alone = host(network(machine, "lif", EACH).infer(sample, until=100.0))
        for part in (0, 1):
            both = np.concatenate([host(first[k])[part], host(second[k])[part]])
            np.testing.assert_array_equal(both, alone[part])


def test_deep_networks(machine):
    """Each layer against one that is given what the layer before sends, moved."""
    net = machine.network()
    sizes, delays = (N_INPUTS, 8, 7, 5), (ONE, 0.3, 6.0)
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    for k, (n, m) in enumerate(shapes):
        net.add_layer(evsim.Dense(m, n, weights=weights(k, (n, m))), NEURONS["lif"], delay=delays[k])
    net.infer(train(10), until=100.0)
    sent = train(10)
    for k, (n, m) in enumerate(shapes):
        one = machine.network()
        one.add_layer(evsim.Dense(m, n, weights=weights(k, (n, m))), NEURONS["lif"])
        one.infer(sent.indices, sent.times + delays[k], until=100.0)
        assert_same(net[k].post_spikes, one[0].post_spikes)
        sent = on_host(one[0].post_spikes)
        assert len(sent) > 10


def test_probes(machine):
    spikes, times = train(11), np.linspace(0.0, 95.0, 200)
    values = []
    for delay, given in ((EACH, spikes), (None, moved(spikes, EACH))):
        probe = evsim.Probe(0, times=times, neurons=[0, 4])
        network(machine, "lif", delay).infer(given, until=100.0, record=probe)
        values.append(on_host(probe.values))
    np.testing.assert_array_equal(*values)


def test_a_rule_sees_arrivals(machine):
    found = []
    for delay, spikes in ((EACH, train(12)), (None, moved(train(12), EACH))):
        net = machine.network()
        connection = evsim.Dense(N_INPUTS, N_NEURONS, weights=weights(13))
        layer = net.add_layer(connection, NEURONS["lif"], kernel=evsim.rules.pair_stdp(), delay=delay)
        for sample in (spikes, spikes):
            net.infer(sample, until=100.0)
        found.append((on_host(layer.weights).copy(), on_host(layer.neuron_traces)))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1], found[1][1])
    assert np.abs(found[0][0] - weights(13)).max() > 1e-4


def test_delays_may_change_between_calls(machine):
    net = network(machine, "lif", 30.0)
    first, second = evsim.SpikeArray([0, 1, 2] * 3, np.arange(9.0) / 4), evsim.SpikeArray([3, 4], [10.0, 11.0])
    parts = [net.infer(first, until=5.0)]
    net[0].delays = 0.5
    parts += [net.infer(second, until=20.0, reset=False), net.infer([], [], until=60.0, reset=False)]
    arrivals = [3, 4, *first.indices], [10.5, 11.5, *(first.times + 30.0)]
    at_once = network(machine, "lif").infer(*arrivals, until=60.0)
    assert_same(evsim.SpikeArray(*(np.concatenate([host(p)[k] for p in parts]) for k in (0, 1))), at_once)
    assert len(host(at_once)[0]) > 0


# On the CPU


def test_reading_and_writing():
    net = evsim.SpikingNetwork()
    layer = net.add_layer(evsim.Dense(N_INPUTS, 2), NEURONS["lif"], delay=1.5)
    assert layer.delays == 1.5
    assert isinstance(layer.delays, float)
    layer.delays = EACH
    np.testing.assert_array_equal(layer.projection.delays, EACH)
    with pytest.raises(ValueError, match="read-only"):
        layer.delays[0] = 3.0
    assert "delay=0 to 11" in repr(layer)
    assert "delay=0 to 11" in repr(layer.projection)
    layer.delays = None
    assert layer.delays == 0.0
    assert "delay" not in repr(layer)


def test_convolutions_take_delays_in_the_shape_of_their_input():
    shape, rng = (2, 5, 4), np.random.default_rng(14)
    delays, kernel = rng.uniform(0.0, 5.0, shape), rng.uniform(-0.2, 0.6, (3, 2, 3, 3))
    indices, times = rng.integers(0, 40, 300), np.sort(rng.uniform(0.0, 50.0, 300))
    arrival = times + delays.ravel()[indices]
    order = np.lexsort((indices, arrival))
    found = []
    for delay, given in ((delays, (indices, times)), (None, (indices[order], arrival[order]))):
        net = evsim.SpikingNetwork()
        connection = evsim.Conv2d(3, 3, in_shape=shape, weights=kernel)
        net.add_layer(connection, NEURONS["lif"], delay=delay)
        found.append(net.infer(*given, until=60.0))
    assert found[0] == found[1]
    assert len(found[0]) > 50


def test_several_projections_each_have_their_own():
    """Against the oracle of one neuron in 50 digits, layer by layer of a graph that skips."""
    rng, taus = np.random.default_rng(15), {"tau_mem": 20.0, "tau_syn": 7.0}
    sizes = {"a": 3, "b": 2}
    net = evsim.SpikingNetwork(dtype="float64")
    for name, n in sizes.items():
        net.add_input(n, name=name)
    spikes = {name: train(16 + n, n, 25) for name, n in sizes.items()}
    for name in ("first", "last"):
        net.add_population(3, evsim.LIF(**taus, threshold=0.5, refractory=1.0), name=name)
    edges = []
    for source, target in (("a", "first"), ("b", "first"), ("a", "last"), ("first", "last"), ("b", "last")):
        n = sizes.get(source, 3)
        w, delay = rng.uniform(0.0, 1.5, (3, n)), rng.choice([0.0, 0.75, 2.0, 7.5], n)
        net.connect(source, target, evsim.Dense(n, 3, weights=w), delay=delay)
        edges.append((source, target, w, delay))
    out = net.infer(spikes, outputs=["first", "last"], until=100.0)
    sent, total = dict(spikes), 0
    for name in ("first", "last"):
        for n in range(3):
            arriving = [
                (t + delay[i], w[n, i])
                for source, target, w, delay in edges
                if target == name
                for i, t in zip(sent[source].indices, sent[source].times, strict=True)
            ]
            times, weight = zip(*sorted(arriving), strict=True)
            parameters = LifParameters(threshold=0.5, reset=0.0, refractory=1.0)
            expected = lif(Membrane(20.0, 7.0), parameters, times, weight, until=100.0)
            found = out[name].times[out[name].indices == n]
            assert len(found) == len(expected.spikes)
            np.testing.assert_allclose(found, [float(s.time) for s in expected.spikes], atol=1e-9, rtol=0.0)
            total += len(found)
        sent[name] = out[name]
    assert total > 30


def test_files_keep_delays(tmp_path):
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(N_INPUTS, 4, weights=weights(18, (4, N_INPUTS))), NEURONS["lif"], delay=EACH)
    net.add_layer(evsim.Dense(4, 3), NEURONS["lif"], delay=1.25, name="last")
    net.connect("layer 0", "last", evsim.Dense(4, 3), delay=[0.5, 0.0, 1.0, 2.0])
    net.save(tmp_path / "net.safetensors")
    back = evsim.load(tmp_path / "net.safetensors")
    for one, other in zip(net.projections, back.projections, strict=True):
        np.testing.assert_array_equal(one.delays, other.delays)
    assert back.infer(train(19), until=50.0) == net.infer(train(19), until=50.0)


@pytest.mark.parametrize(
    ("delay", "error", "words"),
    [
        (-1.0, errors.InvalidArgumentError, "not be negative, got -1"),
        ([0.0, -2.0, 0, 0, 0, 0], errors.InvalidArgumentError, "-2"),
        (math.nan, errors.NonFiniteError, "nan"),
        (math.inf, errors.NonFiniteError, "inf"),
        ("long", errors.DTypeError, "long"),
        (True, errors.DTypeError, "True"),
        ([1.0, 2.0], errors.ShapeMismatchError, r"6 inputs.*\(2,\)"),
        (np.ones((N_INPUTS, 4)), errors.ShapeMismatchError, r"\(6, 4\)"),
        (np.arange(24.0).reshape(6, 4), errors.ShapeMismatchError, r"\(6, 4\)"),
        (1j, errors.DTypeError, "1j"),
    ],
    ids=str,
)
def test_what_is_no_delay(delay, error, words):
    net = evsim.SpikingNetwork()
    with pytest.raises(error, match=words):
        net.add_layer(evsim.Dense(N_INPUTS, 4), NEURONS["lif"], delay=delay)
    assert len(net) == 0
    layer = net.add_layer(evsim.Dense(N_INPUTS, 4), NEURONS["lif"], delay=EACH)
    with pytest.raises(error, match=words):
        net.connect(net.inputs[0], layer, evsim.Dense(N_INPUTS, 4), delay=delay)
    with pytest.raises(error, match=words):
        layer.delays = delay
    np.testing.assert_array_equal(layer.delays, EACH)
    assert len(net.projections) == 1


def test_pooling_without_neurons_has_no_delay():
    net = evsim.SpikingNetwork()
    with pytest.raises(errors.UnsupportedError, match="at once"):
        net.add_layer(evsim.Pool2d(2, in_shape=(1, 4, 4), mode="or"), delay=1.0)
    layer = net.add_layer(evsim.Pool2d(2, in_shape=(1, 4, 4), mode="or"), delay=0.0)
    with pytest.raises(errors.NoSuchParameterError):
        layer.delays  # noqa: B018


def test_arrivals_beyond_all_numbers_change_nothing():
    net = evsim.SpikingNetwork()
    net.add_layer(evsim.Dense(N_INPUTS, 4, weights=weights(20, (4, N_INPUTS))), NEURONS["lif"], delay=1e308)
    with pytest.raises(errors.NonFiniteError, match=r"input 1 .*too large together"):
        net.infer([1], [1.5e308])
    assert net.time is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"in_flight_indices": [N_INPUTS]}, errors.IndexOutOfRangeError),
        ({"in_flight_indices": [-1]}, errors.IndexOutOfRangeError),
        ({"in_flight_times": [3.5]}, errors.InvalidArgumentError),
        ({"in_flight_times": [math.nan]}, errors.NonFiniteError),
        ({"in_flight_times": []}, errors.ShapeMismatchError),
    ],
    ids=str,
)
@one_thread
def test_a_damaged_state_is_refused(machine, change, error):
    damage(network(machine, "lif", 5.0), change, error)


@pytest.mark.parametrize("number", [1, -1])
def test_a_state_of_a_projection_that_there_is_not(number):
    damage(network(Machine("float32"), "lif", 5.0), {"in_flight_projections": [number]}, errors.IndexOutOfRangeError)


def damage(net, change, error):
    net.infer([1], [1.0], until=4.0)
    description = net.to_description(state=True)
    (state,) = description.state["states"]["layer 0"]
    assert state["in_flight_times"].tolist() == [6.0]
    for name, values in change.items():
        state[name] = np.array(values, state[name].dtype)
    with pytest.raises(error):
        evsim.SpikingNetwork.from_description(description)
