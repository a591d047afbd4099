#include "plasticity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

namespace {

std::size_t count(std::int32_t n) { return static_cast<std::size_t>(n); }

/// body(T{}) with the type of the weights.
template <class Body>
decltype(auto) with_value_type(int value_bytes, Body&& body) {
    return value_bytes == 4 ? body(float{}) : body(double{});
}

/// e^{-duration * rate}; a trace that does not decay stays even for ever.
double remaining(double duration, double rate) { return rate == 0.0 ? 1.0 : std::exp(-duration * rate); }

}  // namespace

Plasticity::Plasticity(const NeuronKernel& kernel, std::vector<double> parameters, double tau_syn, double tau_mem)
    : parameters_(std::move(parameters)) {
    const RuleInterface& rule = *kernel.rule;
    if (parameters_.size() != count(rule.n_parameters)) {
        throw ShapeMismatch(
            text("the kernel has ", rule.n_parameters, " parameters, got ", parameters_.size(), " values"));
    }
    for (const double value : parameters_) {
        if (std::isnan(value)) throw NonFinite("kernel parameters must not be NaN");
    }
    time_constants_.resize(count(rule.n_neuron_traces + rule.n_synaptic_traces));
    rule.trace_time_constants(parameters_.data(), tau_syn, tau_mem, time_constants_.data());
    for (std::size_t k = 0; k < time_constants_.size(); ++k) {
        const double tau = time_constants_[k];
        if (!(tau > 0.0)) {
            const bool synaptic = k >= count(rule.n_neuron_traces);
            throw InvalidArgument(text(synaptic ? "synaptic" : "neuron", " trace ",
                                       synaptic ? k - count(rule.n_neuron_traces) : k, " has time constant ", tau,
                                       "; it must be positive, or INFINITY for a trace that does not decay",
                                       std::isnan(tau) ? " (do the neurons have the tau it is made of?)" : ""));
        }
        rates_.push_back(1.0 / tau);
    }
}

TraceState initial_traces(const NeuronKernel& kernel, const Dense& connection, BufferPool& pool) {
    const RuleInterface& rule = *kernel.rule;
    const std::size_t values = connection.padded_neurons() * count(kernel.value_bytes);
    const std::size_t n_inputs = count(connection.n_inputs());
    TraceState state;
    state.neuron = AlignedBuffer(count(rule.n_neuron_traces) * values, "neuron traces");
    state.synaptic = pool.take(n_inputs * count(rule.n_synaptic_traces) * values, "synaptic traces");
    state.arrivals.assign(connection.tiles().size() * n_inputs, TraceRun::unwritten);
    state.post_times.assign(connection.padded_neurons(), -std::numeric_limits<double>::infinity());
    state.last_arrivals.assign(n_inputs, TraceRun::unwritten);
    return state;
}

std::vector<double> neuron_traces(const NeuronKernel& kernel, const Dense& connection, const TraceState& state) {
    const std::size_t n_traces = count(kernel.rule->n_neuron_traces), n_neurons = count(connection.n_neurons());
    std::vector<double> out(n_neurons * n_traces);
    with_value_type(kernel.value_bytes, [&](auto type) {
        const auto* values = reinterpret_cast<const decltype(type)*>(state.neuron.data());
        for (std::size_t n = 0; n < n_neurons; ++n) {
            for (std::size_t k = 0; k < n_traces; ++k)
                out[n * n_traces + k] = static_cast<double>(values[k * connection.padded_neurons() + n]);
        }
    });
    return out;
}

