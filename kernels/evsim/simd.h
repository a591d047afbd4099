// Host only: the widest vector of the instruction set this file is compiled for, as a value type with operators.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace evsim {
inline namespace EVSIM_ISA {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

// Named types: GCC drops the attribute from an alias template.
typedef float FloatVector __attribute__((vector_size(vector_bytes)));
typedef double DoubleVector __attribute__((vector_size(vector_bytes)));
typedef float FloatVector16 __attribute__((vector_size(16)));
typedef float FloatVector32 __attribute__((vector_size(32)));
typedef double DoubleVector16 __attribute__((vector_size(16)));
typedef double DoubleVector32 __attribute__((vector_size(32)));

template <class T>
using Vector = std::conditional_t<sizeof(T) == sizeof(float), FloatVector, DoubleVector>;

/// A shorter vector, for few neurons: of 16 or 32 bytes, or as wide as Vector.
template <class T, int bytes>
using ShortVector = std::conditional_t<
    bytes == vector_bytes, Vector<T>,
    std::conditional_t<sizeof(T) == sizeof(float), std::conditional_t<bytes == 16, FloatVector16, FloatVector32>,
                       std::conditional_t<bytes == 16, DoubleVector16, DoubleVector32>>>;

template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

template <class V>
struct LaneTypeOf {
    using Type = std::remove_cvref_t<decltype(std::declval<V&>()[0])>;
};
template <class V>
    requires std::is_arithmetic_v<V>
struct LaneTypeOf<V> {
    using Type = V;
};
/// float or double: what a vector consists of, or a single number is.
template <class V>
using LaneOf = typename LaneTypeOf<V>::Type;

typedef std::int32_t Int32Vector __attribute__((vector_size(vector_bytes)));
typedef std::int64_t Int64Vector __attribute__((vector_size(vector_bytes)));

/// a * b + c in one rounding where the machine can. The same choice for vectors and single values: a neuron gets the
/// same bits in either.
template <class V>
inline V multiply_add(const V& a, const V& b, const V& c) {
#if defined(__FMA__)
    if constexpr (std::is_same_v<V, float>)
        return __builtin_fmaf(a, b, c);
    else if constexpr (std::is_same_v<V, double>)
        return __builtin_fma(a, b, c);
    else if constexpr (std::is_same_v<V, FloatVector16>)
        return (V)_mm_fmadd_ps((__m128)a, (__m128)b, (__m128)c);
    else if constexpr (std::is_same_v<V, DoubleVector16>)
        return (V)_mm_fmadd_pd((__m128d)a, (__m128d)b, (__m128d)c);
    else if constexpr (std::is_same_v<V, FloatVector32>)
        return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
    else if constexpr (std::is_same_v<V, DoubleVector32>)
        return (V)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#if defined(__AVX512F__)
    else if constexpr (std::is_same_v<V, FloatVector>)
        return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
    else
        return (V)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#endif
#else
    return a * b + c;
#endif
}

/// a > b ? a : b, as one instruction, which GCC does not see where b is 0. (Masked: those without a mask warn.)
template <class V>
inline V larger_lanes(const V& a, const V& b) {
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<V, FloatVector>) return (V)_mm512_maskz_max_ps(__mmask16(-1), (__m512)a, (__m512)b);
    if constexpr (std::is_same_v<V, DoubleVector>) return (V)_mm512_maskz_max_pd(__mmask8(-1), (__m512d)a, (__m512d)b);
#endif
#if defined(__AVX__)
    if constexpr (std::is_same_v<V, FloatVector32>) return (V)_mm256_max_ps((__m256)a, (__m256)b);
    if constexpr (std::is_same_v<V, DoubleVector32>) return (V)_mm256_max_pd((__m256d)a, (__m256d)b);
#endif
    return a > b ? a : b;
}

/// |a|. Without its sign bit: one instruction, where max(a, -a) takes two.
template <class V>
inline V magnitude(const V& a) {
    if constexpr (std::is_arithmetic_v<V>) {
        return std::fabs(a);
    } else {
        using Bits = decltype(a > a);
        constexpr int bits = 8 * sizeof(LaneOf<V>) - 1;
        return (V)((Bits)a & ~(Bits{} + (LaneOf<Bits>{1} << bits)));
    }
}

/// 0, 1, 2, ... in lanes as wide as those of Vector<T>.
template <class T>
inline auto lane_numbers() {
    std::conditional_t<sizeof(T) == sizeof(float), Int32Vector, Int64Vector> numbers{};
    for (int k = 0; k < lanes<T>; ++k) numbers[k] = k;
    return numbers;
}

/// One bit for every lane that is > 0.
template <class V>
inline unsigned positive_lanes(const V& v) {
#if defined(__AVX512F__)
    if constexpr (std::is_same_v<V, FloatVector>) return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_GT_OQ);
    if constexpr (std::is_same_v<V, DoubleVector>)
        return _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_GT_OQ);
#endif
#if defined(__AVX__)
    if constexpr (std::is_same_v<V, FloatVector32>) return static_cast<unsigned>(_mm256_movemask_ps((__m256)(v > V{})));
    if constexpr (std::is_same_v<V, DoubleVector32>)
        return static_cast<unsigned>(_mm256_movemask_pd((__m256d)(v > V{})));
#endif
#if defined(__SSE2__)
    if constexpr (std::is_same_v<V, FloatVector16>) return static_cast<unsigned>(_mm_movemask_ps((__m128)(v > V{})));
    if constexpr (std::is_same_v<V, DoubleVector16>) return static_cast<unsigned>(_mm_movemask_pd((__m128d)(v > V{})));
#else
    unsigned mask = 0;
    for (int k = 0; k < static_cast<int>(sizeof(V) / sizeof(v[0])); ++k) mask |= unsigned{v[k] > 0} << k;
    return mask;
#endif
}

/// A condition for every lane of a Vector<T>, for `select`.
#if defined(__AVX512F__)
template <class T>
struct LaneMask {
    std::conditional_t<sizeof(T) == sizeof(float), __mmask16, __mmask8> bits;
};
inline FloatVector select(const LaneMask<float>& mask, const FloatVector& a, const FloatVector& b) {
    return (FloatVector)_mm512_mask_blend_ps(mask.bits, (__m512)b, (__m512)a);
}
inline DoubleVector select(const LaneMask<double>& mask, const DoubleVector& a, const DoubleVector& b) {
    return (DoubleVector)_mm512_mask_blend_pd(mask.bits, (__m512d)b, (__m512d)a);
}
#else
template <class T>
using LaneMask = std::conditional_t<sizeof(T) == sizeof(float), Int32Vector, Int64Vector>;
#endif

/// Of the lowest bits, one for each lane.
template <class T>
inline LaneMask<T> lane_mask(std::uint64_t bits) {
#if defined(__AVX512F__)
    return {static_cast<decltype(LaneMask<T>::bits)>(bits)};
#else
    LaneMask<T> own{};
    for (int k = 0; k < lanes<T>; ++k) own[k] = 1 << k;
    return (own & static_cast<LaneOf<LaneMask<T>>>(bits)) != 0;
#endif
}

}  // namespace EVSIM_ISA
}  // namespace evsim
