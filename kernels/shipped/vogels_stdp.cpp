// Inhibitory plasticity (Vogels, Sprekeler, Zenke, Clopath & Gerstner 2011): pairs of spikes in either order make a
// synapse stronger, and every input spike alone makes it weaker, until the neuron fires at the rate alpha / (2 tau):
//   at t_pre: |w| <- |w| + rate (y - alpha),   at t_post: |w| <- |w| + rate x,
// x, y the traces of input and output spikes. Weights are sign |w|, and |w| stays within [0, w_max].
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(rate = 0.01, alpha = 0.12, tau = 20, w_max = INFINITY, sign = -1)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau); }

inline real changed(real weight, real change, const Parameters& p) {
    return p.sign * evsim::bounded(p.sign * weight + p.rate * change, real(0), p.w_max);
}

void on_pre_synapse(real& weight, const real* y, real* x, const Parameters& p) {
    weight = changed(weight, y[0] - p.alpha, p);
    x[0] += 1;
}
void on_post_neuron(real* y) { y[0] += 1; }
void on_post_synapse(real& weight, const real*, real* x, const Parameters& p) { weight = changed(weight, x[0], p); }
