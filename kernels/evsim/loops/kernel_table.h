// The table of a neuron model: the inner loops of all engines over it.
#pragma once

#include <evsim/loops/dense.h>
#include <evsim/loops/sparse.h>
#include <evsim/neuron/model.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <NeuronModel AnyModel, class T, class Rule = NoRule>
NeuronKernel kernel_table(const char* name) {
    using Model = WithGap<AnyModel>;
    using Dense = DenseKernel<Model, T, Rule>;
    static_assert(!holds<AnyModel> || SharedGapModel<AnyModel>, "a refractory period needs a model with a Gap");
    NeuronKernel kernel{};
    kernel.abi = neuron_kernel_abi;
    kernel.info = ModelFacts<Model, T>::info(name);
    kernel.dense = Dense::loops();
    // Rules see spikes in the order of time, which the sparse engine does not keep.
    if constexpr (std::is_same_v<Rule, NoRule>) kernel.sparse = SparseKernel<Model, T>::loops();
    kernel.rule = Dense::rule_interface();
    return kernel;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
