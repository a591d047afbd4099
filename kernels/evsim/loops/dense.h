// The dense engine's inner loop over any neuron model: a tile of neurons in registers, all input events past it.
#pragma once

#include <bit>
#include <cstring>
#include <exception>
#include <iterator>
#include <type_traits>

#include <evsim/neuron/advance.h>
#include <evsim/neuron/readout.h>

#include <evsim/loops/exact_path.h>
#include <evsim/loops/held_lanes.h>
#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/rule_calls.h>
#include <evsim/loops/usual_path.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// To which port an event goes; takes no room where there is one.
template <class Model, bool some = (Model::n_ports > 1)>
struct EventPort {
    explicit EventPort(std::int32_t = 0) {}
    constexpr std::int32_t operator()() const { return 0; }
};
template <class Model>
struct EventPort<Model, true> {
    std::int32_t number = 0;
    std::int32_t operator()() const { return number; }
};

template <class Model, class T>
struct DenseKernel {
    using S = typename Model::template Stored<T>;  ///< of states, beside weights of T
    using V = Vector<S>;
    using Neuron = typename Model::Neuron;
    using Gap = typename Model::template Gap<S>;
    using ExactGap = typename Model::template Gap<double>;
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<S>;
    using Wide = typename Model::template State<V>;
    using HotWide = typename Model::template Hot<V>;
    using HotLane = typename Model::template Hot<S>;

    static constexpr int width = lanes<S>;
    static constexpr int n_state = Variables<Lane, S>::count;
    using Rule = RuleCalls<Model, T>;

    static Neuron neuron_at(const double* neurons, std::int32_t n) {
        return ModelFacts<Model, T>::neuron_at(neurons, n);
    }
    /// An input event, and the gap before it. One record, because the exact path then finds in its cache line all it
    /// needs.
    struct Event {
        Gap gap;
        const char* row;  ///< of its weights
        double start, time;
        ExactGap exact_gap;
        [[no_unique_address]] EventPort<Model> port;

        Interval interval() const { return {start, time, time - start}; }
    };
    static const Event* events_of(const TileRun& run) { return static_cast<const Event*>(run.events); }
    static auto start_of(const TileRun& run) {
        return [events = events_of(run)](std::int64_t event) { return events[event].start; };
    }
    static const T* row(const TileRun& run, const Event& event) {
        return reinterpret_cast<const T*>(event.row) + run.first_neuron;
    }
    static Release release_of(const TileRun& run, std::int32_t n) {
        if constexpr (holds<Model>) return static_cast<const Release*>(run.releases)[n];
        return {};
    }
    static V load_vector(const T* from) { return converted_vector<V>(from); }

    /// Weights a few events ahead: rows come in the order of the spikes, which the hardware cannot guess.
    static constexpr std::int64_t prefetch_distance = 8;
    template <int N>
    static void prefetch(const T* weights) {
        for (int k = 0; k < N * width * static_cast<int>(sizeof(T)); k += 64)
            __builtin_prefetch(reinterpret_cast<const char*>(weights) + k);
    }

    /// A gap as the vectors of a tile take it: shared, or each by its own time constants.
    template <int N>
    struct TileGap {
        using Own = std::remove_cvref_t<decltype(gap_for<Model>(std::declval<HotWide>(), std::declval<Gap>()))>;
        static constexpr bool is_shared = std::is_same_v<Own, Gap>;
        Own of[is_shared ? 1 : N];

        TileGap(const HotWide (&hot)[N], const Gap& gap) {
#pragma GCC unroll 4
            for (int k = 0; k < (is_shared ? 1 : N); ++k) of[k] = gap_for<Model>(hot[k], gap);
        }
        const Own& operator[](int k) const { return of[is_shared ? 0 : k]; }
    };

