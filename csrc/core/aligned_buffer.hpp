// Memory for weights and state, aligned for any SIMD width.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

namespace evsim {

/// Throws MemoryLimit if `bytes` is more than this machine's memory; `what` names the thing in the message.
void require_memory(double bytes, const std::string& what);

class AlignedBuffer {
 public:
    AlignedBuffer() = default;
    /// Zeroed memory. Large buffers lie on huge pages where the system has them.
    AlignedBuffer(std::size_t bytes, const std::string& what);
    /// Memory that holds anything.
    static AlignedBuffer uninitialized(std::size_t bytes, const std::string& what);
    AlignedBuffer(const AlignedBuffer& other);
    AlignedBuffer& operator=(const AlignedBuffer& other);
    AlignedBuffer(AlignedBuffer&&) noexcept = default;
    AlignedBuffer& operator=(AlignedBuffer&&) noexcept = default;

    std::byte* data() { return data_.get(); }
    const std::byte* data() const { return data_.get(); }
    std::size_t size() const { return size_; }

 private:
    struct Free {
        void operator()(std::byte* p) const noexcept;
    };
    std::unique_ptr<std::byte, Free> data_;
    std::size_t size_ = 0;
};

}  // namespace evsim
