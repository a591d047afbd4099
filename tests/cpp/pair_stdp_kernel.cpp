// A compiled rule as evsim makes it from a user's source: pair STDP that writes weights, and an exception on demand;
// and a neuron model, LIF.
#define EVSIM_ISA user
#define EVSIM_REAL double
#include <stdexcept>

#include <evsim/callbacks.h>
#include <evsim/neuron/models.h>

using evsim::real;

EVSIM_PARAMETERS(a_plus = 0.01, a_minus = 0.02, tau = 20, throw_at = -1)

auto synaptic_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau); }
auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau); }

void on_pre_synapse(real& weight, const real* post, real* pre, const Parameters& p, const evsim::Context& context) {
    if (p.throw_at >= 0 && context.time >= p.throw_at) throw std::runtime_error("as asked for");
    weight -= p.a_minus * post[0];
    pre[0] += 1;
}
void on_post_neuron(real* post) { post[0] += 1; }
void on_post_synapse(real& weight, const real*, real* pre, const Parameters& p) { weight += p.a_plus * pre[0]; }

#include <evsim/loops/user_rule_table.h>
EVSIM_EXPORT_RULE("pair_stdp")
#include <evsim/loops/user_kernel.h>
EVSIM_EXPORT_KERNEL("lif", evsim::model_lif)
