// Exponential integrate-and-fire neuron (Fourcaud-Trocme et al. 2003):
//   tau_mem v' = v_rest - v + delta_t e^{(v - v_t) / delta_t} + i + bias,   tau_syn i' = -i,
//   v >= v_peak: spike, then v <- v_reset.
// A spike of weight w: i <- i + w; or, with tau_syn = 0, v <- v + w.
#pragma once

#include <evsim/neuron/taylor.h>
#include <evsim/neuron/taylor_input.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// The potential at which an exponential upswing counts as a spike: the peak, or what lies e^-40 time constants before
/// the blow-up, where 1e-17 of them are left.
EVSIM_FN double peak_of_upswing(double v_peak, double v_t, double delta_t) {
    const double near_blow_up = v_t + 40.0 * delta_t;
    return v_peak < near_blow_up ? v_peak : near_blow_up;
}

/// The end of an exponential upswing, from v to the peak, by the variable y = e^{-(v - v_t) / delta_t}, which falls
/// almost uniformly: tau y' = -(1 + y g), g = (v_rest + input - v_t) / delta_t + log(y). Good to y^3 g^2 / 3 time
/// constants.
struct Upswing {
    double y, log_y, at_peak, log_at_peak, offset;

    EVSIM_FN Upswing(double exponent, double exponent_of_peak, double offset_)
        : y(std::exp(-exponent)),
          log_y(-exponent),
          at_peak(std::exp(-exponent_of_peak)),
          log_at_peak(-exponent_of_peak),
          offset(offset_) {}

    /// Whether it is near enough to its end.
    EVSIM_FN bool ends(double tolerance) const {
        const double yg = y * (std::fabs(offset) + std::fabs(log_y) + 1.0);
        return log_y < 0.0 && yg < 0.01 && y * yg * yg < tolerance;
    }
    /// In time constants.
    EVSIM_FN double duration() const { return time(y, log_y) - time(at_peak, log_at_peak); }
    /// Of (v - v_t) / delta_t over the rest of it, per time constant.
    EVSIM_FN double integral_of_exponent() const { return integral(y, log_y) - integral(at_peak, log_at_peak); }
    /// What is left of something that decays.
    EVSIM_FN static double decayed(double value, double share) { return value * (1.0 - share + 0.5 * share * share); }

 private:
    EVSIM_FN double time(double x, double log_x) const { return x - x * x * (0.5 * (offset + log_x) - 0.25); }
    EVSIM_FN double integral(double x, double log_x) const {
        const double bent = offset * (log_x - 0.5) + log_x * log_x - log_x + 0.5;
        return x * (1.0 - log_x) + 0.5 * x * x * bent;
    }
};

struct ExpLifEquations : TakesInput {
    static constexpr const char* neuron_names[] = {"tau_mem", "tau_syn", "v_rest", "v_t",   "delta_t",
                                                   "v_peak",  "v_reset", "bias",   "v_init"};
    static constexpr const char* observable_names[] = {"v", "i"};

    struct Neuron {
        double tau_mem, tau_syn, v_rest, v_t, delta_t, v_peak, v_reset, bias, v_init;
        /// Slope times tau_mem at v, with constant input. Lowest at v_t.
        EVSIM_FN double drive(double v, double input) const {
            return v_rest - v + delta_t * std::exp((v - v_t) / delta_t) + input;
        }
    };
    template <class V>
    struct State {
        V v, i;  ///< see TaylorInput
    };

    static constexpr int n_kept = 2, n_series = 3;
    struct Flow {
        Neuron n;
        TaylorInput input;
        double peak, mem_rate, steepness;
        double rate[n_series], scale[n_series];

        EVSIM_FN explicit Flow(const Neuron& neuron)
            : n(neuron),
              input(neuron.tau_syn),
              peak(peak_of_upswing(neuron.v_peak, neuron.v_t, neuron.delta_t)),
              mem_rate(1.0 / neuron.tau_mem),
              steepness(1.0 / neuron.delta_t),
              rate{mem_rate, input.rate_beside(mem_rate), mem_rate},
              scale{neuron.delta_t, neuron.delta_t, 1.0} {}

        EVSIM_FN void begin(const State<double>& s, PowerSeries* series) const {
            series[0].c[0] = input.v(s);
            series[1].c[0] = input.i(s);
            series[2].c[0] = std::exp(exponent(series));
        }
        EVSIM_FN double exponent(const PowerSeries* series) const { return (series[0].c[0] - n.v_t) * steepness; }
        EVSIM_INLINE void next(int k, PowerSeries* series) const {
            PowerSeries &v = series[0], &i = series[1], &upswing = series[2];
            const double share = 1.0 / (k + 1), constant = k == 0 ? n.v_rest + n.bias : 0.0;
            const double rest = (constant - v.c[k] + i.c[k]) * (mem_rate * share);
            v.c[k + 1] = multiply_add(n.delta_t * mem_rate * share, upswing.c[k], rest);
            i.c[k + 1] = -input.rate * i.c[k] * share;
            upswing.c[k + 1] = next_of_exponential(upswing, v, steepness, k);
        }
        /// The end of an upswing in closed form, where that is good enough: how long it takes, and the state then.
        EVSIM_FN double rest_of_upswing(const PowerSeries* series, double tolerance, State<double>& end) const {
            const double i = series[1].c[0];
            const Upswing upswing(exponent(series), (peak - n.v_t) * steepness,
                                  (n.v_rest + n.bias + i - n.v_t) * steepness);
            if (!upswing.ends(tolerance)) return never();
            const double duration = upswing.duration() * n.tau_mem;
            end = {peak, Upswing::decayed(i, input.rate * duration)};
            return duration;
        }
        /// Below v_t, where even the largest input to come leaves the slope negative.
        EVSIM_FN bool quiet(const State<double>& s) const {
            const double most = positive_part(input.i(s)) + n.bias;
            return input.v(s) < n.v_t && n.v_t < peak && n.drive(n.v_t, most) < 0.0;
        }
    };

    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init, 0.0}; }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const { s.v = n.v_reset; }
    EVSIM_FN void flow_held(State<double>& s, const Neuron& n, double duration) const {
        s.i = TaylorInput(n.tau_syn).later(s, duration);
    }
    /// With a stable rest it needs input, unless a reset leads beyond the unstable one.
    EVSIM_FN static Endless endless(const Neuron& n) {
        if (!(n.drive(n.v_t, n.bias) < 0.0)) return Endless::always;
        const bool falls = n.v_reset < n.v_t || n.drive(n.v_reset, n.bias) < 0.0;
        return falls && n.v_t < n.v_peak ? Endless::never : Endless::unknown;
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int k) const {
        const TaylorInput input(n.tau_syn);
        return k == 0 ? input.v(s) : input.i(s);
    }
};

using ExpLif = Taylor<ExpLifEquations>;

}  // namespace EVSIM_ISA
}  // namespace evsim
