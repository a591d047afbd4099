#include "kernel/library.hpp"

#include <dlfcn.h>

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

}  // namespace evsim
