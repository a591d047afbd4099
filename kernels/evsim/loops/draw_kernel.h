// The contract between drives and the loops that draw for them, which are compiled once per instruction set.
#pragma once

#include <cstdint>

namespace evsim {

/// Blocks of four random words, of counters (number, neuron, sample, 0).
struct DrawRun {
    std::uint64_t key_0, key_1, sample;
    const std::uint64_t *numbers, *neurons;
    std::int64_t n;
    double* out;  ///< [word][block]
};

/// The same bits with every instruction set.
struct DrawKernel {
    /// Of every word w -ln u, where u = ((w >> 11) + 1) / 2^53: exponentially distributed with the mean 1.
    void (*exponential)(const DrawRun&);
    /// Of words a and b, the first and the last two of a block: r cos t and r sin t, with r^2 / 2 exponential from a,
    /// as above, and t = 2 pi (b >> 11) / 2^53: normally distributed (Box & Muller 1958, "A note on the generation of
    /// random normal deviates", Ann. Math. Statist. 29).
    void (*normal)(const DrawRun&);
};

}  // namespace evsim
