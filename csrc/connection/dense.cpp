#include "connection/dense.hpp"

#include <limits>

#include "core/errors.hpp"

namespace evsim {

namespace {

std::int32_t checked_size(std::int64_t n, const char* name) {
    constexpr std::int64_t largest = std::numeric_limits<std::int32_t>::max() - 1024;  // room for padding
    if (n < 1 || n > largest) throw InvalidArgument(text(name, " must be from 1 to ", largest, ", got ", n));
    return static_cast<std::int32_t>(n);
}

/// Tiles of 8 vectors, then the cheapest cover of the rest: a wider tile with some padding costs less than two narrow
/// ones.
std::vector<TileRange> cover(std::int32_t n_neurons, int lanes) {
    std::vector<TileRange> tiles;
    std::int32_t first = 0;
    while (first < n_neurons) {
        const std::int32_t left = (n_neurons - first + lanes - 1) / lanes;
        const std::int32_t vectors = left >= 3 ? 4 : left;
        tiles.push_back({first, vectors});
        first += vectors * lanes;
    }
    return tiles;
}

}  // namespace

Dense::Dense(std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes, int lanes)
    : n_inputs_(checked_size(n_inputs, "n_inputs")),
      n_neurons_(checked_size(n_neurons, "n_neurons")),
      value_bytes_(value_bytes) {
    const double bytes = static_cast<double>(n_inputs) * static_cast<double>(n_neurons) * value_bytes;
    const std::string what = text("a dense connection of ", n_inputs, " inputs to ", n_neurons, " neurons");
    require_memory(bytes, what);
    tiles_ = cover(n_neurons_, lanes);
    padded_ = static_cast<std::size_t>(tiles_.back().first_neuron + tiles_.back().n_vectors * lanes);
    stride_ = padded_;
    // Rows a multiple of 4 KiB apart would crowd into few sets of the cache.
    if (stride_ * static_cast<std::size_t>(value_bytes) % 4096 == 0)
        stride_ += 64 / static_cast<std::size_t>(value_bytes);
    values_ =
        AlignedBuffer(static_cast<std::size_t>(n_inputs_) * stride_ * static_cast<std::size_t>(value_bytes), what);
}

}  // namespace evsim
