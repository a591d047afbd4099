// Dense connection: every input reaches every neuron.
#pragma once

#include <cstdint>
#include <vector>

#include "core/aligned_buffer.hpp"

namespace evsim {

/// A few SIMD vectors of neurons that the engine keeps in registers.
struct TileRange {
    std::int32_t first_neuron;
    std::int32_t n_vectors;
};

/// Weights, input-major: the fan-out of one input is contiguous. Value (input, neuron) lies at [input * stride +
/// neuron].
class Dense {
 public:
    /// `lanes`: neurons per SIMD vector. Throws InvalidArgument or MemoryLimit.
    Dense(std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes, int lanes);

    std::int32_t n_inputs() const { return n_inputs_; }
    std::int32_t n_neurons() const { return n_neurons_; }
    int value_bytes() const { return value_bytes_; }
    std::size_t stride() const { return stride_; }
    std::size_t bytes() const { return values_.size(); }
    /// Neurons including padding, whose weights are 0.
    std::size_t padded_neurons() const { return padded_; }
    const std::vector<TileRange>& tiles() const { return tiles_; }
    std::byte* data() { return values_.data(); }
    const std::byte* data() const { return values_.data(); }

 private:
    std::int32_t n_inputs_, n_neurons_;
    int value_bytes_;
    std::vector<TileRange> tiles_;
    std::size_t padded_, stride_;
    AlignedBuffer values_;
};

}  // namespace evsim
