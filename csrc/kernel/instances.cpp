// All shipped models for one instruction set. Compiled once per set, with EVSIM_ISA naming the copy; includes nothing
// that would leave code outside that namespace.
#include <evsim/loops/kernel_table.h>
#include <evsim/neuron/models.h>

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

/// Calls `add` with the table of every model in float and in double.
void EVSIM_JOIN(visit_kernels_, EVSIM_ISA)(void (*add)(void* registry, const NeuronKernel&), void* registry) {
#define EVSIM_ADD(name, ...)                                \
    add(registry, kernel_table<__VA_ARGS__, float>(#name)); \
    add(registry, kernel_table<__VA_ARGS__, double>(#name));
    EVSIM_FOR_ALL_MODELS(EVSIM_ADD)
#undef EVSIM_ADD
}

}  // namespace evsim
