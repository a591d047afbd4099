#include "bindings/bindings.hpp"

#include <unistd.h>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

#include "core/cpu.hpp"
#include "core/errors.hpp"
#include "core/threads.hpp"
#include "kernel/registry.hpp"

namespace evsim {

void GilRelease::take(PyThreadState* thread) {
#if defined(__GLIBCXX__)
    try {
        PyEval_RestoreThread(thread);
    } catch (abi::__forced_unwind&) {
        for (;;) pause();
    }
#else
    PyEval_RestoreThread(thread);
#endif
}

bool GilRelease::interrupted() {
    take(thread_);
    const bool raised = PyErr_CheckSignals() != 0;
    thread_ = PyEval_SaveThread();
    return raised;
}

namespace {

/// Raises the class of python/evsim/errors.py that the C++ error names.
void translate(std::exception_ptr pending) {
    try {
        if (pending) std::rethrow_exception(pending);
    } catch (const Error& error) {
        // What a user's code says need not be UTF-8.
        const std::string_view what = error.what();
        const auto size = static_cast<py::ssize_t>(what.size());
        const auto message = py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(what.data(), size, "replace"));
        PyErr_SetObject(py::module_::import("evsim.errors").attr(error.name()).ptr(), message.ptr());
    } catch (const std::length_error&) {  // more than a container can hold
        py::set_error(py::module_::import("evsim.errors").attr("MemoryLimitError"), "more than memory can hold");
    } catch (const std::bad_alloc&) {
        py::set_error(py::module_::import("evsim.errors").attr("MemoryLimitError"), "the system gives no more memory");
    } catch (const Interrupted&) {
        if (!PyErr_Occurred()) PyErr_SetNone(PyExc_KeyboardInterrupt);
    }
}

}  // namespace

PYBIND11_MODULE(_core, module) {
    py::register_exception_translator(translate);
    // pybind11 looks NumPy up when it first needs it, and lets go of the GIL meanwhile; a thread in there while Python
    // ends would abort.
    py::dtype::of<double>();
    bind_spike_array(module);
    bind_kernel(module);
    bind_population(module);
    bind_synapse_rules(module);
    bind_projection(module);
    bind_ranks(module);
    bind_network(module);
    bind_recordings(module);
    bind_stepped(module);
    bind_adjoint(module);
    bind_optimizer(module);
    module.attr("__version__") = EVSIM_VERSION;
    module.def("num_threads", &num_threads);
    module.def("set_num_threads", &set_num_threads, py::arg("n"));
    module.def("active_isa", &active_isa);
    module.def("supported_isas", &supported_isas);
    module.def("model_names", &model_names);
}

}  // namespace evsim
