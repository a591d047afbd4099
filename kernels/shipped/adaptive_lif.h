// LIF neuron with delta synapse and an adaptive threshold (Bellec et al. 2018, without its time grid):
//   tau_mem v' = -v,   tau_adapt h' = -h,   a spike of weight w: v <- v + w,
//   v >= threshold + h: spike, v <- 0, h <- h + jump
#pragma once

#include <evsim/neuron/model.h>

struct AdaptiveLif {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    static constexpr int n_shared = 3;
    static constexpr const char* shared_names[] = {"tau_mem", "tau_adapt", "jump"};
    static constexpr const char* neuron_names[] = {"threshold"};
    static constexpr double neuron_defaults[] = {1.0};
    static constexpr const char* observable_names[] = {"v", "h"};

    static constexpr evsim::ParameterDomain shared_domains[] = {
        evsim::ParameterDomain::positive, evsim::ParameterDomain::positive, evsim::ParameterDomain::not_negative};

    EVSIM_FN static constexpr bool jumps(int) { return true; }

    struct Neuron {
        double threshold;
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct State {
        V v;  ///< membrane potential
        V h;  ///< how far the threshold is raised, >= 0
    };
    template <class V>
    struct Hot {
        V threshold;
    };
    template <class T>
    struct Gap {
        T v_change, h_change;  ///< e^{-gap/tau} - 1
    };

    double tau_mem, tau_adapt, jump;

    EVSIM_FN explicit AdaptiveLif(const double* shared) : tau_mem(shared[0]), tau_adapt(shared[1]), jump(shared[2]) {}

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {evsim::lowered<T>(n.threshold)};
    }
    EVSIM_FN State<double> initial(const Neuron&) const { return {0.0, 0.0}; }
    EVSIM_FN Gap<double> gap(double duration) const {
        return {evsim::exponential_of_nonpositive(-duration / tau_mem).minus_one,
                evsim::exponential_of_nonpositive(-duration / tau_adapt).minus_one};
    }

    /// v is highest at one end of the gap, h is lowest at its end.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& hot, const Gap<T>& g) {
        constexpr T down = 1 - 8 * evsim::epsilon<T>();
        const V v = evsim::larger(s.v, evsim::multiply_add(s.v, evsim::broadcast<V>(g.v_change), s.v));
        const V h = evsim::multiply_add(s.h, evsim::broadcast<V>(g.h_change), s.h);
        return v - (h * down + hot.threshold);
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        s.v = evsim::multiply_add(s.v, evsim::broadcast<V>(g.v_change), s.v);
        s.h = evsim::multiply_add(s.h, evsim::broadcast<V>(g.h_change), s.h);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.v += weight;
    }

    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return s.v >= n.threshold + s.h; }
    /// v - h rises only while h falls faster than v, up to its one maximum; there a bisection finds the crossing.
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double horizon) const {
        if (at_threshold(s, n)) return 0.0;
        if (!(s.v > n.threshold && tau_adapt < tau_mem)) return evsim::never();
        double low = 0.0, high = std::log(s.h * tau_mem / (s.v * tau_adapt)) / (1.0 / tau_adapt - 1.0 / tau_mem);
        high = high < horizon ? high : horizon;
        if (!(high > 0.0)) return evsim::never();
        State<double> then = s;
        flow(then, n, high);
        if (!at_threshold(then, n)) return evsim::never();
        for (;;) {
            const double middle = low + 0.5 * (high - low);
            if (middle == low || middle == high) return high;
            then = s;
            flow(then, n, middle);
            (at_threshold(then, n) ? high : low) = middle;
        }
    }
    EVSIM_FN static evsim::Endless endless(const Neuron&) { return evsim::Endless::never; }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const {
        const Gap<double> g = gap(duration);
        decay(s, g);
    }
    EVSIM_FN void fire(State<double>& s, const Neuron&) const {
        s.v = 0.0;
        s.h += jump;
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int k) const { return k == 0 ? s.v : s.h; }
};

EVSIM_NEURON_MODEL(AdaptiveLif)
