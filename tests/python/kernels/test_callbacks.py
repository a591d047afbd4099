"""User callbacks against the plain-Python replay of oracle.callbacks, and against what must not matter."""

import copy
import gc
import itertools
import math
import pickle
import subprocess
import sys
import textwrap
import threading
from math import inf

import numpy as np
import pytest
from agreement import per_neuron
from oracle.callbacks import LifPotential, Rule, begin, replay

import evsim
from evsim.errors import (
    CompilerNotFoundError,
    DTypeError,
    InvalidArgumentError,
    KernelCompileError,
    KernelError,
    KernelLoadError,
    NonFiniteError,
    NoSuchParameterError,
    ShapeMismatchError,
)

try:
    evsim.jit.find_compiler()
except CompilerNotFoundError as error:
    pytest.skip(str(error), allow_module_level=True)

DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float64": 1e-11, "float32": 1e-5}
TAU_MEM, TAU_SYN = 20.0, 10.0
LIF = evsim.LIF(tau_mem=TAU_MEM, tau_syn=TAU_SYN)

EVERYTHING = """
#include <evsim/callbacks.h>
using evsim::real;
EVSIM_PARAMETERS(rate = 0.002, tau_fast = 7, tau_slow = 31, share = 0.25)

auto neuron_traces_tau(double tau_mem, const Parameters& p) { return evsim::time_constants(tau_mem, p.tau_slow); }
auto synaptic_traces_tau(double tau_syn, double tau_mem, const Parameters& p) {
    return evsim::time_constants(p.tau_fast, INFINITY, tau_syn + tau_mem);
}
void on_pre_synapse(real& w, const real* n, real* s, const Parameters& p, const evsim::Context& c) {
    s[0] += w;
    s[1] += p.share * n[0] + 0.01 * c.input;
    s[2] += c.v() + 0.01 * c.neuron;
    w += p.rate * (1 + s[0] - n[1]);
}
void on_pre_neuron(real w, real* n, const Parameters& p, const evsim::Context& c) {
    n[0] += w;
    n[1] += p.rate * (c.i() + c.input);
}
void on_post_neuron(real* n, const Parameters& p, const evsim::Context& c) {
    n[0] += 1 + c.v();
    n[1] -= p.rate * (c.time + c.neuron + c.input);
}
void on_post_synapse(real& w, const real* n, real* s, const Parameters& p, const evsim::Context& c) {
    s[1] -= p.share * s[0];
    s[2] += p.rate * (c.i() + c.input + n[0]);
    w -= p.rate * s[0];
}
"""


class Everything(Rule):
    """The same in Python; `numbers` are those of the neurons that are replayed."""

    neuron_tau = (TAU_MEM, 31.0)
    synaptic_tau = (7.0, inf, TAU_SYN + TAU_MEM)

    def __init__(self, numbers):
        self.numbers, self.rate, self.share = numbers, 0.002, 0.25

    def on_pre_synapse(self, weight, neuron, synaptic, context):
        synaptic[0] += weight
        synaptic[1] += self.share * neuron[0] + 0.01 * context.input
        synaptic[2] += context.v + 0.01 * self.numbers[context.neuron]
        return weight + self.rate * (1 + synaptic[0] - neuron[1])

    def on_pre_neuron(self, weight, neuron, context):
        neuron[0] += weight
        neuron[1] += self.rate * (context.i + context.input)

    def on_post_neuron(self, neuron, context):
        neuron[0] += 1 + context.v
        neuron[1] -= self.rate * (context.time + self.numbers[context.neuron] + -1)

    def on_post_synapse(self, weight, neuron, synaptic, context):
        synaptic[1] -= self.share * synaptic[0]
        synaptic[2] += self.rate * (context.i + context.input + neuron[0])
        return weight - self.rate * synaptic[0]


PRE_ONLY = """
#include <evsim/callbacks.h>
using namespace evsim;
auto synaptic_traces_tau() { return time_constants(9, INFINITY); }
void on_pre_synapse(real weight, const real*, real* s) { s[0] += 1; s[1] += s[0]; }
"""

LOOKS = """
#include <evsim/callbacks.h>
using evsim::real;
EVSIM_PARAMETERS(tau = 5)
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau, INFINITY, INFINITY); }
auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau); }
void on_pre_synapse(real w, const real* n, real* s) { s[0] += w + n[0]; }
void on_pre_neuron(real w, real* n, const evsim::Context& c) { n[0] += 1; n[1] = c.v(); }
void on_post_neuron(real* n) { n[0] += 0.5; n[2] += 1; }
void on_post_synapse(real w, const real* n, real* s) { s[0] += 0.125 * w; }
"""

RECORDER = """
#include <evsim/callbacks.h>
using evsim::real;
auto neuron_traces_tau() {
    constexpr double never = INFINITY;
    return evsim::time_constants(never, never, never, never, never, never, never);
}
auto synaptic_traces_tau() {
    constexpr double never = INFINITY;
    return evsim::time_constants(never, never, never, never, never, never, never, never);
}
// A running code of all calls so far: whole numbers below the prime, so without rounding.
real code(real before, real now) { return std::fmod(31 * before + now, 1000003); }

void on_pre_synapse(real& w, const real* n, real* s, const evsim::Context& c) {
    s[0] = code(s[0], 1);
    s[1] = code(s[1], n[0]);
    s[2] = c.time;
    s[3] = w;
    s[4] = c.input;
    s[5] = c.neuron;
    s[6] = c.v();
    s[7] = c.i();
    w += 1.0 / 1024;
}
void on_pre_neuron(real w, real* n, const evsim::Context& c) {
    n[0] = code(n[0], 1);
    n[1] = c.time;
    n[2] = c.neuron;
    n[3] = w;
    n[4] = c.input;
    n[5] = c.v();
    n[6] = c.i();
}
void on_post_neuron(real* n, const evsim::Context& c) {
    n[0] = code(n[0], 2);
    n[1] = c.time;
    n[2] = c.neuron;
    n[4] = c.input;
    n[5] = c.v();
    n[6] = c.i();
}
void on_post_synapse(real& w, const real* n, real* s, const evsim::Context& c) {
    s[0] = code(s[0], 2);
    s[1] = code(s[1], n[0]);
    s[2] = c.time;
    s[3] = w;
    s[4] = c.input;
    s[5] = c.neuron;
    s[6] = c.v();
    s[7] = c.i();
    w -= 1.0 / 4096;
}
"""


