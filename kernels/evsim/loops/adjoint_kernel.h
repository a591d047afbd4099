// The contract between the core and the loops that go backwards through linear neurons, which are compiled once per
// instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evsim {

enum class AdjointKind : std::uint8_t {
    release,   ///< from a refractory period
    crossing,  ///< a spike where the readout reaches the threshold
    arrival,
    jump,  ///< a spike at the time of what came before it: an arrival that lifts the readout over the threshold, or a
           ///< release from where it was held above
    seed   ///< where a loss looks at the state
};

/// What happens to a neuron, in the order of time and, at one time, of AdjointKind.
struct AdjointPoint {
    double time;           ///< of arrivals, after the way back: the loss by the time of arrival
    double weight;         ///< of arrivals; after the way back: the loss by the weight. Of seeds: whether it moves with
                           ///< the arrival that follows
    std::uint64_t place;   ///< of arrivals: of the weight; of seeds: which
    std::int32_t spike;    ///< of arrivals: of their source; of spikes and releases: of the neuron's population
    std::int32_t synapse;  ///< of arrivals: which synapse of its source's fan, for delays of synapses
    std::uint16_t edge;    ///< of arrivals
    AdjointKind kind;
    bool held;  ///< whether the neuron is refractory until then
};

/// Neurons of `size` variables, x' = A x with a last variable that stays 1. Matrices row by row; of all neurons, or,
/// with a stride other than 0, of each.
struct AdjointNeurons {
    std::int64_t n;
    const double *flow, *held_flow;  ///< A, and the same in a refractory period; nullptr without any
    const double* reset;             ///< x <- R x
    const double* initial;
    std::int64_t flow_stride, reset_stride, initial_stride;
    const double* readout;
    const double *arrivals, *held_arrivals;  ///< [edge][variable]: what a spike of weight 1 adds
    const double* refractory;                ///< [n], or nullptr
    double start;
    const std::int64_t* first;  ///< [n + 1]: points of a neuron
    AdjointPoint* points;
    double* states;  ///< [point][variable]: just before it
};

/// A stretch of the way back.
struct AdjointStretch {
    const AdjointNeurons* neurons;
    double begin;           ///< points from this time on; minus infinity: to the start
    std::int64_t* left;     ///< [n]: where the points end that are still to come
    double* now;            ///< [n]: time of the costate
    double* costates;       ///< [n][variable]: the loss by the state
    double* spikes;         ///< [spike]: the loss by the time of a spike of the population
    const double* seeds;    ///< [seed][variable]
    double smallest_slope;  ///< a crossing is taken to be as steep as this at least
    /// The loss by parameters, added up for every neuron: [n][size * size], [n], [n][size]; all or none.
    double *by_flow, *by_held_flow, *by_reset, *by_threshold, *by_refractory, *by_initial;
};

/// For neurons of one number of variables.
struct AdjointKernel {
    int size;
    /// Says which points lie in refractory periods, and computes all states.
    void (*forward)(const AdjointNeurons&);
    void (*backward)(const AdjointStretch&);
};

}  // namespace evsim
