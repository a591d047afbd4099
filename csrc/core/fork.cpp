#include "core/fork.hpp"

#include <pthread.h>

#include <atomic>
#include <memory>
#include <shared_mutex>

namespace evsim {

namespace {

std::atomic<std::uint32_t> generation{0};

/// Held shared by those who must not be forked from, alone by a thread that forks.
std::shared_mutex& gate() {
    static std::shared_mutex mutex;
    return mutex;
}

thread_local int depth = 0;

void before() {
    if (depth == 0) gate().lock();
}
void in_parent() {
    if (depth == 0) gate().unlock();
}
void in_child() {
    // Threads that waited are gone, but an old lock would still count them.
    std::construct_at(&gate());
    if (depth > 0) gate().lock_shared();
    ++generation;
}

[[maybe_unused]] const int registered = pthread_atfork(before, in_parent, in_child);

}  // namespace

std::uint32_t fork_generation() { return generation.load(std::memory_order_relaxed); }

NoFork::NoFork() {
    if (depth++ == 0) gate().lock_shared();
}

NoFork::~NoFork() {
    if (--depth == 0) gate().unlock_shared();
}

}  // namespace evsim
