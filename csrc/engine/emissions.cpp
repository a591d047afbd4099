#include "engine/emissions.hpp"

#include <algorithm>
#include <new>
#include <stdexcept>

#include "core/errors.hpp"

namespace evsim {

bool SpikeBuffer::grow_buffer(EmissionBuffer& buffer) {
    auto& self = static_cast<SpikeBuffer&>(buffer);
    const std::size_t capacity = std::max<std::size_t>(64, 2 * self.capacity);
    // No exception may pass through a kernel, which knows none of the core's.
    try {
        // The spikes are sorted and copied later: several times this much will be needed.
        if (capacity > (std::size_t{1} << 24))
            require_memory(static_cast<double>(capacity) * 4 * sizeof(Emission), "the output spikes");
        self.emissions.resize(capacity);
    } catch (const MemoryLimit&) {
        return false;
    } catch (const std::bad_alloc&) {
        return false;
    } catch (const std::length_error&) {
        return false;
    }
    self.data = self.emissions.data();
    self.capacity = capacity;
    return true;
}

bool SpikeBuffer::is_cancelled(const EmissionBuffer& buffer) {
    return static_cast<const SpikeBuffer&>(buffer).interruption->requested();
}

std::vector<Observation> observations_of(std::span<const Probe> probes, std::span<const double> events) {
    std::vector<Observation> planned;
    for (std::size_t p = 0; p < probes.size(); ++p) {
        const std::vector<double>& times = probes[p].times;
        for (std::size_t first = 0, last; first < times.size(); first = last) {
            const auto next_event = std::upper_bound(events.begin(), events.end(), times[first]);
            const auto position = static_cast<std::size_t>(next_event - events.begin());
            last = first + 1;
            while (last < times.size() && (next_event == events.end() || times[last] < *next_event)) ++last;
            for (std::size_t n = 0; n < probes[p].neurons.size(); ++n)
                planned.push_back({position, p, n, first, last - first});
        }
    }
    std::stable_sort(planned.begin(), planned.end(),
                     [](const Observation& a, const Observation& b) { return a.position < b.position; });
    return planned;
}

void check_result(const TileResult& result, const CallLimits& limits, const char* message) {
    const std::int32_t neuron = limits.first_neuron + result.neuron;
    switch (result.status) {
        case TileStatus::ok:
            return;
        case TileStatus::cancelled:
            throw Interrupted();
        case TileStatus::kernel_failed:
            throw KernelFailed(text(limits.node_name, ": the kernel threw an exception: ", message));
        case TileStatus::no_such_trace:
            throw NoSuchTraceIndex(text(limits.node_name, ": ", message));
        case TileStatus::out_of_memory:
            throw MemoryLimit(text(limits.node_name, ": no memory is left for the output spikes; neuron ", neuron,
                                   " was at t = ", result.time));
        case TileStatus::before_now:
            throw KernelFailed(text(limits.node_name, ": first_crossing of neuron ", neuron,
                                    " gave a time before now, at t = ", result.time,
                                    "; look at the neuron model and its parameters"));
        case TileStatus::too_many_spikes:
            throw RunawaySpiking(text(limits.node_name, ": neuron ", neuron, " fired more than ",
                                      limits.max_spikes_per_instant, " times at t = ", result.time,
                                      "; its input is too strong for its threshold (see max_spikes_per_instant)"));
        case TileStatus::not_finite:
            throw NonFinite(text(limits.node_name, ": the state of neuron ", neuron,
                                 " is no longer finite; look for NaN, infinite or huge values in the weights"));
    }
}

}  // namespace evsim
