// The table of a neuron model: the inner loops of all engines over it.
#pragma once

#include <type_traits>

#include <evsim/loops/dense.h>
#include <evsim/loops/scatter.h>
#include <evsim/loops/sparse.h>
#include <evsim/neuron/model.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// In the scatter engine the neurons of a vector have a gap each. The models that ship take gaps of vectors; of a
/// user's no more is asked than the contract says, so its neurons go one by one.
template <class S>
using Alone = S;

/// Neither are those whose own gaps depend on their neighbours': who these are must not matter.
template <class Model, class S>
inline constexpr bool joint_gaps = requires {
    std::remove_cvref_t<decltype(gap_for<Model>(std::declval<typename Model::template Hot<S>>(),
                                                std::declval<typename Model::template Gap<S>>()))>::joint;
};

template <NeuronModel AnyModel, class T, template <class> class Scattered = Vector>
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
    kernel.scatter = ScatterKernel<Model, S, std::conditional_t<joint_gaps<Model, S>, S, Scattered<S>>>::loops();
    return kernel;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
