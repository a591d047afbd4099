// The last include of a neuron model compiled at run time: the engines over it.
#pragma once

#include <evsim/loops/kernel_table.h>

/// What a compiled library exports.
#define EVSIM_EXPORT_KERNEL(name, ...)                                                                               \
    extern "C" __attribute__((visibility("default"))) const evsim::NeuronKernel* evsim_kernel() {                    \
        static const evsim::NeuronKernel kernel = evsim::kernel_table<__VA_ARGS__, evsim::real, evsim::Alone>(name); \
        return &kernel;                                                                                              \
    }
