#include "network.hpp"
#include "bindings/bindings.hpp"

#include <pybind11/typing.h>

namespace evsim {

namespace {

/// Spikes of one input: an array of the core, or indices and times.
using GivenSpikes = py::typing::Union<SpikeArray, py::typing::Tuple<IndexArray, TimeArray>>;
using GivenSample = py::typing::List<GivenSpikes>;
/// Node, number of the variable, neurons, times.
using RecordTuple = std::tuple<std::int32_t, std::int32_t, std::vector<std::int32_t>, std::vector<double>>;

std::vector<RecordRequest> requests_of(const std::vector<RecordTuple>& record) {
    std::vector<RecordRequest> requests;
    for (const auto& [node, observable, neurons, times] : record)
        requests.push_back({node, {neurons, times, observable}});
    return requests;
}

/// What a caller gives, as views of memory that nobody changes as long as this lives.
class GivenInputs {
 public:
    explicit GivenInputs(const py::list& samples) {
        views.reserve(samples.size());
        for (const py::handle sample : samples) {
            SampleInputs& inputs = views.emplace_back();
            for (const py::handle spikes : sample.cast<py::list>()) inputs.push_back(view_of(spikes));
        }
    }

    std::vector<SampleInputs> views;

 private:
    SpikeView view_of(py::handle given) {
        if (py::isinstance<SpikeArray>(given)) {
            const auto& storage = storages_.emplace_back(given.cast<const SpikeArray&>().storage());
            return {storage->indices, storage->times};
        }
        const auto pair = given.cast<py::tuple>();
        if (pair.size() != 2 || !IndexArray::check_(pair[0]) || !TimeArray::check_(pair[1]))
            throw py::type_error("spikes are a SpikeArray, or int32 indices and float64 times");
        const auto& indices = indices_.emplace_back(py::reinterpret_borrow<IndexArray>(pair[0]));
        const auto& times = times_.emplace_back(py::reinterpret_borrow<TimeArray>(pair[1]));
        return {as_span(indices), as_span(times)};
    }

