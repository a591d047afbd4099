"""What the interface of neuron models promises: mistakes are named at their line, bad parameters and times at once."""

import numpy as np
import pytest

import evsim

SOURCE = evsim.kernels.shipped("adaptive_lif.h").read_text()


def changed(*pairs):
    text = SOURCE
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return text


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("n_shared = 3", "n_shared = 4", "n_shared names in shared_names"),
        ("n_shared = 3", "n_shared = 2", "n_shared names in shared_names"),
        ("evsim::ParameterDomain::positive, evsim", "evsim", "n_shared values in shared_domains"),
        ('neuron_names[] = {"threshold"}', 'neuron_names[] = {"threshold", "b"}', "one double for each neuron_names"),
        ("        V v;  ///< membrane", "        double w;\n        V v;  ///< membrane", "State<V> of a neuron model"),
        ("        V h;  ///< how", "        V h;\n        int k;  ///< how", "State<V> of a neuron model"),
        ("V threshold;", "V threshold;\n        double more;", "Hot<V> of a neuron model"),
        ("T v_change, h_change;", "T v_change, h_change;\n        double more;", "Gap<T> of a neuron model"),
        ("void fire(", "void fired(", "`fire(state, neuron)`"),
        ("const V& weight, int)", "const V& weight)", "`receive(state, weight, port)`"),
        ("double first_crossing(", "double first(", "`first_crossing(state, neuron, horizon)`"),
        ("void flow(State<double>& s, const Neuron&, double duration)", "void flow_(State<double>& s)", "`flow(state"),
        ("static constexpr int n_ports = 1;", "", "`n_ports`"),
        (
            "EVSIM_FN static V excess(",
            "EVSIM_FN static V excess_(",
            "all of Gap<T>, Hot<V>, gap, hot, excess and decay",
        ),
    ],
)
def test_a_mistake_in_a_model_is_named_with_file_and_line(before, after, said, tmp_path):
    path = tmp_path / "mistaken.h"
    path.write_text(changed((before, after)))
    line = path.read_text().splitlines().index("EVSIM_NEURON_MODEL(AdaptiveLif)") + 1
    with pytest.raises(evsim.errors.KernelCompileError) as caught:
        evsim.neurons.from_source(path)
    text = str(caught.value)
    assert said in text
    assert f"{path}:{line}:" in text


@pytest.fixture(scope="module")
def adaptive():
    return evsim.neurons.from_source(evsim.kernels.shipped("adaptive_lif.h"))


def network(neuron, dtype="float64", weights=((1.2,),), conv=False):
    net = evsim.SpikingNetwork(dtype=dtype)
    weights = np.asarray(weights)
    if conv:
        shape = (weights.shape[1], 1, 1)
        net.add_layer(evsim.Conv2d(len(weights), 1, in_shape=shape, weights=weights[:, :, None, None]), neuron)
    else:
        net.add_layer(evsim.Dense(weights.shape[1], len(weights), weights=weights), neuron)
    return net


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize(
    ("name", "value"), [("tau_mem", 0.0), ("tau_mem", -3.0), ("tau_adapt", -1e-300), ("jump", -0.5)]
)
def test_parameters_outside_the_domain_of_the_header_are_refused(adaptive, name, value, conv):
    neuron = adaptive(**{"tau_mem": 20.0, "tau_adapt": 100.0, "jump": 0.0, name: value})
    with pytest.raises(evsim.errors.InvalidArgumentError, match=f"{name} must be (positive|not negative), got -?[0-9]"):
        network(neuron, conv=conv)


def test_domains_hold_for_every_neuron():
    text = changed(
        (
            "    struct Neuron {",
            "    static constexpr evsim::ParameterDomain neuron_domains[] = "
            "{evsim::ParameterDomain::positive};\n    struct Neuron {",
        )
    )
    model = evsim.neurons.from_source(text)
    with pytest.raises(evsim.errors.InvalidArgumentError, match="threshold must be positive, got 0"):
        network(model(tau_mem=20.0, tau_adapt=100.0, jump=0.0, threshold=[1.0, 0.0]), weights=((1.0,), (1.0,)))


@pytest.mark.parametrize("conv", [False, True])
def test_a_crossing_before_now_is_an_error_at_once(conv):
    text = changed(("if (at_threshold(s, n)) return 0.0;", "if (at_threshold(s, n)) return -1.0;"))
    model = evsim.neurons.from_source(text)
    net = network(model(tau_mem=20.0, tau_adapt=100.0, jump=0.0), conv=conv)
    with pytest.raises(evsim.errors.KernelError, match="neuron 0 gave a time before now"):
        net.infer([0, 0], [1.0, 2.0])
    assert net.time is None