class Recorder(Rule):
    neuron_tau, synaptic_tau = (inf,) * 7, (inf,) * 8

    @staticmethod
    def code(before, now):
        return math.fmod(31 * before + now, 1000003)

    def synapse(self, kind, weight, neuron, synaptic, context):
        synaptic[0], synaptic[1] = self.code(synaptic[0], kind), self.code(synaptic[1], neuron[0])
        synaptic[2:] = [context.time, weight, context.input, context.neuron, context.v, context.i]

    def on_pre_synapse(self, weight, neuron, synaptic, context):
        self.synapse(1, weight, neuron, synaptic, context)
        return weight + 1 / 1024

    def on_pre_neuron(self, weight, neuron, context):
        code = self.code(neuron[0], 1)
        neuron[:] = [code, context.time, context.neuron, weight, context.input, context.v, context.i]

    def on_post_neuron(self, neuron, context):
        code = self.code(neuron[0], 2)
        neuron[:] = [code, context.time, context.neuron, neuron[3], -1, context.v, context.i]

    def on_post_synapse(self, weight, neuron, synaptic, context):
        self.synapse(2, weight, neuron, synaptic, context)
        return weight - 1 / 4096


FAILS = """
#include <stdexcept>
#include <string>
#include <evsim/callbacks.h>
using evsim::real;
EVSIM_PARAMETERS(fault = 0, at = 30)
auto neuron_traces_tau() { return evsim::time_constants(20.0); }
auto synaptic_traces_tau() { return evsim::time_constants(15.0); }
void fail(const Parameters& p, const evsim::Context& c, int place, const char* name) {
    if (p.fault != place || c.time < p.at) return;
    throw std::runtime_error(std::string("a fault in ") + name);
}
real limited(const Parameters& p, real w) { return p.fault == 8 ? w : evsim::bounded(w, real(-1), real(5)); }
void on_pre_synapse(real& w, const real* n, real* s, const Parameters& p, const evsim::Context& c) {
    fail(p, c, 1, "on_pre_synapse");
    s[0] += 1;
    w = limited(p, w - 0.01 * n[0]);
    if (p.fault == 5 && c.time >= p.at) w = NAN;
    if (p.fault == 6 && c.time >= p.at) throw 42;
    if (p.fault == 7 && c.time >= p.at) {
        std::string words;
        for (int k = 0; k < 400; ++k) words += "\\u00e9";
        throw std::runtime_error(words);
    }
    if (p.fault == 8) w = INFINITY;
}
void on_pre_neuron(real w, real* n, const Parameters& p, const evsim::Context& c) { fail(p, c, 2, "on_pre_neuron"); }
void on_post_neuron(real* n, const Parameters& p, const evsim::Context& c) {
    fail(p, c, 3, "on_post_neuron");
    n[0] += 1;
}
void on_post_synapse(real& w, const real* n, real* s, const Parameters& p, const evsim::Context& c) {
    fail(p, c, 4, "on_post_synapse");
    w = limited(p, w + 0.01 * s[0]);
}
"""


