#include "kernel/library.hpp"

#include <dlfcn.h>

#include <utility>

#include "core/errors.hpp"

namespace evsim {

namespace {

std::string last_error() {
    const char* message = dlerror();
    return message ? message : "unknown reason";
}

/// What the function `name` of a library returns.
template <class Table>
std::shared_ptr<const Table> load(const std::string& path, const char* name) {
    const std::shared_ptr<void> library(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), [](void* handle) {
        if (handle) dlclose(handle);
    });
    if (!library) throw KernelLoad(text("the compiled kernel cannot be loaded: ", last_error()));
    using Entry = const Table* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(library.get(), name));
    if (!entry) throw KernelLoad(text(path, " holds no evsim kernel: ", last_error()));
    const Table* table = entry();
    if (table->abi != kernel_abi) {
        throw KernelLoad(
            text(path, " was made for version ", table->abi, " of the kernel interface; this evsim has ", kernel_abi));
    }
    return {library, table};
}

}  // namespace

std::shared_ptr<const NeuronKernel> load_kernel(const std::string& path) {
    return load<NeuronKernel>(path, "evsim_kernel");
}

std::shared_ptr<const RuleKernel> load_rule(const std::string& path) { return load<RuleKernel>(path, "evsim_rule"); }

std::shared_ptr<const NeuronKernel> with_rule(std::shared_ptr<const NeuronKernel> model,
                                              std::shared_ptr<const RuleKernel> rule) {
    if (model->info.weight_bytes != rule->weight_bytes) {
        throw InvalidArgument(text("rule '", rule->name, "' is for weights of ", rule->weight_bytes,
                                   " bytes, but model '", model->info.model, "' has weights of ",
                                   model->info.weight_bytes));
    }
    struct Pair {
        std::shared_ptr<const NeuronKernel> model;
        std::shared_ptr<const RuleKernel> rule;
        NeuronKernel both;
    };
    auto pair = std::make_shared<Pair>(Pair{model, rule, *model});
    pair->both.rule = rule.get();
    // Rules see spikes in the order of time, which these engines do not keep.
    pair->both.sparse = nullptr;
    pair->both.scatter = nullptr;
    return {pair, &pair->both};
}

}  // namespace evsim
