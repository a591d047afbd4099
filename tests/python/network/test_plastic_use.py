"""What is done with sparse projections that learn: traces, parameters, rewards, drives, and what goes wrong."""

import numpy as np
import pytest

import evsim
from evsim import errors

N_INPUTS, N, END = 8, 12, 80.0
NEURON = evsim.LIF(tau_mem=20.0, tau_syn=5.0, threshold=0.5, refractory=2.0)
DELAYS = np.random.default_rng(6).uniform(0.5, 9.0, (N, N_INPUTS))


def train(seed=1, n=150):
    rng = np.random.default_rng(seed)
    return rng.integers(0, N_INPUTS, n), np.sort(rng.uniform(0.0, END, n))


def pair_of_nets(kernel, neuron=NEURON):
    """The same layer with a dense and with a sparse connection."""
    weights = np.random.default_rng(2).uniform(0.1, 0.7, (N, N_INPUTS))
    nets = [evsim.SpikingNetwork(dtype="float64") for _ in range(2)]
    nets[0].add_layer(evsim.Dense(N_INPUTS, N, weights=weights), neuron, kernel=kernel)
    nets[1].add_layer(evsim.Sparse.from_matrix(weights), neuron, kernel=kernel)
    return nets


def in_rows(layer, values):
    return values if values.ndim == 2 else layer.connection.to_matrix(values).toarray()


