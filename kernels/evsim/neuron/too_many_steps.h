// The end of a run in which one neuron would take for ever.
#pragma once

#include <cstdint>
#if !defined(__CUDACC__)
#include <stdexcept>
#endif

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// How many steps one neuron may take from one event or spike to the next.
inline constexpr std::int64_t most_steps = 2000000;

/// Ends a run whose neuron is too stiff; on a GPU, its state stops being finite.
EVSIM_FN void too_many_steps() {
#if !defined(__CUDACC__)
    throw std::runtime_error(
        "a neuron took 2 million steps without a spike between two events; its parameters or its input make it too "
        "fast for the time it is asked to pass");
#endif
}

}  // namespace EVSIM_ISA
}  // namespace evsim
