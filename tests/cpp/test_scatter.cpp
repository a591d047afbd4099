// Neurons that go by clocks of their own, against a population that shares every gap; and the ring and the calendar
// that they live by.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include <evsim/engine/calendar.hpp>
#include <evsim/engine/travel_ring.hpp>

#include "chain.hpp"

namespace evsim {
namespace {

constexpr int n_inputs = 30, n_neurons = 200;
constexpr double end_of_time = 120.0;

NeuronSettings refractory_lif() {
    return {"lif_refractory", {{20.0, 6.0}, {{0.4}, {0.0}, {0.0}, {0.0}, {0.0}, {0.0}, {1.5}}}};
}

struct Synapses {
    std::vector<std::int32_t> inputs, neurons;
    std::vector<double> weights;
};

Synapses random_synapses(int from, int to, double probability, double lowest, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    Synapses synapses;
    for (int input = 0; input < from; ++input) {
        for (int neuron = 0; neuron < to; ++neuron) {
            if (uniform(random) >= probability) continue;
            synapses.inputs.push_back(input);
            synapses.neurons.push_back(neuron);
            synapses.weights.push_back(lowest + uniform(random));
        }
    }
    return synapses;
}

std::shared_ptr<Projection> sparse(const std::shared_ptr<Population>& target, int from, const Synapses& synapses) {
    Sparse connection(from, target->n_neurons(), synapses.inputs, synapses.neurons, 8);
    std::copy(synapses.weights.begin(), synapses.weights.end(), reinterpret_cast<double*>(connection.data()));
    return std::make_shared<Projection>(target, std::move(connection));
}

SpikeArray train(unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> time(0.0, end_of_time);
    SpikeArray spikes;
    for (int k = 0; k < 600; ++k) spikes.add(static_cast<std::int32_t>(random() % n_inputs), time(random));
    spikes.sort();
    return spikes;
}

TEST(Scatter, SparseSynapsesAreAMatrixWithZeros) {
    const Synapses synapses = random_synapses(n_inputs, n_neurons, 0.3, -0.3, 1);
    const TestLayer dense = dense_layer(n_inputs, n_neurons, 8, refractory_lif());
    for (std::size_t k = 0; k < synapses.weights.size(); ++k) {
        auto* const row = reinterpret_cast<double*>(dense.dense().data()) +
                          static_cast<std::size_t>(synapses.inputs[k]) * dense.dense().stride();
        row[synapses.neurons[k]] = synapses.weights[k];
    }
    TestLayer scattered = dense_layer(n_inputs, n_neurons, 8, refractory_lif());
    scattered.projection = sparse(scattered.population, n_inputs, synapses);
    Chain one, other;
    one.add(dense);
    other.add(scattered);
    const SpikeArray expected = one.run(train(2), options(end_of_time)),
                     found = other.run(train(2), options(end_of_time));
    ASSERT_EQ(found.size(), expected.size());
    EXPECT_GT(found.size(), 1000u);
    for (std::size_t k = 0; k < found.size(); ++k) {
        EXPECT_EQ(found[k].index, expected[k].index);
        EXPECT_NEAR(found[k].time, expected[k].time, 1e-9);
    }
}

/// A population that feeds itself by synapses with delays of their own, and is driven.
struct Loop {
    Network network;
    std::shared_ptr<Population> population;

    Loop() {
        const auto kernel = find_kernel("lif_refractory", 8);
        population =
            std::make_shared<Population>(kernel, Layout::row(n_neurons, kernel->info), refractory_lif().parameters);
        const std::int32_t input = network.add_input(n_inputs), node = network.add_population(population);
        network.connect(input, node, sparse(population, n_inputs, random_synapses(n_inputs, n_neurons, 0.3, -0.3, 3)));
        const auto back = sparse(population, n_neurons, random_synapses(n_neurons, n_neurons, 0.1, -0.9, 4));
        std::mt19937 random(5);
        std::uniform_real_distribution<double> delay(0.8, 6.0);
        std::vector<double> delays(back->sparse()->n_synapses());
        for (double& one : delays) one = delay(random);
        back->set_delays(delays, true);
        network.connect(node, node, back);
        network.add_drive(node, PoissonSettings{{0.2}, {0.0, 50.0}, {0.3, 1.0}, 7, 0});
    }
    void run(const SpikeArray& spikes, double until, bool reset) {
        Interruption interruption;
        network.infer({{{spikes.indices(), spikes.times()}}}, options(until, reset), interruption);
    }
    const SpikeArray& output() { return (last = population->output())->post_spikes[0]; }