def assert_alike(nets):
    one, other = (net[0] for net in nets)
    assert len(one.post_spikes) == len(other.post_spikes)
    np.testing.assert_allclose(other.post_spikes.times, one.post_spikes.times, rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(in_rows(other, other.weights), one.weights, rtol=0.0, atol=1e-9)


def test_time_constants_that_change_in_a_stream():
    nets = pair_of_nets(evsim.rules.pair_stdp(w_max=1.0))
    indices, times = train()
    here = times < 40.0
    for net in nets:
        net.infer(indices[here], times[here], until=40.0)
        net[0].kernel_parameters = {"tau_plus": 5.0, "tau_minus": 50.0, "a_plus": 0.05}
        net.infer(indices[~here], times[~here], until=END, reset=False)
    assert_alike(nets)


def test_traces_to_begin_with():
    nets = pair_of_nets(evsim.rules.pair_stdp(w_max=1.0))
    values = np.random.default_rng(5).uniform(0.0, 2.0, (N, N_INPUTS))
    for net in nets:
        layer = net[0]
        layer.neuron_traces = np.arange(N)[:, np.newaxis] / 5.0
        layer.synaptic_traces = (values if net is nets[0] else values.T.ravel())[..., np.newaxis]
        np.testing.assert_array_equal(in_rows(layer, layer.synaptic_traces[..., 0]), values)
        net.infer(*train(), until=END)
    assert_alike(nets)
    for net in nets:
        net.infer(*train(3), until=END)  # begins at 0 again
    assert_alike(nets)


def test_rewards_and_sums_of_weights():
    for kernel in (evsim.rules.reward_stdp(), evsim.rules.mozafari_stdp()):
        nets = pair_of_nets(kernel)
        for net in nets:
            net.infer([train(1), train(2)], until=END)
            evsim.rules.apply_reward(net[0], np.linspace(-1.0, 1.0, 2 * N).reshape(2, N), rate=0.01)
            evsim.rules.normalize_weights(net[0], 3.0)
        for net in nets:
            np.testing.assert_allclose(in_rows(net[0], net[0].weights).sum(axis=1), 3.0)
            net.infer(*train(3), until=END)
            evsim.rules.apply_reward(net.projections[0], 1.0, rate=0.01)
        assert_alike(nets)


@pytest.mark.parametrize("update", ["sum", "mean"])
def test_dopamine(update):
    kernel = evsim.rules.eligibility_stdp(tau_dopamine=40.0, tau_eligibility=90.0, batch_update=update)
    nets = pair_of_nets(kernel)
    indices, times = train()
    for net in nets:
        for begin, end in ((0.0, 30.0), (30.0, END)):
            here = (times >= begin) & (times < end)
            net.infer([(indices[here], times[here])] * 2, until=end, reset=begin == 0.0)
            evsim.rules.deliver_dopamine(net, np.linspace(-1e-4, 1e-3, 2 * N).reshape(2, N))
    one, other = (net[0] for net in nets)
    np.testing.assert_allclose(in_rows(other, other.weights), one.weights, rtol=0.0, atol=1e-9)
    for net in nets:
        net.infer([((), ())] * 2, until=2 * END, reset=False)
    assert_alike_batches(nets)


def assert_alike_batches(nets):
    one, other = (net[0] for net in nets)
    np.testing.assert_allclose(in_rows(other, other.weights), one.weights, rtol=0.0, atol=1e-9)
    np.testing.assert_allclose(other.neuron_traces, one.neuron_traces, rtol=0.0, atol=1e-9)


def test_a_driven_population_learns_as_one_that_is_fed_the_same_spikes():
    """A drive whose arrivals are known: what they bring is given by a projection instead."""
    drive = evsim.PoissonDrive(rate=0.3, weight=0.4, seed=5)
    clock = evsim.SpikingNetwork(dtype="float64")
    clock.add_population(N, evsim.IAFDelta(threshold=0.1, reset=0.0), name="clock")
    clock.add_drive("clock", drive)
    clicks = clock.infer(until=END)
    nets = []
    for driven in (True, False):
        net = evsim.SpikingNetwork(dtype="float64")
        inputs, extra = net.add_input(N_INPUTS, name="in"), net.add_input(N, name="extra")
        cells = net.add_population(N, NEURON, name="cells")
        net.connect(inputs, cells, evsim.Sparse.fixed_in_degree(N_INPUTS, N, 4, seed=3, weights=0.3), kernel=RULE)
        if driven:
            net.add_drive("cells", drive)
        else:
            net.connect(extra, cells, evsim.Sparse.one_to_one(N, weights=0.4))
        given = {"in": train(), "extra": ([], []) if driven else (clicks.indices, clicks.times)}
        net.infer(given, until=END)
        nets.append(net)
    np.testing.assert_array_equal(nets[0]["cells"].post_spikes.times, nets[1]["cells"].post_spikes.times)
    np.testing.assert_array_equal(nets[0].projections[0].weights, nets[1].projections[0].weights)
    assert len(nets[0]["cells"].post_spikes) > N


def test_each_port_learns():
    """Fast and slow synapses, both of which learn."""
    parts = evsim.neurons
    synapses = {"fast": parts.Exponential(5.0), "slow": parts.Exponential(20.0)}
    neuron = parts.Linear(tau_mem=10.0, synapses=synapses, threshold=0.5)
    weights = np.random.default_rng(3).uniform(0.05, 0.15, (2, N, N_INPUTS))
    rules = [evsim.rules.pair_stdp(w_min=0.0, w_max=0.2), evsim.rules.vogels_stdp(sign=1.0, rate=0.002, w_max=0.2)]

    def learned(make, ports):
        net = evsim.SpikingNetwork(dtype="float64")
        cells = net.add_population(N, neuron, name="cells")
        inputs = [net.add_input(N_INPUTS, name=name) for name in ("e", "i")]
        projections = [
            net.connect(source, cells, make(values), port=port, kernel=rule)
            for source, values, port, rule in zip(inputs, weights, ports, rules, strict=True)
        ]
        spikes = net.infer({"e": train(1, 400), "i": train(2, 400)}, until=END, outputs=["cells"])["cells"]
        return [spikes.times.copy(), *(in_rows(one, one.weights).copy() for one in projections)]

    dense = learned(lambda values: evsim.Dense(N_INPUTS, N, weights=values), ("fast", "slow"))
    assert len(dense[0]) > N
    for found, expected in zip(learned(evsim.Sparse.from_matrix, ("fast", "slow")), dense, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert len(learned(evsim.Sparse.from_matrix, ("fast", "fast"))[0]) != len(dense[0])


def test_a_users_neurons_learn():
    neuron = evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))
    nets = pair_of_nets(evsim.rules.diehl_cook_stdp(), neuron(tau_mem=20.0, threshold=0.8, tau_adapt=60.0, jump=0.05))
    for net in nets:
        net.infer(*train(n=300), until=END)
    assert len(nets[0][0].post_spikes) > N
    assert_alike(nets)


RULE = evsim.rules.pair_stdp(w_max=1.0)
FAILS = """
#include <evsim/callbacks.h>
#include <stdexcept>
using evsim::real;
EVSIM_PARAMETERS(last = INFINITY, wrong = 0)
auto synaptic_traces_tau() { return evsim::time_constants(20); }
void on_pre_synapse(real& weight, const real*, real* trace, const Parameters& p, const evsim::Context& at) {
    trace[0] += 1;
    weight += at.time > p.last ? p.wrong / 0 : real(0.01);
    if (at.time > p.last && p.wrong == 0) throw std::runtime_error("it is late");
}
"""


