// Steps of gradient descent over weights and what an optimizer remembers of them, in one pass through memory.
#pragma once

#include <cmath>

#include <evsim/loops/optimizer_kernel.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <class T, bool adaptive>
void optimizer_step(const OptimizerRows& rows, const OptimizerNumbers& numbers) {
    const T left = static_cast<T>(1.0 - numbers.shrink), pull = static_cast<T>(numbers.pull);
    const T momentum = static_cast<T>(numbers.momentum), keep = static_cast<T>(numbers.keep);
    const T of_memory = static_cast<T>(numbers.of_memory), of_gradient = static_cast<T>(numbers.of_gradient);
    const T square_memory = static_cast<T>(numbers.square_memory), square_keep = static_cast<T>(numbers.square_keep);
    const T root = static_cast<T>(numbers.root), epsilon = static_cast<T>(numbers.epsilon);
    for (std::int64_t r = 0; r < rows.n_rows; ++r) {
        T* const w = static_cast<T*>(rows.weights) + r * rows.weight_stride;
        const T* const g = static_cast<const T*>(rows.gradients) + r * rows.gradient_stride;
        T* const m = static_cast<T*>(rows.first) + r * rows.n;
        T* const v = adaptive ? static_cast<T*>(rows.second) + r * rows.n : nullptr;
        T* const largest = adaptive && rows.largest ? static_cast<T*>(rows.largest) + r * rows.n : nullptr;
        const auto step = [&](std::int64_t k, bool of_largest) {
            const T gradient = g[k] + pull * w[k];
            m[k] = momentum * m[k] + keep * gradient;
            T along = of_memory * m[k] + of_gradient * gradient;
            if constexpr (adaptive) {
                v[k] = square_memory * v[k] + square_keep * gradient * gradient;
                T square = v[k];
                if (of_largest) square = largest[k] = largest[k] > square ? largest[k] : square;
                along /= root * std::sqrt(square) + epsilon;
            }
            w[k] = left * w[k] - along;
        };
        if (largest) {
            for (std::int64_t k = 0; k < rows.n; ++k) step(k, true);
        } else {
#pragma GCC ivdep
            for (std::int64_t k = 0; k < rows.n; ++k) step(k, false);
        }
    }
}

template <class T>
double sum_of_squares(const OptimizerRows& rows) {
    constexpr int n_sums = 16;  // side by side, in one order
    double sums[n_sums] = {}, rest = 0.0;
    for (std::int64_t r = 0; r < rows.n_rows; ++r) {
        const T* const g = static_cast<const T*>(rows.gradients) + r * rows.gradient_stride;
        std::int64_t k = 0;
        for (; k + n_sums <= rows.n; k += n_sums)
            for (int j = 0; j < n_sums; ++j) sums[j] += static_cast<double>(g[k + j]) * static_cast<double>(g[k + j]);
        for (; k < rows.n; ++k) rest += static_cast<double>(g[k]) * static_cast<double>(g[k]);
    }
    for (const double sum : sums) rest += sum;
    return rest;
}

inline OptimizerSteps optimizer_steps() {
    return {optimizer_step<float, false>, optimizer_step<double, false>, optimizer_step<float, true>,
            optimizer_step<double, true>, sum_of_squares<float>,         sum_of_squares<double>};
}

}  // namespace EVSIM_ISA
}  // namespace evsim
