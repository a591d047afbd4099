#include <pybind11/typing.h>

#include "bindings/bindings.hpp"
#include "connection/synapse_table.hpp"
#include "core/errors.hpp"

namespace evsim {

namespace {

using Table = std::shared_ptr<SynapseTable>;

/// An array that owns `values`, without copying them.
template <class T>
py::array_t<T> as_owner(std::vector<T> values) {
    auto kept = std::make_unique<std::vector<T>>(std::move(values));
    const py::capsule owner(kept.get(), [](void* vector) { delete static_cast<std::vector<T>*>(vector); });
    const std::vector<T>& held = *kept.release();
    return py::array_t<T>({held.size()}, {sizeof(T)}, held.data(), owner);
}

SynapseRange as_range(const IntPair& sizes, const IntPair& targets) {
    return {sizes.first, sizes.second, targets.first, targets.second};
}

/// What `draw` returns for a range, as a table; without the GIL. None of a range of no neurons, whose draw tells
/// whether there is a mistake.
template <class Draw>
Table drawn(const SynapseRange& range, Draw&& draw) {
    const GilRelease release;
    const SynapseList list = draw(range);
    return range.first == range.last ? nullptr : std::make_shared<SynapseTable>(list, range);
}

DistanceProfile as_profile(const std::string& name) {
    if (name == "gaussian") return DistanceProfile::gaussian;
    if (name == "exponential") return DistanceProfile::exponential;
    if (name == "step") return DistanceProfile::step;
    throw InvalidArgument("profile must be 'gaussian', 'exponential' or 'step', got '" + name + "'");
}

using TableParts = py::typing::Tuple<py::array_t<std::int32_t>, py::array_t<std::int32_t>, IntPair>;
using Sorted = py::typing::Tuple<SynapseTable, py::typing::Optional<py::array>>;

/// A table, and the positions of its synapses among those given; None where these were in order.
Sorted sorted_table(const IndexArray& sources, const IndexArray& targets, const IntPair& sizes) {
    SortedSynapses sorted;
    {
        const GilRelease release;
        sorted = sorted_synapses(as_span(sources), as_span(targets), sizes.first, sizes.second);
    }
    py::object order = py::none();
    if (sorted.order)
        order = std::visit([](auto&& values) -> py::object { return as_owner(std::move(values)); },
                           std::move(*sorted.order));
    return py::make_tuple(std::move(sorted.table), std::move(order));
}

}  // namespace

void bind_synapse_rules(py::module_& module) {
    py::class_<SynapseTable, Table>(module, "SynapseTable")
        .def(py::init([](const IndexArray& sources, const IndexArray& targets, const IntPair& sizes) {
                 return std::make_shared<SynapseTable>(sizes.first, sizes.second, as_span(sources), as_span(targets));
             }),
             py::arg("sources").noconvert(), py::arg("targets").noconvert(), py::arg("sizes"))
        .def_static("sorted", &sorted_table, py::arg("sources").noconvert(), py::arg("targets").noconvert(),
                    py::arg("sizes"))
        .def_property_readonly("n_neurons", &SynapseTable::n_neurons)
        .def_property_readonly("n_synapses", &SynapseTable::n_synapses)
        .def_property_readonly(
            "firsts",
            [](const Table& self) { return view(std::span<const std::size_t>(self->firsts()), py::cast(self)); })
        .def_property_readonly(
            "targets",
            [](const Table& self) { return view(std::span<const std::int32_t>(self->neurons()), py::cast(self)); })
        .def("sources", [](const SynapseTable& self) { return as_owner(self.inputs()); })
        .def("__reduce__", [](const Table& self) -> py::typing::Tuple<py::type, TableParts> {
            return py::make_tuple(py::type::of<SynapseTable>(),
                                  py::make_tuple(as_owner(self->inputs()),
                                                 view(std::span<const std::int32_t>(self->neurons()), py::cast(self)),
                                                 IntPair(self->n_inputs(), self->n_neurons())));
        });
    module.def(
        "fixed_in_degree",
        [](const IntPair& sizes, const IntPair& targets, std::int32_t degree, bool autapses, bool multapses,
           std::uint64_t seed) {
            return drawn(as_range(sizes, targets), [&](const SynapseRange& range) {
                return fixed_in_degree(range, degree, {autapses, multapses}, seed);
            });
        },
        py::arg("sizes"), py::arg("targets"), py::arg("degree"), py::arg("autapses"), py::arg("multapses"),
        py::arg("seed"));
    module.def(
        "fixed_out_degree",
        [](const IntPair& sizes, const IntPair& targets, std::int32_t degree, bool autapses, bool multapses,
           std::uint64_t seed) {
            return drawn(as_range(sizes, targets), [&](const SynapseRange& range) {
                return fixed_out_degree(range, degree, {autapses, multapses}, seed);
            });
        },
        py::arg("sizes"), py::arg("targets"), py::arg("degree"), py::arg("autapses"), py::arg("multapses"),
        py::arg("seed"));
    module.def(
        "random_pairs",
        [](const IntPair& sizes, const IntPair& targets, double probability, bool autapses, std::uint64_t seed) {
            return drawn(as_range(sizes, targets),
                         [&](const SynapseRange& range) { return random_pairs(range, probability, autapses, seed); });
        },
        py::arg("sizes"), py::arg("targets"), py::arg("probability"), py::arg("autapses"), py::arg("seed"));
    module.def(
        "one_to_one",
        [](const IntPair& sizes, const IntPair& targets) { return drawn(as_range(sizes, targets), one_to_one); },
        py::arg("sizes"), py::arg("targets"));
    module.def(
        "by_distance",
        [](const IntPair& from, const IntPair& to, const IntPair& targets, const std::string& profile,
           double probability, double sigma, bool periodic, bool autapses, std::uint64_t seed) {
            const DistanceRule rule{as_profile(profile), probability, sigma, periodic, autapses};
            const SquareGrid in{from.first, from.second}, out{to.first, to.second};
            return drawn(range_of(in, out, targets.first, targets.second), [&](const SynapseRange& range) {
                return by_distance(in, out, range.first, range.last, rule, seed);
            });
        },
        py::arg("in_grid"), py::arg("out_grid"), py::arg("targets"), py::arg("profile"), py::arg("probability"),
        py::arg("sigma"), py::arg("periodic"), py::arg("autapses"), py::arg("seed"));
}

}  // namespace evsim
