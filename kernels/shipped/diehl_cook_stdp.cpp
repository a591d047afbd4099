// The rule of Diehl & Cook 2015: triplet STDP between nearest spikes, with traces that a spike sets to 1. x is the
// trace of the input, y1 and y2 are those of the neuron, y2 taken just before the spike itself:
//   at t_pre:  w <- w - a_minus y1,   at t_post: w <- w + a_plus x y2; w stays within [w_min, w_max].
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(a_plus = 0.01, a_minus = 1e-4, tau_plus = 20, tau_minus = 20, tau_y = 40, w_min = 0, w_max = 1)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_plus); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_minus, p.tau_y, INFINITY); }

void on_pre_synapse(real& weight, const real* y, real* x, const Parameters& p) {
    weight = evsim::bounded(weight - p.a_minus * y[0], p.w_min, p.w_max);
    x[0] = 1;
}
void on_post_neuron(real* y) {
    y[2] = y[1];  // before this spike, for on_post_synapse
    y[0] = 1;
    y[1] = 1;
}
void on_post_synapse(real& weight, const real* y, real* x, const Parameters& p) {
    weight = evsim::bounded(weight + p.a_plus * x[0] * y[2], p.w_min, p.w_max);
}
