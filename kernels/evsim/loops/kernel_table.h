// The table of a neuron model: the inner loops of all engines over it.
#pragma once

#include <type_traits>

#include <evsim/loops/dense.h>
#include <evsim/loops/sparse.h>
#include <evsim/neuron/model.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <NeuronModel AnyModel, class T>
NeuronKernel kernel_table(const char* name) {
    using Model = WithGap<AnyModel>;
    using S = typename Model::template Stored<T>;
    static_assert(std::is_same_v<S, T> || std::is_same_v<S, double>,
                  "states are kept in the layer's type or in double");
    NeuronKernel kernel{};
    kernel.abi = kernel_abi;
    kernel.info = ModelFacts<Model, S>::info(name, sizeof(T));
    kernel.dense = DenseKernel<Model, T>::loops();
    kernel.sparse = SparseKernel<Model, T>::loops();
    return kernel;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
