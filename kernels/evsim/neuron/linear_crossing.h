// When a readout of linear dynamics first reaches a threshold.
#pragma once

#include <evsim/neuron/linear_flow.h>
#include <evsim/neuron/too_many_steps.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// The first t <= `length` where the polynomial f[0] + f[1] t + ... + f[last] t^last, negative at 0, is no longer; else
/// more than `length`, or NaN. From the left, by steps to where f + f' s + M s^2 / 2 reaches 0, with M above f'' in all
/// of the rest: they never pass a crossing, and come to it as fast as Newton's.
EVSIM_FN double first_root(const double* f, int last, double length) {
    double most_bent = 0.0;
    for (int k = last; k >= 3; --k) most_bent = (most_bent + k * (k - 1) * larger(f[k], 0.0)) * length;
    most_bent += 2.0 * f[2];
    double t = 0.0;
    for (;;) {
        double value = f[last], slope = 0.0;
        for (int k = last - 1; k >= 0; --k) {
            slope = multiply_add(slope, t, value);
            value = multiply_add(value, t, f[k]);
        }
        if (!(value < 0.0)) return t;
        const double discriminant = slope * slope - 2.0 * most_bent * value;
        if (!(discriminant >= 0.0)) return never();
        const double denominator = slope + std::sqrt(discriminant);
        if (!(denominator > 0.0)) return never();
        const double next = t - 2.0 * value / denominator;
        if (next > length) return never();
        if (!(next > t)) return t;
        t = next;
    }
}

/// When c x first reaches a threshold. No step of it goes beyond a bound of c x, so no crossing is missed.
template <int N>
struct LinearCrossing {
    static constexpr int degree = LinearFlow<N>::degree;
    static constexpr int bound_degree = 8;
    static constexpr double rounding = 1e-6;  ///< of the sums of `bounds` in the type of the state

    const LinearFlow<N>& flow;
    Row<N> readout[degree + 1];  ///< c A^k / k!
    Row<N> bend[bound_degree];   ///< bend[0] + bend[1] t + ... is the largest |c A^2 e^{A s}| for s up to t
    double bend_rest = 0.0;      ///< and this, where that series is cut, for t up to
    double bend_end;             ///< this
    Row<N> bent;                 ///< that for up to one unit, if bend_end allows one
    Row<N> ceiling;              ///< c e^{A s} x is below ceiling |x| for all s >= 0

