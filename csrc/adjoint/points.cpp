#include "adjoint/points.hpp"

#include <algorithm>
#include <cmath>

#include "adjoint/fan.hpp"
#include "core/errors.hpp"

namespace evsim {

namespace {

/// Of one neuron each, one after the other.
template <class Item>
struct ByNeuron {
    std::vector<std::int64_t> first;
    std::vector<Item> items;

    std::span<Item> of(std::int32_t neuron) {
        const auto n = static_cast<std::size_t>(neuron);
        return {items.data() + first[n], static_cast<std::size_t>(first[n + 1] - first[n])};
    }
};

/// for_each(visit), called twice, calls visit(neuron, item) for every item.
template <class Item, class ForEach>
ByNeuron<Item> by_neuron(std::int32_t n_neurons, ForEach&& for_each) {
    ByNeuron<Item> out;
    out.first.assign(static_cast<std::size_t>(n_neurons) + 2, 0);
    for_each([&](std::int32_t neuron, const auto&) { ++out.first[static_cast<std::size_t>(neuron) + 2]; });
    for (std::size_t n = 2; n < out.first.size(); ++n) out.first[n] += out.first[n - 1];
    out.items.resize(static_cast<std::size_t>(out.first.back()));
    for_each([&](std::int32_t neuron, const auto& make) {
        out.items[static_cast<std::size_t>(out.first[static_cast<std::size_t>(neuron) + 1]++)] = make();
    });
    out.first.pop_back();
    return out;
}

/// Of the synapses of one input.
struct FanDelays {
    double all;
    const double* own;  ///< nullptr where they share one

    FanDelays(const Delays& delays, const Projection& projection, std::int32_t input)
        : all(delays.by_synapse()           ? 0.0
              : delays.values().size() == 1 ? delays.values()[0]
                                            : delays.values()[static_cast<std::size_t>(input)]),
          own(delays.by_synapse() ? projection.fan_out(input, delays).delays : nullptr) {}
    double operator[](std::int32_t synapse) const { return own ? own[synapse] : all; }
};

void put_in_order(std::span<AdjointPoint> points) {
    const auto earlier = [](const AdjointPoint& a, const AdjointPoint& b) { return a.time < b.time; };
    if (!std::is_sorted(points.begin(), points.end(), earlier)) std::stable_sort(points.begin(), points.end(), earlier);
}

/// Puts the points of one neuron into one order.
class Merge {
 public:
    Merge(const LinearNeurons& neurons, std::size_t n_edges, std::vector<AdjointPoint>& out) : out_(out) {
        for (std::size_t e = 0; e < n_edges; ++e) jumping_.push_back(neurons.jumps(e));
    }

    void run(std::span<const AdjointPoint> arrivals, std::span<const AdjointPoint> spikes,
             std::span<const AdjointPoint> seeds, double refractory) {
        std::size_t a = 0, s = 0, l = 0;
        // Times of the release to come and of the last one, and of the last arrival that jumps.
        double release = HUGE_VAL, last_release = -HUGE_VAL, lifted = -HUGE_VAL;
        std::int32_t released = 0;
        for (;;) {
            const double arrival = a < arrivals.size() ? arrivals[a].time : HUGE_VAL;
            const double spike = s < spikes.size() ? spikes[s].time : HUGE_VAL;
            // One that may move with an arrival comes before it.
            const bool moves = l < seeds.size() && seeds[l].weight != 0.0;
            const double seed = l < seeds.size() ? seeds[l].time - (moves ? 4.0 * ulp(seeds[l].time) : 0.0) : HUGE_VAL;
            const double next = std::min({arrival, spike, seed});
            // What arrives within the rounding of a clock at the release arrives at it.
            if (release <= next || release - next <= 4.0 * ulp(release)) {
                if (release == HUGE_VAL) return;
                last_release = std::min(release, next);
                out_.push_back({last_release, 0.0, 0, released, 0, 0, AdjointKind::release, false});
                release = HUGE_VAL;
                continue;
            }
            if (next == HUGE_VAL) return;
            const bool waits = spike == arrival && jump_at(arrivals.subspan(a));
            if (moves && seed == next) {
                AdjointPoint point = seeds[l++];
                point.weight = arrival <= point.time + 4.0 * ulp(point.time) ? 1.0 : 0.0;
                point.time = std::min(point.time, arrival);
                out_.push_back(point);
            } else if (spike == next && !waits) {
                AdjointPoint point = spikes[s++];
                const bool at_once = spike == lifted || spike - last_release <= 4.0 * ulp(spike);
                point.kind = at_once ? AdjointKind::jump : AdjointKind::crossing;
                if (refractory > 0.0) {
                    release = point.time + refractory;
                    released = point.spike;
                }
                out_.push_back(point);
            } else if (arrival == next) {
                if (jumping_[arrivals[a].edge]) lifted = arrival;
                out_.push_back(arrivals[a++]);
            } else {
                out_.push_back(seeds[l++]);
            }
        }
    }

