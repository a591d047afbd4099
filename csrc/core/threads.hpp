// Threads live for one parallel loop only: nothing to shut down, nothing left behind in a forked child.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

namespace evsim {

/// Threads that a call may use, the calling one included. Starts as EVSIM_NUM_THREADS or the processors this process
/// may run on.
int num_threads();
/// Throws InvalidArgument unless n >= 1.
void set_num_threads(int n);

/// Lets a long call be stopped from outside: `poll` is asked now and then, on the thread that made this object only.
class Interruption {
 public:
    Interruption() = default;
    explicit Interruption(std::function<bool()> poll) : poll_(std::move(poll)) {}

    /// Whether to stop. Asks `poll` at most every 50 ms.
    bool requested();
    void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

 private:
    std::function<bool()> poll_;
    std::thread::id owner_ = std::this_thread::get_id();
    std::atomic<bool> cancelled_{false};
    std::chrono::steady_clock::time_point last_poll_ = std::chrono::steady_clock::now();
};

/// body(0) ... body(n - 1), each once, on up to `threads` threads. The first exception is rethrown here, after all
/// threads have stopped; throws Interrupted if `interruption` asks for it.
void parallel_for(std::int64_t n, int threads, Interruption& interruption,
                  const std::function<void(std::int64_t)>& body);

}  // namespace evsim
