#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include <evsim/neuron/current_membrane.h>

namespace evsim {
namespace {

double ulps(double value, long double truth) {
    const double spacing =
        std::nextafter(std::fabs(static_cast<double>(truth)), INFINITY) - std::fabs(static_cast<double>(truth));
    return static_cast<double>(std::fabs(static_cast<long double>(value) - truth) / spacing);
}

TEST(Exponential, IsAccurateToTwoUlpEverywhere) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> exponent(-18.0, 2.8);
    double worst_value = 0.0, worst_minus_one = 0.0;
    for (int k = 0; k < 1000000; ++k) {
        const double x = -std::pow(10.0, exponent(random));
        if (x < -700.0) continue;
        const Exponential e = exponential_of_nonpositive(x);
        worst_value = std::max(worst_value, ulps(e.value, std::exp(static_cast<long double>(x))));
        worst_minus_one = std::max(worst_minus_one, ulps(e.minus_one, std::expm1(static_cast<long double>(x))));
    }
    EXPECT_LT(worst_value, 2.0);
    EXPECT_LT(worst_minus_one, 2.0);
}

TEST(Exponential, EndsOfItsRange) {
    EXPECT_EQ(exponential_of_nonpositive(0.0).value, 1.0);
    EXPECT_EQ(exponential_of_nonpositive(0.0).minus_one, 0.0);
    EXPECT_EQ(exponential_of_nonpositive(-1e9).value, 0.0);
    EXPECT_EQ(exponential_of_nonpositive(-1e9).minus_one, -1.0);
    EXPECT_EQ(exponential_of_nonpositive(-std::numeric_limits<double>::infinity()).value, 0.0);
}

TEST(CurrentMembrane, PropagatorHasNoCancellationNearEqualTimeConstants) {
    for (const double ratio : {1.0, 1.0 + 1e-15, 1.0 - 1e-12, 1.0 + 1e-9, 1.0 + 1e-6, 1.001, 0.5, 2.0, 100.0}) {
        const double tau_syn = 10.0, tau_mem = tau_syn * ratio;
        const CurrentMembrane membrane(tau_mem, tau_syn);
        for (const double t : {1e-9, 1e-3, 1.0, 30.0}) {
            const long double m = 1.0L / tau_mem, s = 1.0L / tau_syn, d = s - m;
            const long double truth = std::exp(-m * t) * m * (d == 0.0L ? t : -std::expm1(-d * t) / d);
            EXPECT_LT(ulps(membrane.gap(t).syn_to_mem, truth), 8.0) << ratio << " " << t;
        }
    }
}

TEST(CurrentMembrane, InfiniteGapForgetsEverything) {
    for (const double tau_mem : {5.0, 10.0, 20.0}) {
        const auto gap = CurrentMembrane(tau_mem, 10.0).gap(std::numeric_limits<double>::infinity());
        EXPECT_EQ(gap.mem_change, -1.0);
        EXPECT_EQ(gap.syn_change, -1.0);
        EXPECT_EQ(gap.syn_to_mem, 0.0);
        EXPECT_GE(gap.tangent, 1.0);
    }
}

}  // namespace
}  // namespace evsim
