#include "ranks.hpp"

#include <algorithm>

#include "core/errors.hpp"

namespace evsim {

namespace {

constexpr std::uint8_t rank_is_fine = 0, rank_has_failed = 1;
constexpr std::size_t longest_message = 2000;  ///< of a failure

/// Puts `more` among `spikes`, both sorted by time, behind what is at the same time. By selection: which of two comes
/// first nobody can guess.
void merge_into(std::vector<Spike>& spikes, const std::vector<Spike>& more, std::vector<Spike>& room) {
    room.resize(spikes.size() + more.size());
    const Spike *one = spikes.data(), *const one_end = one + spikes.size();
    const Spike *other = more.data(), *const other_end = other + more.size();
    Spike* out = room.data();
    while (one != one_end && other != other_end) {
        const bool earlier = other->time < one->time;
        *out++ = *(earlier ? other : one);
        other += earlier;
        one += !earlier;
    }
    std::copy(other, other_end, std::copy(one, one_end, out));
    spikes.swap(room);
}

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
    std::vector<std::vector<Spike>> all(n_lists);
    for (std::size_t k = 0; k < messages.size(); ++k) {
        read_counts(messages[k]);
        std::size_t from = 0;
        for (std::size_t list = 0; list < n_lists; ++list) {
            const auto rank = static_cast<std::int32_t>(k);
            const std::int32_t first = ranks_.border(sizes_[list], rank);
            const std::int32_t own = ranks_.border(sizes_[list], rank + 1) - first;
            own_.clear();
            const std::size_t end = from + counts_[list];
            for (; from < end; ++from) {
                // Ranks that are not there are taken to have as many neurons as this one, which may be one too many.
                if (indices_[from] < own) own_.push_back({first + indices_[from], times_[from]});
            }
            merge_into(all[list], own_, room_);  // its neurons come after all before: ties stay in order
        }
    }
    std::vector<SpikeArray> merged(n_lists);
    for (std::size_t list = 0; list < n_lists; ++list) merged[list].append(all[list]);
    sizes_.clear();
    counts_.clear();
    times_.clear();
    indices_.clear();
    return merged;
}

void SpikeExchange::read_counts(RankMessage& message) {
    message.take(std::span(counts_));
    std::size_t n = 0;
    for (const std::uint32_t count : counts_) n += count;
    // Sizes come from elsewhere: what is not there must not be made room for.
    if (message.left() != n * (sizeof(double) + sizeof(std::int32_t)))
        throw RankFailed("a rank sent other spikes than it announced; do all run the same version?");
    times_.resize(n);
    indices_.resize(n);
    message.take(std::span(times_));
    message.take(std::span(indices_));
}

}  // namespace evsim
