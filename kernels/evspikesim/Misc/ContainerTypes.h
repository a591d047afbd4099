// What EvSpikeSim::vector is: std::vector, and for a GPU, where there is none, what time constants are returned in.
#pragma once

#if defined(__CUDACC__)

#include <initializer_list>

namespace EvSpikeSim {

/// Enough of a std::vector to return time constants in.
template <class T>
class vector {
 public:
    static constexpr int capacity = 16;
    vector() = default;
    explicit vector(int n) { resize(n); }
    vector(int n, T value) { resize(n, value); }
    vector(std::initializer_list<T> values) {
        for (const T value : values) push_back(value);
    }
    template <class Iterator>
        requires requires(Iterator at) { *at; }
    vector(Iterator first, Iterator last) {
        for (; first != last; ++first) push_back(*first);
    }

    void reserve(int) {}
    void clear() { size_ = 0; }
    void resize(int n, T value = T()) {
        while (size_ < n) push_back(value);
        size_ = n;
    }
    void push_back(T value) {
        if (size_ < capacity) values_[size_] = value;
        ++size_;
    }
    template <class... A>
    T& emplace_back(A... arguments) {
        push_back(T(arguments...));
        return back();
    }
    void pop_back() { --size_; }

    int size() const { return size_; }
    bool empty() const { return size_ == 0; }
    T& operator[](int k) { return values_[k]; }
    const T& operator[](int k) const { return values_[k]; }
    T& at(int k) { return values_[k]; }
    const T& at(int k) const { return values_[k]; }
    T& front() { return values_[0]; }
    T& back() { return values_[size_ - 1]; }
    T* data() { return values_; }
    T* begin() { return values_; }
    T* end() { return values_ + size_; }
    const T* begin() const { return values_; }
    const T* end() const { return values_ + size_; }

 private:
    T values_[capacity] = {};
    int size_ = 0;
};

}  // namespace EvSpikeSim

#else

#include <memory>
#include <vector>

namespace EvSpikeSim {

using std::make_shared;
using std::make_unique;
using std::shared_ptr;
using std::unique_ptr;
using std::vector;

}  // namespace EvSpikeSim

#endif
