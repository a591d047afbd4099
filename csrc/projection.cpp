#include "projection.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/errors.hpp"
#include "core/fork.hpp"
#include "kernel/parameters.hpp"

namespace evsim {

namespace {

/// Weights, and what a rule needs beside them, fit into memory.
Dense dense_to(const Population& target, std::int64_t n_inputs, const RuleKernel* rule) {
    if (target.layout().image()) require_scatter(target.kernel());
    const std::int32_t n = checked_size(n_inputs, "n_inputs");
    const NeuronKernel& kernel = target.kernel();
    const double copies = rule ? 1.0 + rule->n_synaptic_traces + rule->writes_weights : 1.0;
    require_memory(static_cast<double>(n) * static_cast<double>(target.places()) * kernel.info.weight_bytes * copies,
                   text("a layer of ", n_inputs, " inputs to ", target.n_neurons(), " neurons"));
    return Dense(n, target.n_neurons(), target.places(), kernel.info.weight_bytes);
}

std::int32_t checked_port(const Population& target, std::int32_t port) {
    const ModelInfo& model = target.kernel().info;
    if (port < 0 || port >= model.n_ports)
        throw InvalidArgument(
            text("neuron model '", model.model, "' has ports 0 to ", model.n_ports - 1, ", not ", port));
    return port;
}

}  // namespace

Projection::Projection(std::shared_ptr<const Population> target, std::int64_t n_inputs, const RuleSettings& rule,
                       std::int32_t port)
    : target_(std::move(target)),
      port_(checked_port(*target_, port)),
      connection_(dense_to(*target_, n_inputs, rule.kernel.get())),
      rule_settings_(rule) {
    begin_rule();
}

Projection::Projection(std::shared_ptr<const Population> target, Conv2d connection, const RuleSettings& rule,
                       std::int32_t port)
    : target_(std::move(target)),
      port_(checked_port(*target_, port)),
      connection_(std::move(connection)),
      rule_settings_(rule) {
    const ImageShape& gives = conv()->output();
    const auto& takes = target_->layout().image();
    if (!takes && gives.size() == target_->n_neurons()) {
        require_scatter(target_->kernel());  // beside projections of another kind
    } else if (!takes || *takes != gives) {
        const ImageShape shape = takes.value_or(ImageShape{target_->n_neurons(), 1, 1});
        throw ShapeMismatch(text("the connection gives ", gives.channels, " x ", gives.height, " x ", gives.width,
                                 ", but the population is ", shape.channels, " x ", shape.height, " x ", shape.width));
    }
    begin_rule();
}

Projection::Projection(std::shared_ptr<const Population> target, Sparse connection, const RuleSettings& rule,
                       std::int32_t port)
    : target_(std::move(target)),
      port_(checked_port(*target_, port)),
      connection_(std::move(connection)),
      rule_settings_(rule) {
    require_scatter(target_->kernel());
    if (sparse()->n_neurons() != target_->n_neurons())
        throw ShapeMismatch(text("the connection reaches ", sparse()->n_neurons(), " neurons, but the population has ",
                                 target_->n_neurons()));
    begin_rule();
}

void Projection::begin_rule() {
    if (!plastic()) return;
    require_fitting(*rule_settings_.kernel, target_->kernel().info);
    set_rule_parameters(rule_settings_.parameters);
    if (conv()) {
        require_scatter(target_->kernel());
        write_out();
        incoming_.emplace(*pairs_);
    } else if (sparse()) {
        incoming_.emplace(*sparse());
    } else {
        incoming_.emplace(*dense());
    }
}

void Projection::write_out() {
    if (conv() && !pairs_) pairs_.emplace(*conv());
}

std::byte* Projection::own_weights() {
    if (conv()) return conv()->weights();
    return dense() ? dense()->data() : sparse()->data();
}

std::int32_t Projection::n_inputs() const {
    if (sparse()) return sparse()->n_inputs();
    return dense() ? dense()->n_inputs() : static_cast<std::int32_t>(conv()->input().size());
}

std::shared_ptr<const Delays> Projection::delays() const {
    const BriefLock lock(mutex_);
    return delays_;
}

void Projection::set_delays(std::vector<double> values, bool by_synapse) {
    std::size_t n = count(n_inputs());
    if (by_synapse) {
        if (conv()) throw Unsupported("delays by synapse are not there for convolutions; give one for each input");
        require_scatter(target_->kernel());
        n = sparse() ? sparse()->n_synapses() : n * count(target_->n_neurons());
    }
    auto delays = std::make_shared<const Delays>(std::move(values), n, by_synapse);
    const BriefLock lock(mutex_);
    delays_ = std::move(delays);
}

FanOut Projection::fan_out(std::int32_t input, const Delays& delays) const {
    const double* const own = delays.by_synapse() ? delays.values().data() : nullptr;
    if (const Sparse* const synapses = sparse()) {
        const std::size_t first = synapses->first(input);
        return {synapses->neurons().data() + first,
                synapses->data() + first * count(synapses->value_bytes()),
                own ? own + first : nullptr,
                incoming_ && incoming_->places() ? incoming_->places() + first : nullptr,
                nullptr,
                synapses->first(input + 1) - first};
    }
    if (conv()) {
        const std::size_t first = pairs_->first(input);
        return {pairs_->neurons().data() + first,
                conv()->weights(),
                nullptr,
                incoming_ ? incoming_->places() + first : nullptr,
                pairs_->taps().data() + first,
                pairs_->first(input + 1) - first};
    }
    const std::size_t n = count(target_->n_neurons());
    return {nullptr,
            dense()->data() + count(input) * dense()->stride() * count(dense()->value_bytes()),
            own ? own + count(input) * n : nullptr,
            nullptr,
            nullptr,
            n};
}

std::size_t Projection::synapse_bytes() const {
    const std::size_t own = sparse()  ? sparse()->bytes()
                            : dense() ? dense()->bytes()
                                      : conv()->n_weights() * count(conv()->value_bytes());
    return own + delays()->values().size() * sizeof(double) + (pairs_ ? pairs_->bytes() : 0) +
           (incoming_ ? incoming_->bytes() : 0);
}

void Projection::require_rule() const {
    if (!plastic()) throw InvalidArgument("the projection has no kernel with callbacks");
}

std::shared_ptr<const Plasticity> Projection::rule() const {
    const BriefLock lock(mutex_);
    return rule_;
}

void Projection::set_rule_parameters(std::vector<double> parameters) {
    require_rule();
    auto rule = std::make_shared<const Plasticity>(rule_settings_.kernel, std::move(parameters), rule_settings_.tau_syn,
                                                   rule_settings_.tau_mem);
    const BriefLock lock(mutex_);
    rule_ = std::move(rule);
}

void Projection::set_next_traces(Traces traces) {
    require_rule();
    const RuleKernel& rule = *rule_settings_.kernel;
    const std::size_t n_neurons = count(target_->n_neurons()), n_synapses = incoming_->n_synapses();
    const std::size_t neuron = n_neurons * count(rule.n_neuron_traces),
                      synaptic = n_synapses * count(rule.n_synaptic_traces);
    if ((!traces.neuron.empty() && traces.neuron.size() != neuron) ||
        (!traces.synaptic.empty() && traces.synaptic.size() != synaptic)) {
        throw ShapeMismatch(text("the layer has ", neuron, " neuron traces and ", synaptic, " synaptic traces, got ",
                                 traces.neuron.size(), " and ", traces.synaptic.size()));
    }
    const BriefLock lock(mutex_);
    if (next_traces_ && traces.neuron.empty()) traces.neuron = next_traces_->neuron;
    if (next_traces_ && traces.synaptic.empty()) traces.synaptic = next_traces_->synaptic;
    next_traces_ = std::make_shared<const Traces>(std::move(traces));
}

std::shared_ptr<const Traces> Projection::next_traces() const {
    const BriefLock lock(mutex_);
    return next_traces_;
}

void Projection::clear_next_traces(const std::shared_ptr<const Traces>& used) {
    const BriefLock lock(mutex_);
    if (next_traces_ == used) next_traces_.reset();
}

void Projection::begin_traces(NodeState& state) const { state.traces = initial_traces(synapses(), pool_); }

Traces Projection::settled(const NodeState& state, const Plasticity& rule) const {
    return {neuron_traces(synapses(), state.traces), synaptic_traces(synapses(), rule, state.traces, state.last_event)};
}

void Projection::pack_traces(const NodeState& state, const Plasticity& rule, PackedState& packed) const {
    packed.traces = settled(state, rule);
    packed.post_times.assign(state.traces.post_times.begin(), state.traces.post_times.begin() + target_->n_neurons());
}

void Projection::unpack_traces(const PackedState& packed, NodeState& state) const {
    const RuleKernel& rule = *rule_settings_.kernel;
    const std::size_t n = count(target_->n_neurons());
    if (packed.post_times.size() != n || packed.traces.neuron.size() != n * count(rule.n_neuron_traces) ||
        packed.traces.synaptic.size() != n * count(n_inputs()) * count(rule.n_synaptic_traces)) {
        throw ShapeMismatch("the traces of a state do not fit the layer");
    }
    begin_traces(state);
    std::copy(packed.post_times.begin(), packed.post_times.end(), state.traces.post_times.begin());
    assign(synapses(), packed.traces, packed.last_event, state.traces);
}

PooledBuffer Projection::copy_of_weights() const {
    PooledBuffer copy(pool_, dense()->bytes(), "a copy of the weights");
    std::memcpy(copy.data(), dense()->data(), dense()->bytes());
    return copy;
}

void Projection::set_weights(const PooledBuffer& copy) { std::memcpy(dense()->data(), copy.data(), dense()->bytes()); }

const SynapseTraces* Projection::traces_of(const NodeState& state) const {
    for (const SynapseTraces& traces : state.synapses) {
        if (traces.of == this) return &traces;
    }
    return nullptr;
}

SynapseTraces Projection::begin_traces(double time) const {
    SynapseTraces traces = first_traces(*incoming_, rule(), time, pool_);
    traces.of = this;
    return traces;
}

namespace {

template <class T>
void add(const std::byte* values, std::size_t bytes, std::vector<double>& to) {
    const T* const first = reinterpret_cast<const T*>(values);
    to.insert(to.end(), first, first + bytes / sizeof(T));
}

/// The first `n` values, which are removed.
std::vector<double> take(std::vector<double>& from, std::size_t n) {
    if (from.size() < n) throw ShapeMismatch("the traces of a state do not fit the layer");
    const auto end = from.begin() + static_cast<std::ptrdiff_t>(n);
    std::vector<double> out(from.begin(), end);
    from.erase(from.begin(), end);
    return out;
}

bool all_finite(const std::vector<double>& values) {
    return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

}  // namespace

void Projection::append(const SynapseTraces& traces, PackedState& packed) const {
    const auto add_values = target_->kernel().info.weight_bytes == sizeof(float) ? add<float> : add<double>;
    add_values(traces.neuron.data(), traces.neuron.size(), packed.traces.neuron);
    add_values(traces.synaptic.data(), traces.synaptic.size(), packed.traces.synaptic);
    packed.heard.insert(packed.heard.end(), traces.heard.begin(), traces.heard.end());
    packed.post_times.insert(packed.post_times.end(), traces.post_times.begin(), traces.post_times.end());
    packed.arrivals.insert(packed.arrivals.end(), traces.arrivals.begin(), traces.arrivals.end());
}

SynapseTraces Projection::take_traces(PackedState& packed) const {
    SynapseTraces traces = begin_traces(0.0);
    const auto copy = [](std::vector<double> values, std::byte* to, std::size_t value_bytes) {
        if (value_bytes == sizeof(double)) {
            std::copy(values.begin(), values.end(), reinterpret_cast<double*>(to));
        } else {
            std::transform(values.begin(), values.end(), reinterpret_cast<float*>(to),
                           [](double value) { return static_cast<float>(value); });
        }
    };
    const std::size_t bytes = count(target_->kernel().info.weight_bytes);
    copy(take(packed.traces.neuron, traces.neuron.size() / bytes), traces.neuron.data(), bytes);
    copy(take(packed.traces.synaptic, traces.synaptic.size() / bytes), traces.synaptic.data(), bytes);
    traces.heard = take(packed.heard, traces.heard.size());
    traces.post_times = take(packed.post_times, traces.post_times.size());
    traces.arrivals = take(packed.arrivals, traces.arrivals.size());
    if (!all_finite(traces.heard) || !all_finite(traces.arrivals))
        throw NonFinite("the times at which the traces of a state were touched must be finite");
    return traces;
}

namespace {

/// exchange(weight of the connection, the same by neuron) for all of them.
template <class T, class Weights, class Exchange>
void for_each_weight(Weights* connection, const Incoming& incoming, const Dense* dense, Exchange&& exchange) {
    if (!dense) {
        for (std::size_t k = 0; k < incoming.n_synapses(); ++k) exchange(connection[k], incoming.place(k));
        return;
    }
    const std::size_t n_inputs = count(dense->n_inputs());
    for (std::size_t input = 0; input < n_inputs; ++input) {
        for (std::size_t n = 0; n < count(dense->n_neurons()); ++n)
            exchange(connection[input * dense->stride() + n], n * n_inputs + input);
    }
}

}  // namespace

PooledBuffer Projection::weights_by_neuron() const {
    const std::size_t bytes = count(target_->kernel().info.weight_bytes);
    PooledBuffer weights(pool_, (conv() ? conv()->n_weights() : incoming_->n_synapses()) * bytes,
                         "a copy of the weights");
    const std::byte* const own = own_weights();
    if (conv()) {
        std::memcpy(weights.data(), own, weights.size());
        return weights;
    }
    const auto copy = [&](auto type) {
        using T = decltype(type);
        T* const by_neuron = reinterpret_cast<T*>(weights.data());
        for_each_weight<T>(reinterpret_cast<const T*>(own), *incoming_, dense(),
                           [&](const T& weight, std::size_t place) { by_neuron[place] = weight; });
    };
    bytes == sizeof(float) ? copy(float{}) : copy(double{});
    return weights;
}

void Projection::set_weights_by_neuron(const PooledBuffer& weights) {
    std::byte* const own = own_weights();
    if (conv()) {
        std::memcpy(own, weights.data(), weights.size());
        return;
    }
    const auto copy = [&](auto type) {
        using T = decltype(type);
        const T* const by_neuron = reinterpret_cast<const T*>(weights.data());
        for_each_weight<T>(reinterpret_cast<T*>(own), *incoming_, dense(),
                           [&](T& weight, std::size_t place) { weight = by_neuron[place]; });
    };
    target_->kernel().info.weight_bytes == sizeof(float) ? copy(float{}) : copy(double{});
}

std::size_t Projection::n_visible_synapses() const {
    if (!conv()) return incoming_->n_synapses();
    const Pair& kernel = conv()->settings().kernel;
    return count(target_->n_neurons()) * count(conv()->in_per_group()) * count(kernel.y) * count(kernel.x);
}

template <class Move>
void Projection::for_each_visible(Move&& move) const {
    const Pair& kernel = conv()->settings().kernel;
    const std::size_t n_taps = count(kernel.y) * count(kernel.x), in_group = count(conv()->in_per_group());
    const std::size_t pixels = count(conv()->input().pixels());
    for (std::int32_t input = 0; input < n_inputs(); ++input) {
        const std::size_t channel = count(input) / pixels % in_group;
        for (std::size_t k = pairs_->first(input); k < pairs_->first(input + 1); ++k)
            move((count(pairs_->neurons()[k]) * in_group + channel) * n_taps + pairs_->taps()[k] % n_taps, k);
    }
}

Traces Projection::visible(Traces traces) const {
    const std::size_t n = count(rule_settings_.kernel->n_synaptic_traces);
    if (!conv() || traces.synaptic.empty()) return traces;
    std::vector<double> out(n_visible_synapses() * n);
    for_each_visible([&](std::size_t place, std::size_t synapse) {
        std::copy_n(&traces.synaptic[synapse * n], n, &out[place * n]);
    });
    traces.synaptic = std::move(out);
    return traces;
}

Traces Projection::by_synapse(Traces visible) const {
    require_rule();
    const std::size_t n = count(rule_settings_.kernel->n_synaptic_traces);
    if (!conv() || visible.synaptic.empty()) return visible;
    if (visible.synaptic.size() != n_visible_synapses() * n)
        throw ShapeMismatch(
            text("the layer has ", n_visible_synapses() * n, " synaptic traces, got ", visible.synaptic.size()));
    std::vector<double> out(incoming_->n_synapses() * n);
    for_each_visible([&](std::size_t place, std::size_t synapse) {
        std::copy_n(&visible.synaptic[place * n], n, &out[synapse * n]);
    });
    visible.synaptic = std::move(out);
    return visible;
}

}  // namespace evsim
