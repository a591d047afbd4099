// What the sparse engine does with neurons one by one: the exact path of those that may fire, and the end of a call.
// None of it sees a weight, so it is compiled once for each type of states.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include <evsim/neuron/advance.h>
#include <evsim/neuron/readout.h>

#include <evsim/loops/exact_path.h>
#include <evsim/loops/model_facts.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// `S`: the type of states.
template <class Model, class S>
struct SparseNeurons {
    using Neuron = typename Model::Neuron;
    using Gap = typename Model::template Gap<S>;
    using ExactGap = typename Model::template Gap<double>;
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<S>;

    static constexpr int n_state = Variables<Lane, S>::count;
    static constexpr int block = PixelGroup::most_pixels;
    static constexpr int gaps_at_once = 8;

    /// A vector of channels of one pixel.
    struct Place {
        std::int32_t pixel, channel;
        Interval gap;

        std::size_t state(const SparseRun& run) const {
            return static_cast<std::size_t>(pixel) * static_cast<std::size_t>(run.channel_stride) +
                   static_cast<std::size_t>(channel);
        }
        std::size_t parameters(const SparseRun& run) const {
            return static_cast<std::size_t>(pixel) * run.parameter_step + static_cast<std::size_t>(channel);
        }
        std::int32_t neuron(const SparseRun& run) const { return channel * run.n_pixels + pixel; }
        Place next(int lane) const { return {pixel, channel + lane, gap}; }
    };

    static Release release_of(const SparseRun& run, const Place& place) {
        if constexpr (holds<Model>) return static_cast<const Release*>(run.releases)[place.state(run)];
        return {};
    }

    /// Gaps between the touches of some pixels.
    struct Gaps {
        double end;
        double starts[block], durations[block + gaps_at_once] = {};
        ExactGap factors[block + gaps_at_once];

        /// Computes the factors of the first n. Blocks of one size, which GCC vectorises.
        void compute(const Model& model, int n) {
            for (int first = 0; first < n; first += gaps_at_once) {
#pragma GCC unroll 1
                for (int k = 0; k < gaps_at_once; ++k) factors[first + k] = model.gap(durations[first + k]);
            }
        }
        Gap rounded(int n) const { return converted<Gap, S, double>(factors[n]); }
        Place place(int n, std::int32_t pixel, std::int32_t channel) const {
            return {pixel, channel, {starts[n], end, durations[n]}};
        }
    };

    /// Moves one neuron through `interval`; true if it crossed.
    static bool advance_neuron(const SparseRun& run, const Model& model, Exact& state, Release& release,
                               const Place& place, const Neuron& neuron, const Interval& interval, const ExactGap& gap,
                               TileResult& result) {
        const bool padding = place.channel >= run.channels;
        const NeuronPlace who{padding ? 0 : place.neuron(run), place.state(run), padding};
        const auto on_spike = [](double) {};
        Crossings<Model, SparseRun, decltype(on_spike)> crossings{
            run, model, state, neuron, who, 0, interval.start, interval.start + interval.duration, result, on_spike};
        return advance_by_call(model, state, neuron, interval, gap, !any_jumps(model), release, AnyFired(crossings)) >
               0;
    }

    /// The state after a gap in which the lanes of `flagged` may fire; of all others it is `decayed`.
    template <class V>
    [[gnu::noinline]] static typename Model::template State<V> advance_flagged(
        const SparseRun& run, const Model& model, const Place& place, unsigned flagged,
        const typename Model::template State<V>& state, const typename Model::template State<V>& decayed,
        TileResult& result) {
        using Wide = typename Model::template State<V>;
        constexpr std::size_t width = sizeof(V) / sizeof(S);
        const ExactGap gap = model.gap(place.gap.duration);
        // Arrivals of one instant are applied together before the threshold is looked at.
        if (place.gap.duration == 0.0) return decayed;
        alignas(V) S before[n_state * width], after[n_state * width];
        Variables<Wide, V>::store(state, before, width);
        Variables<Wide, V>::store(decayed, after, width);
        for (; flagged != 0; flagged &= flagged - 1) {
            const int lane = std::countr_zero(flagged);
            const Place one = place.next(lane);
            const Neuron neuron = neuron_at<Model>(run.neurons, one.parameters(run));
            Release release = release_of(run, one);
            const Lane moved = advance_rounded<Model, S>(
                model, neuron, Variables<Lane, S>::load(before + lane, width),
                [&](Exact& exact) {
                    return advance_neuron(run, model, exact, release, one, neuron, one.gap, gap, result);
                },
                [&](Exact& exact) {
                    advance_neuron(run, model, exact, release, one, neuron, one.gap.at_end(), model.gap(0.0), result);
                });
            if constexpr (holds<Model>) static_cast<Release*>(run.releases)[one.state(run)] = release;
            Variables<Lane, S>::store(moved, after + lane, width);
            if (result.status != TileStatus::ok) break;
        }
        return Variables<Wide, V>::load(after, width);
    }

    /// The lanes that something arriving at `time` finds held.
    template <class V>
    static auto held_lanes(const SparseRun& run, const Place& place, double time) {
        decltype(V{} > V{}) held{};
        for (int lane = 0; lane < static_cast<int>(sizeof(V) / sizeof(S)); ++lane) {
            const Place one = place.next(lane);
            const double period = neuron_at<Model>(run.neurons, one.parameters(run)).refractory;
            held[lane] = release_of(run, one).holds_at(time, period) ? -1 : 0;
        }
        return held;
    }

