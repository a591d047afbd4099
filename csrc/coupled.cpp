#include "coupled.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

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
    double next_time() const { return next_ < spikes_.size() ? spikes_.times()[next_] : infinity; }
    SpikeView waiting() const { return {spikes_.indices().subspan(next_), spikes_.times().subspan(next_)}; }

 private:
    SpikeArray spikes_;
    std::size_t next_ = 0;
};

/// One node and one sample in all windows.
struct Track {
    std::vector<Queue> queues;  ///< of each source
    double begin = 0.0;         ///< where the sample's own time begins
    SpikeArray spikes;          ///< of all windows that have ended
    SpikeArray of_window;       ///< of the one that has not
    std::vector<std::int32_t> causes;
    std::vector<std::vector<double>> recorded;  ///< of each probe
    std::vector<std::size_t> next_times;        ///< of each probe: the first of its times that is still to come
};

/// How often each neuron has fired within an instant.
class Bursts {
 public:
    explicit Bursts(std::int32_t most) : most_(most) {}

    /// Throws RunawaySpiking.
    void add(std::int32_t node, const SpikeView& spikes, const CallLimits& limits) {
        for (const std::int32_t neuron : spikes.indices) few_.emplace_back(node, neuron);
        if (counts_.empty() && few_.size() <= static_cast<std::size_t>(most_)) return;
        for (const auto& one : few_) {
            if (++counts_[one] <= most_) continue;
            throw RunawaySpiking(text(limits.node_name, ": neuron ", one.second, " fired more than ", most_,
                                      " times at t = ", spikes.times.front(),
                                      "; its spikes come back to it without a delay (see max_spikes_per_instant)"));
        }
        few_.clear();
    }

 private:
    std::int32_t most_;
    std::vector<std::pair<std::int32_t, std::int32_t>> few_;  ///< fewer than are worth counting
    std::map<std::pair<std::int32_t, std::int32_t>, std::int32_t> counts_;
};

class CoupledRun {
 public:
    CoupledRun(std::span<CoupledNode> nodes, const CoupledOrder& order, Ranks* ranks, Interruption& interruption)
        : nodes_(nodes), order_(order), interruption_(interruption), targets_(nodes.size()), tracks_(nodes.size()) {
        if (ranks) exchange_.emplace(*ranks);
        for (std::size_t k = 0; k < nodes_.size(); ++k) {
            for (std::size_t p = 0; p < nodes_[k].sources.size(); ++p) {
                const std::int32_t source = nodes_[k].sources[p];
                if (source >= 0) targets_[static_cast<std::size_t>(source)].push_back(target_of(source, k, p));
            }
            for (std::size_t s = 0; s < nodes_[k].run->samples.size(); ++s)
                tracks_[k].push_back(track_of(nodes_[k], s));
        }
        for (CoupledNode& node : nodes_) node.run->expect_windows(order.window);
        for (const CoupledStep& step : order.steps) {
            if (!step.at_once) continue;
            for (const std::int32_t k : step.nodes) at(k).run->by_instants()->expect_instants();
        }
    }

