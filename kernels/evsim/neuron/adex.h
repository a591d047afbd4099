// Adaptive exponential integrate-and-fire neuron (Brette & Gerstner 2005):
//   capacitance v' = g_leak (v_rest - v) + g_leak delta_t e^{(v - v_t) / delta_t} - w + i + bias,
//   tau_w w' = a (v - v_rest) - w,   tau_syn i' = -i,   v >= v_peak: spike, then v <- v_reset, w <- w + b.
// A spike of weight x: i <- i + x; or, with tau_syn = 0, v <- v + x.
#pragma once

#include <evsim/neuron/exp_lif.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct AdExEquations : TakesInput {
    static constexpr const char* neuron_names[] = {"capacitance", "g_leak",  "v_rest", "v_t",    "delta_t",
                                                   "a",           "b",       "tau_w",  "v_peak", "v_reset",
                                                   "bias",        "tau_syn", "v_init", "w_init"};
    static constexpr const char* observable_names[] = {"v", "i", "w"};

    struct Neuron {
        double capacitance, g_leak, v_rest, v_t, delta_t, a, b, tau_w, v_peak, v_reset, bias, tau_syn, v_init, w_init;
    };
    template <class V>
    struct State {
        V v, w, i;  ///< see TaylorInput
    };

    static constexpr int n_kept = 3, n_series = 4;
    struct Flow {
        Neuron n;
        TaylorInput input;
        double peak, per_capacitance, w_rate, steepness;
        double rate[n_series], scale[n_series];

        EVSIM_FN explicit Flow(const Neuron& neuron)
            : n(neuron),
              input(neuron.tau_syn),
              peak(peak_of_upswing(neuron.v_peak, neuron.v_t, neuron.delta_t)),
              per_capacitance(1.0 / neuron.capacitance),
              w_rate(1.0 / neuron.tau_w),
              steepness(1.0 / neuron.delta_t),
              rate{neuron.g_leak * per_capacitance, w_rate, input.rate_beside(neuron.g_leak * per_capacitance),
                   neuron.g_leak * per_capacitance},
              scale{neuron.delta_t, neuron.g_leak * neuron.delta_t, neuron.g_leak * neuron.delta_t, 1.0} {}

        EVSIM_FN void begin(const State<double>& s, PowerSeries* series) const {
            series[0].c[0] = input.v(s);
            series[1].c[0] = s.w;
            series[2].c[0] = input.i(s);
            series[3].c[0] = std::exp(exponent(series));
        }
        EVSIM_FN double exponent(const PowerSeries* series) const { return (series[0].c[0] - n.v_t) * steepness; }
        EVSIM_INLINE void next(int k, PowerSeries* series) const {
            PowerSeries &v = series[0], &w = series[1], &i = series[2], &upswing = series[3];
            const double share = 1.0 / (k + 1), from_rest = k == 0 ? v.c[0] - n.v_rest : v.c[k];
            const double current = i.c[k] - w.c[k] + (k == 0 ? n.bias : 0.0);
            const double rest = multiply_add(-n.g_leak, from_rest, current) * (per_capacitance * share);
            v.c[k + 1] = multiply_add(n.g_leak * n.delta_t * per_capacitance * share, upswing.c[k], rest);
            w.c[k + 1] = multiply_add(n.a * w_rate * share, from_rest, -(w_rate * share) * w.c[k]);
            i.c[k + 1] = -input.rate * i.c[k] * share;
            upswing.c[k + 1] = next_of_exponential(upswing, v, steepness, k);
        }
        /// As of ExpLif.
        EVSIM_FN double rest_of_upswing(const PowerSeries* series, double tolerance, State<double>& end) const {
            const double w = series[1].c[0], i = series[2].c[0];
            const double pull = (n.bias + i - w) / n.g_leak;
            const Upswing upswing(exponent(series), (peak - n.v_t) * steepness, (n.v_rest + pull - n.v_t) * steepness);
            if (!upswing.ends(tolerance)) return never();
            const double tau = n.capacitance / n.g_leak, duration = upswing.duration() * tau;
            const double from_rest = (n.v_t - n.v_rest) * duration + upswing.integral_of_exponent() * n.delta_t * tau;
            const double change = (n.a * from_rest - w * duration) * w_rate * (1.0 - 0.5 * duration * w_rate);
            end = {peak, w + change, Upswing::decayed(i, input.rate * duration)};
            return duration;
        }
        EVSIM_FN bool quiet(const State<double>&) const { return false; }
    };

    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init, n.w_init, 0.0}; }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        s.v = n.v_reset;
        s.w += n.b;
    }
    EVSIM_FN void flow_held(State<double>& s, const Neuron& n, double duration) const {
        s.w += (s.w - n.a * (s.v - n.v_rest)) * exponential_of_nonpositive(-duration / n.tau_w).minus_one;
        s.i = TaylorInput(n.tau_syn).later(s, duration);
    }
    /// Bursts may keep themselves going.
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::unknown; }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int k) const {
        const TaylorInput input(n.tau_syn);
        return k == 0 ? input.v(s) : k == 1 ? input.i(s) : s.w;
    }
};

using AdEx = Taylor<AdExEquations>;

}  // namespace EVSIM_ISA
}  // namespace evsim
