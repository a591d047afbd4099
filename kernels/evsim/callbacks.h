// What a user's kernel source includes: the words that callbacks are written in. docs/callbacks.md tells how.
#pragma once

#include <evsim/portable.h>

#if !defined(EVSIM_REAL)
#define EVSIM_REAL float
#endif
#if !defined(INFINITY)
#define INFINITY evsim::infinity()
#endif

namespace evsim {
inline namespace EVSIM_ISA {

/// The type of weights and traces: the network's dtype.
using real = EVSIM_REAL;

/// Where and when a callback is called. A callback that takes one as its last argument gets it.
struct Context {
    double time;               ///< of the event
    int neuron;                ///< that receives or fires
    int input;                 ///< of the synapse; -1 in on_post_neuron
    const double* observable;  ///< the neuron's variables after the event, as the model's observable_names order them

    EVSIM_FN double v() const { return observable[0]; }  ///< membrane potential
    EVSIM_FN double i() const {
        return observable[1];
    }  ///< the second variable: synaptic current; NaN in models without
};

/// Time constants of `n` traces.
template <int n>
struct TimeConstants {
    static constexpr int count = n;
    double values[n > 0 ? n : 1];
    EVSIM_FN double operator[](int k) const { return values[k]; }
};

/// What synaptic_traces_tau and neuron_traces_tau return; INFINITY for a trace that does not decay.
template <class... Tau>
EVSIM_FN constexpr TimeConstants<static_cast<int>(sizeof...(Tau))> time_constants(Tau... tau) {
    return {{static_cast<double>(tau)...}};
}

/// `value`, kept within [low, high].
template <class T>
EVSIM_FN T bounded(T value, T low, T high) {
    return value < low ? low : value > high ? high : value;
}

}  // namespace EVSIM_ISA
}  // namespace evsim

/// Parameters that Python may set without compiling again: EVSIM_PARAMETERS(rate = 0.01, target = 1). A callback that
/// takes a `const Parameters&` gets them.
#define EVSIM_PARAMETERS(...)    \
    struct Parameters {          \
        evsim::real __VA_ARGS__; \
    };                           \
    inline constexpr char evsim_parameter_text[] = #__VA_ARGS__;
