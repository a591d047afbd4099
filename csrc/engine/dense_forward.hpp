// Exact event-driven inference through one dense layer, for a batch of samples.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "../core/threads.hpp"
#include "../layer.hpp"

namespace evsim {

/// A variable of chosen neurons at chosen times.
struct Probe {
    std::vector<std::int32_t> neurons;
    std::vector<double> times;  ///< ascending
    std::int32_t observable = 0;
};

/// One sample on its way through one layer.
struct SampleRun {
    std::span<const std::int32_t> indices;  ///< of the input spikes, none later than `until`
    std::span<const double> times;
    LayerState state;                        ///< in: where the last call stopped; out: after the last input spike
    double from = 0.0;                       ///< spikes before this time were reported by the last call
    double until = 0.0;                      ///< spikes at or after this time are left to the next call
    std::shared_ptr<const Plasticity> rule;  ///< of a plastic layer
    PooledBuffer weights;                    ///< of a layer that learns: this sample's own

    SpikeArray spikes;                          ///< out: sorted by (time, index)
    std::vector<double> final_memory;           ///< out
    std::vector<std::vector<double>> recorded;  ///< out: per probe, [time][neuron]
};

struct DenseOptions {
    int threads = 1;
    std::int32_t max_spikes_per_instant = 1000;
    const char* layer_name = "";
};

/// Throws RunawaySpiking, NonFinite or Interrupted; `samples` are then of no further use.
void run_dense(const Layer& layer, std::span<SampleRun> samples, std::span<const Probe> probes,
               const DenseOptions& options, Interruption& interruption);

}  // namespace evsim