def events(seed, n_inputs, *, n=60, end=200.0):
    """Inputs of several kinds: at one instant, twice from the same input, close together and far apart."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(end / n, n) * rng.choice([0.0, 0.05, 1.0, 3.0], n, p=[0.15, 0.15, 0.6, 0.1])
    indices = rng.integers(0, n_inputs, n).astype(np.int32)
    indices[1::7] = indices[: len(indices[1::7]) * 7 : 7]
    return indices, np.cumsum(gaps)


def strengths(seed, n_neurons, n_inputs):
    """Neurons from silent to firing several times between two inputs, some synapses negative."""
    rng = np.random.default_rng(seed)
    scale = np.resize([2.0, 0.0, 1.0, 12.0, 0.3, 40.0], n_neurons)[:, None]
    return scale * rng.uniform(-0.2, 1.0, (n_neurons, n_inputs))


def network(kernel, weights, dtype="float64", neuron=LIF, **options):
    net = evsim.SpikingNetwork(dtype=dtype, **options)
    weights = np.asarray(weights)
    net.add_layer(evsim.Dense(weights.shape[1], weights.shape[0], weights=weights), neuron, kernel=kernel)
    return net


def results(net):
    """Weights and traces of all layers, copied."""
    return [
        a.copy() for layer in net if layer.kernel for a in (layer.weights, layer.neuron_traces, layer.synaptic_traces)
    ]


def assert_same(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def close(found, expected, tolerance):
    """Within `tolerance` of the largest number of its kind (last axis: traces, each a kind of its own)."""
    kinds = tuple(range(max(1, expected.ndim - 1)))
    scale = np.abs(expected).max(axis=kinds, keepdims=True, initial=0.0)
    worst = np.max(np.abs(found - expected) / np.maximum(scale, 1e-3), initial=0.0)
    assert worst < tolerance


# Against the oracle


SIZES = [(1, 1), (3, 7), (17, 50), (64, 5), (65, 13), (100, 20), (130, 9)]


def assert_agrees_with_the_oracle(n_neurons, n_inputs, dtype, seed):
    """Learn with the rule that uses everything; return the number of output spikes.

    The terms of a trace are of the size of its largest value; every one of up to a few hundred rounds once or twice.

    In float32 the potential that callbacks see adds its own rounding, of some 1e-6, and the weights feed back through
    rates below 0.01: 1e-5 holds where float32 is right. The oracle gets evsim's output spikes, so that no spike time
    of evsim's is compared here.
    """
    weights = strengths(seed, n_neurons, n_inputs).astype(dtype).astype(float)
    indices, times = events(seed, n_inputs)
    net = network(evsim.Kernel(EVERYTHING), weights, dtype)
    outputs = per_neuron(net.infer(indices, times), n_neurons)
    checked = sorted({0, 1, 2, 3, n_neurons // 2, n_neurons - 2, n_neurons - 1} & set(range(n_neurons)))
    expected = replay(
        Everything(checked),
        begin(Everything(checked), weights[checked]),
        indices,
        times,
        [outputs[n] for n in checked],
        membrane=LifPotential(TAU_MEM, TAU_SYN),
        context_after_reset=True,
    )
    tolerance = TOLERANCE[dtype] * (3 if dtype == "float32" else 1)
    close(net[0].neuron_traces[checked], expected.neuron_traces, tolerance)
    close(net[0].synaptic_traces[checked], expected.synaptic_traces, tolerance)
    close(net[0].weights[checked].ravel(), expected.weights.ravel(), tolerance)
    return sum(map(len, outputs))


@DTYPE
@pytest.mark.parametrize(("n_neurons", "n_inputs"), SIZES)
def test_traces_and_weights_are_those_of_the_oracle(n_neurons, n_inputs, dtype):
    n_spikes = assert_agrees_with_the_oracle(n_neurons, n_inputs, dtype, n_neurons)
    assert n_spikes > 1 or n_neurons == 1


@pytest.mark.nightly
@DTYPE
def test_traces_and_weights_are_those_of_the_oracle_in_many_networks(dtype):
    rng = np.random.default_rng(7)
    n_spikes = 0
    for seed in range(1000, 1150):
        n_spikes += assert_agrees_with_the_oracle(int(rng.integers(1, 140)), int(rng.integers(1, 60)), dtype, seed)
    assert n_spikes > 100_000
    print(f"{dtype}: 150 networks, {n_spikes} output spikes")


@pytest.mark.parametrize("weight", [1.0, 6.0])
def test_synaptic_traces_of_a_rule_without_on_post_synapse_decay_from_their_last_arrival(weight):
    """Closed form; a few dozen terms of size 1."""
    indices, times = [0, 1, 1, 0, 2, 1], np.array([0.0, 2.0, 9.0, 15.0, 15.0, 31.0])
    net = network(evsim.Kernel(PRE_ONLY), np.full((3, 3), weight))
    outputs = per_neuron(net.infer(indices, times), 3)
    assert len(outputs[0]) > 0
    end = max(times[-1], outputs[0][-1])
    arrivals = [times[np.array(indices) == k] for k in range(3)]
    expected = [
        [np.exp(-(end - t) / 9).sum(), np.exp(-(t[:, None] - t) / 9)[np.tri(len(t)) > 0].sum()] for t in arrivals
    ]
    for n in range(3):
        np.testing.assert_allclose(net[0].synaptic_traces[n], expected, rtol=1e-12)


@pytest.mark.parametrize("n_neurons", [5, 66])
def test_assigned_traces_decay_from_the_beginning(n_neurons):
    weights = strengths(0, n_neurons, 4)
    indices, times = events(9, 4, n=20, end=60.0)
    rng = np.random.default_rng(1)
    own, synaptic = rng.normal(size=(n_neurons, 2)), rng.normal(size=(n_neurons, 4, 3))
    net = network(evsim.Kernel(EVERYTHING), weights)
    net[0].neuron_traces = own
    net[0].synaptic_traces = synaptic
    outputs = per_neuron(net.infer(indices, times, start=-3.0), n_neurons)
    checked = [0, 3, 4]
    rule = Everything(checked)
    first = begin(rule, weights[checked], start=-3.0, neuron_traces=own[checked], synaptic_traces=synaptic[checked])
    potential = LifPotential(TAU_MEM, TAU_SYN)
    own_outputs = [outputs[n] for n in checked]
    expected = replay(rule, first, indices, times, own_outputs, membrane=potential, context_after_reset=True)
    close(net[0].neuron_traces[checked], expected.neuron_traces, 1e-11)
    close(net[0].synaptic_traces[checked], expected.synaptic_traces, 1e-11)


# Order and arguments


@pytest.fixture(scope="module")
def recorded():
    """A run of the recorder in evsim and in the oracle."""
    weights = np.round(strengths(4, 6, 5) * 1024) / 1024
    indices, times = events(4, 5, n=50)
    net = network(evsim.Kernel(RECORDER), weights)
    outputs = per_neuron(net.infer(indices, times), 6)
    assert sum(map(len, outputs)) > 20
    potential = LifPotential(TAU_MEM, TAU_SYN)
    run = replay(
        Recorder(), begin(Recorder(), weights), indices, times, outputs, membrane=potential, context_after_reset=True
    )
    return net[0], run


@pytest.mark.parametrize(("trace", "what"), list(enumerate(["calls", "time", "neuron", "weight", "input"])))
def test_neuron_callbacks_come_in_order_with_their_arguments(recorded, trace, what):
    """Whole numbers and copies: equal to the last bit."""
    layer, expected = recorded
    np.testing.assert_array_equal(layer.neuron_traces[..., trace], expected.neuron_traces[..., trace])


@pytest.mark.parametrize(
    ("trace", "what"), list(enumerate(["calls", "neuron traces", "time", "weight", "input", "neuron"]))
)
def test_synapse_callbacks_come_in_order_with_their_arguments(recorded, trace, what):
    layer, expected = recorded
    np.testing.assert_array_equal(layer.synaptic_traces[..., trace], expected.synaptic_traces[..., trace])


def test_callbacks_see_the_potential_and_the_current(recorded):
    """Some fifty steps of the membrane, each rounding currents of up to 40: 1e-11 covers them."""
    layer, expected = recorded
    np.testing.assert_allclose(layer.neuron_traces[..., 5:], expected.neuron_traces[..., 5:], atol=1e-11)
    np.testing.assert_allclose(layer.synaptic_traces[..., 6:], expected.synaptic_traces[..., 6:], atol=1e-11)


def test_weights_taken_by_reference_are_written(recorded):
    layer, expected = recorded
    np.testing.assert_array_equal(layer.weights, expected.weights)


def test_a_rule_without_traces_writes_every_weight_at_every_spike():
    """Steps of 2^-10 from dyadic weights: exact. Inputs that never spike are written too."""
    weights = np.round(strengths(17, 35, 9) * 1024) / 1024
    indices, times = events(17, 8)
    net = network(
        """
        #include <evsim/callbacks.h>
        void on_post_synapse(evsim::real& weight, const evsim::real*, evsim::real*) { weight -= 1.0 / 1024; }
        """,
        weights,
    )
    fired = np.bincount(net.infer(indices, times).indices, minlength=35)
    assert fired.max() > 5
    np.testing.assert_array_equal(net[0].weights, weights - fired[:, None] / 1024)
    assert net[0].synaptic_traces.shape == (35, 9, 0)


def test_time_constants_come_from_the_neurons_and_the_parameters():
    layer = network(evsim.Kernel(EVERYTHING, parameters={"tau_fast": 3.5}), [[1.0]])[0]
    assert layer.projection._core.time_constants() == pytest.approx([TAU_MEM, 31.0, 3.5, inf, TAU_SYN + TAU_MEM])


# What must not matter


def test_shifting_all_times_changes_no_trace_and_no_weight():
    """Shifted times of inputs are exact here; those of outputs round to 2e-13 at 1024, 2e-14 of a time constant."""
    indices, times = events(2, 6, n=80)
    times = np.round(times * 64) / 64
    runs = []
    for shift in (0.0, 1024.0, -1024.0):
        net = network(evsim.Kernel(FAILS), strengths(2, 40, 6))
        net.infer(indices, times + shift, start=shift)
        runs.append(results(net))
    for other in runs[1:]:
        for a, b in zip(runs[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(a).max())


@DTYPE
def test_any_number_of_threads_gives_the_same_bits(dtype):
    indices, times = events(5, 9, n=14000, end=30000.0)
    before = evsim.num_threads()
    runs = []
    try:
        for threads in (1, 2, 4):
            evsim.set_num_threads(threads)
            net = network(evsim.Kernel(EVERYTHING, parameters={"rate": 1e-5}), 0.1 * strengths(5, 130, 9), dtype)
            spikes = net.infer(indices, times)
            runs.append([spikes.indices, spikes.times, *results(net)])
    finally:
        evsim.set_num_threads(before)
    assert len(runs[0][0]) > 100
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


@DTYPE
@pytest.mark.parametrize("update", ["sum", "mean"])
def test_a_batch_is_its_samples_one_by_one(update, dtype):
    """The changes of the samples are added up in double: one rounding of each, and one at the end."""
    weights = strengths(3, 66, 6)
    samples = [events(seed, 6, n=30) for seed in range(5)]
    net = network(evsim.Kernel(EVERYTHING, batch_update=update), weights, dtype)
    first = net[0].weights.astype(float)
    outputs = net.infer(samples)
    change = np.zeros_like(first)
    for s, sample in enumerate(samples):
        one = network(evsim.Kernel(EVERYTHING), weights, dtype)
        assert one.infer(*sample) == outputs[s]
        np.testing.assert_array_equal(net[0].neuron_traces[s], one[0].neuron_traces)
        np.testing.assert_array_equal(net[0].synaptic_traces[s], one[0].synaptic_traces)
        change += one[0].weights.astype(float) - first
    expected = first + change / (len(samples) if update == "mean" else 1)
    np.testing.assert_allclose(net[0].weights, expected.astype(dtype), rtol=2 * np.finfo(dtype).eps, atol=1e-15)


def in_pieces(net, indices, times, cuts):
    """Feed a stream up to each of the cuts, then the rest; returns all output spikes."""
    pieces, done = [], 0
    for k, cut in enumerate([*cuts, None]):
        end = len(times) if cut is None else int(np.searchsorted(times, cut, side="right"))
        spikes = net.infer(indices[done:end], times[done:end], until=cut, reset=k == 0)
        pieces += list(zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True))
        done = end
    return pieces


@DTYPE
@pytest.mark.parametrize("kind", ["random", "after spikes", "at inputs", "without input"])
def test_a_stream_in_pieces_learns_as_the_whole(kind, dtype):
    indices, times = events(6, 7, n=70)
    weights = strengths(6, 70, 7)
    whole = network(evsim.Kernel(EVERYTHING), weights, dtype)
    spikes = whole.infer(indices, times)
    rng = np.random.default_rng(0)
    cuts = {
        "random": np.sort(rng.uniform(0, 220.0, 12)),
        "after spikes": np.nextafter(np.sort(rng.choice(spikes.times, 25, replace=False)), inf),
        "at inputs": np.unique(times[::6]),
        "without input": np.sort(
            np.concatenate([(times[:-1] + times[1:])[np.diff(times) > 3] / 2 + d for d in (0, 0.5, 1)])
        ),
    }[kind]
    pieces = network(evsim.Kernel(EVERYTHING), weights, dtype)
    assert in_pieces(pieces, indices, times, cuts) == list(
        zip(spikes.times.tolist(), spikes.indices.tolist(), strict=True)
    )
    assert_same(results(pieces), results(whole))


def test_a_long_stream_in_pieces_of_several_chunks_learns_as_the_whole():
    indices, times = events(7, 5, n=30000, end=90000.0)
    parameters = {"rate": 1e-6}
    whole = network(evsim.Kernel(EVERYTHING, parameters=parameters), 0.1 * strengths(7, 9, 5))
    spikes = whole.infer(indices, times)
    assert len(spikes) > 100
    pieces = network(evsim.Kernel(EVERYTHING, parameters=parameters), 0.1 * strengths(7, 9, 5))
    assert len(in_pieces(pieces, indices, times, [0.5, times[9000], times[9001], times[27000] + 0.25])) == len(spikes)
    assert_same(results(pieces), results(whole))


def test_a_stream_of_a_batch_in_pieces_has_the_traces_of_the_whole():
    """Without learning: between the pieces the samples would share what they have learned."""
    samples = [events(seed, 4, n=40) for seed in (1, 2, 3)]
    whole = network(evsim.Kernel(LOOKS), strengths(1, 20, 4))
    whole.infer(samples)
    pieces = network(evsim.Kernel(LOOKS), strengths(1, 20, 4))
    pieces.infer([(i[t <= 80.0], t[t <= 80.0]) for i, t in samples], until=80.0)
    pieces.infer([(i[t > 80.0], t[t > 80.0]) for i, t in samples], reset=False)
    assert_same(results(pieces), results(whole))


def test_recording_changes_no_trace_and_no_weight():
    indices, times = events(8, 6)
    plain, probed = (network(evsim.Kernel(EVERYTHING), strengths(8, 20, 6)) for _ in range(2))
    plain.infer(indices, times)
    probed.infer(indices, times, record=evsim.Probe(layer=0, variable="v", times=np.linspace(0, 190, 400)))
    assert_same(results(plain), results(probed))


MODELS = {
    "lif": LIF,
    "lif_refractory": evsim.LIF(tau_mem=20.0, tau_syn=5.0, refractory=2.5),
    "lif_delta": evsim.LIFDelta(tau_mem=20.0),
    "lif_delta_refractory": evsim.LIFDelta(tau_mem=20.0, refractory=1.5, bias=0.5),
    "iaf_delta": evsim.IAFDelta(),
    "iaf_delta_refractory": evsim.IAFDelta(refractory=1.5),
    "li": evsim.LI(tau_mem=20.0, tau_syn=10.0),
}
MODEL = pytest.mark.parametrize("neuron", list(MODELS.values()), ids=list(MODELS))


@MODEL
def test_callbacks_that_only_look_change_no_spike_and_no_potential(neuron):
    indices, times = events(11, 6, n=120)
    weights = 0.3 * strengths(11, 37, 6)
    runs = []
    for kernel in (None, evsim.Kernel(LOOKS)):
        net = network(kernel, weights, neuron=neuron)
        probe = evsim.Probe(layer=0, variable="v", times=np.linspace(0, 199, 50))
        spikes = net.infer(indices, times, until=250.0, record=probe)
        runs.append([spikes.indices, spikes.times, probe.values])
    assert_same(*runs)
    assert bool(len(runs[0][0])) == neuron.spikes
    np.testing.assert_array_equal(net[0].weights, weights)


@MODEL
def test_callbacks_of_every_model_are_called_at_its_spikes(neuron):
    """The replay of traces needs no membrane: LOOKS keeps v in a trace of its own, which is left out here.

    Inputs and outputs at one instant: delta synapses fire after all inputs of that time.
    """

    class Looks(Rule):
        neuron_tau, synaptic_tau = (5.0, inf, inf), (5.0,)

        def on_pre_synapse(self, weight, neuron, synaptic, context):
            synaptic[0] += weight + neuron[0]
            return weight

        def on_pre_neuron(self, weight, neuron, context):
            neuron[0] += 1

        def on_post_neuron(self, neuron, context):
            neuron[0] += 0.5
            neuron[2] += 1

        def on_post_synapse(self, weight, neuron, synaptic, context):
            synaptic[0] += 0.125 * weight
            return weight

    indices, times = events(12, 6, n=120)
    weights = 0.3 * strengths(12, 6, 6)
    net = network(evsim.Kernel(LOOKS), weights, neuron=neuron)
    outputs = per_neuron(net.infer(indices, times, until=250.0), 6)
    ties = "input first" if "Delta" in type(neuron).__name__ else "output first"
    run = replay(Looks(), begin(Looks(), weights), indices, times, outputs, ties=ties)
    kept = [0, 2]
    close(net[0].neuron_traces[:, kept], run.neuron_traces[:, kept], 1e-11)
    close(net[0].synaptic_traces, run.synaptic_traces, 1e-11)


def test_layers_after_each_other_learn_each_by_its_own_kernel():
    """The second layer learns as it would from the first one's spikes alone."""
    indices, times = events(13, 5)
    net = network(evsim.Kernel(EVERYTHING), strengths(13, 6, 5))
    second = strengths(14, 4, 6)
    net.add_layer(evsim.Dense(6, 4, weights=second), LIF, kernel=evsim.Kernel(FAILS))
    net.infer(indices, times)
    alone = network(evsim.Kernel(FAILS), second)
    alone.infer(net[0].post_spikes)
    assert_same(results(net)[3:], results(alone))


