// Which features were active in the receptive field of a later spike, and when.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stepped/stage.hpp"

namespace evsim {

/// Along one axis, the coordinates of the later stage that see each one of the feature's stage: first to last, none
/// where last < first. Neither decreases where there are any.
struct Sight {
    std::span<const std::int64_t> first, last;

    bool sees(std::int64_t later, std::int64_t coordinate) const {
        return first[static_cast<std::size_t>(coordinate)] <= later &&
               later <= last[static_cast<std::size_t>(coordinate)];
    }
};

/// A spike of the later stage.
struct HashedSpike {
    std::int64_t step, y, x;
};

/// Sets bit (feature * n_steps + step) + first_bit of the hash of every spike that sees a spike of the feature in that
/// step, not later than itself. Bits are counted from the highest of each byte. Hash k is bytes [k * n_bytes, ...).
void mark_active_features(const StepSpikes& features, const ImageShape& shape, const Sight& rows, const Sight& columns,
                          std::span<const HashedSpike> spikes, std::int64_t first_bit, std::span<std::uint8_t> hashes,
                          std::size_t n_bytes);

}  // namespace evsim
