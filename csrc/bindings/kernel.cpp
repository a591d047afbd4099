#include "bindings/bindings.hpp"

#include "core/errors.hpp"
#include "kernel/library.hpp"
#include "kernel/parameters.hpp"
#include "kernel/registry.hpp"

namespace evsim {

namespace {

using Names = std::vector<std::string>;

Names names(const char* const* first, std::int32_t n) { return {first, first + n}; }

std::vector<double> defaults(const double* values, std::int32_t n) {
    if (!values) return std::vector<double>(static_cast<std::size_t>(n), std::numeric_limits<double>::quiet_NaN());
    return {values, values + n};
}

const RuleKernel& rule(const KernelHandle& handle) {
    if (!handle.rule) throw InvalidArgument("the kernel has no callbacks");
    return *handle.rule;
}

}  // namespace

void bind_kernel(py::module_& module) {
    using Self = const KernelHandle&;
    py::class_<RuleHandle>(module, "Rule")
        .def_static("builtin_names", rule_names)
        .def_static(
            "builtin",
            [](const std::string& name, int value_bytes) { return RuleHandle{find_rule(name, value_bytes)}; },
            py::arg("name"), py::arg("value_bytes"))
        .def_static("load", [](const std::string& path) { return RuleHandle{load_rule(path)}; }, py::arg("path"));
    py::class_<KernelHandle>(module, "Kernel")
        .def_static(
            "builtin",
            [](const std::string& model, int value_bytes) {
                return KernelHandle{find_kernel(model, value_bytes), nullptr};
            },
            py::arg("model"), py::arg("value_bytes"))
        .def_static(
            "load", [](const std::string& path) { return KernelHandle{load_kernel(path), nullptr}; }, py::arg("path"))
        .def(
            "with_rule",
            [](Self self, const RuleHandle& own) {
                require_fitting(*own.rule, self.kernel->info);
                return KernelHandle{self.kernel, own.rule};
            },
            py::arg("rule"))
        .def_property_readonly("spikes", [](Self self) { return self.kernel->info.spikes; })
        .def_property_readonly("n_ports", [](Self self) { return self.kernel->info.n_ports; })
        .def_property_readonly(
            "shared_names", [](Self self) { return names(self.kernel->info.shared_names, self.kernel->info.n_shared); })
        .def_property_readonly(
            "neuron_names", [](Self self) { return names(self.kernel->info.neuron_names, self.kernel->info.n_neuron); })
        .def_property_readonly(
            "observable_names",
            [](Self self) { return names(self.kernel->info.observable_names, self.kernel->info.n_observables); })
        .def_property_readonly(
            "shared_defaults",
            [](Self self) { return defaults(self.kernel->info.shared_defaults, self.kernel->info.n_shared); })
        .def_property_readonly(
            "neuron_defaults",
            [](Self self) { return defaults(self.kernel->info.neuron_defaults, self.kernel->info.n_neuron); })
        .def_property_readonly("has_rule", [](Self self) { return self.rule != nullptr; })
        .def_property_readonly("n_neuron_traces", [](Self self) { return rule(self).n_neuron_traces; })
        .def_property_readonly("n_synaptic_traces", [](Self self) { return rule(self).n_synaptic_traces; })
        .def_property_readonly("delivers", [](Self self) { return rule(self).deliver != nullptr; })
        .def_property_readonly("writes_weights", [](Self self) { return rule(self).writes_weights; })
        .def_property_readonly("parameter_text", [](Self self) { return std::string(rule(self).parameter_text); })
        .def_property_readonly("default_parameters", [](Self self) {
            std::vector<double> values(static_cast<std::size_t>(rule(self).n_parameters));
            rule(self).default_parameters(values.data());
            return values;
        });
}

}  // namespace evsim
