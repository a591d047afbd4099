// Voltage-based plasticity (Brader, Senn & Fusi 2007, eqs. 3-5, without the drift between spikes): an input spike looks
// at the membrane potential v and at the calcium c that output spikes leave behind,
//   v > v_theta and c_up_low < c < c_up_high:       w <- w + a,
//   v <= v_theta and c_down_low < c < c_down_high:  w <- w - b; w stays within [w_min, w_max].
#include <evsim/callbacks.h>

using evsim::real;

EVSIM_PARAMETERS(a = 0.1, b = 0.1, v_theta = 0.8, tau_calcium = 60, c_up_low = 3, c_up_high = 13, c_down_low = 3,
                 c_down_high = 4, w_min = 0, w_max = 1)

auto neuron_traces_tau(const Parameters& p) { return evsim::time_constants(p.tau_calcium); }

void on_pre_synapse(real& weight, const real* calcium, real*, const Parameters& p, const evsim::Context& context) {
    const bool high = context.v() > p.v_theta;
    const bool up = high && calcium[0] > p.c_up_low && calcium[0] < p.c_up_high;
    const bool down = !high && calcium[0] > p.c_down_low && calcium[0] < p.c_down_high;
    weight = evsim::bounded(weight + (up ? p.a : real(0)) - (down ? p.b : real(0)), p.w_min, p.w_max);
}
void on_post_neuron(real* calcium) { calcium[0] += 1; }
