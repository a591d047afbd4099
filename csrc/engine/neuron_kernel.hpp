// The contract between the core and a compiled neuron model: a versioned table of plain functions over plain memory.
// The same table comes from the built-in models (one per instruction set) and from models compiled at run time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evsim {

inline constexpr std::uint32_t neuron_kernel_abi = 1;

/// A spike and the input event in whose preceding gap it lies.
struct Emission {
    std::uint32_t event;
    std::int32_t neuron;
    double time;
};

/// Where a tile's spikes go; `grow` makes room for more.
struct EmissionBuffer {
    Emission* data;
    std::size_t size, capacity;
    void (*grow)(EmissionBuffer&);
    bool (*cancelled)(const EmissionBuffer&);  ///< asked now and then during very long bursts
};

/// One stretch of input events through one tile (a few SIMD vectors) of neurons.
///
/// State, `hot` and memory are structures of arrays: variable k of neuron n lies at [k * stride + n].
struct TileRun {
    const double* shared;       ///< parameters of the layer
    const double* neurons;      ///< parameters per neuron, [neuron * n_neuron + parameter]
    const void* hot;            ///< derived by `prepare`
    void* state;                ///< as of the last event
    double* memory;             ///< what a readout remembers
    std::size_t stride;         ///< neurons, padded to whole vectors
    std::int32_t first_neuron;  ///< of the tile
    std::int32_t n_vectors;     ///< of the tile: 1, 2 or 4
    std::int32_t n_neurons;     ///< of the layer, without padding

    const void* weights;  ///< [input * weight_stride + neuron]
    std::size_t weight_stride;
    const void* events;  ///< made by `prepare_events`
    std::int64_t n_events;
    std::int64_t first_event, last_event;
    double last_time;  ///< of the event before last_event, for `finish` and `observe`

    double emit_from, emit_until;  ///< only spikes in [emit_from, emit_until) are reported
    std::int32_t max_spikes_per_instant;
    EmissionBuffer* emissions;
};

enum class TileStatus : std::int32_t { ok = 0, too_many_spikes = 1, not_finite = 2, cancelled = 3 };

struct TileResult {
    TileStatus status;
    std::int32_t neuron;  ///< where it went wrong
    double time;
};

struct NeuronKernel {
    std::uint32_t abi;
    const char* model;
    std::int32_t value_bytes;  ///< 4 or 8: weights and state
    std::int32_t lanes;        ///< neurons per SIMD vector
    std::int32_t n_shared, n_neuron, n_hot, n_state, n_memory, n_observables;
    const char* const* shared_names;
    const char* const* neuron_names;
    const char* const* observable_names;
    const char* const* memory_names;
    std::size_t event_bytes;

    /// Derived parameters, initial state and memory of `stride` neurons.
    void (*prepare)(const double* shared, const double* neurons, std::size_t stride, void* hot, void* state,
                    double* memory);
    /// The first of n_neurons neurons that constant drive alone makes fire for ever, or -1.
    std::int32_t (*first_endless)(const double* neurons, std::int32_t n_neurons);
    /// What every tile needs to know of n input events, the first of which follows `previous_time`.
    void (*prepare_events)(const double* shared, const std::int32_t* indices, const double* times, std::int64_t n,
                           double previous_time, void* events);
    /// Events [first_event, last_event): crossings in the gap before each event, then the event.
    TileResult (*run)(const TileRun&);
    /// Crossings in the `duration` after the last event. Memory is left as if it had passed; the state is not changed.
    TileResult (*finish)(const TileRun&, double duration);
    /// Variable `observable` of one neuron at `count` ascending `durations` after the last event, to out[k *
    /// out_stride]. Changes nothing.
    TileResult (*observe)(const TileRun&, std::int32_t neuron, const double* durations, std::int64_t count,
                          std::int32_t observable, double* out, std::size_t out_stride);
};

}  // namespace evsim
