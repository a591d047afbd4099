// The kernels of a dense layer; what happens in them is in dense_thread.h.
#include "dense_thread.h"

/// Sizes that the launching side needs.
extern "C" __global__ void evsim_describe(int* out) {
    using namespace evsim;
    out[0] = Thread::n_state;
    out[1] = Variables<Thread::Hot, real>::count;
    out[2] = Thread::n_memory;
    out[3] = static_cast<int>(sizeof(Thread::Gap));
    out[4] = static_cast<int>(sizeof(Thread::ExactGap));
    out[5] = Model::spikes;
    out[6] = Traces::visits_synapses;
    out[7] = holds<Model>;
    out[8] = static_cast<int>(sizeof(Thread::S));
    out[9] = SharedModel<Model>::in_memory ? static_cast<int>(sizeof(Model)) : 0;
    out[10] = Thread::start_memory;
}

/// A model that lies in memory.
extern "C" __global__ void evsim_build(const double* shared, void* room) {
    using namespace evsim;
    if constexpr (SharedModel<Model>::in_memory) {
        if (blockIdx.x == 0 && threadIdx.x == 0) new (Room{room}) Model(shared);
    }
}

/// Derived parameters, initial state and memory; whether a neuron fires for ever without input.
extern "C" __global__ void evsim_prepare(const void* shared, const double* neurons, int n_neurons,
                                         evsim::Thread::S* hot, evsim::Thread::S* state, double* memory,
                                         signed char* endless) {
    using namespace evsim;
    const int n = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (n >= n_neurons) return;
    const SharedModel<Model>::Type model = SharedModel<Model>::of(shared);
    const Model::Neuron neuron = Thread::neuron_at(neurons, n);
    const std::size_t stride = static_cast<std::size_t>(n_neurons);
    using S = Thread::S;
    Variables<Thread::Hot, S>::store(model.template hot<S>(neuron), hot + n, stride);
    Variables<Thread::Lane, S>::store(converted<Thread::Lane, S, double>(model.initial(neuron)), state + n, stride);
    Thread::store_initial_memory(model, neuron, memory + n, stride);
    endless[n] = model.endless(neuron) != Endless::never;
}

/// What all neurons share of the gaps before the events and after the last one.
extern "C" __global__ void evsim_gaps(const void* shared, const std::int64_t* offsets, const double* times,
                                      const double* last_events, double until, int n_samples, int blocks_per_sample,
                                      void* gaps, void* exact_gaps) {
    using namespace evsim;
    const auto [sample, k] = place(blocks_per_sample);
    if (sample >= n_samples || k > offsets[sample + 1] - offsets[sample]) return;
    const SharedModel<Model>::Type model = SharedModel<Model>::of(shared);
    const std::int64_t event = offsets[sample] + k;
    const double start = k > 0 ? times[event - 1] : last_events[sample];
    const bool is_last = event == offsets[sample + 1];
    const Thread::ExactGap gap = model.gap(is_last ? Thread::last_duration(start, until) : times[event] - start);
    static_cast<Thread::ExactGap*>(exact_gaps)[event + sample] = gap;
    static_cast<Thread::Gap*>(gaps)[event + sample] = converted<Thread::Gap, Thread::S, double>(gap);
}

/// The layer.
extern "C" __global__ void __launch_bounds__(128)
    evsim_dense(const void* shared, const double* neurons, const evsim::Thread::S* hot, int n_neurons, int n_inputs,
                int port, int n_samples, int blocks_per_sample, evsim::real* weights, std::int64_t weights_of_sample,
                const std::int64_t* offsets, const int* indices, const double* times, const void* gaps,
                const void* exact_gaps, const double* last_events, double emit_from, double until,
                int max_spikes_per_instant, int* spike_samples, int* spike_neurons, double* spike_times,
                unsigned long long capacity, void* status, double* failure_times, const evsim::Thread::S* state_before,
                evsim::Thread::S* state_after, const double* memory_before, double* memory_after, double* memory_at_end,
                const void* releases_before, void* releases_after, const double* rule_parameters, const double* rates,
                evsim::real* neuron_traces, evsim::real* synaptic_traces, double* last_outputs,
                const double* last_arrivals, const double* previous_arrivals, const std::int64_t* arrival_offsets,
                const std::int64_t* arrival_events) {
    using namespace evsim;
    const auto [sample, k] = place(blocks_per_sample);
    if (sample >= n_samples || k >= n_neurons) return;
    const auto n = static_cast<std::int32_t>(k);
    const Launch run{shared,
                     neurons,
                     hot,
                     n_neurons,
                     port,
                     weights,
                     weights_of_sample,
                     offsets,
                     indices,
                     times,
                     static_cast<const Thread::Gap*>(gaps),
                     static_cast<const Thread::ExactGap*>(exact_gaps),
                     last_events,
                     emit_from,
                     until,
                     max_spikes_per_instant,
                     spike_samples,
                     spike_neurons,
                     spike_times,
                     capacity,
                     static_cast<Status*>(status),
                     failure_times};
    const PlasticLaunch<real> plastic{
        rule_parameters, rates,         neuron_traces,     synaptic_traces, weights + sample * weights_of_sample,
        last_outputs,    last_arrivals, previous_arrivals, arrival_offsets, arrival_events,
        times,           n_inputs,      n_neurons};
    Thread thread(run, sample, n);
    Traces traces(plastic, thread.model, thread.neuron, sample, n);
    const std::size_t stride = static_cast<std::size_t>(n_neurons);
    const std::int64_t own = thread.place(Thread::n_state);
    const auto hot_values = Variables<Thread::Hot, Thread::S>::load(hot + n, stride);
    auto state = Variables<Thread::Lane, Thread::S>::load(state_before + own, stride);
    thread.load_memory(memory_before);
    thread.load_release(releases_before);
    state = thread.pass_events(state, hot_values, traces);
    if (thread.failed) return;
    Variables<Thread::Lane, Thread::S>::store(state, state_after + own, stride);
    thread.store_memory(memory_after);
    thread.store_release(releases_after);
    if (!finite<Thread::Lane, Thread::S>(state)) return thread.fail(run.status->not_finite, 0.0);
    thread.finish(state, hot_values, traces);
    thread.store_memory(memory_at_end);
    traces.store();
}
