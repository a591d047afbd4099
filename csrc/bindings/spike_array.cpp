#include "bindings/bindings.hpp"

#include "core/errors.hpp"

namespace evsim {

namespace {

/// Keeps a storage alive under the numpy views of it.
py::capsule keeper(const SpikeArray& spikes) {
    using Shared = std::shared_ptr<const SpikeArray::Storage>;
    return py::capsule(new Shared(spikes.storage()), [](void* p) { delete static_cast<Shared*>(p); });
}

}  // namespace

void bind_spike_array(py::module_& module) {
    module.def("falls", [](const TimeArray& times) { return falls(as_span(times)); }, py::arg("times").noconvert());
    module.def(
        "check_spikes",
        [](const IndexArray& indices, const TimeArray& times, std::int64_t n, const std::string& what) {
            check_spikes(as_span(indices), as_span(times), n, what.c_str());
        },
        py::arg("indices").noconvert(), py::arg("times").noconvert(), py::arg("n"), py::arg("what"));
    py::class_<SpikeArray>(module, "SpikeArray")
        .def(py::init<>())
        .def("copy", [](const SpikeArray& self) { return SpikeArray(self); })
        .def(
            "add",
            [](SpikeArray& self, const IndexArray& indices, const TimeArray& times) {
                self.add(as_span(indices), as_span(times));
            },
            py::arg("indices").noconvert(), py::arg("times").noconvert())
        .def("sort", &SpikeArray::sort, py::call_guard<GilRelease>())
        .def("is_sorted", &SpikeArray::is_sorted)
        .def("clear", &SpikeArray::clear)
        .def("__len__", &SpikeArray::size)
        .def("__getitem__",
             [](const SpikeArray& self, std::size_t k) {
                 if (k >= self.size()) throw IndexOutOfRange(text("there is no spike ", k, " among ", self.size()));
                 return py::make_tuple(self[k].index, self[k].time);
             })
        .def(
            "equals", [](const SpikeArray& self, const SpikeArray& other) { return self == other; }, py::arg("other"))
        .def_property_readonly("indices", [](const SpikeArray& self) { return view(self.indices(), keeper(self)); })
        .def_property_readonly("times", [](const SpikeArray& self) { return view(self.times(), keeper(self)); });
}

}  // namespace evsim
