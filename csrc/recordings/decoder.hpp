// Recordings of event cameras as bytes: one pass over the words of a format, in pieces of any size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace evsim::recordings {

using Bytes = std::span<const std::uint8_t>;

/// Where decoded events go; there is room for `Decoder::most_events`.
struct Columns {
    std::int64_t* t;  ///< microseconds
    std::uint16_t* x;
    std::uint16_t* y;
    std::uint8_t* p;
};

/// What of the bytes was used.
struct Decoded {
    std::size_t n_events = 0;
    std::size_t n_bytes = 0;  ///< whole items; the rest belongs before the next bytes
};

/// What is odd but does not stop a decoder. Positions count bytes from the first that was ever decoded; -1: none.
struct Findings {
    std::int64_t reserved_words = 0;  ///< of a type that the format does not know: skipped
    std::int64_t first_reserved = -1;
    std::int64_t clock_steps_back = 0;  ///< the upper bits of time become smaller, and not because they are full
    std::int64_t first_step_back = -1;
    std::int64_t untimed_events = 0;  ///< before the first time, row or base column: left out
};

/// A format's state between two pieces.
class Decoder {
 public:
    virtual ~Decoder() = default;
    virtual std::unique_ptr<Decoder> copy() const = 0;
    /// Most events that `bytes` can hold.
    virtual std::size_t most_events(Bytes bytes) const = 0;
    virtual Decoded decode(Bytes bytes, Columns out) = 0;

    const Findings& findings() const { return findings_; }

 protected:
    Findings findings_;
    std::int64_t position_ = 0;
};

/// For "evt2", "evt21", "evt3", "dat", "dat1" (little-endian words) or "es"; throws InvalidArgument for others.
std::unique_ptr<Decoder> make_decoder(std::string_view format);

}  // namespace evsim::recordings
