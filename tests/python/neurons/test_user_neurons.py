"""Neuron models from a user's header: against plain simulations, and against the built-in models they repeat."""

import copy
import pickle

import numpy as np
import pytest
from agreement import per_neuron
from oracle.adaptive import AdaptiveLif, simulate

import evsim
from evsim.errors import (
    CompilerNotFoundError,
    InvalidArgumentError,
    KernelCompileError,
    NonFiniteError,
    ShapeMismatchError,
)

try:
    evsim.jit.find_compiler()
except CompilerNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

INTEGRATOR = """
#include <evsim/neuron/model.h>
struct Integrator {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    template <class T> using Stored = T;
    static constexpr int n_shared = 1;
    static constexpr const char* shared_names[] = {"scale"};
    static constexpr const char* neuron_names[] = {"threshold", "tau_mem"};
    static constexpr double neuron_defaults[] = {9.0, NAN};
    static constexpr const char* observable_names[] = {"v", "pace"};
    struct Neuron { double threshold, tau_mem; };
    template <class V> struct State { V v; };
    template <class V> struct Hot { V threshold; };
    template <class T> struct Gap {};
    double scale;
    EVSIM_FN explicit Integrator(const double* shared) : scale(shared[0]) {}
    template <class T> EVSIM_FN Hot<T> hot(const Neuron& n) const { return {evsim::lowered<T>(n.threshold)}; }
    EVSIM_FN State<double> initial(const Neuron&) const { return {0.0}; }
    EVSIM_FN Gap<double> gap(double) const { return {}; }
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>&) { return s.v - h.threshold; }
    template <class V, class T> EVSIM_FN static void decay(State<V>&, const Gap<T>&) {}
    template <class V> EVSIM_FN static void receive(State<V>& s, const V& weight, int) { s.v += weight; }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold; }
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double) const {
        return at_threshold(s, n) ? 0.0 : evsim::never();
    }
    EVSIM_FN static evsim::Endless endless(const Neuron&) { return evsim::Endless::never; }
    EVSIM_FN void flow(State<double>&, const Neuron&, double) const {}
    EVSIM_FN void fire(State<double>& s, const Neuron&) const { s.v = 0.0; }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int k) const {
        return k == 0 ? scale * s.v : s.v / n.tau_mem;
    }
    template <class Mask, class V>
    EVSIM_FN static void hold(const Mask& held, const State<V>& before, State<V>& after) {
        after.v = evsim::select(held, before.v, after.v);
    }
    EVSIM_FN void flow_held(State<double>&, const Neuron&, double) const {}
};
"""
PLAIN = INTEGRATOR + "EVSIM_NEURON_MODEL(Integrator)\n"
HELD = INTEGRATOR + "EVSIM_NEURON_MODEL(evsim::Refractory<Integrator>)\n"
HELD = HELD.replace("struct Integrator", "#include <evsim/neuron/refractory.h>\nstruct Integrator")
ALIAS = "#include <evsim/neuron/model.h>\n#include <evsim/neuron/lif.h>\nEVSIM_NEURON_MODEL(evsim::Lif)\n"
COUNTS = """
#include <evsim/callbacks.h>
auto neuron_traces_tau() { return evsim::time_constants(INFINITY, INFINITY); }
void on_pre_neuron(evsim::real w, evsim::real* n) { n[0] += 1; }
void on_post_neuron(evsim::real* n, const evsim::Context& c) { n[1] += 1 + c.v(); }
"""


@pytest.fixture(scope="module")
def adaptive():
    return evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))


@pytest.fixture(scope="module")
def integrator():
    return evsim.neurons.from_source(PLAIN)


def events(seed, n_inputs, *, n=80, end=150.0):
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(end / n, n) * rng.choice([0.0, 0.1, 1.0], n, p=[0.15, 0.15, 0.7])
    return rng.integers(0, n_inputs, n), np.cumsum(gaps)


def network(neuron, weights, dtype="float64", kernel=None):
    net = evsim.SpikingNetwork(dtype=dtype)
    net.add_layer(evsim.Dense(weights.shape[1], weights.shape[0], weights=weights), neuron, kernel=kernel)
    return net


def random_weights(seed, n_neurons, n_inputs, low=-0.2):
    return np.random.default_rng(seed).uniform(low, 1.0, (n_neurons, n_inputs))


