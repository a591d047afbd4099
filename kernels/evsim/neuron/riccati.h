// x' = rate (x^2 - square) with constant coefficients, in closed form: by tanh, tan, or 1 / x between them.
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// A point of the way and its slope / rate, x^2 - square, where that is known without cancellation.
struct RiccatiPoint {
    double x, slope;
};

struct Riccati {
    double rate, square, root;  ///< root^2 = |square|

    EVSIM_FN Riccati(double rate_, double square_)
        : rate(rate_), square(square_), root(std::sqrt(std::fabs(square_))) {}

    /// How long it takes to rise to `level`, which is above; NaN if it never does.
    EVSIM_FN double rise(const RiccatiPoint& from, const RiccatiPoint& level) const {
        const double missing = level.x - from.x;
        if (square < 0.0) return std::atan2(root * missing, root * root + from.x * level.x) / (rate * root);
        if (!(from.slope > 0.0 && level.slope > 0.0 && (from.x > 0.0 || level.x < 0.0))) return never();
        if (root == 0.0) return missing / (rate * from.x * level.x);
        // Of (x - root) (level + root) the factor that may cancel, from its slope.
        const double product = from.x > 0.0 ? from.slope / (from.x + root) * (level.x + root)
                                            : (from.x - root) * (level.slope / (level.x - root));
        return std::log1p(2.0 * root * missing / product) / (2.0 * rate * root);
    }

    /// x after a while, in which it does not blow up: from.x + slope a / b = (one from.x - square a) / b.
    EVSIM_FN double after(const RiccatiPoint& from, double duration) const {
        if (from.slope == 0.0) return from.x;
        const double angle = rate * root * duration;
        double a = rate * duration, one = 1.0, b = 1.0 - from.x * a;
        if (square < 0.0) {
            a = std::sin(angle) / root;
            one = std::cos(angle);
            b = one - from.x * a;
        } else if (root > 0.0) {
            const double left = std::exp(-2.0 * angle);
            const bool is_near = from.x > 0.5 * root && from.x < 2.0 * root;  // the fixed point that it leaves
            a = -std::expm1(-2.0 * angle) / root;
            one = 1.0 + left;
            b = is_near ? (left * (root + from.x) - from.slope / (root + from.x)) / root : one - from.x * a;
        }
        // A small change is exact at rest; a large one would cancel most of x.
        const double change = from.slope * a / b;
        return std::fabs(change) < 0.5 * std::fabs(from.x) ? from.x + change : (from.x * one - square * a) / b;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
