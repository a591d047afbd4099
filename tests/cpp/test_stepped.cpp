// The step-synchronous engine against plain loops over dense arrays, and its rules by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include <evsim/core/errors.hpp>
#include <evsim/stepped/conv.hpp>
#include <evsim/stepped/learning.hpp>
#include <evsim/stepped/network.hpp>
#include <evsim/stepped/routing.hpp>

namespace evsim {
namespace {

float* weights_of(ConvStage& stage) { return reinterpret_cast<float*>(stage.connection().weights()); }

/// Weights and leaks on a grid of 1/64, so that sums are exact in any order.
float on_grid(std::mt19937& random) { return static_cast<float>(static_cast<int>(random() % 97) - 32) / 64.0f; }

StepSpikes random_spikes(std::mt19937& random, std::int64_t n_steps, std::int32_t n_inputs, unsigned one_in) {
    StepSpikes spikes;
    for (std::int64_t t = 0; t < n_steps; ++t) {
        for (std::int32_t k = 0; k < n_inputs; ++k) {
            if (random() % one_in == 0) spikes.indices.push_back(k);
        }
        spikes.end_step();
    }
    return spikes;
}

struct Plain {
    std::vector<double> membrane;
    std::vector<bool> fired;
};

/// One step of a convolution, as its definition has it.
std::vector<std::int32_t> plain_step(const Conv2d& conv, const float* weights, const SteppedNeurons& neurons,
                                     StepView in, Plain& plain) {
    const Conv2dSettings& s = conv.settings();
    const ImageShape &from = conv.input(), &to = conv.output();
    std::vector<double> current(static_cast<std::size_t>(to.size()), 0.0);
    for (const std::int32_t index : in.indices) {
        const std::int32_t c = index / from.pixels(), y = index % from.pixels() / from.width, x = index % from.width;
        for (std::int32_t o = 0; o < to.channels; ++o) {
            if (o / conv.out_per_group() != c / conv.in_per_group()) continue;
            for (std::int32_t oy = 0; oy < to.height; ++oy) {
                for (std::int32_t ox = 0; ox < to.width; ++ox) {
                    for (std::int32_t ky = 0; ky < s.kernel.y; ++ky) {
                        for (std::int32_t kx = 0; kx < s.kernel.x; ++kx) {
                            if (oy * s.stride.y + ky * s.dilation.y - s.padding.y != y) continue;
                            if (ox * s.stride.x + kx * s.dilation.x - s.padding.x != x) continue;
                            const std::int32_t group_channel = c % conv.in_per_group();
                            const std::int32_t w =
                                ((o * conv.in_per_group() + group_channel) * s.kernel.y + ky) * s.kernel.x + kx;
                            current[static_cast<std::size_t>((o * to.height + oy) * to.width + ox)] +=
                                static_cast<double>(weights[w]);
                        }
                    }
                }
            }
        }
    }
    std::vector<std::int32_t> out;
    for (std::size_t n = 0; n < current.size(); ++n) {
        double& v = plain.membrane[n];
        v = std::max(0.0, v + current[n] - neurons.leak);
        if (v >= neurons.threshold && !(neurons.fire_once && plain.fired[n])) {
            out.push_back(static_cast<std::int32_t>(n));
            plain.fired[n] = true;
            v = 0.0;
        }
    }
    return out;
}

TEST(Stepped, ConvolutionsEqualPlainLoops) {
    std::mt19937 random(1);
    std::size_t compared = 0;
    for (int trial = 0; trial < 60; ++trial) {
        const std::int32_t groups = 1 + trial % 2;
        Conv2dSettings s;
        s.input = {2 * groups, 5 + trial % 5, 6 + trial % 4};
        s.out_channels = groups * (1 + trial % 5);
        s.kernel = {1 + trial % 3, 2 + trial % 2};
        s.stride = {1 + trial % 2, 1 + trial % 3};
        s.padding = {trial % 2, trial % 3};
        s.dilation = {1 + trial % 2, 1};
        s.groups = groups;
        SteppedNeurons neurons;
        neurons.threshold = 1.0 + static_cast<double>(trial % 3) / 64.0;
        neurons.leak = static_cast<double>(trial % 4) / 64.0;
        neurons.fire_once = trial % 3 == 0;
        const auto stage = std::make_shared<ConvStage>(s, 4, neurons);
        for (std::size_t k = 0; k < stage->connection().n_weights(); ++k) weights_of(*stage)[k] = on_grid(random);
        const StepSpikes input = random_spikes(random, 12, static_cast<std::int32_t>(s.input.size()), 6);
        SteppedNetwork network({stage});
        Interruption interruption;
        const auto outputs = network.run({input}, {}, true, true, interruption);
        const auto n = static_cast<std::size_t>(stage->output().size());
        Plain plain{std::vector<double>(n, 0.0), std::vector<bool>(n, false)};
        for (std::int64_t t = 0; t < input.n_steps(); ++t) {
            const auto expected =
                plain_step(stage->connection(), weights_of(*stage), neurons, step_of(input, t), plain);
            const StepView got = step_of(*outputs[0].spikes[0], t);
            ASSERT_TRUE(std::ranges::equal(got.indices, expected)) << "trial " << trial << ", step " << t;
            for (std::size_t k = 0; k < n; ++k)
                ASSERT_EQ(outputs[0].membranes[0][static_cast<std::size_t>(t) * n + k], plain.membrane[k]);
            compared += expected.size();
        }
    }
    EXPECT_GT(compared, 1000u);
}

TEST(Stepped, ResultsDoNotDependOnTheNumberOfThreads) {
    std::mt19937 random(2);
    Conv2dSettings s;
    s.input = {1, 20, 20};
    s.out_channels = 4;
    s.kernel = {5, 5};
    SteppedNeurons neurons;
    const auto stage = std::make_shared<ConvStage>(s, 4, neurons);
    for (std::size_t k = 0; k < stage->connection().n_weights(); ++k) weights_of(*stage)[k] = on_grid(random);
    std::vector<StepSpikes> inputs;
    for (int sample = 0; sample < 16; ++sample) inputs.push_back(random_spikes(random, 10, 400, 4));
    SteppedNetwork network({stage, std::make_shared<PoolStage>(stage->output(), Pair{2, 2}, Pair{2, 2})});
    Interruption interruption;
    const int before = num_threads();
    set_num_threads(1);
    const auto one = network.run(inputs, {}, true, false, interruption);
    set_num_threads(4);
    const auto four = network.run(inputs, {}, true, false, interruption);
    set_num_threads(before);
    for (std::size_t k = 0; k < inputs.size(); ++k) {
        EXPECT_EQ(one[k].spikes[1]->indices, four[k].spikes[1]->indices);
        EXPECT_EQ(one[k].spikes[1]->causes, four[k].spikes[1]->causes);
        EXPECT_FALSE(one[k].spikes[1]->indices.empty());
    }
}

StepSpikes spikes_of_one_step(std::vector<std::int32_t> indices) {
    StepSpikes spikes;
    spikes.indices = std::move(indices);
    spikes.end_step();
    return spikes;
}

TEST(Stepped, APooledSpikeIsCausedByTheFirstInputOfItsWindow) {
    const PoolStage pool({1, 4, 4}, {2, 2}, {2, 2});
    const auto state = pool.new_state();
    const StepSpikes input = spikes_of_one_step({1, 4, 15});
    StepSpikes out;
    pool.step(*state, step_of(input, 0), out);
    EXPECT_EQ(out.indices, (std::vector<std::int32_t>{0, 3}));
    EXPECT_EQ(out.causes, (std::vector<std::int32_t>{1, 15}));
}

TEST(Stepped, UnpoolingSendsSpikesToTheirCauses) {
    const UnpoolStage unpool({1, 2, 2}, {1, 4, 4});
    const auto state = unpool.new_state();
    auto source = std::make_shared<StepSpikes>(spikes_of_one_step({0, 3}));
    source->causes = {5, 10};
    unpool.set_source(*state, source);
    const StepSpikes input = spikes_of_one_step({0, 1, 3});
    StepSpikes out;
    unpool.step(*state, step_of(input, 0), out);
    EXPECT_EQ(out.indices, (std::vector<std::int32_t>{5, 10}));
    source = std::make_shared<StepSpikes>(spikes_of_one_step({0}));
    source->causes = {16};
    EXPECT_THROW(unpool.set_source(*state, source), IndexOutOfRange);
}

TEST(Stepped, WinnersAreTheEarliestAndThenTheStrongest) {
    StepSpikes spikes;  // 3 maps of 2 x 2 pixels
    spikes.indices = {1, 2, 6};
    spikes.values = {1.0, 2.0, 1.5};
    spikes.end_step();
    spikes.indices.insert(spikes.indices.end(), {0, 8});
    spikes.values.insert(spikes.values.end(), {9.0, 9.0});
    spikes.end_step();
    const auto winners = select_winners(spikes, {3, 2, 2}, 0, 0);
    ASSERT_EQ(winners.size(), 2u);  // pixel 2 of map 1 is taken by map 0
    EXPECT_EQ(winners[0].channel, 0);
    EXPECT_EQ(winners[0].pixel, 2);
    EXPECT_EQ(winners[1].channel, 2);
    EXPECT_EQ(winners[1].step, 1);
}

TEST(Stepped, LearningChangesTheReceptiveFieldOfTheWinner) {
    Conv2dSettings s;
    s.input = {1, 3, 3};
    s.kernel = {3, 3};
    s.padding = {1, 1};
    const auto stage = std::make_shared<ConvStage>(s, 4, SteppedNeurons{});
    std::fill_n(weights_of(*stage), 9, 0.5f);
    ConvLearner learner(stage);
    learner.learn(spikes_of_one_step({0}), {{0, 0, 0}}, SimplifiedStdp{0.4, 0.2, false, 0.0, 1.0});
    for (int k = 0; k < 9; ++k) EXPECT_FLOAT_EQ(weights_of(*stage)[k], k == 4 ? 0.6f : 0.45f);
    EXPECT_THROW(learner.learn(spikes_of_one_step({9}), {{0, 0, 0}}, SimplifiedStdp{0.4, 0.2, false, 0.0, 1.0}),
                 IndexOutOfRange);
}

TEST(Stepped, StagesThatDoNotFitAreRefused) {
    Conv2dSettings s;
    s.input = {1, 8, 8};
    const auto conv = std::make_shared<ConvStage>(s, 4, SteppedNeurons{});
    const auto pool = std::make_shared<PoolStage>(ImageShape{2, 8, 8}, Pair{2, 2}, Pair{2, 2});
    EXPECT_THROW(SteppedNetwork({conv, pool}), ShapeMismatch);
    EXPECT_THROW(PoolStage({1, 2, 2}, {3, 3}, {1, 1}), ShapeMismatch);
    SteppedNeurons leaky;
    leaky.leak = 2.0;
    EXPECT_THROW(ConvStage(s, 4, leaky), InvalidArgument);
    SteppedNetwork network({conv});
    Interruption interruption;
    EXPECT_THROW(network.run({spikes_of_one_step({64})}, {}, true, false, interruption), IndexOutOfRange);
}

}  // namespace
}  // namespace evsim
