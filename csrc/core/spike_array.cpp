#include "spike_array.hpp"

#include <algorithm>
#include <cmath>

#include "errors.hpp"

namespace evsim {

namespace {

/// x - x is 0 for finite x and NaN otherwise, so one sum without a branch looks at all of them.
bool all_finite(std::span<const double> values) {
    double sum = 0.0;
    for (const double value : values) sum += value - value;
    return sum == 0.0;
}

void check_finite(std::span<const double> times, const char* what) {
    if (all_finite(times)) return;
    const auto bad = std::find_if(times.begin(), times.end(), [](double t) { return !std::isfinite(t); });
    throw NonFinite(text(what, ": times must be finite, but times[", bad - times.begin(), "] is ", *bad));
}

}  // namespace

void SpikeArray::add(std::span<const std::int32_t> indices, std::span<const double> times) {
    if (indices.size() != times.size()) {
        throw ShapeMismatch(
            text("indices and times must have the same length, got ", indices.size(), " and ", times.size()));
    }
    const auto negative = std::find_if(indices.begin(), indices.end(), [](std::int32_t index) { return index < 0; });
    if (negative != indices.end()) {
        throw IndexOutOfRange(
            text("indices must not be negative, but indices[", negative - indices.begin(), "] is ", *negative));
    }
    check_finite(times, "spikes");
    Storage& storage = detach();
    storage.indices.insert(storage.indices.end(), indices.begin(), indices.end());
    storage.times.insert(storage.times.end(), times.begin(), times.end());
}

void SpikeArray::sort() {
    if (is_sorted()) return;
    const std::size_t n = size();
    std::vector<Spike> spikes(n);
    for (std::size_t k = 0; k < n; ++k) spikes[k] = (*this)[k];
    std::stable_sort(spikes.begin(), spikes.end(), [](const Spike& a, const Spike& b) { return a.time < b.time; });
    Storage& storage = detach();
    for (std::size_t k = 0; k < n; ++k) {
        storage.indices[k] = spikes[k].index;
        storage.times[k] = spikes[k].time;
    }
}

void SpikeArray::clear() { storage_ = std::make_shared<Storage>(); }

void SpikeArray::append(std::span<const Spike> spikes) {
    Storage& storage = detach();
    const std::size_t before = storage.times.size(), after = before + spikes.size();
    storage.indices.resize(after);
    storage.times.resize(after);
    for (std::size_t k = 0; k < spikes.size(); ++k) {
        storage.indices[before + k] = spikes[k].index;
        storage.times[before + k] = spikes[k].time;
    }
}

bool SpikeArray::is_sorted() const { return std::is_sorted(storage_->times.begin(), storage_->times.end()); }

SpikeArray::Storage& SpikeArray::detach() {
    if (storage_.use_count() > 1) storage_ = std::make_shared<Storage>(*storage_);
    return *storage_;
}

void check_spikes(std::span<const std::int32_t> indices, std::span<const double> times, std::int64_t n,
                  const char* what) {
    if (indices.size() != times.size()) {
        throw ShapeMismatch(
            text(what, ": indices and times must have the same length, got ", indices.size(), " and ", times.size()));
    }
    check_finite(times, what);
    bool decreasing = false;
    for (std::size_t k = 1; k < times.size(); ++k) decreasing |= times[k] < times[k - 1];
    if (decreasing) {
        std::size_t k = 1;
        while (times[k] >= times[k - 1]) ++k;
        throw UnsortedSpikes(text(what, ": times must not decrease, but times[", k, "] = ", times[k],
                                  " comes after times[", k - 1, "] = ", times[k - 1],
                                  "; sort them first: spikes = SpikeArray(indices, times); spikes.sort()"));
    }
    bool outside = false;
    for (const std::int32_t index : indices) outside |= index < 0 || index >= n;
    if (outside) {
        std::size_t k = 0;
        while (indices[k] >= 0 && indices[k] < n) ++k;
        throw IndexOutOfRange(text(what, ": spike ", k, " has index ", indices[k], ", but the layer has ", n,
                                   " inputs (valid: 0 to ", n - 1, ")"));
    }
}

}  // namespace evsim