std::vector<double> synaptic_traces(const NeuronKernel& kernel, const Dense& connection, const Plasticity& rule,
                                    const TraceState& state, double last_event) {
    const std::size_t n_traces = count(kernel.rule->n_synaptic_traces), n_inputs = count(connection.n_inputs());
    const std::size_t n_neurons = count(connection.n_neurons());
    const double* const rates = rule.rates().data() + kernel.rule->n_neuron_traces;
    std::vector<double> out(n_neurons * n_inputs * n_traces);
    with_value_type(kernel.value_bytes, [&](auto type) {
        const auto* values = reinterpret_cast<const decltype(type)*>(state.synaptic.data());
        for (std::size_t t = 0; t < connection.tiles().size(); ++t) {
            const std::size_t first = count(connection.tiles()[t].first_neuron);
            const std::size_t end = std::min(first + count(connection.tiles()[t].n_vectors * kernel.lanes), n_neurons);
            for (std::size_t row = 0; row < n_inputs * n_traces; ++row) {
                const std::size_t input = row / n_traces, k = row % n_traces;
                const double arrival = state.arrivals[t * n_inputs + input];
                if (arrival == TraceRun::unwritten) continue;
                double duration = 0.0, factor = 1.0;  // most neurons of a row have the same
                for (std::size_t n = first; n < end; ++n) {
                    const double last = std::max(last_event, state.post_times[n]);
                    const double since = last - std::max(arrival, state.post_times[n]);
                    if (since != duration) {
                        duration = since;
                        factor = remaining(duration, rates[k]);
                    }
                    const double value = static_cast<double>(values[row * connection.padded_neurons() + n]);
                    out[(n * n_inputs + input) * n_traces + k] = value * factor;
                }
            }
        }
    });
    return out;
}

void assign(const NeuronKernel& kernel, const Dense& connection, const Traces& values, double last_event,
            TraceState& state) {
    const std::size_t n_neuron = count(kernel.rule->n_neuron_traces),
                      n_synaptic = count(kernel.rule->n_synaptic_traces);
    const std::size_t n_inputs = count(connection.n_inputs()), n_neurons = count(connection.n_neurons());
    const std::size_t stride = connection.padded_neurons();
    with_value_type(kernel.value_bytes, [&](auto type) {
        using T = decltype(type);
        T* neuron = reinterpret_cast<T*>(state.neuron.data());
        T* synaptic = reinterpret_cast<T*>(state.synaptic.data());
        for (std::size_t n = 0; n < n_neurons && !values.neuron.empty(); ++n) {
            for (std::size_t k = 0; k < n_neuron; ++k)
                neuron[k * stride + n] = static_cast<T>(values.neuron[n * n_neuron + k]);
        }
        if (values.synaptic.empty()) return;
        std::fill(state.arrivals.begin(), state.arrivals.end(), last_event);
        std::fill(state.last_arrivals.begin(), state.last_arrivals.end(), last_event);
        for (std::size_t row = 0; row < n_inputs * n_synaptic; ++row) {
            const std::size_t input = row / n_synaptic, k = row % n_synaptic;
            for (std::size_t n = 0; n < stride; ++n) {
                synaptic[row * stride + n] =
                    n < n_neurons ? static_cast<T>(values.synaptic[(n * n_inputs + input) * n_synaptic + k]) : T(0);
            }
        }
    });
}

Learned::Learned(Dense& connection, std::vector<const AlignedBuffer*> samples, BatchUpdate update,
                 const std::string& layer_name)
    : connection_(connection),
      samples_(std::move(samples)),
      share_(update == BatchUpdate::mean ? 1.0 / static_cast<double>(samples_.size()) : 1.0) {
    with_value_type(connection_.value_bytes(), [&](auto type) {
        using T = decltype(type);
        const std::size_t n = connection_.bytes() / sizeof(T);
        T sum = 0;  // x - x is 0 for finite x, else NaN
        for (std::size_t k = 0; k < n; ++k) sum += value<T>(k) - value<T>(k);
        if (!(sum == T(0))) {
            throw NonFinite(
                text(layer_name, ": the kernel made weights that are not finite; all are left as they were"));
        }
    });
}

template <class T>
T Learned::value(std::size_t k) const {
    const auto of = [k](const std::byte* values) { return reinterpret_cast<const T*>(values)[k]; };
    if (samples_.size() == 1) return of(samples_[0]->data());
    const double before = static_cast<double>(of(connection_.data()));
    double change = 0.0;
    for (const AlignedBuffer* sample : samples_) change += static_cast<double>(of(sample->data())) - before;
    return static_cast<T>(before + share_ * change);
}

void Learned::apply() {
    with_value_type(connection_.value_bytes(), [&](auto type) {
        using T = decltype(type);
        T* weights = reinterpret_cast<T*>(connection_.data());
        for (std::size_t k = 0; k < connection_.bytes() / sizeof(T); ++k) weights[k] = value<T>(k);
    });
}

}  // namespace evsim
