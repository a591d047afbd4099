// Random words to numbers of a distribution, as many side by side as a SIMD vector holds. Nothing is fused: every
// instruction set gives the same bits.
#pragma once

#include <evsim/philox.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Whole numbers up to 2^53 as they are: 2^84 + the high half and 2^52 + the low one are doubles whose last bits the
/// halves are.
EVSIM_INLINE DoubleVector numbers_of(const WordVector& words) {
    const DoubleVector high = (DoubleVector)((words >> 32) | 0x4530000000000000u),
                       low = (DoubleVector)((words & 0xFFFFFFFFu) | 0x4330000000000000u);
    return (high - 19342813118337666422669312.0) + low;  // 2^84 + 2^52
}

/// -ln u to less than 1 ulp, with u = number / 2^53, for whole numbers from 1 to 2^53. With number = 2^k (1 + f) and 1
/// + f between the roots of 1/2 and of 2, s = f / (2 + f) and ln(1 + f) = f - f^2 / 2 + s (f^2 / 2 + R(s^2)), where R
/// is the polynomial of FreeBSD's msun/src/e_log.c (Sun Microsystems 1993).
EVSIM_INLINE DoubleVector exponential_of(const DoubleVector& number) {
    constexpr std::uint64_t root_of_half = 0x3FE6A09E00000000;
    const WordVector bits = (WordVector)number + (0x3FF0000000000000u - root_of_half);
    // k + 1023 in the low bits of 1.5 * 2^52.
    const DoubleVector k = (DoubleVector)((bits >> 52) | 0x4338000000000000u) - (6755399441055744.0 + 1023.0 + 53.0);
    const DoubleVector f = (DoubleVector)((bits & 0x000FFFFFFFFFFFFFu) + root_of_half) - 1.0;
    const DoubleVector half_square = 0.5 * f * f, s = f / (2.0 + f), z = s * s, w = z * z;
    const DoubleVector odd =
        w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
    const DoubleVector even =
        z * (6.666666666666735130e-01 +
             w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
    constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
    return (half_square - (s * (half_square + (odd + even)) + k * ln2_low) - f) - k * ln2_high;
}

struct SineAndCosine {
    DoubleVector sine, cosine;
};

/// Of 2 pi u, with u = number / 2^53 for whole numbers below 2^53. u = q / 4 + t with |t| <= 1/8; the polynomials are
/// those of FreeBSD's msun/src/k_sin.c and k_cos.c.
EVSIM_INLINE SineAndCosine sine_and_cosine_of(const DoubleVector& number) {
    const DoubleVector u = number * 0x1p-53, shifted = 4.0 * u + 6755399441055744.0;
    const DoubleVector x = (u - (shifted - 6755399441055744.0) * 0.25) * 6.283185307179586477;
    const WordVector quarter = (WordVector)shifted;
    const DoubleVector z = x * x, w = z * z;
    const DoubleVector sine_rest = 8.33333333332248946124e-03 +
                                   z * (-1.98412698298579493134e-04 + z * 2.75573137070700676789e-06) +
                                   z * w * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10);
    const DoubleVector sine = x + z * x * (-1.66666666666666324348e-01 + z * sine_rest);
    const DoubleVector cosine_rest =
        z * (4.16666666666666019037e-02 + z * (-1.38888888888741095749e-03 + z * 2.48015872894767294178e-05)) +
        w * w * (-2.75573143513906633035e-07 + z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11));
    const DoubleVector half = 0.5 * z, one_less = 1.0 - half;
    const DoubleVector cosine = one_less + (((1.0 - one_less) - half) + z * cosine_rest);
    const auto swapped = (quarter & 1u) != 0u;
    const WordVector of_sine = (WordVector)(swapped ? cosine : sine), of_cosine = (WordVector)(swapped ? sine : cosine);
    return {(DoubleVector)(of_sine ^ ((quarter & 2u) << 62)),
            (DoubleVector)(of_cosine ^ (((quarter + 1u) & 2u) << 62))};
}

/// The correctly rounded root, lane by lane.
EVSIM_INLINE DoubleVector square_root(const DoubleVector& v) {
#if defined(__AVX512F__)
    return (DoubleVector)_mm512_maskz_sqrt_pd(__mmask8(-1), (__m512d)v);
#elif defined(__AVX__)
    return (DoubleVector)_mm256_sqrt_pd((__m256d)v);
#elif defined(__SSE2__)
    return (DoubleVector)_mm_sqrt_pd((__m128d)v);
#else
    DoubleVector roots;
    for (int lane = 0; lane < lanes<double>; ++lane) roots[lane] = __builtin_sqrt(v[lane]);
    return roots;
#endif
}

}  // namespace EVSIM_ISA
}  // namespace evsim
