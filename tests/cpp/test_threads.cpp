#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <evsim/core/errors.hpp>
#include <evsim/core/threads.hpp>

namespace evsim {
namespace {

TEST(ParallelFor, RunsEveryIndexOnce) {
    for (const int threads : {1, 2, 7}) {
        std::vector<std::atomic<int>> counts(1000);
        Interruption interruption;
        parallel_for(1000, threads, interruption, [&](std::int64_t k) { ++counts[static_cast<std::size_t>(k)]; });
        for (const auto& count : counts) EXPECT_EQ(count, 1);
    }
}

TEST(ParallelFor, RethrowsTheFirstError) {
    for (const int threads : {1, 4}) {
        Interruption interruption;
        EXPECT_THROW(parallel_for(100, threads, interruption,
                                  [](std::int64_t k) {
                                      if (k == 13) throw std::out_of_range("13");
                                  }),
                     std::out_of_range);
    }
}

TEST(ParallelFor, StopsWhenAsked) {
    for (const int threads : {1, 3}) {
        std::atomic<int> ran{0};
        Interruption interruption([] { return true; });
        EXPECT_THROW(parallel_for(100000, threads, interruption,
                                  [&](std::int64_t) {
                                      ++ran;
                                      std::this_thread::sleep_for(std::chrono::microseconds(100));
                                  }),
                     Interrupted);
        EXPECT_LT(ran, 100000);
    }
}

TEST(Threads, NumberMustBePositive) {
    EXPECT_THROW(set_num_threads(0), InvalidArgument);
    EXPECT_GE(num_threads(), 1);
}

}  // namespace
}  // namespace evsim
