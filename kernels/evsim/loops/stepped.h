// Inner loops of the step-synchronous engine: channels lie side by side in whole units of 16 bytes.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include <evsim/portable.h>

#include <evsim/loops/stepped_kernel.h>

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

/// One bit for every lane in which a >= b.
template <class V>
inline std::uint64_t reached_lanes(const V& a, const V& b) {
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<V, FloatVector>)
        return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ);
    else if constexpr (std::is_same_v<V, DoubleVector>)
        return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_GE_OQ);
#elif defined(__AVX__)
    if constexpr (std::is_same_v<V, FloatVector>)
        return static_cast<unsigned>(_mm256_movemask_ps((__m256)(a >= b)));
    else if constexpr (std::is_same_v<V, DoubleVector>)
        return static_cast<unsigned>(_mm256_movemask_pd((__m256d)(a >= b)));
#endif
#if defined(__SSE2__)
    if constexpr (std::is_same_v<V, FloatUnit>)
        return static_cast<unsigned>(_mm_movemask_ps((__m128)(a >= b)));
    else if constexpr (std::is_same_v<V, DoubleUnit>)
        return static_cast<unsigned>(_mm_movemask_pd((__m128d)(a >= b)));
#endif
    const auto mask = a >= b;
    std::uint64_t bits = 0;
    for (int k = 0; k < static_cast<int>(sizeof(V) / sizeof(a[0])); ++k) bits |= std::uint64_t{mask[k] != 0} << k;
    return bits;
}

template <class T>
struct SteppedLoops {
    static constexpr std::int32_t wide = lanes<T>, unit = 16 / static_cast<int>(sizeof(T));

    static T* neurons_of(const SteppedPlane& plane, std::int32_t pixel) {
        return static_cast<T*>(plane.membrane) + std::int64_t{pixel} * plane.channel_stride;
    }

    /// body(vector type, first channel) over all channels of a pixel, or of several side by side.
    template <class Body>
    static void over(std::int32_t n, Body&& body) {
        std::int32_t k = 0;
        for (; k + wide <= n; k += wide) body(Vector<T>{}, k);
        for (; k < n; k += unit) body(Unit<T>{}, k);
    }

    /// A pixel that receives for the first time in this step.
    static void touch(const SteppedPlane& plane, std::int32_t pixel) {
        T* const membrane = neurons_of(plane, pixel);
        const std::int32_t last = plane.last[pixel];
        plane.last[pixel] = plane.step;
        if (last < plane.epoch) {
            over(plane.channel_stride, [&](auto zero, std::int32_t c) { store(zero, membrane + c); });
            for (std::int32_t w = 0; plane.fired && w < plane.fired_words; ++w)
                plane.fired[std::int64_t{pixel} * plane.fired_words + w] = 0;
            return;
        }
        if (plane.map_zeroed) {
            for (std::int32_t c = 0; c < plane.channel_stride; ++c) {
                if (plane.map_zeroed[c] >= last) membrane[c] = 0;
            }
        }
        if (plane.multiplicative) {
            const T kept = static_cast<T>(std::pow(plane.leak, static_cast<double>(plane.step - last)));
            over(plane.channel_stride,
                 [&](auto zero, std::int32_t c) { store(load<decltype(zero)>(membrane + c) * kept, membrane + c); });
        } else if (const T lost = static_cast<T>(plane.leak * (plane.step - last - 1)); lost > 0) {
            over(plane.channel_stride, [&](auto zero, std::int32_t c) {
                store(positive_part(load<decltype(zero)>(membrane + c) - lost), membrane + c);
            });
        }
    }

    template <bool Analog>
    static void add_all(const ArrivalBatch& batch) {
        const T* const weights = static_cast<const T*>(batch.weights);
        for (std::int64_t a = 0; a < batch.n_arrivals; ++a) {
            const Arrival& arrival = batch.arrivals[a];
            const T* const from = weights + arrival.weights;
            T* const to = neurons_of(batch.plane, arrival.pixels.first);
            const T value = static_cast<T>(arrival.value);
            over(arrival.pixels.count * batch.plane.channel_stride, [&](auto zero, std::int32_t k) {
                using V = decltype(zero);
                const V weight = load<V>(from + k);
                if constexpr (Analog)
                    store(load<V>(to + k) + weight * value, to + k);
                else
                    store(load<V>(to + k) + weight, to + k);
            });
        }
    }

