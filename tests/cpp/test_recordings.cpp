// The decoders of recordings piece by piece: whatever the cuts, the events are the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "core/errors.hpp"
#include "recordings/decoder.hpp"

namespace evsim::recordings {
namespace {

using Event = std::tuple<std::int64_t, std::uint16_t, std::uint16_t, std::uint8_t>;

std::vector<Event> decode(Decoder& decoder, Bytes bytes, std::size_t& used) {
    const std::size_t most = decoder.most_events(bytes);
    std::vector<std::int64_t> t(most);
    std::vector<std::uint16_t> x(most), y(most);
    std::vector<std::uint8_t> p(most);
    const Decoded decoded = decoder.decode(bytes, {t.data(), x.data(), y.data(), p.data()});
    EXPECT_LE(decoded.n_events, most);
    EXPECT_LE(decoded.n_bytes, bytes.size());
    used = decoded.n_bytes;
    std::vector<Event> events;
    for (std::size_t k = 0; k < decoded.n_events; ++k) events.emplace_back(t[k], x[k], y[k], p[k]);
    return events;
}

class Recordings : public testing::TestWithParam<const char*> {};

TEST_P(Recordings, PiecesOfAnySizeGiveTheEventsOfTheWhole) {
    std::mt19937 random(1);
    std::vector<std::uint8_t> bytes(20'000);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    std::size_t used = 0;
    const auto whole_decoder = make_decoder(GetParam());
    const auto whole = decode(*whole_decoder, bytes, used);
    EXPECT_GT(whole.size(), 100U);

    const auto decoder = make_decoder(GetParam());
    std::vector<Event> pieces;
    std::size_t begin = 0;
    for (std::size_t end = 0; end < bytes.size();) {
        end = std::min(bytes.size(), end + random() % 50);
        const auto part = decode(*decoder, Bytes(bytes).subspan(begin, end - begin), used);
        pieces.insert(pieces.end(), part.begin(), part.end());
        begin += used;
    }
    EXPECT_EQ(pieces, whole);
    EXPECT_EQ(decoder->findings().reserved_words, whole_decoder->findings().reserved_words);
    EXPECT_EQ(decoder->findings().first_reserved, whole_decoder->findings().first_reserved);
    EXPECT_EQ(decoder->findings().clock_steps_back, whole_decoder->findings().clock_steps_back);
    EXPECT_EQ(decoder->findings().untimed_events, whole_decoder->findings().untimed_events);
}

TEST_P(Recordings, ACopyGoesOnByItself) {
    std::vector<std::uint8_t> bytes(800, 0x21);
    std::size_t used = 0;
    const auto decoder = make_decoder(GetParam());
    decode(*decoder, bytes, used);
    const auto copy = decoder->copy();
    EXPECT_EQ(decode(*decoder, bytes, used), decode(*copy, bytes, used));
}

INSTANTIATE_TEST_SUITE_P(Formats, Recordings, testing::Values("evt2", "evt21", "evt3", "dat", "dat1", "es"));

TEST(RecordingDecoders, UnknownFormatsAreNamed) { EXPECT_THROW(make_decoder("evt9"), InvalidArgument); }

TEST(RecordingDecoders, VectorsThatMoveOnForEverStayOutsideEverySensor) {
    std::vector<std::uint8_t> bytes = {0x00, 0x80, 0x00, 0x00, 0xFF, 0x37};
    for (int k = 0; k < 10'000; ++k) bytes.insert(bytes.end(), {0xFF, 0x4F});
    std::size_t used = 0;
    const auto events = decode(*make_decoder("evt3"), bytes, used);
    ASSERT_EQ(events.size(), 120'000U);
    EXPECT_EQ(std::get<1>(events.back()), 0xFFFF);
}

}  // namespace
}  // namespace evsim::recordings
