// x' = A x in 104 bits, and when c x first reaches a threshold, by plain loops: no step is chosen, no bound estimated.
// Pieces of one length; on each, c x is a polynomial in Bernstein form, whose coefficients enclose it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "double_double.hpp"

namespace wide {

inline Number absolute(Number a) { return a < 0 ? -a : a; }

/// A polynomial on [0, 1]: p(u) = sum of coefficient[k] u^k.
struct Polynomial {
    static constexpr int degree = 20;
    Number at[degree + 1] = {};

    Number operator()(Number u) const {
        Number sum = at[degree];
        for (int k = degree - 1; k >= 0; --k) sum = sum * u + at[k];
        return sum;
    }
    double slope(double u) const {
        double sum = 0.0;
        for (int k = degree; k >= 1; --k) sum = sum * u + k * static_cast<double>(at[k]);
        return sum;
    }
    Polynomial derivative() const {
        Polynomial out;
        for (int k = 0; k < degree; ++k) out.at[k] = (k + 1) * at[k + 1];
        return out;
    }
    /// p(end u)
    Polynomial stretched(Number end) const {
        Polynomial out;
        Number power = 1;
        for (int k = 0; k <= degree; ++k, power *= end) out.at[k] = at[k] * power;
        return out;
    }
};

struct Binomials {
    static constexpr int most = Polynomial::degree;
    double at[most + 1][most + 1] = {};
    constexpr Binomials() {
        for (int n = 0; n <= most; ++n) {
            at[n][0] = 1.0;
            for (int k = 1; k <= n; ++k) at[n][k] = at[n - 1][k - 1] + at[n - 1][k];
        }
    }
};
inline constexpr Binomials binomials{};

/// The same by its control points, between the smallest and the largest of which it stays.
struct Bernstein {
    static constexpr int degree = Polynomial::degree;
    Number at[degree + 1];

    explicit Bernstein(const Polynomial& p) {
        Number difference[degree + 1];
        for (int k = 0; k <= degree; ++k) difference[k] = p.at[k] / binomials.at[degree][k];
        for (int j = 0; j <= degree; ++j) {
            at[j] = 0;
            for (int k = 0; k <= j; ++k) at[j] += binomials.at[j][k] * difference[k];
        }
    }
    /// Cuts it in the middle, by de Casteljau: this becomes the left half.
    Bernstein cut() {
        Bernstein right = *this;
        Number row[degree + 1];
        for (int k = 0; k <= degree; ++k) row[k] = at[k];
        for (int k = 0; k <= degree; ++k) {
            at[k] = row[0];
            right.at[degree - k] = row[degree - k];
            for (int j = 0; j < degree - k; ++j) row[j] = (row[j] + row[j + 1]) / 2;
        }
        return right;
    }
    int sign_changes() const {
        int changes = 0;
        for (int k = 1; k <= degree; ++k) changes += (at[k] < 0) != (at[k - 1] < 0);
        return changes;
    }
};

/// The only root of p between low and high, where it changes sign: Newton's method with a slope in double, or bisection
/// where that leaves.
inline Number root_between(const Polynomial& p, Number low, Number high) {
    const bool rises = p(low) < 0;
    Number u = (low + high) / 2;
    for (int k = 0; k < 200 && high - low > 0; ++k) {
        const Number value = p(u);
        ((value < 0) == rises ? low : high) = u;
        const double steep = p.slope(static_cast<double>(u));
        const Number next = steep != 0.0 ? u - value / steep : low;
        const Number last = u;
        u = next > low && next < high ? next : (low + high) / 2;
        if (absolute(u - last) < 1e-31) break;
    }
    return u;
}

/// visit(u) for every u in [low, high] where p changes its sign, in order, until it returns false.
template <class Visit>
bool each_root(const Polynomial& p, Bernstein b, Number low, Number high, Visit&& visit, int depth = 0) {
    const int changes = b.sign_changes();
    if (changes == 0) return true;
    if (changes == 1 || depth == 100) return visit(changes == 1 ? root_between(p, low, high) : low);
    const Number middle = (low + high) / 2;
    const Bernstein right = b.cut();
    return each_root(p, b, low, middle, visit, depth + 1) && each_root(p, right, middle, high, visit, depth + 1);
}

template <int N>
struct State {
    Number at[N];
};

template <int N>
class Flow {
 public:
    static inline const Number none = -1;

