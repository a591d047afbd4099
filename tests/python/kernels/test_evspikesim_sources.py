"""Callback sources written for EvSpikeSim."""

import pytest
from callback_kernels import (
    assert_same,
    events,
    results,
    strengths,
)

import evsim
from evsim.errors import (
    KernelCompileError,
    KernelLoadError,
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


@pytest.mark.parametrize("missing", ["synaptic_traces_tau", "on_post_neuron"])
def test_a_source_for_evspikesim_that_lacks_a_function_is_told_its_name(tmp_path, missing):
    with pytest.raises((KernelLoadError, KernelCompileError), match=missing):
        from_source(old_source(tmp_path, missing))