    std::vector<std::shared_ptr<const SpikeArray::Storage>> storages_;
    std::vector<IndexArray> indices_;
    std::vector<TimeArray> times_;
};

/// (spikes per output and sample; per request an array of shape (n_samples, n_times, n_neurons)).
std::pair<std::vector<std::vector<SpikeArray>>, std::vector<py::array_t<double>>> infer(
    Network& self, const py::typing::List<GivenSample>& samples, double until, std::optional<double> start, bool reset,
    bool batch, std::vector<std::int32_t> outputs, const std::vector<RecordTuple>& record) {
    const GivenInputs inputs(samples);
    const InferOptions options{{until, start, reset, requests_of(record)}, batch, std::move(outputs)};
    Inference result;
    {
        GilRelease release;
        Interruption interruption([&] { return release.interrupted(); });
        result = self.infer(inputs.views, options, interruption);
    }
    std::vector<py::array_t<double>> out;
    for (std::size_t r = 0; r < record.size(); ++r) {
        const Probe& probe = options.record[r].probe;
        const py::ssize_t n_samples = static_cast<py::ssize_t>(samples.size());
        const py::ssize_t n_times = static_cast<py::ssize_t>(probe.times.size());
        const py::ssize_t n_neurons = static_cast<py::ssize_t>(probe.neurons.size());
        py::array_t<double> values({n_samples, n_times, n_neurons});
        for (py::ssize_t s = 0; s < n_samples; ++s) {
            const auto& sample = result.recorded[r][static_cast<std::size_t>(s)];
            std::copy(sample.begin(), sample.end(), values.mutable_data() + s * n_times * n_neurons);
        }
        out.push_back(values);
    }
    return {std::move(result.spikes), std::move(out)};
}

using NamedArrays = py::typing::Dict<py::str, py::object>;

template <class T>
py::array_t<T> array_of(const std::vector<T>& values) {
    return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}

/// A state as arrays by name.
NamedArrays named(const PackedState& state) {
    NamedArrays arrays;
    arrays["values"] = py::array_t<std::uint8_t>(static_cast<py::ssize_t>(state.values.size()),
                                                 reinterpret_cast<const std::uint8_t*>(state.values.data()));
    arrays["last_event"] = state.last_event;
    PackedState::for_each_array(state, [&](const char* name, const auto& values) {
        if (!values.empty()) arrays[name] = array_of(values);
    });
    return arrays;
}

template <class T>
void read_array(const NamedArrays& arrays, const char* name, std::vector<T>& out) {
    if (!arrays.contains(name)) return;
    const auto values = arrays[name].cast<py::array_t<T, py::array::c_style | py::array::forcecast>>();
    out.assign(values.data(), values.data() + values.size());
}

PackedState unnamed(const NamedArrays& arrays) {
    PackedState state;
    std::vector<std::uint8_t> values;
    read_array(arrays, "values", values);
    const auto* const first = reinterpret_cast<const std::byte*>(values.data());
    state.values.assign(first, first + values.size());
    if (arrays.contains("last_event")) state.last_event = arrays["last_event"].cast<double>();
    PackedState::for_each_array(state, [&](const char* name, auto& into) { read_array(arrays, name, into); });
    return state;
}

/// {"time", "batch", "states": [node][sample] of arrays by name}.
NamedArrays snapshot(const Network& self) {
    Network::Snapshot snapshot;
    {
        const GilRelease release;
        snapshot = self.snapshot();
    }
    py::list nodes;
    for (const auto& states : snapshot.states) {
        py::list samples;
        for (const PackedState& state : states) samples.append(named(state));
        nodes.append(samples);
    }
    NamedArrays out;
    out["time"] = snapshot.time;
    out["batch"] = snapshot.batch;
    out["states"] = nodes;
    return out;
}

void restore(Network& self, const NamedArrays& dict) {
    Network::Snapshot snapshot{dict["time"].cast<std::optional<double>>(), {}, dict["batch"].cast<bool>()};
    for (const py::handle node : dict["states"]) {
        auto& states = snapshot.states.emplace_back();
        for (const py::handle state : node) states.push_back(unnamed(state.cast<NamedArrays>()));
    }
    GilRelease release;
    self.restore(snapshot, Interruption([&] { return release.interrupted(); }));
}

/// (whether the samples begin here, where the last call stopped, where each sample begins). `nodes`: label, number of
/// neurons, first endless neuron.
std::tuple<bool, double, std::vector<double>> plan(
    const std::vector<std::tuple<std::string, std::int32_t, std::optional<std::int32_t>>>& nodes,
    std::optional<double> time, std::size_t carried, std::vector<double> first_spikes, double until,
    std::optional<double> start, bool reset, const std::vector<RecordTuple>& record) {
    CallFacts facts{{}, time, carried, std::move(first_spikes)};
    for (const auto& [label, n_neurons, endless] : nodes) facts.nodes.push_back({label, n_neurons, endless});
    const CallPlan plan = plan_call(facts, {until, start, reset, requests_of(record)});
    return {plan.fresh, plan.from, plan.starts};
}

/// A method that changes the network: it may wait for a call in another thread, without the GIL and for Ctrl-C.
template <auto method, class... Arguments>
auto changing(Network& self, Arguments... arguments) {
    GilRelease release;
    return (self.*method)(std::move(arguments)..., Interruption([&] { return release.interrupted(); }));
}

using Doubles = std::vector<double>;

/// Network::add_drive, with the parts of its settings one by one.
template <class Settings, class... Parts>
void adding(Network& self, std::int32_t target, Parts... parts) {
    GilRelease release;
    self.add_drive(target, Settings{std::move(parts)...}, Interruption([&] { return release.interrupted(); }));
}

}  // namespace

void bind_network(py::module_& module) {
    module.def("plan_call", &plan, py::arg("nodes"), py::arg("time"), py::arg("carried"), py::arg("first_spikes"),
               py::arg("until"), py::arg("start"), py::arg("reset"), py::arg("record"));
    py::class_<Network>(module, "Network")
        .def(py::init<std::int32_t>(), py::arg("max_spikes_per_instant"))
        .def("add_input", &changing<&Network::add_input, std::int64_t>, py::arg("size"))
        .def("add_population", &changing<&Network::add_population, std::shared_ptr<Population>, std::string>,
             py::arg("population"), py::arg("label"))
        .def("add_part", &changing<&Network::add_part, std::shared_ptr<Population>, std::int64_t, std::string>,
             py::arg("part"), py::arg("n_neurons"), py::arg("label"))
        .def("distribute", &changing<&Network::distribute, std::shared_ptr<Ranks>>, py::arg("ranks"))
        .def("add_relay", &changing<&Network::add_relay, std::shared_ptr<Relay>, std::string>, py::arg("relay"),
             py::arg("label"))
        .def("replace", &changing<&Network::replace, std::int32_t, std::shared_ptr<Population>>, py::arg("node"),
             py::arg("population"))
        .def("connect", &changing<&Network::connect, std::int32_t, std::int32_t, std::shared_ptr<Projection>>,
             py::arg("source"), py::arg("target"), py::arg("projection"))
        .def("add_poisson_drive", &adding<PoissonSettings, Doubles, Doubles, Doubles, std::uint64_t, std::int32_t>,
             py::arg("target"), py::arg("weights"), py::arg("times"), py::arg("rates"), py::arg("seed"),
             py::arg("port"))
        .def("add_noise_drive",
             &adding<NoiseSettings, Doubles, Doubles, Doubles, Doubles, double, std::uint64_t, std::int32_t>,
             py::arg("target"), py::arg("means"), py::arg("deviations"), py::arg("first_means"),
             py::arg("first_deviations"), py::arg("step"), py::arg("seed"), py::arg("port"))
        .def("infer", &infer, py::arg("samples"), py::arg("until"), py::arg("start"), py::arg("reset"),
             py::arg("batch"), py::arg("outputs"), py::arg("record"))
        .def("reset", &changing<&Network::reset>)
        .def("snapshot", &snapshot)
        .def("restore", &restore, py::arg("snapshot"))
        .def_property_readonly("time", [](const Network& self) {
            const GilRelease release;
            return self.time();
        });
}

}  // namespace evsim
