// What a plasticity rule needs of a launch beside the neuron's own traces: when spikes arrived at every input.
#pragma once

#include <evsim/plasticity/neuron_traces.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// What all threads of a layer with callbacks share. Traces: [sample][trace][neuron] and
/// [sample][input][trace][neuron].
template <class T>
struct PlasticLaunch {
    const double* parameters;
    const double* rates;
    T* neuron_traces;
    T* synaptic_traces;
    T* weights;  ///< of the thread's sample
    double* last_outputs;
    const double* last_arrivals;          ///< [sample][input], before this call, or -infinity
    const double* previous_arrivals;      ///< per event, the arrival before it at the same input, or -infinity
    const std::int64_t* arrival_offsets;  ///< [sample][input]: which of `arrival_events` are at this input
    const std::int64_t* arrival_events;   ///< the events, by sample and input, then in order
    const double* times;                  ///< of the events
    std::int32_t n_inputs, n_neurons;
};

/// Layers without callbacks.
template <class Model, class T>
struct NoTraces {
    static constexpr bool active = false, visits_synapses = false;
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<typename Model::template Stored<T>>;
    EVSIM_FN NoTraces(const PlasticLaunch<T>&, const Model&, const typename Model::Neuron&, std::int32_t,
                      std::int32_t) {}
    template <class Thread>
    EVSIM_FN void on_input(std::int64_t, std::int32_t, const Thread&, const Lane&) {}
    EVSIM_FN void on_output(double, double, const Exact&, std::int64_t) {}
    EVSIM_FN void store() const {}
};

template <class Model, class T, class Rule>
struct RuleTraces {
    static constexpr bool active = true, visits_synapses = NeuronTraces<Model, T, Rule>::visits_synapses;
    using Exact = typename Model::template State<double>;
    using S = typename Model::template Stored<T>;
    using Lane = typename Model::template State<S>;

    const PlasticLaunch<T>& run;
    const std::int64_t first_input;  ///< of this sample
    NeuronTraces<Model, T, Rule> traces;

    EVSIM_FN RuleTraces(const PlasticLaunch<T>& run_, const Model& model, const typename Model::Neuron& neuron,
                        std::int32_t sample, std::int32_t n)
        : run(run_),
          first_input(static_cast<std::int64_t>(sample) * run_.n_inputs),
          traces(memory(run_, sample, n), model, neuron, n) {}

    EVSIM_FN static TraceMemory<T> memory(const PlasticLaunch<T>& run, std::int64_t sample, std::int32_t n) {
        const std::int64_t row = run.n_neurons;
        return {run.parameters,
                run.rates,
                run.neuron_traces + sample * Rule::n_neuron_traces * row + n,
                run.synaptic_traces + sample * run.n_inputs * Rule::n_synaptic_traces * row + n,
                run.weights + n,
                run.last_outputs + sample * row + n,
                row,
                run.n_inputs};
    }

    template <class Thread>
    EVSIM_FN void on_input(std::int64_t event, std::int32_t input, const Thread& thread, const Lane& state) {
        traces.on_input(input, run.times[event], thread.start_of(event), run.previous_arrivals[event],
                        converted<Exact, double, S>(state));
    }
    EVSIM_FN void on_output(double time, double start, const Exact& state, std::int64_t event) {
        traces.on_output(time, start, state, [&](std::int32_t input) { return last_arrival(input, event); });
    }
    EVSIM_FN void store() const { traces.store(); }

 private:
    /// Time of the last arrival at `input` before `event`.
    EVSIM_FN double last_arrival(std::int32_t input, std::int64_t event) const {
        const std::int64_t* const offsets = run.arrival_offsets + first_input + input;
        std::int64_t low = offsets[0], high = offsets[1];
        while (low < high) {
            const std::int64_t middle = low + (high - low) / 2;
            if (run.arrival_events[middle] < event)
                low = middle + 1;
            else
                high = middle;
        }
        return low > offsets[0] ? run.times[run.arrival_events[low - 1]] : run.last_arrivals[first_input + input];
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
