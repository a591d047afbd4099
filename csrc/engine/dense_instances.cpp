// All shipped models for one instruction set. Compiled once per set, with EVSIM_ISA naming the copy; includes nothing
// that would leave code outside that namespace.
#include <evsim/neuron/iaf_delta.h>
#include <evsim/neuron/li.h>
#include <evsim/neuron/lif.h>
#include <evsim/neuron/lif_delta.h>
#include <evsim/neuron/refractory.h>

#include "dense_kernel.hpp"

#define EVSIM_JOIN_(a, b) a##b
#define EVSIM_JOIN(a, b) EVSIM_JOIN_(a, b)

namespace evsim {

/// Calls `add` with the table of every model in float and in double.
void EVSIM_JOIN(visit_kernels_, EVSIM_ISA)(void (*add)(void* registry, const NeuronKernel&), void* registry) {
#define EVSIM_MODEL(name, ...)                                   \
    add(registry, DenseKernel<__VA_ARGS__, float>::table(name)); \
    add(registry, DenseKernel<__VA_ARGS__, double>::table(name));
#include "models.def"
#undef EVSIM_MODEL
}

}  // namespace evsim
