// The linear models of kernels/evsim/neuron/linear.h for one instruction set: a unit of their own, so that both
// processors of a small machine have something to compile. As instances.cpp.
#include <evsim/loops/kernel_table.h>
#include <evsim/neuron/models.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

void EVSIM_JOIN(visit_linear_kernels_, EVSIM_ISA)(void (*add)(void* registry, const NeuronKernel&), void* registry) {
#define EVSIM_ADD(name, ...)                                \
    add(registry, kernel_table<__VA_ARGS__, float>(#name)); \
    add(registry, kernel_table<__VA_ARGS__, double>(#name));
    EVSIM_FOR_LINEAR_MODELS(EVSIM_ADD)
#undef EVSIM_ADD
}

}  // namespace evsim
