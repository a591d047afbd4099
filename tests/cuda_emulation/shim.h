// CUDA's words for a host compiler: kernels as functions, and a launch as loops over the grid.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#define __global__
#define __launch_bounds__(n)

struct float4 {
    float x, y, z, w;
};
struct Index3 {
    unsigned x = 0, y = 0, z = 0;
};
inline thread_local Index3 blockIdx, blockDim, threadIdx, gridDim;

template <class T>
T atomicAdd(T* place, T value) {
    const T before = *place;
    *place += value;
    return before;
}
template <class T>
T atomicMin(T* place, T value) {
    const T before = *place;
    if (value < before) *place = value;
    return before;
}

template <class A>
A argument(const void* from) {
    A value;
    std::memcpy(&value, from, sizeof(A));
    return value;
}

/// The last thread first: nothing may depend on the order.
template <class... A, std::size_t... k>
void run_grid(void (*kernel)(A...), unsigned grid, unsigned block, void** arguments, std::index_sequence<k...>) {
    gridDim.x = grid;
    blockDim.x = block;
    for (unsigned b = grid; b-- > 0;) {
        for (unsigned t = block; t-- > 0;) {
            blockIdx.x = b;
            threadIdx.x = t;
            kernel(argument<A>(arguments[k])...);
        }
    }
}

/// Runs a kernel if the arguments have the sizes that it expects; else returns the position of the first that has not.
template <class... A>
int launch(void (*kernel)(A...), unsigned grid, unsigned block, void** arguments, const int* sizes, int count) {
    constexpr int expected[] = {static_cast<int>(sizeof(A))...};
    if (count != static_cast<int>(sizeof...(A))) return -2;
    for (int k = 0; k < count; ++k) {
        if (sizes[k] != expected[k]) return k;
    }
    run_grid(kernel, grid, block, arguments, std::index_sequence_for<A...>{});
    return -1;
}
