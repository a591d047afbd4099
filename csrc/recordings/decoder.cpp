#include "recordings/decoder.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/errors.hpp"

namespace evsim::recordings {

namespace {

/// Writes events one after another.
class Writer {
 public:
    explicit Writer(Columns out) : out_(out) {}
    void add(std::int64_t t, std::uint32_t x, std::uint32_t y, bool on) {
        out_.t[n_] = t;
        // Coordinates beyond 16 bits are outside every sensor; they stay so.
        out_.x[n_] = static_cast<std::uint16_t>(std::min(x, std::uint32_t{0xFFFF}));
        out_.y[n_] = static_cast<std::uint16_t>(y);
        out_.p[n_] = on;
        ++n_;
    }
    std::size_t size() const { return n_; }

 private:
    Columns out_;
    std::size_t n_ = 0;
};

enum class Step { none, forward, back };

/// A counter of `bits` bits that starts again from 0 when it is full: a step down by less than half its range is no
/// wrap, but a step back.
class Counter {
 public:
    explicit Counter(int bits) : bits_(bits) {}
    bool known() const { return value_ >= 0; }
    std::int64_t value() const { return base_ + value_; }
    Step set(std::int64_t value) {
        const std::int64_t before = value_;
        value_ = value;
        if (before == value) return Step::none;
        if (value > before) return Step::forward;
        if (before - value < std::int64_t{1} << (bits_ - 1)) return Step::back;
        base_ += std::int64_t{1} << bits_;
        return Step::forward;
    }

 private:
    int bits_;
    std::int64_t base_ = 0;
    std::int64_t value_ = -1;
};

template <class Word>
Word word_at(Bytes bytes, std::size_t k) {
    static_assert(std::endian::native == std::endian::little);
    Word word;
    std::memcpy(&word, bytes.data() + k * sizeof(Word), sizeof(Word));
    return word;
}

/// Formats of words of one size; `Format::word` reads one.
template <class Format, class Word_>
class WordDecoder : public Decoder {
 public:
    using Word = Word_;
    std::unique_ptr<Decoder> copy() const override {
        return std::make_unique<Format>(static_cast<const Format&>(*this));
    }
    std::size_t most_events(Bytes bytes) const override {
        std::size_t most = 0;
        for (std::size_t k = 0; k < bytes.size() / sizeof(Word); ++k) {
            most += Format::most_events_of(word_at<Word>(bytes, k));
        }
        return most;
    }
    Decoded decode(Bytes bytes, Columns out) override {
        // A local copy, so that the state stays in registers.
        Format self = static_cast<Format&>(*this);
        Writer writer(out);
        const std::size_t n_words = bytes.size() / sizeof(Word);
        for (std::size_t k = 0; k < n_words; ++k) {
            self.word(word_at<Word>(bytes, k), writer);
            self.position_ += sizeof(Word);
        }
        static_cast<Format&>(*this) = self;
        return {writer.size(), n_words * sizeof(Word)};
    }

 protected:
    void reserved() {
        if (findings_.reserved_words++ == 0) findings_.first_reserved = position_;
    }
    void set_upper(Counter& upper, std::int64_t value) {
        if (upper.set(value) != Step::back) return;
        if (findings_.clock_steps_back++ == 0) findings_.first_step_back = position_;
    }
};

/// https://docs.prophesee.ai/stable/data/encoding_formats/evt2.html: 0 (OFF) and 1 (ON) are events with the lower time
/// (6 bits), x (11) and y (11); 8 is the upper time (28 bits).
class Evt2 : public WordDecoder<Evt2, std::uint32_t> {
 public:
    static std::size_t most_events_of(Word word) { return word >> 28 <= 1; }
    void word(Word word, Writer& writer) {
        switch (const auto type = word >> 28) {
            case 0x0:
            case 0x1:
                if (upper_.known()) {
                    writer.add(upper_.value() << 6 | (word >> 22 & 0x3F), word >> 11 & 0x7FF, word & 0x7FF, type == 1);
                } else {
                    ++findings_.untimed_events;
                }
                break;
            case 0x8:
                set_upper(upper_, word & 0xFFFFFFF);
                break;
            case 0xA:  // triggers, others, continued
            case 0xE:
            case 0xF:
                break;
            default:
                reserved();
        }
    }