    /// One window; `last` is the time of its last arrivals.
    void advance(double begin, double end, double last) {
        for (const CoupledStep& step : order_.steps) {
            for (const std::int32_t k : step.nodes) {
                if (at(k).needs_all) exchange();
            }
            if (step.at_once) advance_by_instants(step, begin, end, last);
            for (const std::int32_t k : step.nodes) advance(static_cast<std::size_t>(k), end, last);
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
    /// Where the spikes of a node go.
    struct Target {
        std::size_t node, projection;
        const Delays* delays;
        bool at_once;  ///< it may feel them at the very instant, and then reach the source again
    };

    CoupledNode& at(std::int32_t k) const { return nodes_[static_cast<std::size_t>(k)]; }
    Track& track(std::int32_t k, std::size_t s) { return tracks_[static_cast<std::size_t>(k)][s]; }
    Sample& sample(std::int32_t k, std::size_t s) const { return at(k).run->samples[s]; }

    Target target_of(std::int32_t source, std::size_t node, std::size_t p) const {
        const Delays& delays = *nodes_[node].delays[p];
        const auto holds_both = [&](const CoupledStep& step) {
            const auto has = [&](std::int32_t k) {
                return std::find(step.nodes.begin(), step.nodes.end(), k) != step.nodes.end();
            };
            return step.at_once && has(source) && has(static_cast<std::int32_t>(node));
        };
        const bool together = std::any_of(order_.steps.begin(), order_.steps.end(), holds_both);
        return {node, p, &delays, together && !(delays.smallest() > 0.0)};
    }

    static Track track_of(const CoupledNode& node, std::size_t s) {
        Sample& sample = node.run->samples[s];
        Track track;
        track.begin = sample.state.last_event;
        track.recorded.resize(node.probes.size());
        track.next_times.resize(node.probes.size());
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
            enter(track, node.run->samples[s], std::max(end, track.begin), std::max(last, track.begin), collectors[s]);
        }
        std::vector<Probe> probes;
        if (!tracks_[k].empty()) probes = probes_before(node, tracks_[k].front(), std::nextafter(last, infinity));
        for (Track& track : tracks_[k]) track.next_times = tracks_[k].front().next_times;
        node.run->advance(probes, node.limits, interruption_);
        for (std::size_t s = 0; s < tracks_[k].size(); ++s) {
            Track& track = tracks_[k][s];
            const SpikeArray last_found = collect(k, s);
            pass_on(k, s, {last_found.indices(), last_found.times()}, true);
            SpikeArray found = std::exchange(track.of_window, {});
            if (!track.causes.empty()) order_causes(found, track.causes);
            found.order_ties();
            node.run->samples[s].from = end;
            if (node.n_shared == 0) {
                end_window(k, s, {found.indices(), found.times()});
            } else {
                exchange_->put(node.n_shared, {found.indices(), found.times()});
                exchanged_.emplace_back(k, s);
            }
        }
    }

    void end_window(std::size_t k, std::size_t s, const SpikeView& fired) {
        pass_on(k, s, fired, false);
        tracks_[k][s].spikes.add(fired.indices, fired.times);
    }

    /// What the neurons of all ranks have fired since the last time.
    void exchange() {
        if (exchanged_.empty()) return;
        const std::vector<SpikeArray> all = exchange_->exchange();
        for (std::size_t k = 0; k < all.size(); ++k)
            end_window(exchanged_[k].first, exchanged_[k].second, {all[k].indices(), all[k].times()});
        exchanged_.clear();
    }

    void pass_on(std::size_t k, std::size_t s, const SpikeView& spikes, bool at_once) {
        for (const Target& to : targets_[k]) {
            if (to.at_once == at_once) tracks_[to.node][s].queues[to.projection].put(*to.delays, spikes);
        }
    }

    /// One sample on its way through a window.
    struct Instants {
        const CoupledStep& step;
        std::size_t sample;
        std::vector<double> next;  ///< of each node: before that nothing happens in it by itself
        std::vector<ArrivalCollector> collectors;
    };

    void advance_by_instants(const CoupledStep& step, double begin, double end, double last) {
        const auto n = static_cast<std::int64_t>(tracks_[static_cast<std::size_t>(step.nodes.front())].size());
        const int threads = at(step.nodes.front()).limits.threads;
        parallel_for(n, threads, interruption_, [&](std::int64_t s) {
            Instants own{step, static_cast<std::size_t>(s), {}, {}};
            double from = begin;
            for (const std::int32_t k : step.nodes) from = std::max(from, track(k, own.sample).begin);
            for (double now; (now = std::max(from, next_instant(own, last))) < end; from = now) {
                if (interruption_.requested()) throw Interrupted();
                advance_instant(own, now);
            }
            for (const std::int32_t k : step.nodes)
                read_probes(k, own.sample, std::max(end, from), std::max(last, from));
        });
    }

    /// What is left to read in a window, up to and including `last`: in each sample something else.
    void read_probes(std::int32_t k, std::size_t s, double end, double last) {
        const std::vector<Probe> probes = probes_before(at(k), track(k, s), std::nextafter(last, infinity));
        if (probes.empty()) return;
        ArrivalCollector collector;
        enter(track(k, s), sample(k, s), end, last, collector);
        at(k).run->by_instants()->advance_instant(s, probes, at(k).limits, interruption_);
        const SpikeArray found = collect(static_cast<std::size_t>(k), s);
        pass_on(static_cast<std::size_t>(k), s, {found.indices(), found.times()}, true);
    }

    double next_instant(Instants& own, double last) {
        double next = infinity;
        own.next.clear();
        for (const std::int32_t k : own.step.nodes) {
            const CoupledNode& node = at(k);
            for (const Queue& queue : track(k, own.sample).queues) next = std::min(next, queue.next_time());
            own.next.push_back(node.run->by_instants()->next_event(own.sample, last, node.limits, interruption_));
            next = std::min(next, own.next.back());
        }
        return next;
    }

    /// All that happens at `now`: what fires by itself, then those whom that makes fire, and so on.
    void advance_instant(Instants& own, double now) {
        Bursts bursts(at(own.step.nodes.front()).limits.max_spikes_per_instant);
        for (bool by_itself = true, any = true; any; by_itself = false) {
            own.collectors = std::vector<ArrivalCollector>(own.step.nodes.size());
            for (std::size_t k = 0; k < own.step.nodes.size(); ++k)
                enter(track(own.step.nodes[k], own.sample), sample(own.step.nodes[k], own.sample),
                      std::nextafter(now, infinity), now, own.collectors[k]);
            for (std::size_t k = 0; k < own.step.nodes.size(); ++k) {
                const std::int32_t node = own.step.nodes[k];
                if (sample(node, own.sample).inputs.size() == 0 && !(by_itself && own.next[k] <= now)) continue;
                const std::vector<Probe> probes = probes_before(at(node), track(node, own.sample), now);
                at(node).run->by_instants()->advance_instant(own.sample, probes, at(node).limits, interruption_);
            }
            any = false;
            for (const std::int32_t node : own.step.nodes) {
                const SpikeArray found = collect(static_cast<std::size_t>(node), own.sample, now);
                if (found.size() == 0) continue;
                const SpikeView spikes{found.indices(), found.times()};
                bursts.add(node, spikes, at(node).limits);
                pass_on(static_cast<std::size_t>(node), own.sample, spikes, true);
                any = true;
            }
        }
    }

    /// What arrives up to and including `last`.
    static void enter(Track& track, Sample& sample, double until, double last, ArrivalCollector& collector) {
        std::vector<SpikeView> arriving;
        for (Queue& queue : track.queues) arriving.push_back(queue.take(last));
        sample.inputs = collector.merge(arriving);
        sample.until = until;
        sample.last_arrival = last;
        sample.recorded.clear();
    }

    /// The probes of a node with those of their times that lie before `end`; none where that leaves nothing to read.
    static std::vector<Probe> probes_before(const CoupledNode& node, Track& track, double end) {
        std::vector<Probe> within;
        const auto is_due = [&](std::size_t p) {
            const std::vector<double>& times = node.probes[p].times;
            return track.next_times[p] < times.size() && times[track.next_times[p]] < end;
        };
        std::size_t first = 0;
        while (first < node.probes.size() && !is_due(first)) ++first;
        if (first == node.probes.size()) return within;
        for (std::size_t p = 0; p < node.probes.size(); ++p) {
            const Probe& probe = node.probes[p];
            const auto from = probe.times.begin() + static_cast<std::ptrdiff_t>(track.next_times[p]);
            const auto to = std::lower_bound(from, probe.times.end(), end);
            within.push_back({probe.neurons, {from, to}, probe.observable});
            track.next_times[p] = static_cast<std::size_t>(to - probe.times.begin());
        }
        return within;
    }

    /// The last causes, which are those of `found`, as its spikes will lie when ties are in order: rounds of an instant
    /// leave them in another.
    static void order_causes(const SpikeArray& found, std::vector<std::int32_t>& causes) {
        std::vector<std::size_t> order(found.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return std::pair(found.times()[a], found.indices()[a]) < std::pair(found.times()[b], found.indices()[b]);
        });
        const auto first = causes.end() - static_cast<std::ptrdiff_t>(found.size());
        const std::vector<std::int32_t> before(first, causes.end());
        std::transform(order.begin(), order.end(), first, [&](std::size_t k) { return before[k]; });
    }

