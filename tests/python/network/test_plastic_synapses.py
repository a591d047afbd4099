"""Plasticity on sparse projections and with a delay for each synapse: as on dense ones, however it is cut."""

import copy
import pickle

import numpy as np
import pytest
from machines import DTYPES
from rules import STDP
from spike_hash import neurons

import evsim
from evsim import errors

N_INPUTS, N, END = 8, 70, 80.0
MODELS = {
    "LIF": evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5),
    "held": evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5, refractory=2.0),
    "delta": evsim.LIFDelta(tau_mem=20.0, threshold=1.3),
    "alif": evsim.ALIF(tau_mem=20.0, tau_syn=5.0, tau_adaptation=80.0, jump=0.1, threshold=0.5),
    "two taus": evsim.LIF(tau_mem=np.linspace(8.0, 30.0, N), tau_syn=5.0, threshold=0.5),
    "readout": evsim.LI(tau_mem=20.0, tau_syn=5.0),
}
RULES = {
    "pair": evsim.rules.pair_stdp(a_plus=0.01, a_minus=0.011, w_max=1.0),
    "triplet": evsim.rules.triplet_stdp(a2_plus=1e-3, a3_plus=1e-3, w_max=1.0),
    "diehl cook": evsim.rules.diehl_cook_stdp(),
    "guetig": evsim.rules.guetig_stdp(mu_plus=0.5),
    "simplified": evsim.rules.simplified_stdp(),
    "reward": evsim.rules.reward_stdp(tau_pair=15.0),
    "order": evsim.rules.mozafari_stdp(),
    "dopamine": evsim.rules.eligibility_stdp(tau_dopamine=50.0),
    "voltage": evsim.rules.voltage_stdp(v_theta=0.3),
    "vogels": evsim.rules.vogels_stdp(sign=1.0, w_max=1.0),
    "short-term": evsim.rules.tsodyks_markram(tau_rec=30.0, tau_fac=20.0),
    "own": evsim.Kernel(STDP),
}


def train(seed=1, n=150, end=END):
    rng = np.random.default_rng(seed)
    times = np.sort(rng.uniform(0.0, end, n))
    times[20] = times[21]
    return rng.integers(0, N_INPUTS, n), times


def weights(seed=2):
    return np.random.default_rng(seed).uniform(0.1, 0.7, (N, N_INPUTS))


def all_to_all(values):
    """The same synapses one by one, given in another order than theirs."""
    targets, sources = np.indices(values.shape).reshape(2, -1)
    order = np.random.default_rng(3).permutation(values.size)
    return evsim.Sparse(*values.shape[::-1], sources[order], targets[order], values.ravel()[order])


def layer(make, neuron="LIF", rule="pair", dtype="float64", **options):
    kernel = RULES[rule] if isinstance(rule, str) else rule
    net = evsim.SpikingNetwork(dtype=dtype)
    return net, net.add_layer(make(weights()), MODELS[neuron], kernel=kernel, **options)


def dense(values):
    return evsim.Dense(*values.shape[::-1], weights=values)


def some(values):
    """Every third synapse."""
    targets, sources = np.nonzero(np.arange(values.size).reshape(values.shape) % 3 == 0)
    return evsim.Sparse(*values.shape[::-1], sources, targets, values[targets, sources])


def in_rows(own, values):
    """Values of synapses as those of a dense connection."""
    return values if own.connection.weight_shape != values.shape[:1] else own.connection.to_matrix(values).toarray()


def left_behind(net, own):
    return [own.weights.copy(), own.neuron_traces, own.synaptic_traces, own.post_spikes.indices, own.post_spikes.times]


