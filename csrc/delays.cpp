#include "delays.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

Delays::Delays(std::vector<double> values, std::size_t n, bool by_synapse)
    : values_(std::move(values)), smallest_(std::numeric_limits<double>::infinity()), by_synapse_(by_synapse) {
    if (values_.size() != n && (by_synapse || values_.size() != 1)) {
        throw ShapeMismatch(text("delays are one value or one for each of ", n, by_synapse ? " synapses" : " inputs",
                                 ", got ", values_.size()));
    }
    for (std::size_t k = 0; k < values_.size(); ++k) {
        if (!std::isfinite(values_[k]))
            throw NonFinite(text("delays must be finite, but delay ", k, " is ", values_[k]));
        if (values_[k] < 0.0)
            throw InvalidArgument(text("delays must not be negative, but delay ", k, " is ", values_[k]));
        smallest_ = std::min(smallest_, values_[k]);
        largest_ = std::max(largest_, values_[k]);
    }
}

double Delays::of_input(std::int32_t input) const {
    if (by_synapse_) return 0.0;
    return values_[values_.size() == 1 ? 0 : static_cast<std::size_t>(input)];
}

SpikeArray Delays::arrivals(const SpikeView& on_their_way, const SpikeView& sent) const {
    const std::size_t before = on_their_way.size();
    std::vector<std::int32_t> indices(on_their_way.indices.begin(), on_their_way.indices.end());
    std::vector<double> times(on_their_way.times.begin(), on_their_way.times.end());
    indices.insert(indices.end(), sent.indices.begin(), sent.indices.end());
    times.insert(times.end(), sent.times.begin(), sent.times.end());
    if (by_synapse_ || values_.size() == 1) {
        const double delay = of_input(0);
        for (std::size_t k = before; k < times.size(); ++k) times[k] += delay;
    } else {
        for (std::size_t k = before; k < times.size(); ++k) times[k] += of_input(indices[k]);
    }
    double sum = 0.0;  // of 0 for what is finite and NaN for what is not
    for (const double time : times) sum += time - time;
    for (std::size_t k = 0; !(sum == 0.0) && k < times.size(); ++k) {
        if (std::isfinite(times[k])) continue;
        throw NonFinite(text("a spike of input ", indices[k], " would arrive at ", times[k],
                             "; its time and its delay are too large together"));
    }
    SpikeArray arrived = SpikeArray::of(std::move(indices), std::move(times));
    arrived.sort();
    arrived.order_ties();
    return arrived;
}

SpikeView on_their_way(const InFlight& all, std::int32_t projection) {
    const auto [first, last] = std::equal_range(all.projections.begin(), all.projections.end(), projection);
    const auto begin = static_cast<std::size_t>(first - all.projections.begin());
    const auto count = static_cast<std::size_t>(last - first);
    return {std::span(all.indices).subspan(begin, count), std::span(all.times).subspan(begin, count)};
}

void keep(const SpikeView& spikes, std::int32_t projection, InFlight& all) {
    all.projections.insert(all.projections.end(), spikes.size(), projection);
    all.indices.insert(all.indices.end(), spikes.indices.begin(), spikes.indices.end());
    all.times.insert(all.times.end(), spikes.times.begin(), spikes.times.end());
}

SpikeView deliver(const SpikeArray& arrived, double until, std::int32_t projection, InFlight& later) {
    const std::span<const std::int32_t> indices = arrived.indices();
    const std::span<const double> times = arrived.times();
    const auto end = std::upper_bound(times.begin(), times.end(), until);
    const auto delivered = static_cast<std::size_t>(end - times.begin());
    keep({indices.subspan(delivered), times.subspan(delivered)}, projection, later);
    return {indices.first(delivered), times.first(delivered)};
}

namespace {

void check_spikes_of(const InFlight& all, std::span<const std::int32_t> n_inputs) {
    if (all.projections.size() != all.times.size() || all.indices.size() != all.times.size())
        throw ShapeMismatch("spikes on their way need a projection, an index and a time each");
    if (!std::is_sorted(all.projections.begin(), all.projections.end()))
        throw UnsortedSpikes("spikes on their way must be ordered by projection");
    if (!all.projections.empty() &&
        (all.projections.front() < 0 || static_cast<std::size_t>(all.projections.back()) >= n_inputs.size()))
        throw IndexOutOfRange(text("spikes are on their way by projections ", all.projections.front(), " to ",
                                   all.projections.back(), " of ", n_inputs.size()));
    for (std::size_t p = 0; p < n_inputs.size(); ++p) {
        const SpikeView spikes = on_their_way(all, static_cast<std::int32_t>(p));
        check_spikes(spikes.indices, spikes.times, n_inputs[p], "spikes on their way");
    }
}

}  // namespace

void check_in_flight(const InFlight& all, std::span<const std::int32_t> n_inputs, double time) {
    check_spikes_of(all, n_inputs);
    const auto early = std::find_if(all.times.begin(), all.times.end(), [&](double arrival) { return arrival < time; });
    if (early != all.times.end())
        throw InvalidArgument(
            text("a spike on its way would arrive at ", *early, ", before the time of the network, ", time));
}

void check_travelling(const InFlight& all, std::span<const std::int32_t> n_inputs, double time) {
    check_spikes_of(all, n_inputs);
    const auto late = std::find_if(all.times.begin(), all.times.end(), [&](double sent) { return sent > time; });
    if (late != all.times.end())
        throw InvalidArgument(
            text("a spike on its way would have been sent at ", *late, ", after the time of the network, ", time));
}

}  // namespace evsim
