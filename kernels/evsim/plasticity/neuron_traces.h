// A plasticity rule on one neuron: which callback comes when, and how traces decay until then.
#pragma once

#include <evsim/callbacks.h>
#include <evsim/plasticity/decay.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Where the traces and weights of one neuron lie. Trace k of the synapse from `input` is
/// synaptic[(input * n_synaptic_traces + k) * stride], the weight of that synapse weights[input * stride].
template <class T>
struct TraceMemory {
    const double* parameters;
    const double* rates;  ///< inverse time constants of the neuron traces, then of the synaptic traces
    T* neuron;
    T* synaptic;
    T* weights;
    double* last_output;  ///< time of the neuron's last spike, or -infinity
    std::int64_t stride;
    std::int32_t n_inputs;
};

/// Traces decay when they are touched: a neuron's own at each of its events, those of a synapse when its input arrives
/// or its neuron fires.
template <class Model, class T, class Rule>
struct NeuronTraces {
    static constexpr int n_neuron = Rule::n_neuron_traces, n_synaptic = Rule::n_synaptic_traces;
    static constexpr int n_observables =
        static_cast<int>(sizeof(Model::observable_names) / sizeof(Model::observable_names[0]));
    static constexpr int n_context = n_observables > 2 ? n_observables : 2;  ///< v and i may be asked for
    /// Whether an output spike touches synapses.
    static constexpr bool visits_synapses = Rule::has_post_synapse && (n_synaptic > 0 || Rule::writes_weights);
    using Exact = typename Model::template State<double>;
    using Neuron = typename Model::Neuron;

    const TraceMemory<T> memory;
    const Model& model;
    const Neuron& neuron;
    const std::int32_t index;  ///< of the neuron
    const Rule rule;
    double last_output;
    T own[n_neuron + 1];  ///< the neuron's traces, as of its last event

    EVSIM_FN NeuronTraces(const TraceMemory<T>& memory_, const Model& model_, const Neuron& neuron_,
                          std::int32_t index_)
        : memory(memory_),
          model(model_),
          neuron(neuron_),
          index(index_),
          rule(memory_.parameters),
          last_output(*memory_.last_output) {
        for (int k = 0; k < n_neuron; ++k) own[k] = memory.neuron[k * memory.stride];
    }
    EVSIM_FN void store() const {
        for (int k = 0; k < n_neuron; ++k) memory.neuron[k * memory.stride] = own[k];
        *memory.last_output = last_output;
    }

    /// An input spike at `time` has been integrated: on_pre_synapse, then on_pre_neuron. `start` is the time of the
    /// layer's event before it, `arrival` that of the last spike at this input, or -infinity.
    EVSIM_FN void on_input(std::int32_t input, double time, double start, double arrival, const Exact& state) {
        double observables[n_context];
        if constexpr (Rule::uses_context) observe(state, observables);
        const Context context{time, index, input, observables};
        decay(own, n_neuron, memory.rates, time, last_output > start ? last_output : start);
        T of_synapse[n_synaptic + 1];
        load(of_synapse, input);
        decay(of_synapse, n_synaptic, memory.rates + n_neuron, time, last_touch(arrival));
        T& weight = memory.weights[input * memory.stride];
        const T integrated = weight;
        T learned = integrated;
        rule.on_pre_synapse(learned, own, of_synapse, context);
        rule.on_pre_neuron(integrated, own, context);
        if constexpr (Rule::writes_weights) weight = learned;
        store(of_synapse, input);
    }

    /// The neuron has fired: on_post_neuron, then on_post_synapse for every input. `state` is that after the reset,
    /// arrival_at(input) the time of the last spike at an input, or -infinity.
    template <class ArrivalAt>
    EVSIM_FN void on_output(double time, double start, const Exact& state, ArrivalAt arrival_at) {
        double observables[n_context];
        if constexpr (Rule::uses_context) observe(state, observables);
        Context context{time, index, -1, observables};
        decay(own, n_neuron, memory.rates, time, last_output > start ? last_output : start);
        rule.on_post_neuron(own, context);
        if constexpr (visits_synapses) {
            for (std::int32_t input = 0; input < memory.n_inputs; ++input) {
                T of_synapse[n_synaptic + 1];
                load(of_synapse, input);
                if constexpr (n_synaptic > 0)
                    decay(of_synapse, n_synaptic, memory.rates + n_neuron, time, last_touch(arrival_at(input)));
                T& weight = memory.weights[input * memory.stride];
                T learned = weight;
                context.input = input;
                rule.on_post_synapse(learned, own, of_synapse, context);
                if constexpr (Rule::writes_weights) weight = learned;
                store(of_synapse, input);
            }
        }
        last_output = time;
    }

 private:
    EVSIM_FN void observe(const Exact& state, double* out) const {
        for (int k = 0; k < n_context; ++k) out[k] = k < n_observables ? model.observe(state, neuron, k) : never();
    }
    EVSIM_FN double last_touch(double arrival) const {
        return visits_synapses && last_output > arrival ? last_output : arrival;
    }
    EVSIM_FN static void decay(T* traces, int n, const double* rates, double time, double since) {
        const double duration = since == -infinity() ? 0.0 : time - since;  // never touched: the trace is 0
        for (int k = 0; k < n; ++k) traces[k] = multiply_add(traces[k], trace_change<T>(duration, rates[k]), traces[k]);
    }
    EVSIM_FN void load(T* traces, std::int32_t input) const {
        for (int k = 0; k < n_synaptic; ++k)
            traces[k] = memory.synaptic[(static_cast<std::int64_t>(input) * n_synaptic + k) * memory.stride];
    }
    EVSIM_FN void store(const T* traces, std::int32_t input) const {
        for (int k = 0; k < n_synaptic; ++k)
            memory.synaptic[(static_cast<std::int64_t>(input) * n_synaptic + k) * memory.stride] = traces[k];
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