# Traces and parameters from Python


def test_traces_start_at_zero_in_each_call_unless_it_continues():
    indices, times = events(15, 4, n=20)
    net = network(evsim.Kernel(LOOKS), strengths(15, 3, 4))
    net.infer(indices, times)
    first = results(net)
    net[0].synaptic_traces = 1.0
    net.infer(indices, times)
    assert np.all(net[0].synaptic_traces >= first[2])
    assert not np.array_equal(net[0].synaptic_traces, first[2])
    net.infer(indices, times)
    assert_same(results(net), first)


def test_assigned_traces_wait_for_a_call_that_succeeds():
    net = network(evsim.Kernel(FAILS, parameters={"fault": 1}), np.full((2, 2), 8.0))
    net[0].synaptic_traces = np.arange(4.0).reshape(2, 2, 1)
    with pytest.raises(KernelError):
        net.infer([0], [40.0])
    np.testing.assert_array_equal(net[0].synaptic_traces.ravel(), np.arange(4.0))
    net[0].kernel_parameters = {"fault": 0}
    net.infer([], [])
    np.testing.assert_array_equal(net[0].synaptic_traces.ravel(), np.arange(4.0))


def test_shapes_of_traces_follow_the_call():
    net = network(evsim.Kernel(EVERYTHING), np.ones((4, 5)), "float32")
    layer = net[0]
    assert (layer.neuron_traces.shape, layer.synaptic_traces.shape) == ((4, 2), (4, 5, 3))
    net.infer([([0], [1.0])])
    assert (layer.neuron_traces.shape, layer.synaptic_traces.shape) == ((1, 4, 2), (1, 4, 5, 3))
    net.infer([0], [1.0])
    assert (layer.neuron_traces.shape, layer.synaptic_traces.shape) == ((4, 2), (4, 5, 3))
    assert layer.neuron_traces.dtype == np.float32
    net.reset()
    assert not layer.neuron_traces.any()


