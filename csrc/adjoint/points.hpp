// What happens to each neuron of a population in one sample, in order: arrivals, spikes, releases, seeds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <evsim/loops/adjoint_kernel.h>
#include "adjoint/graph.hpp"

namespace evsim {

/// An edge that leads to a population.
struct IncomingEdge {
    const AdjointEdge* edge;
    const Delays* delays;
};

struct NeuronPoints {
    std::vector<std::int64_t> first;  ///< [n_neurons + 1]
    std::vector<AdjointPoint> points;
};

/// `incoming`: in the order of LinearNeurons::arrivals. Throws MemoryLimit.
NeuronPoints points_of(const AdjointNode& node, std::int32_t number, std::span<const IncomingEdge> incoming,
                       const AdjointSample& sample);

}  // namespace evsim
