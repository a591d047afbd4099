"""Neuron models from a user's header with several kinds of synapse, and without a shared gap."""

import copy
import pickle

import numpy as np
import pytest
from machines import DTYPES, Machine

import evsim
from evsim.errors import CompilerNotFoundError, InvalidArgumentError
from evsim.neurons import Delta, Exponential, Linear

try:
    evsim.jit.find_compiler()
except CompilerNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

# Port 0 moves the potential, port 1 pulls it, port 2 raises the threshold.
SOURCE = evsim.kernels.shipped("adaptive_lif.h").read_text()
PORTS = SOURCE.replace("n_ports = 1", "n_ports = 3").replace(
    """State<V>& s, const V& weight, int) {
        s.v += weight;
""",
    """State<V>& s, const V& weight, int port) {
        if (port == 0) s.v += weight;
        if (port == 1) s.v -= weight;
        if (port == 2) s.h += weight;
""",
)
VALUES = {"tau_mem": 10.0, "tau_adapt": 30.0, "jump": 0.25}


@pytest.fixture(scope="module")
def model():
    return evsim.neurons.from_source(PORTS)


def simulate(arrivals, until):
    """Spikes of one neuron by arrivals of (time, port, weight). As v falls faster than h, it fires at arrivals only."""
    v = h = now = 0.0
    spikes = []
    for time in sorted({time for time, _, _ in arrivals if time < until}):
        v *= np.exp(-(time - now) / VALUES["tau_mem"])
        h *= np.exp(-(time - now) / VALUES["tau_adapt"])
        now = time
        for _, port, weight in (a for a in arrivals if a[0] == time):
            v += (weight, -weight, 0.0)[port]
            h += (0.0, 0.0, weight)[port]
        while v >= 1.0 + h:
            spikes.append(time)
            v, h = 0.0, h + VALUES["jump"]
    return spikes


def network(neuron, weights, dtype="float64", conv=False):
    """One input for each port, each connected to all neurons: weights[port][neuron]."""
    net = evsim.SpikingNetwork(dtype=dtype)
    n = weights.shape[1]
    net.add_population((n, 1, 1) if conv else n, neuron, name="cells")
    for port, of_port in enumerate(weights):
        net.add_input((1, 1, 1) if conv else 1, name=f"port {port}")
        if conv:
            connection = evsim.Conv2d(n, 1, in_shape=(1, 1, 1), weights=of_port[:, None, None, None])
        else:
            connection = evsim.Dense(1, n, weights=of_port[:, None])
        net.connect(f"port {port}", "cells", connection, port=port)
    return net


def random_arrivals(seed, n=60, until=100.0):
    rng = np.random.default_rng(seed)
    return [np.sort(np.round(rng.uniform(0.0, until, n), 0 if port else 1)) for port in range(3)]


def given(arrivals):
    return {f"port {port}": evsim.SpikeArray([0] * len(times), times) for port, times in enumerate(arrivals)}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("conv", [False, True])
def test_an_input_arrives_at_the_port_it_is_sent_to(model, dtype, conv):
    weights = np.random.default_rng(1).uniform(0.1, 1.0, (3, 9)).astype(np.float32) * [[2.0], [0.5], [0.3]]
    weights = weights.astype(np.float32)
    arrivals = random_arrivals(2)
    found = network(model(**VALUES), weights, dtype, conv).infer(given(arrivals), until=100.0)
    assert len(found) > 50
    for k in range(9):
        events = [(t, port, float(weights[port, k])) for port, times in enumerate(arrivals) for t in times]
        assert found.times[found.indices == k].tolist() == simulate(events, 100.0)


def test_a_layer_takes_a_port_too_and_without_one_it_is_port_0(model):
    weights = [[1.5], [3.0]]
    spikes = {}
    for port in (None, 0, 1, np.int32(0)):
        net = evsim.SpikingNetwork()
        layer = net.add_layer(evsim.Dense(1, 2, weights=weights), model(**VALUES), port=port)
        spikes[port] = len(net.infer([0, 0], [1.0, 2.0]))
        assert layer.n_neurons == 2
    assert spikes[None] == spikes[0] == spikes[np.int32(0)] == 4
    assert spikes[1] == 0


@pytest.mark.parametrize("port", [3, -1, True, 1.0, "exc", [0]])
def test_a_port_that_is_not_there_is_told_how_many_there_are(model, port):
    net = evsim.SpikingNetwork()
    with pytest.raises(InvalidArgumentError, match=r"AdaptiveLif has 3 ports, 0 to 2; got port="):
        net.add_layer(evsim.Dense(1, 2), model(**VALUES), port=port)
    assert len(net) == 0
    net.add_input(1, name="a")
    net.add_population(2, model(**VALUES), name="b")
    with pytest.raises(InvalidArgumentError, match=r"AdaptiveLif has 3 ports, 0 to 2; got port="):
        net.connect("a", "b", evsim.Dense(1, 2), port=port)


def test_one_port_is_said_to_be_one():
    own = evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))
    with pytest.raises(InvalidArgumentError, match="AdaptiveLif has one port, 0; got port=1"):
        evsim.SpikingNetwork().add_layer(evsim.Dense(1, 1), own(**VALUES), port=1)
    assert own.n_ports == 1


