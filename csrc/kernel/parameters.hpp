// Parameters of neurons as a kernel wants them, checked; and its names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <evsim/loops/neuron_kernel.h>

namespace evsim {

/// Throws ShapeMismatch, NonFinite or, outside of the domains that the model states, InvalidArgument.
void check_shared(const NeuronKernel& kernel, const std::vector<double>& shared);
/// [padded neuron][parameter] from one value or one per neuron for each parameter; padding repeats the last neuron, so
/// that it behaves like one. Throws like check_shared.
std::vector<double> spread_parameters(const NeuronKernel& kernel, const std::vector<std::vector<double>>& parameters,
                                      std::int32_t n_neurons, std::size_t padded);
/// Index of an observable, or of what a readout remembers. Throws InvalidArgument, naming those there are.
std::int32_t observable_of(const NeuronKernel& kernel, const std::string& name);
std::int32_t memory_of(const NeuronKernel& kernel, const std::string& name);

/// Throw InvalidArgument, naming the model, where it lacks the loops of that kind of layer.
void require_dense(const NeuronKernel& kernel);
void require_sparse(const NeuronKernel& kernel);
void require_scatter(const NeuronKernel& kernel);
/// Throws InvalidArgument unless the rule is for weights of the model's type.
void require_fitting(const RuleKernel& rule, const ModelInfo& model);
/// Derived parameters, initial state and memory of `n` neurons. Throws NonFinite if a state does not fit its type.
void prepare(const NeuronKernel& kernel, const std::vector<double>& shared, const std::vector<double>& neurons,
             std::size_t n, void* hot, void* state, std::vector<double>& memory);
/// Clocks of `n` neurons that nothing holds: (time, rest) each; none for a model that never holds.
std::vector<double> free_releases(const NeuronKernel& kernel, std::size_t n);
/// Checks those of a packed state. Throws ShapeMismatch or NonFinite.
void check_releases(const NeuronKernel& kernel, const std::vector<double>& releases, std::size_t n_neurons);

}  // namespace evsim