    /// Moves one neuron through `interval`, in the gap before `event`, which began at `gap_start`; true if it crossed.
    static bool advance_neuron(const TileRun& run, const Model& model, Rule& rule, Exact& state, Release& release,
                               std::int32_t n, const Neuron& neuron, std::int64_t event, double gap_start,
                               const Interval& interval, const ExactGap& gap, TileResult& result) {
        const NeuronPlace place{n, static_cast<std::size_t>(n), n >= run.n_neurons};
        const auto on_spike = [&](double time) {
            if (!rule) return;
            rule.on_inputs(event, start_of(run));
            rule.on_output(n, time, gap_start, state);
        };
        Crossings<Model, TileRun, decltype(on_spike)> crossings{
            run,    model,   state, neuron, place, event, interval.start, interval.start + interval.duration,
            result, on_spike};
        // Where an event moves the potential itself, it comes first at its time; elsewhere the potential has already
        // arrived.
        return advance_on_clock(model, state, neuron, interval, gap, !any_jumps(model), release, crossings) > 0;
    }

    /// A tile in whose gap some neurons may fire.
    struct ExactStep {
        static constexpr std::size_t stride = 4 * width;  ///< of the largest tile
        std::uint64_t flagged;                            ///< one bit for every neuron that may
        alignas(V) S before[n_state * stride];            ///< state at the beginning of the gap
        int n_moved;
        std::int32_t moved[stride];  ///< those neurons of the tile, and
        Lane after[stride];          ///< their state at the end of the gap
        TileResult result;
    };

    /// Moves the flagged neurons through the gap before `event`. In one piece: calls and states handed through memory
    /// cost as much as the mathematics.
    [[gnu::noinline, gnu::flatten]] static void advance_flagged(const TileRun& run, const Model& model, Rule& rule,
                                                                std::int64_t event, ExactStep& step) {
        const Interval interval = events_of(run)[event].interval();
        const ExactGap& gap = events_of(run)[event].exact_gap;
        step.n_moved = 0;
        step.result = {TileStatus::ok, 0, 0.0};
        if (interval.duration == 0.0)
            return;  // arrivals of one instant are applied together before the threshold is looked at
        for (std::uint64_t flagged = step.flagged; flagged != 0; flagged &= flagged - 1) {
            const int lane = std::countr_zero(flagged);
            const std::int32_t n = run.first_neuron + lane;
            const Lane before = Variables<Lane, S>::load(step.before + lane, step.stride);
            const Neuron neuron = neuron_at(run.neurons, n);
            Release release = release_of(run, n);
            const Lane after = advance_rounded<Model, S>(model, neuron, before, [&](Exact& exact, bool whole) {
                return whole ? advance_neuron(run, model, rule, exact, release, n, neuron, event, interval.start,
                                              interval, gap, step.result)
                             : advance_neuron(run, model, rule, exact, release, n, neuron, event, interval.start,
                                              interval.at_end(), model.gap(0.0), step.result);
            });
            if constexpr (holds<Model>) static_cast<Release*>(run.releases)[n] = release;
            step.moved[step.n_moved] = lane;
            step.after[step.n_moved++] = after;
            if (step.result.status != TileStatus::ok) return;
        }
    }

    /// Writes the state of the neurons that took the exact path over the decayed state of the tile.
    template <int N>
    static void replace_moved(const ExactStep& step, Wide (&state)[N]) {
        if constexpr (n_state > 16) {  // too large for registers: through memory
            alignas(V) S values[n_state * ExactStep::stride];
            for (int k = 0; k < N; ++k) Variables<Wide, V>::store(state[k], values + k * width, step.stride);
            for (int f = 0; f < step.n_moved; ++f)
                Variables<Lane, S>::store(step.after[f], values + step.moved[f], step.stride);
            for (int k = 0; k < N; ++k) state[k] = Variables<Wide, V>::load(values + k * width, step.stride);
            return;
        }
        for (int f = 0; f < step.n_moved; ++f) {
            const Wide after = broadcast_state<Wide, V, Lane, S>(step.after[f]);
#pragma GCC unroll 4
            for (int k = 0; k < N; ++k) {
                const auto here = lane_numbers<S>() == step.moved[f] - k * width;
                state[k] = select_state<V>(here, after, state[k]);
            }
        }
    }

