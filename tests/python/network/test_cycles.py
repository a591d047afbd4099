"""Networks with cycles that have a delay on their way.

Against a heap of arrivals that knows no windows, and against themselves: a population in a loop does what it does when
its own spikes are given to it from outside.
"""

import copy
import math
import pickle

import numpy as np
import pytest
from machines import on_cpu
from oracle import event_queue

import evsim
from evsim import errors

LIF = {"tau_mem": 20.0, "tau_syn": 7.0, "threshold": 0.5}
NEURONS = {
    "lif": evsim.LIF(**LIF),
    "refractory": evsim.LIF(**LIF, refractory=2.0),
    "delta": evsim.LIFDelta(tau_mem=15.0, threshold=0.8, reset=0.0),
    "heterogeneous": evsim.LIF(tau_mem=[20.0, 15.0, 10.0, 25.0, 22.0], tau_syn=7.0, threshold=0.5),
    "alpha": evsim.LIFAlpha(tau_mem=20.0, tau_syn=5.0, threshold=0.5),
    "izhikevich": evsim.Izhikevich.preset("tonic_spiking", tau_syn=5.0),
}
STRENGTH = {"izhikevich": 25.0}
N, N_INPUTS, END = 5, 4, 80.0
DELAYS = np.array([1.5, 2.25, 0.8, 7.0, 1.5])


def train(seed, n_inputs=N_INPUTS, n_spikes=60, begin=0.0):
    rng = np.random.default_rng(seed)
    return evsim.SpikeArray(rng.integers(0, n_inputs, n_spikes), np.sort(rng.uniform(begin, END - 10.0, n_spikes)))


def weights(seed, model="lif", shape=(N, N_INPUTS), low=-0.4):
    return np.random.default_rng(seed).uniform(low, 1.0, shape) * STRENGTH.get(model, 1.0)


def loop(machine, model, delay=DELAYS):
    net = machine.network()
    net.add_layer(evsim.Dense(N_INPUTS, N, weights=weights(1, model)), NEURONS[model], name="a")
    net.connect("a", "a", evsim.Dense(N, N, weights=weights(2, model, (N, N), -1.0)), delay=delay)
    return net


def given(sent, delays):
    """Spikes as they arrive."""
    times = sent.times + np.broadcast_to(delays, N)[sent.indices]
    order = np.lexsort((sent.indices, times))
    return evsim.SpikeArray(sent.indices[order], times[order])


@on_cpu
@pytest.mark.parametrize("model", NEURONS)
def test_a_loop_does_what_its_own_spikes_from_outside_do(machine, model):
    net, spikes, times = loop(machine, model), train(3), np.linspace(0.0, END, 300)
    probe = evsim.Probe("a", times=times)
    found = net.infer(spikes, until=END, record=probe)
    assert len(found) > 15
    open_loop = machine.network()
    for name, size in (("in", N_INPUTS), ("back", N)):
        open_loop.add_input(size, name=name)
    open_loop.add_population(N, NEURONS[model], name="a")
    open_loop.connect("in", "a", evsim.Dense(N_INPUTS, N, weights=weights(1, model)))
    open_loop.connect("back", "a", evsim.Dense(N, N, weights=weights(2, model, (N, N), -1.0)))
    again = evsim.Probe("a", times=times)
    back = given(found, DELAYS)
    expected = open_loop.infer({"in": spikes, "back": back.time_slice(None, END)}, until=END, record=again)
    assert found == expected
    np.testing.assert_allclose(probe.values, again.values, atol=1e-9, rtol=1e-9)


@on_cpu
@pytest.mark.parametrize("seed", range(8))
def test_random_graphs_against_a_heap_of_arrivals(machine, seed):
    rng = np.random.default_rng([9, seed])
    names, sizes = ["a", "b", "c"], dict(zip("abc", rng.integers(1, 5, 3).tolist(), strict=True))
    sizes["in"] = 3
    net = machine.network()
    net.add_input(3, name="in")
    taus = {name: (rng.uniform(10.0, 30.0), rng.uniform(3.0, 9.0)) for name in names}
    refractory = {name: float(rng.choice([0.0, 0.5, 3.0])) for name in names}
    for name in names:
        tau_mem, tau_syn = taus[name]
        neuron = evsim.LIF(tau_mem=tau_mem, tau_syn=tau_syn, threshold=0.5, reset=0.0, refractory=refractory[name])
        net.add_population(sizes[name], neuron, name=name)
    edges = []
    for source in ("in", *names):
        for target in names:
            if rng.random() < 0.25 and source != "in":
                continue
            forwards = source == "in" or names.index(source) < names.index(target)
            smallest = 0.0 if forwards and rng.random() < 0.5 else 0.3
            delays = smallest + rng.choice([0.0, 1.0], 1) * rng.uniform(0.0, 4.0, sizes[source])
            low = 0.2 if source == "in" else -1.2
            w = rng.uniform(low, 1.2, (sizes[target], sizes[source]))
            if machine.dtype == "float32":
                w = w.astype(np.float32)
            net.connect(source, target, evsim.Dense(sizes[source], sizes[target], weights=w), delay=delays)
            edges.append((source, target, w.astype(float).tolist(), delays.tolist()))
    spikes = train([10, seed], 3, 40)
    out = net.infer({"in": spikes}, until=60.0, outputs=names)
    populations = {
        name: [
            event_queue.Lif(tau_mem=taus[name][0], tau_syn=taus[name][1], threshold=0.5, refractory=refractory[name])
            for _ in range(sizes[name])
        ]
        for name in names
    }
    inputs = {"in": list(zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True))}
    expected = event_queue.simulate(populations, edges, inputs, 60.0)
    assert sum(map(len, expected.values())) > 10
    tolerance = 1e-9 if machine.dtype == "float64" else 2e-2
    for name in names:
        for n in range(sizes[name]):
            times = [time for time, index in expected[name] if index == n]
            found = out[name].times[out[name].indices == n]
            if machine.dtype == "float32":  # up to where rounding may tell
                found, times = found[:3], times[:3]
            assert len(found) == len(times)
            np.testing.assert_allclose(found, times, atol=tolerance, rtol=0.0)


