// What the engines share besides the kernels: buffers of spikes, probes, and what goes wrong.
#pragma once

#include <span>
#include <vector>

#include <evsim/loops/neuron_kernel.h>
#include "core/threads.hpp"
#include "sample.hpp"

namespace evsim {

/// Fewer synaptic events than this are not worth starting a thread for.
inline constexpr double events_worth_a_thread = 4e5;

/// The spikes that one task finds.
struct SpikeBuffer : EmissionBuffer {
    std::vector<Emission> emissions;
    Interruption* interruption = nullptr;

    SpikeBuffer() : EmissionBuffer{nullptr, 0, 0, &grow_buffer, &is_cancelled} {}
    std::span<const Emission> spikes() const { return {emissions.data(), size}; }

    static bool grow_buffer(EmissionBuffer& buffer);
    static bool is_cancelled(const EmissionBuffer& buffer);
};

/// Values of one neuron to read once `position` input events have passed.
struct Observation {
    std::size_t position;
    std::size_t probe, neuron;        ///< neuron: its place in the probe
    std::size_t first_time, n_times;  ///< of the probe
};

/// All that probes ask of a sample with input at `events`, ascending in position.
std::vector<Observation> observations_of(std::span<const Probe> probes, std::span<const double> events);

/// Throws what a kernel reports. `message` is what it says beyond the result.
void check_result(const TileResult& result, const CallLimits& limits, const char* message);

}  // namespace evsim
