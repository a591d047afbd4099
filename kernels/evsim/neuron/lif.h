// LIF neuron with exponential current synapse.
//   tau_mem v' = v_rest - v + i + bias,   tau_syn i' = -i,   a spike of weight w: i <- i + w,   v >= threshold: spike,
//   v <- v_reset
// With tau_mem = 2 tau_syn this is EvSpikeSim's neuron. Reset by subtraction of (threshold - v_rest) at an exact
// crossing is a reset to v_rest.
#pragma once

#include <evsim/neuron/advance.h>
#include <evsim/neuron/current_membrane.h>
#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct Lif : OnCurrentMembrane {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) { return false; }
    static constexpr const char* neuron_names[] = {"threshold", "v_rest", "v_reset", "bias", "v_init", "i_init"};
    static constexpr const char* observable_names[] = {"v", "i"};

    struct Neuron {
        double threshold, v_rest, v_reset, bias, v_init, i_init;
        EVSIM_FN double v_inf() const { return v_rest + bias; }
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct State {
        V v;  ///< membrane potential minus v_inf
        V i;  ///< synaptic current
    };
    template <class V>
    struct Hot {
        V threshold;  ///< threshold minus v_inf, a few ulp lower so that rounding never hides a crossing
    };

    using OnCurrentMembrane::OnCurrentMembrane;

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {lowered<T>(n.threshold - n.v_inf())};
    }
    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init - n.v_inf(), n.i_init}; }

    /// Positive for every neuron that may reach its threshold within the gap.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>& g) {
        return CurrentMembrane::bound(s.v, s.i, g) - h.threshold;
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        CurrentMembrane::decay(s.v, s.i, g);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.i += weight;
    }

    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double horizon) const {
        const double threshold = n.threshold - n.v_inf();
        if (s.v >= threshold) return 0.0;
        return membrane.first_crossing(s.v, s.i, threshold, horizon);
    }
    /// Whether constant drive alone makes the neuron fire for ever.
    EVSIM_FN static Endless endless(const Neuron& n) {
        return n.threshold < n.v_inf() ? Endless::always : Endless::never;
    }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const { membrane.flow(s.v, s.i, duration); }
    EVSIM_INLINE void fire(State<double>& s, const Neuron& n) const { s.v = n.v_reset - n.v_inf(); }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold - n.v_inf(); }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int observable) const {
        return observable == 0 ? s.v + n.v_inf() : s.i;
    }

    /// tau_mem = 2 tau_syn and a threshold above rest: all in u = 1 - e^{-t/tau_mem}, with no exponential and one
    /// logarithm for each spike.
    template <class Fired>
    EVSIM_FN int advance(State<double>& s, const Neuron& n, double gap, const Gap<double>& factors, bool closed,
                         Fired&& fired) const {
        const double threshold = n.threshold - n.v_inf();
        if (!membrane.is_quadratic() || threshold <= 0.0) return advance_by_crossings(*this, s, n, gap, closed, fired);
        double left = -factors.mem_change;
        double elapsed = 0.0;
        int crossings = 0;
        for (;;) {
            // The tangent bound again: rarely is there a second crossing in one gap, or one right after a release, and
            // a branch that never surprises costs less than the square root.
            if ((crossings > 0 || s.v < threshold) && surely_below(s, threshold, left)) break;
            const double u = s.v >= threshold ? 0.0 : CurrentMembrane::quadratic_crossing(s.v, s.i, threshold);
            if (!(u <= left + 1e-15)) break;
            // Times decide, as everywhere: a stream that is cut near a spike must come to the same verdict twice.
            const double time = elapsed - membrane.tau_mem * std::log1p(-u);
            if (!(closed ? time <= gap : time < gap)) break;
            elapsed = time;
            s.i *= (1.0 - u) * (1.0 - u);
            left = left > u ? (left - u) / (1.0 - u) : 0.0;
            fire(s, n);
            ++crossings;
            if (!fired(elapsed)) return crossings;
        }
        pass(s, left);
        return crossings;
    }

    /// The same where it crosses at most once, well inside the gap.
    EVSIM_INLINE int usual_crossings(State<double>& s, const Neuron& n, const Gap<double>& factors,
                                     double& progress) const {
        const double threshold = n.threshold - n.v_inf(), left = -factors.mem_change;
        if (!membrane.is_quadratic() || !(threshold > 0.0) || !(s.v < threshold)) return -1;
        const double u = CurrentMembrane::quadratic_crossing(s.v, s.i, threshold);
        // Far enough from the end to stay there when the time is rounded.
        constexpr double margin = 1e-12;
        if (u < left * (1.0 - margin)) {
            progress = u;
            s.i *= (1.0 - u) * (1.0 - u);
            fire(s, n);
            const double rest = (left - u) / (1.0 - u);
            if (!surely_below(s, threshold, rest)) return -1;
            pass(s, rest);
            return 1;
        }
        if (!(u > left * (1.0 + margin))) return -1;
        pass(s, left);
        return 0;
    }
    EVSIM_FN double elapsed(double progress) const { return -membrane.tau_mem * std::log1p(-progress); }

    // While the membrane is held at reset only the current goes on.
    template <class Mask, class V>
    EVSIM_FN static void hold(const Mask& held, const State<V>& before, State<V>& after) {
        after.v = select(held, before.v, after.v);
    }
    EVSIM_FN void flow_held(State<double>& s, const Neuron&, double duration) const {
        s.i *= exponential_of_nonpositive(-duration * membrane.rate_syn).value;
    }

 private:
    // In u = 1 - e^{-t/tau_mem}, for tau_mem = 2 tau_syn.
    EVSIM_INLINE static bool surely_below(const State<double>& s, double threshold, double u) {
        return (s.v + (positive_part(s.i) - s.v) * u) * (1.0 + 1e-14) < threshold;
    }
    EVSIM_INLINE static void pass(State<double>& s, double u) {
        s.v = (1.0 - u) * (s.v + s.i * u);
        s.i *= (1.0 - u) * (1.0 - u);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
