// What the dense engine does with neurons one by one: the exact path of those that may fire, the end of a call, probes.
// None of it sees a weight, so it is compiled once for each type of states.
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include <evsim/neuron/advance.h>
#include <evsim/neuron/readout.h>

#include <evsim/loops/exact_path.h>
#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/rule_calls.h>
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

/// `S`: the type of states.
template <class Model, class S>
struct DenseNeurons {
    using V = Vector<S>;
    using Neuron = typename Model::Neuron;
    using Gap = typename Model::template Gap<S>;
    using ExactGap = typename Model::template Gap<double>;
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<S>;
    using Wide = typename Model::template State<V>;
    using HotLane = typename Model::template Hot<S>;
    using Rule = RuleCalls<Model, S>;

    static constexpr int width = lanes<S>;
    static constexpr int n_state = Variables<Lane, S>::count;

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
    static Release release_of(const TileRun& run, std::int32_t n) {
        if constexpr (holds<Model>) return static_cast<const Release*>(run.releases)[n];
        return {};
    }

    /// Moves one neuron through `interval`, in the gap before `event`, which began at `gap_start`; true if it crossed.
    template <bool by_call>
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
        const bool closed = !any_jumps(model);
        if constexpr (by_call) {
            return advance_by_call(model, state, neuron, interval, gap, closed, release, AnyFired(crossings)) > 0;
        } else {
            return advance_on_clock(model, state, neuron, interval, gap, closed, release, crossings) > 0;
        }
    }

    /// A tile in whose gap some neurons may fire.
    struct ExactStep {
        static constexpr std::size_t stride = most_vectors<Model> * width;  ///< of the largest tile
        std::uint64_t flagged;                                              ///< one bit for every neuron that may
        alignas(V) S before[n_state * stride];                              ///< state at the beginning of the gap
        int n_moved;
        std::int32_t moved[stride];  ///< those neurons of the tile, and
        Lane after[stride];          ///< their state at the end of the gap
        TileResult result;
    };

    /// Moves a neuron that crosses at most once, if the model can tell, with nothing to look after but one spike.
    static bool cross_usually(const TileRun& run, const Model& model, const Rule& rule, std::int64_t event,
                              const Interval& interval, const ExactGap& gap, std::int32_t n, const Neuron& neuron,
                              const Lane& before, Lane& after) {
        if constexpr (requires(Exact& exact, double& time) { model.usual_crossing(exact, neuron, time, gap, time); }) {
            EmissionBuffer& out = *run.emissions;
            if (rule || n >= run.n_neurons || out.size == out.capacity) return false;
            if (!(interval.start >= run.emit_from && interval.end < run.emit_until)) return false;
            Exact exact = converted<Exact, double, S>(before);
            double time = 0.0;
            const int crossings = model.usual_crossing(exact, neuron, interval.duration, gap, time);
            if (crossings < 0) return false;
            after = converted<Lane, S, double>(exact);
            // Rounded to S it may be at threshold: see advance_rounded.
            if (crossings == 0) return !model.at_threshold(converted<Exact, double, S>(after), neuron);
            time += interval.start;
            out.data[out.size++] = {static_cast<std::uint32_t>(event), n, time < interval.end ? time : interval.end};
            return true;
        } else {
            return false;
        }
    }

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
            const Neuron neuron = neuron_at<Model>(run.neurons, static_cast<std::size_t>(n));
            if (cross_usually(run, model, rule, event, interval, gap, n, neuron, before, step.after[step.n_moved])) {
                step.moved[step.n_moved++] = lane;
                continue;
            }
            Release release = release_of(run, n);
            const Lane after = advance_rounded<Model, S>(
                model, neuron, before,
                [&](Exact& exact) {
                    return advance_neuron<false>(run, model, rule, exact, release, n, neuron, event, interval.start,
                                                 interval, gap, step.result);
                },
                [&](Exact& exact) {
                    advance_neuron<true>(run, model, rule, exact, release, n, neuron, event, interval.start,
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
                conclude_at(run, model, converted<Exact, double, S>(lane),
                            neuron_at<Model>(run.neurons, static_cast<std::size_t>(n)), static_cast<std::size_t>(n),
                            duration, exact_gap);
            }
            if (!(release.time > run.last_time) &&
                !(Model::excess(lane, hot_lane, gap_for<Model>(hot_lane, gap)) > S(0)))
                continue;
            Exact exact = converted<Exact, double, S>(lane);
            advance_neuron<true>(run, model, rule, exact, release, n,
                                 neuron_at<Model>(run.neurons, static_cast<std::size_t>(n)), run.last_event,
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
        const Neuron neuron = neuron_at<Model>(run.neurons, static_cast<std::size_t>(n));
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
            Unreported unreported{stop};
            advance_by_call(model, next, neuron, interval, model.gap(left), true, next_release, AnyFired(unreported));
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

    /// The gaps of some durations, side by side where the model can.
    template <int count>
    static void fill(const Model& model, const double (&durations)[count], ExactGap (&gaps)[count]) {
        using Exacts = Vector<double>;
        using ExactGaps = typename Model::template Gap<Exacts>;
        if constexpr (requires(const Exacts& several) {
                          { model.gaps(several) } -> SameAs<ExactGaps>;
                      }) {
            constexpr int at_once = lanes<double>;
            for (int k = 0; k < count; k += at_once) {
                double values[Variables<ExactGap, double>::count * at_once];
                Variables<ExactGaps, Exacts>::store(model.gaps(Variables<Exacts, Exacts>::load(durations + k, 0)),
                                                    values, at_once);
                for (int lane = 0; lane < at_once; ++lane)
                    gaps[k + lane] = Variables<ExactGap, double>::load(values + lane, at_once);
            }
        } else {
            for (int k = 0; k < count; ++k) gaps[k] = model.gap(durations[k]);
        }
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
            fill(model, durations, gaps);
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
};

}  // namespace EVSIM_ISA
}  // namespace evsim
