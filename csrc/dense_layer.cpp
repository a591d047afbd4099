#include "dense_layer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/errors.hpp"
#include "engine/dense_forward.hpp"
#include "kernel/parameters.hpp"
#include "kernel/registry.hpp"

namespace evsim {

DenseLayer::DenseLayer(std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes, const NeuronSettings& neurons)
    : DenseLayer(n_inputs, n_neurons, find_kernel(neurons.model, value_bytes), neurons) {}

DenseLayer::DenseLayer(std::int64_t n_inputs, std::int64_t n_neurons, std::shared_ptr<const NeuronKernel> kernel,
                       const NeuronSettings& neurons, const RuleSettings& rule)
    : kernel_(std::move(kernel)),
      connection_(n_inputs, n_neurons, kernel_->value_bytes, kernel_->lanes),
      shared_(neurons.shared),
      rule_(rule) {
    const int value_bytes = kernel_->value_bytes;
    check_shared(*kernel_, shared_);
    const std::size_t padded = padded_neurons();
    const double per_neuron = static_cast<double>(kernel_->n_neuron + kernel_->n_memory) * sizeof(double) +
                              static_cast<double>(kernel_->n_hot + kernel_->n_state) * value_bytes;
    const double copies = plastic() ? 1.0 + kernel_->rule->n_synaptic_traces + kernel_->rule->writes_weights : 1.0;
    require_memory(static_cast<double>(connection_.bytes()) * copies + static_cast<double>(padded) * per_neuron,
                   text("a layer of ", n_inputs, " inputs to ", n_neurons, " neurons"));
    neurons_ = spread_parameters(*kernel_, neurons.per_neuron, connection_.n_neurons(), padded);
    const std::size_t vector_of_values = padded * static_cast<std::size_t>(value_bytes);
    hot_ = AlignedBuffer(static_cast<std::size_t>(kernel_->n_hot) * vector_of_values, "neuron parameters");
    initial_.values = AlignedBuffer(static_cast<std::size_t>(kernel_->n_state) * vector_of_values, "neuron state");
    initial_.memory.resize(static_cast<std::size_t>(kernel_->n_memory) * padded);
    kernel_->prepare(shared_.data(), neurons_.data(), padded, hot_.data(), initial_.values.data(),
                     initial_.memory.data());
    if (plastic()) set_rule_parameters(rule.parameters);
}

LayerState DenseLayer::initial_state(double start) const {
    LayerState state = initial_;
    state.last_event = start;
    if (plastic()) state.traces = initial_traces(*kernel_, connection_, pool_);
    return state;
}

std::shared_ptr<const Plasticity> DenseLayer::plasticity() const {
    if (!plastic()) throw InvalidArgument("the layer has no kernel with callbacks");
    const std::lock_guard lock(rule_mutex_);
    return plasticity_;
}

void DenseLayer::set_rule_parameters(std::vector<double> parameters) {
    if (!plastic()) throw InvalidArgument("the layer has no kernel with callbacks");
    auto rule = std::make_shared<const Plasticity>(*kernel_, std::move(parameters), rule_.tau_syn, rule_.tau_mem);
    const std::lock_guard lock(rule_mutex_);
    plasticity_ = std::move(rule);
}

void DenseLayer::set_next_traces(Traces traces) {
    if (!plastic()) throw InvalidArgument("the layer has no kernel with callbacks");
    const auto n_neurons = static_cast<std::size_t>(connection_.n_neurons());
    const auto n_synapses = n_neurons * static_cast<std::size_t>(connection_.n_inputs());
    const std::size_t neuron = n_neurons * static_cast<std::size_t>(kernel_->rule->n_neuron_traces);
    const std::size_t synaptic = n_synapses * static_cast<std::size_t>(kernel_->rule->n_synaptic_traces);
    if ((!traces.neuron.empty() && traces.neuron.size() != neuron) ||
        (!traces.synaptic.empty() && traces.synaptic.size() != synaptic)) {
        throw ShapeMismatch(text("the layer has ", neuron, " neuron traces and ", synaptic, " synaptic traces, got ",
                                 traces.neuron.size(), " and ", traces.synaptic.size()));
    }
    const std::lock_guard lock(rule_mutex_);
    if (next_traces_ && traces.neuron.empty()) traces.neuron = next_traces_->neuron;
    if (next_traces_ && traces.synaptic.empty()) traces.synaptic = next_traces_->synaptic;
    next_traces_ = std::make_shared<const Traces>(std::move(traces));
}

std::shared_ptr<const Traces> DenseLayer::next_traces() const {
    const std::lock_guard lock(rule_mutex_);
    return next_traces_;
}

void DenseLayer::clear_next_traces(const std::shared_ptr<const Traces>& used) {
    const std::lock_guard lock(rule_mutex_);
    if (next_traces_ == used) next_traces_.reset();
}

std::optional<std::int32_t> DenseLayer::endless_neuron() const {
    const std::int32_t n = kernel_->first_endless(neurons_.data(), connection_.n_neurons());
    return n < 0 ? std::nullopt : std::optional(n);
}

std::int32_t DenseLayer::observable(const std::string& name) const { return observable_of(*kernel_, name); }

std::vector<std::vector<double>> DenseLayer::remembered(const LayerOutput& output, const std::string& name) const {
    const auto k = static_cast<std::size_t>(memory_of(*kernel_, name));
    std::vector<std::vector<double>> out;
    for (const std::vector<double>& memory : output.final_memory) {
        const auto first = memory.begin() + static_cast<std::ptrdiff_t>(k * padded_neurons());
        out.emplace_back(first, first + connection_.n_neurons());
    }
    return out;
}

Traces DenseLayer::settled(const LayerState& state, const Plasticity& rule) const {
    return {neuron_traces(*kernel_, connection_, state.traces),
            synaptic_traces(*kernel_, connection_, rule, state.traces, state.last_event)};
}

PackedState DenseLayer::pack(const LayerState& state, const Plasticity* rule) const {
    const auto bytes = static_cast<std::size_t>(kernel_->value_bytes), padded = padded_neurons();
    const auto n = static_cast<std::size_t>(connection_.n_neurons());
    PackedState packed;
    packed.last_event = state.last_event;
    for (std::size_t k = 0; k < static_cast<std::size_t>(kernel_->n_state); ++k) {
        const std::byte* first = state.values.data() + k * padded * bytes;
        packed.values.insert(packed.values.end(), first, first + n * bytes);
    }
    for (std::size_t k = 0; k < static_cast<std::size_t>(kernel_->n_memory); ++k) {
        const double* first = state.memory.data() + k * padded;
        packed.memory.insert(packed.memory.end(), first, first + n);
    }
    if (plastic()) {
        packed.traces = settled(state, *rule);
        packed.post_times.assign(state.traces.post_times.begin(),
                                 state.traces.post_times.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return packed;
}

LayerState DenseLayer::unpack(const PackedState& packed) const {
    const auto bytes = static_cast<std::size_t>(kernel_->value_bytes), padded = padded_neurons();
    const auto n = static_cast<std::size_t>(connection_.n_neurons());
    if (packed.values.size() != static_cast<std::size_t>(kernel_->n_state) * n * bytes ||
        packed.memory.size() != static_cast<std::size_t>(kernel_->n_memory) * n) {
        throw ShapeMismatch(
            text("a state of ", packed.values.size(), " bytes does not fit a layer of ", n, " neurons"));
    }
    if (!std::isfinite(packed.last_event)) {
        throw NonFinite(text("the last event of a state must be finite, got ", packed.last_event));
    }
    if (plastic() &&
        (packed.post_times.size() != n ||
         packed.traces.neuron.size() != n * static_cast<std::size_t>(kernel_->rule->n_neuron_traces) ||
         packed.traces.synaptic.size() != n * static_cast<std::size_t>(connection_.n_inputs()) *
                                              static_cast<std::size_t>(kernel_->rule->n_synaptic_traces))) {
        throw ShapeMismatch("the traces of a state do not fit the layer");
    }
    LayerState state = initial_state(packed.last_event);
    if (plastic()) {
        std::copy(packed.post_times.begin(), packed.post_times.end(), state.traces.post_times.begin());
        assign(*kernel_, connection_, packed.traces, packed.last_event, state.traces);
    }
    for (std::size_t k = 0; k < static_cast<std::size_t>(kernel_->n_state); ++k) {
        std::memcpy(state.values.data() + k * padded * bytes, packed.values.data() + k * n * bytes, n * bytes);
    }
    for (std::size_t k = 0; k < static_cast<std::size_t>(kernel_->n_memory); ++k) {
        std::copy_n(packed.memory.data() + k * n, n, state.memory.data() + k * padded);
    }
    return state;
}

namespace {

class DenseCall final : public LayerCall {
 public:
    DenseCall(DenseLayer& layer, std::size_t n_samples) : LayerCall(n_samples), layer_(layer) {
        // What a rule is and begins with is settled before the first layer runs.
        if (!layer.plastic()) return;
        rule_ = layer.plasticity();
        first_traces_ = layer.next_traces();
    }

    const Layer& layer() const override { return layer_; }
    double extra_bytes() const override {
        if (!layer_.plastic()) return 0.0;
        const double copies = layer_.kernel().rule->n_synaptic_traces + (layer_.learns() ? 1.0 : 0.0);
        return copies * static_cast<double>(layer_.connection().bytes()) * static_cast<double>(samples.size());
    }
    void begin(SampleRun& run, bool fresh) override {
        if (!layer_.plastic()) return;
        run.rule = rule_;
        const auto last_rule = layer_.output()->rule;
        if (!fresh && last_rule->rates() != run.rule->rates()) {
            // Up to here traces have decayed by the old time constants.
            assign(layer_.kernel(), layer_.connection(), layer_.settled(run.state, *last_rule), run.state.last_event,
                   run.state.traces);
        }
        if (first_traces_)
            assign(layer_.kernel(), layer_.connection(), *first_traces_, run.state.last_event, run.state.traces);
        if (layer_.learns()) run.weights = layer_.copy_of_weights();
    }
    void run(std::span<const Probe> probes, const RunOptions& options, Interruption& interruption) override {
        run_dense(layer_, samples, probes, options, interruption);
    }
    void learn(const std::string& layer_name) override {
        if (!layer_.learns() || samples.empty()) return;
        std::vector<PooledBuffer*> weights;
        for (SampleRun& run : samples) weights.push_back(&run.weights);
        learned_.emplace(layer_.connection(), weights, layer_.batch_update(), layer_name);
    }
    void apply() override {
        if (learned_) learned_->apply();
        if (first_traces_) layer_.clear_next_traces(first_traces_);
    }

 private:
    DenseLayer& layer_;
    std::shared_ptr<const Plasticity> rule_;
    std::shared_ptr<const Traces> first_traces_;
    std::optional<Learned> learned_;
};

}  // namespace

std::unique_ptr<LayerCall> DenseLayer::call(std::size_t n_samples, std::span<const std::unique_ptr<LayerCall>>) {
    return std::make_unique<DenseCall>(*this, n_samples);
}

PooledBuffer DenseLayer::copy_of_weights() const {
    PooledBuffer copy(pool_, connection_.bytes(), "a copy of the weights");
    std::memcpy(copy.data(), connection_.data(), connection_.bytes());
    return copy;
}

}  // namespace evsim
