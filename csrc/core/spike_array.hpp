// Spikes as two parallel arrays, indices and times.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace evsim {

/// One spike: `index` of the neuron that fired, `time` in the network's unit.
struct Spike {
    std::int32_t index = 0;
    double time = 0.0;
    auto operator<=>(const Spike&) const = default;
};

/// Sorts by time; spikes at one time keep their order. O(n) for times that are spread evenly, O(n log n) at worst.
void stable_sort_by_time(std::span<Spike> spikes);

/// Spikes in the order in which they were added, until sorted. Indices are >= 0 and times finite. Copies share their
/// memory until one of them changes.
class SpikeArray {
 public:
    struct Storage {
        std::vector<std::int32_t> indices;
        std::vector<double> times;
        bool operator==(const Storage&) const = default;
    };

    /// Throws ShapeMismatch, IndexOutOfRange or NonFinite, and then adds nothing.
    void add(std::span<const std::int32_t> indices, std::span<const double> times);
    void add(std::int32_t index, double time) { add({&index, 1}, {&time, 1}); }
    /// Stable sort by time: spikes at one time keep their order.
    void sort();
    void clear();
    /// In a sorted array, puts spikes at one time in the order of their indices.
    void order_ties();

    bool is_sorted() const;
    std::size_t size() const { return storage_->times.size(); }
    Spike operator[](std::size_t k) const { return {storage_->indices[k], storage_->times[k]}; }
    std::span<const std::int32_t> indices() const { return storage_->indices; }
    std::span<const double> times() const { return storage_->times; }
    bool operator==(const SpikeArray& other) const { return *storage_ == *other.storage_; }

    /// Of arrays of one length that are known to be valid.
    static SpikeArray of(std::vector<std::int32_t> indices, std::vector<double> times);
    /// Adds spikes known to be valid.
    void append(std::span<const Spike> spikes);

    /// The memory itself, for views that outlive this object. It never changes under a view: see `detach`.
    std::shared_ptr<const Storage> storage() const { return storage_; }

 private:
    /// A storage nobody else looks at, so that views keep what they saw.
    Storage& detach();

    std::shared_ptr<Storage> storage_ = std::make_shared<Storage>();
};

/// Whether a time is smaller than the one before it.
bool falls(std::span<const double> times);
/// Whether there are as many indices as times, every index is in [0, n), and every time finite and not before the one
/// before.
bool are_spikes(std::span<const std::int32_t> indices, std::span<const double> times, std::int64_t n);
/// Throws the error that says which is not. `what` names the array in the message.
void check_spikes(std::span<const std::int32_t> indices, std::span<const double> times, std::int64_t n,
                  const char* what);

}  // namespace evsim
