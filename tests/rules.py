"""Sources of callbacks for tests."""

STDP = """
#include <algorithm>
#include <evsim/callbacks.h>
using evsim::real;
EVSIM_PARAMETERS(a_plus = 0.02, a_minus = 0.015)
auto neuron_traces_tau() { return evsim::time_constants(33.7); }
auto synaptic_traces_tau(double tau_syn, double tau_mem) { return evsim::time_constants(16.8, tau_mem, INFINITY); }
void on_pre_synapse(real& weight, const real* neuron_traces, real* synaptic_traces, const Parameters& p) {
    weight = std::max(weight - p.a_minus * neuron_traces[0], real(-1));
    synaptic_traces[0] += 1;
    synaptic_traces[1] += weight;
}
void on_pre_neuron(real weight, real* neuron_traces, const evsim::Context& context) {
    neuron_traces[0] += weight * static_cast<real>(context.v()) / 100;
}
void on_post_neuron(real* neuron_traces, const evsim::Context& context) {
    neuron_traces[0] += 1 + static_cast<real>(context.i()) / 50;
}
void on_post_synapse(real& weight, const real*, real* synaptic_traces, const Parameters& p, const evsim::Context& c) {
    weight = std::min(weight + p.a_plus * synaptic_traces[0], real(1));
    synaptic_traces[2] += c.input;
}
"""
"""Spike-timing dependent plasticity with bounds, and traces that use all that a callback may ask for."""

EVSPIKESIM = """
#include <evspikesim/Layers/EligibilityTraces.h>
namespace EvSpikeSim {
CALLBACK vector<float> synaptic_traces_tau(float tau_s, float tau) { return {tau}; }
CALLBACK vector<float> neuron_traces_tau(float tau) { return {tau}; }
CALLBACK void on_pre_neuron(float weight, float* neuron_traces) { neuron_traces[0] += weight; }
CALLBACK void on_pre_synapse(float weight, const float* neuron_traces, float* synaptic_traces) {
    synaptic_traces[0] += neuron_traces[0];
}
CALLBACK void on_post_neuron(float* neuron_traces) { neuron_traces[0] -= 1; }
CALLBACK void on_post_synapse(float weight, const float* neuron_traces, float* synaptic_traces) {
    synaptic_traces[0] += weight;
}
}
"""
