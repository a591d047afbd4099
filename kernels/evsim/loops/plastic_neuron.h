// A plasticity rule on one neuron that goes by a clock of its own: which callback comes when, and how traces decay. The
// order of calls is that of plastic_tile.h.
#pragma once

#include <algorithm>
#include <limits>

#include <evsim/callbacks.h>

#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/trace_blocks.h>

namespace evsim {
inline namespace EVSIM_ISA {

template <class T, class Rule>
struct PlasticNeuron {
    static constexpr int n_neuron = Rule::n_neuron_traces, n_synaptic = Rule::n_synaptic_traces;
    static constexpr bool visits_synapses = Rule::has_post_synapse && (n_synaptic > 0 || Rule::writes_weights);

    const SynapseRun& run;
    const Rule& rule;
    const std::int32_t neuron;
    T* const own;  ///< traces of the neuron

    PlasticNeuron(const SynapseRun& run_, std::int32_t neuron_)
        : run(run_),
          rule(*static_cast<const Rule*>(run_.prepared)),
          neuron(neuron_),
          own(static_cast<T*>(run_.neuron_traces) + static_cast<std::size_t>(neuron_) * n_neuron) {}

    T& weight(std::uint32_t synapse) const { return static_cast<T*>(run.weights)[run.weight_of(synapse)]; }
    T* traces(std::uint32_t synapse) const {
        return static_cast<T*>(run.synaptic_traces) + static_cast<std::size_t>(synapse) * n_synaptic;
    }

    /// What is about to arrive brings.
    T deliver(std::uint32_t synapse, double time, const double* observables) const
        requires Rule::has_delivery
    {
        hear(time);
        T* const of_synapse = touch(synapse, time);
        const Context context{time, neuron, run.input_of(synapse, neuron), observables};
        return rule.on_delivery(weight(synapse), own, of_synapse, context);
    }

    /// An arrival has been integrated: on_pre_synapse, then on_pre_neuron.
    void on_arrival(std::uint32_t synapse, double time, T integrated, const double* observables) const {
        hear(time);
        T* const of_synapse = touch(synapse, time);
        const Context context{time, neuron, run.input_of(synapse, neuron), observables};
        T learned = weight(synapse);
        rule.on_pre_synapse(learned, own, of_synapse, context);
        rule.on_pre_neuron(integrated, own, context);
        if constexpr (Rule::writes_weights) weight(synapse) = learned;
    }

    /// The neuron has fired: on_post_neuron, then on_post_synapse for every synapse.
    [[gnu::flatten]] void on_spike(double time, const double* observables) const {
        hear(time);
        rule.on_post_neuron(own, Context{time, neuron, -1, observables});
        if constexpr (visits_synapses) {
            const std::uint32_t first = run.first(neuron), n = run.first(neuron + 1) - first;
            for (std::uint32_t done = 0; done < n; done += trace_block)
                call_post(first + done, std::min<std::size_t>(trace_block, n - done), time, observables);
        }
        run.post_times[neuron] = time;
    }

 private:
    /// From now on the neuron's traces are as of `time`.
    void hear(double time) const {
        const double since = time - run.heard[neuron];
        for (int k = 0; k < n_neuron; ++k) own[k] = multiply_add(own[k], trace_change<T>(since, run.rates[k]), own[k]);
        run.heard[neuron] = time;
    }

    double last_touch(std::uint32_t synapse) const {
        const double arrival = run.arrivals[synapse];
        return visits_synapses ? std::max(arrival, run.post_times[neuron]) : arrival;
    }

    /// From now on the traces of the synapse are as of `time`.
    T* touch(std::uint32_t synapse, double time) const {
        T* const of_synapse = traces(synapse);
        if constexpr (n_synaptic > 0) {
            const double since = time - last_touch(synapse);
            for (int k = 0; k < n_synaptic; ++k)
                of_synapse[k] =
                    multiply_add(of_synapse[k], trace_change<T>(since, run.rates[n_neuron + k]), of_synapse[k]);
            run.arrivals[synapse] = time;
        }
        return of_synapse;
    }

    /// on_post_synapse for `n` synapses from `first` on.
    void call_post(std::uint32_t first, std::size_t n, double time, const double* observables) const {
        T change[n_synaptic + 1][trace_block];
        if constexpr (n_synaptic > 0) {
            double since[trace_block];
            const double post = run.post_times[neuron];
            const double* const arrivals = run.arrivals + first;
            for (std::size_t r = 0; r < n; ++r) since[r] = time - (arrivals[r] > post ? arrivals[r] : post);
            block_changes<n_synaptic>(change, since, n, run.rates + n_neuron);
        }
        // A neuron has each tap once, so those of a block are read before any of them is written.
        const std::uint32_t* const taps = run.taps ? run.taps + first : nullptr;
        T of_taps[trace_block];
        if (taps) {
            for (std::size_t r = 0; r < n; ++r) of_taps[r] = static_cast<const T*>(run.weights)[taps[r]];
        }
        T* const weights = taps ? of_taps : &weight(first);
        T* const rows = traces(first);
        const std::int32_t* const inputs = run.inputs ? run.inputs + first : nullptr;
        const std::int32_t first_input = run.input_of(first, neuron);
        T of_neuron[n_neuron + 1];
        std::copy_n(own, n_neuron, of_neuron);
        const Rule local = rule;
#pragma GCC ivdep
        for (std::size_t r = 0; r < n; ++r) {
            const std::int32_t input = inputs ? inputs[r] : first_input + static_cast<std::int32_t>(r);
            const Context context{time, neuron, input, observables};
            T of_synapse[n_synaptic + 1];
            for (int k = 0; k < n_synaptic; ++k) {
                const T value = rows[r * n_synaptic + static_cast<std::size_t>(k)];
                of_synapse[k] = multiply_add(value, change[k][r], value);
            }
            T learned = weights[r];
            local.on_post_synapse(learned, of_neuron, of_synapse, context);
            if constexpr (Rule::writes_weights) weights[r] = learned;
            for (int k = 0; k < n_synaptic; ++k) rows[r * n_synaptic + static_cast<std::size_t>(k)] = of_synapse[k];
        }
        if (Rule::writes_weights && taps) {
            for (std::size_t r = 0; r < n; ++r) static_cast<T*>(run.weights)[taps[r]] = of_taps[r];
        }
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
