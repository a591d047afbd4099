// LIF neuron with delta synapse.
//   tau_mem v' = v_rest - v + bias,   a spike of weight w: v <- v + w,   v >= threshold: spike,
//   then v <- v - (threshold - v_rest) (reset_subtract = 1: what is above threshold stays and may fire again at once)
//   or v <- v_reset.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/parameters.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct LifDelta {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    static constexpr int n_shared = 2;
    static constexpr int n_time_constants = 1;
    static constexpr const char* shared_names[] = {"tau_mem", "reset_subtract"};
    static constexpr ParameterDomain shared_domains[] = {ParameterDomain::positive, ParameterDomain::any};
    static constexpr const char* neuron_names[] = {"threshold", "v_rest", "v_reset", "bias", "v_init"};
    static constexpr const char* observable_names[] = {"v"};

    struct Neuron {
        double threshold, v_rest, v_reset, bias, v_init;
        EVSIM_FN double v_inf() const { return v_rest + bias; }
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct State {
        V v;  ///< membrane potential minus v_inf
    };
    template <class V>
    struct Hot {
        V threshold;  ///< threshold minus v_inf, a few ulp lower
    };
    template <class T>
    struct Gap {
        T mem_change;  ///< e^{-gap/tau_mem} - 1
    };
    template <class V>
    struct Rates {
        V mem;
    };

    double tau_mem;
    bool reset_subtract;

    EVSIM_FN explicit LifDelta(const double* shared) : tau_mem(shared[0]), reset_subtract(shared[1] != 0.0) {}

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {lowered<T>(n.threshold - n.v_inf())};
    }
    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init - n.v_inf()}; }

    EVSIM_FN Gap<double> gap(double duration) const {
        return {exponential_of_nonpositive(-duration / tau_mem).minus_one};
    }
    template <class T>
    EVSIM_FN Rates<T> rates() const {
        return {bounded<T>(1.0 / tau_mem)};
    }
    template <class V>
    EVSIM_FN static Gap<V> gap_of(const Rates<V>& rates, const V& duration) {
        return {exponential_of_nonpositive<V>(-duration * rates.mem).minus_one};
    }
    /// v moves from its value now towards 0, so one of the two ends of the gap is its maximum.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>& g) {
        return larger(s.v, multiply_add(s.v, broadcast<V>(g.mem_change), s.v)) - h.threshold;
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        s.v = multiply_add(s.v, broadcast<V>(g.mem_change), s.v);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.v += weight;
    }

    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double) const {
        const double threshold = n.threshold - n.v_inf();
        if (s.v >= threshold) return 0.0;
        return threshold < 0.0 ? tau_mem * std::log(s.v / threshold) : never();
    }
    /// Whether constant drive alone makes the neuron fire for ever.
    EVSIM_FN static Endless endless(const Neuron& n) {
        return n.threshold < n.v_inf() ? Endless::always : Endless::never;
    }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const {
        s.v *= exponential_of_nonpositive(-duration / tau_mem).value;
    }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        const double before = s.v;
        s.v = reset_subtract ? s.v - (n.threshold - n.v_rest) : n.v_reset - n.v_inf();
        if (s.v == before)
            s.v = std::numeric_limits<double>::quiet_NaN();  // too large to be reset: reported as not finite
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold - n.v_inf(); }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int) const { return s.v + n.v_inf(); }

    // While the membrane is held at reset, input is lost.
    template <class Mask, class V>
    EVSIM_FN static void hold(const Mask& held, const State<V>& before, State<V>& after) {
        after.v = select(held, before.v, after.v);
    }
    EVSIM_FN void flow_held(State<double>&, const Neuron&, double) const {}
};

}  // namespace EVSIM_ISA
}  // namespace evsim