 private:
    static double ulp(double x) {
        return std::isfinite(x) ? std::nextafter(std::fabs(x), HUGE_VAL) - std::fabs(x) : 0.0;
    }

    /// Whether one of those that arrive together jumps.
    bool jump_at(std::span<const AdjointPoint> arrivals) const {
        for (std::size_t k = 0; k < arrivals.size() && arrivals[k].time == arrivals[0].time; ++k)
            if (jumping_[arrivals[k].edge]) return true;
        return false;
    }

    std::vector<std::uint8_t> jumping_;  ///< of each edge
    std::vector<AdjointPoint>& out_;
};

}  // namespace

NeuronPoints points_of(const AdjointNode& node, std::int32_t number, std::span<const IncomingEdge> incoming,
                       const AdjointSample& sample) {
    auto arrivals = by_neuron<AdjointPoint>(node.n_neurons, [&](auto&& visit) {
        for (std::size_t e = 0; e < incoming.size(); ++e) {
            const auto& [edge, delays] = incoming[e];
            const WeightReader weights(*edge->projection);
            const SpikeView& sent = sample.spikes[static_cast<std::size_t>(edge->source)];
            for (std::size_t k = 0; k < sent.times.size(); ++k) {
                const FanDelays delay(*delays, *edge->projection, sent.indices[k]);
                for_each_synapse(*edge, sent.indices[k],
                                 [&](std::int32_t neuron, std::size_t place, std::int32_t synapse) {
                                     const double time = sent.times[k] + delay[synapse];
                                     if (time > sample.until) return;
                                     visit(neuron, [&] {
                                         return AdjointPoint{time,
                                                             weights[place],
                                                             place,
                                                             static_cast<std::int32_t>(k),
                                                             synapse,
                                                             static_cast<std::uint16_t>(e),
                                                             AdjointKind::arrival,
                                                             false};
                                     });
                                 });
            }
        }
    });
    const SpikeView& fired = sample.spikes[static_cast<std::size_t>(number)];
    auto spikes = by_neuron<AdjointPoint>(node.n_neurons, [&](auto&& visit) {
        for (std::size_t k = 0; k < fired.times.size(); ++k) {
            visit(fired.indices[k], [&] {
                return AdjointPoint{fired.times[k],        0.0,  0, static_cast<std::int32_t>(k), 0, 0,
                                    AdjointKind::crossing, false};
            });
        }
    });
    const AdjointSeeds& asked = sample.seeds[static_cast<std::size_t>(number)];
    auto seeds = by_neuron<AdjointPoint>(node.n_neurons, [&](auto&& visit) {
        for (std::size_t k = 0; k < asked.times.size(); ++k) {
            visit(asked.neurons[k], [&] {
                return AdjointPoint{asked.times[k], static_cast<double>(asked.moving[k]), k, 0, 0, 0, AdjointKind::seed,
                                    false};
            });
        }
    });
    NeuronPoints out;
    out.first.push_back(0);
    const std::vector<double>& refractory = node.neurons.refractory;
    out.points.reserve(arrivals.items.size() + spikes.items.size() * (refractory.empty() ? 1 : 2) + seeds.items.size());
    Merge merge(node.neurons, incoming.size(), out.points);
    for (std::int32_t n = 0; n < node.n_neurons; ++n) {
        put_in_order(arrivals.of(n));
        put_in_order(seeds.of(n));
        const double period = refractory.empty() ? 0.0 : refractory[static_cast<std::size_t>(n)];
        merge.run(arrivals.of(n), spikes.of(n), seeds.of(n), period);
        out.first.push_back(static_cast<std::int64_t>(out.points.size()));
    }
    return out;
}

}  // namespace evsim