 private:
    Counter upper_{28};
};

/// https://docs.prophesee.ai/stable/data/encoding_formats/evt21.html: EVT 2 in the upper 32 bits; the lower ones say
/// which of the 32 pixels from x on have an event.
class Evt21 : public WordDecoder<Evt21, std::uint64_t> {
 public:
    static std::size_t most_events_of(Word word) {
        return word >> 60 <= 1 ? static_cast<std::size_t>(std::popcount(static_cast<std::uint32_t>(word))) : 0;
    }
    void word(Word word, Writer& writer) {
        const auto head = static_cast<std::uint32_t>(word >> 32);
        auto valid = static_cast<std::uint32_t>(word);
        switch (const auto type = head >> 28) {
            case 0x0:
            case 0x1:
                if (!upper_.known()) {
                    findings_.untimed_events += std::popcount(valid);
                    break;
                }
                for (const auto t = upper_.value() << 6 | (head >> 22 & 0x3F); valid != 0; valid &= valid - 1) {
                    const auto bit = static_cast<std::uint32_t>(std::countr_zero(valid));
                    writer.add(t, (head >> 11 & 0x7FF) + bit, head & 0x7FF, type == 1);
                }
                break;
            case 0x8:
                set_upper(upper_, head & 0xFFFFFFF);
                break;
            case 0xA:
            case 0xE:
            case 0xF:
                break;
            default:
                reserved();
        }
    }

 private:
    Counter upper_{28};
};

/// https://docs.prophesee.ai/stable/data/encoding_formats/evt3.html: words that each change one part of a state (row,
/// lower and upper time, base column). A column word is an event; a vector word is up to 12 or 8 events from the base
/// column on, which then moves on by 12 or 8. When the upper time changes, the lower one starts from 0.
class Evt3 : public WordDecoder<Evt3, std::uint16_t> {
 public:
    static std::size_t most_events_of(Word word) {
        switch (word >> 12) {
            case 0x2:
                return 1;
            case 0x4:
                return static_cast<std::size_t>(std::popcount(word & 0xFFFu));
            case 0x5:
                return static_cast<std::size_t>(std::popcount(word & 0xFFu));
            default:
                return 0;
        }
    }
    void word(Word word, Writer& writer) {
        const std::uint32_t payload = word & 0xFFF;
        switch (word >> 12) {
            case 0x0:
                row_ = static_cast<std::int32_t>(payload & 0x7FF);
                break;
            case 0x2:
                if (row_ >= 0 && upper_.known()) {
                    writer.add(time(), payload & 0x7FF, static_cast<std::uint32_t>(row_), payload >> 11);
                } else {
                    ++findings_.untimed_events;
                }
                break;
            case 0x3:
                base_ = payload & 0x7FF;
                on_ = payload >> 11;
                has_base_ = true;
                break;
            case 0x4:
                vector(payload, 12, writer);
                break;
            case 0x5:
                vector(payload & 0xFF, 8, writer);
                break;
            case 0x6:
                lower_ = payload;
                break;
            case 0x8: {
                const auto before = upper_.value();
                set_upper(upper_, payload);
                if (upper_.value() != before) lower_ = 0;
                break;
            }
            case 0x7:  // continued, triggers, others
            case 0xA:
            case 0xE:
            case 0xF:
                break;
            default:
                reserved();
        }
    }

