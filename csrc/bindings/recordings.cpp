#include <pybind11/typing.h>

#include "bindings/bindings.hpp"
#include "recordings/decoder.hpp"

namespace evsim {

namespace {

using recordings::Decoder;
using Columns = py::typing::Tuple<py::array_t<std::int64_t>, py::array_t<std::uint16_t>, py::array_t<std::uint16_t>,
                                  py::array_t<std::uint8_t>, std::size_t>;

/// Columns t, x, y and p of the events in `bytes`, and how many bytes these are.
Columns decode(Decoder& decoder, const py::array_t<std::uint8_t, py::array::c_style>& bytes) {
    const recordings::Bytes input = as_span(bytes);
    std::size_t most = 0;
    {
        const py::gil_scoped_release release;
        most = decoder.most_events(input);
    }
    py::array_t<std::int64_t> t(most);
    py::array_t<std::uint16_t> x(most);
    py::array_t<std::uint16_t> y(most);
    py::array_t<std::uint8_t> p(most);
    const recordings::Columns out{t.mutable_data(), x.mutable_data(), y.mutable_data(), p.mutable_data()};
    recordings::Decoded decoded;
    {
        const py::gil_scoped_release release;
        decoded = decoder.decode(input, out);
    }
    const py::slice used(0, static_cast<py::ssize_t>(decoded.n_events), 1);
    return py::make_tuple(t[used], x[used], y[used], p[used], decoded.n_bytes);
}

}  // namespace

void bind_recordings(py::module_& module) {
    py::class_<recordings::Findings>(module, "RecordingFindings")
        .def_readonly("reserved_words", &recordings::Findings::reserved_words)
        .def_readonly("first_reserved", &recordings::Findings::first_reserved)
        .def_readonly("clock_steps_back", &recordings::Findings::clock_steps_back)
        .def_readonly("first_step_back", &recordings::Findings::first_step_back)
        .def_readonly("untimed_events", &recordings::Findings::untimed_events);
    py::class_<Decoder>(module, "RecordingDecoder")
        .def(py::init(&recordings::make_decoder), py::arg("format"))
        .def("copy", &Decoder::copy)
        .def("decode", &decode, py::arg("bytes").noconvert())
        .def_property_readonly("findings", &Decoder::findings, py::return_value_policy::copy);
}

}  // namespace evsim
