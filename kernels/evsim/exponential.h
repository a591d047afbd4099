// The exponential of what is not positive: how far a neuron, or a SIMD vector of them, decays over a gap.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// e^x and e^x - 1, each with full relative accuracy.
template <class V>
struct Exponential {
    V value;
    V minus_one;
};

/// Constants of the exponential, by type: x = n ln 2 + r with |r| <= ln(2)/2, and the Taylor series of e^r - 1.
template <class T>
struct ExponentialOf;

template <>
struct ExponentialOf<double> {
    using Bits = std::uint64_t;
    static constexpr int bias = 1023, mantissa_bits = 52;
    static constexpr double log2_e = 1.4426950408889634074;
    static constexpr double ln2_high = 6.93147180369123816490e-01;  // the 33 leading bits: n * ln2_high is exact
    static constexpr double ln2_low = 1.90821492927058770002e-10;
    static constexpr double to_integer = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
    static constexpr double smallest = -708.0;                // e^x is subnormal below, and taken as 0

    /// e^r - 1. (e^r - 1 - r) / r^2 = 1/2! + r/3! + ... + r^11/13!, in pairs (Estrin), which a CPU evaluates side by
    /// side.
    template <class V>
    EVSIM_FN static V series(const V& r) {
        const auto pair = [&](double b, double a) { return multiply_add(r, broadcast<V>(b), broadcast<V>(a)); };
        const V r2 = r * r, r4 = r2 * r2;
        const V p0 = pair(1.0 / 6.0, 0.5);
        const V p2 = pair(1.0 / 120.0, 1.0 / 24.0);
        const V p4 = pair(1.0 / 5040.0, 1.0 / 720.0);
        const V p6 = pair(1.0 / 362880.0, 1.0 / 40320.0);
        const V p8 = pair(1.0 / 39916800.0, 1.0 / 3628800.0);
        const V p10 = pair(1.0 / 6227020800.0, 1.0 / 479001600.0);
        const V low = multiply_add(p2, r2, p0), middle = multiply_add(p6, r2, p4), high = multiply_add(p10, r2, p8);
        return multiply_add(multiply_add(multiply_add(high, r4, middle), r4, low), r2, r);
    }
    template <class V>
    EVSIM_FN static V scaled(const V& scale, const V& p, const V& rest) {
        return scale * p + rest;
    }
};

template <>
struct ExponentialOf<float> {
    using Bits = std::uint32_t;
    static constexpr int bias = 127, mantissa_bits = 23;
    static constexpr float log2_e = 1.44269504f;
    static constexpr float ln2_high = 0.693145752f;
    static constexpr float ln2_low = 1.42860677e-6f;
    static constexpr float to_integer = 12582912.0f;  // 1.5 * 2^23
    static constexpr float smallest = -87.0f;

    template <class V>
    EVSIM_FN static V series(const V& r) {
        V p = multiply_add(r, broadcast<V>(1.0f / 5040.0f), broadcast<V>(1.0f / 720.0f));
        p = multiply_add(p, r, broadcast<V>(1.0f / 120.0f));
        p = multiply_add(p, r, broadcast<V>(1.0f / 24.0f));
        p = multiply_add(p, r, broadcast<V>(1.0f / 6.0f));
        p = multiply_add(p, r, broadcast<V>(0.5f));
        return multiply_add(p, r * r, r);
    }
    template <class V>
    EVSIM_FN static V scaled(const V& scale, const V& p, const V& rest) {
        return multiply_add(scale, p, rest);
    }
};

/// 2^n, from n + 1.5 * 2^mantissa_bits: the low bits of that sum hold n.
template <class V>
EVSIM_FN V power_of_two(const V& shifted) {
    using Of = ExponentialOf<LaneOf<V>>;
    if constexpr (same_type<V, LaneOf<V>>) {
        union {
            V value;
            typename Of::Bits bits;
        } rounded{shifted}, scale{V(0)};
        scale.bits = (rounded.bits + Of::bias) << Of::mantissa_bits;
        return scale.value;
    } else {
        using Integers = decltype(V{} > V{});
        return (V)(((Integers)shifted + Of::bias) << Of::mantissa_bits);
    }
}

/// Exponential of x <= 0 from which e^x is a normal number, to 2 ulp, without a branch or a call: a loop over single
/// numbers vectorises, and a vector gives the bits of its lanes.
template <class V>
EVSIM_FN Exponential<V> exponential_within_range(const V& x) {
    using Of = ExponentialOf<LaneOf<V>>;
    const V shifted = x * Of::log2_e + Of::to_integer;
    const V n = shifted - Of::to_integer;
    const V p = Of::series((x - n * Of::ln2_high) - n * Of::ln2_low);
    const V scale = power_of_two(shifted);
    return {Of::scaled(scale, p, scale), Of::scaled(scale, p, scale - broadcast<V>(LaneOf<V>(1)))};
}

/// x, but not below the range of that.
template <class V>
EVSIM_FN V within_exponential_range(const V& x) {
    const V smallest = broadcast<V>(ExponentialOf<LaneOf<V>>::smallest);
    return select(x < smallest, smallest, x);
}

/// The same for every x <= 0.
template <class V>
EVSIM_FN Exponential<V> exponential_of_nonpositive(const V& x) {
    const Exponential<V> e = exponential_within_range<V>(within_exponential_range(x));
    const auto vanished = x < broadcast<V>(ExponentialOf<LaneOf<V>>::smallest);
    return {select(vanished, V{}, e.value), select(vanished, broadcast<V>(LaneOf<V>(-1)), e.minus_one)};
}

}  // namespace EVSIM_ISA
}  // namespace evsim