    template <int N>
    static TileResult run_tile(const TileRun& run) {
        const Model model(run.shared);
        Rule rule(run, model);
        HeldLanes<Model, S, N> held(run, model,
                                    run.first_event < run.last_event ? events_of(run)[run.first_event].start : 0.0);
        for (std::int64_t first = run.first_event; first < run.last_event;) {
            const std::int64_t last = rule.next_stop(first, run.last_event);
            const std::size_t n_spikes = run.emissions->size;
            const TileResult result = pass_events<N>(run, model, rule, held, first, last);
            settle<Event>(run, model, n_spikes);
            if (result.status != TileStatus::ok) return result;
            if constexpr (concludes<Model>) collect<N>(run, first, last);
            if (rule) rule.on_inputs(last, start_of(run));
            first = last;
        }
        return check_finite(run, N);
    }

    /// The events [first, last). No call lies on the common way, so that all of the tile stays in registers.
    template <int N>
    static TileResult pass_events(const TileRun& run, const Model& model, Rule& rule,
                                  HeldLanes<Model, S, N>& held_lanes, std::int64_t first, std::int64_t last) {
        S* const layer_state = static_cast<S*>(run.state) + run.first_neuron;
        const S* const hot_base = static_cast<const S*>(run.hot) + run.first_neuron;
        const Event* const events = events_of(run);
        HeldLanes<Model, S, N> held = held_lanes;
        [[maybe_unused]] const bool no_rule = !rule;

        Wide state[N];
        HotWide hot[N];
#pragma GCC unroll 4
        for (int k = 0; k < N; ++k) {
            state[k] = Variables<Wide, V>::load(layer_state + k * width, run.stride);
            hot[k] = Variables<HotWide, V>::load(hot_base + k * width, run.stride);
        }
        for (std::int64_t event = first; event < last; ++event) {
            const TileGap<N> gap(hot, events[event].gap);
            const T* weights = row(run, events[event]);
            if (event + prefetch_distance < run.n_events) prefetch<N>(row(run, events[event + prefetch_distance]));
            // Held neurons are left out only where somebody may fire: that is rare, and costs nothing elsewhere.
            V worst = Model::excess(state[0], hot[0], gap[0]);
#pragma GCC unroll 4
            for (int k = 1; k < N; ++k) worst = larger(worst, Model::excess(state[k], hot[k], gap[k]));
            if (positive_lanes(worst) != 0 || held.any_released(events[event].time)) [[unlikely]] {
                std::uint64_t flagged = 0;
#pragma GCC unroll 4
                for (int k = 0; k < N; ++k)
                    flagged |= std::uint64_t{positive_lanes(Model::excess(state[k], hot[k], gap[k]))} << (k * width);
                flagged = (flagged & held.free()) | held.released(events[event].time);
                Wide next[N];  // at the end of the gap
#pragma GCC unroll 4
                for (int k = 0; k < N; ++k) {
                    next[k] = state[k];
                    Model::decay(next[k], gap[k]);
                    held.hold(k, state[k], next[k]);
                }
                std::uint64_t exact = flagged;
                if constexpr (HasUsualPath<Model>) {
                    if (no_rule) exact = pass_usual<Model, S, N, Event>(run, model, event, flagged, state, next);
                }
                if (exact != 0) {
                    ExactStep step;
                    step.flagged = exact;
#pragma GCC unroll 4
                    for (int k = 0; k < N; ++k)
                        Variables<Wide, V>::store(state[k], step.before + k * width, step.stride);
                    advance_flagged(run, model, rule, event, step);
                    if (step.result.status != TileStatus::ok) return step.result;
                    replace_moved<N>(step, next);
                }
                if (!holds<Model> || flagged != 0) held.update(run, flagged, events[event].time);
#pragma GCC unroll 4
                for (int k = 0; k < N; ++k) {
                    state[k] = next[k];
                    Model::receive(state[k], held.heard(k, load_vector(weights + k * width)), events[event].port());
                    held.hold(k, next[k], state[k]);
                }
                continue;
            }
#pragma GCC unroll 4
            for (int k = 0; k < N; ++k) {
                const Wide before = state[k];
                Model::decay(state[k], gap[k]);
                Model::receive(state[k], held.heard(k, load_vector(weights + k * width)), events[event].port());
                held.hold(k, before, state[k]);
            }
        }
#pragma GCC unroll 4
        for (int k = 0; k < N; ++k) Variables<Wide, V>::store(state[k], layer_state + k * width, run.stride);
        held_lanes = held;
        return {TileStatus::ok, 0, 0.0};
    }

