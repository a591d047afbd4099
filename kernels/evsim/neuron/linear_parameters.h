// What the numbers of a linear neuron are called, and where they lie.
#pragma once

#include <evsim/neuron/parameters.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Where the shared parameters of N variables lie.
template <int N>
struct LinearParameters {
    static constexpr int flow = 0;                ///< A, row by row
    static constexpr int ceiling = flow + N * N;  ///< c e^{A t} x <= ceiling |x| for all t
    static constexpr int reset = ceiling + N;     ///< x <- R x + r: R; r is each neuron's
    static constexpr int seen = reset + N * N;    ///< observables: O x
    static constexpr int readout = seen + N * N;  ///< c
    static constexpr int held = readout + N;      ///< 1 for a variable that a held neuron does not change
    static constexpr int jumps = held + N;        ///< whether an input may move c x itself
    static constexpr int coupled = jumps + 1;     ///< whether other variables feel those that are held
    static constexpr int deaf = coupled + 1;      ///< whether a held neuron loses its input
    static constexpr int quiet =
        deaf + 1;  ///< whether it surely falls silent without input if it rests below threshold
    static constexpr int count = quiet + 1;

    const char* names[count];
    ParameterDomain domains[count] = {};

    constexpr LinearParameters() {
        for (int k = 0; k < count; ++k)
            names[k] = k < ceiling    ? "flow"
                       : k < reset    ? "ceiling"
                       : k < seen     ? "reset"
                       : k < readout  ? "seen"
                       : k < held     ? "readout"
                       : k < jumps    ? "held"
                       : k == jumps   ? "jumps"
                       : k == coupled ? "coupled"
                       : k == deaf    ? "deaf"
                                      : "quiet";
    }
};
template <int N>
inline constexpr LinearParameters<N> linear_parameters{};

template <int N>
struct LinearNeuronNames {
    const char* names[3 * N + 2];
    ParameterDomain domains[3 * N + 2] = {};
    constexpr LinearNeuronNames() {
        for (int k = 0; k <= 3 * N; ++k)
            names[k] = k == 0 ? "threshold" : k <= N ? "after_reset" : k <= 2 * N ? "initial" : "rest";
        names[3 * N + 1] = "refractory";
        domains[3 * N + 1] = ParameterDomain::not_negative;
    }
};
template <int N>
inline constexpr LinearNeuronNames<N> linear_neuron_names{};

template <int N>
struct LinearObservableNames {
    static constexpr const char* all[] = {"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"};
    static_assert(N <= 8);
    const char* names[N];
    constexpr LinearObservableNames() {
        for (int k = 0; k < N; ++k) names[k] = all[k];
    }
};
template <int N>
inline constexpr LinearObservableNames<N> linear_observable_names{};

}  // namespace EVSIM_ISA
}  // namespace evsim
