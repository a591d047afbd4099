// A dense layer on a GPU: one thread for each (sample, neuron), past which all input events of the sample go.
//
// The unit defines EVSIM_MODEL, and EVSIM_RULE if there are callbacks, before it includes dense.cu or record.cu.
// Semantics and order are those of evsim/loops/dense.h. Layout: [sample][variable][neuron]; weights
// [input][neuron], so that the loads of a warp are contiguous; what all neurons share of an event is read by all
// threads at the same address.
#pragma once

#include <type_traits>

#include <evsim/loops/variables.h>
#include <evsim/neuron/model.h>
#include <evsim/neuron/readout.h>

#include "plasticity.h"

#if defined(__CUDACC__)
#define EVSIM_COLD __noinline__
#define EVSIM_HOT __device__ __forceinline__
#else
#define EVSIM_HOT inline
#define EVSIM_COLD __attribute__((noinline))
#endif

namespace evsim {
inline namespace EVSIM_ISA {

/// Memory in which an object begins its life, where there is no <new>.
struct Room {
    void* at;
};

}  // namespace EVSIM_ISA
}  // namespace evsim

EVSIM_FN void* operator new(std::size_t, evsim::Room room) noexcept { return room.at; }

namespace evsim {
inline namespace EVSIM_ISA {

using Count = unsigned long long;

/// What a launch reports.
struct Status {
    Count n_spikes;    ///< also of those that found no room
    Count runaway;     ///< first neuron that fired too often at one instant, as sample * n_neurons + neuron
    Count not_finite;  ///< first one whose state is not finite; ~0 for nobody in both
};

/// A model that is more than a few numbers lies in memory, where `evsim_build` puts it for all threads of a layer; of
/// others every thread makes its own of the shared parameters.
template <class Model>
struct SharedModel {
    static constexpr std::size_t most_bytes = 512;
    static constexpr bool in_memory = sizeof(Model) > most_bytes;
    using Type = std::conditional_t<in_memory, const Model&, const Model>;

    /// Of the parameters, or of what `evsim_build` has made of them.
    EVSIM_FN static Type of(const void* shared) {
        if constexpr (in_memory) {
            return *static_cast<const Model*>(shared);
        } else {
            return Model(static_cast<const double*>(shared));
        }
    }
};

/// What all threads of a layer share.
template <class Model, class T>
struct DenseLaunch {
    using S = typename Model::template Stored<T>;  ///< of states, beside weights of T

    const void* shared;     ///< parameters of the layer, or its model
    const double* neurons;  ///< parameters per neuron, [neuron][parameter]
    const S* hot;           ///< [variable][neuron]
    std::int64_t n_neurons;
    std::int32_t port;  ///< to which all inputs go
    const T* weights;
    std::int64_t weights_of_sample;  ///< from one sample's to the next, 0 if all have the same

    const std::int64_t* offsets;  ///< events of sample s: offsets[s] to offsets[s + 1]
    const std::int32_t* indices;
    const double* times;
    /// Gap before event e of sample s, at [e + s]; the last one of a sample leads from its last event to `until`.
    const typename Model::template Gap<S>* gaps;
    const typename Model::template Gap<double>* exact_gaps;
    const double* last_events;  ///< per sample, before the first event

    double emit_from, until;  ///< spikes before `emit_from` were reported by the last call
    std::int32_t max_spikes_per_instant;
    std::int32_t* spike_samples;
    std::int32_t* spike_neurons;
    double* spike_times;
    Count capacity;
    Status* status;
    double* failure_times;  ///< [sample][neuron]
};

template <class Model, class T, class Traces>
struct DenseThread {
    using Neuron = typename Model::Neuron;
    using S = typename Model::template Stored<T>;
    using Gap = typename Model::template Gap<S>;
    using ExactGap = typename Model::template Gap<double>;
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<S>;
    using Hot = typename Model::template Hot<S>;

    static constexpr int n_state = Variables<Lane, S>::count;
    static constexpr bool remembers = requires { Model::memory_names; };
    static constexpr int n_memory = [] {
        if constexpr (remembers)
            return static_cast<int>(sizeof(Model::memory_names) / sizeof(Model::memory_names[0]));
        else
            return 0;
    }();

    static constexpr int start_memory = [] {
        if constexpr (concludes<Model>)
            return Model::start_memory;
        else
            return -1;
    }();

    const DenseLaunch<Model, T>& run;
    const typename SharedModel<Model>::Type model;
    const std::int32_t sample, n;
    const Neuron neuron;
    Release release;             ///< of models that hold
    double first = -infinity();  ///< the first arrival that finds the neuron free
    double memory[n_memory + 1] = {};
    double emit_until = infinity();  ///< while events pass, their times decide what is simulated
    bool failed = false;

    EVSIM_FN DenseThread(const DenseLaunch<Model, T>& run_, std::int32_t sample_, std::int32_t n_)
        : run(run_),
          model(SharedModel<Model>::of(run_.shared)),
          sample(sample_),
          n(n_),
          neuron(neuron_at(run_.neurons, n_)) {}

    EVSIM_FN static Neuron neuron_at(const double* neurons, std::int32_t n) {
        Neuron neuron;
        std::memcpy(&neuron, neurons + static_cast<std::int64_t>(n) * (sizeof(Neuron) / sizeof(double)),
                    sizeof(Neuron));
        return neuron;
    }
    /// Place of variable 0 of this neuron among `count` variables of all samples.
    EVSIM_FN std::int64_t place(int count) const {
        return static_cast<std::int64_t>(sample) * count * run.n_neurons + n;
    }
    /// Whether the neuron is held at the beginning of a gap; `first` is then later than that.
    EVSIM_FN bool is_held() const { return holds<Model> && !(first == -infinity()); }
    EVSIM_FN void set_release(const Release& to) {
        release = to;
        if constexpr (holds<Model>) first = to.first_arrival(neuron.refractory);
    }
    EVSIM_FN Count number() const { return static_cast<Count>(sample) * static_cast<Count>(run.n_neurons) + n; }

    EVSIM_FN void fail(Count& first, double time) {
        failed = true;
        run.failure_times[number()] = time;
        atomicMin(&first, number());
    }
    EVSIM_FN void emit(double time) const {
        const Count k = atomicAdd(&run.status->n_spikes, Count{1});
        if (k >= run.capacity) return;
        run.spike_samples[k] = sample;
        run.spike_neurons[k] = n;
        run.spike_times[k] = time;
    }

    /// Moves `state` through a gap; whether it crossed. `event` is the one after the gap.
    EVSIM_FN bool advance_neuron(Exact& state, Traces& traces, std::int64_t event, const Interval& interval,
                                 const ExactGap& gap) {
        const double start = interval.start, end = start + interval.duration;
        double last_time = never(), last_elapsed = 0.0;
        std::int32_t at_this_instant = 0;
        const auto crossed_from = [&](double elapsed, double earliest) {
            double time = start + elapsed < end ? start + elapsed : end;
            if (time < earliest) time = earliest;
            if (elapsed < last_elapsed - 1e-9 * (end - start)) fail(run.status->runaway, time);
            last_elapsed = elapsed;
            if constexpr (remembers) model.remember(state, neuron, time, memory);
            if constexpr (Model::spikes) {
                if (time >= run.emit_from && time < emit_until) {
                    emit(time);
                    traces.on_output(time, start_of(event), state, event);
                }
            }
            at_this_instant = time == last_time ? at_this_instant + 1 : 1;
            last_time = time;
            if (at_this_instant > run.max_spikes_per_instant) fail(run.status->runaway, time);
            return !failed && time < emit_until;
        };
        struct Crossed {
            decltype(crossed_from)& fired;
            double emit_from;
            EVSIM_FN bool operator()(double elapsed) { return fired(elapsed, -infinity()); }
            /// As in loops/exact_path.h.
            EVSIM_FN bool at_release(double elapsed, double last_arrival) {
                return fired(elapsed, last_arrival >= emit_from ? emit_from : -infinity());
            }
        } crossed{crossed_from, run.emit_from};
        Release after = release;
        const int crossings = advance_on_clock(model, state, neuron, interval, gap, !any_jumps(model), after, crossed);
        set_release(after);
        return crossings > 0;
    }

    /// The state of a neuron that may cross in the gap before `event`, at the end of that gap.
    EVSIM_COLD EVSIM_FN Lane through_gap(Lane lane, const Hot& hot, Traces& traces, std::int64_t event) {
        const double start = start_of(event), end = run.times[event];
        const Interval interval{start, end, end - start};
        if (interval.duration ==
            0.0) {  // arrivals of one instant are applied together before the threshold is looked at
            Model::decay(lane, gap_for<Model>(hot, run.gaps[event + sample]));
            return lane;
        }
        Exact exact = converted<Exact, double, S>(lane);
        const bool crossed = advance_neuron(exact, traces, event, interval, run.exact_gaps[event + sample]);
        lane = converted<Lane, S, double>(exact);
        if (crossed) return lane;
        // Rounded to T, the potential may be at the threshold although the exact one stayed an ulp below: a crossing at
        // the end of the gap.
        exact = converted<Exact, double, S>(lane);
        if (!model.at_threshold(exact, neuron)) return lane;
        advance_neuron(exact, traces, event, interval.at_end(), model.gap(0.0));
        return converted<Lane, S, double>(exact);
    }

    /// What the loop over events reads, in registers.
    struct Events {
        const Gap* gaps;
        const std::int32_t* indices;
        const T* weights;  ///< of this neuron
        std::int64_t n_neurons;
        EVSIM_HOT const T* weight(std::int64_t event) const { return weights + indices[event] * n_neurons; }
    };
    EVSIM_FN Events events() const {
        return {run.gaps + sample, run.indices, run.weights + sample * run.weights_of_sample + n, run.n_neurons};
    }
    /// Time at which the gap before `event` begins.
    EVSIM_FN double start_of(std::int64_t event) const {
        return event > run.offsets[sample] ? run.times[event - 1] : run.last_events[sample];
    }

    /// One event and the gap before it. A callback in the gap may write the weight.
    EVSIM_HOT void step(const Events& events, Lane& state, const Hot& hot, Traces& traces, std::int64_t event,
                        const T* weight) {
        const Gap shared_gap = events.gaps[event];
        const auto& gap = gap_for<Model>(hot, shared_gap);
        if (is_held() ? flows_while_held(model) || first <= run.times[event] : Model::excess(state, hot, gap) > S(0)) {
            state = through_gap(state, hot, traces, event);
        } else {
            const Lane before = state;
            Model::decay(state, gap);
            if constexpr (holds<Model>) model.hold(is_held(), before, state);
        }
        const Lane before = state;
        const S arriving = *weight;
        if constexpr (holds<Model>) {
            Model::receive(state, heard(model, is_held(), arriving), run.port);
            model.hold(is_held(), before, state);
        } else {
            Model::receive(state, arriving, run.port);
        }
        if constexpr (concludes<Model>) {
            add_charge<T>(memory[Model::charge_memory], memory[Model::lost_memory], static_cast<double>(arriving));
        }
        traces.on_input(event, events.indices[event], *this, state);
    }

    /// All events of the sample. Weights that nobody writes are loaded a few events ahead, so that the loads overlap.
    EVSIM_FN Lane pass_events(Lane state, const Hot& hot, Traces& traces) {
        constexpr bool learns = Traces::active;
        constexpr int group = learns ? 1 : 8;
        const Events events = this->events();
        const std::int64_t last = run.offsets[sample + 1];
        std::int64_t event = run.offsets[sample];
        for (; event + group <= last && !failed; event += group) {
            T weight[group];
#pragma unroll
            for (int k = 0; k < group; ++k) weight[k] = learns ? T(0) : *events.weight(event + k);
#pragma unroll
            for (int k = 0; k < group; ++k) {
                if (!failed) {
                    step(events, state, hot, traces, event + k, learns ? events.weight(event + k) : weight + k);
                }
            }
        }
        for (; event < last && !failed; ++event) step(events, state, hot, traces, event, events.weight(event));
        return state;
    }

    /// From the last event to the end of the simulated time.
    EVSIM_COLD EVSIM_FN void finish(Lane lane, const Hot& hot, Traces& traces) {
        const std::int64_t event = run.offsets[sample + 1];
        if constexpr (concludes<Model>) {
            const double since = start_of(event);
            conclude_after(model, converted<Exact, double, S>(lane), neuron, last_duration(since, run.until),
                           run.exact_gaps[event + sample], run.until, memory);
        }
        if (!is_held() && !(Model::excess(lane, hot, gap_for<Model>(hot, run.gaps[event + sample])) > S(0))) return;
        const double start = start_of(event);
        emit_until = run.until;
        Exact exact = converted<Exact, double, S>(lane);
        const double duration = last_duration(start, run.until);
        advance_neuron(exact, traces, event, {start, run.until, duration}, run.exact_gaps[event + sample]);
        if (!failed && !finite<Exact, double>(exact)) fail(run.status->not_finite, start);
    }
    /// A little further than asked, because whether a spike lies before the end is decided by its time, and by nothing
    /// that rounds differently: the next call of a stream takes every spike from that time on.
    EVSIM_FN static double last_duration(double start, double until) {
        if constexpr (!Model::spikes) return until - start;
        const double end = std::fabs(until), begin = std::fabs(start);
        return until - start + 4.0 * std::numeric_limits<double>::epsilon() * (end > begin ? end : begin);
    }

    /// Variable `observable` at `count` ascending times from `start` on, if nothing arrives until then, to
    /// out[k * stride]. From crossing to crossing; what lies between two of them is computed from the first, so that
    /// rounding does not add up.
    EVSIM_COLD EVSIM_FN void observe(Lane lane, double start, const double* at, std::int64_t count,
                                     std::int32_t observable, double* out, std::int64_t stride) {
        Exact state = converted<Exact, double, S>(lane);
        double now = 0.0, last_time = never();
        std::int32_t at_this_instant = 0;
        Release held = release.from(start);
        for (std::int64_t k = 0; k < count;) {
            Exact next = state;
            Release next_held = held;
            double crossing = infinity();
            const double left = at[count - 1] - start - now;
            const Interval interval{now, at[count - 1] - start, left};
            advance_on_clock(model, next, neuron, interval, model.gap(left), true, next_held,
                             Unreported{[&](double elapsed) {
                                 crossing = now + elapsed;
                                 return false;
                             }});
            for (; k < count && at[k] - start < crossing; ++k) {
                Exact then = state;
                if (at[k] - start > now) flow_on_clock(model, then, neuron, now, at[k] - start - now, held);
                out[k * stride] = model.observe(then, neuron, observable);
            }
            if (k == count) return;
            const double time = start + crossing;
            at_this_instant = time == last_time ? at_this_instant + 1 : 1;
            if (at_this_instant > run.max_spikes_per_instant) return fail(run.status->runaway, time);
            last_time = time;
            state = next;
            held = next_held;
            now = crossing;
        }
    }

    /// All events of the sample, and the variable at all `count` times.
    EVSIM_FN void record(Lane state, const Hot& hot, const double* at, std::int64_t count, std::int32_t observable,
                         double* out, std::int64_t stride, Traces& traces) {
        const Events events = this->events();
        std::int64_t first = 0;
        for (std::int64_t event = run.offsets[sample]; !failed; ++event) {
            const bool is_end = event == run.offsets[sample + 1];
            std::int64_t last = first;
            while (last < count && (is_end || at[last] < run.times[event])) ++last;
            if (last > first)
                observe(state, start_of(event), at + first, last - first, observable, out + first * stride, stride);
            first = last;
            if (is_end || failed) return;
            step(events, state, hot, traces, event, events.weight(event));
        }
    }

    EVSIM_FN static void store_initial_memory(const Model& model, const Neuron& neuron, double* to,
                                              std::size_t stride) {
        if constexpr (remembers) {
            double values[n_memory];
            const Lane initial = converted<Lane, S, double>(model.initial(neuron));
            begin_memory(model, neuron, converted<Exact, double, S>(initial), values);
            for (int k = 0; k < n_memory; ++k) to[k * stride] = values[k];
        }
    }
    /// Releases of all samples, [sample][neuron].
    EVSIM_FN void load_release(const void* from) {
        if constexpr (holds<Model>) set_release(static_cast<const Release*>(from)[number()]);
    }
    EVSIM_FN void store_release(void* to) const {
        if constexpr (holds<Model>) static_cast<Release*>(to)[number()] = release;
    }
    EVSIM_FN void load_memory(const double* from) {
        for (int k = 0; k < n_memory; ++k) memory[k] = from[place(n_memory) + k * run.n_neurons];
    }
    EVSIM_FN void store_memory(double* to) const {
        for (int k = 0; k < n_memory; ++k) to[place(n_memory) + k * run.n_neurons] = memory[k];
    }
};

using Model = WithGap<EVSIM_MODEL>;
#if defined(EVSIM_RULE)
using Traces = RuleTraces<Model, real, EVSIM_RULE>;
#else
using Traces = NoTraces<Model, real>;
#endif
using Launch = DenseLaunch<Model, real>;
using Thread = DenseThread<Model, real, Traces>;

/// Number of this thread, where one block has threads of one sample only.
struct Place {
    std::int32_t sample;
    std::int64_t k;
};
EVSIM_FN Place place(std::int32_t blocks_per_sample) {
    const auto block = static_cast<std::int64_t>(blockIdx.x);
    return {static_cast<std::int32_t>(block / blocks_per_sample),
            block % blocks_per_sample * static_cast<std::int64_t>(blockDim.x) + threadIdx.x};
}

}  // namespace EVSIM_ISA
}  // namespace evsim
