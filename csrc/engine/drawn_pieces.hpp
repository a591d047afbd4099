// Arrivals that drives have drawn for single neurons, and how they come among what else arrives.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include <evsim/loops/neuron_kernel.h>
#include "core/errors.hpp"

namespace evsim {

/// `S`: the type of states. A piece is what one neuron gets, in order of time; a pass has at most one for each neuron.
template <class S>
class DrawnPieces {
 public:
    DrawnPieces() : arrivals_(1, nothing) {}

    void clear() {
        pieces_.clear();
        passes_.clear();
        size_ = 1;
    }
    void begin_pass() { passes_.push_back(pieces_.size()); }
    /// Room for at least `n` arrivals, of which `add` takes those to be kept. Throws InvalidArgument where there are
    /// too many: at times so late that intervals are lost by rounding.
    TimedArrival<S>* room(std::int32_t neuron, std::size_t n) {
        if (size_ + n > arrivals_.size()) {
            if (size_ > most)
                throw InvalidArgument(text("the drive of neuron ", neuron, " has too high a rate for times as late"));
            arrivals_.resize(2 * (size_ + n));
        }
        return arrivals_.data() + size_;
    }
    void add(std::int32_t neuron, std::size_t n) {
        pieces_.push_back({neuron, size_, n});
        size_ += n;
    }

    /// Puts them among what else arrives, behind what comes at the same time. Of neuron n that lies in
    /// [first[n], next[n]) of `all`, with room behind it; `next` is moved on.
    void merge_into(TimedArrival<S>* all, const std::int64_t* first, std::int64_t* next) const {
        for (std::size_t pass = 0; pass < passes_.size(); ++pass) {
            const std::size_t end = pass + 1 < passes_.size() ? passes_[pass + 1] : pieces_.size();
            for (std::size_t k = passes_[pass]; k < end; k += n_lanes)
                merge(k, std::min(n_lanes, end - k), all, first, next);
        }
    }

 private:
    static constexpr std::size_t most = std::size_t{1} << 24, n_lanes = 4;
    static constexpr TimedArrival<S> nothing{-std::numeric_limits<double>::infinity(), S(0), 0};

    struct Piece {
        std::int32_t neuron;
        std::size_t first, n;  ///< among the arrivals
    };

    /// Some pieces side by side, each from behind: every step waits for the one before, but not for those of others. By
    /// selection: which of the two is later nobody can guess.
    void merge(std::size_t first_piece, std::size_t n, TimedArrival<S>* all, const std::int64_t* first,
               std::int64_t* next) const {
        TimedArrival<S> aside = nothing;
        const TimedArrival<S>*begin[n_lanes], *other[n_lanes], *from[n_lanes], *own[n_lanes];
        TimedArrival<S>* place[n_lanes];
        for (std::size_t lane = 0; lane < n_lanes; ++lane) {
            begin[lane] = other[lane] = from[lane] = own[lane] = arrivals_.data() + 1;
            place[lane] = &aside + 1;
            if (lane >= n) continue;
            const Piece& piece = pieces_[first_piece + lane];
            begin[lane] = all + first[piece.neuron];
            other[lane] = all + next[piece.neuron];
            from[lane] = arrivals_.data() + piece.first;
            own[lane] = from[lane] + piece.n;
            place[lane] = all + (next[piece.neuron] += static_cast<std::int64_t>(piece.n));
        }
        for (bool any = true; any;) {
            any = false;
            for (std::size_t lane = 0; lane < n_lanes; ++lane) {
                const bool active = own[lane] != from[lane];
                const TimedArrival<S>* const last = other[lane] != begin[lane] ? other[lane] - 1 : &nothing;
                const bool later = last->time > own[lane][-1].time;
                *(active ? place[lane] - 1 : &aside) = *(later ? last : own[lane] - 1);
                place[lane] -= active;
                other[lane] -= active & later;
                own[lane] -= active & !later;
                any |= active;
            }
        }
    }

    std::vector<Piece> pieces_;
    std::vector<std::size_t> passes_;  ///< of each the first piece
    std::vector<TimedArrival<S>> arrivals_;
    std::size_t size_ = 1;  ///< of those; the first is nobody's
};

}  // namespace evsim
