#include "network.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace evsim {

Network::Network(std::int32_t max_spikes_per_instant) : max_spikes_per_instant_(max_spikes_per_instant) {
    if (max_spikes_per_instant < 1) {
        throw InvalidArgument(text("max_spikes_per_instant must be at least 1, got ", max_spikes_per_instant));
    }
}

void Network::add(std::shared_ptr<Layer> layer) {
    const std::lock_guard lock(mutex_);
    if (!layers_.empty() && layer->n_inputs() != layers_.back()->n_neurons()) {
        throw ShapeMismatch(text("layer ", layers_.size(), " takes ", layer->n_inputs(), " inputs, but layer ",
                                 layers_.size() - 1, " gives ", layers_.back()->n_neurons()));
    }
    layers_.push_back(std::move(layer));
    time_.reset();
}

const std::shared_ptr<Layer>& Network::layer(std::size_t k) const {
    if (k >= layers_.size()) {
        throw IndexOutOfRange(text("there is no layer ", k, "; the network has ", layers_.size(), " (valid: 0 to ",
                                   static_cast<std::ptrdiff_t>(layers_.size()) - 1, ")"));
    }
    return layers_[k];
}

void Network::check_samples(const std::vector<SpikeView>& samples, const InferOptions& options) const {
    if (layers_.empty()) throw EmptyNetwork("the network has no layers; add one with add_fc_layer or add_layer");
    if (std::isnan(options.until)) throw NonFinite("until must be a number, got nan");
    if (options.start && !std::isfinite(*options.start))
        throw NonFinite(text("start must be finite, got ", *options.start));
    for (std::size_t s = 0; s < samples.size(); ++s) {
        const std::string what = samples.size() == 1 ? std::string("input") : text("input ", s);
        check_spikes(samples[s].indices, samples[s].times, layers_.front()->n_inputs(), what.c_str());
        const double first = samples[s].times.empty() ? options.until : samples[s].times.front();
        if (options.start && first < *options.start) {
            throw StreamOrder(text(what, ": the first spike, at ", first, ", lies before start = ", *options.start));
        }
        if (!options.reset && time_ && first < *time_) {
            throw StreamOrder(text(what, ": the first spike, at ", first, ", lies before the time already simulated, ",
                                   *time_,
                                   std::isinf(*time_) ? "; give until= to every call of a stream but the last" : ""));
        }
    }
    const double begin =
        !options.reset && time_ ? *time_ : options.start.value_or(-std::numeric_limits<double>::infinity());
    if (options.until == -std::numeric_limits<double>::infinity()) throw NonFinite("until must not be -inf");
    if (options.start && !options.reset && time_) {
        throw InvalidArgument(
            "start is for the beginning of a stream; reset=False goes on where the last call stopped");
    }
    if (options.until < begin)
        throw InvalidArgument(text("until = ", options.until, " lies before the beginning, ", begin));
    const std::size_t carried = layers_.front()->output()->states.size();
    if (!options.reset && time_ && carried != samples.size()) {
        throw ShapeMismatch(
            text("reset=False goes on with the ", carried, " samples of the last call, got ", samples.size()));
    }
    if (std::isinf(options.until)) {
        for (std::size_t k = 0; k < layers_.size(); ++k) {
            if (const auto neuron = layers_[k]->endless_neuron()) {
                throw InvalidArgument(
                    text("layer ", k, ": neuron ", *neuron,
                         " fires for ever without input (its threshold lies below v_rest + bias); give until="));
            }
        }
    }
}

std::vector<std::vector<Probe>> Network::plan_probes(const InferOptions& options) const {
    std::vector<std::vector<Probe>> probes(layers_.size());
    const double begin =
        !options.reset && time_ ? *time_ : options.start.value_or(-std::numeric_limits<double>::infinity());
    for (const RecordRequest& request : options.record) {
        const Layer& recorded = *layer(request.layer);
        for (const std::int32_t n : request.neurons) {
            if (n < 0 || n >= recorded.n_neurons()) {
                throw IndexOutOfRange(text("record: there is no neuron ", n, " in layer ", request.layer,
                                           " (valid: 0 to ", recorded.n_neurons() - 1, ")"));
            }
        }
        for (std::size_t k = 0; k < request.times.size(); ++k) {
            const double t = request.times[k];
            if (!std::isfinite(t)) throw NonFinite(text("record: times must be finite, but times[", k, "] is ", t));
            if (k > 0 && t < request.times[k - 1])
                throw UnsortedSpikes(text("record: times must not decrease, but times[", k, "] = ", t));
            if (t < begin || t > options.until) {
                throw InvalidArgument(
                    text("record: time ", t, " lies outside the simulated time, ", begin, " to ", options.until));
            }
        }
        probes[request.layer].push_back({request.neurons, request.times, recorded.observable(request.variable)});
    }
    return probes;
}

namespace {

/// Where simulated time begins: where the caller says, else at 0, or earlier if anything is.
double beginning(const SpikeView& sample, const InferOptions& options) {
    if (options.start) return *options.start;
    double begin = std::min(0.0, options.until);
    if (!sample.times.empty()) begin = std::min(begin, sample.times.front());
    for (const RecordRequest& request : options.record) {
        if (!request.times.empty()) begin = std::min(begin, request.times.front());
    }
    return begin;
}

}  // namespace

