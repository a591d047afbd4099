// The C++ core on one thread: synaptic events per second beside the textbook simulator, and sorting.
#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <string>

#include <evsim/kernel/registry.hpp>
#include <evsim/network.hpp>

extern "C" std::int64_t textbook_lif(const float* weights, std::int32_t n_neurons, std::int32_t n_inputs,
                                     const std::int32_t* indices, const double* times, std::int64_t n_events,
                                     double tau_mem, double threshold);

namespace {

constexpr int n_inputs = 1000;
constexpr int n_spikes = 9927;

evsim::SpikeArray poisson() {
    std::mt19937 random(1);
    std::uniform_real_distribution<double> time(0.0, 1000.0);
    evsim::SpikeArray spikes;
    for (int k = 0; k < n_spikes; ++k) spikes.add(static_cast<std::int32_t>(random() % n_inputs), time(random));
    spikes.sort();
    return spikes;
}

/// Weights U(-1, 1) as [input][neuron].
std::vector<float> weights(int n_neurons) {
    std::mt19937 random(2);
    std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
    std::vector<float> out(static_cast<std::size_t>(n_inputs) * static_cast<std::size_t>(n_neurons));
    for (float& w : out) w = uniform(random);
    return out;
}

void report(benchmark::State& state, int n_neurons) {
    const double events = static_cast<double>(state.iterations()) * n_spikes * n_neurons;
    state.counters["events/s"] = benchmark::Counter(events, benchmark::Counter::kIsRate);
    state.counters["s/event"] = benchmark::Counter(events, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// A Poisson layer; a threshold out of reach shows the inner loop alone.
void poisson_layer(benchmark::State& state, const char* model, int value_bytes, double threshold) {
    evsim::set_num_threads(1);
    const int n_neurons = static_cast<int>(state.range(0));
    evsim::NeuronParameters parameters{{20.0, 10.0}, {{threshold}, {0.0}, {0.0}, {0.0}, {0.0}, {0.0}}};
    if (std::string(model) == "lif_refractory") parameters.per_neuron.push_back({1.0});
    const auto kernel = evsim::find_kernel(model, value_bytes);
    const auto population =
        std::make_shared<evsim::Population>(kernel, evsim::Layout::row(n_neurons, kernel->info), parameters);
    const auto projection = std::make_shared<evsim::Projection>(population, n_inputs);
    evsim::Dense& dense = *projection->dense();
    const std::vector<float> values = weights(n_neurons);
    for (int input = 0; input < n_inputs; ++input) {
        for (int n = 0; n < n_neurons; ++n) {
            const float w = values[static_cast<std::size_t>(input * n_neurons + n)];
            const std::size_t k = static_cast<std::size_t>(input) * dense.stride() + static_cast<std::size_t>(n);
            if (value_bytes == 4)
                reinterpret_cast<float*>(dense.data())[k] = w;
            else
                reinterpret_cast<double*>(dense.data())[k] = w;
        }
    }
    evsim::Network network;
    const std::int32_t source = network.add_input(n_inputs), node = network.add_population(population);
    network.connect(source, node, projection);
    const evsim::SpikeArray input = poisson();
    for (auto _ : state) {
        evsim::Interruption interruption;
        network.infer({{{input.indices(), input.times()}}}, {}, interruption);
    }
    report(state, n_neurons);
    state.counters["spikes"] = static_cast<double>(population->output()->post_spikes[0].size());
}

void textbook(benchmark::State& state) {
    const int n_neurons = static_cast<int>(state.range(0));
    std::vector<float> by_neuron(static_cast<std::size_t>(n_inputs * n_neurons));
    const std::vector<float> values = weights(n_neurons);
    for (int input = 0; input < n_inputs; ++input) {
        for (int n = 0; n < n_neurons; ++n) {
            by_neuron[static_cast<std::size_t>(n * n_inputs + input)] =
                values[static_cast<std::size_t>(input * n_neurons + n)];
        }
    }
    const evsim::SpikeArray input = poisson();
    std::int64_t spikes = 0;
    for (auto _ : state) {
        spikes = textbook_lif(by_neuron.data(), n_neurons, n_inputs, input.indices().data(), input.times().data(),
                              n_spikes, 20.0, 2.0);
    }
    report(state, n_neurons);
    state.counters["spikes"] = static_cast<double>(spikes);
}

void sort_spikes(benchmark::State& state) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> time(0.0, 1.0);
    std::vector<std::int32_t> indices(static_cast<std::size_t>(state.range(0)));
    std::vector<double> times(indices.size());
    for (double& t : times) t = time(random);
    for (auto _ : state) {
        evsim::SpikeArray spikes;
        spikes.add(indices, times);
        spikes.sort();
        benchmark::DoNotOptimize(spikes.times().data());
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK_CAPTURE(poisson_layer, lif_float, "lif", 4, 2.0)->Arg(100)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(poisson_layer, lif_float_silent, "lif", 4, 1e30)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(poisson_layer, lif_double, "lif", 8, 2.0)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(poisson_layer, lif_refractory_float, "lif_refractory", 4, 2.0)
    ->Arg(1000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(textbook)->Arg(1000)->Unit(benchmark::kMillisecond);
BENCHMARK(sort_spikes)->Arg(2000000)->Unit(benchmark::kMillisecond);

}  // namespace
