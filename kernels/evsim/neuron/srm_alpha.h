// SLAYER's spike response neuron (Shrestha & Orchard 2018), in continuous time. It has no membrane and no reset: an
// input adds a kernel to the potential, and so does every spike of its own,
//   u(t) = sum of w eps((t - arrival) / tau_syn) - refractory_scale threshold sum of eps((t - spike) / tau_refractory),
//   eps(x) = x e^{1 - x}.
//   u >= threshold: spike; not again before u has fallen below threshold.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/parameters.h>
#include <evsim/neuron/srm_search.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// `Search`: SrmTables or SrmSteps.
template <class Search>
struct SrmAlphaBy {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) { return false; }
    static constexpr int n_shared = 2;
    static constexpr int n_time_constants = 2;
    static constexpr bool threshold_by_slope = true;  ///< whether it is at its threshold depends on time constants
    static constexpr int most_vectors_of_own = 1;     ///< which with the gap of their own fill the registers
    static constexpr const char* shared_names[] = {"tau_syn", "tau_refractory"};
    static constexpr ParameterDomain shared_domains[] = {ParameterDomain::positive, ParameterDomain::positive};
    static constexpr const char* neuron_names[] = {"threshold", "refractory_scale"};
    static constexpr ParameterDomain neuron_domains[] = {ParameterDomain::positive, ParameterDomain::not_negative};
    static constexpr const char* observable_names[] = {"v", "psp", "refractory"};

    struct Neuron {
        double threshold, refractory_scale;
    };
    /// The kernel of the synapse and the neuron's own; see srm_search.h.
    template <class V>
    struct State {
        V rise, psp;
        V after_rise, after;
        V armed;  ///< 1, or 0 from a spike until u falls below threshold
    };
    /// In float the last digits of u, by which a neuron is armed again, would be those of rounding.
    template <class T>
    using Stored = double;
    template <class V>
    struct Hot {
        V below, above;  ///< the threshold, by a few ulp
    };
    template <class T>
    struct Gap {
        SrmKernelGap<T> synapse, refractory;
    };
    template <class V>
    struct Rates {
        V tau_syn, tau_refractory;
    };

    double tau_syn, tau_refractory;
    Search search;

    EVSIM_FN explicit SrmAlphaBy(const double* shared)
        : tau_syn(shared[0]), tau_refractory(shared[1]), search(shared[0], shared[1]) {}

    EVSIM_FN State<double> initial(const Neuron&) const { return {0.0, 0.0, 0.0, 0.0, 1.0}; }
    /// Every spike lowers u, and what drives it decays.
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::never; }

    EVSIM_FN double first_crossing(State<double> s, const Neuron& n, double horizon) const {
        const double waited = waits(s, n) ? arm(s, n, horizon) : 0.0;
        if (!(waited <= horizon) || falls(s, n, horizon - waited)) return never();
        return waited + search.rising(row(s), n.threshold, horizon - waited);
    }
    EVSIM_FN void flow(State<double>& s, const Neuron& n, double duration) const {
        const double waited = waits(s, n) ? arm(s, n, duration) : 0.0;
        decay(s, gap(waited <= duration ? duration - waited : duration));
    }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        put(s, n.threshold);
        s.after_rise -= n.refractory_scale * n.threshold;
        s.armed = 0.0;
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const {
        return potential(s) >= n.threshold && !waits(s, n);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.rise = s.rise + weight;
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int observable) const {
        return observable == 0 ? potential(s) : observable == 1 ? s.psp : s.after;
    }

    EVSIM_FN Gap<double> gap(double duration) const { return gap_of(Rates<double>{tau_syn, tau_refractory}, duration); }
    template <class T>
    EVSIM_FN Rates<T> rates() const {
        return {T(tau_syn), T(tau_refractory)};
    }
    template <class V>
    EVSIM_FN static Gap<V> gap_of(const Rates<V>& rates, const V& duration) {
        constexpr double rounding = 1e-12;  // of the sums in `excess`
        return {SrmKernelGap<V>::over(duration, rates.tau_syn, rounding),
                SrmKernelGap<V>::over(duration, rates.tau_refractory, rounding)};
    }
    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        const T below = lowered<T>(n.threshold), threshold = static_cast<T>(n.threshold);
        return {below, threshold + (threshold - below)};
    }
    /// Whether u may reach the threshold; or fall below it, for who waits for that.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& hot, const Gap<T>& gap) {
        const V now = s.psp + s.after;
        const V change = gap.synapse.rise_of(s.psp, s.rise) + gap.refractory.rise_of(s.after, s.after_rise);
        const V bend = gap.synapse.bend_of(s.psp, s.rise) + gap.refractory.bend_of(s.after, s.after_rise);
        const V highest = now + positive_part(change) + bend, lowest = now - positive_part(V{} - change) - bend;
        return select(s.armed > V{}, highest - hot.below, hot.above - lowest);
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& gap) {
        gap.synapse.pass(s.psp, s.rise);
        gap.refractory.pass(s.after, s.after_rise);
    }

 private:
    EVSIM_FN static SrmKernels row(const State<double>& s) { return {{s.rise, s.psp, s.after_rise, s.after}}; }
    EVSIM_FN static double potential(const State<double>& s) { return s.psp + s.after; }
    EVSIM_FN double slope(const State<double>& s) const {
        return (euler * s.rise - s.psp) / tau_syn + (euler * s.after_rise - s.after) / tau_refractory;
    }
    /// Takes away what rounding has made of u where it is known.
    EVSIM_FN static void put(State<double>& s, double potential_) { s.psp += potential_ - potential(s); }

    /// Whether u has to fall below the threshold before it counts again. On its way down it has not just come up,
    /// whatever its last digit says.
    EVSIM_FN bool waits(const State<double>& s, const Neuron& n) const {
        return !(s.armed > 0.0) || (potential(s) >= n.threshold && slope(s) < 0.0);
    }
    /// Where u has fallen below the threshold: lower by more than rounding, which would else arm who has just fired.
    EVSIM_FN static double below(const State<double>& s, const Neuron& n) {
        const double size = row(s).magnitude() * SrmKernels{{1.0, 1.0, 1.0, 1.0}};
        const double rounding = 4.0 * epsilon<double>() * (size + n.threshold);
        return n.threshold - (rounding < 0.5 * n.threshold ? rounding : 0.5 * n.threshold);
    }
    /// Moves a neuron that waits to when it is armed, after the time returned; or, if that is above `horizon` or NaN,
    /// not at all. What has just fired and falls is armed at once, but not before time goes on: an input of the same
    /// instant may make it rise.
    EVSIM_FN double arm(State<double>& s, const Neuron& n, double horizon) const {
        if (!(horizon > 0.0)) return never();
        const double level = below(s, n);
        const bool at_once = potential(s) - n.threshold <= n.threshold - level && slope(s) < 0.0;
        const double time = at_once ? 0.0 : search.falling(row(s), level, horizon);
        if (!(time <= horizon)) return time;
        decay(s, gap(time));
        if (potential(s) > level) put(s, level);
        s.armed = 1.0;
        return time;
    }
    /// Whether u surely stays below where it is now, and that is below threshold.
    EVSIM_FN bool falls(const State<double>& s, const Neuron& n, double duration) const {
        const double bend =
            (std::fabs(s.psp) + 2.0 * euler * std::fabs(s.rise)) / (tau_syn * tau_syn) +
            (std::fabs(s.after) + 2.0 * euler * std::fabs(s.after_rise)) / (tau_refractory * tau_refractory);
        return potential(s) < n.threshold && slope(s) + 0.5 * bend * duration < 0.0;
    }
};

using SrmAlpha = SrmAlphaBy<SrmTables>;

}  // namespace EVSIM_ISA
}  // namespace evsim
