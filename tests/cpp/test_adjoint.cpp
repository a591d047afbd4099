// The way back through a network of two layers, by tiles and neuron by neuron, against central differences.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include <evsim/adjoint/adjoint.hpp>

#include "chain.hpp"

namespace evsim {
namespace {

constexpr double tau_mem = 20.0, tau_syn = 5.0, end_of_time = 40.0;
constexpr std::int32_t n_inputs = 6, n_hidden = 70, n_outputs = 3;

NeuronSettings lif_neurons() { return {"lif", {{tau_mem, tau_syn}, {{1.0}, {0.0}, {0.0}, {0.0}, {0.0}, {0.0}}}}; }

/// The same as matrices: potential, current, and what stays 1.
LinearNeurons linear_lif() {
    LinearNeurons neurons;
    neurons.size = 3;
    neurons.variables = 2;
    neurons.flow = {-1.0 / tau_mem, 1.0 / tau_mem, 0.0, 0.0, -1.0 / tau_syn, 0.0, 0.0, 0.0, 0.0};
    neurons.reset = {0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0};
    neurons.initial = {0.0, 0.0, 1.0};
    neurons.readout = {1.0, 0.0, 0.0};
    neurons.arrivals = neurons.held_arrivals = {0.0, 1.0, 0.0};
    return neurons;
}

class AdjointTest : public testing::Test {
 protected:
    AdjointTest() {
        std::mt19937 random(3);
        std::normal_distribution<double> normal;
        fill(hidden_, 2.5, 2.0, normal, random);
        fill(out_, 0.3, 0.2, normal, random);
        hidden_.projection->set_delays({0.0, 0.5, 1.0, 1.5, 2.0, 2.5});
        network_.add(hidden_);
        network_.add(out_);
        std::uniform_real_distribution<double> time(0.0, 15.0);
        for (int k = 0; k < 12; ++k) input_.add(k % n_inputs, time(random));
        input_.sort();
    }

    static void fill(const TestLayer& layer, double mean, double deviation, std::normal_distribution<double>& normal,
                     std::mt19937& random) {
        for (std::int32_t i = 0; i < layer.dense().n_inputs(); ++i)
            for (std::int32_t n = 0; n < layer.dense().n_neurons(); ++n)
                weight(layer, i, n) = mean + deviation * normal(random);
    }
    static double& weight(const TestLayer& layer, std::int32_t input, std::int32_t neuron) {
        const std::size_t place =
            static_cast<std::size_t>(input) * layer.dense().stride() + static_cast<std::size_t>(neuron);
        return reinterpret_cast<double*>(layer.dense().data())[place];
    }
    static double by(AdjointGradients& gradients, std::size_t edge, const TestLayer& layer, std::int32_t input,
                     std::int32_t neuron) {
        const std::size_t place =
            static_cast<std::size_t>(input) * layer.dense().stride() + static_cast<std::size_t>(neuron);
        return reinterpret_cast<const double*>(gradients.by_weights[edge].data())[place];
    }

    /// The sum of the times of all output spikes.
    double loss() {
        const SpikeArray spikes = network_.run(input_, options(end_of_time));
        n_spikes_ = spikes.size();
        double sum = 0.0;
        for (const double time : spikes.times()) sum += time;
        return sum;
    }

    AdjointGradients backward(bool one_by_one) {
        loss();
        const auto hidden = hidden_.output(), out = out_.output();
        const SpikeArray &of_hidden = hidden->post_spikes[0], &of_out = out->post_spikes[0];
        const Adjoint adjoint(
            {{"in", n_inputs, {}}, {"hidden", n_hidden, linear_lif()}, {"out", n_outputs, linear_lif()}},
            {{0, 1, hidden_.projection, nullptr}, {1, 2, out_.projection, nullptr}});
        const std::vector<double> ones(of_out.size(), 1.0);
        AdjointSample sample;
        sample.until = end_of_time;
        sample.spikes = {{input_.indices(), input_.times()},
                         {of_hidden.indices(), of_hidden.times()},
                         {of_out.indices(), of_out.times()}};
        sample.causes.resize(3);
        sample.loss_by_spikes = {{}, {}, ones};
        sample.seeds.resize(3);
        const std::uint8_t each = one_by_one ? 1 : 0;
        Interruption interruption;
        return adjoint.backward({sample, sample}, {{each, each, each}, 0.0}, interruption);
    }

