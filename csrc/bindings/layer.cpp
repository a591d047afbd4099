#include "bindings.hpp"

#include "../layer.hpp"

namespace evsim {

namespace {

py::array_t<double> as_array(const std::vector<double>& values) {
    return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
}

/// Writable view of the weights, shape (n_neurons, n_inputs); keeps the layer alive.
py::array weights_view(const std::shared_ptr<Layer>& layer) {
    Dense& dense = layer->connection();
    const auto bytes = static_cast<py::ssize_t>(dense.value_bytes());
    const py::dtype dtype = dense.value_bytes() == 4 ? py::dtype::of<float>() : py::dtype::of<double>();
    return py::array(dtype, {py::ssize_t{dense.n_neurons()}, py::ssize_t{dense.n_inputs()}},
                     {bytes, bytes * static_cast<py::ssize_t>(dense.stride())}, dense.data(), py::cast(layer));
}

/// (values of shape (n_samples, n_neurons), whether they come from a batch).
std::pair<py::array_t<double>, bool> remembered(const Layer& layer, const std::string& name) {
    const auto output = layer.output();
    const std::vector<std::vector<double>> values = layer.remembered(*output, name);
    const auto n_samples = static_cast<py::ssize_t>(values.size());
    const py::ssize_t n_neurons = layer.connection().n_neurons();
    py::array_t<double> array({n_samples, n_neurons});
    for (py::ssize_t s = 0; s < n_samples; ++s) {
        const auto& sample = values[static_cast<std::size_t>(s)];
        std::copy(sample.begin(), sample.end(), array.mutable_data() + s * n_neurons);
    }
    return {array, output->batch};
}

/// Traces of all samples in a row, and the number of samples; 0 if they are one set for all: those that the next call
/// begins with, or none.
std::pair<py::array_t<double>, std::size_t> traces(const Layer& layer, bool synaptic) {
    if (const auto next = layer.next_traces()) {
        const std::vector<double>& values = synaptic ? next->synaptic : next->neuron;
        if (!values.empty()) return {as_array(values), 0};
    }
    const auto output = layer.output();
    const NeuronKernel& kernel = layer.kernel();
    std::vector<double> all;
    for (const LayerState& state : output->states) {
        const std::vector<double> values =
            synaptic ? synaptic_traces(kernel, layer.connection(), *output->rule, state.traces, state.last_event)
                     : neuron_traces(kernel, layer.connection(), state.traces);
        all.insert(all.end(), values.begin(), values.end());
    }
    return {as_array(all), output->batch ? output->states.size() : 0};
}

}  // namespace

void bind_layer(py::module_& module) {
    py::class_<Layer, std::shared_ptr<Layer>>(module, "Layer")
        .def(py::init([](std::int64_t n_inputs, std::int64_t n_neurons, const KernelHandle& kernel,
                         std::vector<double> shared, std::vector<std::vector<double>> per_neuron,
                         std::vector<double> rule_parameters, double tau_syn, double tau_mem, bool mean_of_batch) {
                 return std::make_shared<Layer>(n_inputs, n_neurons, kernel.kernel,
                                                NeuronSettings{"", std::move(shared), std::move(per_neuron)},
                                                RuleSettings{std::move(rule_parameters), tau_syn, tau_mem,
                                                             mean_of_batch ? BatchUpdate::mean : BatchUpdate::sum});
             }),
             py::arg("n_inputs"), py::arg("n_neurons"), py::arg("kernel"), py::arg("shared"), py::arg("per_neuron"),
             py::arg("rule_parameters"), py::arg("tau_syn"), py::arg("tau_mem"), py::arg("mean_of_batch"))
        .def_property_readonly("n_inputs", [](const Layer& self) { return self.connection().n_inputs(); })
        .def_property_readonly("n_neurons", [](const Layer& self) { return self.connection().n_neurons(); })
        .def_property_readonly("weights", &weights_view)
        .def("output",
             [](const Layer& self) {
                 const auto output = self.output();
                 return py::make_tuple(output->post_spikes, output->batch);
             })
        .def("n_spikes",
             [](const Layer& self) {
                 const auto output = self.output();
                 std::vector<std::size_t> counts;
                 for (const SpikeArray& spikes : output->post_spikes) counts.push_back(spikes.size());
                 return std::make_pair(counts, output->batch);
             })
        .def("remembered", &remembered, py::arg("name"))
        .def("rule_parameters", [](const Layer& self) { return self.plasticity()->parameters(); })
        .def("set_rule_parameters", &Layer::set_rule_parameters, py::arg("values"))
        .def("time_constants", [](const Layer& self) { return self.plasticity()->time_constants(); })
        .def("traces", &traces, py::arg("synaptic"))
        .def(
            "set_next_traces",
            [](Layer& self, const TimeArray& neuron, const TimeArray& synaptic) {
                self.set_next_traces({{neuron.data(), neuron.data() + neuron.size()},
                                      {synaptic.data(), synaptic.data() + synaptic.size()}});
            },
            py::arg("neuron"), py::arg("synaptic"));
}

}  // namespace evsim
