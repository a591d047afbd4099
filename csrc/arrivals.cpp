#include "arrivals.hpp"

#include <algorithm>
#include <utility>

namespace evsim {

Arrivals ArrivalCollector::collect(std::span<const SpikeView> sent,
                                   std::span<const std::shared_ptr<const Delays>> delays, double until,
                                   InFlight& in_flight) {
    const auto delayed = [](const std::shared_ptr<const Delays>& one) { return one->any(); };
    if (in_flight.times.empty() && std::none_of(delays.begin(), delays.end(), delayed)) return merge(sent);
    const InFlight before = std::exchange(in_flight, {});
    std::vector<SpikeView> arriving(sent.begin(), sent.end());
    delayed_.reserve(sent.size());
    for (std::size_t p = 0; p < delays.size(); ++p) {
        const auto number = static_cast<std::int32_t>(p);
        const SpikeView waiting = on_their_way(before, number);
        if (!delays[p]->any() && waiting.size() == 0) continue;
        delayed_.push_back(delays[p]->arrivals(waiting, sent[p]));
        arriving[p] = deliver(delayed_.back(), until, number, in_flight);
    }
    return merge(arriving);
}

Arrivals ArrivalCollector::merge(std::span<const SpikeView> arriving) {
    if (arriving.empty()) return {};
    if (arriving.size() == 1) return {arriving.front(), {}};
    std::size_t total = 0;
    for (const SpikeView& spikes : arriving) total += spikes.size();
    std::vector<std::size_t> next(arriving.size(), 0);
    for (std::size_t k = 0; k < total; ++k) {
        std::size_t earliest = arriving.size();
        for (std::size_t p = 0; p < arriving.size(); ++p) {
            if (next[p] < arriving[p].size() &&
                (earliest == arriving.size() || arriving[p].times[next[p]] < arriving[earliest].times[next[earliest]]))
                earliest = p;
        }
        projections_.push_back(static_cast<std::int32_t>(earliest));
        indices_.push_back(arriving[earliest].indices[next[earliest]]);
        times_.push_back(arriving[earliest].times[next[earliest]++]);
    }
    return {{indices_, times_}, projections_};
}

}  // namespace evsim
