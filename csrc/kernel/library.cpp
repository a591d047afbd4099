#include "kernel/library.hpp"

#include <dlfcn.h>

#include "core/errors.hpp"

namespace evsim {

namespace {

std::string last_error() {
    const char* message = dlerror();
    return message ? message : "unknown reason";
}

}  // namespace

std::shared_ptr<const NeuronKernel> load_kernel(const std::string& path) {
    const std::shared_ptr<void> library(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), [](void* handle) {
        if (handle) dlclose(handle);
    });
    if (!library) throw KernelLoad(text("the compiled kernel cannot be loaded: ", last_error()));
    using Entry = const NeuronKernel* (*)();
    const auto entry = reinterpret_cast<Entry>(dlsym(library.get(), "evsim_kernel"));
    if (!entry) throw KernelLoad(text(path, " holds no evsim kernel: ", last_error()));
    const NeuronKernel* kernel = entry();
    if (kernel->abi != neuron_kernel_abi) {
        throw KernelLoad(text(path, " was made for version ", kernel->abi, " of the kernel interface; this evsim has ",
                              neuron_kernel_abi));
    }
    return {library, kernel};
}

}  // namespace evsim
