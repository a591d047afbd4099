// Sparse connection: synapses chosen one by one.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/aligned_buffer.hpp"

namespace evsim {

/// Synapses ordered by input and, of each input, by neuron: 4 bytes for the neuron, 4 or 8 for the weight. Weights
/// start at 0.
class Sparse {
 public:
    /// `inputs` and `neurons` of every synapse, in that order. Throws ShapeMismatch, IndexOutOfRange, UnsortedSpikes or
    /// MemoryLimit.
    Sparse(std::int32_t n_inputs, std::int32_t n_neurons, std::span<const std::int32_t> inputs,
           std::span<const std::int32_t> neurons, int value_bytes);

    std::int32_t n_inputs() const { return static_cast<std::int32_t>(first_.size() - 1); }
    std::int32_t n_neurons() const { return n_neurons_; }
    std::size_t n_synapses() const { return neurons_.size(); }
    int value_bytes() const { return value_bytes_; }
    /// Of an input: its first synapse; its last one lies before the first of the next input.
    std::size_t first(std::int32_t input) const { return first_[static_cast<std::size_t>(input)]; }
    const std::vector<std::int32_t>& neurons() const { return neurons_; }
    std::byte* data() { return values_.data(); }
    const std::byte* data() const { return values_.data(); }

 private:
    std::int32_t n_neurons_;
    int value_bytes_;
    std::vector<std::size_t> first_;  ///< [n_inputs + 1]
    std::vector<std::int32_t> neurons_;
    AlignedBuffer values_;
};

}  // namespace evsim
