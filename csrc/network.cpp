#include "network.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "arrivals.hpp"
#include "core/errors.hpp"
#include "core/fork.hpp"
#include "coupled.hpp"
#include "engine/dense_forward.hpp"
#include "engine/scatter_forward.hpp"
#include "engine/sparse_forward.hpp"

namespace evsim {

namespace {

std::size_t at(std::int32_t node) { return static_cast<std::size_t>(node); }

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
    if (!old.drives.empty()) require_drivable(*population, old.label);
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
    if (!to.sources.empty() && to.relay)
        throw InvalidArgument(text(to.label, " passes the spikes of one source on, and has one"));
    const std::int32_t takes = projection ? projection->n_inputs() : to.relay->n_inputs();
    if (takes != from.size)
        throw ShapeMismatch(text(to.label, " takes ", takes, " inputs, but its source gives ", from.size));
    Entry& entry = entries_[at(target)];
    entry.sources.push_back(source);
    if (projection) entry.projections.push_back(std::move(projection));
    try {
        if (!ranks_) update_stages();  // otherwise with the delays of all parts, when they meet
    } catch (...) {
        entry.sources.pop_back();
        if (!entry.relay) entry.projections.pop_back();
        throw;
    }
    time_.reset();
}

// Running

CallFacts Network::facts(const std::vector<SampleInputs>& samples) const {
    CallFacts facts;
    facts.time = time_;
    for (const Entry& entry : entries_) {
        const Node* const node = entry.node();
        if (!node) continue;
        if (facts.nodes.empty()) facts.carried = node->output()->states.size();
        std::optional<std::int32_t> endless = node->endless_neuron();
        if (endless) *endless += entry.first;
        facts.nodes.push_back({entry.label, entry.size, endless});
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

std::unique_ptr<Run> Network::make_run(const Entry& entry, const Runs& runs, std::size_t n_samples, bool fresh) const {
    if (entry.relay) {
        const Run* partner = nullptr;
        for (std::size_t other = 0; other < entries_.size(); ++other) {
            if (entry.relay->partner() && entries_[other].node() == entry.relay->partner()) partner = runs[other].get();
        }
        if (entry.relay->partner() && !partner)
            throw InvalidArgument("the pooling layer of an unpooling layer must lie before it in the same network");
        return entry.relay->forward(partner, n_samples);
    }
    if (!entry.population) return nullptr;
    const Population& population = *entry.population;
    const auto node = static_cast<std::int32_t>(&entry - entries_.data());
    const auto& delays = staged_[at(node)];
    if (population.layout().image()) {
        if (!leaves_pixels(node, fresh)) return sparse_forward(population, entry.projections, n_samples);
        return scatter_forward(population.in_row(), entry.projections, delays, entry.drives, n_samples);
    }
    bool scatters = !entry.drives.empty() || goes_by_instants(node);
    for (std::size_t p = 0; p < delays.size(); ++p) {
        const Projection& projection = *entry.projections[p];
        scatters = scatters || !projection.dense() || delays[p]->by_synapse() || projection.delivers() ||
                   (projection.plastic() && delays.size() > 1);
    }
    if (scatters) return scatter_forward(population, entry.projections, delays, entry.drives, n_samples);
    return dense_forward(population, entry.projections, n_samples);
}

Network::Runs Network::make_runs(std::size_t n_samples, bool fresh) const {
    Runs runs(entries_.size());
    double bytes = 0.0;
    for (const Stage& stage : stages_) {
        for (const std::int32_t node : stage.nodes) {
            runs[at(node)] = make_run(entries_[at(node)], runs, n_samples, fresh);
            if (runs[at(node)]) bytes += runs[at(node)]->extra_bytes();
        }
    }
    if (bytes > 0.0) require_memory(bytes, text("the traces and weights of ", n_samples, " samples"));
    return runs;
}

SpikeView Network::given(std::int32_t source, std::size_t sample, const Call& call) const {
    const Entry& from = entries_[at(source)];
    SpikeView spikes;
    if (from.input >= 0) {
        spikes = call.samples[sample][at(from.input)];
    } else {
        const SpikeArray& found = call.runs[at(source)]->samples[sample].spikes;
        spikes = {found.indices(), found.times()};
    }
    const auto end = std::upper_bound(spikes.times.begin(), spikes.times.end(), call.options.until);
    const auto delivered = static_cast<std::size_t>(end - spikes.times.begin());
    return {spikes.indices.first(delivered), spikes.times.first(delivered)};
}

NodeState Network::first_state(std::int32_t node, double start) const {
    const Entry& entry = entries_[at(node)];
    if (entry.population && leaves_pixels(node, true)) return entry.population->in_row().initial_state(start);
    return entry.node()->initial_state(start);
}

void Network::begin(std::int32_t node, const Call& call) const {
    const Entry& entry = entries_[at(node)];
    Run& run = *call.runs[at(node)];
    const std::shared_ptr<const NodeOutput> last = call.plan.fresh ? nullptr : entry.node()->output();
    for (std::size_t s = 0; s < run.samples.size(); ++s) {
        Sample& sample = run.samples[s];
        sample.state = last ? last->states[s] : first_state(node, call.plan.starts[s]);
        if (last && entry.population && leaves_pixels(node, false))
            sample.state = entry.population->in_row(std::move(sample.state));
        sample.until = sample.last_arrival = call.options.until;
        sample.from = call.plan.from;
        run.begin(sample, call.plan.fresh);
    }
}

std::vector<Probe> Network::probes_of(std::int32_t node, const Call& call) const {
    const Entry& entry = entries_[at(node)];
    std::vector<Probe> probes;
    for (const RecordRequest& request : call.options.record) {
        if (request.node != node) continue;
        Probe& probe = probes.emplace_back(request.probe);
        if (!entry.shared) continue;
        for (std::int32_t& neuron : probe.neurons) neuron -= entry.first;
        std::erase_if(probe.neurons, [&](std::int32_t n) { return n < 0 || n >= entry.population->n_neurons(); });
    }
    return probes;
}

void Network::advance(std::int32_t node, const Call& call, Interruption& interruption) const {
    const Entry& entry = entries_[at(node)];
    if (!entry.node()) return;
    Run& run = *call.runs[at(node)];
    begin(node, call);
    std::vector<ArrivalCollector> collectors(run.samples.size());
    std::vector<SpikeView> sent(entry.sources.size());
    for (std::size_t s = 0; s < run.samples.size(); ++s) {
        Sample& sample = run.samples[s];
        for (std::size_t p = 0; p < sent.size(); ++p) sent[p] = given(entry.sources[p], s, call);
        sample.inputs = collectors[s].collect(sent, call.delays[at(node)], call.options.until, sample.state.in_flight);
    }
    run.advance(probes_of(node, call), limits_of(entry), interruption);
    for (Sample& sample : run.samples) sample.inputs = {};  // what it lies in ends here
    share_spikes(node, call);
}

void Network::advance(const Stage& stage, const Call& call, Interruption& interruption) const {
    if (stage.order.steps.empty()) return advance(stage.nodes.front(), call, interruption);
    if (std::isinf(call.options.until)) {
        throw InvalidArgument(text(labels_of(stage.nodes), ": spikes may go round in a cycle for ever; give until="));
    }
    std::vector<CoupledNode> nodes;
    for (const std::int32_t node : stage.nodes) {
        const Entry& entry = entries_[at(node)];
        begin(node, call);
        CoupledNode& coupled = nodes.emplace_back();
        coupled.run = call.runs[at(node)].get();
        coupled.limits = limits_of(entry);
        coupled.delays = call.delays[at(node)];
        coupled.probes = probes_of(node, call);
        coupled.n_shared = entry.shared ? entry.size : 0;
        for (const std::int32_t source : entry.sources) {
            const std::size_t p = coupled.sources.size();
            coupled.sources.push_back(place_in(stage.nodes, source));
            if (coupled.sources.back() >= 0 && entries_[at(source)].shared)
                coupled.needs_all = coupled.needs_all || smallest_delay(node, p, call.delays) == 0.0;
            auto& sent = coupled.sent.emplace_back();
            for (std::size_t s = 0; coupled.sources.back() < 0 && s < coupled.run->samples.size(); ++s)
                sent.push_back(given(source, s, call));
        }
    }
    const std::vector<double>& starts = call.plan.starts;
    const double from = starts.empty() ? call.plan.from : *std::min_element(starts.begin(), starts.end());
    run_coupled(nodes, stage.order, from, ranks_.get(), interruption);
}

CallLimits Network::limits_of(const Entry& entry) const {
    return {num_threads(), max_spikes_per_instant_, entry.label.c_str(), entry.first};
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

CallOptions Network::asked(const InferOptions& options) const {
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
    return asked;
}

Inference Network::run(const std::vector<SampleInputs>& samples, const InferOptions& options,
                       Interruption& interruption) {
    const CallFacts known = facts(samples);
    if (!known.nodes.empty()) check_inputs(samples);
    const CallPlan plan = plan_call(known, asked(options));
    check_drives(plan, options.until);
    agree(samples, options);
    update_stages();
    Runs runs = make_runs(samples.size(), plan.fresh);
    for (const Stage& stage : stages_) advance(stage, {samples, options, plan, staged_, runs}, interruption);
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
    share_recorded(options, runs, result);
    commit(runs, options);
    return result;
}

Inference Network::infer(const std::vector<SampleInputs>& samples, const InferOptions& options,
                         Interruption& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    if (!ranks_) return run(samples, options, interruption);
    ranks_->begin_call();
    try {
        return run(samples, options, interruption);
    } catch (const RankFailed&) {
        ++ranks_->failures;  // all have heard it
        throw;
    } catch (const Error& error) {
        ranks_->fail(text(error.name(), ": ", error.what()));
        throw;
    } catch (const std::exception& error) {
        ranks_->fail(error.what());
        throw;
    }
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

}  // namespace evsim
