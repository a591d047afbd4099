// What the ranks that share a network do together.
#include "network.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/fork.hpp"

namespace evsim {

namespace {

template <class T>
std::uint64_t hash_with(std::uint64_t hash, std::span<const T> values) {
    return hash_of(std::as_bytes(values), hash);
}

/// Of what ranks must ask for alike.
std::uint64_t hash_of_call(const std::vector<SampleInputs>& samples, const InferOptions& options,
                           std::optional<double> time) {
    constexpr double none = -std::numeric_limits<double>::infinity();
    const double numbers[] = {options.until,
                              options.start.value_or(none),
                              time.value_or(none),
                              options.start ? 1.0 : 0.0,
                              options.reset ? 1.0 : 0.0,
                              options.batch ? 1.0 : 0.0};
    std::uint64_t hash = hash_with(0, std::span<const double>(numbers));
    hash = hash_with(hash, std::span<const std::int32_t>(options.outputs));
    for (const RecordRequest& request : options.record) {
        const std::int32_t asked[] = {request.node, request.probe.observable};
        hash = hash_with(hash, std::span<const std::int32_t>(asked));
        hash = hash_with(hash, std::span<const std::int32_t>(request.probe.neurons));
        hash = hash_with(hash, std::span<const double>(request.probe.times));
    }
    for (const SampleInputs& sample : samples) {
        for (const SpikeView& input : sample) hash = hash_with(hash_with(hash, input.indices), input.times);
    }
    return hash_with(hash, std::span<const std::uint64_t>(std::initializer_list<std::uint64_t>{samples.size()}));
}

}  // namespace

void Network::distribute(std::shared_ptr<Ranks> ranks, Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    if (!entries_.empty() || ranks_) throw InvalidArgument("ranks are given to an empty network, once");
    ranks_ = std::move(ranks);
}

std::int32_t Network::add_part(std::shared_ptr<Population> part, std::int64_t n_neurons, std::string label,
                               Interruption&& interruption) {
    if (!ranks_) throw InvalidArgument("a network that is not distributed has whole populations");
    Entry entry;
    entry.label = std::move(label);
    entry.size = checked_size(n_neurons, "n_neurons");
    entry.first = ranks_->first(entry.size);
    entry.shared = true;
    const std::int32_t n = ranks_->border(entry.size, ranks_->rank() + 1) - entry.first;
    if (part->n_neurons() != n)
        throw ShapeMismatch(text("this rank has ", n, " of the neurons, but the part has ", part->n_neurons()));
    entry.population = std::move(part);
    return add(std::move(entry), interruption);
}

double Network::smallest_delay(std::int32_t node, std::size_t p, const AllDelays& delays) const {
    const auto n = static_cast<std::size_t>(node);
    return ranks_ ? smallest_delays_[n][p] : delays[n][p]->smallest();
}

void Network::require_one_rank(const Entry& entry) const {
    if (!entry.shared) return;
    throw Unsupported(text(entry.label, " lies on a cycle without any delay, which cannot be shared among ",
                           ranks_->size(),
                           " ranks; give a delay to a projection on it, or add it by add_population(..., whole=True)"));
}

void Network::agree(const std::vector<SampleInputs>& samples, const InferOptions& options) {
    if (!ranks_) return;
    std::vector<std::vector<double>> smallest;
    for (const auto& of_node : delays()) {
        auto& own = smallest.emplace_back();
        for (const auto& one : of_node) own.push_back(one->smallest());
    }
    ranks_->open(RankStep::begin);
    ranks_->put(ranks_->notes());
    ranks_->put(hash_of_call(samples, options, time_));
    for (const auto& own : smallest) ranks_->put(std::span<const double>(own));
    std::vector<RankMessage> messages = ranks_->send();
    std::vector<std::uint64_t> built, called;
    for (RankMessage& message : messages) {
        built.push_back(message.take<std::uint64_t>());
        called.push_back(message.take<std::uint64_t>());
    }
    for (const auto& [hashes, what] : {std::pair(&built, "has built another network than rank 0"),
                                       std::pair(&called, "was called with other inputs or options than rank 0")}) {
        for (std::size_t k = 1; k < hashes->size(); ++k) {
            if ((*hashes)[k] != hashes->front())
                throw RankFailed(text("rank ", k, " ", what, "; all must do the same, with the same seeds"));
        }
    }
    for (RankMessage& message : messages) {
        for (auto& own : smallest) {
            std::vector<double> other(own.size());
            message.take(std::span(other));
            for (std::size_t p = 0; p < own.size(); ++p) own[p] = std::min(own[p], other[p]);
        }
    }
    if (smallest == smallest_delays_) return;
    smallest_delays_ = std::move(smallest);
    staged_.clear();
}

void Network::share_spikes(std::int32_t node, const Call& call) const {
    const Entry& entry = entries_[static_cast<std::size_t>(node)];
    if (!entry.shared) return;
    std::vector<Sample>& samples = call.runs[static_cast<std::size_t>(node)]->samples;
    if (samples.empty()) return;
    SpikeExchange exchange(*ranks_);
    for (const Sample& sample : samples) exchange.put(entry.size, {sample.spikes.indices(), sample.spikes.times()});
    std::vector<SpikeArray> all = exchange.exchange();
    for (std::size_t s = 0; s < samples.size(); ++s) samples[s].spikes = std::move(all[s]);
}

void Network::share_recorded(const InferOptions& options, const Runs& runs, Inference& result) const {
    if (!ranks_) return;
    std::uint64_t fired = 0;
    for (std::size_t k = 0; k < runs.size(); ++k) {
        if (!runs[k] || entries_[k].shared) continue;
        for (const Sample& sample : runs[k]->samples)
            fired = hash_with(hash_with(fired, sample.spikes.indices()), sample.spikes.times());
    }
    const auto is_shared = [&](std::size_t r) {
        return entries_[static_cast<std::size_t>(options.record[r].node)].shared;
    };
    ranks_->open(RankStep::end);
    ranks_->put(fired);
    for (std::size_t r = 0; r < options.record.size(); ++r) {
        if (!is_shared(r)) continue;
        if (ranks_->alone()) throw Unsupported("a dry run has no values of the neurons of other ranks to record");
        for (const auto& values : result.recorded[r]) ranks_->put(std::span<const double>(values));
    }
    std::vector<RankMessage> messages = ranks_->send();
    ranks_->end_call();
    for (std::size_t k = 0; k < messages.size(); ++k) {
        if (messages[k].take<std::uint64_t>() != fired)
            throw RankFailed(text("populations that lie whole on all ranks fired otherwise on rank ", k,
                                  " than on rank ", ranks_->rank(),
                                  "; were their weights changed on all ranks alike?"));
    }
    for (std::size_t r = 0; r < options.record.size(); ++r) {
        if (!is_shared(r)) continue;
        const Probe& probe = options.record[r].probe;
        const std::int32_t n_neurons = entries_[static_cast<std::size_t>(options.record[r].node)].size;
        for (auto& values : result.recorded[r]) {
            values.assign(probe.times.size() * probe.neurons.size(), 0.0);
            for (std::size_t k = 0; k < messages.size(); ++k) {
                const auto rank = static_cast<std::int32_t>(k);
                const std::int32_t first = ranks_->border(n_neurons, rank), last = ranks_->border(n_neurons, rank + 1);
                for (std::size_t t = 0; t < probe.times.size(); ++t) {
                    for (std::size_t n = 0; n < probe.neurons.size(); ++n) {
                        if (probe.neurons[n] >= first && probe.neurons[n] < last)
                            values[t * probe.neurons.size() + n] = messages[k].take<double>();
                    }
                }
            }
        }
    }
}

}  // namespace evsim
