// Integrate-and-fire neuron with linear leak and delta synapse, never below 0.
//   v' = -leak while v > 0;   spikes that arrive at one time: v <- max(0, v + sum of weights),
//   v >= threshold: spike, then v <- v - threshold (reset_subtract = 1) or v <- v_reset.
#pragma once

#include <evsim/neuron/parameters.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct LinearLeakIf {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    static constexpr int n_shared = 2;
    static constexpr const char* shared_names[] = {"leak", "reset_subtract"};
    static constexpr ParameterDomain shared_domains[] = {ParameterDomain::not_negative, ParameterDomain::any};
    static constexpr const char* neuron_names[] = {"threshold", "v_reset", "v_init"};
    static constexpr const char* observable_names[] = {"v"};

    struct Neuron {
        double threshold, v_reset, v_init;
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct State {
        V v;  ///< below 0 only between arrivals of one time
    };
    template <class V>
    struct Hot {
        V threshold;  ///< a few ulp lower
    };
    template <class T>
    struct Gap {
        T lost;   ///< leak * gap
        T floor;  ///< 0, or -infinity for a gap of length 0: others may arrive at that time
    };

    double leak;
    bool reset_subtract;

    EVSIM_FN explicit LinearLeakIf(const double* shared) : leak(shared[0]), reset_subtract(shared[1] != 0.0) {}

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {lowered<T>(n.threshold)};
    }
    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init}; }

    EVSIM_FN Gap<double> gap(double duration) const {
        const double bounded = duration < 1e300 ? duration : 1e300;  // 0 * infinity is not 0
        return {leak * bounded, duration > 0.0 ? 0.0 : -infinity()};
    }
    /// v is highest at the beginning of the gap.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>&) {
        return s.v - h.threshold;
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        s.v = larger(s.v - broadcast<V>(g.lost), V{} + g.floor);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.v += weight;
    }

    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double) const {
        return at_threshold(s, n) ? 0.0 : never();
    }
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::never; }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const { decay(s, gap(duration)); }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        const double before = s.v;
        s.v = reset_subtract ? s.v - n.threshold : n.v_reset;
        if (s.v == before)
            s.v = std::numeric_limits<double>::quiet_NaN();  // too large to be reset: reported as not finite
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold; }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int) const { return positive_part(s.v); }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
