// Layers of which all neurons go back through an event together: dense connections, shared time constants, no cycle.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <evsim/loops/adjoint_tile_kernel.h>
#include "adjoint/graph.hpp"
#include "core/threads.hpp"

namespace evsim {

/// The neurons of such a layer, measured from rest.
struct DenseLayer {
    AdjointTileKernel kernel;
    std::vector<double> flow, readout, jumps, reset, offset, initial;
    bool one_reset = true, one_offset = true, one_initial = true;
    std::size_t size() const { return static_cast<std::size_t>(kernel.size); }
};

/// None where the neurons have to go one by one. `edges`: those that lead to them.
std::optional<DenseLayer> dense_layer(const AdjointNode& node, std::span<const AdjointEdge* const> edges,
                                      std::span<const Delays* const> delays);

/// An edge to a layer, and what becomes of it.
struct LayerEdge {
    const AdjointEdge* edge;
    const Delays* delays;
    WeightGradient* by_weights;
    std::vector<double>* by_delays;
};

/// Through all samples. Adds to the gradients of edges and, of every sample, to the loss by the spikes of its sources:
/// by_spikes[sample][node].
void layer_backward(const AdjointNode& node, std::int32_t number, const DenseLayer& layer,
                    std::span<const LayerEdge> edges, const std::vector<AdjointSample>& samples, double smallest_slope,
                    std::vector<std::vector<std::vector<double>>>& by_spikes, Interruption& interruption);

}  // namespace evsim
