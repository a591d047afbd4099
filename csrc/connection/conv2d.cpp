#include "connection/conv2d.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "core/errors.hpp"

namespace evsim {

namespace {

void require_from(std::int32_t value, std::int32_t least, const char* name) {
    if (value < least) throw InvalidArgument(text(name, " must be at least ", least, ", got ", value));
}

void require_pair(const Pair& pair, std::int32_t least, const char* name) {
    require_from(pair.y, least, name);
    require_from(pair.x, least, name);
}

/// Size of the output along one axis.
std::int64_t output_size(std::int64_t input, std::int64_t kernel, std::int64_t stride, std::int64_t padding,
                         std::int64_t dilation, std::int64_t output_padding, bool transposed) {
    const std::int64_t reach = dilation * (kernel - 1) + 1, padded = input + 2 * padding;
    if (std::max({reach, padded, transposed ? (input - 1) * stride : 0}) > std::numeric_limits<std::int32_t>::max())
        throw MemoryLimit("an image with its padding, or a kernel with its dilation, that is too large");
    if (transposed) return (input - 1) * stride - 2 * padding + reach + output_padding;
    return padded < reach ? 0 : (padded - reach) / stride + 1;
}

}  // namespace

ImageShape output_of(const Conv2dSettings& s) {
    require_from(s.input.channels, 1, "the number of input channels");
    require_from(s.input.height, 1, "the height");
    require_from(s.input.width, 1, "the width");
    require_from(s.out_channels, 1, "out_channels");
    require_from(s.groups, 1, "groups");
    require_pair(s.kernel, 1, "kernel_size");
    require_pair(s.stride, 1, "stride");
    require_pair(s.padding, 0, "padding");
    require_pair(s.dilation, 1, "dilation");
    require_pair(s.output_padding, 0, "output_padding");
    if (s.input.channels % s.groups != 0 || s.out_channels % s.groups != 0) {
        throw InvalidArgument(text("groups must divide the channels, got ", s.groups, " groups for ", s.input.channels,
                                   " input and ", s.out_channels, " output channels"));
    }
    if (s.output_padding.y >= std::max(s.stride.y, s.dilation.y) ||
        s.output_padding.x >= std::max(s.stride.x, s.dilation.x)) {
        throw InvalidArgument("output_padding must be smaller than stride or dilation");
    }
    const std::int64_t height = output_size(s.input.height, s.kernel.y, s.stride.y, s.padding.y, s.dilation.y,
                                            s.output_padding.y, s.transposed);
    const std::int64_t width =
        output_size(s.input.width, s.kernel.x, s.stride.x, s.padding.x, s.dilation.x, s.output_padding.x, s.transposed);
    if (height < 1 || width < 1) {
        throw ShapeMismatch(text("a kernel of ", s.kernel.y, " x ", s.kernel.x, " does not fit into an input of ",
                                 s.input.height, " x ", s.input.width));
    }
    require_indexable(s.input);
    constexpr std::int64_t largest = std::numeric_limits<std::int32_t>::max();
    if (height > largest || width > largest || std::int64_t{s.kernel.y} * s.kernel.x > largest)
        throw MemoryLimit(text("an image of ", height, " x ", width, " or a kernel of ", s.kernel.y, " x ", s.kernel.x,
                               " is too large"));
    const ImageShape output{s.out_channels, static_cast<std::int32_t>(height), static_cast<std::int32_t>(width)};
    require_indexable(output);
    return output;
}

void require_indexable(const ImageShape& shape) {
    // In floating point: the product of three sizes may pass any integer type.
    const double size = static_cast<double>(shape.channels) * shape.height * shape.width;
    constexpr std::int32_t largest = std::numeric_limits<std::int32_t>::max() - 1024;  // room for padding
    if (size > largest) {
        throw MemoryLimit(text("an image of ", shape.channels, " x ", shape.height, " x ", shape.width,
                               " neurons is too large; there may be ", largest));
    }
}

/// An input at coordinate y reaches output o through position k where y + padding - k dilation = o stride. With y +
/// padding = base stride + phase, o - base depends on the phase only. There are many phases where the stride is large,
/// but no more than positions lead anywhere.
class Conv2d::Axis {
 public:
    /// Positions of a kernel along one axis with the outputs they lead to, for inputs of one phase.
    struct Tap {
        std::int32_t offset;    ///< of the output from the base
        std::int32_t position;  ///< in the kernel
    };

    Axis(std::int32_t kernel, std::int32_t stride, std::int32_t padding, std::int32_t dilation, bool transposed)
        : stride_(stride), padding_(padding), transposed_(transposed) {
        for (std::int32_t k = 0; k < kernel; ++k) {
            const std::int32_t reach = k * dilation;
            if (transposed) {
                taps_[0].push_back({reach, k});
            } else {
                taps_[reach % stride].push_back({-(reach / stride), k});
            }
        }
        for (auto& [phase, taps] : taps_) {
            if (!transposed) std::reverse(taps.begin(), taps.end());
        }
    }

    /// Of the phases in ascending order, each ascending in the output.
    const std::map<std::int32_t, std::vector<Tap>>& taps() const { return taps_; }

