// The jumps of a noise drive at some neurons.
#pragma once

#include <algorithm>
#include <vector>

#include "drive.hpp"
#include "engine/drawn_pieces.hpp"

namespace evsim {

class NoiseJumps {
 public:
    NoiseJumps(const NoiseDrive& drive, std::size_t sample, std::int32_t first, std::int32_t last)
        : drive_(drive), sample_(sample), first_(first), last_(last) {}

    /// As that of PoissonRows.
    template <class Expect>
    void draw(const double* starts, std::int64_t* counts, double bound, DrawnPieces& pieces, Expect&& expect) {
        if (first_ == last_) return;
        find_times(starts[0], counts[0], bound);
        if (times_.empty()) return;
        draw_sizes(counts[0]);
        for (std::size_t k = 0; k < times_.size(); k += DrawnPiece::most)
            add(k, std::min<std::size_t>(DrawnPiece::most, times_.size() - k), pieces, expect);
        std::fill_n(counts, last_ - first_, counts[0] + static_cast<std::int64_t>(times_.size()));
    }

 private:
    static constexpr std::int32_t group = NoiseDrive::group;
    static constexpr std::size_t at_once = 256, most = std::size_t{1} << 24;

    void find_times(double start, std::int64_t jump, double bound) {
        times_.clear();
        for (;; ++jump) {
            const double time = drive_.time(start, jump);
            if (time > bound) break;
            if (times_.size() > most)
                throw InvalidArgument(text("the steps of the noise are too short for times as late as ", bound));
            times_.push_back(time);
        }
    }

    /// [neuron][time]
    void draw_sizes(std::int64_t done) {
        sizes_.resize(static_cast<std::size_t>(last_ - first_) * times_.size());
        const auto groups_at_once = static_cast<std::int32_t>(std::max<std::size_t>(1, at_once / times_.size()));
        // By their numbers in the population.
        const std::int32_t from = (drive_.first() + first_) / group, end = (drive_.first() + last_ + group - 1) / group;
        for (std::int32_t some = from; some < end; some += groups_at_once)
            draw_groups(some, std::min(end, some + groups_at_once), done);
    }
    void draw_groups(std::int32_t from, std::int32_t to, std::int64_t done) {
        const std::size_t n_times = times_.size(), n = static_cast<std::size_t>(to - from) * n_times;
        jumps_.clear();
        groups_.clear();
        for (std::int32_t one = from; one < to; ++one) {
            for (std::size_t k = 0; k < n_times; ++k) jumps_.push_back(static_cast<std::uint64_t>(done) + k);
            groups_.insert(groups_.end(), n_times, static_cast<std::uint64_t>(one));
        }
        drawn_.resize(4 * n);
        drive_.normals(sample_, jumps_, groups_, drawn_.data());
        const std::int32_t last = std::min(last_, to * group - drive_.first());
        for (std::int32_t neuron = std::max(first_, from * group - drive_.first()); neuron < last; ++neuron) {
            const std::int32_t number = drive_.first() + neuron;
            const double* const normals = drawn_.data() + static_cast<std::size_t>(number % group) * n +
                                          static_cast<std::size_t>(number / group - from) * n_times;
            double* const out = sizes_.data() + static_cast<std::size_t>(neuron - first_) * n_times;
            for (std::size_t k = 0; k < n_times; ++k)
                out[k] = drive_.size(done + static_cast<std::int64_t>(k), neuron, normals[k]);
        }
    }

    /// Jumps k, ..., k + n - 1 of those found.
    template <class Expect>
    void add(std::size_t k, std::size_t n, DrawnPieces& pieces, Expect&& expect) {
        pieces.begin_pass();
        pieces.reserve(static_cast<std::size_t>(last_ - first_), first_);
        double* const times = pieces.next_times();
        std::copy_n(times_.data() + k, n, times);
        DrawnPiece* const out = pieces.next();
        for (std::int32_t neuron = first_; neuron < last_; ++neuron) {
            const auto own = static_cast<std::size_t>(neuron - first_);
            out[own] = {sizes_.data() + own * times_.size() + k,
                        pieces.times_at(),
                        neuron,
                        static_cast<std::int32_t>(n),
                        drive_.port(),
                        1};
            expect(neuron, static_cast<std::int32_t>(n));
        }
        pieces.add(static_cast<std::size_t>(last_ - first_), 1);
    }

    const NoiseDrive& drive_;
    std::size_t sample_;
    std::int32_t first_, last_;
    std::vector<double> times_, drawn_, sizes_;
    std::vector<std::uint64_t> jumps_, groups_;
};

}  // namespace evsim
