// Random numbers for drives, many blocks of words at once.
#pragma once

#include <cstring>

#include <evsim/distributions.h>
#include <evsim/loops/draw_kernel.h>
#include <evsim/loops/drawn_pieces.h>
#include <evsim/philox.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct Draws {
    static constexpr int width = lanes<double>, at_once = 32;

    /// Words of some blocks, [word][block].
    struct Words {
        alignas(64) std::uint64_t words[4][at_once] = {};
    };

    static WordVector load(const std::uint64_t* words) {
        WordVector out;
        std::memcpy(&out, words, sizeof(out));
        return out;
    }
    static void store(const DoubleVector& numbers, double* out, int n) {
        if (n >= width) {
            std::memcpy(out, &numbers, sizeof(numbers));
        } else {
            for (int lane = 0; lane < n; ++lane) out[lane] = numbers[lane];
        }
    }

    static void one_by_one(const DrawRun& run, std::int64_t first, int begin, int n, Words& all) {
        for (int k = begin; k < n; ++k) {
            std::uint64_t own[4] = {run.numbers[first + k], run.neurons[first + k], run.sample, 0};
            philox(own, run.key_0, run.key_1);
            for (int word = 0; word < 4; ++word) all.words[word][k] = own[word];
        }
    }

#if defined(__AVX512DQ__)
    /// Of whole vectors of blocks.
    template <int n_vectors>
    static void side_by_side(const DrawRun& run, std::int64_t first, int begin, Words& all) {
        WordVector own[n_vectors][4];
        for (int k = 0; k < n_vectors; ++k) {
            own[k][0] = load(run.numbers + first + begin + k * width);
            own[k][1] = load(run.neurons + first + begin + k * width);
            own[k][2] = WordVector{} + run.sample;
            own[k][3] = WordVector{};
        }
        philox(own, run.key_0, run.key_1);
        for (int k = 0; k < n_vectors; ++k)
            for (int word = 0; word < 4; ++word)
                std::memcpy(&all.words[word][begin + k * width], &own[k][word], sizeof(WordVector));
    }
    static void fill(const DrawRun& run, std::int64_t first, int n, Words& all) {
        if (n == at_once) return side_by_side<4>(run, first, 0, all);
        int begin = 0;
        for (; begin + width <= n; begin += width) side_by_side<1>(run, first, begin, all);
        one_by_one(run, first, begin, n, all);
    }
#else
    static void fill(const DrawRun& run, std::int64_t first, int n, Words& all) { one_by_one(run, first, 0, n, all); }
#endif

    /// transform(first of the blocks, how many, their words)
    template <class Transform>
    EVSIM_INLINE static void for_all(const DrawRun& run, Transform&& transform) {
        Words all;
        for (std::int64_t first = 0; first < run.n; first += at_once) {
            const int n = run.n - first < at_once ? static_cast<int>(run.n - first) : at_once;
            fill(run, first, n, all);
            transform(first, n, all);
        }
    }

    static DoubleVector exponential_of_words(const std::uint64_t* words) {
        return exponential_of(numbers_of((load(words) >> 11) + 1u));
    }

    static void exponential(const DrawRun& run) {
        for_all(run, [&](std::int64_t first, int n, const Words& all) {
            for (int word = 0; word < 4; ++word)
                for (int k = 0; k < n; k += width)
                    store(exponential_of_words(&all.words[word][k]), run.out + word * run.n + first + k, n - k);
        });
    }

    static void normal(const DrawRun& run) {
        for_all(run, [&](std::int64_t first, int n, const Words& all) {
            for (int word = 0; word < 4; word += 2) {
                for (int k = 0; k < n; k += width) {
                    const DoubleVector length = square_root(2.0 * exponential_of_words(&all.words[word][k]));
                    const SineAndCosine of = sine_and_cosine_of(numbers_of(load(&all.words[word + 1][k]) >> 11));
                    double* const out = run.out + word * run.n + first + k;
                    store(length * of.cosine, out, n - k);
                    store(length * of.sine, out + run.n, n - k);
                }
            }
        });
    }

    static DrawKernel table() {
        return {exponential, normal, PieceLoops::take, PieceLoops::merge<float>, PieceLoops::merge<double>};
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
