// Leaky integrator: the membrane of lif.h without threshold. A readout: it never spikes, and remembers the maximum of
// v and its mean over time.
#pragma once

#include <evsim/neuron/current_membrane.h>
#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct Li : OnCurrentMembrane {
    static constexpr bool spikes = false;
    static constexpr int n_ports = 1;
    EVSIM_FN static constexpr bool jumps(int) { return false; }
    static constexpr const char* neuron_names[] = {"v_rest", "bias", "v_init", "i_init"};
    static constexpr const char* observable_names[] = {"v", "i"};
    static constexpr const char* memory_names[] = {"maximum", "maximum_time", "mean", "charge", "start", "lost"};
    static constexpr int charge_memory = 3, start_memory = 4, lost_memory = 5;

    struct Neuron {
        double v_rest, bias, v_init, i_init;
        EVSIM_FN double v_inf() const { return v_rest + bias; }
    };
    template <class T>
    using Stored = T;
    template <class V>
    struct State {
        V v;        ///< membrane potential minus v_inf
        V i;        ///< synaptic current
        V maximum;  ///< of v so far
    };
    template <class V>
    struct Hot {};

    using OnCurrentMembrane::OnCurrentMembrane;

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron&) const {
        return {};
    }
    EVSIM_FN State<double> initial(const Neuron& n) const {
        const double v = n.v_init - n.v_inf();
        return {v, n.i_init, v};
    }
    EVSIM_FN void initial_memory(const Neuron& n, double* memory) const {
        memory[0] = n.v_init;
        memory[1] = memory[2] = std::numeric_limits<double>::quiet_NaN();
        memory[3] = memory[4] = memory[5] = 0.0;
    }
    /// tau_syn i' = -i + tau_syn (arrivals) and tau_mem v' = -v + i, integrated: the integral of v from the beginning
    /// on is tau_syn (charge - i) - tau_mem v, where the charge began with i + v tau_mem / tau_syn.
    EVSIM_FN double initial_charge(const State<double>& s, const Neuron&) const {
        return s.i + s.v * (membrane.tau_mem / membrane.tau_syn);
    }
    EVSIM_FN void conclude(const State<double>& s, const Neuron& n, double time, double* memory) const {
        const double duration = time - memory[start_memory];
        const double charge = memory[charge_memory] - s.i + memory[lost_memory];
        const double integral = membrane.tau_syn * charge - membrane.tau_mem * s.v;
        memory[2] = n.v_inf() + (duration > 0.0 ? integral / duration : s.v);
    }

    /// Positive for every neuron whose potential may exceed its maximum so far within the gap.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>&, const Gap<T>& g) {
        return larger(s.v, CurrentMembrane::bound(s.v, s.i, g)) - s.maximum;
    }
    /// Positive where the potential rises through all of the gap: v' is a sum of two exponentials and changes its sign
    /// once at most. A maximum is then found in a later gap, at the latest where v begins to fall.
    template <class V, class T>
    EVSIM_FN static V may_wait(const State<V>& s, const Gap<T>& g) {
        State<V> later = s;
        decay(later, g);
        const V now = s.i - s.v, then = later.i - later.v;
        return select(now < then, now, then);
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        CurrentMembrane::decay(s.v, s.i, g);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int) {
        s.i += weight;
    }

    /// The "crossing" of a readout: the time in [0, horizon] of a new maximum.
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double horizon) const {
        double time = 0.0;
        if (!(s.i > s.v) && s.v > s.maximum) return 0.0;  // a rise has just ended
        if (s.i > s.v) {                                  // rising, to v = i or, towards rest from below, for ever
            const double peak = membrane.extremum(s.v, s.i);
            time = peak < horizon ? peak : horizon;
        } else if (s.v < 0.0) {  // falling, then rising towards rest
            time = horizon;
        }
        State<double> later = s;
        flow(later, n, time);
        return later.v > s.maximum ? time : never();
    }
    EVSIM_FN static Endless endless(const Neuron&) { return Endless::never; }
    EVSIM_FN void flow(State<double>& s, const Neuron&, double duration) const { membrane.flow(s.v, s.i, duration); }
    EVSIM_FN void fire(State<double>& s, const Neuron&) const { s.maximum = s.v; }
    EVSIM_FN void remember(const State<double>& s, const Neuron& n, double time, double* memory) const {
        if (s.v + n.v_inf() <= memory[0]) return;  // the state's maximum is rounded to its type
        memory[0] = s.v + n.v_inf();
        memory[1] = time;
    }
    EVSIM_FN bool at_threshold(const State<double>&, const Neuron&) const { return false; }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int observable) const {
        return observable == 0 ? s.v + n.v_inf() : s.i;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
