// Absolute refractory period around any soma: after a spike the membrane is held at reset for `refractory`. The model
// says what a held membrane does; until when is the engine's to know (see `holds` in advance.h).
#pragma once

#include <evsim/neuron/advance.h>
#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Names, defaults and domains of a neuron's parameters, and one more.
template <class Neuron, class Soma>
struct RefractoryParameters {
    static constexpr int n_of_soma = static_cast<int>(sizeof(Neuron) / sizeof(double));

    const char* names[n_of_soma + 1] = {};
    double defaults[n_of_soma + 1] = {};
    ParameterDomain domains[n_of_soma + 1] = {};

    constexpr RefractoryParameters() {
        for (double& value : defaults) value = std::numeric_limits<double>::quiet_NaN();
        for (int k = 0; k < n_of_soma; ++k) {
            names[k] = Soma::neuron_names[k];
            if constexpr (requires { Soma::neuron_defaults; }) defaults[k] = Soma::neuron_defaults[k];
            if constexpr (requires { Soma::neuron_domains; }) domains[k] = Soma::neuron_domains[k];
        }
        names[n_of_soma] = "refractory";
        domains[n_of_soma] = ParameterDomain::not_negative;
    }
};
template <class Neuron, class Soma>
inline constexpr RefractoryParameters<Neuron, Soma> refractory_parameters{};

/// `refractory` is the last parameter of a neuron, after those of the soma; 0 holds nobody.
template <class Soma>
struct Refractory : Soma {
    static constexpr bool holds = true;
    static constexpr const auto& neuron_names = refractory_parameters<typename Soma::Neuron, Soma>.names;
    static constexpr const auto& neuron_domains = refractory_parameters<typename Soma::Neuron, Soma>.domains;
    static constexpr const auto& neuron_defaults = refractory_parameters<typename Soma::Neuron, Soma>.defaults;

    struct Neuron : Soma::Neuron {
        double refractory;
    };

    using Soma::Soma;
};

}  // namespace EVSIM_ISA
}  // namespace evsim
