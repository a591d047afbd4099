// Polynomials in time: the coefficients of a Taylor series, and where one first rises to a value.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct PowerSeries {
    static constexpr int max_order = 24;
    double c[max_order + 1];

    EVSIM_FN double at(double s, int order) const {
        double value = c[order];
        for (int k = order; k-- > 0;) value = value * s + c[k];
        return value;
    }
    /// By how much it may rise up to s: never less than it does.
    EVSIM_FN double most_rise(double s, int order) const {
        double rise = 0.0;
        for (int k = order; k > 0; --k) rise = (rise + positive_part(c[k])) * s;
        return rise;
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
                slope = slope * s + value;
                value = value * s + c[k];
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

// The newest coefficients come last: what is left to do when they are known is then little.

/// Coefficient k of the product of two series.
EVSIM_FN double product(const PowerSeries& a, const PowerSeries& b, int k) {
    double even = 0.0, odd = 0.0;
    int j = 1;
    for (; j + 1 < k; j += 2) {
        even += a.c[j] * b.c[k - j];
        odd += a.c[j + 1] * b.c[k - j - 1];
    }
    if (j < k) even += a.c[j] * b.c[k - j];
    const double ends = k > 0 ? a.c[0] * b.c[k] + a.c[k] * b.c[0] : a.c[0] * b.c[0];
    return even + odd + ends;
}
/// Coefficient k > 0 of a square, without 2 a_0 a_k: in half the multiplications, and none of the newest.
EVSIM_FN double inside_of_square(const PowerSeries& a, int k) {
    double even = 0.0, odd = 0.0;
    int j = 1;
    for (; 2 * j + 2 < k; j += 2) {
        even += a.c[j] * a.c[k - j];
        odd += a.c[j + 1] * a.c[k - j - 1];
    }
    if (2 * j < k) even += a.c[j] * a.c[k - j];
    const double middle = k % 2 == 0 ? a.c[k / 2] * a.c[k / 2] : 0.0;
    return 2.0 * (even + odd) + middle;
}
/// Coefficient k + 1 of w = e^{x}, from w' = w x'.
EVSIM_FN double next_of_exponential(const PowerSeries& w, const PowerSeries& x, int k) {
    double even = 0.0, odd = 0.0;
    int j = 1;
    for (; j + 1 < k; j += 2) {
        even += j * x.c[j] * w.c[k + 1 - j];
        odd += (j + 1) * x.c[j + 1] * w.c[k - j];
    }
    for (; j < k; ++j) even += j * x.c[j] * w.c[k + 1 - j];
    even += odd;
    if (k > 0) even += k * x.c[k] * w.c[1];
    return even / (k + 1) + x.c[k + 1] * w.c[0];
}

}  // namespace EVSIM_ISA
}  // namespace evsim
