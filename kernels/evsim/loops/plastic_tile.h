// A plasticity rule on a tile of neurons: which callback comes when, and how traces decay.
#pragma once

#include <algorithm>
#include <limits>

#include <evsim/callbacks.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/trace_blocks.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Some inputs. A std::vector would leave code of one instruction set where another may find it.
class InputList {
 public:
    explicit InputList(std::int32_t most) : inputs_(new std::int32_t[static_cast<std::size_t>(most)]) {}
    InputList(const InputList&) = delete;
    InputList& operator=(const InputList&) = delete;
    ~InputList() { delete[] inputs_; }

    std::size_t size() const { return size_; }
    const std::int32_t* data() const { return inputs_; }
    std::int32_t& operator[](std::size_t k) { return inputs_[k]; }
    std::int32_t back() const { return inputs_[size_ - 1]; }
    void push_back(std::int32_t input) { inputs_[size_++] = input; }
    void pop_back() { --size_; }

 private:
    std::int32_t* inputs_;
    std::size_t size_ = 0;
};

/// What its calls consist of is inlined, however many rules a unit has: a compiler gives up on large ones.
template <class T, class Rule>
struct PlasticTile {
    static constexpr int n_neuron = Rule::n_neuron_traces, n_synaptic = Rule::n_synaptic_traces;
    static constexpr int most = 64;  ///< neurons of a tile
    static constexpr bool visits_synapses = Rule::has_post_synapse && (n_synaptic > 0 || Rule::writes_weights);

    /// What all tiles share of an input event.
    struct Event {
        std::int32_t input;
        double time;
        T neuron_change[n_neuron + 1];      ///< over the gap before it
        T synaptic_change[n_synaptic + 1];  ///< since the last arrival at the same input
    };
    static void prepare(Event& out, double time, double duration, const double* rates, double& last_arrival) {
        out.time = time;
        for (int k = 0; k < n_neuron; ++k) out.neuron_change[k] = trace_change<T>(duration, rates[k]);
        const double since = last_arrival == TraceRun::unwritten ? 0.0 : time - last_arrival;
        for (int k = 0; k < n_synaptic; ++k) out.synaptic_change[k] = trace_change<T>(since, rates[n_neuron + k]);
        last_arrival = time;
    }

    const TileRun& run;
    const TraceRun& traces;
    const Rule rule;
    const int n_places;  ///< neurons of the tile
    const int count;     ///< without padding
    double latest_post;
    InputList written;    ///< inputs whose traces are in memory
    InputList unwritten;  ///< inputs whose traces are still 0
    InputList place;      ///< of each unwritten input in its list

    PlasticTile(const TileRun& run_, int n_places_)
        : run(run_),
          traces(*run_.traces),
          rule(traces.parameters),
          n_places(n_places_),
          count(std::min(n_places, run.n_neurons - run.first_neuron)),
          latest_post(*std::max_element(traces.post_times + run.first_neuron,
                                        traces.post_times + run.first_neuron + std::max(count, 1))),
          written(traces.n_inputs),
          unwritten(traces.n_inputs),
          place(traces.n_inputs) {
        for (std::int32_t input = 0; input < traces.n_inputs; ++input) {
            const bool is_unwritten = traces.arrivals[input] == TraceRun::unwritten;
            place.push_back(static_cast<std::int32_t>(unwritten.size()));
            (is_unwritten ? unwritten : written).push_back(input);
        }
    }

    T* neuron_traces(std::int32_t n) const { return static_cast<T*>(traces.neuron_traces) + n; }
    T* synaptic_traces(std::int32_t input, std::int32_t n) const {
        return static_cast<T*>(traces.synaptic_traces) +
               (static_cast<std::size_t>(input) * run.stride + static_cast<std::size_t>(n)) * n_synaptic;
    }
    T* weights(std::int32_t input, std::int32_t n) const {
        return static_cast<T*>(traces.weights) + static_cast<std::size_t>(input) * traces.weight_stride + n;
    }

