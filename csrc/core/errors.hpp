// Every mistake a caller can make has a type; `name` is the exception class that Python raises for it.
#pragma once

#include <charconv>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace evsim {

class Error : public std::runtime_error {
 public:
    Error(const char* name, const std::string& message) : std::runtime_error(message), name_(name) {}
    const char* name() const noexcept { return name_; }

 private:
    const char* name_;
};

struct InvalidArgument : Error {
    explicit InvalidArgument(const std::string& m) : Error("InvalidArgumentError", m) {}
};
struct UnsortedSpikes : Error {
    explicit UnsortedSpikes(const std::string& m) : Error("UnsortedSpikesError", m) {}
};
struct NonFinite : Error {
    explicit NonFinite(const std::string& m) : Error("NonFiniteError", m) {}
};
struct IndexOutOfRange : Error {
    explicit IndexOutOfRange(const std::string& m) : Error("IndexOutOfRangeError", m) {}
};
struct ShapeMismatch : Error {
    explicit ShapeMismatch(const std::string& m) : Error("ShapeMismatchError", m) {}
};
struct MemoryLimit : Error {
    explicit MemoryLimit(const std::string& m) : Error("MemoryLimitError", m) {}
};
struct EmptyNetwork : Error {
    explicit EmptyNetwork(const std::string& m) : Error("EmptyNetworkError", m) {}
};
struct StreamOrder : Error {
    explicit StreamOrder(const std::string& m) : Error("StreamError", m) {}
};
struct Busy : Error {
    explicit Busy(const std::string& m) : Error("BusyError", m) {}
};
struct RunawaySpiking : Error {
    explicit RunawaySpiking(const std::string& m) : Error("RunawaySpikingError", m) {}
};

/// What is asked for has a meaning, but evsim does not do it.
struct Unsupported : Error {
    explicit Unsupported(const std::string& m) : Error("UnsupportedError", m) {}
};

/// Another of the processes that share a network has failed.
struct RankFailed : Error {
    explicit RankFailed(const std::string& m) : Error("RankFailedError", m) {}
};

struct KernelLoad : Error {
    explicit KernelLoad(const std::string& m) : Error("KernelLoadError", m) {}
};
struct KernelFailed : Error {
    explicit KernelFailed(const std::string& m) : Error("KernelError", m) {}
};

struct NoSuchTraceIndex : Error {
    explicit NoSuchTraceIndex(const std::string& m) : Error("TraceIndexError", m) {}
};

/// The caller asked to stop (Ctrl-C); nothing is wrong with the call.
struct Interrupted : std::exception {
    const char* what() const noexcept override { return "interrupted"; }
};

namespace detail {
template <class Part>
void append_text(std::string& out, const Part& part) {
    if constexpr (std::is_arithmetic_v<Part>) {
        char digits[32];
        out.append(digits, std::to_chars(digits, digits + sizeof digits, part).ptr);
    } else {
        out += part;
    }
}
}  // namespace detail

/// The parts as one message; numbers with all the digits that matter.
template <class... Parts>
std::string text(const Parts&... parts) {
    std::string out;
    (detail::append_text(out, parts), ...);
    return out;
}

}  // namespace evsim
