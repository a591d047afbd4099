// Linear dynamics x' = A x of a few variables: how they change in a time.
#pragma once

#include <cstring>

#include <evsim/exponential.h>
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

/// N numbers as short vectors, filled up with zeros: for what is done to a single neuron again and again.
template <int N>
struct Column {
#if defined(__CUDACC__)
    using Part = double;
    static constexpr int width = 1;
#else
    using Part = ShortVector<double, 32>;
    static constexpr int width = 4;
#endif
    static constexpr int count = (N + width - 1) / width;
    Part part[count];

    static constexpr int padded = count * width;

    /// From every `stride`-th number.
    EVSIM_FN static Column of(const double* numbers, int stride = 1) {
        double filled[padded] = {};
        for (int i = 0; i < N; ++i) filled[i] = numbers[i * stride];
        return load(filled);
    }
    /// From memory and to it, which need not be aligned: a model may lie anywhere.
    EVSIM_FN static Column load(const double* from) {
        Column out;
        std::memcpy(out.part, from, sizeof(out.part));
        return out;
    }
    EVSIM_FN void store(double* to) const { std::memcpy(to, part, sizeof(part)); }
    EVSIM_FN Row<N> row() const {
        double filled[padded];
        store(filled);
        Row<N> out;
        for (int i = 0; i < N; ++i) out.at[i] = filled[i];
        return out;
    }
    /// This, times a number, plus another.
    EVSIM_FN Column times(double factor, const Column& plus) const {
        Column out;
        for (int p = 0; p < count; ++p) out.part[p] = multiply_add(part[p], broadcast<Part>(factor), plus.part[p]);
        return out;
    }
};

/// x' = A x, where every variable by itself decays or stays (A_ii <= 0).
template <int N>
struct LinearFlow {
    static constexpr int degree = 16;

    Square<N> term[degree];                        ///< A^k / k! for k = 1, 2, ...
    double columns[degree][N][Column<N>::padded];  ///< the same, column by column
    double norm = 0.0;                             ///< largest sum of a row or a column of |A|
    double unit;                                   ///< a time in which little changes: 1 / (4 norm)
    bool acyclic = true;                           ///< no variable acts on itself by way of others

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
        for (int j = 0; j < N; ++j) Column<N>::of(&a.at[0][j], N).store(columns[0][j]);
        for (int k = 1; k < degree; ++k)
            for (int j = 0; j < N; ++j) {
                Column<N> sum{};
                for (int i = 0; i < N; ++i) sum = column(0, i).times(term[k - 1].at[i][j], sum);
                sum = sum.times(1.0 / (k + 1), {});
                sum.store(columns[k][j]);
                const Row<N> values = sum.row();
                for (int i = 0; i < N; ++i) term[k].at[i][j] = values.at[i];
            }
        Square<N> walks = links;
        for (int length = 1; length < N; ++length) walks = walks * links;
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) acyclic = acyclic && walks.at[i][j] == 0.0;
    }

    EVSIM_FN Column<N> column(int k, int j) const { return Column<N>::load(columns[k][j]); }

    /// No duration has to be taken longer: keeps infinity out.
    EVSIM_FN double longest() const { return unit * (acyclic ? 0x1p60 : 0x1p40); }

    /// Terms of the series that a duration of up to one unit needs, so that what N - 1 others pass on to a variable,
    /// which begins with the power N - 1, is right to the last digit too.
    EVSIM_FN int terms(double duration) const { return terms_up_to(duration * norm); }
    EVSIM_FN static constexpr int terms_up_to(double change) {
        static_assert(7 + N <= degree);
        constexpr int most = 10 + N < degree ? 10 + N : degree;
        return change > 0x1p-4 ? most : change > 0x1p-6 ? 7 + N : change > 0x1p-10 ? 5 + N : 3 + N;
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
    /// The same for up to one unit, with as many terms as that needs: every number of a vector gets what it would get
    /// alone.
    template <class V>
    EVSIM_FN void unit_series(const V& t, V (&q)[N][N]) const {
        constexpr int last = terms_up_to(1.0);
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) {
                V sum = broadcast<V>(term[last - 1].at[i][j]);
                for (int k = last - 2; k >= 0; --k) sum = multiply_add(sum, t, broadcast<V>(term[k].at[i][j]));
                q[i][j] = sum * t;
            }
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
    EVSIM_FN Row<N> flow(const Row<N>& x, double duration) const {
        return duration <= unit ? short_flow_by_call(x, duration) : moved(change(duration), x);
    }
    /// The same for up to one unit. Always as many terms as that needs, even and odd ones apart: no branch depends on
    /// the duration, and neither waits for the other.
    EVSIM_INLINE Row<N> short_flow(const Row<N>& x, double duration) const {
        constexpr int last = terms_up_to(1.0) - 1, even = last - last % 2, odd = last - 1 + last % 2;
        const double squared = duration * duration;
        Column<N> q[2][N], sum = Column<N>::of(x.at);
        for (int j = 0; j < N; ++j) {
            q[0][j] = column(even, j);
            q[1][j] = column(odd, j);
        }
        for (int k = even - 2; k >= 0; k -= 2)
            for (int j = 0; j < N; ++j) q[0][j] = q[0][j].times(squared, column(k, j));
        for (int k = odd - 2; k >= 1; k -= 2)
            for (int j = 0; j < N; ++j) q[1][j] = q[1][j].times(squared, column(k, j));
        for (int j = 0; j < N; ++j) sum = q[1][j].times(duration, q[0][j]).times(x.at[j] * duration, sum);
        return sum.row();
    }
    EVSIM_NOINLINE Row<N> short_flow_by_call(const Row<N>& x, double duration) const { return short_flow(x, duration); }

 private:
    EVSIM_FN Square<N> short_change(double step) const {
        const int last = terms(step);
        Square<N> q = term[last - 1];
        for (int k = last - 2; k >= 0; --k) {
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) q.at[i][j] = multiply_add(q.at[i][j], step, term[k].at[i][j]);
        }
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) q.at[i][j] *= step;
        return q;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
