// The callbacks of a source as a plasticity rule.
#pragma once

#include <evsim/callbacks.h>

// A qualified name means the user's, or what follows if there is none: a using-directive comes second.
namespace evsim_not_defined {
struct Marker {
    EVSIM_FN constexpr operator double() const { return 1.0; }  // for templates that compute with it
};
struct Parameters {};
inline constexpr char evsim_parameter_text[] = "";
EVSIM_FN Marker on_delivery(Marker) { return {}; }
EVSIM_FN Marker on_pre_neuron(Marker) { return {}; }
EVSIM_FN Marker on_pre_synapse(Marker) { return {}; }
EVSIM_FN Marker on_post_neuron(Marker) { return {}; }
EVSIM_FN Marker on_post_synapse(Marker) { return {}; }
EVSIM_FN Marker neuron_traces_tau(Marker) { return {}; }
EVSIM_FN Marker synaptic_traces_tau(Marker) { return {}; }
}  // namespace evsim_not_defined

/// A function of a source as an object, which can be asked what arguments it takes.
#define EVSIM_FUNCTION_OBJECT(place, name)                                                                    \
    struct Call_##name {                                                                                      \
        template <class... A>                                                                                 \
        EVSIM_FN constexpr auto operator()(A&&... a) const -> decltype(place::name(static_cast<A&&>(a)...)) { \
            return place::name(static_cast<A&&>(a)...);                                                       \
        }                                                                                                     \
    };
/// struct `name`: the callbacks of the source in the namespace `place`, which uses evsim_not_defined.
#define EVSIM_NAME_CALLBACKS(name, place)                                \
    struct name {                                                        \
        using Parameters = place::Parameters;                            \
        static constexpr const char* text = place::evsim_parameter_text; \
        EVSIM_FUNCTION_OBJECT(place, on_delivery)                        \
        EVSIM_FUNCTION_OBJECT(place, on_pre_neuron)                      \
        EVSIM_FUNCTION_OBJECT(place, on_pre_synapse)                     \
        EVSIM_FUNCTION_OBJECT(place, on_post_neuron)                     \
        EVSIM_FUNCTION_OBJECT(place, on_post_synapse)                    \
        EVSIM_FUNCTION_OBJECT(place, neuron_traces_tau)                  \
        EVSIM_FUNCTION_OBJECT(place, synaptic_traces_tau)                \
    };