    /// With groups a pixel's receiving channels are few and at any place.
    static void add_groups(const ArrivalBatch& batch) {
        for (std::int64_t a = 0; a < batch.n_arrivals; ++a) {
            const Arrival& arrival = batch.arrivals[a];
            const T* from = static_cast<const T*>(batch.weights) + arrival.weights;
            T* to = neurons_of(batch.plane, arrival.pixels.first) + batch.first_channel;
            for (std::int32_t pixel = 0; pixel < arrival.pixels.count; ++pixel) {
                for (std::int32_t c = 0; c < batch.weight_stride; ++c) to[c] += from[c] * static_cast<T>(arrival.value);
                to += batch.plane.channel_stride;
                from += batch.weight_stride;
            }
        }
    }

    /// Planes are larger than the caches, and rows lie pages apart: what comes soon is asked for now.
    static constexpr std::int64_t prefetch_distance = 16;
    static void prefetch(const SteppedPlane& plane, const Pixels& pixels) {
        __builtin_prefetch(plane.last + pixels.first, 1);
        const char* const first = reinterpret_cast<const char*>(neurons_of(plane, pixels.first));
        const char* const last = reinterpret_cast<const char*>(neurons_of(plane, pixels.first + pixels.count) - 1);
        for (const char* line = first; line <= last; line += 64) __builtin_prefetch(line, 1);
    }

    static void receive(const ArrivalBatch& batch) {
        for (std::int64_t t = 0; t < batch.n_touched; ++t) {
            if (t + prefetch_distance < batch.n_touched) prefetch(batch.plane, batch.touched[t + prefetch_distance]);
            const Pixels& pixels = batch.touched[t];
            for (std::int32_t k = 0; k < pixels.count; ++k) touch(batch.plane, pixels.first + k);
        }
        if (batch.weight_stride != batch.plane.channel_stride)
            add_groups(batch);
        else if (batch.analog)
            add_all<true>(batch);
        else
            add_all<false>(batch);
    }

    /// Appends the candidates of one pixel.
    static void fire_pixel(const ThresholdBatch& batch, std::int32_t pixel, T leak, std::int64_t& found) {
        const SteppedPlane& plane = batch.plane;
        const T* const threshold = static_cast<const T*>(batch.threshold);
        T* const membrane = neurons_of(plane, pixel);
        std::uint64_t* const fired = plane.fired ? plane.fired + std::int64_t{pixel} * plane.fired_words : nullptr;
        over(plane.channel_stride, [&](auto zero, std::int32_t c) {
            const auto v = positive_part(load<decltype(zero)>(membrane + c) - leak);
            store(v, membrane + c);
            std::uint64_t reached = reached_lanes(v, load<decltype(zero)>(threshold + c));
            if (reached == 0) return;
            if (fired) reached &= ~(fired[c / 64] >> (c % 64));
            if (fired && batch.fire) fired[c / 64] |= reached << (c % 64);
            for (; reached != 0; reached &= reached - 1) {
                const std::int32_t channel = c + std::countr_zero(reached);
                batch.candidates[found++] = {pixel, channel, static_cast<double>(membrane[channel])};
                if (batch.fire) membrane[channel] = 0;
            }
        });
    }

    static std::int64_t fire(const ThresholdBatch& batch) {
        const T leak = batch.plane.multiplicative ? T(0) : static_cast<T>(batch.plane.leak);
        std::int64_t found = 0;
        for (std::int64_t k = 0; k < batch.n_stretches; ++k) {
            if (k + prefetch_distance < batch.n_stretches) prefetch(batch.plane, batch.pixels[k + prefetch_distance]);
            const Pixels& pixels = batch.pixels[k];
            for (std::int32_t n = 0; n < pixels.count; ++n) fire_pixel(batch, pixels.first + n, leak, found);
        }
        return found;
    }

    static SteppedKernel table() { return {receive, fire}; }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
