#include "kernel/registry.hpp"

#include "core/cpu.hpp"
#include "core/errors.hpp"

namespace evsim {

using AddKernel = void (*)(void* registry, const NeuronKernel&);
using AddRule = void (*)(void* registry, const RuleKernel&);
#if defined(EVSIM_AVX512)
void visit_kernels_avx512(AddKernel, void*);
void visit_linear_kernels_avx512(AddKernel, void*);
void visit_float_rules_avx512(AddRule, void*);
void visit_double_rules_avx512(AddRule, void*);
#endif
#if defined(EVSIM_X86_64)
void visit_kernels_avx2(AddKernel, void*);
void visit_linear_kernels_avx2(AddKernel, void*);
void visit_shared_kernels_avx2(AddKernel, void*);
void visit_float_rules_avx2(AddRule, void*);
void visit_double_rules_avx2(AddRule, void*);
#endif
void visit_kernels_baseline(AddKernel, void*);
#if !defined(EVSIM_X86_64)
void visit_linear_kernels_baseline(AddKernel, void*);
#endif
void visit_shared_kernels_baseline(AddKernel, void*);
void visit_float_rules_baseline(AddRule, void*);
void visit_double_rules_baseline(AddRule, void*);

namespace {

const std::vector<NeuronKernel>& kernels() {
    static const std::vector<NeuronKernel> all = [] {
        std::vector<NeuronKernel> found;
        const AddKernel add = [](void* registry, const NeuronKernel& kernel) {
            if (kernel.abi == kernel_abi) static_cast<std::vector<NeuronKernel>*>(registry)->push_back(kernel);
        };
        const std::string& isa = active_isa();
#if defined(EVSIM_AVX512)
        if (isa == "avx512") {
            visit_kernels_avx512(add, &found);
            visit_linear_kernels_avx512(add, &found);
        }
#endif
#if defined(EVSIM_X86_64)
        if (isa == "avx2") {
            visit_kernels_avx2(add, &found);
            visit_linear_kernels_avx2(add, &found);
        }
        // Neurons one by one, or too large for registers, gain little from wider vectors.
        if (isa != "baseline") visit_shared_kernels_avx2(add, &found);
#endif
        if (isa == "baseline") {
            visit_kernels_baseline(add, &found);
#if !defined(EVSIM_X86_64)
            visit_linear_kernels_baseline(add, &found);
#endif
            visit_shared_kernels_baseline(add, &found);
        }
        return found;
    }();
    return all;
}

const std::vector<RuleKernel>& rules() {
    static const std::vector<RuleKernel> all = [] {
        std::vector<RuleKernel> found;
        const AddRule add = [](void* registry, const RuleKernel& rule) {
            if (rule.abi == kernel_abi) static_cast<std::vector<RuleKernel>*>(registry)->push_back(rule);
        };
        const std::string& isa = active_isa();
#if defined(EVSIM_AVX512)
        if (isa == "avx512") {
            visit_float_rules_avx512(add, &found);
            visit_double_rules_avx512(add, &found);
        }
#endif
#if defined(EVSIM_X86_64)
        if (isa == "avx2") {
            visit_float_rules_avx2(add, &found);
            visit_double_rules_avx2(add, &found);
        }
#endif
        if (isa == "baseline") {
            visit_float_rules_baseline(add, &found);
            visit_double_rules_baseline(add, &found);
        }
        return found;
    }();
    return all;
}

std::string listed(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

}  // namespace

std::shared_ptr<const NeuronKernel> find_kernel(const std::string& model, int value_bytes) {
    for (const NeuronKernel& kernel : kernels()) {
        if (kernel.info.model == model && kernel.info.weight_bytes == value_bytes)
            return {std::shared_ptr<void>(), &kernel};  // lives as long as the program
    }
    throw InvalidArgument(text("no neuron model '", model, "' for values of ", value_bytes,
                               " bytes; there are: ", listed(model_names())));
}

std::vector<std::string> model_names() {
    std::vector<std::string> names;
    for (const NeuronKernel& kernel : kernels()) {
        if (kernel.info.weight_bytes == 4) names.emplace_back(kernel.info.model);
    }
    return names;
}

std::shared_ptr<const RuleKernel> find_rule(const std::string& rule, int value_bytes) {
    for (const RuleKernel& kernel : rules()) {
        if (kernel.name == rule && kernel.weight_bytes == value_bytes) return {std::shared_ptr<void>(), &kernel};
    }
    throw InvalidArgument(text("no plasticity rule '", rule, "' for values of ", value_bytes,
                               " bytes; there are: ", listed(rule_names())));
}

std::vector<std::string> rule_names() {
    std::vector<std::string> names;
    for (const RuleKernel& kernel : rules()) {
        if (kernel.weight_bytes == 4) names.emplace_back(kernel.name);
    }
    return names;
}

}  // namespace evsim
