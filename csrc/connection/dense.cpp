#include "connection/dense.hpp"

#include "core/errors.hpp"

namespace evsim {

Dense::Dense(std::int32_t n_inputs, std::int32_t n_neurons, std::size_t padded, int value_bytes)
    : n_inputs_(n_inputs), n_neurons_(n_neurons), value_bytes_(value_bytes), stride_(padded) {
    const std::string what = text("a dense connection of ", n_inputs, " inputs to ", n_neurons, " neurons");
    require_memory(static_cast<double>(n_inputs) * static_cast<double>(n_neurons) * value_bytes, what);
    // Rows a multiple of 4 KiB apart would crowd into few sets of the cache.
    if (stride_ * static_cast<std::size_t>(value_bytes) % 4096 == 0)
        stride_ += 64 / static_cast<std::size_t>(value_bytes);
    values_ =
        AlignedBuffer(static_cast<std::size_t>(n_inputs_) * stride_ * static_cast<std::size_t>(value_bytes), what);
}

}  // namespace evsim
