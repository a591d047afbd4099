// The compiled neuron models and plasticity rules of the instruction set in use.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <evsim/loops/neuron_kernel.h>

namespace evsim {

/// The kernel of `model` for weights of `value_bytes` (4 or 8). Throws InvalidArgument, naming the models there are.
std::shared_ptr<const NeuronKernel> find_kernel(const std::string& model, int value_bytes);
std::vector<std::string> model_names();

/// The same of plasticity rules.
std::shared_ptr<const RuleKernel> find_rule(const std::string& rule, int value_bytes);
std::vector<std::string> rule_names();

}  // namespace evsim