# The model that ships


PACES = pytest.mark.parametrize(("tau_mem", "tau_adapt"), [(20.0, 100.0), (30.0, 4.0), (10.0, 10.0)])


@PACES
def test_adaptive_neurons_fire_as_in_the_plain_simulation(adaptive, tau_mem, tau_adapt):
    """tau_adapt < tau_mem makes spikes between inputs. Both sides compute in float64: bisection finds a crossing as
    well as its slope allows, 1e-9 where it is not flat; and there are as many spikes."""
    indices, times = events(1, 5)
    weights, threshold = random_weights(1, 19, 5), np.linspace(0.3, 1.5, 19)
    model = adaptive(tau_mem=tau_mem, tau_adapt=tau_adapt, jump=0.6, threshold=threshold)
    found = per_neuron(network(model, weights).infer(indices, times, until=200.0), 19)
    fired, between = 0, 0
    for n, own in enumerate(found):
        neuron = AdaptiveLif(tau_mem, tau_adapt, 0.6, threshold[n])
        expected = simulate(neuron, times, weights[n][indices], 200.0).fired
        np.testing.assert_allclose(own, expected, rtol=0, atol=1e-9)
        fired += len(own)
        between += len(set(own) - set(times))
    assert fired > 100
    assert (between > 10) == (tau_adapt < tau_mem)


@PACES
def test_probes_see_the_variables_of_the_plain_simulation(adaptive, tau_mem, tau_adapt):
    """Values right after the inputs of 1.5 time units; a dozen roundings of numbers of size 1."""
    indices, times = events(2, 3, n=25, end=50.0)
    weights = random_weights(2, 4, 3)
    model = adaptive(tau_mem=tau_mem, tau_adapt=tau_adapt, jump=0.6, threshold=0.5)
    at = np.arange(0.75, 60.0, 1.5)
    probes = [evsim.Probe(layer=0, variable=name, times=at) for name in "vh"]
    network(model, weights).infer(indices, times, until=60.0, record=probes)
    for n in range(4):
        for k, t in enumerate(at):
            before = times <= t
            seen = simulate(AdaptiveLif(tau_mem, tau_adapt, 0.6, 0.5), times[before], weights[n][indices[before]], t)
            assert [p.values[k, n] for p in probes] == pytest.approx([seen.v, seen.h], abs=1e-9)


def test_in_single_precision_it_fires_as_often(adaptive):
    """Spikes at inputs have the inputs' times; those between them move by rounding of v and h of some 1e-6."""
    indices, times = events(3, 5)
    weights = random_weights(3, 30, 5)
    model = adaptive(tau_mem=30.0, tau_adapt=4.0, jump=0.6, threshold=0.5)
    single, double = (per_neuron(network(model, weights, d).infer(indices, times), 30) for d in ("float32", "float64"))
    assert [len(s) for s in single] == [len(s) for s in double]
    np.testing.assert_allclose(np.concatenate(single), np.concatenate(double), atol=1e-3)


def test_a_stream_in_pieces_equals_the_whole(adaptive):
    indices, times = events(4, 5)
    weights = random_weights(4, 70, 5)
    model = adaptive(tau_mem=30.0, tau_adapt=4.0, jump=0.6, threshold=0.5)
    whole = network(model, weights).infer(indices, times, until=200.0)
    net, pieces, done = network(model, weights), [], 0
    for k, cut in enumerate(np.sort([3.0, 3.5, 50.0, np.nextafter(whole.times[99], 1e9), 140.0, 200.0])):
        end = int(np.searchsorted(times, cut, side="right"))
        piece = net.infer(indices[done:end], times[done:end], until=cut, reset=k == 0)
        pieces += [piece.times]
        done = end
    np.testing.assert_array_equal(np.concatenate(pieces), whole.times)


def test_callbacks_are_called_in_a_users_neuron(adaptive):
    """v is 0 after every spike, so the second trace counts them; padding neurons are not counted."""
    indices, times = events(5, 5)
    net = network(adaptive(tau_mem=20.0, tau_adapt=50.0, jump=0.3), random_weights(5, 21, 5), "float64", COUNTS)
    outputs = per_neuron(net.infer(indices, times), 21)
    assert net[0].neuron_traces[:, 0].tolist() == [len(times)] * 21
    assert net[0].neuron_traces[:, 1].tolist() == [len(own) for own in outputs]


