// Leaky membrane driven by an exponentially decaying synaptic current: tau_mem v' = -v + i, tau_syn i' = -i.
// v is measured from its resting value under constant bias.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/parameters.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// What a gap does to (v, i), computed once per event for a whole layer:
/// v <- v + v * mem_change + i * syn_to_mem, i <- i + i * syn_change.
/// Changes, not factors: close to 1 a factor in float would lose most digits of the rate of decay.
template <class T>
struct CurrentMembraneGap {
    T mem_change;  ///< e^{-gap/tau_mem} - 1
    T syn_to_mem;
    T syn_change;  ///< e^{-gap/tau_syn} - 1
    /// -mem_change, rounded up. While i >= 0 it only decays, so v stays below v + v * mem_change + i * tangent.
    T tangent;
};

/// The time constants as their gap is computed from in the type of the state, for neurons that each have their own.
template <class V>
struct CurrentMembraneRates {
    V slow;      ///< minus the rate of the slower of the two exponentials
    V step;      ///< |rate_mem - rate_syn| / that rate
    V coupling;  ///< minus that of CurrentMembrane
    V equal;     ///< -1 for equal time constants, else 0
    V mem_is_slow;
};

struct CurrentMembrane {
    static constexpr double up = 1.0 + 1e-6;  ///< more than the rounding of a float

    double tau_mem, tau_syn;
    double rate_mem, rate_syn;  ///< their inverses
    double rate_step;           ///< |rate_mem - rate_syn|
    double coupling;            ///< rate_mem / rate_step, or 0 for equal time constants
    double equal_coupling;      ///< rate_mem for equal time constants, else 0

    EVSIM_FN CurrentMembrane(double tau_mem_, double tau_syn_)
        : tau_mem(tau_mem_),
          tau_syn(tau_syn_),
          rate_mem(1.0 / tau_mem_),
          rate_syn(1.0 / tau_syn_),
          // tau_mem - tau_syn is exact for close time constants, 1/tau_syn - 1/tau_mem is not
          rate_step(std::fabs(tau_mem_ - tau_syn_) / tau_mem_ / tau_syn_),
          coupling(tau_mem_ == tau_syn_ ? 0.0 : rate_mem / rate_step),
          equal_coupling(tau_mem_ == tau_syn_ ? rate_mem : 0.0) {}

    /// Exact propagator (Rotter & Diesmann 1999): v <- v * mem.value + i * syn_to_mem, i <- i * syn.value. With s the
    /// slower of the two exponentials and y = rate_step * duration, syn_to_mem = s (1 - e^{-y}) rate_mem / rate_step,
    /// free of cancellation for every ratio of the time constants; its limit for equal ones is s * duration * rate_mem.
    struct Propagator {
        Exponential<double> mem, syn;
        double syn_to_mem;
    };
    /// No branches, so that a loop over gaps vectorises.
    EVSIM_FN Propagator propagator(double duration) const {
        const double longest = 1000.0 * (tau_mem + tau_syn);  // all has decayed to 0 by then; keeps infinity out
        duration = duration < longest ? duration : longest;
        const Exponential<double> mem = exponential_of_nonpositive(-duration * rate_mem);
        const Exponential<double> syn = exponential_of_nonpositive(-duration * rate_syn);
        const Exponential<double> step = exponential_of_nonpositive(-duration * rate_step);
        const double slow = larger(mem.value, syn.value);
        return {mem, syn, slow * (duration * equal_coupling - step.minus_one * coupling)};
    }

    EVSIM_FN CurrentMembraneGap<double> gap(double duration) const {
        const Propagator p = propagator(duration);
        return {p.mem.minus_one, p.syn_to_mem, p.syn.minus_one, -p.mem.minus_one * up};
    }