    std::vector<Origin> origins(std::int32_t n) const {
        std::map<std::int32_t, std::int32_t> number;
        for (const auto& [phase, taps] : taps_) number.emplace(phase, static_cast<std::int32_t>(number.size()));
        std::vector<Origin> origins;
        origins.reserve(static_cast<std::size_t>(n));
        for (std::int32_t coordinate = 0; coordinate < n; ++coordinate) {
            if (transposed_) {
                origins.push_back({coordinate * stride_ - padding_, 0});
                continue;
            }
            const auto found = number.find((coordinate + padding_) % stride_);
            origins.push_back({(coordinate + padding_) / stride_, found == number.end() ? no_phase : found->second});
        }
        return origins;
    }

 private:
    std::int32_t stride_, padding_;
    bool transposed_;
    std::map<std::int32_t, std::vector<Tap>> taps_;
};

std::int32_t padded_channels(std::int32_t channels, int value_bytes) {
    const std::int32_t unit = 16 / value_bytes;
    return (channels + unit - 1) / unit * unit;
}

Conv2d::Conv2d(const Conv2dSettings& settings, int value_bytes)
    : settings_(settings), output_(output_of(settings)), value_bytes_(value_bytes) {
    channel_stride_ = padded_channels(output_.channels, value_bytes);
    weight_stride_ = settings_.groups == 1 ? channel_stride_ : out_per_group();
    taps_per_input_ = static_cast<std::size_t>(settings_.kernel.y) * static_cast<std::size_t>(settings_.kernel.x);
    const double taps = static_cast<double>(settings_.kernel.y) * settings_.kernel.x * settings_.input.channels;
    const double plan =
        static_cast<double>(taps_per_input_) * (sizeof(stretches_[0]) + sizeof(RelativeStretch) + sizeof(Axis::Tap));
    require_memory(taps * (2.0 * out_per_group() + weight_stride_) * value_bytes + plan,
                   "the weights of a convolution");
    n_weights_ = static_cast<std::size_t>(settings_.input.channels) * static_cast<std::size_t>(out_per_group()) *
                 taps_per_input_;
    weights_ = AlignedBuffer(n_weights_ * static_cast<std::size_t>(value_bytes), "weights");
    seen_ = weights_;
    packed_ = AlignedBuffer(static_cast<std::size_t>(settings_.input.channels) * taps_per_input_ *
                                static_cast<std::size_t>(weight_stride_) * static_cast<std::size_t>(value_bytes),
                            "weights");
    plan_stretches();
}

void Conv2d::plan_stretches() {
    const Conv2dSettings& c = settings_;
    const Axis y(c.kernel.y, c.stride.y, c.padding.y, c.dilation.y, c.transposed);
    const Axis x(c.kernel.x, c.stride.x, c.padding.x, c.dilation.x, c.transposed);
    rows_ = y.origins(c.input.height);
    columns_ = x.origins(c.input.width);
    n_phases_x_ = static_cast<std::int32_t>(x.taps().size());
    tap_of_.resize(taps_per_input_);
    std::int32_t next_tap = 0;
    for (const auto& [phase_y, rows] : y.taps()) {
        for (const auto& [phase_x, columns] : x.taps()) {
            auto& stretches = stretches_.emplace_back();
            for (const Axis::Tap& row : rows) {
                for (const Axis::Tap& column : columns) {
                    const bool goes_on = !stretches.empty() && stretches.back().dy == row.offset &&
                                         stretches.back().dx + stretches.back().count == column.offset;
                    if (goes_on) {
                        ++stretches.back().count;
                    } else {
                        stretches.push_back({row.offset, column.offset, 1, next_tap});
                    }
                    tap_of_[static_cast<std::size_t>(row.position * c.kernel.x + column.position)] = next_tap++;
                }
            }
        }
    }
}

void Conv2d::pack() {
    if (!fresh_ && std::memcmp(weights_.data(), seen_.data(), weights_.size()) == 0) return;
    fresh_ = true;  // until it is done: a child may be forked meanwhile
    std::memcpy(seen_.data(), weights_.data(), weights_.size());
    value_bytes_ == 4 ? pack_as<float>() : pack_as<double>();
    fresh_ = false;
}

template <class T>
void Conv2d::pack_as() {
    const T* const from = reinterpret_cast<const T*>(seen_.data());
    T* const to = reinterpret_cast<T*>(packed_.data());
    const auto in_group = static_cast<std::size_t>(in_per_group()),
               out_group = static_cast<std::size_t>(out_per_group());
    const auto stride = static_cast<std::size_t>(weight_stride_);
    for (std::size_t input = 0; input < static_cast<std::size_t>(settings_.input.channels); ++input) {
        for (std::size_t out = 0; out < out_group; ++out) {
            const std::size_t kernel = settings_.transposed
                                           ? input * out_group + out
                                           : (input / in_group * out_group + out) * in_group + input % in_group;
            for (std::size_t k = 0; k < taps_per_input_; ++k) {
                const std::size_t tap = input * taps_per_input_ + static_cast<std::size_t>(tap_of_[k]);
                to[tap * stride + out] = from[kernel * taps_per_input_ + k];
            }
        }
    }
}

}  // namespace evsim
