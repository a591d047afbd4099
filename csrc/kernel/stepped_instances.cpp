// The inner loops of the step-synchronous engine for one instruction set. Compiled once per set, with EVSIM_ISA naming
// the copy; includes nothing that would leave code outside that namespace.
#include <evsim/loops/stepped.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

/// The loops for values of 4 or 8 bytes.
SteppedKernel EVSIM_JOIN(stepped_kernel_, EVSIM_ISA)(int value_bytes) {
    return value_bytes == 4 ? SteppedLoops<float>::table() : SteppedLoops<double>::table();
}

}  // namespace evsim
