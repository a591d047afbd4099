// What survives a fork: only the thread that forked goes on in the child, whatever the others were doing.
#pragma once

#include <cstdint>
#include <mutex>

namespace evsim {

/// How many forks lie between this process and the one that loaded the library.
std::uint32_t fork_generation();

/// While one lives no other thread can fork, so that a child never sees what is half changed or a lock that nobody will
/// open. For short work that does not wait, in particular not for Python. May be nested.
class NoFork {
 public:
    NoFork();
    ~NoFork();
    NoFork(const NoFork&) = delete;
    NoFork& operator=(const NoFork&) = delete;
};

/// Holds a mutex for short work.
class BriefLock {
 public:
    explicit BriefLock(std::mutex& mutex) : lock_(mutex) {}

 private:
    NoFork no_fork_;
    std::lock_guard<std::mutex> lock_;
};

}  // namespace evsim
