// Oja's rule, as evsim.spark has it: K' = eta (y x - K y^2), where y is the trace of output spikes, which jump by
// 1 / post_tau, x the input spikes, and K >= 0 the size of a weight. From one event of a synapse to its next y decays,
// and
//   K(t) = K(s) e^{-eta post_tau (y(s)^2 - y(t)^2) / 2}.
// The first trace of a synapse is 1 where its input is inhibitory, and 0 elsewhere; the second is y as of its last
// event. Traces jump by 1 here: they are y post_tau.
#include <evsim/exponential.h>
#include <evsim/plasticity/magnitude.h>

using evsim::real;

EVSIM_PARAMETERS(eta = 0.1, post_tau = 20)

auto synaptic_traces_tau() { return evsim::time_constants(INFINITY, INFINITY); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.post_tau, INFINITY); }

/// What is left of the weight, when the trace has gone down from `since` to `now`.
inline real remaining(real since, real now, const Parameters& p) {
    const real lost = p.eta / (2 * p.post_tau) * (since - now) * (since + now);
    return evsim::exponential_of_nonpositive(lost > 0 ? -lost : real(0)).value;
}

void on_pre_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p) {
    const real sign = evsim::sign_of_synapse(weight, synapse[0] == 1);
    const real left = weight * remaining(synapse[1], neuron[0], p);
    weight = evsim::grown(left, sign, p.eta / p.post_tau * neuron[0], real(INFINITY));
    synapse[1] = neuron[0];
}
void on_post_neuron(real* neuron) {
    neuron[1] = neuron[0];  // before this spike, for on_post_synapse
    neuron[0] += 1;
}
void on_post_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p) {
    weight *= remaining(synapse[1], neuron[1], p);
    synapse[1] = neuron[0];
}
