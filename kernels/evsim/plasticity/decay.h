// Exponential decay of traces over a gap.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// e^x and e^x - 1 for x <= 0 in single precision, as exponential_of_nonpositive in double.
EVSIM_FN void exponential_of_nonpositive(float x, float& value, float& minus_one) {
    constexpr float log2_e = 1.44269504f, ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
    constexpr float to_integer = 12582912.0f;  // 1.5 * 2^23
    constexpr float smallest = -87.0f;         // e^x is subnormal below, and taken as 0
    const float bounded = x < smallest ? smallest : x;
    const float shifted = bounded * log2_e + to_integer;
    const float n = shifted - to_integer;
    const float r = (bounded - n * ln2_high) - n * ln2_low;
    float p = multiply_add(r, 1.0f / 5040.0f, 1.0f / 720.0f);
    p = multiply_add(p, r, 1.0f / 120.0f);
    p = multiply_add(p, r, 1.0f / 24.0f);
    p = multiply_add(p, r, 1.0f / 6.0f);
    p = multiply_add(p, r, 0.5f);
    p = multiply_add(p, r * r, r);
    union {
        float value;
        std::int32_t bits;
    } rounded{shifted}, scale{0.0f};
    scale.bits = static_cast<std::int32_t>(static_cast<std::uint32_t>(rounded.bits + 127) << 23);
    value = x < smallest ? 0.0f : multiply_add(scale.value, p, scale.value);
    minus_one = x < smallest ? -1.0f : multiply_add(scale.value, p, scale.value - 1.0f);
}
EVSIM_FN void exponential_of_nonpositive(double x, double& value, double& minus_one) {
    const Exponential e = exponential_of_nonpositive(x);
    value = e.value;
    minus_one = e.minus_one;
}

/// e^{-duration * rate} - 1: what a trace loses over `duration` as a share of itself. Close to 1 the factor itself
/// would lose most digits of the rate of decay. A rate of 0 is a trace that does not decay.
template <class T>
EVSIM_FN T trace_change(double duration, double rate) {
    T value, minus_one;
    exponential_of_nonpositive(static_cast<T>(-duration * rate), value, minus_one);
    return minus_one;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