def test_ports_are_kept_in_copies_and_files(model, tmp_path):
    assert model.n_ports == 3
    weights = np.random.default_rng(3).uniform(0.1, 1.0, (3, 4)).astype(np.float32)
    net, spikes = network(model(**VALUES), weights), given(random_arrivals(4))
    expected = net.infer(spikes, until=100.0)
    net.save(tmp_path / "net.safetensors")
    others = [copy.deepcopy(net), pickle.loads(pickle.dumps(net))]
    others.append(evsim.load(tmp_path / "net.safetensors", neurons=[model]))
    for other in others:
        assert [projection.port for projection in other.projections] == [0, 1, 2]
        assert other.infer(spikes, until=100.0) == expected


@pytest.mark.parametrize("port", [0, 1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_on_a_gpu_a_chain_may_lead_to_any_port(model, dtype, port):
    weights = np.random.default_rng(7).uniform(-2.0, 2.0, (5, 3)).astype(np.float32)
    rng = np.random.default_rng(8)
    spikes = evsim.SpikeArray(rng.integers(0, 3, 60), np.sort(rng.uniform(0.0, 60.0, 60)))
    found = []
    for device in ("cpu", "cuda"):
        machine = Machine(dtype, device)
        with machine.in_use():
            net = machine.network()
            net.add_layer(evsim.Dense(3, 5, weights=weights), model(**VALUES), port=port)
            found.append(net.infer(spikes, until=80.0))
    assert len(found[0]) > (0 if port < 2 else -1)
    assert np.asarray(found[1].indices).tolist() == found[0].indices.tolist()
    np.testing.assert_allclose(np.asarray(found[1].times), found[0].times, rtol=0.0, atol=1e-6)


# A model that has no Gap

EXACT = """
#include <evsim/neuron/model.h>
#include <evsim/neuron/refractory.h>
struct Leaky {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 2;
    EVSIM_FN static constexpr bool jumps(int port) { return port == 1; }
    template <class T> using Stored = T;
    static constexpr int n_shared = 2;
    static constexpr const char* shared_names[] = {"tau_mem", "tau_syn"};
    static constexpr const char* neuron_names[] = {"threshold"};
    static constexpr const char* observable_names[] = {"v", "i"};
    struct Neuron { double threshold; };
    template <class V> struct State { V v, i; };
    double shared[3];
    EVSIM_FN explicit Leaky(const double* s) : shared{s[0], s[1], 0.0} {}
    EVSIM_FN evsim::Lif lif() const { return evsim::Lif(shared); }
    static evsim::Lif::Neuron full(const Neuron& n) {
        evsim::Lif::Neuron out{};
        out.threshold = n.threshold;
        return out;
    }
    EVSIM_FN State<double> initial(const Neuron&) const { return {0.0, 0.0}; }
    template <class V> EVSIM_FN static void receive(State<V>& s, const V& weight, int port) {
        if (port == 0) s.i += weight;
        if (port == 1) s.v += weight;
    }
    EVSIM_FN static evsim::Lif::State<double> as_lif(const State<double>& s) { return {s.v, s.i}; }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold; }
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double horizon) const {
        return lif().first_crossing(as_lif(s), full(n), horizon);
    }
    EVSIM_FN static evsim::Endless endless(const Neuron&) { return evsim::Endless::never; }
    EVSIM_FN void flow(State<double>& s, const Neuron& n, double duration) const {
        evsim::Lif::State<double> moved = as_lif(s);
        lif().flow(moved, full(n), duration);
        s = {moved.v, moved.i};
    }
    EVSIM_FN void fire(State<double>& s, const Neuron&) const { s.v = 0.0; }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int k) const { return k == 0 ? s.v : s.i; }
    template <class Mask, class V>
    EVSIM_FN static void hold(const Mask& held, const State<V>& before, State<V>& after) {
        after.v = evsim::select(held, before.v, after.v);
    }
    EVSIM_FN void flow_held(State<double>& s, const Neuron&, double duration) const {
        s.i *= std::exp(-duration / shared[1]);
    }
};
"""
HELD = EXACT.replace("<evsim/neuron/model.h>", "<evsim/neuron/lif.h>\n#include <evsim/neuron/model.h>")
HELD += "EVSIM_NEURON_MODEL(evsim::Refractory<Leaky>)\n"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("conv", [False, True])
def test_a_refractory_period_around_a_model_without_a_gap(dtype, conv):
    """Against the built-in LIF, and with a port of jumps that the held ones lose."""
    own = evsim.neurons.from_source(HELD)
    weights = np.random.default_rng(5).uniform(-0.5, 3.0, (2, 9)).astype(np.float32)
    arrivals, at = random_arrivals(6)[:2], np.linspace(0.0, 100.0, 51)
    for only_current in (True, False):
        used = weights[:1] if only_current else weights
        inputs = given(arrivals[: len(used)])
        held = own(tau_mem=20.0, tau_syn=5.0, refractory=1.5, threshold=1.0)
        probe = evsim.Probe("cells", times=at)
        found = network(held, used, dtype, conv).infer(inputs, until=100.0, record=probe)
        if only_current:
            lif = evsim.LIF(tau_mem=20.0, tau_syn=5.0, refractory=1.5, reset=0.0)
        else:
            lif = Linear(
                synapses={"a": Exponential(5.0), "b": Delta()}, tau_mem=20.0, refractory=1.5, threshold=1.0, reset=0.0
            )
        other = evsim.Probe("cells", times=at)
        expected = network(lif, used, dtype, conv).infer(inputs, until=100.0, record=other)
        assert len(expected) > 50
        assert found.indices.tolist() == expected.indices.tolist()
        np.testing.assert_allclose(found.times, expected.times, rtol=0.0, atol=1e-9 if dtype == "float64" else 1e-3)
        np.testing.assert_allclose(probe.values, other.values, rtol=0.0, atol=1e-9 if dtype == "float64" else 1e-4)
