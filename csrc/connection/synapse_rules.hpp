// Synapses by rule. Each list is drawn from counters keyed by a seed and by the target neuron alone (for a fixed
// out-degree, by the source), so that it does not matter who draws which targets: the lists of [0, k) and [k, n), one
// after the other, are the list of [0, n).
#pragma once

#include <cstdint>
#include <vector>

namespace evsim {

/// Synapse k goes from input sources[k] to neuron targets[k]; targets do not decrease.
struct SynapseList {
    std::vector<std::int32_t> sources, targets;

    bool operator==(const SynapseList&) const = default;
};

/// Between n_inputs inputs and n_neurons neurons, of which those from `first` up to `last` (exclusive) are asked for.
struct SynapseRange {
    std::int32_t n_inputs, n_neurons, first, last;
};

/// autapses: from an input to the neuron of the same index; multapses: several from one input to one neuron.
struct Repeats {
    bool autapses = true, multapses = true;
};

/// Rows and columns of cells that divide the unit square; neurons lie in the middle of their cells, numbered row by
/// row.
struct SquareGrid {
    std::int32_t rows, columns;

    std::int64_t size() const { return std::int64_t{rows} * columns; }
};

/// Of neurons in grids. Throws InvalidArgument or MemoryLimit for grids that there are not.
SynapseRange range_of(const SquareGrid& from, const SquareGrid& to, std::int32_t first, std::int32_t last);

/// How probable a synapse is at distance d, relative to d = 0: exp(-d^2 / (2 sigma^2)), exp(-d / sigma), or 1 up to
/// d = sigma and 0 beyond.
enum class DistanceProfile { gaussian, exponential, step };

struct DistanceRule {
    DistanceProfile profile = DistanceProfile::gaussian;
    double probability = 1.0;  ///< at distance 0
    double sigma = 1.0;
    bool periodic = true;  ///< distances on the torus: opposite edges of the square meet
    bool autapses = true;
};

/// `degree` synapses for every neuron, from inputs that are equally probable; without multapses, every set of `degree`
/// inputs is. Throws InvalidArgument or MemoryLimit, as all of these do.
SynapseList fixed_in_degree(const SynapseRange& range, std::int32_t degree, Repeats repeats, std::uint64_t seed);

/// `degree` synapses for every input, to neurons likewise. Draws for all inputs, whatever the range.
SynapseList fixed_out_degree(const SynapseRange& range, std::int32_t degree, Repeats repeats, std::uint64_t seed);

/// Each pair has a synapse with this probability, independently. Costs as many draws as there are synapses.
SynapseList random_pairs(const SynapseRange& range, double probability, bool autapses, std::uint64_t seed);

/// From each input to the neuron of the same index.
SynapseList one_to_one(const SynapseRange& range);

/// Each pair has a synapse with a probability that falls with its distance, independently, for targets `first` up to
/// `last`. Costs a draw for each row of sources in reach, and for each source as probable as the nearest in its row.
SynapseList by_distance(const SquareGrid& from, const SquareGrid& to, std::int32_t first, std::int32_t last,
                        const DistanceRule& rule, std::uint64_t seed);

}  // namespace evsim
