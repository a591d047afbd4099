#include <cstring>

#include "bindings/bindings.hpp"
#include "core/errors.hpp"
#include "stepped/conv.hpp"
#include "stepped/hashes.hpp"
#include "stepped/learning.hpp"
#include "stepped/network.hpp"
#include "stepped/routing.hpp"

namespace evsim {

namespace {

using ShapeTuple = std::tuple<std::int32_t, std::int32_t, std::int32_t>;
using PairTuple = std::pair<std::int32_t, std::int32_t>;
using SharedSpikes = std::shared_ptr<StepSpikes>;
using StepArray = py::array_t<std::int64_t, py::array::c_style>;

ImageShape as_shape(const ShapeTuple& t) {
    const ImageShape shape{std::get<0>(t), std::get<1>(t), std::get<2>(t)};
    require_indexable(shape);
    return shape;
}
ShapeTuple as_tuple(const ImageShape& s) { return {s.channels, s.height, s.width}; }
Pair as_pair(const PairTuple& t) { return {t.first, t.second}; }

SharedSpikes make_spikes(const StepArray& begin, const IndexArray& indices, const std::optional<TimeArray>& values,
                         const std::optional<IndexArray>& causes) {
    auto spikes = std::make_shared<StepSpikes>();
    spikes->begin.assign(begin.data(), begin.data() + begin.size());
    spikes->indices.assign(indices.data(), indices.data() + indices.size());
    if (values) spikes->values.assign(values->data(), values->data() + values->size());
    if (causes) spikes->causes.assign(causes->data(), causes->data() + causes->size());
    const auto n = static_cast<std::int64_t>(spikes->indices.size());
    const bool ascending = std::is_sorted(spikes->begin.begin(), spikes->begin.end());
    if (spikes->begin.empty() || spikes->begin.front() != 0 || spikes->begin.back() != n || !ascending ||
        (values && values->size() != n) || (causes && causes->size() != n))
        throw ShapeMismatch("begin must rise from 0 to the number of indices, values and causes");
    return spikes;
}

/// What pickle makes the same spikes of.
py::typing::Tuple<py::object, py::object> reduced(const py::object& self) {
    const auto& spikes = self.cast<const StepSpikes&>();
    const py::object values = spikes.values.empty() ? py::object(py::none()) : py::object(self.attr("values"));
    const py::object causes = spikes.causes.empty() ? py::object(py::none()) : py::object(self.attr("causes"));
    return py::make_tuple(py::type::of(self), py::make_tuple(self.attr("begin"), self.attr("indices"), values, causes));
}

/// Whether all of `n` bytes are zero; zeros are most of what a dense array of spikes holds.
bool all_zero(const void* bytes, std::size_t n) {
    typedef std::uint64_t Words __attribute__((vector_size(16)));
    const char* const from = static_cast<const char*>(bytes);
    Words any[4] = {};  // four, because each would wait for its own last result
    std::size_t k = 0;
    for (; k + sizeof any <= n; k += sizeof any) {
        Words words[4];
        std::memcpy(words, from + k, sizeof words);
        any[0] |= words[0];
        any[1] |= words[1];
        any[2] |= words[2];
        any[3] |= words[3];
    }
    const Words all = any[0] | any[1] | any[2] | any[3];
    std::uint64_t rest = all[0] | all[1];
    for (; k < n; ++k) rest |= static_cast<unsigned char>(from[k]);
    return rest == 0;
}

/// One StepSpikes per sample of an array (n_steps, n_samples, n_inputs).
template <class T>
std::vector<SharedSpikes> spikes_from_dense(const py::array_t<T, py::array::c_style>& dense) {
    if (dense.ndim() != 3) throw ShapeMismatch("dense must have the dimensions step, sample and neuron");
    const auto n_steps = static_cast<std::size_t>(dense.shape(0)), n_samples = static_cast<std::size_t>(dense.shape(1));
    const auto n = static_cast<std::size_t>(dense.shape(2));
    constexpr std::size_t block = 64;
    std::vector<SharedSpikes> out;
    const T* const data = dense.data();
    const GilRelease release;
    for (std::size_t s = 0; s < n_samples; ++s) {
        auto spikes = std::make_shared<StepSpikes>();
        bool analog = false;
        for (std::size_t t = 0; t < n_steps; ++t) {
            const T* const row = data + (t * n_samples + s) * n;
            for (std::size_t first = 0; first < n; first += block) {
                const std::size_t last = std::min(first + block, n);
                if (all_zero(row + first, (last - first) * sizeof(T))) continue;
                for (std::size_t k = first; k < last; ++k) {
                    if (row[k] == T(0)) continue;
                    spikes->indices.push_back(static_cast<std::int32_t>(k));
                    spikes->values.push_back(static_cast<double>(row[k]));
                    analog |= row[k] != T(1);
                }
            }
            spikes->end_step();
        }
        if (!analog) spikes->values.clear();
        out.push_back(std::move(spikes));
    }
    return out;
}

/// Writable view (out, in / groups, rows, columns), or (in, out / groups, rows, columns) where transposed.
py::array weights_view(const std::shared_ptr<ConvStage>& stage) {
    Conv2d& connection = stage->connection();
    const Conv2dSettings& s = connection.settings();
    const py::dtype dtype = connection.value_bytes() == 4 ? py::dtype::of<float>() : py::dtype::of<double>();
    const std::vector<py::ssize_t> shape{s.transposed ? s.input.channels : s.out_channels,
                                         s.transposed ? connection.out_per_group() : connection.in_per_group(),
                                         s.kernel.y, s.kernel.x};
    return py::array(dtype, shape, connection.weights(), py::cast(stage));
}

std::shared_ptr<ConvStage> make_conv(const ShapeTuple& in_shape, std::int32_t out_channels, const PairTuple& kernel,
                                     const PairTuple& stride, const PairTuple& padding, const PairTuple& dilation,
                                     const PairTuple& output_padding, std::int32_t groups, bool transposed,
                                     int value_bytes, const SteppedNeurons& neurons) {
    Conv2dSettings s{as_shape(in_shape),      out_channels,     as_pair(kernel),
                     as_pair(stride),         as_pair(padding), as_pair(dilation),
                     as_pair(output_padding), groups,           transposed};
    return std::make_shared<ConvStage>(s, value_bytes, neurons);
}

using SampleTuple = std::pair<std::vector<std::shared_ptr<const StepSpikes>>, std::vector<py::array_t<double>>>;

std::vector<SampleTuple> run(SteppedNetwork& self, const std::vector<SharedSpikes>& inputs,
                             const std::vector<std::vector<SharedSpikes>>& sources, bool reset, bool with_membranes) {
    std::vector<StepSpikes> views;
    for (const auto& input : inputs) views.push_back(*input);
    std::vector<UnpoolSources> causes;
    for (const auto& sample : sources) causes.emplace_back(sample.begin(), sample.end());
    std::vector<SteppedOutput> outputs;
    {
        GilRelease release;
        Interruption interruption([&] { return release.interrupted(); });
        outputs = self.run(views, causes, reset, with_membranes, interruption);
    }
    std::vector<SampleTuple> out;
    for (SteppedOutput& sample : outputs) {
        std::vector<py::array_t<double>> membranes;
        for (const std::vector<double>& stage : sample.membranes)
            membranes.emplace_back(static_cast<py::ssize_t>(stage.size()), stage.data());
        out.emplace_back(std::move(sample.spikes), std::move(membranes));
    }
    return out;
}

std::vector<SharedSpikes> run_each(SteppedNetwork& self, const std::vector<std::int32_t>& indices,
                                   const std::vector<std::int64_t>& steps, const std::vector<SharedSpikes>& sources) {
    if (indices.size() != steps.size()) throw ShapeMismatch("one step for each index is needed");
    GilRelease release;
    Interruption interruption([&] { return release.interrupted(); });
    std::vector<SharedSpikes> out;
    for (StepSpikes& spikes : self.run_each(indices, steps, {sources.begin(), sources.end()}, interruption))
        out.push_back(std::make_shared<StepSpikes>(std::move(spikes)));
    return out;
}

using WinnerTuple = std::tuple<std::int32_t, std::int32_t, std::int64_t>;

std::vector<WinnerTuple> winners(const StepSpikes& spikes, const ShapeTuple& shape, std::int32_t radius,
                                 std::int32_t most, const std::vector<double>& thresholds) {
    std::vector<WinnerTuple> out;
    for (const Winner& w : select_winners(spikes, as_shape(shape), radius, most, thresholds))
        out.emplace_back(w.channel, w.pixel, w.step);
    return out;
}

void learn(ConvLearner& self, const StepSpikes& inputs, const std::vector<WinnerTuple>& winners,
           const SpikePairRule& rule) {
    std::vector<Winner> chosen;
    for (const auto& [channel, pixel, step] : winners) chosen.push_back({channel, pixel, step});
    self.learn(inputs, chosen, rule);
}

/// `where`: (step, class, y, x) of each spike; `hashes`: (n, n_bytes), written to.
void mark_features(const StepSpikes& features, const ShapeTuple& shape, const std::pair<StepArray, StepArray>& rows,
                   const std::pair<StepArray, StepArray>& columns, const StepArray& where, std::int64_t first_bit,
                   py::array_t<std::uint8_t, py::array::c_style> hashes) {
    std::vector<HashedSpike> spikes;
    for (py::ssize_t k = 0; k < where.shape(0); ++k)
        spikes.push_back({*where.data(k, 0), *where.data(k, 2), *where.data(k, 3)});
    const std::span<std::uint8_t> bytes(hashes.mutable_data(), static_cast<std::size_t>(hashes.size()));
    const auto n_bytes = static_cast<std::size_t>(hashes.shape(1));
    const Sight row_sight{as_span(rows.first), as_span(rows.second)};
    const Sight column_sight{as_span(columns.first), as_span(columns.second)};
    const GilRelease release;
    mark_active_features(features, as_shape(shape), row_sight, column_sight, spikes, first_bit, bytes, n_bytes);
}

void bind_stages(py::module_& module) {
    py::class_<SteppedStage, std::shared_ptr<SteppedStage>>(module, "SteppedStage")
        .def_property_readonly("in_shape", [](const SteppedStage& self) { return as_tuple(self.input()); })
        .def_property_readonly("shape", [](const SteppedStage& self) { return as_tuple(self.output()); });
    py::class_<ConvStage, SteppedStage, std::shared_ptr<ConvStage>>(module, "ConvStage")
        .def(py::init([](const ShapeTuple& in_shape, std::int32_t out_channels, const PairTuple& kernel,
                         const PairTuple& stride, const PairTuple& padding, const PairTuple& dilation,
                         const PairTuple& output_padding, std::int32_t groups, bool transposed, int value_bytes,
                         double threshold, double leak, bool multiplicative, bool fire_once, bool analog,
                         std::int32_t competition, std::int32_t radius, bool report_membranes) {
                 return make_conv(in_shape, out_channels, kernel, stride, padding, dilation, output_padding, groups,
                                  transposed, value_bytes,
                                  {threshold, leak, multiplicative, fire_once, analog,
                                   static_cast<Competition>(competition), radius, report_membranes});
             }),
             py::arg("in_shape"), py::arg("out_channels"), py::arg("kernel"), py::arg("stride"), py::arg("padding"),
             py::arg("dilation"), py::arg("output_padding"), py::arg("groups"), py::arg("transposed"),
             py::arg("value_bytes"), py::arg("threshold"), py::arg("leak"), py::arg("multiplicative"),
             py::arg("fire_once"), py::arg("analog"), py::arg("competition"), py::arg("radius"),
             py::arg("report_membranes") = false)
        .def_property_readonly("weights", &weights_view)
        .def("set_thresholds", &ConvStage::set_thresholds, py::arg("thresholds"))
        .def(
            "set_competition",
            [](ConvStage& self, std::int32_t competition, std::int32_t radius) {
                self.set_competition(static_cast<Competition>(competition), radius);
            },
            py::arg("competition"), py::arg("radius"));
    py::class_<PoolStage, SteppedStage, std::shared_ptr<PoolStage>>(module, "PoolStage")
        .def(py::init([](const ShapeTuple& in_shape, const PairTuple& kernel, const PairTuple& stride) {
                 return std::make_shared<PoolStage>(as_shape(in_shape), as_pair(kernel), as_pair(stride));
             }),
             py::arg("in_shape"), py::arg("kernel"), py::arg("stride"));
    py::class_<UnpoolStage, SteppedStage, std::shared_ptr<UnpoolStage>>(module, "UnpoolStage")
        .def(py::init([](const ShapeTuple& pooled, const ShapeTuple& unpooled) {
                 return std::make_shared<UnpoolStage>(as_shape(pooled), as_shape(unpooled));
             }),
             py::arg("pooled"), py::arg("unpooled"));
    py::class_<DelayStage, SteppedStage, std::shared_ptr<DelayStage>>(module, "DelayStage")
        .def(py::init([](const ShapeTuple& shape, std::int32_t n_steps, double decay) {
                 return std::make_shared<DelayStage>(as_shape(shape), n_steps, decay);
             }),
             py::arg("shape"), py::arg("n_steps"), py::arg("decay"));
}

void bind_learning(py::module_& module) {
    py::class_<SimplifiedStdp>(module, "SimplifiedStdp")
        .def(py::init([](double a_plus, double a_minus, bool additive, double w_min, double w_max) {
                 return SimplifiedStdp{a_plus, a_minus, additive, w_min, w_max};
             }),
             py::arg("a_plus"), py::arg("a_minus"), py::arg("additive"), py::arg("w_min"), py::arg("w_max"));
    py::class_<GuetigStdp>(module, "GuetigStdp")
        .def(py::init([](double learning_rate, double alpha, double mu_plus, double mu_minus, double tau_plus,
                         double tau_minus, double w_min, double w_max) {
                 return GuetigStdp{learning_rate, alpha, mu_plus, mu_minus, tau_plus, tau_minus, w_min, w_max};
             }),
             py::arg("learning_rate"), py::arg("alpha"), py::arg("mu_plus"), py::arg("mu_minus"), py::arg("tau_plus"),
             py::arg("tau_minus"), py::arg("w_min"), py::arg("w_max"));
    module.def("select_winners", &winners, py::arg("spikes"), py::arg("shape"), py::arg("radius"), py::arg("most"),
               py::arg("thresholds"));
    py::class_<ConvLearner>(module, "ConvLearner")
        .def(py::init<std::shared_ptr<ConvStage>>(), py::arg("stage"))
        .def("learn", &learn, py::arg("inputs"), py::arg("winners"), py::arg("rule"));
}

}  // namespace

void bind_stepped(py::module_& module) {
    py::class_<StepSpikes, std::shared_ptr<StepSpikes>>(module, "StepSpikes")
        .def(py::init(&make_spikes), py::arg("begin"), py::arg("indices"), py::arg("values") = py::none(),
             py::arg("causes") = py::none())
        .def_property_readonly(
            "begin",
            [](py::object self) { return view(std::span<const std::int64_t>(self.cast<StepSpikes&>().begin), self); })
        .def_property_readonly(
            "indices",
            [](py::object self) { return view(std::span<const std::int32_t>(self.cast<StepSpikes&>().indices), self); })
        .def_property_readonly(
            "values",
            [](py::object self) { return view(std::span<const double>(self.cast<StepSpikes&>().values), self); })
        .def_property_readonly(
            "causes",
            [](py::object self) { return view(std::span<const std::int32_t>(self.cast<StepSpikes&>().causes), self); })
        .def("__len__", [](const StepSpikes& self) { return self.indices.size(); })
        .def("__reduce__", &reduced);
    module.def(
        "spikes_from_dense",
        [](const py::array& dense) {
            if (dense.dtype().is(py::dtype::of<float>())) return spikes_from_dense<float>(dense);
            return spikes_from_dense<double>(dense);
        },
        py::arg("dense"));
    bind_stages(module);
    py::class_<SteppedNetwork>(module, "SteppedNetwork")
        .def(py::init<std::vector<std::shared_ptr<SteppedStage>>>(), py::arg("stages"))
        .def("run", &run, py::arg("inputs"), py::arg("sources"), py::arg("reset"), py::arg("with_membranes"))
        .def("run_each", &run_each, py::arg("indices"), py::arg("steps"), py::arg("sources"))
        .def("reset", [](SteppedNetwork& self) {
            GilRelease release;
            self.reset(Interruption([&] { return release.interrupted(); }));
        });
    bind_learning(module);
    module.def("mark_active_features", &mark_features, py::arg("features"), py::arg("shape"), py::arg("rows"),
               py::arg("columns"), py::arg("where"), py::arg("first_bit"), py::arg("hashes").noconvert());
}

}  // namespace evsim