    /// Crossings of the lanes of `flagged` after the last touch of their pixel; the state is not changed.
    template <class V>
    [[gnu::noinline]] static void finish_flagged(const SparseRun& run, const Model& model, const Place& place,
                                                 unsigned flagged, const S* values, TileResult& result) {
        const ExactGap gap = model.gap(place.gap.duration);
        for (; flagged != 0 && result.status == TileStatus::ok; flagged &= flagged - 1) {
            const int lane = std::countr_zero(flagged);
            const Place one = place.next(lane);
            if (one.channel >= run.channels) return;
            Exact exact = converted<Exact, double, S>(Variables<Lane, S>::load(values + lane, run.stride));
            Release release = release_of(run, one);
            advance_neuron(run, model, exact, release, one, neuron_at<Model>(run.neurons, one.parameters(run)), one.gap,
                           gap, result);
            if (result.status == TileStatus::ok && !finite<Exact, double>(exact)) {
                result = {TileStatus::not_finite, one.neuron(run), one.gap.start};
            }
        }
    }

    /// The pixels [first, first + count), count <= block.
    static void finish_pixels(const SparseRun& run, const Model& model, std::int32_t first, int count,
                              TileResult& result) {
        Gaps gaps;
        gaps.end = run.emit_until;
        for (int n = 0; n < count; ++n) {
            const double start = run.last_touch[first + n];
            gaps.starts[n] = start;
            gaps.durations[n] = run.emit_until - start;
            // A little further than asked; see DenseKernel::finish_tile.
            if constexpr (Model::spikes) {
                const double end = std::fabs(run.emit_until), begin = std::fabs(start);
                gaps.durations[n] += 4.0 * std::numeric_limits<double>::epsilon() * (end > begin ? end : begin);
            }
        }
        gaps.compute(model, count);
        for (int n = 0; n < count && result.status == TileStatus::ok; ++n) {
            const Gap gap = gaps.rounded(n);
            // Once per pixel and call: vectors of one width are fast enough, and a third of the code.
            using V = ShortVector<S, 16>;
            for (std::int32_t channel = 0; channel < run.channel_stride; channel += 16 / sizeof(S)) {
                using Wide = typename Model::template State<V>;
                using HotWide = typename Model::template Hot<V>;
                const Place place = gaps.place(n, first + n, channel);
                const S* const values = static_cast<const S*>(run.state) + place.state(run);
                const Wide state = Variables<Wide, V>::load(values, run.stride);
                const HotWide hot =
                    Variables<HotWide, V>::load(static_cast<const S*>(run.hot) + place.parameters(run), run.hot_stride);
                check_finite<V>(run, place, state, result);
                if constexpr (concludes<Model>) conclude_pixel<V>(run, model, place, gaps.factors[n], values);
                V excess = Model::excess(state, hot, gap_for<Model>(hot, gap));
                if constexpr (holds<Model>) {
                    if (run.pixel_releases[place.pixel] > place.gap.start)
                        excess = select(held_lanes<V>(run, place, place.gap.start), V{} + S(1), excess);
                }
                const unsigned flagged = positive_lanes(excess);
                if (flagged != 0) [[unlikely]]
                    finish_flagged<V>(run, model, place, flagged, values, result);
            }
        }
    }

    template <class V>
    static void conclude_pixel(const SparseRun& run, const Model& model, const Place& place, const ExactGap& gap,
                               const S* values) {
        for (int lane = 0; lane < static_cast<int>(sizeof(V) / sizeof(S)); ++lane) {
            const Place one = place.next(lane);
            if (one.channel >= run.channels) return;
            conclude_at(run, model, converted<Exact, double, S>(Variables<Lane, S>::load(values + lane, run.stride)),
                        neuron_at<Model>(run.neurons, one.parameters(run)), one.state(run), one.gap.duration, gap);
        }
    }

    /// x - x is 0 where x is finite, and NaN otherwise.
    template <class V>
    static void check_finite(const SparseRun& run, const Place& place, const typename Model::template State<V>& state,
                             TileResult& result) {
        V variables[n_state];
        std::memcpy(variables, &state, sizeof(state));
        V sum{};
        for (int k = 0; k < n_state; ++k) sum += variables[k] - variables[k];
        for (int lane = 0; lane < static_cast<int>(sizeof(V) / sizeof(S)); ++lane) {
            if (sum[lane] == S(0) || place.channel + lane >= run.channels) continue;
            if (result.status == TileStatus::ok)
                result = {TileStatus::not_finite, place.next(lane).neuron(run), place.gap.start};
        }
    }

    static TileResult finish(const SparseRun& run) {
        return guarded(run.message, TileRun::message_bytes, [&] {
            const Model model(run.shared);
            TileResult result{TileStatus::ok, 0, 0.0};
            for (std::int32_t first = run.first_pixel; first < run.last_pixel; first += block) {
                const std::int32_t left = run.last_pixel - first;
                finish_pixels(run, model, first, left < block ? left : block, result);
                if (result.status != TileStatus::ok) break;
            }
            return result;
        });
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