Inference Network::infer(const std::vector<SpikeView>& samples, const InferOptions& options,
                         Interruption& interruption) {
    const std::lock_guard lock(mutex_);
    check_samples(samples, options);
    const std::vector<std::vector<Probe>> probes = plan_probes(options);
    const bool fresh = options.reset || !time_;

    std::vector<std::unique_ptr<LayerCall>> calls;
    double bytes = 0.0;
    for (const auto& layer : layers_) {
        calls.push_back(layer->call(samples.size(), calls));
        bytes += calls.back()->extra_bytes();
    }
    require_memory(bytes, text("the traces and weights of ", samples.size(), " samples"));
    for (std::size_t k = 0; k < layers_.size(); ++k) {
        const Layer& layer = *layers_[k];
        for (std::size_t s = 0; s < samples.size(); ++s) {
            SampleRun& run = calls[k]->samples[s];
            const SpikeArray* const previous = k == 0 ? nullptr : &calls[k - 1]->samples[s].spikes;
            const std::span<const double> times = previous ? previous->times() : samples[s].times;
            const std::span<const std::int32_t> indices = previous ? previous->indices() : samples[s].indices;
            const auto delivered =
                static_cast<std::size_t>(std::upper_bound(times.begin(), times.end(), options.until) - times.begin());
            run.times = times.first(delivered);
            run.indices = indices.first(delivered);
            run.until = options.until;
            if (fresh) {
                run.state = layer.initial_state(beginning(samples[s], options));
                run.from = -std::numeric_limits<double>::infinity();
            } else {
                run.state = layer.output()->states[s];
                run.from = *time_;
            }
            calls[k]->begin(run, fresh);
        }
        const std::string name = text("layer ", k);
        calls[k]->run(probes[k], {num_threads(), max_spikes_per_instant_, name.c_str()}, interruption);
    }

    Inference result;
    std::vector<std::size_t> next_probe(layers_.size(), 0);
    for (const RecordRequest& request : options.record) {
        const std::size_t p = next_probe[request.layer]++;
        auto& values = result.recorded.emplace_back();
        for (SampleRun& run : calls[request.layer]->samples) values.push_back(std::move(run.recorded[p]));
    }
    std::vector<std::shared_ptr<LayerOutput>> outputs;
    for (std::size_t k = 0; k < layers_.size(); ++k) {
        LayerOutput& output = *outputs.emplace_back(std::make_shared<LayerOutput>());
        output.batch = options.batch;
        for (SampleRun& run : calls[k]->samples) {
            output.states.push_back(std::move(run.state));
            output.post_spikes.push_back(std::move(run.spikes));
            output.final_memory.push_back(std::move(run.final_memory));
            output.causes.push_back(std::move(run.causes));
            output.rule = run.rule;
        }
    }
    result.spikes = outputs.back()->post_spikes;
    for (std::size_t k = 0; k < layers_.size(); ++k) calls[k]->learn(text("layer ", k));
    for (const auto& call : calls) call->apply();
    for (std::size_t k = 0; k < layers_.size(); ++k) layers_[k]->set_output(std::move(outputs[k]));
    time_ = options.until;
    return result;
}

void Network::reset() {
    const std::lock_guard lock(mutex_);
    time_.reset();
    for (const auto& layer : layers_) layer->set_output(std::make_shared<LayerOutput>());
}

std::optional<double> Network::time() const {
    const std::lock_guard lock(mutex_);
    return time_;
}

Network::Snapshot Network::snapshot() const {
    const std::lock_guard lock(mutex_);
    Snapshot snapshot{time_, {}, false};
    for (const auto& layer : layers_) {
        const auto output = layer->output();
        snapshot.batch = output->batch;
        auto& states = snapshot.states.emplace_back();
        for (const LayerState& state : output->states) states.push_back(layer->pack(state, output->rule.get()));
    }
    return snapshot;
}

void Network::restore(const Snapshot& snapshot) {
    const std::lock_guard lock(mutex_);
    if (snapshot.states.size() != layers_.size()) throw ShapeMismatch("one list of states for each layer is needed");
    if (snapshot.time && std::isnan(*snapshot.time)) throw NonFinite("the time of a network must not be NaN");
    std::vector<std::shared_ptr<LayerOutput>> outputs;
    for (std::size_t k = 0; k < layers_.size(); ++k) {
        LayerOutput& output = *outputs.emplace_back(std::make_shared<LayerOutput>());
        output.batch = snapshot.batch;
        output.rule = layers_[k]->current_rule();
        if (snapshot.states[k].size() != snapshot.states[0].size()) {
            throw ShapeMismatch(text("layer ", k, " has the states of ", snapshot.states[k].size(),
                                     " samples, but layer 0 those of ", snapshot.states[0].size()));
        }
        for (const PackedState& packed : snapshot.states[k]) {
            output.states.push_back(layers_[k]->unpack(packed));
            if (snapshot.time && output.states.back().last_event > *snapshot.time) {
                throw InvalidArgument(text("layer ", k, ": the last event, at ", packed.last_event,
                                           ", lies after the time of the network, ", *snapshot.time));
            }
            output.final_memory.push_back(output.states.back().memory);
        }
        output.post_spikes.resize(output.states.size());
        output.causes.resize(output.states.size());
    }
    for (std::size_t k = 0; k < layers_.size(); ++k) layers_[k]->set_output(std::move(outputs[k]));
    time_ = snapshot.time;
}

}  // namespace evsim
