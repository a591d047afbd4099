// What the core has to know of a neuron model before any engine runs: its names and numbers, and what is derived from
// parameters.
#pragma once

#include <cstring>
#include <iterator>
#include <type_traits>

#include <evsim/neuron/advance.h>
#include <evsim/neuron/parameters.h>
#include <evsim/neuron/readout.h>

#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// How many SIMD vectors of neurons a tile may have. More hide the latency of one another, as long as their variables
/// stay in registers; where every neuron is moved by itself they would be code for nothing.
template <class Model>
inline constexpr int most_vectors = [] {
    if constexpr (requires { Model::most_vectors; }) return Model::most_vectors;
    return 4;
}();

template <class Model>
inline constexpr int n_neuron_parameters = static_cast<int>(std::size(Model::neuron_names));

/// The parameters in the given place of [place][parameter].
template <class Model>
inline typename Model::Neuron neuron_at(const double* neurons, std::size_t place) {
    typename Model::Neuron neuron;
    static_assert(sizeof(neuron) == n_neuron_parameters<Model> * sizeof(double));
    std::memcpy(&neuron, neurons + place * n_neuron_parameters<Model>, sizeof(neuron));
    return neuron;
}

/// `S`: the type of states.
template <class Model, class S>
struct ModelFacts {
    using Neuron = typename Model::Neuron;
    using Lane = typename Model::template State<S>;
    using HotLane = typename Model::template Hot<S>;

    static constexpr bool remembers = requires { Model::memory_names; };

    static std::int32_t prepare(const double* shared, const double* neurons, std::size_t stride, void* hot, void* state,
                                double* memory) {
        const Model model(shared);
        std::int32_t first_unfit = -1;
        for (std::int32_t n = 0; n < static_cast<std::int32_t>(stride); ++n) {
            const Neuron neuron = neuron_at<Model>(neurons, static_cast<std::size_t>(n));
            Variables<HotLane, S>::store(model.template hot<S>(neuron), static_cast<S*>(hot) + n, stride);
            const Lane initial = converted<Lane, S, double>(model.initial(neuron));
            if (first_unfit < 0 && !finite<Lane, S>(initial)) first_unfit = n;
            Variables<Lane, S>::store(initial, static_cast<S*>(state) + n, stride);
            if constexpr (remembers) {
                double values[std::size(Model::memory_names)];
                begin_memory(model, neuron, converted<typename Model::template State<double>, double, S>(initial),
                             values);
                for (std::size_t k = 0; k < std::size(Model::memory_names); ++k) memory[k * stride + n] = values[k];
            }
        }
        return first_unfit;
    }

    static std::int32_t first_endless(const double* shared, const double* neurons, std::int32_t n_neurons) {
        const Model model(shared);
        for (std::int32_t n = 0; n < n_neurons; ++n) {
            if (model.endless(neuron_at<Model>(neurons, static_cast<std::size_t>(n))) != Endless::never) return n;
        }
        return -1;
    }

    static ModelInfo info(const char* name, std::size_t weight_bytes) {
        ModelInfo info{};
        info.model = name;
        info.weight_bytes = static_cast<std::int32_t>(weight_bytes);
        info.state_bytes = sizeof(S);
        info.lanes = lanes<S>;
        info.most_vectors = most_vectors<Model>;
        info.n_shared = Model::n_shared;
        info.n_neuron = n_neuron_parameters<Model>;
        info.n_hot = Variables<HotLane, S>::count;
        info.n_state = Variables<Lane, S>::count;
        info.n_observables = static_cast<std::int32_t>(std::size(Model::observable_names));
        info.n_ports = Model::n_ports;
        info.spikes = Model::spikes;
        info.holds = holds<Model>;
        info.shared_names = Model::shared_names;
        info.neuron_names = Model::neuron_names;
        info.observable_names = Model::observable_names;
        if constexpr (remembers) {
            info.n_memory = static_cast<std::int32_t>(std::size(Model::memory_names));
            info.memory_names = Model::memory_names;
        }
        info.start_memory = -1;
        if constexpr (concludes<Model>) info.start_memory = Model::start_memory;
        if constexpr (requires { Model::shared_defaults; }) info.shared_defaults = Model::shared_defaults;
        if constexpr (requires { Model::neuron_defaults; }) info.neuron_defaults = Model::neuron_defaults;
        if constexpr (requires { Model::shared_domains; }) info.shared_domains = Model::shared_domains;
        if constexpr (requires { Model::neuron_domains; }) info.neuron_domains = Model::neuron_domains;
        info.prepare = prepare;
        info.first_endless = first_endless;
        return info;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
