"""Plasticity where neurons go by clocks of their own, in recurrent networks, against a heap of arrivals in float64."""

import numpy as np
import pytest
from oracle import plastic_network, stdp
from oracle.event_queue import Lif

import evsim

N_IN, N_E, N_I, END = 6, 9, 4, 120.0
NEURON = {"tau_mem": 20.0, "tau_syn": 5.0, "threshold": 0.5, "refractory": 2.0}
PAIR = {"a_plus": 0.02, "a_minus": 0.021, "tau_plus": 17.0, "tau_minus": 34.0}
TRIPLET = {"a2_plus": 1e-3, "a3_plus": 0.01, "a2_minus": 0.012, "a3_minus": 1e-3}
TRIPLET |= {"tau_plus": 16.8, "tau_x": 101.0, "tau_minus": 33.7, "tau_y": 114.0}
VOGELS = {"rate": 0.05, "target": 0.02, "tau": 20.0}
SHORT = {"utilization": 0.4, "tau_rec": 60.0, "tau_fac": 40.0}
RULES = {
    "pair": (lambda: evsim.rules.pair_stdp(**PAIR), lambda: stdp.Pair(**PAIR)),
    "triplet": (lambda: evsim.rules.triplet_stdp(**TRIPLET), lambda: stdp.Triplet(**TRIPLET)),
    "short-term": (
        lambda: evsim.rules.tsodyks_markram(**SHORT),
        lambda: plastic_network.TsodyksMarkram(**SHORT),
    ),
    "none": (lambda: None, lambda: None),
}


def synapses(rng, source, target, sizes, low, high, probability=0.5):
    """Sources, targets, weights and delays, a delay for each synapse; some pairs have two synapses."""
    pairs = [
        (i, n) for i in range(sizes[0]) for n in range(sizes[1]) for _ in range(2) if rng.random() < probability / 2
    ]
    pairs = pairs or [(0, 0)]
    n = len(pairs)
    ends = [list(map(int, part)) for part in zip(*pairs, strict=True)]
    return (source, target, *ends, rng.uniform(low, high, n), rng.uniform(0.5, 7.0, n))


def parts(seed, rule):
    """A network with inhibition that learns, and the same for the oracle."""
    rng = np.random.default_rng(seed)
    names = {"in": N_IN, "E": N_E, "I": N_I}
    edges = [
        (synapses(rng, "in", "E", (N_IN, N_E), 0.2, 0.9), "pair" if rule == "none" else "none"),
        (synapses(rng, "in", "I", (N_IN, N_I), 0.2, 0.9), "none"),
        (synapses(rng, "E", "E", (N_E, N_E), 0.0, 0.4), rule),
        (synapses(rng, "E", "I", (N_E, N_I), 0.1, 0.4), "none"),
        (synapses(rng, "I", "E", (N_I, N_E), -0.6, -0.1), "vogels"),
    ]
    times = np.sort(rng.uniform(0.0, END - 10.0, 150))
    return names, edges, rng.integers(0, N_IN, 150), times


def kernel(rule):
    return evsim.rules.vogels_stdp(**VOGELS) if rule == "vogels" else RULES[rule][0]()


def simulated(seed, rule, ends=(END,), dtype="float64", threads=None):
    """Spikes of E, and the projections."""
    names, edges, indices, times = parts(seed, rule)
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_input(N_IN, name="in")
    for name in ("E", "I"):
        net.add_population(names[name], evsim.LIF(**NEURON, reset=0.0), name=name)
    projections = []
    for (source, target, sources, targets, weights, delays), own in edges:
        connection = evsim.Sparse(names[source], names[target], sources, targets, weights)
        projections.append(net.connect(source, target, connection, delay=delays, kernel=kernel(own)))
    spikes = []
    for begin, end in zip((0.0, *ends), ends, strict=False):
        here = (times >= begin) & (times < end)
        spikes.append(net.infer(indices[here], times[here], until=end, reset=begin == 0.0, outputs=["E", "I"]))
    found = {
        name: [(float(t), int(n)) for part in spikes for n, t in zip(part[name].indices, part[name].times, strict=True)]
        for name in ("E", "I")
    }
    return net, projections, found


def expected(seed, rule):
    names, edges, indices, times = parts(seed, rule)
    populations = {name: [Lif(**NEURON) for _ in range(names[name])] for name in ("E", "I")}
    made = []
    for (source, target, sources, targets, weights, delays), own in edges:
        oracle = plastic_network.Vogels(**VOGELS) if own == "vogels" else RULES[own][1]()
        made.append(plastic_network.Edge(source, target, sources, targets, weights.tolist(), delays.tolist(), oracle))
    trains = {"in": list(zip(times.tolist(), indices.tolist(), strict=True))}
    return plastic_network.simulate(populations, made, trains, END), made


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rule", RULES)
def test_a_recurrent_network_learns_as_a_heap_of_arrivals_says(seed, rule):
    spikes, edges = expected(seed, rule)
    _, projections, found = simulated(seed, rule)
    assert len(spikes["E"]) > 40
    for name in ("E", "I"):
        assert [n for _, n in found[name]] == [n for _, n in spikes[name]]
        np.testing.assert_allclose([t for t, _ in found[name]], [t for t, _ in spikes[name]], rtol=0.0, atol=1e-7)
    for projection, edge in zip(projections, edges, strict=True):
        order = projection.connection.order
        np.testing.assert_allclose(projection.weights, np.array(edge.weights)[order], rtol=0.0, atol=1e-8)
    learning = [p for p in projections if p.kernel and "tsodyks" not in p.kernel.source.name]
    for projection, edge in zip(projections, edges, strict=True):
        if projection in learning:
            synaptic = np.array(edge.synaptic_traces)[projection.connection.order]
            np.testing.assert_allclose(projection.synaptic_traces, synaptic, rtol=0.0, atol=1e-7)
            np.testing.assert_allclose(projection.neuron_traces, edge.neuron_traces, rtol=0.0, atol=1e-7)


def test_the_heap_tells_a_wrong_rule():
    _, edges = expected(0, "pair")
    _, projections, _ = simulated(0, "triplet")
    order = projections[2].connection.order
    assert np.max(np.abs(projections[2].weights - np.array(edges[2].weights)[order])) > 1e-3
