#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "chain.hpp"
#include "connection/conv_pairs.hpp"

namespace evsim {
namespace {

constexpr double no_end = std::numeric_limits<double>::infinity();

NeuronSettings lif(double bias) { return {"lif", {{20.0, 5.0}, {{1.0}, {0.0}, {0.0}, {bias}, {0.0}, {0.0}}}}; }

void fill(Conv2d& conv, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> uniform(-0.5f, 1.0f);
    auto* weights = reinterpret_cast<float*>(conv.weights());
    for (std::size_t k = 0; k < conv.n_weights(); ++k) weights[k] = 3.0f * uniform(random);
    conv.pack();
}

/// (output pixel, output channel, weight) of everything an input reaches, by the definition of a convolution.
std::multiset<std::tuple<int, int, float>> reached_by_definition(const Conv2d& conv, int channel, int y, int x) {
    const Conv2dSettings& s = conv.settings();
    const auto* weights = reinterpret_cast<const float*>(conv.weights());
    std::multiset<std::tuple<int, int, float>> out;
    for (int o = 0; o < s.out_channels; ++o) {
        if (o / conv.out_per_group() != channel / conv.in_per_group()) continue;
        for (int out_y = 0; out_y < conv.output().height; ++out_y) {
            for (int out_x = 0; out_x < conv.output().width; ++out_x) {
                for (int ky = 0; ky < s.kernel.y; ++ky) {
                    for (int kx = 0; kx < s.kernel.x; ++kx) {
                        const bool hit = s.transposed ? y * s.stride.y + ky * s.dilation.y - s.padding.y == out_y &&
                                                            x * s.stride.x + kx * s.dilation.x - s.padding.x == out_x
                                                      : out_y * s.stride.y + ky * s.dilation.y - s.padding.y == y &&
                                                            out_x * s.stride.x + kx * s.dilation.x - s.padding.x == x;
                        if (!hit) continue;
                        const int kernel = s.transposed ? channel * conv.out_per_group() + o % conv.out_per_group()
                                                        : o * conv.in_per_group() + channel % conv.in_per_group();
                        out.emplace(out_y * conv.output().width + out_x, o,
                                    weights[(kernel * s.kernel.y + ky) * s.kernel.x + kx]);
                    }
                }
            }
        }
    }
    return out;
}

/// The same of a convolution that is written out; ascending in the neuron.
std::multiset<std::tuple<int, int, float>> written_out(const Conv2d& conv, const ConvPairs& pairs, int input) {
    const auto* weights = reinterpret_cast<const float*>(conv.weights());
    std::multiset<std::tuple<int, int, float>> out;
    for (std::size_t k = pairs.first(input); k < pairs.first(input + 1); ++k) {
        const int neuron = pairs.neurons()[k], pixels = conv.output().pixels();
        EXPECT_TRUE(k == pairs.first(input) || pairs.neurons()[k - 1] < neuron);
        out.emplace(neuron % pixels, neuron / pixels, weights[pairs.taps()[k]]);
    }
    return out;
}

TEST(Conv2d, StretchesAndPairsReachWhatTheDefinitionSays) {
    std::mt19937 random(1);
    const auto from = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
    int geometries = 0;
    while (geometries < 60) {
        const int groups = from(1, 3);
        Conv2dSettings s{{groups * from(1, 2), from(1, 7), from(1, 7)},
                         groups * from(1, 3),
                         {from(1, 4), from(1, 4)},
                         {from(1, 3), from(1, 3)},
                         {from(0, 2), from(0, 2)},
                         {from(1, 3), from(1, 3)},
                         {0, 0},
                         groups,
                         from(0, 1) == 1};
        std::optional<Conv2d> made;
        try {
            made.emplace(s, 4);
        } catch (const Error&) {
            continue;  // the kernel does not fit
        }
        ++geometries;
        Conv2d& conv = *made;
        fill(conv, static_cast<unsigned>(geometries));
        const ConvPairs pairs(conv);
        const auto* packed = reinterpret_cast<const float*>(conv.packed());
        for (int c = 0; c < s.input.channels; ++c) {
            for (int y = 0; y < s.input.height; ++y) {
                for (int x = 0; x < s.input.width; ++x) {
                    std::multiset<std::tuple<int, int, float>> found;
                    conv.for_each_stretch(c, y, x, [&](const Conv2d::Stretch& run) {
                        for (int k = 0; k < run.count; ++k) {
                            EXPECT_EQ((run.first_pixel + k) / conv.output().width, run.row);
                            for (int o = 0; o < conv.out_per_group(); ++o) {
                                const std::size_t at = run.weights + static_cast<std::size_t>(k * conv.weight_stride());
                                found.emplace(run.first_pixel + k, conv.first_channel(c) + o,
                                              packed[at + static_cast<std::size_t>(o)]);
                            }
                        }
                    });
                    ASSERT_EQ(found, reached_by_definition(conv, c, y, x));
                    ASSERT_EQ(written_out(conv, pairs, (c * s.input.height + y) * s.input.width + x), found);
                }
            }
        }
    }
}

TestLayer example_layer(double bias = 0.0) {
    const Conv2dSettings settings{{2, 20, 16}, 6, {5, 5}, {1, 1}, {2, 2}, {1, 1}, {0, 0}, 1, false};
    const TestLayer layer = conv_layer(settings, lif(bias));
    fill(*layer.projection->conv(), 2);
    return layer;
}

SpikeArray example_input() {
    std::mt19937 random(3);
    std::uniform_real_distribution<double> time(0.0, 100.0);
    SpikeArray spikes;
    for (int k = 0; k < 5000; ++k) spikes.add(static_cast<std::int32_t>(random() % 640), time(random));
    spikes.sort();
    return spikes;
}

SpikeArray infer(Chain& network, const SpikeArray& input, double until) { return network.run(input, options(until)); }

TEST(Convolution, ThreadsDoNotChangeABit) {
    Chain network;
    network.add(example_layer(1.5));
    const SpikeArray input = example_input();
    const int before = num_threads();
    set_num_threads(1);
    const SpikeArray one = infer(network, input, 150.0);
    for (const int threads : {2, 3, 7}) {
        set_num_threads(threads);
        EXPECT_EQ(infer(network, input, 150.0), one);
    }
    set_num_threads(before);
    EXPECT_GT(one.size(), 5000u);
    EXPECT_TRUE(one.is_sorted());
}

TEST(Convolution, AStateThatIsPackedAndUnpackedGoesOnTheSame) {
    const auto layer = example_layer();
    Chain network;
    network.add(layer);
    infer(network, example_input(), 60.0 + 1e9);
    const NodeState& state = layer.output()->states[0];
    const Population& population = *layer.population;
    const NodeState again = population.unpack(population.pack(state));
    EXPECT_EQ(again.last_touch, state.last_touch);
    const PackedState once = population.pack(state), twice = population.pack(again);
    EXPECT_EQ(once.values, twice.values);
    PackedState broken = once;
    broken.last_touch[3] = broken.last_event + 1.0;
    EXPECT_THROW(population.unpack(broken), NonFinite);
    broken.last_touch.pop_back();
    EXPECT_THROW(population.unpack(broken), ShapeMismatch);
}

TEST(Convolution, RefusesWhatDoesNotFit) {
    Conv2dSettings settings{{1, 4, 4}, 2, {5, 5}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, 1, false};
    EXPECT_THROW(conv_layer(settings, lif(0.0)), ShapeMismatch);
    settings.kernel = {3, 3};
    NeuronSettings wrong = lif(0.0);
    wrong.parameters.per_neuron[0] = {1.0, 1.0, 1.0};
    EXPECT_THROW(conv_layer(settings, wrong), ShapeMismatch);
    settings.input = {1, 40000, 40000};
    EXPECT_THROW(conv_layer(settings, lif(0.0)), MemoryLimit);
}

TEST(Pooling, TheLowestIndexOfAnInstantIsTheCause) {
    Chain network;
    const auto pool = std::make_shared<PoolRelay>(PoolSettings{{1, 4, 4}, {2, 2}, {2, 2}, {0, 0}, PoolMode::any});
    network.add(pool);
    network.add(std::make_shared<UnpoolRelay>(pool));
    SpikeArray input;
    for (const std::int32_t index : {5, 4, 1}) input.add(index, 1.0);
    input.add(5, 2.0);
    const SpikeArray back = infer(network, input, no_end);
    EXPECT_EQ(pool->output()->causes[0], (std::vector<std::int32_t>{1, 5}));
    ASSERT_EQ(back.size(), 2u);
    EXPECT_EQ(back[0], (Spike{1, 1.0}));
    EXPECT_EQ(back[1], (Spike{5, 2.0}));
    Chain alone;
    alone.add(std::make_shared<UnpoolRelay>(pool));
    EXPECT_THROW(infer(alone, SpikeArray(), no_end), InvalidArgument);
}

}  // namespace
}  // namespace evsim
