// How an input spike reaches a non-linear neuron: as an exponentially decaying current or as a jump of the potential.
#pragma once

#include <evsim/exponential.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// The variable i of a state: a current with time constant tau_syn; or, with tau_syn = 0, jumps of v that have arrived
/// and are made when time passes or somebody looks. `receive` knows no parameters, and so need not tell them apart.
struct TaylorInput {
    bool jumps;
    double rate;

    EVSIM_FN explicit TaylorInput(double tau_syn) : jumps(tau_syn == 0.0), rate(jumps ? 0.0 : 1.0 / tau_syn) {}

    template <class State>
    EVSIM_FN double v(const State& s) const {
        return jumps ? s.v + s.i : s.v;
    }
    template <class State>
    EVSIM_FN double i(const State& s) const {
        return jumps ? 0.0 : s.i;
    }
    /// What is left of the current after a while; a jump waits.
    template <class State>
    EVSIM_FN double later(const State& s, double duration) const {
        return s.i * exponential_of_nonpositive(-rate * duration).value;
    }
    /// For Flow::rate: of the same order as the others, where there is none.
    EVSIM_FN double rate_beside(double other) const { return rate > 1e-3 * other ? rate : 1e-3 * other; }
};

/// What all equations with such an input share.
struct TakesInput {
    EVSIM_FN static constexpr bool jumps(int) { return true; }
    template <class State, class V>
    EVSIM_FN static void receive(State& s, const V& weight, int) {
        s.i += weight;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
