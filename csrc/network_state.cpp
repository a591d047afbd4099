// What a network carries from one call to the next, taken out and put back.
#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"
#include "core/fork.hpp"
#include "delays.hpp"

namespace evsim {

namespace {

std::vector<std::int32_t> inputs_of(const std::vector<std::shared_ptr<Projection>>& projections) {
    std::vector<std::int32_t> sizes;
    for (const auto& projection : projections) sizes.push_back(projection->n_inputs());
    return sizes;
}

void check_drive_state(const PackedState& packed, std::span<const std::shared_ptr<const Drive>> drives,
                       std::size_t n_neurons) {
    const std::size_t n = drives.size() * n_neurons;
    if (packed.drive_times.size() != n || packed.drive_counts.size() != n)
        throw ShapeMismatch(text("a state of ", packed.drive_times.size(), " driven neurons, but there are ", n));
    for (std::size_t k = 0; k < drives.size(); ++k)
        drives[k]->check_state({packed.drive_times.data() + k * n_neurons, n_neurons},
                               {packed.drive_counts.data() + k * n_neurons, n_neurons});
}

/// Of the projections that have a rule.
void unpack_traces(const std::vector<std::shared_ptr<Projection>>& projections, const PackedState& packed,
                   NodeState& state) {
    if (packed.heard.empty()) {  // its neurons share their gaps
        for (const auto& projection : projections) {
            if (!projection->plastic()) continue;
            if (projections.size() > 1 || !projection->dense())
                throw ShapeMismatch("a state needs the traces of every projection that has a kernel");
            projection->unpack_traces(packed, state);
        }
        return;
    }
    PackedState left = packed;
    for (const auto& projection : projections) {
        if (projection->plastic()) state.synapses.push_back(projection->take_traces(left));
    }
    if (!left.heard.empty() || !left.traces.neuron.empty() || !left.traces.synaptic.empty())
        throw ShapeMismatch("a state has the traces of more projections than there are");
}

}  // namespace

Network::Snapshot Network::snapshot() const {
    if (ranks_) throw Unsupported("the state of a distributed network, of which each rank has a part, is not kept");
    std::vector<Entry> entries;
    std::vector<std::shared_ptr<const NodeOutput>> outputs;
    Snapshot snapshot;
    {
        const BriefLock lock(mutex_);
        snapshot.time = time_;
        entries = entries_;
        for (const Entry& entry : entries) outputs.push_back(entry.node() ? entry.node()->output() : nullptr);
    }
    for (std::size_t k = 0; k < entries.size(); ++k) {
        auto& states = snapshot.states.emplace_back();
        if (!outputs[k]) continue;
        snapshot.batch = outputs[k]->batch;
        for (const NodeState& state : outputs[k]->states) {
            PackedState& packed = states.emplace_back(entries[k].node()->pack(state));
            packed.in_flight = state.in_flight;
            packed.travelling = state.travelling;
            packed.drive_times = state.drive_times;
            packed.drive_counts = state.drive_counts;
            if (outputs[k]->rule) entries[k].projections.front()->pack_traces(state, *outputs[k]->rule, packed);
            for (const auto& projection : entries[k].projections) {
                if (const SynapseTraces* const traces = projection->traces_of(state))
                    projection->append(*traces, packed);
            }
        }
    }
    return snapshot;
}

void Network::restore(const Snapshot& snapshot, Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    if (ranks_) throw Unsupported("a distributed network does not go on from a state that was kept");
    if (snapshot.states.size() != entries_.size()) throw ShapeMismatch("one list of states for each node is needed");
    if (snapshot.time && std::isnan(*snapshot.time)) throw NonFinite("the time of a network must not be NaN");
    update_stages();
    std::vector<std::shared_ptr<NodeOutput>> outputs(entries_.size());
    std::optional<std::size_t> n_samples;
    for (std::size_t k = 0; k < entries_.size(); ++k) {
        const Entry& entry = entries_[k];
        if (!entry.node()) continue;
        NodeOutput& output = *(outputs[k] = std::make_shared<NodeOutput>());
        output.batch = snapshot.batch;
        if (snapshot.states[k].size() != n_samples.value_or(snapshot.states[k].size())) {
            throw ShapeMismatch(text(entry.label, " has the states of ", snapshot.states[k].size(),
                                     " samples, but the first layer those of ", *n_samples));
        }
        n_samples = snapshot.states[k].size();
        for (const PackedState& packed : snapshot.states[k]) {
            const bool in_row = entry.population && leaves_pixels(static_cast<std::int32_t>(k), true);
            NodeState& state = output.states.emplace_back(in_row ? entry.population->unpack_in_row(packed)
                                                                 : entry.node()->unpack(packed));
            constexpr double infinity = std::numeric_limits<double>::infinity();
            check_in_flight(packed.in_flight, inputs_of(entry.projections), snapshot.time.value_or(-infinity));
            check_travelling(packed.travelling, inputs_of(entry.projections), snapshot.time.value_or(infinity));
            state.in_flight = packed.in_flight;
            state.travelling = packed.travelling;
            check_drive_state(packed, entry.drives, static_cast<std::size_t>(entry.size));
            state.drive_times = packed.drive_times;
            state.drive_counts = packed.drive_counts;
            unpack_traces(entry.projections, packed, state);
            if (snapshot.time && state.last_event > *snapshot.time) {
                throw InvalidArgument(text(entry.label, ": the last event, at ", packed.last_event,
                                           ", lies after the time of the network, ", *snapshot.time));
            }
            output.final_memory.push_back(
                entry.population && snapshot.time ? entry.population->memory_at(state, *snapshot.time) : state.memory);
        }
        const bool together = !output.states.empty() && output.states.front().synapses.empty();
        if (together && !entry.projections.empty()) output.rule = entry.projections.front()->rule();
        output.post_spikes.resize(output.states.size());
        output.causes.resize(output.states.size());
    }
    for (std::size_t k = 0; k < entries_.size(); ++k) {
        if (outputs[k]) entries_[k].node()->set_output(std::move(outputs[k]));
    }
    time_ = snapshot.time;
}

}  // namespace evsim
