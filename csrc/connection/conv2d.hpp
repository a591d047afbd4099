// Convolution, transposed convolution and pooling by sums: who receives a spike of a pixel, and with what weight.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/aligned_buffer.hpp"

namespace evsim {

/// Channels, rows and columns. Neuron (c, y, x) has the index (c * height + y) * width + x.
struct ImageShape {
    std::int32_t channels = 1, height = 1, width = 1;

    // Both fit for shapes that went through require_indexable.
    std::int32_t pixels() const { return height * width; }
    std::int64_t size() const { return std::int64_t{channels} * pixels(); }
    bool operator==(const ImageShape&) const = default;
};
/// Throws MemoryLimit if the neurons are more than indices can name.
void require_indexable(const ImageShape& shape);

/// One value for rows and one for columns.
struct Pair {
    std::int32_t y = 1, x = 1;
};

struct Conv2dSettings {
    ImageShape input;
    std::int32_t out_channels = 1;
    Pair kernel, stride, padding{0, 0}, dilation, output_padding{0, 0};
    std::int32_t groups = 1;
    bool transposed = false;
};

/// What comes out of it. Throws InvalidArgument, ShapeMismatch or MemoryLimit.
ImageShape output_of(const Conv2dSettings& settings);

/// Channels of a pixel in memory: whole groups of 16 bytes.
std::int32_t padded_channels(std::int32_t channels, int value_bytes);

/// Weights as users see them, (out, in / groups, rows, columns), or (in, out / groups, rows, columns) where transposed;
/// and the same in the order in which an input spike reads them.
///
/// The neurons of a pixel lie side by side, [pixel][channel], with room for `channel_stride` channels. An input spike
/// reaches a few stretches of neighbouring pixels; the weights of a stretch are contiguous in the same order.
class Conv2d {
 public:
    /// Throws InvalidArgument, ShapeMismatch or MemoryLimit.
    Conv2d(const Conv2dSettings& settings, int value_bytes);

    const Conv2dSettings& settings() const { return settings_; }
    const ImageShape& input() const { return settings_.input; }
    const ImageShape& output() const { return output_; }
    int value_bytes() const { return value_bytes_; }
    /// Channels of a pixel in memory: those of the output, padded to whole groups of 16 bytes.
    std::int32_t channel_stride() const { return channel_stride_; }
    std::int32_t in_per_group() const { return settings_.input.channels / settings_.groups; }
    std::int32_t out_per_group() const { return settings_.out_channels / settings_.groups; }

    std::size_t n_weights() const { return n_weights_; }
    std::byte* weights() { return weights_.data(); }
    const std::byte* weights() const { return weights_.data(); }
    /// Brings `packed` up to date with `weights`, which anybody may have written. Costs one look at the weights.
    void pack();
    const std::byte* packed() const { return packed_.data(); }

    /// Neighbouring output pixels, first_pixel + k for k < count, that an input reaches.
    struct Stretch {
        std::int32_t first_pixel;  ///< of the output plane
        std::int32_t count;
        std::int32_t row;
        std::size_t weights;  ///< of the first pixel in `packed`; those of the next lie weight_stride() further on
    };
    /// Values of `packed` per pixel of a stretch: channel_stride, or with groups out_per_group.
    std::int32_t weight_stride() const { return weight_stride_; }
    /// First output channel that input channel `channel` reaches; with groups it reaches out_per_group of them.
    std::int32_t first_channel(std::int32_t channel) const { return channel / in_per_group() * out_per_group(); }

    /// Most stretches that one input reaches.
    std::int32_t most_stretches() const { return settings_.kernel.y * settings_.kernel.x; }

    /// visit(Stretch) for all that input (channel, y, x) reaches, rows ascending in memory.
    template <class Visit>
    void for_each_stretch(std::int32_t channel, std::int32_t y, std::int32_t x, Visit&& visit) const {
        const Origin row = rows_[static_cast<std::size_t>(y)], column = columns_[static_cast<std::size_t>(x)];
        if (row.phase == no_phase || column.phase == no_phase) return;
        const std::size_t first = static_cast<std::size_t>(channel) * taps_per_input_;
        const std::vector<RelativeStretch>& stretches =
            stretches_[static_cast<std::size_t>(row.phase * n_phases_x_ + column.phase)];
        for (const RelativeStretch& stretch : stretches) {
            const std::int32_t out_y = row.base + stretch.dy, left = column.base + stretch.dx;
            if (out_y < 0 || out_y >= output_.height) continue;
            const std::int32_t begin = std::max(left, 0), end = std::min(left + stretch.count, output_.width);
            if (begin >= end) continue;
            const std::size_t tap = first + static_cast<std::size_t>(stretch.first_tap + begin - left);
            visit(Stretch{out_y * output_.width + begin, end - begin, out_y,
                          tap * static_cast<std::size_t>(weight_stride_)});
        }
    }

 private:
    /// An input coordinate: the outputs it reaches lie at base + (offsets that depend on the phase only).
    struct Origin {
        std::int32_t base, phase;  ///< no_phase: it reaches none
    };
    static constexpr std::int32_t no_phase = -1;
    struct RelativeStretch {
        std::int32_t dy, dx, count, first_tap;
    };
    class Axis;
    void plan_stretches();
    template <class T>
    void pack_as();

    Conv2dSettings settings_;
    ImageShape output_;
    int value_bytes_;
    std::int32_t channel_stride_ = 0, weight_stride_ = 0, n_phases_x_ = 1;
    std::size_t n_weights_ = 0, taps_per_input_ = 0;
    std::vector<Origin> rows_, columns_;                   ///< of the input
    std::vector<std::vector<RelativeStretch>> stretches_;  ///< [phase of y * phases of x + phase of x]
    std::vector<std::int32_t> tap_of_;  ///< [row * columns + column of the kernel]: place in `packed`
    AlignedBuffer weights_, seen_, packed_;
    bool fresh_ = true;
};

}  // namespace evsim
