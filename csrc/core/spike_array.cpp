#include "core/spike_array.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

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

bool earlier(const Spike& a, const Spike& b) { return a.time < b.time; }

void insertion_sort(std::span<Spike> spikes) {
    for (std::size_t k = 1; k < spikes.size(); ++k) {
        const Spike spike = spikes[k];
        std::size_t place = k;
        for (; place > 0 && earlier(spike, spikes[place - 1]); --place) spikes[place] = spikes[place - 1];
        spikes[place] = spike;
    }
}

void sort_few(std::span<Spike> spikes) {
    constexpr std::size_t few = 24;
    if (spikes.size() <= few) {
        insertion_sort(spikes);
    } else {
        std::stable_sort(spikes.begin(), spikes.end(), earlier);
    }
}

}  // namespace

void stable_sort_by_time(std::span<Spike> spikes) {
    constexpr std::size_t many = 64;
    if (spikes.size() < many || spikes.size() > std::numeric_limits<std::uint32_t>::max()) return sort_few(spikes);
    // As many bins of equal width in time as there are spikes; most then hold one or two.
    const auto [first, last] = std::minmax_element(spikes.begin(), spikes.end(), earlier);
    const double begin = first->time, bins_per_time = static_cast<double>(spikes.size() - 1) / (last->time - begin);
    if (!std::isfinite(bins_per_time) || bins_per_time == 0.0) return sort_few(spikes);
    const auto bin_of = [&](const Spike& spike) {
        return static_cast<std::size_t>((spike.time - begin) * bins_per_time);
    };
    std::vector<std::uint32_t> end(spikes.size() + 2,
                                   0);  // first where each bin begins, after dealing out where it ends
    for (const Spike& spike : spikes) ++end[bin_of(spike) + 1];
    for (std::size_t bin = 1; bin < end.size(); ++bin) end[bin] += end[bin - 1];
    const std::vector<Spike> unsorted(spikes.begin(), spikes.end());
    for (const Spike& spike : unsorted) spikes[end[bin_of(spike)]++] = spike;
    std::size_t from = 0;
    for (const std::uint32_t to : std::span(end).first(end.size() - 1)) {
        if (to - from > 1) sort_few(spikes.subspan(from, to - from));
        from = to;
    }
}

void SpikeArray::add(std::span<const std::int32_t> indices, std::span<const double> times) {
    if (indices.size() != times.size()) {
        throw ShapeMismatch(
            text("indices and times must have the same length, got ", indices.size(), " and ", times.size()));
    }
    const auto below_0 = [](std::int32_t index) { return index < 0; };
    bool any_negative = false;  // without a way out, so that it vectorises
    for (const std::int32_t index : indices) any_negative |= below_0(index);
    if (any_negative) {
        const auto negative = std::find_if(indices.begin(), indices.end(), below_0);
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
    stable_sort_by_time(spikes);
    Storage& storage = detach();
    for (std::size_t k = 0; k < n; ++k) {
        storage.indices[k] = spikes[k].index;
        storage.times[k] = spikes[k].time;
    }
}

void SpikeArray::order_ties() {
    bool any = false;  // likewise: most arrays have none
    for (std::size_t k = 1; k < size(); ++k) any |= storage_->times[k] == storage_->times[k - 1];
    if (!any) return;
    const auto disordered = [this](std::size_t k) {
        return storage_->times[k] == storage_->times[k - 1] && storage_->indices[k] < storage_->indices[k - 1];
    };
    for (std::size_t k = 1; k < size(); ++k) {
        if (!disordered(k)) continue;
        Storage& storage = detach();
        const auto run = std::equal_range(storage.times.begin(), storage.times.end(), storage.times[k]);
        std::sort(storage.indices.begin() + (run.first - storage.times.begin()),
                  storage.indices.begin() + (run.second - storage.times.begin()));
        k = static_cast<std::size_t>(run.second - storage.times.begin());
    }
}

SpikeArray SpikeArray::of(std::vector<std::int32_t> indices, std::vector<double> times) {
    SpikeArray spikes;
    spikes.storage_->indices = std::move(indices);
    spikes.storage_->times = std::move(times);
    return spikes;
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

bool SpikeArray::is_sorted() const { return !falls(storage_->times); }

SpikeArray::Storage& SpikeArray::detach() {
    if (storage_.use_count() > 1) storage_ = std::make_shared<Storage>(*storage_);
    return *storage_;
}

bool falls(std::span<const double> times) {
    bool falling = false;  // without a way out, so that it vectorises
    for (std::size_t k = 1; k < times.size(); ++k) falling |= times[k] < times[k - 1];
    return falling;
}

bool are_spikes(std::span<const std::int32_t> indices, std::span<const double> times, std::int64_t n) {
    if (indices.size() != times.size() || !all_finite(times) || falls(times)) return false;
    bool bad = false;
    for (const std::int32_t index : indices) bad |= index < 0 || index >= n;
    return !bad;
}

void check_spikes(std::span<const std::int32_t> indices, std::span<const double> times, std::int64_t n,
                  const char* what) {
    if (indices.size() != times.size()) {
        throw ShapeMismatch(
            text(what, ": indices and times must have the same length, got ", indices.size(), " and ", times.size()));
    }
    check_finite(times, what);
    for (std::size_t k = 1; k < times.size(); ++k) {
        if (times[k] >= times[k - 1]) continue;
        throw UnsortedSpikes(text(what, ": times must not decrease, but times[", k, "] = ", times[k],
                                  " comes after times[", k - 1, "] = ", times[k - 1],
                                  "; sort them first: spikes = SpikeArray(indices, times); spikes.sort()"));
    }
    for (std::size_t k = 0; k < indices.size(); ++k) {
        if (indices[k] >= 0 && indices[k] < n) continue;
        throw IndexOutOfRange(text(what, ": spike ", k, " has index ", indices[k], ", but the layer has ", n,
                                   " inputs (valid: 0 to ", n - 1, ")"));
    }
}

}  // namespace evsim