 private:
    std::int64_t time() const { return upper_.value() << 12 | lower_; }
    void vector(std::uint32_t valid, std::uint32_t width, Writer& writer) {
        if (row_ >= 0 && has_base_ && upper_.known()) {
            for (const auto t = time(); valid != 0; valid &= valid - 1) {
                const auto bit = static_cast<std::uint32_t>(std::countr_zero(valid));
                writer.add(t, base_ + bit, static_cast<std::uint32_t>(row_), on_);
            }
        } else {
            findings_.untimed_events += std::popcount(valid);
        }
        base_ = std::min(base_ + width, std::uint32_t{0xFFFF});
    }

    Counter upper_{12};
    std::uint32_t lower_ = 0;
    std::int32_t row_ = -1;
    std::uint32_t base_ = 0;
    bool on_ = false;
    bool has_base_ = false;
};

/// Prophesee's .dat: the time (32 bits), then x, y and polarity; of 14, 14 and 4 bits in version 2, of 9, 8 and 1
/// before.
template <int x_bits, int y_bits>
class Dat : public WordDecoder<Dat<x_bits, y_bits>, std::uint64_t> {
 public:
    static std::size_t most_events_of(std::uint64_t) { return 1; }
    void word(std::uint64_t word, Writer& writer) {
        const auto address = static_cast<std::uint32_t>(word >> 32);
        advance(static_cast<std::uint32_t>(word));
        writer.add(time_, address & ((1u << x_bits) - 1), address >> x_bits & ((1u << y_bits) - 1),
                   address >> (x_bits + y_bits) & 1);
    }

 private:
    /// The nearest time with these lower bits that is not negative: events may be late, around a wrap too.
    void advance(std::uint32_t lower) {
        if (!known_) time_ = lower;
        known_ = true;
        const auto step = static_cast<std::int32_t>(lower - static_cast<std::uint32_t>(time_));
        time_ += time_ + step >= 0 ? step : std::int64_t{step} + (std::int64_t{1} << 32);
    }

    std::int64_t time_ = 0;
    bool known_ = false;
};

/// Event Stream 2 (https://github.com/neuromorphicsystems/event_stream): one byte for the time since the event before
/// (7 bits) and the polarity, then x and y of 16 bits each. 0xFF lets 127 us pass, 0xFE is a reset; both stand alone.
class EventStream : public Decoder {
 public:
    std::unique_ptr<Decoder> copy() const override { return std::make_unique<EventStream>(*this); }
    std::size_t most_events(Bytes bytes) const override { return bytes.size() / event_bytes; }
    Decoded decode(Bytes bytes, Columns out) override {
        Writer writer(out);
        std::size_t at = 0;
        while (at < bytes.size()) {
            const std::uint8_t head = bytes[at];
            if (head >= reset) {
                if (head == overflow) time_ += 127;
                ++at;
                continue;
            }
            if (bytes.size() - at < event_bytes) break;
            time_ += head >> 1;
            writer.add(time_, bytes[at + 1] | std::uint32_t{bytes[at + 2]} << 8,
                       bytes[at + 3] | std::uint32_t{bytes[at + 4]} << 8, head & 1);
            at += event_bytes;
        }
        position_ += static_cast<std::int64_t>(at);
        return {writer.size(), at};
    }

 private:
    static constexpr std::size_t event_bytes = 5;
    static constexpr std::uint8_t reset = 0xFE;
    static constexpr std::uint8_t overflow = 0xFF;
    std::int64_t time_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> make_decoder(std::string_view format) {
    if (format == "evt2") return std::make_unique<Evt2>();
    if (format == "evt21") return std::make_unique<Evt21>();
    if (format == "evt3") return std::make_unique<Evt3>();
    if (format == "dat") return std::make_unique<Dat<14, 14>>();
    if (format == "dat1") return std::make_unique<Dat<9, 8>>();
    if (format == "es") return std::make_unique<EventStream>();
    throw InvalidArgument(text("there is no decoder for '", format, "'"));
}

}  // namespace evsim::recordings
