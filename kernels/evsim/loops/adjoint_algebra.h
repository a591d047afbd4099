// Sums and products of a few variables, with matrices that lie row by row in memory.
#pragma once

#include <evsim/neuron/linear_flow.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// x += factor y
template <int N>
void add(Row<N>& x, double factor, const Row<N>& y) {
    for (int j = 0; j < N; ++j) x.at[j] = multiply_add(factor, y.at[j], x.at[j]);
}

template <int N>
Row<N> times(const double* matrix, const Row<N>& x) {
    Row<N> out;
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) out.at[i] = multiply_add(matrix[i * N + j], x.at[j], out.at[i]);
    return out;
}

template <int N>
Row<N> transposed_times(const double* matrix, const Row<N>& x) {
    Row<N> out;
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) out.at[j] = multiply_add(matrix[i * N + j], x.at[i], out.at[j]);
    return out;
}

/// matrix += factor a b'
template <int N>
void add_product(double* matrix, double factor, const Row<N>& a, const Row<N>& b) {
    for (int i = 0; i < N; ++i)
        for (int j = 0; j < N; ++j) matrix[i * N + j] = multiply_add(factor * a.at[i], b.at[j], matrix[i * N + j]);
}

}  // namespace EVSIM_ISA
}  // namespace evsim
