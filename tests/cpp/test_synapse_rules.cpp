#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <set>

#include "connection/synapse_table.hpp"
#include "core/errors.hpp"
#include "core/philox.hpp"

namespace evsim {
namespace {

using Draw = std::function<SynapseList(std::int32_t first, std::int32_t last)>;

constexpr std::int32_t n_inputs = 60, n_neurons = 48;

struct NamedRule {
    const char* name;
    Draw draw;
};

/// Every rule, of 60 inputs (6 x 10) and 48 neurons (6 x 8); one to one of 48 and 48.
std::vector<NamedRule> all_rules(std::uint64_t seed) {
    std::vector<NamedRule> rules;
    for (const Repeats repeats : {Repeats{true, true}, {true, false}, {false, true}, {false, false}}) {
        rules.push_back({"fixed in-degree", [=](std::int32_t first, std::int32_t last) {
                             return fixed_in_degree({n_inputs, n_neurons, first, last}, 7, repeats, seed);
                         }});
        rules.push_back({"fixed out-degree", [=](std::int32_t first, std::int32_t last) {
                             return fixed_out_degree({n_inputs, n_neurons, first, last}, 7, repeats, seed);
                         }});
    }
    for (const bool autapses : {false, true}) {
        rules.push_back({"random pairs", [=](std::int32_t first, std::int32_t last) {
                             return random_pairs({n_inputs, n_neurons, first, last}, 0.2, autapses, seed);
                         }});
        for (const auto profile : {DistanceProfile::gaussian, DistanceProfile::exponential, DistanceProfile::step}) {
            for (const bool periodic : {false, true}) {
                const DistanceRule rule{profile, 0.8, 0.2, periodic, autapses};
                rules.push_back({"by distance", [=](std::int32_t first, std::int32_t last) {
                                     return by_distance({6, 10}, {6, 8}, first, last, rule, seed);
                                 }});
            }
        }
    }
    rules.push_back({"one to one", [](std::int32_t first, std::int32_t last) {
                         return one_to_one({n_neurons, n_neurons, first, last});
                     }});
    return rules;
}

// The published answers of Random123, tests/kat_vectors.
TEST(Philox, GivesTheWordsOfItsAuthors) {
    constexpr std::uint64_t ones = ~std::uint64_t{0};
    EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
              (PhiloxWords{0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}));
    EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
              (PhiloxWords{0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}));
    EXPECT_EQ(philox({0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89},
                     {0x452821e638d01377, 0xbe5466cf34e90c6c}),
              (PhiloxWords{0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}));
}

TEST(Philox, AStreamGivesTheWordsOfItsCountersInTurn) {
    PhiloxStream stream({5, 6}, 7, 8);
    for (std::uint64_t block = 1; block <= 3; ++block) {
        for (const std::uint64_t word : philox({block, 7, 8, 0}, {5, 6})) EXPECT_EQ(stream.next(), word);
    }
}

TEST(Philox, NumbersBelowALimitReachBothEnds) {
    for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{10}}) {
        PhiloxStream stream({1, 2}, n, 0);
        std::set<std::uint64_t> seen;
        for (int k = 0; k < 1000; ++k) seen.insert(stream.below(n));
        EXPECT_EQ(seen.size(), n);
        EXPECT_EQ(*seen.rbegin(), n - 1);
    }
}

// Of 2^63 + 2^62 numbers a plain product would give every third one twice as often.
TEST(Philox, LimitsThatDoNotDivideTheWordsAreUnbiased) {
    const std::uint64_t n = (std::uint64_t{1} << 63) + (std::uint64_t{1} << 62);
    PhiloxStream stream({3, 4}, 0, 0);
    constexpr int draws = 30'000;
    int residues[3] = {};
    for (int k = 0; k < draws; ++k) ++residues[stream.below(n) % 3];
    const double sigma = std::sqrt(draws * (1.0 / 3) * (2.0 / 3));
    for (const int count : residues) EXPECT_LT(std::abs(count - draws / 3.0), 5 * sigma);
}

TEST(SynapseRules, AnySplitOfTheTargetsDrawsTheSameSynapses) {
    std::mt19937 random(1);
    for (const NamedRule& rule : all_rules(9)) {
        const SynapseList whole = rule.draw(0, n_neurons);
        EXPECT_FALSE(whole.sources.empty()) << rule.name;
        EXPECT_TRUE(std::ranges::is_sorted(whole.targets)) << rule.name;
        for (int repetition = 0; repetition < 5; ++repetition) {
            SynapseList joined;
            for (std::int32_t first = 0, last = 0; first < n_neurons; first = last) {
                last = std::uniform_int_distribution<std::int32_t>(first, n_neurons)(random);
                const SynapseList part = rule.draw(first, last);
                joined.sources.insert(joined.sources.end(), part.sources.begin(), part.sources.end());
                joined.targets.insert(joined.targets.end(), part.targets.begin(), part.targets.end());
            }
            EXPECT_EQ(joined, whole) << rule.name;
        }
        EXPECT_TRUE(rule.draw(3, 3).sources.empty()) << rule.name;
    }
}

