// The derivative of a loss by the weights of a connection.
#pragma once

#include <cstddef>
#include <string>

#include "core/aligned_buffer.hpp"

namespace evsim {

/// As the weights lie in their connection, and in their type.
class WeightGradient {
 public:
    WeightGradient() = default;
    /// Zeros. Throws MemoryLimit.
    WeightGradient(std::size_t n, int value_bytes)
        : values_(n * static_cast<std::size_t>(value_bytes), "the gradients by weights"), value_bytes_(value_bytes) {}

    int value_bytes() const { return value_bytes_; }
    std::byte* data() { return values_.data(); }
    std::size_t size() const { return value_bytes_ ? values_.size() / static_cast<std::size_t>(value_bytes_) : 0; }
    void add(std::size_t place, double value) {
        if (value_bytes_ == 4) {
            as<float>()[place] += static_cast<float>(value);
        } else {
            as<double>()[place] += value;
        }
    }
    /// One that is as large, or empty.
    void add(const WeightGradient& more) {
        for (std::size_t k = 0; k < more.size(); ++k) {
            if (value_bytes_ == 4) {
                as<float>()[k] += more.as<float>()[k];
            } else {
                as<double>()[k] += more.as<double>()[k];
            }
        }
    }

 private:
    template <class T>
    T* as() {
        return reinterpret_cast<T*>(values_.data());
    }
    template <class T>
    const T* as() const {
        return reinterpret_cast<const T*>(values_.data());
    }

    AlignedBuffer values_;
    int value_bytes_ = 0;
};

}  // namespace evsim
