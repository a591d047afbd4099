#include "core/aligned_buffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif
#include <unistd.h>

#include "core/errors.hpp"
#include "core/fork.hpp"

namespace evsim {

namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t huge_page = std::size_t{1} << 21;

double physical_memory() {
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages < 0 || page < 0) return std::numeric_limits<double>::infinity();  // not known: the allocation will tell
    return static_cast<double>(pages) * static_cast<double>(page);
}

}  // namespace

void require_memory(double bytes, const std::string& what) {
    static const double available = physical_memory();
    if (!(bytes <= available)) {
        throw MemoryLimit(text(what, " would need ", bytes / 1e9, " GB; this machine has ", available / 1e9, " GB"));
    }
}

AlignedBuffer::AlignedBuffer(std::size_t bytes, const std::string& what) : AlignedBuffer(uninitialized(bytes, what)) {
    if (bytes > 0) std::memset(data_.get(), 0, bytes);
}

AlignedBuffer AlignedBuffer::uninitialized(std::size_t bytes, const std::string& what) {
    AlignedBuffer buffer;
    if (bytes == 0) return buffer;
    require_memory(static_cast<double>(bytes), what);
    const std::size_t alignment = bytes >= huge_page ? huge_page : cache_line;
    const std::size_t padded = (bytes + alignment - 1) / alignment * alignment;
    buffer.size_ = bytes;
    buffer.data_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, padded)));
    if (!buffer.data_)
        throw MemoryLimit(
            text(what, " needs ", static_cast<double>(bytes) / 1e9, " GB, which the system does not give"));
#if defined(__linux__)
    if (alignment == huge_page) madvise(buffer.data_.get(), padded, MADV_HUGEPAGE);
#endif
    return buffer;
}

AlignedBuffer::AlignedBuffer(const AlignedBuffer& other) : AlignedBuffer(uninitialized(other.size_, "a copy")) {
    if (size_ > 0) std::memcpy(data_.get(), other.data_.get(), size_);
}

AlignedBuffer& AlignedBuffer::operator=(const AlignedBuffer& other) {
    if (this != &other) *this = AlignedBuffer(other);
    return *this;
}

AlignedBuffer BufferPool::take(std::size_t bytes, const std::string& what) {
    {
        const BriefLock lock(mutex_);
        const auto fits = [bytes](const AlignedBuffer& buffer) { return buffer.size() == bytes; };
        const auto found = std::find_if(spare_.begin(), spare_.end(), fits);
        if (found != spare_.end()) {
            AlignedBuffer buffer = std::move(*found);
            spare_.erase(found);
            return buffer;
        }
    }
    return AlignedBuffer::uninitialized(bytes, what);
}

void BufferPool::give(AlignedBuffer buffer) {
    if (buffer.size() == 0) return;
    const BriefLock lock(mutex_);
    if (spare_.size() < most_spare) spare_.push_back(std::move(buffer));
}

PooledBuffer::PooledBuffer(std::shared_ptr<BufferPool> pool, std::size_t bytes, const std::string& what)
    : pool_(std::move(pool)), buffer_(pool_->take(bytes, what)) {}

PooledBuffer::PooledBuffer(const PooledBuffer& other) : pool_(other.pool_) {
    if (!pool_) return;
    buffer_ = pool_->take(other.size(), "a copy");
    if (size() > 0) std::memcpy(data(), other.data(), size());
}

PooledBuffer& PooledBuffer::operator=(const PooledBuffer& other) {
    if (this != &other) *this = PooledBuffer(other);
    return *this;
}

PooledBuffer& PooledBuffer::operator=(PooledBuffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(buffer_, other.buffer_);
    return *this;
}

PooledBuffer::~PooledBuffer() {
    if (pool_) pool_->give(std::move(buffer_));
}

void AlignedBuffer::Free::operator()(std::byte* p) const noexcept { std::free(p); }

}  // namespace evsim
