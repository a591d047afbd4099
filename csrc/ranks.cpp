#include "ranks.hpp"

#include <algorithm>

#include "core/errors.hpp"

namespace evsim {

namespace {

constexpr std::uint8_t rank_is_fine = 0, rank_has_failed = 1;
constexpr std::size_t longest_message = 2000;  ///< of a failure

}  // namespace

std::span<const std::byte> RankMessage::rest(std::size_t n) {
    if (n > bytes_.size()) throw RankFailed("a rank sent less than it announced; do all run the same version?");
    const std::span<const std::byte> first = bytes_.first(n);
    bytes_ = bytes_.subspan(n);
    return first;
}

void Ranks::open(RankStep step) {
    if (broken_) throw RankFailed("an earlier exchange with the other ranks failed; start them again");
    out_.clear();
    put(rank_is_fine);
    put(step);
}

std::vector<RankMessage> Ranks::send() {
    broken_ = true;  // unless all goes well
    const auto own = static_cast<RankStep>(out_[1]);
    const auto blocks = exchange_->gather(out_);
    ++exchanges;
    bytes_sent += out_.size();
    std::vector<RankMessage> messages;
    bool same = true;
    for (std::size_t k = 0; k < blocks.size(); ++k) {
        RankMessage& message = messages.emplace_back(blocks[k]);
        if (message.take<std::uint8_t>() == rank_has_failed) {
            const std::span<const std::byte> what = message.rest(message.left());
            const std::string said(reinterpret_cast<const char*>(what.data()), what.size());
            broken_ = others_wait_ = false;
            ++failures;
            throw RankFailed(text("rank ", k, " of ", blocks.size(), " failed: ", said));
        }
        same = message.take<RankStep>() == own && same;
    }
    broken_ = false;
    failures += !same;
    if (!same) throw RankFailed("the ranks do not do the same: each must make the same calls, in the same order");
    return messages;
}

void Ranks::fail(const std::string& message) noexcept {
    if (broken_ || !others_wait_) return;
    broken_ = true;
    try {
        out_.clear();
        put(rank_has_failed);
        const std::size_t n = std::min(message.size(), longest_message);
        write(std::as_bytes(std::span(message.data(), n)));
        exchange_->gather(out_);
        broken_ = others_wait_ = false;
        ++failures;
    } catch (...) {  // the error that is being told is the one to raise
    }
}

void Ranks::note(std::string_view what) { notes_ = hash_of(std::as_bytes(std::span(what)), notes_); }

std::uint64_t hash_of(std::span<const std::byte> bytes, std::uint64_t hash) {
    constexpr std::uint64_t prime = 1099511628211u;
    const auto mix = [&](std::uint64_t word) {
        hash = (hash ^ word) * prime;
        hash ^= hash >> 29;
    };
    mix(bytes.size());
    while (bytes.size() >= sizeof(std::uint64_t)) {
        std::uint64_t word;
        std::memcpy(&word, bytes.data(), sizeof word);
        mix(word);
        bytes = bytes.subspan(sizeof word);
    }
    for (const std::byte byte : bytes) mix(static_cast<std::uint64_t>(byte));
    return hash;
}

void SpikeExchange::put(std::int32_t n_neurons, const SpikeView& own) {
    sizes_.push_back(n_neurons);
    counts_.push_back(static_cast<std::uint32_t>(own.size()));
    times_.insert(times_.end(), own.times.begin(), own.times.end());
    indices_.insert(indices_.end(), own.indices.begin(), own.indices.end());
}

std::vector<SpikeArray> SpikeExchange::exchange() {
    const std::size_t n_lists = sizes_.size();
    ranks_.open(RankStep::spikes);
    ranks_.put(std::span<const std::uint32_t>(counts_));
    ranks_.put(std::span<const double>(times_));
    ranks_.put(std::span<const std::int32_t>(indices_));
    std::vector<RankMessage> messages = ranks_.send();
    std::vector<std::vector<Run>> lists(n_lists);
    for (std::size_t k = 0; k < messages.size(); ++k) read(messages[k], static_cast<std::int32_t>(k), lists);
    std::vector<SpikeArray> merged;
    for (std::vector<Run>& runs : lists) {
        // Neighbours with each other, so that ties stay in the order of ranks, and thereby of neurons.
        for (Run room; runs.size() > 1; runs.resize((runs.size() + 1) / 2)) {
            for (std::size_t k = 0; k < runs.size(); k += 2) {
                if (k + 1 < runs.size()) {
                    merge(runs[k], runs[k + 1], room);
                    std::swap(runs[k], room);
                }
                if (k > 0) std::swap(runs[k / 2], runs[k]);
            }
        }
        merged.push_back(SpikeArray::of(std::move(runs.front().indices), std::move(runs.front().times)));
    }
    sizes_.clear();
    counts_.clear();
    times_.clear();
    indices_.clear();
    return merged;
}

/// What a rank has sent of every list.
void SpikeExchange::read(RankMessage& message, std::int32_t rank, std::span<std::vector<Run>> lists) {
    message.take(std::span(counts_));
    std::size_t n = 0;
    for (const std::uint32_t count : counts_) n += count;
    // Sizes come from elsewhere: what is not there must not be made room for.
    if (message.left() != n * (sizeof(double) + sizeof(std::int32_t)))
        throw RankFailed("a rank sent other spikes than it announced; do all run the same version?");
    for (std::size_t list = 0; list < lists.size(); ++list) {
        Run& run = lists[list].emplace_back();
        run.times.resize(counts_[list]);
        message.take(std::span(run.times));
    }
    for (std::size_t list = 0; list < lists.size(); ++list) {
        Run& run = lists[list].back();
        run.indices.resize(counts_[list]);
        message.take(std::span(run.indices));
        const std::int32_t first = ranks_.border(sizes_[list], rank);
        if (ranks_.alone()) {
            // Ranks that are not there are taken to have as many neurons as this one, which may be one too many.
            const std::int32_t own = ranks_.border(sizes_[list], rank + 1) - first;
            std::size_t kept = 0;
            for (std::size_t k = 0; k < run.indices.size(); ++k) {
                run.indices[kept] = run.indices[k];
                run.times[kept] = run.times[k];
                kept += run.indices[k] < own;
            }
            run.indices.resize(kept);
            run.times.resize(kept);
        }
        for (std::int32_t& index : run.indices) index += first;
    }
}

/// Both sorted by time; what is at the same time comes from `one` first. By selection, because which of two comes first
/// nobody can guess, and from both ends at once, because a step cannot begin before the one before it has ended.
void SpikeExchange::merge(const Run& one, const Run& other, Run& out) {
    const std::size_t n = one.times.size(), m = other.times.size();
    out.times.resize(n + m);
    out.indices.resize(n + m);
    const std::size_t from_each = std::min(n, m) / 2;
    std::size_t i = 0, j = 0, at = 0;
    std::size_t i_end = n, j_end = m, at_end = n + m;
    for (std::size_t step = 0; step < from_each; ++step) {
        const bool later = other.times[j] < one.times[i];
        out.times[at] = later ? other.times[j] : one.times[i];
        out.indices[at++] = later ? other.indices[j] : one.indices[i];
        j += later;
        i += !later;
        const bool last_is_one = other.times[j_end - 1] < one.times[i_end - 1];
        out.times[--at_end] = last_is_one ? one.times[i_end - 1] : other.times[j_end - 1];
        out.indices[at_end] = last_is_one ? one.indices[i_end - 1] : other.indices[j_end - 1];
        i_end -= last_is_one;
        j_end -= !last_is_one;
    }
    while (i < i_end && j < j_end) {
        const bool later = other.times[j] < one.times[i];
        out.times[at] = later ? other.times[j] : one.times[i];
        out.indices[at++] = later ? other.indices[j] : one.indices[i];
        j += later;
        i += !later;
    }
    const auto rest = [&](const Run& run, std::size_t from, std::size_t to) {
        std::copy(run.times.begin() + static_cast<std::ptrdiff_t>(from),
                  run.times.begin() + static_cast<std::ptrdiff_t>(to),
                  out.times.begin() + static_cast<std::ptrdiff_t>(at));
        std::copy(run.indices.begin() + static_cast<std::ptrdiff_t>(from),
                  run.indices.begin() + static_cast<std::ptrdiff_t>(to),
                  out.indices.begin() + static_cast<std::ptrdiff_t>(at));
        at += to - from;
    };
    rest(one, i, i_end);
    rest(other, j, j_end);
}

}  // namespace evsim
