// Included after a source written for EvSpikeSim: its callbacks under evsim's names. The numbers of traces are known
// only when its functions run, so a first compilation asks them (EVSIM_TRACE_COUNTS) and the second one is told.
#pragma once

#if !defined(__CUDACC__)
#include <stdexcept>
#endif

#include <evspikesim/Layers/EligibilityTraces.h>

#if defined(EVSIM_TRACE_COUNTS)

/// -1 if the source throws.
extern "C" __attribute__((visibility("default"))) int evsim_trace_count(int synaptic) {
    try {
        return static_cast<int>(synaptic ? EvSpikeSim::synaptic_traces_tau(1.0f, 2.0f).size()
                                         : EvSpikeSim::neuron_traces_tau(2.0f).size());
    } catch (...) {
        return -1;
    }
}

#else

#if defined(__CUDACC__)
static_assert(EVSIM_N_NEURON_TRACES <= EvSpikeSim::vector<float>::capacity &&
                  EVSIM_N_SYNAPTIC_TRACES <= EvSpikeSim::vector<float>::capacity,
              "kernels written for EvSpikeSim may have at most 16 traces of each kind on a GPU");
#endif
static_assert(evsim::same_type<evsim::real, float>,
              "kernels written for EvSpikeSim compute in float; use dtype='float32', or write evsim::real");

template <int n>
evsim::TimeConstants<n> evsim_time_constants(const EvSpikeSim::vector<float>& from) {
    evsim::TimeConstants<n> out{};
#if !defined(__CUDACC__)
    if (from.size() != std::size_t{n})
        throw std::length_error("the number of traces depends on the time constants of the neurons");
#endif
    for (int k = 0; k < n; ++k) out.values[k] = static_cast<double>(from[k]);
    return out;
}
inline auto synaptic_traces_tau(double tau_s, double tau) {
    return evsim_time_constants<EVSIM_N_SYNAPTIC_TRACES>(
        EvSpikeSim::synaptic_traces_tau(static_cast<float>(tau_s), static_cast<float>(tau)));
}
inline auto neuron_traces_tau(double tau) {
    return evsim_time_constants<EVSIM_N_NEURON_TRACES>(EvSpikeSim::neuron_traces_tau(static_cast<float>(tau)));
}
inline void on_pre_neuron(float weight, float* neuron_traces) { EvSpikeSim::on_pre_neuron(weight, neuron_traces); }
inline void on_pre_synapse(float weight, const float* neuron_traces, float* synaptic_traces) {
    EvSpikeSim::on_pre_synapse(weight, neuron_traces, synaptic_traces);
}
inline void on_post_neuron(float* neuron_traces) { EvSpikeSim::on_post_neuron(neuron_traces); }
inline void on_post_synapse(float weight, const float* neuron_traces, float* synaptic_traces) {
    EvSpikeSim::on_post_synapse(weight, neuron_traces, synaptic_traces);
}

#endif
