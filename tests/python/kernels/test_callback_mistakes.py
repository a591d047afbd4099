"""Mistakes in callback sources: each is named, with the user's file and line first."""

import pickle
import re

import numpy as np
import pytest
from callback_kernels import DTYPE, EVERYTHING, LIF, assert_same, events, network, results, strengths

import evsim
from evsim.errors import DTypeError, InvalidArgumentError, KernelCompileError, KernelError, TraceIndexError
from evsim.jit.checks import refuse_mistakes

HEAD = "#include <evsim/callbacks.h>\nusing evsim::real;\n"
ONE_TRACE = HEAD + "auto neuron_traces_tau() { return evsim::time_constants(INFINITY); }\n"
"""The first line after it is line 4."""


def refused(source, message):
    with pytest.raises(KernelCompileError) as raised:
        network(evsim.Kernel(source), [[1.0]])
    first = str(raised.value).partition("\n")[0]
    assert re.match(f"source string:{message}", first), first


@pytest.mark.parametrize(
    ("name", "hint"),
    [("on_post_nueron", "; did you mean on_post_neuron"), ("on_edge", ""), ("on_pre_synapses", "; .* on_pre_synapse")],
)
@pytest.mark.parametrize(
    "form", ["void {}(real* n) {{}}", "namespace {{ inline void {}(real* n) noexcept {{}} }}", "void {}(real*);"]
)
def test_an_unknown_function_that_begins_with_on_is_an_error(name, hint, form):
    refused(
        ONE_TRACE + "void on_pre_neuron(real, real*) {}\n" + form.format(name),
        f"5: error: there is no callback {name}{hint}",
    )


@pytest.mark.parametrize(
    "text",
    [
        "// void on_post_nueron() {}",
        "/* void on_post_nueron() {} */",
        'const char* const text = "void on_post_nueron() {}";',
        "#if 0\nvoid on_post_nueron() {}\n#endif",
        "struct Mine { void on_edge() const {} };",
        "inline bool only_on_edge() { return true; }",
    ],
)
def test_what_is_no_function_of_the_file_may_have_any_name(text):
    refuse_mistakes(f"{HEAD}{text}\nvoid on_pre_neuron(real, real*) {{}}\n", "rule.cpp")


@pytest.mark.parametrize(
    ("callback", "index", "kind"),
    [
        ("void on_post_neuron(real* n) {\n n[0] += 1; n[@] += 1; }", "1", "neuron"),
        ("void on_pre_neuron(real w, real* n) {\n n[0] += n[ @ ]; }", "-1", "neuron"),
        ("void on_pre_synapse(real& w, const real* n, real*) {\n w += n[@]; }", "7u", "neuron"),
        ("void on_post_synapse(real, const real*, real* s, const evsim::Context&) {\n s[@] += 1; }", "0", "synaptic"),
    ],
)
def test_a_trace_that_does_not_exist_is_an_error_in_its_line(callback, index, kind):
    name = re.search(r"on_\w+", callback)[0]
    number = index.rstrip("u")
    refused(ONE_TRACE + callback.replace("@", index), f"5: error: .*{name}: there is no {kind} trace {number}")


def test_an_undeclared_trace_is_an_error():
    refused(
        HEAD + "void on_post_neuron(real* n) { n[0] += 1; }", "3: error: .*no neuron trace 0; neuron_traces_tau returns"
    )


def test_another_array_of_the_name_is_no_trace():
    source = ONE_TRACE + "void on_post_neuron(real* n) { { real n[5] = {}; n[4] = 1; } n[0] += 1; }"
    net = network(evsim.Kernel(source), [[9.0]])
    net.infer([0], [1.0])
    assert net[0].neuron_traces > 0


@pytest.mark.parametrize(
    "write", ["w += 1;", "w = 2 * w;", "++w;", "w--;", "w *= 2 /* w */;", "if (n[0] > 0) { w -= n[0]; }"]
)
@pytest.mark.parametrize("name", ["on_pre_synapse", "on_post_synapse"])
def test_a_weight_that_is_written_as_a_copy_is_an_error(name, write):
    source = f"{ONE_TRACE}void {name}(real w, const real* n, real*) {{\n {write}\n}}"
    refused(source, f"5: error: {name} writes a copy of the weight, which is lost; .*`real& weight`")


