// The rule of spark_quadruplet.cpp with parameters for four types of synapses, as evsim.spark has it
// (QuadrupletRuleTensor). Types are named by the neuron and then its input: 0 is ee, 1 ei, 2 ie, 3 ii, so that inputs
// are inhibitory in ei and ii. The first trace of a synapse is its type; of the others, those of its type are used.
#include <evsim/plasticity/magnitude.h>

using evsim::real;

EVSIM_PARAMETERS(alpha_ee = 0.1, alpha_ei = 0.1, alpha_ie = 0.1, alpha_ii = 0.1,          //
                 beta_ee = 0.01, beta_ei = 0.01, beta_ie = 0.01, beta_ii = 0.01,          //
                 gamma_ee = 0.1, gamma_ei = 0.1, gamma_ie = 0.1, gamma_ii = 0.1,          //
                 delta_ee = 0.01, delta_ei = 0.01, delta_ie = 0.01, delta_ii = 0.01,      //
                 max_clip_ee = 20, max_clip_ei = 20, max_clip_ie = 20, max_clip_ii = 20,  //
                 pre_tau_ee = 10, pre_tau_ei = 10, pre_tau_ie = 10, pre_tau_ii = 10,      //
                 post_tau_ee = 10, post_tau_ei = 10, post_tau_ie = 10, post_tau_ii = 10)

#define OF_TYPE(name) (type == 0 ? p.name##_ee : type == 1 ? p.name##_ei : type == 2 ? p.name##_ie : p.name##_ii)

auto synaptic_traces_tau(const Parameters& p) {
    return evsim::time_constants(INFINITY, p.pre_tau_ee, p.pre_tau_ei, p.pre_tau_ie, p.pre_tau_ii);
}
auto neuron_traces_tau(const Parameters& p) {
    return evsim::time_constants(p.post_tau_ee, p.post_tau_ei, p.post_tau_ie, p.post_tau_ii);
}

inline int type_of(real weight, real mark) {
    const int type = mark == 1 ? 1 : mark == 2 ? 2 : mark == 3 ? 3 : 0;
    return weight < 0 && (type == 0 || type == 2) ? type + 1 : type;
}

void on_pre_synapse(real& weight, const real* neuron, real* synapse, const Parameters& p) {
    const int type = type_of(weight, synapse[0]);
    const real sign = evsim::sign_of_synapse(weight, type == 1 || type == 3);
    weight = evsim::grown(weight, sign, OF_TYPE(alpha) + OF_TYPE(beta) * neuron[type], OF_TYPE(max_clip));
    synapse[1 + type] += 1;
}
void on_post_neuron(real* neuron) {
    for (int type = 0; type < 4; ++type) neuron[type] += 1;
}
void on_post_synapse(real& weight, const real*, real* synapse, const Parameters& p) {
    const int type = type_of(weight, synapse[0]);
    const real sign = evsim::sign_of_synapse(weight, type == 1 || type == 3);
    weight = evsim::grown(weight, sign, OF_TYPE(gamma) + OF_TYPE(delta) * synapse[1 + type], OF_TYPE(max_clip));
}
