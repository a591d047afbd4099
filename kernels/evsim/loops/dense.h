// The dense engine's inner loop over any neuron model: a tile of neurons in registers, all input events past it.
#pragma once

#include <cstring>
#include <type_traits>

#include <evsim/neuron/advance.h>
#include <evsim/neuron/readout.h>

#include <evsim/loops/dense_neurons.h>
#include <evsim/loops/exact_path.h>
#include <evsim/loops/held_lanes.h>
#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/rule_calls.h>
#include <evsim/loops/usual_path.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// `T`: the type of weights.
template <class Model, class T>
struct DenseKernel : DenseNeurons<Model, typename Model::template Stored<T>> {
    using S = typename Model::template Stored<T>;  ///< of states
    using Neurons = DenseNeurons<Model, S>;
    using typename Neurons::Event;
    using typename Neurons::ExactStep;
    using typename Neurons::Gap;
    using typename Neurons::Rule;
    using typename Neurons::V;
    using typename Neurons::Wide;
    using HotWide = typename Model::template Hot<V>;
    using Neurons::events_of, Neurons::start_of, Neurons::width;

    static const T* row(const TileRun& run, const Event& event) {
        return reinterpret_cast<const T*>(event.row) + run.first_neuron;
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
        return Neurons::check_finite(run, N);
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
                for (int k = 0; k < N; ++k) {
                    unsigned urgent = positive_lanes(Model::excess(state[k], hot[k], gap[k]));
                    if constexpr (requires { Model::may_wait(state[k], gap[k]); })
                        urgent &= ~positive_lanes(Model::may_wait(state[k], gap[k]));
                    flagged |= std::uint64_t{urgent} << (k * width);
                }
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
                    Neurons::advance_flagged(run, model, rule, event, step);
                    if (step.result.status != TileStatus::ok) return step.result;
                    Neurons::template replace_moved<N>(step, next);
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
    static TileResult run(const TileRun& run) {
        return guarded(run.message, TileRun::message_bytes, [&] {
            if constexpr (most_vectors<Model> >= 4) {
                if (run.n_vectors == 4) return run_tile<4>(run);
            }
            if constexpr (most_vectors<Model> >= 2) {
                if (run.n_vectors == 2) return run_tile<2>(run);
            }
            return run_tile<1>(run);
        });
    }
    static const DenseLoops* loops() {
        static constexpr DenseLoops loops{sizeof(Event), Neurons::prepare_events, run, Neurons::finish,
                                          Neurons::observe};
        return &loops;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
