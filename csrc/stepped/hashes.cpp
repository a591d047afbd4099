#include "stepped/hashes.hpp"

#include <algorithm>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// Coordinates of an axis from the first that can be seen to the last; those between may be unseen.
struct Range {
    std::int32_t first, last;
};
Range range_of(const Sight& sight, std::int64_t later) {
    Range range{0, static_cast<std::int32_t>(sight.first.size()) - 1};
    while (range.first <= range.last && !sight.sees(later, range.first)) ++range.first;
    while (range.first <= range.last && !sight.sees(later, range.last)) --range.last;
    return range;
}

}  // namespace

void mark_active_features(const StepSpikes& features, const ImageShape& shape, const Sight& rows, const Sight& columns,
                          std::span<const HashedSpike> spikes, std::int64_t first_bit, std::span<std::uint8_t> hashes,
                          std::size_t n_bytes) {
    const std::int64_t n_steps = features.n_steps();
    if (rows.first.size() != static_cast<std::size_t>(shape.height) || rows.last.size() != rows.first.size() ||
        columns.first.size() != static_cast<std::size_t>(shape.width) || columns.last.size() != columns.first.size())
        throw ShapeMismatch("one entry per row and one per column is needed");
    const std::int64_t last_bit = first_bit + shape.channels * n_steps;
    if (hashes.size() != spikes.size() * n_bytes || last_bit > static_cast<std::int64_t>(n_bytes) * 8)
        throw ShapeMismatch("the hashes are too short");
    for (std::size_t k = 0; k < spikes.size(); ++k) {
        const HashedSpike& spike = spikes[k];
        const Range y = range_of(rows, spike.y), x = range_of(columns, spike.x);
        if (y.first > y.last || x.first > x.last) continue;
        for (std::int64_t step = 0; step < std::min(spike.step + 1, n_steps); ++step) {
            const std::span<const std::int32_t> active = step_of(features, step).indices;
            auto from = active.begin();
            for (std::int32_t channel = 0; channel < shape.channels; ++channel) {
                const std::int32_t plane = channel * shape.pixels();
                const std::int32_t begin = plane + y.first * shape.width + x.first;
                const std::int32_t end = plane + y.last * shape.width + x.last;
                from = std::lower_bound(from, active.end(), begin);
                for (; from != active.end() && *from <= end; ++from) {
                    const std::int32_t pixel = *from - plane;
                    if (!rows.sees(spike.y, pixel / shape.width) || !columns.sees(spike.x, pixel % shape.width))
                        continue;
                    const std::int64_t bit = first_bit + channel * n_steps + step;
                    hashes[k * n_bytes + static_cast<std::size_t>(bit / 8)] |=
                        static_cast<std::uint8_t>(128 >> (bit % 8));
                    break;
                }
            }
        }
    }
}

}  // namespace evsim
