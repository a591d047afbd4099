#include "layer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/errors.hpp"
#include "engine/kernel_registry.hpp"

namespace evsim {

namespace {

void check_parameter(const std::vector<double>& values, const char* name) {
    const auto bad = std::find_if(values.begin(), values.end(), [](double v) { return !std::isfinite(v); });
    if (bad != values.end()) throw NonFinite(text(name, " must be finite, got ", *bad));
}

/// [padded neuron][parameter]; padding repeats the last neuron, so that it behaves like one.
std::vector<double> spread(const NeuronKernel& kernel, const std::vector<std::vector<double>>& parameters,
                           std::int32_t n_neurons, std::size_t padded) {
    if (parameters.size() != static_cast<std::size_t>(kernel.n_neuron)) {
        throw ShapeMismatch(text("neuron model '", kernel.model, "' has ", kernel.n_neuron,
                                 " parameters per neuron, got ", parameters.size()));
    }
    std::vector<double> out(parameters.size() * padded);
    for (std::size_t k = 0; k < parameters.size(); ++k) {
        const std::vector<double>& values = parameters[k];
        const char* name = kernel.neuron_names[k];
        check_parameter(values, name);
        if (values.size() != 1 && values.size() != static_cast<std::size_t>(n_neurons)) {
            throw ShapeMismatch(
                text(name, " must be one value or one per neuron (", n_neurons, "), got ", values.size()));
        }
        for (std::size_t n = 0; n < padded; ++n)
            out[n * parameters.size() + k] = values[std::min(n, values.size() - 1)];
    }
    return out;
}

}  // namespace

Layer::Layer(std::int64_t n_inputs, std::int64_t n_neurons, int value_bytes, const NeuronSettings& neurons)
    : Layer(n_inputs, n_neurons, find_kernel(neurons.model, value_bytes), neurons) {}

Layer::Layer(std::int64_t n_inputs, std::int64_t n_neurons, std::shared_ptr<const NeuronKernel> kernel,
             const NeuronSettings& neurons, const RuleSettings& rule)
    : kernel_(std::move(kernel)),
      connection_(n_inputs, n_neurons, kernel_->value_bytes, kernel_->lanes),
      shared_(neurons.shared),
      rule_(rule) {
    const int value_bytes = kernel_->value_bytes;
    if (shared_.size() != static_cast<std::size_t>(kernel_->n_shared)) {
        throw ShapeMismatch(text("neuron model '", kernel_->model, "' has ", kernel_->n_shared,
                                 " shared parameters, got ", shared_.size()));
    }
    check_parameter(shared_, "shared parameters");
    const std::size_t padded = padded_neurons();
    const double per_neuron = static_cast<double>(kernel_->n_neuron + kernel_->n_memory) * sizeof(double) +
                              static_cast<double>(kernel_->n_hot + kernel_->n_state) * value_bytes;
    const double copies = plastic() ? 1.0 + kernel_->rule->n_synaptic_traces + kernel_->rule->writes_weights : 1.0;
    require_memory(static_cast<double>(connection_.bytes()) * copies + static_cast<double>(padded) * per_neuron,
                   text("a layer of ", n_inputs, " inputs to ", n_neurons, " neurons"));
    neurons_ = spread(*kernel_, neurons.per_neuron, connection_.n_neurons(), padded);
    const std::size_t vector_of_values = padded * static_cast<std::size_t>(value_bytes);
    hot_ = AlignedBuffer(static_cast<std::size_t>(kernel_->n_hot) * vector_of_values, "neuron parameters");
    initial_.values = AlignedBuffer(static_cast<std::size_t>(kernel_->n_state) * vector_of_values, "neuron state");
    initial_.memory.resize(static_cast<std::size_t>(kernel_->n_memory) * padded);
    kernel_->prepare(shared_.data(), neurons_.data(), padded, hot_.data(), initial_.values.data(),
                     initial_.memory.data());
    if (plastic()) set_rule_parameters(rule.parameters);
}

LayerState Layer::initial_state(double start) const {
    LayerState state = initial_;
    state.last_event = start;
    if (plastic()) state.traces = initial_traces(*kernel_, connection_, pool_);
    return state;
}

std::shared_ptr<const Plasticity> Layer::plasticity() const {
    if (!plastic()) throw InvalidArgument("the layer has no kernel with callbacks");
    const std::lock_guard lock(output_mutex_);
    return plasticity_;
}

void Layer::set_rule_parameters(std::vector<double> parameters) {
    if (!plastic()) throw InvalidArgument("the layer has no kernel with callbacks");
    auto rule = std::make_shared<const Plasticity>(*kernel_, std::move(parameters), rule_.tau_syn, rule_.tau_mem);
    const std::lock_guard lock(output_mutex_);
    plasticity_ = std::move(rule);
}

void Layer::set_next_traces(Traces traces) {
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
    const std::lock_guard lock(output_mutex_);
    if (next_traces_ && traces.neuron.empty()) traces.neuron = next_traces_->neuron;
    if (next_traces_ && traces.synaptic.empty()) traces.synaptic = next_traces_->synaptic;
    next_traces_ = std::make_shared<const Traces>(std::move(traces));
}

std::shared_ptr<const Traces> Layer::next_traces() const {
    const std::lock_guard lock(output_mutex_);
    return next_traces_;
}

void Layer::clear_next_traces(const std::shared_ptr<const Traces>& used) {
    const std::lock_guard lock(output_mutex_);
    if (next_traces_ == used) next_traces_.reset();
}

std::optional<std::int32_t> Layer::endless_neuron() const {
    const std::int32_t n = kernel_->first_endless(neurons_.data(), connection_.n_neurons());
    return n < 0 ? std::nullopt : std::optional(n);
}

namespace {

std::int32_t position(const char* const* names, std::int32_t n, const std::string& name, const char* model,
                      const char* kind) {
    std::string known;
    for (std::int32_t k = 0; k < n; ++k) {
        if (name == names[k]) return k;
        known += (k > 0 ? ", " : "") + std::string(names[k]);
    }
    throw InvalidArgument(
        text("neuron model '", model, "' has no ", kind, " '", name, "'; it has: ", known.empty() ? "none" : known));
}

}  // namespace

std::int32_t Layer::observable(const std::string& name) const {
    return position(kernel_->observable_names, kernel_->n_observables, name, kernel_->model, "variable");
}

std::vector<std::vector<double>> Layer::remembered(const LayerOutput& output, const std::string& name) const {
    const auto k =
        static_cast<std::size_t>(position(kernel_->memory_names, kernel_->n_memory, name, kernel_->model, "memory of"));
    std::vector<std::vector<double>> out;
    for (const std::vector<double>& memory : output.final_memory) {
        const auto first = memory.begin() + static_cast<std::ptrdiff_t>(k * padded_neurons());
        out.emplace_back(first, first + connection_.n_neurons());
    }
    return out;
}

Traces Layer::settled(const LayerState& state, const Plasticity& rule) const {
    return {neuron_traces(*kernel_, connection_, state.traces),
            synaptic_traces(*kernel_, connection_, rule, state.traces, state.last_event)};
}

PackedState Layer::pack(const LayerState& state, const Plasticity* rule) const {
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

LayerState Layer::unpack(const PackedState& packed) const {
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

std::shared_ptr<const LayerOutput> Layer::output() const {
    const std::lock_guard lock(output_mutex_);
    return output_;
}

void Layer::set_output(std::shared_ptr<const LayerOutput> output) {
    const std::lock_guard lock(output_mutex_);
    output_.swap(output);  // the old one is freed after the lock
}

PooledBuffer Layer::copy_of_weights() const {
    PooledBuffer copy(pool_, connection_.bytes(), "a copy of the weights");
    std::memcpy(copy.data(), connection_.data(), connection_.bytes());
    return copy;
}

}  // namespace evsim