@pytest.mark.parametrize("conv", [False, True])
def test_a_neuron_that_never_moves_on_is_an_error_at_once(conv):
    text = changed(("        s.v = 0.0;\n", ""))
    model = evsim.neurons.from_source(text)
    with pytest.raises(evsim.errors.RunawaySpikingError):
        network(model(tau_mem=20.0, tau_adapt=100.0, jump=0.0), conv=conv).infer([0, 0], [1.0, 2.0])


EXACT_ONLY = """
#include <evsim/neuron/model.h>
struct Leaky {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1, n_shared = 1;
    static constexpr const char* shared_names[] = {"tau_mem"};
    static constexpr const char* neuron_names[] = {"threshold"};
    static constexpr const char* observable_names[] = {"v"};
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    struct Neuron { double threshold; };
    template <class T> using Stored = T;
    template <class V> struct State { V v; };
    double tau_mem;
    EVSIM_FN explicit Leaky(const double* shared) : tau_mem(shared[0]) {}
    EVSIM_FN State<double> initial(const Neuron&) const { return {0.0}; }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const { s.v *= std::exp(-duration / tau_mem); }
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double) const {
        return at_threshold(s, n) ? 0.0 : evsim::never();
    }
    EVSIM_FN void fire(State<double>& s, const Neuron&) const { s.v = 0.0; }
    template <class V> EVSIM_FN static void receive(State<V>& s, const V& weight, int) { s.v += weight; }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold; }
    EVSIM_FN evsim::Endless endless(const Neuron&) const { return evsim::Endless::never; }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int) const { return s.v; }
};
EVSIM_NEURON_MODEL(Leaky)
"""


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_without_a_shared_gap_takes_the_exact_path(dtype, conv):
    rng = np.random.default_rng(2)
    weights = rng.uniform(-0.2, 0.7, (70, 9))
    times, indices = np.sort(rng.uniform(0, 100, 800)), rng.integers(0, 9, 800)
    model = evsim.neurons.from_source(EXACT_ONLY)
    own = network(model(tau_mem=9.0, threshold=1.0), dtype, weights, conv)
    shipped = network(evsim.LIFDelta(tau_mem=9.0, reset=0.0), dtype, weights, conv)
    probes = [evsim.Probe(0, np.linspace(0, 100, 40), [0, 69]) for _ in range(2)]
    found = own.infer(indices, times, until=110.0, record=probes[0])
    expected = shipped.infer(indices, times, until=110.0, record=probes[1])
    assert len(expected) > 300
    if dtype == "float64":
        assert found == expected
    np.testing.assert_allclose(probes[0].values, probes[1].values, atol=1e-4 if dtype == "float32" else 1e-12)
    inside = times < 50.0
    pieces = [own.infer(indices[inside], times[inside], until=50.0)]
    pieces.append(own.infer(indices[~inside], times[~inside], until=110.0, reset=False))
    assert np.concatenate([piece.times for piece in pieces]).tolist() == found.times.tolist()


def test_a_model_of_unknown_end_needs_until():
    text = EXACT_ONLY.replace("return evsim::Endless::never", "return evsim::Endless::unknown")
    net = network(evsim.neurons.from_source(text)(tau_mem=9.0, threshold=1.0))
    with pytest.raises(evsim.errors.InvalidArgumentError, match="until="):
        net.infer([0], [1.0])
    assert net.infer([0], [1.0], until=2.0).times.tolist() == [1.0]


@pytest.mark.parametrize("conv", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda v: evsim.LinearLeakIF(leak=0.0, threshold=3.9e38, v_init=v),
        lambda v: evsim.LIF(tau_mem=1.0, tau_syn=1.0, v_init=-v),
        lambda v: evsim.LIF(tau_mem=1.0, tau_syn=1.0, i_init=v),
        lambda v: evsim.LI(tau_mem=1.0, tau_syn=1.0, v_init=v),
        lambda v: evsim.IAFDelta(v_init=-v),
    ],
)
def test_a_first_state_too_large_for_float32_is_refused_when_the_layer_is_made(make, conv):
    with pytest.raises(evsim.errors.NonFiniteError, match=r"too large for float32 \(.*3\.5e\+?38"):
        network(make(3.5e38), "float32", conv=conv)
    network(make(3.5e38), "float64", conv=conv)
