// Linear dynamics that differ between the neurons of a layer: each is moved through a gap by its own matrix, by the
// series of e^{A t} applied to its state.
#pragma once

#include <evsim/neuron/linear_flow.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// x' = A x of a neuron, and how far its readout c x may rise: by the neuron's unit of time, in which no number is too
/// large or too small for a float.
template <int N, class V>
struct LinearRates {
    V flow[N][N];      ///< A
    V readout[N];      ///< c
    V slope[N];        ///< c A, in a unit
    V bend[N];         ///< half the largest |c A^2 e^{A s}| for s within one unit, in a unit squared
    V ceiling[N];      ///< c e^{A s} x <= ceiling |x| for all s
    V edge[N];         ///< what rounding may take from c x within one unit, for each |x|
    V unit, per_unit;  ///< a time in which little changes, and its inverse
};

/// A gap, as a vector of such neurons takes it.
template <int N, class V>
struct LinearOwnGap {
    const LinearRates<N, V>* rates;
    V duration;
    V units;       ///< the gap in each neuron's unit
    int terms;     ///< of the series, for a gap of one of them or what part of it all stay within
    int halvings;  ///< of a longer gap, after which it is no longer than one for any of them
};

/// Whether any lane, or a single number, is above `limit`.
template <class V>
EVSIM_FN bool any_above(const V& a, LaneOf<V> limit) {
    if constexpr (same_type<V, LaneOf<V>>) {
        return a > limit;
    } else {
        return positive_lanes(V(a - broadcast<V>(limit))) != 0;
    }
}

template <int N>
struct LinearSeries {
    /// Terms of the series for a 16th of a unit, half of one, and one, so that what N - 1 others pass on to a variable,
    /// which begins with the power N - 1, is right to the last digit too.
    template <class T>
    static constexpr int brief = N + (sizeof(T) == sizeof(float) ? 2 : 5);
    template <class T>
    static constexpr int half = N + (sizeof(T) == sizeof(float) ? 4 : 9);
    template <class T>
    static constexpr int whole = N + (sizeof(T) == sizeof(float) ? 5 : 11);
    /// A gap of more is passed by matrices, which are squared.
    static constexpr int most_halvings = 3;
    static constexpr float longest = 0x1p40f;  ///< in units: keeps infinity out

    template <class V>
    EVSIM_FN static LinearOwnGap<N, V> gap_of(const LinearRates<N, V>& rates, const V& duration) {
        using T = LaneOf<V>;
        LinearOwnGap<N, V> out{&rates, duration, duration * rates.per_unit, brief<T>, 0};
        if (any_above(out.units, T(0x1p-4))) out.terms = any_above(out.units, T(0.5)) ? whole<T> : half<T>;
        if (any_above(out.units, T(1))) {
            const auto too_long = out.units > broadcast<V>(T(longest));
            out.duration = select(too_long, V(rates.unit * T(longest)), duration);
            out.units = select(too_long, broadcast<V>(T(longest)), out.units);
            for (T most = 1; any_above(out.units, most); most += most) ++out.halvings;
        }
        return out;
    }

    /// Positive where c x may reach the threshold within the gap: by its tangent and an arc of bounded curvature.
    template <class V>
    EVSIM_FN static V excess(const V (&x)[N], const V& threshold, const LinearOwnGap<N, V>& gap) {
        using T = LaneOf<V>;
        const LinearRates<N, V>& of = *gap.rates;
        const V squared = gap.units * gap.units;
        V now = V{} - threshold, slope{};
        for (int j = 0; j < N; ++j) {
            now = multiply_add(x[j], of.readout[j], now);
            now = multiply_add(magnitude(x[j]), multiply_add(squared, of.bend[j], of.edge[j]), now);
            slope = multiply_add(x[j], of.slope[j], slope);
        }
        const V highest = multiply_add(positive_part(slope), gap.units, now);
        if (gap.halvings == 0) return highest;
        V ever = V{} - threshold;
        for (int j = 0; j < N; ++j) ever = multiply_add(magnitude(x[j]), of.ceiling[j], ever);
        return select(gap.units > broadcast<V>(T(1)), ever, highest);
    }

    template <class V>
    EVSIM_FN static void decay(V (&x)[N], const LinearOwnGap<N, V>& gap) {
        if (gap.halvings == 0 && N <= 4) {
            step(x, gap.rates->flow, gap.duration, gap.terms);
        } else {
            pass(x, gap);
        }
    }

 private:
    /// x + t A (x + t/2 A (x + ...))
    template <class V>
    EVSIM_FN static void step(V (&x)[N], const V (&flow)[N][N], const V& t, int last) {
        using T = LaneOf<V>;
        V sum[N];
        for (int i = 0; i < N; ++i) sum[i] = x[i];
        for (int k = last; k > 0; --k) {
            const V part = t * (T(1) / T(k));
            V next[N];
            for (int i = 0; i < N; ++i) {
                V slope = flow[i][0] * sum[0];
                for (int j = 1; j < N; ++j) slope = multiply_add(flow[i][j], sum[j], slope);
                next[i] = multiply_add(slope, part, x[i]);
            }
            for (int i = 0; i < N; ++i) sum[i] = next[i];
        }
        for (int i = 0; i < N; ++i) x[i] = sum[i];
    }

    /// A long gap, or many variables.
    template <class V>
    EVSIM_NOINLINE static void pass(V (&x)[N], const LinearOwnGap<N, V>& gap) {
        using T = LaneOf<V>;
        if (gap.halvings <= most_halvings) {
            const int steps = 1 << gap.halvings;
            const V part = gap.duration * (T(1) / T(steps));
            for (int k = 0; k < steps; ++k) step(x, gap.rates->flow, part, gap.terms);
        } else {
            pass_by_squaring(x, gap);
        }
    }

    /// As LinearFlow::change.
    template <class V>
    EVSIM_FN static void pass_by_squaring(V (&x)[N], const LinearOwnGap<N, V>& gap) {
        using T = LaneOf<V>;
        T scale = 1;
        for (int k = 0; k < gap.halvings; ++k) scale *= T(0.5);
        V change[N][N] = {};
        for (int j = 0; j < N; ++j) {  // column by column, less the one on the diagonal
            V column[N] = {}, unit[N] = {};
            unit[j] = broadcast<V>(T(1));
            for (int k = gap.terms; k > 0; --k) {
                const V part = gap.duration * (scale / T(k));
                V next[N];
                for (int i = 0; i < N; ++i) {
                    V slope{};
                    for (int l = 0; l < N; ++l)
                        slope = multiply_add(gap.rates->flow[i][l], V(unit[l] + column[l]), slope);
                    next[i] = slope * part;
                }
                for (int i = 0; i < N; ++i) column[i] = next[i];
            }
            for (int i = 0; i < N; ++i) change[i][j] = column[i];
        }
        for (int k = 0; k < gap.halvings; ++k) {
            V twice[N][N];
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) {
                    twice[i][j] = change[i][j] + change[i][j];
                    for (int l = 0; l < N; ++l) twice[i][j] = multiply_add(change[i][l], change[l][j], twice[i][j]);
                }
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) change[i][j] = twice[i][j];
        }
        V moved[N];
        for (int i = 0; i < N; ++i) {
            moved[i] = x[i];
            for (int j = 0; j < N; ++j) moved[i] = multiply_add(change[i][j], x[j], moved[i]);
        }
        for (int i = 0; i < N; ++i) x[i] = moved[i];
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
