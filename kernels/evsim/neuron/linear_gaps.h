// Gaps of many lengths in linear dynamics that all neurons share, side by side.
#pragma once

#include <evsim/neuron/linear_flow.h>
#include <evsim/neuron/linear_rates.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// e^{A t} - 1 for many t, as accurate as LinearFlow::change before it is rounded to S: a series up to one unit, times
/// e^{A u} for u of 1, 2, 4, ... units, which are made once. Every lane gets the bits that it would get alone.
template <int N, class S>
struct LinearPowers {
    static constexpr int count = 5;
    /// Of the series for one unit.
    static constexpr int terms = LinearSeries<N>::template whole<S> < LinearFlow<N>::degree
                                     ? LinearSeries<N>::template whole<S>
                                     : LinearFlow<N>::degree;

    const LinearFlow<N>& flow;
    Square<N> power[count];  ///< e^{A u} - 1
    double length[count];    ///< u
    bool acts[N][N];         ///< whether variable j ever acts on variable i

    EVSIM_NOINLINE explicit LinearPowers(const LinearFlow<N>& flow_) : flow(flow_) {
        power[0] = flow.change(flow.unit);
        length[0] = flow.unit;
        for (int k = 1; k < count; ++k) {
            power[k] = flow.twice(power[k - 1], length[k - 1]);
            length[k] = 2.0 * length[k - 1];
        }
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) {
                acts[i][j] = false;
                for (int k = 0; k < N; ++k) acts[i][j] = acts[i][j] || flow.term[k].at[i][j] != 0.0;
            }
    }

    /// No t may be longer.
    EVSIM_FN double longest() const { return 2.0 * length[count - 1]; }

    /// `V`: double, or a vector of it.
    template <class V>
    EVSIM_INLINE void change(V t, V (&q)[N][N]) const {
        // Each subtraction is exact: t is at most twice as long as what is taken from it.
        decltype(t > t) within[count];
        int last = -1;  // no lane has any of the powers above it
        for (int k = count - 1; k >= 0; --k) {
            const V u = broadcast<V>(length[k]);
            if (last < 0 && !any_above(t, length[k])) continue;
            if (last < 0) last = k;
            within[k] = t > u;
            t = select(within[k], V(t - u), t);
        }
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) q[i][j] = acts[i][j] ? series(i, j, t) : V{};
        for (int k = 0; k <= last; ++k) multiply(q, power[k], within[k]);
    }

 private:
    template <class V>
    EVSIM_INLINE V series(int i, int j, const V& t) const {
        V sum = broadcast<V>(flow.term[terms - 1].at[i][j]);
        for (int k = terms - 2; k >= 0; --k) sum = multiply_add(sum, t, broadcast<V>(flow.term[k].at[i][j]));
        return sum * t;
    }
    /// (1 + q) (1 + p) - 1 = q + p + q p
    template <class V, class Mask>
    EVSIM_INLINE void multiply(V (&q)[N][N], const Square<N>& p, const Mask& within) const {
        for (int i = 0; i < N; ++i) {
            V row[N] = {};
            for (int j = 0; j < N; ++j) {
                if (!acts[i][j]) continue;
                row[j] = q[i][j] + broadcast<V>(p.at[i][j]);
                for (int k = 0; k < N; ++k) row[j] = multiply_add(q[i][k], broadcast<V>(p.at[k][j]), row[j]);
            }
            for (int j = 0; j < N; ++j)
                if (acts[i][j]) q[i][j] = select(within, row[j], q[i][j]);
        }
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
