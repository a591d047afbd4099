// Absolute refractory period around any soma: after a spike the membrane is held at reset for `refractory`. The model
// says what a held membrane does; until when is the engine's to know (see `holds` in advance.h).
#pragma once

#include <evsim/neuron/advance.h>
#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Names and defaults of the soma's shared parameters, and one more.
template <class Soma>
struct RefractoryParameters {
    const char* names[Soma::n_shared + 1] = {};
    double defaults[Soma::n_shared + 1] = {};
    ParameterDomain domains[Soma::n_shared + 1] = {};
    constexpr RefractoryParameters() {
        for (int k = 0; k <= Soma::n_shared; ++k) defaults[k] = std::numeric_limits<double>::quiet_NaN();
        for (int k = 0; k < Soma::n_shared; ++k) {
            names[k] = Soma::shared_names[k];
            if constexpr (requires { Soma::shared_defaults; }) defaults[k] = Soma::shared_defaults[k];
            if constexpr (requires { Soma::shared_domains; }) domains[k] = Soma::shared_domains[k];
        }
        names[Soma::n_shared] = "refractory";
        domains[Soma::n_shared] = ParameterDomain::not_negative;
    }
};
template <class Soma>
inline constexpr RefractoryParameters<Soma> refractory_parameters{};

template <class Soma>
struct Refractory : Soma {
    static constexpr bool holds = true;
    static constexpr int n_shared = Soma::n_shared + 1;
    static constexpr const auto& shared_names = refractory_parameters<Soma>.names;
    static constexpr const auto& shared_domains = refractory_parameters<Soma>.domains;
    static constexpr const auto& shared_defaults = refractory_parameters<Soma>.defaults;

    double refractory;

    /// `refractory` is the last shared parameter, after those of the soma.
    EVSIM_FN explicit Refractory(const double* shared) : Soma(shared), refractory(shared[Soma::n_shared]) {}
};

}  // namespace EVSIM_ISA
}  // namespace evsim
