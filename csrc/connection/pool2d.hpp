// Pooling: which windows a pixel lies in.
#pragma once

#include <algorithm>
#include <cstdint>

#include "connection/conv2d.hpp"

namespace evsim {

/// any: a pooled spike whenever something arrives in its window, arrivals of one instant being one; first: only the
/// first of a sample.
enum class PoolMode { any, first };

struct PoolSettings {
    ImageShape input;
    Pair kernel, stride, padding{0, 0};
    PoolMode mode = PoolMode::any;
};

/// Windows lie fully within input and padding, channel by channel.
class Pool2d {
 public:
    /// Throws InvalidArgument, ShapeMismatch or MemoryLimit.
    explicit Pool2d(const PoolSettings& settings);

    const ImageShape& input() const { return settings_.input; }
    const ImageShape& output() const { return output_; }
    PoolMode mode() const { return settings_.mode; }

    /// visit(cell) for every window that `input` lies in.
    template <class Visit>
    void for_each_cell(std::int32_t input, Visit&& visit) const {
        const PoolSettings& s = settings_;
        const std::int32_t channel = input / s.input.pixels(), pixel = input % s.input.pixels();
        const std::int32_t y = pixel / s.input.width + s.padding.y, x = pixel % s.input.width + s.padding.x;
        // Window o reaches from o * stride to o * stride + kernel - 1.
        const auto lowest = [](std::int32_t at, std::int32_t kernel, std::int32_t stride) {
            return at < kernel ? 0 : (at - kernel) / stride + 1;
        };
        const std::int32_t last_y = std::min(y / s.stride.y, output_.height - 1),
                           last_x = std::min(x / s.stride.x, output_.width - 1);
        for (std::int32_t oy = lowest(y, s.kernel.y, s.stride.y); oy <= last_y; ++oy) {
            for (std::int32_t ox = lowest(x, s.kernel.x, s.stride.x); ox <= last_x; ++ox)
                visit(channel * output_.pixels() + oy * output_.width + ox);
        }
    }

 private:
    PoolSettings settings_;
    ImageShape output_;
};

}  // namespace evsim
