#include "plasticity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// body(T{}) with the type of the weights.
template <class Body>
decltype(auto) with_value_type(int value_bytes, Body&& body) {
    return value_bytes == 4 ? body(float{}) : body(double{});
}

/// e^{-duration * rate}; a trace that does not decay stays even for ever.
double remaining(double duration, double rate) { return rate == 0.0 ? 1.0 : std::exp(-duration * rate); }

}  // namespace

Plasticity::Plasticity(std::shared_ptr<const RuleKernel> kernel, std::vector<double> parameters, double tau_syn,
                       double tau_mem)
    : kernel_(std::move(kernel)), parameters_(std::move(parameters)) {
    const RuleKernel& rule = *kernel_;
    if (parameters_.size() != count(rule.n_parameters)) {
        throw ShapeMismatch(
            text("the kernel has ", rule.n_parameters, " parameters, got ", parameters_.size(), " values"));
    }
    for (const double value : parameters_) {
        if (std::isnan(value)) throw NonFinite("kernel parameters must not be NaN");
    }
    time_constants_.resize(count(rule.n_neuron_traces + rule.n_synaptic_traces));
    try {
        rule.trace_time_constants(parameters_.data(), tau_syn, tau_mem, time_constants_.data());
    } catch (const std::exception& error) {
        throw KernelFailed(text("the kernel's time constants: ", error.what()));
    }
    for (std::size_t k = 0; k < time_constants_.size(); ++k) {
        const double tau = time_constants_[k];
        if (!(tau > 0.0) || std::isinf(1.0 / tau)) {
            const bool synaptic = k >= count(rule.n_neuron_traces);
            throw InvalidArgument(
                text(synaptic ? "synaptic" : "neuron", " trace ", synaptic ? k - count(rule.n_neuron_traces) : k,
                     " has time constant ", tau, "; it must be positive, or INFINITY for a trace that does not decay",
                     std::isnan(tau) ? " (do the neurons have the tau it is made of, one for all of them?)" : ""));
        }
        rates_.push_back(1.0 / tau);
    }
}

TraceState initial_traces(const Synapses& synapses, const std::shared_ptr<BufferPool>& pool) {
    const RuleKernel& rule = synapses.rule;
    const std::size_t values = synapses.layout.places() * count(rule.weight_bytes);
    const std::size_t n_inputs = count(synapses.n_inputs);
    TraceState state;
    state.neuron = AlignedBuffer(count(rule.n_neuron_traces) * values, "neuron traces");
    state.synaptic = PooledBuffer(pool, n_inputs * count(rule.n_synaptic_traces) * values, "synaptic traces");
    state.arrivals.assign(synapses.layout.tiles().size() * n_inputs, TraceRun::unwritten);
    state.post_times.assign(synapses.layout.places(), -std::numeric_limits<double>::infinity());
    state.last_arrivals.assign(n_inputs, TraceRun::unwritten);
    return state;
}

std::vector<double> neuron_traces(const Synapses& synapses, const TraceState& state) {
    const RuleKernel& kernel = synapses.rule;
    const std::size_t n_traces = count(kernel.n_neuron_traces), n_neurons = count(synapses.layout.n_neurons());
    std::vector<double> out(n_neurons * n_traces);
    with_value_type(kernel.weight_bytes, [&](auto type) {
        const auto* values = reinterpret_cast<const decltype(type)*>(state.neuron.data());
        for (std::size_t n = 0; n < n_neurons; ++n) {
            for (std::size_t k = 0; k < n_traces; ++k)
                out[n * n_traces + k] = static_cast<double>(values[k * synapses.layout.places() + n]);
        }
    });
    return out;
}