def test_traces_are_copies_that_cannot_be_written():
    net = network(evsim.Kernel(LOOKS), np.ones((3, 4)))
    net.infer([0], [1.0])
    before = net[0].synaptic_traces
    kept = before.copy()
    with pytest.raises(ValueError, match="read-only"):
        before[0] = 1
    net.infer([1], [1.0])
    np.testing.assert_array_equal(before, kept)


@pytest.mark.parametrize("name", ["neuron_traces", "synaptic_traces"])
@pytest.mark.parametrize(
    ("values", "error"),
    [
        (np.ones((7, 7)), ShapeMismatchError),
        (np.ones((3, 4, 9)), ShapeMismatchError),
        (np.ones((2, 3, 4, 1)), ShapeMismatchError),
        ([[1.0], [2.0, 3.0]], ShapeMismatchError),
        (math.nan, NonFiniteError),
        (inf, NonFiniteError),
        ("one", DTypeError),
        (1j, DTypeError),
    ],
)
def test_traces_of_another_shape_or_kind_are_refused(name, values, error):
    layer = network(evsim.Kernel(LOOKS), np.ones((3, 4)))[0]
    with pytest.raises(error):
        setattr(layer, name, values)
    assert not getattr(layer, name).any()


def test_parameters_are_read_and_changed_by_name():
    layer = network(evsim.Kernel(EVERYTHING, parameters={"rate": 0.5}), [[1.0]])[0]
    assert layer.kernel_parameters == {"rate": 0.5, "tau_fast": 7, "tau_slow": 31, "share": 0.25}
    layer.kernel_parameters = {"share": 0.125}
    assert layer.kernel_parameters == {"rate": 0.5, "tau_fast": 7, "tau_slow": 31, "share": 0.125}


