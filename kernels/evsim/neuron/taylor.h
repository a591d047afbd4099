// Non-linear neurons by power series in time (Parker & Sochacki 1996; Stewart & Bair 2009; order and step after Jorba &
// Zou 2005). A model gives its equations as a recurrence: the next coefficient of every variable from those before it.
// Threshold crossings are searched on the polynomial of each step, so that none inside a step is missed.
#pragma once

#include <cstring>

#include <evsim/neuron/parameters.h>
#include <evsim/neuron/refractory.h>
#include <evsim/neuron/series.h>
#include <evsim/neuron/too_many_steps.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Makes a NeuronModel of equations. `Equations` has what a NeuronModel has but for its shared parameter and
/// its ways through time, and
///
///   flow_held(state, neuron, duration) what goes on while the membrane is held at reset
///   n_kept                             how many series are the variables of the state, the membrane potential first
///   n_series                           how many there are, with auxiliary ones such as an exponential
///   watched                            optionally: which series is compared with the peak, if it is not the first
///   kept(k)                            optionally: which is variable k of the state, if they are not the first ones
///   Flow(neuron)                       the equations of one neuron, ready to be evaluated:
///     peak                               the potential at which it fires
///     rate[n_series], scale[n_series]    how fast they change and how large they are, in order of magnitude
///     begin(state, series)               coefficients 0; a jump that waits in the state is made
///     next(k, series)                    coefficients k + 1
///     quiet(state)                       true only if it never fires without further input
///     exponent(series), steepness        optionally: log of an exponential series, and its slope by the potential
///     rest_of_upswing(series, tolerance, end)   optionally: the time to the peak, where it is known in closed form to
///                                        that tolerance, and the state then; else NaN
///     over_peak(state)                   where another series than the first is compared with the peak: its value
///     is_solved(state)                   optionally: whether there is no need for series, because there are
///     rise_to_peak(state), at_peak(state)           the time to the peak, NaN for never; the state then;
///     after(state, duration)                        and where that is later
///
/// Shared parameters: the tolerance, how far off a spike may be, in units of 1 / rate[0]; whether a held neuron is
/// deaf, that is loses its input. The refractory period is the last of a neuron's parameters, 0 for none.
template <class Equations>
struct Taylor : Equations {
    struct Neuron : Equations::Neuron {
        double refractory;
    };
    using Flow = typename Equations::Flow;
    template <class V>
    using State = typename Equations::template State<V>;
    template <class T>
    using Stored = double;
    static constexpr bool spikes = true;
    static constexpr bool holds = true;
    static constexpr int n_ports = 1;
    static constexpr int n_shared = 2;
    static constexpr const char* shared_names[] = {"tolerance", "deaf"};
    static constexpr ParameterDomain shared_domains[] = {ParameterDomain::positive, ParameterDomain::any};
    static constexpr const auto& neuron_names = refractory_parameters<typename Equations::Neuron, Equations>.names;
    static constexpr const auto& neuron_domains = refractory_parameters<typename Equations::Neuron, Equations>.domains;

    bool deaf;
    double tolerance;   ///< of one step
    double negligible;  ///< the exponent of what does not count
    int order;

    EVSIM_FN explicit Taylor(const double* shared)
        : deaf(shared[1] != 0.0), tolerance(0.02 * shared[0]), negligible(std::log(tolerance)) {
        const double best = 6.0 - 0.65 * negligible;
        order = best < 4.0 ? 4 : best > PowerSeries::max_order ? PowerSeries::max_order : static_cast<int>(best);
    }

    EVSIM_FN double first_crossing(const State<double>& state, const Neuron& neuron, double horizon) const {
        State<double> moved = state;
        const Passage passage = pass(moved, neuron, horizon, true);
        return passage.crossed ? passage.duration : never();
    }
    EVSIM_FN void flow(State<double>& state, const Neuron& neuron, double duration) const {
        pass(state, neuron, duration, false);
    }
    EVSIM_FN bool at_threshold(const State<double>& state, const Neuron& neuron) const {
        const Flow flow(neuron);
        if constexpr (requires { flow.over_peak(state); }) return flow.over_peak(state) >= flow.peak;
        return this->observe(state, neuron, 0) >= flow.peak;
    }

    /// Input moves no membrane by itself: that is for the time that passes, and none passes for what is held.
    template <class Mask, class V>
    EVSIM_FN static void hold(const Mask&, const State<V>&, State<V>&) {}
    /// What of an input reaches those held.
    template <class Mask, class V>
    EVSIM_FN V heard(const Mask& mask, const V& weight) const {
        return deaf ? select(mask, V{}, weight) : weight;
    }

