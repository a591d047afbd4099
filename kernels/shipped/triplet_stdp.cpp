// Triplet STDP, all to all (Pfister & Gerstner 2006, eqs. 1-4), with r1, r2 the traces of input spikes and o1, o2 those
// of output spikes, r2 and o2 taken just before the spike itself:
//   at t_pre:  w <- w - o1 (a2_minus + a3_minus r2),   at t_post: w <- w + r1 (a2_plus + a3_plus o2).
// The default values are those of the minimal model for visual cortex (their table 4), in milliseconds.
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(a2_plus = 0, a3_plus = 6.5e-3, a2_minus = 7.1e-3, a3_minus = 0, tau_plus = 16.8, tau_x = 101,
                 tau_minus = 33.7, tau_y = 114, w_min = -INFINITY, w_max = INFINITY)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_plus, p.tau_x); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_minus, p.tau_y, INFINITY); }

void on_pre_synapse(real& weight, const real* o, real* r, const Parameters& p) {
    weight = evsim::bounded(weight - o[0] * (p.a2_minus + p.a3_minus * r[1]), p.w_min, p.w_max);
    r[0] += 1;
    r[1] += 1;
}
void on_post_neuron(real* o) {
    o[2] = o[1];  // before this spike, for on_post_synapse
    o[0] += 1;
    o[1] += 1;
}
void on_post_synapse(real& weight, const real* o, real* r, const Parameters& p) {
    weight = evsim::bounded(weight + r[0] * (p.a2_plus + p.a3_plus * o[2]), p.w_min, p.w_max);
}
