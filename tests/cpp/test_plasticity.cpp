#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <thread>

#include <evsim/kernel/library.hpp>

#include "chain.hpp"

namespace evsim {
namespace {

constexpr int n_inputs = 30, n_neurons = 70;

TestLayer plastic_layer(double throw_at = -1.0, BatchUpdate update = BatchUpdate::sum) {
    const NeuronParameters neurons{{20.0, 10.0}, {{1.0}, {0.0}, {0.0}, {0.0}, {0.0}, {0.0}}};
    const RuleSettings rule{load_rule(EVSIM_TEST_KERNEL), {0.01, 0.02, 20.0, throw_at}, 10.0, 20.0, update};
    TestLayer layer = dense_layer(n_inputs, n_neurons, load_kernel(EVSIM_TEST_KERNEL), neurons, rule);
    std::mt19937 random(3);
    std::uniform_real_distribution<double> weight(-0.3, 1.0);
    double* weights = reinterpret_cast<double*>(layer.dense().data());
    for (std::size_t k = 0; k < layer.dense().bytes() / sizeof(double); ++k) weights[k] = weight(random);
    return layer;
}

double weight(const TestLayer& layer, int input, int neuron) {
    const std::size_t place =
        static_cast<std::size_t>(input) * layer.dense().stride() + static_cast<std::size_t>(neuron);
    return reinterpret_cast<const double*>(layer.dense().data())[place];
}

struct Input {
    std::vector<std::int32_t> indices;
    std::vector<double> times;
    explicit Input(unsigned seed, int n = 400) {
        std::mt19937 random(seed);
        std::uniform_int_distribution<std::int32_t> index(0, n_inputs - 1);
        std::exponential_distribution<double> gap(2.0);
        double time = 0.0;
        for (int k = 0; k < n; ++k) {
            indices.push_back(index(random));
            times.push_back(time += gap(random));
        }
    }
    SpikeView view() const { return {indices, times}; }
};

void infer(Chain& net, const std::vector<Input>& batch, double until = std::numeric_limits<double>::infinity(),
           bool reset = true) {
    std::vector<SpikeView> views;
    for (const Input& input : batch) views.push_back(input.view());
    Interruption interruption;
    InferOptions options;
    options.until = until;
    options.reset = reset;
    net.run(views, options, interruption);
}

TEST(Plasticity, WeightsChangeByTheSumOverPairs) {
    const auto before = plastic_layer(), layer = plastic_layer();
    Chain net;
    net.add(layer);
    const Input input(1);
    infer(net, {input});
    const SpikeArray& spikes = layer.output()->post_spikes[0];
    ASSERT_GT(spikes.size(), 100u);
    for (int neuron = 0; neuron < n_neurons; ++neuron) {
        for (int i = 0; i < n_inputs; ++i) {
            double change = 0.0;
            for (std::size_t post = 0; post < spikes.size(); ++post) {
                if (spikes[post].index != neuron) continue;
                for (std::size_t pre = 0; pre < input.times.size(); ++pre) {
                    if (input.indices[pre] != i) continue;
                    const double delay = spikes[post].time - input.times[pre];
                    change += delay > 0.0 ? 0.01 * std::exp(-delay / 20.0) : -0.02 * std::exp(delay / 20.0);
                }
            }
            EXPECT_NEAR(weight(layer, i, neuron), weight(before, i, neuron) + change, 1e-12);
        }
    }
}

TEST(Plasticity, ABatchSumsOrAveragesWhatItsSamplesLearn) {
    const std::vector<Input> batch{Input(1), Input(2, 150), Input(3)};
    const auto before = plastic_layer();
    for (const BatchUpdate update : {BatchUpdate::sum, BatchUpdate::mean}) {
        const auto layer = plastic_layer(-1.0, update);
        Chain net;
        net.add(layer);
        infer(net, batch);
        std::vector<TestLayer> singles;
        for (const Input& input : batch) {
            Chain single;
            single.add(singles.emplace_back(plastic_layer()));
            infer(single, {input});
        }
        for (int neuron = 0; neuron < n_neurons; ++neuron) {
            for (int i = 0; i < n_inputs; ++i) {
                double change = 0.0;
                for (const TestLayer& single : singles) change += weight(single, i, neuron) - weight(before, i, neuron);
                if (update == BatchUpdate::mean) change /= 3.0;
                EXPECT_NEAR(weight(layer, i, neuron), weight(before, i, neuron) + change, 1e-13);
            }
        }
    }
}

TEST(Plasticity, PiecesOfAStreamLearnLikeTheWhole) {
    const auto whole = plastic_layer(), pieces = plastic_layer();
    Chain a, b;
    a.add(whole);
    b.add(pieces);
    const Input input(5);
    infer(a, {input}, 1000.0);
    for (double from = -1.0, until = 7.5; from < 1000.0; from = until, until = std::min(until + 13.7, 1000.0)) {
        Input piece(0, 0);
        for (std::size_t k = 0; k < input.times.size(); ++k) {
            if (input.times[k] < from || input.times[k] >= until) continue;
            piece.indices.push_back(input.indices[k]);
            piece.times.push_back(input.times[k]);
        }
        infer(b, {piece}, until, false);
    }
    for (int neuron = 0; neuron < n_neurons; ++neuron) {
        for (int i = 0; i < n_inputs; ++i) EXPECT_EQ(weight(whole, i, neuron), weight(pieces, i, neuron));
    }
}

TEST(Plasticity, AnExceptionOfACallbackIsAnErrorThatChangesNothing) {
    const auto before = plastic_layer(), layer = plastic_layer(20.0);
    Chain net;
    net.add(layer);
    EXPECT_THROW(infer(net, {Input(1)}), KernelFailed);
    EXPECT_EQ(weight(layer, 0, 0), weight(before, 0, 0));
    EXPECT_TRUE(layer.output()->states.empty());
    layer.projection->set_rule_parameters({0.01, 0.02, 20.0, -1.0});
    infer(net, {Input(1)});
    EXPECT_NE(weight(layer, 0, 0), weight(before, 0, 0));
}

TEST(Plasticity, ThreadsDoNotChangeWhatIsLearned) {
    std::vector<Input> batch;
    for (unsigned seed = 0; seed < 12; ++seed) batch.emplace_back(seed, 3000);
    std::vector<TestLayer> layers;
    for (const int threads : {1, 2, 5}) {
        set_num_threads(threads);
        Chain net;
        net.add(layers.emplace_back(plastic_layer(-1.0, BatchUpdate::mean)));
        infer(net, batch);
    }
    for (int neuron = 0; neuron < n_neurons; ++neuron) {
        for (int i = 0; i < n_inputs; ++i) {
            EXPECT_EQ(weight(layers[0], i, neuron), weight(layers[1], i, neuron));
            EXPECT_EQ(weight(layers[0], i, neuron), weight(layers[2], i, neuron));
        }
    }
}

TEST(Plasticity, TracesMayBeReadWhileSeveralThreadsInfer) {
    const auto layer = plastic_layer();
    Chain net;
    net.add(layer);
    infer(net, {Input(1)});
    std::thread other([&] {
        for (int k = 0; k < 20; ++k) infer(net, {Input(2)});
    });
    for (int k = 0; k < 50; ++k) {
        const auto output = layer.output();
        const auto traces = synaptic_traces(layer.projection->synapses(), *output->rule, output->states[0].traces,
                                            output->states[0].last_event);
        EXPECT_EQ(traces.size(), std::size_t{n_inputs * n_neurons});
    }
    other.join();
}

TEST(Library, WhatIsNoKernelIsRefused) {
    EXPECT_THROW(load_kernel("/nonexistent/kernel.so"), KernelLoad);
    EXPECT_THROW(load_kernel(EVSIM_TEST_OTHER_LIBRARY), KernelLoad);
}

TEST(Library, AKernelOutlivesTheHandleItWasLoadedBy) {
    auto kernel = load_kernel(EVSIM_TEST_KERNEL);
    const auto again = load_kernel(EVSIM_TEST_KERNEL);
    EXPECT_EQ(kernel->info.prepare, again->info.prepare);
    kernel.reset();
    EXPECT_STREQ(again->info.model, "lif");
}

}  // namespace
}  // namespace evsim
