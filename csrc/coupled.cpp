#include "coupled.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "components.hpp"
#include "core/errors.hpp"

namespace evsim {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Spikes on their way by one projection.
class Queue {
 public:
    void put(const Delays& delays, const SpikeView& sent) {
        if (sent.size() == 0) return;
        spikes_ = delays.arrivals(waiting(), sent);
        next_ = 0;
    }
    void put(const SpikeView& arriving) { put(Delays(), arriving); }
    /// Those up to and including `last`; a view until the next `put`.
    SpikeView take(double last) {
        const SpikeView rest = waiting();
        const auto n =
            static_cast<std::size_t>(std::upper_bound(rest.times.begin(), rest.times.end(), last) - rest.times.begin());
        next_ += n;
        return {rest.indices.first(n), rest.times.first(n)};
    }
    SpikeView waiting() const { return {spikes_.indices().subspan(next_), spikes_.times().subspan(next_)}; }

 private:
    SpikeArray spikes_;
    std::size_t next_ = 0;
};

/// One node and one sample in all windows.
struct Track {
    std::vector<Queue> queues;  ///< of each source
    double begin = 0.0;         ///< where the sample's own time begins
    SpikeArray spikes;          ///< so far
    std::vector<std::int32_t> causes;
    std::vector<std::vector<double>> recorded;  ///< of each probe
};

class CoupledRun {
 public:
    CoupledRun(std::span<CoupledNode> nodes, Ranks* ranks, Interruption& interruption)
        : nodes_(nodes), interruption_(interruption), targets_(nodes.size()), tracks_(nodes.size()) {
        if (ranks) exchange_.emplace(*ranks);
        for (std::size_t k = 0; k < nodes_.size(); ++k) {
            next_times_.emplace_back(nodes_[k].probes.size(), 0);
            for (std::size_t p = 0; p < nodes_[k].sources.size(); ++p) {
                if (nodes_[k].sources[p] >= 0)
                    targets_[static_cast<std::size_t>(nodes_[k].sources[p])].emplace_back(k, p);
            }
            for (std::size_t s = 0; s < nodes_[k].run->samples.size(); ++s)
                tracks_[k].push_back(track_of(nodes_[k], s));
        }
    }

    /// One window; `last` is the time of its last arrivals.
    void advance(double end, double last) {
        for (std::size_t k = 0; k < nodes_.size(); ++k) {
            if (nodes_[k].needs_all) exchange();
            advance(k, end, last);
        }
        exchange();
    }

    void finish() {
        for (std::size_t k = 0; k < nodes_.size(); ++k) {
            for (std::size_t s = 0; s < tracks_[k].size(); ++s)
                finish(nodes_[k], nodes_[k].run->samples[s], tracks_[k][s]);
        }
    }

 private:
    static Track track_of(const CoupledNode& node, std::size_t s) {
        Sample& sample = node.run->samples[s];
        Track track;
        track.begin = sample.state.last_event;
        track.recorded.resize(node.probes.size());
        for (std::size_t p = 0; p < node.sources.size(); ++p) {
            Queue& queue = track.queues.emplace_back();
            queue.put(on_their_way(sample.state.in_flight, static_cast<std::int32_t>(p)));
            if (node.sources[p] < 0) queue.put(*node.delays[p], node.sent[p][s]);
        }
        return track;
    }

    void advance(std::size_t k, double end, double last) {
        CoupledNode& node = nodes_[k];
        std::vector<ArrivalCollector> collectors(tracks_[k].size());
        for (std::size_t s = 0; s < tracks_[k].size(); ++s) {
            Track& track = tracks_[k][s];
            Sample& sample = node.run->samples[s];
            std::vector<SpikeView> arriving;
            for (Queue& queue : track.queues) arriving.push_back(queue.take(last));
            sample.inputs = collectors[s].merge(arriving);
            sample.until = std::max(end, track.begin);
            sample.last_arrival = std::max(last, track.begin);
            sample.recorded.clear();
        }
        node.run->advance(probes_within(k, last), node.limits, interruption_);
        for (std::size_t s = 0; s < tracks_[k].size(); ++s) collect(k, s, end);
    }

    /// The probes of a node with those of their times that lie in a window.
    std::vector<Probe> probes_within(std::size_t k, double last) {
        std::vector<Probe> within;
        for (std::size_t p = 0; p < nodes_[k].probes.size(); ++p) {
            const Probe& probe = nodes_[k].probes[p];
            const auto from = probe.times.begin() + static_cast<std::ptrdiff_t>(next_times_[k][p]);
            const auto to = std::upper_bound(from, probe.times.end(), last);
            within.push_back({probe.neurons, {from, to}, probe.observable});
            next_times_[k][p] = static_cast<std::size_t>(to - probe.times.begin());
        }
        return within;
    }

