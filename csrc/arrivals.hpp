// What reaches a population: the spikes of all that leads to it, delayed and put into one order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/spike_array.hpp"
#include "delays.hpp"
#include "sample.hpp"

namespace evsim {

/// Of one sample of one node; what it has collected lies in it.
class ArrivalCollector {
 public:
    /// `sent`: by every source of the node up to and including `until`. `delays`: of each. What arrives after `until`
    /// replaces what was in flight.
    Arrivals collect(std::span<const SpikeView> sent, std::span<const std::shared_ptr<const Delays>> delays,
                     double until, InFlight& in_flight);
    /// What arrives by every projection, in one order.
    Arrivals merge(std::span<const SpikeView> arriving);

 private:
    std::vector<SpikeArray> delayed_;
    std::vector<std::int32_t> projections_, indices_;
    std::vector<double> times_;
};

}  // namespace evsim