    /// Adds up what the events [first, last) have brought.
    template <int N>
    [[gnu::noinline]] static void collect(const TileRun& run, std::int64_t first, std::int64_t last) {
        using Sum = Vector<double>;
        constexpr int n_sums = N * width / lanes<double>;
        double* const charges = run.memory + Model::charge_memory * run.stride + run.first_neuron;
        double* const losses = run.memory + Model::lost_memory * run.stride + run.first_neuron;
        Sum sums[n_sums], lost[n_sums];
        std::memcpy(sums, charges, sizeof(sums));
        std::memcpy(lost, losses, sizeof(lost));
        for (std::int64_t event = first; event < last; ++event) {
            const T* const weights = row(run, events_of(run)[event]);
#pragma GCC unroll 8
            for (int k = 0; k < n_sums; ++k)
                add_charge<T>(sums[k], lost[k], converted_vector<Sum>(weights + k * lanes<double>));
        }
        std::memcpy(charges, sums, sizeof(sums));
        std::memcpy(losses, lost, sizeof(lost));
    }

    static TileResult check_finite(const TileRun& run, int n_vectors) {
        const S* state = static_cast<const S*>(run.state);
        const std::int32_t last = run.first_neuron + n_vectors * width;
        for (std::int32_t n = run.first_neuron; n < last && n < run.n_neurons; ++n) {
            if (!finite<Lane, S>(Variables<Lane, S>::load(state + n, run.stride))) {
                return {TileStatus::not_finite, n, 0.0};
            }
        }
        return {TileStatus::ok, 0, 0.0};
    }

    static TileResult run(const TileRun& run) {
        return guarded(run.message, TileRun::message_bytes, [&] {
            switch (run.n_vectors) {
                case 4:
                    return run_tile<4>(run);
                case 2:
                    return run_tile<2>(run);
                default:
                    return run_tile<1>(run);
            }
        });
    }

    static TileResult finish(const TileRun& run, double duration) {
        return guarded(run.message, TileRun::message_bytes, [&] { return finish_tile(run, duration); });
    }

    static TileResult finish_tile(const TileRun& run, double duration) {
        const Model model(run.shared);
        Rule rule(run, model);
        // A little further than asked, because whether a spike lies before the end is decided by its time, and by
        // nothing that rounds differently: the next call of a stream takes every spike from that time on.
        if constexpr (Model::spikes) {
            const double end = std::fabs(run.emit_until), begin = std::fabs(run.last_time);
            duration += 4.0 * std::numeric_limits<double>::epsilon() * (end > begin ? end : begin);
        }
        const ExactGap exact_gap = model.gap(duration);
        const Gap gap = converted<Gap, S, double>(exact_gap);
        const Interval interval{run.last_time, run.emit_until, duration};
        const S* state = static_cast<const S*>(run.state);
        const S* hot = static_cast<const S*>(run.hot);
        TileResult result{TileStatus::ok, 0, 0.0};
        const std::int32_t end = run.first_neuron + run.n_vectors * width;
        for (std::int32_t n = run.first_neuron; n < end && n < run.n_neurons; ++n) {
            const Lane lane = Variables<Lane, S>::load(state + n, run.stride);
            Release release = release_of(run, n);
            const HotLane hot_lane = Variables<HotLane, S>::load(hot + n, run.stride);
            if constexpr (concludes<Model>) {
                conclude_at(run, model, converted<Exact, double, S>(lane), neuron_at(run.neurons, n),
                            static_cast<std::size_t>(n), duration, exact_gap);
            }
            if (!(release.time > run.last_time) &&
                !(Model::excess(lane, hot_lane, gap_for<Model>(hot_lane, gap)) > S(0)))
                continue;
            Exact exact = converted<Exact, double, S>(lane);
            advance_neuron(run, model, rule, exact, release, n, neuron_at(run.neurons, n), run.last_event,
                           run.last_time, interval, exact_gap, result);
            if (result.status == TileStatus::ok && !finite<Exact, double>(exact)) {
                result = {TileStatus::not_finite, n, run.last_time};
            }
            if (result.status != TileStatus::ok) return result;
        }
        return result;
    }

