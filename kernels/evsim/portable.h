// What differs between a C++20 host compiler and CUDA, and the few functions that every neuron model needs.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__CUDACC__)
#define EVSIM_FN __host__ __device__ inline
#else
#define EVSIM_FN inline
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
    return select(a > b, a, b);
}

template <class V>
EVSIM_FN V positive_part(const V& a) {
    return larger(a, V{});
}

/// Threshold for the reject tests: `exact` in T, lower by a few ulp, so that rounding never hides a crossing.
template <class T>
EVSIM_FN T lowered(double exact) {
    return static_cast<T>(exact - 8.0 * static_cast<double>(std::numeric_limits<T>::epsilon()) * std::fabs(exact));
}

/// e^x and e^x - 1, each with full relative accuracy.
struct Exponential {
    double value;
    double minus_one;
};

/// Exponential of x <= 0 to 2 ulp, without a branch or a call, so that a loop over events vectorises.
/// x = n ln 2 + r with |r| <= ln(2)/2, and the Taylor series of e^r - 1.
EVSIM_FN Exponential exponential_of_nonpositive(double x) {
    constexpr double log2_e = 1.4426950408889634074;
    constexpr double ln2_high = 6.93147180369123816490e-01;  // the 33 leading bits: n * ln2_high is exact
    constexpr double ln2_low = 1.90821492927058770002e-10;
    constexpr double to_integer = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    constexpr double smallest = -708.0;                // e^x is subnormal below, and taken as 0
    const double bounded = x < smallest ? smallest : x;
    const double shifted = bounded * log2_e + to_integer;
    const double n = shifted - to_integer;
    const double r = (bounded - n * ln2_high) - n * ln2_low;
    // (e^r - 1 - r) / r^2 = 1/2! + r/3! + ... + r^11/13!, in pairs (Estrin), which a CPU evaluates side by side.
    const double r2 = r * r, r4 = r2 * r2;
    const double p0 = multiply_add(r, 1.0 / 6.0, 0.5);
    const double p2 = multiply_add(r, 1.0 / 120.0, 1.0 / 24.0);
    const double p4 = multiply_add(r, 1.0 / 5040.0, 1.0 / 720.0);
    const double p6 = multiply_add(r, 1.0 / 362880.0, 1.0 / 40320.0);
    const double p8 = multiply_add(r, 1.0 / 39916800.0, 1.0 / 3628800.0);
    const double p10 = multiply_add(r, 1.0 / 6227020800.0, 1.0 / 479001600.0);
    const double low = multiply_add(p2, r2, p0), middle = multiply_add(p6, r2, p4), high = multiply_add(p10, r2, p8);
    const double p = multiply_add(multiply_add(multiply_add(high, r4, middle), r4, low), r2, r);
    union {
        double value;
        std::int64_t bits;
    } rounded{shifted}, scale{0.0};
    scale.bits = (rounded.bits + 1023) << 52;  // the low bits of `rounded` hold n; this is 2^n
    const double value = scale.value * p + scale.value;
    return {x < smallest ? 0.0 : value, scale.value * p + (scale.value - 1.0)};
}

}  // namespace EVSIM_ISA
}  // namespace evsim
