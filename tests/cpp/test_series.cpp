#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <utility>

#include <evsim/neuron/series.h>

namespace evsim {
namespace {

constexpr int max_order = PowerSeries::max_order;

PowerSeries random_series(std::mt19937_64& random) {
    std::normal_distribution<double> normal;
    PowerSeries series;
    for (double& c : series.c) c = normal(random);
    return series;
}

/// Of |c_k| s^k: what the rounding of a sum is measured by.
long double size_at(const PowerSeries& series, long double s, int order) {
    long double size = 0.0;
    for (int k = order; k >= 0; --k) size = size * s + std::fabs(static_cast<long double>(series.c[k]));
    return size;
}

TEST(PowerSeries, IsTheSumOfItsPowersAtEveryOrder) {
    std::mt19937_64 random(1);
    for (int order = 1; order <= max_order; ++order) {
        for (const double s : {0.0, 1e-9, 0.1, 0.7, 1.5}) {
            const PowerSeries series = random_series(random);
            long double expected = 0.0;
            for (int k = order; k >= 0; --k) expected = expected * s + series.c[k];
            const long double allowed = 4.0L * epsilon<double>() * size_at(series, s, order);
            EXPECT_NEAR(series.at(s, order), static_cast<double>(expected), static_cast<double>(allowed))
                << "order " << order << ", s " << s;
        }
    }
}

TEST(PowerSeries, KnowsItsFirstValueExactly) {
    std::mt19937_64 random(2);
    const PowerSeries series = random_series(random);
    for (int order = 1; order <= max_order; ++order) EXPECT_EQ(series.at(0.0, order), series.c[0]);
}

TEST(PowerSeries, NeverRisesMoreThanItsBound) {
    std::mt19937_64 random(3);
    for (int order = 1; order <= max_order; ++order) {
        const PowerSeries series = random_series(random);
        for (const double s : {0.0, 0.01, 0.3, 1.0, 2.0}) {
            const double bound = series.most_rise(s, order);
            const double rounding = 4.0 * epsilon<double>() * static_cast<double>(size_at(series, s, order));
            for (int part = 0; part <= 10; ++part)
                EXPECT_LE(series.at(0.1 * part * s, order) - series.c[0], bound + rounding);
        }
    }
}

template <class Check, int... k>
void for_orders(Check&& check, std::integer_sequence<int, k...>) {
    (check(std::integral_constant<int, k + 1>{}), ...);
}
using AllOrders = std::make_integer_sequence<int, max_order - 1>;

TEST(PowerSeries, SquareHasTheCoefficientsOfTheProduct) {
    std::mt19937_64 random(4);
    const PowerSeries a = random_series(random);
    for_orders(
        [&](auto order) {
            constexpr int k = order;
            long double expected = 0.25;
            for (int j = 1; j < k; ++j) expected += 1.5L * a.c[j] * a.c[k - j];
            EXPECT_NEAR(with_inside_of_square(0.25, 1.5, a, k), static_cast<double>(expected), 1e-13) << "k " << k;
        },
        AllOrders{});
}

TEST(PowerSeries, ExponentialHasTheCoefficientsOfItsEquation) {
    std::mt19937_64 random(5);
    const PowerSeries w = random_series(random), x = random_series(random);
    for_orders(
        [&](auto order) {
            constexpr int k = order;
            long double expected = 0.0;
            for (int j = 1; j <= k + 1; ++j) expected += 0.5L * j * x.c[j] * w.c[k + 1 - j] / (k + 1);
            EXPECT_NEAR(next_of_exponential(w, x, 0.5, k), static_cast<double>(expected), 1e-13) << "k " << k;
        },
        AllOrders{});
    EXPECT_EQ(next_of_exponential(w, x, 0.5, 0), x.c[1] * (w.c[0] * 0.5));
}

TEST(RoughPowers, AreAsGoodAsTheySay) {
    std::mt19937_64 random(6);
    std::uniform_real_distribution<double> exponent(-1021.0, 1021.0);
    for (int n = 0; n < 100000; ++n) {
        const double y = exponent(random), x = std::exp2(y);
        EXPECT_LE(rough_log2(x), y + 1e-9);
        EXPECT_GT(rough_log2(x), y - 0.1);
        EXPECT_NEAR(rough_exp2(y) / x, 1.0, 4e-3);
    }
}

TEST(RoughPowers, KeepTheirHeadsAtTheEdges) {
    EXPECT_EQ(rough_log2(0.0), -1023.0);
    EXPECT_LT(rough_log2(std::numeric_limits<double>::denorm_min()), -1022.0);
    EXPECT_EQ(rough_log2(std::numeric_limits<double>::infinity()), 1024.0);
    EXPECT_EQ(rough_log2(1.0), 0.0);
    EXPECT_EQ(rough_exp2(0.0), 1.0);
    EXPECT_EQ(rough_exp2(-1.0), 0.5);
}

}  // namespace
}  // namespace evsim