TEST(SynapseRules, EverySeedDrawsOtherSynapses) {
    const auto some = all_rules(1), others = all_rules(2), same = all_rules(1);
    for (std::size_t k = 0; k < some.size(); ++k) {
        EXPECT_EQ(some[k].draw(0, n_neurons), same[k].draw(0, n_neurons)) << some[k].name;
        if (some[k].name == std::string("one to one")) continue;
        EXPECT_NE(some[k].draw(0, n_neurons), others[k].draw(0, n_neurons)) << some[k].name;
    }
}

TEST(SynapseRules, DegreesAreExactAndRepeatsAsAsked) {
    for (const std::int32_t n : {1, 2, 5, 40}) {
        for (const bool autapses : {false, true}) {
            for (const bool multapses : {false, true}) {
                const std::int32_t partners = autapses ? n : n - 1, most = partners && multapses ? 2 * n : partners;
                for (std::int32_t degree = 0; degree <= most; ++degree) {
                    const SynapseRange range{n, n, 0, n};
                    const SynapseList in = fixed_in_degree(range, degree, {autapses, multapses}, 4);
                    const SynapseList out = fixed_out_degree(range, degree, {autapses, multapses}, 4);
                    for (const auto* list : {&in, &out}) {
                        EXPECT_EQ(list->sources.size(), static_cast<std::size_t>(n) * static_cast<std::size_t>(degree));
                        std::set<std::pair<std::int32_t, std::int32_t>> pairs;
                        for (std::size_t k = 0; k < list->sources.size(); ++k) {
                            EXPECT_TRUE(list->sources[k] >= 0 && list->sources[k] < n);
                            EXPECT_TRUE(autapses || list->sources[k] != list->targets[k]);
                            EXPECT_TRUE(pairs.emplace(list->sources[k], list->targets[k]).second || multapses);
                        }
                    }
                    for (std::int32_t k = 0; k < n; ++k) {
                        EXPECT_EQ(std::ranges::count(in.targets, k), degree);
                        EXPECT_EQ(std::ranges::count(out.sources, k), degree);
                    }
                }
            }
        }
    }
}

TEST(SynapseRules, ProbabilitiesOfNoneAndAllAreExact) {
    const SynapseRange range{9, 7, 0, 7};
    EXPECT_TRUE(random_pairs(range, 0.0, true, 1).sources.empty());
    EXPECT_TRUE(random_pairs(range, std::numeric_limits<double>::denorm_min(), true, 1).sources.empty());
    EXPECT_EQ(random_pairs(range, 1.0, true, 1).sources.size(), 63U);
    EXPECT_EQ(random_pairs(range, 1.0, false, 1).sources.size(), 56U);
    const DistanceRule all{DistanceProfile::step, 1.0, 2.0, true, true};
    EXPECT_EQ(by_distance({3, 3}, {7, 1}, 0, 7, all, 1).sources.size(), 63U);
    const DistanceRule own{DistanceProfile::gaussian, 1.0, std::numeric_limits<double>::min(), true, true};
    EXPECT_EQ(by_distance({3, 3}, {3, 3}, 0, 9, own, 1), one_to_one({9, 9, 0, 9}));
}

// The neighbours at exactly the radius count, wherever rounding has put them.
TEST(SynapseRules, AStepReachesItsOwnRadius) {
    for (const std::int32_t n : {3, 7, 10, 30, 49, 100}) {
        for (const bool periodic : {true, false}) {
            const DistanceRule rule{DistanceProfile::step, 1.0, 1.0 / n, periodic, true};
            const auto cells = static_cast<std::size_t>(n) * static_cast<std::size_t>(n);
            const std::size_t cut = periodic ? 0 : 4 * static_cast<std::size_t>(n);
            EXPECT_EQ(by_distance({n, n}, {n, n}, 0, n * n, rule, 1).sources.size(), 5 * cells - cut) << n;
        }
    }
}

