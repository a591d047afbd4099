// Parameters of neurons as a kernel wants them, checked; and its names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <evsim/loops/neuron_kernel.h>

namespace evsim {

/// Throws ShapeMismatch or NonFinite.
void check_shared(const NeuronKernel& kernel, const std::vector<double>& shared);
/// [padded neuron][parameter] from one value or one per neuron for each parameter; padding repeats the last neuron, so
/// that it behaves like one. Throws ShapeMismatch or NonFinite.
std::vector<double> spread_parameters(const NeuronKernel& kernel, const std::vector<std::vector<double>>& parameters,
                                      std::int32_t n_neurons, std::size_t padded);
/// Index of an observable, or of what a readout remembers. Throws InvalidArgument, naming those there are.
std::int32_t observable_of(const NeuronKernel& kernel, const std::string& name);
std::int32_t memory_of(const NeuronKernel& kernel, const std::string& name);

/// Clocks of `n` neurons that nothing holds: (time, rest) each; none for a model that never holds.
std::vector<double> free_releases(const NeuronKernel& kernel, std::size_t n);
/// Checks those of a packed state. Throws ShapeMismatch or NonFinite.
void check_releases(const NeuronKernel& kernel, const std::vector<double>& releases, std::size_t n_neurons);

}  // namespace evsim
