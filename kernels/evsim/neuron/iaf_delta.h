// Integrate-and-fire neuron (no leak) with delta synapse.
//   v' = 0,   a spike of weight w: v <- v + w,   v >= threshold: spike, then as lif_delta.h.
#pragma once

#include <evsim/neuron/parameters.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct IafDelta {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    static constexpr int n_shared = 1;
    static constexpr const char* shared_names[] = {"reset_subtract"};
    static constexpr const char* neuron_names[] = {"threshold", "v_rest", "v_reset", "v_init"};
    static constexpr const char* observable_names[] = {"v"};

    struct Neuron {
        double threshold, v_rest, v_reset, v_init;
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct State {
        V v;  ///< membrane potential minus v_rest
    };
    template <class V>
    struct Hot {
        V threshold;  ///< threshold minus v_rest, a few ulp lower
    };
    template <class T>
    struct Gap {};

    bool reset_subtract;

    EVSIM_FN explicit IafDelta(const double* shared) : reset_subtract(shared[0] != 0.0) {}

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {lowered<T>(n.threshold - n.v_rest)};
    }
    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init - n.v_rest}; }

    EVSIM_FN Gap<double> gap(double) const { return {}; }
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>&) {
        return s.v - h.threshold;
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>&, const Gap<T>&) {}
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.v += weight;
    }

    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double) const {
        return at_threshold(s, n) ? 0.0 : never();
    }
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::never; }
    EVSIM_FN void flow(State<double>&, const Neuron&, double) const {}
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        const double before = s.v;
        s.v = reset_subtract ? s.v - (n.threshold - n.v_rest) : n.v_reset - n.v_rest;
        if (s.v == before)
            s.v = std::numeric_limits<double>::quiet_NaN();  // too large to be reset: reported as not finite
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold - n.v_rest; }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int) const { return s.v + n.v_rest; }

    // While the membrane is held at reset, input is lost.
    template <class Mask, class V>
    EVSIM_FN static void hold(const Mask& held, const State<V>& before, State<V>& after) {
        after.v = select(held, before.v, after.v);
    }
    EVSIM_FN void flow_held(State<double>&, const Neuron&, double) const {}
};

}  // namespace EVSIM_ISA
}  // namespace evsim
