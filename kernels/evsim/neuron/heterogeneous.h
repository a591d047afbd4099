// Time constants that differ between the neurons of a layer, around any soma whose gap depends on nothing else that
// they share: between two events every neuron decays by factors of its own, computed in SIMD.
#pragma once

#include <evsim/neuron/advance.h>
#include <evsim/neuron/parameters.h>
#include <evsim/neuron/readout.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Names and domains of a soma's parameters, its first n_time_constants shared ones after those of each neuron.
template <class Soma>
struct HeterogeneousParameters {
    static constexpr int n_moved = Soma::n_time_constants;
    static constexpr int n_shared = Soma::n_shared - n_moved;
    static constexpr int n_of_soma = static_cast<int>(sizeof(typename Soma::Neuron) / sizeof(double));

    const char* shared_names[n_shared + 1] = {};  // one more, because there may be none
    const char* neuron_names[n_of_soma + n_moved] = {};
    ParameterDomain shared_domains[n_shared + 1] = {};
    ParameterDomain neuron_domains[n_of_soma + n_moved] = {};

    constexpr HeterogeneousParameters() {
        for (int k = 0; k < n_shared; ++k) {
            shared_names[k] = Soma::shared_names[n_moved + k];
            shared_domains[k] = Soma::shared_domains[n_moved + k];
        }
        for (int k = 0; k < n_of_soma; ++k) {
            neuron_names[k] = Soma::neuron_names[k];
            if constexpr (requires { Soma::neuron_domains; }) neuron_domains[k] = Soma::neuron_domains[k];
        }
        for (int k = 0; k < n_moved; ++k) {
            neuron_names[n_of_soma + k] = Soma::shared_names[k];
            neuron_domains[n_of_soma + k] = Soma::shared_domains[k];
        }
    }
};
template <class Soma>
inline constexpr HeterogeneousParameters<Soma> heterogeneous_parameters{};

/// Soma has, besides what models have: n_time_constants, the first of its shared parameters; Rates<V>, a struct of V
/// only; rates<T>(), its own; optionally most_vectors_of_own, advance_by_steps and, where at_threshold looks at time
/// constants, threshold_by_slope; and a static gap_of(rates, duration), what `excess` and `decay` take for SIMD vectors
/// and single numbers; it may point to the rates.
template <class Soma>
struct Heterogeneous : Soma {
    using Parameters = HeterogeneousParameters<Soma>;
    static constexpr int n_shared = Parameters::n_shared;
    static constexpr const auto& shared_names = heterogeneous_parameters<Soma>.shared_names;
    static constexpr const auto& shared_domains = heterogeneous_parameters<Soma>.shared_domains;
    static constexpr const auto& neuron_names = heterogeneous_parameters<Soma>.neuron_names;
    static constexpr const auto& neuron_domains = heterogeneous_parameters<Soma>.neuron_domains;

    static constexpr int most_vectors = [] {
        if constexpr (requires { Soma::most_vectors_of_own; }) return Soma::most_vectors_of_own;
        return 4;
    }();

    struct Neuron : Soma::Neuron {
        double time_constants[Parameters::n_moved];
    };
    template <class V>
    struct Hot {
        typename Soma::template Hot<V> soma;
        typename Soma::template Rates<V> rates;
    };
    template <class T>
    struct Gap {
        T duration;
    };

    const double* shared;

    /// Whatever uses the time constants of the base gets NaN.
    EVSIM_FN explicit Heterogeneous(const double* shared_) : Soma(Values(nullptr, shared_).all), shared(shared_) {}

    EVSIM_FN Soma soma(const Neuron& n) const { return Soma(Values(n.time_constants, shared).all); }

    template <class T>
    EVSIM_FN Hot<T> hot(const Neuron& n) const {
        return {Soma::template hot<T>(n), soma(n).template rates<T>()};
    }
    EVSIM_FN Gap<double> gap(double duration) const { return {duration}; }
    template <class V, class T>
    EVSIM_FN static auto own_gap(const Hot<V>& h, const Gap<T>& g) {
        return Soma::gap_of(h.rates, broadcast<V>(g.duration));
    }
    template <class V, class OwnGap>
    EVSIM_FN static V excess(const typename Soma::template State<V>& s, const Hot<V>& h, const OwnGap& g) {
        return Soma::excess(s, h.soma, g);
    }

    EVSIM_FN double first_crossing(const typename Soma::template State<double>& s, const Neuron& n,
                                   double horizon) const {
        return soma(n).first_crossing(s, n, horizon);
    }
    EVSIM_FN void flow(typename Soma::template State<double>& s, const Neuron& n, double duration) const {
        soma(n).flow(s, n, duration);
    }
    EVSIM_FN bool at_threshold(const typename Soma::template State<double>& s, const Neuron& n) const {
        if constexpr (requires { Soma::threshold_by_slope; }) {
            return soma(n).at_threshold(s, n);
        } else {
            return Soma::at_threshold(s, n);
        }
    }
    EVSIM_FN void flow_held(typename Soma::template State<double>& s, const Neuron& n, double duration) const {
        soma(n).flow_held(s, n, duration);
    }
    EVSIM_FN double initial_charge(const typename Soma::template State<double>& s, const Neuron& n) const
        requires concludes<Soma>
    {
        return soma(n).initial_charge(s, n);
    }
    EVSIM_FN void conclude(const typename Soma::template State<double>& s, const Neuron& n, double time,
                           double* memory) const
        requires concludes<Soma>
    {
        soma(n).conclude(s, n, time, memory);
    }
    template <class Fired>
    EVSIM_FN int advance(typename Soma::template State<double>& s, const Neuron& n, double gap, const Gap<double>&,
                         bool closed, Fired&& fired) const {
        if constexpr (requires { this->advance_by_steps(n.time_constants, s, n, gap, closed, fired); }) {
            const int crossings = this->advance_by_steps(n.time_constants, s, n, gap, closed, fired);
            if (crossings >= 0) return crossings;
        }
        const Soma own = soma(n);
        return evsim::advance(own, s, n, gap, own.gap(gap), closed, fired);
    }
    template <class Fired>
    EVSIM_FN int advance_alone(typename Soma::template State<double>& s, const Neuron& n, double gap, bool closed,
                               Fired&& fired) const {
        return advance(s, n, gap, {gap}, closed, fired);
    }

 private:
    /// The shared parameters as the soma takes them.
    struct Values {
        double all[Soma::n_shared];
        EVSIM_FN Values(const double* time_constants, const double* rest) {
            for (int k = 0; k < Parameters::n_moved; ++k) all[k] = time_constants ? time_constants[k] : never();
            for (int k = Parameters::n_moved; k < Soma::n_shared; ++k) all[k] = rest[k - Parameters::n_moved];
        }
    };
};

}  // namespace EVSIM_ISA
}  // namespace evsim
