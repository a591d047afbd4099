#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include <evsim/core/errors.hpp>
#include <evsim/core/spike_array.hpp>

namespace evsim {
namespace {

SpikeArray make(const std::vector<std::int32_t>& indices, const std::vector<double>& times) {
    SpikeArray spikes;
    spikes.add(indices, times);
    return spikes;
}

TEST(SpikeArray, SortIsStable) {
    SpikeArray spikes = make({5, 1, 4, 2}, {2.0, 1.0, 2.0, 1.0});
    spikes.sort();
    EXPECT_EQ(spikes, make({1, 2, 5, 4}, {1.0, 1.0, 2.0, 2.0}));
    EXPECT_TRUE(spikes.is_sorted());
}

TEST(SpikeArray, SortKeepsEverySpike) {
    std::mt19937 random(1);
    std::vector<std::int32_t> indices(10000);
    std::vector<double> times(10000);
    for (std::size_t k = 0; k < times.size(); ++k) {
        indices[k] = static_cast<std::int32_t>(k);
        times[k] = static_cast<double>(random() % 100);
    }
    SpikeArray spikes = make(indices, times);
    spikes.sort();
    ASSERT_EQ(spikes.size(), times.size());
    for (std::size_t k = 0; k < spikes.size(); ++k) {
        EXPECT_EQ(spikes[k].time, times[static_cast<std::size_t>(spikes[k].index)]);
        if (k > 0 && spikes[k].time == spikes[k - 1].time) {
            EXPECT_LT(spikes[k - 1].index, spikes[k].index);
        }
    }
}

TEST(SpikeArray, SortsAnySpread) {
    std::mt19937 random(2);
    const double huge = 1.7e308;
    for (const double outlier : {0.0, 1e9, 1e300, huge}) {
        std::vector<std::int32_t> indices(500);
        std::vector<double> times(500);
        for (std::size_t k = 0; k < times.size(); ++k) {
            indices[k] = static_cast<std::int32_t>(k);
            times[k] = static_cast<double>(random() % 50);
        }
        times[3] = outlier;
        times[4] = -outlier;
        SpikeArray spikes = make(indices, times);
        spikes.sort();
        ASSERT_TRUE(spikes.is_sorted());
        for (std::size_t k = 1; k < spikes.size(); ++k) {
            EXPECT_EQ(spikes[k].time, times[static_cast<std::size_t>(spikes[k].index)]);
            if (spikes[k].time == spikes[k - 1].time) {
                EXPECT_LT(spikes[k - 1].index, spikes[k].index);
            }
        }
    }
}

TEST(SpikeArray, OrderTiesSortsIndicesOfEqualTimes) {
    SpikeArray spikes = make({4, 7, 2, 5, 1}, {0.0, 1.0, 1.0, 1.0, 2.0});
    spikes.order_ties();
    EXPECT_EQ(spikes, make({4, 2, 5, 7, 1}, {0.0, 1.0, 1.0, 1.0, 2.0}));
}

TEST(SpikeArray, AddsAllOrNothing) {
    SpikeArray spikes = make({1}, {1.0});
    const SpikeArray before = spikes;
    EXPECT_THROW(spikes.add(std::vector<std::int32_t>{1, 2}, std::vector<double>{1.0}), ShapeMismatch);
    EXPECT_THROW(spikes.add(std::vector<std::int32_t>{1, -2}, std::vector<double>{1.0, 2.0}), IndexOutOfRange);
    EXPECT_THROW(spikes.add(0, std::nan("")), NonFinite);
    EXPECT_THROW(spikes.add(0, std::numeric_limits<double>::infinity()), NonFinite);
    EXPECT_EQ(spikes, before);
}

TEST(SpikeArray, CopiesAndViewsKeepWhatTheySaw) {
    SpikeArray spikes = make({2, 1}, {2.0, 1.0});
    const SpikeArray copy = spikes;
    const auto view = spikes.storage();
    spikes.sort();
    spikes.add(7, 9.0);
    EXPECT_EQ(copy, make({2, 1}, {2.0, 1.0}));
    EXPECT_EQ(view->indices, (std::vector<std::int32_t>{2, 1}));
}

TEST(SpikeArray, EqualityLooksAtIndicesToo) { EXPECT_NE(make({1}, {1.0}), make({2}, {1.0})); }

TEST(CheckSpikes, SaysWhatIsWrong) {
    const auto check = [](const std::vector<std::int32_t>& indices, const std::vector<double>& times) {
        check_spikes(indices, times, 3, "input");
    };
    EXPECT_NO_THROW(check({0, 2}, {1.0, 1.0}));
    EXPECT_THROW(check({0, 1}, {2.0, 1.0}), UnsortedSpikes);
    EXPECT_THROW(check({0, 3}, {1.0, 2.0}), IndexOutOfRange);
    EXPECT_THROW(check({0}, {std::nan("")}), NonFinite);
    try {
        check({0, 3}, {1.0, 2.0});
    } catch (const IndexOutOfRange& error) {
        EXPECT_STREQ(error.what(), "input: spike 1 has index 3, but the layer has 3 inputs (valid: 0 to 2)");
    }
}

}  // namespace
}  // namespace evsim