# Models that repeat built-in ones


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_built_in_lif_under_a_users_name_gives_the_same_bits(dtype):
    indices, times = events(6, 7, n=200)
    weights = 4 * random_weights(6, 67, 7)
    own = evsim.neurons.from_source(ALIAS)
    values = {"threshold": 1.0, "v_rest": 0.0, "v_reset": 0.0, "bias": 0.1, "v_init": 0.0, "i_init": 0.0}
    built_in = evsim.LIF(tau_mem=20.0, tau_syn=5.0, bias=0.1)
    a = network(own(tau_mem=20.0, tau_syn=5.0, **values), weights, dtype).infer(indices, times)
    b = network(built_in, weights, dtype).infer(indices, times)
    assert len(a) > 500
    assert a == b


def test_an_integrator_gives_the_same_bits_as_the_built_in_one(integrator):
    indices, times = events(7, 7, n=200)
    weights, threshold = random_weights(7, 67, 7), np.linspace(0.2, 3.0, 67)
    own = integrator(scale=2.0, threshold=threshold, tau_mem=5.0)
    a = network(own, weights, "float32").infer(indices, times)
    b = network(evsim.IAFDelta(threshold=threshold, reset=0.0), weights, "float32").infer(indices, times)
    assert len(a) > 500
    assert a == b


def test_a_refractory_period_around_a_users_neuron_is_that_of_the_built_in_one():
    indices, times = events(8, 7, n=200)
    weights = random_weights(8, 67, 7)
    held = evsim.neurons.from_source(HELD)
    own = held(scale=2.0, refractory=2.5, threshold=0.5, tau_mem=5.0)
    a = network(own, weights, "float32").infer(indices, times)
    b = network(evsim.IAFDelta(threshold=0.5, reset=0.0, refractory=2.5), weights, "float32").infer(indices, times)
    free = network(evsim.IAFDelta(threshold=0.5, reset=0.0), weights, "float32").infer(indices, times)
    assert 500 < len(a) < len(free)
    assert a == b


def test_refractory_periods_of_a_users_neuron_may_differ():
    weights = np.random.default_rng(17).uniform(0.0, 0.6, (5, 3)).astype(np.float32)
    indices, times = events(18, 3)
    model = evsim.neurons.from_source(HELD)
    periods = [0.0, 0.3, 2.5, 7.0, 40.0]
    together = network(model(scale=2.0, threshold=0.5, tau_mem=5.0, refractory=periods), weights, "float32")
    found = together.infer(indices, times)
    for n, period in enumerate(periods):
        alone = network(model(scale=2.0, threshold=0.5, tau_mem=5.0, refractory=period), weights, "float32")
        expected = alone.infer(indices, times)
        assert found.times[found.indices == n].tolist() == expected.times[expected.indices == n].tolist()


def test_refractory_keeps_the_defaults_of_its_soma():
    model = evsim.neurons.from_source(HELD)
    assert model(scale=1.0, refractory=2.0, tau_mem=1.0).threshold == 9.0


# Parameters


def test_parameters_have_the_defaults_of_the_header(adaptive):
    assert adaptive(tau_mem=1.0, tau_adapt=2.0, jump=3.0).threshold == 1.0


def test_a_missing_parameter_is_a_type_error(adaptive):
    with pytest.raises(TypeError, match="jump"):
        adaptive(tau_mem=1.0, tau_adapt=2.0)
    with pytest.raises(TypeError, match="unknown"):
        adaptive(tau_mem=1.0, tau_adapt=2.0, jump=3.0, unknown=1.0)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"tau_mem": np.nan}, NonFiniteError),
        ({"threshold": [1.0, np.inf]}, NonFiniteError),
        ({"threshold": [[1.0]]}, ShapeMismatchError),
        ({"jump": "high"}, TypeError),
    ],
)
def test_parameters_that_are_no_numbers_are_refused(adaptive, values, error):
    with pytest.raises(error):
        adaptive(**{"tau_mem": 20.0, "tau_adapt": 50.0, "jump": 0.5, **values})


