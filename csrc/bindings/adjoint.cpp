#include "adjoint/adjoint.hpp"
#include "bindings/bindings.hpp"
#include "core/errors.hpp"

#include <pybind11/typing.h>

namespace evsim {

namespace {

using Doubles = std::vector<double>;

LinearNeurons linear_neurons(std::int32_t size, std::int32_t variables, Doubles flow, Doubles held_flow, Doubles reset,
                             Doubles initial, Doubles readout, Doubles refractory, Doubles arrivals,
                             Doubles held_arrivals) {
    return {size,
            variables,
            std::move(flow),
            std::move(held_flow),
            std::move(reset),
            std::move(initial),
            std::move(readout),
            std::move(refractory),
            std::move(arrivals),
            std::move(held_arrivals)};
}

using GivenNode = std::tuple<std::string, std::int32_t, std::optional<LinearNeurons>>;
using GivenEdge = std::tuple<std::int32_t, std::int32_t, std::shared_ptr<Projection>>;

std::shared_ptr<Adjoint> make(const std::vector<GivenNode>& nodes, const std::vector<GivenEdge>& edges) {
    std::vector<AdjointNode> described;
    for (const auto& [label, n_neurons, neurons] : nodes)
        described.push_back({label, n_neurons, neurons ? *neurons : LinearNeurons{}});
    std::vector<AdjointEdge> leading;
    for (const auto& [source, target, projection] : edges) leading.push_back({source, target, projection, nullptr});
    return std::make_shared<Adjoint>(std::move(described), std::move(leading));
}

/// What Python gives for one node, of all samples one after the other: spikes, the causes of a relay's, the loss by
/// their times, and where the loss looks at states, sample by sample.
struct NodeOfRun {
    std::vector<SpikeArray> spikes;
    std::optional<IndexArray> causes;
    std::optional<TimeArray> loss_by_spikes;
    std::vector<std::int64_t> n_seeds;  ///< per sample, or empty
    IndexArray seed_neurons, seed_moving;
    TimeArray seed_times, seed_values;
};

/// Some of an array.
template <class Array>
auto part(const Array& array, std::size_t from, std::size_t n) {
    if (from + n > static_cast<std::size_t>(array.size()))
        throw ShapeMismatch("an array is shorter than its spikes or seeds");
    return std::span(array.data() + from, n);
}
template <class Array>
auto copied_part(const Array& array, std::size_t from, std::size_t n) {
    const auto some = part(array, from, n);
    return std::vector(some.begin(), some.end());
}

std::vector<AdjointSample> samples_of(const std::vector<NodeOfRun>& nodes, const TimeArray& starts, double until) {
    std::vector<AdjointSample> samples(static_cast<std::size_t>(starts.size()));
    for (std::size_t s = 0; s < samples.size(); ++s) {
        samples[s].start = starts.data()[s];
        samples[s].until = until;
    }
    for (const NodeOfRun& node : nodes) {
        if (node.spikes.size() != samples.size()) throw ShapeMismatch("a node has spikes of each sample");
        std::size_t spike = 0, seed = 0;
        for (std::size_t s = 0; s < samples.size(); ++s) {
            AdjointSample& sample = samples[s];
            const SpikeArray& spikes = node.spikes[s];
            sample.spikes.push_back({spikes.indices(), spikes.times()});
            sample.causes.emplace_back();
            if (node.causes) sample.causes.back() = part(*node.causes, spike, spikes.size());
            sample.loss_by_spikes.emplace_back();
            if (node.loss_by_spikes) sample.loss_by_spikes.back() = part(*node.loss_by_spikes, spike, spikes.size());
            spike += spikes.size();
            AdjointSeeds& seeds = sample.seeds.emplace_back();
            if (node.n_seeds.empty()) continue;
            const auto n = static_cast<std::size_t>(node.n_seeds.at(s));
            const std::size_t width = node.seed_neurons.size()
                                          ? static_cast<std::size_t>(node.seed_values.size() / node.seed_neurons.size())
                                          : 0;
            seeds = {copied_part(node.seed_neurons, seed, n), copied_part(node.seed_times, seed, n),
                     copied_part(node.seed_values, seed * width, n * width), copied_part(node.seed_moving, seed, n)};
            seed += n;
        }
    }
    return samples;
}

/// An array that takes over the memory of a vector.
py::array_t<double> taken(Doubles&& values) {
    auto* const kept = new Doubles(std::move(values));
    const py::capsule owner(kept, [](void* p) { delete static_cast<Doubles*>(p); });
    return py::array_t<double>(static_cast<py::ssize_t>(kept->size()), kept->data(), owner);
}

template <class T>
py::array as_weights(const Projection& projection, WeightGradient&& gradient) {
    auto* const kept = new WeightGradient(std::move(gradient));
    const py::capsule owner(kept, [](void* p) { delete static_cast<WeightGradient*>(p); });
    const auto* const data = reinterpret_cast<const T*>(kept->data());
    constexpr auto bytes = static_cast<py::ssize_t>(sizeof(T));
    if (const Dense* const dense = projection.dense()) {
        return py::array_t<T>({py::ssize_t{dense->n_neurons()}, py::ssize_t{dense->n_inputs()}},
                              {bytes, bytes * static_cast<py::ssize_t>(dense->stride())}, data, owner);
    }
    if (projection.sparse()) return py::array_t<T>(static_cast<py::ssize_t>(kept->size()), data, owner);
    const Conv2d& conv = *projection.conv();
    const Conv2dSettings& s = conv.settings();
    const std::vector<py::ssize_t> shape{s.transposed ? s.input.channels : s.out_channels,
                                         s.transposed ? conv.out_per_group() : conv.in_per_group(), s.kernel.y,
                                         s.kernel.x};
    return py::array_t<T>(shape, data, owner);
}
/// As the weights of the projection are seen: see weights_view.
py::array as_weights(const Projection& projection, WeightGradient&& gradient) {
    if (gradient.value_bytes() == 4) return as_weights<float>(projection, std::move(gradient));
    return as_weights<double>(projection, std::move(gradient));
}

using ListsByName = py::typing::Dict<py::str, py::typing::List<py::object>>;

ListsByName backward(const Adjoint& self, const std::vector<NodeOfRun>& nodes, const TimeArray& starts, double until,
                     std::vector<std::uint8_t> parameters, double smallest_slope) {
    if (nodes.size() != self.nodes().size()) throw ShapeMismatch("a run has spikes of each node");
    const std::vector<AdjointSample> samples = samples_of(nodes, starts, until);
    AdjointGradients gradients;
    {
        GilRelease release;
        Interruption interruption([&] { return release.interrupted(); });
        gradients = self.backward(samples, {std::move(parameters), smallest_slope}, interruption);
    }
    py::list weights, delays, by_parameters, spikes;
    for (std::size_t e = 0; e < self.edges().size(); ++e) {
        const auto& projection = self.edges()[e].projection;
        weights.append(projection ? py::object(as_weights(*projection, std::move(gradients.by_weights[e])))
                                  : py::none());
        delays.append(taken(std::move(gradients.by_delays[e])));
    }
    for (ParameterGradients& of : gradients.by_parameters) {
        by_parameters.append(py::make_tuple(taken(std::move(of.by_flow)), taken(std::move(of.by_held_flow)),
                                            taken(std::move(of.by_reset)), taken(std::move(of.by_threshold)),
                                            taken(std::move(of.by_refractory)), taken(std::move(of.by_initial))));
    }
    for (std::size_t n = 0; n < nodes.size(); ++n) {
        Doubles row;
        for (const auto& sample : gradients.by_spikes) row.insert(row.end(), sample[n].begin(), sample[n].end());
        spikes.append(taken(std::move(row)));
    }
    ListsByName out;
    out["weights"] = weights;
    out["delays"] = delays;
    out["parameters"] = by_parameters;
    out["spikes"] = spikes;
    return out;
}

}  // namespace

void bind_adjoint(py::module_& module) {
    py::class_<LinearNeurons>(module, "LinearNeurons")
        .def(py::init(&linear_neurons), py::arg("size"), py::arg("variables"), py::arg("flow"), py::arg("held_flow"),
             py::arg("reset"), py::arg("initial"), py::arg("readout"), py::arg("refractory"), py::arg("arrivals"),
             py::arg("held_arrivals"));
    py::class_<NodeOfRun>(module, "NodeOfRun")
        .def(py::init([](std::vector<SpikeArray> spikes, const std::optional<IndexArray>& causes,
                         const std::optional<TimeArray>& loss_by_spikes, std::vector<std::int64_t> n_seeds,
                         const IndexArray& seed_neurons, const TimeArray& seed_times, const TimeArray& seed_values,
                         const IndexArray& seed_moving) {
                 return NodeOfRun{std::move(spikes), causes,      loss_by_spikes, std::move(n_seeds),
                                  seed_neurons,      seed_moving, seed_times,     seed_values};
             }),
             py::arg("spikes"), py::arg("causes"), py::arg("loss_by_spikes"), py::arg("n_seeds"),
             py::arg("seed_neurons"), py::arg("seed_times"), py::arg("seed_values"), py::arg("seed_moving"));
    py::class_<Adjoint, std::shared_ptr<Adjoint>>(module, "Adjoint")
        .def(py::init(&make), py::arg("nodes"), py::arg("edges"))
        .def("backward", &backward, py::arg("nodes"), py::arg("starts"), py::arg("until"), py::arg("parameters"),
             py::arg("smallest_slope"));
    module.def("adjoint_sizes", [] { return std::vector<int>{2, 3, 5, 9}; });
}

}  // namespace evsim
