// How long the spikes of a projection travel, and those that are on their way.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/spike_array.hpp"
#include "sample.hpp"

namespace evsim {

/// One time for all spikes of a projection, or one for each input.
class Delays {
 public:
    Delays() = default;
    /// One value or `n_inputs` of them. Throws ShapeMismatch, NonFinite or InvalidArgument.
    Delays(std::vector<double> values, std::int32_t n_inputs);

    bool any() const { return any_; }
    double smallest() const;
    const std::vector<double>& values() const { return values_; }

    /// The spikes that are on their way and those that are sent now, in the order in which they arrive; of those that
    /// arrive together the one with the lower index first. Throws NonFinite where a time of arrival is none.
    SpikeArray arrivals(const SpikeView& on_their_way, const SpikeView& sent) const;

 private:
    std::vector<double> values_{0.0};
    bool any_ = false;  ///< whether one is above 0
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

}  // namespace evsim
