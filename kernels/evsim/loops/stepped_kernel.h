// The contract between the step-synchronous engine and its inner loops, which are compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evsim {

/// Neighbouring pixels.
struct Pixels {
    std::int32_t first, count;
};

/// Weights to be added to a run of pixels.
struct Arrival {
    Pixels pixels;
    std::size_t weights;  ///< of the first pixel
    double value;         ///< of the input spike, 1 unless the input is analog
};

/// A neuron at threshold.
struct Candidate {
    std::int32_t pixel, channel;
    double membrane;  ///< before the reset
};

/// The neurons of one sample. Those of a pixel lie side by side: [pixel * channel_stride + channel].
struct SteppedPlane {
    void* membrane;        ///< valid where last >= epoch
    std::uint64_t* fired;  ///< [pixel * fired_words + channel / 64]: neurons that may not fire any more, or nullptr
    std::int32_t* last;    ///< step in which a pixel received last
    std::int32_t channel_stride, fired_words;
    std::int32_t step, epoch;  ///< this step; the first since the reset
    double leak;               ///< per step: subtracted, or the factor by which the membrane shrinks
    bool multiplicative;
    const std::int32_t* map_zeroed;  ///< [channel]: step after which competition zeroed a map, or nullptr
};

/// Spikes that arrive at a plane.
struct ArrivalBatch {
    SteppedPlane plane;
    const Pixels* touched;  ///< pixels that receive for the first time in this step
    std::int64_t n_touched;
    const Arrival* arrivals;
    std::int64_t n_arrivals;
    const void* weights;
    std::int32_t weight_stride;  ///< values per pixel; channel_stride where all channels receive
    std::int32_t first_channel;  ///< that receives, with groups
    bool analog;                 ///< whether values other than 1 occur
};

/// Pixels at the end of a step in which they received.
struct ThresholdBatch {
    SteppedPlane plane;
    const Pixels* pixels;  ///< stretches of a row, ascending
    std::int64_t n_stretches;
    const void* threshold;  ///< [channel_stride]; infinite for padding
    bool fire;              ///< reset neurons at threshold; else leave that to the caller
    Candidate* candidates;  ///< room for all neurons of these pixels
};

struct SteppedKernel {
    /// Brings touched pixels over the steps in which they received nothing, and adds the weights.
    void (*receive)(const ArrivalBatch&);
    /// Returns the number of candidates, ascending in pixel and channel.
    std::int64_t (*fire)(const ThresholdBatch&);
};

}  // namespace evsim
