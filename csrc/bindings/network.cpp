#include "bindings/bindings.hpp"

#include "network.hpp"

namespace evsim {

namespace {

/// Lets Ctrl-C stop a long call. Asked on the calling thread only, which is the one that may run signal handlers.
bool interrupted_by_signal() {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

std::pair<std::vector<SpikeArray>, std::vector<py::array_t<double>>> infer(
    Network& self, const std::vector<std::pair<IndexArray, TimeArray>>& samples, double until,
    std::optional<double> start, bool reset, bool batch,
    const std::vector<std::tuple<std::size_t, std::string, std::vector<std::int32_t>, std::vector<double>>>& record) {
    std::vector<SpikeView> views;
    for (const auto& [indices, times] : samples) views.push_back({as_span(indices), as_span(times)});
    InferOptions options{until, start, reset, batch, {}};
    for (const auto& [layer, variable, neurons, times] : record)
        options.record.push_back({layer, variable, neurons, times});
    Inference result;
    {
        const py::gil_scoped_release release;
        Interruption interruption(interrupted_by_signal);
        result = self.infer(views, options, interruption);
    }
    std::vector<py::array_t<double>> out;
    for (std::size_t r = 0; r < record.size(); ++r) {
        const py::ssize_t n_samples = static_cast<py::ssize_t>(samples.size());
        const py::ssize_t n_times = static_cast<py::ssize_t>(options.record[r].times.size());
        const py::ssize_t n_neurons = static_cast<py::ssize_t>(options.record[r].neurons.size());
        py::array_t<double> values({n_samples, n_times, n_neurons});
        for (py::ssize_t s = 0; s < n_samples; ++s) {
            const auto& sample = result.recorded[r][static_cast<std::size_t>(s)];
            std::copy(sample.begin(), sample.end(), values.mutable_data() + s * n_times * n_neurons);
        }
        out.push_back(values);
    }
    return {std::move(result.spikes), std::move(out)};
}

using StateTuple =
    std::tuple<py::bytes, std::vector<double>, double, std::vector<double>, std::vector<double>, std::vector<double>,
               std::vector<double>, std::vector<std::int32_t>, std::vector<std::int32_t>>;
using SnapshotTuple = std::tuple<std::optional<double>, bool, std::vector<std::vector<StateTuple>>>;

/// (time, batch, [layer][sample] of (state variables, memory, time of the last event, neuron traces, synaptic traces,
/// times of the last output spikes, times of the last touches of pixels, causes, pending inputs)).
SnapshotTuple snapshot(const Network& self) {
    Network::Snapshot snapshot;
    {
        const py::gil_scoped_release release;
        snapshot = self.snapshot();
    }
    std::vector<std::vector<StateTuple>> layers;
    for (const auto& states : snapshot.states) {
        auto& out = layers.emplace_back();
        for (const PackedState& state : states) {
            out.emplace_back(py::bytes(reinterpret_cast<const char*>(state.values.data()), state.values.size()),
                             state.memory, state.last_event, state.traces.neuron, state.traces.synaptic,
                             state.post_times, state.last_touch, state.causes, state.pending);
        }
    }
    return {snapshot.time, snapshot.batch, std::move(layers)};
}

void restore(Network& self, const SnapshotTuple& tuple) {
    const auto& [time, batch, layers] = tuple;
    Network::Snapshot snapshot{time, {}, batch};
    for (const auto& layer : layers) {
        auto& states = snapshot.states.emplace_back();
        for (const auto& [bytes, memory, last_event, neuron, synaptic, post_times, touches, causes, pending] : layer) {
            const std::string_view values = bytes;
            const auto* first = reinterpret_cast<const std::byte*>(values.data());
            states.push_back({{first, first + values.size()},
                              memory,
                              last_event,
                              {neuron, synaptic},
                              post_times,
                              touches,
                              causes,
                              pending});
        }
    }
    self.restore(snapshot);
}

}  // namespace

void bind_network(py::module_& module) {
    py::class_<Network>(module, "Network")
        .def(py::init<std::int32_t>(), py::arg("max_spikes_per_instant"))
        .def("add", &Network::add, py::arg("layer"), py::call_guard<py::gil_scoped_release>())
        .def("infer", &infer, py::arg("samples"), py::arg("until"), py::arg("start"), py::arg("reset"),
             py::arg("batch"), py::arg("record"))
        .def("reset", &Network::reset, py::call_guard<py::gil_scoped_release>())
        .def("snapshot", &snapshot)
        .def("restore", &restore, py::arg("snapshot"))
        .def_property_readonly("time", [](const Network& self) {
            const py::gil_scoped_release release;
            return self.time();
        });
}

}  // namespace evsim
