// Steps of gradient descent, in the instruction set in use.
#pragma once

#include <evsim/loops/optimizer_kernel.h>

namespace evsim {

/// Values of 4 or 8 bytes. `adaptive`: over the root of the mean square.
void optimizer_step(const OptimizerRows& rows, const OptimizerNumbers& numbers, int value_bytes, bool adaptive);
double sum_of_squares(const OptimizerRows& rows, int value_bytes);

}  // namespace evsim
