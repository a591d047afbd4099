#include <pybind11/typing.h>

#include "bindings/bindings.hpp"
#include "connection/synapse_rules.hpp"
#include "core/errors.hpp"

namespace evsim {

namespace {

using Synapses = py::typing::Tuple<py::array_t<std::int32_t>, py::array_t<std::int32_t>>;

/// An array that owns `values`, without copying them.
template <class T>
py::array_t<T> as_owner(std::vector<T> values) {
    auto kept = std::make_unique<std::vector<T>>(std::move(values));
    const py::capsule owner(kept.get(), [](void* vector) { delete static_cast<std::vector<T>*>(vector); });
    const std::vector<T>& held = *kept.release();
    return py::array_t<T>({held.size()}, {sizeof(T)}, held.data(), owner);
}

/// Sources and targets of what `draw` returns, which runs without the GIL.
template <class Draw>
Synapses drawn(Draw&& draw) {
    SynapseList list;
    {
        const GilRelease release;
        list = draw();
    }
    return py::make_tuple(as_owner(std::move(list.sources)), as_owner(std::move(list.targets)));
}

SynapseRange as_range(const IntPair& sizes, const IntPair& targets) {
    return {sizes.first, sizes.second, targets.first, targets.second};
}

DistanceProfile as_profile(const std::string& name) {
    if (name == "gaussian") return DistanceProfile::gaussian;
    if (name == "exponential") return DistanceProfile::exponential;
    if (name == "step") return DistanceProfile::step;
    throw InvalidArgument("profile must be 'gaussian', 'exponential' or 'step', got '" + name + "'");
}

std::optional<py::array_t<std::int64_t>> order_of(const IndexArray& sources, const IndexArray& targets,
                                                  const IntPair& sizes) {
    const auto all_below = [](const IndexArray& values, std::int32_t n) {
        return std::ranges::all_of(as_span(values), [n](std::int32_t k) { return k >= 0 && k < n; });
    };
    if (sources.size() != targets.size()) throw ShapeMismatch("synapses need as many sources as targets");
    if (!all_below(sources, sizes.first) || !all_below(targets, sizes.second))
        throw IndexOutOfRange(text("sources and targets must be below ", sizes.first, " and ", sizes.second));
    std::optional<std::vector<std::int64_t>> order;
    {
        const GilRelease release;
        order = synapse_order(as_span(sources), as_span(targets), sizes.first, sizes.second);
    }
    if (!order) return std::nullopt;
    return as_owner(std::move(*order));
}

}  // namespace

void bind_synapse_rules(py::module_& module) {
    module.def(
        "fixed_in_degree",
        [](const IntPair& sizes, const IntPair& targets, std::int32_t degree, bool autapses, bool multapses,
           std::uint64_t seed) {
            return drawn(
                [&] { return fixed_in_degree(as_range(sizes, targets), degree, {autapses, multapses}, seed); });
        },
        py::arg("sizes"), py::arg("targets"), py::arg("degree"), py::arg("autapses"), py::arg("multapses"),
        py::arg("seed"));
    module.def(
        "fixed_out_degree",
        [](const IntPair& sizes, const IntPair& targets, std::int32_t degree, bool autapses, bool multapses,
           std::uint64_t seed) {
            return drawn(
                [&] { return fixed_out_degree(as_range(sizes, targets), degree, {autapses, multapses}, seed); });
        },
        py::arg("sizes"), py::arg("targets"), py::arg("degree"), py::arg("autapses"), py::arg("multapses"),
        py::arg("seed"));
    module.def(
        "random_pairs",
        [](const IntPair& sizes, const IntPair& targets, double probability, bool autapses, std::uint64_t seed) {
            return drawn([&] { return random_pairs(as_range(sizes, targets), probability, autapses, seed); });
        },
        py::arg("sizes"), py::arg("targets"), py::arg("probability"), py::arg("autapses"), py::arg("seed"));
    module.def(
        "one_to_one",
        [](const IntPair& sizes, const IntPair& targets) {
            return drawn([&] { return one_to_one(as_range(sizes, targets)); });
        },
        py::arg("sizes"), py::arg("targets"));
    module.def(
        "by_distance",
        [](const IntPair& from, const IntPair& to, const IntPair& targets, const std::string& profile,
           double probability, double sigma, bool periodic, bool autapses, std::uint64_t seed) {
            const DistanceRule rule{as_profile(profile), probability, sigma, periodic, autapses};
            return drawn([&] {
                return by_distance({from.first, from.second}, {to.first, to.second}, targets.first, targets.second,
                                   rule, seed);
            });
        },
        py::arg("in_grid"), py::arg("out_grid"), py::arg("targets"), py::arg("profile"), py::arg("probability"),
        py::arg("sigma"), py::arg("periodic"), py::arg("autapses"), py::arg("seed"));
    module.def("synapse_order", &order_of, py::arg("sources").noconvert(), py::arg("targets").noconvert(),
               py::arg("sizes"));
}

}  // namespace evsim
