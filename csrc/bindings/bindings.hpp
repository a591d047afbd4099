// What the binding files share. This folder is the only place that knows pybind11.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <evsim/loops/neuron_kernel.h>
#include "connection/conv2d.hpp"
#include "core/spike_array.hpp"

namespace evsim {

namespace py = pybind11;

// Arrays cross the border only in exactly these types; python/evsim converts.
using IndexArray = py::array_t<std::int32_t, py::array::c_style>;
using TimeArray = py::array_t<double, py::array::c_style>;

template <class T>
std::span<const T> as_span(const py::array_t<T, py::array::c_style>& array) {
    return {array.data(), static_cast<std::size_t>(array.size())};
}

/// Read-only numpy view of `values`; `owner` stays alive as long as the view.
template <class T>
py::array_t<T> view(std::span<const T> values, py::handle owner) {
    py::array_t<T> array({values.size()}, {sizeof(T)}, values.data(), owner);
    array.attr("flags").attr("writeable") = false;
    return array;
}

using IntPair = std::pair<std::int32_t, std::int32_t>;
using IntTriple = std::tuple<std::int32_t, std::int32_t, std::int32_t>;

inline Pair as_pair(const IntPair& pair) { return {pair.first, pair.second}; }
inline ImageShape as_shape(const IntTriple& s) { return {std::get<0>(s), std::get<1>(s), std::get<2>(s)}; }
inline IntTriple as_triple(const ImageShape& s) { return {s.channels, s.height, s.width}; }
/// Works without the GIL. A daemon thread that wants it back while Python ends is not unwound, which would end the
/// process with an abort, but sleeps until the process is gone.
class GilRelease {
 public:
    GilRelease() : thread_(PyEval_SaveThread()) {}
    ~GilRelease() { take(thread_); }
    GilRelease(const GilRelease&) = delete;
    GilRelease& operator=(const GilRelease&) = delete;

    /// Runs the signal handlers that are due, on the main thread, and says whether one raised an exception.
    bool interrupted();

 private:
    static void take(PyThreadState* thread);

    PyThreadState* thread_;
};

/// A kernel as Python holds it: a neuron model, and what callbacks stand beside it.
struct KernelHandle {
    std::shared_ptr<const NeuronKernel> kernel;
    std::shared_ptr<const RuleKernel> rule;
};
struct RuleHandle {
    std::shared_ptr<const RuleKernel> rule;
};

void bind_adjoint(py::module_& module);
void bind_kernel(py::module_& module);
void bind_optimizer(py::module_& module);
void bind_spike_array(py::module_& module);
void bind_population(py::module_& module);
void bind_projection(py::module_& module);
void bind_ranks(py::module_& module);
void bind_network(py::module_& module);
void bind_recordings(py::module_& module);
void bind_stepped(py::module_& module);
void bind_synapse_rules(py::module_& module);

}  // namespace evsim
