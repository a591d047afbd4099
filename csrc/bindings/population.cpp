#include "population.hpp"
#include "bindings/bindings.hpp"
#include "engine/relay.hpp"

namespace evsim {

namespace {

/// (values of shape (n_samples, n_neurons), whether they come from a batch).
std::pair<py::array_t<double>, bool> remembered(const Node& node, const std::string& name) {
    const auto output = node.output();
    const std::vector<std::vector<double>> values = node.remembered(*output, name);
    const auto n_samples = static_cast<py::ssize_t>(values.size());
    const py::ssize_t n_neurons = node.n_neurons();
    py::array_t<double> array({n_samples, n_neurons});
    for (py::ssize_t s = 0; s < n_samples; ++s) {
        const auto& sample = values[static_cast<std::size_t>(s)];
        std::copy(sample.begin(), sample.end(), array.mutable_data() + s * n_neurons);
    }
    return {array, output->batch};
}

void bind_node(py::module_& module) {
    py::class_<Node, std::shared_ptr<Node>>(module, "Node")
        .def_property_readonly("n_neurons", &Node::n_neurons)
        .def("observable", &Node::observable, py::arg("name"))
        .def("output",
             [](const Node& self) {
                 const auto output = self.output();
                 return py::make_tuple(output->post_spikes, output->batch);
             })
        .def("remembered", &remembered, py::arg("name"));
}

void bind_populations(py::module_& module) {
    py::class_<Population, Node, std::shared_ptr<Population>>(module, "Population")
        .def(py::init([](const KernelHandle& kernel, std::int64_t n_neurons, const std::optional<IntTriple>& image,
                         std::vector<double> shared, std::vector<std::vector<double>> per_neuron) {
                 const Layout layout = image ? Layout::image(as_shape(*image), kernel.kernel->info.weight_bytes)
                                             : Layout::row(n_neurons, kernel.kernel->info);
                 return std::make_shared<Population>(kernel.kernel, layout,
                                                     NeuronParameters{std::move(shared), std::move(per_neuron)});
             }),
             py::arg("kernel"), py::arg("n_neurons"), py::arg("image"), py::arg("shared"), py::arg("per_neuron"))
        .def_property_readonly("endless_neuron", &Population::endless_neuron);
}

void bind_relays(py::module_& module) {
    py::class_<Relay, Node, std::shared_ptr<Relay>>(module, "Relay")
        .def_property_readonly("n_inputs", &Relay::n_inputs)
        .def_property_readonly("shape", [](const Relay& self) { return as_triple(self.output_shape()); })
        .def("causes", [](const Relay& self) {
            std::vector<py::array_t<std::int32_t>> causes;
            const auto output = self.output();
            for (const std::vector<std::int32_t>& of_sample : output->causes)
                causes.emplace_back(static_cast<py::ssize_t>(of_sample.size()), of_sample.data());
            return std::make_pair(causes, output->batch);
        });
    py::class_<PoolRelay, Relay, std::shared_ptr<PoolRelay>>(module, "PoolRelay")
        .def(py::init([](const IntTriple& in_shape, const IntPair& kernel_size, const IntPair& stride,
                         const IntPair& padding, bool first) {
                 return std::make_shared<PoolRelay>(PoolSettings{as_shape(in_shape), as_pair(kernel_size),
                                                                 as_pair(stride), as_pair(padding),
                                                                 first ? PoolMode::first : PoolMode::any});
             }),
             py::arg("in_shape"), py::arg("kernel_size"), py::arg("stride"), py::arg("padding"), py::arg("first"));
    py::class_<UnpoolRelay, Relay, std::shared_ptr<UnpoolRelay>>(module, "UnpoolRelay")
        .def(py::init([](std::shared_ptr<PoolRelay> pool) { return std::make_shared<UnpoolRelay>(std::move(pool)); }),
             py::arg("pool"));
}

}  // namespace

void bind_population(py::module_& module) {
    bind_node(module);
    bind_populations(module);
    bind_relays(module);
}

}  // namespace evsim
