#include "bindings.hpp"

#include <cstring>

#include "../network.hpp"

namespace evsim {

namespace {

/// Lets Ctrl-C stop a long call. Asked on the calling thread only, which is the one that may run signal handlers.
bool interrupted_by_signal() {
    const py::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
}

std::pair<std::vector<SpikeArray>, std::vector<py::array_t<double>>> infer(
    Network& self, const std::vector<std::pair<IndexArray, TimeArray>>& samples, double until,
    std::optional<double> start, bool reset,
    const std::vector<std::tuple<std::size_t, std::string, std::vector<std::int32_t>, std::vector<double>>>& record) {
    std::vector<SpikeView> views;
    for (const auto& [indices, times] : samples) views.push_back({as_span(indices), as_span(times)});
    InferOptions options{until, start, reset, {}};
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

using StateTuple = std::tuple<py::bytes, std::vector<double>, double>;

/// Carried state, [layer][sample] of (state variables, memory, time of the last event).
std::vector<std::vector<StateTuple>> states(const Network& self) {
    std::vector<std::vector<StateTuple>> out(self.size());
    for (std::size_t k = 0; k < self.size(); ++k) {
        for (const LayerState& state : self.layer(k)->output.states) {
            out[k].emplace_back(py::bytes(reinterpret_cast<const char*>(state.values.data()), state.values.size()),
                                state.memory, state.last_event);
        }
    }
    return out;
}

void restore(Network& self, std::optional<double> time, const std::vector<std::vector<StateTuple>>& tuples) {
    std::vector<std::vector<LayerState>> states;
    for (const auto& layer : tuples) {
        auto& restored = states.emplace_back();
        for (const auto& [bytes, memory, last_event] : layer) {
            const std::string_view values = bytes;
            LayerState state{AlignedBuffer(values.size(), "a state"), memory, last_event};
            std::memcpy(state.values.data(), values.data(), values.size());
            restored.push_back(std::move(state));
        }
    }
    self.restore(time, std::move(states));
}

}  // namespace

void bind_network(py::module_& module) {
    py::class_<Network>(module, "Network")
        .def(py::init<std::int32_t>(), py::arg("max_spikes_per_instant"))
        .def("add", &Network::add, py::arg("layer"), py::call_guard<py::gil_scoped_release>())
        .def("infer", &infer, py::arg("samples"), py::arg("until"), py::arg("start"), py::arg("reset"),
             py::arg("record"))
        .def("reset", &Network::reset, py::call_guard<py::gil_scoped_release>())
        .def("states", &states)
        .def("restore", &restore, py::arg("time"), py::arg("states"))
        .def_property_readonly("time", &Network::time);
}

}  // namespace evsim
