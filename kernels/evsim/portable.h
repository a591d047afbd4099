// What differs between a C++20 host compiler and CUDA, and the few functions that every neuron model needs.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

// EVSIM_INLINE: a function on the way through a loop that keeps its registers, which GCC would leave as a call in a
// unit of many models. EVSIM_NOINLINE: a function of some size that many places call, compiled once, also where its
// callers are flattened.
#if defined(__CUDACC__)
#define EVSIM_FN __host__ __device__ inline
#define EVSIM_INLINE __host__ __device__ __forceinline__
#define EVSIM_NOINLINE __host__ __device__ __noinline__
#else
#define EVSIM_FN inline
#define EVSIM_INLINE [[gnu::always_inline]] inline
#define EVSIM_NOINLINE [[gnu::noinline]]
#endif

// Everything in kernels/ is compiled once per instruction set. Each copy lives in its own inline namespace, so that the
// linker can never hand an AVX-512 copy of an inline function to a machine without it.
#ifndef EVSIM_ISA
#define EVSIM_ISA baseline
#endif

#if !defined(__CUDACC__)
#include <evsim/simd.h>
#endif

namespace evsim {
inline namespace EVSIM_ISA {

#if defined(__CUDACC__)
EVSIM_FN float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
EVSIM_FN double multiply_add(double a, double b, double c) { return fma(a, b, c); }
/// float or double: what a vector consists of; there are none here.
template <class V>
using LaneOf = V;
template <class V>
EVSIM_FN V magnitude(const V& a) {
    return a < V(0) ? -a : a;
}
#endif

template <class A, class B>
inline constexpr bool same_type = false;
template <class A>
inline constexpr bool same_type<A, A> = true;
template <class A, class B>
concept SameAs = same_type<A, B>;

/// The time of a crossing that does not happen: not before any time, not even infinity.
EVSIM_FN double never() { return std::numeric_limits<double>::quiet_NaN(); }
EVSIM_FN double infinity() { return std::numeric_limits<double>::infinity(); }

template <class T>
EVSIM_FN constexpr T epsilon() {
    return std::numeric_limits<T>::epsilon();
}

/// `condition ? a : b`, lane by lane when the condition is a SIMD mask.
template <class Mask, class V>
EVSIM_FN V select(const Mask& condition, const V& a, const V& b) {
    return condition ? a : b;
}

/// `value` in every lane. (0 + value would cost an addition, because of -0; value - 0 costs none.)
template <class V, class T>
EVSIM_FN V broadcast(const T& value) {
    return value - V{};
}

template <class V>
EVSIM_FN V larger(const V& a, const V& b) {
#if !defined(__CUDACC__)
    if constexpr (!std::is_arithmetic_v<V>) return larger_lanes(a, b);
#endif
    return select(a > b, a, b);
}

template <class V>
EVSIM_FN V positive_part(const V& a) {
    return larger(a, V{});
}

/// A positive number in T, where it fits; else the nearest one that does.
template <class T>
EVSIM_FN T bounded(double positive) {
    constexpr double smallest = static_cast<double>(std::numeric_limits<T>::min()),
                     largest = static_cast<double>(std::numeric_limits<T>::max()) / 4096.0;
    return static_cast<T>(positive < smallest ? smallest : positive > largest ? largest : positive);
}

/// Threshold for the reject tests: `exact` in T, lower by a few ulp, so that rounding never hides a crossing.
template <class T>
EVSIM_FN T lowered(double exact) {
    return static_cast<T>(exact - 8.0 * static_cast<double>(std::numeric_limits<T>::epsilon()) * std::fabs(exact));
}

}  // namespace EVSIM_ISA
}  // namespace evsim
