// What reward-modulated STDP by order has to remember (Mozafari et al. 2018): how many spikes a neuron has fired, and
// how many of them after the input had fired. rules.apply_reward turns these counts into weights once the decision is
// known; it reads the parameters, which the callbacks do not use.
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(reward_plus = 0.004, reward_minus = -0.003, punishment_plus = -0.004, punishment_minus = 5e-4,
                 multiplicative = 0, w_min = 0.2, w_max = 0.8)

auto synaptic_traces_tau() { return evsim::time_constants(INFINITY, INFINITY); }
auto neuron_traces_tau() { return evsim::time_constants(INFINITY); }

void on_pre_synapse(real weight, const real*, real* synapse) { synapse[0] = 1; }
void on_post_neuron(real* count) { count[0] += 1; }
void on_post_synapse(real weight, const real*, real* synapse) { synapse[1] += synapse[0]; }
