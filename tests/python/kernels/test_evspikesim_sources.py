"""Callback sources written for EvSpikeSim."""

import pytest
from callback_kernels import (
    assert_same,
    events,
    network,
    results,
    strengths,
)

import evsim
from evsim.errors import (
    InvalidArgumentError,
    KernelCompileError,
    KernelError,
)

OLD_STYLE = {
    "synaptic_traces_tau": """
sim::vector<float> sim::synaptic_traces_tau(float tau_s, float tau) {
    return {tau_s, 3 * tau};
}""",
    "neuron_traces_tau": """
sim::vector<float> sim::neuron_traces_tau(float tau) {
    return {tau, INFINITY};
}""",
    "on_pre_neuron": """
CALLBACK void sim::on_pre_neuron(float weight, float *neuron) {
    neuron[0] += weight;
}""",
    "on_pre_synapse": """
CALLBACK void sim::on_pre_synapse(float weight, const float *neuron, float *synapse) {
    synapse[0] += 1.0f;
    synapse[1] -= neuron[0];
}""",
    "on_post_neuron": """
CALLBACK void sim::on_post_neuron(float *neuron) {
    neuron[0] -= 0.5f;
    neuron[1] += 1.0f;
}""",
    "on_post_synapse": """
CALLBACK void sim::on_post_synapse(float weight, const float *neuron, float *synapse) {
    synapse[1] += weight * synapse[0];
}""",
}
OLD_HEAD = "#include <evspikesim/Layers/EligibilityTraces.h>\n#include <cmath>\n\nnamespace sim = EvSpikeSim;\n\n"
NEW_STYLE = """
#include <evsim/callbacks.h>
auto synaptic_traces_tau(double tau_s, double tau) { return evsim::time_constants(tau_s, 3 * tau); }
auto neuron_traces_tau(double tau) { return evsim::time_constants(tau, INFINITY); }
void on_pre_neuron(float weight, float* n) { n[0] += weight; }
void on_pre_synapse(float weight, const float* n, float* s) { s[0] += 1.0f; s[1] -= n[0]; }
void on_post_neuron(float* n) { n[0] -= 0.5f; n[1] += 1.0f; }
void on_post_synapse(float weight, const float* n, float* s) { s[1] += weight * s[0]; }
"""


def old_source(folder, without=None):
    path = folder / "traces.cpp"
    path.write_text(OLD_HEAD + "\n".join(text for name, text in OLD_STYLE.items() if name != without) + "\n")
    return path


@pytest.fixture(scope="module")
def old_path(tmp_path_factory):
    return old_source(tmp_path_factory.mktemp("evspikesim"))


def from_source(source, dtype="float32"):
    net = evsim.SpikingNetwork(dtype=dtype)
    layer = net.add_fc_layer_from_source(source, 6, 20, 0.25, 1.0, evsim.initializers.ConstantInitializer(0.0), 64)
    layer.weights[...] = strengths(30, 20, 6)
    return net


def test_a_source_for_evspikesim_does_what_the_same_words_do_here(old_path):
    indices, times = events(30, 6, n=80, end=4.0)
    runs = []
    for source in (old_path, NEW_STYLE):
        net = from_source(source)
        spikes = net.infer(indices, times)
        runs.append([spikes.indices, spikes.times, *results(net)])
    assert len(runs[0][0]) > 50
    assert_same(*runs)


def test_a_source_for_evspikesim_has_the_shapes_of_its_traces(old_path):
    layer = from_source(str(old_path))[0]
    assert (layer.neuron_traces.shape, layer.synaptic_traces.shape) == ((20, 2), (20, 6, 2))


def test_a_source_for_evspikesim_in_double_is_refused_with_the_reason(old_path):
    with pytest.raises(KernelCompileError, match="compute in float; use dtype='float32'"):
        from_source(old_path, "float64")


