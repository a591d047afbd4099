// Polynomials in time: the coefficients of a Taylor series, and where one first rises to a value.
#pragma once

#include <cstring>

#include <evsim/portable.h>

// A loop whose bounds are known where its function is inlined: nothing is left of it but what it does.
#if defined(__CUDACC__) || defined(__clang__)
#define EVSIM_UNROLL _Pragma("unroll")
#else
#define EVSIM_UNROLL _Pragma("GCC unroll 32")
#endif

namespace evsim {
inline namespace EVSIM_ISA {

struct PowerSeries {
    static constexpr int max_order = 24;
    double c[max_order + 1];

    EVSIM_FN double at(double s, int order) const {
        double value = c[order];
        for (int k = order; k-- > 0;) value = multiply_add(value, s, c[k]);
        return value;
    }
    /// By how much it may rise up to s: never less than it does.
    EVSIM_FN double most_rise(double s, int order) const {
        double rise = 0.0;
        for (int k = order; k > 0; --k) rise = multiply_add(rise, s, positive_part(c[k]));
        return rise * s;
    }

    /// The first time up to `until` at which it is at `level` or above, NaN if there is none. `reach` >= until is where
    /// the curvature is bounded. Below the level and with p'' <= M, p stays below its own parabola of curvature M, so
    /// that the parabola's way to the level never oversteps; the steps converge quadratically.
    EVSIM_FN double first_rise_to(double level, int order, double reach, double until) const {
        double curvature = 0.0;
        for (int k = order; k > 1; --k) curvature = curvature * reach + k * (k - 1) * positive_part(c[k]);
        double s = 0.0;
        for (;;) {
            double value = c[order], slope = 0.0;
            for (int k = order; k-- > 0;) {
                slope = multiply_add(slope, s, value);
                value = multiply_add(value, s, c[k]);
            }
            const double missing = level - value;
            if (missing <= 0.0) return s;
            const double root = std::sqrt(slope * slope + 2.0 * curvature * missing);
            const double step = slope > 0.0 ? 2.0 * missing / (slope + root) : (root - slope) / curvature;
            if (!(s + step <= until)) return never();
            if (!(step > 4.0 * epsilon<double>() * s)) return s + step;
            s += step;
        }
    }
};

// Steps need no exact powers: their length only has to be the same on every machine. By the bits of a double, whose
// exponent is the whole part of its logarithm.

/// Good to 0.1 and never more than the logarithm, for any number that is not negative; of infinity 1024.
EVSIM_FN double rough_log2(double x) {
    std::int64_t bits;
    std::memcpy(&bits, &x, sizeof(x));
    return static_cast<double>(bits) * 0x1p-52 - 1023.0;
}
/// Good to 0.4 % for |x| < 1022.
EVSIM_FN double rough_exp2(double x) {
    const auto whole = static_cast<std::int64_t>(x + 1023.0);
    const double part = (x + 1023.0) - static_cast<double>(whole);
    const std::int64_t bits = whole << 52;
    double power;
    std::memcpy(&power, &bits, sizeof(power));
    return power * (1.0 + part * (2.0 / 3.0 + part / 3.0));
}

// Recurrences, for a k that is known when they are inlined: no loop is left, and no division. The newest coefficients
// come last, so that little is left to do when they are known.

/// base + factor * coefficient k > 0 of a square without 2 a_0 a_k: in half the multiplications, and none of the
/// newest.
EVSIM_INLINE double with_inside_of_square(double base, double factor, const PowerSeries& a, int k) {
    if (k % 2 == 0) base = multiply_add(factor * a.c[k / 2], a.c[k / 2], base);
    if (k < 3) return base;
    double sum = a.c[(k - 1) / 2] * a.c[k - (k - 1) / 2];
    EVSIM_UNROLL
    for (int j = (k - 1) / 2 - 1; j > 0; --j) sum = multiply_add(a.c[j], a.c[k - j], sum);
    return multiply_add(2.0 * factor, sum, base);
}
/// Coefficient k + 1 of w = e^{steepness x}, from w' = steepness w x'.
EVSIM_INLINE double next_of_exponential(const PowerSeries& w, const PowerSeries& x, double steepness, int k) {
    const double unit = steepness * (1.0 / (k + 1));
    double sum = 0.0;
    if (k > 0) {
        double left = k > 1 ? k * x.c[k] * w.c[1] : 0.0, right = 0.0;
        EVSIM_UNROLL
        for (int j = (k + 1) / 2, l = k + 1 - j; j > 1; --j, ++l) {
            left = multiply_add(j * x.c[j], w.c[l], left);
            if (j != l) right = multiply_add(l * x.c[l], w.c[j], right);
        }
        sum = multiply_add(x.c[1] * unit, w.c[k], (left + right) * unit);
    }
    return multiply_add(x.c[k + 1], w.c[0] * steepness, sum);
}

}  // namespace EVSIM_ISA
}  // namespace evsim
