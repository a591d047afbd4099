// What is wrong with a user's model, said in its own words at its own line. Host only: what runs on a GPU has been
// compiled for the host before.
#pragma once

// GCC then blames the line that uses a macro, not the one that defines it.
#pragma GCC system_header

#include <cstddef>
#include <iterator>
#include <type_traits>
#include <utility>

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// One question for each member of a model.
template <class Model>
struct ModelCheck {
    /// Of a type that nothing converts to: stands for V.
    struct alignas(32) Member {};

    template <class Struct, std::size_t... k>
    static constexpr bool made_of(std::index_sequence<k...>) {
        return requires { Struct{(static_cast<void>(k), Member{})...}; };
    }
    /// Whether a struct has members of type V only. An empty struct has none.
    template <class Struct>
    static constexpr bool only_members =
        std::is_empty_v<Struct> || made_of<Struct>(std::make_index_sequence<sizeof(Struct) / sizeof(Member)>{});

    static constexpr bool has_neuron = requires { sizeof(typename Model::Neuron); };
    static constexpr bool has_state = requires { sizeof(typename Model::template State<double>); };
    static constexpr bool has_any_gap = requires { typename Model::template Gap<double>; } ||
                                        requires { typename Model::template Hot<double>; } || requires { &Model::gap; };
    static constexpr bool is_complete = has_neuron && has_state;

    static constexpr bool shared_names() {
        if constexpr (requires {
                          std::size(Model::shared_names);
                          { Model::n_shared + 0 } -> SameAs<int>;
                      })
            return Model::n_shared == 0 || std::size(Model::shared_names) == static_cast<std::size_t>(Model::n_shared);
        return false;
    }
    static constexpr bool shared_defaults() {
        if constexpr (requires { std::size(Model::shared_defaults); })
            return std::size(Model::shared_defaults) == static_cast<std::size_t>(Model::n_shared);
        return true;
    }
    static constexpr bool shared_domains() {
        if constexpr (requires { std::size(Model::shared_domains); })
            return std::size(Model::shared_domains) == static_cast<std::size_t>(Model::n_shared);
        return true;
    }
    static constexpr bool neuron_names() {
        if constexpr (has_neuron && requires { std::size(Model::neuron_names); })
            return sizeof(typename Model::Neuron) == std::size(Model::neuron_names) * sizeof(double);
        return false;
    }
    static constexpr bool neuron_defaults() {
        if constexpr (requires { std::size(Model::neuron_defaults); })
            return std::size(Model::neuron_defaults) == std::size(Model::neuron_names);
        return true;
    }
    static constexpr bool neuron_domains() {
        if constexpr (requires { std::size(Model::neuron_domains); })
            return std::size(Model::neuron_domains) == std::size(Model::neuron_names);
        return true;
    }
    static constexpr bool state() {
        if constexpr (has_state) return only_members<typename Model::template State<Member>>;
        return false;
    }
    static constexpr bool hot() {
        if constexpr (requires { sizeof(typename Model::template Hot<double>); })
            return only_members<typename Model::template Hot<Member>>;
        return true;
    }
    static constexpr bool gap() {
        if constexpr (requires { sizeof(typename Model::template Gap<double>); })
            return only_members<typename Model::template Gap<Member>>;
        return true;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim

#define EVSIM_MODEL_HAS(what, ...)                                                             \
    static_assert(                                                                             \
        [] {                                                                                   \
            using Model = evsim_neuron_model;                                                  \
            if constexpr (evsim::ModelCheck<Model>::is_complete)                               \
                return []<class M>(M*) {                                                       \
                    return requires(const M& model, typename M::template State<double>& state, \
                                    const typename M::Neuron& neuron, const double* shared,    \
                                    double number) { __VA_ARGS__; };                           \
                }(static_cast<Model*>(nullptr));                                               \
            return true;                                                                       \
        }(),                                                                                   \
        "the neuron model has no " what ", or of another type; see <evsim/neuron/model.h>");

/// The last line of a user's model: EVSIM_NEURON_MODEL(MyNeuron)
#define EVSIM_NEURON_MODEL(...)                                                                                        \
    using evsim_neuron_model = __VA_ARGS__;                                                                            \
    using evsim_model_check = evsim::ModelCheck<evsim_neuron_model>;                                                   \
    static_assert(evsim_model_check::has_neuron, "the neuron model has no struct Neuron");                             \
    static_assert(evsim_model_check::has_state, "the neuron model has no struct State<V>");                            \
    static_assert(evsim_model_check::state(), "State<V> of a neuron model has members of type V only");                \
    static_assert(evsim_model_check::hot(), "Hot<V> of a neuron model has members of type V only");                    \
    static_assert(evsim_model_check::gap(), "Gap<T> of a neuron model has members of type T only");                    \
    static_assert(evsim_model_check::shared_names(), "a neuron model has n_shared names in shared_names");             \
    static_assert(evsim_model_check::shared_defaults(), "a neuron model has n_shared values in shared_defaults");      \
    static_assert(evsim_model_check::shared_domains(), "a neuron model has n_shared values in shared_domains");        \
    static_assert(evsim_model_check::neuron_names(), "a neuron model's Neuron has one double for each neuron_names");  \
    static_assert(evsim_model_check::neuron_defaults(), "a neuron model has a neuron_defaults for each neuron_names"); \
    static_assert(evsim_model_check::neuron_domains(), "a neuron model has a neuron_domains for each neuron_names");   \
    EVSIM_MODEL_HAS("constructor from const double*", M(shared))                                                       \
    EVSIM_MODEL_HAS("observable_names", M::observable_names[0])                                                        \
    EVSIM_MODEL_HAS("`spikes`", !M::spikes)                                                                            \
    EVSIM_MODEL_HAS("`n_ports`", M::n_ports + 0)                                                                       \
    EVSIM_MODEL_HAS("`Stored<T>`", typename M::template Stored<double>)                                                \
    EVSIM_MODEL_HAS("`jumps(port)`", {model.jumps(0)}->evsim::SameAs<bool>)                                            \
    EVSIM_MODEL_HAS("`initial(neuron)`", {model.initial(neuron)}->evsim::SameAs<typename M::template State<double>>)   \
    EVSIM_MODEL_HAS("`flow(state, neuron, duration)`", model.flow(state, neuron, number))                              \
    EVSIM_MODEL_HAS("`first_crossing(state, neuron, horizon)`",                                                        \
                    {model.first_crossing(state, neuron, number)}->evsim::SameAs<double>)                              \
    EVSIM_MODEL_HAS("`fire(state, neuron)`", model.fire(state, neuron))                                                \
    EVSIM_MODEL_HAS("static `receive(state, weight, port)`", M::receive(state, number, 0))                             \
    EVSIM_MODEL_HAS("`at_threshold(state, neuron)`", {model.at_threshold(state, neuron)}->evsim::SameAs<bool>)         \
    EVSIM_MODEL_HAS("`endless(neuron)`", {model.endless(neuron)}->evsim::SameAs<evsim::Endless>)                       \
    EVSIM_MODEL_HAS("`observe(state, neuron, k)`", {model.observe(state, neuron, 0)}->evsim::SameAs<double>)           \
    static_assert(!evsim_model_check::is_complete || !evsim_model_check::has_any_gap ||                                \
                      evsim::SharedGapModel<evsim_neuron_model>,                                                       \
                  "a neuron model with a Gap has all of Gap<T>, Hot<V>, gap, hot, excess and decay");
