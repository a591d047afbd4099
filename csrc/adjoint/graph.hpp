// A network as the way back sees it: linear neurons as matrices, and who reaches whom.
#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "adjoint/weight_gradient.hpp"
#include "delays.hpp"
#include "projection.hpp"

namespace evsim {

/// Neurons that follow x' = A x, with a last variable that stays 1, fire where c x reaches a threshold and go on from
/// R x. Of all neurons, or of each one after the other.
struct LinearNeurons {
    std::int32_t size = 0;                ///< number of variables
    std::int32_t variables = 0;           ///< those without the last one and without padding
    std::vector<double> flow, held_flow;  ///< A; the same in a refractory period, or nothing
    std::vector<double> reset, initial;   ///< R; x at the beginning
    std::vector<double> readout;          ///< c
    std::vector<double> refractory;       ///< of each, or nothing
    /// What a spike of weight 1 adds, for each projection to them, in order; and what it adds in a refractory period.
    std::vector<double> arrivals, held_arrivals;

    /// Whether arrivals of a projection may lift the readout over the threshold.
    bool jumps(std::size_t projection) const {
        const auto n = static_cast<std::size_t>(size);
        return std::inner_product(readout.begin(), readout.end(),
                                  arrivals.begin() + static_cast<std::ptrdiff_t>(projection * n), 0.0) != 0.0;
    }
};

struct AdjointNode {
    std::string label;
    std::int32_t n_neurons = 0;
    LinearNeurons neurons;  ///< size 0: an input, or a relay
};

struct AdjointEdge {
    std::int32_t source = 0, target = 0;
    std::shared_ptr<const Projection> projection;  ///< nullptr: to a relay
    std::shared_ptr<const ConvPairs> pairs;        ///< of a convolution
};

/// What a loss asks of one sample.
struct AdjointSeeds {
    std::vector<std::int32_t> neurons;
    std::vector<double> times;   ///< in any order
    std::vector<double> values;  ///< [seed][variable]: the loss by the state
    /// Per seed: whether its time is that of a maximum. It stands still then, but where an arrival ends a rise: it is
    /// the time of that.
    std::vector<std::int32_t> moving;
};

/// What happened in one sample of a run, and what its loss says of it.
struct AdjointSample {
    double start = 0.0, until = 0.0;
    std::vector<SpikeView> spikes;                        ///< per node
    std::vector<std::span<const std::int32_t>> causes;    ///< per node: of relays, the input that caused each spike
    std::vector<std::span<const double>> loss_by_spikes;  ///< per node: of each spike its time, or nothing
    std::vector<AdjointSeeds> seeds;                      ///< per node
};

struct AdjointOptions {
    std::vector<std::uint8_t> parameters;  ///< per node: whether to derive by what is in LinearNeurons
    double smallest_slope = 0.0;
};

/// Of the losses of all samples, added up.
struct ParameterGradients {
    std::vector<double> by_flow, by_held_flow, by_reset, by_threshold, by_refractory, by_initial;
};
struct AdjointGradients {
    std::vector<WeightGradient> by_weights;                   ///< per edge
    std::vector<std::vector<double>> by_delays;               ///< per edge, as its delays
    std::vector<ParameterGradients> by_parameters;            ///< per node
    std::vector<std::vector<std::vector<double>>> by_spikes;  ///< per sample and node: of each spike by its time
};

}  // namespace evsim
