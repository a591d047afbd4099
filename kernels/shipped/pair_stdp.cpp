// Pair-based STDP, all pairs (Song, Miller & Abbott 2000; Morrison et al. 2008, eq. 1):
//   dw = a_plus e^{-(t_post - t_pre)/tau_plus} for every pair with t_pre before t_post,
//   dw = -a_minus e^{-(t_pre - t_post)/tau_minus} for every other pair; w stays within [w_min, w_max].
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(a_plus = 0.01, a_minus = 0.012, tau_plus = 20, tau_minus = 20, w_min = -INFINITY, w_max = INFINITY)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_plus); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_minus); }

void on_pre_synapse(real& weight, const real* post, real* pre, const Parameters& p) {
    weight = evsim::bounded(weight - p.a_minus * post[0], p.w_min, p.w_max);
    pre[0] += 1;
}
void on_post_neuron(real* post) { post[0] += 1; }
void on_post_synapse(real& weight, const real* post, real* pre, const Parameters& p) {
    weight = evsim::bounded(weight + p.a_plus * pre[0], p.w_min, p.w_max);
}
