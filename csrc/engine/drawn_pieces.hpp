// Arrivals that drives have drawn for single neurons, a few at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <evsim/loops/draw_kernel.h>
#include <evsim/loops/neuron_kernel.h>
#include "core/errors.hpp"

namespace evsim {

/// In passes: one has at most one piece for each neuron.
class DrawnPieces {
 public:
    void clear() {
        n_pieces_ = n_times_ = 0;
        passes_.clear();
    }
    void begin_pass() { passes_.push_back(n_pieces_); }

    /// Room for n pieces, each with times of its own, before some are added. Throws InvalidArgument where there are too
    /// many: at times so late that intervals are lost by rounding.
    void reserve(std::size_t n, std::int32_t neuron) {
        if (n_pieces_ > most)
            throw InvalidArgument(text("the drive of neuron ", neuron, " has too high a rate for times as late"));
        if (n_pieces_ + n > pieces_.size()) pieces_.resize(2 * n_pieces_ + n);
        if (n_times_ + n * DrawnPiece::most > times_.size()) times_.resize(2 * n_times_ + n * DrawnPiece::most);
    }
    DrawnPiece* next() { return pieces_.data() + n_pieces_; }
    double* next_times() { return times_.data() + n_times_; }
    std::int64_t times_at() const { return static_cast<std::int64_t>(n_times_); }
    /// Those written from `next` and `next_times` on.
    void add(std::size_t n_pieces, std::size_t n_of_times) {
        n_pieces_ += n_pieces;
        n_times_ += n_of_times * DrawnPiece::most;
    }

    /// visit(neuron, arrival) for all of them, in order of time for each neuron.
    template <class S, class Visit>
    void for_each(Visit&& visit) const {
        for (std::size_t p = 0; p < n_pieces_; ++p) {
            const DrawnPiece& piece = pieces_[p];
            const double* const times = times_.data() + piece.times;
            for (std::int32_t k = 0; k < piece.n; ++k)
                visit(piece.neuron,
                      TimedArrival<S>{times[k], static_cast<S>(piece.weights[k * piece.stride]), piece.port});
        }
    }

    /// Puts them among what else arrives, behind what comes at the same time. Of neuron n that lies in
    /// [first[n], next[n]) of `all`, with room behind it; `next` is moved on.
    template <class S>
    void merge_into(void (*merge)(const MergeRun&), TimedArrival<S>* all, const std::int64_t* first,
                    std::int64_t* next) {
        for (std::size_t pass = 0; pass < passes_.size(); ++pass) {
            const std::size_t end = pass + 1 < passes_.size() ? passes_[pass + 1] : n_pieces_;
            order_.resize(std::max(order_.size(), end - passes_[pass]));
            merge({pieces_.data() + passes_[pass], static_cast<std::int64_t>(end - passes_[pass]), times_.data(),
                   order_.data(), all, first, next});
        }
    }

 private:
    static constexpr std::size_t most = std::size_t{1} << 22;

    std::vector<DrawnPiece> pieces_;
    std::vector<double> times_;
    std::vector<std::int32_t> order_;
    std::size_t n_pieces_ = 0, n_times_ = 0;
    std::vector<std::size_t> passes_;  ///< of each the first piece
};

}  // namespace evsim
