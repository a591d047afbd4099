// At most one spike per sample, around any soma.
#pragma once

#include <evsim/neuron/advance.h>
#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// The domains of the soma's parameters, where it states them.
template <class Soma>
struct DomainsOf {};
template <class Soma>
    requires requires { Soma::shared_domains; }
struct DomainsOf<Soma> {
    static constexpr const auto& shared_domains = Soma::shared_domains;
};

template <class Soma>
struct FireOnce : DomainsOf<Soma> {
    static constexpr bool spikes = true;
    static constexpr int n_ports = Soma::n_ports;
    EVSIM_FN static constexpr bool jumps(int port) { return Soma::jumps(port); }
    static constexpr int n_shared = Soma::n_shared;
    static constexpr const auto& shared_names = Soma::shared_names;
    static constexpr const auto& neuron_names = Soma::neuron_names;
    static constexpr const auto& observable_names = Soma::observable_names;

    using Neuron = typename Soma::Neuron;
    template <class T>
    using Stored = typename Soma::template Stored<T>;
    template <class V>
    using Hot = typename Soma::template Hot<V>;
    template <class T>
    using Gap = typename Soma::template Gap<T>;
    template <class V>
    struct State {
        typename Soma::template State<V> soma;
        V fired;  ///< 1 after the spike
    };

    Soma soma;

    EVSIM_FN explicit FireOnce(const double* shared) : soma(shared) {}

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return soma.template hot<T>(n);
    }
    EVSIM_FN State<double> initial(const Neuron& n) const { return {soma.initial(n), 0.0}; }
    EVSIM_FN Gap<double> gap(double duration) const { return soma.gap(duration); }
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>& g) {
        return select(s.fired > V{}, V{} - LaneOf<V>(1), Soma::excess(s.soma, h, g));
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        Soma::decay(s.soma, g);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight, int port) {
        Soma::receive(s.soma, weight, port);
    }

    EVSIM_FN static Endless endless(const Neuron&) { return Endless::never; }
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double horizon) const {
        return s.fired > 0.0 ? never() : soma.first_crossing(s.soma, n, horizon);
    }
    EVSIM_FN void flow(State<double>& s, const Neuron& n, double duration) const { soma.flow(s.soma, n, duration); }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        soma.fire(s.soma, n);
        s.fired = 1.0;
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const {
        return !(s.fired > 0.0) && soma.at_threshold(s.soma, n);
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int observable) const {
        return soma.observe(s.soma, n, observable);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
