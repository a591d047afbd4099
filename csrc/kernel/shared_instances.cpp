// Models that gain little from the widest registers, for one of the instruction sets that others share; as
// instances.cpp.
#include <evsim/loops/kernel_table.h>
#include <evsim/neuron/models.h>
#include <evsim/neuron/nonlinear_models.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

/// Calls `add` with the table of every model for weights in float and in double.
void EVSIM_JOIN(visit_shared_kernels_, EVSIM_ISA)(void (*add)(void* registry, const NeuronKernel&), void* registry) {
#define EVSIM_ADD(name, ...)                                \
    add(registry, kernel_table<__VA_ARGS__, float>(#name)); \
    add(registry, kernel_table<__VA_ARGS__, double>(#name));
    EVSIM_FOR_NONLINEAR_MODELS(EVSIM_ADD)
    EVSIM_FOR_NARROW_MODELS(EVSIM_ADD)
#undef EVSIM_ADD
}

}  // namespace evsim