def test_a_weight_that_on_pre_neuron_writes_is_an_error():
    source = ONE_TRACE + "void on_pre_neuron(real weight, real* n) { weight = 0; }"
    refused(source, "4: error: on_pre_neuron writes a copy.*only on_pre_synapse and on_post_synapse change weights")


@pytest.mark.parametrize(
    "body",
    [
        "w = evsim::bounded(w, real(0), real(1)); s[0] += w;",
        "const bool same = w == n[0]; s[0] += same;",
        "w <= n[0] ? s[0] = 1 : 0;",
    ],
)
def test_a_copy_of_the_weight_that_is_used_may_be_written(body):
    traces = "auto synaptic_traces_tau() { return evsim::time_constants(5); }\n"
    network(
        evsim.Kernel(f"{ONE_TRACE}{traces}void on_pre_synapse(real w, const real* n, real* s) {{ {body} }}"), [[1.0]]
    )


def test_a_template_that_writes_its_weight_is_told_in_its_line():
    """How a template takes the weight does not say whether it writes it."""
    refused(ONE_TRACE + "void on_pre_synapse(auto& w, const real*, real*) {\n w += 1; }", "5: error: .*read-only")


@pytest.mark.parametrize(
    "callback",
    [
        "void on_post_neuron(auto n) { n[0] += 1; }",
        "template <class T> void on_post_neuron(T* n) { n[0] += 1; }",
        "template <class... A> void on_post_neuron(A&&... a) { std::get<0>(std::forward_as_tuple(a...))[0] += 1; }",
        "const auto on_post_neuron = [](auto* n) { n[0] += 1; };",
    ],
)
def test_a_callback_may_be_generic(callback):
    net = network(evsim.Kernel(f"#include <tuple>\n{ONE_TRACE}{callback}"), [[9.0]])
    n_spikes = len(net.infer([0], [1.0]))
    assert n_spikes > 0
    assert net[0].neuron_traces == n_spikes


def test_time_constants_may_be_generic():
    source = (
        HEAD
        + "auto neuron_traces_tau(auto tau) { return evsim::time_constants(2 * tau); }\nvoid on_post_neuron(real*) {}"
    )
    assert network(evsim.Kernel(source), [[1.0]])[0].projection._core.time_constants() == [40.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("double neuron_traces_tau() { return 3; }\nvoid on_post_neuron(real*) {}", "3: .*neuron_traces_tau must take"),
        ("auto synaptic_traces_tau(int, int, int) { return evsim::time_constants(1); }\nvoid on_post_neuron(real*) {}",
         "3: error: .*synaptic_traces_tau must take.*return evsim::time_constants"),
        ("\nvoid on_post_neuron(double* a, double* b, double* c) {}", "4: error: .*on_post_neuron must take"),
        ("namespace mine { void on_post_neuron(real*) {} }\nvoid on_pre_neuron(real, real*) {}",
         "3: error: .*on_post_neuron is not seen"),
        ("void helper(real*);\nvoid on_pre_neuron(real, real* n) { helper(n); }",
         r" error: helper\(.*is declared or called, but not defined"),
        ("\n\nint x = missing;", "5: error: .*missing"),
        ("#error no, not today", "3: error: .*not today"),
        ('#include "none.h"', "3: fatal error: none.h"),
    ],
)  # fmt: skip
def test_an_error_begins_with_the_users_line(text, message):
    refused(HEAD + text, message)


def test_an_error_in_a_header_begins_with_the_users_line_that_led_there(tmp_path):
    (tmp_path / "own.h").write_text("\nint broken = speed;\n")
    (tmp_path / "rule.cpp").write_text(ONE_TRACE + '#include "own.h"\nvoid on_post_neuron(real*) {}\n')
    with pytest.raises(KernelCompileError, match=rf"^{tmp_path}/rule.cpp:4: error: .*speed.*, in {tmp_path}/own.h:2\n"):
        network(evsim.Kernel(tmp_path / "rule.cpp"), [[1.0]])


