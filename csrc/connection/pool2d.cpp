#include "connection/pool2d.hpp"

#include <algorithm>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// The output along one axis: windows lie fully within input and padding.
std::int32_t n_windows(std::int32_t input, std::int32_t kernel, std::int32_t stride, std::int32_t padding) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    const std::int64_t room = std::int64_t{input} + 2 * std::int64_t{padding} - kernel;
    return room < 0 ? 0 : static_cast<std::int32_t>(std::min<std::int64_t>(room / stride + 1, most));
}

ImageShape pooled_shape(const PoolSettings& s) {
    if (s.input.channels < 1 || s.input.height < 1 || s.input.width < 1)
        throw InvalidArgument("the input of a pooling layer needs channels, rows and columns");
    if (s.kernel.y < 1 || s.kernel.x < 1 || s.stride.y < 1 || s.stride.x < 1)
        throw InvalidArgument("kernel_size and stride must be at least 1");
    if (s.padding.y < 0 || s.padding.x < 0 || 2 * std::int64_t{s.padding.y} > s.kernel.y ||
        2 * std::int64_t{s.padding.x} > s.kernel.x) {
        throw InvalidArgument(text("padding must be from 0 to half of kernel_size, got ", s.padding.y, " x ",
                                   s.padding.x, " for ", s.kernel.y, " x ", s.kernel.x));
    }
    const ImageShape out{s.input.channels, n_windows(s.input.height, s.kernel.y, s.stride.y, s.padding.y),
                         n_windows(s.input.width, s.kernel.x, s.stride.x, s.padding.x)};
    if (out.height < 1 || out.width < 1) {
        throw ShapeMismatch(text("a window of ", s.kernel.y, " x ", s.kernel.x, " does not fit into an input of ",
                                 s.input.height, " x ", s.input.width));
    }
    require_indexable(s.input);
    require_indexable(out);
    require_memory(static_cast<double>(out.size()) * sizeof(std::int32_t), "a pooling layer");
    return out;
}

}  // namespace

Pool2d::Pool2d(const PoolSettings& settings) : settings_(settings), output_(pooled_shape(settings)) {}

}  // namespace evsim