TEST(SynapseRules, WrongArgumentsAreNamed) {
    const SynapseRange fine{4, 4, 0, 4};
    const SynapseRange wrong[] = {{0, 4, 0, 4}, {4, 0, 0, 0}, {4, 4, -1, 4}, {4, 4, 3, 2}, {4, 4, 0, 5}};
    for (const SynapseRange& range : wrong) {
        EXPECT_THROW(fixed_in_degree(range, 1, {}, 1), InvalidArgument);
        EXPECT_THROW(fixed_out_degree(range, 1, {}, 1), InvalidArgument);
        EXPECT_THROW(random_pairs(range, 0.5, true, 1), InvalidArgument);
        EXPECT_THROW(one_to_one(range), InvalidArgument);
    }
    EXPECT_THROW(fixed_in_degree(fine, -1, {}, 1), InvalidArgument);
    EXPECT_THROW(fixed_in_degree(fine, 5, {true, false}, 1), InvalidArgument);
    EXPECT_THROW(fixed_out_degree(fine, 4, {false, false}, 1), InvalidArgument);
    EXPECT_THROW(fixed_in_degree({1, 1, 0, 1}, 1, {false, true}, 1), InvalidArgument);
    EXPECT_THROW(one_to_one({3, 4, 0, 4}), InvalidArgument);
    for (const double p : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
        EXPECT_THROW(random_pairs(fine, p, true, 1), InvalidArgument);
        EXPECT_THROW(by_distance({2, 2}, {2, 2}, 0, 4, {.probability = p}, 1), InvalidArgument);
    }
    for (const double sigma : {0.0, -1.0, std::numeric_limits<double>::infinity(), std::nan("")})
        EXPECT_THROW(by_distance({2, 2}, {2, 2}, 0, 4, {.sigma = sigma}, 1), InvalidArgument);
    EXPECT_THROW(by_distance({0, 2}, {2, 2}, 0, 4, {}, 1), InvalidArgument);
    EXPECT_THROW(by_distance({1 << 20, 1 << 20}, {2, 2}, 0, 4, {}, 1), MemoryLimit);
    constexpr std::int32_t most = std::numeric_limits<std::int32_t>::max();
    EXPECT_THROW(fixed_in_degree({most, most, 0, most}, most, {}, 1), MemoryLimit);
    EXPECT_THROW(fixed_out_degree({most, most, 0, most}, most, {}, 1), MemoryLimit);
    EXPECT_THROW(random_pairs({most, most, 0, most}, 1.0, true, 1), MemoryLimit);
}

TEST(SynapseTable, IsInTheOrderOfAStableSort) {
    std::mt19937 random(2);
    const std::pair<std::int32_t, std::int32_t> sizes[] = {{5, 4}, {1, 9}, {300, 200}, {1 << 20, 1 << 19}};
    for (const auto& [inputs, neurons] : sizes) {
        for (const std::size_t n : {std::size_t{2}, std::size_t{100}, std::size_t{2000}}) {
            std::vector<std::int32_t> sources, targets;
            std::vector<std::tuple<std::int32_t, std::int32_t, std::int64_t>> expected;
            for (std::size_t k = 0; k < n; ++k) {
                sources.push_back(std::uniform_int_distribution<std::int32_t>(0, inputs - 1)(random));
                targets.push_back(std::uniform_int_distribution<std::int32_t>(0, neurons - 1)(random));
                expected.emplace_back(sources[k], targets[k], static_cast<std::int64_t>(k));
            }
            std::sort(expected.begin(), expected.end());
            const SortedSynapses sorted = sorted_synapses(sources, targets, inputs, neurons);
            for (std::size_t k = 0; k < n; ++k) {
                const auto place = [&](const auto& order) { return static_cast<std::int64_t>(order[k]); };
                EXPECT_EQ(sorted.order ? std::visit(place, *sorted.order) : static_cast<std::int64_t>(k),
                          std::get<2>(expected[k]));
                EXPECT_EQ(sorted.table->neurons()[k], std::get<1>(expected[k]));
                const std::int32_t input = std::get<0>(expected[k]);
                EXPECT_TRUE(sorted.table->first(input) <= k && k < sorted.table->first(input + 1));
            }
        }
    }
}

TEST(SynapseTable, HasNoOrderWhereThereWasNothingToSort) {
    const std::vector<std::int32_t> sources{0, 0, 0, 1}, targets{0, 2, 2, 1};
    const SortedSynapses sorted = sorted_synapses(sources, targets, 2, 3);
    EXPECT_FALSE(sorted.order);
    EXPECT_EQ(sorted.table->inputs(), sources);
    EXPECT_EQ(sorted.table->neurons(), targets);
    EXPECT_EQ(sorted.table->bytes(), 3 * sizeof(std::size_t) + 4 * sizeof(std::int32_t));
    EXPECT_FALSE(sorted_synapses({}, {}, 2, 3).order);
    EXPECT_TRUE(sorted_synapses(targets, sources, 3, 2).order);
    EXPECT_THROW(sorted_synapses(sources, targets, 1, 3), IndexOutOfRange);
    EXPECT_THROW(sorted_synapses(sources, std::vector<std::int32_t>{0}, 2, 3), ShapeMismatch);
}

TEST(SynapseTable, OfARuleHasItsSynapsesWithTargetsFromTheRangesFirst) {
    for (const NamedRule& rule : all_rules(4)) {
        for (const auto& [first, last] : {std::pair{0, 48}, {10, 31}, {20, 20}}) {
            const SynapseList list = rule.draw(first, last);
            const SynapseTable table(list, {n_inputs, n_neurons, first, last});
            std::multiset<std::pair<std::int32_t, std::int32_t>> expected;
            for (std::size_t k = 0; k < list.sources.size(); ++k)
                expected.emplace(list.sources[k], list.targets[k] - first);
            const std::vector<std::int32_t> inputs = table.inputs();
            ASSERT_EQ(table.n_synapses(), expected.size()) << rule.name;
            EXPECT_EQ(table.n_neurons(), last - first);
            std::size_t k = 0;
            for (const auto& [input, neuron] : expected) {
                EXPECT_EQ(inputs[k], input) << rule.name;
                EXPECT_EQ(table.neurons()[k++], neuron) << rule.name;
            }
        }
    }
}

}  // namespace
}  // namespace evsim
