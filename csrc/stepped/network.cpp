#include "stepped/network.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/errors.hpp"
#include "core/fork.hpp"
#include "stepped/routing.hpp"

namespace evsim {

namespace {

bool is_unpooling(const SteppedStage& stage) { return dynamic_cast<const UnpoolStage*>(&stage) != nullptr; }

std::string shape_text(const ImageShape& shape) {
    return text(shape.channels, " x ", shape.height, " x ", shape.width);
}

/// Spikes worth a thread of their own.
constexpr std::size_t spikes_worth_a_thread = 2000;

}  // namespace

SteppedNetwork::SteppedNetwork(std::vector<std::shared_ptr<SteppedStage>> stages) : stages_(std::move(stages)) {
    if (stages_.empty()) throw EmptyNetwork("a network needs at least one stage");
    for (std::size_t k = 1; k < stages_.size(); ++k) {
        if (stages_[k]->input() != stages_[k - 1]->output()) {
            throw ShapeMismatch(text("stage ", k, " takes ", shape_text(stages_[k]->input()), ", but stage ", k - 1,
                                     " gives ", shape_text(stages_[k - 1]->output())));
        }
    }
}

SteppedNetwork::SampleStates SteppedNetwork::new_states() const {
    SampleStates states;
    for (const auto& stage : stages_) states.push_back(stage->new_state());
    return states;
}

void SteppedNetwork::check(const std::vector<StepSpikes>& inputs, const std::vector<UnpoolSources>& sources,
                           bool reset) const {
    const auto n_inputs = static_cast<std::int32_t>(stages_.front()->input().size());
    for (std::size_t s = 0; s < inputs.size(); ++s) {
        const StepSpikes& input = inputs[s];
        if (input.n_steps() != inputs.front().n_steps()) {
            throw ShapeMismatch(text("all samples need the same number of steps, got ", inputs.front().n_steps(),
                                     " and ", input.n_steps()));
        }
        for (std::size_t k = 0; k < input.indices.size(); ++k) {
            if (input.indices[k] < 0 || input.indices[k] >= n_inputs) {
                throw IndexOutOfRange(text("sample ", s, ": spike ", k, " has index ", input.indices[k],
                                           ", but the input is ", shape_text(stages_.front()->input()),
                                           " (valid: 0 to ", n_inputs - 1, ")"));
            }
        }
        for (const double value : input.values) {
            if (!std::isfinite(value))
                throw NonFinite(text("sample ", s, ": input values must be finite, got ", value));
        }
    }
    const auto n_unpooling = static_cast<std::size_t>(
        std::count_if(stages_.begin(), stages_.end(), [](const auto& stage) { return is_unpooling(*stage); }));
    for (const UnpoolSources& sample : sources) {
        if (sample.size() < n_unpooling) throw ShapeMismatch("every unpooling stage needs the spikes of its pooling");
    }
    if (!sources.empty() && sources.size() != inputs.size())
        throw ShapeMismatch(text("pooled spikes of ", sources.size(), " samples for ", inputs.size(), " samples"));
    if (!reset && n_carried_ != 0 && n_carried_ != inputs.size()) {
        throw ShapeMismatch(
            text("without a reset the ", n_carried_, " samples of the last call go on, got ", inputs.size()));
    }
}

void SteppedNetwork::set_sources(SampleStates& states, const UnpoolSources& sources) const {
    std::size_t next = 0;
    for (std::size_t k = 0; k < stages_.size(); ++k) {
        if (!is_unpooling(*stages_[k])) continue;
        if (next == sources.size()) throw ShapeMismatch("every unpooling stage needs the spikes of its pooling");
        stages_[k]->set_source(*states[k], sources[next++]);
    }
}

void SteppedNetwork::run_sample(const StepSpikes& input, SampleStates& states, SteppedOutput& output,
                                bool with_membranes, Interruption& interruption) const {
    std::vector<StepSpikes> spikes(stages_.size());
    output.membranes.resize(with_membranes ? stages_.size() : 0);
    for (std::int64_t t = 0; t < input.n_steps(); ++t) {
        if (interruption.requested()) throw Interrupted();
        for (std::size_t k = 0; k < stages_.size(); ++k) {
            stages_[k]->step(*states[k], step_of(k == 0 ? input : spikes[k - 1], t), spikes[k]);
            spikes[k].end_step();
            if (!with_membranes || !stages_[k]->has_membranes()) continue;
            std::vector<double>& membranes = output.membranes[k];
            const auto size = static_cast<std::size_t>(stages_[k]->output().size());
            membranes.resize(membranes.size() + size);
            stages_[k]->membranes(*states[k], membranes.data() + membranes.size() - size);
        }
    }
    for (StepSpikes& stage : spikes) output.spikes.push_back(std::make_shared<const StepSpikes>(std::move(stage)));
}

std::vector<SteppedOutput> SteppedNetwork::run(const std::vector<StepSpikes>& inputs,
                                               const std::vector<UnpoolSources>& sources, bool reset,
                                               bool with_membranes, Interruption& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    check(inputs, sources, reset);
    for (const auto& stage : stages_) stage->prepare();
    // They are back when all went well; what a call leaves half done, by an error or in a forked child, is gone.
    std::vector<SampleStates> states = take_states();
    while (states.size() < inputs.size()) states.push_back(new_states());
    if (reset) states.resize(inputs.size());
    std::size_t n_spikes = 0;
    for (std::size_t s = 0; s < inputs.size(); ++s) {
        n_spikes += inputs[s].indices.size();
        if (reset) {
            for (const auto& state : states[s]) state->reset();
        }
        if (!sources.empty()) set_sources(states[s], sources[s]);
    }
    std::vector<SteppedOutput> outputs(inputs.size());
    const std::size_t worth = 1 + n_spikes / spikes_worth_a_thread;
    const int threads = static_cast<int>(std::min<std::size_t>(worth, static_cast<std::size_t>(num_threads())));
    parallel_for(static_cast<std::int64_t>(inputs.size()), threads, interruption, [&](std::int64_t sample) {
        const auto s = static_cast<std::size_t>(sample);
        run_sample(inputs[s], states[s], outputs[s], with_membranes, interruption);
    });
    const NoFork no_fork;
    states_ = std::move(states);
    n_carried_ = inputs.size();
    return outputs;
}

std::vector<StepSpikes> SteppedNetwork::run_each(const std::vector<std::int32_t>& indices,
                                                 const std::vector<std::int64_t>& steps, const UnpoolSources& sources,
                                                 Interruption& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    const auto n_inputs = static_cast<std::int32_t>(stages_.front()->input().size());
    for (std::size_t k = 0; k < indices.size(); ++k) {
        if (indices[k] < 0 || indices[k] >= n_inputs)
            throw IndexOutOfRange(text("spike ", k, " has index ", indices[k], " (valid: 0 to ", n_inputs - 1, ")"));
        if (k > 0 && steps[k] < steps[k - 1]) throw UnsortedSpikes("the steps must not decrease");
    }
    for (const auto& stage : stages_) stage->prepare();
    SampleStates states = new_states();
    set_sources(states, sources);
    std::vector<StepSpikes> outputs(indices.size());
    for (std::size_t k = 0; k < indices.size(); ++k) {
        if (interruption.requested()) throw Interrupted();
        StepSpikes spikes;
        spikes.indices.push_back(indices[k]);
        spikes.end_step();
        for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
            StepSpikes out;
            if (const auto* unpooling = dynamic_cast<const UnpoolStage*>(stages_[stage].get())) {
                unpooling->advance_to(*states[stage], steps[k]);
                unpooling->route(*states[stage], step_of(spikes, 0), out);
            } else {
                states[stage]->reset();
                stages_[stage]->step(*states[stage], step_of(spikes, 0), out);
            }
            out.end_step();
            spikes = std::move(out);
        }
        outputs[k] = std::move(spikes);
    }
    return outputs;
}

std::vector<SteppedNetwork::SampleStates> SteppedNetwork::take_states() {
    const NoFork no_fork;
    n_carried_ = 0;
    return std::exchange(states_, {});
}

void SteppedNetwork::reset(Interruption&& interruption) {
    const CallLock::Held held = calls_.hold(interruption);
    take_states();
}

}  // namespace evsim
