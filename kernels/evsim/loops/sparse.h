// The sparse engine's inner loop over any neuron model: an input spike visits the pixels that it reaches, and nobody
// else. All channels of a pixel share the time since it was last touched, and so the gap factors.
#pragma once

#include <cstring>

#include <evsim/loops/dense_neurons.h>
#include <evsim/loops/exact_path.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/loops/sparse_neurons.h>
#include <evsim/loops/variables.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// `T`: the type of weights.
template <class Model, class T>
struct SparseKernel : SparseNeurons<Model, typename Model::template Stored<T>> {
    using S = typename Model::template Stored<T>;  ///< of states
    using Neurons = SparseNeurons<Model, S>;
    using Neurons::n_state, Neurons::release_of;
    using typename Neurons::Gap;
    using typename Neurons::Gaps;
    using typename Neurons::Place;

    /// Whether touching a pixel takes so little that it is worth code of its own for each size.
    static constexpr bool short_touch = n_state <= 2;

    template <class V>
    static V load_vector(const T* from) {
        return converted_vector<V>(from);
    }

    /// Where the vectors of a layer lie.
    struct Arrays {
        S* state;
        const S* hot;
        std::size_t stride, hot_stride;
    };

    /// As `touch`, where some are held or may fire.
    template <class V>
    [[gnu::noinline]] static typename Model::template State<V> touch_on_clock(
        const SparseRun& run, const Model& model, const Place& place, const V& excess, const T* weights,
        std::int32_t port, const typename Model::template State<V>& state,
        const typename Model::template State<V>& decayed, TileResult& result) {
        const auto before_gap = Neurons::template held_lanes<V>(run, place, place.gap.start);
        const auto still = before_gap & Neurons::template held_lanes<V>(run, place, place.gap.end);
        const V may_fire =
            select(before_gap, select(still, flows_while_held(model) ? V{} + S(1) : V{}, V{} + S(1)), excess);
        auto moved =
            Neurons::template advance_flagged<V>(run, model, place, positive_lanes(may_fire), state, decayed, result);
        model.hold(still, state, moved);
        const auto at_arrival = Neurons::template held_lanes<V>(run, place, place.gap.end);
        const auto before_arrival = moved;
        Model::receive(moved, heard(model, at_arrival, load_vector<V>(weights)), port);
        model.hold(at_arrival, before_arrival, moved);
        double& latest = run.pixel_releases[place.pixel];
        for (int lane = 0; lane < static_cast<int>(sizeof(V) / sizeof(S)); ++lane)
            latest = std::fmax(latest, release_of(run, place.next(lane)).time);
        return moved;
    }

    /// Crossings in the gap, the gap itself, then the weights, for a vector of channels. `place()` is asked for where
    /// one may fire; with `some_held` somebody of the pixel may be held.
    template <class V, class WhereIs>
    [[gnu::always_inline]] static void touch(const SparseRun& run, const Model& model, const Arrays& arrays,
                                             const Gap& gap, const T* weights, std::int32_t port,
                                             [[maybe_unused]] bool some_held, TileResult& result, WhereIs&& place) {
        using Wide = typename Model::template State<V>;
        using HotWide = typename Model::template Hot<V>;
        Wide state = Variables<Wide, V>::load(arrays.state, arrays.stride);
        const HotWide hot = Variables<HotWide, V>::load(arrays.hot, arrays.hot_stride);
        const auto& own_gap = gap_for<Model>(hot, gap);
        const V excess = Model::excess(state, hot, own_gap);
        const unsigned flagged = positive_lanes(excess);
        if constexpr (holds<Model>) {
            if (flagged != 0 || some_held) [[unlikely]] {
                const Wide before = state;
                Model::decay(state, own_gap);
                state = touch_on_clock<V>(run, model, place(), excess, weights, port, before, Wide(state), result);
                Variables<Wide, V>::store(state, arrays.state, arrays.stride);
                return;
            }
        }
        if (flagged != 0) [[unlikely]] {
            const Wide before = state;  // so that it need not lie in memory otherwise
            Model::decay(state, own_gap);
            state = Neurons::template advance_flagged<V>(run, model, place(), flagged, before, Wide(state), result);
        } else {
            Model::decay(state, own_gap);
        }
        Model::receive(state, load_vector<V>(weights), port);
        Variables<Wide, V>::store(state, arrays.state, arrays.stride);
        if constexpr (concludes<Model>) collect<V>(run, arrays, weights);
    }

    /// Adds up what has arrived.
    template <class V>
    static void collect(const SparseRun& run, const Arrays& arrays, const T* weights) {
        double* const place = run.memory + (arrays.state - static_cast<const S*>(run.state));
        double* const charges = place + Model::charge_memory * run.stride;
        double* const lost = place + Model::lost_memory * run.stride;
        for (std::size_t lane = 0; lane < sizeof(V) / sizeof(S); ++lane)
            add_charge<T>(charges[lane], lost[lane], static_cast<double>(weights[lane]));
    }