def test_changed_parameters_hold_from_the_next_call_on():
    indices, times = events(16, 4)
    changed = network(evsim.Kernel(EVERYTHING), strengths(16, 5, 4))
    changed[0].kernel_parameters = {"rate": 0.001, "tau_fast": 11.0}
    made = network(evsim.Kernel(EVERYTHING, parameters={"rate": 0.001, "tau_fast": 11.0}), strengths(16, 5, 4))
    assert changed.infer(indices, times) == made.infer(indices, times)
    assert_same(results(changed), results(made))


def test_a_changed_time_constant_holds_from_the_next_call_on():
    """The call ends at an input, so the traces read after it are those that the next call begins with."""
    net = network(evsim.Kernel(LOOKS), np.full((1, 2), 0.1))
    net.infer([0, 1], [1.0, 10.0], until=10.0)
    before = net[0].synaptic_traces[0, 0, 0]
    assert before == pytest.approx(0.1 * math.exp(-9 / 5))
    net[0].kernel_parameters = {"tau": 50.0}
    net.infer([1], [12.0], reset=False)
    assert net[0].synaptic_traces[0, 0, 0] == pytest.approx(before * math.exp(-2 / 50))


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ({"rat": 1.0}, InvalidArgumentError, "no parameter 'rat'; it has: rate, tau_fast, tau_slow, share"),
        ({"rate": math.nan}, NonFiniteError, "'rate' must not be NaN"),
        ({"rate": "fast"}, DTypeError, "rate"),
        ([("rate", 1.0)], DTypeError, "mapping"),
        ({"tau_slow": -1.0}, InvalidArgumentError, "neuron trace 1 has time constant -1"),
        ({"tau_fast": 0.0}, InvalidArgumentError, "synaptic trace 0 has time constant 0"),
    ],
)
def test_wrong_parameters_are_refused_and_leave_the_others(values, error, words):
    layer = network(evsim.Kernel(EVERYTHING), [[1.0]])[0]
    before = layer.kernel_parameters
    with pytest.raises(error, match=words):
        layer.kernel_parameters = values
    assert layer.kernel_parameters == before
    with pytest.raises(error, match=words):
        network(evsim.Kernel(EVERYTHING, parameters=values), [[1.0]])


