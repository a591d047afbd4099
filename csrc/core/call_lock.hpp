// One call at a time on an object, for calls that may take long.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/threads.hpp"

namespace evsim {

/// Unlike a mutex it can be waited for with Ctrl-C, does not deadlock the thread that holds it, and is free in a forked
/// child if another thread held it.
class CallLock {
 public:
    class Held {
     public:
        explicit Held(CallLock& lock) : lock_(lock) {}
        ~Held() { lock_.owner_.store(0, std::memory_order_release); }
        Held(const Held&) = delete;
        Held& operator=(const Held&) = delete;

     private:
        CallLock& lock_;
    };

    /// Waits until no other thread holds it. Throws Busy if this thread does, as when a signal handler calls, and
    /// Interrupted.
    [[nodiscard]] Held hold(Interruption& interruption);

 private:
    std::atomic<std::uint64_t> owner_{0};  ///< generation of the process and number of the thread; 0: free
};

}  // namespace evsim
