// The dense engine's inner loop over any neuron model: a tile of neurons in registers, all input events past it.
#pragma once

#include <bit>
#include <cstring>
#include <iterator>
#include <type_traits>

#include <evsim/neuron/advance.h>

#include "neuron_kernel.hpp"
#include "simd.hpp"

namespace evsim {
inline namespace EVSIM_ISA {

/// A struct of variables of type V, read from and written to a structure of arrays.
template <class Struct, class V>
struct Variables {
    static constexpr int count = std::is_empty_v<Struct> ? 0 : static_cast<int>(sizeof(Struct) / sizeof(V));

    template <class T>
    static Struct load(const T* base, std::size_t stride) {
        Struct out{};
        if constexpr (count > 0) {
            V values[count];
            for (int k = 0; k < count; ++k) std::memcpy(&values[k], base + k * stride, sizeof(V));
            std::memcpy(&out, values, sizeof(Struct));
        }
        return out;
    }
    template <class T>
    static void store(const Struct& in, T* base, std::size_t stride) {
        if constexpr (count > 0) {
            V values[count];
            std::memcpy(values, &in, sizeof(Struct));
            for (int k = 0; k < count; ++k) std::memcpy(base + k * stride, &values[k], sizeof(V));
        }
    }
};

/// The same variables in another precision.
template <class To, class ToValue, class FromValue, class From>
inline To converted(const From& from) {
    constexpr int count = Variables<To, ToValue>::count;
    if constexpr (count == 0) {
        return {};
    } else {
        FromValue in[count];
        ToValue out[count];
        Variables<From, FromValue>::store(from, in, 1);
        for (int k = 0; k < count; ++k) out[k] = static_cast<ToValue>(in[k]);
        return Variables<To, ToValue>::load(out, 1);
    }
}

template <class Model, class T>
struct DenseKernel {
    using V = Vector<T>;
    using Neuron = typename Model::Neuron;
    using Gap = typename Model::template Gap<T>;
    using ExactGap = typename Model::template Gap<double>;
    using Exact = typename Model::template State<double>;
    using Lane = typename Model::template State<T>;
    using Wide = typename Model::template State<V>;
    using HotWide = typename Model::template Hot<V>;
    using HotLane = typename Model::template Hot<T>;

    static constexpr int width = lanes<T>;
    static constexpr int n_state = Variables<Lane, T>::count;
    static constexpr int n_hot = Variables<HotLane, T>::count;
    static constexpr bool remembers = requires { Model::memory_names; };

    static Neuron neuron_at(const double* neurons, std::size_t stride, std::int32_t n) {
        return Variables<Neuron, double>::load(neurons + n, stride);
    }
    static const T* row(const TileRun& run, std::int64_t event) {
        return static_cast<const T*>(run.weights) + static_cast<std::size_t>(run.indices[event]) * run.weight_stride +
               run.first_neuron;
    }
    static V load_vector(const T* from) {
        V out;
        std::memcpy(&out, from, sizeof(V));
        return out;
    }

    /// Weights a few events ahead: rows come in the order of the spikes, which the hardware cannot guess.
    static constexpr std::int64_t prefetch_distance = 8;
    template <int N>
    static void prefetch(const T* weights) {
        for (int k = 0; k < N * vector_bytes; k += 64) __builtin_prefetch(reinterpret_cast<const char*>(weights) + k);
    }

    /// What a crossing does besides changing the state: a spike is emitted, a readout remembers.
    struct Crossings {
        const TileRun& run;
        const Model& model;
        const Exact& state;
        const Neuron& neuron;
        std::int32_t n;
        std::int64_t event;
        double start, end;
        TileResult& result;
        double last_time = never();
        std::int32_t at_this_instant = 0;
        std::uint32_t burst = 0;

        bool operator()(double elapsed) {
            const double time = start + elapsed < end ? start + elapsed : end;
            if (n >= run.n_neurons) return true;  // padding lives like its neighbour, unseen
            if constexpr (remembers) {
                double memory[std::size(Model::memory_names)];
                model.remember(state, neuron, time, memory);
                for (std::size_t k = 0; k < std::size(Model::memory_names); ++k) run.memory[k * run.stride + n] = memory[k];
            }
            if constexpr (Model::spikes) {
                if (time >= run.emit_from && time < run.emit_until) run.emit(run.sink, event, n, time);
            }
            at_this_instant = time == last_time ? at_this_instant + 1 : 1;
            last_time = time;
            if (at_this_instant > run.max_spikes_per_instant) result = {TileStatus::too_many_spikes, n, time};
            if ((++burst & 0xffff) == 0 && run.cancelled(run.sink)) result = {TileStatus::cancelled, n, time};
            return result.status == TileStatus::ok && time < run.emit_until;
        }
    };

    /// Moves one neuron through the gap before `event`; true if it crossed.
    static bool advance_neuron(const TileRun& run, const Model& model, Exact& state, std::int32_t n, std::int64_t event,
                               double start, double duration, TileResult& result) {
        const Neuron neuron = neuron_at(run.neurons, run.stride, n);
        Crossings crossings{run, model, state, neuron, n, event, start, start + duration, result};
        return advance(model, state, neuron, duration, crossings) > 0;
    }

    /// The gap before `event` for a tile in which some neuron may fire, then the event itself. `state`: [n_state][N * width].
    template <int N>
    [[gnu::noinline]] static TileResult exact_step(const TileRun& run, const Model& model, std::int64_t event, double start,
                                                   T* state) {
        constexpr std::size_t stride = N * width;
        const Gap& gap = static_cast<const Gap*>(run.gaps)[event];
        const double duration = run.durations[event];
        const T* weights = row(run, event);
        const T* hot = static_cast<const T*>(run.hot) + run.first_neuron;
        TileResult result{TileStatus::ok, 0, 0.0};
        for (int k = 0; k < N; ++k) {
            T* base = state + k * width;
            const Wide before = Variables<Wide, V>::load(base, stride);
            const V excess = Model::excess(before, Variables<HotWide, V>::load(hot + k * width, run.stride), gap);
            Wide after = before;
            Model::decay(after, gap);
            Wide received = after;
            Model::receive(received, load_vector(weights + k * width));
            Variables<Wide, V>::store(received, base, stride);
            // Arrivals of one instant are applied together before the threshold is looked at.
            unsigned flagged = positive_lanes(excess);
            if (duration == 0.0 || flagged == 0) continue;
            T before_lanes[n_state * width], after_lanes[n_state * width];
            Variables<Wide, V>::store(before, before_lanes, width);
            Variables<Wide, V>::store(after, after_lanes, width);
            for (; flagged != 0; flagged &= flagged - 1) {
                const int lane = std::countr_zero(flagged);
                const std::int32_t n = run.first_neuron + k * width + lane;
                Exact exact = converted<Exact, double, T>(Variables<Lane, T>::load(before_lanes + lane, width));
                if (!advance_neuron(run, model, exact, n, event, start, duration, result)) {
                    // Rounded to T, the potential may be at the threshold although the exact one stayed an ulp below.
                    // That is a crossing at the end of the gap; left alone, the neuron would sit above threshold, mute.
                    exact = converted<Exact, double, T>(Variables<Lane, T>::load(after_lanes + lane, width));
                    if (!model.at_threshold(exact, neuron_at(run.neurons, run.stride, n))) continue;
                    advance_neuron(run, model, exact, n, event, start + duration, 0.0, result);
                }
                if (result.status != TileStatus::ok) return result;
                Lane lane_state = converted<Lane, T, double>(exact);
                Model::receive(lane_state, weights[k * width + lane]);
                Variables<Lane, T>::store(lane_state, base + lane, stride);
            }
        }
        return result;
    }

    template <int N>
    static TileResult run_tile(const TileRun& run) {
        constexpr std::size_t stride = N * width;
        const Model model(run.shared);
        T* const layer_state = static_cast<T*>(run.state) + run.first_neuron;
        const T* const hot_base = static_cast<const T*>(run.hot) + run.first_neuron;
        const Gap* const gaps = static_cast<const Gap*>(run.gaps);

        Wide state[N];
        HotWide hot[N];
#pragma GCC unroll 8
        for (int k = 0; k < N; ++k) {
            state[k] = Variables<Wide, V>::load(layer_state + k * width, run.stride);
            hot[k] = Variables<HotWide, V>::load(hot_base + k * width, run.stride);
        }
        for (std::int64_t event = run.first_event; event < run.last_event; ++event) {
            const Gap gap = gaps[event];
            const T* weights = row(run, event);
            if (event + prefetch_distance < run.n_events) prefetch<N>(row(run, event + prefetch_distance));
            V worst = Model::excess(state[0], hot[0], gap);
#pragma GCC unroll 8
            for (int k = 1; k < N; ++k) worst = larger(worst, Model::excess(state[k], hot[k], gap));
            if (positive_lanes(worst) != 0) [[unlikely]] {
                T lanes_of_tile[n_state * stride];
#pragma GCC unroll 8
                for (int k = 0; k < N; ++k) Variables<Wide, V>::store(state[k], lanes_of_tile + k * width, stride);
                const double start = event > run.first_event ? run.times[event - 1] : run.previous_time;
                const TileResult result = exact_step<N>(run, model, event, start, lanes_of_tile);
                if (result.status != TileStatus::ok) return result;
#pragma GCC unroll 8
                for (int k = 0; k < N; ++k) state[k] = Variables<Wide, V>::load(lanes_of_tile + k * width, stride);
                continue;
            }
#pragma GCC unroll 8
            for (int k = 0; k < N; ++k) {
                Model::decay(state[k], gap);
                Model::receive(state[k], load_vector(weights + k * width));
            }
        }
#pragma GCC unroll 8
        for (int k = 0; k < N; ++k) Variables<Wide, V>::store(state[k], layer_state + k * width, run.stride);
        return check_finite(run, N);
    }

    static TileResult check_finite(const TileRun& run, int n_vectors) {
        const T* state = static_cast<const T*>(run.state);
        const std::int32_t last = run.first_neuron + n_vectors * width;
        for (std::int32_t n = run.first_neuron; n < last && n < run.n_neurons; ++n) {
            T sum = 0;  // x - x is 0 for every finite x
            for (int k = 0; k < n_state; ++k) sum += state[k * run.stride + n] - state[k * run.stride + n];
            if (sum != T(0)) return {TileStatus::not_finite, n, 0.0};
        }
        return {TileStatus::ok, 0, 0.0};
    }

    static TileResult run(const TileRun& run) {
        switch (run.n_vectors) {
            case 8: return run_tile<8>(run);
            case 4: return run_tile<4>(run);
            case 2: return run_tile<2>(run);
            default: return run_tile<1>(run);
        }
    }

    static TileResult finish(const TileRun& run, double duration) {
        const Model model(run.shared);
        const Gap gap = converted<Gap, T, double>(model.gap(duration));
        const T* state = static_cast<const T*>(run.state);
        const T* hot = static_cast<const T*>(run.hot);
        TileResult result{TileStatus::ok, 0, 0.0};
        const std::int32_t end = run.first_neuron + run.n_vectors * width;
        for (std::int32_t n = run.first_neuron; n < end && n < run.n_neurons; ++n) {
            const Lane lane = Variables<Lane, T>::load(state + n, run.stride);
            if (!(Model::excess(lane, Variables<HotLane, T>::load(hot + n, run.stride), gap) > T(0))) continue;
            Exact exact = converted<Exact, double, T>(lane);
            advance_neuron(run, model, exact, n, run.last_event, run.previous_time, duration, result);
            if (result.status != TileStatus::ok) return result;
        }
        return result;
    }

    static double observe(const TileRun& run, std::int32_t n, double duration, std::int32_t observable) {
        const Model model(run.shared);
        const Neuron neuron = neuron_at(run.neurons, run.stride, n);
        Exact state = converted<Exact, double, T>(Variables<Lane, T>::load(static_cast<const T*>(run.state) + n, run.stride));
        std::int32_t crossings = 0;
        double last = -1.0;
        advance(model, state, neuron, duration, [&](double elapsed) {
            crossings = elapsed == last ? crossings + 1 : 1;
            last = elapsed;
            return crossings <= run.max_spikes_per_instant;
        });
        return model.observe(state, neuron, observable);
    }

    static void prepare(const double* shared, const double* neurons, std::size_t stride, void* hot, void* state, double* memory) {
        const Model model(shared);
        for (std::int32_t n = 0; n < static_cast<std::int32_t>(stride); ++n) {
            const Neuron neuron = neuron_at(neurons, stride, n);
            Variables<HotLane, T>::store(model.template hot<T>(neuron), static_cast<T*>(hot) + n, stride);
            Variables<Lane, T>::store(converted<Lane, T, double>(model.initial(neuron)), static_cast<T*>(state) + n, stride);
            if constexpr (remembers) {
                double values[std::size(Model::memory_names)];
                model.initial_memory(neuron, values);
                for (std::size_t k = 0; k < std::size(Model::memory_names); ++k) memory[k * stride + n] = values[k];
            }
        }
    }

    static std::int32_t first_endless(const double* neurons, std::size_t stride, std::int32_t n_neurons) {
        for (std::int32_t n = 0; n < n_neurons; ++n) {
            if (Model::endless(neuron_at(neurons, stride, n))) return n;
        }
        return -1;
    }

    static void gaps(const double* shared, const double* durations, std::int64_t n, void* out) {
        const Model model(shared);
        Gap* gaps = static_cast<Gap*>(out);
        constexpr std::int64_t block = 64;  // in two steps, because GCC does not vectorise the narrowing together with the rest
        ExactGap exact[block];
        for (std::int64_t first = 0; first < n; first += block) {
            const std::int64_t count = n - first < block ? n - first : block;
            for (std::int64_t k = 0; k < count; ++k) exact[k] = model.gap(durations[first + k]);
            for (std::int64_t k = 0; k < count; ++k) gaps[first + k] = converted<Gap, T, double>(exact[k]);
        }
    }

    static NeuronKernel table(const char* name) {
        NeuronKernel kernel{};
        kernel.abi = neuron_kernel_abi;
        kernel.model = name;
        kernel.value_bytes = sizeof(T);
        kernel.lanes = width;
        kernel.spikes = Model::spikes;
        kernel.n_shared = Model::n_shared;
        kernel.n_neuron = static_cast<std::int32_t>(std::size(Model::neuron_names));
        kernel.n_hot = n_hot;
        kernel.n_state = n_state;
        kernel.n_observables = static_cast<std::int32_t>(std::size(Model::observable_names));
        kernel.shared_names = Model::shared_names;
        kernel.neuron_names = Model::neuron_names;
        kernel.observable_names = Model::observable_names;
        if constexpr (remembers) {
            kernel.n_memory = static_cast<std::int32_t>(std::size(Model::memory_names));
            kernel.memory_names = Model::memory_names;
        }
        kernel.gap_bytes = sizeof(Gap);
        kernel.prepare = prepare;
        kernel.first_endless = first_endless;
        kernel.gaps = gaps;
        kernel.run = run;
        kernel.finish = finish;
        kernel.observe = observe;
        return kernel;
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
