// The contract between the step-synchronous engine and its inner loops, which are compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evsim {

/// Weights to be added to a run of neighbouring pixels.
struct Arrival {
    std::int32_t pixel, count;
    std::size_t weights;  ///< of the first pixel
    double value;         ///< of the input spike, 1 unless the input is analog
};

/// Where arrivals go: [pixel * channel_stride + channel].
struct ArrivalRun {
    const Arrival* arrivals;
    std::int64_t n;
    const void* weights;
    std::int32_t weight_stride;  ///< values per pixel; channel_stride where all channels receive
    std::int32_t channel_stride;
    std::int32_t first_channel;  ///< that receives, with groups
    bool analog;                 ///< whether values other than 1 occur
    void* current;
};

/// A neuron at threshold.
struct Candidate {
    std::int32_t pixel, channel;
    double membrane;  ///< before the reset
};

/// Neighbouring pixels whose currents are integrated at the end of a step.
struct IntegrationRun {
    void* membrane;                 ///< [pixel * channel_stride + channel]; valid where last >= epoch
    void* current;                  ///< likewise; zero afterwards
    void* threshold;                ///< likewise; infinite for neurons that may not fire any more
    std::int64_t* last;             ///< step in which a pixel was integrated last
    const void* initial_threshold;  ///< [channel_stride]
    std::int32_t first_pixel, n_pixels, channel_stride;
    std::int64_t step, epoch;  ///< this step; the first since the reset
    double leak;               ///< per step: subtracted, or the factor by which the membrane shrinks
    bool multiplicative;
    bool fire;  ///< reset neurons at threshold; else leave that to the caller
    bool fire_once;
    Candidate* candidates;  ///< room for n_pixels * channel_stride
};

struct SteppedKernel {
    int value_bytes;
    void (*add)(const ArrivalRun&);
    /// Returns the number of candidates, ascending in pixel and channel.
    std::int64_t (*integrate)(const IntegrationRun&);
};

}  // namespace evsim
