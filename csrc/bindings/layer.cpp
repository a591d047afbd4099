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
        .def_property_readonly("post_spikes", [](const Layer& self) { return self.output.post_spikes; })
        .def("remembered", &Layer::remembered, py::arg("name"));
}

}  // namespace evsim