    /// From crossing to crossing; what lies between two of them is computed from the first, so that rounding does not
    /// add up.
    static TileResult observe(const TileRun& run, std::int32_t n, const double* durations, std::int64_t count,
                              std::int32_t observable, double* out, std::size_t out_stride) {
        return guarded(run.message, TileRun::message_bytes,
                       [&] { return observe_neuron(run, n, durations, count, observable, out, out_stride); });
    }

    static TileResult observe_neuron(const TileRun& run, std::int32_t n, const double* durations, std::int64_t count,
                                     std::int32_t observable, double* out, std::size_t out_stride) {
        const Model model(run.shared);
        const Neuron neuron = neuron_at(run.neurons, n);
        const S* values = static_cast<const S*>(run.state) + n;
        Exact state = converted<Exact, double, S>(Variables<Lane, S>::load(values, run.stride));
        double now = 0.0, last_time = never();
        Release release = release_of(run, n).from(run.last_time);
        std::int32_t at_this_instant = 0;
        std::uint32_t burst = 0;
        for (std::int64_t k = 0; k < count;) {
            Exact next = state;
            Release next_release = release;
            double crossing = infinity();
            const double left = durations[count - 1] - now;
            const Interval interval{now, durations[count - 1], left};
            const auto stop = [&](double elapsed) {
                crossing = now + elapsed;
                return false;
            };
            advance_on_clock(model, next, neuron, interval, model.gap(left), true, next_release, Unreported{stop});
            for (; k < count && durations[k] < crossing; ++k) {
                Exact then = state;
                if (durations[k] > now) flow_on_clock(model, then, neuron, now, durations[k] - now, release);
                out[static_cast<std::size_t>(k) * out_stride] = model.observe(then, neuron, observable);
            }
            if (k == count) break;
            const double time = run.last_time + crossing;
            at_this_instant = time == last_time ? at_this_instant + 1 : 1;
            if (at_this_instant > run.max_spikes_per_instant) return {TileStatus::too_many_spikes, n, time};
            if ((++burst & 0xffff) == 0 && run.emissions->cancelled(*run.emissions)) {
                return {TileStatus::cancelled, n, time};
            }
            last_time = time;
            state = next;
            release = next_release;
            now = crossing;
        }
        return {TileStatus::ok, 0, 0.0};
    }

    static void prepare_events(const EventRun& run) {
        const Model model(run.shared);
        Event* events = static_cast<Event*>(run.events);
        // Blocks of one size and small arrays between simple loops, which GCC vectorises.
        constexpr int block = 64;
        double durations[block] = {};
        ExactGap gaps[block];
        for (std::int64_t first = 0; first < run.n; first += block) {
            const double* const times = run.times + first;
            const int count = run.n - first < block ? static_cast<int>(run.n - first) : block;
            double start = first > 0 ? times[-1] : run.previous_time;
            for (int k = 0; k < count; ++k) {
                durations[k] = times[k] - start;
                start = times[k];
            }
            for (int k = 0; k < block; ++k) gaps[k] = model.gap(durations[k]);
            for (int k = 0; k < count; ++k) {
                start = first + k > 0 ? times[k - 1] : run.previous_time;
                const std::int32_t input = run.indices[first + k];
                const WeightRows& rows = run.rows[run.projections ? run.projections[first + k] : 0];
                const char* const row =
                    static_cast<const char*>(rows.weights) + static_cast<std::size_t>(input) * rows.row_bytes;
                Event& event = events[first + k];
                event = {converted<Gap, S, double>(gaps[k]), row, start, times[k], gaps[k],
                         EventPort<Model>{rows.port}};
            }
        }
    }

    static const DenseLoops* loops() {
        static constexpr DenseLoops loops{sizeof(Event), prepare_events, run, finish, observe};
        return &loops;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
