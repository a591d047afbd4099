#include "connection/sparse.hpp"

#include "core/errors.hpp"

namespace evsim {

Sparse::Sparse(std::shared_ptr<const SynapseTable> table, int value_bytes)
    : table_(std::move(table)),
      value_bytes_(value_bytes),
      values_(table_->n_synapses() * static_cast<std::size_t>(value_bytes), text(table_->n_synapses(), " synapses")) {}

Sparse::Sparse(std::int32_t n_inputs, std::int32_t n_neurons, std::span<const std::int32_t> inputs,
               std::span<const std::int32_t> neurons, int value_bytes)
    : Sparse(std::make_shared<const SynapseTable>(n_inputs, n_neurons, inputs, neurons), value_bytes) {}

}  // namespace evsim
