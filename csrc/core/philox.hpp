// Philox4x64-10, a counter-based generator: random words that depend on a key and a counter only, so that whoever needs
// a number draws it, in any order and on any thread.
#pragma once

#include <array>
#include <cstdint>

namespace evsim {

using PhiloxWords = std::array<std::uint64_t, 4>;
using PhiloxKey = std::array<std::uint64_t, 2>;

namespace detail {
__extension__ typedef unsigned __int128 WideWord;

inline std::uint64_t high(WideWord word) { return static_cast<std::uint64_t>(word >> 64); }
inline std::uint64_t low(WideWord word) { return static_cast<std::uint64_t>(word); }
}  // namespace detail

/// The four random words of a counter (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3",
/// SC '11).
inline PhiloxWords philox(PhiloxWords counter, PhiloxKey key) {
    using detail::WideWord;
    for (int round = 0; round < 10; ++round) {
        const WideWord a = WideWord{0xD2E7470EE14C6C93} * counter[0], b = WideWord{0xCA5A826395121157} * counter[2];
        counter = {detail::high(b) ^ counter[1] ^ key[0], detail::low(b), detail::high(a) ^ counter[3] ^ key[1],
                   detail::low(a)};
        key[0] += 0x9E3779B97F4A7C15;
        key[1] += 0xBB67AE8584CAA73B;
    }
    return counter;
}

/// The words of counters {1, a, b, 0}, {2, a, b, 0}, ... in turn: numpy.random.Philox(key=key, counter=[0, a, b, 0]).
class PhiloxStream {
 public:
    PhiloxStream(PhiloxKey key, std::uint64_t a, std::uint64_t b) : key_(key), counter_{0, a, b, 0} {}

    std::uint64_t next() {
        if (used_ == words_.size()) {
            ++counter_[0];
            words_ = philox(counter_, key_);
            used_ = 0;
        }
        return words_[used_++];
    }

    /// Each of 0, ..., n - 1 with the same probability; n > 0. The high word of word * n, drawn again where the low
    /// word lies among the 2^64 mod n that would favour some (Lemire 2019, "Fast random integer generation in an
    /// interval", ACM TOMACS 29(1), algorithm 5).
    std::uint64_t below(std::uint64_t n) {
        detail::WideWord product = detail::WideWord{next()} * n;
        if (detail::low(product) < n) {
            const std::uint64_t excess = (0 - n) % n;
            while (detail::low(product) < excess) product = detail::WideWord{next()} * n;
        }
        return detail::high(product);
    }

    /// Evenly among the multiples of 2^-53 in (0, 1]: never 0, which has no logarithm.
    double positive_unit() { return static_cast<double>((next() >> 11) + 1) * 0x1p-53; }

 private:
    PhiloxKey key_;
    PhiloxWords counter_;
    PhiloxWords words_{};
    std::size_t used_ = 4;
};

}  // namespace evsim
