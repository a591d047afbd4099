"""Kernels with callbacks for tests, the same rules in Python, and networks that run them; needs a compiler."""

import math
from math import inf

import numpy as np
import pytest
from oracle.callbacks import Rule

import evsim
from evsim.errors import (
    CompilerNotFoundError,
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