def test_a_trace_with_a_time_constant_that_the_neurons_lack_is_refused():
    with pytest.raises(InvalidArgumentError, match=r"synaptic trace 2 has time constant nan.*do the neurons have"):
        network(evsim.Kernel(EVERYTHING), [[1.0]], neuron=MODELS["lif_delta"])


@pytest.mark.parametrize("name", ["neuron_traces", "synaptic_traces", "kernel_parameters"])
def test_a_layer_without_kernel_has_no_traces(name):
    layer = network(None, [[1.0]])[0]
    with pytest.raises(NoSuchParameterError, match="no kernel"):
        getattr(layer, name)
    with pytest.raises(NoSuchParameterError, match="no kernel"):
        setattr(layer, name, {} if name == "kernel_parameters" else 1.0)


# Kernels that fail


FAULTS = {1: "on_pre_synapse", 2: "on_pre_neuron", 3: "on_post_neuron", 4: "on_post_synapse"}


def learning(**parameters):
    """Two layers that learn; the parameters are those of the second."""
    net = network(evsim.Kernel(FAILS), 0.3 * strengths(20, 40, 5))
    net.add_layer(
        evsim.Dense(40, 6, weights=np.full((6, 40), 0.1)), LIF, kernel=evsim.Kernel(FAILS, parameters=parameters)
    )
    return net


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        *((k, KernelError, f"layer 1.*a fault in {name}") for k, name in FAULTS.items()),
        (5, NonFiniteError, "layer 1.*no longer finite"),
        (6, KernelError, r"layer 1.*no std::exception"),
        (8, NonFiniteError, "layer 1.*no longer finite"),
    ],
)
def test_after_a_failure_the_network_is_as_before(fault, error, words):
    """In the middle of a stream: spikes, traces, weights of both layers, and the continuation of a twin."""
    indices, times = events(20, 5, n=50, end=60.0)
    first, rest = times <= 25.0, times > 25.0
    net, twin = learning(at=26.0), learning(at=26.0)
    for each in (net, twin):
        each.infer(indices[first], times[first], until=25.0)
    net[1].kernel_parameters = {"fault": fault}
    before, spikes = results(net), net[1].post_spikes
    with pytest.raises(error, match=words):
        net.infer(indices[rest], times[rest], reset=False)
    assert_same(results(net), before)
    assert net[1].post_spikes == spikes
    assert net.time == 25.0
    net[1].kernel_parameters = {"fault": 0}
    assert net.infer(indices[rest], times[rest], reset=False) == twin.infer(indices[rest], times[rest], reset=False)
    assert len(net[1].post_spikes) > 0
    assert_same(results(net), results(twin))


def test_weights_that_end_as_nan_leave_those_of_all_layers_as_they_were():
    """From the very last input on, so that no neuron receives them."""
    indices, times = events(20, 5, n=50, end=60.0)
    twin = learning()
    twin.infer(indices, times)
    net = learning(fault=5, at=twin[0].post_spikes.times[-1])
    before = results(net)
    with pytest.raises(NonFiniteError, match="layer 1: the kernel made weights that are not finite"):
        net.infer(indices, times)
    assert_same(results(net), before)
    assert not np.array_equal(twin[0].weights, before[0])


def test_a_message_that_is_long_and_not_ascii_arrives():
    """The message is cut to fit; what is cut off must not take half a letter with it."""
    with pytest.raises(KernelError, match="éééé"):
        learning(fault=7, at=0.0).infer([0, 1, 2] * 5, np.arange(15.0))


def test_an_exception_in_many_threads_at_once_is_one_exception():
    indices, times = events(5, 9, n=14000, end=30000.0)
    before = evsim.num_threads()
    evsim.set_num_threads(4)
    try:
        for _ in range(3):
            net = network(evsim.Kernel(FAILS, parameters={"fault": 1, "at": 20000.0}), np.full((130, 9), 0.1))
            with pytest.raises(KernelError, match="a fault in on_pre_synapse"):
                net.infer(indices, times)
            assert np.all(net[0].weights == 0.1)
    finally:
        evsim.set_num_threads(before)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("\nvoid on_post_neuron(double* a, double* b, double* c) {}", "on_post_neuron must take"),
        ("\nvoid on_pre_neuron(double& w, double* n) {}", "on_pre_neuron must take"),
        ("\nvoid on_pre_synapse(double w, double* n, double* s) {}", "on_pre_synapse must take"),
        ("\nvoid on_post_synapse(double w, const double* n) {}", "on_post_synapse must take"),
        ("\nvoid on_post_neutron(double* n) {}", "defines none of on_pre_neuron, on_pre_synapse"),
    ],
)
def test_a_kernel_with_a_wrong_signature_is_told_the_right_one(source, words):
    with pytest.raises(KernelCompileError, match=words):
        network(evsim.Kernel("#include <evsim/callbacks.h>" + source), [[1.0]])