@on_cpu
@pytest.mark.parametrize("model", ["lif", "refractory", "delta"])
def test_pieces_are_the_whole(machine, model):
    spikes, rng = train(4), np.random.default_rng(5)
    whole = loop(machine, model).infer(spikes, until=END)
    net, parts, begin = loop(machine, model), [], -math.inf
    for end in [*np.sort(rng.uniform(0.0, END, 12)), END]:
        piece = (spikes.times > begin) & (spikes.times <= end)
        parts.append(net.infer(spikes.indices[piece], spikes.times[piece], until=end, reset=begin == -math.inf))
        net = rng.choice([copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), lambda net: net])(net)
        begin = end
    np.testing.assert_array_equal(np.concatenate([part.indices for part in parts]), whole.indices)
    np.testing.assert_array_equal(np.concatenate([part.times for part in parts]), whole.times)


@on_cpu
def test_samples_of_a_batch_do_not_know_of_each_other(machine):
    samples = [train(6), evsim.SpikeArray(), train(7, n_spikes=10), train(8, begin=-30.0)]
    together = loop(machine, "refractory").infer(samples, until=END)
    for found, sample in zip(together, samples, strict=True):
        assert found == loop(machine, "refractory").infer(sample, until=END)


def test_two_neurons_hand_a_spike_to_and_fro():
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(1, 2, weights=[[1.0], [0.0]]), evsim.IAFDelta(threshold=1.0), name="pair")
    net.connect("pair", "pair", evsim.Dense(2, 2, weights=[[0.0, 1.0], [1.0, 0.0]]), delay=[1.0, 2.5])
    found = net.infer([0], [3.0], until=12.0)
    assert found.times.tolist() == [3.0, 4.0, 6.5, 7.5, 10.0, 11.0]
    assert found.indices.tolist() == [0, 1, 0, 1, 0, 1]
    rest = net.infer([], [], until=20.0, reset=False)
    assert rest.times.tolist() == [13.5, 14.5, 17.0, 18.0]


def test_a_delay_as_long_as_a_refractory_period():
    """What arrives as a neuron becomes free counts."""
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.IAFDelta(threshold=1.0, reset=0.0, refractory=0.1)
    net.add_layer(evsim.Dense(1, 1, weights=[[1.0]]), neuron, name="one")
    net.connect("one", "one", evsim.Dense(1, 1, weights=[[1.0]]), delay=0.1)
    assert len(net.infer([0], [0.3], until=50.0)) == 497


def test_a_convolution_with_feedback_is_the_matrix_that_it_is():
    shape, rng = (1, 4, 4), np.random.default_rng(11)
    kernel, back = rng.uniform(0.0, 0.8, (1, 1, 3, 3)), rng.uniform(-0.5, 0.3, (1, 1, 3, 3))
    neuron, spikes = evsim.LIF(**LIF), train(12, 16, 80)
    conv = evsim.SpikingNetwork(dtype="float64")
    conv.add_layer(evsim.Conv2d(1, 3, in_shape=shape, padding=1, weights=kernel), neuron, name="a")
    conv.connect("a", "a", evsim.Conv2d(1, 3, in_shape=shape, padding=1, weights=back), delay=1.25)
    dense = evsim.SpikingNetwork(dtype="float64")
    dense.add_layer(evsim.Dense(16, 16, weights=as_matrix(kernel[0, 0])), neuron, name="a")
    dense.connect("a", "a", evsim.Dense(16, 16, weights=as_matrix(back[0, 0])), delay=1.25)
    found, expected = (net.infer(spikes, until=END) for net in (conv, dense))
    assert len(found) > 40
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.times, expected.times, atol=1e-9, rtol=0.0)


def as_matrix(kernel):
    matrix = np.zeros((4, 4, 4, 4))
    for y, x, dy, dx in np.ndindex(4, 4, 3, 3):
        if 0 <= y + dy - 1 < 4 and 0 <= x + dx - 1 < 4:
            matrix[y, x, y + dy - 1, x + dx - 1] = kernel[dy, dx]
    return matrix.reshape(16, 16)


