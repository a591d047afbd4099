// The last include of a kernel compiled at run time: the engines over its neuron model and callbacks.
#pragma once

#include <evsim/loops/kernel_table.h>

/// What a compiled library exports. `rule` is UserRule, or NoRule if the source has no callbacks.
#define EVSIM_EXPORT_KERNEL(name, rule, ...)                                                                        \
    extern "C" __attribute__((visibility("default"))) const evsim::NeuronKernel* evsim_kernel() {                   \
        static const evsim::NeuronKernel kernel = evsim::kernel_table<__VA_ARGS__, evsim::real, evsim::rule>(name); \
        return &kernel;                                                                                             \
    }
