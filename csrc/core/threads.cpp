#include "core/threads.hpp"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <system_error>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif

#include "core/errors.hpp"
#include "core/fork.hpp"

namespace evsim {

namespace {

constexpr auto poll_interval = std::chrono::milliseconds(50);

int available_processors() {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int initial_threads() {
    const char* wish = std::getenv("EVSIM_NUM_THREADS");
    if (wish == nullptr || *wish == '\0') return available_processors();
    const std::string_view digits = wish;
    int n = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
    if (error != std::errc() || end != digits.data() + digits.size() || n < 1) {
        throw InvalidArgument(text("EVSIM_NUM_THREADS must be a whole number of at least 1, got '", wish, "'"));
    }
    return n;
}

std::atomic<int>& thread_setting() {
    static std::atomic<int> setting{initial_threads()};
    return setting;
}

/// What the threads of one parallel loop share.
struct Loop {
    std::atomic<std::int64_t> next{0};
    std::atomic<bool> stop{false};
    std::mutex mutex;
    std::condition_variable finished;
    int running = 0;
    std::exception_ptr error;

    void fail(std::exception_ptr what) {
        const std::lock_guard lock(mutex);
        if (!error) error = std::move(what);
        stop = true;
    }
};

/// Ends a loop whose other threads a fork has left behind; they can be neither joined nor let go.
[[noreturn]] void abandon(std::vector<std::thread> pool) {
    new std::vector<std::thread>(std::move(pool));
    throw Interrupted();
}

}  // namespace

int num_threads() { return thread_setting(); }

void set_num_threads(int n) {
    if (n < 1) throw InvalidArgument(text("the number of threads must be at least 1, got ", n));
    thread_setting() = n;
}

bool Interruption::requested() {
    if (poll_ && std::this_thread::get_id() == owner_ && !cancelled_.load(std::memory_order_relaxed)) {
        const auto now = std::chrono::steady_clock::now();
        if (now - last_poll_ >= poll_interval) {
            last_poll_ = now;
            const std::uint32_t generation = fork_generation();
            if (poll_() || generation != fork_generation()) cancel();  // in a child the other threads are gone
        }
    }
    return cancelled_.load(std::memory_order_relaxed);
}

void parallel_for(std::int64_t n, int threads, Interruption& interruption,
                  const std::function<void(std::int64_t)>& body) {
    const int helpers = static_cast<int>(std::min<std::int64_t>(threads, n)) - 1;
    if (helpers < 1) {
        for (std::int64_t k = 0; k < n; ++k) {
            if (interruption.requested()) throw Interrupted();
            body(k);
        }
        return;
    }
    Loop loop;
    const std::uint32_t generation = fork_generation();
    const auto help = [&] {
        try {
            for (std::int64_t k; !loop.stop && !interruption.requested() && (k = loop.next++) < n;) body(k);
        } catch (...) {
            loop.fail(std::current_exception());
        }
        const std::lock_guard lock(loop.mutex);
        --loop.running;
        loop.finished.notify_one();
    };
    std::vector<std::thread> pool;
    pool.reserve(static_cast<std::size_t>(helpers));
    for (int k = 0; k < helpers; ++k) {
        const std::lock_guard lock(loop.mutex);
        try {
            pool.emplace_back(help);
            ++loop.running;
        } catch (const std::system_error&) {
            break;  // the system gives no more threads: go on with those there are
        }
    }
    try {
        for (std::int64_t k; !loop.stop && (k = loop.next++) < n;) {
            if (interruption.requested()) throw Interrupted();
            body(k);
        }
    } catch (...) {
        if (generation != fork_generation()) abandon(std::move(pool));
        loop.fail(std::current_exception());
    }
    {
        std::unique_lock lock(loop.mutex);
        while (!loop.finished.wait_for(lock, poll_interval, [&] { return loop.running == 0; })) {
            lock.unlock();
            interruption.requested();
            if (generation != fork_generation()) abandon(std::move(pool));
            lock.lock();
        }
    }
    for (std::thread& thread : pool) thread.join();
    if (interruption.requested()) throw Interrupted();
    if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace evsim
