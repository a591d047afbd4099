// Kernels compiled at run time: shared libraries with one neuron model or one plasticity rule each.
#pragma once

#include <memory>
#include <string>

#include <evsim/loops/neuron_kernel.h>

namespace evsim {

/// The neuron model of the shared library at `path`, which stays loaded as long as anybody holds it. Throws KernelLoad.
/// Loading runs code of the library: check before where it comes from.
std::shared_ptr<const NeuronKernel> load_kernel(const std::string& path);
/// Likewise the plasticity rule.
std::shared_ptr<const RuleKernel> load_rule(const std::string& path);

}  // namespace evsim