    /// visit(V{}, channel) for vectors V that cover the channels of a pixel.
    template <class Visit>
    [[gnu::always_inline]] static void over_channels(std::int32_t channel_stride, Visit&& visit) {
        std::int32_t channel = 0;
        for (; channel + lanes<S> <= channel_stride; channel += lanes<S>) visit(Vector<S>{}, channel);
        if constexpr (vector_bytes > 32 && short_touch) {
            constexpr std::int32_t width = 32 / sizeof(S);
            if (channel + width <= channel_stride) {
                visit(ShortVector<S, 32>{}, channel);
                channel += width;
            }
        }
        if constexpr (vector_bytes > 16) {
            constexpr std::int32_t width = 16 / sizeof(S);
            for (; channel < channel_stride; channel += width) visit(ShortVector<S, 16>{}, channel);
        }
    }

    /// The gaps of the pixels of a group up to now, when they are touched.
    static void touch_pixels(const SparseRun& run, const PixelGroup& group, const PixelStretch* stretches, Gaps& gaps) {
        int n = 0;
        gaps.end = group.time;
        for (int r = 0; r < group.n_stretches; ++r) {
            double* const last = run.last_touch + stretches[r].first_pixel;
            for (int k = 0; k < stretches[r].count; ++k, ++n) {
                gaps.starts[n] = last[k];
                gaps.durations[n] = group.time - last[k];
                last[k] = group.time;
            }
        }
    }

    /// State and last touch of the pixels of a stretch: spikes come from all over the image, which the hardware cannot
    /// guess.
    static constexpr int prefetch_distance = 12;
    static void prefetch(const SparseRun& run, const PixelStretch& ahead) {
        const std::size_t first = static_cast<std::size_t>(ahead.first_pixel),
                          stride = static_cast<std::size_t>(run.channel_stride);
        __builtin_prefetch(run.last_touch + first, 1);
        const char* from = reinterpret_cast<const char*>(static_cast<const S*>(run.state) + first * stride);
        const char* const end = from + static_cast<std::size_t>(ahead.count) * stride * sizeof(S);
        const char* const last = from + most_prefetched < end ? from + most_prefetched : end;
        for (; from < last; from += 64) __builtin_prefetch(from, 1);
    }
    static constexpr std::size_t most_prefetched = 512;

    /// With `stride` > 0, the channel stride is known when this is compiled.
    template <int stride>
    static TileResult run_groups(const SparseRun& run) {
        const Model model(run.shared);
        const std::int32_t channel_stride = stride > 0 ? stride : run.channel_stride;
        T* const spread = static_cast<T*>(run.spread);
        S* const state = static_cast<S*>(run.state);
        const S* const hot = static_cast<const S*>(run.hot);
        const std::size_t stride_of_state = run.stride, hot_stride = run.hot_stride,
                          parameter_step = run.parameter_step;
        Gaps gaps;
        TileResult result{TileStatus::ok, 0, 0.0};
        const PixelStretch* stretches = run.stretches;
        const PixelStretch* const last = stretches + run.n_stretches;
        for (std::int64_t g = 0; g < run.n_groups; ++g) {
            const PixelGroup& group = run.groups[g];
            const bool some_channels = group.weight_channels < run.channels;
            const std::int32_t weight_stride = stride > 0 && !some_channels ? stride : group.weight_stride;
            touch_pixels(run, group, stretches, gaps);
            gaps.compute(model, group.n_pixels);
            if (some_channels) std::memset(spread, 0, static_cast<std::size_t>(channel_stride) * sizeof(T));
            const std::int32_t port = Model::n_ports > 1 ? group.port : 0;
            int n = 0;
            for (const PixelStretch* const end = stretches + group.n_stretches; stretches < end; ++stretches) {
                const std::int32_t first_pixel = stretches->first_pixel, count = stretches->count;
                if (last - stretches > prefetch_distance) prefetch(run, stretches[prefetch_distance]);
                const T* weights = static_cast<const T*>(stretches->weights);
                Arrays arrays{state + static_cast<std::size_t>(first_pixel) * static_cast<std::size_t>(channel_stride),
                              hot + static_cast<std::size_t>(first_pixel) * parameter_step, stride_of_state,
                              hot_stride};
                for (std::int32_t k = 0; k < count; ++k, ++n) {
                    if (some_channels) [[unlikely]] {
                        std::memcpy(spread + group.first_channel, weights,
                                    static_cast<std::size_t>(group.weight_channels) * sizeof(T));
                    }
                    const T* const of_pixel = some_channels ? spread : weights;
                    const Gap gap = gaps.rounded(n);
                    bool some_held = false;
                    if constexpr (holds<Model>) some_held = run.pixel_releases[first_pixel + k] > gaps.starts[n];
                    over_channels(channel_stride, [&](auto vector, std::int32_t channel) {
                        const Arrays here{arrays.state + channel, arrays.hot + channel, stride_of_state, hot_stride};
                        touch<decltype(vector)>(run, model, here, gap, of_pixel + channel, port, some_held, result,
                                                [&] { return gaps.place(n, first_pixel + k, channel); });
                    });
                    arrays.state += channel_stride;
                    arrays.hot += parameter_step;
                    weights += weight_stride;
                }
            }
            if (result.status != TileStatus::ok) return result;
        }
        return result;
    }

    static TileResult run(const SparseRun& run) {
        return guarded(run.message, TileRun::message_bytes, [&] {
            constexpr std::int32_t few = short_touch ? 16 / sizeof(S) : 0;
            return run.channel_stride == few ? run_groups<few>(run) : run_groups<0>(run);
        });
    }

    static const SparseLoops* loops() {
        static constexpr SparseLoops loops{run, Neurons::finish, DenseNeurons<Model, S>::observe};
        return &loops;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