    template <class T>
    EVSIM_FN CurrentMembraneRates<T> rates() const {
        const bool mem_is_slow = tau_mem >= tau_syn;
        const double slow = mem_is_slow ? rate_mem : rate_syn;
        return {-bounded<T>(slow), bounded<T>(rate_step / slow), -bounded<T>(coupling), T(tau_mem == tau_syn ? -1 : 0),
                T(mem_is_slow)};
    }
    /// As the member, for a vector of neurons. The faster exponential is the slower one times e^{-y}, and its change
    /// the sum of two of one sign: two exponentials are enough.
    template <class V>
    EVSIM_FN static CurrentMembraneGap<V> gap_of(const CurrentMembraneRates<V>& rates, const V& duration) {
        const V x = within_exponential_range<V>(duration * rates.slow);
        const Exponential<V> slow = exponential_within_range(x);
        const Exponential<V> step = exponential_within_range(within_exponential_range<V>(x * rates.step));
        const V fast_change = multiply_add(slow.value, step.minus_one, slow.minus_one);
        const auto mem_is_slow = rates.mem_is_slow > V{};
        const V mem_change = select(mem_is_slow, slow.minus_one, fast_change);
        return {mem_change, slow.value * multiply_add(x, rates.equal, step.minus_one * rates.coupling),
                select(mem_is_slow, fast_change, slow.minus_one), mem_change * LaneOf<V>(-up)};
    }

    EVSIM_FN void flow(double& v, double& i, double duration) const {
        const Propagator p = propagator(duration);
        v = v * p.mem.value + i * p.syn_to_mem;
        i *= p.syn.value;
    }

    /// Upper bound of v over the coming gap, for any v below threshold.
    template <class V, class T>
    EVSIM_FN static V bound(const V& v, const V& i, const CurrentMembraneGap<T>& gap) {
        return multiply_add(positive_part(i), broadcast<V>(gap.tangent),
                            multiply_add(v, broadcast<V>(gap.mem_change), v));
    }

    template <class V, class T>
    EVSIM_FN static void decay(V& v, V& i, const CurrentMembraneGap<T>& gap) {
        v = multiply_add(i, broadcast<V>(gap.syn_to_mem), multiply_add(v, broadcast<V>(gap.mem_change), v));
        i = multiply_add(i, broadcast<V>(gap.syn_change), i);
    }

    /// Time of the extremum of v, where v = i; infinity if there is none.
    /// tau_mem tau_syn / d * ln(1 + z) with d = tau_mem - tau_syn, z = (i - v) d / (v d + i tau_syn).
    EVSIM_FN double extremum(double v, double i) const {
        const double d = tau_mem - tau_syn;
        const double denominator = v * d + i * tau_syn;
        const double z = (i - v) * d / denominator;
        if (!(z > -1.0)) return infinity();
        const double scale = tau_mem * (tau_syn / denominator) * (i - v);
        const double time = scale * (std::fabs(z) < 1e-300 ? 1.0 : std::log1p(z) / z);
        return time >= 0.0 ? time : infinity();
    }

    /// Earliest time in [0, horizon] at which v reaches `threshold`, from v < threshold.
    EVSIM_FN double first_crossing(double v, double i, double threshold, double horizon) const {
        if (threshold > 0.0) {
            if (!(i > threshold)) return never();  // v = i at the maximum of v, and i only decays
            if (is_quadratic()) return -tau_mem * std::log1p(-quadratic_crossing(v, i, threshold));
            return rising_crossing(v, i, threshold, horizon);
        }
        return drifting_crossing(v, i, threshold, horizon);
    }

    EVSIM_FN bool is_quadratic() const { return tau_mem == 2.0 * tau_syn; }

    /// tau_mem = 2 tau_syn: v is a quadratic in e^{-t/tau_mem} (Göltz et al. 2021, eq. 9). Written in
    /// u = 1 - e^{-t/tau_mem}, where v = v0 + h u - i u^2 with h = i - v0, so that short times lose no digits.
    /// Returns the u at which v first reaches `threshold` > max(0, v0), above 1 if it never does.
    EVSIM_INLINE static double quadratic_crossing(double v, double i, double threshold) {
        const double h = i - v, missing = threshold - v;
        const double product = 4.0 * i * missing;
        const double product_error = std::fma(4.0 * i, missing, -product);
        const double discriminant = std::fma(h, h, -product) - product_error;
        if (!(discriminant >= 0.0 && i > threshold)) return 2.0;
        return 2.0 * missing / (h + std::sqrt(discriminant));
    }

 private:
    /// Threshold above rest, any ratio: up to its only maximum v is increasing and concave, so Newton from the left
    /// never overshoots and every iterate is a lower bound; it may stop as soon as that passes the horizon.
    EVSIM_FN double rising_crossing(double v, double i, double threshold, double horizon) const {
        const double peak = extremum(v, i);
        if (peak == infinity() || value_at(v, i, peak) < threshold) return never();
        double t = -tau_mem * std::log1p((v - threshold) / (i - v));  // where the tangent in e^{-t/tau_mem} crosses
        return newton_from_left(v, i, threshold, horizon, t < peak ? t : peak, peak);
    }

