// Spike response neurons with time constants of their own against those that share them.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include <evsim/neuron/heterogeneous.h>
#include <evsim/neuron/srm_alpha.h>

namespace evsim {
namespace {

using Own = Heterogeneous<SrmAlphaBy<SrmSteps>>;

struct Draws {
    std::mt19937_64 random;

    explicit Draws(unsigned seed) : random(seed) {}
    double between(double low, double high) { return std::uniform_real_distribution<double>(low, high)(random); }
    double power(double low, double high) { return std::pow(10.0, between(low, high)); }
};

TEST(SrmAlpha, VectorsOfNeuronsBoundAndDecayWithTheBitsOfAnySharedGap) {
    using V = Vector<double>;
    Draws draws(1);
    for (int k = 0; k < 20000; ++k) {
        const double duration = k == 0 ? 0.0 : k == 1 ? infinity() : draws.power(-12.0, 6.0);
        Own::State<V> state;
        Own::Hot<V> hot;
        SrmAlpha::State<double> single[lanes<double>];
        Own::Neuron neurons[lanes<double>];
        for (int lane = 0; lane < lanes<double>; ++lane) {
            single[lane] = {draws.between(-3.0, 3.0), draws.between(-3.0, 3.0), draws.between(-3.0, 0.0),
                            draws.between(-3.0, 0.0), draws.between(0.0, 1.0) < 0.5 ? 0.0 : 1.0};
            neurons[lane] = {{draws.between(0.5, 2.0), 1.0}, {draws.power(-3.0, 3.0), draws.power(-3.0, 3.0)}};
            const auto own = Own(nullptr).hot<double>(neurons[lane]);
            hot.soma.below[lane] = own.soma.below;
            hot.soma.above[lane] = own.soma.above;
            hot.rates.tau_syn[lane] = own.rates.tau_syn;
            hot.rates.tau_refractory[lane] = own.rates.tau_refractory;
            state.rise[lane] = single[lane].rise;
            state.psp[lane] = single[lane].psp;
            state.after_rise[lane] = single[lane].after_rise;
            state.after[lane] = single[lane].after;
            state.armed[lane] = single[lane].armed;
        }
        const auto gap = Own::own_gap(hot, Own::Gap<double>{duration});
        const V excess = Own::excess(state, hot, gap);
        Own::decay(state, gap);
        for (int lane = 0; lane < lanes<double>; ++lane) {
            const SrmAlpha alone(neurons[lane].time_constants);
            const auto shared = alone.gap(duration);
            const auto alone_hot = alone.hot<double>({neurons[lane].threshold, neurons[lane].refractory_scale});
            ASSERT_EQ(excess[lane], SrmAlpha::excess(single[lane], alone_hot, shared));
            SrmAlpha::decay(single[lane], shared);
            ASSERT_EQ(state.rise[lane], single[lane].rise);
            ASSERT_EQ(state.psp[lane], single[lane].psp);
            ASSERT_EQ(state.after_rise[lane], single[lane].after_rise);
            ASSERT_EQ(state.after[lane], single[lane].after);
        }
    }
}

/// The first time at which the sum of the kernels reaches `level`, by one of the searches; infinite if there is none.
template <class Search>
double found(const Search& search, const SrmKernels& x, double level, double horizon, bool upwards) {
    const double time = upwards ? search.rising(x, level, horizon) : search.falling(x, level, horizon);
    return time <= horizon ? time : infinity();
}

/// Where both searches have found the same crossing, how far they are apart, in rounding errors of the potential.
double roundings_apart(const SrmKernels& x, double tau_syn, double tau_refractory, double a, double b) {
    const double middle = a < b ? a : b;
    auto at = [&](double time) {
        SrmKernels then = x;
        SrmKernelGap<double>::over(time, tau_syn, 0.0).pass(then.at[1], then.at[0]);
        SrmKernelGap<double>::over(time, tau_refractory, 0.0).pass(then.at[3], then.at[2]);
        return then;
    };
    const SrmKernels then = at(middle);
    const double slope =
        (euler * then.at[0] - then.at[1]) / tau_syn + (euler * then.at[2] - then.at[3]) / tau_refractory;
    const double size = x.magnitude() * SrmKernels{{1.0, 1.0, 1.0, 1.0}};
    return std::fabs(a - b) * std::fabs(slope) /
           (epsilon<double>() * size + 4.0 * epsilon<double>() * a * std::fabs(slope));
}

TEST(SrmAlpha, SearchingByStepsFindsWhatSearchingByTablesFinds) {
    Draws draws(2);
    int crossings = 0, none = 0;
    double worst = 0.0;
    for (int k = 0; k < 20000; ++k) {
        const double tau_syn = draws.power(-1.0, 1.5), tau_refractory = tau_syn * draws.power(-2.0, 1.0);
        const SrmKernels x{
            {draws.between(-2.0, 3.0), draws.between(-1.0, 1.0), draws.between(-2.0, 0.5), draws.between(-1.0, 0.0)}};
        const bool upwards = draws.between(0.0, 1.0) < 0.6;
        const double now = x.at[1] + x.at[3], distance = draws.power(-6.0, 0.3);
        const double level = upwards ? std::fmax(now, 0.0) + distance : 0.5 * now;
        if (!upwards && !(now > 0.0)) continue;
        const double horizon = draws.power(-3.0, 3.0) * tau_syn;
        const double by_steps = found(SrmSteps(tau_syn, tau_refractory), x, level, horizon, upwards);
        const double by_tables = found(SrmTables(tau_syn, tau_refractory), x, level, horizon, upwards);
        ASSERT_EQ(std::isinf(by_steps), std::isinf(by_tables)) << by_steps << " " << by_tables << " of " << horizon;
        if (std::isinf(by_steps)) {
            ++none;
            continue;
        }
        ++crossings;
        worst = std::fmax(worst, roundings_apart(x, tau_syn, tau_refractory, by_steps, by_tables));
    }
    EXPECT_GT(crossings, 3000);
    EXPECT_GT(none, 3000);
    EXPECT_LT(worst, 100.0);
}

TEST(SrmAlpha, WhatIsFoundByStepsDoesNotDependOnTheHorizon) {
    Draws draws(3);
    int crossings = 0;
    for (int k = 0; k < 5000; ++k) {
        const SrmSteps search(draws.power(-1.0, 1.5), draws.power(-1.0, 1.5));
        const SrmKernels x{{draws.between(0.0, 3.0), draws.between(0.0, 1.0), draws.between(-2.0, 0.0), 0.0}};
        const double level = x.at[1] + draws.power(-6.0, 0.0);
        const double time = search.rising(x, level, infinity());
        if (!(time < infinity())) continue;
        ++crossings;
        for (double longer : {0.0, 1e-9, 0.3, 10.0}) {
            ASSERT_EQ(search.rising(x, level, time * (1.0 + longer)), time);
        }
        const double shorter = search.rising(x, level, std::nextafter(time, 0.0));
        ASSERT_FALSE(shorter < time);
    }
    EXPECT_GT(crossings, 1000);
}

}  // namespace
}  // namespace evsim
