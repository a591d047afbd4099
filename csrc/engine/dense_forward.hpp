// Exact event-driven inference through one dense layer, for a batch of samples.
#pragma once

#include <span>

#include "dense_layer.hpp"

namespace evsim {

/// Throws RunawaySpiking, NonFinite or Interrupted; `samples` are then of no further use.
void run_dense(const DenseLayer& layer, std::span<SampleRun> samples, std::span<const Probe> probes,
               const RunOptions& options, Interruption& interruption);

}  // namespace evsim