    void collect(std::size_t k, std::size_t s, double end) {
        Sample& sample = nodes_[k].run->samples[s];
        Track& track = tracks_[k][s];
        const SpikeArray found = std::exchange(sample.spikes, {});
        if (nodes_[k].n_shared > 0) {
            exchange_->put(nodes_[k].n_shared, {found.indices(), found.times()});
            exchanged_.emplace_back(k, s);
        } else {
            pass_on(k, s, found);
        }
        track.causes.insert(track.causes.end(), sample.causes.begin(), sample.causes.end());
        sample.causes.clear();
        for (std::size_t p = 0; p < track.recorded.size(); ++p)
            track.recorded[p].insert(track.recorded[p].end(), sample.recorded[p].begin(), sample.recorded[p].end());
        sample.inputs = {};
        sample.from = end;
    }

    void pass_on(std::size_t k, std::size_t s, const SpikeArray& found) {
        tracks_[k][s].spikes.add(found.indices(), found.times());
        for (const auto& [target, p] : targets_[k])
            tracks_[target][s].queues[p].put(*nodes_[target].delays[p], {found.indices(), found.times()});
    }

    /// What the neurons of all ranks have fired since the last time.
    void exchange() {
        if (exchanged_.empty()) return;
        const std::vector<SpikeArray> all = exchange_->exchange();
        for (std::size_t k = 0; k < all.size(); ++k) pass_on(exchanged_[k].first, exchanged_[k].second, all[k]);
        exchanged_.clear();
    }

    static void finish(const CoupledNode& node, Sample& sample, Track& track) {
        sample.spikes = std::move(track.spikes);
        sample.causes = std::move(track.causes);
        sample.recorded = std::move(track.recorded);
        sample.state.in_flight = {};
        const InFlight travelling = std::exchange(sample.state.travelling, {});
        for (std::size_t p = 0; p < track.queues.size(); ++p) {
            const auto number = static_cast<std::int32_t>(p);
            keep(on_their_way(travelling, number), number, sample.state.travelling);
            keep(track.queues[p].waiting(), number,
                 node.delays[p]->by_synapse() ? sample.state.travelling : sample.state.in_flight);
        }
    }

    std::span<CoupledNode> nodes_;
    Interruption& interruption_;
    std::optional<SpikeExchange> exchange_;
    std::vector<std::pair<std::size_t, std::size_t>> exchanged_;  ///< nodes and samples whose spikes wait for it
    std::vector<std::vector<std::pair<std::size_t, std::size_t>>>
        targets_;                                       ///< of each: a node, and by which projection
    std::vector<std::vector<Track>> tracks_;            ///< [node][sample]
    std::vector<std::vector<std::size_t>> next_times_;  ///< [node][probe]: the first of its times that is still to come
};

}  // namespace

CoupledOrder coupled_order(std::int32_t n_nodes, std::span<const CoupledEdge> edges) {
    std::vector<std::pair<std::int32_t, std::int32_t>> at_once;
    CoupledOrder order;
    order.window = infinity;
    for (const CoupledEdge& edge : edges) {
        if (edge.delay > 0.0) {
            order.window = std::min(order.window, edge.delay);
        } else {
            at_once.emplace_back(edge.source, edge.target);
            if (edge.source == edge.target) return {};
        }
    }
    for (const Component& component : components(n_nodes, at_once)) {
        if (component.size() > 1) return {};
        order.nodes.push_back(component.front());
    }
    return order;
}

void run_coupled(std::span<CoupledNode> nodes, double window, double begin, Ranks* ranks, Interruption& interruption) {
    CoupledRun run(nodes, ranks, interruption);
    for (CoupledNode& node : nodes) node.run->expect_windows(window);
    const double until = nodes.front().run->samples.empty() ? begin : nodes.front().run->samples.front().until;
    double time = begin;
    do {
        const double end = std::min(time + window, until);
        if (!(end > time) && end < until) {
            throw InvalidArgument(text("a cycle with a delay of ", window, " makes no progress at the time ", time,
                                       "; give a longer delay or times closer to 0"));
        }
        run.advance(end, end < until ? std::nextafter(end, -infinity) : until);
        time = end;
    } while (time < until);
    run.finish();
}

}  // namespace evsim
