#include "bindings/bindings.hpp"

#include "conv_layer.hpp"
#include "dense_layer.hpp"
#include "relay_layer.hpp"

namespace evsim {

namespace {

py::array_t<double> as_array(const std::vector<double>& values) {
    return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
}

/// Writable view of the weights, shape (n_neurons, n_inputs); keeps the layer alive.
py::array weights_view(const std::shared_ptr<DenseLayer>& layer) {
    Dense& dense = layer->connection();
    const auto bytes = static_cast<py::ssize_t>(dense.value_bytes());
    const py::dtype dtype = dense.value_bytes() == 4 ? py::dtype::of<float>() : py::dtype::of<double>();
    return py::array(dtype, {py::ssize_t{dense.n_neurons()}, py::ssize_t{dense.n_inputs()}},
                     {bytes, bytes * static_cast<py::ssize_t>(dense.stride())}, dense.data(), py::cast(layer));
}

/// Writable view of the weights, (out, in / groups, rows, columns) or, transposed, (in, out / groups, rows, columns);
/// keeps the layer alive.
py::array conv_weights_view(const std::shared_ptr<ConvLayer>& layer) {
    Conv2d& conv = layer->connection();
    const Conv2dSettings& settings = conv.settings();
    const py::dtype dtype = conv.value_bytes() == 4 ? py::dtype::of<float>() : py::dtype::of<double>();
    const std::vector<py::ssize_t> shape{settings.transposed ? settings.input.channels : settings.out_channels,
                                         settings.transposed ? conv.out_per_group() : conv.in_per_group(),
                                         settings.kernel.y, settings.kernel.x};
    return py::array(dtype, shape, conv.weights(), py::cast(layer));
}

using IntPair = std::pair<std::int32_t, std::int32_t>;
using IntTriple = std::tuple<std::int32_t, std::int32_t, std::int32_t>;

Pair as_pair(const IntPair& pair) { return {pair.first, pair.second}; }
ImageShape as_shape(const IntTriple& s) { return {std::get<0>(s), std::get<1>(s), std::get<2>(s)}; }
IntTriple as_triple(const ImageShape& s) { return {s.channels, s.height, s.width}; }

/// (values of shape (n_samples, n_neurons), whether they come from a batch).
std::pair<py::array_t<double>, bool> remembered(const Layer& layer, const std::string& name) {
    const auto output = layer.output();
    const std::vector<std::vector<double>> values = layer.remembered(*output, name);
    const auto n_samples = static_cast<py::ssize_t>(values.size());
    const py::ssize_t n_neurons = layer.n_neurons();
    py::array_t<double> array({n_samples, n_neurons});
    for (py::ssize_t s = 0; s < n_samples; ++s) {
        const auto& sample = values[static_cast<std::size_t>(s)];
        std::copy(sample.begin(), sample.end(), array.mutable_data() + s * n_neurons);
    }
    return {array, output->batch};
}

/// Traces of all samples in a row, and the number of samples; 0 if they are one set for all: those that the next call
/// begins with, or none.
std::pair<py::array_t<double>, std::size_t> traces(const DenseLayer& layer, bool synaptic) {
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

void bind_base(py::module_& module) {
    py::class_<Layer, std::shared_ptr<Layer>>(module, "Layer")
        .def_property_readonly("n_inputs", &Layer::n_inputs)
        .def_property_readonly("n_neurons", &Layer::n_neurons)
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

void bind_dense(py::module_& module) {
    py::class_<DenseLayer, Layer, std::shared_ptr<DenseLayer>>(module, "DenseLayer")
        .def(py::init([](std::int64_t n_inputs, std::int64_t n_neurons, const KernelHandle& kernel,
                         std::vector<double> shared, std::vector<std::vector<double>> per_neuron,
                         std::vector<double> rule_parameters, double tau_syn, double tau_mem, bool mean_of_batch) {
                 return std::make_shared<DenseLayer>(
                     n_inputs, n_neurons, kernel.kernel, NeuronSettings{"", std::move(shared), std::move(per_neuron)},
                     RuleSettings{std::move(rule_parameters), tau_syn, tau_mem,
                                  mean_of_batch ? BatchUpdate::mean : BatchUpdate::sum});
             }),
             py::arg("n_inputs"), py::arg("n_neurons"), py::arg("kernel"), py::arg("shared"), py::arg("per_neuron"),
             py::arg("rule_parameters"), py::arg("tau_syn"), py::arg("tau_mem"), py::arg("mean_of_batch"))
        .def_property_readonly("weights", &weights_view)
        .def("rule_parameters", [](const DenseLayer& self) { return self.plasticity()->parameters(); })
        .def("set_rule_parameters", &DenseLayer::set_rule_parameters, py::arg("values"))
        .def("time_constants", [](const DenseLayer& self) { return self.plasticity()->time_constants(); })
        .def("traces", &traces, py::arg("synaptic"))
        .def(
            "set_next_traces",
            [](DenseLayer& self, const TimeArray& neuron, const TimeArray& synaptic) {
                self.set_next_traces({{neuron.data(), neuron.data() + neuron.size()},
                                      {synaptic.data(), synaptic.data() + synaptic.size()}});
            },
            py::arg("neuron"), py::arg("synaptic"));
}

void bind_conv(py::module_& module) {
    py::class_<ConvLayer, Layer, std::shared_ptr<ConvLayer>>(module, "ConvLayer")
        .def(
            py::init([](const IntTriple& in_shape, std::int32_t out_channels, const IntPair& kernel_size,
                        const IntPair& stride, const IntPair& padding, const IntPair& dilation,
                        const IntPair& output_padding, std::int32_t groups, bool transposed, const KernelHandle& kernel,
                        std::vector<double> shared, std::vector<std::vector<double>> per_neuron) {
                const Conv2dSettings settings{as_shape(in_shape),      out_channels,     as_pair(kernel_size),
                                              as_pair(stride),         as_pair(padding), as_pair(dilation),
                                              as_pair(output_padding), groups,           transposed};
                return std::make_shared<ConvLayer>(settings, kernel.kernel,
                                                   NeuronSettings{"", std::move(shared), std::move(per_neuron)});
            }),
            py::arg("in_shape"), py::arg("out_channels"), py::arg("kernel_size"), py::arg("stride"), py::arg("padding"),
            py::arg("dilation"), py::arg("output_padding"), py::arg("groups"), py::arg("transposed"), py::arg("kernel"),
            py::arg("shared"), py::arg("per_neuron"))
        .def_property_readonly("shape", [](const ConvLayer& self) { return as_triple(self.connection().output()); })
        .def_property_readonly("weights", &conv_weights_view);
}

void bind_relays(py::module_& module) {
    py::class_<RelayLayer, Layer, std::shared_ptr<RelayLayer>>(module, "RelayLayer")
        .def_property_readonly("shape", [](const RelayLayer& self) { return as_triple(self.output_shape()); })
        .def("causes", [](const RelayLayer& self) {
            std::vector<py::array_t<std::int32_t>> causes;
            const auto output = self.output();
            for (const std::vector<std::int32_t>& of_sample : output->causes)
                causes.emplace_back(static_cast<py::ssize_t>(of_sample.size()), of_sample.data());
            return std::make_pair(causes, output->batch);
        });
    py::class_<PoolLayer, RelayLayer, std::shared_ptr<PoolLayer>>(module, "PoolLayer")
        .def(py::init([](const IntTriple& in_shape, const IntPair& kernel_size, const IntPair& stride,
                         const IntPair& padding, bool first) {
                 return std::make_shared<PoolLayer>(PoolSettings{as_shape(in_shape), as_pair(kernel_size),
                                                                 as_pair(stride), as_pair(padding),
                                                                 first ? PoolMode::first : PoolMode::any});
             }),
             py::arg("in_shape"), py::arg("kernel_size"), py::arg("stride"), py::arg("padding"), py::arg("first"));
    py::class_<UnpoolLayer, RelayLayer, std::shared_ptr<UnpoolLayer>>(module, "UnpoolLayer")
        .def(py::init([](std::shared_ptr<PoolLayer> pool) { return std::make_shared<UnpoolLayer>(std::move(pool)); }),
             py::arg("pool"));
}

}  // namespace

void bind_layer(py::module_& module) {
    bind_base(module);
    bind_dense(module);
    bind_conv(module);
    bind_relays(module);
}

}  // namespace evsim
