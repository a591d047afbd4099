// The next arrivals of a Poisson drive at some neurons, drawn for many of them at once and kept until they are due.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "drive.hpp"
#include "engine/drawn_pieces.hpp"

namespace evsim {

class PoissonRows {
 public:
    PoissonRows(const PoissonDrive& drive, std::size_t sample, std::int32_t first, std::int32_t last)
        : drive_(drive), sample_(sample), first_(first), rows_(static_cast<std::size_t>(last - first) + 1) {
        if (!drive_.steady()) return;
        for (std::int32_t neuron = first; neuron < last; ++neuron) means_.push_back(drive_.mean_interval(neuron));
    }

    /// All up to and including `bound`; `times` and `counts` of the state are those of the first neuron.
    /// expect(neuron, number of arrivals) is called where there are any.
    template <class Expect>
    void draw(double* times, std::int64_t* counts, double bound, DrawnPieces& pieces, Expect&& expect) {
        if (chosen_.empty()) resume(times, counts);
        ended_.resize(chosen_.size());
        std::size_t n = take(chosen_, times, counts, bound, pieces, expect);
        while (n > 0) {
            refill({ended_.data(), n}, times, counts);
            n = take({ended_.data(), n}, times, counts, bound, pieces, expect);
        }
    }

    static constexpr std::size_t bytes_per_neuron = 88;

 private:
    static constexpr std::int64_t length = DrawnPiece::most;
    static_assert(length == 8);  // two blocks
    static constexpr std::size_t at_once = 64, taken_at_once = 4096;
    static constexpr double infinity = std::numeric_limits<double>::infinity();

    /// Arrivals 8 k, ..., 8 k + 7 of a neuron; those that have been are at -infinity or up to the last bound.
    struct alignas(64) Row {
        double times[length];
    };

    /// What is due of the chosen neurons; those whose row is at its end are put down, and counted.
    template <class Expect>
    std::size_t take(std::span<const std::int32_t> chosen, double* times, std::int64_t* counts, double bound,
                     DrawnPieces& pieces, Expect&& expect) {
        std::size_t n_ended = 0;
        pieces.begin_pass();
        while (!chosen.empty()) {
            const auto some = chosen.first(std::min(taken_at_once, chosen.size()));
            pieces.reserve(some.size(), first_ + some.front());
            TakeRun run{};
            run.chosen = some.data();
            run.n = static_cast<std::int64_t>(some.size());
            run.first = first_;
            run.rows = rows_.front().times;
            run.bound = bound;
            run.next = times;
            run.counts = counts;
            run.weights = drive_.weights(first_);
            run.weight_step = drive_.weight_step();
            run.port = drive_.port();
            run.pieces = pieces.next();
            run.times = pieces.next_times();
            run.times_at = pieces.times_at();
            run.ended = ended_.data() + n_ended;
            drive_.kernel().take(run);
            for (std::int64_t k = 0; k < run.n_pieces; ++k) expect(run.pieces[k].neuron, run.pieces[k].n);
            pieces.add(static_cast<std::size_t>(run.n_pieces), static_cast<std::size_t>(run.n_pieces));
            n_ended += static_cast<std::size_t>(run.n_ended);
            chosen = chosen.subspan(some.size());
        }
        return n_ended;
    }

    void refill(std::span<const std::int32_t> chosen, double* times, const std::int64_t* counts) {
        for (std::size_t first = 0; first < chosen.size(); first += at_once) {
            const auto some = chosen.subspan(first, std::min(at_once, chosen.size() - first));
            const std::size_t n = some.size();
            draw_intervals(some, counts);
            for (std::size_t k = 0; k < n; ++k) {
                const std::int32_t own = some[k];
                fill(own, rows_[static_cast<std::size_t>(own)].times[length - 1], 0, k, n);
                times[own] = rows_[static_cast<std::size_t>(own)].times[0];
            }
        }
    }

    /// What follows the next arrivals of a state.
    void resume(const double* times, const std::int64_t* counts) {
        chosen_.resize(rows_.size() - 1);
        for (std::size_t k = 0; k < chosen_.size(); ++k) chosen_[k] = static_cast<std::int32_t>(k);
        for (std::size_t first = 0; first < chosen_.size(); first += at_once) {
            const std::size_t n = std::min(at_once, chosen_.size() - first);
            draw_intervals({chosen_.data() + first, n}, counts);
            for (std::size_t k = 0; k < n; ++k) {
                double* const row = rows_[first + k].times;
                const std::int64_t begin = (counts[first + k] - 1) % length;
                std::fill_n(row, begin, -infinity);
                row[begin] = times[first + k];
                fill(chosen_[first + k], row[begin], begin + 1, k, n);
            }
        }
    }

    /// Both blocks of the rows in which some neurons are.
    void draw_intervals(std::span<const std::int32_t> chosen, const std::int64_t* counts) {
        const std::size_t n = chosen.size();
        blocks_.resize(2 * n);
        neurons_.resize(2 * n);
        drawn_.resize(8 * n);
        for (std::size_t k = 0; k < n; ++k) {
            blocks_[k] = static_cast<std::uint64_t>((counts[chosen[k]] - 1) / length * 2);
            blocks_[n + k] = blocks_[k] + 1;
            neurons_[k] = neurons_[n + k] = static_cast<std::uint64_t>(drive_.first() + first_ + chosen[k]);
        }
        drive_.intervals(sample_, blocks_, neurons_, drawn_.data());
    }

    /// The row of a neuron from a slot on, whose predecessor is at `time`; k: its place among n that have been drawn.
    void fill(std::int32_t neuron, double time, std::int64_t slot, std::size_t k, std::size_t n) {
        double* const row = rows_[static_cast<std::size_t>(neuron)].times;
        const double mean = means_.empty() ? 0.0 : means_[static_cast<std::size_t>(neuron)];
        for (; slot < length; ++slot) {
            const auto word = static_cast<std::size_t>(slot);
            const double expected = drawn_[word % 4 * 2 * n + word / 4 * n + k];
            time = means_.empty() ? drive_.after(time, expected, first_ + neuron) : time + expected * mean;
            row[slot] = time;
        }
    }

    const PoissonDrive& drive_;
    std::size_t sample_;
    std::int32_t first_;
    std::vector<Row> rows_;             ///< of each neuron, and one more, which is read beyond the last
    std::vector<double> means_;         ///< of each neuron the mean interval, of a steady drive
    std::vector<std::int32_t> chosen_;  ///< all neurons, from 0 on, once rows are filled
    std::vector<std::int32_t> ended_;   ///< those of a pass that are at the end of their rows
    std::vector<std::uint64_t> blocks_, neurons_;
    std::vector<double> drawn_;
};

}  // namespace evsim
