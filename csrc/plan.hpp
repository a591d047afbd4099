// The rules about a call, judged once for every device, before anything has changed.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "sample.hpp"

namespace evsim {

/// What to record in which node.
struct RecordRequest {
    std::int32_t node = 0;
    Probe probe;
};

/// What a caller asks for.
struct CallOptions {
    double until = std::numeric_limits<double>::infinity();  ///< end of the simulated time
    std::optional<double> start;  ///< its beginning; by default 0, or the first spike or record time if earlier
    bool reset = true;            ///< false: go on where the last call stopped
    std::vector<RecordRequest> record;
};

/// What a device knows of a node.
struct NodeFacts {
    std::string label;  ///< in messages
    std::int32_t n_neurons = 0;
    std::optional<std::int32_t> endless_neuron;
};

/// What a device knows of its network and of the samples.
struct CallFacts {
    std::vector<NodeFacts> nodes;      ///< those that hold neurons or pass spikes on
    std::optional<double> time;        ///< up to which the last call simulated
    std::size_t carried = 0;           ///< samples of the last call
    std::vector<double> first_spikes;  ///< of each sample; infinity where it has none
};

struct CallPlan {
    bool fresh = true;           ///< the samples begin here
    double from = 0.0;           ///< where the last call stopped, or -infinity
    std::vector<double> starts;  ///< of each sample, where it begins here
};

/// `options.record`: [node] is a place in `facts.nodes`. Throws EmptyNetwork, NonFinite, StreamOrder, InvalidArgument,
/// ShapeMismatch, IndexOutOfRange or UnsortedSpikes.
CallPlan plan_call(const CallFacts& facts, const CallOptions& options);

}  // namespace evsim
