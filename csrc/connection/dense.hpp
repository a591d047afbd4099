// Dense connection: every input reaches every neuron.
#pragma once

#include <cstdint>

#include "core/aligned_buffer.hpp"

namespace evsim {

/// Weights, input-major: the fan-out of one input is contiguous. Value (input, neuron) lies at [input * stride +
/// neuron]; those of padding are 0.
class Dense {
 public:
    /// `padded`: neurons including padding. Throws MemoryLimit.
    Dense(std::int32_t n_inputs, std::int32_t n_neurons, std::size_t padded, int value_bytes);

    std::int32_t n_inputs() const { return n_inputs_; }
    std::int32_t n_neurons() const { return n_neurons_; }
    int value_bytes() const { return value_bytes_; }
    std::size_t stride() const { return stride_; }
    std::size_t bytes() const { return values_.size(); }
    std::byte* data() { return values_.data(); }
    const std::byte* data() const { return values_.data(); }

 private:
    std::int32_t n_inputs_, n_neurons_;
    int value_bytes_;
    std::size_t stride_;
    AlignedBuffer values_;
};

}  // namespace evsim
