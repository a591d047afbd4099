// The way back through linear neurons, for one instruction set; as draw_instances.cpp.
#include <evsim/loops/adjoint_neurons.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

AdjointKernel EVSIM_JOIN(adjoint_kernel_, EVSIM_ISA)(int size) {
    if (size <= 2) return AdjointLoops<2>::table();
    if (size <= 3) return AdjointLoops<3>::table();
    if (size <= 5) return AdjointLoops<5>::table();
    return AdjointLoops<9>::table();
}

}  // namespace evsim