    /// From crossing to crossing, every step once.
    template <class Gap, class Fired>
    EVSIM_FN int advance(State<double>& state, const Neuron& neuron, double gap, const Gap&, bool closed,
                         Fired&& fired) const {
        double elapsed = 0.0;
        for (int crossings = 0;; ++crossings) {
            const Passage passage = pass(state, neuron, gap - elapsed, true);
            elapsed += passage.duration;
            if (!passage.crossed || !(closed ? elapsed <= gap : elapsed < gap)) return crossings;
            this->fire(state, neuron);
            if (!fired(elapsed)) return crossings + 1;
        }
    }

 private:
    static constexpr int n_kept = Equations::n_kept, n_series = Equations::n_series;
    /// The series that is compared with the peak.
    static constexpr int watched = [] {
        if constexpr (requires { Equations::watched; }) return Equations::watched;
        return 0;
    }();
    /// The series of a variable of the state.
    EVSIM_FN static constexpr int kept(int k) {
        if constexpr (requires { Equations::kept(k); }) return Equations::kept(k);
        return k;
    }

    struct Passage {
        double duration;
        bool crossed;
    };
    /// A polynomial: of what order, up to what time it is good, whether it certainly stays below the peak.
    struct Piece {
        int order;
        double reach;
        bool below;
    };

    /// Moves the state by `left`, or with `search` to its next crossing if that comes first. What is found does not
    /// depend on `left`: a recording may be cut anywhere.
    EVSIM_NOINLINE Passage pass(State<double>& state, const Neuron& neuron, double left, bool search) const {
        const Flow flow(neuron);
        if constexpr (requires { flow.is_solved(state); }) {
            if (flow.is_solved(state)) return pass_solved(flow, state, left, search);
        }
        double peak = search ? flow.peak : infinity();
        PowerSeries series[n_series];
        double elapsed = 0.0;
        for (std::int64_t steps = 0; steps < most_steps; ++steps) {
            flow.begin(state, series);
            if (!(series[watched].c[0] - series[watched].c[0] == 0.0)) return {left, false};  // reported as not finite
            const double remaining = left - elapsed;
            const bool at_peak = series[watched].c[0] >= peak;
            if (at_peak || !(remaining > 0.0)) {
                move(state, series, {0, 0.0, false}, 0.0);
                return {at_peak ? elapsed : left, at_peak};
            }
            if (remaining == infinity() && search && flow.quiet(state)) return {left, false};
            if constexpr (requires { flow.rest_of_upswing(series, tolerance, state); }) {
                if (peak < infinity()) {
                    State<double> end;
                    const double rest = flow.rest_of_upswing(series, tolerance, end);
                    if (rest <= remaining) {
                        state = end;
                        return {elapsed + rest, true};
                    }
                    if (rest > remaining) peak = infinity();  // not in this gap, whatever the polynomials say
                }
            }
            const Piece piece = expand(flow, series, remaining, peak);
            if (!(piece.reach > 0.0)) {
                state.v = never();  // too large to be integrated: reported as not finite
                return {left, false};
            }
            const double step = piece.reach < remaining ? piece.reach : remaining;
            if (!piece.below && series[watched].c[0] + series[watched].most_rise(step, piece.order) >= peak) {
                const double crossing = series[watched].first_rise_to(peak, piece.order, piece.reach, step);
                if (crossing <= step) {
                    move(state, series, piece, crossing);
                    return {elapsed + crossing, true};
                }
            }
            move(state, series, piece, step);
            if (step == remaining || settled(flow, state, series, step)) return {left, false};
            elapsed += step;
        }
        too_many_steps();
        state.v = never();
        return {left, false};
    }

    /// As `pass`, in closed form.
    EVSIM_FN static Passage pass_solved(const Flow& flow, State<double>& state, double left, bool search) {
        const double rise = flow.rise_to_peak(state);
        if (rise <= left) {  // without search: by rounding
            state = flow.at_peak(state);
            return {search ? rise : left, search};
        }
        if (left < infinity()) state = flow.after(state, left);
        return {left, false};
    }

    EVSIM_FN static void move(State<double>& state, const PowerSeries (&series)[n_series], const Piece& piece,
                              double step) {
        double values[n_kept];
        for (int j = 0; j < n_kept; ++j) values[j] = series[kept(j)].at(step, piece.order);
        std::memcpy(&state, values, sizeof(values));
    }