namespace evsim {
inline namespace EVSIM_ISA {

/// Ours take a marker and return it; a user's template may take one, too.
template <class Call, class Marker = evsim_not_defined::Marker>
inline constexpr bool defined = !requires(Call f, Marker m) {
    { f(m) } -> SameAs<Marker>;
};

/// Whether `Call` takes A..., with or without Parameters and context after them.
template <class Parameters, class Call, class... A>
inline constexpr bool takes_context = requires(Call f, A... a, const Parameters& p, const Context& c) {
    f(static_cast<A>(a)..., p, c);
} || requires(Call f, A... a, const Context& c) { f(static_cast<A>(a)..., c); };
template <class Parameters, class Call, class... A>
inline constexpr bool takes = takes_context<Parameters, Call, A...> || requires(Call f, A... a) {
    f(static_cast<A>(a)...);
} || requires(Call f, A... a, const Parameters& p) { f(static_cast<A>(a)..., p); };

template <class Call, class... A>
inline constexpr bool takes_just = requires(Call f, A... a) { f(static_cast<A>(a)...); };

template <class Call, class Parameters, class... A>
EVSIM_FN decltype(auto) call_with(const Parameters& p, const Context& c, A&&... a) {
    constexpr Call f{};
    if constexpr (takes_just<Call, A&..., const Parameters&, const Context&>) {
        return f(a..., p, c);
    } else if constexpr (takes_just<Call, A&..., const Parameters&>) {
        return f(a..., p);
    } else if constexpr (takes_just<Call, A&..., const Context&>) {
        return f(a..., c);
    } else {
        return f(a...);
    }
}

/// What a function of time constants returns. It may take (tau_syn, tau_mem), (tau_mem) or nothing, then parameters.
/// No constants if it takes anything else, which evsim's checks after the source then say.
template <class Call, class Parameters>
EVSIM_FN constexpr auto returned_by(double tau_syn, double tau_mem, const Parameters& p) {
    constexpr Call f{};
    if constexpr (!defined<Call>) {
        return TimeConstants<0>{};
    } else if constexpr (requires { f(tau_syn, tau_mem, p); }) {
        return f(tau_syn, tau_mem, p);
    } else if constexpr (requires { f(tau_syn, tau_mem); }) {
        return f(tau_syn, tau_mem);
    } else if constexpr (requires { f(tau_mem, p); }) {
        return f(tau_mem, p);
    } else if constexpr (requires { f(tau_mem); }) {
        return f(tau_mem);
    } else if constexpr (requires { f(p); }) {
        return f(p);
    } else if constexpr (requires { f(); }) {
        return f();
    } else {
        return evsim_not_defined::Marker{};
    }
}
template <class Call, class Parameters>
using Returned = decltype(returned_by<Call>(0.0, 0.0, Parameters{}));

template <bool condition, class A, class B>
struct ConditionalType {
    using type = A;
};
template <class A, class B>
struct ConditionalType<false, A, B> {
    using type = B;
};
template <bool condition, class A, class B>
using Conditional = typename ConditionalType<condition, A, B>::type;

template <class T>
inline constexpr bool are_time_constants = false;
template <int n>
inline constexpr bool are_time_constants<TimeConstants<n>> = true;

template <class Call, class Parameters>
EVSIM_FN constexpr auto time_constants_of(double tau_syn, double tau_mem, const Parameters& p) {
    if constexpr (are_time_constants<Returned<Call, Parameters>>)
        return returned_by<Call>(tau_syn, tau_mem, p);
    else
        return TimeConstants<0>{};
}

#if defined(EVSIM_DEBUG)
template <class T>
using Pointer = Traces<T>;
#define EVSIM_TRACES(callback, kind, pointer, count) {pointer, count, #callback, #kind}
#define EVSIM_AFTER(callback, kind, pointer, count) refuse_infinite(pointer, count, #callback, #kind)
#else
template <class T>
using Pointer = T*;
#define EVSIM_TRACES(callback, kind, pointer, count) (pointer)
#define EVSIM_AFTER(callback, kind, pointer, count) static_cast<void>(0)
#endif

/// The rule of Callbacks (see EVSIM_NAME_CALLBACKS) on weights and traces of T.
template <class T, class Callbacks>
struct CallbackRule {
    using Parameters = typename Callbacks::Parameters;
    using OnDelivery = typename Callbacks::Call_on_delivery;
    using OnPreNeuron = typename Callbacks::Call_on_pre_neuron;
    using OnPostNeuron = typename Callbacks::Call_on_post_neuron;
    using OnPreSynapse = typename Callbacks::Call_on_pre_synapse;
    using OnPostSynapse = typename Callbacks::Call_on_post_synapse;
    using NeuronTraces = typename Callbacks::Call_neuron_traces_tau;
    using SynapticTraces = typename Callbacks::Call_synaptic_traces_tau;
    using NeuronTau = decltype(time_constants_of<NeuronTraces>(0.0, 0.0, Parameters{}));
    using SynapticTau = decltype(time_constants_of<SynapticTraces>(0.0, 0.0, Parameters{}));
    static constexpr int n_neuron_traces = NeuronTau::count;
    static constexpr int n_synaptic_traces = SynapticTau::count;
    static constexpr const char* parameter_text = Callbacks::text;
    static constexpr int n_parameters = static_cast<int>(sizeof(Parameters) / sizeof(T));  // 0 of an empty struct

    static constexpr bool has_neuron_traces_tau = are_time_constants<Returned<NeuronTraces, Parameters>>;
    static constexpr bool has_synaptic_traces_tau = are_time_constants<Returned<SynapticTraces, Parameters>>;
    static constexpr bool has_pre_neuron = takes<Parameters, OnPreNeuron, const T&, T*>;
    static constexpr bool has_post_neuron = takes<Parameters, OnPostNeuron, T*>;
    static constexpr bool has_pre_synapse = takes<Parameters, OnPreSynapse, T&, const T*, T*>;
    static constexpr bool has_post_synapse = takes<Parameters, OnPostSynapse, T&, const T*, T*>;
    /// It returns what arrives.
    static constexpr bool has_delivery = [] {
        if constexpr (takes<Parameters, OnDelivery, const T&, const T*, T*>) {
            return requires(const Parameters& p, const Context& c, const T& weight, const T* neuron, T* synaptic) {
                static_cast<T>(call_with<OnDelivery>(p, c, weight, neuron, synaptic));
            };
        }
        return false;
    }();
    /// A weight taken by reference is written.
    static constexpr bool pre_writes = has_pre_synapse && !takes<Parameters, OnPreSynapse, const T&, const T*, T*>;
    static constexpr bool post_writes = has_post_synapse && !takes<Parameters, OnPostSynapse, const T&, const T*, T*>;
    static constexpr bool writes_weights = pre_writes || post_writes;
    template <bool written>
    using Weight = Conditional<written, T&, const T&>;
    static constexpr bool uses_context = takes_context<Parameters, OnPreNeuron, const T&, T*> ||
                                         takes_context<Parameters, OnPostNeuron, T*> ||
                                         takes_context<Parameters, OnDelivery, const T&, const T*, T*> ||
                                         takes_context<Parameters, OnPreSynapse, T&, const T*, T*> ||
                                         takes_context<Parameters, OnPostSynapse, T&, const T*, T*>;

    Parameters parameters;

    /// Values in the order of the declaration.
    EVSIM_FN explicit CallbackRule(const double* values) : parameters() {
        if constexpr (n_parameters > 0) {
            T* out = reinterpret_cast<T*>(&parameters);
            for (int k = 0; k < n_parameters; ++k) out[k] = static_cast<T>(values[k]);
        }
    }

    /// What a synapse brings.
    EVSIM_FN T on_delivery(T weight, const T* neuron_traces, T* synaptic_traces, const Context& context) const {
        if constexpr (has_delivery) {
            Pointer<const T> neuron EVSIM_TRACES(on_delivery, neuron, neuron_traces, n_neuron_traces);
            Pointer<T> synaptic EVSIM_TRACES(on_delivery, synaptic, synaptic_traces, n_synaptic_traces);
            const T brought = static_cast<T>(
                call_with<OnDelivery>(parameters, context, static_cast<const T&>(weight), neuron, synaptic));
            EVSIM_AFTER(on_delivery, synaptic, synaptic_traces, n_synaptic_traces);
            return brought;
        }
        return weight;
    }
    EVSIM_FN void on_pre_neuron(T weight, T* neuron_traces, const Context& context) const {
        if constexpr (has_pre_neuron) {
            Pointer<T> neuron EVSIM_TRACES(on_pre_neuron, neuron, neuron_traces, n_neuron_traces);
            call_with<OnPreNeuron>(parameters, context, static_cast<const T&>(weight), neuron);
            EVSIM_AFTER(on_pre_neuron, neuron, neuron_traces, n_neuron_traces);
        }
    }
    EVSIM_FN void on_post_neuron(T* neuron_traces, const Context& context) const {
        if constexpr (has_post_neuron) {
            Pointer<T> neuron EVSIM_TRACES(on_post_neuron, neuron, neuron_traces, n_neuron_traces);
            call_with<OnPostNeuron>(parameters, context, neuron);
            EVSIM_AFTER(on_post_neuron, neuron, neuron_traces, n_neuron_traces);
        }
    }
    EVSIM_FN void on_pre_synapse(T& weight, const T* neuron_traces, T* synaptic_traces, const Context& context) const {
        if constexpr (has_pre_synapse) {
            Pointer<const T> neuron EVSIM_TRACES(on_pre_synapse, neuron, neuron_traces, n_neuron_traces);
            Pointer<T> synaptic EVSIM_TRACES(on_pre_synapse, synaptic, synaptic_traces, n_synaptic_traces);
            call_with<OnPreSynapse>(parameters, context, static_cast<Weight<pre_writes>>(weight), neuron, synaptic);
            EVSIM_AFTER(on_pre_synapse, synaptic, synaptic_traces, n_synaptic_traces);
        }
    }
    EVSIM_FN void on_post_synapse(T& weight, const T* neuron_traces, T* synaptic_traces, const Context& context) const {
        if constexpr (has_post_synapse) {
            Pointer<const T> neuron EVSIM_TRACES(on_post_synapse, neuron, neuron_traces, n_neuron_traces);
            Pointer<T> synaptic EVSIM_TRACES(on_post_synapse, synaptic, synaptic_traces, n_synaptic_traces);
            call_with<OnPostSynapse>(parameters, context, static_cast<Weight<post_writes>>(weight), neuron, synaptic);
            EVSIM_AFTER(on_post_synapse, synaptic, synaptic_traces, n_synaptic_traces);
        }
    }

    /// Time constants of the neuron traces, then of the synaptic ones.
    static void trace_time_constants(const double* values, double tau_syn, double tau_mem, double* out) {
        const CallbackRule rule(values);
        const NeuronTau neuron = time_constants_of<NeuronTraces>(tau_syn, tau_mem, rule.parameters);
        for (int k = 0; k < n_neuron_traces; ++k) out[k] = neuron[k];
        const SynapticTau synaptic = time_constants_of<SynapticTraces>(tau_syn, tau_mem, rule.parameters);
        for (int k = 0; k < n_synaptic_traces; ++k) out[n_neuron_traces + k] = synaptic[k];
    }
    /// What the source gives the parameters.
    static void default_parameters(double* out) {
        if constexpr (n_parameters > 0) {
            const Parameters defaults{};
            const T* values = reinterpret_cast<const T*>(&defaults);
            for (int k = 0; k < n_parameters; ++k) out[k] = static_cast<double>(values[k]);
        }
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
