// Recording of state variables in a dense layer.
#include "dense_thread.h"

/// A variable of chosen neurons, out[sample][time][chosen]. They run once more, unseen, from the state before the call.
extern "C" __global__ void evsim_record(const void* shared, const double* neurons, const evsim::Thread::S* hot,
                                        int n_neurons, int port, int n_samples, int blocks_per_sample,
                                        const evsim::real* weights, const std::int64_t* offsets, const int* indices,
                                        const double* times, const void* gaps, const void* exact_gaps,
                                        const double* last_events, const evsim::Thread::S* states, const void* releases,
                                        int max_spikes_per_instant, void* status, double* failure_times,
                                        const int* chosen, int n_chosen, const double* record_times, int n_times,
                                        int observable, double* out) {
    using namespace evsim;
    using NoRule = NoTraces<Model, real>;
    using Recorder = DenseThread<Model, real, NoRule>;
    const auto [sample, k] = place(blocks_per_sample);
    if (sample >= n_samples || k >= n_chosen) return;
    Launch run{};
    run.shared = shared;
    run.neurons = neurons;
    run.n_neurons = n_neurons;
    run.port = port;
    run.weights = weights;
    run.offsets = offsets;
    run.indices = indices;
    run.times = times;
    run.gaps = static_cast<const Recorder::Gap*>(gaps);
    run.exact_gaps = static_cast<const Recorder::ExactGap*>(exact_gaps);
    run.last_events = last_events;
    run.emit_from = infinity();
    run.max_spikes_per_instant = max_spikes_per_instant;
    run.status = static_cast<Status*>(status);
    run.failure_times = failure_times;
    Recorder thread(run, sample, chosen[k]);
    NoRule traces({}, thread.model, thread.neuron, sample, thread.n);
    const std::size_t stride = static_cast<std::size_t>(n_neurons);
    const auto hot_values = Variables<Recorder::Hot, Recorder::S>::load(hot + thread.n, stride);
    const auto state = Variables<Recorder::Lane, Recorder::S>::load(states + thread.place(Recorder::n_state), stride);
    thread.load_release(releases);
    thread.record(state, hot_values, record_times, n_times, observable,
                  out + static_cast<std::int64_t>(sample) * n_times * n_chosen + k, n_chosen, traces);
}
