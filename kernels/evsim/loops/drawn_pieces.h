// Arrivals of drives from where they are kept to single neurons, and among what else arrives there.
#pragma once

#include <bit>
#include <cstring>

#include <evsim/loops/draw_kernel.h>
#include <evsim/loops/neuron_kernel.h>
#include <evsim/portable.h>

namespace evsim {
inline namespace EVSIM_ISA {

struct PieceLoops {
    static constexpr int most = DrawnPiece::most, width = lanes<double>, n_vectors = most / width;

    // From anywhere. (A copy of bytes may go through the stack in halves, which a load of the whole then waits for.)
    typedef double Unaligned __attribute__((vector_size(vector_bytes), aligned(8), may_alias));

    /// As many times as a piece has.
    struct Times {
        DoubleVector parts[n_vectors];

        explicit Times(const double* from) {
            for (int k = 0; k < n_vectors; ++k) parts[k] = *reinterpret_cast<const Unaligned*>(from + k * width);
        }
        void store(double* to) const {
            for (int k = 0; k < n_vectors; ++k) *reinterpret_cast<Unaligned*>(to + k * width) = parts[k];
        }
        /// A bit for each that is earlier than `time`.
        unsigned before(double time) const {
            unsigned bits = 0;
            for (int k = 0; k < n_vectors; ++k) bits |= positive_lanes(time - parts[k]) << (k * width);
            return bits;
        }
        unsigned after(double time) const {
            unsigned bits = 0;
            for (int k = 0; k < n_vectors; ++k) bits |= positive_lanes(parts[k] - time) << (k * width);
            return bits;
        }
    };

    static void take(TakeRun& run) {
        run.n_pieces = run.n_ended = 0;
        constexpr std::int64_t ahead = 12;
        // Of many neurons few: the rows of those alone are looked at.
        std::int64_t n_due = 0;
        for (std::int64_t k = 0; k < run.n; ++k) {
            const std::int32_t own = run.chosen[k];
            run.ended[n_due] = own;
            n_due += run.next[own] <= run.bound;
        }
        for (std::int64_t k = 0; k < n_due; ++k) {
            if (k + ahead < n_due) __builtin_prefetch(run.rows + static_cast<std::size_t>(run.ended[k + ahead]) * most);
            const std::int32_t own = run.ended[k];
            const double* const row = run.rows + static_cast<std::size_t>(own) * most;
            const int begin = static_cast<int>((run.counts[own] - 1) % most),
                      end = most - std::popcount(Times(row).after(run.bound));
            Times(row + begin).store(run.times + run.n_pieces * most);
            run.pieces[run.n_pieces] = {run.weights + static_cast<std::ptrdiff_t>(own) * run.weight_step,
                                        run.times_at + run.n_pieces * most,
                                        run.first + own,
                                        end - begin,
                                        run.port,
                                        0};
            ++run.n_pieces;
            run.counts[own] += end - begin;
            run.next[own] = row[end];
            run.ended[run.n_ended] = own;
            run.n_ended += end == most;
        }
    }

    /// By the number of their arrivals, so that loops over them end where the processor expects it: a counting sort.
    static void order_by_size(const MergeRun& run) {
        std::int64_t places[most + 2] = {};
        for (std::int64_t k = 0; k < run.n; ++k) ++places[run.pieces[k].n + 1];
        for (int n = 0; n < most; ++n) places[n + 1] += places[n];
        for (std::int64_t k = 0; k < run.n; ++k) run.order[places[run.pieces[k].n]++] = static_cast<std::int32_t>(k);
    }

    template <class S>
    static void merge(const MergeRun& run) {
        constexpr std::int64_t ahead = 8;
        order_by_size(run);
        for (std::int64_t k = 0; k < run.n; ++k) {
            if (k + ahead < run.n) prefetch<S>(run, run.pieces[run.order[k + ahead]]);
            merge_one<S>(run, run.pieces[run.order[k]]);
        }
    }

    template <class S>
    EVSIM_INLINE static void prefetch(const MergeRun& run, const DrawnPiece& piece) {
        const auto* const end = static_cast<const TimedArrival<S>*>(run.arrivals) + run.next[piece.neuron];
        __builtin_prefetch(end - 1, 1);
        __builtin_prefetch(end - 5, 1);
    }

    template <class S>
    EVSIM_INLINE static void merge_one(const MergeRun& run, const DrawnPiece& piece) {
        auto* const arrivals = static_cast<TimedArrival<S>*>(run.arrivals);
        TimedArrival<S>* const begin = arrivals + run.first[piece.neuron];
        TimedArrival<S>* const end = arrivals + run.next[piece.neuron];
        run.next[piece.neuron] += piece.n;
        const double* const own = run.times + piece.times;
        const Times times(own);
        const unsigned meant = (1u << piece.n) - 1u;
        // Of each of its arrivals the place behind `end`.
        Int64Vector places[n_vectors];
        for (int k = 0; k < n_vectors; ++k) places[k] = lane_numbers<double>() + k * width;
        if (end != begin && end[-1].time > own[0]) {
            // All of them: which is the last that moves nobody can guess.
            for (TimedArrival<S>* other = end; other != begin;) {
                const double time = (--other)->time;
                other[std::popcount(times.before(time) & meant)] = *other;
                for (int k = 0; k < n_vectors; ++k) places[k] += (Int64Vector)(times.parts[k] < time);
            }
        }
        alignas(sizeof(places)) std::int64_t to[most];
        std::memcpy(to, places, sizeof(to));
        for (int k = 0; k < piece.n; ++k)
            end[to[k]] = {own[k], static_cast<S>(piece.weights[piece.stride * k]), piece.port};
    }
};

}  // namespace EVSIM_ISA
}  // namespace evsim