std::vector<double> synaptic_traces(const Synapses& synapses, const Plasticity& rule, const TraceState& state,
                                    double last_event) {
    const RuleKernel& kernel = synapses.rule;
    const std::size_t n_traces = count(kernel.n_synaptic_traces), n_inputs = count(synapses.n_inputs);
    const std::size_t n_neurons = count(synapses.layout.n_neurons());
    const bool visited = kernel.visits_synapses;
    const double* const rates = rule.rates().data() + kernel.n_neuron_traces;
    std::vector<double> out(n_neurons * n_inputs * n_traces);
    with_value_type(kernel.weight_bytes, [&](auto type) {
        const auto* values = reinterpret_cast<const decltype(type)*>(state.synaptic.data());
        for (std::size_t t = 0; t < synapses.layout.tiles().size(); ++t) {
            const std::size_t first = count(synapses.layout.tiles()[t].first_neuron);
            const std::size_t end =
                std::min(first + count(synapses.layout.tiles()[t].n_vectors * synapses.lanes), n_neurons);
            for (std::size_t row = 0; row < n_inputs * n_traces; ++row) {
                const std::size_t input = row / n_traces, k = row % n_traces;
                const double arrival = state.arrivals[t * n_inputs + input];
                if (arrival == TraceRun::unwritten) continue;
                double duration = 0.0, factor = 1.0;  // most neurons of a row have the same
                for (std::size_t n = first; n < end; ++n) {
                    const double last = std::max(last_event, state.post_times[n]);
                    const double since = last - (visited ? std::max(arrival, state.post_times[n]) : arrival);
                    if (since != duration) {
                        duration = since;
                        factor = remaining(duration, rates[k]);
                    }
                    const double value =
                        static_cast<double>(values[(input * synapses.layout.places() + n) * n_traces + k]);
                    out[(n * n_inputs + input) * n_traces + k] = value * factor;
                }
            }
        }
    });
    return out;
}

void assign(const Synapses& synapses, const Traces& values, double last_event, TraceState& state) {
    const RuleKernel& kernel = synapses.rule;
    const std::size_t n_neuron = count(kernel.n_neuron_traces), n_synaptic = count(kernel.n_synaptic_traces);
    const std::size_t n_inputs = count(synapses.n_inputs), n_neurons = count(synapses.layout.n_neurons());
    const std::size_t stride = synapses.layout.places();
    with_value_type(kernel.weight_bytes, [&](auto type) {
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
        std::fill_n(synaptic, n_inputs * stride * n_synaptic, T(0));
        for (std::size_t n = 0; n < n_neurons; ++n) {
            for (std::size_t input = 0; input < n_inputs; ++input) {
                for (std::size_t k = 0; k < n_synaptic; ++k)
                    synaptic[(input * stride + n) * n_synaptic + k] =
                        static_cast<T>(values.synaptic[(n * n_inputs + input) * n_synaptic + k]);
            }
        }
    });
}

namespace {

/// Whether all are finite: x - x is 0 for those and NaN otherwise. Many sums, because one would wait for itself.
template <class T>
bool all_finite(const T* values, std::size_t n) {
    constexpr std::size_t width = 64;
    T sums[width] = {};
    for (std::size_t first = 0; first < n; first += width) {
        const std::size_t end = std::min(width, n - first);
        for (std::size_t k = 0; k < end; ++k) sums[k] += values[first + k] - values[first + k];
    }
    return std::all_of(sums, sums + width, [](T sum) { return sum == T(0); });
}

/// Adds up what the samples have changed, in the first of them.
template <class T>
void combine(const T* before, const std::vector<PooledBuffer*>& samples, double share, std::size_t n) {
    T* out = reinterpret_cast<T*>(samples.front()->data());
    for (std::size_t k = 0; k < n; ++k) {
        const double start = static_cast<double>(before[k]);
        double change = 0.0;
        for (const PooledBuffer* sample : samples)
            change += static_cast<double>(reinterpret_cast<const T*>(sample->data())[k]) - start;
        out[k] = static_cast<T>(start + share * change);
    }
}

}  // namespace

void combine_learned(const std::byte* before, const std::vector<PooledBuffer*>& samples, int value_bytes,
                     BatchUpdate update, const std::string& node_name) {
    const bool finite = with_value_type(value_bytes, [&](auto type) {
        using T = decltype(type);
        const std::size_t n = samples.front()->size() / sizeof(T);
        const double share = update == BatchUpdate::mean ? 1.0 / static_cast<double>(samples.size()) : 1.0;
        if (samples.size() > 1) combine(reinterpret_cast<const T*>(before), samples, share, n);
        return all_finite(reinterpret_cast<const T*>(samples.front()->data()), n);
    });
    if (!finite) {
        throw NonFinite(text(node_name, ": the kernel made weights that are not finite; all are left as they were"));
    }
}

}  // namespace evsim
