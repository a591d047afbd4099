// Eligibility for reward-modulated STDP (Izhikevich 2007): what pair STDP would change is gathered in a trace of its
// own, and a reward turns it into weights later. tau_pair = 0 stands for the membrane time constant of the neurons.
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(a_plus = 1, a_minus = 1, tau_pair = 0, tau_eligibility = INFINITY)

auto synaptic_traces_tau(double, double tau, const Parameters& p) {
    return evsim::time_constants(p.tau_pair > 0 ? static_cast<double>(p.tau_pair) : tau, p.tau_eligibility);
}
auto neuron_traces_tau(double tau, const Parameters& p) {
    return evsim::time_constants(p.tau_pair > 0 ? static_cast<double>(p.tau_pair) : tau);
}

void on_pre_synapse(real weight, const real* post, real* synapse, const Parameters& p) {
    synapse[0] += 1;
    synapse[1] -= p.a_minus * post[0];
}
void on_post_neuron(real* post) { post[0] += 1; }
void on_post_synapse(real weight, const real* post, real* synapse, const Parameters& p) {
    synapse[1] += p.a_plus * synapse[0];
}