# Kernels with debug=True


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        ("void on_post_neuron(real* n) { int k = 3; n[k] += 1; }", "on_post_neuron: .*no neuron trace 3; there are 1"),
        ("void help(real* n, int k) { n[k] = 0; }\nvoid on_post_neuron(real* n) { help(n, -1); }", "neuron trace -1"),
        ("void on_post_neuron(evsim::real *n) { long k = 1000000000; n[k] += 1; }", "neuron trace 1000000000"),
        ("void on_post_neuron(real* n) { int k = 1; *(n + k) = 1; }", "neuron trace 1"),
        ("void on_post_neuron(auto n) { unsigned k = 1; n[k] = 1; }", "neuron trace 1"),
        ("void on_pre_neuron(real w, real n[]) { int k = 5; w += n[k]; n[0] = w; }", "on_pre_neuron: .*neuron trace 5"),
        ("void on_pre_synapse(real& w, const real* n, real*) { int k = 2; w += n[k]; }", "on_pre_synapse: .*trace 2"),
        ("void on_post_synapse(real& w, real const * n, real* s) { int k = 0; w += s[k]; }", "trace 0; there are 0$"),
    ],
)  # fmt: skip
def test_a_debug_build_names_callback_trace_and_count(callback, message):
    net = network(evsim.Kernel(ONE_TRACE + callback, debug=True), [[9.0]])
    before = net[0].weights.copy()
    with pytest.raises(TraceIndexError, match=f"layer 0: .*{message}") as raised:
        net.infer([0], [1.0])
    assert isinstance(raised.value, KernelError)
    assert_same([net[0].weights], [before])


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        ("void on_post_neuron(real* n) { n[0] = -INFINITY; }", "on_post_neuron sets neuron trace 0 to infinity"),
        ("void on_pre_neuron(real, real* n) { n[0] = 1 / n[0]; }", "on_pre_neuron sets neuron trace 0 to infinity"),
    ],
)
def test_a_debug_build_refuses_infinite_traces(callback, message):
    net = network(evsim.Kernel(ONE_TRACE + callback, debug=True), [[9.0]])
    with pytest.raises(KernelError, match=f"layer 0: .*{message}, which cannot decay"):
        net.infer([0], [1.0])


@DTYPE
def test_a_debug_build_computes_what_the_other_does(dtype):
    indices, times = events(31, 5)
    runs = []
    for debug in (False, True):
        net = network(evsim.Kernel(EVERYTHING, debug=debug), strengths(31, 20, 5), dtype)
        spikes = net.infer(indices, times)
        runs.append([spikes.indices, spikes.times, *results(net)])
    assert_same(*runs)


@pytest.mark.parametrize("path", sorted(evsim.kernels.INCLUDE_FOLDER.glob("shipped/*.cpp")), ids=lambda path: path.stem)
def test_shipped_rules_stay_within_their_traces(path):
    net = network(evsim.Kernel(path, debug=True), np.full((2, 3), 4.0))
    assert len(net.infer([0, 1, 2, 0], [1.0, 2.0, 3.0, 9.0], until=20.0)) > 1


def test_debug_is_kept_and_shown():
    kernel = evsim.Kernel(EVERYTHING, debug=True)
    assert "debug=True" in repr(kernel)
    assert "debug=True" in repr(pickle.loads(pickle.dumps(kernel)).with_parameters({"rate": 1.0}))
    assert "debug" not in repr(evsim.Kernel(EVERYTHING))


def test_debug_is_a_truth_value():
    with pytest.raises(DTypeError, match="debug must be True or False, got 'yes'"):
        evsim.Kernel(EVERYTHING, debug="yes")


def test_a_debug_build_for_a_gpu_is_refused():
    from evsim.devices.cuda.program import dense_program

    with pytest.raises(InvalidArgumentError, match="debug=True run on the CPU"):
        dense_program(LIF.kernel_type(), evsim.Kernel(EVERYTHING, debug=True).source, "float32")
