// The table of a neuron model: the inner loops of all engines over it.
#pragma once

#include <evsim/loops/dense.h>
#include <evsim/loops/sparse.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <class Model, class T, class Rule = NoRule>
NeuronKernel kernel_table(const char* name) {
    NeuronKernel kernel = DenseKernel<Model, T, Rule>::table(name);
    if constexpr (std::is_same_v<Rule, NoRule>) {
        kernel.run_sparse = SparseKernel<Model, T>::run;
        kernel.finish_sparse = SparseKernel<Model, T>::finish;
    }
    return kernel;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
