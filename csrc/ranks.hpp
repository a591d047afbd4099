// Several processes that share the neurons of one network: who has which, and how they tell each other of spikes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/spike_array.hpp"
#include "sample.hpp"

namespace evsim {

/// How ranks talk. Nothing else of a transport is known here.
class Exchange {
 public:
    virtual ~Exchange() = default;
    virtual std::int32_t rank() const = 0;
    virtual std::int32_t size() const = 0;
    /// Whether the other ranks are there at all; where they are not, they are taken to give what this one gives.
    virtual bool alone() const { return false; }
    /// Gives `own` to all ranks and returns what each gave, valid until the next call. All ranks must call it.
    virtual std::span<const std::span<const std::byte>> gather(std::span<const std::byte> own) = 0;
};

/// A neuron's place among ranks that own neighbours: those of a rank lie between its border and that of the next.
inline std::int32_t border_of(std::int32_t n_neurons, std::int32_t rank, std::int32_t n_ranks) {
    return static_cast<std::int32_t>(std::int64_t{n_neurons} * rank / n_ranks);
}

/// What one rank wrote, read in the same order. Throws RankFailed beyond its end.
class RankMessage {
 public:
    explicit RankMessage(std::span<const std::byte> bytes) : bytes_(bytes) {}

    template <class T>
    T take() {
        T value;
        take(std::span<T>(&value, 1));
        return value;
    }
    template <class T>
    void take(std::span<T> values) {
        const std::span<const std::byte> from = rest(values.size_bytes());
        if (!from.empty()) std::memcpy(values.data(), from.data(), from.size());
    }
    std::span<const std::byte> rest(std::size_t n);
    std::size_t left() const { return bytes_.size(); }

 private:
    std::span<const std::byte> bytes_;
};

/// Where all ranks must be when they talk; those that are not are found out.
enum class RankStep : std::uint8_t { begin = 1, spikes, end, values };

class Ranks {
 public:
    explicit Ranks(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

    std::int32_t rank() const { return exchange_->rank(); }
    std::int32_t size() const { return exchange_->size(); }
    bool alone() const { return exchange_->alone(); }
    std::int32_t border(std::int32_t n_neurons, std::int32_t rank) const { return border_of(n_neurons, rank, size()); }
    std::int32_t first(std::int32_t n_neurons) const { return border(n_neurons, rank()); }

    /// A message to all, in parts.
    void write(std::span<const std::byte> part) { out_.insert(out_.end(), part.begin(), part.end()); }
    template <class T>
    void put(std::span<const T> values) {
        write(std::as_bytes(values));
    }
    template <class T>
    void put(const T& value) {
        put(std::span<const T>(&value, 1));
    }
    void open(RankStep step);
    /// The messages of all ranks. Throws RankFailed where one has failed, InvalidArgument where they do not do the
    /// same; on every rank alike.
    std::vector<RankMessage> send();

    /// From the beginning of a call to the last exchange of it the others wait for this rank.
    void begin_call() { others_wait_ = true; }
    void end_call() { others_wait_ = false; }
    /// Tells those who wait that this rank has failed.
    void fail(const std::string& message) noexcept;

    /// Something that has been built, and must be alike on all ranks.
    void note(std::string_view what);
    std::uint64_t notes() const { return notes_; }

    std::uint64_t exchanges = 0, bytes_sent = 0;  ///< so far
    std::uint64_t failures = 0;                   ///< so far, of any rank, that all have heard of

 private:
    std::shared_ptr<Exchange> exchange_;
    std::vector<std::byte> out_;
    std::uint64_t notes_ = 14695981039346656037u;
    bool broken_ = false, others_wait_ = false;
};

/// A hash of bytes that goes on from `hash` (FNV-1a, on words).
std::uint64_t hash_of(std::span<const std::byte> bytes, std::uint64_t hash = 14695981039346656037u);

/// Spikes of several nodes and samples, exchanged at once: what is put in is this rank's own, by the numbers that its
/// neurons have there; what comes out is everybody's, sorted by (time, index).
class SpikeExchange {
 public:
    explicit SpikeExchange(Ranks& ranks) : ranks_(ranks) {}

    void put(std::int32_t n_neurons, const SpikeView& own);
    bool empty() const { return sizes_.empty(); }
    /// In the order in which they were put.
    std::vector<SpikeArray> exchange();

 private:
    /// Spikes of one list, in a row.
    struct Run {
        std::vector<double> times;
        std::vector<std::int32_t> indices;
    };

    void read(RankMessage& message, std::int32_t rank, std::span<std::vector<Run>> lists);
    static void merge(const Run& one, const Run& other, Run& out);

    Ranks& ranks_;
    std::vector<std::int32_t> sizes_, indices_;
    std::vector<std::uint32_t> counts_;
    std::vector<double> times_;
};

}  // namespace evsim
