// Nearly every neuron that may fire within a gap does so once, well inside it, or not at all. Such a gap is passed
// beside the vectors of the tile, without a call; the logarithms of the spike times wait until the tile has passed.
#pragma once

#include <bit>

#include <evsim/neuron/advance.h>

#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// See `usual_crossings` in neuron/model.h.
template <class Model>
concept HasUsualPath =
    !holds<Model> && !requires { Model::own_gap; } &&
    requires(const Model& model, typename Model::template State<double>& state, const typename Model::Neuron& neuron,
             const typename Model::template Gap<double>& gap, double number) {
        { model.usual_crossings(state, neuron, gap, number) } -> SameAs<int>;
        { model.elapsed(number) } -> SameAs<double>;
    };

/// Spikes that are in the buffer with what their time is computed from in place of it; this bit of their event marks
/// them.
inline constexpr std::uint32_t unsettled = std::uint32_t{1} << 31;

/// Computes the times of those from number `first` on. `Event` is that of the engine.
template <class Event, class Model>
inline void settle(const TileRun& run, const Model& model, std::size_t first) {
    if constexpr (HasUsualPath<Model>) {
        const Event* const events = static_cast<const Event*>(run.events);
        for (std::size_t k = first; k < run.emissions->size; ++k) {
            Emission& spike = run.emissions->data[k];
            if (!(spike.event & unsettled)) continue;
            spike.event &= ~unsettled;
            const Interval gap = events[spike.event].interval();
            const double end = gap.start + gap.duration, time = gap.start + model.elapsed(spike.time);
            spike.time = time < end ? time : end;
        }
    }
}

/// Moves the `flagged` neurons of a tile of `N` vectors through the gap before `event`, from `state` to `next`, and
/// returns those that need the exact path. Inlined, because what is in registers where it is called stays in them.
template <class Model, class S, int N, class Event, class Wide>
[[gnu::always_inline]] inline std::uint64_t pass_usual(const TileRun& run, const Model& model, std::int64_t event,
                                                       std::uint64_t flagged, const Wide (&state)[N], Wide (&next)[N]) {
    using V = Vector<S>;
    using Lane = typename Model::template State<S>;
    using Exact = typename Model::template State<double>;
    constexpr int width = lanes<S>;
    constexpr std::size_t tile = N * width;

    const Event& now = static_cast<const Event*>(run.events)[event];
    EmissionBuffer& out = *run.emissions;
    if (out.size + tile > out.capacity || !(now.start >= run.emit_from && now.time < run.emit_until)) return flagged;
    alignas(V) S before[Variables<Lane, S>::count * tile];
#pragma GCC unroll 4
    for (int k = 0; k < N; ++k) Variables<Wide, V>::store(state[k], before + k * width, tile);
    std::uint64_t unusual = 0;
    for (std::uint64_t left = flagged; left != 0; left &= left - 1) {
        const int lane = std::countr_zero(left);
        const std::uint64_t bit = left & -left;
        const std::int32_t n = run.first_neuron + lane;
        const auto neuron = neuron_at<Model>(run.neurons, static_cast<std::size_t>(n));
        Exact exact = converted<Exact, double, S>(Variables<Lane, S>::load(before + lane, tile));
        double progress = 0.0;
        const int crossings = model.usual_crossings(exact, neuron, now.exact_gap, progress);
        const Lane after = converted<Lane, S, double>(exact);
        // Rounded to S it may be at threshold: see advance_rounded.
        if (crossings < 0 || n >= run.n_neurons ||
            (crossings == 0 && model.at_threshold(converted<Exact, double, S>(after), neuron))) {
            unusual |= bit;
            continue;
        }
        out.data[out.size] = {static_cast<std::uint32_t>(event) | unsettled, n, progress};
        out.size += static_cast<std::size_t>(crossings);
        const Wide wide = broadcast_state<Wide, V, Lane, S>(after);
#pragma GCC unroll 4
        for (int k = 0; k < N; ++k) next[k] = select_state<V>(lane_mask<S>(bit >> (k * width)), wide, next[k]);
    }
    return unusual;
}

}  // namespace EVSIM_ISA
}  // namespace evsim
