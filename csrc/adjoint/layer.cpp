#include "adjoint/layer.hpp"

#include <algorithm>
#include <cmath>

#include "core/cpu.hpp"

namespace evsim {

#if defined(EVSIM_AVX512)
AdjointTileKernel adjoint_tile_kernel_avx512(int size, int value_bytes);
#endif
#if defined(EVSIM_X86_64)
AdjointTileKernel adjoint_tile_kernel_avx2(int size, int value_bytes);
#endif
AdjointTileKernel adjoint_tile_kernel_baseline(int size, int value_bytes);

namespace {

constexpr std::size_t most_variables = 4;
constexpr std::size_t most_ports = 8;

AdjointTileKernel find_tile_kernel(int size, int value_bytes) {
#if defined(EVSIM_AVX512)
    if (active_isa() == "avx512") return adjoint_tile_kernel_avx512(size, value_bytes);
#endif
#if defined(EVSIM_X86_64)
    if (active_isa() == "avx2") return adjoint_tile_kernel_avx2(size, value_bytes);
#endif
    return adjoint_tile_kernel_baseline(size, value_bytes);
}

/// The first `n` rows and columns of matrices of `size`.
class Leading {
 public:
    Leading(const std::vector<double>& matrices, std::size_t size) : values_(matrices), size_(size) {}

    std::size_t count() const { return values_.size() / (size_ * size_); }
    double operator()(std::size_t matrix, std::size_t i, std::size_t j) const {
        return values_[(matrix < count() ? matrix : 0) * size_ * size_ + i * size_ + j];
    }
    /// What multiplies the variable that stays 1.
    double constant(std::size_t matrix, std::size_t i) const { return (*this)(matrix, i, size_ - 1); }

 private:
    const std::vector<double>& values_;
    std::size_t size_;
};

/// x with A x = -b, of the first n variables; none where A is singular. (A handful of variables: by elimination.)
std::optional<std::vector<double>> rest_of(const Leading& flow, std::size_t neuron, std::size_t n) {
    std::vector<double> a(n * n), x(n);
    bool driven = false;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) a[i * n + j] = flow(neuron, i, j);
        x[i] = -flow.constant(neuron, i);
        driven = driven || x[i] != 0.0;
    }
    if (!driven) return std::vector<double>(n, 0.0);
    for (std::size_t k = 0; k < n; ++k) {
        std::size_t pivot = k;
        for (std::size_t i = k + 1; i < n; ++i)
            if (std::fabs(a[i * n + k]) > std::fabs(a[pivot * n + k])) pivot = i;
        if (a[pivot * n + k] == 0.0) return std::nullopt;
        for (std::size_t j = 0; j < n; ++j) std::swap(a[k * n + j], a[pivot * n + j]);
        std::swap(x[k], x[pivot]);
        for (std::size_t i = 0; i < n; ++i) {
            if (i == k) continue;
            const double factor = a[i * n + k] / a[k * n + k];
            for (std::size_t j = k; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
            x[i] -= factor * x[k];
        }
    }
    for (std::size_t k = 0; k < n; ++k) x[k] /= a[k * n + k];
    return x;
}

bool shares_rates(const Leading& flow, std::size_t n) {
    for (std::size_t m = 1; m < flow.count(); ++m)
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j)
                if (flow(m, i, j) != flow(0, i, j)) return false;
    return true;
}

}  // namespace