    std::shared_ptr<const NodeOutput> last;
};

SpikeArray piece(const SpikeArray& spikes, double from, double to) {
    SpikeArray out;
    for (std::size_t k = 0; k < spikes.size(); ++k)
        if (spikes[k].time > from && spikes[k].time <= to) out.add(spikes[k].index, spikes[k].time);
    return out;
}

void expect_same(const SpikeArray& found, const SpikeArray& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
        EXPECT_EQ(found[k].index, expected[k].index);
        EXPECT_EQ(found[k].time, expected[k].time);
    }
}

TEST(Scatter, ThreadsDoNotChangeABit) {
    const int before = num_threads();
    set_num_threads(1);
    Loop one;
    one.run(train(6), end_of_time, true);
    const SpikeArray expected = one.output();
    EXPECT_GT(expected.size(), 500u);
    for (const int threads : {2, 3}) {
        set_num_threads(threads);
        Loop other;
        other.run(train(6), end_of_time, true);
        expect_same(other.output(), expected);
    }
    set_num_threads(before);
}

TEST(Scatter, PiecesFromOneNetworkToTheNextAreTheWhole) {
    Loop whole;
    whole.run(train(6), end_of_time, true);
    SpikeArray found;
    double from = -1.0;
    Network::Snapshot state;
    for (const double to : {7.3, 31.0, 49.9, 51.2, end_of_time}) {
        Loop loop;
        if (from >= 0.0) loop.network.restore(state);
        loop.run(piece(train(6), from, to), to, from < 0.0);
        for (std::size_t k = 0; k < loop.output().size(); ++k) found.add(loop.output()[k].index, loop.output()[k].time);
        state = loop.network.snapshot();
        from = to;
    }
    expect_same(found, whole.output());
}

TEST(Scatter, ASynapseThatLeadsNowhereIsRefused) {
    using List = std::vector<std::int32_t>;
    EXPECT_THROW(Sparse(2, 3, List{0, 1}, List{0}, 4), ShapeMismatch);
    EXPECT_THROW(Sparse(2, 3, List{0, 2}, List{0, 0}, 4), IndexOutOfRange);
    EXPECT_THROW(Sparse(2, 3, List{0, 1}, List{0, -1}, 4), IndexOutOfRange);
    EXPECT_THROW(Sparse(2, 3, List{1, 0}, List{0, 0}, 4), UnsortedSpikes);
    EXPECT_THROW(Sparse(2, 3, List{0, 0}, List{1, 0}, 4), UnsortedSpikes);
    EXPECT_EQ(Sparse(2, 3, List{}, List{}, 4).n_synapses(), 0u);
}

TEST(Incoming, OrdersSynapsesByNeuronAndThenByInput) {
    const Synapses synapses = random_synapses(20, 30, 0.3, 0.0, 4);
    const Sparse sparse(20, 30, synapses.inputs, synapses.neurons, 4);
    const Incoming incoming(sparse);
    std::vector<bool> seen(sparse.n_synapses());
    for (std::size_t k = 0; k < sparse.n_synapses(); ++k) {
        const std::size_t place = incoming.place(k);
        EXPECT_FALSE(seen[place]);
        seen[place] = true;
        EXPECT_LE(incoming.first(synapses.neurons[k]), place);
        EXPECT_LT(place, incoming.first(synapses.neurons[k] + 1));
        EXPECT_EQ(incoming.inputs()[place], synapses.inputs[k]);
        if (place > incoming.first(synapses.neurons[k])) {
            EXPECT_LE(incoming.inputs()[place - 1], synapses.inputs[k]);
        }
    }
}

TEST(TravelRing, GivesEverythingOnceAndNotTooEarly) {
    std::mt19937 random(8);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    constexpr double longest = 5.0;
    TravelRing<double> ring;
    ring.begin(longest, 0.0);
    std::vector<double> sent, taken;
    for (double now = 0.0; now < 2000.0;) {
        std::vector<Travelling<double>> out;
        ring.take(now, out);
        for (const auto& arrival : out) {
            EXPECT_LE(arrival.time, now);
            taken.push_back(arrival.time);
        }
        for (int k = 0; k < 3; ++k) {
            const double time = now + std::nextafter(longest * (1.0 - uniform(random)), 0.0);
            if (time <= now) continue;
            ring.put(time);
            sent.push_back(time);
        }
        now += uniform(random) < 0.01 ? 400.0 * uniform(random) : uniform(random) * 0.3;  // also far beyond the ring
    }
    std::vector<Travelling<double>> rest;
    ring.take(std::numeric_limits<double>::infinity(), rest);
    for (const auto& arrival : rest) taken.push_back(arrival.time);
    EXPECT_TRUE(ring.empty());
    std::sort(sent.begin(), sent.end());
    std::sort(taken.begin(), taken.end());
    EXPECT_EQ(taken, sent);
}

TEST(Calendar, ShowsEveryNeuronWhenItIsDueAndNotWithoutNeed) {
    std::mt19937 random(9);
    std::uniform_real_distribution<double> uniform(0.0, 1.0);
    constexpr std::int32_t n = 50;
    std::vector<double> due(n);
    Calendar calendar(0.0, 0.5, due.data(), 0, n);
    for (std::int32_t neuron = 0; neuron < n; ++neuron) {
        due[static_cast<std::size_t>(neuron)] = uniform(random) * 100.0;
        calendar.put(neuron);
    }
    for (double now = 0.0; now < 500.0;) {
        now += uniform(random) < 0.05 ? 80.0 * uniform(random) : 0.5;  // longer than the ring too
        std::vector<std::int32_t> shown;
        calendar.take(now, [&](std::int32_t neuron) { shown.push_back(neuron); });
        for (std::int32_t neuron = 0; neuron < n; ++neuron) {
            const auto times = std::count(shown.begin(), shown.end(), neuron);
            EXPECT_EQ(times, due[static_cast<std::size_t>(neuron)] < now ? 1 : 0);
        }
        for (const std::int32_t neuron : shown) {
            due[static_cast<std::size_t>(neuron)] = now + uniform(random) * 60.0;
            calendar.put(neuron);
        }
        for (int k = 0; k < 5; ++k) {  // touched meanwhile
            const auto neuron = static_cast<std::int32_t>(random() % n);
            due[static_cast<std::size_t>(neuron)] = now + uniform(random) * 60.0;
            calendar.put(neuron);
        }
    }
}

}  // namespace
}  // namespace evsim