@pytest.mark.parametrize(
    ("missing", "signature"),
    [
        ("synaptic_traces_tau", r"synaptic_traces_tau\(float, float\)"),
        ("on_post_neuron", r"on_post_neuron\(float\*\)"),
    ],
)
def test_a_source_for_evspikesim_that_lacks_a_function_is_told_its_name_and_arguments(tmp_path, missing, signature):
    message = rf"^{tmp_path}/traces\.cpp: error: EvSpikeSim::{signature} is declared or called, but not defined"
    with pytest.raises(KernelCompileError, match=message):
        from_source(old_source(tmp_path, missing))


@pytest.mark.parametrize("kind", ["own header", "vectors", "decorators"])
def test_the_same_source_in_other_words_does_the_same(tmp_path, old_path, kind):
    text = OLD_HEAD + "\n".join(OLD_STYLE.values()) + "\n"
    if kind == "own header":
        (tmp_path / "inner").mkdir()
        (tmp_path / "mine.h").write_text('#pragma once\n#include "inner/more.h"\n')
        (tmp_path / "inner" / "more.h").write_text("\n".join(f"#include <evspikesim/{name}>" for name in HEADERS))
        text = text.replace("#include <evspikesim/Layers/EligibilityTraces.h>", '#include "mine.h"')
    elif kind == "vectors":
        text = text.replace("return {tau_s, 3 * tau};", VECTOR_WORDS).replace(
            "return {tau, INFINITY};",
            "sim::vector<float> taus(2, INFINITY); taus.at(0) = tau; taus.back() = taus[1]; return taus;",
        )
    else:
        text = text.replace("synapse[0] += 1.0f;", "synapse[0] = next(synapse[0]);").replace(
            "CALLBACK void sim::on_pre_synapse", "INLINE DEVICE float next(float x) { return x + 1.0f; }\n"
            "DEVICE CALLBACK void sim::on_pre_synapse"
        )  # fmt: skip
    assert text != OLD_HEAD + "\n".join(OLD_STYLE.values()) + "\n"
    (tmp_path / "other.cpp").write_text(text)
    indices, times = events(30, 6, n=80, end=4.0)
    runs = []
    for source in (old_path, tmp_path / "other.cpp"):
        net = from_source(source)
        spikes = net.infer(indices, times)
        runs.append([spikes.indices, spikes.times, *results(net)])
    assert_same(*runs)


HEADERS = ["Layers/EligibilityTraces.h"]
MISC = ["Decorators", "ContainerTypes", "Algorithms", "NDArray", "RandomGenerator", "ThreadPool"]
HEADERS += [f"Misc/{name}.h" for name in MISC]
VECTOR_WORDS = """
    sim::vector<float> taus;
    taus.reserve(2);
    taus.emplace_back(1.0f);
    taus.push_back(0.0f);
    taus[0] = tau_s;
    taus[taus.size() - 1] = 3 * tau;
    const float copy[] = {taus.front(), taus.back()};
    return sim::vector<float>(copy, copy + 2);
"""


def test_a_number_of_traces_that_depends_on_the_neurons_is_refused(tmp_path):
    text = OLD_HEAD + "\n".join(OLD_STYLE.values())
    wanted = "return sim::vector<float>(tau > 1.0f ? 2 : 3, tau);"
    (tmp_path / "varies.cpp").write_text(text.replace("return {tau, INFINITY};", wanted))
    with pytest.raises(KernelError, match="the number of traces depends on the time constants"):
        from_source(tmp_path / "varies.cpp")


def test_a_debug_build_of_a_source_for_evspikesim_is_refused(old_path):
    with pytest.raises(InvalidArgumentError, match="not for those written for EvSpikeSim"):
        network(evsim.Kernel(old_path, debug=True), [[1.0]], "float32")


def test_more_traces_than_before_are_fine(tmp_path):
    text = OLD_HEAD + "\n".join(OLD_STYLE.values())
    (tmp_path / "many.cpp").write_text(text.replace("return {tau, INFINITY};", "return sim::vector<float>(20, tau);"))
    assert from_source(tmp_path / "many.cpp")[0].neuron_traces.shape == (20, 20)
