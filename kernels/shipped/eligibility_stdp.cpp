// STDP gated by dopamine (Izhikevich 2007): c' = -c/tau_eligibility + pair STDP, d' = -d/tau_dopamine, w' = c d.
// From one event of a synapse to its next, c d decays with tau, 1/tau = 1/tau_eligibility + 1/tau_dopamine, so that
//   w(t) = w(s) + tau (c(s) d(s) - c(t) d(t)),
// exactly; the third trace keeps c d as of the last event. c d does not change its sign in between, and so it is enough
// to keep w within [w_min, w_max] at events. rules.deliver_dopamine adds to d, the neurons' second trace.
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(a_plus = 1, a_minus = 1, tau_plus = 20, tau_minus = 20, tau_eligibility = 1000, tau_dopamine = 200,
                 w_min = -INFINITY, w_max = INFINITY)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_plus, p.tau_eligibility, INFINITY); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_minus, p.tau_dopamine); }

inline void learn(real& weight, const real* neuron, real* synapse, real stdp, const Parameters& p) {
    const real tau = 1 / (1 / p.tau_eligibility + 1 / p.tau_dopamine);
    weight = evsim::bounded(weight + tau * (synapse[2] - synapse[1] * neuron[1]), p.w_min, p.w_max);
    synapse[1] += stdp;
    synapse[2] = synapse[1] * neuron[1];
}

void on_pre_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p) {
    learn(weight, neuron, synapse, -p.a_minus * neuron[0], p);
    synapse[0] += 1;
}
void on_post_neuron(real* neuron) { neuron[0] += 1; }
void on_post_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p) {
    learn(weight, neuron, synapse, p.a_plus * synapse[0], p);
}
