// The callbacks of the source before it, as a plasticity rule. Included after a user's kernel source, never before.
#pragma once

#include <evsim/callbacks.h>

// A qualified name means the user's, or what follows if there is none: a using-directive comes second.
namespace evsim_not_defined {
struct Marker {
    EVSIM_FN constexpr operator double() const { return 1.0; }  // for templates that compute with it
};
struct Parameters {};
inline constexpr char evsim_parameter_text[] = "";
EVSIM_FN Marker on_pre_neuron(Marker) { return {}; }
EVSIM_FN Marker on_pre_synapse(Marker) { return {}; }
EVSIM_FN Marker on_post_neuron(Marker) { return {}; }
EVSIM_FN Marker on_post_synapse(Marker) { return {}; }
EVSIM_FN Marker neuron_traces_tau(Marker) { return {}; }
EVSIM_FN Marker synaptic_traces_tau(Marker) { return {}; }
}  // namespace evsim_not_defined
using namespace evsim_not_defined;

namespace evsim {
inline namespace EVSIM_ISA {

using Parameters = ::Parameters;

/// A function of the user's as an object, which can be asked what arguments it takes.
#define EVSIM_FUNCTION_OBJECT(name)                                                                      \
    struct Call_##name {                                                                                 \
        template <class... A>                                                                            \
        EVSIM_FN constexpr auto operator()(A&&... a) const -> decltype(::name(static_cast<A&&>(a)...)) { \
            return ::name(static_cast<A&&>(a)...);                                                       \
        }                                                                                                \
    };
EVSIM_FUNCTION_OBJECT(on_pre_neuron)
EVSIM_FUNCTION_OBJECT(on_pre_synapse)
EVSIM_FUNCTION_OBJECT(on_post_neuron)
EVSIM_FUNCTION_OBJECT(on_post_synapse)
EVSIM_FUNCTION_OBJECT(neuron_traces_tau)
EVSIM_FUNCTION_OBJECT(synaptic_traces_tau)
#undef EVSIM_FUNCTION_OBJECT

/// Ours take a marker and return it; a user's template may take one, too.
template <class Call, class Marker = evsim_not_defined::Marker>
inline constexpr bool defined = !requires(Call f, Marker m) {
    { f(m) } -> SameAs<Marker>;
};

/// Whether `Call` takes A..., with or without parameters and context after them.
template <class Call, class... A>
inline constexpr bool takes_context = requires(Call f, A... a, const Parameters& p, const Context& c) {
    f(static_cast<A>(a)..., p, c);
} || requires(Call f, A... a, const Context& c) { f(static_cast<A>(a)..., c); };
template <class Call, class... A>
inline constexpr bool takes = takes_context<Call, A...> || requires(Call f, A... a) { f(static_cast<A>(a)...); } ||
                              requires(Call f, A... a, const Parameters& p) { f(static_cast<A>(a)..., p); };

template <class Call, class... A>
inline constexpr bool takes_just = requires(Call f, A... a) { f(static_cast<A>(a)...); };

template <class Call, class... A>
EVSIM_FN void call_with(const Parameters& p, const Context& c, A&&... a) {
    constexpr Call f{};
    if constexpr (takes_just<Call, A&..., const Parameters&, const Context&>) {
        f(a..., p, c);
    } else if constexpr (takes_just<Call, A&..., const Parameters&>) {
        f(a..., p);
    } else if constexpr (takes_just<Call, A&..., const Context&>) {
        f(a..., c);
    } else {
        f(a...);
    }
}

/// What a function of time constants returns. It may take (tau_syn, tau_mem), (tau_mem) or nothing, then parameters.
/// No constants if it takes anything else, which evsim's checks after the source then say.
template <class Call>
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
template <class Call>
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

template <class Call>
EVSIM_FN constexpr auto time_constants_of(double tau_syn, double tau_mem, const Parameters& p) {
    if constexpr (are_time_constants<Returned<Call>>)
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

struct UserRule {
    using T = real;
    using NeuronTau = decltype(time_constants_of<Call_neuron_traces_tau>(0.0, 0.0, Parameters{}));
    using SynapticTau = decltype(time_constants_of<Call_synaptic_traces_tau>(0.0, 0.0, Parameters{}));
    static constexpr int n_neuron_traces = NeuronTau::count;
    static constexpr int n_synaptic_traces = SynapticTau::count;
    static constexpr const char* parameter_text = ::evsim_parameter_text;
    static constexpr int n_parameters = static_cast<int>(sizeof(Parameters) / sizeof(T));  // 0 of an empty struct

    static constexpr bool has_pre_neuron = takes<Call_on_pre_neuron, const T&, T*>;
    static constexpr bool has_post_neuron = takes<Call_on_post_neuron, T*>;
    static constexpr bool has_pre_synapse = takes<Call_on_pre_synapse, T&, const T*, T*>;
    static constexpr bool has_post_synapse = takes<Call_on_post_synapse, T&, const T*, T*>;
    /// A weight taken by reference is written.
    static constexpr bool pre_writes = has_pre_synapse && !takes<Call_on_pre_synapse, const T&, const T*, T*>;
    static constexpr bool post_writes = has_post_synapse && !takes<Call_on_post_synapse, const T&, const T*, T*>;
    static constexpr bool writes_weights = pre_writes || post_writes;
    template <bool written>
    using Weight = Conditional<written, T&, const T&>;
    static constexpr bool uses_context =
        takes_context<Call_on_pre_neuron, const T&, T*> || takes_context<Call_on_post_neuron, T*> ||
        takes_context<Call_on_pre_synapse, T&, const T*, T*> || takes_context<Call_on_post_synapse, T&, const T*, T*>;

    Parameters parameters;

    /// Values in the order of the declaration.
    EVSIM_FN explicit UserRule(const double* values) : parameters() {
        if constexpr (n_parameters > 0) {
            T* out = reinterpret_cast<T*>(&parameters);
            for (int k = 0; k < n_parameters; ++k) out[k] = static_cast<T>(values[k]);
        }
    }

    EVSIM_FN void on_pre_neuron(T weight, T* neuron_traces, const Context& context) const {
        if constexpr (has_pre_neuron) {
            Pointer<T> neuron EVSIM_TRACES(on_pre_neuron, neuron, neuron_traces, n_neuron_traces);
            call_with<Call_on_pre_neuron>(parameters, context, static_cast<const T&>(weight), neuron);
            EVSIM_AFTER(on_pre_neuron, neuron, neuron_traces, n_neuron_traces);
        }
    }
    EVSIM_FN void on_post_neuron(T* neuron_traces, const Context& context) const {
        if constexpr (has_post_neuron) {
            Pointer<T> neuron EVSIM_TRACES(on_post_neuron, neuron, neuron_traces, n_neuron_traces);
            call_with<Call_on_post_neuron>(parameters, context, neuron);
            EVSIM_AFTER(on_post_neuron, neuron, neuron_traces, n_neuron_traces);
        }
    }
    EVSIM_FN void on_pre_synapse(T& weight, const T* neuron_traces, T* synaptic_traces, const Context& context) const {
        if constexpr (has_pre_synapse) {
            Pointer<const T> neuron EVSIM_TRACES(on_pre_synapse, neuron, neuron_traces, n_neuron_traces);
            Pointer<T> synaptic EVSIM_TRACES(on_pre_synapse, synaptic, synaptic_traces, n_synaptic_traces);
            call_with<Call_on_pre_synapse>(parameters, context, static_cast<Weight<pre_writes>>(weight), neuron,
                                           synaptic);
            EVSIM_AFTER(on_pre_synapse, synaptic, synaptic_traces, n_synaptic_traces);
        }
    }
    EVSIM_FN void on_post_synapse(T& weight, const T* neuron_traces, T* synaptic_traces, const Context& context) const {
        if constexpr (has_post_synapse) {
            Pointer<const T> neuron EVSIM_TRACES(on_post_synapse, neuron, neuron_traces, n_neuron_traces);
            Pointer<T> synaptic EVSIM_TRACES(on_post_synapse, synaptic, synaptic_traces, n_synaptic_traces);
            call_with<Call_on_post_synapse>(parameters, context, static_cast<Weight<post_writes>>(weight), neuron,
                                            synaptic);
            EVSIM_AFTER(on_post_synapse, synaptic, synaptic_traces, n_synaptic_traces);
        }
    }

    /// Time constants of the neuron traces, then of the synaptic ones.
    static void trace_time_constants(const double* values, double tau_syn, double tau_mem, double* out) {
        const UserRule rule(values);
        const NeuronTau neuron = time_constants_of<Call_neuron_traces_tau>(tau_syn, tau_mem, rule.parameters);
        for (int k = 0; k < n_neuron_traces; ++k) out[k] = neuron[k];
        const SynapticTau synaptic = time_constants_of<Call_synaptic_traces_tau>(tau_syn, tau_mem, rule.parameters);
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
