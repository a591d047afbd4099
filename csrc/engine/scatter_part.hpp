// Some neurons of one sample that go by clocks of their own: arrivals are sorted by neuron, then every neuron goes
// through its own, as many side by side as a SIMD vector holds.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "delays.hpp"
#include "drive.hpp"
#include "engine/emissions.hpp"
#include "projection.hpp"

namespace evsim {

/// What the parts of a sample share; of each neuron only one part writes.
struct ScatterArrays {
    explicit ScatterArrays(std::size_t n_neurons)
        : due(n_neurons), first_arrivals(n_neurons), next(n_neurons), n_arrivals(n_neurons), looked_at(n_neurons) {}

    std::vector<double> due;
    std::vector<std::int64_t> first_arrivals, next;
    std::vector<std::int32_t> n_arrivals;
    std::vector<std::uint8_t> looked_at;  ///< marks, all 0 between calls
};

/// What leads to the neurons.
struct ScatterSources {
    const Population& population;
    std::span<const std::shared_ptr<Projection>> projections;
    std::span<const std::shared_ptr<const Delays>> delays;
    std::span<const std::shared_ptr<const Drive>> drives;
    std::size_t sample;  ///< its number, by which drives draw
};

struct NeuronRange {
    std::int32_t first, last;
};

/// One stretch of a call.
struct ScatterStretch {
    Sample& sample;
    std::span<const SynapseRun> rules;  ///< of the projections that have one, in their order
    std::span<const Probe> probes;
    const CallLimits& limits;
    Interruption& interruption;
    bool concludes = true;  ///< whether readouts are asked at its end
};

/// How a call is cut into stretches.
struct ScatterPace {
    double window = 0.0;    ///< their length, or 0 for a single one
    bool instants = false;  ///< each is one instant, and a window is made of many
    bool in_order = false;  ///< of instants: what one neuron learns others feel, so all goes in the order of time
};

class ScatterPart {
 public:
    virtual ~ScatterPart() = default;
    /// Spikes that were sent before the call; what of them arrives after `after` is still to come.
    virtual void resume(const Arrivals& travelling, double after) = 0;
    virtual void advance(const ScatterStretch& stretch) = 0;
    /// Up to when nothing happens by itself: no neuron fires, and nothing arrives of a drive or of what is on its way
    /// to single synapses; at most a little more than `limit`. For stretches of an instant.
    virtual double next_event(const ScatterStretch& stretch, double limit) = 0;

    SpikeBuffer spikes;  ///< of the last stretch, in no order
};

std::unique_ptr<ScatterPart> scatter_part(const ScatterSources& sources, ScatterArrays& arrays, NeuronRange range,
                                          const ScatterPace& pace);

}  // namespace evsim
