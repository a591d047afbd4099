#include "bindings.hpp"

#include "../layer.hpp"

namespace evsim {

namespace {

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

}  // namespace

void bind_layer(py::module_& module) {
    py::class_<Layer, std::shared_ptr<Layer>>(module, "Layer")
        .def(py::init([](std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes, std::string model,
                         std::vector<double> shared, std::vector<std::vector<double>> per_neuron) {
                 return std::make_shared<Layer>(
                     n_inputs, n_neurons, value_bytes,
                     NeuronSettings{std::move(model), std::move(shared), std::move(per_neuron)});
             }),
             py::arg("n_inputs"), py::arg("n_neurons"), py::arg("value_bytes"), py::arg("model"), py::arg("shared"),
             py::arg("per_neuron"))
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
        .def("remembered", &remembered, py::arg("name"));
}

}  // namespace evsim