def test_pooling_lies_on_a_cycle_too():
    """Conv, pooling without neurons, and back; whole and in pieces."""

    def network():
        net = evsim.SpikingNetwork(dtype="float64")
        rng = np.random.default_rng(13)
        first = evsim.Conv2d(2, 3, in_shape=(1, 4, 4), padding=1, weights=rng.uniform(0.0, 0.8, (2, 1, 3, 3)))
        net.add_layer(first, evsim.LIF(**LIF), name="conv")
        net.add_layer(evsim.Pool2d(2, mode="or"), name="pool")
        up = evsim.ConvTranspose2d(2, 2, stride=2, weights=rng.uniform(-0.6, 0.3, (2, 2, 2, 2)))
        net.connect("pool", "conv", up, delay=0.75)
        return net

    spikes = train(14, 16, 80)
    whole, net = network(), network()
    whole.infer(spikes, until=END)
    found = [net.infer(spikes.time_slice(None, 30.0), until=30.0)]
    found.append(net.infer(spikes.time_slice(30.0), until=END, reset=False))
    times = np.concatenate([part.times for part in found])
    np.testing.assert_array_equal(times, whole["pool"].post_spikes.times)
    assert len(times) > 20


def test_a_rule_learns_in_a_loop():
    """The weights of a projection of a population to itself, against its spikes from outside."""
    neuron = evsim.LIF(**LIF, bias=np.linspace(0.55, 0.9, N))
    start, rule = weights(15, shape=(N, N), low=-0.2), evsim.rules.pair_stdp
    closed = evsim.SpikingNetwork(dtype="float64")
    closed.add_population(N, neuron, name="a")
    projection = closed.connect("a", "a", evsim.Dense(N, N, weights=start), kernel=rule(), delay=DELAYS)
    found = closed.infer(until=END)
    assert len(found) > 10
    opened = evsim.SpikingNetwork(dtype="float64")
    layer = opened.add_layer(evsim.Dense(N, N, weights=start), neuron, kernel=rule())
    assert opened.infer(given(found, DELAYS).time_slice(None, END), until=END) == found
    np.testing.assert_array_equal(projection.weights, layer.weights)
    assert np.abs(projection.weights - start).max() > 1e-4


def test_files_and_descriptions_keep_cycles(tmp_path):
    net = evsim.SpikingNetwork(dtype="float64")
    net.add_layer(evsim.Dense(N_INPUTS, N, weights=weights(1)), NEURONS["lif"], name="a")
    net.connect("a", "a", evsim.Dense(N, N, weights=weights(2, shape=(N, N))), delay=DELAYS)
    net.save(tmp_path / "net.safetensors")
    assert evsim.load(tmp_path / "net.safetensors").infer(train(16), until=END) == net.infer(train(16), until=END)


# What is not there


def test_delays_may_be_taken_away_and_given_again():
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(N_INPUTS, N), NEURONS["lif"], name="a")
    net.add_layer(evsim.Dense(N, N), NEURONS["lif"], name="b")
    back = net.connect("b", "a", evsim.Dense(N, N), delay=0.5)
    before = net.infer(train(17), until=END)
    back.delays = 0.0
    net.infer(train(17), until=30.0)
    back.delays = 0.5
    with pytest.raises(errors.UnsupportedError, match=r"a cycle without a delay.*reset\(\)"):
        net.infer([], [], until=END, reset=False)
    assert net.infer(train(17), until=END) == before


def test_a_cycle_needs_an_end():
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(N_INPUTS, N), NEURONS["lif"], name="a")
    net.connect("a", "a", evsim.Dense(N, N), delay=1.0)
    with pytest.raises(errors.InvalidArgumentError, match=r"layer 'a': spikes may go round.*until="):
        net.infer(train(18))
    assert net.time is None


def test_a_delay_that_is_lost_in_the_time():
    net = evsim.SpikingNetwork(seed=1)
    net.add_layer(evsim.Dense(N_INPUTS, N), NEURONS["lif"], name="a")
    net.connect("a", "a", evsim.Dense(N, N), delay=1e-9)
    with pytest.raises(errors.InvalidArgumentError, match="no progress at the time"):
        net.infer([0], [1e9], until=1e9 + 5.0, start=1e9)


def test_unpooling_lies_on_no_cycle():
    net = evsim.SpikingNetwork(seed=1)
    conv = evsim.Conv2d(1, 3, in_shape=(1, 4, 4), padding=1)
    net.add_layer(conv, NEURONS["lif"], name="conv")
    pool = net.add_layer(evsim.Pool2d(2, mode="or"), name="pool")
    net.add_layer(evsim.Unpool2d(pool), name="unpool")
    with pytest.raises(errors.UnsupportedError, match="cannot lie on a cycle"):
        net.connect("unpool", "conv", evsim.Conv2d(1, 3, in_shape=(1, 4, 4), padding=1), delay=1.0)
