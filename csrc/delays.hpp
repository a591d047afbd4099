// How long the spikes of a projection travel, and those that are on their way.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/spike_array.hpp"
#include "sample.hpp"

namespace evsim {

/// One time for all spikes of a projection, or one for each input; or one for each synapse, on the way to which spikes
/// are here taken as they are sent.
class Delays {
 public:
    Delays() = default;
    /// One value or `n` of them: for each input or, `by_synapse`, for each synapse. Throws ShapeMismatch, NonFinite or
    /// InvalidArgument.
    Delays(std::vector<double> values, std::size_t n, bool by_synapse = false);

    /// Whether spikes arrive later than they are sent, all at once.
    bool any() const { return largest_ > 0.0 && !by_synapse_; }
    bool by_synapse() const { return by_synapse_; }
    /// Infinity where there is not one synapse.
    double smallest() const { return smallest_; }
    double largest() const { return largest_; }
    const std::vector<double>& values() const { return values_; }

    /// The spikes that are on their way and those that are sent now, in the order in which they arrive; of those that
    /// arrive together the one with the lower index first. Throws NonFinite where a time of arrival is none.
    SpikeArray arrivals(const SpikeView& on_their_way, const SpikeView& sent) const;

 private:
    double of_input(std::int32_t input) const;

    std::vector<double> values_{0.0};
    double smallest_ = 0.0, largest_ = 0.0;
    bool by_synapse_ = false;
};

/// The spikes on their way by one projection.
SpikeView on_their_way(const InFlight& all, std::int32_t projection);
/// Adds spikes that are still on their way by one projection.
void keep(const SpikeView& spikes, std::int32_t projection, InFlight& all);
/// Those up to and including `until`; the others are kept in `later`.
SpikeView deliver(const SpikeArray& arrived, double until, std::int32_t projection, InFlight& later);
/// Throws ShapeMismatch, IndexOutOfRange, NonFinite, UnsortedSpikes or InvalidArgument where a state holds something
/// else: n_inputs of every projection; `time`: up to which has been simulated.
void check_in_flight(const InFlight& all, std::span<const std::int32_t> n_inputs, double time);
/// The same of those that synapses have still to feel, at the times at which they were sent.
void check_travelling(const InFlight& all, std::span<const std::int32_t> n_inputs, double time);

}  // namespace evsim