def assert_same(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("neuron", "rule"),
    # The last takes one membrane time constant, and looks at a current.
    [(neuron, rule) for neuron in MODELS for rule in RULES if rule != "own" or neuron not in ("two taus", "delta")],
)
def test_all_to_all_learns_as_dense(neuron, rule):
    a, together = layer(dense, neuron, rule)
    b, alone = layer(all_to_all, neuron, rule)
    for begin, end in ((0.0, 33.0), (33.0, END)):
        indices, times = train()
        here = (times >= begin) & (times < end)
        for net in (a, b):
            net.infer(indices[here], times[here], until=end, reset=begin == 0.0)
    spikes, expected = alone.post_spikes, together.post_spikes
    np.testing.assert_array_equal(spikes.indices, expected.indices)
    np.testing.assert_allclose(spikes.times, expected.times, rtol=0.0, atol=1e-8)
    assert len(spikes) > (5 if rule == "short-term" else N) or neuron == "readout"
    np.testing.assert_allclose(in_rows(alone, alone.weights), together.weights, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(alone.neuron_traces, together.neuron_traces, rtol=1e-9, atol=1e-9)
    for k in range(together.synaptic_traces.shape[2]):
        found = in_rows(alone, alone.synaptic_traces[:, k])
        np.testing.assert_allclose(found, together.synaptic_traces[..., k], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("model", neurons())
def test_every_model_learns_alone_as_together(model):
    """With spikes on whole numbers, many of which come at one time."""
    neuron = neurons()[model]
    rng = np.random.default_rng(4)
    values = rng.uniform(0.05, 0.5, (37, N_INPUTS))
    indices, times = rng.integers(0, N_INPUTS, 150), np.floor(np.sort(rng.uniform(0.0, 80.0, 150)))
    port = 0 if isinstance(neuron, evsim.COBALIF) else None
    found = []
    for make in (dense, all_to_all):
        net = evsim.SpikingNetwork(dtype="float64")
        rule = evsim.rules.pair_stdp(a_plus=0.005, a_minus=0.006, w_max=0.6)
        own = net.add_layer(make(values), neuron, kernel=rule, port=port)
        probe = evsim.Probe(0, neurons=[0, 36], times=np.linspace(1.5, 89.0, 20))
        spikes = net.infer(indices, times, until=90.0, record=probe)
        found.append((spikes.indices.copy(), spikes.times.copy(), in_rows(own, own.weights).copy(), probe.values))
    together, alone = found
    np.testing.assert_array_equal(alone[0], together[0])
    for a, b in zip(alone[1:], together[1:], strict=True):
        np.testing.assert_allclose(a, b, rtol=0.0, atol=1e-8)
    assert np.any(together[2] != values) or model.startswith("li ")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("make", [dense, all_to_all])
@pytest.mark.parametrize("rule", ["pair", "triplet", "voltage", "short-term", "own"])
def test_delays_of_synapses_are_times_of_arrival(rule, make, dtype):
    """A neuron of its own for each: what arrives is the same as without delays but at other times."""
    delays = np.random.default_rng(4).uniform(0.5, 9.0, (N, N_INPUTS))
    net, own = layer(dense, "held", rule, dtype, delay=delays)
    if make is all_to_all:
        net, own = layer(all_to_all, "held", rule, dtype)
        own.delays = delays[own.connection.targets, own.connection.sources]
    indices, times = train()
    net.infer(indices, times, until=END)
    for n in range(0, N, 23):
        one = evsim.SpikingNetwork(dtype=dtype)
        alone = one.add_layer(
            evsim.Dense(N_INPUTS, 1, weights=weights()[n : n + 1]), MODELS["held"], kernel=RULES[rule]
        )
        alone.delays = delays[n]
        spikes = one.infer(indices, times, until=END).times
        found = own.post_spikes.times[own.post_spikes.indices == n]
        assert len(found) == len(spikes)
        close = {"rtol": 0.0, "atol": 1e-8 if dtype == "float64" else 2e-3}
        np.testing.assert_allclose(found, spikes, **close)
        np.testing.assert_allclose(in_rows(own, own.weights)[n], alone.weights[0], **close)


@pytest.mark.parametrize("neuron", ["LIF", "held", "delta", "alif"])
@pytest.mark.parametrize("rule", ["pair", "diehl cook", "short-term", "voltage"])
def test_cuts_and_threads_leave_no_bit_behind(neuron, rule):
    def learned(ends, threads, dtype):
        evsim.set_num_threads(threads)
        net, own = layer(some, neuron, rule, dtype, delay=delays)
        net.connect(own, own, some_back, delay=1.5)
        indices, times = train(n=600)
        for begin, end in zip((0.0, *ends), ends, strict=False):
            here = (times >= begin) & (times < end)
            net.infer(indices[here], times[here], until=end, reset=begin == 0.0)
        return left_behind(net, own)[:3]

    delays = np.random.default_rng(6).uniform(0.5, 9.0, some(weights()).n_synapses)
    some_back = evsim.Sparse.random(N, N, 0.1, seed=7, weights=0.05)
    before = evsim.num_threads()
    try:
        for dtype in DTYPES:
            whole = learned((END,), 1, dtype)
            assert_same(learned((END,), 2, dtype), whole)
            pieces = learned((7.3, 7.3000001, 31.0, 64.0, END), 2, dtype)
            if neuron != "alif":
                assert_same(pieces, whole)
                continue
            for a, b in zip(pieces, whole, strict=True):  # the way of linear neurons to a crossing depends on its gap
                tolerance = 1e-11 if dtype == "float64" else 1e-3
                np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)
    finally:
        evsim.set_num_threads(before)


@pytest.mark.parametrize("dense_first", [False, True])
def test_threads_that_share_the_neurons_leave_no_bit_behind(dense_first):
    """More neurons than one thread takes; a recurrent projection learns, and one that is fed, sparse or dense."""
    n = 260
    rng = np.random.default_rng(8)
    fed = evsim.Sparse.fixed_in_degree(N_INPUTS, n, 5, seed=1, weights=0.2)
    if dense_first:
        fed = evsim.Dense(N_INPUTS, n, weights=rng.uniform(0.0, 0.3, (n, N_INPUTS)))
    fed_delays = rng.uniform(0.5, 9.0, fed.weight_shape)
    back = evsim.Sparse.random(n, n, 0.05, seed=7, weights=0.1)
    back_delays = rng.uniform(0.5, 3.0, back.n_synapses)

    def learned(threads, dtype):
        evsim.set_num_threads(threads)
        net = evsim.SpikingNetwork(dtype=dtype)
        own = net.add_layer(fed, MODELS["held"], delay=fed_delays, kernel=RULES["triplet"])
        net.connect(own, own, back, delay=back_delays, kernel=RULES["pair"])
        net.infer(*train(n=400), until=END)
        return [*left_behind(net, own), net.projections[1].weights.copy(), net.projections[1].synaptic_traces]

    before = evsim.num_threads()
    try:
        for dtype in DTYPES:
            one = learned(1, dtype)
            assert len(one[4]) > n
            for threads in (2, 4):
                assert_same(learned(threads, dtype), one)
    finally:
        evsim.set_num_threads(before)


@pytest.mark.parametrize("update", ["sum", "mean"])
def test_a_batch_adds_up_what_its_samples_learn(update):
    rule = evsim.rules.pair_stdp(batch_update=update)
    net, own = layer(some, rule=rule)
    before = own.weights.copy()
    samples = [train(seed) for seed in (1, 2, 3)]
    net.infer(samples, until=END)
    change = np.zeros_like(before)
    for k, sample in enumerate(samples):
        single, one = layer(some, rule=rule)
        single.infer(*sample, until=END)
        change += one.weights - before
        assert_same([own.neuron_traces[k], own.synaptic_traces[k]], [one.neuron_traces, one.synaptic_traces])
    np.testing.assert_allclose(own.weights, before + change / (3 if update == "mean" else 1), rtol=0.0, atol=1e-13)
    assert np.any(own.weights != before)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_in_the_middle_of_a_stream_goes_on_to_the_same_bits(copied, dtype):
    delays = np.random.default_rng(6).uniform(0.5, 9.0, some(weights()).n_synapses)
    net, own = layer(some, "held", "triplet", dtype, delay=delays)
    net.connect(own, own, evsim.Sparse.random(N, N, 0.1, seed=7, weights=0.05), delay=1.5, kernel=RULES["pair"])
    indices, times = train()
    net.infer(indices[:70], times[:70], until=times[70])
    other = copied(net)
    for going_on in (net, other):
        going_on.infer(indices[70:], times[70:], until=END, reset=False)
    assert_same(left_behind(other, other[0]), left_behind(net, own))
    assert_same([p.weights for p in other.projections], [p.weights for p in net.projections])
    assert_same([p.synaptic_traces for p in other.projections], [p.synaptic_traces for p in net.projections])


def test_files_name_the_kernels_of_several_projections(tmp_path):
    pytest.importorskip("safetensors")
    net, own = layer(some, "held", evsim.rules.pair_stdp(a_plus=0.25))
    net.connect(own, own, evsim.Sparse.random(N, N, 0.1, seed=7, weights=0.05), delay=1.5, kernel=RULES["triplet"])
    evsim.save(net, tmp_path / "net.safetensors")
    with pytest.raises(errors.InvalidArgumentError, match="input 0 -> layer 0 was saved with the kernel pair_stdp"):
        evsim.load(tmp_path / "net.safetensors")
    kernels = {"input 0 -> layer 0": evsim.rules.pair_stdp(), "layer 0 -> layer 0": evsim.rules.triplet_stdp()}
    again = evsim.load(tmp_path / "net.safetensors", kernels=kernels)
    assert again[0].kernel_parameters["a_plus"] == 0.25
    for one in (net, again):
        one.infer(*train(), until=END)
    assert_same([p.weights for p in again.projections], [p.weights for p in net.projections])
