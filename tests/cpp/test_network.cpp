#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include <evsim/components.hpp>

#include "chain.hpp"

namespace evsim {
namespace {

constexpr double no_end = std::numeric_limits<double>::infinity();

NeuronSettings lif(double tau_mem, double tau_syn, double threshold, double bias = 0.0) {
    return {"lif", {{tau_mem, tau_syn}, {{threshold}, {0.0}, {0.0}, {bias}, {0.0}, {0.0}}}};
}

TestLayer random_layer(int n_inputs, int n_neurons, const NeuronSettings& neurons, unsigned seed) {
    const TestLayer layer = dense_layer(n_inputs, n_neurons, 4, neurons);
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    for (int input = 0; input < n_inputs; ++input) {
        auto* row =
            reinterpret_cast<float*>(layer.dense().data()) + static_cast<std::size_t>(input) * layer.dense().stride();
        for (int n = 0; n < n_neurons; ++n) row[n] = uniform(random);
    }
    return layer;
}

SpikeArray poisson(int n_inputs, int n_spikes, double duration, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> time(0.0, duration);
    SpikeArray spikes;
    for (int k = 0; k < n_spikes; ++k)
        spikes.add(static_cast<std::int32_t>(random() % static_cast<unsigned>(n_inputs)), time(random));
    spikes.sort();
    return spikes;
}

SpikeArray infer(Chain& network, const SpikeArray& input, const InferOptions& options = {}) {
    return network.run(input, options);
}

TEST(Network, OneInputCrossesWhereTheQuadraticSays) {
    const TestLayer layer = dense_layer(1, 1, 8, lif(20.0, 10.0, 1.0));
    const double weight = 5.0;
    std::memcpy(layer.dense().data(), &weight, sizeof weight);
    Chain network;
    network.add(layer);
    SpikeArray input;
    input.add(0, 3.0);
    const SpikeArray output = infer(network, input);
    // w (x - x^2) = 1 with x = e^{-t/20}, the larger root
    const double x = 0.5 + std::sqrt(0.25 - 1.0 / weight);
    ASSERT_GE(output.size(), 1u);
    EXPECT_NEAR(output[0].time, 3.0 - 20.0 * std::log(x), 1e-14 * 20.0);
}

TEST(Network, ThreadsDoNotChangeABit) {
    Chain network;
    network.add(random_layer(100, 700, lif(20.0, 10.0, 1.0), 1));
    network.add(random_layer(700, 130, lif(20.0, 5.0, 2.0), 2));
    const SpikeArray input = poisson(100, 6000, 500.0, 3);
    const int before = num_threads();
    set_num_threads(1);
    const SpikeArray one = infer(network, input);
    for (const int threads : {2, 5}) {
        set_num_threads(threads);
        EXPECT_EQ(infer(network, input), one);
    }
    set_num_threads(before);
    EXPECT_GT(one.size(), 1000u);
    EXPECT_TRUE(one.is_sorted());
}

TEST(Network, PiecesEqualTheWhole) {
    Chain network;
    network.add(random_layer(50, 90, lif(20.0, 10.0, 1.0, 0.5), 1));
    network.add(random_layer(90, 20, lif(20.0, 10.0, 1.0), 2));
    const SpikeArray input = poisson(50, 2000, 100.0, 3);
    const SpikeArray whole = infer(network, input);
    SpikeArray pieces;
    std::size_t first = 0;
    for (const double until : {10.0, 10.5, 40.0, 99.0, no_end}) {
        const auto last = static_cast<std::size_t>(std::upper_bound(input.times().begin(), input.times().end(), until) -
                                                   input.times().begin());
        SpikeArray piece;
        piece.add(input.indices().subspan(first, last - first), input.times().subspan(first, last - first));
        const SpikeArray out = infer(network, piece, options(until, first == 0));
        pieces.add(out.indices(), out.times());
        first = last;
    }
    EXPECT_EQ(pieces, whole);
}

TEST(Network, CallsFromSeveralThreadsRunOneAfterTheOther) {
    Chain network;
    const TestLayer layer = random_layer(50, 90, lif(20.0, 10.0, 1.0), 1);
    network.add(layer);
    const SpikeArray input = poisson(50, 2000, 100.0, 3);
    const std::size_t expected = infer(network, input).size();
    std::vector<std::thread> threads;
    for (int k = 0; k < 4; ++k) {
        threads.emplace_back([&] {
            for (int r = 0; r < 5; ++r) {
                Interruption interruption;
                network.run({{input.indices(), input.times()}}, {}, interruption);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(layer.output()->post_spikes[0].size(), expected);
}

TEST(Network, ErrorsLeaveItUnchanged) {
    Chain network;
    EXPECT_THROW(infer(network, SpikeArray()), EmptyNetwork);
    const TestLayer layer = random_layer(5, 9, lif(20.0, 10.0, 0.1), 1);
    network.add(layer);
    EXPECT_THROW(network.connect(1, 0, layer.projection), InvalidArgument);
    EXPECT_THROW(network.connect(7, 1, layer.projection), IndexOutOfRange);
    const SpikeArray input = poisson(5, 50, 10.0, 1);
    const SpikeArray before = infer(network, input);
    SpikeArray foreign;
    foreign.add(5, 1.0);
    EXPECT_THROW(infer(network, foreign), IndexOutOfRange);
    EXPECT_THROW(infer(network, input, options(no_end, false)), StreamOrder);
    EXPECT_EQ(layer.output()->post_spikes[0], before);
    EXPECT_EQ(infer(network, input), before);
}

TEST(Network, WeightsThatAreNotFiniteAreReported) {
    Chain network;
    const TestLayer layer = random_layer(1, 3, lif(20.0, 10.0, 1.0), 1);
    network.add(layer);
    reinterpret_cast<float*>(layer.dense().data())[2] = std::nanf("");
    SpikeArray input;
    input.add(0, 1.0);
    EXPECT_THROW(infer(network, input), NonFinite);
}

TEST(Network, AStreamCutBesideASpikeLosesNothing) {
    for (const double tau_syn : {10.0, 5.0}) {
        Chain network;
        const TestLayer layer = dense_layer(1, 1, 8, lif(20.0, tau_syn, 1.0));
        const double weight = 1772.0708647929257;
        std::memcpy(layer.dense().data(), &weight, sizeof weight);
        network.add(layer);
        SpikeArray input;
        input.add(0, 0.0);
        const SpikeArray whole = infer(network, input, options(1.0, true));
        ASSERT_GT(whole.size(), 2u);
        for (int ulps = -64; ulps <= 64; ++ulps) {
            double cut = whole[0].time;
            for (int k = 0; k < std::abs(ulps); ++k) cut = std::nextafter(cut, ulps < 0 ? 0.0 : 1.0);
            SpikeArray pieces = infer(network, input, options(cut, true));
            const SpikeArray rest = infer(network, SpikeArray(), options(1.0, false));
            pieces.add(rest.indices(), rest.times());
            EXPECT_EQ(pieces, whole) << "cut " << ulps << " ulp beside the first spike";
        }
    }
}

TEST(Network, ABurstCanBeInterrupted) {
    Chain network;
    network.add(random_layer(1, 1, lif(1.0, 1.0, 1.0, 1.0001), 1));
    Interruption interruption([] { return true; });
    const InferOptions no_rest = options(1e9);
    EXPECT_THROW(network.run({{}}, no_rest, interruption), Interrupted);
    EXPECT_FALSE(network.time().has_value());
}

TEST(Network, EndlessDriveNeedsAnEnd) {
    Chain network;
    network.add(random_layer(1, 1, lif(20.0, 10.0, 1.0, 2.0), 1));
    EXPECT_THROW(infer(network, SpikeArray()), InvalidArgument);
    const SpikeArray spikes = infer(network, SpikeArray(), options(100.0, true));
    ASSERT_EQ(spikes.size(), 7u);  // one every 20 ln 2
    EXPECT_NEAR(spikes[6].time, 7 * 20.0 * std::log(2.0), 1e-4);
}

TEST(Layer, RefusesWhatDoesNotFit) {
    EXPECT_THROW(dense_layer(1, 1, 4, {"nonsense", {}}), InvalidArgument);
    EXPECT_THROW(dense_layer(0, 1, 4, lif(20.0, 10.0, 1.0)), InvalidArgument);
    EXPECT_THROW(dense_layer(1LL << 40, 1, 4, lif(20.0, 10.0, 1.0)), InvalidArgument);
    EXPECT_THROW(dense_layer(1 << 30, 1 << 30, 4, lif(20.0, 10.0, 1.0)), MemoryLimit);
    NeuronSettings wrong = lif(20.0, 10.0, 1.0);
    wrong.parameters.per_neuron[0] = {1.0, 2.0};
    EXPECT_THROW(dense_layer(1, 3, 4, wrong), ShapeMismatch);
}

TEST(Network, SourcesComeFirst) {
    Network network;
    const std::int32_t input = network.add_input(3);
    const TestLayer late = random_layer(4, 2, lif(20.0, 10.0, 0.05), 1),
                    early = random_layer(3, 4, lif(20.0, 10.0, 0.05), 2);
    const std::int32_t last = network.add_population(late.population), first = network.add_population(early.population);
    network.connect(first, last, late.projection);
    network.connect(input, first, early.projection);
    SpikeArray spikes;
    for (int k = 0; k < 60; ++k) spikes.add(k % 3, 0.5 * k);
    Interruption interruption;
    network.infer({{{spikes.indices(), spikes.times()}}}, {}, interruption);
    EXPECT_GT(early.output()->post_spikes[0].size(), 0u);
}

TEST(Components, AreInOrderAndHoldCycles) {
    using Edges = std::vector<std::pair<std::int32_t, std::int32_t>>;
    EXPECT_EQ(components(0, {}), (std::vector<Component>{}));
    EXPECT_EQ(components(3, {}), (std::vector<Component>{{0}, {1}, {2}}));
    EXPECT_EQ(components(3, Edges{{2, 1}, {1, 0}}), (std::vector<Component>{{2}, {1}, {0}}));
    EXPECT_EQ(components(5, Edges{{0, 1}, {1, 2}, {2, 1}, {2, 3}, {4, 4}}),
              (std::vector<Component>{{0}, {1, 2}, {3}, {4}}));
    Edges chain;
    for (std::int32_t k = 0; k < 200000; ++k) chain.emplace_back(k + 1, k);
    EXPECT_EQ(components(200001, chain).front(), Component{200000});
}

}  // namespace
}  // namespace evsim