    void expect_differences(AdjointGradients gradients) {
        constexpr double step = 1e-5;
        const std::pair<const TestLayer*, std::pair<std::int32_t, std::int32_t>> chosen[] = {
            {&hidden_, {0, 0}}, {&hidden_, {5, 69}}, {&hidden_, {3, 40}}, {&out_, {0, 0}}, {&out_, {40, 2}}};
        for (const auto& [layer, place] : chosen) {
            const auto [input, neuron] = place;
            double& at = weight(*layer, input, neuron);
            const double before = at, n_before = static_cast<double>((loss(), n_spikes_));
            at = before + step;
            const double up = loss();
            EXPECT_EQ(static_cast<double>(n_spikes_), n_before);
            at = before - step;
            const double down = loss();
            EXPECT_EQ(static_cast<double>(n_spikes_), n_before);
            at = before;
            const double expected = 2.0 * (up - down) / (2.0 * step);  // two samples
            const double found = by(gradients, layer == &hidden_ ? 0 : 1, *layer, input, neuron);
            EXPECT_NEAR(found, expected, 1e-5 * std::fabs(expected) + 1e-7) << input << ", " << neuron;
        }
    }

    TestLayer hidden_ = dense_layer(n_inputs, n_hidden, 8, lif_neurons());
    TestLayer out_ = dense_layer(n_hidden, n_outputs, 8, lif_neurons());
    Chain network_;
    SpikeArray input_;
    std::size_t n_spikes_ = 0;
};

TEST_F(AdjointTest, TilesAreCentralDifferences) {
    loss();
    EXPECT_GT(n_spikes_, 5u);
    expect_differences(backward(false));
}

TEST_F(AdjointTest, NeuronsOneByOneAreCentralDifferences) { expect_differences(backward(true)); }

TEST_F(AdjointTest, BothSayTheSameOfInputTimesAndDelays) {
    const AdjointGradients tiles = backward(false), alone = backward(true);
    for (std::size_t k = 0; k < input_.size(); ++k)
        EXPECT_NEAR(tiles.by_spikes[1][0][k], alone.by_spikes[1][0][k],
                    1e-10 * (1.0 + std::fabs(alone.by_spikes[1][0][k])));
    for (std::size_t k = 0; k < tiles.by_delays[0].size(); ++k)
        EXPECT_NEAR(tiles.by_delays[0][k], alone.by_delays[0][k], 1e-10 * (1.0 + std::fabs(alone.by_delays[0][k])));
}

TEST_F(AdjointTest, WrongSamplesAreNamed) {
    const Adjoint adjoint({{"in", n_inputs, {}}, {"hidden", n_hidden, linear_lif()}},
                          {{0, 1, hidden_.projection, nullptr}});
    Interruption interruption;
    AdjointSample sample;
    EXPECT_THROW(adjoint.backward({sample}, {{0, 0}, 0.0}, interruption), ShapeMismatch);
    EXPECT_THROW(Adjoint({{"a", n_hidden, linear_lif()}}, {{0, 3, hidden_.projection, nullptr}}), InvalidArgument);
    LinearNeurons wrong = linear_lif();
    wrong.reset.pop_back();
    EXPECT_THROW(Adjoint({{"in", n_inputs, {}}, {"a", n_hidden, wrong}}, {{0, 1, hidden_.projection, nullptr}}),
                 ShapeMismatch);
}

}  // namespace
}  // namespace evsim
