// Memory for weights and state, aligned for any SIMD width.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

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

/// Buffers of calls gone by, for the next ones: the system hands out fresh memory page by page, at several times the
/// cost of using it. May be used from several threads.
class BufferPool {
 public:
    BufferPool() { spare_.reserve(most_spare); }  // so that `give` cannot fail
    /// Memory that holds anything.
    AlignedBuffer take(std::size_t bytes, const std::string& what);
    void give(AlignedBuffer buffer);

 private:
    static constexpr std::size_t most_spare = 4;  ///< more are freed

    std::mutex mutex_;
    std::vector<AlignedBuffer> spare_;
};

/// A buffer that goes back to its pool.
class PooledBuffer {
 public:
    PooledBuffer() = default;
    PooledBuffer(std::shared_ptr<BufferPool> pool, std::size_t bytes, const std::string& what);
    PooledBuffer(const PooledBuffer& other);
    PooledBuffer& operator=(const PooledBuffer& other);
    PooledBuffer(PooledBuffer&& other) noexcept = default;
    PooledBuffer& operator=(PooledBuffer&& other) noexcept;
    ~PooledBuffer();

    std::byte* data() { return buffer_.data(); }
    const std::byte* data() const { return buffer_.data(); }
    std::size_t size() const { return buffer_.size(); }

 private:
    std::shared_ptr<BufferPool> pool_;
    AlignedBuffer buffer_;
};

}  // namespace evsim
