#include "layout.hpp"

#include <algorithm>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// The largest tiles, then the cheapest cover of the rest: a wider tile with some padding costs less than two narrow
/// ones.
std::vector<TileRange> cover(std::int32_t n_neurons, const ModelInfo& model) {
    std::vector<TileRange> tiles;
    std::int32_t first = 0;
    while (first < n_neurons) {
        const std::int32_t left = (n_neurons - first + model.lanes - 1) / model.lanes;
        const std::int32_t vectors = std::min(left == 3 ? 4 : left, model.most_vectors);
        tiles.push_back({first, vectors});
        first += vectors * model.lanes;
    }
    return tiles;
}

}  // namespace

std::int32_t checked_size(std::int64_t n, const char* name) {
    constexpr std::int64_t largest = std::numeric_limits<std::int32_t>::max() - 1024;  // room for padding
    if (n < 1 || n > largest) throw InvalidArgument(text(name, " must be from 1 to ", largest, ", got ", n));
    return static_cast<std::int32_t>(n);
}

Layout Layout::row(std::int64_t n_neurons, const ModelInfo& model) {
    Layout layout;
    layout.n_neurons_ = checked_size(n_neurons, "n_neurons");
    layout.tiles_ = cover(layout.n_neurons_, model);
    const TileRange& last = layout.tiles_.back();
    layout.places_ = static_cast<std::size_t>(last.first_neuron + last.n_vectors * model.lanes);
    return layout;
}

Layout Layout::image(const ImageShape& shape, int value_bytes) {
    if (shape.channels < 1 || shape.height < 1 || shape.width < 1)
        throw InvalidArgument("the shape of a population needs channels, rows and columns");
    require_indexable(shape);
    Layout layout;
    layout.n_neurons_ = static_cast<std::int32_t>(shape.size());
    layout.image_ = shape;
    layout.channel_stride_ = static_cast<std::size_t>(padded_channels(shape.channels, value_bytes));
    layout.places_ = layout.n_pixels() * layout.channel_stride_;
    return layout;
}

std::size_t Layout::place_of(std::int32_t neuron) const {
    if (!image_) return static_cast<std::size_t>(neuron);
    const std::int32_t pixels = image_->pixels();
    return static_cast<std::size_t>(neuron % pixels) * channel_stride_ + static_cast<std::size_t>(neuron / pixels);
}

}  // namespace evsim