    /// What a node has left of a stretch; its spikes, which lie no later than `now`, are those of that instant if one
    /// is given.
    SpikeArray collect(std::size_t k, std::size_t s, double now = -infinity) {
        Sample& sample = nodes_[k].run->samples[s];
        Track& track = tracks_[k][s];
        SpikeArray found = std::exchange(sample.spikes, {});
        if (found.size() > 0 && found.times().front() < now) {
            std::vector<Spike> spikes;
            for (const std::int32_t neuron : found.indices()) spikes.push_back({neuron, now});
            found = {};
            found.append(spikes);
            found.order_ties();
        }
        track.of_window.add(found.indices(), found.times());
        track.causes.insert(track.causes.end(), sample.causes.begin(), sample.causes.end());
        sample.causes.clear();
        for (std::size_t p = 0; p < sample.recorded.size(); ++p)
            track.recorded[p].insert(track.recorded[p].end(), sample.recorded[p].begin(), sample.recorded[p].end());
        sample.recorded.clear();
        sample.inputs = {};
        return found;
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
    const CoupledOrder& order_;
    Interruption& interruption_;
    std::optional<SpikeExchange> exchange_;
    std::vector<std::pair<std::size_t, std::size_t>> exchanged_;  ///< nodes and samples whose spikes wait for it
    std::vector<std::vector<Target>> targets_;
    std::vector<std::vector<Track>> tracks_;  ///< [node][sample]
};

}  // namespace