    Flow(const double (&a)[N][N], const double (&c)[N]) {
        double norm = 0.0;
        for (int i = 0; i < N; ++i) {
            double row = 0.0;
            for (int j = 0; j < N; ++j) row += std::fabs(a[i][j]), a_[i][j] = a[i][j];
            norm = std::max(norm, row);
        }
        length_ = 0.3 / norm;
        Number row[N], square[N][N] = {};
        for (int j = 0; j < N; ++j) row[j] = c[j], square[j][j] = 1;
        for (int k = 0; k <= Polynomial::degree + 4; ++k) {
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) step_[i][j] += square[i][j];
            for (int j = 0; j < N && k <= Polynomial::degree; ++j) rows_[k][j] = row[j], quick_[k][j] = double(row[j]);
            Number next[N] = {}, product[N][N] = {};
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) {
                    next[j] += row[i] * a[i][j] * length_ / (k + 1);
                    for (int l = 0; l < N; ++l) product[i][j] += square[i][l] * a[l][j] * length_ / (k + 1);
                }
            for (int i = 0; i < N; ++i) row[i] = next[i];
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) square[i][j] = product[i][j];
        }
    }

    /// The states at the beginnings of the pieces of [0, horizon].
    std::vector<State<N>> path(State<N> x, double horizon) const {
        std::vector<State<N>> out;
        for (Number begin = 0; begin <= horizon; begin += length_) {
            out.push_back(x);
            x = after_piece(x);
        }
        return out;
    }
    /// The state at the end of it.
    State<N> end(const std::vector<State<N>>& path, double horizon) const {
        return after(path.back(), (horizon - length_ * static_cast<double>(path.size() - 1)) / length_);
    }
    /// First time in [0, horizon] with c x >= threshold, or `none`.
    Number first(const std::vector<State<N>>& path, double horizon, Number threshold) const {
        for (std::size_t k = 0; k < path.size(); ++k) {
            if (!may_exceed(path[k], double(threshold))) continue;
            Piece piece = piece_of(path, horizon, k);
            piece.p.at[0] -= threshold;
            if (piece.p.at[0] >= 0) return piece.begin;
            Number found = none;
            each_root(piece.p, Bernstein(piece.p), 0, 1, [&](Number u) {
                found = piece.begin + u * piece.length;
                return false;
            });
            if (found >= 0) return found;
        }
        return none;
    }
    /// Local maxima of c x above 0 within (0, horizon).
    std::vector<Number> maxima(const std::vector<State<N>>& path, double horizon) const {
        std::vector<Number> found;
        for (std::size_t k = 0; k < path.size(); ++k) {
            if (!may_exceed(path[k], 0.0) || !may_turn(path[k])) continue;
            const Polynomial p = piece_of(path, horizon, k).p, slope = p.derivative();
            bool rises = slope.at[0] > 0;
            each_root(slope, Bernstein(slope), 0, 1, [&](Number u) {
                if (rises && p(u) > 0) found.push_back(p(u));
                rises = !rises;
                return true;
            });
        }
        return found;
    }
    /// e^{A t}
    std::vector<State<N>> propagator(double t) const {
        std::vector<State<N>> columns;
        for (int j = 0; j < N; ++j) {
            State<N> x{};
            x.at[j] = 1;
            Number now = 0;
            for (; now + length_ <= t; now += length_) x = after_piece(x);
            columns.push_back(after(x, (t - now) / length_));
        }
        return columns;
    }

 private:
    struct Piece {
        Polynomial p;
        Number begin, length;
    };
    Piece piece_of(const std::vector<State<N>>& path, double horizon, std::size_t k) const {
        const Number begin = length_ * static_cast<double>(k);
        const bool last = k + 1 == path.size();
        const Number length = last ? horizon - begin : length_;
        const Polynomial p = polynomial(path[k]);
        return {last ? p.stretched(length / length_) : p, begin, length};
    }
    State<N> after_piece(const State<N>& x) const {
        State<N> out{};
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j)
                if (step_[i][j] != 0) out.at[i] += step_[i][j] * x.at[j];
        return out;
    }
    /// By the series of e^{A u length} x.
    State<N> after(const State<N>& x, Number u) const {
        State<N> out = x, term = x;
        for (int k = 1; k <= Polynomial::degree + 4; ++k) {
            State<N> next{};
            for (int i = 0; i < N; ++i)
                for (int j = 0; j < N; ++j) next.at[i] += a_[i][j] * term.at[j] * (u * length_) / k;
            term = next;
            for (int i = 0; i < N; ++i) out.at[i] += term.at[i];
        }
        return out;
    }
    Polynomial polynomial(const State<N>& x) const {
        Polynomial p;
        for (int k = 0; k <= Polynomial::degree; ++k)
            for (int j = 0; j < N; ++j)
                if (rows_[k][j] != 0) p.at[k] += rows_[k][j] * x.at[j];
        return p;
    }
    /// Likewise, whether c x need not be monotone.
    bool may_turn(const State<N>& x) const {
        double slope = 0.0, change = 0.0, all = 0.0;
        for (int k = 1; k < 8; ++k) {
            double term = 0.0;
            for (int j = 0; j < N; ++j) term += quick_[k][j] * double(x.at[j]);
            (k == 1 ? slope : change) += k * std::fabs(term);
        }
        for (int j = 0; j < N; ++j) all = std::max(all, std::fabs(double(x.at[j])));
        return slope <= change + 1e-7 * all;
    }
    /// Cheap and coarse: by the first terms in double, all at their highest.
    bool may_exceed(const State<N>& x, double above) const {
        double sum = 0.0, largest = 0.0;
        for (int k = 0; k < 8; ++k) {
            double term = 0.0, size = 0.0;
            for (int j = 0; j < N; ++j) {
                const double one = quick_[k][j] * double(x.at[j]);
                term += one;
                size += std::fabs(one);
            }
            sum += k == 0 ? term : std::max(term, 0.0);
            largest = std::max(largest, size);
        }
        double all = 0.0;
        for (int j = 0; j < N; ++j) all = std::max(all, std::fabs(double(x.at[j])));
        return sum + 1e-8 * (largest + all) >= above;  // 0.3^8 / 8! = 1.6e-9
    }

    Number length_, a_[N][N];
    Number step_[N][N] = {}, rows_[Polynomial::degree + 1][N];
    double quick_[Polynomial::degree + 1][N];
};

}  // namespace wide
