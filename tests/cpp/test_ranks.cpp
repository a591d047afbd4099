// Exchanges between ranks, which are threads here: order, failures, and messages that are not what they should be.
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <functional>
#include <random>
#include <thread>

#include <evsim/core/errors.hpp>
#include <evsim/ranks.hpp>

namespace evsim {
namespace {

using Bytes = std::vector<std::byte>;

struct Board {
    explicit Board(std::int32_t n) : posted(static_cast<std::size_t>(n)), barrier(n) {}
    std::vector<Bytes> posted;
    std::barrier<> barrier;
};

class OnBoard final : public Exchange {
 public:
    OnBoard(Board& board, std::int32_t rank) : board_(board), rank_(rank) {}
    std::int32_t rank() const override { return rank_; }
    std::int32_t size() const override { return static_cast<std::int32_t>(board_.posted.size()); }
    std::span<const std::span<const std::byte>> gather(std::span<const std::byte> own) override {
        board_.posted[static_cast<std::size_t>(rank_)].assign(own.begin(), own.end());
        board_.barrier.arrive_and_wait();
        read_ = board_.posted;
        board_.barrier.arrive_and_wait();
        blocks_.assign(read_.begin(), read_.end());
        return blocks_;
    }

 private:
    Board& board_;
    std::int32_t rank_;
    std::vector<Bytes> read_;
    std::vector<std::span<const std::byte>> blocks_;
};

/// What went wrong on each rank.
std::vector<std::string> on_ranks(std::int32_t n, const std::function<void(Ranks&)>& body) {
    Board board(n);
    std::vector<std::string> errors(static_cast<std::size_t>(n));
    std::vector<std::thread> threads;
    for (std::int32_t rank = 0; rank < n; ++rank) {
        threads.emplace_back([&, rank] {
            Ranks ranks(std::make_shared<OnBoard>(board, rank));
            try {
                body(ranks);
            } catch (const RankFailed& error) {
                errors[static_cast<std::size_t>(rank)] = error.what();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    return errors;
}

TEST(Ranks, BordersLeaveNobodyOut) {
    for (const std::int32_t n : {1, 2, 7, 100, 2147482623}) {
        for (const std::int32_t size : {1, 2, 3, 64}) {
            EXPECT_EQ(border_of(n, 0, size), 0);
            EXPECT_EQ(border_of(n, size, size), n);
            for (std::int32_t rank = 0; rank < size; ++rank) {
                const std::int32_t own = border_of(n, rank + 1, size) - border_of(n, rank, size);
                EXPECT_TRUE(own == n / size || own == n / size + 1);
            }
        }
    }
}

TEST(Ranks, SpikesOfAllAreInOrderAndTiesByIndex) {
    const auto errors = on_ranks(3, [](Ranks& ranks) {
        // Of 7 neurons ranks have 2, 2 and 3; of 2 none, 1 and 1.
        const std::vector<std::int32_t> indices{0, 1};
        const std::vector<double> times{1.0, 2.0 + ranks.rank()}, one{1.0 - ranks.rank()};
        SpikeExchange exchange(ranks);
        exchange.put(7, {indices, times});
        exchange.put(2, {std::span(indices).first(ranks.rank() > 0), std::span(one).first(ranks.rank() > 0)});
        for (int again = 0; again < 2; ++again) {
            const std::vector<SpikeArray> all = exchange.exchange();
            if (again) {
                EXPECT_TRUE(all.empty());
                continue;
            }
            SpikeArray first, second;
            first.add(std::vector<std::int32_t>{0, 2, 4, 1, 3, 5}, std::vector<double>{1.0, 1.0, 1.0, 2.0, 3.0, 4.0});
            second.add(std::vector<std::int32_t>{1, 0}, std::vector<double>{-1.0, 0.0});
            EXPECT_TRUE(all[0] == first);
            EXPECT_TRUE(all[1] == second);
        }
    });
    for (const std::string& error : errors) EXPECT_EQ(error, "");
}

TEST(Ranks, ListsOfAnyLengthAreInOrder) {
    for (const std::int32_t size : {1, 2, 3, 4, 5}) {
        for (std::uint32_t seed = 0; seed < 20; ++seed) {
            constexpr std::int32_t n = 40;
            std::vector<Spike> expected;
            std::vector<SpikeArray> own(static_cast<std::size_t>(size));
            std::mt19937 random(seed);
            for (std::int32_t rank = 0; rank < size; ++rank) {
                const std::int32_t first = border_of(n, rank, size), end = border_of(n, rank + 1, size);
                std::vector<Spike> spikes;
                const auto length =
                    static_cast<std::size_t>(std::uniform_int_distribution(0, seed < 10 ? 3 : 200)(random));
                for (std::size_t k = 0; k < length; ++k)  // at few times, so that many are at the same
                    spikes.push_back({std::uniform_int_distribution(0, end - first - 1)(random),
                                      0.5 * std::uniform_int_distribution(0, 40)(random)});
                std::sort(spikes.begin(), spikes.end(), [](const Spike& a, const Spike& b) {
                    return std::pair(a.time, a.index) < std::pair(b.time, b.index);
                });
                own[static_cast<std::size_t>(rank)].append(spikes);
                for (const Spike& spike : spikes) expected.push_back({first + spike.index, spike.time});
            }
            std::sort(expected.begin(), expected.end(), [](const Spike& a, const Spike& b) {
                return std::pair(a.time, a.index) < std::pair(b.time, b.index);
            });
            SpikeArray all;
            all.append(expected);
            const auto errors = on_ranks(size, [&](Ranks& ranks) {
                const SpikeArray& mine = own[static_cast<std::size_t>(ranks.rank())];
                SpikeExchange exchange(ranks);
                exchange.put(n, {mine.indices(), mine.times()});
                EXPECT_TRUE(exchange.exchange().front() == all) << size << " ranks, seed " << seed;
            });
            for (const std::string& error : errors) EXPECT_EQ(error, "");
        }
    }
}

TEST(Ranks, WhatOneSaysOfItsFailureAllHear) {
    const auto errors = on_ranks(2, [](Ranks& ranks) {
        ranks.begin_call();
        if (ranks.rank() == 1) {
            ranks.fail("no more paper");
            ranks.fail("said already, and nobody waits");
            return;
        }
        ranks.open(RankStep::end);
        ranks.send();
    });
    EXPECT_EQ(errors[0], "rank 1 of 2 failed: no more paper");
    EXPECT_EQ(errors[1], "");
}

TEST(Ranks, StepsThatDifferAreFoundOut) {
    const auto errors = on_ranks(2, [](Ranks& ranks) {
        ranks.open(ranks.rank() == 0 ? RankStep::begin : RankStep::end);
        ranks.send();
    });
    for (const std::string& error : errors) EXPECT_NE(error.find("do not do the same"), std::string::npos);
}

TEST(Ranks, SpikesThatWereAnnouncedAndDoNotComeAreFoundOut) {
    for (const std::uint32_t announced : {1u, 4000000000u}) {
        const auto errors = on_ranks(2, [&](Ranks& ranks) {
            if (ranks.rank() == 0) {
                SpikeExchange exchange(ranks);
                exchange.put(4, {});
                exchange.exchange();
            } else {
                ranks.open(RankStep::spikes);
                ranks.put(announced);
                ranks.send();
            }
        });
        EXPECT_NE(errors[0].find("other spikes than it announced"), std::string::npos);
    }
}

TEST(Ranks, HashesTellTheOrderAndTheLengthOfWhatWasNoted) {
    const auto notes = [](std::initializer_list<const char*> all) {
        Board board(1);
        Ranks ranks(std::make_shared<OnBoard>(board, 0));
        for (const char* one : all) ranks.note(one);
        return ranks.notes();
    };
    EXPECT_EQ(notes({"a", "long enough for a word"}), notes({"a", "long enough for a word"}));
    EXPECT_NE(notes({"a", "b"}), notes({"b", "a"}));
    EXPECT_NE(notes({"ab", "c"}), notes({"a", "bc"}));
    EXPECT_NE(notes({"long enough for a word"}), notes({"long enough for a worm"}));
}

}  // namespace
}  // namespace evsim