    /// The polynomials from here: as many coefficients as it takes to reach `remaining` if it is near and no crossing
    /// lies before it; else all of them, and as far as they are good.
    EVSIM_FN Piece expand(const Flow& flow, PowerSeries (&series)[n_series], double remaining, double peak) const {
        flow.next(0, series);
        double speed = 0.0, weight[n_series];
        for (int j = 0; j < n_series; ++j)
            speed = larger(speed, std::fabs(series[j].c[1]) / (flow.rate[j] * flow.scale[j]));
        // Near rest errors are weighed by what still moves, so that the neuron comes to rest and not only near it.
        const double nearness = speed > 1.0 ? 1.0 : speed < 1e-4 ? 1e-4 : speed;
        // An error of the potential is one of time too: what a fast upswing passes in no time matters as little.
        for (int j = 0; j < n_series; ++j)
            weight[j] = 1.0 / (tolerance * (flow.rate[j] * flow.scale[j] * nearness + std::fabs(series[j].c[1])));
        if (const int enough = expand_from<1>(flow, series, weight, remaining, 1.0, peak))
            return {enough, remaining, true};
        // By step: long ones are few. Never a large part of a value, however steep it is.
        for (int j = 0; j < n_series; ++j)
            weight[j] = larger(weight[j] * flow.rate[j], 1e3 / (flow.scale[j] + std::fabs(series[j].c[0])));
        const double last = largest(series, order, weight), before = largest(series, order - 1, weight);
        if (!(last < infinity() && before < infinity())) return {order, 0.0, false};
        const double reach = rough_exp2(-larger(rough_log2(last) / order, rough_log2(before) / (order - 1)));
        return {order, resolved(flow, series, 0.9 * reach, order), false};
    }
    /// Coefficients from k + 1 on, and how many are enough; 0 if all of them are not. `power`: of `remaining`.
    template <int k>
    EVSIM_INLINE int expand_from(const Flow& flow, PowerSeries (&series)[n_series], const double (&weight)[n_series],
                                 double remaining, double power, double peak) const {
        if constexpr (n_series > 4) {  // as a loop: unrolled, it would take long to compile
            for (int next = k; next < order; ++next)
                if (extend(flow, series, next, weight, remaining, power, peak)) return next + 1;
        } else if constexpr (k < PowerSeries::max_order) {
            if (k == order) return 0;
            if (extend(flow, series, k, weight, remaining, power, peak)) return k + 1;
            return expand_from<k + 1>(flow, series, weight, remaining, power, peak);
        }
        return 0;
    }
    /// Coefficients k + 1; true if they are enough.
    EVSIM_INLINE bool extend(const Flow& flow, PowerSeries (&series)[n_series], int k, const double (&weight)[n_series],
                             double remaining, double& power, double peak) const {
        flow.next(k, series);
        power *= remaining;
        return k > 1 && std::fabs(series[watched].c[k + 1]) * weight[watched] * power <= 1.0 &&
               stays_below(flow, series, k + 1, weight, power, remaining, peak);
    }
    /// Whether `count` coefficients reach to the end of a gap, and no crossing lies before it.
    EVSIM_NOINLINE bool stays_below(const Flow& flow, const PowerSeries (&series)[n_series], int count,
                                    const double (&weight)[n_series], double power, double remaining,
                                    double peak) const {
        if (!reaches(flow, series, count, weight, power, remaining)) return false;
        const double error = remaining / weight[watched] + epsilon<double>() * std::fabs(series[watched].c[0]);
        return series[watched].c[0] + series[watched].most_rise(remaining, count) + 16.0 * error < peak;
    }
    /// Whether `count` coefficients reach to the end of a gap. By unit of time: short gaps are many.
    EVSIM_FN bool reaches(const Flow& flow, const PowerSeries (&series)[n_series], int count,
                          const double (&weight)[n_series], double power, double remaining) const {
        return largest(series, count, weight) * power <= 1.0 &&
               largest(series, count - 1, weight) * power <= remaining &&
               resolved(flow, series, remaining, count) == remaining;
    }
    EVSIM_FN static double largest(const PowerSeries (&series)[n_series], int k, const double (&weight)[n_series]) {
        double most = 0.0;
        for (int j = 0; j < n_series; ++j) most = larger(most, std::fabs(series[j].c[k]) * weight[j]);
        return most;
    }

    /// As far as growth is seen by so few coefficients: small ones may belong to something small that grows fast.
    EVSIM_FN double resolved(const Flow& flow, const PowerSeries (&series)[n_series], double reach, int count) const {
        reach = smaller(reach, count / (3.0 * flow.rate[0]));
        if constexpr (requires { flow.exponent(series); }) {
            const double rise = series[0].most_rise(reach, count) * flow.steepness;
            if (rise > 0.5 * count && flow.exponent(series) + rise > negligible) reach *= 0.5 * count / rise;
        }
        return reach;
    }

    /// Whether a whole step has changed nothing but by rounding: nothing will, then.
    EVSIM_FN static bool settled(const Flow& flow, const State<double>& state, const PowerSeries (&series)[n_series],
                                 double step) {
        double values[n_kept];
        std::memcpy(values, &state, sizeof(values));
        for (int j = 0; j < n_kept; ++j) {
            const int k = kept(j);
            const double share = step * flow.rate[k] < 1.0 ? step * flow.rate[k] : 1.0;
            const double noise = 16.0 * epsilon<double>() * (std::fabs(values[j]) + flow.scale[k]) * share;
            if (!(std::fabs(values[j] - series[k].c[0]) <= noise)) return false;
        }
        return true;
    }
    EVSIM_FN static double smaller(double a, double b) { return a < b ? a : b; }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
