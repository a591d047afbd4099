#include "synapse_traces.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace evsim {

namespace {

/// body(T{}) with the type of the traces.
template <class Body>
void with_traces_of(const SynapseTraces& traces, Body&& body) {
    if (traces.rule->kernel().weight_bytes == 4)
        body(float{});
    else
        body(double{});
}

}  // namespace

SynapseTraces first_traces(const Incoming& incoming, std::shared_ptr<const Plasticity> rule, double time,
                           const std::shared_ptr<BufferPool>& pool) {
    const RuleKernel& kernel = rule->kernel();
    const auto bytes = static_cast<std::size_t>(kernel.weight_bytes);
    const auto n_neurons = static_cast<std::size_t>(incoming.n_neurons());
    const auto n_neuron = static_cast<std::size_t>(kernel.n_neuron_traces),
               n_synaptic = static_cast<std::size_t>(kernel.n_synaptic_traces);
    SynapseTraces traces;
    traces.rule = std::move(rule);
    traces.neuron = AlignedBuffer(n_neurons * n_neuron * bytes, "neuron traces");
    if (n_synaptic > 0) {
        const std::size_t size = incoming.n_synapses() * n_synaptic * bytes;
        traces.synaptic = PooledBuffer(pool, size, "synaptic traces");
        std::fill_n(traces.synaptic.data(), size, std::byte{0});
        traces.arrivals.assign(incoming.n_synapses(), time);
    }
    traces.heard.assign(n_neurons, time);
    traces.post_times.assign(n_neurons, -std::numeric_limits<double>::infinity());
    return traces;
}

Traces settled(const Incoming& incoming, const SynapseTraces& traces) {
    const RuleKernel& kernel = traces.rule->kernel();
    const auto n_neurons = static_cast<std::size_t>(incoming.n_neurons());
    const auto n_neuron = static_cast<std::size_t>(kernel.n_neuron_traces),
               n_synaptic = static_cast<std::size_t>(kernel.n_synaptic_traces);
    const double* const rates = traces.rule->rates().data() + n_neuron;
    Traces out;
    out.neuron.resize(n_neurons * n_neuron);
    out.synaptic.resize(incoming.n_synapses() * n_synaptic);
    with_traces_of(traces, [&](auto type) {
        using T = decltype(type);
        const T* const neuron = reinterpret_cast<const T*>(traces.neuron.data());
        std::copy_n(neuron, out.neuron.size(), out.neuron.begin());
        if (n_synaptic == 0) return;
        std::vector<double> by_place(incoming.n_synapses() * n_synaptic);
        const T* const synaptic = reinterpret_cast<const T*>(traces.synaptic.data());
        for (std::int32_t n = 0; n < incoming.n_neurons(); ++n) {
            const double post = traces.post_times[static_cast<std::size_t>(n)],
                         heard = traces.heard[static_cast<std::size_t>(n)];
            for (std::size_t place = incoming.first(n); place < incoming.first(n + 1); ++place) {
                const double arrival = traces.arrivals[place];
                const double since = heard - (kernel.visits_synapses ? std::max(arrival, post) : arrival);
                for (std::size_t k = place * n_synaptic; k < (place + 1) * n_synaptic; ++k)
                    by_place[k] = static_cast<double>(synaptic[k]) * std::exp(-since * rates[k % n_synaptic]);
            }
        }
        for (std::size_t k = 0; k < incoming.n_synapses(); ++k)
            std::copy_n(&by_place[incoming.place(k) * n_synaptic], n_synaptic, &out.synaptic[k * n_synaptic]);
    });
    return out;
}

void assign(const Incoming& incoming, const Traces& values, SynapseTraces& traces) {
    const auto n_synaptic = static_cast<std::size_t>(traces.rule->kernel().n_synaptic_traces);
    with_traces_of(traces, [&](auto type) {
        using T = decltype(type);
        const auto rounded = [](double value) { return static_cast<T>(value); };
        std::transform(values.neuron.begin(), values.neuron.end(), reinterpret_cast<T*>(traces.neuron.data()), rounded);
        if (values.synaptic.empty()) return;
        T* const synaptic = reinterpret_cast<T*>(traces.synaptic.data());
        for (std::size_t k = 0; k < incoming.n_synapses(); ++k) {
            const double* const from = &values.synaptic[k * n_synaptic];
            std::transform(from, from + n_synaptic, synaptic + incoming.place(k) * n_synaptic, rounded);
        }
        for (std::int32_t n = 0; n < incoming.n_neurons(); ++n) {
            std::fill(traces.arrivals.begin() + static_cast<std::ptrdiff_t>(incoming.first(n)),
                      traces.arrivals.begin() + static_cast<std::ptrdiff_t>(incoming.first(n + 1)),
                      traces.heard[static_cast<std::size_t>(n)]);
        }
    });
}

}  // namespace evsim
