// Sparse connection: synapses chosen one by one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "connection/synapse_table.hpp"
#include "core/aligned_buffer.hpp"

namespace evsim {

/// A table of synapses and their weights, of 4 or 8 bytes each. Weights start at 0.
class Sparse {
 public:
    /// Throws MemoryLimit.
    Sparse(std::shared_ptr<const SynapseTable> table, int value_bytes);
    /// `inputs` and `neurons` of every synapse, ordered. Throws what SynapseTable does.
    Sparse(std::int32_t n_inputs, std::int32_t n_neurons, std::span<const std::int32_t> inputs,
           std::span<const std::int32_t> neurons, int value_bytes);

    std::int32_t n_inputs() const { return table_->n_inputs(); }
    std::int32_t n_neurons() const { return table_->n_neurons(); }
    std::size_t n_synapses() const { return table_->n_synapses(); }
    int value_bytes() const { return value_bytes_; }
    /// Of an input: its first synapse; its last one lies before the first of the next input.
    std::size_t first(std::int32_t input) const { return table_->first(input); }
    const std::vector<std::int32_t>& neurons() const { return table_->neurons(); }
    std::byte* data() { return values_.data(); }
    const std::byte* data() const { return values_.data(); }
    std::size_t bytes() const { return table_->bytes() + values_.size(); }

 private:
    std::shared_ptr<const SynapseTable> table_;
    int value_bytes_;
    AlignedBuffer values_;
};

}  // namespace evsim
