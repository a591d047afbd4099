// The table of a neuron model: the inner loops of all engines over it.
#pragma once

#include <evsim/loops/dense.h>
#include <evsim/loops/sparse.h>
#include <evsim/neuron/model.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <NeuronModel AnyModel, class T>
NeuronKernel kernel_table(const char* name) {
    using Model = WithGap<AnyModel>;
    NeuronKernel kernel{};
    kernel.abi = kernel_abi;
    kernel.info = ModelFacts<Model, T>::info(name);
    kernel.dense = DenseKernel<Model, T>::loops();
    kernel.sparse = SparseKernel<Model, T>::loops();
    return kernel;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