    /// An input spike has been integrated: on_pre_synapse, then on_pre_neuron, for every neuron of the tile.
    [[gnu::flatten]] void on_input(const Event& event, double start, const double* observables, int n_observables) {
        const std::int32_t input = event.input;
        const double before = traces.arrivals[input];
        T* const row = synaptic_traces(input, run.first_neuron);
        if (before == TraceRun::unwritten) write_zeros(input);
        if (latest_post <= start && (!visits_synapses || latest_post <= before || before == TraceRun::unwritten)) {
            call_pre(
                event, input, row, observables, n_observables, [&](int k, int) { return event.neuron_change[k]; },
                [&](int k, int) { return event.synaptic_change[k]; });
        } else {
            T neuron_change[n_neuron + 1][most], synaptic_change[n_synaptic + 1][most];
            const double* const post = traces.post_times + run.first_neuron;
            fill_changes<n_neuron>(neuron_change, event.time, post, start, traces.rates);
            if constexpr (visits_synapses) {
                fill_changes<n_synaptic>(synaptic_change, event.time, post,
                                         before == TraceRun::unwritten ? event.time : before, traces.rates + n_neuron);
            }
            call_pre(
                event, input, row, observables, n_observables, [&](int k, int lane) { return neuron_change[k][lane]; },
                [&](int k, int lane) { return visits_synapses ? synaptic_change[k][lane] : event.synaptic_change[k]; });
        }
        traces.arrivals[input] = event.time;
    }

    /// A neuron has fired: on_post_neuron, then on_post_synapse for every input.
    [[gnu::flatten]] void on_output(std::int32_t n, double time, double start, const double* observables) {
        Context context{time, n, -1, observables};
        T of_neuron[n_neuron + 1];
        const double last_post = traces.post_times[n], since = std::max(last_post, start);
        for (int k = 0; k < n_neuron; ++k) {
            const T value = neuron_traces(n)[static_cast<std::size_t>(k) * run.stride];
            of_neuron[k] = multiply_add(value, trace_change<T>(time - since, traces.rates[k]), value);
        }
        rule.on_post_neuron(of_neuron, context);
        for (int k = 0; k < n_neuron; ++k) neuron_traces(n)[static_cast<std::size_t>(k) * run.stride] = of_neuron[k];
        if constexpr (visits_synapses) {
            const std::size_t n_written = written.size();
            call_post_unwritten(n, of_neuron, context);
            call_post_written(n, n_written, time, last_post, of_neuron, context);
        }
        traces.post_times[n] = time;
        latest_post = std::max(latest_post, time);
    }

 private:
    /// From now on the traces of the input are in memory.
    void write_zeros(std::int32_t input) {
        const std::int32_t last = unwritten.back(), at = place[static_cast<std::size_t>(input)];
        unwritten[static_cast<std::size_t>(at)] = last;
        place[static_cast<std::size_t>(last)] = at;
        unwritten.pop_back();
        written.push_back(input);
        std::fill_n(synaptic_traces(input, run.first_neuron), n_synaptic * n_places, T(0));
    }

    /// Decay up to `time` since each neuron's last spike, or since `floor` if that is later.
    template <int n>
    void fill_changes(T (&change)[n + 1][most], double time, const double* post, double floor,
                      const double* rates) const {
        double since[most] = {};
        for (int lane = 0; lane < count; ++lane) since[lane] = time - (post[lane] > floor ? post[lane] : floor);
        for (int k = 0; k < n; ++k) changes_over(change[k], since, static_cast<std::size_t>(count), rates[k]);
    }

