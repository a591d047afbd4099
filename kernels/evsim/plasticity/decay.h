// Exponential decay of traces over a gap.
#pragma once

#include <evsim/exponential.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// e^{-duration * rate} - 1: what a trace loses over `duration` as a share of itself. Close to 1 the factor itself
/// would lose most digits of the rate of decay. A rate of 0 is a trace that does not decay.
template <class T>
EVSIM_FN T trace_change(double duration, double rate) {
    return exponential_of_nonpositive(static_cast<T>(-duration * rate)).minus_one;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