    EVSIM_NOINLINE LinearCrossing(const LinearFlow<N>& flow_, const double* c, const double* ceiling_) : flow(flow_) {
        for (int j = 0; j < N; ++j) {
            readout[0].at[j] = c[j];
            ceiling.at[j] = ceiling_[j];
        }
        for (int k = 1; k <= degree; ++k) readout[k] = readout[0] * flow.term[k - 1];
        // |e^{A s}| <= e^{C s}, where C is A without its diagonal and without signs.
        Square<N> coupling;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) coupling.at[i][j] = i == j ? 0.0 : std::fabs(flow.term[0].at[i][j]);
        bend[0] = readout[2].scaled(2.0).magnitude();
        for (int k = 1; k < bound_degree; ++k) bend[k] = (bend[k - 1] * coupling).scaled(1.0 / k);
        bend_end = infinity();
        if (!flow.acyclic) {
            double norm = 0.0;  // largest sum of a column of C
            for (int j = 0; j < N; ++j) {
                double column = 0.0;
                for (int i = 0; i < N; ++i) column += coupling.at[i][j];
                norm = larger(norm, column);
            }
            bend_end = 1.0 / norm;
            // sum over k >= 8 of (norm t)^k / k! up to norm t = 1
            for (int j = 0; j < N; ++j) bend_rest = larger(bend_rest, bend[0].at[j] * 2.8e-5);
        }
        static_assert(N <= bound_degree, "the series of an acyclic flow ends by itself");
        // A unit is shorter than bend_end, because the norm of A is not smaller than that of C.
        for (int j = 0; j < N; ++j) bent.at[j] = most_bent(j, flow.unit);
    }

    /// The largest |c A^2 e^{A s}| for s up to t <= bend_end, of variable j.
    template <class V>
    EVSIM_FN V most_bent(int j, const V& t) const {
        V sum{};
        for (int k = bound_degree - 1; k >= 0; --k) sum = multiply_add(sum, t, broadcast<V>(bend[k].at[j]));
        return sum + broadcast<V>(bend_rest);
    }

    /// Within a time t, c x stays below the larger of its ends plus slack(t) |x|: an arc of bounded curvature.
    EVSIM_FN Row<N> slack(double t) const {
        Row<N> out;
        const double curved = 0.125 * t * t;
        const bool is_bent = t <= bend_end;
        for (int j = 0; j < N; ++j) {
            const double arc = curved * most_bent(j, t), highest = 2.0 * ceiling.at[j];
            out.at[j] = is_bent && arc < highest ? arc : highest;
        }
        return out;
    }
    /// c x stays below `across` x + `slack` |x| within a time t, at whose end it is (c + rise) x; if `begins_below`, as
    /// long as the threshold lies above that and c x begins below the threshold.
    ///
    /// An arc between 0 and t is no higher than four times its greatest height, times the part of t that has passed. So
    /// where c x begins below a threshold, and ends so far below it, there is no crossing. Else each variable is taken
    /// at the end where it is larger, (a + b) / 2 + |a - b| / 2.
    template <class V>
    EVSIM_FN void bounds(const V& t, const V (&rise)[N], bool begins_below, V (&across)[N], V (&slack)[N]) const {
        const V curved = broadcast<V>(0.125) * t * t, one = broadcast<V>(1.0), half = broadcast<V>(0.5);
        V arc[N], part = broadcast<V>(begins_below ? 1.0 : 0.5);  // of the rise
        part = select(t <= broadcast<V>(bend_end), part, half);
        for (int j = 0; j < N; ++j) {
            arc[j] = curved * most_bent(j, t);
            part = select(arc[j] <= broadcast<V>(2.0 * ceiling.at[j]), part, half);
        }
        const auto of_ends = part < one;
        for (int j = 0; j < N; ++j) {
            const V c = broadcast<V>(readout[0].at[j]), highest = broadcast<V>(2.0 * ceiling.at[j]),
                    size = magnitude(rise[j]);
            const V lower = select(t <= broadcast<V>(bend_end), select(arc[j] < highest, arc[j], highest), highest);
            across[j] = multiply_add(rise[j], part, c);
            slack[j] = select(of_ends, multiply_add(size, half, lower), V(broadcast<V>(4.0) * arc[j])) +
                       broadcast<V>(rounding) * (magnitude(c) + size);
        }
    }

    /// Whether c x surely stays below the threshold for up to one unit. Rising parts only, each by itself: one that
    /// falls ends somewhere, and its tangent does not.
    EVSIM_FN bool stays_below(const Row<N>& x, double threshold, double t) const {
        double rise = 0.0;
        for (int j = 0; j < N; ++j) rise += larger(readout[1].at[j] * x.at[j], 0.0);
        return readout[0] * x + (rise + 0.5 * t * (bent * x.magnitude())) * t < threshold;
    }

    /// What is nearly always so of those that may reach the threshold within `length` <= unit: c x, below it, rises all
    /// the way and is clearly below or above it at the end, which is `end` from it. The time of the crossing, and where
    /// x is `there`; infinity if there is none; NaN if it cannot say. A series from the left, then steps of the fourth
    /// order.
    EVSIM_INLINE double usual(const Row<N>& x, double threshold, double length, double end, Row<N>& there) const {
        constexpr double settled = 0x1p-13;  // its fourth power is nothing
        const double missing = threshold - readout[0] * x, slope = readout[1] * x;
        const Row<N> size = x.magnitude();
        if (!(missing > 0.0 && slope > 2.0 * length * (bent * size))) return never();
        const double unclear = 1e-12 * (readout[0].magnitude() * size);
        if (end < -unclear) return infinity();
        if (!(end > unclear)) return never();
        double time = series_step(x, missing, slope).length;
        for (int round = 0; round < 8; ++round) {
            time = time < length ? time : length;
            there = flow.short_flow(x, time);
            const Step step = series_step(there, threshold - readout[0] * there, readout[1] * there);
            time += step.length;
            if (std::fabs(step.newton) <= settled * time && std::fabs(step.bend) <= settled) {
                there = nudged(there, step.length);
                return time < length * (1.0 - 1e-12) ? time : never();
            }
        }
        return never();
    }

    /// Earliest time with c x >= threshold; or anything above `horizon`, or NaN, if there is none up to there. Steps
    /// double while the bound lets them pass, and shrink to polynomials where it does not.
    EVSIM_NOINLINE double first(Row<N> x, double threshold, double horizon) const {
        if (readout[0] * x >= threshold) return 0.0;
        double now = 0.0, step = flow.unit, halved_at = never();  // when the last step was halved as it ends too high
        Square<N> q;
        bool known = false;  // whether q belongs to step
        for (std::int64_t steps = 0; !(now > horizon); ++steps) {
            if (steps == most_steps) too_many_steps();
            if (ceiling * x.magnitude() < threshold) return never();
            const double left = horizon - now;
            if (step < flow.unit || left <= flow.unit) {
                const double length = left < flow.unit ? left : flow.unit;
                const double crossing = first_of_series(x, threshold, length);
                if (crossing <= length) return now + crossing;
                if (left <= flow.unit) return never();
                x = flow.flow(x, flow.unit);
                now += flow.unit;
                step = flow.unit;
                known = false;
                continue;
            }
            if (!known) q = flow.change(step);
            const Row<N> right = LinearFlow<N>::moved(q, x);
            const double highest = larger(readout[0] * x, readout[0] * right) + slack(step) * x.magnitude();
            known = highest < threshold && step < left;
            if (known) {
                if (same(x, right)) {
                    if (halved_at == now) return now + 2.0 * step;  // rounding hides where in between
                    if (at_rest(x) || step > flow.longest()) return never();
                }
                x = right;
                now += step;
                q = flow.twice(q, step);
                step += step;
            } else if (highest < threshold) {
                return never();
            } else {
                halved_at = readout[0] * right >= threshold ? now : never();
                step *= 0.5;
            }
        }
        return never();
    }

 private:
    struct Step {
        double length, newton, bend;
    };
    /// From x to where c x is `missing` more: Newton's, and what two more derivatives add.
    EVSIM_FN Step series_step(const Row<N>& x, double missing, double slope) const {
        const double inverse = 1.0 / slope, newton = missing * inverse, bend = (readout[2] * x) * inverse * newton,
                     third = (readout[3] * x) * inverse * newton * newton;
        return {newton * (1.0 - bend + (2.0 * bend * bend - third)), newton, bend};
    }
    /// e^{A h} x for an h of which the fourth power is nothing.
    EVSIM_FN Row<N> nudged(const Row<N>& x, double h) const {
        Column<N> sum = Column<N>::of(x.at), slope[3];
        for (int k = 0; k < 3; ++k) {
            slope[k] = {};
            for (int j = 0; j < N; ++j) slope[k] = flow.column(k, j).times(x.at[j], slope[k]);
        }
        return slope[2].times(h, slope[1]).times(h, slope[0]).times(h, sum).row();
    }
    /// Whether x' = 0. Where a step leaves x as it is, a longer one may still move it: it may change too slowly.
    EVSIM_FN bool at_rest(const Row<N>& x) const {
        bool all = true;
        for (int i = 0; i < N; ++i) {
            double slope = 0.0;
            for (int j = 0; j < N; ++j) slope = multiply_add(flow.term[0].at[i][j], x.at[j], slope);
            all = all && slope == 0.0;
        }
        return all;
    }
    EVSIM_FN static bool same(const Row<N>& a, const Row<N>& b) {
        bool all = true;
        for (int j = 0; j < N; ++j) all = all && a.at[j] == b.at[j];
        return all;
    }

    /// The same up to `length` <= unit, on c e^{A t} x as a polynomial.
    EVSIM_FN double first_of_series(const Row<N>& x, double threshold, double length) const {
        const int last = flow.terms(length);
        double f[degree + 1];
        for (int k = 0; k <= last; ++k) f[k] = readout[k] * x;
        f[0] -= threshold;
        return first_root(f, last, length);
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
