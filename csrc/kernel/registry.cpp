#include "kernel/registry.hpp"

#include "core/cpu.hpp"
#include "core/errors.hpp"

namespace evsim {

using AddKernel = void (*)(void* registry, const NeuronKernel&);
#if defined(EVSIM_AVX512)
void visit_kernels_avx512(AddKernel, void*);
void visit_linear_kernels_avx512(AddKernel, void*);
#endif
#if defined(EVSIM_X86_64)
void visit_kernels_avx2(AddKernel, void*);
void visit_linear_kernels_avx2(AddKernel, void*);
void visit_shared_kernels_avx2(AddKernel, void*);
#endif
void visit_kernels_baseline(AddKernel, void*);
#if !defined(EVSIM_X86_64)
void visit_linear_kernels_baseline(AddKernel, void*);
#endif
void visit_shared_kernels_baseline(AddKernel, void*);

namespace {

const std::vector<NeuronKernel>& kernels() {
    static const std::vector<NeuronKernel> all = [] {
        std::vector<NeuronKernel> found;
        const AddKernel add = [](void* registry, const NeuronKernel& kernel) {
            if (kernel.abi == neuron_kernel_abi) static_cast<std::vector<NeuronKernel>*>(registry)->push_back(kernel);
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

}  // namespace

std::shared_ptr<const NeuronKernel> find_kernel(const std::string& model, int value_bytes) {
    for (const NeuronKernel& kernel : kernels()) {
        if (kernel.info.model == model && kernel.info.weight_bytes == value_bytes)
            return {std::shared_ptr<void>(), &kernel};  // lives as long as the program
    }
    std::string known;
    for (const std::string& name : model_names()) known += (known.empty() ? "" : ", ") + name;
    throw InvalidArgument(
        text("no neuron model '", model, "' for values of ", value_bytes, " bytes; there are: ", known));
}

std::vector<std::string> model_names() {
    std::vector<std::string> names;
    for (const NeuronKernel& kernel : kernels()) {
        if (kernel.info.weight_bytes == 4) names.emplace_back(kernel.info.model);
    }
    return names;
}

}  // namespace evsim
