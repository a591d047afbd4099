// Absolute refractory period around any soma: after a spike the membrane is held at reset for `refractory`.
#pragma once

#include <evsim/neuron/advance.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Names of the soma's shared parameters, and one more.
template <class Soma>
struct RefractoryNames {
    const char* shared[Soma::n_shared + 1];
    constexpr RefractoryNames() : shared() {
        for (int k = 0; k < Soma::n_shared; ++k) shared[k] = Soma::shared_names[k];
        shared[Soma::n_shared] = "refractory";
    }
};
template <class Soma>
inline constexpr RefractoryNames<Soma> refractory_names{};

/// The soma's default values, where it has any.
template <class Soma>
struct DefaultsOf {};
template <class Soma>
    requires requires { Soma::neuron_defaults; }
struct DefaultsOf<Soma> {
    static constexpr const auto& neuron_defaults = Soma::neuron_defaults;
};

template <class Soma>
struct Refractory : DefaultsOf<Soma> {
    static constexpr bool spikes = true;
    static constexpr bool jumps = Soma::jumps;
    static constexpr int n_shared = Soma::n_shared + 1;
    static constexpr const auto& shared_names = refractory_names<Soma>.shared;
    static constexpr const auto& neuron_names = Soma::neuron_names;
    static constexpr const auto& observable_names = Soma::observable_names;

    using Neuron = typename Soma::Neuron;
    template <class V>
    using Hot = typename Soma::template Hot<V>;
    template <class V>
    struct State {
        typename Soma::template State<V> soma;
        V held;  ///< time for which the membrane is still held
        V lost;  ///< what rounding has taken from it (Kahan), so that many events do not make the period drift
    };
    template <class T>
    struct Gap {
        typename Soma::template Gap<T> soma;
        T duration;
    };

    Soma soma;
    double refractory;

    /// `refractory` is the last shared parameter, after those of the soma.
    EVSIM_FN explicit Refractory(const double* shared) : soma(shared), refractory(shared[Soma::n_shared]) {}

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return soma.template hot<T>(n);
    }
    EVSIM_FN State<double> initial(const Neuron& n) const { return {soma.initial(n), 0.0, 0.0}; }

    EVSIM_FN Gap<double> gap(double duration) const {
        constexpr double largest = std::numeric_limits<float>::max();  // stays finite in either precision
        return {soma.gap(duration), duration < largest ? duration : largest};
    }
    /// A neuron that is, or but for rounding may be, released within the gap always takes the exact path.
    template <class V, class T>
    EVSIM_FN static V excess(const State<V>& s, const Hot<V>& h, const Gap<T>& g) {
        const V free = Soma::excess(s.soma, h, g.soma);
        constexpr T up = T(1) + 8 * std::numeric_limits<T>::epsilon();
        return select(s.held > V{}, broadcast<V>(g.duration * up) - s.held, free);
    }
    template <class V, class T>
    EVSIM_FN static void decay(State<V>& s, const Gap<T>& g) {
        const auto before = s.soma;
        Soma::decay(s.soma, g.soma);
        Soma::hold(s.held > V{}, before, s.soma);
        const V step = (V{} - g.duration) - s.lost;
        const V left = s.held + step;
        s.lost = select(left > V{}, (left - s.held) - step, V{});
        s.held = positive_part(left);
    }
    template <class V>
    EVSIM_FN static void receive(State<V>& s, const V& weight) {
        const auto before = s.soma;
        Soma::receive(s.soma, weight);
        Soma::hold(s.held > V{}, before, s.soma);
    }

    EVSIM_FN static bool endless(const Neuron& n) { return Soma::endless(n); }
    EVSIM_FN double first_crossing(const State<double>& s, const Neuron& n, double horizon) const {
        if (s.held > horizon) return never();
        State<double> released = s;
        flow(released, s.held);
        return s.held + soma.first_crossing(released.soma, n, horizon - s.held);
    }
    EVSIM_FN void flow(State<double>& s, double duration) const {
        const double held = s.held < duration ? s.held : duration;
        if (held > 0.0) {
            soma.flow_held(s.soma, held);
            s.held -= held;
            s.lost = 0.0;
        }
        if (duration > held) soma.flow(s.soma, duration - held);
    }
    EVSIM_FN void fire(State<double>& s, const Neuron& n) const {
        soma.fire(s.soma, n);
        s.held = refractory;
        s.lost = 0.0;
    }
    /// Held, then the soma up to its next spike, and again.
    template <class Fired>
    EVSIM_FN int advance(State<double>& s, const Neuron& n, double gap, const Gap<double>& factors, bool closed,
                         Fired&& fired) const {
        double elapsed = 0.0;
        for (int crossings = 0;; ++crossings) {
            const double held = s.held < gap - elapsed ? s.held : gap - elapsed;
            flow(s, held);
            elapsed += held;
            double crossing = 0.0;
            const auto stop = [&crossing](double time) {
                crossing = time;
                return false;
            };
            if (s.held > 0.0) return crossings;
            const double left = gap - elapsed;
            const auto left_factors = elapsed > 0.0 ? soma.gap(left) : factors.soma;
            if (evsim::advance(soma, s.soma, n, left, left_factors, closed, stop) == 0) return crossings;
            s.held = refractory;
            s.lost = 0.0;
            elapsed += crossing;
            if (!fired(elapsed)) return crossings + 1;
        }
    }
    EVSIM_FN bool at_threshold(const State<double>& s, const Neuron& n) const {
        return !(s.held > 0.0) && soma.at_threshold(s.soma, n);
    }
    EVSIM_FN double observe(const State<double>& s, const Neuron& n, int observable) const {
        return soma.observe(s.soma, n, observable);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
