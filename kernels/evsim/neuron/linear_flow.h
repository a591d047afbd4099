// Linear dynamics x' = A x of a few variables: how they change in a time, and when a readout of them first reaches a
// threshold.
#pragma once

#include <evsim/exponential.h>
#include <evsim/neuron/too_many_steps.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <int N>
struct Square {
    double at[N][N] = {};

    EVSIM_FN Square operator*(const Square& b) const {
        Square out;
        for (int i = 0; i < N; ++i)
            for (int k = 0; k < N; ++k)
                for (int j = 0; j < N; ++j) out.at[i][j] = multiply_add(at[i][k], b.at[k][j], out.at[i][j]);
        return out;
    }
};

template <int N>
struct Row {
    double at[N] = {};

    EVSIM_FN double operator*(const Row& x) const {
        double sum = 0.0;
        for (int j = 0; j < N; ++j) sum = multiply_add(at[j], x.at[j], sum);
        return sum;
    }
    EVSIM_FN Row operator*(const Square<N>& a) const {
        Row out;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) out.at[j] = multiply_add(at[i], a.at[i][j], out.at[j]);
        return out;
    }
    EVSIM_FN Row scaled(double factor) const {
        Row out;
        for (int j = 0; j < N; ++j) out.at[j] = at[j] * factor;
        return out;
    }
    EVSIM_FN Row magnitude() const {
        Row out;
        for (int j = 0; j < N; ++j) out.at[j] = std::fabs(at[j]);
        return out;
    }
};

/// x' = A x, where every variable by itself decays or stays (A_ii <= 0).
template <int N>
struct LinearFlow {
    static constexpr int degree = 16;

    Square<N> term[degree];  ///< A^k / k! for k = 1, 2, ...
    double norm = 0.0;       ///< largest sum of a row or a column of |A|
    double unit;             ///< a time in which little changes: 1 / (4 norm)
    bool acyclic = true;     ///< no variable acts on itself by way of others

    EVSIM_NOINLINE explicit LinearFlow(const double* rows, const double* held = nullptr) {
        Square<N> a, links;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) {
                a.at[i][j] = held && held[i] != 0.0 ? 0.0 : rows[i * N + j];
                links.at[i][j] = i != j && a.at[i][j] != 0.0 ? 1.0 : 0.0;
            }
        for (int i = 0; i < N; ++i) {
            double row = 0.0, column = 0.0;
            for (int j = 0; j < N; ++j) {
                row += std::fabs(a.at[i][j]);
                column += std::fabs(a.at[j][i]);
            }
            norm = larger(norm, larger(row, column));
        }
        unit = norm > 0.0 ? 0.25 / norm : 1.0;
        term[0] = a;
        for (int k = 1; k < degree; ++k) {
            term[k] = term[k - 1] * a;
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) term[k].at[i][j] /= k + 1;
        }
        Square<N> walks = links;
        for (int length = 1; length < N; ++length) walks = walks * links;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) acyclic = acyclic && walks.at[i][j] == 0.0;
    }

    /// No duration has to be taken longer: keeps infinity out.
    EVSIM_FN double longest() const { return unit * (acyclic ? 0x1p60 : 0x1p40); }

    /// Terms of the series that a duration of up to one unit needs, so that what N - 1 others pass on to a variable,
    /// which begins with the power N - 1, is right to the last digit too.
    EVSIM_FN int terms(double duration) const { return terms_up_to(duration * norm); }
    EVSIM_FN static int terms_up_to(double change) {
        static_assert(5 + N <= degree);
        return change > 0x1p-6 ? degree : change > 0x1p-10 ? 5 + N : 3 + N;
    }

    /// e^{A t} - 1, by scaling, Taylor series and squaring (1 + Q)^2 - 1 = 2 Q + Q^2. Without cycles the diagonal is
    /// known and put right at every squaring (Al-Mohy & Higham 2009, SIAM J. Matrix Anal. Appl. 31, section 2), so that
    /// rounding grows with the number of squarings and not with 2 to its power.
    EVSIM_NOINLINE Square<N> change(double duration) const {
        double step = duration < longest() ? duration : longest();
        int squarings = 0;
        for (; step > unit; step *= 0.5) ++squarings;
        Square<N> q = short_change(step);
        for (; squarings > 0; --squarings, step += step) q = twice(q, step);
        return q;
    }
    /// e^{2 A t} - 1 from q = e^{A t} - 1.
    EVSIM_FN Square<N> twice(const Square<N>& q, double duration) const {
        Square<N> out = q * q;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) out.at[i][j] = multiply_add(q.at[i][j], 2.0, out.at[i][j]);
        if (acyclic) {
            for (int i = 0; i < N; ++i)
                out.at[i][i] = exponential_of_nonpositive(term[0].at[i][i] * 2.0 * duration).minus_one;
        }
        return out;
    }

    EVSIM_FN static Row<N> moved(const Square<N>& q, const Row<N>& x) {
        Row<N> out = x;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) out.at[i] = multiply_add(q.at[i][j], x.at[j], out.at[i]);
        return out;
    }
    EVSIM_FN Row<N> flow(const Row<N>& x, double duration) const { return moved(change(duration), x); }

 private:
    EVSIM_FN Square<N> short_change(double step) const {
        Square<N> q;
        for (int k = terms(step) - 1; k >= 0; --k) {
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) q.at[i][j] = multiply_add(q.at[i][j], step, term[k].at[i][j]);
        }
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) q.at[i][j] *= step;
        return q;
    }
};

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

    const LinearFlow<N>& flow;
    Row<N> readout[degree + 1];  ///< c A^k / k!
    Row<N> bend[bound_degree];   ///< bend[0] + bend[1] t + ... is the largest |c A^2 e^{A s}| for s up to t
    double bend_rest = 0.0;      ///< and this, where that series is cut, for t up to
    double bend_end;             ///< this
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
        const bool bent = t <= bend_end;
        for (int j = 0; j < N; ++j) {
            const double arc = curved * most_bent(j, t), highest = 2.0 * ceiling.at[j];
            out.at[j] = bent && arc < highest ? arc : highest;
        }
        return out;
    }
    /// The same for many times.
    template <class V>
    EVSIM_FN void slack(const V& t, V (&out)[N]) const {
        const V curved = broadcast<V>(0.125) * t * t;
        const auto bent = t <= broadcast<V>(bend_end);
        for (int j = 0; j < N; ++j) {
            const V arc = curved * most_bent(j, t), highest = broadcast<V>(2.0 * ceiling.at[j]);
            out[j] = select(bent, select(arc < highest, arc, highest), highest);
        }
    }

    /// Whether c x surely stays below the threshold for a time t; `slack` is that of t or longer.
    EVSIM_FN bool stays_below(const Row<N>& x, double threshold, double t, const Row<N>& slack) const {
        // A tangent is four times as far from an arc as its chord. Rising parts only, each by itself: one that falls
        // ends somewhere, and its tangent does not.
        double rise = 0.0;
        for (int j = 0; j < N; ++j) rise += larger(readout[1].at[j] * x.at[j], 0.0);
        return readout[0] * x + rise * t + 4.0 * (slack * x.magnitude()) < threshold;
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