std::optional<DenseLayer> dense_layer(const AdjointNode& node, std::span<const AdjointEdge* const> edges,
                                      std::span<const Delays* const> delays) {
    const LinearNeurons& neurons = node.neurons;
    const auto size = static_cast<std::size_t>(neurons.size), n = static_cast<std::size_t>(neurons.variables);
    const Leading flow(neurons.flow, size), reset(neurons.reset, size);
    if (edges.empty() || edges.size() > most_ports || n > most_variables || !neurons.refractory.empty() ||
        !shares_rates(flow, n)) {
        return std::nullopt;
    }
    DenseLayer layer{};
    for (std::size_t e = 0; e < edges.size(); ++e) {
        const Dense* const dense = edges[e]->projection->dense();
        if (!dense || delays[e]->by_synapse() || neurons.jumps(e)) return std::nullopt;
        layer.kernel = find_tile_kernel(static_cast<int>(n), dense->value_bytes());
        if (dense->stride() % static_cast<std::size_t>(layer.kernel.lanes) != 0) return std::nullopt;
    }
    const std::size_t padded = layer.size();
    const std::size_t n_rests = flow.count(), n_initial = neurons.initial.size() / size;
    const std::size_t n_offsets = std::max(n_rests, reset.count()), n_starts = std::max(n_rests, n_initial);
    std::vector<std::vector<double>> rests;
    for (std::size_t m = 0; m < n_rests; ++m) {
        auto rest = rest_of(flow, m, n);
        if (!rest) return std::nullopt;
        rests.push_back(std::move(*rest));
    }
    const auto rest = [&](std::size_t m) -> const std::vector<double>& { return rests[m < n_rests ? m : 0]; };
    layer.flow.assign(padded * padded, 0.0);
    layer.readout.assign(padded, 0.0);
    layer.jumps.assign(edges.size() * padded, 0.0);
    layer.reset.assign(reset.count() * padded * padded, 0.0);
    layer.offset.assign(n_offsets * padded, 0.0);
    layer.initial.assign(n_starts * padded, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            layer.flow[i * padded + j] = flow(0, i, j);
            for (std::size_t m = 0; m < reset.count(); ++m) layer.reset[(m * padded + i) * padded + j] = reset(m, i, j);
        }
        layer.readout[i] = neurons.readout[i];
        for (std::size_t e = 0; e < edges.size(); ++e) layer.jumps[e * padded + i] = neurons.arrivals[e * size + i];
        for (std::size_t m = 0; m < n_offsets; ++m) {
            double to = reset.constant(m, i) - rest(m)[i];
            for (std::size_t j = 0; j < n; ++j) to += reset(m, i, j) * rest(m)[j];
            layer.offset[m * padded + i] = to;
        }
        for (std::size_t m = 0; m < n_starts; ++m)
            layer.initial[m * padded + i] = neurons.initial[(m < n_initial ? m : 0) * size + i] - rest(m)[i];
    }
    layer.one_reset = reset.count() == 1;
    layer.one_offset = n_offsets == 1;
    layer.one_initial = n_starts == 1;
    return layer;
}

namespace {

/// Neighbouring neurons that go together.
struct TileOf {
    std::int64_t first, n;
    bool one;  ///< vector
};

/// One sample, as the tiles of a layer take it.
struct SampleOfLayer {
    std::vector<AdjointEvent> events;
    std::vector<std::byte> changes;
    std::vector<AdjointStop> stops;             ///< by tile, event, neuron and time
    std::vector<std::int64_t> first_stop;       ///< [tile + 1]
    std::vector<std::vector<double>> by_times;  ///< [tile][event]
    std::vector<double> seeds;
};

class LayerBackward {
 public:
    LayerBackward(const AdjointNode& node, std::int32_t number, const DenseLayer& layer,
                  std::span<const LayerEdge> edges, const std::vector<AdjointSample>& samples, double smallest_slope,
                  std::vector<std::vector<std::vector<double>>>& by_spikes)
        : node_(node),
          number_(static_cast<std::size_t>(number)),
          layer_(layer),
          edges_(edges),
          samples_(samples),
          by_spikes_(by_spikes),
          of_samples_(samples.size()) {
        const AdjointTileKernel& kernel = layer.kernel;
        const std::int64_t n = node.n_neurons, wide = std::int64_t{kernel.lanes} * kernel.most_vectors;
        for (std::int64_t first = 0; first < n;) {
            // A wide tile where its last vector is needed too: those of one vector cost no more where it is not.
            const bool one = n - first <= wide - kernel.lanes;
            const std::int64_t width = one ? kernel.lanes : wide;
            tiles_.push_back({first, std::min(width, n - first), one});
            first += width;
        }
        const auto size = static_cast<std::int64_t>(layer.size());
        shared_ = {layer.flow.data(),
                   layer.readout.data(),
                   layer.jumps.data(),
                   static_cast<std::int32_t>(edges.size()),
                   layer.reset.data(),
                   layer.offset.data(),
                   layer.initial.data(),
                   layer.one_reset ? 0 : size * size,
                   layer.one_offset ? 0 : size,
                   layer.one_initial ? 0 : size,
                   smallest_slope};
    }

    void run(Interruption& interruption) {
        const auto n_samples = static_cast<std::int64_t>(samples_.size());
        const int threads = work() < little_work ? 1 : num_threads();
        parallel_for(n_samples, threads, interruption, [&](std::int64_t s) { prepare(static_cast<std::size_t>(s)); });
        // A tile goes through one sample after the other, so that sums do not depend on the threads.
        parallel_for(static_cast<std::int64_t>(tiles_.size()), threads, interruption, [&](std::int64_t t) {
            std::vector<double> scratch;
            for (std::size_t s = 0; s < samples_.size(); ++s) backward(static_cast<std::size_t>(t), s, scratch);
        });
        for (std::size_t s = 0; s < samples_.size(); ++s) hand_on(s);
    }

