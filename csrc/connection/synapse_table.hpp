// Which inputs reach which neurons, one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "connection/synapse_rules.hpp"

namespace evsim {

/// Synapses ordered by input and, of each input, by neuron: 4 bytes for each, 8 for each input. Never changes, so that
/// all who go by the same synapses share one.
class SynapseTable {
 public:
    /// `inputs` and `neurons` of every synapse, in that order. Throws ShapeMismatch, IndexOutOfRange, UnsortedSpikes or
    /// MemoryLimit.
    SynapseTable(std::int32_t n_inputs, std::int32_t n_neurons, std::span<const std::int32_t> inputs,
                 std::span<const std::int32_t> neurons);
    /// `firsts`: of each input its first synapse, and at last how many there are. Taken as they are.
    SynapseTable(std::int32_t n_neurons, std::vector<std::size_t> firsts, std::vector<std::int32_t> neurons)
        : n_neurons_(n_neurons), firsts_(std::move(firsts)), neurons_(std::move(neurons)) {}
    /// Of a list by rule, of the neurons in its range, which are numbered from 0 on here. Throws MemoryLimit.
    SynapseTable(const SynapseList& list, const SynapseRange& range);

    std::int32_t n_inputs() const { return static_cast<std::int32_t>(firsts_.size() - 1); }
    std::int32_t n_neurons() const { return n_neurons_; }
    std::size_t n_synapses() const { return neurons_.size(); }
    /// Of an input: its first synapse; its last one lies before the first of the next input.
    std::size_t first(std::int32_t input) const { return firsts_[static_cast<std::size_t>(input)]; }
    const std::vector<std::size_t>& firsts() const { return firsts_; }
    const std::vector<std::int32_t>& neurons() const { return neurons_; }
    /// The input of each synapse; made for the caller.
    std::vector<std::int32_t> inputs() const;
    std::size_t bytes() const { return firsts_.size() * sizeof(std::size_t) + neurons_.size() * sizeof(std::int32_t); }

 private:
    std::int32_t n_neurons_;
    std::vector<std::size_t> firsts_;  ///< [n_inputs + 1]
    std::vector<std::int32_t> neurons_;
};

/// Positions of synapses as they were given, in a type that is wide enough.
using SynapseOrder = std::variant<std::vector<std::uint32_t>, std::vector<std::uint64_t>>;

struct SortedSynapses {
    std::shared_ptr<SynapseTable> table;
    std::optional<SynapseOrder> order;  ///< none where they were in the order of the table; equals stay as they were
};

/// A table of synapses in any order. Throws ShapeMismatch, IndexOutOfRange or MemoryLimit.
SortedSynapses sorted_synapses(std::span<const std::int32_t> sources, std::span<const std::int32_t> targets,
                               std::int32_t n_inputs, std::int32_t n_neurons);

}  // namespace evsim
