#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <thread>

#include <evsim/core/errors.hpp>
#include <evsim/dense_layer.hpp>
#include <evsim/network.hpp>

namespace evsim {
namespace {

constexpr double no_end = std::numeric_limits<double>::infinity();

NeuronSettings lif(double tau_mem, double tau_syn, double threshold, double bias = 0.0) {
    return {"lif", {tau_mem, tau_syn}, {{threshold}, {0.0}, {0.0}, {bias}, {0.0}, {0.0}}};
}

std::shared_ptr<DenseLayer> random_layer(int n_inputs, int n_neurons, const NeuronSettings& neurons, unsigned seed) {
    auto layer = std::make_shared<DenseLayer>(n_inputs, n_neurons, 4, neurons);
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    for (int input = 0; input < n_inputs; ++input) {
        auto* row = reinterpret_cast<float*>(layer->connection().data()) +
                    static_cast<std::size_t>(input) * layer->connection().stride();
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

SpikeArray infer(Network& network, const SpikeArray& input, const InferOptions& options = {}) {
    Interruption interruption;
    network.infer({{input.indices(), input.times()}}, options, interruption);
    return network.layer(network.size() - 1)->output()->post_spikes[0];
}

TEST(Network, OneInputCrossesWhereTheQuadraticSays) {
    auto layer = std::make_shared<DenseLayer>(1, 1, 8, lif(20.0, 10.0, 1.0));
    const double weight = 5.0;
    std::memcpy(layer->connection().data(), &weight, sizeof weight);
    Network network;
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
    Network network;
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
    Network network;
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
        const SpikeArray out = infer(network, piece, {until, std::nullopt, first == 0, false, {}});
        pieces.add(out.indices(), out.times());
        first = last;
    }
    EXPECT_EQ(pieces, whole);
}

TEST(Network, CallsFromSeveralThreadsRunOneAfterTheOther) {
    Network network;
    network.add(random_layer(50, 90, lif(20.0, 10.0, 1.0), 1));
    const SpikeArray input = poisson(50, 2000, 100.0, 3);
    const std::size_t expected = infer(network, input).size();
    std::vector<std::thread> threads;
    for (int k = 0; k < 4; ++k) {
        threads.emplace_back([&] {
            for (int r = 0; r < 5; ++r) {
                Interruption interruption;
                network.infer({{input.indices(), input.times()}}, {}, interruption);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(network.layer(0)->output()->post_spikes[0].size(), expected);
}

TEST(Network, ErrorsLeaveItUnchanged) {
    Network network;
    EXPECT_THROW(infer(network, SpikeArray()), EmptyNetwork);
    network.add(random_layer(5, 9, lif(20.0, 10.0, 0.1), 1));
    EXPECT_THROW(network.add(random_layer(8, 2, lif(20.0, 10.0, 1.0), 1)), ShapeMismatch);
    EXPECT_THROW(network.layer(1), IndexOutOfRange);
    const SpikeArray input = poisson(5, 50, 10.0, 1);
    const SpikeArray before = infer(network, input);
    SpikeArray foreign;
    foreign.add(5, 1.0);
    EXPECT_THROW(infer(network, foreign), IndexOutOfRange);
    EXPECT_THROW(infer(network, input, {no_end, std::nullopt, false, false, {}}), StreamOrder);
    EXPECT_EQ(network.layer(0)->output()->post_spikes[0], before);
    EXPECT_EQ(infer(network, input), before);
}

TEST(Network, WeightsThatAreNotFiniteAreReported) {
    Network network;
    auto layer = random_layer(1, 3, lif(20.0, 10.0, 1.0), 1);
    network.add(layer);
    reinterpret_cast<float*>(layer->connection().data())[2] = std::nanf("");
    SpikeArray input;
    input.add(0, 1.0);
    EXPECT_THROW(infer(network, input), NonFinite);
}

TEST(Network, AStreamCutBesideASpikeLosesNothing) {
    for (const double tau_syn : {10.0, 5.0}) {
        Network network;
        auto layer = std::make_shared<DenseLayer>(1, 1, 8, lif(20.0, tau_syn, 1.0));
        const double weight = 1772.0708647929257;
        std::memcpy(layer->connection().data(), &weight, sizeof weight);
        network.add(layer);
        SpikeArray input;
        input.add(0, 0.0);
        const SpikeArray whole = infer(network, input, {1.0, std::nullopt, true, false, {}});
        ASSERT_GT(whole.size(), 2u);
        for (int ulps = -64; ulps <= 64; ++ulps) {
            double cut = whole[0].time;
            for (int k = 0; k < std::abs(ulps); ++k) cut = std::nextafter(cut, ulps < 0 ? 0.0 : 1.0);
            SpikeArray pieces = infer(network, input, {cut, std::nullopt, true, false, {}});
            const SpikeArray rest = infer(network, SpikeArray(), {1.0, std::nullopt, false, false, {}});
            pieces.add(rest.indices(), rest.times());
            EXPECT_EQ(pieces, whole) << "cut " << ulps << " ulp beside the first spike";
        }
    }
}

TEST(Network, ABurstCanBeInterrupted) {
    Network network;
    network.add(random_layer(1, 1, lif(1.0, 1.0, 1.0, 1.0001), 1));
    Interruption interruption([] { return true; });
    const InferOptions options{1e9, std::nullopt, true, false, {}};
    EXPECT_THROW(network.infer({{}}, options, interruption), Interrupted);
    EXPECT_FALSE(network.time().has_value());
}

TEST(Network, EndlessDriveNeedsAnEnd) {
    Network network;
    network.add(random_layer(1, 1, lif(20.0, 10.0, 1.0, 2.0), 1));
    EXPECT_THROW(infer(network, SpikeArray()), InvalidArgument);
    const SpikeArray spikes = infer(network, SpikeArray(), {100.0, std::nullopt, true, false, {}});
    ASSERT_EQ(spikes.size(), 7u);  // one every 20 ln 2
    EXPECT_NEAR(spikes[6].time, 7 * 20.0 * std::log(2.0), 1e-4);
}

TEST(Layer, RefusesWhatDoesNotFit) {
    EXPECT_THROW(DenseLayer(1, 1, 4, {"nonsense", {}, {}}), InvalidArgument);
    EXPECT_THROW(DenseLayer(0, 1, 4, lif(20.0, 10.0, 1.0)), InvalidArgument);
    EXPECT_THROW(DenseLayer(1LL << 40, 1, 4, lif(20.0, 10.0, 1.0)), InvalidArgument);
    EXPECT_THROW(DenseLayer(1 << 30, 1 << 30, 4, lif(20.0, 10.0, 1.0)), MemoryLimit);
    NeuronSettings wrong = lif(20.0, 10.0, 1.0);
    wrong.per_neuron[0] = {1.0, 2.0};
    EXPECT_THROW(DenseLayer(1, 3, 4, wrong), ShapeMismatch);
}

}  // namespace
}  // namespace evsim