 private:
    /// In synaptic events; to start threads costs as much as some hundred thousand of them.
    static constexpr double little_work = 4e5;

    double work() const {
        double sum = 0.0;
        for (const AdjointSample& sample : samples_) {
            for (const LayerEdge& edge : edges_)
                sum += static_cast<double>(sample.spikes[static_cast<std::size_t>(edge.edge->source)].size()) *
                       (node_.n_neurons + 100.0);
            sum += 500.0 * static_cast<double>(sample.spikes[number_].size());
        }
        return sum;
    }

    void prepare(std::size_t s) {
        SampleOfLayer& to = of_samples_[s];
        collect_events(samples_[s], to);
        to.changes.resize(to.events.size() * layer_.size() * layer_.size() * static_cast<std::size_t>(value_bytes()));
        layer_.kernel.changes(layer_.flow.data(), samples_[s].start, to.events.data(),
                              static_cast<std::int64_t>(to.events.size()), to.changes.data());
        collect_stops(samples_[s], to);
        to.by_times.assign(tiles_.size(), std::vector<double>(to.events.size(), 0.0));
    }

    int value_bytes() const { return edges_[0].by_weights->value_bytes(); }

    void collect_events(const AdjointSample& sample, SampleOfLayer& to) const {
        struct Arrival {
            double time;
            std::int32_t edge, spike;
        };
        std::vector<Arrival> arrivals;
        for (std::size_t e = 0; e < edges_.size(); ++e) {
            const SpikeView& sent = sample.spikes[static_cast<std::size_t>(edges_[e].edge->source)];
            const std::vector<double>& delays = edges_[e].delays->values();
            for (std::size_t k = 0; k < sent.times.size(); ++k) {
                const double delay = delays.size() == 1 ? delays[0] : delays[static_cast<std::size_t>(sent.indices[k])];
                const double time = sent.times[k] + delay;
                if (time <= sample.until)
                    arrivals.push_back({time, static_cast<std::int32_t>(e), static_cast<std::int32_t>(k)});
            }
        }
        const auto earlier = [](const Arrival& a, const Arrival& b) { return a.time < b.time; };
        if (!std::is_sorted(arrivals.begin(), arrivals.end(), earlier))
            std::stable_sort(arrivals.begin(), arrivals.end(), earlier);
        to.events.reserve(arrivals.size());
        for (const Arrival& arrival : arrivals) {
            const LayerEdge& edge = edges_[static_cast<std::size_t>(arrival.edge)];
            const Dense& dense = *edge.edge->projection->dense();
            const SpikeView& sent = sample.spikes[static_cast<std::size_t>(edge.edge->source)];
            const std::size_t row = static_cast<std::size_t>(sent.indices[static_cast<std::size_t>(arrival.spike)]) *
                                    dense.stride() * static_cast<std::size_t>(dense.value_bytes());
            to.events.push_back(
                {arrival.time, dense.data() + row, edge.by_weights->data() + row, arrival.edge, arrival.spike});
        }
    }

    void collect_stops(const AdjointSample& sample, SampleOfLayer& to) const {
        const SpikeView& fired = sample.spikes[number_];
        const AdjointSeeds& seeds = sample.seeds[number_];
        const auto before = [&](double time, bool and_at) {
            const auto earlier = [](const AdjointEvent& event, double t) { return event.time < t; };
            const auto later = [](double t, const AdjointEvent& event) { return t < event.time; };
            const auto found = and_at ? std::upper_bound(to.events.begin(), to.events.end(), time, later)
                                      : std::lower_bound(to.events.begin(), to.events.end(), time, earlier);
            return static_cast<std::int32_t>(found - to.events.begin());
        };
        std::vector<AdjointStop> stops;
        stops.reserve(fired.times.size() + seeds.times.size());
        for (std::size_t k = 0; k < fired.times.size(); ++k)
            stops.push_back({fired.times[k], before(fired.times[k], false), fired.indices[k],
                             static_cast<std::int32_t>(k), -1, false});
        for (std::size_t k = 0; k < seeds.times.size(); ++k) {
            const double time = seeds.times[k],
                         near = 4.0 * (std::nextafter(std::fabs(time), HUGE_VAL) - std::fabs(time));
            const bool may_move = seeds.moving[k] != 0;
            const std::int32_t event = may_move ? before(time - near, false) : before(time, true);
            const auto e = static_cast<std::size_t>(event);
            const bool moves = may_move && e < to.events.size() && to.events[e].time <= time + near;
            stops.push_back({moves ? std::min(time, to.events[e].time) : time, event, seeds.neurons[k], -1,
                             static_cast<std::int32_t>(k), moves});
        }
        const std::size_t from = static_cast<std::size_t>(node_.neurons.size), size = layer_.size();
        to.seeds.resize(seeds.times.size() * size);
        for (std::size_t k = 0; k < seeds.times.size(); ++k)
            for (std::size_t i = 0; i < static_cast<std::size_t>(node_.neurons.variables); ++i)
                to.seeds[k * size + i] = seeds.values[k * from + i];
        std::vector<std::int64_t>& first = to.first_stop;
        first.assign(tiles_.size() + 2, 0);
        for (const AdjointStop& stop : stops) ++first[tile_of(stop.neuron) + 2];
        for (std::size_t t = 2; t < first.size(); ++t) first[t] += first[t - 1];
        to.stops.resize(stops.size());
        for (const AdjointStop& stop : stops)
            to.stops[static_cast<std::size_t>(first[tile_of(stop.neuron) + 1]++)] = stop;
        first.pop_back();
        for (std::size_t t = 0; t < tiles_.size(); ++t) {
            std::stable_sort(to.stops.begin() + first[t], to.stops.begin() + first[t + 1],
                             [](const AdjointStop& a, const AdjointStop& b) {
                                 if (a.event != b.event) return a.event < b.event;
                                 return a.neuron != b.neuron ? a.neuron < b.neuron : a.time < b.time;
                             });
        }
    }

