// Inner loops of the step-synchronous engine: channels lie side by side in whole units of 16 bytes.
#pragma once

#include <cmath>
#include <cstring>
#include <type_traits>

#include <evsim/portable.h>

#include "stepped_kernel.hpp"

namespace evsim {
inline namespace EVSIM_ISA {

typedef float FloatUnit __attribute__((vector_size(16)));
typedef double DoubleUnit __attribute__((vector_size(16)));
template <class T>
using Unit = std::conditional_t<sizeof(T) == sizeof(float), FloatUnit, DoubleUnit>;

template <class V, class T>
inline V load(const T* from) {
    V out;
    std::memcpy(&out, from, sizeof(V));
    return out;
}
template <class V, class T>
inline void store(const V& value, T* to) {
    std::memcpy(to, &value, sizeof(V));
}

/// Whether a >= b in any lane.
template <class V>
inline bool any_reached(const V& a, const V& b) {
    if constexpr (sizeof(V) == 16) {
        const auto mask = a >= b;
        std::uint64_t words[2];
        std::memcpy(words, &mask, sizeof words);
        return (words[0] | words[1]) != 0;
    } else {
#if defined(__AVX512F__)
        if constexpr (std::is_same_v<V, FloatVector>)
            return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ) != 0;
        else
            return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_GE_OQ) != 0;
#elif defined(__AVX__)
        const auto mask = a >= b;
        if constexpr (std::is_same_v<V, FloatVector>)
            return _mm256_movemask_ps((__m256)mask) != 0;
        else
            return _mm256_movemask_pd((__m256d)mask) != 0;
#else
        return false;  // the widest vector is a unit
#endif
    }
}

template <class T>
struct SteppedLoops {
    static constexpr std::int32_t wide = lanes<T>, unit = 16 / static_cast<int>(sizeof(T));

    template <class V, bool Analog>
    static void add_vector(T* to, const T* from, T value) {
        const V weights = load<V>(from);
        if constexpr (Analog)
            store(load<V>(to) + weights * value, to);
        else
            store(load<V>(to) + weights, to);
    }

    template <bool Analog>
    static void add_all(const ArrivalRun& run) {
        const T* const weights = static_cast<const T*>(run.weights);
        T* const current = static_cast<T*>(run.current);
        for (std::int64_t a = 0; a < run.n; ++a) {
            const Arrival& arrival = run.arrivals[a];
            const T* const from = weights + arrival.weights;
            T* const to = current + std::int64_t{arrival.pixel} * run.channel_stride;
            const T value = static_cast<T>(arrival.value);
            const std::int32_t n = arrival.count * run.channel_stride;
            std::int32_t k = 0;
            for (; k + wide <= n; k += wide) add_vector<Vector<T>, Analog>(to + k, from + k, value);
            for (; k < n; k += unit) add_vector<Unit<T>, Analog>(to + k, from + k, value);
        }
    }

    /// With groups a pixel's receiving channels are few and at any place.
    static void add_groups(const ArrivalRun& run) {
        for (std::int64_t a = 0; a < run.n; ++a) {
            const Arrival& arrival = run.arrivals[a];
            const T* from = static_cast<const T*>(run.weights) + arrival.weights;
            T* to = static_cast<T*>(run.current) + std::int64_t{arrival.pixel} * run.channel_stride + run.first_channel;
            for (std::int32_t pixel = 0; pixel < arrival.count; ++pixel) {
                for (std::int32_t c = 0; c < run.weight_stride; ++c) to[c] += from[c] * static_cast<T>(arrival.value);
                to += run.channel_stride;
                from += run.weight_stride;
            }
        }
    }

    static void add(const ArrivalRun& run) {
        if (run.weight_stride != run.channel_stride)
            add_groups(run);
        else if (run.analog)
            add_all<true>(run);
        else
            add_all<false>(run);
    }

    /// One step of the channels of V: `lost` and `kept` bring the membrane over the idle steps before.
    template <class V, bool Multiplicative>
    static bool step_vector(T* membrane, T* current, const T* threshold, T lost, T kept, T leak) {
        V v = load<V>(membrane);
        const V input = load<V>(current);
        if constexpr (Multiplicative) {
            v = positive_part<V>(v * kept * leak + input);
        } else {
            v = positive_part<V>(v - lost);
            v = positive_part<V>(v + input - leak);
        }
        store(v, membrane);
        store(V{}, current);
        return any_reached(v, load<V>(threshold));
    }

    template <bool Multiplicative>
    static std::int64_t integrate_as(const IntegrationRun& run) {
        const std::int32_t stride = run.channel_stride;
        const T leak = static_cast<T>(run.leak);
        std::int64_t found = 0;
        for (std::int32_t pixel = run.first_pixel; pixel < run.first_pixel + run.n_pixels; ++pixel) {
            const std::int64_t first = std::int64_t{pixel} * stride;
            T* const membrane = static_cast<T*>(run.membrane) + first;
            T* const current = static_cast<T*>(run.current) + first;
            T* const threshold = static_cast<T*>(run.threshold) + first;
            T lost = 0, kept = 1;
            if (run.last[pixel] < run.epoch) {
                std::memset(membrane, 0, static_cast<std::size_t>(stride) * sizeof(T));
                std::memcpy(threshold, run.initial_threshold, static_cast<std::size_t>(stride) * sizeof(T));
            } else if (const std::int64_t idle = run.step - run.last[pixel] - 1; idle > 0) {
                if constexpr (Multiplicative)
                    kept = static_cast<T>(std::pow(run.leak, static_cast<double>(idle)));
                else
                    lost = static_cast<T>(run.leak * static_cast<double>(idle));
            }
            run.last[pixel] = run.step;
            bool reached = false;
            std::int32_t c = 0;
            for (; c + wide <= stride; c += wide)
                reached |=
                    step_vector<Vector<T>, Multiplicative>(membrane + c, current + c, threshold + c, lost, kept, leak);
            for (; c < stride; c += unit)
                reached |=
                    step_vector<Unit<T>, Multiplicative>(membrane + c, current + c, threshold + c, lost, kept, leak);
            if (!reached) continue;
            for (c = 0; c < stride; ++c) {
                if (!(membrane[c] >= threshold[c])) continue;
                run.candidates[found++] = {pixel, c, static_cast<double>(membrane[c])};
                if (!run.fire) continue;
                membrane[c] = 0;
                if (run.fire_once) threshold[c] = std::numeric_limits<T>::infinity();
            }
        }
        return found;
    }

    static std::int64_t integrate(const IntegrationRun& run) {
        return run.multiplicative ? integrate_as<true>(run) : integrate_as<false>(run);
    }

    static SteppedKernel table() { return {static_cast<int>(sizeof(T)), add, integrate}; }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
