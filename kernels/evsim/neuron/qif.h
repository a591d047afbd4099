// Quadratic integrate-and-fire neuron:
//   tau_mem v' = gain (v - v_rest) (v - v_c) + i + bias,   tau_syn i' = -i,   v >= v_peak: spike, then v <- v_reset.
// A spike of weight w: i <- i + w; or, with tau_syn = 0, v <- v + w.
#pragma once

#include <evsim/neuron/riccati.h>
#include <evsim/neuron/taylor.h>
#include <evsim/neuron/taylor_input.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct QifEquations : TakesInput {
    static constexpr const char* neuron_names[] = {"tau_mem", "tau_syn", "v_rest", "v_c",   "gain",
                                                   "v_peak",  "v_reset", "bias",   "v_init"};
    static constexpr const char* observable_names[] = {"v", "i"};

    struct Neuron {
        double tau_mem, tau_syn, v_rest, v_c, gain, v_peak, v_reset, bias, v_init;
        EVSIM_FN double lowest() const { return 0.5 * (v_rest + v_c); }  ///< where the parabola has its minimum
        /// Slope times tau_mem at v, with constant input.
        EVSIM_FN double drive(double v, double input) const { return gain * (v - v_rest) * (v - v_c) + input; }
    };
    template <class V>
    struct State {
        V v, i;  ///< see TaylorInput
    };

    static constexpr int n_kept = 2, n_series = 2;
    struct Flow {
        Neuron n;
        TaylorInput input;
        double peak, mem_rate;
        double rate[n_series], scale[n_series];

        EVSIM_FN explicit Flow(const Neuron& neuron)
            : n(neuron),
              input(neuron.tau_syn),
              peak(neuron.v_peak),
              mem_rate(1.0 / neuron.tau_mem),
              rate{mem_rate, input.rate_beside(mem_rate)},
              scale{1.0 / neuron.gain, 1.0 / neuron.gain} {}

        EVSIM_FN void begin(const State<double>& s, PowerSeries* series) const {
            series[0].c[0] = input.v(s);
            series[1].c[0] = input.i(s);
        }
        EVSIM_INLINE void next(int k, PowerSeries* series) const {
            PowerSeries &v = series[0], &i = series[1];
            const double share = 1.0 / (k + 1);
            const double slope = n.gain * (2.0 * v.c[0] - n.v_rest - n.v_c);  // of the parabola
            const double unit = mem_rate * share;
            if (k == 0) {
                v.c[1] = n.drive(v.c[0], i.c[0] + n.bias) * unit;
            } else {
                const double rest = with_inside_of_square(unit * i.c[k], unit * n.gain, v, k);
                v.c[k + 1] = multiply_add(slope * unit, v.c[k], rest);
            }
            i.c[k + 1] = -input.rate * i.c[k] * share;
        }
        /// With constant input there is no need for series.
        EVSIM_FN bool is_solved(const State<double>& s) const {
            return input.jumps || s.i == 0.0 || input.rate < 1e-300;
        }
        EVSIM_FN double rise_to_peak(const State<double>& s) const {
            return input.v(s) >= peak ? 0.0 : riccati(s).rise(point(s, input.v(s)), point(s, peak));
        }
        EVSIM_FN State<double> at_peak(const State<double>& s) const { return {larger(input.v(s), peak), input.i(s)}; }
        EVSIM_FN State<double> after(const State<double>& s, double duration) const {
            return {n.lowest() + riccati(s).after(point(s, input.v(s)), duration), input.i(s)};
        }
        /// Below the parabola's minimum, where even the largest input to come leaves the slope negative.
        EVSIM_FN bool quiet(const State<double>& s) const {
            const double most = positive_part(input.i(s)) + n.bias;
            return input.v(s) < n.lowest() && n.lowest() < peak && n.drive(n.lowest(), most) < 0.0;
        }

     private:
        EVSIM_FN Riccati riccati(const State<double>& s) const {
            return {n.gain * mem_rate, -n.drive(n.lowest(), input.i(s) + n.bias) / n.gain};
        }
        EVSIM_FN RiccatiPoint point(const State<double>& s, double v) const {
            return {v - n.lowest(), n.drive(v, input.i(s) + n.bias) / n.gain};
        }
    };

    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init, 0.0}; }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const { s.v = n.v_reset; }
    EVSIM_FN void flow_held(State<double>& s, const Neuron& n, double duration) const {
        s.i = TaylorInput(n.tau_syn).later(s, duration);
    }
    /// With a stable rest it needs input, unless a reset leads beyond the unstable one.
    EVSIM_FN static Endless endless(const Neuron& n) {
        if (!(n.drive(n.lowest(), n.bias) < 0.0)) return Endless::always;
        const bool falls = n.v_reset < n.lowest() || n.drive(n.v_reset, n.bias) < 0.0;
        return falls && n.lowest() < n.v_peak ? Endless::never : Endless::unknown;
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int k) const {
        const TaylorInput input(n.tau_syn);
        return k == 0 ? input.v(s) : input.i(s);
    }
};

using Qif = Taylor<QifEquations>;

}  // namespace EVSIM_ISA
}  // namespace evsim
