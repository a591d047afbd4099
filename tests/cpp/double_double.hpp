// Numbers of 104 bits: unevaluated sums of two doubles. Dekker 1971, Numer. Math. 18; products by a fused
// multiplication, Ogita, Rump & Oishi 2005, SIAM J. Sci. Comput. 26.
#pragma once

#include <cmath>

namespace wide {

class Number {
 public:
    Number(double value = 0.0) : high_(value) {}
    Number(int value) : high_(value) {}

    explicit operator double() const { return high_; }

    friend Number operator-(Number a) { return {-a.high_, -a.low_}; }
    [[gnu::always_inline]] friend Number operator+(Number a, Number b) {
        Number high = sum(a.high_, b.high_), low = sum(a.low_, b.low_);
        high = quick_sum(high.high_, high.low_ + low.high_);
        return quick_sum(high.high_, high.low_ + low.low_);
    }
    friend Number operator-(Number a, Number b) { return a + -b; }
    friend Number operator*(Number a, Number b) {
        const double product = a.high_ * b.high_, rest = std::fma(a.high_, b.high_, -product);
        return quick_sum(product, rest + (a.high_ * b.low_ + a.low_ * b.high_));
    }
    friend Number operator/(Number a, Number b) {
        const double first = a.high_ / b.high_;
        const Number left = a - b * Number(first);
        const double second = left.high_ / b.high_;
        const Number rest = left - b * Number(second);
        return quick_sum(first, second) + Number(rest.high_ / b.high_);
    }
    Number& operator+=(Number b) { return *this = *this + b; }
    Number& operator-=(Number b) { return *this = *this - b; }
    Number& operator*=(Number b) { return *this = *this * b; }

    friend bool operator==(Number a, Number b) { return a.high_ == b.high_ && a.low_ == b.low_; }
    friend bool operator<(Number a, Number b) { return a.high_ < b.high_ || (a.high_ == b.high_ && a.low_ < b.low_); }
    friend bool operator>(Number a, Number b) { return b < a; }
    friend bool operator<=(Number a, Number b) { return !(b < a); }
    friend bool operator>=(Number a, Number b) { return !(a < b); }

 private:
    Number(double high, double low) : high_(high), low_(low) {}

    static Number sum(double a, double b) {
        const double s = a + b, of_b = s - a;
        return {s, (a - (s - of_b)) + (b - of_b)};
    }
    /// Of |a| >= |b|.
    static Number quick_sum(double a, double b) {
        const double s = a + b;
        return {s, b - (s - a)};
    }

    double high_, low_ = 0.0;
};

}  // namespace wide
