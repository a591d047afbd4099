// Exact event-driven inference through one convolutional layer, for a batch of samples.
#pragma once

#include <span>

#include "conv_layer.hpp"

namespace evsim {

/// What is the same in all runs through a layer. `state` must outlive it.
SparseRun sparse_run(const ConvLayer& layer, LayerState& state);

/// Throws RunawaySpiking, NonFinite or Interrupted; `samples` are then of no further use.
void run_sparse(const ConvLayer& layer, std::span<SampleRun> samples, std::span<const Probe> probes,
                const RunOptions& options, Interruption& interruption);

}  // namespace evsim
