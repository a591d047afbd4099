// Leaky integrate-and-fire neuron with conductance-based synapses:
//   capacitance v' = g_leak (v_rest - v) + g_e (e_exc - v) + g_i (e_inh - v) + bias,
//   tau_exc g_e' = -g_e,   tau_inh g_i' = -g_i,   v >= threshold: spike, then v <- v_reset.
// A spike of weight w: g_e <- g_e + w where w > 0, g_i <- g_i - w where it is negative.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/taylor.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct CobaLifEquations {
    EVSIM_FN static constexpr bool jumps(int) { return false; }
    static constexpr const char* neuron_names[] = {"capacitance", "g_leak",    "v_rest",  "e_exc", "e_inh", "tau_exc",
                                                   "tau_inh",     "threshold", "v_reset", "bias",  "v_init"};
    static constexpr const char* observable_names[] = {"v", "g_exc", "g_inh"};

    struct Neuron {
        double capacitance, g_leak, v_rest, e_exc, e_inh, tau_exc, tau_inh, threshold, v_reset, bias, v_init;
    };
    template <class V>
    struct State {
        V v, g_exc, g_inh;
    };

    static constexpr int n_kept = 3, n_series = 3;
    struct Flow {
        Neuron n;
        double peak, per_capacitance, exc_rate, inh_rate;
        double rate[n_series], scale[n_series];

        EVSIM_FN explicit Flow(const Neuron& neuron)
            : n(neuron),
              peak(neuron.threshold),
              per_capacitance(1.0 / neuron.capacitance),
              exc_rate(1.0 / neuron.tau_exc),
              inh_rate(1.0 / neuron.tau_inh),
              rate{neuron.g_leak * per_capacitance, exc_rate, inh_rate},
              scale{std::fabs(neuron.threshold - neuron.v_reset), neuron.g_leak, neuron.g_leak} {}

        EVSIM_FN void begin(const State<double>& s, PowerSeries* series) const {
            series[0].c[0] = s.v;
            series[1].c[0] = s.g_exc;
            series[2].c[0] = s.g_inh;
        }
        EVSIM_INLINE void next(int k, PowerSeries* series) const {
            PowerSeries &v = series[0], &g_exc = series[1], &g_inh = series[2];
            const double share = 1.0 / (k + 1);
            const double unit = per_capacitance * share, v0 = v.c[0];
            // Away from the potentials that pull, so that what is at rest has a slope of exactly zero.
            const double pull = g_exc.c[k] * (n.e_exc - v0) + g_inh.c[k] * (n.e_inh - v0);
            if (k == 0) {
                v.c[1] = (n.g_leak * (n.v_rest - v0) + pull + n.bias) * unit;
            } else {
                double moved = 0.0;
                EVSIM_UNROLL
                for (int j = 1; j < k; ++j) moved = multiply_add(g_exc.c[k - j] + g_inh.c[k - j], v.c[j], moved);
                const double all = n.g_leak + g_exc.c[0] + g_inh.c[0];
                v.c[k + 1] = multiply_add(-all * unit, v.c[k], (pull - moved) * unit);
            }
            g_exc.c[k + 1] = -exc_rate * g_exc.c[k] * share;
            g_inh.c[k + 1] = -inh_rate * g_inh.c[k] * share;
        }
        /// The potential moves towards the mean of v_rest and the reversal potentials, weighed by conductances; none of
        /// what is to come may bring that above threshold.
        EVSIM_FN bool quiet(const State<double>& s) const {
            const double leak = n.g_leak * (n.threshold - n.v_rest) - n.bias;
            const double up = s.g_exc * (n.e_exc - n.threshold), down = s.g_inh * (n.threshold - n.e_inh);
            const bool alone = leak - positive_part(up) - positive_part(-down) > 0.0;
            const bool outlasted = leak > 0.0 && down > 0.0 && n.tau_inh >= n.tau_exc && leak + down - up > 0.0;
            return s.v < n.threshold && (alone || outlasted);
        }
    };

    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init, 0.0, 0.0}; }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const { s.v = n.v_reset; }
    EVSIM_FN void flow_held(State<double>& s, const Neuron& n, double duration) const {
        s.g_exc *= exponential_of_nonpositive(-duration / n.tau_exc).value;
        s.g_inh *= exponential_of_nonpositive(-duration / n.tau_inh).value;
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.g_exc += positive_part(weight);
        s.g_inh += positive_part(-weight);
    }
    EVSIM_FN static Endless endless(const Neuron& n) {
        const double leak = n.g_leak * (n.threshold - n.v_rest) - n.bias;
        return leak > 0.0 ? Endless::never : leak < 0.0 ? Endless::always : Endless::unknown;
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int k) const {
        return k == 0 ? s.v : k == 1 ? s.g_exc : s.g_inh;
    }
};

using CobaLif = Taylor<CobaLifEquations>;

}  // namespace EVSIM_ISA
}  // namespace evsim
