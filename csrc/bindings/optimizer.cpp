#include "optimizer.hpp"
#include "bindings/bindings.hpp"
#include "core/errors.hpp"

#include <array>

namespace evsim {

namespace {

/// The arrays: (rows, values), each row without gaps.
template <class T>
void step_of_optimizer(py::array_t<T> weights, const py::array_t<T>& gradients, py::array_t<T> first,
                       std::optional<py::array_t<T>> second, std::optional<py::array_t<T>> largest,
                       const std::array<double, 10>& n) {
    constexpr auto bytes = static_cast<py::ssize_t>(sizeof(T));
    const auto check = [&](const py::array& array, bool packed) {
        if (array.ndim() != 2 || array.shape(0) != weights.shape(0) || array.shape(1) != weights.shape(1) ||
            (array.shape(1) > 1 && array.strides(1) != bytes) || array.strides(0) % bytes != 0 ||
            (packed && array.shape(0) > 1 && array.strides(0) != array.shape(1) * bytes)) {
            throw ShapeMismatch("an optimizer takes arrays of one shape, row by row");
        }
    };
    check(weights, false);
    check(gradients, false);
    check(first, true);
    if (second) check(*second, true);
    if (largest) check(*largest, true);
    const OptimizerRows rows{weights.shape(0),
                             weights.shape(1),
                             weights.mutable_data(),
                             gradients.data(),
                             weights.strides(0) / bytes,
                             gradients.strides(0) / bytes,
                             first.mutable_data(),
                             second ? second->mutable_data() : nullptr,
                             largest ? largest->mutable_data() : nullptr};
    const GilRelease release;
    optimizer_step(rows, {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9]}, static_cast<int>(bytes),
                   second.has_value());
}

template <class T>
double squares_of(const py::array_t<T>& rows) {
    constexpr auto bytes = static_cast<py::ssize_t>(sizeof(T));
    if (rows.ndim() != 2 || (rows.shape(1) > 1 && rows.strides(1) != bytes) || rows.strides(0) % bytes != 0)
        throw ShapeMismatch("an optimizer takes arrays row by row");
    OptimizerRows given{};
    given.n_rows = rows.shape(0);
    given.n = rows.shape(1);
    given.gradients = rows.data();
    given.gradient_stride = rows.strides(0) / bytes;
    const GilRelease release;
    return sum_of_squares(given, static_cast<int>(bytes));
}

}  // namespace

void bind_optimizer(py::module_& module) {
    module.def("optimizer_step", &step_of_optimizer<float>, py::arg("weights").noconvert(),
               py::arg("gradients").noconvert(), py::arg("first").noconvert(), py::arg("second").noconvert(),
               py::arg("largest").noconvert(), py::arg("numbers"));
    module.def("optimizer_step", &step_of_optimizer<double>, py::arg("weights").noconvert(),
               py::arg("gradients").noconvert(), py::arg("first").noconvert(), py::arg("second").noconvert(),
               py::arg("largest").noconvert(), py::arg("numbers"));
    module.def("sum_of_squares", &squares_of<float>, py::arg("rows").noconvert());
    module.def("sum_of_squares", &squares_of<double>, py::arg("rows").noconvert());
}

}  // namespace evsim
