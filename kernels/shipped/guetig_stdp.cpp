// Pair STDP with steps that depend on the weight, all pairs (Gütig, Aharonov, Rotter & Sompolinsky 2003), with
// x = w / w_max:
//   dw = rate w_max (1 - x)^mu_plus e^{-(t_post - t_pre)/tau_plus} for every pair with t_pre before t_post,
//   dw = -rate alpha w_max x^mu_minus e^{-(t_pre - t_post)/tau_minus} for every other pair; w stays within [0, w_max].
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(rate = 0.01, alpha = 1, mu_plus = 1, mu_minus = 1, tau_plus = 20, tau_minus = 20, w_max = 1)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_plus); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_minus); }

inline real power(real base, real exponent) {
    return exponent == 0 ? real(1) : exponent == 1 ? base : static_cast<real>(std::pow(base, exponent));
}

void on_pre_synapse(real& weight, const real* post, real* pre, const Parameters& p) {
    const real w = evsim::bounded(weight, real(0), p.w_max);
    const real step = p.rate * p.alpha * p.w_max * power(w / p.w_max, p.mu_minus);
    weight = evsim::bounded(w - step * post[0], real(0), p.w_max);
    pre[0] += 1;
}
void on_post_neuron(real* post) { post[0] += 1; }
void on_post_synapse(real& weight, const real* post, real* pre, const Parameters& p) {
    const real w = evsim::bounded(weight, real(0), p.w_max);
    const real step = p.rate * p.w_max * power(1 - w / p.w_max, p.mu_plus);
    weight = evsim::bounded(w + step * pre[0], real(0), p.w_max);
}
