// Philox4x64-10, a counter-based generator: random words that depend on a key and a counter only, so that whoever needs
// a number draws it, in any order and on any thread (Salmon, Moraes, Dror & Shaw 2011, "Parallel random numbers: as
// easy as 1, 2, 3", SC '11).
#pragma once

#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct PhiloxConstants {
    static constexpr int rounds = 10;
    static constexpr std::uint64_t factor_0 = 0xD2E7470EE14C6C93, factor_1 = 0xCA5A826395121157;
    static constexpr std::uint64_t step_0 = 0x9E3779B97F4A7C15, step_1 = 0xBB67AE8584CAA73B;
};

__extension__ typedef unsigned __int128 WideWord;

/// In place of a counter its four random words.
EVSIM_INLINE void philox(std::uint64_t (&words)[4], std::uint64_t key_0, std::uint64_t key_1) {
    using Of = PhiloxConstants;
    for (int round = 0; round < Of::rounds; ++round) {
        const WideWord a = WideWord{Of::factor_0} * words[0], b = WideWord{Of::factor_1} * words[2];
        const std::uint64_t first = static_cast<std::uint64_t>(b >> 64) ^ words[1] ^ key_0,
                            third = static_cast<std::uint64_t>(a >> 64) ^ words[3] ^ key_1;
        words[0] = first;
        words[1] = static_cast<std::uint64_t>(b);
        words[2] = third;
        words[3] = static_cast<std::uint64_t>(a);
        key_0 += Of::step_0;
        key_1 += Of::step_1;
    }
}

typedef std::uint64_t WordVector __attribute__((vector_size(vector_bytes)));

#if defined(__AVX512DQ__)
/// Both halves of the products of words and a factor, which this instruction set has no instruction for: from products
/// of halves of them.
EVSIM_INLINE void multiply_wide(const WordVector& words, std::uint64_t factor, WordVector& high, WordVector& low) {
    const auto product = [](const WordVector& a, const WordVector& b) {
        return (WordVector)_mm512_maskz_mul_epu32(__mmask8(-1), (__m512i)a, (__m512i)b);
    };
    const WordVector all = WordVector{} + factor, of_high = WordVector{} + (factor >> 32), upper = words >> 32;
    const WordVector middle = product(upper, all) + (product(words, all) >> 32);
    const WordVector other = product(words, of_high) + (middle & 0xFFFFFFFFu);
    high = product(upper, of_high) + (middle >> 32) + (other >> 32);
    low = (WordVector)_mm512_maskz_mullo_epi64(__mmask8(-1), (__m512i)words, (__m512i)all);
}

/// The same for several vectors of counters, [vector][word], which go through the rounds side by side: each waits for
/// its products most of the time.
template <int n>
EVSIM_INLINE void philox(WordVector (&words)[n][4], std::uint64_t key_0, std::uint64_t key_1) {
    using Of = PhiloxConstants;
    for (int round = 0; round < Of::rounds; ++round) {
#pragma GCC unroll 4
        for (int k = 0; k < n; ++k) {
            WordVector high_0, low_0, high_1, low_1;
            multiply_wide(words[k][0], Of::factor_0, high_0, low_0);
            multiply_wide(words[k][2], Of::factor_1, high_1, low_1);
            words[k][0] = high_1 ^ words[k][1] ^ key_0;
            words[k][2] = high_0 ^ words[k][3] ^ key_1;
            words[k][1] = low_1;
            words[k][3] = low_0;
        }
        key_0 += Of::step_0;
        key_1 += Of::step_1;
    }
}
#endif

}  // namespace EVSIM_ISA
}  // namespace evsim
