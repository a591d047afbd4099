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
        const Exponential<double> e = exponential_of_nonpositive(x);
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

template <class T>
void expect_vectors_give_the_bits_of_their_lanes() {
    std::mt19937_64 random(2);
    std::uniform_real_distribution<double> exponent(-8.0, 3.5);
    for (int k = 0; k < 10000; ++k) {
        Vector<T> x;
        for (int lane = 0; lane < lanes<T>; ++lane) x[lane] = static_cast<T>(-std::pow(10.0, exponent(random)));
        if (k == 0) x = Vector<T>{};
        const auto vector = exponential_of_nonpositive(x);
        for (int lane = 0; lane < lanes<T>; ++lane) {
            const T one = x[lane];
            const auto single = exponential_of_nonpositive(one);
            ASSERT_EQ(vector.value[lane], single.value) << one;
            ASSERT_EQ(vector.minus_one[lane], single.minus_one) << one;
            ASSERT_NEAR(single.value, std::exp(static_cast<double>(one)), 2 * epsilon<T>() * single.value + 1e-37);
        }
    }
}

TEST(Exponential, VectorsGiveTheBitsOfTheirLanes) {
    expect_vectors_give_the_bits_of_their_lanes<float>();
    expect_vectors_give_the_bits_of_their_lanes<double>();
}

/// A neuron's own gap factors against those that a layer shares, in units of epsilon.
template <class T>
double largest_error_of_own_gap() {
    std::mt19937_64 random(3);
    std::uniform_real_distribution<double> exponent(-6.0, 2.0);
    double worst = 0.0;
    const auto compare = [&](T found, double expected) {
        if (std::fabs(expected) < 1e-30) return;
        worst = std::max(worst, std::fabs(found - expected) / std::fabs(expected));
    };
    for (int k = 0; k < 20000; ++k) {
        const double apart = k % 4 == 0 ? 0.0 : std::pow(10.0, -16.0 * std::generate_canonical<double, 53>(random));
        const double tau_mem = 20.0, tau_syn = k % 2 == 0 ? tau_mem * (1.0 + apart) : tau_mem / (1.0 + 9.0 * apart);
        const CurrentMembrane membrane(tau_mem, tau_syn);
        // The shorter it is, the fewer digits a difference of two exponentials would have.
        const double duration = static_cast<double>(static_cast<T>(std::pow(10.0, exponent(random))));
        const auto own = CurrentMembrane::gap_of(membrane.rates<T>(), static_cast<T>(duration));
        const auto shared = membrane.gap(duration);
        compare(own.mem_change, shared.mem_change);
        compare(own.syn_change, shared.syn_change);
        compare(own.syn_to_mem, shared.syn_to_mem);
        EXPECT_GE(own.tangent, -shared.mem_change);
    }
    return worst / epsilon<T>();
}

TEST(CurrentMembrane, OwnGapIsThatOfTheLayer) {
    EXPECT_LT(largest_error_of_own_gap<float>(), 30.0);
    EXPECT_LT(largest_error_of_own_gap<double>(), 60.0);
}

TEST(CurrentMembrane, OwnGapForgetsEverythingInTheEnd) {
    for (const double tau_syn : {1e-300, 5.0, 10.0, 20.0, 1e300}) {
        const auto gap = CurrentMembrane::gap_of(CurrentMembrane(10.0, tau_syn).rates<float>(),
                                                 std::numeric_limits<float>::infinity());
        EXPECT_EQ(gap.mem_change, -1.0f);
        EXPECT_EQ(gap.syn_change, -1.0f);
        EXPECT_LT(gap.syn_to_mem, 1e-20f);
    }
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
