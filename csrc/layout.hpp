// Where the neurons of a population lie in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <evsim/loops/neuron_kernel.h>

#include "connection/conv2d.hpp"

namespace evsim {

inline std::size_t count(std::int32_t n) { return static_cast<std::size_t>(n); }

/// A few SIMD vectors of neurons that the dense engine keeps in registers.
struct TileRange {
    std::int32_t first_neuron;
    std::int32_t n_vectors;
};

/// Neurons lie in a row, padded to whole tiles, where every input reaches all of them; and by pixel and then channel,
/// [pixel][channel_stride], where an input reaches few pixels. Users number the latter by (channel, row, column).
class Layout {
 public:
    /// Throws InvalidArgument.
    static Layout row(std::int64_t n_neurons, const ModelInfo& model);
    static Layout image(const ImageShape& shape, int value_bytes);

    std::int32_t n_neurons() const { return n_neurons_; }
    /// Neurons with padding: values of one variable.
    std::size_t places() const { return places_; }
    std::size_t place_of(std::int32_t neuron) const;

    /// Of neurons in a row.
    const std::vector<TileRange>& tiles() const { return tiles_; }

    /// Of neurons in an image; nullopt in a row.
    const std::optional<ImageShape>& image() const { return image_; }
    std::size_t n_pixels() const { return static_cast<std::size_t>(image_->pixels()); }
    std::size_t channel_stride() const { return channel_stride_; }

 private:
    Layout() = default;

    std::int32_t n_neurons_ = 0;
    std::size_t places_ = 0, channel_stride_ = 0;
    std::vector<TileRange> tiles_;
    std::optional<ImageShape> image_;
};

/// `n` as a size of the core. Throws InvalidArgument.
std::int32_t checked_size(std::int64_t n, const char* name);

}  // namespace evsim
