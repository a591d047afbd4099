// The contract between drives and the loops that draw for them, which are compiled once per instruction set.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evsim {

/// Blocks of four random words, of counters (number, neuron, sample, 0).
struct DrawRun {
    std::uint64_t key_0, key_1, sample;
    const std::uint64_t *numbers, *neurons;
    std::int64_t n;
    double* out;  ///< [word][block]
};

/// A few arrivals that were drawn for one neuron.
struct DrawnPiece {
    const double* weights;  ///< one, or with `stride` 1 one for each arrival
    std::int64_t times;     ///< place of the first of `n` that ascend; what follows up to `most` is not meant
    std::int32_t neuron, n, port, stride;
    static constexpr int most = 8;
};

/// The next arrivals of some neurons.
struct TakeRun {
    const std::int32_t* chosen;  ///< neurons, counted from `first` on
    std::int64_t n;
    std::int32_t first;
    const double* rows;    ///< [neuron][most], ascending, and `most` more
    double bound;          ///< arrivals up to it are taken; it may lie before an earlier one
    double* next;          ///< per neuron, the first that has not been taken; out: anything where the row is at its end
    std::int64_t* counts;  ///< likewise: one more than how many have been taken, of which the last are in the row
    const double* weights;
    std::int32_t weight_step, port;

    DrawnPiece* pieces;              ///< out: of neurons with arrivals; room for n, of which all may be written to
    double* times;                   ///< likewise, [piece][most]
    std::int64_t times_at;           ///< place of the first of those
    std::int32_t* ended;             ///< out: neurons whose row is at its end; it may be `chosen`
    std::int64_t n_pieces, n_ended;  ///< out
};

/// Puts pieces, each of another neuron, among what else arrives.
struct MergeRun {
    const DrawnPiece* pieces;
    std::int64_t n;
    const double* times;
    std::int32_t* order;        ///< room for n
    void* arrivals;             ///< of TimedArrival<S>
    const std::int64_t* first;  ///< per neuron: where its arrivals begin, in order of time
    std::int64_t* next;         ///< likewise: where they end; moved on
};

/// The same bits with every instruction set.
struct DrawKernel {
    /// Of every word w -ln u, where u = ((w >> 11) + 1) / 2^53: exponentially distributed with the mean 1.
    void (*exponential)(const DrawRun&);
    /// Of words a and b, the first and the last two of a block: r cos t and r sin t, with r^2 / 2 exponential from a,
    /// as above, and t = 2 pi (b >> 11) / 2^53: normally distributed (Box & Muller 1958, "A note on the generation of
    /// random normal deviates", Ann. Math. Statist. 29).
    void (*normal)(const DrawRun&);
    void (*take)(TakeRun&);
    /// For states of 4 and of 8 bytes. Behind what comes at the same time.
    void (*merge_float)(const MergeRun&);
    void (*merge_double)(const MergeRun&);
};

}  // namespace evsim