def test_a_syntax_error_is_named_with_file_and_line(tmp_path):
    path = tmp_path / "rule.cpp"
    path.write_text("#include <evsim/callbacks.h>\n\nvoid on_post_neuron(evsim::real* n) { n[0] += ; }\n")
    with pytest.raises(KernelCompileError) as raised:
        network(evsim.Kernel(path), [[1.0]])
    assert f"{path}:3:" in str(raised.value)


@pytest.mark.parametrize("name", ["a b's $(touch x) `touch x`;.cpp", 'quo"ted.cpp'], ids=["spaces", "quotes"])
def test_any_path_is_only_a_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_text(PRE_ONLY)
    net = network(evsim.Kernel(path), [[1.0]])
    net.infer([0], [1.0])
    assert net[0].synaptic_traces.ravel().tolist() == [1.0, 1.0]
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("source", "error"),
    [("/no/such/file.cpp", FileNotFoundError), (3, DTypeError), ("a\0b", InvalidArgumentError), ("/", OSError)],
)
def test_a_source_that_is_none_is_refused(source, error):
    with pytest.raises(error):
        evsim.Kernel(source)


# Lifetimes


def test_a_network_may_be_dropped_while_another_thread_runs_it():
    indices, times = events(5, 9, n=14000, end=30000.0)
    counts = []

    def work(net):
        counts.append(len(net.infer(indices, times)))

    threads = []
    for _ in range(4):
        net = network(evsim.Kernel(EVERYTHING, parameters={"rate": 1e-5}), 0.1 * strengths(5, 130, 9), "float32")
        threads.append(threading.Thread(target=work, args=(net,)))
        threads[-1].start()
        del net
        gc.collect()
    for thread in threads:
        thread.join()
    assert len(counts) == 4
    assert len(set(counts)) == 1


def test_threads_may_run_and_read_one_network_at_once():
    indices, times = events(21, 5)
    net = network(evsim.Kernel(LOOKS), strengths(21, 40, 5))
    net.infer(indices, times)
    expected = results(net)
    faults = []

    def run():
        for _ in range(30):
            net.infer(indices, times)

    def read():
        for _ in range(30):
            found = [net[0].neuron_traces, net[0].synaptic_traces]
            if not all(np.array_equal(a, b) for a, b in zip(found, expected[1:], strict=True)):
                faults.append(found)

    threads = [threading.Thread(target=target) for target in (run, read, run, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_networks_that_share_a_compiled_kernel_go_in_any_order(order):
    indices, times = events(22, 4)
    nets = [network(evsim.Kernel(FAILS), strengths(22, 10, 4)) for _ in range(3)]
    nets[0].infer(indices, times)
    expected = results(nets[0])
    views = [net[0].weights for net in nets]
    for k in order:
        nets[k].infer(indices, times, reset=True)
        nets[k] = None
        gc.collect()
        np.testing.assert_array_equal(views[(k + 1) % 3].shape, expected[0].shape)
    again = network(evsim.Kernel(FAILS), strengths(22, 10, 4))
    again.infer(indices, times)
    assert_same(results(again), expected)


# Copies


def pickled(net):
    return pickle.loads(pickle.dumps(net))


@DTYPE
@pytest.mark.parametrize("how", [pickled, copy.deepcopy])
def test_a_copy_in_the_middle_of_a_stream_goes_on_as_the_original(how, dtype):
    """A copy has its traces decayed to the last event, by one rounding more than the original's lazy ones."""
    indices, times = events(23, 6, n=80)
    net = network(evsim.Kernel(EVERYTHING), strengths(23, 35, 6), dtype)
    first, rest = times <= 90.0, times > 90.0
    net.infer(indices[first], times[first], until=90.0)
    net[0].kernel_parameters = {"share": 0.125}
    other = how(net)
    assert other[0].kernel_parameters == net[0].kernel_parameters
    a, b = (each.infer(indices[rest], times[rest], reset=False) for each in (net, other))
    assert len(a) > 20
    np.testing.assert_array_equal(np.bincount(a.indices, minlength=35), np.bincount(b.indices, minlength=35))
    for x, y in zip(results(net), results(other), strict=True):
        close(y, x, TOLERANCE[dtype] * (3 if dtype == "float32" else 1))


def test_copies_learn_on_their_own():
    indices, times = events(24, 4)
    net = network(evsim.Kernel(EVERYTHING), strengths(24, 5, 4))
    net.infer(indices, times)
    before = results(net)
    other = pickled(net)
    other[0].kernel_parameters = {"rate": 0.1}
    other.infer(indices, times)
    assert_same(results(net), before)
    assert net[0].kernel_parameters["rate"] == 0.002


@pytest.mark.parametrize("batch", [False, True])
def test_a_copy_has_the_traces_of_the_original(batch):
    """In a process of its own, which a crash does not take down with the others."""
    script = f"""
    import copy, pickle, sys
    import numpy as np
    import evsim
    net = evsim.SpikingNetwork(dtype="float64")
    neuron = evsim.LIF(tau_mem=20.0, tau_syn=10.0)
    net.add_layer(evsim.Dense(2, 1, weights=[[5.0, 0.5]]), neuron, kernel=evsim.Kernel(sys.argv[1]))
    sample = ([0, 1, 1], [0.0, 2.0, 9.0])
    net.infer([sample, sample]) if {batch} else net.infer(*sample)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_allclose(other[0].neuron_traces, net[0].neuron_traces, rtol=1e-14)
        np.testing.assert_allclose(other[0].synaptic_traces, net[0].synaptic_traces, rtol=1e-14)
    """
    command = [sys.executable, "-c", textwrap.dedent(script), EVERYTHING]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")


# Sources written for EvSpikeSim

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