@pytest.mark.parametrize(("wrong", "error"), [(0.0, errors.KernelError), (1.0, errors.NonFiniteError)])
def test_an_error_leaves_everything_as_it_was(wrong, error):
    net = pair_of_nets(FAILS)[1]
    layer = net[0]
    layer.delays = DELAYS.T.ravel()
    net.infer(*train(), until=END)
    before = [layer.weights.copy(), layer.synaptic_traces, layer.post_spikes.times]
    layer.kernel_parameters = {"last": 70.0, "wrong": wrong}
    with pytest.raises(error):
        net.infer(*train(2), until=END)
    for found, kept in zip([layer.weights, layer.synaptic_traces, layer.post_spikes.times], before, strict=True):
        np.testing.assert_array_equal(found, kept)
    layer.kernel_parameters = {"last": 1e9}
    net.infer(*train(2), until=END)


def test_an_index_that_does_not_exist():
    beyond = """
#include <evsim/callbacks.h>
auto neuron_traces_tau() { return evsim::time_constants(INFINITY); }
void count(evsim::real* traces, int k) { traces[k] += 1; }
void on_post_neuron(evsim::real* traces) { count(traces, 1); }
"""
    net = pair_of_nets(evsim.Kernel(beyond, debug=True))[1]
    with pytest.raises(errors.TraceIndexError, match="there is no neuron trace 1"):
        net.infer(*train(), until=END)


def test_an_engine_is_not_changed_in_a_stream():
    net = pair_of_nets(RULE)[0]
    indices, times = train()
    net.infer(indices[:50], times[:50], until=times[50])
    net[0].delays = DELAYS
    with pytest.raises(errors.UnsupportedError, match="call reset"):
        net.infer(indices[50:], times[50:], until=END, reset=False)
    net.infer(indices, times, until=END)
    net[0].delays = 0.0
    with pytest.raises(errors.UnsupportedError, match="call reset"):
        net.infer([], [], until=2 * END, reset=False)
    net.infer(indices, times, until=END)


def test_a_damaged_state_is_refused():
    net = pair_of_nets(RULE)[1]
    net.infer(*train(), until=END)
    for name, change, error in (
        ("heard", lambda values: values[1:], errors.ShapeMismatchError),
        ("heard", lambda values: values * np.nan, errors.NonFiniteError),
        ("arrivals", lambda values: values * np.inf, errors.NonFiniteError),
        ("arrivals", lambda values: values[:-1], errors.ShapeMismatchError),
        ("synaptic_traces", lambda values: np.append(values, 0.0), errors.ShapeMismatchError),
        ("heard", lambda values: values[:0], errors.ShapeMismatchError),
    ):
        description = net.to_description(state=True)
        (state,) = description.state["states"]["layer 0"]
        state[name] = change(state[name])
        with pytest.raises(error):
            evsim.SpikingNetwork.from_description(description, kernel_of=lambda name: RULE)


def test_several_kernels_and_dopamine():
    net = pair_of_nets(evsim.rules.eligibility_stdp())[1]
    net.connect(net[0], net[0], evsim.Sparse.one_to_one(N), delay=1.0, kernel=RULE)
    net.infer(*train(), until=END)
    with pytest.raises(errors.UnsupportedError, match="one projection has a kernel"):
        evsim.rules.deliver_dopamine(net, 1.0)


def test_a_dense_projection_learns_beside_others():
    weights = np.random.default_rng(2).uniform(0.1, 0.4, (2, N, N_INPUTS))

    def learned(make):
        net = evsim.SpikingNetwork(dtype="float64")
        cells = net.add_population(N, NEURON, name="cells")
        learning = net.connect(net.add_input(N_INPUTS, name="in"), cells, make(weights[0]), kernel=RULE)
        fixed = net.connect(net.add_input(N_INPUTS, name="other"), cells, make(weights[1]))
        net.infer({"in": train(1), "other": train(2)}, until=END)
        assert len(cells.post_spikes) > N
        assert np.array_equal(np.sort(fixed.weights, axis=None), np.sort(weights[1], axis=None))
        return cells.post_spikes.times, in_rows(learning, learning.weights)

    dense = learned(lambda values: evsim.Dense(N_INPUTS, N, weights=values))
    sparse = learned(evsim.Sparse.from_matrix)
    for found, expected in zip(sparse, dense, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert np.any(dense[1] != weights[0])