CoupledOrder coupled_order(std::int32_t n_nodes, std::span<const CoupledEdge> edges) {
    std::vector<std::pair<std::int32_t, std::int32_t>> at_once;
    CoupledOrder order;
    order.window = infinity;
    for (const CoupledEdge& edge : edges) {
        if (edge.delay > 0.0)
            order.window = std::min(order.window, edge.delay);
        else
            at_once.emplace_back(edge.source, edge.target);
    }
    for (const Component& component : components(n_nodes, at_once)) {
        const std::pair to_itself(component.front(), component.front());
        const bool cycle =
            component.size() > 1 || std::find(at_once.begin(), at_once.end(), to_itself) != at_once.end();
        order.steps.push_back({component, cycle});
    }
    return order;
}

void run_coupled(std::span<CoupledNode> nodes, const CoupledOrder& order, double begin, Ranks* ranks,
                 Interruption& interruption) {
    CoupledRun run(nodes, order, ranks, interruption);
    const double until = nodes.front().run->samples.empty() ? begin : nodes.front().run->samples.front().until;
    double time = begin;
    do {
        const double end = std::min(time + order.window, until);
        if (!(end > time) && end < until) {
            throw InvalidArgument(text("a cycle with a delay of ", order.window, " makes no progress at the time ",
                                       time, "; give a longer delay or times closer to 0"));
        }
        run.advance(time, end, end < until ? std::nextafter(end, -infinity) : until);
        time = end;
    } while (time < until);
    run.finish();
}

}  // namespace evsim
