// Simplified STDP (Kheradpisheh et al. 2018): at an output spike, for every input of its neuron,
//   dw = a_plus f(w) if the input has fired by then, dw = -a_minus f(w) if it has not;
//   f(w) = (w - w_min)(w_max - w) if multiplicative, else 1; w stays within [w_min, w_max].
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(a_plus = 0.004, a_minus = 0.003, multiplicative = 1, w_min = 0, w_max = 1)

auto synaptic_traces_tau() { return evsim::time_constants(INFINITY); }

void on_pre_synapse(real weight, const real*, real* fired) { fired[0] = 1; }
void on_post_synapse(real& weight, const real*, real* fired, const Parameters& p) {
    const real w = evsim::bounded(weight, p.w_min, p.w_max);
    const real scale = p.multiplicative != 0 ? (w - p.w_min) * (p.w_max - w) : real(1);
    weight = evsim::bounded(w + (fired[0] != 0 ? p.a_plus : -p.a_minus) * scale, p.w_min, p.w_max);
}
