#include "engine/scatter_rules.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/errors.hpp"

namespace evsim {

ScatterRules::ScatterRules(std::span<const std::shared_ptr<Projection>> projections, std::size_t n_samples)
    : n_samples_(n_samples) {
    for (const auto& projection : projections) {
        if (!projection->plastic()) continue;
        if (projection->incoming().n_synapses() > std::numeric_limits<std::uint32_t>::max())
            throw Unsupported(text("a projection that learns neuron by neuron has at most 2^32 - 1 synapses, got ",
                                   projection->incoming().n_synapses()));
        Learner& learner = learners_.emplace_back();
        learner.projection = projection;
        learner.rule = projection->rule();
        learner.first_traces = projection->next_traces();
        const RuleKernel& kernel = learner.rule->kernel();
        learner.prepared.resize(kernel.prepared_bytes);
        kernel.prepare(learner.rule->parameters().data(), learner.prepared.data());
    }
}

double ScatterRules::extra_bytes() const {
    double bytes = 0.0;
    for (const Learner& learner : learners_) {
        const RuleKernel& kernel = learner.rule->kernel();
        const double copies = kernel.n_synaptic_traces + (learner.projection->copies_by_synapse() ? 1.0 : 0.0);
        bytes += static_cast<double>(learner.projection->incoming().n_synapses()) *
                 (copies * kernel.weight_bytes + (kernel.n_synaptic_traces > 0 ? 8.0 : 0.0));
    }
    return bytes * static_cast<double>(n_samples_);
}

void ScatterRules::begin(std::size_t sample, NodeState& state, bool fresh) {
    std::vector<SynapseTraces> last = std::exchange(state.synapses, {});
    if (!fresh && last.size() != learners_.size()) {
        throw Unsupported(
            "a projection with a kernel whose neurons shared their gaps cannot get delays by synapse in the middle of "
            "a stream; call reset() first");
    }
    for (std::size_t k = 0; k < learners_.size(); ++k) {
        Learner& learner = learners_[k];
        const Incoming& incoming = learner.projection->incoming();
        if (fresh) {
            state.synapses.push_back(learner.projection->begin_traces(state.last_event));
        } else {
            SynapseTraces& traces = state.synapses.emplace_back(std::move(last[k]));
            if (traces.rule->rates() != learner.rule->rates()) {
                // Up to here traces have decayed by the old time constants.
                assign(incoming, settled(incoming, traces), traces);
            }
            traces.rule = learner.rule;
        }
        if (learner.first_traces) assign(incoming, *learner.first_traces, state.synapses.back());
        if (sample == 0 || learner.projection->learns())
            learner.weights.push_back(learner.projection->weights_by_neuron());
    }
}

std::vector<SynapseRun> ScatterRules::runs(std::size_t sample, NodeState& state) {
    std::vector<SynapseRun> runs;
    for (std::size_t k = 0; k < learners_.size(); ++k) {
        Learner& learner = learners_[k];
        SynapseTraces& traces = state.synapses[k];
        const Incoming& incoming = learner.projection->incoming();
        SynapseRun& run = runs.emplace_back();
        run.rule = &learner.rule->kernel();
        run.prepared = learner.prepared.data();
        run.rates = learner.rule->rates().data();
        run.weights = learner.weights[learner.projection->learns() ? sample : 0].data();
        run.synaptic_traces = traces.synaptic.data();
        run.arrivals = traces.arrivals.data();
        run.neuron_traces = traces.neuron.data();
        run.heard = traces.heard.data();
        run.post_times = traces.post_times.data();
        run.firsts = incoming.firsts();
        run.inputs = incoming.inputs();
        run.taps = incoming.taps();
        run.n_inputs = incoming.n_inputs();
        run.port = learner.projection->port();
    }
    return runs;
}

void ScatterRules::learn(const std::string& node_name) {
    for (Learner& learner : learners_) {
        if (!learner.projection->learns() || learner.weights.empty()) continue;
        std::vector<PooledBuffer*> weights;
        for (PooledBuffer& of_sample : learner.weights) weights.push_back(&of_sample);
        const PooledBuffer before = weights.size() > 1 ? learner.projection->weights_by_neuron() : PooledBuffer();
        combine_learned(before.data(), weights, learner.rule->kernel().weight_bytes, learner.projection->batch_update(),
                        node_name);
    }
}

void ScatterRules::commit() {
    for (Learner& learner : learners_) {
        if (learner.projection->learns() && !learner.weights.empty())
            learner.projection->set_weights_by_neuron(learner.weights.front());
        if (learner.first_traces) learner.projection->clear_next_traces(learner.first_traces);
    }
}

}  // namespace evsim