    template <class NeuronChange, class SynapticChange>
    void call_pre(const Event& event, std::int32_t input, T* row, const double* observables, int n_observables,
                  NeuronChange neuron_change, SynapticChange synaptic_change) {
        T* const weight = weights(input, run.first_neuron);
        T* const own = neuron_traces(run.first_neuron);
        const std::size_t stride = run.stride;
        const int n_lanes = count;
        const Rule local = rule;
#pragma GCC ivdep
        for (int lane = 0; lane < n_lanes; ++lane) {
            const Context context{event.time, run.first_neuron + lane, input, observables + lane * n_observables};
            T of_neuron[n_neuron + 1], of_synapse[n_synaptic + 1];
            for (int k = 0; k < n_neuron; ++k) {
                const T value = own[static_cast<std::size_t>(k) * stride + static_cast<std::size_t>(lane)];
                of_neuron[k] = multiply_add(value, neuron_change(k, lane), value);
            }
            for (int k = 0; k < n_synaptic; ++k) {
                const T value = row[lane * n_synaptic + k];
                of_synapse[k] = multiply_add(value, synaptic_change(k, lane), value);
            }
            const T integrated = weight[lane];
            T learned = integrated;
            local.on_pre_synapse(learned, of_neuron, of_synapse, context);
            local.on_pre_neuron(integrated, of_neuron, context);
            if constexpr (Rule::writes_weights) weight[lane] = learned;
            for (int k = 0; k < n_neuron; ++k)
                own[static_cast<std::size_t>(k) * stride + static_cast<std::size_t>(lane)] = of_neuron[k];
            for (int k = 0; k < n_synaptic; ++k) row[lane * n_synaptic + k] = of_synapse[k];
        }
    }

    /// Inputs that no spike has come from: their traces are 0, and stay so for most rules, which then cost nothing
    /// here.
    void call_post_unwritten(std::int32_t n, const T* of_neuron, Context context) {
        const Rule local = rule;
        for (std::size_t u = unwritten.size(); u-- > 0;) {  // backwards: write_zeros puts the last one in its place
            const std::int32_t input = unwritten[u];
            T of_synapse[n_synaptic + 1] = {};
            T* const weight = weights(input, n);
            T learned = *weight;
            context.input = input;
            local.on_post_synapse(learned, of_neuron, of_synapse, context);
            bool changed = Rule::writes_weights && learned != *weight;
            for (int k = 0; k < n_synaptic; ++k) changed |= of_synapse[k] != T(0);
            if (!changed) continue;
            write_zeros(input);
            traces.arrivals[input] = TraceRun::zeroed;
            store_synapse(synaptic_traces(input, n), of_synapse);
            if constexpr (Rule::writes_weights) *weight = learned;
        }
    }

    /// The first `n_written` of the other inputs, a block at a time: first how much all have decayed, in SIMD.
    void call_post_written(std::int32_t n, std::size_t n_written, double time, double last_post, const T* of_neuron,
                           Context context) {
        constexpr std::size_t block = trace_block;
        T change[n_synaptic + 1][block];
        double since[block];
        const Rule local = rule;
        for (std::size_t first = 0; first < n_written; first += block) {
            const std::int32_t* const inputs = written.data() + first;
            const std::size_t n_rows = std::min(block, n_written - first);
            for (std::size_t r = 0; r < n_rows; ++r) {
                const double arrival = traces.arrivals[inputs[r]];
                since[r] = time - (arrival > last_post ? arrival : last_post);
            }
            block_changes<n_synaptic>(change, since, n_rows, traces.rates + n_neuron);
            for (std::size_t r = 0; r < n_rows; ++r) {
                T* const row = synaptic_traces(inputs[r], n);
                T* const weight = weights(inputs[r], n);
                T of_synapse[n_synaptic + 1];
                for (int k = 0; k < n_synaptic; ++k) {
                    const T value = row[k];
                    of_synapse[k] = multiply_add(value, change[k][r], value);
                }
                T learned = *weight;
                context.input = inputs[r];
                local.on_post_synapse(learned, of_neuron, of_synapse, context);
                if constexpr (Rule::writes_weights) *weight = learned;
                store_synapse(row, of_synapse);
            }
        }
    }

    void store_synapse(T* row, const T* of_synapse) const {
        for (int k = 0; k < n_synaptic; ++k) row[k] = of_synapse[k];
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
