#include "connection/conv2d.hpp"

#include <cstring>
#include <limits>

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
    const std::int64_t reach = dilation * (kernel - 1) + 1;
    if (transposed) return (input - 1) * stride - 2 * padding + reach + output_padding;
    return input + 2 * padding < reach ? 0 : (input + 2 * padding - reach) / stride + 1;
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
    constexpr double largest = std::numeric_limits<std::int32_t>::max();
    if (static_cast<double>(height) * static_cast<double>(width) * s.out_channels > largest ||
        static_cast<double>(s.input.size()) > largest) {
        throw MemoryLimit(text("an image of ", s.out_channels, " x ", height, " x ", width,
                               " neurons is too large; indices go up to ", std::numeric_limits<std::int32_t>::max()));
    }
    return {s.out_channels, static_cast<std::int32_t>(height), static_cast<std::int32_t>(width)};
}

namespace {

/// Positions of a kernel along one axis with the outputs they lead to, for inputs of one phase.
struct Tap {
    std::int32_t offset;    ///< of the output from the base
    std::int32_t position;  ///< in the kernel
};

/// An input at coordinate y reaches output o through position k where y + padding - k dilation = o stride. With y +
/// padding = base stride + phase, o - base depends on the phase only. Ascending in o.
std::vector<Tap> taps_of_phase(std::int32_t kernel, std::int32_t stride, std::int32_t dilation, std::int32_t phase,
                               bool transposed) {
    std::vector<Tap> taps;
    for (std::int32_t k = 0; k < kernel; ++k) {
        if (transposed) {
            taps.push_back({k * dilation, k});
        } else if ((phase - k * dilation) % stride == 0) {
            taps.push_back({(phase - k * dilation) / stride, k});
        }
    }
    if (!transposed) std::reverse(taps.begin(), taps.end());
    return taps;
}

}  // namespace

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
    require_memory(taps * (2.0 * out_per_group() + weight_stride_) * value_bytes, "the weights of a convolution");
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
    const bool transposed = settings_.transposed;
    // A phase is the remainder of input coordinate + padding: beyond the input there are none.
    const auto n_phases = [&](std::int32_t stride, std::int32_t input, std::int32_t padding) {
        return transposed ? 1
                          : static_cast<std::int32_t>(std::min<std::int64_t>(stride, std::int64_t{input} + padding));
    };
    const std::int32_t n_phases_y = n_phases(settings_.stride.y, settings_.input.height, settings_.padding.y);
    n_phases_x_ = n_phases(settings_.stride.x, settings_.input.width, settings_.padding.x);
    require_memory(static_cast<double>(n_phases_y) * n_phases_x_ * sizeof(stretches_[0]), "the plan of a convolution");
    for (std::int32_t y = 0; y < settings_.input.height; ++y)
        rows_.push_back(origin(y, settings_.stride.y, settings_.padding.y));
    for (std::int32_t x = 0; x < settings_.input.width; ++x)
        columns_.push_back(origin(x, settings_.stride.x, settings_.padding.x));
    constexpr std::int32_t unreached = -1;
    tap_of_.assign(taps_per_input_, unreached);
    std::int32_t next_tap = 0;
    for (std::int32_t phase_y = 0; phase_y < n_phases_y; ++phase_y) {
        const auto rows =
            taps_of_phase(settings_.kernel.y, settings_.stride.y, settings_.dilation.y, phase_y, transposed);
        for (std::int32_t phase_x = 0; phase_x < n_phases_x_; ++phase_x) {
            const auto columns =
                taps_of_phase(settings_.kernel.x, settings_.stride.x, settings_.dilation.x, phase_x, transposed);
            auto& stretches = stretches_.emplace_back();
            for (const Tap& row : rows) {
                for (const Tap& column : columns) {
                    const bool goes_on = !stretches.empty() && stretches.back().dy == row.offset &&
                                         stretches.back().dx + stretches.back().count == column.offset;
                    if (goes_on) {
                        ++stretches.back().count;
                    } else {
                        stretches.push_back({row.offset, column.offset, 1, next_tap});
                    }
                    tap_of_[static_cast<std::size_t>(row.position * settings_.kernel.x + column.position)] = next_tap++;
                }
            }
        }
    }
    for (std::int32_t& tap : tap_of_) {
        if (tap == unreached) tap = next_tap++;
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
