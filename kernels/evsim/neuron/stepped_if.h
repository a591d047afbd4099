// Integrate-and-fire neuron that lives in steps of length 1, as SpikeSEG's does (Kirkland et al. 2020).
//   At every whole time: v <- max(0, beta v + sum of the weights that arrive then - leak),
//   v >= threshold: spike at that time, then v <- 0.
// Subtractive leak: beta = 1; multiplicative: leak = 0.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/parameters.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct SteppedIf {
    static constexpr bool spikes = true;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) {
        return true;
    }  // a step is taken when all of its input is there: at the beginning of the gap
    static constexpr int n_shared = 2;
    static constexpr const char* shared_names[] = {"leak", "beta"};
    static constexpr ParameterDomain shared_domains[] = {ParameterDomain::not_negative, ParameterDomain::not_negative};
    static constexpr const char* neuron_names[] = {"threshold", "v_init"};
    static constexpr const char* observable_names[] = {"v", "i"};

    struct Neuron {
        double threshold, v_init;
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct State {
        V v;  ///< before the step of the last event
        V i;  ///< input of that step so far
    };
    template <class V>
    struct Hot {
        V threshold;  ///< a few ulp of threshold and leak lower
    };
    template <class T>
    struct Gap {
        T steps;        ///< those of the gap: the one at its beginning, and idle ones
        T beta, leak;   ///< of the first; with an infinite leak nobody fires in a gap without steps
        T idle_factor;  ///< of all others
        T idle_leak;
    };

    double leak, beta, log_beta;

    EVSIM_FN explicit SteppedIf(const double* shared)
        : leak(shared[0]), beta(shared[1]), log_beta(shared[1] > 0.0 ? std::log(shared[1]) : -1e4) {}

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {lowered<T>(n.threshold) - T(8) * epsilon<T>() * static_cast<T>(leak)};
    }
    EVSIM_FN State<double> initial(const Neuron& n) const { return {n.v_init, 0.0}; }

    EVSIM_FN Gap<double> gap(double duration) const {
        constexpr double to_integer = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
        const double bounded = duration < 1e15 ? duration : 1e15;
        const double nearest = (bounded + to_integer) - to_integer;
        const double steps = nearest > bounded ? nearest - 1.0 : nearest;
        const double idle = steps > 1.0 ? steps - 1.0 : 0.0;
        return {steps, beta, steps > 0.0 ? leak : infinity(), exponential_of_nonpositive(idle * log_beta).value,
                idle * leak};
    }
    /// Idle steps only lower v: a neuron fires in the first step or not at all.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>& g) {
        return multiply_add(s.v, broadcast<V>(g.beta), s.i) - (h.threshold + g.leak);
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        const V stepped = positive_part(multiply_add(s.v, broadcast<V>(g.beta), s.i) - g.leak);
        const V idle = positive_part(stepped * g.idle_factor - g.idle_leak);
        const V steps = V{} + g.steps;
        s.v = select(steps > V{}, idle, s.v);
        s.i = select(steps > V{}, V{}, s.i);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.i += weight;
    }

    EVSIM_FN double stepped(const State<double>& s) const { return positive_part(s.v * beta + s.i - leak); }
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double) const {
        return at_threshold(s, n) ? 0.0 : never();
    }
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::never; }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const { decay(s, gap(duration)); }
    /// The step is still counted when time goes on, and then leaves 0.
    EVSIM_FN void fire(State<double>& s, const Neuron&) const {
        s.v = leak;
        s.i = 0.0;
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const { return stepped(s) >= n.threshold; }
    EVSIM_FN double observe(const State<double>& s, const Neuron&, int observable) const {
        return observable == 0 ? stepped(s) : s.i;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
