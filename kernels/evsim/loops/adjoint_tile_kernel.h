// The contract of the way back through dense layers whose neurons share their gaps, compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evsim {

/// An arrival at all neurons of a layer.
struct AdjointEvent {
    double time;
    const std::byte* weights;  ///< of the first neuron; those of the others follow
    std::byte* by_weights;     ///< likewise, the loss by them
    std::int32_t port;         ///< which of AdjointTile::jumps
    std::int32_t spike;        ///< of its source
};

/// A spike of a neuron, or a look of a loss at its state.
struct AdjointStop {
    double time;
    std::int32_t event;  ///< events before it
    std::int32_t neuron;
    std::int32_t spike;  ///< among those of the population; -1: a look
    std::int32_t seed;
    bool moves;  ///< a look, with the event that it is before
};

/// What neurons of `size` variables share, measured from their rest: x' = A x, and what is each one's own, or, with a
/// stride of 0, everybody's: x <- R x + r at a spike, and x at the beginning.
struct AdjointLayer {
    const double *flow, *readout;
    const double* jumps;  ///< [port][variable]: what a spike of weight 1 adds
    std::int32_t n_ports;
    const double *reset, *offset, *initial;
    std::int64_t reset_stride, offset_stride, initial_stride;
    double smallest_slope;
};

/// Some neighbouring neurons in one sample.
struct AdjointTile {
    const AdjointLayer* layer;
    std::int64_t first_neuron, n_neurons;
    double start;
    const AdjointEvent* events;
    std::int64_t n_events;
    const std::byte*
        changes;       ///< e^{A t} - 1 of the gap before each event, in the type of weights: [event][size * size]
    double* by_times;  ///< [event]: the loss by the time of arrival is added
    const AdjointStop* stops;  ///< by event, neuron and time
    std::int64_t n_stops;
    double* scratch;      ///< room for scratch_per_stop values for each of them
    double* by_spikes;    ///< the loss by the time of each spike of the population
    const double* seeds;  ///< [seed][variable]
};

struct AdjointTileKernel {
    int size;
    int lanes;         ///< neurons of a vector
    int most_vectors;  ///< of a tile
    int scratch_per_stop;
    void (*changes)(const double* flow, double start, const AdjointEvent* events, std::int64_t n, std::byte* out);
    void (*backward_one)(const AdjointTile&);   ///< a tile of one vector
    void (*backward_most)(const AdjointTile&);  ///< of most_vectors
};

}  // namespace evsim
