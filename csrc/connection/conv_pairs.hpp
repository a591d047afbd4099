// A convolution written out: which neurons an input reaches, one by one, and by which of the shared weights.
#pragma once

#include <cstdint>
#include <vector>

#include "connection/conv2d.hpp"

namespace evsim {

/// Every pair of an input and a neuron that a tap joins, ordered by input and, of each input, by neuron: 8 bytes each.
/// No two taps join the same pair.
class ConvPairs {
 public:
    /// Throws MemoryLimit or Unsupported.
    explicit ConvPairs(const Conv2d& conv);

    std::int32_t n_inputs() const { return static_cast<std::int32_t>(first_.size() - 1); }
    std::int32_t n_neurons() const { return n_neurons_; }
    std::size_t n_synapses() const { return neurons_.size(); }
    /// Of an input: its first pair; its last one lies before the first of the next input.
    std::size_t first(std::int32_t input) const { return first_[static_cast<std::size_t>(input)]; }
    const std::vector<std::int32_t>& neurons() const { return neurons_; }
    /// Of each pair, the place of its weight in Conv2d::weights().
    const std::vector<std::uint32_t>& taps() const { return taps_; }
    std::size_t bytes() const {
        return (first_.size() + taps_.size()) * sizeof(std::uint32_t) + neurons_.size() * sizeof(std::int32_t);
    }

 private:
    std::int32_t n_neurons_;
    std::vector<std::uint32_t> first_;  ///< [n_inputs + 1]
    std::vector<std::int32_t> neurons_;
    std::vector<std::uint32_t> taps_;
};

}  // namespace evsim
