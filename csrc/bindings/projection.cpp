#include "projection.hpp"
#include "bindings/bindings.hpp"
#include "core/errors.hpp"

namespace evsim {

namespace {

using Handle = std::shared_ptr<Projection>;

py::array_t<double> as_array(const std::vector<double>& values) {
    return py::array_t<double>(static_cast<py::ssize_t>(values.size()), values.data());
}

/// Writable view of the weights: (n_neurons, n_inputs); of synapses one by one (n_synapses,); of a convolution
/// (out, in / groups, rows, columns) or, transposed, (in, out / groups, rows, columns). Keeps the projection alive.
py::array weights_view(const Handle& projection) {
    const auto dtype = [](int value_bytes) {
        return value_bytes == 4 ? py::dtype::of<float>() : py::dtype::of<double>();
    };
    if (Dense* const dense = projection->dense()) {
        const auto bytes = static_cast<py::ssize_t>(dense->value_bytes());
        return py::array(dtype(dense->value_bytes()), {py::ssize_t{dense->n_neurons()}, py::ssize_t{dense->n_inputs()}},
                         {bytes, bytes * static_cast<py::ssize_t>(dense->stride())}, dense->data(),
                         py::cast(projection));
    }
    if (Sparse* const sparse = projection->sparse())
        return py::array(dtype(sparse->value_bytes()), {static_cast<py::ssize_t>(sparse->n_synapses())}, {},
                         sparse->data(), py::cast(projection));
    Conv2d& conv = *projection->conv();
    const Conv2dSettings& settings = conv.settings();
    const std::vector<py::ssize_t> shape{settings.transposed ? settings.input.channels : settings.out_channels,
                                         settings.transposed ? conv.out_per_group() : conv.in_per_group(),
                                         settings.kernel.y, settings.kernel.x};
    return py::array(dtype(conv.value_bytes()), shape, conv.weights(), py::cast(projection));
}

RuleSettings settings(const std::optional<KernelHandle>& kernel, std::vector<double> parameters, double tau_syn,
                      double tau_mem, bool mean_of_batch) {
    return {kernel ? kernel->rule : nullptr, std::move(parameters), tau_syn, tau_mem,
            mean_of_batch ? BatchUpdate::mean : BatchUpdate::sum};
}

/// Of one sample after a call.
Traces settled_traces(const Projection& projection, const NodeOutput& output, const NodeState& state) {
    if (const SynapseTraces* const own = projection.traces_of(state))
        return projection.visible(settled(projection.incoming(), *own));
    return projection.settled(state, *output.rule);
}

/// Traces of all samples in a row, and the number of samples; 0 if they are one set for all: those that the next call
/// begins with, or none.
std::pair<py::array_t<double>, std::size_t> traces(const Projection& projection, bool synaptic) {
    if (const auto next = projection.next_traces()) {
        const Traces visible = projection.visible(*next);
        const std::vector<double>& values = synaptic ? visible.synaptic : visible.neuron;
        if (!values.empty()) return {as_array(values), 0};
    }
    const auto output = projection.target()->output();
    std::vector<double> all;
    for (const NodeState& state : output->states) {
        const Traces values = settled_traces(projection, *output, state);
        const std::vector<double>& chosen = synaptic ? values.synaptic : values.neuron;
        all.insert(all.end(), chosen.begin(), chosen.end());
    }
    return {as_array(all), output->batch ? output->states.size() : 0};
}

std::shared_ptr<const Plasticity> rule_of(const Projection& projection) {
    if (auto rule = projection.rule()) return rule;
    throw InvalidArgument("the projection has no kernel with callbacks");
}

}  // namespace

void bind_projection(py::module_& module) {
    py::class_<Conv2dSettings>(module, "Conv2dSettings")
        .def(py::init([](const IntTriple& in_shape, std::int32_t out_channels, const IntPair& kernel_size,
                         const IntPair& stride, const IntPair& padding, const IntPair& dilation,
                         const IntPair& output_padding, std::int32_t groups, bool transposed) {
                 return Conv2dSettings{as_shape(in_shape),      out_channels,     as_pair(kernel_size),
                                       as_pair(stride),         as_pair(padding), as_pair(dilation),
                                       as_pair(output_padding), groups,           transposed};
             }),
             py::arg("in_shape"), py::arg("out_channels"), py::arg("kernel_size"), py::arg("stride"),
             py::arg("padding"), py::arg("dilation"), py::arg("output_padding"), py::arg("groups"),
             py::arg("transposed"))
        .def_property_readonly("out_shape", [](const Conv2dSettings& self) { return as_triple(output_of(self)); });
    py::class_<Projection, Handle>(module, "Projection")
        .def_static(
            "dense",
            [](std::shared_ptr<Population> target, std::int64_t n_inputs, const std::optional<KernelHandle>& rule,
               std::vector<double> rule_parameters, double tau_syn, double tau_mem, bool mean_of_batch,
               std::int32_t port) {
                return std::make_shared<Projection>(
                    std::move(target), n_inputs,
                    settings(rule, std::move(rule_parameters), tau_syn, tau_mem, mean_of_batch), port);
            },
            py::arg("target"), py::arg("n_inputs"), py::arg("rule"), py::arg("rule_parameters"), py::arg("tau_syn"),
            py::arg("tau_mem"), py::arg("mean_of_batch"), py::arg("port"))
        .def_static(
            "conv",
            [](std::shared_ptr<Population> target, const Conv2dSettings& connection,
               const std::optional<KernelHandle>& rule, std::vector<double> rule_parameters, double tau_syn,
               double tau_mem, bool mean_of_batch, std::int32_t port) {
                const int weight_bytes = target->kernel().info.weight_bytes;
                return std::make_shared<Projection>(
                    std::move(target), Conv2d(connection, weight_bytes),
                    settings(rule, std::move(rule_parameters), tau_syn, tau_mem, mean_of_batch), port);
            },
            py::arg("target"), py::arg("connection"), py::arg("rule"), py::arg("rule_parameters"), py::arg("tau_syn"),
            py::arg("tau_mem"), py::arg("mean_of_batch"), py::arg("port"))
        .def_static(
            "sparse",
            [](std::shared_ptr<Population> target, std::shared_ptr<SynapseTable> synapses,
               const std::optional<KernelHandle>& rule, std::vector<double> rule_parameters, double tau_syn,
               double tau_mem, bool mean_of_batch, std::int32_t port) {
                Sparse connection(std::move(synapses), target->kernel().info.weight_bytes);
                return std::make_shared<Projection>(
                    std::move(target), std::move(connection),
                    settings(rule, std::move(rule_parameters), tau_syn, tau_mem, mean_of_batch), port);
            },
            py::arg("target"), py::arg("synapses"), py::arg("rule"), py::arg("rule_parameters"), py::arg("tau_syn"),
            py::arg("tau_mem"), py::arg("mean_of_batch"), py::arg("port"))
        .def_property_readonly("n_inputs", &Projection::n_inputs)
        .def_property_readonly("port", &Projection::port)
        .def_property_readonly("weights", &weights_view)
        .def("delays", [](const Projection& self) { return as_array(self.delays()->values()); })
        .def_property_readonly("delays_by_synapse", [](const Projection& self) { return self.delays()->by_synapse(); })
        .def(
            "set_delays",
            [](Projection& self, const TimeArray& values, bool by_synapse) {
                self.set_delays({values.data(), values.data() + values.size()}, by_synapse);
            },
            py::arg("values"), py::arg("by_synapse"))
        .def_property_readonly("synapse_bytes", &Projection::synapse_bytes)
        .def("rule_parameters", [](const Projection& self) { return rule_of(self)->parameters(); })
        .def("set_rule_parameters", &Projection::set_rule_parameters, py::arg("values"))
        .def("time_constants", [](const Projection& self) { return rule_of(self)->time_constants(); })
        .def("traces", &traces, py::arg("synaptic"))
        .def("shared_synapses",
             [](const Projection& self) {
                 if (!self.conv()) throw InvalidArgument("only the synapses of a convolution share weights");
                 const Incoming& incoming = self.incoming();
                 const auto n = static_cast<py::ssize_t>(incoming.n_synapses());
                 py::array_t<std::int32_t> neurons(n);
                 for (std::int32_t neuron = 0; neuron < incoming.n_neurons(); ++neuron)
                     std::fill(neurons.mutable_data() + incoming.first(neuron),
                               neurons.mutable_data() + incoming.first(neuron + 1), neuron);
                 return std::make_pair(neurons, py::array_t<std::uint32_t>(n, incoming.taps()));
             })
        .def("waiting_traces",
             [](const Projection& self) {
                 const auto next = self.next_traces();
                 const Traces traces = next ? self.visible(*next) : Traces();
                 return std::make_pair(as_array(traces.neuron), as_array(traces.synaptic));
             })
        .def(
            "set_next_traces",
            [](Projection& self, const TimeArray& neuron, const TimeArray& synaptic) {
                self.set_next_traces(self.by_synapse({{neuron.data(), neuron.data() + neuron.size()},
                                                      {synaptic.data(), synaptic.data() + synaptic.size()}}));
            },
            py::arg("neuron"), py::arg("synaptic"));
}

}  // namespace evsim
