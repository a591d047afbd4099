// The widest vector of the instruction set this file is compiled for, as a value type with operators.
#pragma once

#include <type_traits>

#include <evsim/portable.h>

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

template <class T>
using Vector = std::conditional_t<sizeof(T) == sizeof(float), FloatVector, DoubleVector>;

template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

/// One bit for every lane that is > 0.
template <class V>
inline unsigned positive_lanes(const V& v) {
    constexpr bool single = std::is_same_v<V, FloatVector>;
#if defined(__AVX512F__)
    if constexpr (single) return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_GT_OQ);
    else return _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_GT_OQ);
#elif defined(__AVX__)
    if constexpr (single) return static_cast<unsigned>(_mm256_movemask_ps((__m256)(v > V{})));
    else return static_cast<unsigned>(_mm256_movemask_pd((__m256d)(v > V{})));
#elif defined(__SSE2__)
    if constexpr (single) return static_cast<unsigned>(_mm_movemask_ps((__m128)(v > V{})));
    else return static_cast<unsigned>(_mm_movemask_pd((__m128d)(v > V{})));
#else
    unsigned mask = 0;
    for (int k = 0; k < vector_bytes / static_cast<int>(single ? sizeof(float) : sizeof(double)); ++k) mask |= unsigned{v[k] > 0} << k;
    return mask;
#endif
}

}  // namespace EVSIM_ISA
}  // namespace evsim
