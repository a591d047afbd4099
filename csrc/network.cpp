#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "arrivals.hpp"
#include "components.hpp"
#include "core/errors.hpp"
#include "core/fork.hpp"
#include "engine/dense_forward.hpp"
#include "engine/sparse_forward.hpp"

namespace evsim {

namespace {

std::size_t at(std::int32_t node) { return static_cast<std::size_t>(node); }

std::vector<std::int32_t> inputs_of(const std::vector<std::shared_ptr<Projection>>& projections) {
    std::vector<std::int32_t> sizes;
    for (const auto& projection : projections) sizes.push_back(projection->n_inputs());
    return sizes;
}

}  // namespace

Network::Network(std::int32_t max_spikes_per_instant) : max_spikes_per_instant_(max_spikes_per_instant) {
    if (max_spikes_per_instant < 1) {
        throw InvalidArgument(text("max_spikes_per_instant must be at least 1, got ", max_spikes_per_instant));
    }
}

// Building

std::int32_t Network::add(Entry entry, Interruption& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    if (entry.input >= 0) {
        entry.input = n_inputs_++;
    } else {
        if (entry.label.empty()) entry.label = text("layer ", n_labelled_);
        ++n_labelled_;
    }
    const auto node = static_cast<std::int32_t>(entries_.size());
    entries_.push_back(std::move(entry));
    order_.push_back(node);
    time_.reset();
    return node;
}

std::int32_t Network::add_input(std::int64_t size, Interruption&& interruption) {
    Entry entry;
    entry.size = checked_size(size, "the size of an input");
    entry.input = 0;
    return add(std::move(entry), interruption);
}

std::int32_t Network::add_population(std::shared_ptr<Population> population, std::string label,
                                     Interruption&& interruption) {
    Entry entry;
    entry.label = std::move(label);
    entry.size = population->n_neurons();
    entry.population = std::move(population);
    return add(std::move(entry), interruption);
}

std::int32_t Network::add_relay(std::shared_ptr<Relay> relay, std::string label, Interruption&& interruption) {
    Entry entry;
    entry.label = std::move(label);
    entry.size = relay->n_neurons();
    entry.relay = std::move(relay);
    return add(std::move(entry), interruption);
}

const Network::Entry& Network::entry(std::int32_t node) const {
    if (node < 0 || at(node) >= entries_.size())
        throw IndexOutOfRange(text("there is no node ", node, "; the network has ", entries_.size()));
    return entries_[at(node)];
}

void Network::replace(std::int32_t node, std::shared_ptr<Population> population, Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    const Entry& old = entry(node);
    if (!old.population || !old.sources.empty() || old.size != population->n_neurons())
        throw InvalidArgument(text(old.label, " has projections already, or another size"));
    entries_[at(node)].population = std::move(population);
    time_.reset();
}

void Network::connect(std::int32_t source, std::int32_t target, std::shared_ptr<Projection> projection,
                      Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    const Entry& from = entry(source);
    const Entry& to = entry(target);
    if (to.input >= 0) throw InvalidArgument("nothing can lead to an input of the network");
    if (to.population ? !projection || projection->target() != to.population : projection != nullptr)
        throw InvalidArgument(text(to.label, ": the projection was made for another node"));
    if (!to.sources.empty() && (to.relay || to.population->plastic())) {
        throw InvalidArgument(text(to.label, to.relay ? " passes the spikes of one source on, and has one"
                                                      : " has a kernel with callbacks, which takes one projection"));
    }
    const std::int32_t takes = projection ? projection->n_inputs() : to.relay->n_inputs();
    if (takes != from.size)
        throw ShapeMismatch(text(to.label, " takes ", takes, " inputs, but its source gives ", from.size));
    auto with = edges();
    with.emplace_back(source, target);
    std::vector<std::int32_t> order = order_of(with);
    order_ = std::move(order);
    entries_[at(target)].sources.push_back(source);
    if (projection) entries_[at(target)].projections.push_back(std::move(projection));
    time_.reset();
}

std::vector<std::pair<std::int32_t, std::int32_t>> Network::edges() const {
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    for (std::int32_t target = 0; at(target) < entries_.size(); ++target) {
        const Entry& to = entries_[at(target)];
        for (const std::int32_t source : to.sources) edges.emplace_back(source, target);
        const Node* const partner = to.relay ? to.relay->partner() : nullptr;
        for (std::int32_t source = 0; partner && at(source) < entries_.size(); ++source) {
            if (entries_[at(source)].node() == partner) edges.emplace_back(source, target);
        }
    }
    return edges;
}

std::vector<std::int32_t> Network::order_of(const std::vector<std::pair<std::int32_t, std::int32_t>>& edges) const {
    std::vector<std::int32_t> order;
    for (const Component& component : components(static_cast<std::int32_t>(entries_.size()), edges)) {
        const std::int32_t node = component.front();
        const bool loops =
            component.size() > 1 || std::find(edges.begin(), edges.end(), std::pair(node, node)) != edges.end();
        if (loops) {
            std::string members;
            for (const std::int32_t member : component)
                members += (members.empty() ? "" : ", ") + entries_[at(member)].label;
            throw Unsupported(text("the projection would close a cycle through ", members,
                                   "; recurrent networks are not simulated yet"));
        }
        order.push_back(node);
    }
    return order;
}

// Running

CallFacts Network::facts(const std::vector<SampleInputs>& samples) const {
    CallFacts facts;
    facts.time = time_;
    for (const Entry& entry : entries_) {
        const Node* const node = entry.node();
        if (!node) continue;
        if (facts.nodes.empty()) facts.carried = node->output()->states.size();
        facts.nodes.push_back({entry.label, entry.size, node->endless_neuron()});
    }
    for (const SampleInputs& sample : samples) {
        double first = std::numeric_limits<double>::infinity();
        for (const SpikeView& input : sample) {
            if (input.size() > 0) first = std::min(first, input.times.front());
        }
        facts.first_spikes.push_back(first);
    }
    return facts;
}

void Network::check_inputs(const std::vector<SampleInputs>& samples) const {
    for (std::size_t s = 0; s < samples.size(); ++s) {
        if (samples[s].size() != at(n_inputs_))
            throw ShapeMismatch(text("the network has ", n_inputs_, " inputs, got ", samples[s].size()));
        for (const Entry& entry : entries_) {
            if (entry.input < 0) continue;
            const SpikeView& spikes = samples[s][at(entry.input)];
            if (are_spikes(spikes.indices, spikes.times, entry.size)) continue;
            const std::string what = samples.size() == 1 ? std::string("input") : text("input ", s);
            check_spikes(spikes.indices, spikes.times, entry.size, what.c_str());
        }
    }
}

Network::Runs Network::make_runs(std::size_t n_samples) const {
    Runs runs(entries_.size());
    double bytes = 0.0;
    for (const std::int32_t node : order_) {
        const Entry& entry = entries_[at(node)];
        std::unique_ptr<Run>& run = runs[at(node)];
        if (entry.relay) {
            const Run* partner = nullptr;
            for (std::size_t other = 0; other < entries_.size(); ++other) {
                if (entry.relay->partner() && entries_[other].node() == entry.relay->partner())
                    partner = runs[other].get();
            }
            if (entry.relay->partner() && !partner) {
                throw InvalidArgument("the pooling layer of an unpooling layer must lie before it in the same network");
            }
            run = entry.relay->forward(partner, n_samples);
        } else if (entry.population) {
            if (entry.population->plastic() && entry.projections.empty())
                throw InvalidArgument(text(entry.label, " has a kernel with callbacks, but no projection"));
            run = entry.population->layout().image() ? sparse_forward(*entry.population, entry.projections, n_samples)
                                                     : dense_forward(*entry.population, entry.projections, n_samples);
        }
        if (run) bytes += run->extra_bytes();
    }
    if (bytes > 0.0) require_memory(bytes, text("the traces and weights of ", n_samples, " samples"));
    return runs;
}

SpikeView Network::given(std::int32_t source, const Runs& runs, const SampleInputs& inputs, std::size_t sample,
                         double until) const {
    const Entry& from = entries_[at(source)];
    SpikeView spikes;
    if (from.input >= 0) {
        spikes = inputs[at(from.input)];
    } else {
        const SpikeArray& found = runs[at(source)]->samples[sample].spikes;
        spikes = {found.indices(), found.times()};
    }
    const auto end = std::upper_bound(spikes.times.begin(), spikes.times.end(), until);
    const auto delivered = static_cast<std::size_t>(end - spikes.times.begin());
    return {spikes.indices.first(delivered), spikes.times.first(delivered)};
}

void Network::advance(std::int32_t node, Runs& runs, const std::vector<SampleInputs>& samples, const CallPlan& plan,
                      const InferOptions& options, Interruption& interruption) const {
    const Entry& entry = entries_[at(node)];
    Run& run = *runs[at(node)];
    std::vector<std::shared_ptr<const Delays>> delays;
    for (const auto& projection : entry.projections) delays.push_back(projection->delays());
    std::vector<ArrivalCollector> collectors(samples.size());
    std::vector<SpikeView> sent(entry.sources.size());
    const std::shared_ptr<const NodeOutput> last = plan.fresh ? nullptr : entry.node()->output();
    for (std::size_t s = 0; s < samples.size(); ++s) {
        Sample& sample = run.samples[s];
        sample.state = last ? last->states[s] : entry.node()->initial_state(plan.starts[s]);
        for (std::size_t k = 0; k < sent.size(); ++k)
            sent[k] = given(entry.sources[k], runs, samples[s], s, options.until);
        sample.inputs = collectors[s].collect(sent, delays, options.until, sample.state.in_flight);
        sample.until = options.until;
        sample.from = plan.from;
        run.begin(sample, plan.fresh);
    }
    std::vector<Probe> probes;
    for (const RecordRequest& request : options.record) {
        if (request.node == node) probes.push_back(request.probe);
    }
    run.advance(probes, {num_threads(), max_spikes_per_instant_, entry.label.c_str()}, interruption);
    for (Sample& sample : run.samples) sample.inputs = {};  // what it lies in ends here
}

void Network::commit(Runs& runs, const InferOptions& options) {
    std::vector<std::shared_ptr<NodeOutput>> outputs(entries_.size());
    for (std::size_t k = 0; k < entries_.size(); ++k) {
        if (!runs[k]) continue;
        NodeOutput& output = *(outputs[k] = std::make_shared<NodeOutput>());
        output.batch = options.batch;
        const std::size_t n_samples = runs[k]->samples.size();
        output.states.reserve(n_samples);
        output.post_spikes.reserve(n_samples);
        output.final_memory.reserve(n_samples);
        output.causes.reserve(n_samples);
        for (Sample& sample : runs[k]->samples) {
            output.states.push_back(std::move(sample.state));
            output.post_spikes.push_back(std::move(sample.spikes));
            output.final_memory.push_back(std::move(sample.final_memory));
            output.causes.push_back(std::move(sample.causes));
            output.rule = sample.rule;
        }
    }
    for (std::size_t k = 0; k < entries_.size(); ++k) {
        if (runs[k]) runs[k]->learn(entries_[k].label);
    }
    const BriefLock lock(mutex_);
    for (const auto& run : runs) {
        if (run) run->commit();
    }
    for (std::size_t k = 0; k < entries_.size(); ++k) {
        if (runs[k]) entries_[k].node()->set_output(std::move(outputs[k]));
    }
    time_ = options.until;
}

Inference Network::infer(const std::vector<SampleInputs>& samples, const InferOptions& options,
                         Interruption& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const CallFacts known = facts(samples);
    if (!known.nodes.empty()) check_inputs(samples);
    CallOptions asked = options;
    for (RecordRequest& request : asked.record) {
        // Among the nodes that hold neurons: without the inputs before it.
        const std::int32_t node = request.node;
        if (!entry(node).node()) throw InvalidArgument("an input has no variables to record");
        request.node = static_cast<std::int32_t>(
            std::count_if(entries_.begin(), entries_.begin() + node, [](const Entry& e) { return e.node(); }));
    }
    for (const std::int32_t node : options.outputs) {
        if (!entry(node).node()) throw InvalidArgument("an input has no output spikes");
    }
    const CallPlan plan = plan_call(known, asked);
    Runs runs = make_runs(samples.size());
    for (const std::int32_t node : order_) {
        if (runs[at(node)]) advance(node, runs, samples, plan, options, interruption);
    }
    Inference result;
    std::vector<std::size_t> next_probe(entries_.size(), 0);
    for (const RecordRequest& request : options.record) {
        const std::size_t p = next_probe[at(request.node)]++;
        auto& values = result.recorded.emplace_back();
        for (Sample& sample : runs[at(request.node)]->samples) values.push_back(std::move(sample.recorded[p]));
    }
    for (const std::int32_t node : options.outputs) {
        auto& spikes = result.spikes.emplace_back();
        for (const Sample& sample : runs[at(node)]->samples) spikes.push_back(sample.spikes);
    }
    commit(runs, options);
    return result;
}

void Network::reset(Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    time_.reset();
    for (const Entry& entry : entries_) {
        if (entry.node()) entry.node()->set_output(std::make_shared<NodeOutput>());
    }
}

std::optional<double> Network::time() const {
    const BriefLock lock(mutex_);
    return time_;
}

// Copies

Network::Snapshot Network::snapshot() const {
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
            if (outputs[k]->rule) entries[k].projections.front()->pack_traces(state, *outputs[k]->rule, packed);
        }
    }
    return snapshot;
}

