// What a neuron model says of its parameters besides their names.
#pragma once

#include <cstdint>

namespace evsim {

/// Which values a parameter may have, besides being finite. The numbers are part of the kernel interface.
enum class ParameterDomain : std::int32_t { any = 0, positive = 1, not_negative = 2 };

/// Whether a neuron fires for ever without input.
enum class Endless { never, always, unknown };

}  // namespace evsim
