// Random words of Philox, in turn and in ranges.
#pragma once

#include <array>
#include <cstdint>

#include <evsim/philox.h>

namespace evsim {

using PhiloxWords = std::array<std::uint64_t, 4>;
using PhiloxKey = std::array<std::uint64_t, 2>;

/// The four random words of a counter.
inline PhiloxWords philox(const PhiloxWords& counter, const PhiloxKey& key) {
    std::uint64_t words[4] = {counter[0], counter[1], counter[2], counter[3]};
    philox(words, key[0], key[1]);
    return {words[0], words[1], words[2], words[3]};
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
        WideWord product = WideWord{next()} * n;
        if (static_cast<std::uint64_t>(product) < n) {
            const std::uint64_t excess = (0 - n) % n;
            while (static_cast<std::uint64_t>(product) < excess) product = WideWord{next()} * n;
        }
        return static_cast<std::uint64_t>(product >> 64);
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