void Network::restore(const Snapshot& snapshot, Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const BriefLock lock(mutex_);
    if (snapshot.states.size() != entries_.size()) throw ShapeMismatch("one list of states for each node is needed");
    if (snapshot.time && std::isnan(*snapshot.time)) throw NonFinite("the time of a network must not be NaN");
    std::vector<std::shared_ptr<NodeOutput>> outputs(entries_.size());
    std::optional<std::size_t> n_samples;
    for (std::size_t k = 0; k < entries_.size(); ++k) {
        const Entry& entry = entries_[k];
        if (!entry.node()) continue;
        NodeOutput& output = *(outputs[k] = std::make_shared<NodeOutput>());
        output.batch = snapshot.batch;
        const bool plastic = entry.population && entry.population->plastic() && !entry.projections.empty();
        if (plastic) output.rule = entry.projections.front()->rule();
        if (snapshot.states[k].size() != n_samples.value_or(snapshot.states[k].size())) {
            throw ShapeMismatch(text(entry.label, " has the states of ", snapshot.states[k].size(),
                                     " samples, but the first layer those of ", *n_samples));
        }
        n_samples = snapshot.states[k].size();
        for (const PackedState& packed : snapshot.states[k]) {
            NodeState& state = output.states.emplace_back(entry.node()->unpack(packed));
            check_in_flight(packed.in_flight, inputs_of(entry.projections),
                            snapshot.time.value_or(-std::numeric_limits<double>::infinity()));
            state.in_flight = packed.in_flight;
            if (plastic) entry.projections.front()->unpack_traces(packed, state);
            if (snapshot.time && state.last_event > *snapshot.time) {
                throw InvalidArgument(text(entry.label, ": the last event, at ", packed.last_event,
                                           ", lies after the time of the network, ", *snapshot.time));
            }
            output.final_memory.push_back(
                entry.population && snapshot.time ? entry.population->memory_at(state, *snapshot.time) : state.memory);
        }
        output.post_spikes.resize(output.states.size());
        output.causes.resize(output.states.size());
    }
    for (std::size_t k = 0; k < entries_.size(); ++k) {
        if (outputs[k]) entries_[k].node()->set_output(std::move(outputs[k]));
    }
    time_ = snapshot.time;
}

}  // namespace evsim
