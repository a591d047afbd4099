#include "connection/conv_pairs.hpp"

#include <algorithm>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// Along one axis: which output an input reaches by which position of the kernel.
struct Reached {
    std::int32_t output, position;
};
struct AxisSettings {
    std::int32_t n_inputs, n_outputs, kernel, stride, padding, dilation;
    bool transposed;
};

/// Of each input, ascending in the output.
std::vector<std::vector<Reached>> reached_along(const AxisSettings& axis) {
    std::vector<std::vector<Reached>> all(static_cast<std::size_t>(axis.n_inputs));
    for (std::int32_t input = 0; input < axis.n_inputs; ++input) {
        std::vector<Reached>& own = all[static_cast<std::size_t>(input)];
        for (std::int32_t k = 0; k < axis.kernel; ++k) {
            const std::int64_t reach = std::int64_t{k} * axis.dilation;
            std::int64_t output = 0;
            if (axis.transposed) {
                output = std::int64_t{input} * axis.stride - axis.padding + reach;
            } else {
                const std::int64_t from = std::int64_t{input} + axis.padding - reach;
                if (from < 0 || from % axis.stride != 0) continue;
                output = from / axis.stride;
            }
            if (output >= 0 && output < axis.n_outputs) own.push_back({static_cast<std::int32_t>(output), k});
        }
        if (!axis.transposed) std::reverse(own.begin(), own.end());
    }
    return all;
}

std::size_t total(const std::vector<std::vector<Reached>>& along) {
    std::size_t n = 0;
    for (const auto& one : along) n += one.size();
    return n;
}

}  // namespace

ConvPairs::ConvPairs(const Conv2d& conv) : n_neurons_(static_cast<std::int32_t>(conv.output().size())) {
    const Conv2dSettings& c = conv.settings();
    const ImageShape &in = conv.input(), &out = conv.output();
    const auto rows =
        reached_along({in.height, out.height, c.kernel.y, c.stride.y, c.padding.y, c.dilation.y, c.transposed});
    const auto columns =
        reached_along({in.width, out.width, c.kernel.x, c.stride.x, c.padding.x, c.dilation.x, c.transposed});
    const double n =
        static_cast<double>(total(rows)) * static_cast<double>(total(columns)) * in.channels * conv.out_per_group();
    if (n > static_cast<double>(std::numeric_limits<std::uint32_t>::max()))
        throw Unsupported(text("a convolution that is written out pair by pair has at most 2^32 - 1 of them, got ", n));
    require_memory(n * 8.0 + static_cast<double>(in.size()) * 4.0, text(n, " pairs of a convolution"));
    first_.reserve(static_cast<std::size_t>(in.size()) + 1);
    neurons_.reserve(static_cast<std::size_t>(n));
    taps_.reserve(static_cast<std::size_t>(n));
    const std::int32_t in_group = conv.in_per_group(), out_group = conv.out_per_group();
    const auto kernel_of = [&](std::int32_t input, std::int32_t output) {
        return c.transposed ? std::size_t(input) * std::size_t(out_group) + std::size_t(output % out_group)
                            : std::size_t(output) * std::size_t(in_group) + std::size_t(input % in_group);
    };
    first_.push_back(0);
    for (std::int32_t pixel = 0; pixel < in.size(); ++pixel) {
        const std::int32_t channel = pixel / in.pixels(), y = pixel % in.pixels() / in.width, x = pixel % in.width;
        for (std::int32_t k = 0; k < out_group; ++k) {
            const std::int32_t output = conv.first_channel(channel) + k;
            const std::size_t kernel = kernel_of(channel, output) * std::size_t(c.kernel.y);
            for (const Reached& row : rows[static_cast<std::size_t>(y)]) {
                const std::size_t line = (kernel + std::size_t(row.position)) * std::size_t(c.kernel.x);
                for (const Reached& column : columns[static_cast<std::size_t>(x)]) {
                    neurons_.push_back((output * out.height + row.output) * out.width + column.output);
                    taps_.push_back(static_cast<std::uint32_t>(line + std::size_t(column.position)));
                }
            }
        }
        first_.push_back(static_cast<std::uint32_t>(neurons_.size()));
    }
}

}  // namespace evsim
