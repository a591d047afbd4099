// A peak that moves, around any exponential neuron: it jumps at every spike and comes back,
//   tau_peak h' = -h,   v >= v_peak + h: spike, then h <- h + peak_jump.
#pragma once

#include <evsim/neuron/exp_lif.h>
#include <evsim/neuron/taylor.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Names of the equations' parameters and variables, and those of the peak.
template <class Equations>
struct AdaptivePeakNames {
    static constexpr int n_neuron = static_cast<int>(sizeof(typename Equations::Neuron) / sizeof(double));
    static constexpr int n_observables = Equations::n_kept;
    const char* neuron_names[n_neuron + 2] = {};
    const char* observable_names[n_observables + 1] = {};

    constexpr AdaptivePeakNames() {
        for (int k = 0; k < n_neuron; ++k) neuron_names[k] = Equations::neuron_names[k];
        neuron_names[n_neuron] = "peak_jump";
        neuron_names[n_neuron + 1] = "tau_peak";
        for (int k = 0; k < n_observables; ++k) observable_names[k] = Equations::observable_names[k];
        observable_names[n_observables] = "peak";
    }
};
template <class Equations>
inline constexpr AdaptivePeakNames<Equations> adaptive_peak_names{};

/// Of equations whose Neuron has v_peak, v_t and delta_t.
template <class Equations>
struct AdaptivePeak : Equations {
    static constexpr const auto& neuron_names = adaptive_peak_names<Equations>.neuron_names;
    static constexpr const auto& observable_names = adaptive_peak_names<Equations>.observable_names;

    struct Neuron : Equations::Neuron {
        double peak_jump, tau_peak;
    };
    template <class V>
    struct State : Equations::template State<V> {
        V h;
    };

    /// Series: those of the equations, h, and v - h, which crosses the peak where v crosses the peak + h.
    static constexpr int n_kept = Equations::n_kept + 1, n_series = Equations::n_series + 2;
    static constexpr int moved = Equations::n_series, watched = moved + 1;
    EVSIM_FN static constexpr int kept(int k) { return k < Equations::n_kept ? k : moved; }

    struct Flow {
        typename Equations::Flow membrane;
        double peak, steepness, peak_rate;
        double rate[n_series], scale[n_series];

        EVSIM_FN explicit Flow(const Neuron& n)
            : membrane(n), peak(n.v_peak), steepness(membrane.steepness), peak_rate(1.0 / n.tau_peak) {
            for (int k = 0; k < moved; ++k) {
                rate[k] = membrane.rate[k];
                scale[k] = membrane.scale[k];
            }
            rate[moved] = larger(peak_rate, 1e-3 * rate[0]);  // of the same order, however slow it is
            rate[watched] = larger(rate[0], peak_rate);
            scale[moved] = scale[watched] = scale[0];
        }

        EVSIM_FN void begin(const State<double>& s, PowerSeries* series) const {
            membrane.begin(s, series);
            series[moved].c[0] = s.h;
            series[watched].c[0] = series[0].c[0] - s.h;
        }
        EVSIM_FN double exponent(const PowerSeries* series) const { return membrane.exponent(series); }
        EVSIM_INLINE void next(int k, PowerSeries* series) const {
            membrane.next(k, series);
            series[moved].c[k + 1] = -peak_rate * series[moved].c[k] * (1.0 / (k + 1));
            series[watched].c[k + 1] = series[0].c[k + 1] - series[moved].c[k + 1];
        }
        /// The membrane's, up to where the peak is by then: while v is so steep, the peak hardly moves.
        EVSIM_FN double rest_of_upswing(const PowerSeries* series, double tolerance, State<double>& end) const {
            const double h = series[moved].c[0], exponent_now = exponent(series);
            const double speed = peak_rate * std::fabs(h) * steepness;  // of the peak, in delta_t
            if (!(std::exp(-exponent_now) * speed < 0.01 * rate[0])) return never();
            typename Equations::Flow towards = membrane;
            double duration = 0.0, remains = h;
            for (int k = 0; k < 8; ++k) {
                remains = h * exponential_of_nonpositive(-peak_rate * duration).value;
                towards.peak = peak_of_upswing(peak + remains, towards.n.v_t, towards.n.delta_t);
                typename Equations::template State<double>& to = end;
                const double next = towards.rest_of_upswing(series, tolerance, to);
                if (!(next > 0.0) || next == duration) {
                    duration = next < 0.0 ? 0.0 : next;
                    break;
                }
                duration = next;
            }
            end.h = remains;
            return duration;
        }
        EVSIM_FN bool quiet(const State<double>& s) const {
            return membrane.quiet(s) && membrane.n.v_t < peak + (s.h < 0.0 ? s.h : 0.0);
        }
        EVSIM_FN double over_peak(const State<double>& s) const { return membrane.input.v(s) - s.h; }
    };

    EVSIM_FN State<double> initial(const Neuron& n) const { return {Equations::initial(n), 0.0}; }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        Equations::fire(s, n);
        s.h += n.peak_jump;
    }
    EVSIM_FN void flow_held(State<double>& s, const Neuron& n, double duration) const {
        Equations::flow_held(s, n, duration);
        s.h *= exponential_of_nonpositive(-duration / n.tau_peak).value;
    }
    /// A peak that sinks may sink to the reset.
    EVSIM_FN static Endless endless(const Neuron& n) {
        const Endless fixed = Equations::endless(n);
        return fixed == Endless::never && n.peak_jump < 0.0 ? Endless::unknown : fixed;
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int k) const {
        return k < Equations::n_kept ? Equations::observe(s, n, k) : n.v_peak + s.h;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