    /// Threshold at or below rest (suprathreshold drive), v below it: v ends at rest, so it crosses unless rest is the
    /// threshold.
    EVSIM_FN double drifting_crossing(double v, double i, double threshold, double horizon) const {
        if (i == 0.0) return threshold < 0.0 ? tau_mem * std::log(v / threshold) : never();
        if (i > 0.0) {  // increasing until v = i
            return threshold < 0.0 ? increasing_crossing(v, i, threshold, 0.0, horizon) : zero_crossing(v, i);
        }
        if (threshold == 0.0) return never();
        const double rise = i < v ? extremum(v, i) : 0.0;  // v falls to its minimum first
        if (rise == infinity() || rise > horizon) return never();
        return increasing_crossing(v, i, threshold, rise, horizon);
    }

    /// Time at which v < 0 reaches 0, with i > 0; v may also approach 0 from below for ever.
    EVSIM_FN double zero_crossing(double v, double i) const {
        const double d = tau_mem - tau_syn;
        if (d == 0.0) return -v * tau_mem / i;
        const double z = v * (d / tau_syn) / i;
        return z > -1.0 ? -tau_mem * (tau_syn / d) * std::log1p(z) : never();
    }

    EVSIM_FN double value_at(double v, double i, double t) const {
        flow(v, i, t);
        return v;
    }

    /// Newton on an increasing concave piece, from t at or before the crossing; `last` is the end of the piece.
    EVSIM_FN double newton_from_left(double v, double i, double threshold, double horizon, double t,
                                     double last) const {
        for (int iteration = 0; iteration < 100; ++iteration) {
            if (t > horizon) return never();
            double value = v, current = i;
            flow(value, current, t);
            const double slope = (current - value) * rate_mem;
            const double step = (threshold - value) / slope;
            if (!(slope > 0.0) || !(step > 0.0)) return t;  // at the crossing, to the last digit
            const double next = t + step;
            if (!(next < last)) return last;
            if (next == t || step < 1e-17 * tau_mem) return next;
            t = next;
        }
        return t;
    }

    /// Newton safeguarded by bisection on a piece where v only increases; the bracket does not depend on the horizon.
    EVSIM_FN double increasing_crossing(double v, double i, double threshold, double low, double horizon) const {
        double high = low + tau_mem;
        while (value_at(v, i, high) < threshold) {
            low = high;
            if (low > horizon) return never();
            high += high;
        }
        double t = low;
        for (int iteration = 0; iteration < 200; ++iteration) {
            double value = v, current = i;
            flow(value, current, t);
            if (value < threshold) {
                low = t;
            } else {
                high = t;
            }
            const double slope = (current - value) * rate_mem;
            double next = t + (threshold - value) / slope;
            if (!(next > low && next < high)) next = low + 0.5 * (high - low);
            if (next == t || next == low || next == high || std::fabs(next - t) < 1e-17 * tau_mem) return next;
            t = next;
        }
        return t;
    }
};

/// What all neuron models on this membrane are the same in: its time constants, shared or each neuron's own.
struct OnCurrentMembrane {
    static constexpr int n_shared = 2;
    static constexpr int n_time_constants = 2;
    static constexpr const char* shared_names[] = {"tau_mem", "tau_syn"};
    static constexpr ParameterDomain shared_domains[] = {ParameterDomain::positive, ParameterDomain::positive};
    template <class T>
    using Gap = CurrentMembraneGap<T>;
    template <class V>
    using Rates = CurrentMembraneRates<V>;

    CurrentMembrane membrane;

    EVSIM_FN explicit OnCurrentMembrane(const double* shared) : membrane(shared[0], shared[1]) {}

    EVSIM_FN Gap<double> gap(double duration) const { return membrane.gap(duration); }
    template <class T>
    EVSIM_FN Rates<T> rates() const {
        return membrane.rates<T>();
    }
    template <class V>
    EVSIM_FN static Gap<V> gap_of(const Rates<V>& rates, const V& duration) {
        return CurrentMembrane::gap_of(rates, duration);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
