// Traces of many synapses of one neuron at once.
#pragma once

#include <algorithm>
#include <cstddef>

#include <evsim/plasticity/decay.h>

namespace evsim {
inline namespace EVSIM_ISA {

/// Synapses whose traces decay side by side, in SIMD.
inline constexpr std::size_t trace_block = 128;

/// What one trace of each of several loses over the durations `since`, as a share of itself. Compiled once for all
/// rules of a unit, which would otherwise have it several times each.
template <class T>
[[gnu::noinline]] void changes_over(T* change, const double* since, std::size_t n, double rate) {
    for (std::size_t r = 0; r < n; ++r) change[r] = trace_change<T>(since[r], rate);
}

/// What the traces of up to trace_block synapses lose over the durations `since`, each as a share of itself.
template <int n, class T>
inline void block_changes(T (&change)[n + 1][trace_block], const double (&since)[trace_block], std::size_t n_rows,
                          const double* rates) {
    for (int k = 0; k < n; ++k) {
        const double rate = rates[k];
        if (rate == 0.0) {
            std::fill_n(change[k], n_rows, T(0));
        } else {
            changes_over(change[k], since, n_rows, rate);
        }
    }
}

}  // namespace EVSIM_ISA
}  // namespace evsim
