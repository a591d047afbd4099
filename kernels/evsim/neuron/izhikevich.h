// Izhikevich's neuron (2003, 2004), with any quadratic:
//   v' = square v^2 + linear v + constant - u + i + bias,   u' = a (b (v - v_u) - u_leak u),   tau_syn i' = -i,
//   v >= v_peak: spike, then v <- c, u <- u + d.
// A spike of weight w: i <- i + w; or, with tau_syn = 0, v <- v + w.
#pragma once

#include <evsim/neuron/taylor.h>
#include <evsim/neuron/taylor_input.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct IzhikevichEquations : TakesInput {
    static constexpr const char* neuron_names[] = {"a",        "b",    "c",   "d",      "v_peak",  "square", "linear",
                                                   "constant", "bias", "v_u", "u_leak", "tau_syn", "v_init", "u_init"};
    static constexpr const char* observable_names[] = {"v", "i", "u"};

    struct Neuron {
        double a, b, c, d, v_peak, square, linear, constant, bias, v_u, u_leak, tau_syn, v_init, u_init;
    };
    template <class V>
    struct State {
        V v, u, i;  ///< see TaylorInput
    };

    static constexpr int n_kept = 3, n_series = 3;
    struct Flow {
        Neuron n;
        TaylorInput input;
        double peak;
        double rate[n_series], scale[n_series];

        EVSIM_FN explicit Flow(const Neuron& neuron)
            : n(neuron),
              input(neuron.tau_syn),
              peak(neuron.v_peak),
              rate{1.0, larger(std::fabs(neuron.a), 1e-3), input.rate_beside(1.0)},
              scale{1.0, 1.0, 1.0} {}

        EVSIM_FN void begin(const State<double>& s, PowerSeries* series) const {
            series[0].c[0] = input.v(s);
            series[1].c[0] = s.u;
            series[2].c[0] = input.i(s);
        }
        EVSIM_INLINE void next(int k, PowerSeries* series) const {
            PowerSeries &v = series[0], &u = series[1], &i = series[2];
            const double share = 1.0 / (k + 1), at = v.c[0];
            i.c[k + 1] = -input.rate * i.c[k] * share;
            if (k == 0) {
                v.c[1] = (n.square * at + n.linear) * at + n.constant + n.bias - u.c[0] + i.c[0];
                u.c[1] = n.a * (n.b * (at - n.v_u) - n.u_leak * u.c[0]);
            } else {
                const double rest = with_inside_of_square(i.c[k], n.square, v, k) * share;
                v.c[k + 1] =
                    multiply_add((2.0 * n.square * at + n.linear) * share, v.c[k], multiply_add(-share, u.c[k], rest));
                u.c[k + 1] = multiply_add(n.a * n.b, v.c[k], -n.a * n.u_leak * u.c[k]) * share;
            }
        }
        EVSIM_FN bool quiet(const State<double>&) const { return false; }
    };

    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init, n.u_init, 0.0}; }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        s.v = n.c;
        s.u += n.d;
    }
    EVSIM_FN void flow_held(State<double>& s, const Neuron& n, double duration) const {
        const double rate = n.a * n.u_leak, slope = n.a * n.b * (s.v - n.v_u) - rate * s.u;
        s.u += slope * (rate == 0.0 ? duration : -std::expm1(-rate * duration) / rate);
        s.i = TaylorInput(n.tau_syn).later(s, duration);
    }
    /// Bursts may keep themselves going.
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::unknown; }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int k) const {
        const TaylorInput input(n.tau_syn);
        return k == 0 ? input.v(s) : k == 1 ? input.i(s) : s.u;
    }
};

using Izhikevich = Taylor<IzhikevichEquations>;

}  // namespace EVSIM_ISA
}  // namespace evsim
