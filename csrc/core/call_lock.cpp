#include "core/call_lock.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/errors.hpp"
#include "core/fork.hpp"

namespace evsim {

namespace {

constexpr auto shortest_nap = std::chrono::microseconds(20), longest_nap = std::chrono::microseconds(5000);

std::uint32_t thread_number() {
    static std::atomic<std::uint32_t> last{0};
    thread_local const std::uint32_t number = ++last;
    return number;
}

std::uint32_t generation_of(std::uint64_t owner) { return static_cast<std::uint32_t>(owner >> 32); }
std::uint32_t thread_of(std::uint64_t owner) { return static_cast<std::uint32_t>(owner); }

}  // namespace

CallLock::Held CallLock::hold(Interruption& interruption) {
    const std::uint64_t self = std::uint64_t{fork_generation()} << 32 | thread_number();
    auto nap = shortest_nap;
    for (std::uint64_t owner = 0;; owner = 0) {
        if (owner_.compare_exchange_strong(owner, self, std::memory_order_acquire)) return Held(*this);
        // The thread that forked goes on in the child under its number.
        if (thread_of(owner) == thread_of(self))
            throw Busy("a call on this network is running in this thread; a signal handler cannot make another");
        if (generation_of(owner) != fork_generation() &&
            owner_.compare_exchange_strong(owner, self, std::memory_order_acquire))
            return Held(*this);
        if (interruption.requested()) throw Interrupted();
        std::this_thread::sleep_for(nap);
        nap = std::min(nap * 2, longest_nap);
    }
}

}  // namespace evsim
