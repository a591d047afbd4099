// Traces that know how many they are, for kernels compiled with debug=True.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// A callback asked for a trace that does not exist.
struct NoSuchTrace : std::exception {
    char message[128];
    NoSuchTrace(const char* callback, const char* kind, long long index, int count) {
        std::snprintf(message, sizeof message, "%s: there is no %s trace %lld; there are %d%s", callback, kind, index,
                      count, count > 0 ? ", counted from 0" : "");
    }
    const char* what() const noexcept override { return message; }
};

/// Infinity cannot decay: at the next event of its neuron or synapse it would be NaN.
template <class T>
void refuse_infinite(const T* traces, int count, const char* callback, const char* kind) {
    for (int k = 0; k < count; ++k) {
        if (std::isinf(traces[k]))
            throw std::domain_error(std::string(callback) + " sets " + kind + " trace " + std::to_string(k) +
                                    " to infinity, which cannot decay");
    }
}

/// Stands for `T*` in a user's functions. One that is made of a plain pointer does not know its bounds.
template <class T>
class Traces {
 public:
    Traces(T* first, int count, const char* callback, const char* kind)
        : first_(first), count_(count), callback_(callback), kind_(kind) {}
    Traces(T* first) : first_(first) {}
    /// Of numbers to constant ones.
    template <class U>
        requires std::is_same_v<const U, T>
    Traces(const Traces<U>& other)
        : first_(other.first_),
          begin_(other.begin_),
          count_(other.count_),
          callback_(other.callback_),
          kind_(other.kind_) {}

    template <class Index>
    T& operator[](Index index) const {
        const long long at = begin_ + static_cast<long long>(index);
        if (callback_ && (at < 0 || at >= count_)) throw NoSuchTrace(callback_, kind_, at, count_);
        return first_[at];
    }
    T& operator*() const { return (*this)[0]; }
    template <class Index>
        requires std::is_integral_v<Index>
    Traces operator+(Index index) const {
        Traces moved = *this;
        moved.begin_ += static_cast<long long>(index);
        return moved;
    }
    operator T*() const { return first_ + begin_; }

 private:
    template <class U>
    friend class Traces;
    T* first_;
    long long begin_ = 0;
    int count_ = 0;
    const char* callback_ = nullptr;
    const char* kind_ = nullptr;
};

}  // namespace EVSIM_ISA
}  // namespace evsim
