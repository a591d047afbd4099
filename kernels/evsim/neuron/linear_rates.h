// Linear dynamics that differ between the neurons of a layer: each is moved through a gap by its own matrix, by the
// series of e^{A t} applied to its state.
#pragma once

#include <evsim/neuron/linear_crossing.h>
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
    V units;                             ///< the gap in each neuron's unit
    static constexpr bool joint = true;  ///< what follows is one for all lanes
    int terms;                           ///< of the series, for a gap of one of them or what part of it all stay within
    int halvings;                        ///< of a longer gap, after which it is no longer than one for any of them
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

    /// Positive where c x may reach the threshold within the gap.
    template <class V>
    EVSIM_FN static V excess(const V (&x)[N], const V& threshold, const LinearOwnGap<N, V>& gap) {
        if (gap.halvings == 0) return by_tangent(x, threshold, *gap.rates, gap.units);
        const V ever = by_ceiling(x, threshold, *gap.rates);
        return any_above(ever, LaneOf<V>(0)) ? step_by_step(x, threshold, gap) : ever;
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
    /// Up to one unit: by the tangent and an arc of bounded curvature.
    template <class V>
    EVSIM_FN static V by_tangent(const V (&x)[N], const V& threshold, const LinearRates<N, V>& of, const V& units) {
        const V squared = units * units;
        V now = V{} - threshold, slope{};
        for (int j = 0; j < N; ++j) {
            now = multiply_add(x[j], of.readout[j], now);
            now = multiply_add(magnitude(x[j]), multiply_add(squared, of.bend[j], of.edge[j]), now);
            slope = multiply_add(x[j], of.slope[j], slope);
        }
        return multiply_add(positive_part(slope), units, now);
    }
    template <class V>
    EVSIM_FN static V by_ceiling(const V (&x)[N], const V& threshold, const LinearRates<N, V>& of) {
        V ever = V{} - threshold;
        for (int j = 0; j < N; ++j) ever = multiply_add(magnitude(x[j]), of.ceiling[j], ever);
        return ever;
    }
    /// A long gap: by tangents as far as `pass` goes by steps, and by the ceiling from there.
    template <class V>
    EVSIM_NOINLINE static V step_by_step(const V (&x)[N], const V& threshold, const LinearOwnGap<N, V>& gap) {
        using T = LaneOf<V>;
        const LinearRates<N, V>& of = *gap.rates;
        const bool goes_on = gap.halvings > most_halvings;
        const int steps = 1 << (goes_on ? most_halvings : gap.halvings);
        V part = gap.duration * (T(1) / T(steps)), units = gap.units * (T(1) / T(steps));
        if (goes_on) {
            part = select(units > broadcast<V>(T(1)), of.unit, part);
            units = select(units > broadcast<V>(T(1)), broadcast<V>(T(1)), units);
        }
        V y[N], highest = V{} - threshold, rounded{};
        for (int j = 0; j < N; ++j) y[j] = x[j];
        for (int k = 0;; ++k) {
            // What rounding has taken from y so far may have grown by e^2 since, which is less than 8.
            for (int j = 0; j < N; ++j) {
                const V least = multiply_add(of.bend[j], broadcast<V>(T(1e-6)), of.edge[j]);
                rounded = multiply_add(magnitude(y[j]), V(least * T(8)), rounded);
            }
            const bool last = k == steps;
            if (last && !goes_on) return highest;
            const V here = last ? by_ceiling(y, threshold, of) : by_tangent(y, threshold, of, units);
            highest = larger(highest, V(here + rounded));
            if (last) return highest;
            step(y, of.flow, part, gap.terms);
        }
    }

    /// x + t A (x + t/2 A (x + ...)) = x + t A y: y
    template <class V>
    EVSIM_FN static void series(const V (&x)[N], const V (&flow)[N][N], const V& t, int last, V (&sum)[N]) {
        using T = LaneOf<V>;
        for (int i = 0; i < N; ++i) sum[i] = x[i];
        for (int k = last; k > 1; --k) {
            const V part = t * (T(1) / T(k));
            V next[N];
            for (int i = 0; i < N; ++i) next[i] = multiply_add(slope(flow[i], sum), part, x[i]);
            for (int i = 0; i < N; ++i) sum[i] = next[i];
        }
    }
    template <class V>
    EVSIM_FN static V slope(const V (&flow)[N], const V (&x)[N]) {
        V out = flow[0] * x[0];
        for (int j = 1; j < N; ++j) out = multiply_add(flow[j], x[j], out);
        return out;
    }
    template <class V>
    EVSIM_FN static void step(V (&x)[N], const V (&flow)[N][N], const V& t, int last) {
        V y[N];
        series(x, flow, t, last, y);
        for (int i = 0; i < N; ++i) x[i] = multiply_add(slope(flow[i], y), t, x[i]);
    }
    /// The same again and again; what they change is added up by itself, so that x is rounded only once.
    template <class V>
    EVSIM_FN static void steps(V (&x)[N], const V (&flow)[N][N], const V& t, int last, int count) {
        V change[N] = {}, now[N], y[N];
        for (int k = 0; k < count; ++k) {
            for (int i = 0; i < N; ++i) now[i] = x[i] + change[i];
            series(now, flow, t, last, y);
            for (int i = 0; i < N; ++i) change[i] = multiply_add(slope(flow[i], y), t, change[i]);
        }
        for (int i = 0; i < N; ++i) x[i] = x[i] + change[i];
    }

    /// A long gap, or many variables.
    template <class V>
    EVSIM_NOINLINE static void pass(V (&x)[N], const LinearOwnGap<N, V>& gap) {
        using T = LaneOf<V>;
        if (gap.halvings <= most_halvings) {
            const int count = 1 << gap.halvings;
            steps(x, gap.rates->flow, V(gap.duration * (T(1) / T(count))), gap.terms, count);
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

/// One neuron by the series of its own state: for a few steps this takes far less than the tables of LinearFlow.
template <int N>
struct LinearSteps {
    static constexpr int degree = LinearFlow<N>::degree;
    static constexpr int most = 16;  ///< in one gap

    Square<N> a;
    const Row<N>& readout;
    double norm = 0.0, unit;  ///< as in LinearFlow

    EVSIM_FN LinearSteps(const double* flow, const Row<N>& readout_) : readout(readout_) {
        for (int i = 0; i < N; ++i) {
            double row = 0.0, column = 0.0;
            for (int j = 0; j < N; ++j) {
                a.at[i][j] = flow[i * N + j];
                row += std::fabs(flow[i * N + j]);
                column += std::fabs(flow[j * N + i]);
            }
            norm = larger(norm, larger(row, column));
        }
        unit = norm > 0.0 ? 0.25 / norm : 1.0;
    }

    /// Moves x to where c x first reaches the threshold and returns when that is; if it does not within `left`, which
    /// is finite, moves x by that and returns more, or NaN.
    EVSIM_FN double pass(Row<N>& x, double threshold, double left) const {
        if (readout * x >= threshold) return 0.0;
        for (int k = 0;; ++k) {
            const double now = k * unit, rest = left - now, length = rest < unit ? rest : unit;
            const int last = LinearFlow<N>::terms_up_to(length * norm);
            Row<N> term[degree + 1];  // A^k x / k!
            double f[degree + 1];
            term[0] = x;
            f[0] = readout * x - threshold;
            for (int m = 1; m <= last; ++m) {
                for (int i = 0; i < N; ++i) {
                    double slope = 0.0;
                    for (int j = 0; j < N; ++j) slope = multiply_add(a.at[i][j], term[m - 1].at[j], slope);
                    term[m].at[i] = slope / m;
                }
                f[m] = readout * term[m];
            }
            const double crossing = first_root(f, last, length);
            const bool crossed = crossing <= length;
            const double t = crossed ? crossing : length;
            x = term[last];
            for (int m = last - 1; m >= 0; --m)
                for (int i = 0; i < N; ++i) x.at[i] = multiply_add(x.at[i], t, term[m].at[i]);
            if (crossed) return now + crossing;
            if (!(rest > unit)) return never();
        }
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
