// Four terms of spikes and of their traces, as evsim.spark has them (HebbianRule, QuadrupletRule). With x and y the
// traces of input and output spikes, which jump by 1, and K the size of a weight, which stays within [0, max_clip]:
//   at t_pre:  K <- K + alpha + beta y,   at t_post: K <- K + gamma + delta x.
// The first trace of a synapse is 1 where its input is inhibitory, and 0 elsewhere.
#include <evsim/plasticity/magnitude.h>

using evsim::real;

EVSIM_PARAMETERS(alpha = 0, beta = 5e-4, gamma = 0, delta = 5e-4, pre_tau = 20, post_tau = 20, max_clip = INFINITY)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(INFINITY, p.pre_tau); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.post_tau); }

void on_pre_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p) {
    const real sign = evsim::sign_of_synapse(weight, synapse[0] == 1);
    weight = evsim::grown(weight, sign, p.alpha + p.beta * neuron[0], p.max_clip);
    synapse[1] += 1;
}
void on_post_neuron(real* neuron) { neuron[0] += 1; }
void on_post_synapse(real& weight, const real*, real* synapse, const Parameters& p) {
    const real sign = evsim::sign_of_synapse(weight, synapse[0] == 1);
    weight = evsim::grown(weight, sign, p.gamma + p.delta * synapse[1], p.max_clip);
}