    std::size_t tile_of(std::int32_t neuron) const {
        const auto after = std::upper_bound(tiles_.begin(), tiles_.end(), std::int64_t{neuron},
                                            [](std::int64_t n, const TileOf& tile) { return n < tile.first; });
        return static_cast<std::size_t>(after - tiles_.begin()) - 1;
    }

    void backward(std::size_t t, std::size_t s, std::vector<double>& scratch) {
        SampleOfLayer& of = of_samples_[s];
        AdjointTile tile{};
        tile.layer = &shared_;
        tile.first_neuron = tiles_[t].first;
        tile.n_neurons = tiles_[t].n;
        tile.start = samples_[s].start;
        tile.events = of.events.data();
        tile.n_events = static_cast<std::int64_t>(of.events.size());
        tile.changes = of.changes.data();
        tile.by_times = of.by_times[t].data();
        tile.stops = of.stops.data() + of.first_stop[t];
        tile.n_stops = of.first_stop[t + 1] - of.first_stop[t];
        if (tile.n_stops == 0) return;
        scratch.resize(static_cast<std::size_t>(tile.n_stops * layer_.kernel.scratch_per_stop));
        tile.scratch = scratch.data();
        tile.by_spikes = by_spikes_[s][number_].data();
        tile.seeds = of.seeds.data();
        (tiles_[t].one ? layer_.kernel.backward_one : layer_.kernel.backward_most)(tile);
    }

    /// To the spikes of the sources, and the delays.
    void hand_on(std::size_t s) {
        const SampleOfLayer& of = of_samples_[s];
        for (std::size_t k = 0; k < of.events.size(); ++k) {
            double by_time = 0.0;
            for (std::size_t t = 0; t < tiles_.size(); ++t) by_time += of.by_times[t][k];
            const AdjointEvent& event = of.events[k];
            const LayerEdge& edge = edges_[static_cast<std::size_t>(event.port)];
            const auto source = static_cast<std::size_t>(edge.edge->source),
                       spike = static_cast<std::size_t>(event.spike);
            by_spikes_[s][source][spike] += by_time;
            std::vector<double>& by_delays = *edge.by_delays;
            by_delays[by_delays.size() == 1 ? 0
                                            : static_cast<std::size_t>(samples_[s].spikes[source].indices[spike])] +=
                by_time;
        }
    }

    const AdjointNode& node_;
    std::size_t number_;
    const DenseLayer& layer_;
    std::span<const LayerEdge> edges_;
    const std::vector<AdjointSample>& samples_;
    std::vector<std::vector<std::vector<double>>>& by_spikes_;
    std::vector<SampleOfLayer> of_samples_;
    std::vector<TileOf> tiles_;
    AdjointLayer shared_;
};

}  // namespace

void layer_backward(const AdjointNode& node, std::int32_t number, const DenseLayer& layer,
                    std::span<const LayerEdge> edges, const std::vector<AdjointSample>& samples, double smallest_slope,
                    std::vector<std::vector<std::vector<double>>>& by_spikes, Interruption& interruption) {
    LayerBackward(node, number, layer, edges, samples, smallest_slope, by_spikes).run(interruption);
}

}  // namespace evsim