def test_parameters_of_another_length_than_the_layer_are_refused(adaptive):
    model = adaptive(tau_mem=20.0, tau_adapt=50.0, jump=0.5, threshold=[1.0, 2.0])
    with pytest.raises(ShapeMismatchError, match="threshold"):
        network(model, np.ones((3, 1)), "float32")


def test_every_parameter_may_be_per_neuron_whatever_its_name(integrator):
    tau_mem = np.array([1.0, 2.0, 4.0])
    net = network(integrator(scale=1.0, threshold=9.0, tau_mem=tau_mem), np.ones((3, 1)), "float32")
    probe = evsim.Probe(layer=0, variable="pace", times=[2.0])
    net.infer([0], [1.0], record=probe)
    assert probe.values.tolist() == [[1.0, 0.5, 0.25]]


def test_probes_name_the_variables_there_are(integrator):
    net = network(integrator(scale=3.0, threshold=9.0, tau_mem=2.0), np.ones((2, 1)), "float32")
    probe = evsim.Probe(layer=0, variable="v", times=[2.0])
    net.infer([0], [1.0], record=probe)
    assert probe.values.tolist() == [[3.0, 3.0]]
    with pytest.raises(InvalidArgumentError, match="it has: v, pace"):
        net.infer([0], [1.0], record=evsim.Probe(layer=0, variable="i", times=[2.0]))


# Copies


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_a_model_is_equal_to_it(adaptive, how):
    model = adaptive(tau_mem=20.0, tau_adapt=50.0, jump=0.5, threshold=[1.0, 2.0])
    other = how(model)
    assert other == model
    assert hash(other) == hash(model)
    assert repr(other) == repr(model)
    assert other != adaptive(tau_mem=20.0, tau_adapt=50.0, jump=0.5)


def test_a_copy_of_a_network_of_users_neurons_goes_on_as_the_original(adaptive):
    indices, times = events(9, 5)
    net = network(adaptive(tau_mem=30.0, tau_adapt=4.0, jump=0.6), random_weights(9, 21, 5), "float64")
    net.infer(indices[:40], times[:40], until=times[39])
    other = pickle.loads(pickle.dumps(net))
    assert other.infer(indices[40:], times[40:], reset=False) == net.infer(indices[40:], times[40:], reset=False)


# Headers that are no model


def test_a_header_without_declaration_is_told_the_line_it_lacks():
    with pytest.raises(InvalidArgumentError, match=r"has no line EVSIM_NEURON_MODEL\(Type\)"):
        evsim.neurons.from_source(PLAIN.replace("EVSIM_NEURON_MODEL(Integrator)", ""))


def test_a_type_that_is_no_model_is_told_so():
    with pytest.raises(KernelCompileError, match=r"source string:3: .*the neuron model has no struct Neuron"):
        evsim.neurons.from_source("#include <evsim/neuron/model.h>\nstruct A {};\nEVSIM_NEURON_MODEL(A)\n")


def test_a_parameter_with_the_name_of_a_python_word_is_refused():
    with pytest.raises(InvalidArgumentError, match="lambda"):
        evsim.neurons.from_source(PLAIN.replace('"scale"', '"lambda"'))


def test_one_name_for_two_parameters_is_refused():
    with pytest.raises(InvalidArgumentError, match="threshold"):
        evsim.neurons.from_source(PLAIN.replace('"scale"', '"threshold"'))


def test_a_model_and_callbacks_may_include_headers_beside_them(tmp_path):
    """Each from its own folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "model.h").write_text('#include "of_a.h"\n' + "\nEVSIM_NEURON_MODEL(Integrator)\n")
    (tmp_path / "a" / "of_a.h").write_text(PLAIN.replace("EVSIM_NEURON_MODEL(Integrator)", ""))
    (tmp_path / "b" / "of_b.h").write_text(COUNTS)
    (tmp_path / "b" / "rule.cpp").write_text('#include "of_b.h"\n')
    model = evsim.neurons.from_source(tmp_path / "a" / "model.h")
    net = network(model(scale=1.0, threshold=0.5, tau_mem=1.0), np.ones((2, 1)), "float32", tmp_path / "b" / "rule.cpp")
    net.infer([0], [1.0])
    assert net[0].neuron_traces.tolist() == [[1.0, 1.0]] * 2
